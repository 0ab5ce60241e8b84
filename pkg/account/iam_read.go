package account

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// role is an IAM role as it is.
type role struct {
	name     string
	arn      string
	path     string
	trust    string // canonical
	boundary string // ARN
	tags     map[string]string
	run      string
	created  time.Time

	inline   map[string]string // canonical documents by name; of readRole, not of getRole
	attached map[string]bool   // by ARN; likewise
}

// profile is an instance profile as it is.
type profile struct {
	name string
	arn  string
	path string
	role string // its name; "" if it has none
	tags map[string]string
	run  string
}

// managedPolicy is a customer managed policy as it is.
type managedPolicy struct {
	arn      string
	path     string
	version  string // the default one
	document string // canonical
	tags     map[string]string
	run      string
}

// getRole returns the role, nil if there is none.
func (a *Account) getRole(ctx context.Context, name string) (*role, error) {
	out, err := a.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	if code(err) == "NoSuchEntity" {
		return nil, nil
	}
	if err != nil {
		return nil, does(err, "reading role %s", name)
	}
	r := &role{
		name: name, arn: aws.ToString(out.Role.Arn), path: aws.ToString(out.Role.Path),
		created: aws.ToTime(out.Role.CreateDate),
	}
	if r.trust, err = canonical(aws.ToString(out.Role.AssumeRolePolicyDocument)); err != nil {
		return nil, does(err, "reading the trust policy of role %s", name)
	}
	if b := out.Role.PermissionsBoundary; b != nil {
		r.boundary = aws.ToString(b.PermissionsBoundaryArn)
	}
	r.tags, r.run = withoutRun(iamTags(out.Role.Tags))
	return r, nil
}

// readRole is getRole with the role's policies.
func (a *Account) readRole(ctx context.Context, name string) (*role, error) {
	r, err := a.getRole(ctx, name)
	if r == nil || err != nil {
		return nil, err
	}
	if r.attached, err = a.attachedPolicies(ctx, name); err != nil {
		return nil, err
	}
	r.inline = map[string]string{}
	pages := iam.NewListRolePoliciesPaginator(a.iam, &iam.ListRolePoliciesInput{RoleName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, does(err, "listing the inline policies of role %s", name)
		}
		for _, policy := range page.PolicyNames {
			if r.inline[policy], err = a.inlinePolicy(ctx, name, policy); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

// inlinePolicy is the document, canonical; "" if there is none.
func (a *Account) inlinePolicy(ctx context.Context, role, name string) (string, error) {
	out, err := a.iam.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &name})
	if code(err) == "NoSuchEntity" {
		return "", nil
	}
	var text string
	if err == nil {
		text, err = canonical(aws.ToString(out.PolicyDocument))
	}
	return text, does(err, "reading inline policy %s of role %s", name, role)
}

// attachedPolicies are the ARNs of the managed policies of a role; none if there is
// no role.
func (a *Account) attachedPolicies(ctx context.Context, role string) (map[string]bool, error) {
	all := map[string]bool{}
	pages := iam.NewListAttachedRolePoliciesPaginator(a.iam, &iam.ListAttachedRolePoliciesInput{RoleName: &role})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if code(err) == "NoSuchEntity" {
			return nil, nil
		}
		if err != nil {
			return nil, does(err, "listing the policies attached to role %s", role)
		}
		for _, p := range page.AttachedPolicies {
			all[aws.ToString(p.PolicyArn)] = true
		}
	}
	return all, nil
}

// getProfile returns the instance profile, nil if there is none.
func (a *Account) getProfile(ctx context.Context, name string) (*profile, error) {
	out, err := a.iam.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: &name})
	if code(err) == "NoSuchEntity" {
		return nil, nil
	}
	if err != nil {
		return nil, does(err, "reading instance profile %s", name)
	}
	p := &profile{name: name, arn: aws.ToString(out.InstanceProfile.Arn), path: aws.ToString(out.InstanceProfile.Path)}
	if roles := out.InstanceProfile.Roles; len(roles) > 0 {
		p.role = aws.ToString(roles[0].RoleName)
	}
	p.tags, p.run = withoutRun(iamTags(out.InstanceProfile.Tags))
	return p, nil
}

// getPolicy returns a managed policy with its default version, nil if there is none.
func (a *Account) getPolicy(ctx context.Context, arn string) (*managedPolicy, error) {
	out, err := a.iam.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &arn})
	if code(err) == "NoSuchEntity" {
		return nil, nil
	}
	if err != nil {
		return nil, does(err, "reading policy %s", arn)
	}
	p := &managedPolicy{arn: arn, path: aws.ToString(out.Policy.Path), version: aws.ToString(out.Policy.DefaultVersionId)}
	p.tags, p.run = withoutRun(iamTags(out.Policy.Tags))
	version, err := a.iam.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: &arn, VersionId: &p.version})
	if err != nil {
		return nil, does(err, "reading version %s of policy %s", p.version, arn)
	}
	if version.PolicyVersion == nil {
		return nil, does(errors.New("AWS returned no version"), "reading version %s of policy %s", p.version, arn)
	}
	if p.document, err = canonical(aws.ToString(version.PolicyVersion.Document)); err != nil {
		return nil, does(err, "reading version %s of policy %s", p.version, arn)
	}
	return p, nil
}

func iamTags(tags []types.Tag) map[string]string {
	all := map[string]string{}
	for _, t := range tags {
		all[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return all
}

// toIAM is the tags, with the run that creates what carries them.
func toIAM(tags map[string]string, run string) []types.Tag {
	all := maps.Clone(tags)
	if all == nil {
		all = map[string]string{}
	}
	all[runTag] = run
	var out []types.Tag
	for _, key := range sorted(all) {
		out = append(out, types.Tag{Key: aws.String(key), Value: aws.String(all[key])})
	}
	return out
}
