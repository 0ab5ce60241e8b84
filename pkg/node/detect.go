package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/kubelet"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/tree"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// Auto is the distribution that is found out from what is on the disk.
const Auto = "auto"

// A distribution is a way in which Kubernetes gets onto nodes, and in which its kubelet
// is told what to do.
type distribution struct {
	name string

	// signs are files of which each shows that it is this distribution, with what they
	// must have in them where the file alone does not.
	signs []sign

	// Where its kubelet's version can be read: packages, and programs.
	software kubelet.Sought

	// place decides where program and config go, and wires the kubelet to them.
	place func(*planner) error
}

// sign is a file, and a text in it.
type sign struct {
	file, text string
}

// generic is where the operator says where things go, and wires the kubelet himself.
const generic = "generic"

// anyKubelet is where a kubelet is that is a program of its own.
var anyKubelet = kubelet.Sought{
	Packages: []string{"kubelet"},
	Binaries: []string{"/usr/bin/kubelet", "/usr/local/bin/kubelet", "/opt/bin/kubelet"},
	Links:    []string{"/etc/extensions/kubernetes.raw"},
}

// distributions are those that we write, in the order in which they are named.
var distributions = []distribution{
	{
		name: "kubeadm",
		signs: []sign{
			{"/etc/systemd/system/kubelet.service.d/10-kubeadm.conf", ""},
			{"/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf", ""},
			{"/lib/systemd/system/kubelet.service.d/10-kubeadm.conf", ""},
		},
		software: anyKubelet,
		place:    placeKubeadm,
	},
	{
		name: "k3s",
		signs: []sign{
			{"/etc/systemd/system/k3s.service", ""}, {"/etc/systemd/system/k3s-agent.service", ""},
			{"/etc/init.d/k3s", ""}, {"/etc/init.d/k3s-agent", ""},
			{"/usr/local/bin/k3s", ""}, {"/usr/bin/k3s", ""}, {"/opt/bin/k3s", ""}, {"/etc/rancher/k3s/config.yaml", ""},
		},
		software: kubelet.Sought{Packages: []string{"k3s"}, Binaries: []string{"/usr/local/bin/k3s", "/usr/bin/k3s", "/opt/bin/k3s"}},
		place:    placeRancher("k3s"),
	},
	{
		name: "rke2",
		signs: []sign{
			{"/usr/local/lib/systemd/system/rke2-server.service", ""}, {"/usr/local/lib/systemd/system/rke2-agent.service", ""},
			{"/usr/lib/systemd/system/rke2-server.service", ""}, {"/usr/lib/systemd/system/rke2-agent.service", ""},
			{"/etc/systemd/system/rke2-server.service", ""}, {"/etc/systemd/system/rke2-agent.service", ""},
			{"/opt/rke2/lib/systemd/system/rke2-server.service", ""}, {"/opt/rke2/lib/systemd/system/rke2-agent.service", ""},
			{"/etc/init.d/rke2-server", ""}, {"/etc/init.d/rke2-agent", ""},
			{"/usr/local/bin/rke2", ""}, {"/usr/bin/rke2", ""}, {"/opt/rke2/bin/rke2", ""}, {"/etc/rancher/rke2/config.yaml", ""},
		},
		software: kubelet.Sought{
			Packages: []string{"rke2-server", "rke2-agent", "rke2-common"},
			Binaries: []string{"/usr/local/bin/rke2", "/usr/bin/rke2", "/opt/rke2/bin/rke2"},
			Links:    []string{"/var/lib/rancher/rke2/bin"},
		},
		place: placeRancher("rke2"),
	},
	{
		name:     "eks",
		signs:    []sign{{"/etc/systemd/system/nodeadm-config.service", ""}, {"/usr/bin/nodeadm", ""}, {"/etc/eks/bootstrap.sh", ""}},
		software: kubelet.Sought{Packages: []string{"kubelet"}, Binaries: []string{"/usr/bin/kubelet"}},
		place:    placeEKS,
	},
	{
		name:     generic,
		software: anyKubelet,
		place:    placeGeneric,
	},
}

// printed are the distributions that have files of their own which they would write
// over ours, or a root that nobody writes to.
var printed = []distribution{
	{name: "k0s", signs: []sign{
		{"/etc/systemd/system/k0sworker.service", ""}, {"/etc/systemd/system/k0scontroller.service", ""}, {"/usr/local/bin/k0s", ""},
	}},
	{name: "microk8s", signs: []sign{{"/var/snap/microk8s/current/args/kubelet", ""}, {"/snap/bin/microk8s", ""}}},
	{name: "kubespray", signs: []sign{{"/etc/kubernetes/kubelet.env", "KUBELET_ARGS"}}},
	{name: "kops", signs: []sign{{"/etc/systemd/system/kops-configuration.service", ""}, {"/opt/kops/bin/nodeup", ""}}},
	{name: "eks-hybrid", signs: []sign{{"/opt/nodeadm/tracker", ""}}},
	{name: "talos", signs: []sign{{"/etc/os-release", "ID=talos"}}},
	{name: "bottlerocket", signs: []sign{{"/etc/os-release", "ID=bottlerocket"}}},
}

// Distributions are the names of those that Plan knows.
func Distributions() []string {
	var names []string
	for _, d := range distributions {
		names = append(names, d.name)
	}
	return names
}

// evidence is what of its signs is there.
func (d distribution) evidence(t *tree.Tree) []string {
	var found []string
	for _, s := range d.signs {
		if !t.Exists(s.file) {
			continue
		}
		if s.text == "" {
			found = append(found, s.file)
			continue
		}
		if text, err := t.ReadLinked(s.file); err == nil && strings.Contains(text, s.text) {
			found = append(found, s.file+" says "+s.text)
		}
	}
	return found
}

// detect finds the distribution by that name, or by what is on the disk. With traces of
// two it refuses to choose.
func detect(t *tree.Tree, name string) (distribution, []string, error) {
	if name != Auto && name != "" {
		i := slices.IndexFunc(distributions, func(d distribution) bool { return d.name == name })
		if i < 0 {
			return distribution{}, nil, unknown(name)
		}
		return distributions[i], append([]string{"--distribution " + name}, distributions[i].evidence(t)...), nil
	}
	for _, d := range printed {
		if found := d.evidence(t); len(found) > 0 {
			return d, found, hint.Wrap(fmt.Errorf("this is a node of %s (%s), whose files are not ours to write", d.name, strings.Join(found, ", ")),
				"`ecr-node-bootstrap print wiring %s` says what to do there; if it is none, name the distribution with --distribution", d.name)
		}
	}
	var (
		candidates []distribution
		evidence   [][]string
		lines      []string
	)
	for _, d := range distributions {
		if found := d.evidence(t); len(found) > 0 {
			candidates, evidence = append(candidates, d), append(evidence, found)
			lines = append(lines, d.name+" ("+strings.Join(found, ", ")+")")
		}
	}
	switch len(candidates) {
	case 0:
		return distribution{}, nil, hint.Wrap(errors.New("no distribution of Kubernetes is to be seen on this disk"),
			"install Kubernetes first, or name what will be there with --distribution %s", strings.Join(Distributions(), "|"))
	case 1:
		return candidates[0], evidence[0], nil
	}
	return distribution{}, nil, hint.Wrap(fmt.Errorf("there are traces of more than one distribution: %s", strings.Join(lines, "; ")),
		"say which it is with --distribution")
}

func unknown(name string) error {
	if slices.ContainsFunc(printed, func(d distribution) bool { return d.name == name }) {
		return hint.Wrap(fmt.Errorf("the files of %s are not ours to write", name), "`ecr-node-bootstrap print wiring %s` says what to do there", name)
	}
	return fmt.Errorf("there is no distribution %q; there are %s", name, strings.Join(append([]string{Auto}, Distributions()...), ", "))
}

// version finds the kubelet's version: as given, in the packages under the root, or by
// asking the program, if it is this machine's.
func (p *planner) version(ctx context.Context, d distribution) (kubelet.Version, error) {
	if p.options.KubeletVersion != "" {
		minor, err := kubelet.ParseVersion(p.options.KubeletVersion)
		if err != nil {
			return kubelet.Version{}, fmt.Errorf("--kubelet-version: %w", err)
		}
		return kubelet.Version{Minor: minor, Text: p.options.KubeletVersion, Evidence: "--kubelet-version"}, nil
	}
	v, _, err := kubelet.Installed(ctx, p.tree.Path("/"), d.software)
	if ctx.Err() != nil {
		return v, err
	}
	if err != nil {
		p.find(plan.Finding{
			Code: "version-unknown", Level: plan.Note, Object: "kubelet", Detail: err.Error() + "; the config is one that every kubelet since 1.26 takes",
			Fix: "say it with --kubelet-version",
		})
	}
	return v, nil
}
