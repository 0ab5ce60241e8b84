//go:build linux

package isolation_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/await"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/isolation"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/software"
)

// stories take about as long as longestLife: every kill is somewhere in them.
const (
	stories     = "^(TestStaticPod|TestTogether)$"
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
			run := exec.Command(program, "-test.run", stories)
			victim := kill(t, run, at, [...]func(int) int{self, firstInside}[round%2])
			leavesNothing(t, run.Process.Pid, program, victim)
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
	if diff := cmp.Diff(before, host(t)); diff != "" {
		t.Errorf("the host is another (-before +after)\n%s", diff)
	}
}

// killGo runs `go test` as make does, and kills a process of that. What the go command
// has built goes too.
func killGo(t *testing.T, of func(shell int) int) {
	temporary := t.TempDir()
	run := exec.Command("/bin/sh", "-c", "go test -count=1 -run '"+stories+"' .; exit 0")
	run.Env = append(os.Environ(), "TMPDIR="+temporary)
	run.Dir = ".."
	run.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a job of its own
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	var test int
	await.Nil(t, "the run has begun", func() error {
		test = childOf(childOf(run.Process.Pid))
		if program, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", test)); filepath.Base(program) != "e2e.test" {
			return errors.New("the go command has not started it")
		}
		return nil
	})
	time.Sleep(rand.N(longestLife)) // when it strikes is the point of the test
	victim := of(run.Process.Pid)
	if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	run.Wait()
	leavesNothing(t, test, temporary, fmt.Sprint("process ", victim))
	await.Nil(t, "what the go command built is gone", func() error {
		left, err := filepath.Glob(filepath.Join(temporary, "*"))
		if len(left) > 0 {
			return fmt.Errorf("there are %v", left)
		}
		return err
	})
}

// kill starts a run and kills a process of it after a while.
func kill(t *testing.T, run *exec.Cmd, at time.Duration, choose func(test int) int) (victim string) {
	t.Helper()
	run.Dir = ".."
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(at) // when it strikes is the point of the test
	pid := choose(run.Process.Pid)
	victim = "the test"
	if pid != run.Process.Pid {
		victim = "the first process inside"
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatalf("killing %d: %v", pid, err)
	}
	run.Wait()
	return victim
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
func leavesNothing(t *testing.T, pid int, program, victim string) {
	t.Helper()
	t.Logf("killed: %s", victim)
	await.Nil(t, "nothing is left of the run", func() error {
		base, err := software.Base()
		if err != nil {
			return err
		}
		left, err := isolation.Left(base, pid)
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
