package doctor_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/doctor"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/kubelet"
)

const (
	readAtStart = "the kubelet goes by what it read when it started"
	asStarted   = "it goes on as it was started: files are read at the next start"
	restart     = "systemctl restart kubelet.service"
)

func wired() []string { return append([]string{"/usr/bin/kubelet"}, strings.Fields(flagged)...) }

// told is the part of a report that is about what runs.
func told(all []doctor.Check) []doctor.Check {
	for i, c := range all {
		if c.Code == "kubelet-running" {
			return all[i:]
		}
	}
	return nil
}

// TestRunning compares the kubelet that runs with the files.
func TestRunning(t *testing.T) {
	process := doctor.Check{Code: "kubelet-running", Status: "ok", Evidence: "process 812 (kubelet), since TIME"}
	same := doctor.Check{Code: "running-flags", Status: "ok", Evidence: "process 812 was started with this config and bin dir"}
	refused := `(by time; asking the kubelet for its metrics: Get "https://127.0.0.1:10250/metrics": refused)`
	for name, c := range map[string]struct {
		disk    func(*testing.T) disk
		running []running
		want    []doctor.Check
	}{
		"none": {kubeadm, nil, []doctor.Check{
			{Code: "kubelet-running", Status: "warning", Evidence: "no kubelet runs", Cause: "nothing is pulled", Fix: restart},
		}},
		"started before it was told": {kubeadm, []running{{[]string{"/usr/bin/kubelet", "--v=2"}, before}}, []doctor.Check{
			process,
			{Code: "running-flags", Status: "error", Evidence: "process 812 was started without a config of credential providers", Cause: asStarted, Fix: restart},
		}},
		"another config": {kubeadm, []running{{[]string{"kubelet", "--image-credential-provider-config=/x", "--image-credential-provider-bin-dir", binDir}, after}}, []doctor.Check{
			process,
			{Code: "running-flags", Status: "error", Evidence: "process 812 was started with the config /x, and is to have " + config, Cause: asStarted, Fix: restart},
		}},
		"another bin dir": {kubeadm, []running{{[]string{"kubelet", "--image-credential-provider-config=" + config, "--image-credential-provider-bin-dir=/x"}, after}}, []doctor.Check{
			process,
			{Code: "running-flags", Status: "error", Evidence: "process 812 was started with the bin dir /x, and is to have " + binDir, Cause: asStarted, Fix: restart},
		}},
		"the config has changed since": {kubeadm, []running{{wired(), before}}, []doctor.Check{
			process, same,
			{Code: "config-loaded", Status: "error", Evidence: "not loaded yet: process 812 (kubelet), since TIME; " + config + " was changed TIME " + refused, Cause: readAtStart, Fix: restart},
		}},
		"k3s, which shows nothing": {k3s, []running{{[]string{"/usr/local/bin/k3s server"}, before}}, []doctor.Check{
			{Code: "kubelet-running", Status: "ok", Evidence: "process 812 (k3s), since TIME"},
			{Code: "running-flags", Status: "unknown", Evidence: "process 812 is k3s, which does not show its arguments"},
			{
				Code: "config-loaded", Status: "error", Cause: readAtStart, Fix: "systemctl restart k3s.service",
				Evidence: "not loaded yet: process 812 (k3s), since TIME; /var/lib/rancher/credentialprovider/config.yaml was changed TIME " + refused,
			},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := c.disk(t)
			d.write("/run/keep", "")
			got := told(examine(t, doctor.Doctor{Root: d.root, Client: unreachable, Proc: proc(t, c.running...)}))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestGenericByProcess takes what no file tells from the kubelet that runs, also on a
// node of which nobody knows the distribution.
func TestGenericByProcess(t *testing.T) {
	d := kubeadm(t)
	d.remove(drop)
	args := []string{"/usr/bin/kubelet", "--image-credential-provider-config", config, "--image-credential-provider-bin-dir", binDir}
	for _, name := range []string{"", "auto", "generic"} {
		got := examine(t, doctor.Doctor{Root: d.root, Distribution: name, Client: unreachable, Proc: proc(t, running{args, after})})
		want := doctor.Check{Code: "kubelet-flags", Status: "ok", Evidence: "config " + config + ", bin dir " + binDir + ", by the arguments of the running kubelet"}
		if diff := cmp.Diff(want, got[2]); diff != "" {
			t.Errorf("%q: %s", name, diff)
		}
		if last := got[len(got)-1]; last.Code != "config-loaded" || last.Status != doctor.OK {
			t.Errorf("%q: %v", name, last)
		}
	}
}

// TestCacheDir has the plugin's rules of the directory.
func TestCacheDir(t *testing.T) {
	const dir = "/run/ecr-credential-provider"
	for name, c := range map[string]struct {
		do   func(disk)
		want doctor.Check
	}{
		"private":   {func(d disk) { d.chmod(dir, 0o700) }, doctor.Check{Code: "cache-dir", Status: "ok", Evidence: dir + ", mode 0700"}},
		"not there": {func(d disk) { d.remove(dir) }, doctor.Check{Code: "cache-dir", Status: "ok", Evidence: dir + " is not there yet: the plugin makes it"}},
		"open": {func(d disk) { d.chmod(dir, 0o750) }, doctor.Check{
			Code: "cache-dir", Status: "warning", Evidence: dir + " has mode 0750",
			Cause: "the plugin does not trust it, and asks AWS for a token at every pull", Fix: "chmod 0700 ROOT" + dir,
		}},
		"a link": {func(d disk) { d.remove(dir); d.link("/var/lib", dir) }, doctor.Check{
			Code: "cache-dir", Status: "warning", Evidence: dir + " is no directory",
			Cause: "the plugin does not trust it, and asks AWS for a token at every pull",
			Fix:   "rm -rf ROOT" + dir + " && install -d -m 0700 -o root -g root ROOT" + dir,
		}},
		"elsewhere": {func(d disk) {
			d.edit(config, "    matchImages:", "    args: [--cache-dir=/var/tokens]\n    matchImages:")
		}, doctor.Check{Code: "cache-dir", Status: "ok", Evidence: "/var/tokens is not there yet: the plugin makes it"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := kubeadm(t)
			d.write(dir+"/keep", "")
			c.do(d)
			for _, got := range examine(t, doctor.Doctor{Root: d.root, Proc: proc(t)}) {
				if got.Code == "cache-dir" {
					if diff := cmp.Diff(c.want, got); diff != "" {
						t.Error(diff)
					}
					return
				}
			}
			t.Error("no check of the cache directory")
		})
	}
}

// pair writes a client certificate of its own making, for CN name.
func pair(t *testing.T, d disk, certificate, key, name string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: after}
	template.Subject.CommonName = name
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	d.write(certificate, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	d.write(key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

// kubeletServer serves metrics as a kubelet does: by TLS, with a certificate of its own
// making, and for a client with the certificate of wants, for anybody if that is "".
func kubeletServer(t *testing.T, metrics, wants string) string {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := r.TLS.PeerCertificates
		if wants != "" && (len(who) == 0 || who[0].Subject.CommonName != wants) {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, metrics)
	}))
	s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	s.Config.ErrorLog = nil
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL + "/metrics"
}

// TestLoadedByHash believes the kubelet before the clock.
func TestLoadedByHash(t *testing.T) {
	const (
		metric = `kubelet_credential_provider_config_info{hash="%s"} 1` + "\n"
		admin  = "kube-apiserver-kubelet-client"
	)
	other := "sha256:" + strings.Repeat("0123", 16)
	for name, c := range map[string]struct {
		metrics func(hash string) string
		wants   string
		version string
		started running
		want    doctor.Check
	}{
		"loaded, though the clock says otherwise": {
			func(hash string) string { return fmt.Sprintf(metric, hash) }, "", "", running{wired(), before},
			doctor.Check{Code: "config-loaded", Status: "ok", Evidence: "HASH, by URL"},
		},
		"another, though the clock says otherwise": {
			func(string) string { return fmt.Sprintf(metric, other) }, "", "", running{wired(), after},
			doctor.Check{
				Code: "config-loaded", Status: "error", Evidence: "the kubelet has loaded sha256:012301230123 by URL, and " + config + " is HASH",
				Cause: readAtStart, Fix: restart,
			},
		},
		"none": {
			func(string) string { return "go_goroutines 1\n" }, "", "", running{wired(), after},
			doctor.Check{
				Code: "config-loaded", Status: "error", Evidence: "URL tells no hash of a config: the kubelet has loaded none", Cause: never, Fix: restart,
			},
		},
		"an older kubelet": {
			func(string) string { return "go_goroutines 1\n" }, "", "1.33", running{wired(), after},
			doctor.Check{
				Code: "config-loaded", Status: "ok", Evidence: config + " was last changed TIME, and the kubelet started after that",
			},
		},
		"with the certificate of a control plane": {
			func(hash string) string { return fmt.Sprintf(metric, hash) }, admin, "", running{wired(), before},
			doctor.Check{Code: "config-loaded", Status: "ok", Evidence: "HASH, by URL"},
		},
		"without the certificate": {
			func(hash string) string { return fmt.Sprintf(metric, hash) }, "somebody else", "", running{wired(), after},
			doctor.Check{
				Code: "config-loaded", Status: "ok",
				Evidence: config + " was last changed TIME, and the kubelet started after that (by time; asking the kubelet for its metrics: URL answers 401 Unauthorized)",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := kubeadm(t)
			pair(t, d, "/etc/kubernetes/pki/apiserver-kubelet-client.crt", "/etc/kubernetes/pki/apiserver-kubelet-client.key", admin)
			pair(t, d, "/var/lib/rancher/k3s/server/tls/client-kube-apiserver.crt", "/var/lib/rancher/k3s/server/tls/client-kube-apiserver.key", "system:apiserver")
			hash, err := kubelet.ConfigHash(filepath.Join(d.root, config))
			if err != nil {
				t.Fatal(err)
			}
			url := kubeletServer(t, c.metrics(hash), c.wants)
			all := examine(t, doctor.Doctor{Root: d.root, KubeletVersion: c.version, Metrics: url, Proc: proc(t, c.started)}, url, "URL", hash[:19], "HASH")
			if diff := cmp.Diff(c.want, all[len(all)-1]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestDirectory is a kubelet that is told of a directory of configs: the hash is that of
// all files in it.
func TestDirectory(t *testing.T) {
	d := kubeadm(t)
	dir := filepath.Dir(config)
	d.write(dir+"/a.json", `{"apiVersion": "kubelet.config.k8s.io/v1", "kind": "CredentialProviderConfig", "providers": [{"name": "acr",
		"apiVersion": "credentialprovider.kubelet.k8s.io/v1", "defaultCacheDuration": "1h", "matchImages": ["*.azurecr.io"]}]}`)
	d.link("ecr-credential-provider", binDir+"/acr")
	d.edit("/etc/default/kubelet", config, dir)
	hash, err := kubelet.ConfigHash(filepath.Join(d.root, dir))
	if err != nil {
		t.Fatal(err)
	}
	url := kubeletServer(t, `kubelet_credential_provider_config_info{hash="`+hash+`"} 1`+"\n", "")
	args := []string{"kubelet", "--image-credential-provider-config=" + dir, "--image-credential-provider-bin-dir=" + binDir}
	d.write("/run/keep", "")
	got := examine(t, doctor.Doctor{Root: d.root, Metrics: url, Proc: proc(t, running{args, before})}, url, "URL", hash[:19], "HASH")
	if found := only(got, doctor.Error, doctor.Warning, doctor.Unknown); found != nil {
		t.Error(found)
	}
	if last := got[len(got)-1]; last.Evidence != "HASH, by URL" {
		t.Error(last)
	}
}
