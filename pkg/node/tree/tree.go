// Package tree makes changes in the tree of files that is, or will be, a node's root:
// the disk of a running node, or an image that is being baked. A [Tree] is a
// [plan.Target] whose objects are files, links and directories, named by their paths
// as the node will know them.
//
// A file is replaced by renaming a whole new one over it, so that whoever reads it, or
// a crash, never meets half of one. Modes, owners and extended attributes are part of
// an object's state, and come back with it. What is replaced and is no text, a program,
// is kept in a store until it has been given back.
//
// Nothing outside the root is touched: links to directories are followed as the node
// would follow them, within the root, and files are never followed through a link.
package tree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// The kinds of objects that are no files. Every other kind is a file, and its word
// says what it is for.
const (
	Directory = "directory"
	Link      = "link"
)

// A Tree is the tree of files below a root.
type Tree struct {
	path  string // of the root
	root  *os.Root
	store string            // where programs that were replaced are kept, as the node knows it
	known map[string]string // paths of contents that are to be written, outside of the tree, by hash

	labels map[string]string // SELinux labels of files to be made, by their names
}

// Open opens the tree at root. The store is a directory in it, as the node knows it,
// and need not exist.
func Open(root, store string) (*Tree, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("opening the root: %w", err)
	}
	absolute, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("opening the root: %w", err)
	}
	return &Tree{path: absolute, root: r, store: store, known: map[string]string{}, labels: map[string]string{}}, nil
}

// Label gives a file that is yet to be made an SELinux label. It is no part of states:
// what is not labelled gets what the policy has for its directory, and what is replaced
// hands its label on.
func (t *Tree) Label(name, label string) { t.labels[name] = label }

// Close gives the root back.
func (t *Tree) Close() error { return t.root.Close() }

// Live says whether the tree is that of the running system.
func (t *Tree) Live() bool { return t.path == "/" }

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

// ReadFile returns the content of a file, "" and false if there is none.
func (t *Tree) ReadFile(name string) (string, bool, error) {
	state, err := t.state(name)
	if err != nil || state == "" {
		return "", false, err
	}
	text, ok := Text(state)
	if !ok {
		return "", false, fmt.Errorf("%s is no text", name)
	}
	return text, true, nil
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
	rest := strings.Split(strings.Trim(path.Clean("/"+name), "/"), "/")
	at, links := ".", 0
	for len(rest) > 0 {
		if rest[0] == "" {
			break
		}
		next := path.Join(at, rest[0])
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
			if !path.IsAbs(target) {
				target = path.Join("/", at, target)
			}
			at, rest = ".", append(strings.Split(strings.Trim(path.Clean(target), "/"), "/"), rest[1:]...)
			continue
		}
		if !looking {
			if err := trusted("/"+next, info); err != nil {
				return "", err
			}
		}
		at, rest = next, rest[1:]
	}
	return at, nil
}

// Read implements [plan.Target].
func (t *Tree) Read(_ context.Context, objects []plan.Object) (map[plan.Object]plan.Present, error) {
	present := map[plan.Object]plan.Present{}
	for _, o := range objects {
		state, err := t.State(o)
		if err != nil {
			return nil, err
		}
		present[o] = plan.Present{State: state}
	}
	return present, nil
}

// State is what the object is now, "" if there is none. Something of another type in a
// file's place is an error; in that of a link or a directory it is a state that is not
// ours.
func (t *Tree) State(o plan.Object) (string, error) {
	state, err := t.state(o.Name)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", o, err)
	}
	if file := o.Kind != Directory && o.Kind != Link; file && strings.HasPrefix(state, "-> ") {
		return "", hint.Wrap(fmt.Errorf("reading %s: it is a symbolic link, which is not followed", o),
			"put the file itself in the place of the link to it")
	}
	return state, nil
}

// Batch implements [plan.Target]: every change goes alone.
func (t *Tree) Batch(plan.Change) (string, int) { return "", 0 }

// Write implements [plan.Target].
func (t *Tree) Write(_ context.Context, _ plan.Runs, changes []plan.Change) error {
	for _, c := range changes {
		if err := t.write(c); err != nil {
			return fmt.Errorf("%s %s: %w", c.Verb(), c.Object, err)
		}
	}
	return nil
}

func (t *Tree) write(c plan.Change) error {
	now, err := t.State(c.Object)
	switch {
	case err != nil:
		return err
	case now == c.After:
		return nil
	case now != c.Before:
		return hint.Wrap(errors.New("somebody has changed it meanwhile"), "run it again")
	}
	name, err := t.parent(c.Name)
	if err != nil {
		return err
	}
	if file := c.Kind != Directory && c.Kind != Link; file {
		if err := t.keep(name, c.Before); err != nil {
			return err
		}
	}
	switch {
	case c.After == "":
		err = t.remove(name)
	case c.Kind == Directory:
		err = t.makeDirectory(name, c.After)
	case c.Kind == Link:
		err = t.makeLink(name, c.After)
	default:
		err = t.makeFile(name, c.After)
	}
	if err != nil {
		return err
	}
	return t.sync(path.Dir(name))
}

// remove removes what is at name. A directory with something in it is in use.
func (t *Tree) remove(name string) error {
	err := t.root.Remove(name)
	if err != nil && notEmpty(err) {
		return fmt.Errorf("%w: it is not empty", plan.ErrInUse)
	}
	return err
}

func (t *Tree) makeDirectory(name, state string) error {
	if err := t.root.Mkdir(name, 0o700); err != nil {
		return err
	}
	dir, err := t.root.Open(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	return apply(dir, state)
}

func (t *Tree) makeLink(name, state string) error {
	next := temporary(name)
	if err := t.discard(next); err != nil {
		return err
	}
	if err := t.root.Symlink(strings.TrimPrefix(state, "-> "), next); err != nil {
		return err
	}
	return t.root.Rename(next, name)
}

// makeFile writes the file beside its place and renames it into it.
func (t *Tree) makeFile(name, state string) (err error) {
	next := temporary(name)
	if err := t.discard(next); err != nil {
		return err
	}
	f, err := t.root.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			t.root.Remove(next)
		}
	}()
	err = t.fill(f, state)
	if err == nil {
		err = apply(f, state)
	}
	if err == nil {
		err = t.label(f, name)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return t.root.Rename(next, name)
}

// label gives f, which will be at name, the label of what is there, or that of Label.
func (t *Tree) label(f *os.File, name string) error {
	if old, err := t.root.Open(name); err == nil {
		defer old.Close()
		return handOn(old, f)
	}
	if label, ok := t.labels["/"+name]; ok {
		return setLabel(f, label)
	}
	return nil
}

// temporary is where what will be at name is made: one name each, so that what an
// interrupted run has left there is found.
func temporary(name string) string {
	return path.Join(path.Dir(name), ".ecr-node-bootstrap."+path.Base(name))
}

func (t *Tree) discard(name string) error {
	if err := t.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Sweep removes what an interrupted run has left beside the objects.
func (t *Tree) Sweep(objects []plan.Object) error {
	for _, o := range objects {
		name, err := t.parent(o.Name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = t.discard(temporary(name))
		}
		if err != nil {
			return fmt.Errorf("removing what an interrupted run has left beside %s: %w", o.Name, err)
		}
	}
	return nil
}

func (t *Tree) sync(name string) error {
	dir, err := t.root.Open(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
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
