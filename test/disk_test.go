//go:build linux

package test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestDisk is what may be in the place of the cache directory and its files. Each ends
// in an answer, and in the log's reason why it was not shared, or in a repair; nothing
// is written through a link, and no token lands in a file that others may read.
func TestDisk(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do      func(t *testing.T, n *node)
		trouble string // "" for a repair: the next run is a hit
	}{
		"the directory is read-only": {readOnly, "permission denied"},
		"the disk is full":           {fullDisk, "(no space left on device|permission denied)"},
		"there is no parent": {
			func(t *testing.T, n *node) {
				must(t, os.RemoveAll(n.cache))
				n.cache = filepath.Join(n.cache, "no", "such")
			},
			"making the cache directory: .*: no such file or directory"},
		"the directory is another user's": {
			func(t *testing.T, n *node) {
				n.cache = "/" // root's; or, for root, one that is given away
				if os.Geteuid() == 0 {
					n.cache = t.TempDir()
					must(t, os.Chown(n.cache, nobody, nobody))
					must(t, os.Chmod(n.cache, 0o700))
				}
			}, "is not trusted: it belongs to uid [0-9]+"},
		"the directory is open to others": {func(t *testing.T, n *node) { must(t, os.Chmod(n.cache, 0o755)) }, "is not trusted: others have access \\(mode 0755\\)"},
		"the directory is a link": {
			func(t *testing.T, n *node) { replaceByLink(t, n.cache) }, "is not trusted: it is not a directory, or a link to one"},
		"the entry is open to others": {func(t *testing.T, n *node) { must(t, os.Chmod(n.entry(), 0o644)) }, "is not trusted: others have access \\(mode 0644\\)"},
		"the entry is a link":         {func(t *testing.T, n *node) { replaceByLink(t, n.entry()) }, "is not trusted: it is a link"},
		"the lock is a link": {
			func(t *testing.T, n *node) { must(t, os.Remove(n.entry())); replaceByLink(t, n.files("*.lock")[0]) }, "is not trusted: it is a link"},
		"the draft is a link": {
			func(t *testing.T, n *node) {
				draft := n.entry() + ".tmp"
				must(t, os.Rename(n.entry(), draft))
				replaceByLink(t, draft)
			}, "is not trusted: it is a link"},
		"the entry is empty":           {func(t *testing.T, n *node) { must(t, os.Truncate(n.entry(), 0)) }, ""},
		"the entry is torn":            {func(t *testing.T, n *node) { must(t, os.Truncate(n.entry(), 300)) }, ""},
		"the entry is of another boot": {anotherBoot, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			if token, line := n.answer(request(image)); token != "token-1-us-east-1" {
				t.Fatalf("at first it answers %q, %s", token, line)
			}
			n.logs()
			c.do(t, n)
			for _, want := range []string{"token-2-us-east-1", "token-3-us-east-1"} {
				if c.trouble == "" {
					want = "token-2-us-east-1"
				}
				if token, line := n.answer(request(image)); token != want {
					t.Errorf("it answers %q, %s; want %q", token, line, want)
				}
			}
			for i, l := range n.logs() {
				source := "uncached"
				if c.trouble == "" {
					source = []string{"miss", "hit"}[i]
				}
				if l.Source != source || !regexp.MustCompile(c.trouble).MatchString(l.Trouble) {
					t.Errorf("run %d was a %s for the reason %q, want %s for %q", i, l.Source, l.Trouble, source, c.trouble)
				}
			}
			n.secretsArePrivate()
		})
	}
}

// nobody is a user that the tests are not.
const nobody = 65534

// readOnly makes a directory that a run cannot write to: as root it is another user's,
// who the runs then are.
func readOnly(t *testing.T, n *node) {
	n.cache = t.TempDir()
	must(t, os.Chmod(n.cache, 0o500))
	if os.Geteuid() != 0 {
		return
	}
	must(t, os.Chown(n.cache, nobody, nobody))
	n.user = &syscall.Credential{Uid: nobody, Gid: nobody}
	// They must get at it, and at the log: at what the test made, not at the machine's.
	for dir := filepath.Dir(n.cache); dir != filepath.Clean(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
		must(t, os.Chmod(dir, 0o777|os.ModeSticky))
	}
	must(t, os.Chmod(filepath.Dir(n.log), 0o777))
}

// fullDisk is a small tmpfs with nothing left; without the right to mount one it is
// as little use as a read-only directory. (TestFullDisk of pkg/cache injects ENOSPC.)
func fullDisk(t *testing.T, n *node) {
	dir := t.TempDir()
	if syscall.Mount("full", dir, "tmpfs", 0, "size=16k,mode=0700") != nil {
		readOnly(t, n)
		return
	}
	t.Cleanup(func() { must(t, syscall.Unmount(dir, 0)) })
	n.cache = dir
	must(t, os.WriteFile(filepath.Join(dir, "filler"), make([]byte, 12<<10), 0o600))
}

// anotherBoot rewrites the entry as one of another boot, with the sum that it then
// has.
func anotherBoot(t *testing.T, n *node) {
	text, err := os.ReadFile(n.entry())
	must(t, err)
	first, body, _ := strings.Cut(string(text), "\n")
	other := regexp.MustCompile(`(?m)^boot "[^"]+"$`).ReplaceAllString(body, `boot "another"`)
	if other == body {
		t.Fatalf("the entry names no boot: %s", first)
	}
	sum := sha256.Sum256([]byte(other))
	head := first[:strings.LastIndex(first, " ")+1]
	must(t, os.WriteFile(n.entry(), []byte(head+hex.EncodeToString(sum[:])+"\n"+other), 0o600))
}

// replaceByLink puts a link in the place of a file or directory, which must stay as
// it is.
func replaceByLink(t *testing.T, name string) {
	t.Helper()
	target := filepath.Join(t.TempDir(), "target")
	must(t, os.Rename(name, target))
	must(t, os.Symlink(target, name))
	before := snapshot(t, target)
	t.Cleanup(func() {
		if after := snapshot(t, target); after != before {
			t.Errorf("what the link leads to was %q, and is %q", before, after)
		}
	})
}

// snapshot is what is in a file, or in the files of a directory.
func snapshot(t *testing.T, name string) string {
	t.Helper()
	var all strings.Builder
	must(t, filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all.WriteString(path + "\n" + string(text))
		return err
	}))
	return all.String()
}

// entry is the one entry's file.
func (n *node) entry() string {
	n.t.Helper()
	for _, name := range n.files("*") {
		if filepath.Ext(name) == "" {
			return name
		}
	}
	n.t.Fatal("there is no entry")
	return ""
}

// secretsArePrivate looks for tokens in files that others may read. The one that a
// test opened itself is there for the first token alone.
func (n *node) secretsArePrivate() {
	n.t.Helper()
	must(n.t, filepath.WalkDir(n.cache, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || path == "/" {
			return fs.SkipAll
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if info.Mode().Perm()&0o077 != 0 && regexp.MustCompile(`token-[2-9]`).Match(text) {
			n.t.Errorf("a token is in %s, which has mode %v", path, info.Mode())
		}
		return err
	}))
}

// TestDiskFullAtOnce is fifty at once on a disk that takes nothing, and an AWS that
// fails: each for itself, none behind another.
func TestDiskFullAtOnce(t *testing.T) {
	t.Parallel()
	for fault, says := range map[string]string{
		"ecr access-denied": "AccessDeniedException",
		"ecr throttle":      "ThrottlingException",
		"ecr hang":          "did not answer in time",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			fullDisk(t, n)
			n.inject(fault)
			_, lines := n.all(images(50, "us-east-1"))
			for _, line := range lines {
				if !strings.Contains(line, says) {
					t.Errorf("it says %q, want %q", line, says)
				}
			}
			// Behind another it would have no 30 s for its fetch, and say something
			// else, or never get to it.
			if got := n.fetches(); got != 50 {
				t.Errorf("%d of 50 called AWS", got)
			}
		})
	}
}
