//go:build linux

// Package process starts the programs of a node, keeps what they print, and ends
// them.
package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// Path is where programs are looked for. It is the whole environment of a program,
// but for what it is given: nothing of AWS, and nothing of the machine's, gets through.
const Path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// A Process is a running program.
type Process struct {
	t      testing.TB
	name   string
	cmd    *exec.Cmd
	log    string
	exited chan struct{}
}

// Start starts a program. What it prints goes to a file named after it, at whose
// end what an earlier one of the name printed stays.
func Start(t testing.TB, name string, env []string, program string, args ...string) *Process {
	t.Helper()
	p := &Process{t: t, name: name, log: filepath.Join(t.ArtifactDir(), name+".log"), exited: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	p.cmd = Command(program, args...)
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.cmd.Wait()
		close(p.exited)
	}()
	return p
}

// Command is a program with the environment of all.
func Command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Env = []string{Path, "TMPDIR=" + os.TempDir()}
	cmd.Dir = "/"
	return cmd
}

// Err is nil while the process runs, and then how it ended.
func (p *Process) Err() error {
	select {
	case <-p.exited:
		return fmt.Errorf("%s ended, %s: %s", p.name, p.cmd.ProcessState, tail(p.Log(), 5))
	default:
		return nil
	}
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Log is all that the process has printed.
func (p *Process) Log() string {
	p.t.Helper()
	log, err := os.ReadFile(p.log)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(log)
}

// Complaints are the last lines of the log that tell of something wrong.
func (p *Process) Complaints() string {
	var complaints []string
	for line := range strings.Lines(p.Log()) {
		if complaint.MatchString(line) {
			complaints = append(complaints, strings.TrimSpace(line))
		}
	}
	return p.name + ": " + tail(strings.Join(complaints, "\n"), 5)
}

// complaint is how klog and logrus begin the line of an error, and the line in which a
// kubelet quotes the plugin.
var complaint = regexp.MustCompile(`^[EF]\d{4} |level=(error|fatal)|^panic: |: error execing credential provider plugin `)

// Kill ends the process and waits for its end.
func (p *Process) Kill() {
	p.cmd.Process.Kill()
	<-p.exited
}

// KillAll ends every process of the namespace but this one, and then waits for those
// that were started here.
func KillAll(started ...*Process) error {
	// -1 is everybody whom this process may kill, except itself and the first of the
	// namespace, which it is (kill(2), pid_namespaces(7)).
	if os.Getpid() != 1 {
		return fmt.Errorf("process %d is not the first of a namespace: it would kill strangers", os.Getpid())
	}
	if err := syscall.Kill(-1, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
		return err
	}
	for _, p := range started {
		<-p.exited
	}
	for { // orphans, whose parent this process has become
		var status syscall.WaitStatus
		if _, err := syscall.Wait4(-1, &status, 0, nil); err != nil {
			return nil
		}
	}
}

// tail is the last n lines of a text.
func tail(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(len(lines)-n, 0):], "\n")
}
