package policy_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
)

var update = flag.Bool("update", false, "write the golden files anew")

// everyFeature is of groups that run all that there is.
var everyFeature = policy.Features()

// groups are the asks of the golden files. The partition is filled in.
func groups(partition, region string) []struct {
	name string
	ask  policy.Ask
} {
	base := func(change func(*policy.Ask)) policy.Ask {
		a := policy.Ask{Partition: partition, Region: region, Account: "123456789012", Cluster: "prod-1", Roles: []policy.Role{policy.Worker}}
		change(&a)
		return a
	}
	return []struct {
		name string
		ask  policy.Ask
	}{
		{"worker", base(func(*policy.Ask) {})},
		{"etcd", base(func(a *policy.Ask) { a.Roles = []policy.Role{policy.Etcd} })},
		{"EKS node", base(func(a *policy.Ask) { a.Features = []policy.Feature{policy.Nodeadm} })},
		{"control plane without features", base(func(a *policy.Ask) { a.Roles = []policy.Role{policy.ControlPlane} })},
		{"server with load balancers", base(func(a *policy.Ask) {
			a.Roles = []policy.Role{policy.ControlPlane, policy.Etcd}
			a.Features = []policy.Feature{policy.ELB, policy.NLBSecurityGroups}
		})},
		{"server with load balancers, scope cluster", base(func(a *policy.Ask) {
			a.Roles = []policy.Role{policy.ControlPlane, policy.Etcd}
			a.Features = []policy.Feature{policy.ELB, policy.NLBSecurityGroups}
			a.Scope = policy.ScopeCluster
		})},
		{"everything", base(func(a *policy.Ask) {
			a.Roles = []policy.Role{policy.ControlPlane, policy.Etcd, policy.Worker}
			a.Features = everyFeature
		})},
		{"everything, scope cluster", base(func(a *policy.Ask) {
			a.Roles = []policy.Role{policy.ControlPlane, policy.Etcd, policy.Worker}
			a.Features = everyFeature
			a.Scope = policy.ScopeCluster
		})},
		{"worker with volumes of Kubernetes 1.26", base(func(a *policy.Ask) { a.Features = []policy.Feature{policy.InTreeEBS} })},
		{"pull from everywhere", base(func(a *policy.Ask) {
			a.Pull = policy.Pull{
				Repositories: []string{"team/*", "base"},
				Public:       partition == "aws",
				Cache:        []string{"docker-hub/*"},
				CrossAccount: []policy.CrossAccount{
					{Account: "210987654321", Repositories: []string{"base/*"}},
					{Account: "210987654322", Region: "elsewhere-1"},
					{Account: "333333333333", Assume: "arn:" + partition + ":iam::333333333333:role/ecr-pull"},
				},
			}
		})},
	}
}

// regions is one region for each partition.
var regions = [][2]string{
	{"aws", "eu-central-1"}, {"aws-cn", "cn-north-1"}, {"aws-us-gov", "us-gov-west-1"}, {"aws-eusc", "eusc-de-east-1"},
	{"aws-iso", "us-iso-east-1"}, {"aws-iso-b", "us-isob-east-1"}, {"aws-iso-e", "eu-isoe-west-1"}, {"aws-iso-f", "us-isof-south-1"},
}

// TestFor writes what groups of nodes get, in each partition, as it is applied.
func TestFor(t *testing.T) {
	for _, r := range regions {
		partition, region := r[0], r[1]
		t.Run(partition, func(t *testing.T) {
			var b strings.Builder
			for _, g := range groups(partition, region) {
				named, err := policy.For(g.ask)
				if err != nil {
					t.Fatalf("For(%s): %v", g.name, err)
				}
				for _, n := range named {
					fmt.Fprintf(&b, "-- %s: %s (%d) --\n%s", g.name, n.Name, n.Document.Size(), n.Document.Indent())
				}
			}
			trust, err := policy.Trust(partition, nil)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "-- trust --\n%s", trust.Indent())
			golden(t, partition+".golden", b.String())
		})
	}
}

// golden compares with a file of testdata, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test ./pkg/account/policy -update writes it)", err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got; if this is meant, go test ./pkg/account/policy -update):\n%s", path, diff)
	}
}

// TestForStaysWithinLimits: whatever a group runs, its policies stay inline, their
// Sids are what IAM takes, and no two are the same.
func TestForStaysWithinLimits(t *testing.T) {
	for _, r := range regions {
		for _, g := range groups(r[0], r[1]) {
			named, err := policy.For(g.ask)
			if err != nil {
				t.Fatalf("For(%s): %v", g.name, err)
			}
			kind, kept, err := policy.Keep(named, policy.Auto)
			if err != nil || kind != policy.Inline {
				t.Errorf("Keep(%s, %s) = %s, %v, want them inline", r[0], g.name, kind, err)
			}
			for _, n := range kept {
				if size := n.Document.Size(); size > policy.ManagedLimit {
					t.Errorf("%s, %s: %s has %d characters, too many to be managed", r[0], g.name, n.Name, size)
				}
				seen := map[string]bool{}
				for _, s := range n.Document.Statements {
					if !isAlphanumeric(s.Sid) || seen[s.Sid] {
						t.Errorf("%s, %s: %s has the Sid %q, which IAM refuses or which is there twice", r[0], g.name, n.Name, s.Sid)
					}
					seen[s.Sid] = true
				}
				if len(n.Document.Statements) > 12 {
					t.Errorf("%s, %s: %s has %d statements, too many to be read", r[0], g.name, n.Name, len(n.Document.Statements))
				}
			}
		}
	}
}

func isAlphanumeric(s string) bool {
	return s != "" && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// TestForScopeClusterAllowsTheSameActions: the scope is about resources.
func TestForScopeClusterAllowsTheSameActions(t *testing.T) {
	for _, f := range append([]policy.Feature{""}, everyFeature...) {
		ask := policy.Ask{
			Partition: "aws", Region: "eu-central-1", Account: "123456789012", Cluster: "prod-1",
			Roles: []policy.Role{policy.ControlPlane, policy.Etcd, policy.Worker},
		}
		if f != "" {
			ask.Features = []policy.Feature{f}
		}
		wide := allowed(t, ask)
		ask.Scope = policy.ScopeCluster
		if diff := cmp.Diff(wide, allowed(t, ask)); diff != "" {
			t.Errorf("feature %q: scope cluster allows other actions (-actions +cluster):\n%s", f, diff)
		}
	}
}

// allowed are the actions of all policies of a group.
func allowed(t *testing.T, ask policy.Ask) []string {
	t.Helper()
	named, err := policy.For(ask)
	if err != nil {
		t.Fatal(err)
	}
	var all policy.Document
	for _, n := range named {
		all.Statements = append(all.Statements, n.Document.Statements...)
	}
	return all.Actions()
}

// TestForDocumentedProfiles: the documents are as published, and pull has only what
// they leave open.
func TestForDocumentedProfiles(t *testing.T) {
	type named struct {
		Name    string
		Actions int
	}
	controlPlane, etcd, worker := []policy.Role{policy.ControlPlane}, []policy.Role{policy.Etcd}, []policy.Role{policy.Worker}
	everything := []policy.Role{policy.ControlPlane, policy.Etcd, policy.Worker}
	cache := policy.Pull{Cache: []string{"docker-hub/*"}, Repositories: []string{"team/*"}}
	tests := []struct {
		name    string
		profile policy.Profile
		roles   []policy.Role
		pull    policy.Pull
		want    []named
	}{
		{"all roles", policy.ProfileRancher, everything, policy.Pull{}, []named{{"rancher-control-plane", 53}, {"rancher-node", 9}}},
		{"control plane pulls too", policy.ProfileRancher, controlPlane, policy.Pull{}, []named{{"rancher-control-plane", 53}, {"pull", 3}}},
		{"etcd", policy.ProfileRancher, etcd, policy.Pull{}, []named{{"rancher-node", 9}}},
		{"worker with a cache", policy.ProfileRancher, worker, cache, []named{{"rancher-node", 9}, {"pull", 2}}},
		{"upstream, all roles", policy.ProfileUpstream, everything, policy.Pull{}, []named{{"upstream-control-plane", 57}, {"upstream-node", 9}}},
		{"upstream, control plane with a cache", policy.ProfileUpstream, controlPlane, cache, []named{{"upstream-control-plane", 57}, {"pull", 5}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := policy.For(policy.Ask{
				Partition: "aws-cn", Region: "cn-north-1", Account: "123456789012",
				Roles: tt.roles, Profile: tt.profile, Pull: tt.pull,
			})
			if err != nil {
				t.Fatal(err)
			}
			var short []named
			for _, n := range got {
				short = append(short, named{n.Name, len(n.Document.Actions())})
				if published, err := policy.Published(n.Name, false); err == nil && !policy.Equal(published, n.Document) {
					t.Errorf("%s is not as published:\n%s", n.Name, cmp.Diff(published.Indent(), n.Document.Indent()))
				}
			}
			if diff := cmp.Diff(tt.want, short); diff != "" {
				t.Errorf("For() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestForRefuses(t *testing.T) {
	const because = "write policies of a group of nodes: "
	tests := []struct {
		name   string
		change func(*policy.Ask)
		want   string
	}{
		{"partition", func(a *policy.Ask) { a.Partition = "aws-x" }, `"aws-x" is not a partition of AWS; there are aws, aws-cn, aws-us-gov, aws-eusc, aws-iso, aws-iso-b, aws-iso-e and aws-iso-f`},
		{"account", func(a *policy.Ask) { a.Account = "1234" }, `"1234" is not the number of an account`},
		{"region", func(a *policy.Ask) { a.Region = "" }, "it has no region"},
		{"no role", func(a *policy.Ask) { a.Roles = nil }, "it has no role; there are control-plane, etcd and worker"},
		{"role", func(a *policy.Ask) { a.Roles = []policy.Role{"master"} }, `"master" is not a role; there are control-plane, etcd and worker`},
		{"feature", func(a *policy.Ask) { a.Features = []policy.Feature{"elbs"} }, `"elbs" is not a feature; there are topology, elb, nlb-security-groups, routes, tagging-controller, in-tree-ebs and nodeadm`},
		{"a feature of the table's own", func(a *policy.Ask) { a.Features = []policy.Feature{"fargate"} }, `"fargate" is not a feature; there are topology, elb, nlb-security-groups, routes, tagging-controller, in-tree-ebs and nodeadm`},
		{"feature on the wrong nodes", func(a *policy.Ask) { a.Features = []policy.Feature{policy.ELB} }, "the feature elb is of components that run on control-plane, and the group's roles are worker"},
		{"profile", func(a *policy.Ask) { a.Profile = "kops" }, `"kops" is not a profile; there are called, rancher and upstream`},
		{"scope", func(a *policy.Ask) { a.Scope = "vpc" }, `"vpc" is not a scope; there are actions and cluster`},
		{"scope of a document", func(a *policy.Ask) { a.Profile, a.Scope = policy.ProfileRancher, policy.ScopeCluster }, "the profile rancher is documents as others published them, without conditions, and scope cluster adds some"},
		{"scope without a cluster", func(a *policy.Ask) { a.Scope, a.Cluster = policy.ScopeCluster, "" }, "scope cluster needs the cluster's id"},
		{"ECR Public", func(a *policy.Ask) { a.Partition, a.Pull.Public = "aws-cn", true }, "ECR Public is in the partition aws, whose tokens credentials of aws-cn do not get"},
		{"repository", func(a *policy.Ask) { a.Pull.Repositories = []string{"team/*:latest"} }, `"team/*:latest" is not the name of a repository: those have small letters, digits, . _ - and /, and here * and ?`},
		{"empty repository", func(a *policy.Ask) { a.Pull.Cache = []string{""} }, `"" is not the name of a repository: those have small letters, digits, . _ - and /, and here * and ?`},
		{"other account", func(a *policy.Ask) { a.Pull.CrossAccount = []policy.CrossAccount{{Account: "base"}} }, `"base" is not the number of an account`},
		{"other account's repository", func(a *policy.Ask) {
			a.Pull.CrossAccount = []policy.CrossAccount{{Account: "210987654321", Repositories: []string{"${x}"}}}
		}, `"${x}" is not the name of a repository: those have small letters, digits, . _ - and /, and here * and ?`},
		{"role of another partition", func(a *policy.Ask) {
			a.Pull.CrossAccount = []policy.CrossAccount{{Account: "210987654321", Assume: "arn:aws-cn:iam::210987654321:role/pull"}}
		}, `"arn:aws-cn:iam::210987654321:role/pull" is not the ARN of a role in the partition aws: arn:aws:iam::210987654321:role/NAME`},
		{"instance profile for a role", func(a *policy.Ask) {
			a.Pull.CrossAccount = []policy.CrossAccount{{Account: "210987654321", Assume: "arn:aws:iam::210987654321:instance-profile/pull"}}
		}, `"arn:aws:iam::210987654321:instance-profile/pull" is not the ARN of a role in the partition aws: arn:aws:iam::210987654321:role/NAME`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ask := policy.Ask{Partition: "aws", Region: "eu-central-1", Account: "123456789012", Cluster: "prod-1", Roles: []policy.Role{policy.Worker}}
			tt.change(&ask)
			named, err := policy.For(ask)
			if err == nil || err.Error() != because+tt.want || named != nil {
				t.Errorf("For() = %v, %v\nwant the error %s", named, err, because+tt.want)
			}
		})
	}
}

func TestScopeRequires(t *testing.T) {
	tests := []struct {
		feature policy.Feature
		want    []policy.Requirement
	}{
		{"", nil},
		{policy.Topology, nil},
		{policy.Nodeadm, nil},
		{policy.ELB, []policy.Requirement{{Kind: "security-group", Actions: []string{"ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"}}}},
		{policy.NLBSecurityGroups, []policy.Requirement{{Kind: "security-group", Actions: []string{"ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"}}}},
		{policy.Routes, []policy.Requirement{
			{Kind: "instance", Actions: []string{"ec2:ModifyInstanceAttribute"}},
			{Kind: "route-table", Actions: []string{"ec2:CreateRoute", "ec2:DeleteRoute"}},
		}},
		{policy.TaggingController, []policy.Requirement{{Kind: "instance", Actions: []string{"ec2:CreateTags", "ec2:DeleteTags"}}}},
		{policy.InTreeEBS, []policy.Requirement{
			{Kind: "instance", Actions: []string{"ec2:AttachVolume", "ec2:DetachVolume"}},
			{Kind: "volume", Actions: []string{"ec2:AttachVolume", "ec2:DeleteVolume", "ec2:DetachVolume", "ec2:ModifyVolume"}},
		}},
	}
	for _, tt := range tests {
		t.Run(strconv.Quote(string(tt.feature)), func(t *testing.T) {
			ask := policy.Ask{Partition: "aws", Region: "eu-central-1", Account: "123456789012", Roles: []policy.Role{policy.ControlPlane}}
			if tt.feature != "" {
				ask.Features = []policy.Feature{tt.feature}
			}
			got, err := policy.ScopeRequires(ask)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("ScopeRequires() (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLacking: the documents lack what has come since they were written.
func TestLacking(t *testing.T) {
	tests := []struct {
		profile policy.Profile
		feature []policy.Feature
		want    []string
	}{
		{policy.ProfileCalled, everyFeature, nil},
		{policy.ProfileRancher, nil, []string{"ec2:DescribeAvailabilityZones"}},
		{policy.ProfileUpstream, nil, nil},
		{policy.ProfileRancher, everyFeature, []string{
			"ec2:DeleteTags", "ec2:DescribeAvailabilityZones", "ec2:DescribeInstanceTopology", "ec2:DescribeInstanceTypes", "ec2:DescribeVolumesModifications",
			"elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:DescribeTargetGroupAttributes",
			"elasticloadbalancing:ModifyTargetGroupAttributes", "elasticloadbalancing:SetSecurityGroups",
		}},
		{policy.ProfileUpstream, everyFeature, []string{
			"ec2:DeleteTags", "ec2:DescribeInstanceTypes", "ec2:DescribeVolumesModifications",
			"elasticloadbalancing:DescribeTargetGroupAttributes", "elasticloadbalancing:ModifyTargetGroupAttributes",
		}},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s with %d features", tt.profile, len(tt.feature)), func(t *testing.T) {
			rows, err := policy.Lacking(policy.Ask{
				Partition: "aws", Region: "eu-central-1", Account: "123456789012",
				Roles: []policy.Role{policy.ControlPlane, policy.Etcd, policy.Worker}, Features: tt.feature, Profile: tt.profile,
			})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range rows {
				if r.Component == "" || r.Source == "" {
					t.Errorf("%#v does not say who calls it", r)
				}
				got = append(got, r.Action)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Lacking() (-want +got):\n%s", diff)
			}
		})
	}
}
