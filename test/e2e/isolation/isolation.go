//go:build linux

// Package isolation gives tests a machine within the machine: processes, mounts,
// network, host name and IPC of their own, below cgroups of their own.
//
// # Promises
//
// Nothing on the host changes. Its files are mounted read-only in there, by the
// kernel's hand; what is written is written to memory that goes away with the mount
// namespace. The settings of the kernel that have no namespace cannot be written
// either. There remain a directory for what is built and the cgroups, both named
// after the run.
//
// Nothing survives. Killing any process of a run, at any moment, ends all of it: the
// test ends with those that it descends from, what it starts is killed with it
// (prctl(2), PR_SET_PDEATHSIG), and the first process of a process namespace takes all
// others along. A watcher, outside of it all, then removes directory and cgroups, after
// it has killed whatever is still in them. Is the watcher killed too, the next run does
// its work.
package isolation

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// prefix is what every name begins with that a run leaves in places which it
// shares with others.
const prefix = "kubelet-ecr-e2e-"

// The test binary plays all parts: which one, a variable says.
const (
	partVariable = "KUBELET_ECR_E2E_PART"
	nameVariable = "KUBELET_ECR_E2E_RUN"
	baseVariable = "KUBELET_ECR_E2E_BASE"

	watching = "watching" // waits for the end of the run, and cleans up
	joining  = "joining"  // enters the cgroups of the run, and becomes the program named by its arguments
	inside   = "inside"   // runs the tests
)

// insideBase is where the directory Base is seen from inside.
const insideBase = "/mnt/base"

// Scratch is a directory in memory, inside, for what is to outlast a node.
const Scratch = "/mnt/scratch"

// A Run is one run of the tests.
type Run struct {
	// Name is that of its directory and of its cgroups.
	Name string

	// Base is the directory that outlasts runs: what is built once is kept there.
	Base string
}

// Dir is the run's own directory, which goes away with it. It can only be written
// to outside.
func (r Run) Dir() string { return filepath.Join(r.Base, r.Name) }

// Main returns the exit code of tests, which it calls inside; before that, outside,
// it calls prepare. It belongs into TestMain, with nothing before it.
func Main(base func() (string, error), prepare func(Run) error, tests func(Run) int) int {
	// The process that a thread started is killed when the thread ends, not the
	// process (prctl(2)): this one must not.
	runtime.LockOSThread()
	r := Run{Name: os.Getenv(nameVariable), Base: os.Getenv(baseVariable)}
	switch os.Getenv(partVariable) {
	case watching:
		return r.watch()
	case joining:
		return fail(r.join(os.Args[1:]))
	case inside:
		if err := r.enter(); err != nil {
			return fail(err)
		}
		r.Base = insideBase
		return tests(r)
	}
	if os.Getenv("E2E") == "skip" {
		fmt.Println("e2e: skipped, because somebody set E2E=skip")
		return 0
	}
	if err := dieWithAncestors(); err != nil {
		return fail(err)
	}
	var err error
	if r.Base, err = base(); err != nil {
		return fail(err)
	}
	r.Name = prefix + fmt.Sprint(os.Getpid(), "-", strings.ToLower(rand.Text()[:6]))
	return r.outside(prepare)
}

// outside is the part of the process that was started by `go test`.
func (r Run) outside(prepare func(Run) error) int {
	if missing := Missing(); len(missing) > 0 {
		return fail(fmt.Errorf("this machine cannot run a node. Missing:\n  %s\nE2E=skip goes without these tests",
			strings.Join(missing, "\n  ")))
	}
	if err := os.MkdirAll(r.Base, 0o755); err != nil {
		return fail(err)
	}
	if err := Sweep(r.Base); err != nil {
		return fail(err)
	}
	w, err := r.startWatcher()
	if err != nil {
		return fail(err)
	}
	code := func() int {
		if err := prepare(r); err != nil {
			return fail(err)
		}
		return r.runInside()
	}()
	if err := w.finish(); err != nil && code == 0 {
		return fail(err)
	}
	return code
}

func (r Run) runInside() int {
	self, err := os.Executable()
	if err != nil {
		return fail(err)
	}
	cmd, err := r.Command(append([]string{self}, testFlags(os.Args[1:])...)...)
	if err != nil {
		return fail(err)
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(cmd.Env, insideVariable+"=1")
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC
	err = cmd.Run()
	if cmd.ProcessState == nil {
		return fail(fmt.Errorf("starting in namespaces: %w", err))
	}
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		return fail(fmt.Errorf("inside: %s", cmd.ProcessState))
	}
	return cmd.ProcessState.ExitCode()
}

// testFlags are the arguments for the tests inside, without the file by which `go
// test` would learn of the files that they read: it cannot be written there.
func testFlags(args []string) []string {
	var flags []string
	for _, arg := range args {
		if !strings.HasPrefix(arg, "-test.testlogfile=") {
			flags = append(flags, arg)
		}
	}
	return flags
}

// insideVariable tells the part joining that what it becomes is the part inside.
const insideVariable = "KUBELET_ECR_E2E_INSIDE"

// Command is a program of the run, with its arguments: in its cgroups, and dead as
// soon as the caller is.
func (r Run) Command(args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), partVariable+"="+joining, nameVariable+"="+r.Name, baseVariable+"="+r.Base)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd, nil
}

// join becomes a program of the run.
func (r Run) join(args []string) error {
	groups, err := groups(r.Name)
	if err != nil {
		return err
	}
	for _, g := range groups {
		if err := g.join(); err != nil {
			return err
		}
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	isInside := os.Getenv(insideVariable) != ""
	os.Unsetenv(partVariable)
	os.Unsetenv(insideVariable)
	if isInside {
		os.Setenv(partVariable, inside)
		// From here on the cgroups of the run are the roots of their hierarchies.
		if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
			return fmt.Errorf("unsharing the cgroup namespace: %w", err)
		}
	}
	return fmt.Errorf("%s: %w", path, syscall.Exec(path, args, os.Environ()))
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "e2e: "+err.Error())
	return 1
}
