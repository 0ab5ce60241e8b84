//go:build linux

package isolation

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// NodeName is the host name inside.
const NodeName = "e2e-node"

// enter makes the namespaces that this process is the first of into a machine.
func (r Run) enter() error {
	for _, step := range [...]struct {
		what string
		do   func() error
	}{
		{"the mounts", r.enterMounts},
		{"the kernel's settings", enterSettings},
		{"/etc", enterEtc},
		{"the host name", func() error { return syscall.Sethostname([]byte(NodeName)) }},
		{"the network", enterNetwork},
		{"the propagation of mounts", func() error { return mount("", "/", "", syscall.MS_REC|syscall.MS_SHARED, "") }}, // as the kubelet wants it
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("isolating %s: %w", step.what, err)
		}
	}
	return os.Setenv("TMPDIR", Scratch)
}

// Memory mounts an empty file system in memory on each of the directories.
func Memory(dirs ...string) error {
	for _, dir := range dirs {
		if err := mount("tmpfs", dir, "tmpfs", 0, "mode=755"); err != nil {
			return err
		}
	}
	return nil
}

// Shadow shows a copy of a directory in its place, which is made in another one, an
// empty one: what is written to the one is not in the other.
func Shadow(dir, copied string) error {
	if out, err := exec.Command("cp", "--archive", dir+"/.", copied).CombinedOutput(); err != nil {
		return fmt.Errorf("copying %s: %w: %s", dir, err, out)
	}
	return mount(copied, dir, "", syscall.MS_BIND, "")
}

// enterMounts leaves the files of the host readable, and puts memory where a node
// writes.
func (r Run) enterMounts() error {
	if err := mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	base, err := unix.OpenTree(unix.AT_FDCWD, r.Base, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return fmt.Errorf("open_tree %s: %w", r.Base, err)
	}
	all, err := hierarchies() // while the host's are in sight
	if err != nil {
		return err
	}
	showArtifacts, err := artifacts(os.Args[1:])
	if err != nil {
		return err
	}
	if err := setReadOnly("/", true); err != nil {
		return err
	}
	if err := mount("proc", "/proc", "proc", 0, ""); err != nil {
		return err
	}
	// The AWS SDK would find an .aws in the home of root.
	if err := Memory("/mnt", "/run", "/var/lib", "/var/log", "/tmp", "/root"); err != nil {
		return err
	}
	if err := os.Mkdir(Scratch, 0o755); err != nil {
		return err
	}
	if err := put(base, insideBase); err != nil {
		return err
	}
	if err := setReadOnly(insideBase, true); err != nil {
		return err
	}
	if err := showArtifacts(); err != nil {
		return err
	}
	return enterCgroups(all)
}

// put puts a tree that open_tree(2) has cloned at the path.
func put(tree int, path string) error {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, path, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("move_mount to %s: %w", path, err)
	}
	return nil
}

// artifacts keeps the one directory of the host that may be written to: where `go test
// -artifacts` wants the logs.
func artifacts(args []string) (show func() error, err error) {
	nothing := func() error { return nil }
	if !slices.Contains(args, "-test.artifacts=true") {
		return nothing, nil
	}
	for _, arg := range args {
		if dir, ok := strings.CutPrefix(arg, "-test.outputdir="); ok {
			tree, err := unix.OpenTree(unix.AT_FDCWD, dir, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
			if err != nil {
				return nil, fmt.Errorf("open_tree %s: %w", dir, err)
			}
			return func() error { return put(tree, dir) }, nil
		}
	}
	return nothing, nil
}

// enterCgroups mounts the hierarchies anew: now their roots are the groups of this
// run.
func enterCgroups(all []hierarchy) error {
	const top = "/sys/fs/cgroup"
	if err := Memory(top); err != nil { // a hierarchy cannot be mounted upon itself
		return err
	}
	for _, h := range all {
		if !strings.HasPrefix(h.mount, top) {
			continue
		}
		if err := os.MkdirAll(h.mount, 0o755); err != nil {
			return err
		}
		if h.options != "" {
			if err := mount("cgroup", h.mount, "cgroup", 0, h.options); err != nil {
				return err
			}
			continue
		}
		if err := mount("cgroup2", h.mount, "cgroup2", 0, ""); err != nil {
			return err
		}
		if err := delegate(h.mount); err != nil {
			return err
		}
	}
	return nil
}

// delegate lets groups below the root of a version 2 hierarchy have all controllers
// that the root has. For that no process may be in the root itself (cgroups(7), "no
// internal processes").
func delegate(root string) error {
	controllers, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	if err != nil || len(strings.Fields(string(controllers))) == 0 {
		return err
	}
	tests := group{dir: filepath.Join(root, "tests")}
	if err := os.Mkdir(tests.dir, 0o755); err != nil {
		return err
	}
	if err := tests.join(); err != nil {
		return err
	}
	enable := "+" + strings.Join(strings.Fields(string(controllers)), " +")
	return os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte(enable), 0o644)
}

// settings are what the kubelet sets in the kernel of the whole machine
// (pkg/kubelet/cm/container_manager_linux.go, setupKernelTunables). It leaves alone what
// is as it wants it.
var settings = map[string]int{
	"vm/overcommit_memory":     1,
	"vm/panic_on_oom":          0,
	"kernel/panic":             10,
	"kernel/panic_on_oops":     1,
	"kernel/keys/root_maxkeys": 1_000_000, "kernel/keys/root_maxbytes": 25_000_000,
}

// enterSettings makes /proc/sys read-only but for the network's, which is our own, and
// shows the kubelet the settings that it wants.
func enterSettings() error {
	const sys, net = "/proc/sys", "/proc/sys/net"
	for _, dir := range [...]string{sys, net} {
		if err := mount(dir, dir, "", syscall.MS_BIND, ""); err != nil {
			return err
		}
		if err := setReadOnly(dir, dir == sys); err != nil {
			return err
		}
	}
	for name, value := range settings {
		shown := filepath.Join(Scratch, "settings", name)
		if err := os.MkdirAll(filepath.Dir(shown), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(shown, []byte(strconv.Itoa(value)+"\n"), 0o644); err != nil {
			return err
		}
		if err := mount(shown, filepath.Join(sys, name), "", syscall.MS_BIND, ""); err != nil {
			return err
		}
	}
	return nil
}

// enterEtc makes /etc writable, in memory, and has every name looked up in /etc/hosts
// alone: the name server that it names is not there.
func enterEtc() error {
	upper, work := filepath.Join(Scratch, "etc", "upper"), filepath.Join(Scratch, "etc", "work")
	for _, dir := range [...]string{upper, work} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := mount("overlay", "/etc", "overlay", 0, "lowerdir=/etc,upperdir="+upper+",workdir="+work); err != nil {
		return err
	}
	const resolver = "/etc/resolv.conf"
	if err := os.RemoveAll(resolver); err != nil { // it may be a link to nowhere
		return err
	}
	return os.WriteFile(resolver, []byte("nameserver 127.0.0.1\n"), 0o644)
}

// enterNetwork turns the loopback interface on, the only one there is.
func enterNetwork() error {
	return onLoopback("lo", func(fd int, request *unix.Ifreq) error {
		request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
		return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
	})
}

// AddAddress gives the loopback interface one more address, the nth.
func AddAddress(n int, address string) error {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return err
	}
	return onLoopback("lo:"+strconv.Itoa(n), func(fd int, request *unix.Ifreq) error {
		if err := request.SetInet4Addr(ip.AsSlice()); err != nil {
			return err
		}
		if err := unix.IoctlIfreq(fd, unix.SIOCSIFADDR, request); err != nil {
			return err
		}
		if err := request.SetInet4Addr([]byte{255, 255, 255, 255}); err != nil {
			return err
		}
		return unix.IoctlIfreq(fd, unix.SIOCSIFNETMASK, request)
	})
}

// onLoopback calls do with a request of netdevice(7) for the name.
func onLoopback(name string, do func(fd int, request *unix.Ifreq) error) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	if err := do(fd, request); err != nil {
		return fmt.Errorf("interface %s: %w", name, err)
	}
	return nil
}

func mount(source, target, kind string, flags uintptr, options string) error {
	if err := syscall.Mount(source, target, kind, flags, options); err != nil {
		return fmt.Errorf("mounting %s on %s: %w", kind+source, target, err)
	}
	return nil
}

// setReadOnly sets or clears the flag of the mount at the path; of the root, and all
// below it.
func setReadOnly(path string, readOnly bool) error {
	attr := unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}
	if readOnly {
		attr = unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	}
	var flags uint
	if path == "/" {
		flags = unix.AT_RECURSIVE
	}
	if err := unix.MountSetattr(unix.AT_FDCWD, path, flags, &attr); err != nil {
		return fmt.Errorf("mount_setattr %s: %w", path, err)
	}
	return nil
}
