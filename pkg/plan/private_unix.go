//go:build unix

package plan

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

// openPrivate opens or creates a file that is ours alone: a regular one, no link,
// 0600, and locked until it is closed.
func openPrivate(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if errors.Is(err, unix.ELOOP) {
		return nil, fmt.Errorf("it is a symbolic link, which is not followed")
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = hint.Wrap(fmt.Errorf("its mode is %04o: others may read or change it", info.Mode().Perm()), "look at it, then chmod 0600 it")
	}
	if err == nil {
		if err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
			err = hint.Wrap(errors.New("another run has it open"), "wait until that one has ended")
		}
	}
	if err == nil {
		// Whoever had it before may have removed it: what is written here would be lost.
		if named, gone := os.Lstat(path); gone != nil || !os.SameFile(info, named) {
			err = hint.Wrap(errors.New("another run has just removed it"), "run it again")
		}
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// syncDirectory makes the name of a new file last.
func syncDirectory(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
