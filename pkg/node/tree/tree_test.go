//go:build linux

package tree_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/tree"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

const store = "/var/lib/store"

// plant opens a root with the directories /etc and the store in it.
func plant(t *testing.T) (*tree.Tree, string) {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"/etc", store} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	tr, err := tree.Open(root, store)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return tr, root
}

func file(name string) plan.Object { return plan.Object{Kind: "config", Name: name} }

func write(tr *tree.Tree, o plan.Object, before, after string) error {
	return tr.Write(context.Background(), plan.Runs{}, []plan.Change{{Object: o, Before: before, After: after}})
}

func state(t *testing.T, tr *tree.Tree, o plan.Object) string {
	t.Helper()
	s, err := tr.State(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func do(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}

// content has the tree know a content that is no text, and returns its state.
func content(t *testing.T, tr *tree.Tree, text string, mode uint32) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "content")
	do(t, os.WriteFile(name, []byte(text), 0o600))
	hash, size, err := tr.Known(name)
	do(t, err)
	return tree.Program(hash, size, tree.New(tree.FileMode(mode)))
}

func TestWhatIsMadeIsAsItsStateSays(t *testing.T) {
	with := func(mode uint32, names ...string) tree.Attributes {
		a := tree.New(tree.FileMode(mode))
		a.Extended = map[string]string{}
		for _, name := range names {
			a.Extended[name] = "value of " + name + "\x00\xff"
		}
		return a
	}
	for name, c := range map[string]struct {
		kind, state string
		root        bool
	}{
		"a text":               {"config", tree.TextFile("a\n\nb", with(0o644)), false},
		"an empty file":        {"config", tree.TextFile("", with(0o600)), false},
		"nobody may write it":  {"config", tree.TextFile("a\n", with(0o444, "user.a")), false},
		"setuid":               {"program", tree.TextFile("a\n", with(0o4755)), false},
		"setgid":               {"program", tree.TextFile("a\n", with(0o2755)), false},
		"attributes":           {"config", tree.TextFile("a\n", with(0o640, "user.a", "user.b")), false},
		"a directory":          {tree.Directory, tree.DirectoryState(with(0o1750)), false},
		"a directory's":        {tree.Directory, tree.DirectoryState(with(0o700, "user.a")), false},
		"a link":               {tree.Link, tree.LinkState("../x y"), false},
		"another's, setuid":    {"program", tree.TextFile("a\n", tree.Attributes{Mode: tree.FileMode(0o6755), UID: 12, GID: 34}), true},
		"another's directory":  {tree.Directory, tree.DirectoryState(tree.Attributes{Mode: tree.FileMode(0o2750), UID: 12, GID: 34}), true},
		"another's attributes": {"config", tree.TextFile("a\n", tree.Attributes{Mode: 0o400, UID: 12, GID: 34, Extended: map[string]string{"user.a": "b"}}), true},
	} {
		t.Run(name, func(t *testing.T) {
			if c.root {
				needsRoot(t)
			}
			tr, root := plant(t)
			o := plan.Object{Kind: c.kind, Name: "/etc/x"}
			err := write(tr, o, "", c.state)
			if errors.Is(err, unix.ENOTSUP) {
				t.Skip("the file system has no such attributes")
			}
			do(t, err)
			if diff := cmp.Diff(c.state, state(t, tr, o)); diff != "" {
				t.Error(diff)
			}
			do(t, write(tr, o, "", c.state)) // what is done already is no fault
			do(t, write(tr, o, c.state, ""))
			if left, err := os.ReadDir(filepath.Join(root, "etc")); len(left) > 0 || err != nil {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}

func TestWhatIsReplacedIsKeptAndGivenBack(t *testing.T) {
	tr, root := plant(t)
	o := file("/etc/x")
	do(t, os.WriteFile(filepath.Join(root, "etc/x"), []byte("theirs\x00"), 0o600))
	do(t, os.Chmod(filepath.Join(root, "etc/x"), os.ModeSetuid|0o711))
	theirs, ours := state(t, tr, o), content(t, tr, "ours\x00", 0o755)
	do(t, write(tr, o, theirs, ours))
	if diff := cmp.Diff(ours, state(t, tr, o)); diff != "" {
		t.Fatal(diff)
	}
	again := content(t, tr, "ours, the next\x00", 0o755)
	do(t, write(tr, o, ours, again), tr.Prune([]string{theirs}))
	if kept, err := os.ReadDir(filepath.Join(root, store)); len(kept) != 1 || err != nil {
		t.Errorf("kept: %v, %v", kept, err)
	}

	// Another run takes it back, who knows no content.
	later, err := tree.Open(root, store)
	do(t, err)
	defer later.Close()
	do(t, write(later, o, again, theirs))
	if diff := cmp.Diff(theirs, state(t, later, o)); diff != "" {
		t.Error(diff)
	}
	do(t, later.Prune(nil))
	if _, err := os.Stat(filepath.Join(root, store)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is kept, where nothing is: %v", err)
	}
	if err := write(later, o, theirs, ours); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a content that nobody knows: %v", err)
	}
}

// The same content with another mode, as an upgrade of the official plugin to ours that
// happens to be the same file.
func TestAContentThatIsKnownAndReplacedIsBoth(t *testing.T) {
	tr, root := plant(t)
	o := file("/etc/x")
	do(t, os.WriteFile(filepath.Join(root, "etc/x"), []byte("same\x00"), 0o700))
	theirs, ours := state(t, tr, o), content(t, tr, "same\x00", 0o755)
	do(t, write(tr, o, theirs, ours), write(tr, o, ours, theirs), write(tr, o, theirs, ours))
	if diff := cmp.Diff(ours, state(t, tr, o)); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsRemovedIsNotKept(t *testing.T) {
	tr, root := plant(t)
	ours := content(t, tr, "ours\x00", 0o755)
	do(t, write(tr, file("/etc/x"), "", ours), write(tr, file("/etc/x"), ours, ""))
	if kept, err := os.ReadDir(filepath.Join(root, store)); len(kept) != 0 || err != nil {
		t.Errorf("kept: %v, %v", kept, err)
	}
}

func TestAChangeIsNotMadeOverAnother(t *testing.T) {
	tr, root := plant(t)
	o := file("/etc/x")
	before, after := tree.TextFile("a\n", tree.New(0o644)), tree.TextFile("b\n", tree.New(0o644))
	do(t, write(tr, o, "", before))
	for name, change := range map[string]func() error{
		"its text": func() error { return os.WriteFile(filepath.Join(root, "etc/x"), []byte("c\n"), 0o644) },
		"its mode": func() error { return os.Chmod(filepath.Join(root, "etc/x"), 0o600) },
		"gone":     func() error { return os.Remove(filepath.Join(root, "etc/x")) },
	} {
		t.Run(name, func(t *testing.T) {
			do(t, os.RemoveAll(filepath.Join(root, "etc/x")), write(tr, o, "", before), change())
			now := state(t, tr, o)
			err := write(tr, o, before, after)
			if err == nil || err.Error() != "change config /etc/x: somebody has changed it meanwhile" {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(now, state(t, tr, o)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAContentThatChangesWhileItIsReadIsNotWritten(t *testing.T) {
	tr, root := plant(t)
	name := filepath.Join(t.TempDir(), "content")
	do(t, os.WriteFile(name, []byte("a\x00"), 0o600))
	hash, size, err := tr.Known(name)
	do(t, err, os.WriteFile(name, []byte("b\x00"), 0o600))
	err = write(tr, file("/etc/x"), "", tree.Program(hash, size, tree.New(0o755)))
	if err == nil || !strings.HasSuffix(err.Error(), "has changed while it was read") {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(filepath.Join(root, "etc")); len(left) > 0 || err != nil {
		t.Errorf("left: %v, %v", left, err)
	}
	if _, _, err := tr.Known(name + "s"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a content that is not there: %v", err)
	}
}

func TestWhatAnInterruptedRunHasLeftIsInNobodysWay(t *testing.T) {
	for _, kind := range []string{"config", tree.Link, tree.Directory} {
		t.Run(kind, func(t *testing.T) {
			tr, root := plant(t)
			want := map[string]string{
				"config": tree.TextFile("a\n", tree.New(0o644)), tree.Link: tree.LinkState("x"), tree.Directory: tree.DirectoryState(tree.New(0o750)),
			}[kind]
			// What reads a directory by the ends of names must not find it.
			left := filepath.Join(root, "etc/.x.yaml.ecr-node-bootstrap")
			o := plan.Object{Kind: kind, Name: "/etc/x.yaml"}
			leave := func() {
				if kind == tree.Directory {
					do(t, os.Mkdir(left, 0o700))
				} else {
					do(t, os.WriteFile(left, []byte("half"), 0o600))
				}
			}
			leave()
			do(t, write(tr, o, "", want))
			if got := state(t, tr, o); got != want {
				t.Error(cmp.Diff(want, got))
			}
			if _, err := os.Lstat(left); !errors.Is(err, os.ErrNotExist) {
				t.Fatalf("what is left: %v", err)
			}
			leave()
			do(t, tr.Sweep([]plan.Object{o, {Kind: kind, Name: "/none/x"}}))
			if _, err := os.Lstat(left); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("what is left: %v", err)
			}
			do(t, os.MkdirAll(filepath.Join(left, "theirs"), 0o700))
			if err := tr.Sweep([]plan.Object{o}); err == nil {
				t.Error("what is not ours was swept away")
			}
			if err := write(tr, o, want, want+"x"); err == nil {
				t.Error("what is not ours was written over")
			}
		})
	}
}

func TestADirectoryWithSomethingInItIsInUse(t *testing.T) {
	tr, root := plant(t)
	o := plan.Object{Kind: tree.Directory, Name: "/etc/d"}
	made := tree.DirectoryState(tree.New(0o755))
	do(t, write(tr, o, "", made), os.WriteFile(filepath.Join(root, "etc/d/theirs"), nil, 0o644))
	if err := write(tr, o, made, ""); !errors.Is(err, plan.ErrInUse) {
		t.Errorf("got %v", err)
	}
	do(t, os.Remove(filepath.Join(root, "etc/d/theirs")), write(tr, o, made, ""))
}

func TestAnotherTypeInAFilesPlaceIsAnError(t *testing.T) {
	tr, root := plant(t)
	do(t, os.Symlink("hosts", filepath.Join(root, "etc/link")), os.Mkdir(filepath.Join(root, "etc/dir"), 0o755), unix.Mkfifo(filepath.Join(root, "etc/fifo"), 0o644))
	for name, want := range map[string]string{
		"/etc/link": "reading config /etc/link: it is a symbolic link, which is not followed",
		"/etc/dir":  "reading config /etc/dir: it is a directory",
		"/etc/fifo": "reading config /etc/fifo: it is neither a file nor a directory",
	} {
		if _, err := tr.State(file(name)); err == nil || err.Error() != want {
			t.Errorf("%s: %v", name, err)
		}
		if err := write(tr, file(name), "", tree.TextFile("a", tree.New(0o644))); err == nil {
			t.Errorf("%s was written over", name)
		}
	}
	// Whoever takes back only has to know that it is not ours.
	got, err := tr.Read(context.Background(), []plan.Object{file("/etc/link"), file("/etc/none")})
	want := map[plan.Object]plan.Present{file("/etc/link"): {State: "-> hosts"}, file("/etc/none"): {}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if _, err := tr.Read(context.Background(), []plan.Object{file("/etc/fifo")}); err == nil {
		t.Error("a pipe was read")
	}
}

func TestFileSystemsSayWhatCanBeDoneOnThem(t *testing.T) {
	tr, root := plant(t)
	got, err := tr.FileSystem("/etc/none/x")
	do(t, err)
	if got.ID == "" || got.Free == 0 || got.ReadOnly {
		t.Errorf("got %+v", got)
	}
	needsRoot(t)
	if err := unix.Mount("none", filepath.Join(root, "etc"), "tmpfs", unix.MS_RDONLY|unix.MS_NOEXEC, "size=64k,mode=755"); err != nil {
		t.Skip("nothing can be mounted here: ", err)
	}
	defer unix.Unmount(filepath.Join(root, "etc"), 0)
	other, err := tr.FileSystem("/etc/none/x")
	do(t, err)
	if other.ID == got.ID || !other.ReadOnly || !other.NoExec || other.Free > 1<<16 {
		t.Errorf("got %+v", other)
	}
	if err := write(tr, file("/etc/x"), "", tree.TextFile("a", tree.New(0o644))); !errors.Is(err, unix.EROFS) {
		t.Errorf("got %v", err)
	}
}

func TestOpenWantsADirectory(t *testing.T) {
	if _, err := tree.Open(filepath.Join(t.TempDir(), "none"), store); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	live, err := tree.Open("/", store)
	do(t, err)
	defer live.Close()
	if !live.Live() {
		t.Error("/ is not this machine")
	}
	if tr, root := plant(t); tr.Live() || tr.Path("/etc") != filepath.Join(root, "etc") {
		t.Errorf("got %q", tr.Path("/etc"))
	}
}

func TestWhatFailsLeavesNothing(t *testing.T) {
	leftovers := func(t *testing.T, dir string) {
		t.Helper()
		if left, err := os.ReadDir(dir); len(left) > 0 || err != nil {
			t.Errorf("left: %v, %v", left, err)
		}
	}
	t.Run("somebody else's file, without being root", func(t *testing.T) {
		if os.Geteuid() == 0 {
			t.Skip("root may give files away")
		}
		tr, root := plant(t)
		theirs := tree.Attributes{Mode: 0o644}
		for _, c := range []struct{ kind, state string }{{"config", tree.TextFile("a", theirs)}, {tree.Directory, tree.DirectoryState(theirs)}} {
			if err := write(tr, plan.Object{Kind: c.kind, Name: "/etc/x"}, "", c.state); !errors.Is(err, os.ErrPermission) {
				t.Errorf("%s: %v", c.kind, err)
			}
			leftovers(t, filepath.Join(root, "etc"))
		}
	})
	t.Run("a state that cannot be", func(t *testing.T) {
		tr, root := plant(t)
		for kind, state := range map[string]string{"config": "mode x\n\ntext", tree.Directory: "directory", tree.Link: "-> "} {
			if err := write(tr, plan.Object{Kind: kind, Name: "/etc/x"}, "", state); err == nil {
				t.Errorf("a %s was made of %q", kind, state)
			}
			leftovers(t, filepath.Join(root, "etc"))
		}
	})
	t.Run("a full disk", func(t *testing.T) {
		needsRoot(t)
		tr, root := plant(t)
		etc := filepath.Join(root, "etc")
		if err := unix.Mount("none", etc, "tmpfs", 0, "size=64k,mode=755"); err != nil {
			t.Skip("nothing can be mounted here: ", err)
		}
		defer unix.Unmount(etc, 0)
		before := tree.TextFile("theirs\n", tree.New(0o644))
		after := content(t, tr, strings.Repeat("\x00", 1<<17), 0o755)
		j, err := plan.OpenJournal(filepath.Join(t.TempDir(), "journal"), "node")
		do(t, err)
		defer j.Close()
		if err := plan.Apply(context.Background(), tr, []plan.Change{{Object: file("/etc/x"), After: after}}, j, plan.Options{}); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("got %v", err)
		}
		leftovers(t, etc)
		do(t, write(tr, file("/etc/x"), "", before))
		if err := write(tr, file("/etc/x"), before, after); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("got %v", err)
		}
		if got := state(t, tr, file("/etc/x")); got != before {
			t.Error(cmp.Diff(before, got))
		}
	})
}
