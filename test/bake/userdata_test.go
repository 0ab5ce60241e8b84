//go:build linux

package bake

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/deploy"
)

const bootstrap = `version: 1
cluster: prod-1 # "$x" %n
account: "123456789012"
region: eu-central-1
pull:
  mirrors: {registry.corp.example: 123456789012.dkr.ecr.eu-central-1.amazonaws.com}
`

// standIns are programs that say what they are asked. The installer adds a line to a
// file for every run.
var standIns = map[string]string{
	"ecr-credential-provider": "#!/bin/sh\necho plugin\n",
	"ecr-node-bootstrap":      "#!/bin/sh\necho \"it runs: $*\"\nprintf '%s\\n' \"$*\" >>/var/log/asked\ncat \"$3\" >/var/log/file\n",
}

// failing is an installer that fails.
var failing = map[string]string{
	"ecr-credential-provider": "#!/bin/sh\n",
	"ecr-node-bootstrap":      "#!/bin/sh\necho 'installing: no; hint: try' >&2\nexit 1\n",
}

const installed = "install -f /etc/ecr-node-bootstrap/bootstrap.yaml --plugin /usr/local/bin/ecr-credential-provider"

// archive packs programs as a release does.
func archive(t *testing.T, programs map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	for name, text := range programs {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Uid: 1234, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// server serves an archive, at first with other codes. The count is of requests.
func server(t *testing.T, content []byte, codes ...int) (url string, requests *atomic.Int32) {
	t.Helper()
	requests = &atomic.Int32{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := int(requests.Add(1)); n <= len(codes) {
			w.WriteHeader(codes[n-1])
			return
		}
		w.Write(content)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/a.tar.gz?x=1&y=$z", requests
}

// userData renders what a machine boots with.
func userData(t *testing.T, u deploy.UserData) string {
	t.Helper()
	if u.Bootstrap == "" {
		u.Bootstrap = bootstrap
	}
	text, err := deploy.Render(deploy.UserDataFile, u)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

// asked are the arguments of the installer, a line for each time that it ran.
func (m machine) asked() string {
	m.t.Helper()
	text, _ := m.read("/var/log/asked")
	return text
}

// TestArchive boots with an archive, whose server is busy at first.
func TestArchive(t *testing.T) {
	m := newMachine(t)
	content := archive(t, standIns)
	url, requests := server(t, content, http.StatusServiceUnavailable)
	u := deploy.UserData{ArchiveURL: url, ArchiveSHA256: sum(content), Distribution: "k3s", KubeletVersion: "v1.34.2+k3s1", Restart: true}
	log := m.boot(userData(t, u))

	want := installed + " --distribution k3s --kubelet-version v1.34.2+k3s1 --restart --yes\n"
	if diff := cmp.Diff(want, m.asked()); diff != "" {
		t.Errorf("what the installer was asked: %s\n%s", diff, log)
	}
	files := m.files("/usr/local/bin")
	if diff := cmp.Diff(map[string]fs.FileMode{"/usr/local/bin/ecr-credential-provider": 0o755, "/usr/local/bin/ecr-node-bootstrap": 0o755}, files); diff != "" {
		t.Error("the programs:", diff)
	}
	for name, text := range standIns {
		if got, _ := m.read("/usr/local/bin/" + name); got != text {
			t.Errorf("%s is %q", name, got)
		}
	}
	if owners, _ := m.run("stat -c %U:%G /usr/local/bin/ecr-*"); owners != "root:root\nroot:root\n" {
		t.Errorf("they belong to %q", owners)
	}
	files = m.files("/etc/ecr-node-bootstrap")
	if diff := cmp.Diff(map[string]fs.FileMode{"/etc/ecr-node-bootstrap/bootstrap-node.sh": 0o755, "/etc/ecr-node-bootstrap/bootstrap.yaml": 0o644}, files); diff != "" {
		t.Error("its files:", diff)
	}
	if got, _ := m.read("/var/log/file"); got != bootstrap {
		t.Errorf("the installer read %q", got)
	}
	if n := requests.Load(); n != 2 {
		t.Errorf("%d requests, want one that fails and one that does not:\n%s", n, log)
	}
	if !strings.Contains(log, "it runs: install ") || !strings.Contains(log, "503") {
		t.Errorf("the log does not say what happened:\n%s", log)
	}
	if left := m.files("/tmp"); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// TestSecondBoot: cloud-init runs it once for an instance, and by hand it may run again.
func TestSecondBoot(t *testing.T) {
	m := newMachine(t)
	content := archive(t, standIns)
	url, _ := server(t, content)
	text := userData(t, deploy.UserData{ArchiveURL: url, ArchiveSHA256: sum(content), Distribution: "rke2"})
	const once = installed + " --distribution rke2 --yes\n"
	for range 2 {
		log := m.boot(text)
		if diff := cmp.Diff(once, m.asked()); diff != "" {
			t.Fatalf("what the installer was asked: %s\n%s", diff, log)
		}
	}
	if out, code := m.run("sh /etc/ecr-node-bootstrap/bootstrap-node.sh"); code != 0 {
		t.Errorf("by hand: exit code %d\n%s", code, out)
	}
	if diff := cmp.Diff(once+once, m.asked()); diff != "" {
		t.Error("what the installer was asked:", diff)
	}
}

// TestNoCurl fetches by the other program that images have.
func TestNoCurl(t *testing.T) {
	m := newMachine(t)
	if out, code := m.run("rm /usr/bin/curl"); code != 0 {
		t.Fatal(out)
	}
	content := archive(t, standIns)
	url, requests := server(t, content, http.StatusServiceUnavailable)
	log := m.boot(userData(t, deploy.UserData{ArchiveURL: url, ArchiveSHA256: sum(content)}))
	if diff := cmp.Diff(installed+" --yes\n", m.asked()); diff != "" || requests.Load() != 2 {
		t.Errorf("what the installer was asked after %d requests: %s\n%s", requests.Load(), diff, log)
	}
}

// TestBaked boots with the programs that the image has.
func TestBaked(t *testing.T) {
	m := newMachine(t)
	for name, text := range standIns {
		m.write("/usr/local/bin/"+name, text)
	}
	if out, code := m.run("chmod 0755 /usr/local/bin/ecr-*"); code != 0 {
		t.Fatal(out)
	}
	log := m.boot(userData(t, deploy.UserData{Distribution: "kubeadm"}))
	if diff := cmp.Diff(installed+" --distribution kubeadm --yes\n", m.asked()); diff != "" {
		t.Errorf("what the installer was asked: %s\n%s", diff, log)
	}
}

// TestFailures: each has its line in the log, leaves nothing half done, and lets the
// boot go on.
func TestFailures(t *testing.T) {
	whole := archive(t, standIns)
	half := archive(t, map[string]string{"ecr-node-bootstrap": standIns["ecr-node-bootstrap"]})
	wrong := strings.Repeat("0", 64)
	for _, tt := range []struct {
		name    string
		content []byte
		sum     string
		want    string // in the log, of the URL
		files   int    // in /usr/local/bin
	}{
		{"another archive", whole, wrong, "bootstrap-node.sh: checking URL: its SHA-256 is " + sum(whole) + ", not " + wrong + "; hint: nothing of it has been installed\n", 0},
		{"half an archive", half, sum(half), "bootstrap-node.sh: unpacking URL: it has no ecr-credential-provider at its top\n", 0},
		{"nothing baked in", nil, "", "bootstrap-node.sh: there is no /usr/local/bin/ecr-credential-provider; hint: bake it in, or name an archive\n", 0},
		{"install fails", archive(t, failing), sum(archive(t, failing)), "installing: no; hint: try\n", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			u := deploy.UserData{ArchiveSHA256: tt.sum}
			var requests *atomic.Int32
			if tt.content != nil {
				u.ArchiveURL, requests = server(t, tt.content)
			}
			// The reader's own commands come after it.
			log := m.boot(userData(t, u) + "  - [touch, /var/log/went-on]\n")
			if want := strings.ReplaceAll(tt.want, "URL", u.ArchiveURL); !strings.Contains(log, want) {
				t.Errorf("the log does not say %q:\n%s", want, log)
			}
			if files := m.files("/usr/local/bin"); len(files) != tt.files {
				t.Errorf("programs: %v", files)
			}
			if m.asked() != "" {
				t.Errorf("the installer was asked %s", m.asked())
			}
			if _, ok := m.read("/var/log/went-on"); !ok {
				t.Errorf("the boot did not go on:\n%s", log)
			}
			if requests != nil && requests.Load() != 1 {
				t.Errorf("%d requests", requests.Load())
			}
		})
	}
}
