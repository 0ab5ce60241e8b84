//go:build linux

package deploy

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/deploy"
)

func TestOpenRCIsShellchecked(t *testing.T) {
	for name, w := range warms {
		t.Run(name, func(t *testing.T) { shellchecked(t, render(t, deploy.OpenRCWarm, w)) })
	}
	t.Run("periodic", func(t *testing.T) { shellchecked(t, render(t, deploy.CronWarm, nil)) })
}

// TestOpenRCRuns runs the functions of the script as openrc-run does, which has read
// it. What the plugin gets is what the kubelet's gets; what it says goes to syslog; and
// whether it fails is no matter of the runlevel.
func TestOpenRCRuns(t *testing.T) {
	for name, w := range warms {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w.Plugin = keep(t, dir, `a b$c'd"`, "#!/bin/sh\nprintf '%s\\n' \"$@\" \"HTTPS_PROXY=${HTTPS_PROXY-}\" \"FROM_FILE=${FROM_FILE-}\"\nexit 1\n", 0o755)
			w.EnvironmentFiles = []string{
				filepath.Join(dir, "absent"),
				keep(t, dir, "k3s.env", "FROM_FILE='x y'\nHTTPS_PROXY=http://loses\n", 0o644),
			}
			keep(t, dir, "logger", "#!/bin/sh\nprintf '%s\\n' \"$*\"\nexec cat\n", 0o755)
			script := keep(t, dir, "script", render(t, deploy.OpenRCWarm, w), 0o755)
			cmd := exec.CommandContext(t.Context(), "sh", "-c", `PATH="$1:$PATH"; . "$2"; warm`, "sh", dir, script)
			stdout, stderr := outcome(t, cmd)
			proxy := "http://loses"
			for _, v := range w.Env {
				if v.Name == "HTTPS_PROXY" {
					proxy = v.Value
				}
			}
			want := append([]string{"-t ecr-credential-provider -p daemon.info", "warm"}, w.Args...)
			want = append(want, "HTTPS_PROXY="+proxy, "FROM_FILE=x y", "")
			if diff := cmp.Diff(strings.Join(want, "\n"), stdout+stderr); diff != "" {
				t.Error("the plugin's words and variables, in the log:", diff)
			}
		})
	}
}

// TestOpenRCStarts holds that start makes the cache's directory, waits for nothing and
// succeeds.
func TestOpenRCStarts(t *testing.T) {
	dir := t.TempDir()
	w := warms["nasty"]
	w.Plugin = keep(t, dir, "plugin", "#!/bin/sh\nread -r line <\"$0.go\"\n", 0o755)
	script := keep(t, dir, "script", render(t, deploy.OpenRCWarm, w), 0o755)
	// The plugin ends only when the shell that ran start opens its fifo.
	cmd := exec.CommandContext(t.Context(), "sh", "-c",
		`mkfifo "$2.go"; checkpath() { printf '%s\n' "$@"; return 1; }; logger() { cat; }; . "$1"; start && echo started; echo >"$2.go"; wait`, "sh", script, w.Plugin)
	stdout, stderr := outcome(t, cmd)
	want := strings.Join([]string{"--directory", "--owner", "root:root", "--mode", "0700", w.CacheDir, "started", ""}, "\n")
	if diff := cmp.Diff(want, stdout+stderr); diff != "" {
		t.Error(diff)
	}
}

// TestPeriodicRuns holds that cron goes through the script, which knows the rest.
func TestPeriodicRuns(t *testing.T) {
	dir := t.TempDir()
	keep(t, dir, "rc-service", "#!/bin/sh\nprintf '%s\\n' \"$*\"\n", 0o755)
	script := keep(t, dir, "periodic", render(t, deploy.CronWarm, nil), 0o755)
	stdout, _ := outcome(t, exec.CommandContext(t.Context(), "sh", "-c", `PATH="$1:$PATH"; exec "$2"`, "sh", dir, script))
	if diff := cmp.Diff("--quiet ecr-credential-provider-warm warm\n", stdout); diff != "" {
		t.Error(diff)
	}
}
