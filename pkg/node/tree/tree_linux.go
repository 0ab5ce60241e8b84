//go:build linux

package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

// handedOn are the extended attributes that are no part of a state, because the kernel
// gives them to new files by itself, and that a file inherits from the one it replaces.
var handedOn = []string{"security.selinux", "system.posix_acl_access"}

// attributes reads what an open file or directory has beside its content.
func attributes(f *os.File) (Attributes, error) {
	info, err := f.Stat()
	if err != nil {
		return Attributes{}, err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Attributes{}, errors.New("its owner cannot be read")
	}
	a := Attributes{Mode: info.Mode(), UID: int(owner.Uid), GID: int(owner.Gid), Extended: map[string]string{}}
	names, err := listExtended(f)
	for _, name := range names {
		if !strings.HasPrefix(name, "user.") && name != "security.capability" {
			continue
		}
		value, err := extended(f, name)
		if err != nil {
			return a, err
		}
		a.Extended[name] = value
	}
	return a, err
}

func listExtended(f *os.File) ([]string, error) {
	size, err := unix.Flistxattr(int(f.Fd()), nil)
	if errors.Is(err, unix.ENOTSUP) || err == nil && size == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing extended attributes: %w", err)
	}
	names := make([]byte, size)
	if size, err = unix.Flistxattr(int(f.Fd()), names); err != nil {
		return nil, fmt.Errorf("listing extended attributes: %w", err)
	}
	return strings.Split(strings.TrimSuffix(string(names[:size]), "\x00"), "\x00"), nil
}

func extended(f *os.File, name string) (string, error) {
	size, err := unix.Fgetxattr(int(f.Fd()), name, nil)
	if err != nil {
		return "", fmt.Errorf("reading the extended attribute %s: %w", name, err)
	}
	value := make([]byte, size)
	if size, err = unix.Fgetxattr(int(f.Fd()), name, value); err != nil {
		return "", fmt.Errorf("reading the extended attribute %s: %w", name, err)
	}
	return string(value[:size]), nil
}

// apply gives an open file or directory the attributes of a state. The owner comes
// first, for changing it takes setuid and capabilities away, and the mode last, for
// without being root nobody gives attributes to what he may not write.
func apply(f *os.File, state string) error {
	a, err := AttributesOf(state)
	if err != nil {
		return err
	}
	if err := f.Chown(a.UID, a.GID); err != nil {
		return err
	}
	for name, value := range a.Extended {
		if err := unix.Fsetxattr(int(f.Fd()), name, []byte(value), 0); err != nil {
			return fmt.Errorf("setting the extended attribute %s: %w", name, err)
		}
	}
	return f.Chmod(a.Mode)
}

// handOn gives a new file what the one that it replaces has and no state says.
func handOn(old, f *os.File) error {
	names, err := listExtended(old)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !slices.Contains(handedOn, name) {
			continue
		}
		value, err := extended(old, name)
		if err != nil {
			return err
		}
		if err := unix.Fsetxattr(int(f.Fd()), name, []byte(value), 0); err != nil {
			return fmt.Errorf("setting the extended attribute %s: %w", name, err)
		}
	}
	return nil
}

// setLabel gives a file an SELinux label, where it can have one. Who bakes an image without
// being root has to leave that to whoever makes it bootable.
func setLabel(f *os.File, label string) error {
	err := unix.Fsetxattr(int(f.Fd()), "security.selinux", []byte(label+"\x00"), 0)
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EPERM) && os.Geteuid() != 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("setting the SELinux label %s: %w", label, err)
	}
	return nil
}

// trusted is an error if somebody else than root, or who runs this, could exchange what
// is in the directory, which the node knows as name and this machine as here. Whom an
// access control list names is not looked at: only root, or its owner, gives it one.
func trusted(name, here string, info fs.FileInfo) error {
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() {
		return fmt.Errorf("%s is not a directory", name)
	}
	if uid := int(owner.Uid); uid != 0 && uid != os.Geteuid() {
		return hint.Wrap(fmt.Errorf("the directory %s belongs to user %d, who could exchange what the kubelet runs as root", name, uid),
			"give it to root, or choose another place")
	}
	// Root's group is root's, and what is baked without being root is the group's of who bakes.
	gid := int(owner.Gid)
	if ours := gid == 0 || os.Geteuid() != 0 && gid == os.Getegid(); !ours && info.Mode().Perm()&0o020 != 0 {
		return hint.Wrap(fmt.Errorf("group %d may write to the directory %s, and exchange what the kubelet runs as root", gid, name),
			"take that right away with `chmod g-w %s`, or choose another place", here)
	}
	if info.Mode().Perm()&0o002 != 0 {
		return hint.Wrap(fmt.Errorf("everybody may write to the directory %s, and exchange what the kubelet runs as root", name),
			"take that right away with `chmod o-w %s`, or choose another place", here)
	}
	return nil
}

func notEmpty(err error) bool { return errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) }

// FileSystem describes the one that name is, or will be, on.
func (t *Tree) FileSystem(name string) (FileSystem, error) {
	for !t.Exists(name) && name != "/" {
		name = path.Dir(name)
	}
	real, err := t.follow(name, true)
	if err != nil {
		return FileSystem{}, err
	}
	f, err := t.root.Open(real)
	if err != nil {
		return FileSystem{}, err
	}
	defer f.Close()
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &s); err != nil {
		return FileSystem{}, err
	}
	return FileSystem{
		ID: fmt.Sprint(s.Fsid), ReadOnly: s.Flags&unix.ST_RDONLY != 0, NoExec: s.Flags&unix.ST_NOEXEC != 0, Free: int64(s.Bavail) * int64(s.Bsize),
	}, nil
}

// Changed is when what is at name last changed in any way, or the directory that it is no
// longer in.
func (t *Tree) Changed(name string) (time.Time, error) {
	for !t.Exists(name) && name != "/" {
		name = path.Dir(name)
	}
	real, err := t.follow(name, true)
	if err != nil {
		return time.Time{}, err
	}
	info, err := t.root.Lstat(real)
	if err != nil {
		return time.Time{}, err
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return time.Time{}, errors.New("it is not known when it changed")
	}
	return time.Unix(s.Ctim.Unix()), nil
}

// LabelOf is the SELinux label that a new file in the directory would inherit, "" where
// there is none.
func (t *Tree) LabelOf(dir string) string {
	for !t.Exists(dir) && dir != "/" {
		dir = path.Dir(dir)
	}
	real, err := t.follow(dir, true)
	if err != nil {
		return ""
	}
	f, err := t.root.Open(real)
	if err != nil {
		return ""
	}
	defer f.Close()
	label, err := extended(f, "security.selinux")
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(label, "\x00")
}
