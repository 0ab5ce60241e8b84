package fakeaws_test

import (
	"fmt"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func groupTag(group, key, value string, propagate bool) scaling.Tag {
	return scaling.Tag{ResourceId: &group, ResourceType: str("auto-scaling-group"), Key: &key, Value: &value, PropagateAtLaunch: &propagate}
}

func described(group, key, value string, propagate bool) scaling.TagDescription {
	return scaling.TagDescription(groupTag(group, key, value, propagate))
}

func (c *cloud) group(t *testing.T, in autoscaling.CreateAutoScalingGroupInput) {
	t.Helper()
	must(c.groups.CreateAutoScalingGroup(t.Context(), &in))(t)
}

func (c *cloud) template(t *testing.T, name string, data types.RequestLaunchTemplateData) string {
	t.Helper()
	return *must(c.ec2.CreateLaunchTemplate(t.Context(), &ec2.CreateLaunchTemplateInput{LaunchTemplateName: &name, LaunchTemplateData: &data}))(t).LaunchTemplate.LaunchTemplateId
}

func TestAutoScalingGroup(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s := c.site(t)
	ctx := t.Context()
	template := c.template(t, "agents", types.RequestLaunchTemplateData{ImageId: str("ami-1"), InstanceType: "t3.large", SecurityGroupIds: []string{s.group},
		TagSpecifications: []types.LaunchTemplateTagSpecificationRequest{{ResourceType: "instance", Tags: tags("Name", "agent")}}})
	c.group(t, autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: str("agents"), MinSize: awssdk.Int32(1), MaxSize: awssdk.Int32(4), DesiredCapacity: awssdk.Int32(2),
		VPCZoneIdentifier: awssdk.String(s.public + "," + s.private), LaunchTemplate: &scaling.LaunchTemplateSpecification{LaunchTemplateName: str("agents"), Version: str("$Latest")},
		Tags: []scaling.Tag{groupTag("agents", "team", "a", false), groupTag("agents", "kubernetes.io/cluster/prod-1", "owned", true)},
	})
	attached := c.run(t, s, 1)[0]
	must(c.groups.AttachInstances(ctx, &autoscaling.AttachInstancesInput{AutoScalingGroupName: str("agents"), InstanceIds: []string{attached}}))(t)

	got := must(c.groups.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{"agents", "none"}}))(t).AutoScalingGroups
	at := epoch
	member := func(i int, zone string) scaling.Instance {
		return scaling.Instance{InstanceId: got[0].Instances[i].InstanceId, InstanceType: str("t3.large"), AvailabilityZone: &zone, LifecycleState: "InService", HealthStatus: str("Healthy"),
			ProtectedFromScaleIn: awssdk.Bool(false), LaunchTemplate: &scaling.LaunchTemplateSpecification{LaunchTemplateId: &template, LaunchTemplateName: str("agents"), Version: str("1")}}
	}
	same(t, "DescribeAutoScalingGroups", []scaling.AutoScalingGroup{{
		AutoScalingGroupName: str("agents"), AutoScalingGroupARN: got[0].AutoScalingGroupARN, MinSize: awssdk.Int32(1), MaxSize: awssdk.Int32(4), DesiredCapacity: awssdk.Int32(3),
		DefaultCooldown: awssdk.Int32(300), HealthCheckType: str("EC2"), CreatedTime: &at, VPCZoneIdentifier: awssdk.String(s.public + "," + s.private),
		AvailabilityZones: []string{"us-east-1a", "us-east-1b"},
		LaunchTemplate:    &scaling.LaunchTemplateSpecification{LaunchTemplateId: &template, LaunchTemplateName: str("agents"), Version: str("$Latest")},
		Instances:         []scaling.Instance{member(0, "us-east-1a"), member(1, "us-east-1b"), member(2, "us-east-1b")},
		Tags:              []scaling.TagDescription{described("agents", "kubernetes.io/cluster/prod-1", "owned", true), described("agents", "team", "a", false)},
	}}, got)
	if !strings.HasPrefix(*got[0].AutoScalingGroupARN, "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:") ||
		!strings.HasSuffix(*got[0].AutoScalingGroupARN, ":autoScalingGroupName/agents") {
		t.Errorf("AutoScalingGroupARN = %s", *got[0].AutoScalingGroupARN)
	}
	same(t, "tags of a launched instance", []string{"Name=agent", "aws:autoscaling:groupName=agents", "kubernetes.io/cluster/prod-1=owned"}, c.tagsOf(t, *got[0].Instances[0].InstanceId))
	same(t, "tags of the attached instance", []string{"aws:autoscaling:groupName=agents"}, c.tagsOf(t, attached))
	same(t, "50 tags beside AWS's own", "", refused(errOf(c.ec2.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{attached}, Tags: numbered(50)}))))

	must(c.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{attached}}))(t)
	got = must(c.groups.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{
		Filters: []scaling.Filter{{Name: str("tag:team"), Values: []string{"a"}}}}))(t).AutoScalingGroups
	same(t, "members once one is terminated", 2, len(got[0].Instances))
}

func TestAutoScalingOrigins(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s := c.site(t)
	c.profile(t, "node")
	ctx := t.Context()
	template := c.template(t, "agents", types.RequestLaunchTemplateData{ImageId: str("ami-1")})
	must(c.groups.CreateLaunchConfiguration(ctx, &autoscaling.CreateLaunchConfigurationInput{
		LaunchConfigurationName: str("old"), ImageId: str("ami-1"), InstanceType: str("m5.large"), IamInstanceProfile: str("node"), SecurityGroups: []string{s.group},
		MetadataOptions: &scaling.InstanceMetadataOptions{HttpTokens: "required"}}))(t)
	size := awssdk.Int32(1)
	c.group(t, autoscaling.CreateAutoScalingGroupInput{AutoScalingGroupName: str("old"), MinSize: size, MaxSize: size, VPCZoneIdentifier: &s.private, LaunchConfigurationName: str("old")})
	c.group(t, autoscaling.CreateAutoScalingGroupInput{AutoScalingGroupName: str("mixed"), MinSize: awssdk.Int32(0), MaxSize: size, VPCZoneIdentifier: &s.private,
		MixedInstancesPolicy: &scaling.MixedInstancesPolicy{
			LaunchTemplate: &scaling.LaunchTemplate{
				LaunchTemplateSpecification: &scaling.LaunchTemplateSpecification{LaunchTemplateId: &template, Version: str("1")},
				Overrides:                   []scaling.LaunchTemplateOverrides{{InstanceType: str("m5.large")}, {InstanceType: str("m6i.large")}}},
			InstancesDistribution: &scaling.InstancesDistribution{OnDemandBaseCapacity: awssdk.Int32(1), SpotAllocationStrategy: str("price-capacity-optimized")}}})

	at := epoch
	configurations := must(c.groups.DescribeLaunchConfigurations(ctx, &autoscaling.DescribeLaunchConfigurationsInput{LaunchConfigurationNames: []string{"old"}}))(t).LaunchConfigurations
	same(t, "DescribeLaunchConfigurations", []scaling.LaunchConfiguration{{LaunchConfigurationName: str("old"), LaunchConfigurationARN: configurations[0].LaunchConfigurationARN,
		ImageId: str("ami-1"), InstanceType: str("m5.large"), IamInstanceProfile: str("node"), SecurityGroups: []string{s.group}, KeyName: str(""), UserData: str(""), CreatedTime: &at,
		MetadataOptions: &scaling.InstanceMetadataOptions{HttpTokens: "required"}}}, configurations)
	groups := must(c.groups.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{}))(t).AutoScalingGroups
	same(t, "launch configuration", "old", *groups[0].LaunchConfigurationName)
	same(t, "MixedInstancesPolicy", &scaling.MixedInstancesPolicy{
		LaunchTemplate: &scaling.LaunchTemplate{
			LaunchTemplateSpecification: &scaling.LaunchTemplateSpecification{LaunchTemplateId: &template, LaunchTemplateName: str("agents"), Version: str("1")},
			Overrides:                   []scaling.LaunchTemplateOverrides{{InstanceType: str("m5.large")}, {InstanceType: str("m6i.large")}}},
		InstancesDistribution: &scaling.InstancesDistribution{OnDemandBaseCapacity: awssdk.Int32(1), SpotAllocationStrategy: str("price-capacity-optimized")},
	}, groups[1].MixedInstancesPolicy)
	m := c.instances(t, &ec2.DescribeInstancesInput{InstanceIds: []string{*groups[0].Instances[0].InstanceId}})[0]
	same(t, "an instance of the launch configuration", []string{"arn:aws:iam::123456789012:instance-profile/node", "required"},
		[]string{*m.IamInstanceProfile.Arn, string(m.MetadataOptions.HttpTokens)})
}

func TestAutoScalingTags(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s := c.site(t)
	ctx := t.Context()
	c.template(t, "agents", types.RequestLaunchTemplateData{ImageId: str("ami-1")})
	for _, name := range []string{"a", "b"} {
		c.group(t, autoscaling.CreateAutoScalingGroupInput{AutoScalingGroupName: &name, MinSize: awssdk.Int32(0), MaxSize: awssdk.Int32(1), VPCZoneIdentifier: &s.private,
			LaunchTemplate: &scaling.LaunchTemplateSpecification{LaunchTemplateName: str("agents")}, Tags: []scaling.Tag{groupTag(name, "team", "x", false)}})
	}
	create := func(tags ...scaling.Tag) string {
		return refused(errOf(c.groups.CreateOrUpdateTags(ctx, &autoscaling.CreateOrUpdateTagsInput{Tags: tags})))
	}
	all := func(filters ...scaling.Filter) []scaling.TagDescription {
		var all []scaling.TagDescription
		p := autoscaling.NewDescribeTagsPaginator(c.groups, &autoscaling.DescribeTagsInput{MaxRecords: awssdk.Int32(20), Filters: filters})
		for p.HasMorePages() {
			all = append(all, must(p.NextPage(ctx))(t).Tags...)
		}
		return all
	}
	of := func(group string) scaling.Filter {
		return scaling.Filter{Name: str("auto-scaling-group"), Values: []string{group}}
	}

	same(t, "tags for two groups", "", create(groupTag("a", "k", "1", true), groupTag("b", "team", "y", true)))
	same(t, "DescribeTags", []scaling.TagDescription{described("a", "k", "1", true), described("a", "team", "x", false), described("b", "team", "y", true)}, all())
	same(t, "DescribeTags of those that propagate", []scaling.TagDescription{described("a", "k", "1", true)}, all(of("a"), scaling.Filter{Name: str("propagate-at-launch"), Values: []string{"true"}}))
	var many []scaling.Tag
	for i := range 48 {
		many = append(many, groupTag("a", fmt.Sprint("k", i), "v", false))
	}
	same(t, "50 tags", "", create(many...))
	same(t, "51 tags", "LimitExceeded: Exceeded the number of tags allowed per group: 50", create(groupTag("b", "new", "", false), groupTag("a", "new", "", false)))
	same(t, "tags after all pages", 50, len(all(of("a"))))
	first := must(c.groups.DescribeTags(ctx, &autoscaling.DescribeTagsInput{MaxRecords: awssdk.Int32(20)}))(t)
	same(t, "tags of the first page", 20, len(first.Tags))
	same(t, "nothing was half done", 1, len(all(of("b"))))
	for what, f := range map[string]struct {
		want string
		tag  scaling.Tag
	}{
		"no such group":  {"ValidationError: AutoScalingGroup not found - AutoScaling Group z not found", groupTag("z", "k", "1", true)},
		"a reserved key": {"ValidationError: Tag keys beginning with 'aws:' are reserved", groupTag("b", "aws:k", "1", true)},
		"a long key": {"ValidationError: 1 validation error detected: Value '" + strings.Repeat("k", 129) +
			"' at 'tags.1.member.key' failed to satisfy constraint: Member must have length less than or equal to 128", groupTag("b", strings.Repeat("k", 129), "1", true)},
	} {
		same(t, what, f.want, create(f.tag))
	}
	must(c.groups.DeleteTags(ctx, &autoscaling.DeleteTagsInput{Tags: []scaling.Tag{groupTag("b", "team", "", false)}}))(t)
	same(t, "tags after DeleteTags", 0, len(all(of("b"))))
}

func TestAutoScalingRefusals(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s := c.site(t)
	ctx := t.Context()
	c.template(t, "agents", types.RequestLaunchTemplateData{ImageId: str("ami-1"), MetadataOptions: &types.LaunchTemplateInstanceMetadataOptionsRequest{InstanceMetadataTags: "enabled"}})
	create := func(change func(*autoscaling.CreateAutoScalingGroupInput)) string {
		in := autoscaling.CreateAutoScalingGroupInput{AutoScalingGroupName: str("a"), MinSize: awssdk.Int32(0), MaxSize: awssdk.Int32(1), VPCZoneIdentifier: &s.private,
			LaunchTemplate: &scaling.LaunchTemplateSpecification{LaunchTemplateName: str("agents")}}
		change(&in)
		_, err := c.groups.CreateAutoScalingGroup(ctx, &in)
		return refused(err)
	}
	group := func(in *autoscaling.CreateAutoScalingGroupInput) {}
	attach := func(id string) string {
		return refused(errOf(c.groups.AttachInstances(ctx, &autoscaling.AttachInstancesInput{AutoScalingGroupName: str("a"), InstanceIds: []string{id}})))
	}
	var names []string
	for i := range 51 {
		names = append(names, fmt.Sprint(i))
	}
	_, tooMany := c.groups.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: names})
	ids := c.run(t, s, 3)
	for _, f := range []struct{ name, want, got string }{
		{"a tag that the metadata service cannot serve", "ValidationError: You must use a valid fully-formed launch template. " + strings.TrimPrefix(metadataTagsRefusal, "InvalidParameterValue: "),
			create(func(in *autoscaling.CreateAutoScalingGroupInput) {
				in.MinSize, in.Tags = awssdk.Int32(1), []scaling.Tag{groupTag("a", "kubernetes.io/cluster/a", "owned", true)}
			})},
		{"a group", "", create(group)},
		{"the group again", "AlreadyExists: AutoScalingGroup by this name already exists - A group with the name a already exists", create(group)},
		{"no origin", "ValidationError: Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or MixedInstancesPolicy parameter.",
			create(func(in *autoscaling.CreateAutoScalingGroupInput) { in.LaunchTemplate = nil })},
		{"no such template", "ValidationError: You must use a valid fully-formed launch template. The specified launch template, with template name x, does not exist.",
			create(func(in *autoscaling.CreateAutoScalingGroupInput) { in.LaunchTemplate.LaunchTemplateName = str("x") })},
		{"no such subnet", "ValidationError: The subnet ID 'subnet-00000000' does not exist",
			create(func(in *autoscaling.CreateAutoScalingGroupInput) { in.VPCZoneIdentifier = str("subnet-00000000") })},
		{"a member", "", attach(ids[0])},
		{"a member again", "ValidationError: Instance " + ids[0] + " is already part of AutoScalingGroup:a", attach(ids[0])},
		{"one more than it takes", "ValidationError: AutoScalingGroup a has min-size=0, max-size=1, and desired-size=1. To attach 1 more instances, please update the AutoScalingGroup sizes appropriately.", attach(ids[1])},
		{"51 names", "ValidationError: The number of group names that may be passed in is limited to 50.", refused(tooMany)},
	} {
		same(t, f.name, f.want, f.got)
	}
}
