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

// Label gives a file that is yet to be made an SELinux label, where the file system keeps
// labels. It is no part of states: what is not labelled gets what the policy has for its
// directory, and what is replaced hands its label on.
func (t *Tree) Label(name, label string) { t.labels[name] = label }

// Close gives the root back.
func (t *Tree) Close() error { return t.root.Close() }

// Live says whether the tree is that of the running system.
func (t *Tree) Live() bool { return t.path == "/" }

// Read implements [plan.Target]. What is of another type than the object is a state that
// is not ours.
func (t *Tree) Read(_ context.Context, objects []plan.Object) (map[plan.Object]plan.Present, error) {
	present := map[plan.Object]plan.Present{}
	for _, o := range objects {
		state, err := t.state(o.Name)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", o, err)
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
	switch file := o.Kind != Directory && o.Kind != Link; {
	case file && strings.HasPrefix(state, "-> "):
		return "", hint.Wrap(fmt.Errorf("reading %s: it is a symbolic link, which is not followed", o),
			"put the file itself in the place of the link to it")
	case file && state != "" && !isFile(state):
		return "", fmt.Errorf("reading %s: it is a directory", o)
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
	switch {
	case c.After == "":
		err = t.remove(name)
	case c.Kind == Directory:
		err = t.makeDirectory(name, c.After)
	case c.Kind == Link:
		err = t.makeLink(name, c.After)
	default:
		if err = t.keep(name, c); err == nil {
			err = t.makeFile(name, c.After, t.labels[c.Name])
		}
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

// makeDirectory makes the directory beside its place and renames it into it, so that it
// is never there with another mode.
func (t *Tree) makeDirectory(name, state string) (err error) {
	next := temporary(name)
	if err := t.discard(next); err != nil {
		return err
	}
	if err := t.root.Mkdir(next, 0o700); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			t.root.Remove(next)
		}
	}()
	dir, err := t.root.Open(next)
	if err != nil {
		return err
	}
	if err := errors.Join(apply(dir, state), dir.Close()); err != nil {
		return err
	}
	return t.root.Rename(next, name)
}

// MakePrivate makes a directory for us alone, and says whether there was none. It is
// complete in one step, so nothing of it is left half done.
func (t *Tree) MakePrivate(name string) (made bool, err error) {
	real, err := t.parent(name)
	if err != nil {
		return false, err
	}
	if err := t.root.Mkdir(real, 0o700); errors.Is(err, fs.ErrExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	return true, t.sync(path.Dir(real))
}

func (t *Tree) makeLink(name, state string) error {
	next := temporary(name)
	if err := t.discard(next); err != nil {
		return err
	}
	if err := t.root.Symlink(strings.TrimPrefix(state, "-> "), next); err != nil {
		return err
	}
	if err := t.root.Rename(next, name); err != nil {
		return errors.Join(err, t.discard(next))
	}
	return nil
}

// makeFile writes the file beside its place and renames it into it.
func (t *Tree) makeFile(name, state, label string) (err error) {
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
		err = t.label(f, name, label)
	}
	if err == nil {
		err = apply(f, state)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return t.root.Rename(next, name)
}

// label gives f, which will be at name, the label of what is there, or this one. It comes
// before the mode, for an access control list that is handed on has one of its own.
func (t *Tree) label(f *os.File, name, label string) error {
	if old, err := t.root.Open(name); err == nil {
		defer old.Close()
		return handOn(old, f)
	}
	if label == "" {
		return nil
	}
	return setLabel(f, label)
}

// temporary is where what will be at name is made: one name each, so that what an
// interrupted run has left there is found. It ends so that nobody who reads a directory
// takes it for a file of his: the kubelet and nodeadm read what ends in .yaml, also if it
// begins with a dot.
func temporary(name string) string {
	return path.Join(path.Dir(name), "."+path.Base(name)+".ecr-node-bootstrap")
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
