package node

import (
	"context"
	"strings"
	"testing"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
)

// With tokenAttributes in its config and the gate off, a kubelet 1.33 does not start.
func TestServiceAccountsOf133NeedTheGateOfTheNodesKubelet(t *testing.T) {
	const gate = "KubeletServiceAccountTokenForCredentialProviders"
	const kubeletConfig, env = "/var/lib/kubelet/config.yaml", "/var/lib/kubelet/kubeadm-flags.env"
	on, off := "featureGates: {"+gate+": true}\n", "featureGates: {"+gate+": false}\n"
	args := func(s string) string { return "KUBELET_KUBEADM_ARGS=" + s + "\n" }
	for name, c := range map[string]struct {
		files map[string]string
		want  bool
	}{
		"nothing said":                       {kubeadm, false},
		"on in its config":                   {with(kubeadm, kubeletConfig, "apiVersion: kubelet.config.k8s.io/v1beta1\n"+on), true},
		"off in its config":                  {with(kubeadm, kubeletConfig, off), false},
		"in a config that is not its":        {with(kubeadm, "/etc/kubernetes/config.yaml", on), false},
		"in the config of a later flag":      {with(kubeadm, kubeletConfig, off, env, args("--config=/c"), "/c", on), true},
		"its config is no YAML":              {with(kubeadm, kubeletConfig, "featureGates: ["), false},
		"its config is a directory":          {with(kubeadm, kubeletConfig+"/", ""), false},
		"all that is alpha":                  {with(kubeadm, kubeletConfig, "featureGates: {AllAlpha: true}\n"), true},
		"all that is alpha, but for it":      {with(kubeadm, kubeletConfig, "featureGates: {AllAlpha: true, "+gate+": false}\n"), false},
		"a flag wins over the config":        {with(kubeadm, kubeletConfig, off, env, args("--feature-gates=Other=false,"+gate+"=true")), true},
		"it can be turned off":               {with(kubeadm, kubeletConfig, on, env, args("--feature-gates="+gate+"=false")), false},
		"the last flag wins":                 {with(kubeadm, env, args("--feature-gates="+gate+"=false --feature_gates "+gate+"=true")), true},
		"others do not turn it off":          {with(kubeadm, kubeletConfig, on, env, args("--feature-gates=Other=true")), true},
		"nonsense":                           {with(kubeadm, env, args("--feature-gates="+gate+"=maybe --feature-gates")), false},
		"drop-ins of the config":             {with(kubeadm, kubeletConfig, off, env, args("--config-dir=/d"), "/d/1.conf", off, "/d/2.conf", on, "/d/3.yaml", off), true},
		"k3s":                                {k3s, false},
		"k3s, in its file":                   {with(k3s, "/etc/rancher/k3s/config.yaml", "kubelet-arg:\n- v=2\n- feature-gates="+gate+"=true\n"), true},
		"k3s, in its unit":                   {with(k3s, "/etc/systemd/system/k3s.service", k3sUnit[:len(k3sUnit)-1]+"    '--kubelet-arg' \\\n    'feature-gates+="+gate+"=true'\n"), true},
		"k3s, a config of the kubelet":       {with(k3s, "/etc/rancher/k3s/config.yaml", "kubelet-arg: --config=/c\n", "/c", on), true},
		"k3s' own flag of that name is none": {with(k3s, "/etc/rancher/k3s/config.yaml", "kube-apiserver-arg: feature-gates="+gate+"=true\n"), false},
		"rke2":                               {with(rke2, "/etc/rancher/rke2/config.yaml.d/a.yaml", "kubelet-arg: [feature-gates="+gate+"=true]\n"), true},
		"eks":                                {with(eks, "/etc/eks/kubelet/environment", "NODEADM_KUBELET_ARGS='--config=/etc/kubernetes/kubelet/config.json'\n", "/etc/kubernetes/kubelet/config.json", `{"featureGates": {"`+gate+`": true}}`), true},
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{
				Plugin: builtPlugin, KubeletVersion: "1.33", Pull: config.Pull{ServiceAccounts: &config.ServiceAccounts{Audience: "sts.amazonaws.com"}},
			}
			outcome, err := open(t, c.files).Plan(context.Background(), nil, o)
			switch {
			case c.want && err != nil:
				t.Error(err)
			case c.want:
				for _, change := range outcome.Changes {
					if change.Kind == kindConfig && !strings.Contains(change.After, "tokenAttributes") {
						t.Error(change.After)
					}
				}
			case err == nil || !strings.Contains(err.Error(), "does not start with them unless its feature gate "+gate+" is on"):
				t.Errorf("got %v", err)
			}
		})
	}
}
