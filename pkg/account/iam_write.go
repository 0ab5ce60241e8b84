package account

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// unseen says that IAM does not show yet what was created a moment ago.
func unseen(err error) bool { return code(err) == "NoSuchEntity" }

// notYet is what looking for a new object returns until it is there.
type notYet struct{ what string }

func (e notYet) Error() string { return e.what + " was created, and AWS does not show it yet" }

func isNotYet(err error) bool { _, ok := err.(notYet); return ok }

// writeRole creates or deletes a role. A role is created with all it has, in one
// call: none is ever there without its boundary.
func (a *Account) writeRole(ctx context.Context, runs plan.Runs, c plan.Change) error {
	if c.After == "" {
		_, err := a.iam.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: &c.Name})
		return does(deleted(err), "deleting role %s", c.Name)
	}
	s, err := decode[roleState](c.After)
	if err != nil {
		return err
	}
	in := &iam.CreateRoleInput{
		RoleName: &c.Name, Path: &s.Path, AssumeRolePolicyDocument: aws.String(string(s.Trust)),
		Description: aws.String("nodes of cluster " + a.file.Cluster), Tags: toIAM(s.Tags, runs.Current),
	}
	if s.Boundary != "" {
		in.PermissionsBoundary = &s.Boundary
	}
	_, err = a.iam.CreateRole(ctx, in)
	if err != nil && code(err) != "EntityAlreadyExists" {
		return does(err, "creating role %s", c.Name)
	}
	return a.untilShown(ctx, runs, c, err, func() (run string, there bool, err error) {
		r, err := a.getRole(ctx, c.Name)
		if r == nil || err != nil {
			return "", false, err
		}
		return r.run, true, nil
	})
}

// untilShown waits until AWS shows what was created. If it refused to create it, since
// it is there already, that is no failure if these runs have created it.
func (a *Account) untilShown(ctx context.Context, runs plan.Runs, c plan.Change, refused error, look func() (run string, there bool, err error)) error {
	return a.patience.until(ctx, isNotYet, func() error {
		run, there, err := look()
		switch {
		case err != nil:
			return err
		case !there:
			return notYet{c.Object.String()}
		case refused != nil && !runs.Include(run):
			return does(refused, "creating %s", c.Object)
		}
		return nil
	})
}

// deleted makes of the answer to a deletion whether the object is gone.
func deleted(err error) error {
	switch code(err) {
	case "NoSuchEntity":
		return nil
	case "DeleteConflict":
		return fmt.Errorf("%w: %w", plan.ErrInUse, err)
	}
	return err
}

func (a *Account) writeTrust(ctx context.Context, c plan.Change) error {
	_, err := a.iam.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: &c.Name, PolicyDocument: &c.After})
	return does(err, "changing the trust policy of role %s", c.Name)
}

func (a *Account) writeBoundary(ctx context.Context, c plan.Change) error {
	if c.After == "" {
		_, err := a.iam.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: &c.Name})
		return does(err, "removing the permissions boundary of role %s", c.Name)
	}
	_, err := a.iam.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: &c.Name, PermissionsBoundary: &c.After})
	return does(err, "setting the permissions boundary of role %s", c.Name)
}

func (a *Account) writeRoleTag(ctx context.Context, c plan.Change) error {
	if c.After == "" {
		_, err := a.iam.UntagRole(ctx, &iam.UntagRoleInput{RoleName: &c.Of, TagKeys: []string{c.Name}})
		return does(deleted(err), "removing tag %s of role %s", c.Name, c.Of)
	}
	_, err := a.iam.TagRole(ctx, &iam.TagRoleInput{RoleName: &c.Of, Tags: []types.Tag{{Key: &c.Name, Value: aws.String(tagValue(c.After))}}})
	return does(err, "tagging role %s with %s", c.Of, c.Name)
}

func (a *Account) writeInline(ctx context.Context, c plan.Change) error {
	if c.After == "" {
		_, err := a.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &c.Of, PolicyName: &c.Name})
		return does(deleted(err), "deleting inline policy %s of role %s", c.Name, c.Of)
	}
	return a.patience.until(ctx, unseen, func() error {
		_, err := a.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &c.Of, PolicyName: &c.Name, PolicyDocument: &c.After})
		return does(err, "writing inline policy %s of role %s", c.Name, c.Of)
	})
}

func (a *Account) writeAttached(ctx context.Context, c plan.Change) error {
	if c.After == "" {
		_, err := a.iam.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &c.Of, PolicyArn: &c.Name})
		return does(deleted(err), "detaching policy %s from role %s", c.Name, c.Of)
	}
	return a.patience.until(ctx, unseen, func() error {
		_, err := a.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &c.Of, PolicyArn: &c.Name})
		return does(err, "attaching policy %s to role %s", c.Name, c.Of)
	})
}

// writePolicy creates or deletes a managed policy. Its other versions go first, for
// AWS deletes none that has any.
func (a *Account) writePolicy(ctx context.Context, runs plan.Runs, c plan.Change) error {
	if c.After == "" {
		s, err := decode[policyState](c.Before)
		if err != nil {
			return err
		}
		arn := a.policyARN(s.Path, c.Name)
		versions, err := a.otherVersions(ctx, arn)
		if err != nil {
			return err
		}
		for _, v := range versions {
			if err := a.deleteVersion(ctx, arn, v); err != nil {
				return err
			}
		}
		_, err = a.iam.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: &arn})
		return does(deleted(err), "deleting policy %s", c.Name)
	}
	s, err := decode[policyState](c.After)
	if err != nil {
		return err
	}
	_, err = a.iam.CreatePolicy(ctx, &iam.CreatePolicyInput{
		PolicyName: &c.Name, Path: &s.Path, PolicyDocument: aws.String(string(s.Document)),
		Description: aws.String("nodes of cluster " + a.file.Cluster), Tags: toIAM(s.Tags, runs.Current),
	})
	if code(err) == "EntityAlreadyExists" {
		if p, readErr := a.getPolicy(ctx, a.policyARN(s.Path, c.Name)); readErr == nil && p != nil && runs.Include(p.run) {
			return nil
		}
	}
	return does(err, "creating policy %s", c.Name)
}

// writeVersion gives a managed policy another document. AWS keeps five versions, so
// the oldest that is not the default makes room.
func (a *Account) writeVersion(ctx context.Context, c plan.Change) error {
	const most = 5
	versions, err := a.otherVersions(ctx, c.Of)
	if err != nil {
		return err
	}
	if len(versions) >= most-1 {
		if err := a.deleteVersion(ctx, c.Of, versions[len(versions)-1]); err != nil {
			return err
		}
	}
	_, err = a.iam.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: &c.Of, PolicyDocument: &c.After, SetAsDefault: true})
	return does(err, "changing policy %s", c.Name)
}

// otherVersions are the versions of a policy but for its default, the newest first;
// none if there is no such policy.
func (a *Account) otherVersions(ctx context.Context, arn string) ([]string, error) {
	var all []types.PolicyVersion
	pages := iam.NewListPolicyVersionsPaginator(a.iam, &iam.ListPolicyVersionsInput{PolicyArn: &arn})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if code(err) == "NoSuchEntity" {
			return nil, nil
		}
		if err != nil {
			return nil, does(err, "listing the versions of policy %s", arn)
		}
		all = append(all, page.Versions...)
	}
	slices.SortStableFunc(all, func(a, b types.PolicyVersion) int {
		return aws.ToTime(b.CreateDate).Compare(aws.ToTime(a.CreateDate))
	})
	var ids []string
	for _, v := range all {
		if !v.IsDefaultVersion {
			ids = append(ids, aws.ToString(v.VersionId))
		}
	}
	return ids, nil
}

func (a *Account) deleteVersion(ctx context.Context, arn, version string) error {
	_, err := a.iam.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: &arn, VersionId: &version})
	return does(deleted(err), "deleting version %s of policy %s", version, arn)
}

func (a *Account) policyARN(path, name string) string { return a.arn("iam", "policy"+path+name) }

// writeProfile creates or deletes an instance profile.
func (a *Account) writeProfile(ctx context.Context, runs plan.Runs, c plan.Change) error {
	if c.After == "" {
		_, err := a.iam.DeleteInstanceProfile(ctx, &iam.DeleteInstanceProfileInput{InstanceProfileName: &c.Name})
		return does(deleted(err), "deleting instance profile %s", c.Name)
	}
	s, err := decode[profileState](c.After)
	if err != nil {
		return err
	}
	_, err = a.iam.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{
		InstanceProfileName: &c.Name, Path: &s.Path, Tags: toIAM(s.Tags, runs.Current),
	})
	if err != nil && code(err) != "EntityAlreadyExists" {
		return does(err, "creating instance profile %s", c.Name)
	}
	return a.untilShown(ctx, runs, c, err, func() (run string, there bool, err error) {
		p, err := a.getProfile(ctx, c.Name)
		if p == nil || err != nil {
			return "", false, err
		}
		return p.run, true, nil
	})
}

// writeProfileRole puts a role into a profile, or takes it out. A profile has one
// role: LimitExceeded says that there is one already, which may be ours, put there by
// a call whose answer was lost.
func (a *Account) writeProfileRole(ctx context.Context, c plan.Change) error {
	if c.Before != "" {
		if err := a.profileIsIdle(ctx, c.Name); err != nil {
			return err
		}
		_, err := a.iam.RemoveRoleFromInstanceProfile(ctx, &iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: &c.Name, RoleName: &c.Before})
		if err := does(deleted(err), "removing role %s from instance profile %s", c.Before, c.Name); err != nil || c.After == "" {
			return err
		}
	}
	return a.patience.until(ctx, unseen, func() error {
		_, err := a.iam.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: &c.Name, RoleName: &c.After})
		if code(err) == "LimitExceeded" {
			if p, readErr := a.getProfile(ctx, c.Name); readErr == nil && p != nil && p.role == c.After {
				return nil
			}
		}
		return does(err, "adding role %s to instance profile %s", c.After, c.Name)
	})
}

// profileIsIdle returns ErrInUse if an instance has the profile: it would lose its
// role, and with it every pull. Instances that have just lost it are waited for.
func (a *Account) profileIsIdle(ctx context.Context, name string) error {
	p, err := a.getProfile(ctx, name)
	if p == nil || err != nil {
		return err
	}
	return a.patience.until(ctx, func(err error) bool { return strings.Contains(err.Error(), "disassociating") }, func() error {
		var using []string
		leaving := false
		pages := ec2.NewDescribeIamInstanceProfileAssociationsPaginator(a.ec2, &ec2.DescribeIamInstanceProfileAssociationsInput{})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return does(err, "looking for instances with profile %s", name)
			}
			for _, as := range page.IamInstanceProfileAssociations {
				if as.IamInstanceProfile == nil || aws.ToString(as.IamInstanceProfile.Arn) != p.arn || as.State == ec2types.IamInstanceProfileAssociationStateDisassociated {
					continue
				}
				leaving = leaving || as.State == ec2types.IamInstanceProfileAssociationStateDisassociating
				using = append(using, aws.ToString(as.InstanceId))
			}
		}
		switch {
		case len(using) == 0:
			return nil
		case leaving:
			return fmt.Errorf("%w: %s are still disassociating from instance profile %s", plan.ErrInUse, strings.Join(using, ", "), name)
		}
		return fmt.Errorf("%w: instance profile %s is that of %s", plan.ErrInUse, name, strings.Join(using, ", "))
	})
}
