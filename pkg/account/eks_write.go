package account

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// unknownPrincipal says that EKS does not know a role yet, which IAM shows already:
// for some 20 seconds it answers "The specified principalArn is invalid: invalid
// principal." (aws/eks-hybrid#603).
func unknownPrincipal(err error) bool {
	return code(err) == "ResourcePropagationDelayException" ||
		code(err) == "InvalidParameterException" && strings.Contains(message(err), "principalArn")
}

// unknownEntry says that EKS does not show yet to one call what another has created:
// "The specified principalArn could not be found."
func unknownEntry(err error) bool {
	return code(err) == "ResourcePropagationDelayException" ||
		code(err) == "ResourceNotFoundException" && strings.Contains(message(err), "principalArn")
}

// writeEntry creates an access entry, deletes it, or makes it anew for a role that is
// another than it was made for.
func (a *Account) writeEntry(ctx context.Context, runs plan.Runs, c plan.Change) error {
	if c.After == "" {
		return a.deleteEntry(ctx, c)
	}
	after, err := decode[entryState](c.After)
	if err != nil {
		return err
	}
	if after.Stale {
		// It takes back that an entry was made anew. None can be made for a role
		// that is gone; and once the present role is, this one is as stale as before.
		return nil
	}
	if c.Before != "" {
		present, err := a.entryState(ctx, c.Object)
		switch {
		case err != nil:
			return err
		case present == c.After:
			return nil
		case present != "" && present != c.Before:
			return fmt.Errorf("%s has changed in the meantime: it is left", c.Object)
		}
		if err := a.removeEntry(ctx, c); err != nil {
			return err
		}
	}
	return a.createEntry(ctx, runs, c, after)
}

func (a *Account) createEntry(ctx context.Context, runs plan.Runs, c plan.Change, s entryState) error {
	tags := maps.Clone(s.Tags)
	if tags == nil {
		tags = map[string]string{}
	}
	tags[runTag] = runs.Current
	err := a.patience.until(ctx, unknownPrincipal, func() error {
		_, err := a.eks.CreateAccessEntry(ctx, &eks.CreateAccessEntryInput{
			ClusterName: &c.Of, PrincipalArn: &c.Name, Type: &s.Type, Tags: tags,
		})
		return err
	})
	if code(err) == "ResourceInUseException" {
		if e, readErr := a.getEntry(ctx, c.Of, c.Name); readErr == nil && e != nil && e.kind == s.Type && runs.Include(e.run) {
			return nil
		}
	}
	unknown := err != nil && unknownPrincipal(err)
	err = does(err, "creating an access entry for %s in EKS cluster %s", c.Name, c.Of)
	if unknown {
		return hint.Wrap(err, "EKS knows no such role or user: the ARN must have the path, as `aws iam get-role --role-name NAME --query Role.Arn` prints it")
	}
	return err
}

// deleteEntry deletes an entry that we created, unless somebody has given it more
// since: they would lose it.
func (a *Account) deleteEntry(ctx context.Context, c plan.Change) error {
	e, err := a.getEntry(ctx, c.Of, c.Name)
	if e == nil || err != nil {
		return err
	}
	if e.kind == entryStandard && len(e.policies)+len(e.groups) > 0 {
		return fmt.Errorf("%w: %s has %s, which are not ours", plan.ErrInUse, c.Object, strings.Join(append(sorted(e.policies), e.groups...), ", "))
	}
	return a.removeEntry(ctx, c)
}

func (a *Account) removeEntry(ctx context.Context, c plan.Change) error {
	_, err := a.eks.DeleteAccessEntry(ctx, &eks.DeleteAccessEntryInput{ClusterName: &c.Of, PrincipalArn: &c.Name})
	if code(err) == "ResourceNotFoundException" {
		return nil
	}
	return does(err, "deleting the access entry of %s in EKS cluster %s", c.Name, c.Of)
}

// writeAccessPolicy binds an access policy to an entry, changes what it is bound to,
// or takes it away. A policy that the entry has already is bound anew by the same
// call.
func (a *Account) writeAccessPolicy(ctx context.Context, c plan.Change) error {
	cluster, err := a.cluster(c.Object)
	if err != nil {
		return err
	}
	policies, err := a.accessPolicies(ctx, cluster, c.Of)
	if err != nil {
		return err
	}
	present := ""
	if s, ok := policies[c.Name]; ok {
		present = encode(s)
	}
	switch {
	case present == c.After:
		return nil
	case present != c.Before && present != "":
		return fmt.Errorf("%s has been bound to %s in the meantime: it is left", c.Object, present)
	case c.After == "":
		_, err := a.eks.DisassociateAccessPolicy(ctx, &eks.DisassociateAccessPolicyInput{ClusterName: &cluster, PrincipalArn: &c.Of, PolicyArn: &c.Name})
		if code(err) == "ResourceNotFoundException" {
			return nil
		}
		return does(err, "taking access policy %s from %s", name(c.Name), c.Of)
	}
	s, err := decode[scopeState](c.After)
	if err != nil {
		return err
	}
	return a.patience.until(ctx, unknownEntry, func() error {
		_, err := a.eks.AssociateAccessPolicy(ctx, &eks.AssociateAccessPolicyInput{
			ClusterName: &cluster, PrincipalArn: &c.Of, PolicyArn: &c.Name,
			AccessScope: &types.AccessScope{Type: types.AccessScopeType(s.Type), Namespaces: s.Namespaces},
		})
		return does(err, "giving %s the access policy %s", c.Of, name(c.Name))
	})
}

// cluster is the EKS cluster that an access policy is of, which only the file says.
func (a *Account) cluster(o plan.Object) (string, error) {
	if a.file.EKS == nil {
		return "", hint.Wrap(fmt.Errorf("%s: %w", o, errors.New("the file names no EKS cluster")), "bring back eks.name in the file")
	}
	return a.file.EKS.Name, nil
}

// entryState is the state of an entry, "" if there is none.
func (a *Account) entryState(ctx context.Context, o plan.Object) (string, error) {
	e, stale, err := a.entryNow(ctx, o)
	if e == nil || err != nil {
		return "", err
	}
	return e.state(stale), nil
}

// entryNow is an entry, and whether its role is another by now.
func (a *Account) entryNow(ctx context.Context, o plan.Object) (e *entry, stale bool, err error) {
	e, err = a.getEntry(ctx, o.Of, o.Name)
	if e == nil || err != nil {
		return nil, false, err
	}
	roleName, ok := a.ownRole(o.Name)
	if !ok {
		return e, false, nil
	}
	r, err := a.getRole(ctx, roleName)
	return e, e.stale(r), err
}

func (r *reading) ofEntry(ctx context.Context, o plan.Object) (plan.Present, error) {
	e, stale, err := r.entryNow(ctx, o)
	if e == nil || err != nil {
		return plan.Present{}, err
	}
	return plan.Present{State: e.state(stale), Run: e.run}, nil
}

func (r *reading) ofAccessPolicy(ctx context.Context, o plan.Object) (plan.Present, error) {
	cluster, err := r.cluster(o)
	if err != nil {
		return plan.Present{}, err
	}
	policies, err := r.accessPolicies(ctx, cluster, o.Of)
	if err != nil {
		return plan.Present{}, err
	}
	if s, ok := policies[o.Name]; ok {
		return plan.Present{State: encode(s)}, nil
	}
	return plan.Present{}, nil
}

// ownedEntries are the changes that delete the entries which carry our tag, among
// those of principals that the file names, and before them the access policies that
// the file gives them.
func (a *Account) ownedEntries(ctx context.Context) ([]plan.Change, error) {
	if a.file.EKS == nil || a.file.EKS.AccessEntries == config.Ignore {
		return nil, nil
	}
	groups, err := a.wanted()
	if err != nil {
		return nil, err
	}
	w, err := a.readEKS(ctx, groups)
	if err != nil {
		return nil, err
	}
	why := "carries the tag " + ownerTag
	var changes []plan.Change
	for _, principal := range sorted(w.entries) {
		e := w.entries[principal]
		if e == nil || e.tags[ownerTag] != a.file.Cluster {
			continue
		}
		for _, policy := range sorted(e.policies) {
			if a.wantsPolicy(principal, policy) {
				changes = append(changes, plan.Change{
					Object: plan.Object{Kind: kindAccessPolicy, Name: policy, Of: principal}, Why: "its entry " + why, Before: encode(e.policies[policy]),
				})
			}
		}
		changes = append(changes, plan.Change{
			Object: plan.Object{Kind: kindEntry, Name: principal, Of: a.file.EKS.Name}, Why: why, Before: e.state(false),
		})
	}
	return changes, nil
}
