//go:build linux

package isolation

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// dieWithAncestors ends this process as soon as one ends that it descends from: the go
// command, make, a script of CI. Those of them count that are in its process group,
// the job; the shell that a job was typed into is not.
func dieWithAncestors() error {
	group := unix.Getpgrp()
	var ancestors []unix.PollFd
	for pid := os.Getppid(); pid > 0; {
		parent, of, err := parentOf(pid)
		if err != nil {
			return fmt.Errorf("process %d, which this one descends from, is gone: %w", pid, err)
		}
		if of != group {
			break
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			return fmt.Errorf("pidfd_open %d: %w", pid, err)
		}
		ancestors = append(ancestors, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		pid = parent
	}
	switch {
	case len(ancestors) > 0:
	case group == os.Getpid(), os.Getppid() == 0:
		return nil // started by a shell, with nothing in between, or from another process namespace
	default:
		return errors.New("whoever started this process is gone")
	}
	go func() {
		for {
			if _, err := unix.Poll(ancestors, -1); err != unix.EINTR {
				os.Exit(1)
			}
		}
	}()
	return nil
}

// parentOf reads parent and process group of a process (proc(5), stat).
func parentOf(pid int) (parent, group int, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	// The name, in parentheses, may have anything in it.
	var state string
	_, err = fmt.Sscan(string(stat[strings.LastIndex(string(stat), ")")+1:]), &state, &parent, &group)
	return parent, group, err
}
