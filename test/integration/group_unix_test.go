//go:build unix

package integration

import (
	"os/exec"
	"syscall"
)

// ownGroup makes the process the first of a group, to be killed as one.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func killGroup(cmd *exec.Cmd) { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
