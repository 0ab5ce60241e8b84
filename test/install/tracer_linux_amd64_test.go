package install

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// change is a system call that changes a file or a directory below a root.
type change struct {
	call string
	path string // what it changes, by its last name; for a rename the new one
	from string // of a rename, link or symbolic link

	refused bool // by the system: it changed nothing
}

func (c change) String() string {
	if c.from != "" {
		return fmt.Sprintf("%s %s -> %s", c.call, c.from, c.path)
	}
	return c.call + " " + c.path
}

// tracer runs a program and sees each change before and after it is made.
type tracer struct {
	root string
	// before is asked at each change, with its number from 0: to let it be made, to
	// end the program in front of it, behind it, or behind half of it, or to have it
	// fail. nil lets all be made.
	before func(number int, c change) verdict
	made   func(c change)    // told of each that was made
	synced func(path string) // told of each file and directory that is synced

	changes []change
	outside []change      // those elsewhere, which are not offered
	inside  map[int]*call // threads within a call
}

// verdict is what becomes of a change.
type verdict struct {
	kill moment
	err  unix.Errno // what the call fails with, unless it is 0
}

// moment is where a program is killed.
type moment int

const (
	never moment = iota
	before
	half // of what a write writes
	after
)

func (m moment) String() string { return [...]string{"never", "before", "half of", "after"}[m] }

// call is what a thread is in.
type call struct {
	verdict
	change int    // its number, -1 if it is none
	path   string // that is synced
}

// run runs cmd to its end, or to where it is killed, and says which.
func (tr *tracer) run(t *testing.T, cmd *exec.Cmd) (r ran, killed bool) {
	t.Helper()
	runtime.LockOSThread() // who traces is a thread
	defer runtime.UnlockOSThread()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Setpgid: true}
	must(t, cmd.Start())
	pid := cmd.Process.Pid
	var status unix.WaitStatus
	_, err := unix.Wait4(pid, &status, 0, nil) // at its first instruction
	must(t, err)
	must(t, unix.PtraceSetOptions(pid, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_EXITKILL))
	must(t, unix.PtraceSyscall(pid, 0))
	tr.inside = map[int]*call{}
	for {
		tid, err := unix.Wait4(-pid, &status, unix.WALL|unix.WNOTHREAD, nil) // no child of another test
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if errors.Is(err, unix.ECHILD) {
			break
		}
		must(t, err)
		if status.Exited() || status.Signaled() {
			if tid == pid {
				r.status, killed = status.ExitStatus(), status.Signaled()
				break
			}
			continue
		}
		signal := status.StopSignal()
		switch signal {
		case unix.SIGTRAP | 0x80:
			tr.stop(t, pid, tid)
			signal = 0
		case unix.SIGTRAP, unix.SIGSTOP: // a thread begins
			signal = 0
		}
		if err := unix.PtraceSyscall(tid, int(signal)); err != nil && !errors.Is(err, unix.ESRCH) {
			t.Fatal(err)
		}
	}
	cmd.Wait() // an error, because its end was seen here; what it wrote is there now
	r.stdout, r.stderr = out.String(), errs.String()
	return r, killed
}

// stop is a thread at the beginning or the end of a call.
func (tr *tracer) stop(t *testing.T, pid, tid int) {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &regs); err != nil {
		return // it was killed with the others
	}
	if c, leaves := tr.inside[tid]; leaves {
		delete(tr.inside, tid)
		tr.leave(t, pid, tid, c, regs)
		return
	}
	c := &call{change: -1}
	tr.inside[tid] = c
	if regs.Orig_rax == unix.SYS_FSYNC || regs.Orig_rax == unix.SYS_FDATASYNC {
		c.path = descriptor(tid, regs.Rdi)
		return
	}
	made, ok := tr.read(tid, regs)
	if !ok {
		return
	}
	if tr.before != nil {
		c.verdict = tr.before(len(tr.changes), made)
	}
	c.change, tr.changes = len(tr.changes), append(tr.changes, made)
	switch {
	case c.kill == before:
		must(t, unix.Kill(pid, unix.SIGKILL))
	case c.kill == half:
		regs.Rdx /= 2
		must(t, unix.PtraceSetRegs(tid, &regs))
	case c.err != 0:
		regs.Orig_rax = ^uint64(0) // no call at all
		must(t, unix.PtraceSetRegs(tid, &regs))
	}
}

// leave is the end of a call.
func (tr *tracer) leave(t *testing.T, pid, tid int, c *call, regs unix.PtraceRegs) {
	switch {
	case c.kill == half || c.kill == after:
		must(t, unix.Kill(pid, unix.SIGKILL))
	case c.err != 0:
		regs.Rax = uint64(-int64(c.err))
		must(t, unix.PtraceSetRegs(tid, &regs))
	case c.change >= 0 && int64(regs.Rax) < 0:
		tr.changes[c.change].refused = true
	case c.change >= 0 && tr.made != nil:
		tr.made(tr.changes[c.change])
	case c.path != "" && regs.Rax == 0 && tr.synced != nil:
		if path, err := filepath.Rel(tr.root, c.path); err == nil {
			tr.synced(path)
		}
	}
}

// read makes a change of a call that begins, unless it changes nothing below the root.
func (tr *tracer) read(tid int, regs unix.PtraceRegs) (change, bool) {
	c, path, from := change{}, "", ""
	form, ok := forms[regs.Orig_rax]
	if !ok {
		return change{}, false
	}
	args := [...]uint64{regs.Rdi, regs.Rsi, regs.Rdx, regs.R10, regs.R8, regs.R9}
	if form.flags > 0 {
		flags := args[form.flags]
		if form.flagsAt {
			var how [8]byte
			unix.PtracePeekData(tid, uintptr(flags), how[:])
			flags = binary.NativeEndian.Uint64(how[:])
		}
		if flags&(unix.O_CREAT|unix.O_TRUNC) == 0 {
			return change{}, false
		}
	}
	at := func(dir, name int) string {
		text := memory(tid, uintptr(args[name]))
		switch {
		case filepath.IsAbs(text):
			return filepath.Clean(text)
		case dir < 0 || int32(args[dir]) == unix.AT_FDCWD:
			return filepath.Join(link(fmt.Sprintf("/proc/%d/cwd", tid)), text)
		}
		return filepath.Join(descriptor(tid, args[dir]), text)
	}
	switch form.kind {
	case byDescriptor:
		path = descriptor(tid, args[form.name])
	case byName:
		path = at(form.dir, form.name)
	case twoNames:
		from, path = at(form.fromDir, form.from), at(form.dir, form.name)
	case linkTo:
		from, path = memory(tid, uintptr(args[form.from])), at(form.dir, form.name)
	}
	c.call = form.call
	if c.path, ok = strings.CutPrefix(path, tr.root+"/"); !ok {
		if c.path, c.from = path, from; filepath.IsAbs(path) && !strings.HasPrefix(path, "/dev/") && !strings.HasPrefix(path, "/proc/") {
			tr.outside = append(tr.outside, c)
		}
		return change{}, false
	}
	c.from = strings.TrimPrefix(from, tr.root+"/")
	return c, true
}

// descriptor is the path of an open file.
func descriptor(tid int, fd uint64) string {
	return link(fmt.Sprintf("/proc/%d/fd/%d", tid, int32(fd)))
}

func link(path string) string {
	to, _ := os.Readlink(path) // "" is below no root
	return to
}

// memory reads a string of the thread's.
func memory(tid int, at uintptr) string {
	var s []byte
	for b := make([]byte, 256); len(s) < unix.PathMax; at += uintptr(len(b)) {
		n, err := unix.PtracePeekData(tid, at, b)
		text, _, ended := bytes.Cut(b[:n], []byte{0})
		s = append(s, text...)
		if ended || err != nil || n == 0 {
			break
		}
	}
	return string(s)
}
