//go:build linux

package node

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/process"
)

// There is no systemd on a node here. In its place the node starts what units say, and
// programs find a systemctl and a systemd-tmpfiles that ask the node.

// StartService starts what the unit says, as systemd does: a oneshot until it has ended,
// which has to be well, and the kubelet, in the place of the one that runs, until it is
// healthy.
func (n *Node) StartService(name string) {
	n.t.Helper()
	u, err := readUnit(name)
	if err != nil {
		n.t.Fatal(err)
	}
	variables, err := u.environment()
	if err != nil {
		n.t.Fatal(err)
	}
	args, err := u.command(variables)
	if err != nil {
		n.t.Fatal(err)
	}
	var env []string
	for name, value := range variables {
		env = append(env, name+"="+value)
	}
	if name == KubeletService {
		if n.kubelet != nil {
			n.kubelet.Kill()
		}
		n.kubelet = n.startWith(env, "kubelet", args[0], args[1:]...)
		n.awaitKubelet()
		return
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env, cmd.Dir = append(env, process.Path), "/" // for a unit without User=, systemd sets no HOME (systemd.exec(5))
	if out, err := cmd.CombinedOutput(); err != nil {
		n.t.Fatalf("%s: %v: %s", name, err, out)
	}
}

// Where programs find what stands for systemd's, and the pipes by which it asks the node.
const (
	standIns   = "/run/stand-ins"
	askPipe    = standIns + "/ask"
	answerPipe = standIns + "/answer"
)

// standIn waits until the node has done what it is asked for.
const standIn = `#!/bin/sh
echo "${0##*/} $*" >` + askPipe + `
read -r status <` + answerPipe + `
exit "$status"
`

// A systemd is what the node is asked by.
type systemd struct {
	asked  chan string
	answer *os.File
}

// StartSystemd has the node do from now on what programs that Bootstrap starts ask of
// systemd.
func (n *Node) StartSystemd() {
	n.t.Helper()
	if err := os.MkdirAll("/run/systemd/system", 0o755); err != nil { // by which all know it (sd_booted(3))
		n.t.Fatal(err)
	}
	for _, name := range [...]string{"systemctl", "systemd-tmpfiles"} {
		n.write(filepath.Join(standIns, name), []byte(standIn))
		if err := os.Chmod(filepath.Join(standIns, name), 0o755); err != nil {
			n.t.Fatal(err)
		}
	}
	n.systemd = &systemd{asked: make(chan string), answer: n.pipe(answerPipe)}
	ask := n.pipe(askPipe)
	go func() {
		defer close(n.systemd.asked)
		for lines := bufio.NewScanner(ask); lines.Scan(); {
			n.systemd.asked <- lines.Text()
		}
	}()
}

// pipe makes a pipe and opens it for both sides, for which nobody has to be waited
// (fifo(7)).
func (n *Node) pipe(name string) *os.File {
	n.t.Helper()
	if err := unix.Mkfifo(name, 0o600); err != nil {
		n.t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { f.Close() })
	return f
}

// A Ran is how a program ended, and what it asked of systemd.
type Ran struct {
	Status         int
	Stdout, Stderr string
	Asked          []string
}

// Bootstrap runs ecr-node-bootstrap to its end.
func (n *Node) Bootstrap(args ...string) Ran {
	n.t.Helper()
	cmd := process.Command(n.set.Bootstrap, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var asked chan string // nil, and silent, without a systemd
	if n.systemd != nil {
		asked = n.systemd.asked
		cmd.Env = append(cmd.Env, strings.Replace(process.Path, "=", "="+standIns+":", 1))
	}
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	var ran Ran
	for {
		select {
		case what := <-asked:
			ran.Asked = append(ran.Asked, what)
			n.obey(strings.Fields(what))
			if _, err := n.systemd.answer.WriteString("0\n"); err != nil {
				n.t.Fatal(err)
			}
		case <-ended:
			ran.Status, ran.Stdout, ran.Stderr = cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
			return ran
		}
	}
}

// obey does what systemd would. Timers do not run here, and units are read when they
// are started.
func (n *Node) obey(command []string) {
	n.t.Helper()
	command = slices.DeleteFunc(command, func(arg string) bool { return arg == "--no-block" })
	switch line := strings.Join(command, " "); {
	case line == "systemctl daemon-reload", strings.HasPrefix(line, "systemctl stop "):
	case strings.HasPrefix(line, "systemctl start "), strings.HasPrefix(line, "systemctl restart "):
		for _, name := range command[2:] {
			if filepath.Ext(name) == ".service" {
				n.StartService(name)
			}
		}
	case strings.HasPrefix(line, "systemd-tmpfiles --create "):
		n.createTemporary(command[2])
	default:
		n.t.Fatalf("nobody here knows what to do for %q", line)
	}
}

// createTemporary makes the directories that a file of tmpfiles.d(5) names, root's.
func (n *Node) createTemporary(file string) {
	n.t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		n.t.Fatal(err)
	}
	for line := range lines(string(text)) {
		var kind, dir, mode, user, group, age string
		if _, err := fmt.Sscan(line, &kind, &dir, &mode, &user, &group, &age); err != nil || kind != "d" || user != "root" || group != "root" {
			n.t.Fatalf("%s has a line that is not understood here: %s", file, line)
		}
		bits, err := strconv.ParseUint(mode, 8, 32)
		if err != nil {
			n.t.Fatal(err)
		}
		if err := os.Mkdir(dir, fs.FileMode(bits)); err != nil {
			n.t.Fatal(err)
		}
	}
}
