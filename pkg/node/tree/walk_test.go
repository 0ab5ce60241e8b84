//go:build linux

package tree_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/tree"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

func TestLinksAreFollowedAsTheNodeWould(t *testing.T) {
	tr, root := plant(t)
	for _, dir := range []string{"a/b", "a/c"} {
		do(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	do(t, os.WriteFile(filepath.Join(root, "a/b/f"), []byte("text"), 0o644))
	for name, target := range map[string]string{
		"absolute": "/a/b", "relative": "a/b", "a/c/up": "../b", "twice": "/absolute", "out": "../../../../a/b", "a/c/far": "up/../b/./", "dangling": "/none",
		"around": "around", "one": "/two", "two": "/one/x", "last": "/a/b/f",
	} {
		do(t, os.Symlink(target, filepath.Join(root, name)))
	}
	for name, want := range map[string]string{
		"/a/b/f": "/a/b/f", "/absolute/f": "/a/b/f", "/relative/f": "/a/b/f", "/a/c/up/f": "/a/b/f", "/twice/f": "/a/b/f", "/out/f": "/a/b/f",
		"/a/c/far/f": "/a/b/f", "/a/../a//b/f": "/a/b/f", "/": "", "/last": "/a/b/f", "/a/c/up": "/a/b",
	} {
		got, err := tr.Follow(name)
		if got = strings.TrimPrefix(got, root); got != want || err != nil {
			t.Errorf("%s leads to %q, %v", name, got, err)
		}
	}
	// The kernel's own answer, where links do not leave the root.
	for _, name := range []string{"relative/f", "a/c/up/f", "a/c/far/f"} {
		want, err := filepath.EvalSymlinks(filepath.Join(root, name))
		got, err2 := tr.Follow("/" + name)
		if want != got || err != nil || err2 != nil {
			t.Errorf("%s: want %q, got %q (%v, %v)", name, want, got, err, err2)
		}
	}
	for _, name := range []string{"/around/x", "/one/x", "/dangling", "/a/b/f/x"} {
		if got, err := tr.Follow(name); err == nil {
			t.Errorf("%s leads to %q", name, got)
		}
		if tr.Exists(name) || tr.IsDirectory(name) {
			t.Errorf("%s is there", name)
		}
	}
	if got, err := tr.Resolve("/twice/last"); got != filepath.Join(root, "a/b/last") || err != nil {
		t.Errorf("Resolve follows the last: %q, %v", got, err)
	}
	want := tree.TextFile("ours\n", tree.New(0o644))
	do(t, write(tr, file("/out/ours"), "", want))
	if got := state(t, tr, file("/a/b/ours")); got != want {
		t.Error(cmp.Diff(want, got))
	}
}

func TestLookingIsNotWriting(t *testing.T) {
	tr, root := plant(t)
	do(t, os.Symlink("hosts", filepath.Join(root, "etc/link")), os.WriteFile(filepath.Join(root, "etc/hosts"), []byte("text"), 0o644))
	for name, want := range map[string]string{"/etc/link": "text", "/etc/hosts": "text", "/etc/none": "", "/none/x": ""} {
		if got, err := tr.ReadLinked(name); got != want || err != nil {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"/etc", "/etc/hosts/x"} {
		if _, err := tr.ReadLinked(name); err == nil {
			t.Errorf("%s was read", name)
		}
	}
	for pattern, want := range map[string][]string{
		"/etc/*": {"/etc/hosts", "/etc/link"}, "/etc/h*s": {"/etc/hosts"}, "/etc/*.conf": {}, "/none/*": nil, "/etc/hosts/*": nil, "/etc/[": nil,
	} {
		got := tr.Glob(pattern)
		if len(got) != len(want) || len(want) > 0 && !cmp.Equal(want, got) {
			t.Errorf("%s: %q", pattern, got)
		}
	}
	if got := tr.Missing("/etc/a/b/c"); !cmp.Equal(got, []string{"/etc/a", "/etc/a/b"}) {
		t.Errorf("missing: %q", got)
	}
	if got := tr.Missing("/etc/a"); got != nil {
		t.Errorf("missing: %q", got)
	}
}

// The kubelet runs as root what lies there: nobody else may be able to exchange it.
func TestDirectoriesOfOthersAreNotWrittenTo(t *testing.T) {
	want := tree.TextFile("ours\n", tree.New(0o644))
	refuses := func(t *testing.T, tr *tree.Tree, name, reason string) {
		t.Helper()
		for _, err := range []error{
			write(tr, file(name), "", want),
			func() error { _, err := tr.State(file(name)); return err }(),
			func() error { _, err := tr.Resolve(name); return err }(),
			tr.Sweep([]plan.Object{file(name)}),
		} {
			if err == nil || !strings.Contains(err.Error(), reason) {
				t.Errorf("got %v", err)
			}
		}
		if !tr.Exists(filepath.Dir(name)) {
			t.Error("it may not even be looked at")
		}
	}
	t.Run("everybody may write", func(t *testing.T) {
		tr, root := plant(t)
		do(t, os.MkdirAll(filepath.Join(root, "tmp/d"), 0o755), os.Chmod(filepath.Join(root, "tmp"), 0o777|os.ModeSticky))
		refuses(t, tr, "/tmp/d/x", "everybody may write to the directory /tmp, and exchange what the kubelet runs as root")
	})
	t.Run("behind a link", func(t *testing.T) {
		tr, root := plant(t)
		do(t, os.Mkdir(filepath.Join(root, "tmp"), 0o755), os.Chmod(filepath.Join(root, "tmp"), 0o777), os.Symlink("/tmp", filepath.Join(root, "etc/d")))
		refuses(t, tr, "/etc/d/x", "everybody may write to the directory /tmp")
	})
	t.Run("somebody else's", func(t *testing.T) {
		needsRoot(t)
		tr, root := plant(t)
		do(t, os.Chown(filepath.Join(root, "etc"), 12, 34))
		refuses(t, tr, "/etc/x", "the directory /etc belongs to user 12, who could exchange what the kubelet runs as root")
	})
	t.Run("a group's", func(t *testing.T) {
		needsRoot(t)
		tr, root := plant(t)
		do(t, os.Chown(filepath.Join(root, "etc"), 0, 34), os.Chmod(filepath.Join(root, "etc"), 0o775))
		refuses(t, tr, "/etc/x", "group 34 may write to the directory /etc, and exchange what the kubelet runs as root")
		do(t, os.Chmod(filepath.Join(root, "etc"), 0o755), write(tr, file("/etc/x"), "", want))
	})
	t.Run("our own group's", func(t *testing.T) {
		tr, root := plant(t)
		do(t, os.Chmod(filepath.Join(root, "etc"), 0o775), write(tr, file("/etc/x"), "", want))
	})
	t.Run("somebody else's root", func(t *testing.T) {
		needsRoot(t)
		tr, root := plant(t)
		do(t, os.Chown(root, 12, 34))
		refuses(t, tr, "/etc/x", "the directory / belongs to user 12, who could exchange what the kubelet runs as root")
	})
	t.Run("a root that everybody may write to", func(t *testing.T) {
		tr, root := plant(t)
		do(t, os.Chmod(root, 0o777|os.ModeSticky))
		refuses(t, tr, "/x", "everybody may write to the directory /, and exchange what the kubelet runs as root")
	})
	t.Run("no directory", func(t *testing.T) {
		tr, root := plant(t)
		do(t, os.WriteFile(filepath.Join(root, "etc/f"), nil, 0o644))
		if _, err := tr.State(file("/etc/f/x")); err == nil || err.Error() != "reading config /etc/f/x: /etc/f is not a directory" {
			t.Errorf("got %v", err)
		}
	})
}

func TestPrivateDirectoriesAreMadeOnce(t *testing.T) {
	tr, root := plant(t)
	for _, want := range []bool{true, false} {
		if made, err := tr.MakePrivate("/etc/ours"); made != want || err != nil {
			t.Errorf("made: %v, %v", made, err)
		}
	}
	if got, want := state(t, tr, plan.Object{Kind: tree.Directory, Name: "/etc/ours"}), tree.DirectoryState(tree.New(0o700)); got != want {
		t.Error(cmp.Diff(want, got))
	}
	do(t, os.Chmod(filepath.Join(root, "etc"), 0o777))
	for _, name := range []string{"/etc/others", "/none/x"} {
		if made, err := tr.MakePrivate(name); made || err == nil {
			t.Errorf("%s was made: %v", name, err)
		}
	}
	if os.Geteuid() != 0 {
		do(t, os.Chmod(filepath.Join(root, "etc"), 0o555))
		if made, err := tr.MakePrivate("/etc/others"); made || !errors.Is(err, os.ErrPermission) {
			t.Errorf("made without permission: %v, %v", made, err)
		}
		do(t, os.Chmod(filepath.Join(root, "etc"), 0o755))
	}
}

func TestEntriesAreAllThatIsInADirectory(t *testing.T) {
	tr, root := plant(t)
	do(t, os.WriteFile(filepath.Join(root, "etc/b"), nil, 0o644), os.WriteFile(filepath.Join(root, "etc/.a"), nil, 0o644))
	if got, err := tr.Entries("/etc"); !cmp.Equal([]string{".a", "b"}, got) || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	for _, name := range []string{"/none", "/none/x", "/etc/b"} {
		if got, err := tr.Entries(name); err == nil {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// Whoever takes a file away changes its directory, and whoever keeps its time of
// modification, as cp -p does, does not keep this one.
func TestWhenAFileChangedIsKnownWhateverItsTimeSays(t *testing.T) {
	tr, root := plant(t)
	began := time.Now().Add(-time.Second)
	name := filepath.Join(root, "etc/x")
	old := time.Unix(1e9, 0)
	do(t, os.WriteFile(name, nil, 0o644), os.Chtimes(name, old, old), os.Chtimes(filepath.Dir(name), old, old))
	for _, name := range []string{"/etc/x", "/etc/none", "/etc/none/x"} {
		if at, err := tr.Changed(name); at.Before(began) || at.After(time.Now().Add(time.Second)) || err != nil {
			t.Errorf("%s changed %v, %v", name, at, err)
		}
	}
}
