//go:build linux

package install

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// edit changes a text as somebody who found us installed might.
type edit func(string) string

func replace(old, with string) edit {
	return func(s string) string { return strings.Replace(s, old, with, 1) }
}

func prepend(line string) edit { return func(s string) string { return line + s } }
func extend(line string) edit {
	return func(s string) string {
		if s != "" && !strings.HasSuffix(s, "\n") {
			s += "\n"
		}
		return s + line
	}
}

// TestForeignEditOfText has somebody edit a file that we have edited too: after uninstall
// it is the first file, edited.
func TestForeignEditOfText(t *testing.T) {
	const deb, rpm = "etc/default/kubelet", "etc/sysconfig/kubelet"
	for name, test := range map[string]struct {
		tree, file string
		edit       edit
	}{
		"a flag in front, in double quotes":   {"kubeadm-deb-init", deb, replace(`="`, `="--max-pods=64 `)},
		"a flag changed, in double quotes":    {"kubeadm-deb-init", deb, replace(`--v=2`, `--v=4`)},
		"a flag taken away, in double quotes": {"kubeadm-deb-init", deb, replace(` --v=2`, ``)},
		"a flag in front, in single quotes":   {"kubeadm-deb-single", deb, replace(`='`, `='--max-pods=64 `)},
		"a comment above":                     {"kubeadm-deb-init", deb, prepend("# ticket 4711\n")},
		"a variable below":                    {"kubeadm-deb-init", deb, extend("GODEBUG=netdns=go\n")},
		"a variable below a line unended":     {"kubeadm-deb-unquoted", deb, extend("GODEBUG=netdns=go\n")},
		"a flag in front, without quotes":     {"kubeadm-rpm-init", rpm, replace(`ARGS=`, `ARGS=--max-pods=64 `)},
		"a flag between continued lines":      {"kubeadm-deb-continued", deb, replace("--v=2 \\\n", "--v=2 \\\n  --cpu-cfs-quota=false \\\n")},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, test.tree)
			start := n.snapshot(t)
			first := n.read(t, test.file)
			runs(t, 0, n.install(built.plugin))
			now := n.read(t, test.file)
			edited := test.edit(now)
			if edited == now {
				t.Fatalf("the edit changes nothing:\n%s", now)
			}
			n.write(t, test.file, edited)
			runs(t, 0, n.uninstall())
			if diff := cmp.Diff(words(environment(test.edit(first))), words(environment(n.read(t, test.file)))); diff != "" {
				t.Error("what systemd reads (-want +got):", diff)
			}
			if diff := cmp.Diff(test.edit(first), n.read(t, test.file)); diff != "" {
				t.Error("its text (-want +got):", diff)
			}
			runs(t, 0, n.uninstall())
			if diff := cmp.Diff(test.edit(first), n.read(t, test.file)); diff != "" {
				t.Error("a second uninstall has changed it (-want +got):", diff)
			}
			n.write(t, test.file, first)
			if diff := differ(start, n.snapshot(t)); diff != "" {
				t.Error("besides the edit there is left:", diff)
			}
		})
	}
}

// words are values as the kubelet sees them.
func words(environment map[string]string) map[string][]string {
	all := map[string][]string{}
	for name, value := range environment {
		all[name] = strings.Fields(value)
	}
	return all
}

// TestForeignFlagBehindOurs has somebody add a flag behind ours, within the quotes if
// there are some.
func TestForeignFlagBehindOurs(t *testing.T) {
	for tree, end := range map[string]string{
		"kubeadm-deb-init": "\"\n", "kubeadm-deb-single": "'\n# the end\n", "kubeadm-rpm-init": "\n", "kubeadm-deb": "\"\n", "kubeadm-flatcar": "\"\n", "kubeadm-deb-twice": "\n",
	} {
		t.Run(tree, func(t *testing.T) {
			file := "etc/default/kubelet"
			if !strings.Contains(tree, "deb") {
				file = "etc/sysconfig/kubelet"
			}
			n := newNode(t, tree)
			want := environment(n.read(t, file))
			want["KUBELET_EXTRA_ARGS"] += " --max-pods=64"
			runs(t, 0, n.install(built.plugin))
			now := n.read(t, file)
			if !strings.HasSuffix(now, end) {
				t.Fatalf("the file ends otherwise:\n%s", now)
			}
			n.write(t, file, strings.TrimSuffix(now, end)+" --max-pods=64"+end)
			runs(t, 0, n.uninstall())
			if diff := cmp.Diff(words(want), words(environment(n.read(t, file)))); diff != "" {
				t.Error("what systemd reads (-want +got):", diff)
			}
		})
	}
}

// TestForeignProvider has somebody add a provider of another vendor, and a comment, to a
// config that we have written or merged: both survive, and we are out of it.
func TestForeignProvider(t *testing.T) {
	const theirs = `- name: acr-credential-provider # of the other cloud
  matchImages: ["*.azurecr.io"]
  defaultCacheDuration: 10m
  apiVersion: credentialprovider.kubelet.k8s.io/v1
`
	for _, tree := range []string{"kubeadm-deb", "k3s-server", "k3s-server-other", "k3s-server-official", "k3s-server-ownpaths", "kubeadm-deb-extraargs", "eks-al2023"} {
		t.Run(tree, func(t *testing.T) {
			n := newNode(t, tree)
			binary := strings.Contains(tree, "official")
			runs(t, 0, n.install(built.plugin))
			config := strings.TrimPrefix(n.readWiring().config, "/")
			text := n.read(t, config)
			indent := text[strings.LastIndex(text[:strings.Index(text, "- name:")], "\n")+1 : strings.Index(text, "- name:")]
			n.write(t, config, strings.TrimRight(text, "\n")+"\n"+indent+strings.ReplaceAll(strings.TrimSuffix(theirs, "\n"), "\n", "\n"+indent)+"\n")
			runs(t, 0, n.uninstall())
			left := n.read(t, config)
			if !strings.Contains(left, "name: acr-credential-provider") || !strings.Contains(left, "# of the other cloud") {
				t.Errorf("their provider is gone:\n%s", left)
			}
			if has := strings.Contains(left, "name: ecr-credential-provider"); has != binary {
				t.Errorf("our entry is there: %t, want %t\n%s", has, binary, left)
			}
		})
	}
}

// TestForeignFile has somebody put a file beside ours, or change one: it stays. Once they
// have taken it away, and the folders that it was in, nothing is left.
func TestForeignFile(t *testing.T) {
	for name, test := range map[string]struct {
		tree, file string
		beside     bool // ours
	}{
		"another binary beside ours": {"kubeadm-deb-init", "opt/ecr-credential-provider/bin/acr-credential-provider", true},
		"another binary for ours":    {"kubeadm-deb-init", "opt/ecr-credential-provider/bin/ecr-credential-provider", false},
		"a unit of ours changed":     {"kubeadm-deb-init", "etc/systemd/system/ecr-credential-provider-warm.timer", false},
		"a drop-in for our unit":     {"kubeadm-deb-init", "etc/systemd/system/ecr-credential-provider-warm.service.d/device.conf", true},
		"another binary in k3s":      {"k3s-server", "var/lib/rancher/credentialprovider/bin/acr-credential-provider", true},
		"our NodeConfig changed":     {"eks-al2023", "etc/eks/nodeadm.d/zz-ecr-credential-provider.yaml", false},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, test.tree)
			start := n.snapshot(t)
			runs(t, 0, n.install(built.plugin))
			at := filepath.Join(n.root, test.file)
			must(t, os.MkdirAll(filepath.Dir(at), 0o755))
			must(t, os.WriteFile(at, []byte("# theirs\n"), 0o755))
			got := run(t, n.uninstall())
			if now := n.read(t, test.file); now != "# theirs\n" {
				t.Errorf("%s is now %q", test.file, now)
			}
			if !test.beside && (got.status != 3 || !strings.Contains(got.stdout+got.stderr, test.file)) {
				t.Errorf("it does not name %s, and ends with %d:\n%s", test.file, got.status, end(got.stdout+got.stderr))
			}
			must(t, os.Remove(at))
			runs(t, 0, n.uninstall())
			for dir := filepath.Dir(test.file); start[dir].Kind == "" && os.Remove(filepath.Join(n.root, dir)) == nil; dir = filepath.Dir(dir) {
				// Whose a folder is that somebody else has used too, nobody can say.
			}
			if diff := differ(start, n.snapshot(t)); diff != "" {
				t.Error("besides theirs there is left:", diff)
			}
		})
	}
}
