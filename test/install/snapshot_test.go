//go:build linux

package install

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// entry is what a snapshot keeps of a path.
type entry struct {
	Kind       string // file, dir, link, or what else it is
	Mode       string // octal, with setuid, setgid and sticky
	Owner      string // "" if it is whoever runs the test
	Links      int    // names of a file
	Target     string // of a link
	Size       int64
	Hash       string // of a file's bytes
	Attributes map[string]string
	text       string // of a file that is not a binary
}

// snapshot is all that is below a root, and the root itself as ".".
type snapshot map[string]entry

// snapshot reads the whole node. Times are not in it.
func (n *node) snapshot(t *testing.T) snapshot {
	t.Helper()
	all := snapshot{}
	err := filepath.WalkDir(n.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		e, err := readEntry(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(n.root, path)
		all[relative] = e
		return err
	})
	must(t, err)
	return all
}

func readEntry(path string) (entry, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return entry{}, err
	}
	stat := info.Sys().(*syscall.Stat_t)
	e := entry{Mode: fmt.Sprintf("%04o", stat.Mode&0o7777)}
	if int(stat.Uid) != os.Geteuid() || int(stat.Gid) != os.Getegid() {
		e.Owner = fmt.Sprintf("%d:%d", stat.Uid, stat.Gid)
	}
	if e.Attributes, err = attributes(path); err != nil {
		return entry{}, err
	}
	switch info.Mode().Type() {
	case fs.ModeDir:
		e.Kind = "dir"
	case fs.ModeSymlink:
		e.Kind, e.Mode = "link", "" // Linux has none
		e.Target, err = os.Readlink(path)
	case 0:
		e.Kind, e.Links, e.Size = "file", int(stat.Nlink), info.Size()
		var b []byte
		if b, err = os.ReadFile(path); err == nil {
			e.Hash = fmt.Sprintf("%x", sha256.Sum256(b))
			if !strings.HasPrefix(string(b), "\x7fELF") {
				e.text = string(b)
			}
		}
	default:
		e.Kind = info.Mode().Type().String()
	}
	return e, err
}

// attributes are the extended ones of users and of security modules.
func attributes(path string) (map[string]string, error) {
	names := make([]byte, 64<<10)
	size, err := unix.Llistxattr(path, names)
	if err != nil {
		return nil, fmt.Errorf("listing attributes of %s: %w", path, err)
	}
	found := map[string]string{}
	for name := range strings.SplitSeq(strings.TrimRight(string(names[:size]), "\x00"), "\x00") {
		if !strings.HasPrefix(name, "user.") && !strings.HasPrefix(name, "security.") {
			continue
		}
		value := make([]byte, 64<<10)
		size, err := unix.Lgetxattr(path, name, value)
		if err != nil {
			return nil, fmt.Errorf("reading attribute %s of %s: %w", name, path, err)
		}
		found[name] = string(value[:size])
	}
	return found, nil
}

// differ is what leads from one snapshot to another, as text for people: + what is new,
// - what is gone, ~ what has changed, with the whole text of a file.
func differ(from, to snapshot) string {
	paths := slices.Collect(maps.Keys(from))
	paths = slices.AppendSeq(paths, maps.Keys(to))
	slices.Sort(paths)
	var out strings.Builder
	for _, path := range slices.Compact(paths) {
		before, was := from[path]
		after, is := to[path]
		switch {
		case was && is && before.equal(after):
		case path == journal && is: // whose text says little to a reader
			out.WriteString("~ " + after.line(path))
		case !was:
			out.WriteString("+ " + after.line(path) + after.body())
		case !is:
			out.WriteString("- " + before.line(path))
		default:
			out.WriteString("~ " + before.line(path) + before.body() + "> " + after.line(path) + after.body())
		}
	}
	return out.String()
}

func (e entry) equal(other entry) bool {
	return e.Kind == other.Kind && e.Mode == other.Mode && e.Owner == other.Owner && e.Links == other.Links &&
		e.Target == other.Target && e.Hash == other.Hash && maps.Equal(e.Attributes, other.Attributes)
}

// line is all of an entry but its bytes.
func (e entry) line(path string) string {
	words := []string{e.Kind}
	for _, word := range []string{e.Mode, e.Owner} {
		if word != "" {
			words = append(words, word)
		}
	}
	if e.Links > 1 {
		words = append(words, fmt.Sprintf("names=%d", e.Links))
	}
	for _, name := range slices.Sorted(maps.Keys(e.Attributes)) {
		words = append(words, name+"="+strings.TrimSuffix(e.Attributes[name], "\x00")) // which ends SELinux's labels
	}
	words = append(words, path)
	if e.Target != "" {
		words = append(words, "->", e.Target)
	}
	return strings.Join(words, " ") + "\n"
}

// body is the text of a file, and of a binary that it is one.
func (e entry) body() string {
	switch {
	case e.Kind != "file":
		return ""
	case e.text == "" && e.Size > 0:
		return "    binary\n"
	}
	var out strings.Builder
	for line := range strings.Lines(e.text) {
		ended := strings.HasSuffix(line, "\n")
		out.WriteString("  | " + strings.TrimSuffix(line, "\n") + "\n")
		if !ended {
			out.WriteString("    without a newline at the end\n")
		}
	}
	return out.String()
}

// stateDir is where the program keeps its journal and what it has saved.
const (
	stateDir = "var/lib/ecr-node-bootstrap"
	journal  = stateDir + "/journal"
)

// settled is a snapshot without what says when and how often the program ran: the bytes
// of the journal.
func (s snapshot) settled() snapshot {
	s = maps.Clone(s)
	if e, ok := s[journal]; ok {
		e.Hash, e.Size, e.text = "", 0, ""
		s[journal] = e
	}
	return s
}
