package tree

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// mostText is how long a file may be that is kept as text in a state. Configs and
// units are some kilobytes.
const mostText = 1 << 20

// An Attributes is what a file or directory has beside its content.
type Attributes struct {
	Mode     fs.FileMode // of permission, with setuid, setgid and sticky
	UID, GID int
	Extended map[string]string // extended attributes: user.* and security.capability
}

// header is the first lines of a state: mode and owner, and the extended attributes.
func (a Attributes) header() string {
	var out strings.Builder
	fmt.Fprintf(&out, "mode %04o owner %d:%d\n", unixMode(a.Mode), a.UID, a.GID)
	var names []string
	for name := range a.Extended {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&out, "%s %s\n", name, base64.StdEncoding.EncodeToString([]byte(a.Extended[name])))
	}
	return out.String()
}

// unixMode is the mode as chmod(2) takes it.
func unixMode(m fs.FileMode) uint32 {
	mode := uint32(m.Perm())
	for bit, unix := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if m&bit != 0 {
			mode |= unix
		}
	}
	return mode
}

// FileMode is the mode that chmod(2) takes as a Go program has it.
func FileMode(mode uint32) fs.FileMode {
	m := fs.FileMode(mode & 0o777)
	for bit, unix := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if mode&unix != 0 {
			m |= bit
		}
	}
	return m
}

// TextFile is the state of a file with this text.
func TextFile(text string, a Attributes) string { return a.header() + "\n" + text }

// Program is the state of a file that is no text, by the hash of its content.
func Program(hash string, size int64, a Attributes) string {
	return fmt.Sprintf("%ssha256 %s size %d", a.header(), hash, size)
}

// DirectoryState is the state of a directory.
func DirectoryState(a Attributes) string { return a.header() + "directory" }

// LinkState is the state of a symbolic link.
func LinkState(target string) string { return "-> " + target }

// Text is the text of a file's state; false for what is none.
func Text(state string) (string, bool) {
	_, text, ok := strings.Cut(state, "\n\n")
	head, _, _ := strings.Cut(state, "\n")
	return text, ok && strings.HasPrefix(head, "mode ")
}

// isFile says whether a state is that of a file.
func isFile(state string) bool {
	_, text := Text(state)
	return text || content(state) != ""
}

// WithText is the state of a file with another text, and all else as it was.
func WithText(state, text string) string {
	var header strings.Builder
	for line := range strings.Lines(state) {
		if line == "\n" || strings.HasPrefix(line, "sha256 ") {
			break
		}
		header.WriteString(line)
	}
	return header.String() + "\n" + text
}

// WithoutOthers is the state of a file that nobody but its owner and group may write to,
// and all else as it was.
func WithoutOthers(state string) (string, error) {
	a, err := AttributesOf(state)
	if err != nil {
		return "", err
	}
	before := a.header()
	a.Mode &^= 0o002
	return a.header() + strings.TrimPrefix(state, before), nil
}

// content is the hash of what is no text, "" for a text.
func content(state string) (hash string) {
	if _, isText := Text(state); isText {
		return ""
	}
	for line := range strings.Lines(state) {
		if rest, ok := strings.CutPrefix(line, "sha256 "); ok {
			hash, _, _ = strings.Cut(rest, " ")
		}
	}
	return hash
}

// AttributesOf reads the attributes back from a state.
func AttributesOf(state string) (Attributes, error) {
	a := Attributes{Extended: map[string]string{}}
	var mode uint32
	if n, err := fmt.Sscanf(state, "mode %o owner %d:%d\n", &mode, &a.UID, &a.GID); n != 3 {
		return a, fmt.Errorf("a state of no file: %w", err)
	}
	a.Mode = FileMode(mode)
	header, _, _ := strings.Cut(state, "\n\n")
	for line := range strings.Lines(header) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !strings.Contains(name, ".") {
			continue
		}
		decoded, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			return a, fmt.Errorf("a state with a broken attribute %s: %w", name, err)
		}
		a.Extended[name] = string(decoded)
	}
	return a, nil
}

// state describes what is at name.
func (t *Tree) state(name string) (string, error) {
	real, err := t.parent(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	info, err := t.root.Lstat(real)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := t.root.Readlink(real)
		return LinkState(target), err
	case !info.IsDir() && !info.Mode().IsRegular():
		return "", errors.New("it is neither a file nor a directory")
	}
	f, err := t.root.Open(real)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if opened, err := f.Stat(); err != nil || !os.SameFile(info, opened) {
		return "", errors.Join(errors.New("it was exchanged while it was read"), err)
	}
	a, err := attributes(f)
	if err != nil {
		return "", err
	}
	if info.IsDir() {
		return DirectoryState(a), nil
	}
	return fileState(f, info.Size(), a)
}

func fileState(f *os.File, size int64, a Attributes) (string, error) {
	if size <= mostText {
		text, err := io.ReadAll(io.LimitReader(f, mostText+1))
		if err != nil {
			return "", err
		}
		if utf8.Valid(text) && !slices.Contains(text, 0) {
			return TextFile(string(text), a), nil
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return "", err
		}
	}
	hash, size, err := sum(f)
	return Program(hash, size, a), err
}

func sum(r io.Reader) (hash string, size int64, err error) {
	h := sha256.New()
	size, err = io.Copy(h, r)
	return fmt.Sprintf("%x", h.Sum(nil)), size, err
}

// Known tells the tree where a content that will be written can be read, on this
// machine, and returns its hash and size.
func (t *Tree) Known(file string) (hash string, size int64, err error) {
	f, err := os.Open(file)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	if hash, size, err = sum(f); err == nil {
		t.known[hash] = file
	}
	return hash, size, err
}

// fill writes the content of the state into f.
func (t *Tree) fill(f *os.File, state string) error {
	if text, ok := Text(state); ok {
		_, err := f.WriteString(text)
		return err
	}
	hash := content(state)
	from, err := t.open(hash)
	if err != nil {
		return err
	}
	defer from.Close()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, h), from); err != nil {
		return err
	}
	if got := fmt.Sprintf("%x", h.Sum(nil)); got != hash {
		return fmt.Errorf("%s has changed while it was read", from.Name())
	}
	return nil
}

// open opens a content by its hash: what is to be installed, or was kept.
func (t *Tree) open(hash string) (*os.File, error) {
	if file, ok := t.known[hash]; ok {
		return os.Open(file)
	}
	real, err := t.parent(path.Join(t.store, hash))
	if err != nil {
		return nil, fmt.Errorf("the content with the hash %s was not kept: %w", hash, err)
	}
	return t.root.Open(real)
}

// keep copies the file at name into the store before another one takes its place, if what
// its state has is no text, so that it can be given back. What gives way to something
// that was kept is not: it is ours, and a full disk must not keep it.
func (t *Tree) keep(name string, c plan.Change) error {
	hash := content(c.Before)
	if hash == "" || t.kept(content(c.After)) {
		return nil
	}
	if _, err := t.MakePrivate(t.store); err != nil {
		return fmt.Errorf("keeping what is replaced: %w", err)
	}
	if t.kept(hash) {
		return nil
	}
	kept, err := t.parent(path.Join(t.store, hash))
	if err != nil {
		return fmt.Errorf("keeping what is replaced: %w", err)
	}
	from, err := t.root.Open(name)
	if err != nil {
		return fmt.Errorf("keeping what is replaced: %w", err)
	}
	defer from.Close()
	if _, ok := t.known[hash]; !ok {
		t.known[hash] = from.Name()
		defer delete(t.known, hash)
	}
	if err := t.makeFile(kept, Program(hash, Size(c.Before), New(0o600)), ""); err != nil {
		return fmt.Errorf("keeping what is replaced: %w", err)
	}
	return t.sync(path.Dir(kept))
}

// kept says whether the store has a content.
func (t *Tree) kept(hash string) bool { return hash != "" && t.Exists(path.Join(t.store, hash)) }

// Prune removes from the store what none of the states has, and the store if nothing is
// left in it.
func (t *Tree) Prune(states []string) error {
	need := map[string]bool{}
	for _, s := range states {
		need[content(s)] = true
	}
	for _, name := range t.Glob(path.Join(t.store, "*")) {
		if need[path.Base(name)] {
			continue
		}
		real, err := t.parent(name)
		if err == nil {
			err = t.root.Remove(real)
		}
		if err != nil {
			return fmt.Errorf("removing what was kept and is no longer needed: %w", err)
		}
	}
	return t.removeStore()
}

func (t *Tree) removeStore() error {
	real, err := t.parent(t.store)
	if err == nil {
		err = t.root.Remove(real)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !notEmpty(err) {
		return fmt.Errorf("removing where originals were kept: %w", err)
	}
	return nil
}

// New is what a new file of this mode has beside its content. It belongs to root, or to
// whoever bakes an image without being root.
func New(mode fs.FileMode) Attributes {
	return Attributes{Mode: mode, UID: os.Geteuid(), GID: os.Getegid()}
}

// Size is how many bytes the content of a file's state has, 0 for what is no file.
func Size(state string) int64 {
	if text, ok := Text(state); ok {
		return int64(len(text))
	}
	_, size, _ := strings.Cut(state, " size ")
	n, _ := strconv.ParseInt(size, 10, 64)
	return n
}

// A FileSystem is what is to be known of one before something is written to it.
type FileSystem struct {
	ID               string
	ReadOnly, NoExec bool
	Free             int64 // bytes
}

// Shown is a change as it may be printed: of the text of a file that not everybody may
// read, only the lines that differ.
func Shown(c plan.Change) plan.Change {
	if public(c.Before) && public(c.After) {
		return c
	}
	before, after := onlyLines(c.Before, c.After), onlyLines(c.After, c.Before)
	c.Before, c.After = before, after
	return c
}

// public says whether everybody may read what a state is of.
func public(state string) bool {
	a, err := AttributesOf(state)
	return err != nil || a.Mode&0o004 != 0
}

// onlyLines is the state of a text without the lines that another one has too.
func onlyLines(state, other string) string {
	text, ok := Text(state)
	if !ok {
		return state
	}
	theirs, _ := Text(other)
	common := slices.Collect(strings.Lines(theirs))
	var only strings.Builder
	for line := range strings.Lines(text) {
		if !slices.Contains(common, line) {
			only.WriteString(line)
		}
	}
	return WithText(state, only.String())
}
