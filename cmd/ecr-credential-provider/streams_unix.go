//go:build unix

package main

import (
	"os"
	"syscall"
)

// noFollow keeps a log from being written through a link.
const noFollow = syscall.O_NOFOLLOW

// private returns a duplicate of f that children do not inherit.
func private(f *os.File) (*os.File, error) {
	// No other goroutine can fork between the two calls: main has just begun.
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), f.Name()), nil
}
