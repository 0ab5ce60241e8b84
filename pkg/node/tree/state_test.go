package tree_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/tree"
)

func TestStatesSayTheirParts(t *testing.T) {
	a := tree.Attributes{Mode: fs.ModeSetuid | fs.ModeSticky | 0o750, UID: 1, GID: 2, Extended: map[string]string{"user.b": "", "user.a": "\n\n=\x00"}}
	const header = "mode 5750 owner 1:2\nuser.a Cgo9AA==\nuser.b \n"
	for name, c := range map[string]struct {
		state, want, text string
		isText            bool
		size              int64
	}{
		"a text":           {tree.TextFile("x\n\ny", a), header + "\nx\n\ny", "x\n\ny", true, 4},
		"an empty file":    {tree.TextFile("", a), header + "\n", "", true, 0},
		"a misleading one": {tree.TextFile("sha256 1 size 2", a), header + "\nsha256 1 size 2", "sha256 1 size 2", true, 15},
		"a program":        {tree.Program("abc", 12, a), header + "sha256 abc size 12", "", false, 12},
		"a directory":      {tree.DirectoryState(a), header + "directory", "", false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.state); diff != "" {
				t.Error(diff)
			}
			if text, ok := tree.Text(c.state); text != c.text || ok != c.isText {
				t.Errorf("text: %q, %v", text, ok)
			}
			if got := tree.Size(c.state); got != c.size {
				t.Errorf("size: %d", got)
			}
			got, err := tree.AttributesOf(c.state)
			if diff := cmp.Diff(a, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
	for _, state := range []string{tree.TextFile("x\n\ny", a), tree.Program("abc", 12, a)} {
		if got, want := tree.WithText(state, "new\n"), tree.TextFile("new\n", a); got != want {
			t.Error(cmp.Diff(want, got))
		}
	}
	if text, ok := tree.Text(tree.LinkState("a\n\nb")); ok {
		t.Errorf("a link's text: %q", text)
	}
}

func TestStatesOfNoFileHaveNoAttributes(t *testing.T) {
	for state, want := range map[string]string{
		tree.LinkState("x"): "a state of no file", "": "a state of no file", "mode 0644 owner 1:2\nuser.a !\n\n": "a state with a broken attribute user.a",
	} {
		if _, err := tree.AttributesOf(state); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v", state, err)
		}
	}
}

func TestModesAreThoseOfChmod(t *testing.T) {
	for unix, mode := range map[uint32]fs.FileMode{0: 0, 0o644: 0o644, 0o4755: fs.ModeSetuid | 0o755, 0o2750: fs.ModeSetgid | 0o750, 0o1777: fs.ModeSticky | 0o777} {
		if got := tree.FileMode(unix); got != mode {
			t.Errorf("%04o: %v", unix, got)
		}
	}
}

func TestOthersLoseTheRightToWriteAndNothingElse(t *testing.T) {
	for before, after := range map[uint32]uint32{0o666: 0o664, 0o4777: 0o4775, 0o644: 0o644, 0o600: 0o600, 0o002: 0} {
		a := tree.Attributes{Mode: tree.FileMode(before), UID: 1, GID: 2, Extended: map[string]string{"user.a": "b"}}
		for _, form := range []func(tree.Attributes) string{
			func(a tree.Attributes) string { return tree.TextFile("x\n\ny", a) }, func(a tree.Attributes) string { return tree.Program("abc", 1, a) },
		} {
			a.Mode = tree.FileMode(before)
			got, err := tree.WithoutOthers(form(a))
			a.Mode = tree.FileMode(after)
			if diff := cmp.Diff(form(a), got); diff != "" || err != nil {
				t.Errorf("%04o: %v\n%s", before, err, diff)
			}
		}
	}
	if _, err := tree.WithoutOthers(tree.LinkState("x")); err == nil {
		t.Error("a link has no mode")
	}
}
