package account

import (
	"fmt"
	"maps"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
)

// policyPrefix begins the names of the policies that we write. One with this name
// that the file no longer asks for is ours to remove.
const policyPrefix = "kubelet-ecr-"

// wantedGroup is what a group of nodes shall have in IAM.
type wantedGroup struct {
	config.NodeGroup
	roleARN    string
	profileARN string
	trust      policy.Document
	inline     map[string]string // documents by name
	managed    map[string]string // likewise, of policies of our own
	attached   map[string]bool   // ARNs, those of managed among them
}

// wanted is what the file says about IAM, with what the partition makes of it.
func (a *Account) wanted() ([]wantedGroup, error) {
	var all []wantedGroup
	for _, g := range a.file.Nodes {
		w := wantedGroup{
			NodeGroup:  g,
			roleARN:    a.arn("iam", "role"+g.Path+g.Role),
			profileARN: a.arn("iam", "instance-profile"+g.Path+g.InstanceProfile),
			inline:     map[string]string{},
			managed:    map[string]string{},
			attached:   map[string]bool{},
		}
		var err error
		if w.trust, err = policy.Trust(a.partition, g.TrustPrincipals); err != nil {
			return nil, fmt.Errorf("trust policy of group %s: %w", g.Name, err)
		}
		if err = w.addPolicies(a); err != nil {
			return nil, fmt.Errorf("policies of group %s: %w", g.Name, err)
		}
		for _, p := range g.ManagedPolicies {
			w.attached[policy.ManagedARN(a.partition, p)] = true
		}
		all = append(all, w)
	}
	return all, nil
}

// addPolicies writes the group's policies, and decides how they are kept.
func (w *wantedGroup) addPolicies(a *Account) error {
	documents, err := policy.For(a.ask(w.NodeGroup))
	if err != nil {
		return err
	}
	kind, documents, err := policy.Keep(documents, policy.Kind(w.PolicyKind))
	if err != nil {
		return err
	}
	for _, d := range documents {
		if kind == policy.Inline {
			w.inline[policyPrefix+d.Name] = d.Document.String()
			continue
		}
		name := w.Role + "-" + d.Name
		w.managed[name] = d.Document.String()
		w.attached[a.policyARN(w.Path, name)] = true
	}
	return nil
}

// ask is a group as the policies see it.
func (a *Account) ask(g config.NodeGroup) policy.Ask {
	ask := policy.Ask{
		Partition: a.partition, Account: a.file.Account, Region: a.file.Region, Cluster: a.file.Cluster,
		Scope: policy.Scope(g.Scope), Profile: policy.Profile(g.Profile),
		Pull: policy.Pull{
			Repositories: a.file.Pull.Repositories, Public: a.file.Pull.Public, Cache: a.file.Pull.PullThroughCache,
		},
	}
	for _, r := range g.Roles {
		ask.Roles = append(ask.Roles, policy.Role(r))
	}
	for _, f := range g.Features {
		ask.Features = append(ask.Features, policy.Feature(f))
	}
	for _, c := range a.file.Pull.CrossAccount {
		ask.Pull.CrossAccount = append(ask.Pull.CrossAccount, policy.CrossAccount{
			Account: c.Account, Region: c.Region, Repositories: c.Repositories, Assume: c.Assume,
		})
	}
	return ask
}

// tags of what is created for the group: its own, and ours.
func (a *Account) ownTags(g config.NodeGroup) map[string]string {
	tags := maps.Clone(g.Tags)
	if tags == nil {
		tags = map[string]string{}
	}
	tags[ownerTag] = a.file.Cluster
	return tags
}
