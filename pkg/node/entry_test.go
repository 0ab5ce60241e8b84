package node

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/deploy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/providerconfig"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
)

func TestTheEntryIsWhatPullSays(t *testing.T) {
	none := []deploy.Variable{{Name: "GOTRACEBACK", Value: "none"}}
	globs, err := registry.MatchImagesIn("")
	china, err2 := registry.MatchImagesIn("aws-cn")
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	for name, c := range map[string]struct {
		pull      config.Pull
		partition string
		want      providerconfig.Entry
	}{
		"nothing":   {config.Pull{}, "", providerconfig.Entry{MatchImages: globs, Env: none}},
		"partition": {config.Pull{}, "aws-cn", providerconfig.Entry{MatchImages: china, Env: none}},
		"public":    {config.Pull{Public: true}, "", providerconfig.Entry{MatchImages: slices.Concat(globs, registry.PublicMatchImages()), Env: none}},
		"mirrors": {config.Pull{Mirrors: map[string]string{"b.example": "2", "a.example": "1"}}, "", providerconfig.Entry{
			MatchImages: slices.Concat(globs, []string{"a.example", "b.example"}), Args: []string{"--mirror=a.example=1", "--mirror=b.example=2"}, Env: none}},
		"roles": {config.Pull{CrossAccount: []config.CrossAccount{{Account: "1"}, {Account: "2", Assume: "arn"}}}, "", providerconfig.Entry{
			MatchImages: globs, Args: []string{"--role=2=arn"}, Env: none}},
		"a proxy": {config.Pull{Proxy: "http://p", NoProxy: []string{"a", "b"}}, "", providerconfig.Entry{
			MatchImages: globs, Env: append(slices.Clone(none), deploy.Variable{Name: "HTTPS_PROXY", Value: "http://p"}, deploy.Variable{Name: "NO_PROXY", Value: "a,b"})}},
		"service accounts": {config.Pull{ServiceAccounts: &config.ServiceAccounts{Audience: "a"}}, "", providerconfig.Entry{
			MatchImages: globs, Args: []string{"--service-account-fallback=node"}, Env: none, ServiceAccounts: &providerconfig.ServiceAccounts{Audience: "a"}}},
		"service accounts alone": {config.Pull{ServiceAccounts: &config.ServiceAccounts{Audience: "a", Required: true}}, "", providerconfig.Entry{
			MatchImages: globs, Env: none, ServiceAccounts: &providerconfig.ServiceAccounts{Audience: "a", Required: true}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Entry(c.pull, c.partition)
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
	if _, err := Entry(config.Pull{}, "none"); err == nil {
		t.Error("a partition that there is not")
	}
}

// The warm unit finds the kubelet's entries of the cache only with its user, environment
// and arguments.
func TestTheWarmUnitRunsAsTheKubeletDoes(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		unit  string
		want  []string // lines
	}{
		"kubeadm": {kubeadm, systemUnits + warmService, []string{"EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env", "EnvironmentFile=-/etc/default/kubelet",
			"ExecStart=-/usr/bin/env GOTRACEBACK=none " + freeBinDir + "/ecr-credential-provider warm --mirror=a.example=1"}},
		"k3s":    {k3s, systemUnits + warmService, []string{"User=root", "EnvironmentFile=-/etc/default/k3s", "EnvironmentFile=-/etc/sysconfig/k3s", "EnvironmentFile=-/etc/systemd/system/k3s.service.env"}},
		"openrc": {with(openRCNode, "/etc/init.d/k3s", k3sScript), openRCScript, []string{"\t\t[ ! -f /etc/rancher/k3s/k3s.env ] || . /etc/rancher/k3s/k3s.env"}},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := open(t, c.files).Plan(context.Background(), nil, Options{Plugin: builtPlugin, Pull: config.Pull{Mirrors: map[string]string{"a.example": "1"}}})
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(o.Changes, func(change plan.Change) bool { return change.Name == c.unit })
			lines := strings.Split(o.Changes[i].After, "\n")
			for _, want := range c.want {
				if !slices.Contains(lines, want) {
					t.Errorf("there is no line %q in\n%s", want, o.Changes[i].After)
				}
			}
		})
	}
}
