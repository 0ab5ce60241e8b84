//go:build linux

package isolation_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/await"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/isolation"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/software"
)

// TestMain has the tests end with those that they descend from, and puts their files
// where those of the go command go away.
func TestMain(m *testing.M) {
	self, err := os.Executable()
	if err == nil {
		err = os.Setenv("TMPDIR", filepath.Dir(self))
	}
	if err := errors.Join(err, isolation.DieWithAncestors()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// stories take about as long as longestLife: every kill is somewhere in them.
const (
	stories     = "^(TestServiceAccounts|TestStaticPod|TestTogether)$"
	longestLife = 15 * time.Second
)

// TestKilled kills runs at random moments, from the first to the last: nothing of them
// is left.
func TestKilled(t *testing.T) {
	if os.Getenv("E2E") == "skip" {
		t.Skip("somebody set E2E=skip")
	}
	if missing := isolation.Missing(); len(missing) > 0 {
		t.Fatalf("this machine cannot run a node. Missing:\n%s", strings.Join(missing, "\n"))
	}
	program := filepath.Join(t.TempDir(), "e2e.test")
	build := exec.Command("go", "test", "-c", "-o", program, "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	before := host(t)

	const rounds = 7
	for round := range rounds {
		at := longestLife*time.Duration(round)/rounds + rand.N(longestLife/rounds)
		t.Run(fmt.Sprintf("after %s", at.Round(time.Millisecond)), func(t *testing.T) {
			run := begin(t, exec.Command(program, "-test.run", stories))
			time.Sleep(at) // when it strikes is the point of the test
			run.kill(t, [...]func(int) int{self, firstInside}[round%2](run.Process.Pid))
			run.leavesNothing(t, run.Process.Pid, program)
			run.wasKilled(t)
		})
	}
	for _, victim := range [...]struct {
		name string
		of   func(shell int) int
	}{
		{"the go command", func(shell int) int { return childOf(shell) }},
		{"who started it", func(shell int) int { return shell }},
	} {
		t.Run(victim.name, func(t *testing.T) { killGo(t, victim.of) })
	}
	await.Nil(t, "the host is as it was", func() error { // others may mount something for a while
		if diff := cmp.Diff(before, host(t)); diff != "" {
			return fmt.Errorf("it is another (-before +after)\n%s", diff)
		}
		return nil
	})
}

// killGo runs `go test` as make does, and kills a process of that. What the go command
// has built goes too.
func killGo(t *testing.T, of func(shell int) int) {
	temporary := t.TempDir()
	cmd := exec.Command("/bin/sh", "-c", "go test -count=1 -run '"+stories+"' .; exit 0")
	cmd.Env = append(os.Environ(), "TMPDIR="+temporary)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a job of its own
	run := begin(t, cmd)
	var test int
	await.Nil(t, "the run has begun", func() error {
		test = childOf(childOf(run.Process.Pid))
		if program, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", test)); filepath.Base(program) != "e2e.test" {
			return errors.New("the go command has not started it")
		}
		return nil
	})
	pid := of(run.Process.Pid)
	time.Sleep(rand.N(longestLife / 2)) // when it strikes is the point of the test
	run.kill(t, pid)
	run.leavesNothing(t, test, temporary)
	await.Nil(t, "what the go command built is gone", func() error {
		left, err := filepath.Glob(filepath.Join(temporary, "*"))
		if len(left) > 0 {
			return fmt.Errorf("there are %v", left)
		}
		return err
	})
	run.wasKilled(t)
}

// A victim is a run that is going to be killed.
type victim struct {
	*exec.Cmd
	out      string // the file with what it prints
	finished bool   // before it was killed
}

func begin(t *testing.T, cmd *exec.Cmd) *victim {
	t.Helper()
	v := &victim{Cmd: cmd, out: filepath.Join(t.TempDir(), "out")}
	out, err := os.Create(v.out) // a file: who survives can go on printing
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	v.Dir, v.Stdout, v.Stderr = "..", out, out
	if err := v.Start(); err != nil {
		t.Fatal(err)
	}
	return v
}

// ending is the line with which a run, or the go command, says that all is well.
var ending = regexp.MustCompile(`(?m)^(PASS$|ok )`)

func (v *victim) ended(t *testing.T) bool {
	t.Helper()
	out, err := os.ReadFile(v.out)
	if err != nil {
		t.Fatal(err)
	}
	return ending.Match(out)
}

func (v *victim) kill(t *testing.T, pid int) {
	t.Helper()
	v.finished = v.ended(t)
	program, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	space, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
	t.Logf("killing process %d, %s in %s", pid, filepath.Base(program), space)
	if pid <= 0 { // which would be a group, or everybody
		t.Fatalf("there is no process to kill: %d", pid)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !(err == syscall.ESRCH && v.finished) {
		t.Fatal(err)
	}
	v.Wait()
}

func self(test int) int { return test }

// firstInside is the first process of the namespaces; the test itself while there is
// none.
func firstInside(test int) int {
	own, _ := os.Readlink("/proc/self/ns/pid")
	children, _ := filepath.Glob("/proc/[0-9]*/ns/pid")
	for _, link := range children {
		var pid int
		fmt.Sscanf(link, "/proc/%d/", &pid)
		if space, err := os.Readlink(link); err == nil && space != own && isolation.ParentOf(pid) == test {
			return pid
		}
	}
	return test
}

func childOf(parent int) int {
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range all {
		var pid int
		fmt.Sscanf(file, "/proc/%d/", &pid)
		if isolation.ParentOf(pid) == parent {
			return pid
		}
	}
	return 0
}

// leavesNothing waits until there is neither a directory nor a cgroup of the run, and so
// no process in one, nor a process, be it the watcher, of a program below the path.
func (v *victim) leavesNothing(t *testing.T, test int, program string) {
	t.Helper()
	await.Nil(t, "nothing is left of the run", func() error {
		base, err := software.Base()
		if err != nil {
			return err
		}
		left, err := isolation.Left(base, test)
		if len(left) > 0 {
			return fmt.Errorf("there is %s", left)
		}
		if err != nil {
			return err
		}
		links, err := filepath.Glob("/proc/[0-9]*/exe")
		for _, link := range links {
			if runs, _ := os.Readlink(link); strings.HasPrefix(runs, program) {
				return fmt.Errorf("%s runs %s", link, runs)
			}
		}
		return err
	})
}

// wasKilled fails the test if the run went on to its end, in spite of all.
func (v *victim) wasKilled(t *testing.T) {
	t.Helper()
	if !v.finished && v.ended(t) {
		t.Error("the run went on to its end")
	}
}

// host is what a run could change of the machine: its mounts, the settings that a
// kubelet makes, the files by which names are looked up and trusted.
func host(t *testing.T) map[string]string {
	t.Helper()
	files := []string{"/proc/self/mountinfo", "/etc/hosts", "/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt", "/proc/sys/kernel/hostname"}
	for name := range isolation.Settings {
		files = append(files, filepath.Join("/proc/sys", name))
	}
	contents := map[string]string{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		contents[file] = string(content)
	}
	return contents
}
