package account

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// everything is an account whose file has all that makes calls.
func everything() *Account {
	return &Account{
		partition: "aws", caller: "arn:aws:sts::123456789012:assumed-role/admin/me",
		file: &config.File{
			Cluster: "prod-1", Account: "123456789012", Region: "eu-central-1",
			Nodes: []config.NodeGroup{{
				Name: "server", Role: "prod-server", InstanceProfile: "prod-profile", Path: "/nodes/",
				Boundary: "arn:aws:iam::123456789012:policy/limit", Instances: config.Instances{AutoScalingGroup: "servers"},
			}},
			EKS: &config.EKS{Name: "prod-1", Access: []config.Access{{Principal: "arn:aws:iam::123456789012:role/tools/rancher"}}},
		},
	}
}

// samples are an object of each kind, and its state before and after.
var samples = []plan.Change{
	{Object: plan.Object{Kind: kindPolicy, Name: "p"}, After: `{"path":"/nodes/","document":{},"tags":{"team":"a"}}`},
	{Object: plan.Object{Kind: kindVersion, Name: "p", Of: "arn:aws:iam::123456789012:policy/nodes/p"}, Before: "{1}", After: "{2}"},
	{Object: plan.Object{Kind: kindRole, Name: "prod-server"}, After: `{"path":"/nodes/","trust":{},"boundary":"arn:aws:iam::123456789012:policy/limit","tags":{"team":"a"}}`},
	{Object: plan.Object{Kind: kindTrust, Name: "prod-server"}, Before: "{1}", After: "{2}"},
	{Object: plan.Object{Kind: kindBoundary, Name: "prod-server"}, After: "arn:aws:iam::123456789012:policy/limit"},
	{Object: plan.Object{Kind: kindRoleTag, Name: "team", Of: "prod-server"}, After: "a"},
	{Object: plan.Object{Kind: kindAttached, Name: "arn:aws:iam::aws:policy/X", Of: "prod-server"}, After: attached},
	{Object: plan.Object{Kind: kindInline, Name: "kubelet-ecr-pull", Of: "prod-server"}, After: "{}"},
	{Object: plan.Object{Kind: kindProfile, Name: "prod-profile"}, After: `{"path":"/nodes/"}`},
	{Object: plan.Object{Kind: kindProfileRole, Name: "prod-profile"}, After: "prod-server"},
	{Object: plan.Object{Kind: kindAssociation, Name: "i-1"}, After: "arn:aws:iam::123456789012:instance-profile/nodes/prod-profile"},
	{Object: plan.Object{Kind: kindAssociation, Name: "i-2"}, Before: "arn:aws:iam::123456789012:instance-profile/old", After: "arn:aws:iam::123456789012:instance-profile/nodes/prod-profile"},
	{Object: plan.Object{Kind: kindTag, Name: "kubernetes.io/cluster/prod-1", Of: "subnet-1"}, After: "shared"},
	{Object: plan.Object{Kind: kindGroupTag, Name: "kubernetes.io/cluster/prod-1", Of: "servers"}, After: `{"value":"owned","propagate":true}`},
	{Object: plan.Object{Kind: kindEntry, Name: "arn:aws:iam::123456789012:role/nodes/prod-server", Of: "prod-1"}, After: `{"type":"EC2_LINUX","tags":{"team":"a"}}`},
	{Object: plan.Object{Kind: kindEntry, Name: "arn:aws:iam::123456789012:user/me", Of: "prod-1"}, After: `{"type":"STANDARD"}`},
	{Object: plan.Object{Kind: kindAccessPolicy, Name: "arn:aws:eks::aws:cluster-access-policy/Admin", Of: "arn:aws:iam::123456789012:user/me"}, After: `{"type":"namespace","namespaces":["a","b"]}`},
	{Object: plan.Object{Kind: kindRegistry, Name: "Sid"}, After: "{}"},
	{Object: plan.Object{Kind: kindRepository, Name: "Sid", Of: "team/app"}, After: "{}"},
}

func texts(calls []Call) []string {
	var all []string
	for _, c := range calls {
		all = append(all, c.text())
	}
	return all
}

// TestCalls holds the calls of each kind of change, and of its inverse, against what
// AWS authorizes them on.
func TestCalls(t *testing.T) {
	t.Parallel()
	const (
		iamARN  = "arn:aws:iam::123456789012:"
		limit   = ` iam:PermissionsBoundary="arn:aws:iam::123456789012:policy/limit"`
		profile = ` ec2:NewInstanceProfile="arn:aws:iam::123456789012:instance-profile/nodes/prod-profile"`
		pass    = "iam:PassRole arn:aws:iam::123456789012:role/nodes/prod-server iam:PassedToService=\"ec2.amazonaws.com\""
		created = ` aws:RequestTag/team="a" aws:TagKeys="kubelet-ecr/run,team"`
		group   = "arn:aws:autoscaling:eu-central-1:123456789012:autoScalingGroup:*:autoScalingGroupName/servers"
		tag     = ` aws:RequestTag/kubernetes.io/cluster/prod-1=`
		tagKey  = ` aws:TagKeys="kubernetes.io/cluster/prod-1"`
		ec2ARN  = "arn:aws:ec2:eu-central-1:123456789012:"
		entries = "arn:aws:eks:eu-central-1:123456789012:access-entry/prod-1/"
		cluster = "arn:aws:eks:eu-central-1:123456789012:cluster/prod-1"
		access  = entries + `user/123456789012/me/* eks:accessScope="namespace" eks:namespaces="a,b" eks:policyArn="arn:aws:eks::aws:cluster-access-policy/Admin"`
	)
	want := [][2][]string{ // of the change, and of its inverse
		{{"iam:CreatePolicy " + iamARN + "policy/nodes/p" + created, "iam:TagPolicy " + iamARN + "policy/nodes/p" + created},
			{"iam:ListPolicyVersions " + iamARN + "policy/nodes/p", "iam:DeletePolicyVersion " + iamARN + "policy/nodes/p", "iam:DeletePolicy " + iamARN + "policy/nodes/p"}},
		{{"iam:ListPolicyVersions " + iamARN + "policy/nodes/p", "iam:DeletePolicyVersion " + iamARN + "policy/nodes/p", "iam:CreatePolicyVersion " + iamARN + "policy/nodes/p"},
			{"iam:ListPolicyVersions " + iamARN + "policy/nodes/p", "iam:DeletePolicyVersion " + iamARN + "policy/nodes/p", "iam:CreatePolicyVersion " + iamARN + "policy/nodes/p"}},
		{{"iam:CreateRole " + iamARN + "role/nodes/prod-server" + created + limit, "iam:TagRole " + iamARN + "role/nodes/prod-server" + created},
			{"iam:DeleteRole " + iamARN + "role/nodes/prod-server" + limit}},
		{{"iam:UpdateAssumeRolePolicy " + iamARN + "role/nodes/prod-server" + limit}, {"iam:UpdateAssumeRolePolicy " + iamARN + "role/nodes/prod-server" + limit}},
		{{"iam:PutRolePermissionsBoundary " + iamARN + "role/nodes/prod-server" + limit}, {"iam:DeleteRolePermissionsBoundary " + iamARN + "role/nodes/prod-server" + limit}},
		{{"iam:TagRole " + iamARN + `role/nodes/prod-server aws:RequestTag/team="a" aws:TagKeys="team"`}, {"iam:UntagRole " + iamARN + `role/nodes/prod-server aws:TagKeys="team"`}},
		{{"iam:AttachRolePolicy " + iamARN + "role/nodes/prod-server" + limit + ` iam:PolicyARN="arn:aws:iam::aws:policy/X"`},
			{"iam:DetachRolePolicy " + iamARN + "role/nodes/prod-server" + limit + ` iam:PolicyARN="arn:aws:iam::aws:policy/X"`}},
		{{"iam:PutRolePolicy " + iamARN + "role/nodes/prod-server" + limit}, {"iam:DeleteRolePolicy " + iamARN + "role/nodes/prod-server" + limit}},
		{{"iam:CreateInstanceProfile " + iamARN + `instance-profile/nodes/prod-profile aws:TagKeys="kubelet-ecr/run"`, "iam:TagInstanceProfile " + iamARN + `instance-profile/nodes/prod-profile aws:TagKeys="kubelet-ecr/run"`},
			{"iam:DeleteInstanceProfile " + iamARN + "instance-profile/nodes/prod-profile"}},
		{{"iam:AddRoleToInstanceProfile " + iamARN + "instance-profile/nodes/prod-profile", pass}, {"iam:RemoveRoleFromInstanceProfile " + iamARN + "instance-profile/nodes/prod-profile"}},
		{{"ec2:AssociateIamInstanceProfile " + ec2ARN + "instance/i-1" + profile, pass}, {"ec2:DisassociateIamInstanceProfile " + ec2ARN + "instance/i-1"}},
		{{"ec2:AssociateIamInstanceProfile " + ec2ARN + "instance/i-2" + profile, "ec2:ReplaceIamInstanceProfileAssociation " + ec2ARN + "instance/i-2" + profile, "ec2:DisassociateIamInstanceProfile " + ec2ARN + "instance/i-2", pass},
			{"ec2:AssociateIamInstanceProfile " + ec2ARN + `instance/i-2 ec2:NewInstanceProfile="arn:aws:iam::123456789012:instance-profile/old"`,
				"ec2:ReplaceIamInstanceProfileAssociation " + ec2ARN + `instance/i-2 ec2:NewInstanceProfile="arn:aws:iam::123456789012:instance-profile/old"`,
				"ec2:DisassociateIamInstanceProfile " + ec2ARN + "instance/i-2", "iam:PassRole " + iamARN + `role/old iam:PassedToService="ec2.amazonaws.com"`}},
		{{"ec2:CreateTags " + ec2ARN + "subnet/subnet-1" + tag + `"shared"` + tagKey}, {"ec2:DeleteTags " + ec2ARN + "subnet/subnet-1" + tagKey}},
		{{"autoscaling:CreateOrUpdateTags " + group + tag + `"owned"` + tagKey}, {"autoscaling:DeleteTags " + group + tag + `"owned"` + tagKey}},
		{{"eks:TagResource " + entries + "role/123456789012/*prod-server/*" + created, "eks:CreateAccessEntry " + cluster + created + ` eks:accessEntryType="EC2_LINUX" eks:principalArn="arn:aws:iam::123456789012:role/nodes/prod-server"`, "iam:PassRole " + iamARN + "role/nodes/prod-server"},
			{"eks:DeleteAccessEntry " + entries + "role/123456789012/*prod-server/*"}},
		{{"eks:TagResource " + entries + `user/123456789012/me/* aws:TagKeys="kubelet-ecr/run"`, "eks:CreateAccessEntry " + cluster + ` aws:TagKeys="kubelet-ecr/run" eks:accessEntryType="STANDARD" eks:principalArn="arn:aws:iam::123456789012:user/me"`},
			{"eks:DeleteAccessEntry " + entries + "user/123456789012/me/*"}},
		{{"eks:AssociateAccessPolicy " + access}, {"eks:DisassociateAccessPolicy " + access}},
		{{"ecr:PutRegistryPolicy *"}, {"ecr:PutRegistryPolicy *", "ecr:DeleteRegistryPolicy *"}},
		{{"ecr:SetRepositoryPolicy arn:aws:ecr:eu-central-1:123456789012:repository/team/app"},
			{"ecr:SetRepositoryPolicy arn:aws:ecr:eu-central-1:123456789012:repository/team/app", "ecr:DeleteRepositoryPolicy arn:aws:ecr:eu-central-1:123456789012:repository/team/app"}},
	}
	a := everything()
	var got [][2][]string
	for _, c := range samples {
		got = append(got, [2][]string{texts(a.calls(c)), texts(a.calls(c.Inverse()))})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls of the samples and of their inverses (-want +got)\n%s", diff)
	}
}

// notCalls are permissions that no operation of ours has the name of, but which come
// with one.
var notCalls = []string{"eks:TagResource", "iam:PassRole", "iam:TagInstanceProfile", "iam:TagPolicy"}

// TestCallsAreOperations reads clients.go. What is called there is known here, by which
// the operator's policy has it, and the other way round.
func TestCallsAreOperations(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "clients.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	services := map[string]string{"identityAPI": "sts", "iamAPI": "iam", "ec2API": "ec2", "autoscalingAPI": "autoscaling", "eksAPI": "eks", "ecrAPI": "ecr"}
	want := slices.Clone(notCalls)
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		methods, ok := spec.Type.(*ast.InterfaceType)
		if !ok || services[spec.Name.Name] == "" {
			t.Errorf("clients.go has %s, which is of no service known here", spec.Name.Name)
			return false
		}
		for _, m := range methods.Methods.List {
			want = append(want, services[spec.Name.Name]+":"+m.Names[0].Name)
		}
		return false
	})
	want = slices.DeleteFunc(want, func(action string) bool { return action == "sts:GetCallerIdentity" }) // everybody may

	a := everything()
	calls := a.readCalls()
	known := map[string]bool{}
	for _, c := range samples {
		known[c.Kind] = true
		calls = append(calls, a.calls(c)...)
		calls = append(calls, a.calls(c.Inverse())...)
	}
	for _, kind := range kinds {
		if !known[kind] {
			t.Errorf("there is no sample of the kind %s", kind)
		}
	}
	var got []string
	for _, c := range calls {
		got = append(got, c.Action)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
		t.Errorf("actions (-those of clients.go +those of calls and readCalls)\n%s", diff)
	}
}

// TestReadCalls are the reads of a session that has a role, and of what is not looked
// at.
func TestReadCalls(t *testing.T) {
	t.Parallel()
	a := everything()
	a.file.Nodes = append(a.file.Nodes, config.NodeGroup{Name: "other", Role: "other", InstanceProfile: "other", Path: "/", IAM: config.Ignore, Boundary: "arn:aws:iam::123456789012:policy/other"})
	a.file.EKS, a.file.Pull.Lifecycle = nil, config.Ignore
	const iamARN = "arn:aws:iam::123456789012:"
	want := []string{
		"iam:GetRole " + iamARN + "role/nodes/prod-server", "iam:ListRolePolicies " + iamARN + "role/nodes/prod-server",
		"iam:GetRolePolicy " + iamARN + "role/nodes/prod-server", "iam:ListAttachedRolePolicies " + iamARN + "role/nodes/prod-server",
		"iam:GetInstanceProfile " + iamARN + "instance-profile/nodes/prod-profile",
		"iam:GetRole " + iamARN + "role/prod-server", "iam:ListRolePolicies " + iamARN + "role/prod-server",
		"iam:GetRolePolicy " + iamARN + "role/prod-server", "iam:ListAttachedRolePolicies " + iamARN + "role/prod-server",
		"iam:GetInstanceProfile " + iamARN + "instance-profile/prod-profile",
		"iam:GetPolicy " + iamARN + "policy/nodes/prod-server-*", "iam:GetPolicyVersion " + iamARN + "policy/nodes/prod-server-*",
		"iam:GetRole " + iamARN + "role/admin", "iam:SimulatePrincipalPolicy " + iamARN + "role/admin",
		"iam:GetRole " + iamARN + "role/*/admin", "iam:SimulatePrincipalPolicy " + iamARN + "role/*/admin",
		"iam:GetPolicy " + iamARN + "policy/limit", "iam:GetPolicyVersion " + iamARN + "policy/limit", "iam:SimulateCustomPolicy *",
	}
	got := slices.DeleteFunc(texts(a.readCalls()), func(text string) bool {
		return !strings.HasPrefix(text, "iam:") && !strings.HasPrefix(text, "e") || strings.HasPrefix(text, "ec2:")
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reads of IAM, EKS and ECR (-want +got)\n%s", diff)
	}
}
