package doctor_test

import (
	"debug/elf"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/doctor"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
)

const (
	exits   = "a kubelet does not start so: the node is lost at its next restart"
	never   = "the plugin is never run: images are pulled without credentials"
	install = "ecr-node-bootstrap install --root ROOT"
	waits   = "tokens are not fetched before they are needed: the first pulls after a boot, and one in every few hours, wait for AWS"
)

// TestBroken breaks one thing of a whole node, and wants the findings, and those alone.
func TestBroken(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(disk)
		want doctor.Check
	}{
		"kubelet is too old": {
			func(d disk) { d.edit("/var/lib/dpkg/status", "1.34.1", "1.25.3") },
			doctor.Check{
				Code: "kubelet-version", Status: "error", Evidence: "1.25 (dpkg: kubelet 1.25.3-1.1)",
				Cause: "kubelets before 1.26 do not know the config's API, nor the plugin's", Fix: "upgrade the kubelet",
			},
		},
		"nothing tells the kubelet": {
			func(d disk) { d.write("/etc/default/kubelet", "") },
			doctor.Check{Code: "kubelet-flags", Status: "error", Evidence: "no flag, and no file in a place of its own, tells the kubelet of a config and a bin dir", Cause: never, Fix: install},
		},
		"one flag of two": {
			func(d disk) { d.edit("/etc/default/kubelet", "--image-credential-provider-bin-dir="+binDir, "") },
			doctor.Check{
				Code: "kubelet-flags", Status: "error",
				Evidence: "kubelet flags: the kubelet is given one of --image-credential-provider-config and --image-credential-provider-bin-dir, and does not start without the other",
				Cause:    "the kubelet does not ask the plugin, or does not start", Fix: "give it both, or neither, and run this again",
			},
		},
		"no config": {
			func(d disk) { d.remove(config) },
			doctor.Check{Code: "config-file", Status: "error", Evidence: config + " is not there", Cause: exits, Fix: install},
		},
		"everybody may write the config": {
			func(d disk) { d.chmod(config, 0o666) },
			doctor.Check{
				Code: "config-owner", Status: "error", Evidence: config + " has mode 0666: everybody may write to it",
				Cause: "who writes it says what the kubelet runs as root", Fix: "chmod o-w ROOT" + config,
			},
		},
		"our entry has a field of a newer minor": {
			func(d disk) {
				d.edit("/var/lib/dpkg/status", "1.34.1", "1.32.5")
				d.edit(config, "    matchImages:", "    tokenAttributes: {serviceAccountTokenAudience: a, cacheType: Token, requireServiceAccount: true}\n    matchImages:")
			},
			doctor.Check{
				Code: "config-valid", Status: "error", Cause: exits, Fix: install,
				Evidence: config + `: provider "ecr-credential-provider": tokenAttributes came with kubelet 1.33 and are on from 1.34, this is kubelet 1.32`,
			},
		},
		"an entry of others is broken": {
			func(d disk) {
				d.edit(config, "# by ecr-node-bootstrap", "- {name: acr, apiVersion: credentialprovider.kubelet.k8s.io/v1, matchImages: [\"*.azurecr.io\"]}")
				d.link("ecr-credential-provider", binDir+"/acr")
			},
			doctor.Check{
				Code: "config-valid", Status: "error", Cause: exits, Fix: "${EDITOR:-vi} ROOT" + config,
				Evidence: config + `: provider "acr": defaultCacheDuration: required`,
			},
		},
		"no entry of ours": {
			func(d disk) {
				d.edit(config, "name: ecr-credential-provider", "name: other")
				d.link("ecr-credential-provider", binDir+"/other")
			},
			doctor.Check{Code: "config-entry", Status: "error", Evidence: `no provider is named "ecr-credential-provider" in ` + config, Cause: never, Fix: install},
		},
		"globs of the official plugin's documentation": {
			func(d disk) {
				d.write(config, rendered(d.t, 34, []string{"*.dkr.ecr.*.amazonaws.com", "public.ecr.aws"}))
			},
			doctor.Check{
				Code: "config-globs", Status: "warning", Cause: "images of such hosts are pulled without credentials", Fix: install,
				Evidence: "matchImages lacks *.dkr.ecr-fips.*.amazonaws.com (FIPS), *.dkr-ecr.*.on.aws (dual-stack), *.dkr-ecr-fips.*.on.aws (FIPS, dual-stack), ecr-public.aws.com (dual-stack)",
			},
		},
		"globs of one registry": {
			func(d disk) {
				d.write(config, rendered(d.t, 34, []string{"111122223333.dkr.ecr.eu-west-1.amazonaws.com"}))
			},
			doctor.Check{
				Code: "config-globs", Status: "warning", Cause: "images of other registries are pulled without credentials", Fix: install,
				Evidence: "matchImages (111122223333.dkr.ecr.eu-west-1.amazonaws.com) does not have every private registry of any partition",
			},
		},
		"answers are kept for longer than tokens live": {
			func(d disk) { d.edit(config, `"0s"`, `"24h"`) },
			doctor.Check{
				Code: "config-cache", Status: "warning", Evidence: "defaultCacheDuration is 24h0m0s",
				Cause: "an answer without a duration would be used after its token has ended, and pulls fail", Fix: install,
			},
		},
		"no program": {
			func(d disk) { d.remove(plugin) },
			doctor.Check{Code: "program-file", Status: "error", Evidence: plugin + " is not there", Cause: exits, Fix: install},
		},
		"no bin dir": {
			func(d disk) { d.remove(binDir) },
			doctor.Check{Code: "program-file", Status: "error", Evidence: "the bin dir " + binDir + " is not there", Cause: exits, Fix: install},
		},
		"k3s is told of a config that is not there": {
			func(d disk) {
				d.remove(drop)
				d.write("/usr/local/bin/k3s", "")
				d.remove(config)
				d.write("/etc/rancher/k3s/config.yaml", "image-credential-provider-config: "+config+"\nimage-credential-provider-bin-dir: "+binDir+"\n")
			},
			doctor.Check{
				Code: "config-file", Status: "error", Evidence: config + " is not there", Fix: install,
				Cause: "k3s leaves its kubelet without the plugin, and says so at its debug level alone",
			},
		},
		"a config of k3s that is no YAML": {
			func(d disk) {
				d.remove(drop)
				d.write("/etc/rancher/k3s/config.yaml", "a: [\n")
			},
			doctor.Check{
				Code: "kubelet-flags", Status: "error", Cause: "the kubelet is not told of the plugin, or does not start",
				Evidence: "reading /etc/rancher/k3s/config.yaml: line 1 is no YAML", Fix: "k3s would not start with it either: mend it first",
			},
		},
		"a directory in its place": {
			func(d disk) { d.remove(plugin); d.write(plugin+"/file", "") },
			doctor.Check{Code: "program-file", Status: "error", Evidence: plugin + " is no file", Cause: exits, Fix: install},
		},
		"not executable": {
			func(d disk) { d.chmod(plugin, 0o644) },
			doctor.Check{
				Code: "program-file", Status: "error", Evidence: plugin + " has mode 0644, and cannot be executed", Cause: exits, Fix: "chmod 0755 ROOT" + plugin,
			},
		},
		"a page of HTML instead of a program": {
			func(d disk) { d.write(plugin, "<html>404") },
			doctor.Check{
				Code: "program-format", Status: "error", Cause: "no pull gets credentials", Fix: install,
				Evidence: plugin + " is no program for Linux",
			},
		},
		"a program for another architecture": {
			func(d disk) { d.write(plugin, program(elf.EM_AARCH64, false)) },
			doctor.Check{
				Code: "program-format", Status: "error", Evidence: plugin + " is for aarch64, and the node is x86_64", Cause: "no pull gets credentials", Fix: install,
			},
		},
		"a program that wants libraries": {
			func(d disk) { d.write(plugin, program(elf.EM_X86_64, true)) },
			doctor.Check{
				Code: "program-format", Status: "warning", Evidence: plugin + " is linked dynamically",
				Cause: "it does not start where its libraries are not, as in Alpine and Talos", Fix: install,
			},
		},
		"everybody may exchange the program": {
			func(d disk) { d.chmod("/opt", 0o777) },
			doctor.Check{
				Code: "program-owner", Status: "error", Evidence: "/opt has mode 0777: everybody may write to it",
				Cause: "who writes it is root at the next pull", Fix: "chmod o-w ROOT/opt",
			},
		},
		"everybody may exchange a link to the bin dir": {
			func(d disk) {
				d.write("/data/b/keep", "")
				d.link("/data/b", "/srv/bin")
				if err := os.Rename(d.root+plugin, d.root+"/data/b/ecr-credential-provider"); err != nil {
					d.t.Fatal(err)
				}
				d.edit("/etc/default/kubelet", binDir, "/srv/bin")
				d.chmod("/srv", 0o777)
			},
			doctor.Check{
				Code: "program-owner", Status: "error", Evidence: "/srv has mode 0777: everybody may write to it",
				Cause: "who writes it is root at the next pull", Fix: "chmod o-w ROOT/srv",
			},
		},
		"the program of another provider is missing": {
			func(d disk) {
				d.edit(config, "# by ecr-node-bootstrap", "- {name: acr, apiVersion: credentialprovider.kubelet.k8s.io/v1, defaultCacheDuration: 1h, matchImages: [\"*.azurecr.io\"]}")
			},
			doctor.Check{
				Code: "program-others", Status: "error", Evidence: `provider "acr" of ` + config + ": " + binDir + "/acr is not there",
				Cause: exits, Fix: "put the program there, or take the provider out of the config",
			},
		},
		"no warm service": {
			func(d disk) { d.remove("/etc/systemd/system/ecr-credential-provider-warm.service") },
			doctor.Check{Code: "warm-units", Status: "warning", Evidence: "/etc/systemd/system/ecr-credential-provider-warm.service is not there", Cause: waits, Fix: install},
		},
		"a timer that is not enabled": {
			func(d disk) { d.remove("/etc/systemd/system/timers.target.wants/ecr-credential-provider-warm.timer") },
			doctor.Check{
				Code: "warm-units", Status: "warning", Cause: waits, Fix: install,
				Evidence: "/etc/systemd/system/timers.target.wants/ecr-credential-provider-warm.timer is not there: ecr-credential-provider-warm.timer is not enabled",
			},
		},
		"a masked timer": {
			func(d disk) { d.link("/dev/null", "/etc/systemd/system/ecr-credential-provider-warm.timer") },
			doctor.Check{
				Code: "warm-units", Status: "warning", Evidence: "ecr-credential-provider-warm.timer is masked", Cause: waits,
				Fix: "systemctl unmask ecr-credential-provider-warm.timer",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := kubeadm(t)
			c.do(d)
			got := only(examine(t, doctor.Doctor{Root: d.root}), doctor.Error, doctor.Warning)
			if diff := cmp.Diff([]doctor.Check{c.want}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestTwoEntries has both the judge of configs and nobody else say it: what is found
// twice is one thing to mend.
func TestTwoEntries(t *testing.T) {
	d := kubeadm(t)
	text, err := os.ReadFile(d.root + config)
	if err != nil {
		t.Fatal(err)
	}
	_, entry, _ := strings.Cut(string(text), "providers:\n")
	d.write(config, string(text)+entry)
	want := []doctor.Check{{
		Code: "config-valid", Status: "error", Cause: exits, Fix: install,
		Evidence: config + `: provider "ecr-credential-provider": name: another provider has it too`,
	}}
	if diff := cmp.Diff(want, only(examine(t, doctor.Doctor{Root: d.root}), doctor.Error, doctor.Warning)); diff != "" {
		t.Error(diff)
	}
}

// TestOnePartition wants nothing of a config for one partition, as --partition makes it.
func TestOnePartition(t *testing.T) {
	for _, partition := range []string{"aws", "aws-cn", "aws-us-gov", "aws-iso-b"} {
		globs, err := registry.MatchImagesIn(partition)
		if err != nil {
			t.Fatal(err)
		}
		d := kubeadm(t)
		d.write(config, rendered(t, 34, globs))
		if got := only(examine(t, doctor.Doctor{Root: d.root}), doctor.Error, doctor.Warning); got != nil {
			t.Errorf("%s: %v", partition, got)
		}
	}
}

// TestSticky has nothing against /tmp above the program: root's files are safe in it.
func TestSticky(t *testing.T) {
	d := kubeadm(t)
	d.chmod("/opt", 0o777|os.ModeSticky)
	if got := only(examine(t, doctor.Doctor{Root: d.root}), doctor.Error, doctor.Warning); got != nil {
		t.Error(got)
	}
}

// TestUnknown wants what cannot be seen to be said, and to be no finding.
func TestUnknown(t *testing.T) {
	d := kubeadm(t)
	d.remove("/var/lib/dpkg")
	d.remove("/usr/bin/kubelet")
	d.remove("/usr/lib/systemd/systemd")
	d.write(plugin, "#!/bin/sh\n")
	want := []doctor.Check{
		{Code: "kubelet-version", Status: "unknown", Evidence: "no package and no program tells it: --kubelet-version does; the config is judged as by the newest"},
		{Code: "program-format", Status: "unknown", Evidence: plugin + " is a script, and what it runs is not looked at"},
		{Code: "warm-units", Status: "unknown", Evidence: "neither systemd nor OpenRC is to be seen"},
		{Code: "kubelet-running", Status: "unknown", Evidence: "what runs on this machine says nothing of ROOT"},
	}
	if diff := cmp.Diff(want, only(examine(t, doctor.Doctor{Root: d.root}), doctor.Error, doctor.Warning, doctor.Unknown)); diff != "" {
		t.Error(diff)
	}
}

// TestNotAllowed is an ordinary user, who may not read what only root may.
func TestNotAllowed(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	d := k3s(t)
	d.write("/etc/rancher/k3s/config.yaml", "token: secret\n")
	d.chmod("/etc/rancher/k3s/config.yaml", 0)
	got := only(examine(t, doctor.Doctor{Root: d.root}), doctor.Error, doctor.Warning, doctor.Unknown)
	if len(got) != 2 || got[0].Code != "kubelet-flags" || got[0].Status != doctor.Unknown || !strings.Contains(got[0].Evidence, "permission denied") {
		t.Error(got)
	}
	d = kubeadm(t)
	d.chmod("/etc/ecr-credential-provider", 0)
	t.Cleanup(func() { d.chmod("/etc/ecr-credential-provider", 0o755) })
	got = only(examine(t, doctor.Doctor{Root: d.root}), doctor.Error, doctor.Warning, doctor.Unknown)
	if len(got) != 2 || got[0].Code != "config-file" || got[0].Status != doctor.Unknown {
		t.Error(got)
	}
}
