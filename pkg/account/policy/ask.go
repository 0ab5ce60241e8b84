package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

// A Scope says how narrowly the statements of called actions are written.
type Scope string

const (
	// ScopeActions is the actions, on any resource where a resource is not known
	// beforehand. It is the default.
	ScopeActions Scope = "actions"
	// ScopeCluster adds conditions on the cluster's tag. Some resources must carry it
	// first (ScopeRequires), and some things that work without it do not with it:
	// nodes whose only security group is untagged, load balancers of the in-tree cloud
	// provider (which tags what it makes in a second call, or not at all), and a tagging
	// controller that is to set the cluster's tag itself.
	ScopeCluster Scope = "cluster"
)

// A Profile is where the actions come from.
type Profile string

const (
	ProfileCalled   Profile = "called"   // what components call, from the table; the default
	ProfileRancher  Profile = "rancher"  // the documents on Rancher's page
	ProfileUpstream Profile = "upstream" // the documents of cloud-provider-aws
)

// An Ask is what there is to know of a group of nodes in order to write its policies.
type Ask struct {
	Partition string // as in ARNs
	Region    string
	Account   string
	Cluster   string // the ClusterID; needed for ScopeCluster only

	Roles    []Role
	Features []Feature
	Scope    Scope   // ScopeActions if empty
	Profile  Profile // ProfileCalled if empty

	Pull Pull
}

// Pull is which images the nodes may pull. Names of repositories may have * and ?.
type Pull struct {
	Repositories []string // of this account and region; all if empty
	Public       bool     // tokens for ECR Public too
	CrossAccount []CrossAccount
	Cache        []string // repositories that a pull may create and fill from upstream
}

// CrossAccount is a registry of another account.
type CrossAccount struct {
	Account      string
	Region       string   // the Ask's if empty
	Repositories []string // all if empty
	Assume       string   // the ARN of a role to pull as, and then the node itself may not
}

// check refuses what no policy can be written for.
func (a Ask) check() error {
	if _, err := findPartition(a.Partition); err != nil {
		return err
	}
	if !isAccount(a.Account) {
		return fmt.Errorf("%q is not the number of an account", a.Account)
	}
	if a.Region == "" {
		return errors.New("it has no region")
	}
	if err := a.checkRoles(); err != nil {
		return err
	}
	if err := a.checkScope(); err != nil {
		return err
	}
	return a.Pull.check(a.Partition)
}

func (a Ask) checkRoles() error {
	if len(a.Roles) == 0 {
		return fmt.Errorf("it has no role; there are %s", list(everyRole))
	}
	for _, r := range a.Roles {
		if !slices.Contains(everyRole, r) {
			return fmt.Errorf("%q is not a role; there are %s", r, list(everyRole))
		}
	}
	for _, f := range a.Features {
		runsOn := rolesOf(f)
		if len(runsOn) == 0 {
			return fmt.Errorf("%q is not a feature; there are %s", f, list(Features()))
		}
		if !slices.ContainsFunc(runsOn, a.hasRole) {
			return hint.Wrap(fmt.Errorf("the feature %s is of components that run on %s, and the group's roles are %s", f, list(runsOn), list(a.Roles)),
				"move it to the group whose nodes run them, or give this group the role")
		}
	}
	return nil
}

func (a Ask) checkScope() error {
	switch a.Profile {
	case "", ProfileCalled:
	case ProfileRancher, ProfileUpstream:
		if a.Scope == ScopeCluster {
			return hint.Wrap(fmt.Errorf("the profile %s is documents as others published them, without conditions, and scope %s adds some", a.Profile, a.Scope),
				"leave out one of the two")
		}
	default:
		return fmt.Errorf("%q is not a profile; there are %s, %s and %s", a.Profile, ProfileCalled, ProfileRancher, ProfileUpstream)
	}
	switch a.Scope {
	case "", ScopeActions:
	case ScopeCluster:
		if a.Cluster == "" {
			return fmt.Errorf("scope %s needs the cluster's id", a.Scope)
		}
	default:
		return fmt.Errorf("%q is not a scope; there are %s and %s", a.Scope, ScopeActions, ScopeCluster)
	}
	return nil
}

func (p Pull) check(partition string) error {
	if p.Public && partition != publicPartition {
		return hint.Wrap(fmt.Errorf("ECR Public is in the partition %s, whose tokens credentials of %s do not get", publicPartition, partition),
			"leave public out: ECR Public can be pulled from without a token")
	}
	if err := checkRepositories(p.Repositories); err != nil {
		return err
	}
	if err := checkRepositories(p.Cache); err != nil {
		return err
	}
	for _, other := range p.CrossAccount {
		if !isAccount(other.Account) {
			return fmt.Errorf("%q is not the number of an account", other.Account)
		}
		if err := checkRepositories(other.Repositories); err != nil {
			return err
		}
		if role := "arn:" + partition + ":iam::"; other.Assume != "" && !(strings.HasPrefix(other.Assume, role) && strings.Contains(other.Assume, ":role/")) {
			return fmt.Errorf("%q is not the ARN of a role in the partition %s: %s%s:role/NAME", other.Assume, partition, role, other.Account)
		}
	}
	return nil
}

// publicPartition is the only one that has ECR Public
// (docs.aws.amazon.com/AmazonECR/latest/public/public-registry-auth.html).
const publicPartition = "aws"

// checkRepositories keeps out of an ARN what would make it another one.
func checkRepositories(names []string) error {
	for _, name := range names {
		if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789._-/*?") != "" {
			return fmt.Errorf("%q is not the name of a repository: those have small letters, digits, . _ - and /, and here * and ?", name)
		}
	}
	return nil
}

func (a Ask) hasRole(r Role) bool { return slices.Contains(a.Roles, r) }

// features are those of the group and those that they include.
func (a Ask) features() []Feature {
	all := append([]Feature{always}, a.Features...)
	if slices.Contains(all, NLBSecurityGroups) {
		all = append(all, ELB) // whose load balancers it is about
	}
	return all
}

// Features are the features that a group can have, in the order of the table.
func Features() []Feature {
	return []Feature{Topology, ELB, NLBSecurityGroups, Routes, TaggingController, InTreeEBS, Nodeadm}
}

// rolesOf are the roles that have a component with this feature; none if a group
// cannot have it.
func rolesOf(f Feature) []Role {
	var roles []Role
	for _, c := range calls {
		if c.feature == f && slices.Contains(Features(), f) {
			roles = append(roles, c.by.roles...)
		}
	}
	return set(roles)
}

// list is names as a person lists them.
func list[S ~string](names []S) string {
	var b strings.Builder
	for i, name := range names {
		switch {
		case i == 0:
		case i == len(names)-1:
			b.WriteString(" and ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(string(name))
	}
	return b.String()
}
