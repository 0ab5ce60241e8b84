package kubelet

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Process is a kubelet that runs.
type Process struct {
	PID int
	// Args are its name and its arguments. K3s overwrites its own, so that nobody reads
	// a password in them: Args are then /usr/local/bin/k3s and server or agent alone
	// (k3s-io/k3s, pkg/cli/server/server.go, SetProcTitle), and Flags finds nothing.
	// They are not for errors and logs: where K3s did not come to that, they hold one.
	Args []string
	// Exe is the file that it runs, with " (deleted)" behind it if another one has
	// taken its place (proc(5)), and "" for a user who may not know it.
	Exe string
	// Started is when, to some hundredths of a second, by the clock as it is set now.
	Started time.Time
}

// A Proc is where processes are seen. The zero value is this machine's.
type Proc struct {
	// Path of the folder; /proc if empty.
	Path string
	// Now is the clock; time.Now if nil.
	Now func() time.Time
	// SinceBoot is the time since the machine booted, with what it slept; the kernel's
	// if nil. /proc/uptime would not do: in a container of LXC it is the container's,
	// and the kernel tells when a process started by the machine's.
	SinceBoot func() (time.Duration, error)
}

// Running returns the kubelets that run, by PID: the kubelet of Kubernetes, which RKE2
// starts as well, and the processes that have one inside, kubelite of MicroK8s and server
// and agent of K3s (a server with --disable-agent cannot be told from others). What runs
// in a PID namespace of its own is another node's, as that of kind, or no node, as K3s in
// a pod. Nothing that its user may not see is there.
func (p Proc) Running() ([]Process, error) {
	dir := cmp.Or(p.Path, "/proc")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("looking for running kubelets: %w", err)
	}
	booted, err := p.booted()
	if err != nil {
		return nil, fmt.Errorf("looking for running kubelets: %w", err)
	}
	var all []Process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		process, ok, err := read(filepath.Join(dir, e.Name()), booted)
		if err != nil {
			return nil, fmt.Errorf("looking at process %d, which is a kubelet: %w", pid, err)
		}
		if ok {
			process.PID = pid
			all = append(all, process)
		}
	}
	slices.SortFunc(all, func(a, b Process) int { return cmp.Compare(a.PID, b.PID) })
	return all, nil
}

// booted is when the machine booted, by the clock as it is set now.
func (p Proc) booted() (time.Time, error) {
	now, since := p.Now, p.SinceBoot
	if now == nil {
		now = time.Now
	}
	if since == nil {
		since = sinceBoot
	}
	d, err := since()
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the time since boot: %w", err)
	}
	return now().Add(-d), nil
}

// read reads a process, if it is a kubelet. One that goes away meanwhile is none.
func read(dir string, booted time.Time) (Process, bool, error) {
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return Process{}, false, nil
	}
	line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil {
		return Process{}, false, nil
	}
	args := argsOf(string(line))
	if !isKubelet(string(status), args) {
		return Process{}, false, nil
	}
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return Process{}, false, nil
	}
	ticks, err := startTicks(string(stat))
	if err != nil {
		return Process{}, false, err
	}
	exe, _ := os.Readlink(filepath.Join(dir, "exe"))
	return Process{Args: args, Exe: exe, Started: booted.Add(ticks)}, true, nil
}

// argsOf takes a command line apart. A title that was written over it is one text, with
// spaces in it, and with zeros or spaces to the end of what was there before
// (erikdubbelboer/gspt, setproctitle.h).
func argsOf(line string) []string {
	args := strings.Split(strings.TrimRight(line, "\x00"), "\x00")
	if len(args) == 1 {
		return strings.Fields(args[0])
	}
	return args
}

// isKubelet judges a process by its status and its arguments.
func isKubelet(status string, args []string) bool {
	if len(args) == 0 { // of the kernel, or a zombie
		return false
	}
	var name, state, pids string
	for line := range strings.Lines(status) {
		switch key, value, _ := strings.Cut(line, ":"); key {
		case "Name":
			name = strings.TrimSpace(value)
		case "State":
			state = strings.TrimSpace(value)
		case "NSpid": // its PID here and in each namespace within
			pids = value
		}
	}
	if len(strings.Fields(pids)) > 1 || strings.HasPrefix(state, "Z") || strings.HasPrefix(state, "X") {
		return false
	}
	// k3s unpacks itself, and then executes a link of this name to what it has unpacked
	// (k3s-io/k3s, cmd/k3s/main.go, stageAndRun); its containerd is such a link too.
	if name == "k3s-server" || name == "k3s-agent" {
		return true
	}
	switch path.Base(args[0]) {
	case "kubelet", "kubelite", "k3s-server", "k3s-agent":
		return true
	case "k3s": // as distributions build it, with nothing to unpack
		i := slices.IndexFunc(args[1:], func(arg string) bool { return !strings.HasPrefix(arg, "-") })
		return i >= 0 && (args[1+i] == "server" || args[1+i] == "agent")
	}
	return false
}

// startTicks is the time from boot to a process's start: field 22 of stat, in hundredths
// of a second (proc(5); USER_HZ is 100 wherever Kubernetes runs). The name in field 2 may
// have anything in it, parentheses too.
func startTicks(stat string) (time.Duration, error) {
	const field, hz = 22, 100
	rest := stat[strings.LastIndex(stat, ")")+1:]
	fields := strings.Fields(rest)
	if len(fields) <= field-3 {
		return 0, errors.New("stat has no time of its start")
	}
	n, err := strconv.ParseInt(fields[field-3], 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("stat has %q as the time of its start", fields[field-3])
	}
	return time.Duration(n) * (time.Second / hz), nil
}
