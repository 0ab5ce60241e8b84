//go:build linux

package tree_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/tree"
)

// An access control list is no part of a state, and neither is a label; a file hands them
// on to the one that takes its place.
func TestLabelsAreHandedOn(t *testing.T) {
	needsRoot(t)
	tr, root := plant(t)
	do(t, os.Mkdir(filepath.Join(root, "var/opt"), 0o755), os.Symlink("var/opt", filepath.Join(root, "opt")))
	const theirs, ours = "system_u:object_r:etc_t:s0", "system_u:object_r:bin_t:s0"
	label := func(name string) string {
		value := make([]byte, 100)
		n, err := unix.Lgetxattr(filepath.Join(root, name), "security.selinux", value)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSuffix(string(value[:n]), "\x00")
	}
	if err := unix.Setxattr(filepath.Join(root, "var/opt"), "security.selinux", []byte(theirs+"\x00"), 0); err != nil {
		t.Skip("no labels here: ", err)
	}
	if got := tr.LabelOf("/opt/none/x"); got != theirs {
		t.Errorf("LabelOf: %q", got)
	}
	if got := tr.LabelOf("/etc"); got != "" {
		t.Errorf("LabelOf without a label: %q", got)
	}
	tr.Label("/opt/x", ours)
	one, two := tree.TextFile("a", tree.New(0o755)), tree.TextFile("b", tree.New(0o755))
	do(t, write(tr, file("/opt/x"), "", one))
	if got := label("var/opt/x"); got != ours {
		t.Errorf("a new file is labelled %q", got)
	}
	do(t, unix.Setxattr(filepath.Join(root, "var/opt/x"), "security.selinux", []byte(theirs+"\x00"), 0), write(tr, file("/opt/x"), one, two))
	if got := label("var/opt/x"); got != theirs {
		t.Errorf("the next file is labelled %q", got)
	}
}

func TestAccessControlListsAreHandedOnAndTheModeHolds(t *testing.T) {
	tr, root := plant(t)
	// acl(5) as linux/posix_acl_xattr.h has it: version 2; user::rw-, user:7:rw-, group::r--, mask::rw-, other::rw-
	const list = "\x02\x00\x00\x00" + "\x01\x00\x06\x00\xff\xff\xff\xff" + "\x02\x00\x06\x00\x07\x00\x00\x00" +
		"\x04\x00\x04\x00\xff\xff\xff\xff" + "\x10\x00\x06\x00\xff\xff\xff\xff" + "\x20\x00\x06\x00\xff\xff\xff\xff"
	name := filepath.Join(root, "etc/x")
	do(t, os.WriteFile(name, []byte("a"), 0o600))
	if err := unix.Setxattr(name, "system.posix_acl_access", []byte(list), 0); err != nil {
		t.Skip("no access control lists here: ", err)
	}
	before := state(t, tr, file("/etc/x"))
	after := strings.Replace(tree.WithText(before, "b"), "0666", "0664", 1)
	do(t, write(tr, file("/etc/x"), before, after))
	if diff := cmp.Diff(after, state(t, tr, file("/etc/x"))); diff != "" {
		t.Error(diff)
	}
	value := make([]byte, len(list))
	n, err := unix.Getxattr(name, "system.posix_acl_access", value)
	do(t, err)
	if diff := cmp.Diff(strings.TrimSuffix(list, "\x06\x00\xff\xff\xff\xff")+"\x04\x00\xff\xff\xff\xff", string(value[:n])); diff != "" {
		t.Error(diff)
	}
}
