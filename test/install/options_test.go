//go:build linux

package install

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// head is what every bootstrap.yaml begins with.
const head = "version: 1\ncluster: prod-1\naccount: \"123456789012\"\nregion: eu-central-1\n"

// file writes a bootstrap.yaml with that pull and returns its name.
func file(t *testing.T, pull string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bootstrap.yaml")
	must(t, os.WriteFile(path, []byte(head+pull), 0o644))
	return path
}

const (
	plain   = "pull:\n  public: true\n"
	corp    = "pull:\n  mirrors:\n    registry.corp.example: 123456789012.dkr.ecr.eu-central-1.amazonaws.com\n  proxy: http://proxy.corp.example:3128\n  noProxy: [.corp.example, 10.0.0.0/8]\n"
	account = "pull:\n  crossAccount:\n    - {account: \"333333333333\", assume: \"arn:aws:iam::333333333333:role/ecr-pull\"}\n"
	pods    = "pull:\n  serviceAccounts: {audience: sts.amazonaws.com, required: false}\n"
)

// TestOptions installs with what the flags and bootstrap.yaml ask for, and takes that
// back.
func TestOptions(t *testing.T) {
	for name, test := range map[string]struct {
		tree, pull string // no bootstrap.yaml if pull is ""
		args       []string
	}{
		"public":                   {"kubeadm-deb", plain, nil},
		"mirrors and a proxy":      {"kubeadm-deb-init", corp, nil},
		"mirrors and a proxy, k3s": {"k3s-server-other", corp, nil},
		"another account":          {"rke2-server-configured", account, nil},
		"pods":                     {"kubeadm-deb", pods, nil},
		"pods, told the minor":     {"kubeadm-flatcar", pods, []string{"--kubelet-version", "1.34"}},
		"partition":                {"kubeadm-deb", "", []string{"--partition", "aws-cn"}},
		"generic":                  {"none", "", []string{"--distribution", "generic", "--bin-dir", "/opt/pull/bin", "--config", "/etc/pull/config.yaml"}},
		"one of two":               {"two", "", []string{"--distribution", "kubeadm"}},
		"the other of two":         {"two", "", []string{"--distribution", "k3s"}},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, test.tree)
			start := n.snapshot(t)
			args := test.args
			if test.pull != "" {
				args = append([]string{"-f", file(t, test.pull)}, args...)
			}
			runs(t, 0, n.install(built.plugin, args...))
			installed := n.snapshot(t)
			golden(t, "options "+name, differ(start, installed.settled()))
			if name != "generic" { // which wires nothing
				for _, bar := range n.bars(installed) {
					t.Error("the kubelet would not start:", bar)
				}
				n.checkConfig(t)
			}
			runs(t, 0, n.install(built.plugin, args...))
			if diff := differ(installed, n.snapshot(t)); diff != "" {
				t.Error("a second install has changed the tree:", diff)
			}
			runs(t, 0, n.uninstall())
			if diff := differ(start, n.snapshot(t)); diff != "" {
				t.Error("uninstall does not lead back:", diff)
			}
		})
	}
}

// TestOptionsChange installs with one bootstrap.yaml, then with another: it is as if the
// second had been the only one.
func TestOptionsChange(t *testing.T) {
	for _, name := range []string{"kubeadm-deb-init", "k3s-server-other", "eks-al2023", "k3s-server-official"} {
		t.Run(name, func(t *testing.T) {
			once := newNode(t, name)
			runs(t, 0, once.install(built.plugin, "-f", file(t, corp)))
			n := newNode(t, name)
			start := n.snapshot(t)
			runs(t, 0, n.install(built.plugin, "-f", file(t, plain)))
			runs(t, 0, n.install(built.plugin, "-f", file(t, corp)))
			if diff := differ(once.snapshot(t).settled(), n.snapshot(t).settled()); diff != "" {
				t.Error("the first file has left something:", diff)
			}
			runs(t, 0, n.uninstall())
			if diff := differ(start, n.snapshot(t)); diff != "" {
				t.Error("uninstall does not lead back:", diff)
			}
		})
	}
}

// TestOptionsRefused asks for what the node cannot have.
func TestOptionsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		tree, pull string
		args       []string
		words      string
	}{
		"pods, and nobody knows the minor": {"kubeadm-flatcar", pods, nil, "--kubelet-version"},
		"pods, and an old kubelet":         {"kubeadm-deb-old", pods, nil, "1.27"},
		"old by what it is told":           {"kubeadm-flatcar", "", []string{"--kubelet-version", "1.25"}, "1.26"},
		"a distribution that is not there": {"kubeadm-deb", "", []string{"--distribution", "eks"}, "nodeadm-run.service"},
		"a plugin that is a script":        {"kubeadm-deb", "", []string{"--plugin", script(t)}, "program"},
		"a plugin that is not there":       {"kubeadm-deb", "", []string{"--plugin", "/nowhere/ecr-credential-provider"}, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			args := test.args
			if test.pull != "" {
				args = append([]string{"-f", file(t, test.pull)}, args...)
			}
			n := newNode(t, test.tree)
			n.fails(t, strings.Fields(test.words), n.install(built.plugin, args...))
		})
	}
}

// script is a plugin that a kubelet would run and we do not install.
func script(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ecr-credential-provider")
	must(t, os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755))
	return path
}
