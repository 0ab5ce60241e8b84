//go:build linux

// Package bake boots machines from user-data, as far as that goes without AWS: the
// file goes to a real cloud-init in a Debian of its own, which debootstrap has made,
// and everything that it calls is real but the archive's server, which is here. It
// wants root and debootstrap; the network is the host's, everything else is not.
package bake

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// include is what debootstrap adds to the smallest Debian: an image of a cloud has it.
// (python3-cffi-backend is a virtual package's, which debootstrap cannot resolve.)
const include = "cloud-init,curl,python3-cffi-backend,systemd,wget"

// machine is a Debian with cloud-init. What is written on it is in the directory disk;
// the rest is the same for all machines.
type machine struct {
	t    *testing.T
	disk string
	dir  string // of the overlay
}

func newMachine(t *testing.T) machine {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("it needs root: chroot and mounts")
	}
	if _, err := exec.LookPath("debootstrap"); err != nil {
		if os.Getenv("REQUIRE_TOOLS") == "1" {
			t.Fatal("there is no debootstrap: apt-get install debootstrap")
		}
		t.Skip("there is no debootstrap: apt-get install debootstrap")
	}
	if _, err := image(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	m := machine{t: t, disk: filepath.Join(dir, "disk"), dir: dir}
	for _, name := range []string{"disk", "work", "root"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// image is the Debian that machines start from. It is kept beside Go's build cache and
// belongs to no checkout.
var image = sync.OnceValues(func() (string, error) {
	cache, err := said("go", "env", "GOCACHE")
	if err != nil {
		return "", err
	}
	suite, mirror, err := source()
	if err != nil {
		return "", err
	}
	kept := filepath.Join(filepath.Dir(cache), "kubelet-ecr-bake", suite+"+"+strings.ReplaceAll(include, ",", "+"))
	if _, err := os.Stat(kept); err == nil {
		return kept, nil
	}
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(filepath.Dir(kept), suite+"-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	if _, err := said("debootstrap", "--variant=minbase", "--include="+include, suite, dir, mirror); err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	return kept, os.Rename(dir, kept)
})

// source is the suite of this machine, and the mirror that its apt uses for it.
func source() (suite, mirror string, err error) {
	targets, err := said("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)", "Created-By: Packages", "Component: main")
	if err != nil {
		return "", "", err
	}
	suite, err = said("sh", "-c", ". /etc/os-release && echo $VERSION_CODENAME")
	if err != nil {
		return "", "", err
	}
	for line := range strings.Lines(targets) {
		if uri, codename, _ := strings.Cut(strings.TrimSpace(line), " "); codename == suite {
			return suite, uri, nil
		}
	}
	return "", "", fmt.Errorf("apt knows no mirror of %s; hint: apt-get update", suite)
}

// said runs a command and returns what it printed, without the last newline.
func said(name string, args ...string) (string, error) {
	var stdout, both bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&stdout, &both), &both
	if err := cmd.Run(); err != nil {
		// Without its arguments: a mirror's address may hold a password.
		return "", fmt.Errorf("running %s: %w\n%.2000s", name, err, both.String())
	}
	return strings.TrimSpace(stdout.String()), nil
}

// run runs a script on the machine, and returns what it printed and its exit code. With
// it go all processes that it started, and all mounts: it is the first of a PID
// namespace, in a mount namespace of its own.
func (m machine) run(script string, args ...string) (out string, code int) {
	m.t.Helper()
	lower, err := image()
	if err != nil {
		m.t.Fatal(err)
	}
	const enter = `set -e
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/disk,workdir=$2/work" "$2/root"
cd "$2/root"
mount -t proc proc proc
mount --rbind /dev dev
mount -t tmpfs -o mode=755 tmpfs run
script=$3
shift 3
exec chroot . sh -c "$script" sh "$@"`
	var both bytes.Buffer
	cmd := exec.CommandContext(m.t.Context(), "sh", append([]string{"-c", enter, "sh", lower, m.dir, script}, args...)...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}
	cmd.Stdout, cmd.Stderr = &both, &both
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC, Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL,
	}
	if err := cmd.Run(); cmd.ProcessState == nil {
		m.t.Fatal(err)
	}
	return both.String(), cmd.ProcessState.ExitCode()
}

// boot runs the stages of cloud-init as its units do, and returns what it logged of the
// programs that it ran. An instance boots with the user-data that it was launched with.
func (m machine) boot(userData string) (log string) {
	m.t.Helper()
	const seed = "/var/lib/cloud/seed/nocloud/"
	m.write(seed+"meta-data", "instance-id: i-0123456789abcdef0\nlocal-hostname: node\n")
	m.write(seed+"user-data", userData)
	// What user-data asks for, without what makes an instance of a cloud.
	m.write("/etc/cloud/cloud.cfg.d/99-test.cfg", `datasource_list: [NoCloud]
network: {config: disabled}
cloud_init_modules: [write-files]
cloud_config_modules: [runcmd]
cloud_final_modules: [scripts-user]
`)
	const stages = `cloud-init init --local && cloud-init init && cloud-init modules --mode=config && cloud-init modules --mode=final`
	out, _ := m.run("rm -f /var/log/cloud-init-output.log; " + stages)
	text, ok := m.read("/var/log/cloud-init-output.log")
	if !ok {
		m.t.Fatalf("cloud-init left no log; it said:\n%s", out)
	}
	return text
}

// path is where the host has what is written on the machine.
func (m machine) path(name string) string { return filepath.Join(m.disk, name) }

func (m machine) write(name, text string) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Dir(m.path(name)), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(m.path(name), []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// read is the text of a file that the machine has written; false if it has not.
func (m machine) read(name string) (text string, ok bool) {
	m.t.Helper()
	b, err := os.ReadFile(m.path(name))
	if err != nil && !os.IsNotExist(err) {
		m.t.Fatal(err)
	}
	return string(b), err == nil
}

// files are the files that the machine has written under a directory, with their modes.
func (m machine) files(dir string) map[string]fs.FileMode {
	m.t.Helper()
	found := map[string]fs.FileMode{}
	err := filepath.WalkDir(m.path(dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			found[strings.TrimPrefix(path, m.disk)] = info.Mode()
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		m.t.Fatal(err)
	}
	return found
}
