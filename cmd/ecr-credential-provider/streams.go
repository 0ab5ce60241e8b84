package main

import (
	"fmt"
	"os"
	"runtime/debug"
)

// streams are the process's three, out of reach of its children. The kubelet
// waits until every holder of stdout and stderr has closed them, beyond its own
// timeout and after it has killed us: a credential_process that inherited one could
// hold a pull for as long as it lives.
type streams struct {
	in, out, err *os.File
}

// takeStreams moves stdout and stderr to descriptors that no child inherits. It
// must run before anything can start one.
func takeStreams() (*streams, error) {
	out, err := private(os.Stdout)
	if err != nil {
		return nil, fmt.Errorf("stdout: %w", err)
	}
	errs, err := private(os.Stderr)
	if err != nil {
		return nil, fmt.Errorf("stderr: %w", err)
	}
	// A panic in a goroutine of the SDK or net/http cannot be recovered, only seen:
	// descriptor 2 will be the null device then. The trace below its first line is
	// the runtime's; only GOTRACEBACK, which it reads before main, turns that off, so
	// the config in README.md sets it.
	if err := debug.SetCrashOutput(errs, debug.CrashOptions{}); err != nil {
		return nil, fmt.Errorf("stderr: %w", err)
	}
	return &streams{in: os.Stdin, out: out, err: errs}, nil
}

// detach puts the null device in the place of stdin, stdout and stderr, once the
// request is read: for children, which inherit them by number, and for the SDK,
// which hands os.Stdin and os.Stderr to a credential_process.
func (s *streams) detach() error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	for _, std := range [...]**os.File{&os.Stdin, &os.Stdout, &os.Stderr} {
		if err := replace(*std, null); err != nil {
			return fmt.Errorf("replacing %s by %s: %w", (*std).Name(), os.DevNull, err)
		}
		*std = null
	}
	return nil
}
