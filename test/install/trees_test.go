//go:build linux

package install

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTreesAreLaidOut lays each tree out twice, and finds one and the same, which is
// what its file says.
func TestTreesAreLaidOut(t *testing.T) {
	for _, name := range treeNames(t) {
		t.Run(name, func(t *testing.T) {
			tree, err := readTree(name)
			must(t, err)
			once := newNode(t, name).snapshot(t)
			if diff := differ(once, newNode(t, name).snapshot(t)); diff != "" {
				t.Error("laid out again it is another:", diff)
			}
			n := newNode(t, name)
			for _, bar := range n.bars(n.snapshot(t)) {
				t.Error("its kubelet would not start:", bar)
			}
			for path, i := range tree {
				e, ok := once[path]
				if !ok {
					t.Errorf("%s is missing", path)
				}
				if e.Kind == "file" && e.text != string(i.data) {
					t.Errorf("%s: %s", path, cmp.Diff(string(i.data), e.text))
				}
			}
		})
	}
}

// TestSnapshotSeesEverything changes one thing of a tree at a time.
func TestSnapshotSeesEverything(t *testing.T) {
	const file = "etc/default/kubelet"
	for name, change := range map[string]func(t *testing.T, n *node, at string){
		"bytes": func(t *testing.T, n *node, at string) { n.write(t, file, "KUBELET_EXTRA_ARGS=\n\n") },
		"mode":  func(t *testing.T, _ *node, at string) { must(t, os.Chmod(at, 0o600)) },
		"link for a file": func(t *testing.T, n *node, at string) {
			must(t, os.Rename(at, at+".real"))
			must(t, os.Symlink("kubelet.real", at))
		},
		"second name": func(t *testing.T, n *node, at string) { must(t, os.Link(at, n.root+"/etc/kubelet")) },
		"new":         func(t *testing.T, n *node, at string) { must(t, os.Mkdir(at+".d", 0o755)) },
		"gone":        func(t *testing.T, _ *node, at string) { must(t, os.Remove(at)) },
		"attribute": func(t *testing.T, _ *node, at string) {
			dress(t, at, item{mode: 0o644, uid: -1, attributes: map[string]string{"user.note": "x"}})
		},
		"label": func(t *testing.T, _ *node, at string) {
			asRoot(t)
			dress(t, at, item{mode: 0o644, uid: -1, attributes: map[string]string{"security.selinux": "x"}})
		},
		"owner": func(t *testing.T, _ *node, at string) {
			asRoot(t)
			must(t, os.Chown(at, 1, 1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, "kubeadm-deb")
			before := n.snapshot(t)
			change(t, n, n.root+"/"+file)
			if differ(before, n.snapshot(t)) == "" {
				t.Error("it is not seen")
			}
		})
	}
}

// asRoot skips what only root can arrange.
func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}

// TestEnvironmentIsRead holds the tests' own reading of an environment file against what
// systemd.exec(5) says of EnvironmentFile=.
func TestEnvironmentIsRead(t *testing.T) {
	for text, want := range map[string]string{
		"KUBELET_EXTRA_ARGS=":                                                        "",
		"KUBELET_EXTRA_ARGS=--a --b\n":                                               "--a --b",
		"KUBELET_EXTRA_ARGS= --a   --b  \n":                                          "--a   --b",
		"KUBELET_EXTRA_ARGS=\"--a --b\"\n":                                           "--a --b",
		"KUBELET_EXTRA_ARGS='--a=\"x y\"'\n":                                         `--a="x y"`,
		"KUBELET_EXTRA_ARGS=--a\nKUBELET_EXTRA_ARGS=--b":                             "--b",
		"KUBELET_EXTRA_ARGS=--a\n#KUBELET_EXTRA_ARGS=--b\n;KUBELET_EXTRA_ARGS=--c\n": "--a",
		"KUBELET_EXTRA_ARGS=\"--a \\\n--b\"\n":                                       "--a --b",
	} {
		if got := environment(text)["KUBELET_EXTRA_ARGS"]; got != want {
			t.Errorf("%q is read as %q, want %q", text, got, want)
		}
	}
}

// TestWiringIsRead reads it from trees that have some.
func TestWiringIsRead(t *testing.T) {
	for name, want := range map[string]wiring{
		"kubeadm-deb-init":         {},
		"kubeadm-deb-imagebuilder": {"/var/usr/ecr-credential-provider/ecr-credential-provider-config", "/opt/bin"},
		"kubeadm-deb-extraargs":    {"/etc/kubernetes/credential-providers.yaml", "/usr/local/libexec/credential-providers"},
		"k3s-server":               {},
		"k3s-server-official":      {"/var/lib/rancher/credentialprovider/config.yaml", "/var/lib/rancher/credentialprovider/bin"},
		"k3s-server-ownpaths":      {"/opt/providers/config.yaml", "/opt/providers/bin"},
		"eks-al2023":               {"/etc/eks/image-credential-provider/config.json", "/etc/eks/image-credential-provider"},
	} {
		if got := newNode(t, name).readWiring(); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}
