//go:build linux

package install

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/sys/unix"
)

// node is a node's disk.
type node struct {
	name string // of its tree
	root string
}

// item is a file, a directory or a link of a tree.
type item struct {
	path       string
	mode       fs.FileMode // with the type
	uid, gid   int         // -1 is whoever runs the test
	target     string      // of a link
	attributes map[string]string
	data       []byte
}

// treeNames are the trees of testdata/trees.
func treeNames(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/trees/*.txtar")
	must(t, err)
	var names []string
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".txtar"))
	}
	return names
}

// readTree reads testdata/trees/NAME.txtar. Its first lines may say which tree it is
// "based on: NAME", and what it is "without: PATH...". A header is one of
//
//	MODE [UID:GID] [ATTRIBUTE=VALUE] [unended] PATH
//	dir MODE [UID:GID] [ATTRIBUTE=VALUE] PATH
//	link PATH -> TARGET
//
// where unended takes the newline from the end. Folders that nobody names are 0755.
func readTree(name string) (map[string]item, error) {
	archive, err := txtar.ParseFile(filepath.Join("testdata/trees", name+".txtar"))
	if err != nil {
		return nil, err
	}
	tree := map[string]item{}
	for line := range strings.Lines(string(archive.Comment)) {
		if base, ok := strings.CutPrefix(line, "based on: "); ok {
			if tree, err = readTree(strings.TrimSpace(base)); err != nil {
				return nil, err
			}
		}
		if paths, ok := strings.CutPrefix(line, "without: "); ok {
			for _, path := range strings.Fields(paths) {
				if _, ok := tree[path]; !ok {
					return nil, fmt.Errorf("tree %s: there is no %s to be without", name, path)
				}
				delete(tree, path)
			}
		}
	}
	for _, file := range archive.Files {
		i, err := parseItem(file)
		if err != nil {
			return nil, fmt.Errorf("tree %s: -- %s --: %w", name, file.Name, err)
		}
		tree[i.path] = i
	}
	return tree, nil
}

// parseItem reads a header, and what follows it.
func parseItem(file txtar.File) (item, error) {
	i := item{uid: -1, gid: -1, data: file.Data, attributes: map[string]string{}}
	words := strings.Fields(file.Name)
	if len(words) == 4 && words[0] == "link" && words[2] == "->" {
		i.path, i.target, i.mode = words[1], words[3], fs.ModeSymlink
		return i, nil
	}
	if words[0] == "dir" {
		i.mode, words = fs.ModeDir, words[1:]
	}
	if len(words) < 2 {
		return item{}, fmt.Errorf("it lacks a mode or a path")
	}
	mode, err := strconv.ParseUint(words[0], 8, 12)
	if err != nil {
		return item{}, err
	}
	i.mode |= fs.FileMode(mode & 0o777)
	if mode&0o1000 != 0 {
		i.mode |= fs.ModeSticky
	}
	i.path = words[len(words)-1]
	for _, word := range words[1 : len(words)-1] {
		if word == "unended" {
			i.data = i.data[:len(i.data)-1]
		} else if attribute, value, ok := strings.Cut(word, "="); ok {
			i.attributes[attribute] = value
		} else if _, err := fmt.Sscanf(word, "%d:%d", &i.uid, &i.gid); err != nil {
			return item{}, fmt.Errorf("%q is not understood", word)
		}
	}
	return i, nil
}

// newNode lays the tree out in a directory of the test.
func newNode(t *testing.T, name string) *node {
	t.Helper()
	n := &node{name, filepath.Join(t.TempDir(), "root")}
	n.layOut(t)
	t.Cleanup(func() { openUp(n.root) }) // or RemoveAll could not
	return n
}

// layOut makes the tree at n.root, where nothing is yet. Owners and the attributes that
// only root may set are left out for another user.
func (n *node) layOut(t *testing.T) {
	t.Helper()
	tree, err := readTree(n.name)
	must(t, err)
	must(t, os.MkdirAll(n.root, 0o755))
	var last []item // directories get their modes when they are full
	for _, path := range slices.Sorted(maps.Keys(tree)) {
		i := tree[path]
		at := filepath.Join(n.root, path)
		must(t, os.MkdirAll(filepath.Dir(at), 0o755))
		switch i.mode.Type() {
		case fs.ModeSymlink:
			must(t, os.Symlink(i.target, at))
		case fs.ModeDir:
			must(t, os.MkdirAll(at, 0o755))
			last = append(last, i)
		default:
			must(t, os.WriteFile(at, i.data, 0o600))
			dress(t, at, i)
		}
	}
	for _, i := range slices.Backward(last) {
		dress(t, filepath.Join(n.root, i.path), i)
	}
}

// dress gives a file its attributes, owner and mode.
func dress(t *testing.T, at string, i item) {
	t.Helper()
	root := os.Geteuid() == 0
	for name, value := range i.attributes {
		if strings.HasPrefix(name, "user.") || root {
			must(t, unix.Lsetxattr(at, name, []byte(value), 0))
		}
	}
	if i.uid >= 0 && root {
		must(t, os.Chown(at, i.uid, i.gid))
	}
	must(t, os.Chmod(at, i.mode))
}

// openUp lets a directory be removed.
func openUp(root string) {
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			os.Chmod(path, 0o755)
		}
		return nil
	})
}

// read returns a file of the node, "" if there is none.
func (n *node) read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(n.root, path))
	if os.IsNotExist(err) {
		return ""
	}
	must(t, err)
	return string(b)
}

// write changes a file of the node in place, as an editor that keeps its mode.
func (n *node) write(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(n.root, path), []byte(text), 0o644))
}
