package account

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// unfitPrincipal says why a principal can have no access entry, "" if it can, as far
// as its ARN tells (docs of CreateAccessEntry).
func (a *Account) unfitPrincipal(principal string) string {
	p, err := arn.Parse(principal)
	kind, _, _ := strings.Cut(p.Resource, "/")
	switch {
	case err != nil:
		return "it is not an ARN"
	case p.Service == "sts":
		return "it is a session, which ends; the role that it is of can have an entry"
	case p.Service != "iam" || kind != "role" && kind != "user":
		return "it is neither a role nor a user"
	case p.Partition != a.partition:
		return "it is of the partition " + p.Partition + ", and the cluster of " + a.partition
	case strings.HasPrefix(p.Resource, "role/aws-service-role/"):
		return "it is a service-linked role, for which EKS takes no entry"
	}
	return ""
}

// planAccess compares the entries and the access policies of people and machines. A
// principal that has an entry, as the cluster's creator has, only gets the policy;
// the groups of its entry stay.
func (a *Account) planAccess(d *draft, w *world) {
	var principals []string
	for _, access := range a.file.EKS.Access {
		if !slices.Contains(principals, access.Principal) {
			principals = append(principals, access.Principal)
		}
	}
	for _, principal := range principals {
		if !a.fitForAccess(d, w, principal) {
			continue
		}
		present := a.planStandard(d, w, principal)
		for _, access := range a.file.EKS.Access {
			if access.Principal != principal {
				continue
			}
			c := plan.Change{
				Object: plan.Object{Kind: kindAccessPolicy, Name: a.accessPolicyARN(access.Policy), Of: principal},
				Why:    name(principal) + " may use the cluster", After: encode(scopeOf(access.Namespaces)),
			}
			if scope, ok := present[c.Name]; ok {
				c.Before = encode(scope)
			}
			d.differ(a.file.EKS.AccessEntries, c)
		}
	}
}

// fitForAccess says whether the principal can have an entry with access policies, and
// if not, why.
func (a *Account) fitForAccess(d *draft, w *world, principal string) bool {
	object := plan.Object{Kind: kindEntry, Name: principal, Of: a.file.EKS.Name}
	if why := a.unfitPrincipal(principal); why != "" {
		d.find("eks-principal", plan.Blocks, object, "name the role or user in eks.access, with its path", "%s", why)
		return false
	}
	if slices.ContainsFunc(w.groups, func(g wantedGroup) bool { return g.roleARN == principal }) {
		d.find("eks-principal-node", plan.Blocks, object, "let another role use the cluster: eks.access in the file",
			"it is the role of nodes, and an entry of nodes takes no access policies")
		return false
	}
	if r, ok := w.eks.principals[principal]; ok {
		if r == nil {
			d.find("eks-principal-missing", plan.Blocks, object, "create it first, or correct eks.access in the file",
				"there is no such role, and EKS takes entries only for principals that are there")
			return false
		}
		if r.arn != principal {
			d.find("eks-principal", plan.Blocks, object, "name it in eks.access: "+r.arn,
				"the ARN of role %s is %s, and EKS knows no other", r.name, r.arn)
			return false
		}
	}
	if e := w.eks.entries[principal]; e != nil && e.kind != entryStandard {
		d.find("eks-entry-type", levelOf(a.file.EKS.AccessEntries), object, a.recreateCommand(e, entryStandard),
			"it is of the type %s, access policies need %s, and the type of an entry cannot be changed", e.kind, entryStandard)
		return false
	}
	return true
}

// planStandard compares the entry of a principal, and returns the access policies
// that it will have without another change.
func (a *Account) planStandard(d *draft, w *world, principal string) map[string]scopeState {
	e := w.eks.entries[principal]
	if e == nil {
		d.differ(a.file.EKS.AccessEntries, plan.Change{
			Object: plan.Object{Kind: kindEntry, Name: principal, Of: a.file.EKS.Name},
			Why:    name(principal) + " may use the cluster",
			After:  encode(entryState{Type: entryStandard, Tags: map[string]string{ownerTag: a.file.Cluster}}),
		})
		return nil
	}
	if r := w.eks.principals[principal]; r != nil && e.stale(r) {
		// With the entry go its name, groups and policies; the policies of the file are
		// given again.
		whole := e.user == "" && len(e.groups) == 0
		for policy := range e.policies {
			whole = whole && a.wantsPolicy(principal, policy)
		}
		if a.planStale(d, e, whole) {
			return nil
		}
	}
	return e.policies
}

// wantsPolicy says whether the file gives the principal the access policy.
func (a *Account) wantsPolicy(principal, policyARN string) bool {
	for _, access := range a.file.EKS.Access {
		if access.Principal == principal && a.accessPolicyARN(access.Policy) == policyARN {
			return true
		}
	}
	return false
}
