//go:build linux

package install

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	kubeletv1 "k8s.io/kubelet/config/v1"
)

// refused are the trees on which install says no, and the words that it must say.
var refused = map[string][]string{
	"two":                 {"kubeadm", "k3s", "--distribution"},
	"none":                {"--distribution"},
	"kubeadm-deb-tooold":  {"1.25", "1.26"},
	"kubeadm-deb-linked":  {"/etc/default/kubelet", "symbolic link"},
	"eks-al2023-userdata": {"nodeadm-run.service", "user data", "kind: NodeConfig"},
}

// installable are the other trees.
func installable(t *testing.T) []string {
	t.Helper()
	return slices.DeleteFunc(treeNames(t), func(name string) bool { return refused[name] != nil })
}

// TestWholeWay goes it on every tree: looked at, installed, found installed, upgraded and
// taken back.
func TestWholeWay(t *testing.T) {
	for _, name := range installable(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if strings.HasSuffix(name, "-enforcing") {
				asRoot(t) // for labels
			}
			n := newNode(t, name)
			start := n.snapshot(t)

			distribution, _, _ := strings.Cut(name, "-")
			if said := runs(t, 3, n.install(built.plugin, "--dry-run")); !strings.Contains(said.stdout, distribution) {
				t.Errorf("--dry-run does not say %s:\n%s", distribution, said.stdout)
			}
			if diff := differ(start, n.snapshot(t)); diff != "" {
				t.Error("--dry-run has changed the tree:", diff)
			}
			if said := runs(t, 0, n.install(built.plugin)); said.stdout == "" || said.stderr != "" {
				t.Errorf("install says %q, and on stderr %q", said.stdout, said.stderr)
			}
			installed := n.snapshot(t)
			golden(t, name, differ(start, installed.settled()))
			for _, bar := range n.bars(installed) {
				t.Error("the kubelet would not start:", bar)
			}
			n.checkConfig(t)

			if said := runs(t, 0, n.install(built.plugin)); !strings.Contains(said.stdout, "nothing to change") {
				t.Errorf("a second install says %q", said.stdout)
			}
			if diff := differ(installed, n.snapshot(t)); diff != "" {
				t.Error("a second install has changed the tree:", diff)
			}
			runs(t, 0, n.install(built.plugin, "--dry-run"))

			runs(t, 0, n.install(built.newer))
			n.checkUpgrade(t, installed)

			runs(t, 0, n.uninstall())
			if diff := differ(start, n.snapshot(t)); diff != "" {
				t.Error("uninstall does not lead back:", diff)
			}
			runs(t, 0, n.uninstall())
			if diff := differ(start, n.snapshot(t)); diff != "" {
				t.Error("a second uninstall has changed the tree:", diff)
			}
		})
	}
}

// checkUpgrade holds the node against what it was before another plugin was installed:
// that is all that has changed.
func (n *node) checkUpgrade(t *testing.T, before snapshot) {
	t.Helper()
	newer, err := readEntry(built.newer)
	must(t, err)
	older, err := readEntry(built.plugin)
	must(t, err)
	want, replaced := before.settled(), 0
	for path, e := range want {
		if e.Hash == older.Hash {
			e.Hash, e.Size = newer.Hash, newer.Size
			want[path], replaced = e, replaced+1
		}
	}
	if replaced != 1 {
		t.Errorf("%d files are the plugin, want one", replaced)
	}
	if diff := differ(want, n.snapshot(t).settled()); diff != "" {
		t.Error("an upgrade is more than another binary:", diff)
	}
}

// checkConfig decodes the config that the wiring names as the newest kubelet does.
func (n *node) checkConfig(t *testing.T) {
	t.Helper()
	w := n.readWiring()
	scheme := runtime.NewScheme()
	must(t, kubeletv1.AddToScheme(scheme))
	codecs := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	b, err := os.ReadFile(filepath.Join(n.root, w.config))
	if err != nil {
		t.Fatalf("the wiring is %+v: %v", w, err)
	}
	object, _, err := codecs.UniversalDecoder(kubeletv1.SchemeGroupVersion).Decode(b, nil, nil)
	if err != nil {
		t.Fatalf("the kubelet does not take the config: %v\n%s", err, b)
	}
	var names []string
	for _, provider := range object.(*kubeletv1.CredentialProviderConfig).Providers {
		names = append(names, provider.Name)
	}
	if !slices.Contains(names, "ecr-credential-provider") {
		t.Errorf("the config has the providers %q", names)
	}
	if info, err := os.Stat(filepath.Join(n.root, w.binDir, "ecr-credential-provider")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the binary: %v, %v", info, err)
	}
}

// golden holds text against testdata/golden/NAME.txt.
func golden(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join("testdata/golden", name+".txt")
	if *update {
		must(t, os.MkdirAll(filepath.Dir(file), 0o755))
		must(t, os.WriteFile(file, []byte(text), 0o644))
		return
	}
	want, err := os.ReadFile(file)
	must(t, err)
	if os.Geteuid() != 0 {
		want = onlyRoot.ReplaceAll(want, []byte("$1"))
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s: (-want +got)\n%s", file, diff)
	}
}

// onlyRoot is what a golden file says of what only root can lay out.
var onlyRoot = regexp.MustCompile(`(?m)(^[-+~>] \w+ \d{4})(?: \d+:\d+)?(?: security\.\S+)?`)

// TestRefused finds nodes where install must say no, in one line and perhaps a hint, and
// leave all as it is.
func TestRefused(t *testing.T) {
	for name, words := range refused {
		for _, more := range [][]string{nil, {"--dry-run"}} {
			t.Run(strings.Join(append([]string{name}, more...), " "), func(t *testing.T) {
				n := newNode(t, name)
				n.fails(t, words, n.install(built.plugin, more...))
			})
		}
	}
}
