//go:build linux

package e2e

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestHostIsReadOnly looks at every mount: only those of this run can be written to.
func TestHostIsReadOnly(t *testing.T) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	var writable []string
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); slices.Contains(strings.Split(f[5], ","), "rw") && !strings.HasPrefix(f[4], "/sys/fs/cgroup") {
			writable = append(writable, f[4])
		}
	}
	want := []string{
		"/etc", "/mnt", "/proc", "/proc/sys/net", "/root", "/run", "/tmp", "/var/lib", "/var/log",
		// Files in memory, shown in the place of the kernel's settings.
		"/proc/sys/kernel/keys/root_maxbytes", "/proc/sys/kernel/keys/root_maxkeys", "/proc/sys/kernel/panic",
		"/proc/sys/kernel/panic_on_oops", "/proc/sys/vm/overcommit_memory", "/proc/sys/vm/panic_on_oom",
	}
	if flag.Lookup("test.artifacts").Value.String() == "true" {
		want = append(want, flag.Lookup("test.outputdir").Value.String())
	}
	if diff := cmp.Diff(want, writable, cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Errorf("mounts that can be written to (-want +got)\n%s", diff)
	}
	for _, file := range [...]string{"/", "/usr", "/var", "/mnt/base", "/sys"} {
		file = filepath.Join(file, "kubelet-ecr-e2e-was-here")
		if err := os.WriteFile(file, nil, 0o600); !errors.Is(err, syscall.EROFS) {
			t.Errorf("writing %s: %v, want %v", file, err, syscall.EROFS)
		}
	}
	if err := os.WriteFile("/proc/sys/vm/swappiness", []byte("60"), 0o644); !errors.Is(err, syscall.EROFS) {
		t.Errorf("writing a setting of the kernel: %v, want %v", err, syscall.EROFS)
	}
}
