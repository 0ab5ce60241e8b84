//go:build linux

package isolation

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Missing says what this machine lacks to run containers, each thing on a line:
// nothing, if it can.
func Missing() []string {
	if uid := os.Geteuid(); uid != 0 {
		return []string{fmt.Sprintf("root: this is user %d", uid)} // the rest needs it to be tried
	}
	var missing []string
	cmd := exec.Command("/proc/self/exe", "-test.list=^$")
	cmd.Env = []string{"E2E=skip"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET |
		syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | unix.CLONE_NEWCGROUP}
	if err := cmd.Run(); err != nil {
		missing = append(missing, fmt.Sprintf("namespaces: starting a process in new ones: %v", err))
	}
	if err := unix.MountSetattr(-1, "", unix.AT_EMPTY_PATH, &unix.MountAttr{}); errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		missing = append(missing, fmt.Sprintf("mount_setattr(2), Linux 5.12 or newer, and the permission to mount: %v", err))
	}
	return append(missing, missingCgroups()...)
}

func missingCgroups() []string {
	all, err := hierarchies()
	if err != nil {
		return []string{fmt.Sprintf("cgroups: %v", err)}
	}
	var missing []string
	have := map[string]bool{}
	for _, h := range all {
		probe := filepath.Join(h.below, fmt.Sprint(prefix, os.Getpid(), "-probe"))
		if err := os.Mkdir(probe, 0o755); err != nil {
			missing = append(missing, fmt.Sprintf("cgroups that can be written to: %v", err))
			continue
		}
		controllers := h.options
		if h.options == "" {
			list, err := os.ReadFile(filepath.Join(probe, "cgroup.controllers"))
			if err != nil {
				missing = append(missing, fmt.Sprintf("cgroups: %v", err))
			}
			controllers = strings.Join(strings.Fields(string(list)), ",")
		}
		for c := range strings.SplitSeq(controllers, ",") {
			have[c] = true
		}
		if err := os.Remove(probe); err != nil {
			missing = append(missing, fmt.Sprintf("cgroups: %v", err))
		}
	}
	for _, c := range [...]string{"cpu", "memory", "pids"} { // without which no kubelet starts
		if !have[c] {
			missing = append(missing, fmt.Sprintf("the cgroup controller %s, mounted, or enabled for groups below %s", c, "/sys/fs/cgroup"))
		}
	}
	slices.Sort(missing)
	return missing
}
