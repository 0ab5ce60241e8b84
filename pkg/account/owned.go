package account

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// Owned returns the changes that delete what carries the tag of our ownership for
// this cluster, among what the file names: all that can be said without a journal.
// Tags of EC2 resources and instance profiles of instances carry nothing of ours, so
// they stay; a profile that an instance has is in use, and stays with its role.
func (a *Account) Owned(ctx context.Context) ([]plan.Change, error) {
	groups, err := a.wanted()
	if err != nil {
		return nil, err
	}
	w, err := a.readIAM(ctx, groups)
	if err != nil {
		return nil, err
	}
	var changes []plan.Change
	gone := func(kind, name, of, state string) {
		changes = append(changes, plan.Change{Object: plan.Object{Kind: kind, Name: name, Of: of}, Why: "carries the tag " + ownerTag, Before: state})
	}
	for _, name := range sorted(w.profiles) {
		p := w.profiles[name]
		if p == nil || p.tags[ownerTag] != a.file.Cluster {
			continue
		}
		if p.role != "" {
			gone(kindProfileRole, name, "", p.role)
		}
		gone(kindProfile, name, "", encode(profileState{p.path, p.tags}))
	}
	for _, name := range sorted(w.roles) {
		r := w.roles[name]
		if r == nil || r.tags[ownerTag] != a.file.Cluster {
			continue
		}
		for _, policy := range sorted(r.inline) {
			if strings.HasPrefix(policy, policyPrefix) {
				gone(kindInline, policy, name, r.inline[policy])
			}
		}
		for _, g := range groups {
			for _, arn := range sorted(g.attached) {
				if g.Role == name && r.attached[arn] {
					gone(kindAttached, arn, name, attached)
				}
			}
		}
		gone(kindRole, name, "", encode(roleState{r.path, json.RawMessage(r.trust), r.boundary, r.tags}))
	}
	for _, arn := range sorted(w.policies) {
		if p := w.policies[arn]; p != nil && p.tags[ownerTag] == a.file.Cluster {
			gone(kindPolicy, name(arn), "", encode(policyState{p.path, json.RawMessage(p.document), p.tags}))
		}
	}
	entries, err := a.ownedEntries(ctx)
	if err != nil {
		return nil, err
	}
	changes = append(changes, entries...)
	slices.SortStableFunc(changes, func(a, b plan.Change) int {
		return slices.Index(kinds, b.Kind) - slices.Index(kinds, a.Kind)
	})
	return changes, nil
}
