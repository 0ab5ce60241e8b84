//go:build linux

package isolation

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A watcher is the process that cleans up after the run when its own end of the
// pipe closes, which the kernel does for whoever is killed.
type watcher struct {
	end  io.WriteCloser
	says *bufio.Reader
}

// ready and done are what the watcher and the run say to each other: a run that ends
// without a word was killed.
const (
	ready = "ready"
	done  = "done"
)

func (r Run) startWatcher() (*watcher, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	// A session of its own: what is typed at the terminal is not for it.
	cmd := exec.Command(self)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Env = append(os.Environ(), partVariable+"="+watching, nameVariable+"="+r.Name, baseVariable+"="+r.Base,
		goVariable+"="+strconv.Itoa(os.Getppid()))
	end, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	w := &watcher{end, bufio.NewReader(out)}
	if line, _ := w.says.ReadString('\n'); line != ready+"\n" {
		return nil, errors.Join(fmt.Errorf("the watcher: %s", line), cmd.Wait())
	}
	return w, nil
}

// finish ends the run in good order.
func (w *watcher) finish() error {
	io.WriteString(w.end, done)
	w.end.Close()
	said, err := io.ReadAll(w.says)
	if len(said) > 0 {
		err = errors.New(strings.TrimSpace(string(said)))
	}
	return err
}

// goVariable names the process of `go test`.
const goVariable = "KUBELET_ECR_E2E_GO"

// watch is the part of the watcher. It makes what it will remove, so that there is
// no moment at which nobody would.
func (r Run) watch() int {
	held, err := r.create()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer held.Close()
	removeGoBuild := afterGo()
	fmt.Println(ready)
	said, _ := io.ReadAll(os.Stdin)
	if err := r.remove(); err != nil && string(said) == done { // else nobody listens
		fmt.Println(err)
	}
	os.Stdout.Close()
	removeGoBuild()
	return 0
}

// create makes directory and cgroups of the run, and returns the lock on it, held
// until it is closed.
func (r Run) create() (held *os.File, err error) {
	base, err := lock(r.Base)
	if err != nil {
		return nil, err
	}
	defer base.Close()
	if err := os.Mkdir(r.Dir(), 0o755); err != nil {
		return nil, err
	}
	groups, err := groups(r.Name)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		if err := g.create(); err != nil {
			return nil, err
		}
	}
	return lock(r.Dir())
}

// remove ends what is left of the run.
func (r Run) remove() error {
	if err := removeGroups(r.Name); err != nil {
		return err // with the directory, by which the next run finds them
	}
	return os.RemoveAll(r.Dir())
}

// lock locks a directory until the file is closed or the process ends. It waits for
// who holds it.
func lock(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return nil, err
	}
	return f, nil
}

// Sweep removes what runs left whose watcher was killed too.
func Sweep(base string) error {
	held, err := lock(base)
	if err != nil {
		return err
	}
	defer held.Close()
	dirs, err := filepath.Glob(filepath.Join(base, prefix+"*"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		f, err := os.Open(dir)
		if err != nil {
			continue // its watcher was faster
		}
		defer f.Close()
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
			continue // it lives
		}
		if err := (Run{Name: filepath.Base(dir), Base: base}).remove(); err != nil {
			return fmt.Errorf("cleaning up after an earlier run: %w", err)
		}
	}
	return nil
}

// Left lists the directory and the cgroups that there are of runs of the process.
func Left(base string, pid int) ([]string, error) {
	all, err := hierarchies()
	if err != nil {
		return nil, err
	}
	var left []string
	for _, h := range append(all, hierarchy{below: base}) {
		found, err := filepath.Glob(filepath.Join(h.below, fmt.Sprint(prefix, pid, "-*")))
		if err != nil {
			return nil, err
		}
		left = append(left, found...)
	}
	return left, nil
}

// afterGo waits for the end of the go command, and removes the directory that it built
// this binary in, should it not have done so itself: then it was killed.
func afterGo() (removeGoBuild func()) {
	nothing := func() {}
	self, err := os.Executable()
	if err != nil {
		return nothing
	}
	dir := filepath.Dir(filepath.Dir(self))
	pid, _ := strconv.Atoi(os.Getenv(goVariable))
	if !strings.HasPrefix(filepath.Base(dir), "go-build") {
		return nothing // not started by a go command
	}
	fd, err := unix.PidfdOpen(pid, 0)
	return func() {
		for err == nil { // else it is gone already
			if _, failed := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1); failed != unix.EINTR {
				break
			}
		}
		os.RemoveAll(dir)
	}
}
