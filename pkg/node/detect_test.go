package node

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

func TestDistributionsAreKnownByWhatIsOnTheDisk(t *testing.T) {
	type found struct {
		Name     string
		Evidence []string
		Err      string
		Hint     string
	}
	const flatcar = "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf"
	ours := func(name string, hint string, signs ...string) found {
		return found{name, signs, "this is a node of " + name + " (" + strings.Join(signs, ", ") + "), whose files are not ours to write",
			"`ecr-node-bootstrap print wiring " + name + "` says what to do there; if it is none, name the distribution with --distribution"}
	}
	for name, c := range map[string]struct {
		files map[string]string
		name  string
		want  found
	}{
		"none": {base, Auto, found{"", nil, "no distribution of Kubernetes is to be seen on this disk",
			"install Kubernetes first, or name what will be there with --distribution kubeadm|k3s|rke2|eks|generic"}},
		"kubeadm of a package": {kubeadm, "", found{"kubeadm", []string{kubeadmDropIn}, "", ""}},
		"kubeadm by hand":      {with(base, flatcar, ""), Auto, found{"kubeadm", []string{flatcar}, "", ""}},
		"k3s":                  {k3s, Auto, found{"k3s", []string{"/etc/systemd/system/k3s.service"}, "", ""}},
		"k3s, configured yet":  {with(base, "/etc/rancher/k3s/config.yaml", ""), Auto, found{"k3s", []string{"/etc/rancher/k3s/config.yaml"}, "", ""}},
		"k3s of OpenRC":        {openRCNode, Auto, found{"k3s", []string{"/etc/init.d/k3s"}, "", ""}},
		"rke2 of an archive":   {rke2, Auto, found{"rke2", []string{"/usr/local/lib/systemd/system/rke2-server.service", "/usr/local/lib/systemd/system/rke2-agent.service"}, "", ""}},
		"rke2 of a read-only":  {with(base, "/opt/rke2/bin/rke2", ""), Auto, found{"rke2", []string{"/opt/rke2/bin/rke2"}, "", ""}},
		"eks":                  {eks, Auto, found{"eks", []string{"/usr/bin/nodeadm"}, "", ""}},
		"two": {with(kubeadm, "/usr/local/bin/k3s", "", "/etc/init.d/k3s", ""), Auto, found{"", nil,
			"there are traces of more than one distribution: kubeadm (" + kubeadmDropIn + "); k3s (/etc/init.d/k3s, /usr/local/bin/k3s)", "say which it is with --distribution"}},
		"two, and one named":     {with(kubeadm, "/usr/local/bin/k3s", ""), "k3s", found{"k3s", []string{"--distribution k3s", "/usr/local/bin/k3s"}, "", ""}},
		"named, and not there":   {base, "rke2", found{"rke2", []string{"--distribution rke2"}, "", ""}},
		"generic":                {kubeadm, "generic", found{"generic", []string{"--distribution generic"}, "", ""}},
		"named over a printed":   {with(base, "/usr/local/bin/k0s", ""), "generic", found{"generic", []string{"--distribution generic"}, "", ""}},
		"a name that is printed": {base, "k0s", found{"", nil, "the files of k0s are not ours to write", "`ecr-node-bootstrap print wiring k0s` says what to do there"}},
		"no name":                {base, "x", found{"", nil, `there is no distribution "x"; there are auto, kubeadm, k3s, rke2, eks, generic`, ""}},
		"k0s":                    {with(base, "/etc/systemd/system/k0sworker.service", ""), Auto, ours("k0s", "", "/etc/systemd/system/k0sworker.service")},
		"microk8s":               {with(base, "/var/snap/microk8s/current/args/kubelet", ""), Auto, ours("microk8s", "", "/var/snap/microk8s/current/args/kubelet")},
		"kubespray":              {with(kubeadm, "/etc/kubernetes/kubelet.env", "KUBELET_ARGS=x"), Auto, ours("kubespray", "", "/etc/kubernetes/kubelet.env says KUBELET_ARGS")},
		"not kubespray":          {with(kubeadm, "/etc/kubernetes/kubelet.env", "X=1"), Auto, found{"kubeadm", []string{kubeadmDropIn}, "", ""}},
		"kops":                   {with(base, "/etc/systemd/system/kops-configuration.service", ""), Auto, ours("kops", "", "/etc/systemd/system/kops-configuration.service")},
		"eks-hybrid":             {with(eks, "/opt/nodeadm/tracker", ""), Auto, ours("eks-hybrid", "", "/opt/nodeadm/tracker")},
		"talos":                  {with(base, "/etc/os-release", "-> ../usr/lib/os-release", "/usr/lib/os-release", "NAME=Talos\nID=talos\n"), Auto, ours("talos", "", "/etc/os-release says ID=talos")},
		"bottlerocket":           {with(base, "/etc/os-release", "ID=bottlerocket\n"), Auto, ours("bottlerocket", "", "/etc/os-release says ID=bottlerocket")},
	} {
		t.Run(name, func(t *testing.T) {
			d, evidence, err := detect(plant(t, c.files), c.name)
			got := found{Name: d.name, Evidence: evidence}
			if err != nil {
				got.Err, got.Hint = err.Error(), hint.Of(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheKubeletsVersionIsSaidOrFound(t *testing.T) {
	plan := func(files map[string]string, version string) (*Outcome, error) {
		return open(t, files).Plan(context.Background(), nil, Options{Plugin: builtPlugin, KubeletVersion: version})
	}
	o, err := plan(kubeadm, "v1.34.2+rke2r1")
	if err != nil || o.Kubelet.Minor != 34 || o.Kubelet.Evidence != "--kubelet-version" {
		t.Errorf("said: %+v, %v", o, err)
	}
	const dpkg = "Package: kubelet\nStatus: install ok installed\nVersion: 1.31.4-1.1\n\n"
	if o, err = plan(with(kubeadm, "/var/lib/dpkg/status", dpkg), ""); err != nil || o.Kubelet.Minor != 31 {
		t.Errorf("found: %+v, %v", o, err)
	}
	if o, err = plan(kubeadm, ""); err != nil || o.Kubelet.Minor != 0 {
		t.Errorf("unknown: %+v, %v", o, err)
	}
	for version, want := range map[string]string{"1.25": "kubelet 1.25 is too old", "x": `--kubelet-version: "x" is no version of Kubernetes`} {
		if _, err := plan(kubeadm, version); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", version, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := open(t, kubeadm).Plan(ctx, nil, Options{Plugin: builtPlugin}); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := open(t, base).Told(context.Background(), Options{}); err == nil {
		t.Error("told of nothing")
	}
}

func TestDistributionsAreNamed(t *testing.T) {
	if diff := cmp.Diff([]string{"kubeadm", "k3s", "rke2", "eks", "generic"}, Distributions()); diff != "" {
		t.Error(diff)
	}
}
