//go:build linux

package install

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// oneError is how the program says what failed: a line, and perhaps what to do; or, if
// it has looked and would rather not, the finding and what was done, which is nothing.
var oneError = regexp.MustCompile(`\Aecr-node-bootstrap: (?:[^\n]+\n(?:  hint: [^\n]+\n)?|\[(?s:.+)\necr-node-bootstrap: nothing was changed\n)\z`)

// fails runs cmd, which must fail with one error that has the words, and leave the node
// as it is.
func (n *node) fails(t *testing.T, words []string, cmd *exec.Cmd) {
	t.Helper()
	start := n.snapshot(t)
	n.failed(t, words, run(t, cmd), start)
}

// failed holds what cmd left against what it must leave.
func (n *node) failed(t *testing.T, words []string, got ran, start snapshot) {
	t.Helper()
	if got.status != 1 || !oneError.MatchString(got.stderr) || strings.Count(got.stderr, "ecr-node-bootstrap: [") > 1 {
		t.Errorf("status %d, want 1 and one error:\n%s", got.status, got.stderr)
	}
	for _, word := range words {
		if !strings.Contains(got.stderr, word) {
			t.Errorf("the error does not say %q:\n%s", word, got.stderr)
		}
	}
	if diff := differ(start, n.snapshot(t)); diff != "" {
		t.Error("the tree has changed:", diff)
	}
}

// asNobody has cmd run by a user who may write nothing.
func asNobody(cmd *exec.Cmd) *exec.Cmd {
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	return cmd
}

// TestNormalUser lets a user who is not root try: on the running system, and on a tree
// that is somebody else's.
func TestNormalUser(t *testing.T) {
	t.Run("here", func(t *testing.T) {
		const none = "/opt/none-of-ecr-node-bootstrap" // what is not there cannot be spoilt
		got := run(t, asNobody(command("install", "--plugin", built.plugin, "--distribution", "generic", "--bin-dir", none, "--config", none+"/config.yaml", "--yes")))
		if got.status != 1 || !oneError.MatchString(got.stderr) || !strings.Contains(got.stderr, "root") {
			t.Errorf("status %d, want 1 and an error that says root:\n%s%s", got.status, got.stdout, got.stderr)
		}
		if _, err := os.Stat(none); !os.IsNotExist(err) {
			t.Errorf("there is something at %s: %v", none, err)
		}
	})
	t.Run("a tree of root's", func(t *testing.T) {
		asRoot(t)
		n := visible(t, "kubeadm-deb-init")
		n.fails(t, []string{"permission denied"}, asNobody(n.install(built.plugin)))
		runs(t, 0, n.install(built.plugin))
		n.fails(t, []string{"permission denied"}, asNobody(n.install(built.newer)))
		n.fails(t, []string{"permission denied"}, asNobody(n.uninstall()))
	})
}

// visible is a node whose tree every user can reach.
func visible(t *testing.T, name string) *node {
	t.Helper()
	n := newNode(t, name)
	for dir := filepath.Dir(n.root); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		must(t, os.Chmod(dir, 0o755))
	}
	return n
}

// TestNotWritable is a tree of the same user's, in which a folder cannot be written to,
// which root would not notice.
func TestNotWritable(t *testing.T) {
	for _, dir := range []string{"etc", "opt", "var/lib", "etc/systemd/system", "etc/default"} {
		t.Run(dir, func(t *testing.T) {
			n := visible(t, "kubeadm-deb-init")
			must(t, os.MkdirAll(filepath.Join(n.root, "opt"), 0o755))
			if os.Geteuid() == 0 {
				must(t, filepath.WalkDir(n.root, func(path string, _ os.DirEntry, err error) error {
					must(t, err)
					return os.Lchown(path, 65534, 65534)
				}))
			}
			must(t, os.Chmod(filepath.Join(n.root, dir), 0o555))
			n.fails(t, []string{"permission denied"}, asNobody(n.install(built.plugin)))
		})
	}
}

// TestLocked is a journal that another process has open.
func TestLocked(t *testing.T) {
	for _, name := range []string{"kubeadm-deb-init", "k3s-server-other", "eks-al2023"} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, name)
			must(t, os.MkdirAll(filepath.Join(n.root, stateDir), 0o700))
			unlock := n.lock(t)
			n.fails(t, []string{"another run"}, n.install(built.plugin))
			unlock()
			runs(t, 0, n.install(built.plugin))
			unlock = n.lock(t)
			n.fails(t, []string{"another run"}, n.install(built.newer))
			n.fails(t, []string{"another run"}, n.uninstall())
			unlock()
			runs(t, 0, n.uninstall())
		})
	}
}

// lock takes the journal, as another run would.
func (n *node) lock(t *testing.T) (unlock func()) {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(n.root, stateDir, "journal"), os.O_RDWR|os.O_CREATE, 0o600)
	must(t, err)
	must(t, unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB))
	return func() { file.Close() }
}

// namespace gives the test mounts of its own, which end with it.
func namespace(t *testing.T) {
	t.Helper()
	asRoot(t)
	runtime.LockOSThread() // and never unlocked: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Skip("needs mount namespaces:", err)
	}
	must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
}

// mounted is a mount at dir until the test ends.
func mounted(t *testing.T, source, dir, kind string, flags uintptr, data string) {
	t.Helper()
	must(t, unix.Mount(source, dir, kind, flags, data))
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
}

// TestReadOnly is a root that is mounted read-only, fresh and with us on it.
func TestReadOnly(t *testing.T) {
	for _, first := range []string{"", "installed"} {
		t.Run("fresh"+first, func(t *testing.T) {
			namespace(t)
			n := newNode(t, "kubeadm-flatcar-init")
			if first != "" {
				runs(t, 0, n.install(built.plugin))
			}
			mounted(t, n.root, n.root, "", unix.MS_BIND, "")
			must(t, unix.Mount("", n.root, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
			n.fails(t, []string{"read-only"}, n.install(built.newer))
			if first != "" {
				n.fails(t, []string{"read-only"}, n.uninstall())
			}
		})
	}
}

// TestFullDisk is a disk with too little room, from none at all to all but a page: what
// does not fit is not there afterwards.
func TestFullDisk(t *testing.T) {
	asRoot(t)
	needs := roomNeeded(t, "kubeadm-deb-init")
	for _, room := range []int64{0, 1, 2, 8, needs / 2, needs - 16, needs - 8, needs - 4, needs - 2, needs - 1} {
		t.Run(fmt.Sprintf("%d pages", room), func(t *testing.T) {
			namespace(t)
			n := diskOf(t, "kubeadm-deb-init", room, 0)
			n.fails(t, []string{"space"}, n.install(built.plugin))
		})
	}
}

// TestUninstallOnFullDisk takes an install back where there is hardly room for a journal:
// nothing that goes needs a copy.
func TestUninstallOnFullDisk(t *testing.T) {
	namespace(t)
	n := diskOf(t, "kubeadm-deb-init", -1, 0)
	start := n.snapshot(t)
	runs(t, 0, n.install(built.plugin))
	fill(t, n, 64)
	runs(t, 0, n.uninstall())
	if diff := differ(start, n.snapshot(t)); diff != "" {
		t.Error("uninstall does not lead back:", diff)
	}
}

// TestFullOfFiles is a disk on which there is room for bytes, but for few more files:
// nobody can know that before, and nothing is half done after it.
func TestFullOfFiles(t *testing.T) {
	asRoot(t)
	for files, enough := int64(1), false; !enough; files++ {
		t.Run(fmt.Sprint(files), func(t *testing.T) {
			namespace(t)
			n := diskOf(t, "kubeadm-deb-init", -1, files)
			start := n.snapshot(t)
			got := run(t, n.install(built.plugin))
			if enough = got.status == 0; !enough {
				n.failed(t, []string{"space"}, got, start)
			}
		})
	}
}

// roomNeeded is how many pages an install takes at most.
func roomNeeded(t *testing.T, name string) int64 {
	t.Helper()
	low, high := int64(0), int64(64<<20/os.Getpagesize())
	for low < high {
		room := (low + high) / 2
		t.Run(fmt.Sprintf("looking for room/%d", room), func(t *testing.T) {
			namespace(t)
			n := diskOf(t, name, room, 0)
			if got := run(t, n.install(built.plugin)); got.status == 0 {
				high = room
			} else {
				low = room + 1
			}
		})
	}
	return low
}

// diskOf is a node on a disk with so many pages and files free, as far as they are not
// negative and 0.
func diskOf(t *testing.T, name string, room, files int64) *node {
	t.Helper()
	dir := t.TempDir()
	mounted(t, "tmpfs", dir, "tmpfs", 0, "size=96m,mode=0755,nr_inodes=10000")
	n := &node{name, filepath.Join(dir, "root")}
	n.layOut(t)
	var stat unix.Statfs_t
	must(t, unix.Statfs(dir, &stat))
	if files > 0 {
		must(t, unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, fmt.Sprintf("nr_inodes=%d", int64(stat.Files-stat.Ffree)+files)))
	}
	if room >= 0 {
		fill(t, n, room)
	}
	return n
}

// fill leaves so many pages of the node's disk.
func fill(t *testing.T, n *node, room int64) {
	t.Helper()
	dir := filepath.Dir(n.root)
	var stat unix.Statfs_t
	must(t, unix.Statfs(dir, &stat))
	ballast, err := os.Create(filepath.Join(dir, "ballast"))
	must(t, err)
	defer ballast.Close()
	must(t, unix.Fallocate(int(ballast.Fd()), 0, 0, (int64(stat.Bfree)-room)*stat.Bsize))
}

// TestLinkOutOfTheRoot has a link in a tree lead to the machine that the tree is baked
// on: nothing is written there, whatever becomes of the install.
func TestLinkOutOfTheRoot(t *testing.T) {
	for _, path := range []string{"opt", "etc/ecr-credential-provider", "etc/systemd/system", "etc/tmpfiles.d", "var/lib/ecr-node-bootstrap", "etc/default/kubelet"} {
		t.Run(path, func(t *testing.T) {
			n := newNode(t, "kubeadm-flatcar-init")
			if path == "etc/default/kubelet" {
				n = newNode(t, "kubeadm-deb-init")
			}
			outside := t.TempDir()
			host := &node{"outside", outside}
			must(t, os.MkdirAll(filepath.Join(outside, "there"), 0o755))
			must(t, os.WriteFile(filepath.Join(outside, "kubelet"), []byte("KUBELET_EXTRA_ARGS=\n"), 0o644))
			to := filepath.Join(outside, "there")
			if path == "etc/default/kubelet" {
				to = filepath.Join(outside, "kubelet")
			}
			link := filepath.Join(n.root, path)
			must(t, os.RemoveAll(link))
			must(t, os.MkdirAll(filepath.Dir(link), 0o755))
			must(t, os.Symlink(to, link))
			before, start := host.snapshot(t), n.snapshot(t)
			if got := run(t, n.install(built.plugin)); got.status != 0 {
				n.failed(t, nil, got, start)
			}
			if diff := differ(before, host.snapshot(t)); diff != "" {
				t.Error("outside of the tree there is changed:", diff)
			}
		})
	}
}

// TestNoRoot names a root that is none.
func TestNoRoot(t *testing.T) {
	n := newNode(t, "kubeadm-deb")
	for _, root := range []string{n.root + "/missing", n.root + "/etc/default/kubelet"} {
		wrong := &node{"", root}
		for _, cmd := range []*exec.Cmd{wrong.install(built.plugin), wrong.uninstall()} {
			n.fails(t, []string{root}, cmd)
		}
	}
}

// TestNothingToTakeBack uninstalls where nothing was installed.
func TestNothingToTakeBack(t *testing.T) {
	for _, name := range treeNames(t) {
		n := newNode(t, name)
		start := n.snapshot(t)
		runs(t, 0, n.uninstall())
		if diff := differ(start, n.snapshot(t)); diff != "" {
			t.Errorf("%s: the tree has changed: %s", name, diff)
		}
	}
}
