//go:build linux

package e2e

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/cloud"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/node"
)

// Where install puts plugin and config on a node of kubeadm's.
const (
	installed       = "/opt/ecr-credential-provider/bin/ecr-credential-provider"
	installedConfig = "/etc/ecr-credential-provider/config.yaml"
)

// TestInstall installs the plugin on a node that kubeadm made, and takes it back while
// the kubelet runs it: the kubelet that was wired goes on pulling until it is restarted,
// and then all is as it was.
func TestInstall(t *testing.T) {
	n := node.Start(t, set, life)
	n.Kubeadm()
	n.StartService(node.KubeletService)
	n.Run("first", cloud.Image(cloud.Registry, 0))
	n.AwaitRefused("first")
	before := stateOf(t, n)

	bootstrap(t, n, 0, "install", "--yes", "--distribution", "kubeadm")
	calls(t, n)
	finds(t, n, "running-flags")
	n.StartService(node.KubeletService)
	wired := append(slices.Clone(before.args), "--image-credential-provider-config="+installedConfig, "--image-credential-provider-bin-dir="+filepath.Dir(installed))
	if diff := cmp.Diff(wired, n.KubeletArgs()); diff != "" {
		t.Errorf("arguments of the wired kubelet (-want +got)\n%s", diff)
	}
	n.AwaitRunning("first")
	pulledBy(t, n, cloud.Registry, 0, cloud.Principal)
	if evidence, loaded := finds(t, n)["config-loaded"], n.LoadedConfig(); loaded == "" || !strings.Contains(evidence, loaded[:len("sha256:")+12]) {
		t.Errorf("the doctor says that the kubelet has loaded %q, and the kubelet says %q", evidence, loaded)
	}

	unwired := bootstrap(t, n, 3, "uninstall", "--yes")
	if process := fmt.Sprintf("process %d, since ", n.KubeletPID()); !strings.Contains(unwired.Stderr, process) {
		t.Errorf("uninstall does not name %q, which runs the plugin: %s", process, unwired.Stderr)
	}
	another := cloud.RegistryOf(0) // for which the kubelet remembers no answer of the plugin
	n.Run("second", cloud.Image(another, 1))
	n.AwaitRunning("second")
	pulledBy(t, n, another, 1, cloud.Principal)

	n.StartService(node.KubeletService)
	if _, err := os.Stat(installed); err != nil {
		t.Errorf("the plugin went before somebody could know that it may: %v", err)
	}
	bootstrap(t, n, 0, "uninstall", "--yes")
	before.restored(t, n)
	finds(t, n, "kubelet-flags")
	n.Run("third", cloud.Image(cloud.Registry, 2))
	n.AwaitRefused("third")
	calls(t, n, token(endpoint, region, cloud.Principal))
	noneTurnedAway(t, n)
}

// TestInstallWarm installs the plugin where systemd runs. The unit that keeps tokens
// warm asks AWS, with the environment that systemd gives it; the kubelet's pulls find
// what it has fetched, and ask nobody. Then it is all taken back at once.
func TestInstallWarm(t *testing.T) {
	n := node.Start(t, set, life)
	n.Kubeadm()
	n.StartSystemd()
	n.StartService(node.KubeletService)
	before := stateOf(t, n)

	install := bootstrap(t, n, 0, "install", "--yes", "--restart")
	if diff := cmp.Diff([]string{
		"systemctl daemon-reload",
		"systemd-tmpfiles --create /etc/tmpfiles.d/ecr-credential-provider.conf",
		"systemctl start ecr-credential-provider-warm.timer",
		"systemctl --no-block start ecr-credential-provider-warm.service",
		"systemctl restart kubelet.service",
	}, install.Asked); diff != "" {
		t.Errorf("what install asks of systemd (-want +got)\n%s", diff)
	}
	once := token(endpoint, region, cloud.Principal)
	calls(t, n, once)
	for i, host := range [...]string{cloud.Registry, cloud.RegistryOf(0)} {
		pod := fmt.Sprint("app-", i)
		n.Run(pod, cloud.Image(host, i))
		n.AwaitRunning(pod)
		pulledBy(t, n, host, i, cloud.Principal)
	}
	if runs, _ := n.PluginRuns(); runs != 2 {
		t.Errorf("the kubelet ran the plugin %d times, want 2", runs)
	}
	calls(t, n, once)

	uninstall := bootstrap(t, n, 0, "uninstall", "--yes", "--restart")
	if diff := cmp.Diff([]string{
		"systemctl stop ecr-credential-provider-warm.timer",
		"systemctl stop ecr-credential-provider-warm.service",
		"systemctl daemon-reload",
		"systemctl restart kubelet.service",
	}, uninstall.Asked); diff != "" {
		t.Errorf("what uninstall asks of systemd (-want +got)\n%s", diff)
	}
	before.restored(t, n)
	noneTurnedAway(t, n)
}

// bootstrap runs ecr-node-bootstrap, and fails the test if it ends with another status.
func bootstrap(t *testing.T, n *node.Node, status int, args ...string) node.Ran {
	t.Helper()
	ran := n.Bootstrap(args...)
	if ran.Status != status {
		t.Fatalf("ecr-node-bootstrap %s ended with status %d, want %d\n%s%s", strings.Join(args, " "), ran.Status, status, ran.Stdout, ran.Stderr)
	}
	return ran
}

// finds fails the test if the doctor does not find these checks wrong, or others. It
// returns the evidence of those that are right.
func finds(t *testing.T, n *node.Node, want ...string) map[string]string {
	t.Helper()
	status := 0
	if len(want) > 0 {
		status = 3
	}
	var report struct {
		Checks []struct{ Code, Status, Evidence string }
	}
	text := bootstrap(t, n, status, "doctor", "-o", "json").Stdout
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	var wrong []string
	right := map[string]string{}
	for _, c := range report.Checks {
		if c.Status == "ok" {
			right[c.Code] = c.Evidence
		} else {
			wrong = append(wrong, c.Code)
		}
	}
	if diff := cmp.Diff(want, wrong); diff != "" {
		t.Errorf("what the doctor finds (-want +got)\n%s%s", diff, text)
	}
	return right
}

// A nodeState is what an install changes.
type nodeState struct {
	files map[string]string
	args  []string // the kubelet's
}

func stateOf(t *testing.T, n *node.Node) nodeState {
	t.Helper()
	return nodeState{traces(t), n.KubeletArgs()}
}

// restored fails the test if the node is not as it was.
func (before nodeState) restored(t *testing.T, n *node.Node) {
	t.Helper()
	now := stateOf(t, n)
	if diff := cmp.Diff(before.files, now.files); diff != "" {
		t.Errorf("what uninstall leaves (-before +after)\n%s", diff)
	}
	if diff := cmp.Diff(before.args, now.args); diff != "" {
		t.Errorf("arguments of the kubelet (-before +after)\n%s", diff)
	}
}

// traces are what an install may leave: everything in /etc and /opt, with bytes, modes
// and owners, and what has a name of ours where the rest of the node writes too.
func traces(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, dir := range [...]string{"/etc", "/opt", "/run", "/var/lib"} {
		all := dir == "/etc" || dir == "/opt"
		err := filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if !all && file != dir && !strings.HasPrefix(entry.Name(), "ecr-") {
				return skip(entry)
			}
			if all || file != dir {
				found[file], err = state(file, entry)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// skip leaves out what is below a directory.
func skip(entry fs.DirEntry) error {
	if entry.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// state is all that may not change about a file.
func state(file string, entry fs.DirEntry) (string, error) {
	info, err := entry.Info()
	if err != nil {
		return "", err
	}
	owner := info.Sys().(*syscall.Stat_t)
	line := fmt.Sprint(info.Mode(), " ", owner.Uid, ":", owner.Gid)
	switch info.Mode().Type() {
	case 0:
		content, err := os.ReadFile(file)
		return fmt.Sprintf("%s %x", line, sha256.Sum256(content)), err
	case fs.ModeSymlink:
		target, err := os.Readlink(file)
		return line + " -> " + target, err
	}
	return line, nil
}
