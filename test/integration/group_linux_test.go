package integration

import (
	"os/exec"
	"runtime"
	"syscall"
)

// ownGroup makes the process the first of a group, to be killed as one. It dies with
// the thread that starts it, should that be killed before it can end it: which is
// nailed to the goroutine for this.
func ownGroup(cmd *exec.Cmd) {
	runtime.LockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func killGroup(cmd *exec.Cmd) { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
