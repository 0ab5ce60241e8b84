//go:build linux

package node

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/tree"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// look is all that is below a root: names with types, modes, owners and contents. What is
// kept for taking back is left out, and /proc.
func look(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		name := strings.TrimPrefix(file, root)
		if err != nil {
			return err
		}
		if name == stateDir || name == "/proc" {
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		owner := info.Sys().(*syscall.Stat_t)
		all[name] = fmt.Sprintf("%v %d:%d", info.Mode(), owner.Uid, owner.Gid)
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(file)
			all[name] += " -> " + target
			return err
		case info.Mode().IsRegular():
			text, err := os.ReadFile(file)
			all[name] += "\n" + string(text)
			return err
		}
		return nil
	})
	must(t, err)
	return all
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// ignore hears of changes and says nothing.
func ignore(plan.Event) {}

// install does what the command does, and returns what was planned.
func install(t *testing.T, n *Node, o Options) (*Outcome, error) {
	t.Helper()
	if o.Plugin == "" {
		o.Plugin = builtPlugin
	}
	j, err := n.Journal(t.Context())
	must(t, err)
	outcome, err := n.Plan(t.Context(), j, o)
	if err == nil && len(outcome.Blocked()) == 0 {
		err = n.Install(t.Context(), j, outcome, ignore)
	}
	must(t, n.Finish(t.Context(), j))
	return outcome, err
}

// uninstall does what the command does while no kubelet runs.
func uninstall(t *testing.T, n *Node) *Removal {
	t.Helper()
	j, err := n.Journal(t.Context())
	must(t, err)
	r, err := n.Removal(t.Context(), j)
	must(t, err, n.Apply(t.Context(), j, r.Unwire, ignore), n.Apply(t.Context(), j, r.Rest, ignore), n.Finish(t.Context(), j))
	return r
}

// nextPlugin is another version of the plugin.
func nextPlugin(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(builtPlugin)
	must(t, err)
	name := filepath.Join(t.TempDir(), "next")
	must(t, os.WriteFile(name, append(text, "next"...), 0o755))
	return name
}

const official = `apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
  # the official one
  - name: ecr-credential-provider
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    matchImages: ["*.dkr.ecr.*.amazonaws.com"]
    defaultCacheDuration: "12h"
  - name: acr
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    matchImages: ["*.azurecr.io"]
    defaultCacheDuration: "12h"
`

func TestWhatIsInstalledIsTakenBack(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		o     Options
		want  []string // of files that are there between
	}{
		"kubeadm":              {kubeadm, Options{}, []string{freeConfig, "/etc/default/kubelet", systemUnits + warmTimer, tmpfilesFile}},
		"kubeadm, with a line": {with(kubeadm, "/etc/default/kubelet", "# ours\nKUBELET_EXTRA_ARGS=--node-labels=\"a=b\"\n"), Options{}, []string{freeConfig}},
		"kubeadm, wired to the official plugin": {with(kubeadm, "/etc/default/kubelet", "KUBELET_EXTRA_ARGS="+bothFlags, "/c/config.yaml", official, "/c/bin/ecr-credential-provider", "theirs\x00"), Options{},
			[]string{"/c/bin/ecr-credential-provider"}},
		"k3s":     {k3s, Options{Distribution: Auto}, []string{rancherConfig}},
		"openrc":  {openRCNode, Options{}, []string{rancherConfig, openRCScript, openRCLevel, cronScript}},
		"rke2":    {rke2, Options{}, []string{rancherConfig}},
		"eks":     {eks, Options{KubeletVersion: "v1.34.1-eks-113cf36"}, []string{nodeConfig}},
		"generic": {base, Options{Distribution: generic, BinDir: "/b/c", Config: "/d/e/f.json"}, []string{"/d/e/f.json"}},
		"no init": {map[string]string{"/etc/": "", "/var/lib/": "", "/usr/local/bin/k3s": ""}, Options{}, []string{rancherConfig}},
	} {
		t.Run(name, func(t *testing.T) {
			n := open(t, c.files)
			root := n.tree.Path("/")
			start := look(t, root)
			first, err := install(t, n, c.o)
			must(t, err)
			if blocked := codes(first.Plan); blocked != nil {
				t.Fatal(blocked)
			}
			installed := look(t, root)
			for _, file := range append(c.want, first.BinDir+"/ecr-credential-provider") {
				if _, ok := installed[file]; !ok || installed[file] == start[file] {
					t.Errorf("%s is as it was", file)
				}
			}
			again, err := install(t, n, c.o)
			must(t, err)
			if len(again.Changes) > 0 {
				t.Errorf("a second run changes %v", again.Changes)
			}
			upgraded := c.o
			upgraded.Plugin = nextPlugin(t)
			next, err := install(t, n, upgraded)
			must(t, err)
			if len(next.Changes) != 1 || next.Changes[0].Kind != kindProgram {
				t.Errorf("an upgrade changes %v", next.Changes)
			}
			if r := uninstall(t, n); len(r.Left) > 0 {
				t.Errorf("left: %v", r.Left)
			}
			if diff := cmp.Diff(start, look(t, root)); diff != "" {
				t.Error(diff)
			}
			if n.tree.Exists(stateDir) {
				t.Error("the journal is still there")
			}
			if past, err := n.Past(); past != nil || err != nil {
				t.Errorf("the past: %v, %v", past, err)
			}
		})
	}
}

func TestAPluginThatDoesNotAnswerAsItShouldIsTakenBack(t *testing.T) {
	for host, want := range map[string]string{
		"yes.example":   "trying the plugin at /c/bin/ecr-credential-provider: it gave credentials for image.ecr-node-bootstrap.invalid/trial",
		"usage.example": "trying the plugin at /c/bin/ecr-credential-provider: exit status 2: unknown flag: --mirror",
		"both.example":  "trying the plugin at /c/bin/ecr-credential-provider: exit status 1: image.ecr-node-bootstrap.invalid/trial is in no registry",
	} {
		for _, there := range []string{"nothing", "the official plugin"} {
			t.Run(host+" over "+there, func(t *testing.T) {
				files := with(kubeadm, "/etc/default/kubelet", "KUBELET_EXTRA_ARGS="+bothFlags, "/c/config.yaml", official)
				if there != "nothing" {
					files["/c/bin/ecr-credential-provider"] = "theirs\x00"
				}
				n := open(t, files)
				start := look(t, n.tree.Path("/"))
				_, err := install(t, n, Options{Pull: config.Pull{Mirrors: map[string]string{host: "123456789012.dkr.ecr.eu-central-1.amazonaws.com"}}})
				if err == nil || err.Error() != want {
					t.Errorf("got %v", err)
				}
				if diff := cmp.Diff(start, look(t, n.tree.Path("/"))); diff != "" {
					t.Error(diff)
				}
				if n.tree.Exists(stateDir) {
					t.Error("the journal is still there")
				}
			})
		}
	}
	n := open(t, with(kubeadm, "/opt/ecr-credential-provider/bin/ecr-credential-provider", ""))
	try := &trial{plugin: freeBinDir + "/ecr-credential-provider"}
	if err := n.trial(t.Context(), try); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a plugin that cannot be run: %v", err)
	}
	if err := n.trial(t.Context(), &trial{plugin: "/none"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no plugin: %v", err)
	}
	if n.canRun(try.plugin) || n.canRun("/none") {
		t.Error("what is no program can be run")
	}
}

func edit(t *testing.T, n *Node, file string, change func(string) string) {
	t.Helper()
	name := n.tree.Path(file)
	text, err := os.ReadFile(name)
	must(t, err, os.WriteFile(name, []byte(change(string(text))), 0o644))
}

const foreignProvider = `  - name: gcr
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    matchImages: ["gcr.io"]
    defaultCacheDuration: "1h"
`

func TestWhatOthersHaveWrittenSinceStays(t *testing.T) {
	const deb = "/etc/default/kubelet"
	nothing := func(*testing.T, *Node) {}
	for name, c := range map[string]struct {
		files  map[string]string
		change func(*testing.T, *Node)
		left   []string          // objects
		want   map[string]string // texts of what differs from the start, "" for what is gone
	}{
		"nothing": {kubeadm, nothing, nil, nil},
		"an argument behind ours": {with(kubeadm, deb, "KUBELET_EXTRA_ARGS=\"--a\"\n"), func(t *testing.T, n *Node) {
			edit(t, n, deb, func(s string) string { return strings.Replace(s, "\"\n", " --b\"\n# c\n", 1) })
		}, nil, map[string]string{deb: "KUBELET_EXTRA_ARGS=\"--a --b\"\n# c\n"}},
		"a line in the file that we made": {kubeadm, func(t *testing.T, n *Node) {
			edit(t, n, deb, func(s string) string { return "A=1\n" + s })
		}, nil, map[string]string{deb: "A=1\n"}},
		"our arguments are out already": {with(kubeadm, deb, "KUBELET_EXTRA_ARGS=\"--a\"\n"), func(t *testing.T, n *Node) {
			edit(t, n, deb, func(string) string { return "KUBELET_EXTRA_ARGS=--z\n" })
		}, nil, map[string]string{deb: "KUBELET_EXTRA_ARGS=--z\n"}},
		"our file of flags is gone":        {kubeadm, func(t *testing.T, n *Node) { must(t, os.Remove(n.tree.Path(deb))) }, nil, nil},
		"the users' file of flags is gone": {with(kubeadm, deb, "A=1\n"), func(t *testing.T, n *Node) { must(t, os.Remove(n.tree.Path(deb))) }, []string{"kubelet flags " + deb}, map[string]string{deb: "gone"}},
		"another provider": {with(kubeadm, deb, "KUBELET_EXTRA_ARGS="+bothFlags, "/c/config.yaml", official), func(t *testing.T, n *Node) {
			edit(t, n, "/c/config.yaml", func(s string) string { return s + foreignProvider })
		}, nil, map[string]string{"/c/config.yaml": official + foreignProvider}},
		"installed again over that": {with(kubeadm, deb, "KUBELET_EXTRA_ARGS=\"--a\"\n"), func(t *testing.T, n *Node) {
			edit(t, n, deb, func(s string) string { return strings.Replace(s, "--a", "--b", 1) })
			edit(t, n, freeConfig, func(s string) string { return s + foreignProvider })
			_, err := install(t, n, Options{Pull: config.Pull{Public: true}})
			must(t, err)
		}, nil, map[string]string{deb: "KUBELET_EXTRA_ARGS=\"--b\"\n", freeConfig: "apiVersion: kubelet.config.k8s.io/v1\nkind: CredentialProviderConfig\nproviders:\n" + foreignProvider}},
		"made what it was, and installed again over that": {with(kubeadm, deb, "KUBELET_EXTRA_ARGS=\n"), func(t *testing.T, n *Node) {
			edit(t, n, deb, func(string) string { return "KUBELET_EXTRA_ARGS=\n" })
			_, err := install(t, n, Options{})
			must(t, err)
		}, nil, nil},
		"a unit, and installed again over that": {kubeadm, func(t *testing.T, n *Node) {
			edit(t, n, systemUnits+warmTimer, func(s string) string { return s + "# theirs\n" })
			_, err := install(t, n, Options{})
			must(t, err)
		}, nil, nil},
		"the official plugin, and installed again over that": {with(kubeadm, deb, "KUBELET_EXTRA_ARGS="+bothFlags, "/c/config.yaml", official, "/c/bin/ecr-credential-provider", "one\x00"), func(t *testing.T, n *Node) {
			edit(t, n, "/c/bin/ecr-credential-provider", func(string) string { return "two\x00" })
			edit(t, n, "/c/config.yaml", func(string) string { return official + foreignProvider })
			_, err := install(t, n, Options{})
			must(t, err)
		}, nil, map[string]string{"/c/bin/ecr-credential-provider": "two\x00", "/c/config.yaml": official + foreignProvider}},
		"a unit": {kubeadm, func(t *testing.T, n *Node) {
			edit(t, n, systemUnits+warmTimer, func(s string) string { return s + "# theirs\n" })
		}, []string{"unit " + systemUnits + warmTimer}, map[string]string{systemUnits + warmTimer: "*"}},
		"a link in the place of a unit": {kubeadm, func(t *testing.T, n *Node) {
			must(t, os.Remove(n.tree.Path(systemUnits+warmTimer)), os.Symlink("/dev/null", n.tree.Path(systemUnits+warmTimer)))
		}, []string{"unit " + systemUnits + warmTimer}, map[string]string{systemUnits + warmTimer: "*"}},
		"arguments that cannot be taken out": {with(kubeadm, deb, "KUBELET_EXTRA_ARGS=\"--a\"\n"), func(t *testing.T, n *Node) {
			edit(t, n, deb, func(s string) string { return strings.Replace(s, "config=", "config\\\n=", 1) })
		}, []string{"kubelet flags " + deb, "config " + freeConfig, "program " + freeBinDir + "/ecr-credential-provider"},
			map[string]string{deb: "*", freeConfig: "*", freeBinDir + "/ecr-credential-provider": "*"}},
		"a file in our directory": {kubeadm, func(t *testing.T, n *Node) {
			must(t, os.WriteFile(n.tree.Path("/etc/ecr-credential-provider/theirs"), nil, 0o644))
		}, nil, map[string]string{"/etc/ecr-credential-provider/theirs": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			n := open(t, c.files)
			root := n.tree.Path("/")
			start := look(t, root)
			_, err := install(t, n, Options{})
			must(t, err)
			c.change(t, n)
			j, err := n.Journal(t.Context())
			must(t, err)
			r, err := n.Removal(t.Context(), j)
			must(t, err, n.Apply(t.Context(), j, r.Unwire, ignore))
			if err := n.Apply(t.Context(), j, r.Rest, ignore); err != nil && !errors.Is(err, plan.ErrInUse) {
				t.Fatal(err)
			}
			must(t, n.Finish(t.Context(), j))
			var left []string
			for _, l := range r.Left {
				if l.Change.Kind != tree.Directory {
					left = append(left, l.Change.Object.String())
				}
			}
			if diff := cmp.Diff(c.left, left); diff != "" {
				t.Error(diff)
			}
			differs := map[string]string{}
			for name, now := range look(t, root) {
				if head, text, isFile := strings.Cut(now, "\n"); now != start[name] && (isFile || strings.Contains(head, " -> ")) {
					differs[name] = text
				}
			}
			for name := range start {
				if !n.tree.Exists(name) {
					differs[name] = "gone"
				}
			}
			for name, want := range c.want {
				if _, ok := differs[name]; ok && want == "*" {
					differs[name] = "*"
				}
			}
			want := maps.Clone(c.want)
			if want == nil {
				want = map[string]string{}
			}
			if diff := cmp.Diff(want, differs); diff != "" {
				t.Error(diff)
			}
		})
	}
}
