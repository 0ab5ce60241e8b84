package cache

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

// store is the directory, opened and judged, for one key. Everything in it is
// reached through its descriptor, so that nobody can put another directory in its
// place, and opened without following links.
type store struct {
	dir    *os.File
	path   string
	name   string // of the entry
	id     string
	bootID string // of the entries to accept; "" for any
	full   bool   // Cache.diskFull
}

// entryMost is more than any entry needs: an ECR token has about 3 KiB.
const entryMost = 64 << 10

// open opens the directory, which it makes if its parent is there.
func (c *Cache) open(id string) (*store, error) {
	path := c.dir()
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Open(path, flags, 0)
	if errors.Is(err, unix.ENOENT) {
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, fmt.Errorf("making the cache directory: %w", err)
		}
		fd, err = unix.Open(path, flags, 0)
	}
	if err != nil {
		if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOTDIR) {
			return nil, refuse(path, "it is not a directory, or a link to one")
		}
		return nil, fmt.Errorf("opening the cache directory: %w", &os.PathError{Op: "open", Path: path, Err: err})
	}
	s := &store{dir: os.NewFile(uintptr(fd), path), path: path, name: fileName(id), id: id, bootID: c.BootID, full: c.diskFull}
	if err := judge(fd, path, unix.S_IFDIR); err != nil {
		s.close()
		return nil, err
	}
	if s.bootID == "" && !inMemory(fd) {
		s.bootID = c.bootID()
	}
	return s, nil
}

func (s *store) close() { s.dir.Close() }

// inMemory reports that the directory is on tmpfs: what is in it is of this boot, and
// a hit need not read which one that is.
func inMemory(fd int) bool {
	var fs unix.Statfs_t
	return unix.Fstatfs(fd, &fs) == nil && fs.Type == unix.TMPFS_MAGIC
}

// refuse is the error about a file that could be somebody else's work.
func refuse(path, why string) error {
	return hint.Wrap(fmt.Errorf("cache: %s is not trusted: %s", path, why),
		"the cache directory and what is in it must belong to the user who runs this, without access for others, and be no links: remove %s", path)
}

// judge returns an error unless the open file is of the kind, our own, and closed
// to others.
func judge(fd int, path string, kind uint32) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return &os.PathError{Op: "fstat", Path: path, Err: err}
	}
	switch {
	case st.Mode&unix.S_IFMT != kind:
		return refuse(path, "it is of another kind")
	case int(st.Uid) != os.Geteuid():
		return refuse(path, fmt.Sprintf("it belongs to uid %d", st.Uid))
	case st.Mode&0o077 != 0:
		return refuse(path, fmt.Sprintf("others have access (mode %04o)", st.Mode&0o7777))
	case kind == unix.S_IFREG && st.Nlink > 1:
		return refuse(path, "it has another name too")
	}
	return nil
}

// openFile opens a file of the directory without following a link, and judges it.
func (s *store) openFile(name string, flags int) (*os.File, error) {
	path := filepath.Join(s.path, name)
	// O_NONBLOCK keeps a fifo from holding us; judge refuses it.
	fd, err := unix.Openat(int(s.dir.Fd()), name, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o600)
	if err != nil {
		if errors.Is(err, unix.ELOOP) {
			return nil, refuse(path, "it is a link")
		}
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	if err := judge(fd, path, unix.S_IFREG); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// read returns the entry, or nil if there is none that is whole and of this boot.
func (s *store) read() (*record, error) {
	f, err := s.openFile(s.name, unix.O_RDONLY)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, entryMost))
	if err != nil {
		return nil, err
	}
	return decode(b, s.id, s.bootID), nil
}

// names are those of the entries.
func (s *store) names() ([]string, error) {
	all, err := s.dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	names := slices.DeleteFunc(all, func(name string) bool { return strings.Contains(name, ".") })
	slices.Sort(names)
	return names, nil
}

// remove takes the entry and its lock away. It may only be called under the lock.
func (s *store) remove() error {
	for _, name := range [...]string{s.name, deputy.lock(s), leader.lock(s)} {
		if err := unix.Unlinkat(int(s.dir.Fd()), name, 0); err != nil && !errors.Is(err, unix.ENOENT) {
			return &os.PathError{Op: "unlink", Path: filepath.Join(s.path, name), Err: err}
		}
	}
	return nil
}

func (r rank) lock(s *store) string { return s.name + string(r) + ".lock" }
func (r rank) temp(s *store) string { return s.name + string(r) + ".tmp" }

// lock is the right to write the entry.
type lock struct{ f *os.File }

// release may be called twice, and of nil.
func (l *lock) release() {
	if l != nil && l.f != nil {
		l.f.Close()
		l.f = nil
	}
}

// tryLock takes the lock, or returns nil if another process has it.
func (s *store) tryLock(r rank) (*lock, error) {
	name := r.lock(s)
	for range 10 { // or somebody makes sport of it, or the file system of inode numbers
		f, err := s.openFile(name, unix.O_RDWR|unix.O_CREAT)
		if err != nil {
			return nil, err
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil && s.named(f, name) {
			return &lock{f}, nil
		}
		f.Close()
		switch {
		case errors.Is(err, unix.EWOULDBLOCK):
			return nil, nil
		case err != nil:
			return nil, &os.PathError{Op: "flock", Path: f.Name(), Err: err}
		}
	}
	return nil, &os.PathError{Op: "flock", Path: filepath.Join(s.path, name), Err: errors.New("its name keeps changing")}
}

// named reports that the open file still has its name. A lock that was removed under
// its holder, after another process had opened it, holds nobody else.
func (s *store) named(f *os.File, name string) bool {
	var open, found unix.Stat_t
	return unix.Fstat(int(f.Fd()), &open) == nil &&
		unix.Fstatat(int(s.dir.Fd()), name, &found, unix.AT_SYMLINK_NOFOLLOW) == nil &&
		open.Dev == found.Dev && open.Ino == found.Ino
}

// temp is the entry to be. It may only be made under the lock.
type temp struct {
	s    *store
	name string
	f    *os.File
}

// createTemp makes the file and room for an entry in it, so that a full disk shows
// before the fetch and not after.
func (s *store) createTemp(r rank) (*temp, error) {
	const room = 8 << 10
	f, err := s.openFile(r.temp(s), unix.O_WRONLY|unix.O_CREAT)
	if err != nil {
		return nil, err
	}
	t := &temp{s: s, name: r.temp(s), f: f}
	if err := f.Truncate(0); err != nil {
		t.discard()
		return nil, err
	}
	if s.full {
		err = &os.PathError{Op: "write", Path: f.Name(), Err: unix.ENOSPC}
	} else {
		_, err = f.Write(make([]byte, room))
	}
	if err != nil {
		t.discard()
		return nil, err
	}
	return t, nil
}

// publish makes r the entry.
func (t *temp) publish(r *record) error {
	b := r.encode()
	if _, err := t.f.WriteAt(b, 0); err != nil {
		return err
	}
	if err := t.f.Truncate(int64(len(b))); err != nil {
		return err
	}
	if err := t.f.Sync(); err != nil {
		return err
	}
	dir := int(t.s.dir.Fd())
	if err := unix.Renameat(dir, t.name, dir, t.s.name); err != nil {
		return &os.LinkError{Op: "rename", Old: t.name, New: t.s.name, Err: err}
	}
	t.f.Close()
	t.f = nil
	return nil
}

// discard removes what was not published.
func (t *temp) discard() {
	if t.f == nil {
		return
	}
	unix.Unlinkat(int(t.s.dir.Fd()), t.name, 0)
	t.f.Close()
	t.f = nil
}

func bootTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

func (c *Cache) bootID() string {
	if c.BootID != "" {
		return c.BootID
	}
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
