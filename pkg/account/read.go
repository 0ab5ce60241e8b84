package account

import (
	"context"
)

// world is the account as it is, as far as the file speaks of it. It is read once and
// in bulk: what a plan of five hundred nodes costs is some thirty calls.
type world struct {
	groups []wantedGroup // what shall be; it does not depend on what is
	iam    iamWorld
	net    network
	scale  map[string]*autoScalingGroup // by name; nil where there is none
	eks    *eksWorld                    // nil if the file has no eks
	ecr    ecrWorld
}

// read looks at everything.
func (a *Account) read(ctx context.Context) (*world, error) {
	w := &world{}
	var err error
	if w.groups, err = a.wanted(); err != nil {
		return nil, err
	}
	if w.iam, err = a.readIAM(ctx, w.groups); err != nil {
		return nil, err
	}
	if w.scale, err = a.readAutoScaling(ctx, w.groups); err != nil {
		return nil, err
	}
	if w.eks, err = a.readEKS(ctx, w.groups); err != nil {
		return nil, err
	}
	if w.net, err = a.readNetwork(ctx, w); err != nil {
		return nil, err
	}
	if w.ecr, err = a.readECR(ctx); err != nil {
		return nil, err
	}
	return w, nil
}

// readIAM reads the roles, profiles and policies of the groups that are looked at.
func (a *Account) readIAM(ctx context.Context, groups []wantedGroup) (iamWorld, error) {
	w := iamWorld{map[string]*role{}, map[string]*profile{}, map[string]*managedPolicy{}}
	for _, g := range groups {
		if g.IAM == "ignore" {
			continue
		}
		var err error
		if _, ok := w.roles[g.Role]; !ok {
			if w.roles[g.Role], err = a.readRole(ctx, g.Role); err != nil {
				return w, err
			}
		}
		if _, ok := w.profiles[g.InstanceProfile]; !ok {
			if w.profiles[g.InstanceProfile], err = a.getProfile(ctx, g.InstanceProfile); err != nil {
				return w, err
			}
		}
		for name := range g.managed {
			arn := a.policyARN(g.Path, name)
			if w.policies[arn], err = a.getPolicy(ctx, arn); err != nil {
				return w, err
			}
		}
	}
	return w, nil
}
