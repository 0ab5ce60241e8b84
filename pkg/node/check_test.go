//go:build linux

package node

import (
	"context"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// program writes a file of which only the header is a program's, for that machine, with an
// interpreter if it is not static.
func program(t *testing.T, machine elf.Machine, static bool) string {
	t.Helper()
	const header, segment = 64, 56
	b := make([]byte, header+segment)
	copy(b, "\x7fELF\x02\x01\x01")
	le := binary.LittleEndian
	le.PutUint16(b[16:], uint16(elf.ET_EXEC))
	le.PutUint16(b[18:], uint16(machine))
	le.PutUint32(b[20:], 1)
	le.PutUint64(b[32:], header)
	le.PutUint16(b[52:], header)
	le.PutUint16(b[54:], segment)
	le.PutUint16(b[56:], 1)
	le.PutUint32(b[header:], uint32(elf.PT_LOAD))
	if !static {
		le.PutUint32(b[header:], uint32(elf.PT_INTERP))
	}
	name := filepath.Join(t.TempDir(), "program")
	must(t, os.WriteFile(name, b, 0o755))
	return name
}

func TestAProgramThatTheNodeCannotRunIsRefused(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(name)
		must(t, err)
		return string(text)
	}
	arm, amd, riscv := program(t, elf.EM_AARCH64, true), program(t, elf.EM_X86_64, true), program(t, elf.EM_RISCV, true)
	const fix = "take ecr-credential-provider as `make build` makes it, or as a release has it"
	blocks := func(code, object, detail string) []plan.Finding {
		return []plan.Finding{{Code: code, Level: plan.Blocks, Object: object, Detail: detail, Fix: fix}}
	}
	text := filepath.Join(t.TempDir(), "text")
	must(t, os.WriteFile(text, []byte("#!/bin/sh\necho this is no program\n"), 0o755))
	dynamic := program(t, elf.EM_X86_64, false)
	for name, c := range map[string]struct {
		files  map[string]string
		plugin string
		want   []plan.Finding
	}{
		"of the same":                {with(base, "/usr/bin/env", read(amd)), amd, nil},
		"of an image without any":    {base, riscv, nil},
		"of an image that is a link": {with(base, "/bin/busybox", read(arm), "/bin/sh", "-> busybox"), arm, nil},
		"of another":                 {with(base, "/usr/bin/env", read(arm)), amd, blocks("other-architecture", amd, "it is for amd64, and the node is arm64")},
		"the kubelet's counts":       {with(base, "/usr/bin/kubelet", read(riscv), "/usr/bin/env", read(arm)), arm, blocks("other-architecture", arm, "it is for arm64, and the node is EM_RISCV")},
		"a script":                   {base, text, blocks("not-a-program", text, "it is no program for Linux: bad magic number '[35 33 47 98]' in record at byte 0x0")},
		"linked dynamically":         {base, dynamic, blocks("not-static", dynamic, "it is linked dynamically, and does not start on a system without its libraries (Alpine, Talos, Bottlerocket)")},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := open(t, c.files).Plan(context.Background(), nil, Options{Distribution: generic, KubeletVersion: "1.34", BinDir: "/b", Config: "/c", Plugin: c.plugin})
			must(t, err)
			if diff := cmp.Diff(c.want, o.Findings); diff != "" {
				t.Error(diff)
			}
		})
	}
	_, err := open(t, base).Plan(context.Background(), nil, Options{Distribution: generic, BinDir: "/b", Config: "/c", Plugin: "/none"})
	if err == nil || err.Error() != "reading the program to install: open /none: no such file or directory" {
		t.Errorf("no program: %v", err)
	}
	live, err := Open("/")
	must(t, err)
	defer live.Close()
	want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[runtime.GOARCH]
	if got := newPlanner(live, Options{}).machine(); got != want {
		t.Errorf("this machine is %v", got)
	}
}

func TestFileSystemsThatDoNotDoAreFoundBefore(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	for name, c := range map[string]struct {
		flags uintptr
		data  string
		want  []string // codes and objects
	}{
		"room":      {0, "size=64m,mode=755", nil},
		"no room":   {0, "size=128k,mode=755", []string{"no-space /b/d"}},
		"read-only": {unix.MS_RDONLY, "size=64m,mode=755", []string{"read-only /b/d"}},
		"noexec":    {unix.MS_NOEXEC, "size=64m,mode=755", []string{"noexec /b/d/ecr-credential-provider"}},
	} {
		t.Run(name, func(t *testing.T) {
			n := open(t, with(base, "/b/", ""))
			if err := unix.Mount("none", n.tree.Path("/b"), "tmpfs", c.flags, c.data); err != nil {
				t.Skip("nothing can be mounted here: ", err)
			}
			defer unix.Unmount(n.tree.Path("/b"), 0)
			o, err := n.Plan(context.Background(), nil, Options{Distribution: generic, BinDir: "/b/d", Config: "/c", Plugin: builtPlugin})
			must(t, err)
			var got []string
			for _, f := range o.Blocked() {
				got = append(got, f.Code+" "+f.Object)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if name == "no room" {
				j, err := n.Journal(t.Context())
				must(t, err)
				start := look(t, n.tree.Path("/"))
				if err := n.Install(t.Context(), j, o, ignore); err == nil || !strings.Contains(err.Error(), "no space left on device") {
					t.Errorf("installed all the same: %v", err)
				}
				if diff := cmp.Diff(start, look(t, n.tree.Path("/"))); diff != "" {
					t.Error(diff)
				}
				j.Close()
			}
		})
	}
}

// SELinux keeps services from running what is below /var/lib, unless its label says so.
func TestProgramsAreLabelledWhereSELinuxAsks(t *testing.T) {
	const config = "/etc/selinux/config"
	for name, c := range map[string]struct {
		files  map[string]string
		label  string // of the parent
		binDir string
		want   string // a code
		gets   bool   // a label
	}{
		"no SELinux":            {base, "", "/var/lib/b", "", false},
		"turned off":            {with(base, config, "SELINUX=disabled\n# SELINUX=enforcing\n"), "", "/var/lib/b", "", false},
		"where policy says so":  {with(base, config, "SELINUX=enforcing\n", "/opt/", ""), "", "/opt/x/bin", "", true},
		"where it does not":     {with(base, config, "# x\nSELINUX=permissive\n"), "system_u:object_r:var_lib_t:s0", "/var/lib/b", "selinux-label", true},
		"labelled well":         {with(base, config, "SELINUX=enforcing\n"), "system_u:object_r:container_runtime_exec_t:s0", "/var/lib/b", "", false},
		"a type that begins so": {with(base, config, "SELINUX=enforcing\n"), "system_u:object_r:usr_t", "/var/lib/b", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			n := open(t, c.files)
			if c.label != "" {
				if err := unix.Setxattr(n.tree.Path("/var/lib"), "security.selinux", []byte(c.label+"\x00"), 0); err != nil {
					t.Skip("no labels here: ", err)
				}
			}
			o, err := install(t, n, Options{Distribution: generic, BinDir: c.binDir, Config: "/c"})
			must(t, err)
			got := ""
			for _, f := range o.Findings {
				got += f.Code
			}
			if got != c.want {
				t.Errorf("found %q", got)
			}
			value := make([]byte, 100)
			size, err := unix.Getxattr(n.tree.Path(c.binDir+"/ecr-credential-provider"), "security.selinux", value)
			switch has := err == nil && string(value[:size]) == binLabel+"\x00"; {
			case has != c.gets && os.Geteuid() == 0:
				t.Errorf("labelled %q, %v", value[:max(size, 0)], err)
			case has && !c.gets:
				t.Error("it has a label")
			}
		})
	}
}

func TestOnlyRootChangesThisMachine(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may")
	}
	live, err := Open("/")
	must(t, err)
	defer live.Close()
	o, err := live.Plan(context.Background(), nil, Options{Distribution: generic, BinDir: "/none/b", Config: "/none/c", Plugin: builtPlugin})
	must(t, err)
	if got := codes(o.Plan); len(got) == 0 || got[0] != "not-root" {
		t.Errorf("got %v", got)
	}
}

func TestInstallingAtAnotherPlaceIsRefused(t *testing.T) {
	n := open(t, base)
	_, err := install(t, n, Options{Distribution: generic, BinDir: "/b", Config: "/c"})
	must(t, err)
	o, err := install(t, n, Options{Distribution: generic, BinDir: "/other", Config: "/c"})
	must(t, err)
	if diff := cmp.Diff([]string{"installed-elsewhere"}, codes(o.Plan)); diff != "" {
		t.Error(diff)
	}
}
