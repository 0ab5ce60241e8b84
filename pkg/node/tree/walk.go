package tree

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Path is where name, as the node knows it, is on this machine. Links on the way
// are not resolved.
func (t *Tree) Path(name string) string { return filepath.Join(t.path, name) }

// Resolve returns where name is on this machine, with the links on the way to its last
// element resolved within the root, and judged as those on the way to what is written.
func (t *Tree) Resolve(name string) (string, error) {
	real, err := t.parent(name)
	return filepath.Join(t.path, real), err
}

// Follow returns where name leads on this machine, with all links resolved within the
// root, for looking.
func (t *Tree) Follow(name string) (string, error) {
	real, err := t.follow(name, true)
	return filepath.Join(t.path, real), err
}

// File opens the file at name for reading. The way there is judged as that to what is
// written.
func (t *Tree) File(name string) (*os.File, error) {
	real, err := t.parent(name)
	if err != nil {
		return nil, err
	}
	return t.root.Open(real)
}

// Exists says whether there is something at name. Links are followed within the root,
// also the last.
func (t *Tree) Exists(name string) bool {
	_, err := t.follow(name, true)
	return err == nil
}

// IsDirectory says whether name is a directory, or a link to one.
func (t *Tree) IsDirectory(name string) bool {
	real, err := t.follow(name, true)
	if err != nil {
		return false
	}
	info, err := t.root.Lstat(real)
	return err == nil && info.IsDir()
}

// Glob returns the names that match a pattern of path.Match in its last element, sorted.
func (t *Tree) Glob(pattern string) []string {
	real, err := t.follow(path.Dir(pattern), true)
	if err != nil {
		return nil
	}
	dir, err := t.root.Open(real)
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, err := fs.Glob(os.DirFS(dir.Name()), path.Base(pattern))
	if err != nil {
		return nil
	}
	for i, name := range names {
		names[i] = path.Join(path.Dir(pattern), name)
	}
	return names
}

// Entries returns the names of what is in a directory, sorted.
func (t *Tree) Entries(name string) ([]string, error) {
	real, err := t.parent(name)
	if err != nil {
		return nil, err
	}
	dir, err := t.root.Open(real)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// Missing returns the directories above name that are not there, the highest first.
func (t *Tree) Missing(name string) []string {
	var all []string
	for dir := path.Dir(name); dir != "/" && !t.Exists(dir); dir = path.Dir(dir) {
		all = append([]string{dir}, all...)
	}
	return all
}

// parent returns the path of name relative to the root, without a link on the way to
// its last element, which need not exist.
func (t *Tree) parent(name string) (string, error) {
	dir, err := t.follow(path.Dir(name), false)
	if err != nil {
		return "", err
	}
	return path.Join(dir, path.Base(name)), nil
}

// follow returns where name leads, relative to the root, following links as the node
// would whose root this is. On the way to what we write, nobody but root (or whoever
// runs this) may be able to exchange a directory: the kubelet will run what lies there
// as root. Only looking is not that strict.
func (t *Tree) follow(name string, looking bool) (string, error) {
	const mostLinks = 40 // as the kernel has it
	rest := strings.Split(path.Clean("/"+name), "/")
	at, links := ".", 0
	if !looking {
		info, err := t.root.Stat(at)
		if err == nil {
			err = trusted("/", t.path, info)
		}
		if err != nil {
			return "", err
		}
	}
	for len(rest) > 0 {
		element := rest[0]
		rest = rest[1:]
		switch element {
		case "", ".":
			continue
		case "..":
			at = path.Dir(at)
			continue
		}
		next := path.Join(at, element)
		info, err := t.root.Lstat(next)
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			if links++; links > mostLinks {
				return "", fmt.Errorf("%s: too many links", name)
			}
			target, err := t.root.Readlink(next)
			if err != nil {
				return "", err
			}
			if path.IsAbs(target) {
				at = "."
			}
			rest = append(strings.Split(target, "/"), rest...)
			continue
		}
		if !looking {
			if err := trusted("/"+next, filepath.Join(t.path, next), info); err != nil {
				return "", err
			}
		}
		at = next
	}
	return at, nil
}

// ReadLinked returns the text of a file for looking: links are followed within the
// root, also the last, and a file that is not there is an empty one.
func (t *Tree) ReadLinked(name string) (string, error) {
	real, err := t.follow(name, true)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	f, err := t.root.Open(real)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostText))
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	return string(text), nil
}
