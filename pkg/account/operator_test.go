package account_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// unused are the actions of an operator's policy that a plan, its application and its
// end need only sometimes, or that go by another name.
var unused = map[string]string{
	"eks:TagResource":                          "for the tags of CreateAccessEntry",
	"iam:DeletePolicyVersion":                  "a policy that is new has one version",
	"iam:PassRole":                             "for AddRoleToInstanceProfile and others",
	"iam:TagInstanceProfile":                   "for the tags of CreateInstanceProfile",
	"iam:TagPolicy":                            "for the tags of CreatePolicy",
	"iam:TagRole":                              "for the tags of CreateRole",
	"autoscaling:DescribeLaunchConfigurations": "the group has a launch template",
	"ecr:DescribeRepositories":                 "the file lets nobody else pull",
	"ecr:GetRepositoryPolicy":                  "the file names no repository",
}

// TestOperatorPolicySuffices lets somebody plan, apply, plan again and take back who has
// nothing but the policy that is printed for the plan, and who needs all of it.
func TestOperatorPolicySuffices(t *testing.T) {
	p := newPremises(t)
	f := p.file()
	before := p.Dump()
	outcome := p.plan(t, f)
	printed := open(t, f).OperatorPolicy(outcome.Changes)
	if size := printed.Size(); size > policy.ManagedLimit {
		t.Errorf("the policy has %d characters, want at most %d", size, policy.ManagedLimit)
	}

	p.CallerPolicies = []string{printed.String()}
	p.ForgetCalls()
	operated := p.plan(t, f)
	if diff := cmp.Diff(outcome, operated); diff != "" {
		t.Errorf("the plan (-of the owner +of the operator)\n%s", diff)
	}
	a := open(t, f)
	j := must(plan.OpenJournal(filepath.Join(t.TempDir(), "journal"), account.Key(f)))(t)
	defer j.Close()
	if err := plan.Apply(t.Context(), a, operated.Changes, j, plan.Options{}); err != nil {
		t.Fatal(err)
	}
	if again := p.plan(t, f); len(again.Changes) > 0 || again.Preflight != nil {
		t.Errorf("there is still to do, or to ask: %v, %v", again.Changes, again.Preflight)
	}
	takeBack(t, a, j)
	if diff := cmp.Diff(before, p.Dump()); diff != "" {
		t.Errorf("the account (-before +after)\n%s", diff)
	}

	used := map[string]bool{}
	for _, c := range p.Calls() {
		if c.Service != "sts" {
			used[c.Service+":"+c.Operation] = true
		}
		if c.Result == "AccessDenied" || c.Result == "UnauthorizedOperation" || c.Result == "AccessDeniedException" {
			t.Errorf("denied: %s", c)
		}
	}
	for action := range unused {
		used[action] = true
	}
	var all []string
	for action := range used {
		all = append(all, action)
	}
	slices.Sort(all)
	if diff := cmp.Diff(all, printed.Actions()); diff != "" {
		t.Errorf("actions (-called +in the policy)\n%s", diff)
	}
}

// TestOperatorPolicyOfChanges is for plans that do not begin with nothing: an instance
// has another profile, and policies are not what the file says any more.
func TestOperatorPolicyOfChanges(t *testing.T) {
	p := newPremises(t)
	c := iam.NewFromConfig(p.aws)
	old := aws.String("old")
	must(c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: old, AssumeRolePolicyDocument: aws.String(trustEKS)}))(t)
	profile := must(c.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: old}))(t).InstanceProfile.Arn
	must(c.AddRoleToInstanceProfile(t.Context(), &iam.AddRoleToInstanceProfileInput{InstanceProfileName: old, RoleName: old}))(t)
	must(ec2.NewFromConfig(p.aws).AssociateIamInstanceProfile(t.Context(), &ec2.AssociateIamInstanceProfileInput{
		InstanceId: &p.instances[1], IamInstanceProfile: &types.IamInstanceProfileSpecification{Arn: profile},
	}))(t)
	f := p.file()
	for _, edit := range []func(){
		func() {},
		func() {
			f.Nodes[0].Features, f.Nodes[0].Boundary = []config.Feature{config.ELB, config.Routes}, p.boundary
			f.Nodes[1].TrustPrincipals, f.Nodes[1].Tags["team"] = []string{"ec2.amazonaws.com", "ssm.amazonaws.com"}, "other"
			f.Pull.Repositories = []string{"team/*"}
		},
	} {
		edit()
		before := p.Dump()
		p.CallerPolicies = nil
		outcome := must(open(t, f).Plan(t.Context(), account.Options{ReplaceProfiles: true}))(t)
		if len(outcome.Changes) == 0 {
			t.Fatal("there is nothing to change")
		}
		p.CallerPolicies = []string{open(t, f).OperatorPolicy(outcome.Changes).String()}
		for round := range 2 {
			a := open(t, f)
			j := must(plan.OpenJournal(filepath.Join(t.TempDir(), "journal"), account.Key(f)))(t)
			if err := plan.Apply(t.Context(), a, outcome.Changes, j, plan.Options{}); err != nil {
				t.Fatal(err)
			}
			if round == 0 {
				takeBack(t, a, j)
				if diff := cmp.Diff(before, p.Dump()); diff != "" {
					t.Errorf("the account (-before +after)\n%s", diff)
				}
			}
			j.Close()
		}
	}
}

func takeBack(t *testing.T, a *account.Account, j *plan.Journal) {
	t.Helper()
	var objects []plan.Object
	for _, c := range j.Net() {
		objects = append(objects, c.Object)
	}
	changes, rest := plan.Undo(j, must(a.Read(t.Context(), objects))(t), account.Kinds())
	if len(rest) > 0 {
		t.Errorf("left: %v", rest)
	}
	if err := plan.Apply(t.Context(), a, changes, j, plan.Options{}); err != nil {
		t.Fatal(err)
	}
}

// TestOperatorPolicyFits is the policy for a plan of five hundred instances: they are
// not named, and all else is.
func TestOperatorPolicyFits(t *testing.T) {
	p := newPremises(t)
	f := p.smallFile()
	var changes []plan.Change
	for i := range 500 {
		id := fmt.Sprintf("i-%017x", i)
		changes = append(changes,
			plan.Change{Object: plan.Object{Kind: "instance profile of", Name: id}, After: "arn:aws:iam::123456789012:instance-profile/prod-1-agent"},
			plan.Change{Object: plan.Object{Kind: "tag", Name: "kubernetes.io/cluster/prod-1", Of: id}, After: "owned"},
			plan.Change{Object: plan.Object{Kind: "tag", Name: "kubernetes.io/cluster/prod-1", Of: fmt.Sprintf("subnet-%d", i%2)}, After: "shared"})
	}
	const (
		instances = "arn:aws:ec2:eu-central-1:123456789012:instance/*"
		subnet    = "arn:aws:ec2:eu-central-1:123456789012:subnet/subnet-"
		iam       = "arn:aws:iam::123456789012:"
	)
	want := policy.Document{Version: policy.Version, Statements: []policy.Statement{
		{Sid: "Read", Effect: policy.Allow, Resources: []string{"*"}, Actions: []string{
			"ec2:DescribeAvailabilityZones", "ec2:DescribeDhcpOptions", "ec2:DescribeIamInstanceProfileAssociations", "ec2:DescribeInstances",
			"ec2:DescribeRouteTables", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeTags", "ec2:DescribeVpcAttribute",
			"ec2:DescribeVpcEndpoints", "ec2:DescribeVpcs", "ecr:DescribePullThroughCacheRules", "ecr:GetRegistryPolicy",
		}},
		{Sid: "Instances", Effect: policy.Allow, Resources: []string{instances}, Actions: []string{"ec2:AssociateIamInstanceProfile", "ec2:DisassociateIamInstanceProfile"}},
		{Sid: "Tags", Effect: policy.Allow, Resources: []string{instances, subnet + "0", subnet + "1"}, Actions: []string{"ec2:CreateTags", "ec2:DeleteTags"},
			Conditions: policy.Conditions{
				"ForAllValues:StringEquals": {"aws:TagKeys": {"kubernetes.io/cluster/prod-1"}}, "Null": {"aws:TagKeys": {"false"}},
			}},
		{Sid: "ReadRepositories", Effect: policy.Allow, Resources: []string{"arn:aws:ecr:eu-central-1:123456789012:repository/*"}, Actions: []string{"ecr:DescribeRepositories", "ecr:GetRepositoryPolicy"}},
		{Sid: "ReadInstanceProfiles", Effect: policy.Allow, Resources: []string{iam + "instance-profile/prod-1-agent"}, Actions: []string{"iam:GetInstanceProfile"}},
		{Sid: "ReadPolicies", Effect: policy.Allow, Resources: []string{iam + "policy/prod-1-agent-*"}, Actions: []string{"iam:GetPolicy", "iam:GetPolicyVersion"}},
		{Sid: "ReadRoles", Effect: policy.Allow, Resources: []string{iam + "role/prod-1-agent"}, Actions: []string{"iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"}},
		{Sid: "PassRole", Effect: policy.Allow, Resources: []string{iam + "role/prod-1-agent"}, Actions: []string{"iam:PassRole"}},
		{Sid: "ReadUsers", Effect: policy.Allow, Resources: []string{iam + "user/operator"}, Actions: []string{"iam:SimulatePrincipalPolicy"}},
	}}
	if diff := cmp.Diff(want, open(t, f).OperatorPolicy(changes)); diff != "" {
		t.Errorf("the policy (-want +got)\n%s", diff)
	}
}

// TestOperatorPolicyWidens is for plans that are too large in what has names: those in
// one place become what they begin with, and no more.
func TestOperatorPolicyWidens(t *testing.T) {
	p := newPremises(t)
	f := p.smallFile()
	agent := f.Nodes[0]
	for i := range 60 {
		g := agent
		g.Name = fmt.Sprintf("prod-1-agent-%02d", i)
		g.Role, g.InstanceProfile = g.Name, g.Name
		f.Nodes = append(f.Nodes, g)
	}
	other := agent
	other.Name, other.Role, other.InstanceProfile, other.Path = "zone", "zone", "zone", "/other/"
	f.Nodes = append(f.Nodes, other)
	printed := open(t, f).OperatorPolicy(p.plan(t, f).Changes)
	if size := printed.Size(); size > policy.ManagedLimit {
		t.Errorf("the policy has %d characters, want at most %d", size, policy.ManagedLimit)
	}
	const iam = "arn:aws:iam::123456789012:"
	want := map[string][]string{
		"InstanceProfiles": {iam + "instance-profile/other/zone", iam + "instance-profile/prod-1-agent*"},
		"PassRole":         {iam + "role/other/zone", iam + "role/prod-1-agent*"},
		"Roles":            {iam + "role/other/zone", iam + "role/prod-1-agent*"},
		"ReadRoles":        {iam + "role/other/zone", iam + "role/prod-1-agent*", iam + "role/zone"},
	}
	got := map[string][]string{}
	for sid := range want {
		s, _ := printed.Statement(sid)
		got[sid] = s.Resources
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("resources by statement (-want +got)\n%s", diff)
	}
}
