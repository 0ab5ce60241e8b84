package doctor_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/doctor"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
)

// TestDirectoryAsGiven judges all files of a directory of configs.
func TestDirectoryAsGiven(t *testing.T) {
	dir := filepath.Dir(config)
	given := "ecr-node-bootstrap install --root ROOT --distribution generic --bin-dir " + binDir + " --config " + dir
	for name, c := range map[string]struct {
		version string
		do      func(disk)
		want    []doctor.Check
	}{
		"one with ours": {"1.34", func(d disk) { d.write(dir+"/notes.conf", "no config") }, nil},
		"a kubelet that takes none": {"1.33", func(disk) {}, []doctor.Check{{
			Code: "config-file", Status: "error", Evidence: dir + " is a directory, which kubelets take since 1.34, and this is 1.33", Cause: exits, Fix: "name a file in it",
		}}},
		"nothing in it": {"1.34", func(d disk) { d.remove(config) }, []doctor.Check{{
			Code: "config-file", Status: "error", Evidence: "no file in " + dir + " ends in .json, .yaml or .yml", Cause: exits, Fix: given,
		}}},
		"ours twice": {"1.34", func(d disk) { d.write(dir+"/z.yml", rendered(d.t, 34, registry.MatchImages())) }, []doctor.Check{{
			Code: "config-entry", Status: "error", Cause: exits, Fix: "rm ROOT" + dir + "/z.yml",
			Evidence: `provider "ecr-credential-provider" is in more than one file: ` + config + ", " + dir + "/z.yml",
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			d := kubeadm(t)
			c.do(d)
			got := only(examine(t, doctor.Doctor{Root: d.root, Distribution: "generic", Config: dir, BinDir: binDir, KubeletVersion: c.version}), doctor.Error, doctor.Warning)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestTokenGate warns of what only a feature gate makes a kubelet take.
func TestTokenGate(t *testing.T) {
	d := kubeadm(t)
	d.edit("/var/lib/dpkg/status", "1.34.1", "1.33.5")
	d.edit(config, "    matchImages:", "    tokenAttributes: {serviceAccountTokenAudience: a, requireServiceAccount: true}\n    matchImages:")
	want := []doctor.Check{{
		Code: "config-valid", Status: "warning", Cause: exits + ", and whether the gate is on was not looked at", Fix: "upgrade the kubelet to 1.34",
		Evidence: config + `: provider "ecr-credential-provider": tokenAttributes: kubelet 1.33 does not start with them unless its feature gate KubeletServiceAccountTokenForCredentialProviders is on`,
	}}
	if diff := cmp.Diff(want, only(examine(t, doctor.Doctor{Root: d.root}), doctor.Error, doctor.Warning)); diff != "" {
		t.Error(diff)
	}
}

// TestFirst has an entry that no kubelet reads be the one finding in the config.
func TestFirst(t *testing.T) {
	d := kubeadm(t)
	d.edit(config, "    matchImages:", "    matchImage:")
	got := only(examine(t, doctor.Doctor{Root: d.root}), doctor.Error, doctor.Warning)
	if len(got) != 1 || got[0].Code != "config-valid" {
		t.Error(got)
	}
}

// TestFlagsChanged heeds the file that has the flags where the kubelet does not show them.
func TestFlagsChanged(t *testing.T) {
	const flags = "/etc/rancher/k3s/config.yaml"
	d := k3s(t)
	written := func(name string) int64 {
		info, err := os.Stat(filepath.Join(d.root, name))
		if err != nil {
			t.Fatal(err)
		}
		return info.ModTime().UnixNano()
	}
	text := "image-credential-provider-config: " + config + "\nimage-credential-provider-bin-dir: " + binDir + "\n"
	for d.write(flags, text); written(flags) <= written(config); {
		d.write(flags, text)
	}
	got := examine(t, doctor.Doctor{Root: d.root, Client: unreachable, Proc: proc(t, running{[]string{"/usr/local/bin/k3s server"}, before})})
	want := doctor.Check{
		Code: "config-loaded", Status: "error", Cause: readAtStart, Fix: "systemctl restart k3s.service",
		Evidence: "not loaded yet: process 812 (k3s), since TIME; " + flags +
			` was changed TIME (by time; asking the kubelet for its metrics: Get "https://127.0.0.1:10250/metrics": refused)`,
	}
	if diff := cmp.Diff(want, got[len(got)-1]); diff != "" {
		t.Error(diff)
	}
}

// TestForeignOwner is a program of somebody who is neither root nor who bakes the image.
func TestForeignOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may give a file away")
	}
	d := kubeadm(t)
	if err := os.Chown(filepath.Join(d.root, plugin), 65534, 0); err != nil {
		t.Fatal(err)
	}
	want := []doctor.Check{{
		Code: "program-owner", Status: "error", Evidence: plugin + " belongs to user 65534", Cause: "who writes it is root at the next pull", Fix: "chown root:root ROOT" + plugin,
	}}
	if diff := cmp.Diff(want, only(examine(t, doctor.Doctor{Root: d.root}), doctor.Error, doctor.Warning)); diff != "" {
		t.Error(diff)
	}
}
