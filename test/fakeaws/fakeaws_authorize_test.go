package fakeaws_test

import (
	"fmt"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

func (a *aws) stsBy(key, session string) *sts.Client {
	return sts.New(sts.Options{
		Region: "us-east-1", BaseEndpoint: &a.server.URL, Retryer: sdk.NopRetryer{}, HTTPClient: a.server.Client(),
		Credentials: credentials.NewStaticCredentialsProvider(key, "secret", session),
	})
}

// TestCallerIdentity is who a key is.
func TestCallerIdentity(t *testing.T) {
	t.Parallel()
	a := start(t, func(s *fakeaws.Server) {
		s.Account = "210987654321"
		s.Principals = map[string]string{
			"AKIAROOT": "arn:aws:iam::210987654321:root",
			"AKIASSO":  "arn:aws:sts::333333333333:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/bob",
		}
	})
	role := newRole(t, a.iamBy("AKIAROOT"), "ci")
	who := func(c *sts.Client) []string {
		out := must(c.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}))(t)
		return []string{*out.Account, *out.Arn, (*out.UserId)[:4], (*out.UserId)[strings.Index(*out.UserId+":", ":"):]}
	}
	equal(t, "a long-lived key", []string{"210987654321", "arn:aws:iam::210987654321:user/operator", "AIDA", ""}, who(a.stsBy("AKIAOPERATOR", "")))
	equal(t, "the root", []string{"210987654321", "arn:aws:iam::210987654321:root", "2109", ""}, who(a.stsBy("AKIAROOT", "")))
	equal(t, "a key with a principal", []string{"333333333333", "arn:aws:sts::333333333333:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/bob", "AROA", ":bob"},
		who(a.stsBy("AKIASSO", "")))
	keys := must(a.stsBy("AKIAROOT", "").AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: role.Arn, RoleSessionName: sdk.String("job-1")}))(t).Credentials
	session := a.stsBy(*keys.AccessKeyId, *keys.SessionToken)
	equal(t, "a session", []string{"210987654321", "arn:aws:sts::210987654321:assumed-role/ci/job-1", "AROA", ":job-1"}, who(session))
	out := must(session.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}))(t)
	equal(t, "id of a session", *role.RoleId+":job-1", *out.UserId)
}

// operator may make roles of one prefix, with the cluster's tag, and pass them to EC2.
const operator = `{"Version":"2012-10-17","Statement":[
	{"Effect":"Allow","Action":["iam:Get*","iam:List*","iam:Simulate*"],"Resource":"*"},
	{"Effect":"Allow","Action":["iam:CreateRole","iam:TagRole"],"Resource":"arn:aws:iam::123456789012:role/prod-1-*",
	 "Condition":{"StringEquals":{"aws:RequestTag/kubelet-ecr/cluster":"prod-1"}}},
	{"Effect":"Allow","Action":["iam:DeleteRole","iam:UntagRole"],"Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/kubelet-ecr/cluster":"prod-1"}}},
	{"Effect":"Allow","Action":"iam:AttachRolePolicy","Resource":"*","Condition":{"ArnEquals":{"iam:PolicyARN":"arn:aws:iam::aws:policy/AmazonEC2*"}}},
	{"Effect":"Allow","Action":["iam:CreateInstanceProfile","iam:AddRoleToInstanceProfile"],"Resource":"arn:aws:iam::123456789012:instance-profile/prod-1-*"},
	{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::123456789012:role/prod-1-*","Condition":{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}},
	{"Effect":"Allow","Action":["iam:CreatePolicy","iam:PutRolePermissionsBoundary"],"Resource":"*"}
]}`

// TestAuthorize is what a caller with policies may do, and how AWS refuses the rest.
func TestAuthorize(t *testing.T) {
	t.Parallel()
	const who = "arn:aws:iam::123456789012:user/operator"
	set := func(s *fakeaws.Server) {
		s.CallerPolicies = []string{operator}
		s.CallerBoundary = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":"iam:CreatePolicy","Resource":"*"}]}`
		s.SCPs = []string{
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"iam:PutRolePermissionsBoundary","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:root"}}}]}`,
		}
		s.Principals = map[string]string{"AKIAROOT": "arn:aws:iam::123456789012:root"}
	}
	ours := tagged("kubelet-ecr/cluster", "prod-1")
	create := func(name string, tags ...types.Tag) func(*testing.T, *iam.Client) error {
		return func(t *testing.T, c *iam.Client) error {
			_, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: sdk.String(trustEC2), Tags: tags})
			return err
		}
	}
	add := func(profile, role string) func(*testing.T, *iam.Client) error {
		return func(t *testing.T, c *iam.Client) error {
			_, err := c.AddRoleToInstanceProfile(t.Context(), &iam.AddRoleToInstanceProfileInput{InstanceProfileName: &profile, RoleName: &role})
			return err
		}
	}
	attach := func(arn string) func(*testing.T, *iam.Client) error {
		return func(t *testing.T, c *iam.Client) error {
			_, err := c.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: sdk.String("prod-1-server"), PolicyArn: &arn})
			return err
		}
	}
	remove := func(name string) func(*testing.T, *iam.Client) error {
		return func(t *testing.T, c *iam.Client) error {
			_, err := c.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: &name})
			return err
		}
	}
	no := func(action, resource string) string {
		return fmt.Sprintf("403 AccessDenied: User: %s is not authorized to perform: %s on resource: arn:aws:iam::123456789012:%s because no identity-based policy allows the %s action", who, action, resource, action)
	}
	cases := []struct {
		name string
		do   func(*testing.T, *iam.Client) error
		want string
	}{
		{"a role of ours", create("prod-1-agent", ours...), ""},
		{"a role of ours that is there", create("prod-1-server", ours...), "409 EntityAlreadyExists: Role with name prod-1-server already exists."},
		{"a role without tag", create("prod-1-agent"), no("iam:CreateRole", "role/prod-1-agent")},
		{"a role of another prefix", create("prod-2-agent", ours...), no("iam:CreateRole", "role/prod-2-agent")},
		{"deleting ours", remove("prod-1-agent"), ""},
		{"deleting theirs", remove("theirs"), no("iam:DeleteRole", "role/team/theirs")},
		{"deleting what is not there", remove("none"), no("iam:DeleteRole", "role/none")},
		{"attaching one of EC2's policies", attach(pullOnly), ""},
		{"attaching another", attach("arn:aws:iam::aws:policy/AdministratorAccess"), no("iam:AttachRolePolicy", "role/prod-1-server")},
		{"a profile", func(t *testing.T, c *iam.Client) error {
			_, err := c.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: sdk.String("prod-1-a")})
			return err
		}, ""},
		{"a profile with tags, which takes a permission more", func(t *testing.T, c *iam.Client) error {
			_, err := c.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: sdk.String("prod-1-b"), Tags: ours})
			return err
		}, no("iam:TagInstanceProfile", "instance-profile/prod-1-b")},
		{"passing theirs", add("prod-1-a", "theirs"), no("iam:PassRole", "role/team/theirs")},
		{"passing ours", add("prod-1-a", "prod-1-server"), ""},
		{"a profile of another prefix", add("theirs", "prod-1-server"), no("iam:AddRoleToInstanceProfile", "instance-profile/theirs")},
		{"a policy, beyond the boundary", func(t *testing.T, c *iam.Client) error {
			_, err := c.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: sdk.String("p"), Path: sdk.String("/a/"), PolicyDocument: sdk.String(pull)})
			return err
		}, "403 AccessDenied: User: " + who + " is not authorized to perform: iam:CreatePolicy on resource: arn:aws:iam::123456789012:policy/a/p because no permissions boundary allows the iam:CreatePolicy action"},
		{"a boundary, which the organization forbids", func(t *testing.T, c *iam.Client) error {
			_, err := c.PutRolePermissionsBoundary(t.Context(), &iam.PutRolePermissionsBoundaryInput{RoleName: sdk.String("prod-1-server"), PermissionsBoundary: sdk.String(pullOnly)})
			return err
		}, "403 AccessDenied: User: " + who + " is not authorized to perform: iam:PutRolePermissionsBoundary on resource: arn:aws:iam::123456789012:role/prod-1-server with an explicit deny in a service control policy"},
		{"reading", func(t *testing.T, c *iam.Client) error {
			_, err := c.ListRoles(t.Context(), &iam.ListRolesInput{})
			return err
		}, ""},
		{"deleting a profile", func(t *testing.T, c *iam.Client) error {
			_, err := c.DeleteInstanceProfile(t.Context(), &iam.DeleteInstanceProfileInput{InstanceProfileName: sdk.String("theirs")})
			return err
		}, no("iam:DeleteInstanceProfile", "instance-profile/theirs")},
	}
	a, c := startIAM(t, set)
	root := a.iamBy("AKIAROOT")
	newRole(t, root, "prod-1-server", ours...)
	must(root.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: sdk.String("theirs"), Path: sdk.String("/team/"), AssumeRolePolicyDocument: sdk.String(trustEC2)}))(t)
	must(root.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: sdk.String("theirs")}))(t)
	must(root.PutRolePermissionsBoundary(t.Context(), &iam.PutRolePermissionsBoundaryInput{RoleName: sdk.String("theirs"), PermissionsBoundary: sdk.String(pullOnly)}))(t)
	for _, c2 := range cases {
		t.Run(c2.name, func(t *testing.T) { equal(t, "answer", c2.want, said(c2.do(t, c))) })
	}
}

// TestNoPolicies is a caller who may do nothing but ask who they are.
func TestNoPolicies(t *testing.T) {
	t.Parallel()
	a, c := startIAM(t, func(s *fakeaws.Server) { s.CallerPolicies = []string{} })
	_, err := c.ListPolicies(t.Context(), &iam.ListPoliciesInput{})
	equal(t, "ListPolicies", "403 AccessDenied: User: arn:aws:iam::123456789012:user/operator is not authorized to perform: iam:ListPolicies on resource: arn:aws:iam::123456789012:policy/ because no identity-based policy allows the iam:ListPolicies action", said(err))
	must(a.stsBy("AKIAOPERATOR", "").GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}))(t)
}

// TestSimulate is the simulator, asked about a role and about the caller.
func TestSimulate(t *testing.T) {
	t.Parallel()
	const scp = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"ec2:DeleteTags","Resource":"*","Condition":{"StringEquals":{"aws:OrgKey":"x"}}}]}`
	_, c := startIAM(t, func(s *fakeaws.Server) { s.SCPs = []string{scp} })
	role := newRole(t, c, "prod-1-server")
	must(c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: role.RoleName, PolicyName: sdk.String("tags"), PolicyDocument: sdk.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*Tags","Resource":"arn:aws:ec2:*:*:security-group/*","Condition":{"StringLike":{"aws:ResourceTag/kubernetes.io/cluster/prod-1":"*"}}}]}`)}))(t)
	must(c.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: role.RoleName, PolicyArn: sdk.String(pullOnly)}))(t)
	simulate := func(in iam.SimulatePrincipalPolicyInput) []types.EvaluationResult {
		t.Helper()
		if in.PolicySourceArn == nil {
			in.PolicySourceArn = role.Arn
		}
		return must(c.SimulatePrincipalPolicy(t.Context(), &in))(t).EvaluationResults
	}
	statement := func(id string) []types.Statement {
		return []types.Statement{{SourcePolicyId: &id, SourcePolicyType: "IAM Policy"}}
	}
	organization := func(allowed bool) *types.OrganizationsDecisionDetail {
		return &types.OrganizationsDecisionDetail{AllowedByOrganizations: allowed}
	}
	boundary := func(allowed bool) *types.PermissionsBoundaryDecisionDetail {
		return &types.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: allowed}
	}
	const group, instance = "arn:aws:ec2:eu-central-1:123456789012:security-group/sg-1", "arn:aws:ec2:eu-central-1:123456789012:instance/i-1"
	key := "aws:ResourceTag/kubernetes.io/cluster/prod-1"
	clusterTag := types.ContextEntry{ContextKeyName: &key, ContextKeyType: "string", ContextKeyValues: []string{"owned"}}

	whole(t, "a role", []types.EvaluationResult{
		{EvalActionName: sdk.String("ecr:GetAuthorizationToken"), EvalResourceName: sdk.String("*"), EvalDecision: "allowed",
			MatchedStatements: statement("AmazonEC2ContainerRegistryPullOnly"), MissingContextValues: []string{}, OrganizationsDecisionDetail: organization(true)},
		{EvalActionName: sdk.String("ecr:PutImage"), EvalResourceName: sdk.String("*"), EvalDecision: "implicitDeny",
			MatchedStatements: []types.Statement{}, MissingContextValues: []string{}, OrganizationsDecisionDetail: organization(true)},
	}, simulate(iam.SimulatePrincipalPolicyInput{ActionNames: []string{"ecr:GetAuthorizationToken", "ecr:PutImage"}}))

	whole(t, "a role with resources", []types.EvaluationResult{{
		EvalActionName: sdk.String("ec2:CreateTags"), EvalResourceName: sdk.String("*"), EvalDecision: "implicitDeny",
		MatchedStatements: statement("role_prod-1-server_tags"), MissingContextValues: []string{}, OrganizationsDecisionDetail: organization(true),
		ResourceSpecificResults: []types.ResourceSpecificResult{
			{EvalResourceName: sdk.String(group), EvalResourceDecision: "allowed", MatchedStatements: statement("role_prod-1-server_tags"), MissingContextValues: []string{}},
			{EvalResourceName: sdk.String(instance), EvalResourceDecision: "implicitDeny", MatchedStatements: []types.Statement{}, MissingContextValues: []string{}},
		},
	}}, simulate(iam.SimulatePrincipalPolicyInput{ActionNames: []string{"ec2:CreateTags"}, ResourceArns: []string{group, instance}, ContextEntries: []types.ContextEntry{clusterTag}}))

	whole(t, "a key that is missing, of the role and of the organization", []types.EvaluationResult{{
		EvalActionName: sdk.String("ec2:DeleteTags"), EvalResourceName: sdk.String("*"), EvalDecision: "implicitDeny",
		MatchedStatements: []types.Statement{}, MissingContextValues: []string{key}, OrganizationsDecisionDetail: organization(true),
		ResourceSpecificResults: []types.ResourceSpecificResult{
			{EvalResourceName: sdk.String(group), EvalResourceDecision: "implicitDeny", MatchedStatements: []types.Statement{}, MissingContextValues: []string{key}},
		},
	}}, simulate(iam.SimulatePrincipalPolicyInput{ActionNames: []string{"ec2:DeleteTags"}, ResourceArns: []string{group}}))

	whole(t, "an organization that denies", []types.EvaluationResult{{
		EvalActionName: sdk.String("ec2:DeleteTags"), EvalResourceName: sdk.String("*"), EvalDecision: "explicitDeny",
		MatchedStatements: []types.Statement{}, MissingContextValues: []string{}, OrganizationsDecisionDetail: organization(false),
		ResourceSpecificResults: []types.ResourceSpecificResult{
			{EvalResourceName: sdk.String(group), EvalResourceDecision: "explicitDeny", MatchedStatements: []types.Statement{}, MissingContextValues: []string{}},
		},
	}}, simulate(iam.SimulatePrincipalPolicyInput{ActionNames: []string{"ec2:DeleteTags"}, ResourceArns: []string{group}, ContextEntries: []types.ContextEntry{
		clusterTag, {ContextKeyName: sdk.String("aws:OrgKey"), ContextKeyType: "string", ContextKeyValues: []string{"x"}}}}))

	limit := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"}]}`
	more := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:DescribeInstances","s3:GetObject"],"Resource":"*"}]}`
	whole(t, "policies that are not there yet", []types.EvaluationResult{
		{EvalActionName: sdk.String("ec2:DescribeInstances"), EvalResourceName: sdk.String("*"), EvalDecision: "allowed",
			MatchedStatements:    []types.Statement{statement("PolicyInputList.1")[0], statement("PermissionsBoundaryPolicyInputList.1")[0]},
			MissingContextValues: []string{}, OrganizationsDecisionDetail: organization(true), PermissionsBoundaryDecisionDetail: boundary(true)},
		{EvalActionName: sdk.String("s3:GetObject"), EvalResourceName: sdk.String("*"), EvalDecision: "implicitDeny",
			MatchedStatements: statement("PolicyInputList.1"), MissingContextValues: []string{}, OrganizationsDecisionDetail: organization(true), PermissionsBoundaryDecisionDetail: boundary(false)},
	}, simulate(iam.SimulatePrincipalPolicyInput{ActionNames: []string{"ec2:DescribeInstances", "s3:GetObject"}, PolicyInputList: []string{more}, PermissionsBoundaryPolicyInputList: []string{limit}}))

	policy := must(c.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: sdk.String("limit"), PolicyDocument: &limit}))(t).Policy
	must(c.PutRolePermissionsBoundary(t.Context(), &iam.PutRolePermissionsBoundaryInput{RoleName: role.RoleName, PermissionsBoundary: policy.Arn}))(t)
	got := simulate(iam.SimulatePrincipalPolicyInput{ActionNames: []string{"ecr:BatchGetImage"}})[0]
	whole(t, "the role's own boundary", []any{types.PolicyEvaluationDecisionType("implicitDeny"), boundary(false)}, []any{got.EvalDecision, got.PermissionsBoundaryDecisionDetail})

	got = simulate(iam.SimulatePrincipalPolicyInput{PolicySourceArn: sdk.String("arn:aws:iam::123456789012:user/operator"), ActionNames: []string{"iam:CreateRole"}})[0]
	whole(t, "the caller", types.PolicyEvaluationDecisionType("allowed"), got.EvalDecision)
}

// TestSimulateRefuses is what cannot be simulated.
func TestSimulateRefuses(t *testing.T) {
	t.Parallel()
	_, c := startIAM(t)
	role := newRole(t, c, "r").Arn
	simulate := func(in iam.SimulatePrincipalPolicyInput) string {
		if in.PolicySourceArn == nil {
			in.PolicySourceArn = role
		}
		if in.ActionNames == nil {
			in.ActionNames = []string{"ec2:RunInstances"}
		}
		_, err := c.SimulatePrincipalPolicy(t.Context(), &in)
		return said(err)
	}
	for want, in := range map[string]iam.SimulatePrincipalPolicyInput{
		"404 NoSuchEntity: The role with name none cannot be found.":                                                                                                            {PolicySourceArn: sdk.String("arn:aws:iam::123456789012:role/none")},
		"404 NoSuchEntity: The role with name r cannot be found.":                                                                                                               {PolicySourceArn: sdk.String("arn:aws:iam::123456789012:role/path/r")},
		"404 NoSuchEntity: arn:aws:iam::123456789012:user/nobody cannot be found.":                                                                                              {PolicySourceArn: sdk.String("arn:aws:iam::123456789012:user/nobody")},
		"400 InvalidInput: Invalid Input Action: RunInstances":                                                                                                                  {ActionNames: []string{"RunInstances"}},
		"400 InvalidInput: fakeaws leaves no policies out of a simulation.":                                                                                                     {PolicyExclusionList: []types.PolicyIdentifier{&types.PolicyIdentifierMemberPolicyArn{Value: pullOnly}}},
		"400 InvalidInput: Invalid Input Action: ec2:*":                                                                                                                         {ActionNames: []string{"ec2:*"}},
		"400 InvalidInput: Invalid input: PolicyInputList.2: This policy contains invalid Json":                                                                                 {PolicyInputList: []string{pull, "{"}},
		"400 InvalidInput: Invalid input: PermissionsBoundaryPolicyInputList.1: Syntax errors in policy.":                                                                       {PermissionsBoundaryPolicyInputList: []string{"{}"}},
		"400 InvalidInput: Only one permissions boundary can be simulated.":                                                                                                     {PermissionsBoundaryPolicyInputList: []string{pull, pull}},
		"400 InvalidInput: Simulation of resource-based policies isn't supported for IAM roles.":                                                                                {ResourcePolicy: sdk.String(pull)},
		"400 ValidationError: 1 validation error detected: Value 'r' at 'policySourceArn' failed to satisfy constraint: Member must satisfy regular expression pattern: an ARN": {PolicySourceArn: sdk.String("r")},
	} {
		equal(t, "SimulatePrincipalPolicy", want, simulate(in))
	}
}

// TestSimulateCustom is the simulator with nothing but what it is given.
func TestSimulateCustom(t *testing.T) {
	t.Parallel()
	_, c := startIAM(t, func(s *fakeaws.Server) {
		s.SCPs = []string{`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`}
		s.CallerPolicies = nil
	})
	level := func(documents ...string) types.OrderedOrganizationPolicyType {
		return types.OrderedOrganizationPolicyType{ServiceControlPolicyInputList: documents}
	}
	all := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	_, err := c.SimulateCustomPolicy(t.Context(), &iam.SimulateCustomPolicyInput{ActionNames: []string{"ec2:RunInstances"}, PolicyInputList: []string{all}})
	equal(t, "an account that is denied everything", "403 AccessDenied: User: arn:aws:iam::123456789012:user/operator is not authorized to perform: iam:SimulateCustomPolicy on resource: * with an explicit deny in a service control policy", said(err))

	_, c = startIAM(t)
	const bob = "arn:aws:iam::123456789012:user/bob"
	grants := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + bob + `"},"Action":"s3:GetObject","Resource":"*"}]}`
	for owner, want := range map[string]types.PolicyEvaluationDecisionType{"123456789012": "allowed", "210987654321": "implicitDeny"} {
		got := must(c.SimulateCustomPolicy(t.Context(), &iam.SimulateCustomPolicyInput{
			ActionNames: []string{"s3:GetObject"}, ResourceArns: []string{"arn:aws:s3:::b/k"}, PolicyInputList: []string{pull},
			CallerArn: sdk.String(bob), ResourcePolicy: &grants, ResourceOwner: &owner,
		}))(t).EvaluationResults[0]
		equal(t, "EvalDecision for a bucket of "+owner, want, got.EvalDecision)
	}
	for _, levels := range []struct {
		organization []types.OrderedOrganizationPolicyType
		want         types.PolicyEvaluationDecisionType
	}{
		{nil, "allowed"},
		{[]types.OrderedOrganizationPolicyType{level(all), level(pull, all)}, "allowed"},
		{[]types.OrderedOrganizationPolicyType{level(all), level(pull)}, "implicitDeny"},
	} {
		got := must(c.SimulateCustomPolicy(t.Context(), &iam.SimulateCustomPolicyInput{
			ActionNames: []string{"ec2:RunInstances"}, PolicyInputList: []string{all}, OrderedOrganizationPolicyInputList: levels.organization,
		}))(t).EvaluationResults[0]
		equal(t, "EvalDecision", levels.want, got.EvalDecision)
	}
}
