//go:build linux

package bake

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/deploy"
)

// programs are those of this checkout, built as a release is.
func programs(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", dir, "../../cmd/...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the programs: %v\n%s", err, out)
	}
	built := map[string]string{}
	for name := range standIns {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		built[name] = string(text)
	}
	return built
}

// TestInstall boots with the real programs, on a machine where k3s is still to come, up
// to the point where AWS is needed: the units' command asks for it.
func TestInstall(t *testing.T) {
	m := newMachine(t)
	built := programs(t)
	content := archive(t, built)
	url, _ := server(t, content)
	log := m.boot(userData(t, deploy.UserData{ArchiveURL: url, ArchiveSHA256: sum(content), Distribution: "k3s", KubeletVersion: "v1.34.2"}))

	const (
		bin     = "/var/lib/rancher/credentialprovider/bin/ecr-credential-provider"
		units   = "/etc/systemd/system/"
		service = "ecr-credential-provider-warm.service"
		timer   = "ecr-credential-provider-warm.timer"
	)
	want := map[string]fs.FileMode{
		bin: 0o755,
		"/var/lib/rancher/credentialprovider/config.yaml": 0o644,
		units + service: 0o644,
		units + timer:   0o644,
		units + "multi-user.target.wants/" + service:   fs.ModeSymlink | 0o777,
		units + "timers.target.wants/" + timer:         fs.ModeSymlink | 0o777,
		"/etc/tmpfiles.d/ecr-credential-provider.conf": 0o644,
	}
	got := map[string]fs.FileMode{}
	for _, dir := range []string{"/var/lib/rancher", "/etc/systemd", "/etc/tmpfiles.d"} {
		for name, mode := range m.files(dir) {
			got[name] = mode
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("what was installed: %s\n%s", diff, log)
	}
	if text, _ := m.read(bin); text != built["ecr-credential-provider"] {
		t.Error("the plugin is another one")
	}
	if out, code := m.run("sh /etc/ecr-node-bootstrap/bootstrap-node.sh"); code != 0 || !strings.Contains(out, "nothing to change") {
		t.Errorf("a second run: exit code %d\n%s", code, out)
	}
	if out, code := m.run("systemd-tmpfiles --create && systemd-analyze verify --man=no " + units + service + " " + units + timer); code != 0 || out != "" {
		t.Errorf("systemd says, exit code %d:\n%s", code, out)
	}
	// Nothing in this command needs quotes, so a shell reads it as systemd does.
	out, code := m.run(`systemd-tmpfiles --create && AWS_EC2_METADATA_DISABLED=true sh -c "$(sed -n s/^ExecStart=-//p "$1")"`, units+service)
	if line, hint, found := strings.Cut(out, "; hint: "); code != 1 || !found || !strings.HasPrefix(line, "ecr-credential-provider: ") || strings.Count(hint, "\n") != 1 {
		t.Errorf("without AWS: exit code %d\n%s", code, out)
	}
}
