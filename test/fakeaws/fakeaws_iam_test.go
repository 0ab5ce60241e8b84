package fakeaws_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

// iamBy is a client of IAM that signs with this key and tries once.
func (a *aws) iamBy(key string) *iam.Client {
	return iam.New(iam.Options{
		Region: "us-east-1", BaseEndpoint: &a.server.URL, Retryer: sdk.NopRetryer{}, HTTPClient: a.server.Client(),
		Credentials: credentials.NewStaticCredentialsProvider(key, "secret", ""),
	})
}

func startIAM(t *testing.T, set ...func(*fakeaws.Server)) (*aws, *iam.Client) {
	t.Helper()
	a := start(t, set...)
	return a, a.iamBy("AKIAOPERATOR")
}

// said is what AWS answered instead: status, code and sentence.
func said(err error) string {
	if err == nil {
		return ""
	}
	api, isAPI := errors.AsType[smithy.APIError](err)
	response, isResponse := errors.AsType[*awshttp.ResponseError](err)
	if !isAPI || !isResponse {
		return err.Error()
	}
	return fmt.Sprintf("%d %s: %s", response.HTTPStatusCode(), api.ErrorCode(), api.ErrorMessage())
}

// must is the answer of a call that has to succeed: must(c.GetRole(…))(t).
func must[T any](out T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatalf("%T: %v", out, err)
		}
		return out
	}
}

// whole compares answers of the SDK without what the transport adds.
func whole(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(
		iam.GetRoleOutput{}, types.Role{}, types.Tag{}, types.AttachedPermissionsBoundary{}, types.InstanceProfile{},
		types.Policy{}, types.PolicyVersion{}, types.AttachedPolicy{}, types.RoleDetail{}, types.PolicyDetail{}, types.ManagedPolicyDetail{},
		types.EvaluationResult{}, types.Statement{}, types.OrganizationsDecisionDetail{}, types.PermissionsBoundaryDecisionDetail{}, types.ResourceSpecificResult{},
	)); diff != "" {
		t.Errorf("%s = (-want +got)\n%s", what, diff)
	}
}

const (
	trustEC2 = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	pull     = `{"Version":"2012-10-17","Statement":[{"Sid":"EcrAuth","Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}]}`
	pullOnly = "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly"
	cni      = "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"
)

func newRole(t *testing.T, c *iam.Client, name string, tags ...types.Tag) *types.Role {
	t.Helper()
	return must(c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: sdk.String(trustEC2), Tags: tags}))(t).Role
}

func tagged(pairs ...string) (tags []types.Tag) {
	for i := 0; i < len(pairs); i += 2 {
		tags = append(tags, types.Tag{Key: &pairs[i], Value: &pairs[i+1]})
	}
	return tags
}

func unescape(t *testing.T, document *string) string {
	t.Helper()
	if strings.ContainsAny(*document, `+" {`) {
		t.Errorf("document %q is not encoded as RFC 3986 has it", *document)
	}
	text, err := url.PathUnescape(*document)
	if err != nil {
		t.Errorf("document %q: %v", *document, err)
	}
	return text
}

// TestRole is the life of a role, as every call shows it.
func TestRole(t *testing.T) {
	t.Parallel()
	a, c := startIAM(t)
	name := sdk.String("prod-1-server")
	boundary := must(c.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: sdk.String("limit"), Path: sdk.String("/team/"), PolicyDocument: sdk.String(pull)}))(t).Policy.Arn
	spaced := `{ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": ["sts:AssumeRole"], "Principal": {"Service": ["ec2.amazonaws.com"]} } }`
	created := must(c.CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: name, Path: sdk.String("/nodes/"), AssumeRolePolicyDocument: &spaced, Description: sdk.String("for tests"),
		MaxSessionDuration: sdk.Int32(7200), PermissionsBoundary: boundary, Tags: tagged("b", "2", "a", ""),
	}))(t).Role
	if id := sdk.ToString(created.RoleId); len(id) != 21 || !strings.HasPrefix(id, "AROA") {
		t.Errorf("RoleId = %s", id)
	}
	want := &types.Role{
		Path: sdk.String("/nodes/"), RoleName: name, RoleId: created.RoleId, Arn: sdk.String("arn:aws:iam::123456789012:role/nodes/prod-1-server"),
		CreateDate: sdk.Time(epoch.Truncate(time.Second)), Description: sdk.String("for tests"), MaxSessionDuration: sdk.Int32(7200),
		AssumeRolePolicyDocument: created.AssumeRolePolicyDocument, Tags: tagged("a", "", "b", "2"),
		PermissionsBoundary: &types.AttachedPermissionsBoundary{PermissionsBoundaryType: "Policy", PermissionsBoundaryArn: boundary},
	}
	whole(t, "CreateRole", want, created)
	equal(t, "trust policy", `{"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"}}],"Version":"2012-10-17"}`,
		unescape(t, created.AssumeRolePolicyDocument))
	get := func() *types.Role { return must(c.GetRole(t.Context(), &iam.GetRoleInput{RoleName: name}))(t).Role }
	whole(t, "GetRole", want, get())

	must(c.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: sdk.String(strings.Replace(trustEC2, "ec2.", "pods.eks.", 1))}))(t)
	must(c.UpdateRole(t.Context(), &iam.UpdateRoleInput{RoleName: name, Description: sdk.String("changed"), MaxSessionDuration: sdk.Int32(3600)}))(t)
	must(c.TagRole(t.Context(), &iam.TagRoleInput{RoleName: name, Tags: tagged("B", "3", "c", "4")}))(t)
	must(c.UntagRole(t.Context(), &iam.UntagRoleInput{RoleName: name, TagKeys: []string{"a", "nothing"}}))(t)
	must(c.DeleteRolePermissionsBoundary(t.Context(), &iam.DeleteRolePermissionsBoundaryInput{RoleName: name}))(t)
	got := get()
	want.Description, want.MaxSessionDuration, want.Tags, want.PermissionsBoundary = sdk.String("changed"), sdk.Int32(3600), tagged("B", "3", "c", "4"), nil
	want.AssumeRolePolicyDocument = got.AssumeRolePolicyDocument
	whole(t, "GetRole of the changed role", want, got)
	equal(t, "changed trust policy", true, strings.Contains(unescape(t, got.AssumeRolePolicyDocument), `"pods.eks.amazonaws.com"`))
	whole(t, "ListRoleTags", tagged("B", "3", "c", "4"), must(c.ListRoleTags(t.Context(), &iam.ListRoleTagsInput{RoleName: name}))(t).Tags)
	must(c.PutRolePermissionsBoundary(t.Context(), &iam.PutRolePermissionsBoundaryInput{RoleName: name, PermissionsBoundary: boundary}))(t)
	equal(t, "boundary", *boundary, sdk.ToString(get().PermissionsBoundary.PermissionsBoundaryArn))

	newRole(t, c, "other")
	want.Tags, want.PermissionsBoundary = nil, nil
	whole(t, "ListRoles", []types.Role{*want}, must(c.ListRoles(t.Context(), &iam.ListRolesInput{PathPrefix: sdk.String("/nodes/")}))(t).Roles)

	must(c.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: name}))(t)
	_, err := c.GetRole(t.Context(), &iam.GetRoleInput{RoleName: name})
	equal(t, "GetRole of a deleted role", "404 NoSuchEntity: The role with name prod-1-server cannot be found.", said(err))
	again := newRole(t, c, *name)
	if *again.RoleId == *created.RoleId {
		t.Errorf("a new role has the id %s of a deleted one", *again.RoleId)
	}
	equal(t, "calls", "iam CreateRole in us-east-1 by key AKIAOPERATOR with prod-1-server arn:aws:iam::123456789012:policy/team/limit b=2 a= -> 200", a.Calls()[1].String())
}

// TestRolePolicies is what a role has of inline and of managed policies.
func TestRolePolicies(t *testing.T) {
	t.Parallel()
	_, c := startIAM(t)
	name := sdk.String("prod-1-server")
	newRole(t, c, *name)
	spaced := strings.ReplaceAll(pull, ",", ",\n ")
	for _, p := range []string{"pull", "elb", "pull"} {
		must(c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: name, PolicyName: &p, PolicyDocument: &spaced}))(t)
	}
	equal(t, "ListRolePolicies", []string{"elb", "pull"}, must(c.ListRolePolicies(t.Context(), &iam.ListRolePoliciesInput{RoleName: name}))(t).PolicyNames)
	inline := must(c.GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: name, PolicyName: sdk.String("pull")}))(t)
	equal(t, "GetRolePolicy", []string{*name, "pull", spaced}, []string{*inline.RoleName, *inline.PolicyName, unescape(t, inline.PolicyDocument)})

	for _, arn := range []string{pullOnly, cni, pullOnly} {
		must(c.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: &arn}))(t)
	}
	whole(t, "ListAttachedRolePolicies", []types.AttachedPolicy{
		{PolicyName: sdk.String("AmazonEC2ContainerRegistryPullOnly"), PolicyArn: sdk.String(pullOnly)},
		{PolicyName: sdk.String("AmazonEKS_CNI_Policy"), PolicyArn: sdk.String(cni)},
	}, must(c.ListAttachedRolePolicies(t.Context(), &iam.ListAttachedRolePoliciesInput{RoleName: name}))(t).AttachedPolicies)

	must(c.DetachRolePolicy(t.Context(), &iam.DetachRolePolicyInput{RoleName: name, PolicyArn: sdk.String(cni)}))(t)
	must(c.DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: sdk.String("elb")}))(t)
	details := must(c.GetAccountAuthorizationDetails(t.Context(), &iam.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{"Role", "AWSManagedPolicy"}}))(t)
	role := details.RoleDetailList[0]
	equal(t, "roles in the details", []string{*name, "pull", pullOnly},
		[]string{*role.RoleName, *role.RolePolicyList[0].PolicyName, *role.AttachedManagedPolicies[0].PolicyArn})
	equal(t, "inline policies and attached ones in the details", []int{1, 1}, []int{len(role.RolePolicyList), len(role.AttachedManagedPolicies)})
	equal(t, "AWS's policies in the details", pullOnly, *details.Policies[0].Arn)
	equal(t, "document in the details", true, strings.Contains(unescape(t, details.Policies[0].PolicyVersionList[0].Document), "ecr:BatchImportUpstreamImage"))
}

// TestInstanceProfile is the life of an instance profile and of the role in it.
func TestInstanceProfile(t *testing.T) {
	t.Parallel()
	a, c := startIAM(t)
	name, role := sdk.String("prod-1"), newRole(t, c, "prod-1-server", tagged("x", "y")...)
	created := must(c.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: name, Path: sdk.String("/nodes/"), Tags: tagged("a", "1", "A", "2")}))(t).InstanceProfile
	want := &types.InstanceProfile{
		InstanceProfileName: name, Path: sdk.String("/nodes/"), InstanceProfileId: created.InstanceProfileId, CreateDate: sdk.Time(epoch.Truncate(time.Second)),
		Arn: sdk.String("arn:aws:iam::123456789012:instance-profile/nodes/prod-1"), Tags: tagged("A", "2", "a", "1"),
	}
	if id := sdk.ToString(created.InstanceProfileId); len(id) != 21 || !strings.HasPrefix(id, "AIPA") {
		t.Errorf("InstanceProfileId = %s", id)
	}
	if want.Roles = created.Roles; len(want.Roles) != 0 {
		t.Errorf("a new profile has roles %v", want.Roles)
	}
	whole(t, "CreateInstanceProfile", want, created)
	must(c.AddRoleToInstanceProfile(t.Context(), &iam.AddRoleToInstanceProfileInput{InstanceProfileName: name, RoleName: role.RoleName}))(t)
	_, err := c.AddRoleToInstanceProfile(t.Context(), &iam.AddRoleToInstanceProfileInput{InstanceProfileName: name, RoleName: role.RoleName})
	equal(t, "adding the role again", "409 LimitExceeded: Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1", said(err))

	role.Tags = nil
	want.Roles = []types.Role{*role}
	whole(t, "GetInstanceProfile", want, must(c.GetInstanceProfile(t.Context(), &iam.GetInstanceProfileInput{InstanceProfileName: name}))(t).InstanceProfile)
	must(c.UntagInstanceProfile(t.Context(), &iam.UntagInstanceProfileInput{InstanceProfileName: name, TagKeys: []string{"A"}}))(t)
	must(c.TagInstanceProfile(t.Context(), &iam.TagInstanceProfileInput{InstanceProfileName: name, Tags: tagged("b", "3")}))(t)
	whole(t, "ListInstanceProfileTags", tagged("a", "1", "b", "3"), must(c.ListInstanceProfileTags(t.Context(), &iam.ListInstanceProfileTagsInput{InstanceProfileName: name}))(t).Tags)

	must(c.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: sdk.String("other")}))(t)
	want.Tags = nil
	whole(t, "ListInstanceProfilesForRole", []types.InstanceProfile{*want},
		must(c.ListInstanceProfilesForRole(t.Context(), &iam.ListInstanceProfilesForRoleInput{RoleName: role.RoleName}))(t).InstanceProfiles)
	equal(t, "ListInstanceProfiles", 2, len(must(c.ListInstanceProfiles(t.Context(), &iam.ListInstanceProfilesInput{}))(t).InstanceProfiles))
	equal(t, "ListInstanceProfiles of a path", 1, len(must(c.ListInstanceProfiles(t.Context(), &iam.ListInstanceProfilesInput{PathPrefix: sdk.String("/nodes/")}))(t).InstanceProfiles))

	must(c.RemoveRoleFromInstanceProfile(t.Context(), &iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: name, RoleName: role.RoleName}))(t)
	must(c.DeleteInstanceProfile(t.Context(), &iam.DeleteInstanceProfileInput{InstanceProfileName: name}))(t)
	_, err = c.GetInstanceProfile(t.Context(), &iam.GetInstanceProfileInput{InstanceProfileName: name})
	equal(t, "GetInstanceProfile of a deleted one", "404 NoSuchEntity: Instance Profile prod-1 cannot be found.", said(err))
	equal(t, "calls", "iam AddRoleToInstanceProfile in us-east-1 by key AKIAOPERATOR with prod-1-server prod-1 -> LimitExceeded", a.Calls()[3].String())
}

// TestManagedPolicy is the life of a managed policy and of its versions.
func TestManagedPolicy(t *testing.T) {
	t.Parallel()
	a, c := startIAM(t)
	created := must(c.CreatePolicy(t.Context(), &iam.CreatePolicyInput{
		PolicyName: sdk.String("pull"), Path: sdk.String("/nodes/"), PolicyDocument: sdk.String(pull), Description: sdk.String("pulls"), Tags: tagged("a", "1"),
	}))(t).Policy
	arn := created.Arn
	want := &types.Policy{
		PolicyName: sdk.String("pull"), PolicyId: created.PolicyId, Arn: sdk.String("arn:aws:iam::123456789012:policy/nodes/pull"), Path: sdk.String("/nodes/"),
		DefaultVersionId: sdk.String("v1"), AttachmentCount: sdk.Int32(0), PermissionsBoundaryUsageCount: sdk.Int32(0), IsAttachable: true,
		Description: sdk.String("pulls"), CreateDate: sdk.Time(epoch.Truncate(time.Second)), UpdateDate: sdk.Time(epoch.Truncate(time.Second)), Tags: tagged("a", "1"),
	}
	whole(t, "CreatePolicy", want, created)

	a.pass(time.Minute)
	other := strings.Replace(pull, "EcrAuth", "Other", 1)
	for _, isDefault := range []bool{true, false, false, false} {
		must(c.CreatePolicyVersion(t.Context(), &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: &other, SetAsDefault: isDefault}))(t)
	}
	_, err := c.CreatePolicyVersion(t.Context(), &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: &other})
	equal(t, "a sixth version", "409 LimitExceeded: A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.", said(err))
	for _, v := range []string{"v1", "v5"} {
		must(c.DeletePolicyVersion(t.Context(), &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: &v}))(t)
	}
	equal(t, "number of the next version", "v6", *must(c.CreatePolicyVersion(t.Context(), &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: sdk.String(pull)}))(t).PolicyVersion.VersionId)
	version := func(id string, isDefault bool) types.PolicyVersion {
		return types.PolicyVersion{VersionId: &id, IsDefaultVersion: isDefault, CreateDate: sdk.Time(epoch.Add(time.Minute).Truncate(time.Second))}
	}
	whole(t, "ListPolicyVersions", []types.PolicyVersion{version("v6", false), version("v4", false), version("v3", false), version("v2", true)},
		must(c.ListPolicyVersions(t.Context(), &iam.ListPolicyVersionsInput{PolicyArn: arn}))(t).Versions)
	must(c.SetDefaultPolicyVersion(t.Context(), &iam.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: sdk.String("v6")}))(t)
	got := must(c.GetPolicyVersion(t.Context(), &iam.GetPolicyVersionInput{PolicyArn: arn, VersionId: sdk.String("v6")}))(t).PolicyVersion
	equal(t, "GetPolicyVersion", pull, unescape(t, got.Document))

	newRole(t, c, "r")
	must(c.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: sdk.String("r"), PolicyArn: arn}))(t)
	must(c.TagPolicy(t.Context(), &iam.TagPolicyInput{PolicyArn: arn, Tags: tagged("b", "2")}))(t)
	must(c.UntagPolicy(t.Context(), &iam.UntagPolicyInput{PolicyArn: arn, TagKeys: []string{"a"}}))(t)
	whole(t, "ListPolicyTags", tagged("b", "2"), must(c.ListPolicyTags(t.Context(), &iam.ListPolicyTagsInput{PolicyArn: arn}))(t).Tags)
	want.DefaultVersionId, want.AttachmentCount, want.UpdateDate, want.Tags = sdk.String("v6"), sdk.Int32(1), sdk.Time(epoch.Add(time.Minute).Truncate(time.Second)), tagged("b", "2")
	whole(t, "GetPolicy", want, must(c.GetPolicy(t.Context(), &iam.GetPolicyInput{PolicyArn: arn}))(t).Policy)
	want.Tags, want.Description = nil, nil
	for _, in := range []*iam.ListPoliciesInput{
		{Scope: "Local"}, {OnlyAttached: true}, {PathPrefix: sdk.String("/nodes/")}, {PolicyUsageFilter: "PermissionsPolicy"},
	} {
		whole(t, fmt.Sprintf("ListPolicies(%+v)", in), []types.Policy{*want}, must(c.ListPolicies(t.Context(), in))(t).Policies)
	}
	equal(t, "ListPolicies of AWS", 8, len(must(c.ListPolicies(t.Context(), &iam.ListPoliciesInput{Scope: "AWS"}))(t).Policies))

	must(c.DetachRolePolicy(t.Context(), &iam.DetachRolePolicyInput{RoleName: sdk.String("r"), PolicyArn: arn}))(t)
	for _, v := range []string{"v2", "v3", "v4"} {
		must(c.DeletePolicyVersion(t.Context(), &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: &v}))(t)
	}
	must(c.DeletePolicy(t.Context(), &iam.DeletePolicyInput{PolicyArn: arn}))(t)
	_, err = c.GetPolicy(t.Context(), &iam.GetPolicyInput{PolicyArn: arn})
	equal(t, "GetPolicy of a deleted one", "404 NoSuchEntity: Policy arn:aws:iam::123456789012:policy/nodes/pull was not found.", said(err))
}
