package install

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// everywhere has the program killed on every tree, and not only on one of each kind.
var everywhere = flag.Bool("everywhere", false, "kill on every tree")

// crashing are the trees on which the program is killed: one of each kind of wiring, and
// of each kind of what may be there already.
func crashing(t *testing.T) []string {
	t.Helper()
	switch {
	case testing.Short():
		t.Skip("it takes minutes")
	case *everywhere:
		return slices.DeleteFunc(installable(t), func(name string) bool { return strings.HasSuffix(name, "-enforcing") })
	}
	return []string{"kubeadm-deb-init", "k3s-server-official", "eks-al2023-configured"}
}

// TestInstallKilled kills install at each change: what it leaves starts, is finished by
// another install, and taken back by uninstall.
func TestInstallKilled(t *testing.T) {
	for _, name := range crashing(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := newNode(t, name).snapshot(t)
			report(t, crash{
				start:   func(t *testing.T) *node { return newNode(t, name) },
				command: func(n *node) *exec.Cmd { return n.install(built.small) },
				killed:  bothWays(start),
			}.sweep(t))
		})
	}
}

// TestUpgradeKilled kills an install over an older one.
func TestUpgradeKilled(t *testing.T) {
	for _, name := range crashing(t)[:2] {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := newNode(t, name).snapshot(t)
			report(t, crash{
				start:   func(t *testing.T) *node { return installed(t, name, built.standIn) },
				command: func(n *node) *exec.Cmd { return n.install(built.small) },
				killed:  bothWays(start),
			}.sweep(t))
		})
	}
}

// TestUninstallKilled kills uninstall at each change: what it leaves starts, and another
// one ends where it would have.
func TestUninstallKilled(t *testing.T) {
	for _, name := range crashing(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report(t, crash{
				start:   func(t *testing.T) *node { return installed(t, name, built.small) },
				command: func(n *node) *exec.Cmd { return n.uninstall() },
				killed: func(t *testing.T, n *node, end snapshot) []string {
					return n.leads(t, end, n.uninstall())
				},
			}.sweep(t))
		})
	}
}

// installed is a node with us on it.
func installed(t *testing.T, name, plugin string) *node {
	t.Helper()
	n := newNode(t, name)
	runs(t, 0, n.install(plugin))
	return n
}

// bothWays goes on from where a kill left the node, and back.
func bothWays(start snapshot) func(t *testing.T, n *node, end snapshot) []string {
	return func(t *testing.T, n *node, end snapshot) []string {
		t.Helper()
		back := n.copy(t)
		return append(back.leads(t, start, back.uninstall()), n.leads(t, end, n.install(built.small))...)
	}
}

// leads says how a command fails to lead to a snapshot.
func (n *node) leads(t *testing.T, to snapshot, cmd *exec.Cmd) (wrong []string) {
	t.Helper()
	if got := run(t, cmd); got.status != 0 {
		wrong = append(wrong, fmt.Sprintf("%s ends with %d: %s", cmd.Args[1], got.status, got.stderr))
	}
	if diff := differ(to.settled(), n.snapshot(t).settled()); diff != "" {
		wrong = append(wrong, fmt.Sprintf("%s leads elsewhere: %s", cmd.Args[1], diff))
	}
	return wrong
}

// copy is another node with the same tree.
func (n *node) copy(t *testing.T) *node {
	t.Helper()
	other := &node{n.name, t.TempDir() + "/root"}
	if out, err := exec.Command("cp", "-a", n.root, other.root).CombinedOutput(); err != nil {
		t.Fatalf("copying the tree: %v\n%s", err, out)
	}
	t.Cleanup(func() { openUp(other.root) })
	return other
}

// report fails with what a sweep found.
func report(t *testing.T, wrong []string) {
	t.Helper()
	for _, w := range wrong {
		t.Error(w)
	}
}

// TestDiskRunsFull has a change of an install fail as on a full disk, each in turn: it is
// one error, and nothing of the install is left. Where all that follow and need room fail
// too, there is none to write down that something was taken back: then a kubelet starts
// with what is left, and uninstall takes it back once there is room. No real disk can be
// told so well where to end.
func TestDiskRunsFull(t *testing.T) {
	for _, name := range crashing(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := newNode(t, name)
			tr := tracer{root: whole.root}
			if got, _ := tr.run(t, whole.install(built.small)); got.status != 0 {
				t.Fatal(got.stderr)
			}
			installed := whole.snapshot(t)
			for _, p := range points(tr.changes) {
				if p.moment != before || !needsRoom(tr.changes[p.number]) {
					continue
				}
				for _, lasting := range []bool{false, true} {
					n := newNode(t, name)
					n.full(t, p.number, lasting, installed)
				}
			}
		})
	}
}

// full has the change with the number fail, and those behind it too if it is lasting.
func (n *node) full(t *testing.T, number int, lasting bool, whole snapshot) {
	t.Helper()
	start := n.snapshot(t)
	tr := tracer{root: n.root, before: func(now int, c change) verdict {
		if now == number || lasting && now > number && needsRoom(c) {
			return verdict{err: unix.ENOSPC}
		}
		return verdict{}
	}}
	got, _ := tr.run(t, n.install(built.small))
	where := fmt.Sprintf("%d. %s, lasting %t", number, tr.changes[number], lasting)
	if got.status != 1 || !oneError.MatchString(got.stderr) || !strings.Contains(got.stderr, "no space left on device") {
		t.Errorf("%s: status %d and the error\n%s", where, got.status, got.stderr)
	}
	diff := differ(start, n.snapshot(t))
	if diff == "" {
		return
	}
	if !lasting {
		t.Errorf("%s: the tree has changed: %s", where, diff)
	}
	for _, bar := range n.bars(start, whole) {
		t.Errorf("%s: %s", where, bar)
	}
	for _, w := range n.leads(t, start, n.uninstall()) {
		t.Errorf("%s, and then there is room: %s", where, w)
	}
}

// needsRoom says whether a change could meet a full disk.
func needsRoom(c change) bool {
	return slices.Contains([]string{"create", "write", "writev", "copy_file_range", "sendfile", "splice", "fallocate", "mkdir", "symlink", "link", "rename", "setxattr"}, c.call)
}

// TestStandInRunsFull sees that an error is handed out where it was asked for.
func TestStandInRunsFull(t *testing.T) {
	n := newNode(t, "kubeadm-deb")
	tr := tracer{root: n.root, before: func(_ int, c change) verdict {
		if c.call == "rename" && c.path == "etc/default/kubelet" {
			return verdict{err: unix.ENOSPC}
		}
		return verdict{}
	}}
	got, killed := tr.run(t, exec.Command(built.standIn, n.root, "binary", "config", "flags"))
	if killed || got.status != 1 || !strings.Contains(got.stderr, "no space left on device") {
		t.Errorf("status %d: %s", got.status, got.stderr)
	}
	if _, err := os.Stat(n.root + "/etc/default/kubelet.new"); err != nil {
		t.Error(err)
	}
}
