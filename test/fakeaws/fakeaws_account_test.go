package fakeaws_test

import (
	"reflect"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/eks"
)

// account has something in every service.
func (c *cloud) account(t *testing.T) (s site, id string, association *string) {
	t.Helper()
	s = c.site(t)
	c.profile(t, "node")
	id = c.run(t, s, 1)[0]
	c.template(t, "agents", types.RequestLaunchTemplateData{ImageId: str("ami-1")})
	c.group(t, autoscaling.CreateAutoScalingGroupInput{AutoScalingGroupName: str("agents"), MinSize: awssdk.Int32(0), MaxSize: awssdk.Int32(1), VPCZoneIdentifier: &s.private,
		LaunchTemplate: &scaling.LaunchTemplateSpecification{LaunchTemplateName: str("agents")}})
	c.cluster(t, s, "prod-1", "API")
	ctx := t.Context()
	must(c.ecr.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: str("app")}))(t)
	a := must(c.ec2.AssociateIamInstanceProfile(ctx, &ec2.AssociateIamInstanceProfileInput{InstanceId: &id,
		IamInstanceProfile: &types.IamInstanceProfileSpecification{Name: str("node")}}))(t)
	return s, id, a.IamInstanceProfileAssociation.AssociationId
}

// TestDumpOfServices changes each service and takes it back: a dump shows the one
// and not the other.
func TestDumpOfServices(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s, id, association := c.account(t)
	ctx, spec := t.Context(), &types.IamInstanceProfileSpecification{Name: str("node")}
	before := c.Dump()

	for _, f := range []struct {
		service  string
		do, undo func() error
	}{
		{"ec2",
			func() error {
				return errOf(c.ec2.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{s.group}, Tags: tags("a", "1")}))
			},
			func() error {
				return errOf(c.ec2.DeleteTags(ctx, &ec2.DeleteTagsInput{Resources: []string{s.group}, Tags: tags("a", "1")}))
			}},
		{"ec2",
			func() error {
				return errOf(c.ec2.DisassociateIamInstanceProfile(ctx, &ec2.DisassociateIamInstanceProfileInput{AssociationId: association}))
			},
			func() error {
				return errOf(c.ec2.AssociateIamInstanceProfile(ctx, &ec2.AssociateIamInstanceProfileInput{InstanceId: &id, IamInstanceProfile: spec}))
			}},
		{"autoscaling",
			func() error {
				return errOf(c.groups.CreateOrUpdateTags(ctx, &autoscaling.CreateOrUpdateTagsInput{Tags: []scaling.Tag{groupTag("agents", "a", "1", true)}}))
			},
			func() error {
				return errOf(c.groups.DeleteTags(ctx, &autoscaling.DeleteTagsInput{Tags: []scaling.Tag{groupTag("agents", "a", "1", true)}}))
			}},
		{"eks",
			func() error {
				return errOf(c.eks.CreateAccessEntry(ctx, &eks.CreateAccessEntryInput{ClusterName: str("prod-1"), PrincipalArn: str(nodeRole), Type: str("EC2_LINUX")}))
			},
			func() error {
				return errOf(c.eks.DeleteAccessEntry(ctx, &eks.DeleteAccessEntryInput{ClusterName: str("prod-1"), PrincipalArn: str(nodeRole)}))
			}},
		{"ecr",
			func() error {
				return errOf(c.ecr.SetRepositoryPolicy(ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: str("app"), PolicyText: str(crossAccount)}))
			},
			func() error {
				return errOf(c.ecr.DeleteRepositoryPolicy(ctx, &ecr.DeleteRepositoryPolicyInput{RepositoryName: str("app")}))
			}},
	} {
		same(t, "doing it to "+f.service, nil, f.do())
		if changed := c.Dump(); reflect.DeepEqual(changed[f.service], before[f.service]) {
			t.Errorf("the dump of %s does not show a change", f.service)
		}
		same(t, "undoing it to "+f.service, nil, f.undo())
		same(t, "Dump", before, c.Dump())
	}
}

// TestReadsLeaveNoTrace looks at regions where nothing is.
func TestReadsLeaveNoTrace(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	before := c.Dump()
	other := c.aws.in("eu-west-1")
	must(other.ec2.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{}))(t)
	must(other.eks.ListClusters(t.Context(), &eks.ListClustersInput{}))(t)
	must(other.ecr.DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{}))(t)
	must(other.groups.DescribeAutoScalingGroups(t.Context(), &autoscaling.DescribeAutoScalingGroupsInput{}))(t)
	same(t, "Dump", before, c.Dump())
}
