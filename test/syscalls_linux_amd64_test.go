package test

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// TestHitSystemCalls follows a hit from its start to its end: it never turns to the
// network, and besides what every Go program reads it reads its entry, and one file
// more where it must: the boot's id, if the cache could outlive it, or the users', in
// whom the SDK looks for a home that the environment does not name.
func TestHitSystemCalls(t *testing.T) {
	floor := filepath.Join(t.TempDir(), "floor")
	must(t, build(floor, "./test/bench/floor"))
	cmd := exec.Command(floor)
	cmd.Stdin = strings.NewReader(request(image))
	always, _ := follow(t, cmd)

	inMemory, err := os.MkdirTemp("/dev/shm", "hit")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(inMemory) })
	for name, c := range map[string]struct {
		parent string // of the cache
		env    []string
		reads  []string // besides the entry
	}{
		"on tmpfs, as by default":         {inMemory, []string{"HOME=/root"}, nil},
		"on tmpfs, without a home":        {inMemory, nil, []string{"/etc/passwd"}},
		"in a directory that may outlive": {t.TempDir(), []string{"HOME=/root"}, []string{"/proc/sys/kernel/random/boot_id"}},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			n.cache = filepath.Join(c.parent, "cache")
			n.env = append(n.env, c.env...)
			if token, line := n.answer(request(image)); token == "" {
				t.Fatal(line)
			}
			defer os.RemoveAll(n.cache)
			cmd := exec.Command(n.plugin, "--cache-dir", n.cache)
			cmd.Env, cmd.Stdin = n.env, strings.NewReader(request(image))
			var out bytes.Buffer
			cmd.Stdout = &out
			read, sockets := follow(t, cmd)
			if !strings.Contains(out.String(), `"username":"AWS"`) || n.calls() != 1 {
				t.Fatalf("after %d calls it answers %s", n.calls(), out.String())
			}
			read = slices.DeleteFunc(read, func(name string) bool { return slices.Contains(always, name) })
			want := append(c.reads, filepath.Base(n.entry())) // which is opened within the directory
			if diff := cmp.Diff(want, read); diff != "" {
				t.Errorf("the files it reads (-want +got)\n%s", diff)
			}
			if sockets > 0 {
				t.Errorf("it opens %d sockets", sockets)
			}
		})
	}
}

// follow runs cmd to its end and returns the files that it read by name, and how many
// sockets it made: without one there is no network.
func follow(t *testing.T, cmd *exec.Cmd) (read []string, sockets int) {
	t.Helper()
	runtime.LockOSThread() // who traces is a thread
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Setpgid: true}
	must(t, cmd.Start())
	pid := cmd.Process.Pid
	var status unix.WaitStatus
	_, err := unix.Wait4(pid, &status, 0, nil) // at its first instruction
	must(t, err)
	must(t, unix.PtraceSetOptions(pid, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_EXITKILL))
	must(t, unix.PtraceSyscall(pid, 0))

	open := map[uint64]string{} // by descriptor
	found := map[string]bool{}
	inside := map[int]string{} // threads in a call, with the name that it opens
	for {
		tid, err := unix.Wait4(-pid, &status, unix.WALL|unix.WNOTHREAD, nil) // no child that another test had of this thread
		if errors.Is(err, unix.ECHILD) {
			break
		}
		must(t, err)
		if status.Exited() || status.Signaled() {
			if tid == pid {
				break
			}
			continue
		}
		signal := status.StopSignal()
		switch {
		case signal == unix.SIGTRAP|0x80:
			var regs unix.PtraceRegs
			must(t, unix.PtraceGetRegs(tid, &regs))
			name, leaves := inside[tid]
			delete(inside, tid)
			switch {
			case leaves && regs.Orig_rax == unix.SYS_OPENAT && int64(regs.Rax) >= 0:
				open[regs.Rax] = name
			case leaves:
			case regs.Orig_rax == unix.SYS_OPENAT:
				inside[tid] = text(tid, uintptr(regs.Rsi))
			default:
				inside[tid] = ""
				sockets += note(regs, open, found)
			}
			signal = 0
		case signal == unix.SIGTRAP, signal == unix.SIGSTOP: // a thread begins
			signal = 0
		}
		if err := unix.PtraceSyscall(tid, int(signal)); err != nil && !errors.Is(err, unix.ESRCH) {
			t.Fatal(err)
		}
	}
	cmd.Wait() // an error, because its end was seen here; what it wrote is there now
	return slices.Sorted(maps.Keys(found)), sockets
}

// note remembers what a call that begins reads, and returns 1 if it makes a socket.
func note(regs unix.PtraceRegs, open map[uint64]string, found map[string]bool) int {
	switch regs.Orig_rax {
	case unix.SYS_SOCKET:
		return 1
	case unix.SYS_READ, unix.SYS_PREAD64:
		if name, ok := open[regs.Rdi]; ok {
			found[name] = true
		}
	case unix.SYS_CLOSE:
		delete(open, regs.Rdi)
	}
	return 0
}

// text reads a string of the thread's memory.
func text(tid int, at uintptr) string {
	b := make([]byte, 256)
	n, _ := unix.PtracePeekData(tid, at, b)
	s, _, _ := strings.Cut(string(b[:n]), "\x00")
	return s
}
