package fakeaws_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

// padded is the policy pull with as many more characters in it.
func padded(n int) string {
	return strings.Replace(pull, "EcrAuth", "EcrAuth"+strings.Repeat("x", n), 1)
}

func manyTags(from, to int) (tags []types.Tag) {
	for i := from; i < to; i++ {
		tags = append(tags, tagged(fmt.Sprint("k", i), "v")...)
	}
	return tags
}

// TestIAMRefuses is what IAM does not do, and what it says. There is a role r in a
// profile p, with an inline policy i and 49 tags, a policy m attached to it that has
// another version, and a policy b that is its boundary.
func TestIAMRefuses(t *testing.T) {
	t.Parallel()
	const m, b = "arn:aws:iam::123456789012:policy/m", "arn:aws:iam::123456789012:policy/b"
	createRole := func(name, trust string, change ...func(*iam.CreateRoleInput)) func(*testing.T, *iam.Client) error {
		return func(t *testing.T, c *iam.Client) error {
			in := &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust}
			for _, f := range change {
				f(in)
			}
			_, err := c.CreateRole(t.Context(), in)
			return err
		}
	}
	trust := func(principal, rest string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"` + rest + `}]}`
	}
	const ec2 = `{"Service":"ec2.amazonaws.com"}`
	putPolicy := func(name, document string) func(*testing.T, *iam.Client) error {
		return func(t *testing.T, c *iam.Client) error {
			_, err := c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: sdk.String("r"), PolicyName: &name, PolicyDocument: &document})
			return err
		}
	}
	allows := func(resource string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"` + resource + `"}]}`
	}
	createPolicy := func(name, document string) func(*testing.T, *iam.Client) error {
		return func(t *testing.T, c *iam.Client) error {
			_, err := c.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: &name, PolicyDocument: &document})
			return err
		}
	}
	tagRole := func(tags ...types.Tag) func(*testing.T, *iam.Client) error {
		return func(t *testing.T, c *iam.Client) error {
			_, err := c.TagRole(t.Context(), &iam.TagRoleInput{RoleName: sdk.String("r"), Tags: tags})
			return err
		}
	}
	call := func(f func(*testing.T, *iam.Client) (any, error)) func(*testing.T, *iam.Client) error {
		return func(t *testing.T, c *iam.Client) error {
			_, err := f(t, c)
			return err
		}
	}
	name65, name129 := strings.Repeat("n", 65), strings.Repeat("n", 129)
	long := func(field, value string, most int) string {
		return fmt.Sprintf("400 ValidationError: 1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must have length less than or equal to %d", value, field, most)
	}
	pattern := func(field, value, rule string) string {
		return fmt.Sprintf("400 ValidationError: 1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must satisfy regular expression pattern: %s", value, field, rule)
	}
	const nameRule, tagRule = `[\w+=,.@-]+`, `[\p{L}\p{Z}\p{N}_.:/=+\-@]+`
	bad := func(message string) string { return "400 MalformedPolicyDocument: " + message }
	cases := []struct {
		name string
		do   func(*testing.T, *iam.Client) error
		want string
	}{
		{"role of the same name", createRole("r", trustEC2), "409 EntityAlreadyExists: Role with name r already exists."},
		{"role of that name in another case", createRole("R", trustEC2), "409 EntityAlreadyExists: Role with name R already exists."},
		{"long role name", createRole(name65, trustEC2), long("roleName", name65, 64)},
		{"role name with a slash", createRole("a/b", trustEC2), pattern("roleName", "a/b", nameRule)},
		{"path without its end", createRole("n", trustEC2, func(in *iam.CreateRoleInput) { in.Path = sdk.String("/nodes") }), pattern("path", "/nodes", `(/)|(/[!-\u007F]+/)`)},
		{"long description", createRole("n", trustEC2, func(in *iam.CreateRoleInput) { in.Description = sdk.String(strings.Repeat("d", 1001)) }), long("description", strings.Repeat("d", 1001), 1000)},
		{"description in other letters", createRole("n", trustEC2, func(in *iam.CreateRoleInput) { in.Description = sdk.String("роль") }), pattern("description", "роль", `[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*`)},
		{"short session", createRole("n", trustEC2, func(in *iam.CreateRoleInput) { in.MaxSessionDuration = sdk.Int32(900) }), "400 ValidationError: 1 validation error detected: Value '900' at 'maxSessionDuration' failed to satisfy constraint: Member must have value between 3600 and 43200"},
		{"boundary that is no policy", createRole("n", trustEC2, func(in *iam.CreateRoleInput) {
			in.PermissionsBoundary = sdk.String("arn:aws:iam::123456789012:policy/none")
		}), "404 NoSuchEntity: Scope ARN: arn:aws:iam::123456789012:policy/none does not exist or is not attachable."},
		{"51 tags at once", createRole("n", trustEC2, func(in *iam.CreateRoleInput) { in.Tags = manyTags(0, 51) }), long("tags", "[51 tags]", 50)},

		{"trust that is no JSON", createRole("n", "nobody"), bad("This policy contains invalid Json")},
		{"trust of nobody", createRole("n", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole"}]}`), bad("Missing required field Principal")},
		{"trust with a resource", createRole("n", trust(ec2, `,"Resource":"*"`)), bad("Has prohibited field Resource")},
		{"trust in another action", createRole("n", strings.Replace(trustEC2, "sts:AssumeRole", "ec2:RunInstances", 1)), bad("AssumeRole policy may only specify STS AssumeRole actions.")},
		{"trust in no service", createRole("n", trust(`{"Service":"ec2"}`, "")), bad(`Invalid principal in policy: "SERVICE":"ec2"`)},
		{"trust in a role that is not there", createRole("n", trust(`{"AWS":"arn:aws:iam::123456789012:role/none"}`, "")), bad(`Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:role/none"`)},
		{"trust in another partition", createRole("n", trust(`{"AWS":"arn:aws-cn:iam::210987654321:root"}`, "")), bad(`Invalid principal in policy: "AWS":"arn:aws-cn:iam::210987654321:root"`)},
		{"trust in all but one", createRole("n", strings.Replace(trustEC2, "Principal", "NotPrincipal", 1)), bad("AssumeRolePolicy must not contain NotPrincipal field.")},
		{"trust in all but an action", createRole("n", strings.Replace(trustEC2, "Action", "NotAction", 1)), bad("AssumeRolePolicy must not contain NotAction field.")},
		{"trust with a sentence for Sid", createRole("n", trust(ec2, `,"Sid":"let them in"`)), bad("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*")},
		{"long trust", createRole("n", trust(ec2, `,"Sid":"`+strings.Repeat("x", 2048)+`"`)), "409 LimitExceeded: Cannot exceed quota for ACLSizePerRole: 2048"},
		{"new trust that is no JSON", call(func(t *testing.T, c *iam.Client) (any, error) {
			return c.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: sdk.String("r"), PolicyDocument: sdk.String("{")})
		}), bad("This policy contains invalid Json")},

		{"the 51st tag", tagRole(manyTags(100, 102)...), "409 LimitExceeded: The number of tags has reached the maximum limit."},
		{"long tag key", tagRole(tagged(name129, "v")...), long("tags.1.member.key", name129, 128)},
		{"long tag value", tagRole(tagged("a", "v", "b", strings.Repeat("v", 257))...), long("tags.2.member.value", strings.Repeat("v", 257), 256)},
		{"tag key with a hash", tagRole(tagged("#a", "v")...), pattern("tags.1.member.key", "#a", tagRule)},
		{"AWS's tag", tagRole(tagged("AWS:a", "v")...), "400 InvalidInput: Tag keys beginning with aws: are reserved for system use: AWS:a"},
		{"a tag twice", tagRole(tagged("a", "v", "A", "v")...), "400 InvalidInput: Duplicate tag keys found. Please note that Tag keys are case insensitive."},
		{"untag of AWS's tag", call(func(t *testing.T, c *iam.Client) (any, error) {
			return c.UntagRole(t.Context(), &iam.UntagRoleInput{RoleName: sdk.String("r"), TagKeys: []string{"a", "aws:b"}})
		}), "400 InvalidInput: Tag keys beginning with aws: are reserved for system use: aws:b"},

		{"inline policy that is too long", putPolicy("n", padded(10240)), "409 LimitExceeded: Maximum policy size of 10240 bytes exceeded for role r"},
		{"inline policies that are too long together", putPolicy("n", padded(10240-2*len(pull)+1)), "409 LimitExceeded: Maximum policy size of 10240 bytes exceeded for role r"},
		{"inline policy in other letters", putPolicy("n", `{"Version":"2012-10-17","Statement":[],"Id":"правила"}`), pattern("policyDocument", `{"Version":"2012-10-17","Statement":[],"Id":"правила"}`, `[\u0009\u000A\u000D\u0020-\u00FF]+`)},
		{"inline policy of the old version", putPolicy("n", strings.Replace(pull, "2012", "2008", 1)), bad("Policy document must be version 2012-10-17 or greater.")},
		{"inline policy with a principal", putPolicy("n", strings.Replace(pull, `"Resource"`, `"Principal":"*","Resource"`, 1)), bad("Policy document should not specify a principal.")},
		{"inline policy without resource", putPolicy("n", strings.Replace(pull, `,"Resource":"*"`, "", 1)), bad("Policy statement must contain resources.")},
		{"resource of another partition", putPolicy("n", allows("arn:aws-cn:ec2:*:*:instance/*")), bad(`Partition "aws-cn" is not valid for resource "arn:aws-cn:ec2:*:*:instance/*".`)},
		{"resource of any service", putPolicy("n", allows("arn:aws:*:*:*:instance/*")), bad("Resource vendor must be fully qualified and cannot contain regexes.")},
		{"resource of IAM in a region", putPolicy("n", allows("arn:aws:iam:us-east-1:123456789012:role/a")), bad("IAM resource arn:aws:iam:us-east-1:123456789012:role/a cannot contain region information.")},
		{"resource of S3 in a region", putPolicy("n", allows("arn:aws:s3:us-east-1::bucket")), bad("Resource arn:aws:s3:us-east-1::bucket can not contain region information.")},
		{"resource of IAM of no kind", putPolicy("n", allows("arn:aws:iam::123456789012:roles/a")), bad(`IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/.`)},
		{"inline policy of no role", call(func(t *testing.T, c *iam.Client) (any, error) {
			return c.GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: sdk.String("none"), PolicyName: sdk.String("i")})
		}), "404 NoSuchEntity: The role with name none cannot be found."},
		{"no inline policy", call(func(t *testing.T, c *iam.Client) (any, error) {
			return c.DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{RoleName: sdk.String("r"), PolicyName: sdk.String("none")})
		}), "404 NoSuchEntity: The role policy with name none cannot be found."},

		{"managed policy of the same name", createPolicy("M", pull), "409 EntityAlreadyExists: A policy called M already exists. Duplicate names are not allowed."},
		{"managed policy that is too long", createPolicy("n", padded(6144)), "409 LimitExceeded: Cannot exceed quota for PolicySize: 6144"},
		{"long policy name", createPolicy(name129, pull), long("policyName", name129, 128)},
		{"managed policy that is no policy", createPolicy("n", "{}"), bad("Syntax errors in policy.")},
		{"attaching what is not there", call(func(t *testing.T, c *iam.Client) (any, error) {
			return c.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: sdk.String("r"), PolicyArn: sdk.String("arn:aws:iam::aws:policy/None")})
		}), "404 NoSuchEntity: Policy arn:aws:iam::aws:policy/None does not exist or is not attachable."},
		{"detaching what is not attached", call(func(t *testing.T, c *iam.Client) (any, error) {
			return c.DetachRolePolicy(t.Context(), &iam.DetachRolePolicyInput{RoleName: sdk.String("r"), PolicyArn: sdk.String(pullOnly)})
		}), "404 NoSuchEntity: Policy " + pullOnly + " was not found."},
		{"changing AWS's policy", call(func(t *testing.T, c *iam.Client) (any, error) {
			return c.CreatePolicyVersion(t.Context(), &iam.CreatePolicyVersionInput{PolicyArn: sdk.String(pullOnly), PolicyDocument: sdk.String(pull)})
		}), "403 AccessDenied: Cannot modify an AWS managed policy: " + pullOnly},
		{"no version", call(func(t *testing.T, c *iam.Client) (any, error) {
			return c.GetPolicyVersion(t.Context(), &iam.GetPolicyVersionInput{PolicyArn: sdk.String(m), VersionId: sdk.String("v9")})
		}), "404 NoSuchEntity: Policy " + m + " version v9 does not exist or is not attachable."},
		{"deleting the default version", call(func(t *testing.T, c *iam.Client) (any, error) {
			return c.DeletePolicyVersion(t.Context(), &iam.DeletePolicyVersionInput{PolicyArn: sdk.String(m), VersionId: sdk.String("v1")})
		}), "409 DeleteConflict: Cannot delete the default version of a policy."},
		{"deleting a boundary", call(func(t *testing.T, c *iam.Client) (any, error) {
			return c.DeletePolicy(t.Context(), &iam.DeletePolicyInput{PolicyArn: sdk.String(b)})
		}), "409 DeleteConflict: Cannot delete a policy attached to entities."},

		{"profile of the same name", call(func(t *testing.T, c *iam.Client) (any, error) {
			return c.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: sdk.String("P")})
		}), "409 EntityAlreadyExists: Instance Profile P already exists."},
		{"long profile name", call(func(t *testing.T, c *iam.Client) (any, error) {
			return c.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: &name129})
		}), long("instanceProfileName", name129, 128)},
		{"another role for the profile", call(func(t *testing.T, c *iam.Client) (any, error) {
			return c.AddRoleToInstanceProfile(t.Context(), &iam.AddRoleToInstanceProfileInput{InstanceProfileName: sdk.String("p"), RoleName: sdk.String("none")})
		}), "404 NoSuchEntity: The role with name none cannot be found."},
		{"role that is not in the profile", call(func(t *testing.T, c *iam.Client) (any, error) {
			return c.RemoveRoleFromInstanceProfile(t.Context(), &iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: sdk.String("p"), RoleName: sdk.String("q")})
		}), "404 NoSuchEntity: The role with name q cannot be found."},

		{"page of nothing", call(func(t *testing.T, c *iam.Client) (any, error) {
			return c.ListRoles(t.Context(), &iam.ListRolesInput{MaxItems: sdk.Int32(1001)})
		}), "400 ValidationError: 1 validation error detected: Value '1001' at 'maxItems' failed to satisfy constraint: Member must have value between 1 and 1000"},
		{"marker of somebody else", call(func(t *testing.T, c *iam.Client) (any, error) {
			return c.ListRoles(t.Context(), &iam.ListRolesInput{Marker: sdk.String("AAAA")})
		}), "400 ValidationError: 1 validation error detected: Value 'AAAA' at 'marker' failed to satisfy constraint: Member must be a marker that this operation returned"},
		{"an operation that is not here", call(func(t *testing.T, c *iam.Client) (any, error) {
			return c.ListUsers(t.Context(), &iam.ListUsersInput{})
		}), "400 InvalidAction: Could not find operation ListUsers for version 2010-05-08"},
	}
	a, c := startIAM(t)
	for _, name := range []string{"m", "b"} {
		must(c.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: &name, PolicyDocument: sdk.String(pull)}))(t)
	}
	must(c.CreatePolicyVersion(t.Context(), &iam.CreatePolicyVersionInput{PolicyArn: sdk.String(m), PolicyDocument: sdk.String(pull)}))(t)
	newRole(t, c, "r", manyTags(0, 49)...)
	must(c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: sdk.String("r"), PolicyName: sdk.String("i"), PolicyDocument: sdk.String(pull)}))(t)
	must(c.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: sdk.String("r"), PolicyArn: sdk.String(m)}))(t)
	must(c.PutRolePermissionsBoundary(t.Context(), &iam.PutRolePermissionsBoundaryInput{RoleName: sdk.String("r"), PermissionsBoundary: sdk.String(b)}))(t)
	must(c.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: sdk.String("p")}))(t)
	must(c.AddRoleToInstanceProfile(t.Context(), &iam.AddRoleToInstanceProfileInput{InstanceProfileName: sdk.String("p"), RoleName: sdk.String("r")}))(t)
	before := a.Dump()
	for _, c2 := range cases {
		t.Run(c2.name, func(t *testing.T) { equal(t, "answer", c2.want, said(c2.do(t, c))) })
	}
	equal(t, "account after it refused everything", before, a.Dump())
}

// TestNoSuchEntity is every operation on a role, profile or policy that is not there.
func TestNoSuchEntity(t *testing.T) {
	t.Parallel()
	a, _ := startIAM(t)
	const (
		noRole    = "The role with name none cannot be found."
		noProfile = "Instance Profile none cannot be found."
		noPolicy  = "Policy arn:aws:iam::123456789012:policy/none was not found."
	)
	for sentence, operations := range map[string][]string{
		noRole: {"GetRole", "UpdateRole", "UpdateAssumeRolePolicy", "DeleteRole", "TagRole", "UntagRole", "ListRoleTags", "PutRolePermissionsBoundary",
			"DeleteRolePermissionsBoundary", "ListRolePolicies", "GetRolePolicy", "PutRolePolicy", "DeleteRolePolicy", "ListAttachedRolePolicies",
			"AttachRolePolicy", "DetachRolePolicy", "ListInstanceProfilesForRole"},
		noProfile: {"GetInstanceProfile", "DeleteInstanceProfile", "AddRoleToInstanceProfile", "RemoveRoleFromInstanceProfile", "TagInstanceProfile",
			"UntagInstanceProfile", "ListInstanceProfileTags"},
		noPolicy: {"GetPolicy", "DeletePolicy", "CreatePolicyVersion", "GetPolicyVersion", "SetDefaultPolicyVersion", "DeletePolicyVersion",
			"ListPolicyVersions", "TagPolicy", "UntagPolicy", "ListPolicyTags"},
	} {
		for _, operation := range operations {
			form := url.Values{
				"Action": {operation}, "RoleName": {"none"}, "InstanceProfileName": {"none"}, "PolicyArn": {"arn:aws:iam::123456789012:policy/none"},
				"PolicyName": {"p"}, "PolicyDocument": {pull}, "VersionId": {"v1"}, "PermissionsBoundary": {pullOnly}, "Tags.member.1.Key": {"a"}, "TagKeys.member.1": {"a"},
			}
			got := readXML[stsError](t, 404, a.do(t, request{body: form.Encode(), header: map[string]string{
				"Content-Type": "application/x-www-form-urlencoded", "Authorization": sign("AKIANODE", "us-east-1", "iam"),
			}}))
			equal(t, operation, stsRefusal("NoSuchEntity", sentence), got)
		}
	}
}

// TestAtTheLimit is what is just small enough.
func TestAtTheLimit(t *testing.T) {
	t.Parallel()
	_, c := startIAM(t)
	name := strings.Repeat("n", 64)
	newRole(t, c, name, append(manyTags(0, 49), tagged(strings.Repeat("k", 128), strings.Repeat("v", 256))...)...)
	must(c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: sdk.String("a"), PolicyDocument: sdk.String(padded(10240 - 2*len(pull)))}))(t)
	must(c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: sdk.String("b"), PolicyDocument: sdk.String(strings.ReplaceAll(pull, ",", ",\n\t "))}))(t)
	must(c.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: sdk.String(strings.Repeat("n", 128)), PolicyDocument: sdk.String(padded(6144 - len(pull)))}))(t)
	for i := range 10 {
		policy := must(c.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: sdk.String(fmt.Sprint("p", i)), PolicyDocument: sdk.String(pull)}))(t).Policy
		must(c.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: policy.Arn}))(t)
	}
	_, err := c.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: sdk.String(pullOnly)})
	equal(t, "the eleventh policy", "409 LimitExceeded: Cannot exceed quota for PoliciesPerRole: 10", said(err))
}

// TestDeletionOrder is what has to go before a role, a profile and a policy can.
func TestDeletionOrder(t *testing.T) {
	t.Parallel()
	_, c := startIAM(t)
	r := sdk.String("r")
	newRole(t, c, *r)
	policy := must(c.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: sdk.String("m"), PolicyDocument: sdk.String(pull)}))(t).Policy.Arn
	must(c.CreatePolicyVersion(t.Context(), &iam.CreatePolicyVersionInput{PolicyArn: policy, PolicyDocument: sdk.String(pull), SetAsDefault: true}))(t)
	must(c.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: r, PolicyArn: policy}))(t)
	must(c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: r, PolicyName: r, PolicyDocument: sdk.String(pull)}))(t)
	must(c.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: r}))(t)
	must(c.AddRoleToInstanceProfile(t.Context(), &iam.AddRoleToInstanceProfileInput{InstanceProfileName: r, RoleName: r}))(t)

	deleteRole := func() string {
		_, err := c.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: r})
		return said(err)
	}
	deleteProfile := func() string {
		_, err := c.DeleteInstanceProfile(t.Context(), &iam.DeleteInstanceProfileInput{InstanceProfileName: r})
		return said(err)
	}
	deletePolicy := func() string {
		_, err := c.DeletePolicy(t.Context(), &iam.DeletePolicyInput{PolicyArn: policy})
		return said(err)
	}
	inProfile := "409 DeleteConflict: Cannot delete entity, must remove roles from instance profile first."
	equal(t, "DeleteRole in a profile", inProfile, deleteRole())
	equal(t, "DeleteInstanceProfile with a role", inProfile, deleteProfile())
	must(c.RemoveRoleFromInstanceProfile(t.Context(), &iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: r, RoleName: r}))(t)
	equal(t, "DeleteInstanceProfile", "", deleteProfile())
	equal(t, "DeleteRole with attached policies", "409 DeleteConflict: Cannot delete entity, must detach all policies first.", deleteRole())
	equal(t, "DeletePolicy that is attached", "409 DeleteConflict: Cannot delete a policy attached to entities.", deletePolicy())
	must(c.DetachRolePolicy(t.Context(), &iam.DetachRolePolicyInput{RoleName: r, PolicyArn: policy}))(t)
	equal(t, "DeleteRole with inline policies", "409 DeleteConflict: Cannot delete entity, must delete policies first.", deleteRole())
	must(c.DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{RoleName: r, PolicyName: r}))(t)
	equal(t, "DeleteRole", "", deleteRole())
	equal(t, "DeleteRole again", "404 NoSuchEntity: The role with name r cannot be found.", deleteRole())
	equal(t, "DeletePolicy with versions", "409 DeleteConflict: This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.", deletePolicy())
	must(c.DeletePolicyVersion(t.Context(), &iam.DeletePolicyVersionInput{PolicyArn: policy, VersionId: sdk.String("v1")}))(t)
	equal(t, "DeletePolicy", "", deletePolicy())
}

// TestServiceLinkedRole cannot be made here, but comes from elsewhere; who has its path
// is not to be changed.
func TestServiceLinkedRole(t *testing.T) {
	t.Parallel()
	_, c := startIAM(t)
	name := sdk.String("AWSServiceRoleForX")
	must(c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: name, Path: sdk.String("/aws-service-role/x.amazonaws.com/"), AssumeRolePolicyDocument: sdk.String(trustEC2)}))(t)
	want := "400 UnmodifiableEntity: Cannot perform the operation on the protected role 'AWSServiceRoleForX' - this role is only modifiable by AWS"
	_, err := c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: name, PolicyName: name, PolicyDocument: sdk.String(pull)})
	equal(t, "PutRolePolicy", want, said(err))
	_, err = c.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: name})
	equal(t, "DeleteRole", want, said(err))
	must(c.GetRole(t.Context(), &iam.GetRoleInput{RoleName: name}))(t)
}

// TestPages is every list in pages, once all of them and once by the SDK's paginators.
func TestPages(t *testing.T) {
	t.Parallel()
	a, c := startIAM(t)
	var names []string
	for i := range 105 {
		names = append(names, fmt.Sprintf("r%03d", i))
		newRole(t, c, names[i])
	}
	first := must(c.ListRoles(t.Context(), &iam.ListRolesInput{}))(t)
	equal(t, "roles of the first page", 100, len(first.Roles))
	equal(t, "IsTruncated", true, first.IsTruncated)
	var got []string
	pages := iam.NewListRolesPaginator(c, &iam.ListRolesInput{MaxItems: sdk.Int32(10)})
	for pages.HasMorePages() {
		for _, r := range must(pages.NextPage(t.Context()))(t).Roles {
			got = append(got, *r.RoleName)
		}
	}
	equal(t, "roles of all pages", names, got)

	must(c.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: sdk.String("p"), PolicyDocument: sdk.String(pull)}))(t)
	a.ForgetCalls()
	roles, policies := 0, 0
	details := iam.NewGetAccountAuthorizationDetailsPaginator(c, &iam.GetAccountAuthorizationDetailsInput{MaxItems: sdk.Int32(50)})
	for details.HasMorePages() {
		page := must(details.NextPage(t.Context()))(t)
		roles, policies = roles+len(page.RoleDetailList), policies+len(page.Policies)
	}
	equal(t, "roles, policies and pages of the details", []int{105, 1, 3}, []int{roles, policies, len(a.Calls())})

	var actions []string
	for i := range 30 {
		actions = append(actions, fmt.Sprint("ec2:Describe", i))
	}
	in := &iam.SimulateCustomPolicyInput{ActionNames: actions, PolicyInputList: []string{pull}, MaxItems: sdk.Int32(20)}
	results := 0
	for simulated := iam.NewSimulateCustomPolicyPaginator(c, in); simulated.HasMorePages(); {
		results += len(must(simulated.NextPage(t.Context()))(t).EvaluationResults)
	}
	equal(t, "results", 30, results)
}

// TestPartition is the account in China.
func TestPartition(t *testing.T) {
	t.Parallel()
	_, c := startIAM(t, func(s *fakeaws.Server) { s.Partition, s.Account = "aws-cn", "210987654321" })
	trust := strings.Replace(trustEC2, "amazonaws.com", "amazonaws.com.cn", 1)
	role := must(c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: sdk.String("r"), AssumeRolePolicyDocument: &trust}))(t).Role
	equal(t, "ARN", "arn:aws-cn:iam::210987654321:role/r", *role.Arn)
	arn := "arn:aws-cn:iam::aws:policy/AmazonEKS_CNI_Policy"
	must(c.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: sdk.String("r"), PolicyArn: &arn}))(t)
	version := must(c.GetPolicyVersion(t.Context(), &iam.GetPolicyVersionInput{PolicyArn: &arn, VersionId: sdk.String("v6")}))(t).PolicyVersion
	equal(t, "document", true, strings.Contains(unescape(t, version.Document), `"arn:aws-cn:ec2:*:*:network-interface/*"`))
	_, err := c.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: sdk.String("r"), PolicyArn: sdk.String(cni)})
	equal(t, "a policy of another partition", "404 NoSuchEntity: Policy "+cni+" does not exist or is not attachable.", said(err))
}
