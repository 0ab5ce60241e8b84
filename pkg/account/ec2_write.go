package account

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// unknownProfile says that EC2 does not know a profile yet, or its role, which IAM
// shows already.
func unknownProfile(err error) bool {
	return code(err) == "InvalidParameterValue" &&
		(strings.Contains(message(err), "Invalid IAM Instance Profile") || strings.Contains(message(err), "has no associated IAM Roles"))
}

// tooEarly says that, or that the instance is on its way to being running or stopped:
// in another state it takes no profile.
func tooEarly(err error) bool { return unknownProfile(err) || code(err) == "IncorrectInstanceState" }

// writeAssociation gives an instance a profile, another, or takes it away.
func (a *Account) writeAssociation(ctx context.Context, c plan.Change) error {
	if c.Before == "" {
		return a.associate(ctx, c.Name, c.After)
	}
	found, err := a.associationsOf(ctx, []string{c.Name})
	if err != nil {
		return err
	}
	if len(found) == 0 {
		if c.After == "" {
			return nil
		}
		return a.associate(ctx, c.Name, c.After)
	}
	present, id := aws.ToString(found[0].IamInstanceProfile.Arn), aws.ToString(found[0].AssociationId)
	switch present {
	case c.After:
		return nil
	case c.Before:
	default:
		return fmt.Errorf("instance %s has got the profile %s in the meantime: it is left", c.Name, present)
	}
	if c.After != "" {
		err := a.patience.until(ctx, unknownProfile, func() error {
			_, err := a.ec2.ReplaceIamInstanceProfileAssociation(ctx, &ec2.ReplaceIamInstanceProfileAssociationInput{
				AssociationId: &id, IamInstanceProfile: &types.IamInstanceProfileSpecification{Arn: &c.After},
			})
			return err
		})
		if code(err) != "IncorrectInstanceState" && code(err) != "IncorrectState" {
			return does(err, "replacing the instance profile of %s", c.Name)
		}
		// Only running instances can have theirs replaced; others lose it first.
	}
	if _, err := a.ec2.DisassociateIamInstanceProfile(ctx, &ec2.DisassociateIamInstanceProfileInput{AssociationId: &id}); code(err) != "InvalidAssociationID.NotFound" && err != nil {
		return does(err, "taking the instance profile from %s", c.Name)
	}
	if c.After == "" {
		return nil
	}
	return a.associate(ctx, c.Name, c.After)
}

// associate gives an instance that has none the profile. EC2 knows a new profile some
// seconds after IAM. IncorrectState says that the instance has one: ours, if a lost
// answer came of an earlier try.
func (a *Account) associate(ctx context.Context, instance, profileARN string) error {
	return a.patience.until(ctx, tooEarly, func() error {
		_, err := a.ec2.AssociateIamInstanceProfile(ctx, &ec2.AssociateIamInstanceProfileInput{
			InstanceId: &instance, IamInstanceProfile: &types.IamInstanceProfileSpecification{Arn: &profileARN},
		})
		if code(err) == "IncorrectState" {
			found, readErr := a.associationsOf(ctx, []string{instance})
			if readErr == nil && len(found) > 0 && aws.ToString(found[0].IamInstanceProfile.Arn) == profileARN {
				return nil
			}
		}
		return does(err, "giving instance %s the profile %s", instance, profileARN)
	})
}

// writeTags sets one tag of many resources, or removes it. It is removed by key and
// value, so that AWS leaves it where somebody has changed it a moment ago.
func (a *Account) writeTags(ctx context.Context, changes []plan.Change) error {
	c := changes[0]
	var resources []string
	for _, c := range changes {
		resources = append(resources, c.Of)
	}
	what := resources[0]
	if len(resources) > 1 {
		what = fmt.Sprintf("%s and %d more", what, len(resources)-1)
	}
	if c.After == "" {
		_, err := a.ec2.DeleteTags(ctx, &ec2.DeleteTagsInput{Resources: resources, Tags: []types.Tag{{Key: &c.Name, Value: aws.String(tagValue(c.Before))}}})
		return does(err, "removing tag %s from %s", c.Name, what)
	}
	_, err := a.ec2.CreateTags(ctx, &ec2.CreateTagsInput{Resources: resources, Tags: []types.Tag{{Key: &c.Name, Value: aws.String(tagValue(c.After))}}})
	err = does(err, "tagging %s with %s=%s", what, c.Name, tagValue(c.After))
	switch {
	case code(err) == "TagLimitExceeded":
		return hint.Wrap(err, "a resource has at most 50 tags: remove one that nobody needs")
	case strings.Contains(message(err), "not a valid tag key"):
		return hint.Wrap(err, "the instance offers its tags in the metadata service, where keys have no slash: `aws ec2 modify-instance-metadata-options --instance-metadata-tags disabled --instance-id ID`")
	}
	return err
}
