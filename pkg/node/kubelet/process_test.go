package kubelet_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/kubelet"
)

// process is what /proc has of one.
type process struct {
	name, cmdline, exe string
	state              string // S if empty
	pids               string // in namespaces within
	ticks              int
}

func procOf(t *testing.T, all map[string]process) string {
	t.Helper()
	files := map[string]string{"uptime": "1.00 1.00\n", "self": "-> 1", "sys/kernel/ostype": "Linux\n"}
	for pid, p := range all {
		state := p.state
		if state == "" {
			state = "S (sleeping)"
		}
		files[pid+"/status"] = fmt.Sprintf("Name:\t%s\nUmask:\t0022\nState:\t%s\nPid:\t%s\nNSpid:\t%s%s\n", p.name, state, pid, pid, p.pids)
		files[pid+"/cmdline"] = p.cmdline
		files[pid+"/stat"] = fmt.Sprintf("%s (%s) %c 1 1 1 0 -1 4194560 39495 0 0 564 48 302 138 42 20 0 13 0 %d 49319936 4413 0\n", pid, p.name, state[0], p.ticks)
		if p.exe != "" {
			files[pid+"/exe"] = "-> " + p.exe
		}
	}
	return tree(t, files)
}

func TestRunning(t *testing.T) {
	const k3s = "/var/lib/rancher/k3s/data/5d5cd57e/bin/k3s"
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	proc := kubelet.Proc{
		Now:       func() time.Time { return now },
		SinceBoot: func() (time.Duration, error) { return time.Hour, nil },
		Path: procOf(t, map[string]process{
			"1":   {name: "systemd", cmdline: "/sbin/init\x00", exe: "/usr/lib/systemd/systemd"},
			"2":   {name: "kthreadd"},
			"3":   {name: "kubelet", state: "Z (zombie)"},
			"4":   {name: "kubelet", cmdline: "/usr/bin/kubelet\x00", state: "X (dead)"},
			"5":   {name: "vi", cmdline: "vi\x00/usr/bin/kubelet\x00"},
			"6":   {name: "k3s-token", cmdline: "/usr/local/bin/k3s\x00token\x00create\x00", exe: k3s},
			"7":   {name: "containerd", cmdline: "containerd\x00-c\x00/var/lib/rancher/k3s/agent/etc/containerd/config.toml\x00", exe: k3s},
			"8":   {name: "rke2", cmdline: "/usr/local/bin/rke2 server\x00\x00\x00\x00", exe: "/usr/local/bin/rke2"},
			"9":   {name: "kubelet", cmdline: "/usr/bin/kubelet\x00--v=2\x00", exe: "/usr/bin/kubelet", pids: "\t1"},      // of kind
			"10":  {name: "k3s-server", cmdline: "/usr/local/bin/k3s server\x00\x00", exe: k3s, pids: "\t7\t1"},           // of vcluster
			"11":  {name: "k3s", cmdline: "k3s\x00--debug\x00\x00kubectl\x00get\x00nodes\x00", exe: "/usr/local/bin/k3s"}, // not yet kubectl
			"12":  {name: "k3s", cmdline: "k3s\x00--debug\x00", exe: "/usr/local/bin/k3s"},                                // not yet anything
			"20":  {name: "kubelet", cmdline: "/usr/bin/kubelet\x00--config=/c\x00--node-labels\x00\x00--v=2\x00", ticks: 1234, exe: "/usr/bin/kubelet (deleted)"},
			"21":  {name: "kubelet", cmdline: "kubelet\x00--v=2\x00", ticks: 360000, exe: "/var/lib/rancher/rke2/data/v1.34.1-rke2r1-4bdd1f0a1c9e/bin/kubelet"},
			"22":  {name: "k3s-server", cmdline: "/usr/local/bin/k3s server\x00\x00\x00\x00\x00\x00\x00", exe: k3s},
			"23":  {name: "k3s-agent", cmdline: "/usr/local/bin/k3s agent          \x00", exe: "/var/lib/rancher/k3s/data/5d5cd57e/bin/containerd"},
			"24":  {name: "k3s", cmdline: "/usr/bin/k3s server\x00\x00", exe: "/usr/bin/k3s"},
			"25":  {name: "k3s", cmdline: "/usr/bin/k3s\x00--debug\x00agent\x00--server\x00https://a:6443\x00", exe: "/usr/bin/k3s"},
			"26":  {name: "kubelite", cmdline: "/snap/microk8s/8612/kubelite\x00--kubelet-args-file=/var/snap/microk8s/8612/args/kubelet\x00"},
			"27":  {name: "k3s-server", cmdline: "/usr/local/bin/k3s\x00--data-dir\x00/data\x00server\x00", exe: k3s}, // not yet renamed
			"100": {name: "a) S 1 (b", cmdline: "./kubelet\x00", ticks: 2},
		}),
	}
	// What has gone away meanwhile.
	for _, gone := range [...]string{"30/x", "31/status", "32/status", "32/cmdline"} {
		file := filepath.Join(proc.Path, gone)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		content := "Name:\tkubelet\nState:\tS\nNSpid:\t3\n"
		if strings.HasSuffix(gone, "cmdline") {
			content = "/usr/bin/kubelet\x00"
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	booted := now.Add(-time.Hour)
	want := []kubelet.Process{
		{PID: 20, Args: []string{"/usr/bin/kubelet", "--config=/c", "--node-labels", "", "--v=2"}, Exe: "/usr/bin/kubelet (deleted)", Started: booted.Add(12340 * time.Millisecond)},
		{PID: 21, Args: []string{"kubelet", "--v=2"}, Exe: "/var/lib/rancher/rke2/data/v1.34.1-rke2r1-4bdd1f0a1c9e/bin/kubelet", Started: now},
		{PID: 22, Args: []string{"/usr/local/bin/k3s", "server"}, Exe: k3s, Started: booted},
		{PID: 23, Args: []string{"/usr/local/bin/k3s", "agent"}, Exe: "/var/lib/rancher/k3s/data/5d5cd57e/bin/containerd", Started: booted},
		{PID: 24, Args: []string{"/usr/bin/k3s", "server"}, Exe: "/usr/bin/k3s", Started: booted},
		{PID: 25, Args: []string{"/usr/bin/k3s", "--debug", "agent", "--server", "https://a:6443"}, Exe: "/usr/bin/k3s", Started: booted},
		{PID: 26, Args: []string{"/snap/microk8s/8612/kubelite", "--kubelet-args-file=/var/snap/microk8s/8612/args/kubelet"}, Started: booted},
		{PID: 27, Args: []string{"/usr/local/bin/k3s", "--data-dir", "/data", "server"}, Exe: k3s, Started: booted},
		{PID: 100, Args: []string{"./kubelet"}, Started: booted.Add(20 * time.Millisecond)},
	}
	got, err := proc.Running()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Running() (-want +got)\n%s", diff)
	}
}

func TestRunningRefuses(t *testing.T) {
	since := func() (time.Duration, error) { return time.Hour, nil }
	status := "Name:\tkubelet\nState:\tS\nNSpid:\t1\n"
	for _, tt := range []struct {
		name string
		proc kubelet.Proc
		want string
	}{
		{"no folder", kubelet.Proc{Path: "/not/there", SinceBoot: since}, "looking for running kubelets: open /not/there: no such file or directory"},
		{"no clock", kubelet.Proc{Path: t.TempDir(), SinceBoot: func() (time.Duration, error) { return 0, errors.ErrUnsupported }},
			"looking for running kubelets: reading the time since boot: unsupported operation"},
		{"no start", kubelet.Proc{Path: tree(t, map[string]string{"7/status": status, "7/cmdline": "kubelet\x00", "7/stat": "7 (kubelet) S 1 1\n"}), SinceBoot: since},
			"looking at process 7, which is a kubelet: stat has no time of its start"},
		{"a start that is none", kubelet.Proc{Path: tree(t, map[string]string{"7/status": status, "7/cmdline": "kubelet\x00", "7/stat": "7 (kubelet) S" + strings.Repeat(" -1", 30)}), SinceBoot: since},
			`looking at process 7, which is a kubelet: stat has "-1" as the time of its start`},
	} {
		if got, err := tt.proc.Running(); message(err) != tt.want {
			t.Errorf("%s: Running() = %v, %v, want the error %s", tt.name, got, err, tt.want)
		}
	}
}

// TestRunningHere looks at this machine, where a program of that name runs. It is a
// kubelet in all that is looked at.
func TestRunningHere(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processes are looked at on Linux alone")
	}
	before := time.Now()
	cmd := exec.Command("tail", "-f", "/dev/null")
	cmd.Args[0] = "kubelet"
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	after := time.Now()
	all, err := kubelet.Proc{}.Running()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if p.PID != cmd.Process.Pid {
			continue
		}
		if diff := cmp.Diff([]string{"kubelet", "-f", "/dev/null"}, p.Args); diff != "" || p.Exe == "" {
			t.Errorf("Running() has %+v (-want +got)\n%s", p, diff)
		}
		const inexact = 100 * time.Millisecond
		if p.Started.Before(before.Add(-inexact)) || p.Started.After(after.Add(inexact)) {
			t.Errorf("Running() says that it started at %s, want between %s and %s", p.Started, before, after)
		}
		return
	}
	t.Errorf("Running() = %v, want process %d in it", all, cmd.Process.Pid)
}
