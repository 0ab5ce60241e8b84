//go:build linux

package deploy

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/deploy"
)

// unitDirectory is one with both units, enabled as install enables them.
func unitDirectory(t *testing.T, w deploy.Warm) string {
	t.Helper()
	dir := t.TempDir()
	for name, target := range map[string]string{deploy.WarmService: "multi-user.target", deploy.WarmTimer: "timers.target"} {
		file := keep(t, dir, path.Base(name), render(t, name, w), 0o644)
		wants := filepath.Join(dir, target+".wants")
		if err := os.Mkdir(wants, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(file, filepath.Join(wants, path.Base(name))); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// verify is systemd's own reading of the units of a directory, and of others.
func verify(t *testing.T, dir string, others ...string) *exec.Cmd {
	t.Helper()
	cmd := judge(t, "systemd", "systemd-analyze", append([]string{"verify", "--man=no",
		filepath.Join(dir, path.Base(deploy.WarmService)), filepath.Join(dir, path.Base(deploy.WarmTimer))}, others...)...)
	cmd.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":")
	return cmd
}

// loaded are the settings of the service as systemd has understood them, by name.
func loaded(t *testing.T, dir string) map[string][]string {
	t.Helper()
	cmd := verify(t, dir, "multi-user.target")
	cmd.Env = append(cmd.Env, "SYSTEMD_LOG_LEVEL=debug") // makes it print all units
	stdout, _ := outcome(t, cmd)
	_, text, found := strings.Cut(stdout, "-> Unit "+path.Base(deploy.WarmService)+":\n")
	if !found {
		t.Fatalf("systemd did not load the service:\n%s", stdout)
	}
	text, _, _ = strings.Cut(text, "-> Unit ")
	settings := map[string][]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			settings[name] = append(settings[name], value)
		}
	}
	return settings
}

func TestUnitsVerify(t *testing.T) {
	for name, w := range warms {
		t.Run(name, func(t *testing.T) {
			if stdout, stderr := outcome(t, verify(t, unitDirectory(t, w))); stdout+stderr != "" {
				t.Errorf("systemd-analyze verify says:\n%s%s", stdout, stderr)
			}
		})
	}
}

func TestServiceIsHardened(t *testing.T) {
	const most = 3.0
	for name, w := range warms {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(unitDirectory(t, w), path.Base(deploy.WarmService))
			stdout, _ := outcome(t, judge(t, "systemd", "systemd-analyze", "security", "--offline=true", "--no-pager", file))
			found := regexp.MustCompile(`Overall exposure level for .*: ([0-9.]+) `).FindStringSubmatch(stdout)
			if found == nil {
				t.Fatalf("no exposure level in:\n%s", stdout)
			}
			if level, err := strconv.ParseFloat(found[1], 64); err != nil || level > most {
				t.Errorf("the exposure level is %s, want at most %.1f:\n%s", found[1], most, stdout)
			}
		})
	}
}

// TestNothingWaits holds that no unit is ordered behind the service but the end: a
// target waits for what it wants, unless it is told not to (systemd.target(5)).
func TestNothingWaits(t *testing.T) {
	s := loaded(t, unitDirectory(t, warms["plain"]))
	if diff := cmp.Diff([]string{"shutdown.target (origin-file)"}, s["Before"]); diff != "" {
		t.Error("ordered behind it:", diff)
	}
	if diff := cmp.Diff([]string{"multi-user.target (destination-file)"}, s["WantedBy"]); diff != "" {
		t.Error("wanted by:", diff)
	}
	for _, unit := range []string{"network-online.target", "sysinit.target", "systemd-tmpfiles-setup.service"} {
		if !slices.ContainsFunc(s["After"], func(a string) bool { return strings.HasPrefix(a, unit+" ") }) {
			t.Errorf("it does not come after %s", unit)
		}
	}
	if diff := cmp.Diff([]string{"1min"}, s["TimeoutStartSec"]); diff != "" {
		t.Error("its time:", diff)
	}
}

// TestServiceFailsSilently holds that a plugin that fails is no failed unit.
func TestServiceFailsSilently(t *testing.T) {
	if got := render(t, deploy.WarmService, warms["plain"]); !strings.Contains(got, "\nExecStart=-/usr/bin/env ") {
		t.Errorf("the exit code counts:\n%s", got)
	}
}

// TestCommandLine compares the words that systemd has found in ExecStart with those
// that went in.
func TestCommandLine(t *testing.T) {
	for name, w := range warms {
		t.Run(name, func(t *testing.T) {
			s := loaded(t, unitDirectory(t, w))
			if len(s["Command Line"]) != 1 {
				t.Fatalf("command lines: %q", s["Command Line"])
			}
			// It prints them quoted for a shell, before it expands variables.
			out, err := exec.CommandContext(t.Context(), "sh", "-c", `printf '%s\0' `+s["Command Line"][0]).Output()
			if err != nil {
				t.Fatalf("%q: %v", s["Command Line"], err)
			}
			got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
			for i, word := range got {
				got[i] = expanded(word)
			}
			want := []string{"/usr/bin/env"}
			for _, v := range w.Env {
				want = append(want, v.Name+"="+v.Value)
			}
			want = append(want, w.Plugin, "warm")
			want = append(want, w.Args...)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error("the words of ExecStart:", diff)
			}
		})
	}
}

// expanded is a word as systemd.service(5) says that it expands one: a variable, here
// shown in brackets, or a doubled dollar.
func expanded(word string) string {
	return regexp.MustCompile(`\$\$|\$\{\w+\}|^\$\w+$`).ReplaceAllStringFunc(word, func(s string) string {
		if s == "$$" {
			return "$"
		}
		return "[variable " + s + "]"
	})
}

func TestPathsOfService(t *testing.T) {
	for name, w := range warms {
		t.Run(name, func(t *testing.T) {
			s := loaded(t, unitDirectory(t, w))
			var files []string
			for _, f := range w.EnvironmentFiles {
				files = append(files, "-"+f)
			}
			if diff := cmp.Diff(files, s["EnvironmentFile"]); diff != "" {
				t.Error("environment files:", diff)
			}
			if diff := cmp.Diff([]string{"-" + w.CacheDir}, s["ReadWritePaths"]); diff != "" {
				t.Error("writable:", diff)
			}
			if diff := cmp.Diff([]string{"/run"}, s["ReadOnlyPaths"]); diff != "" {
				t.Error("not writable:", diff)
			}
		})
	}
}

// TestTmpfiles has systemd make the cache's directory.
func TestTmpfiles(t *testing.T) {
	for name, w := range warms {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			w.CacheDir = filepath.Join(root, w.CacheDir)
			line := render(t, deploy.Tmpfiles, w)
			if os.Getuid() != 0 { // who can give nothing to root
				line = strings.Replace(line, " root root ", " - - ", 1)
			}
			conf := keep(t, root, "tmpfiles.conf", line, 0o644)
			if _, stderr := outcome(t, judge(t, "systemd", "systemd-tmpfiles", "--create", conf)); stderr != "" {
				t.Errorf("systemd-tmpfiles says: %s", stderr)
			}
			info, err := os.Stat(w.CacheDir)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := fmt.Sprint(info.Mode()), fmt.Sprint(fs.ModeDir|0o700); got != want {
				t.Errorf("the directory's mode is %s, want %s", got, want)
			}
		})
	}
}
