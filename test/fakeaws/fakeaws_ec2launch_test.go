package fakeaws_test

import (
	"fmt"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

// TestEC2Profiles walks one instance through the life of its association.
func TestEC2Profiles(t *testing.T) {
	t.Parallel()
	c := newCloud(t, func(s *fakeaws.Server) { s.ProfileDelay = 2 })
	s := c.site(t)
	first, second := c.profile(t, "first"), c.profile(t, "second")
	id := c.run(t, s, 1)[0]
	ctx := t.Context()
	spec := func(name string) *types.IamInstanceProfileSpecification {
		return &types.IamInstanceProfileSpecification{Name: &name}
	}
	associate := func(name string) (*ec2.AssociateIamInstanceProfileOutput, error) {
		return c.ec2.AssociateIamInstanceProfile(ctx, &ec2.AssociateIamInstanceProfileInput{InstanceId: &id, IamInstanceProfile: spec(name)})
	}
	replace := func(association *string, name string) (*ec2.ReplaceIamInstanceProfileAssociationOutput, error) {
		return c.ec2.ReplaceIamInstanceProfileAssociation(ctx, &ec2.ReplaceIamInstanceProfileAssociationInput{AssociationId: association, IamInstanceProfile: spec(name)})
	}
	unheardOf := func(name string) string {
		return "InvalidParameterValue: Value (" + name + ") for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"
	}
	at := epoch
	association := func(id, profileID, name, association string, state types.IamInstanceProfileAssociationState) *types.IamInstanceProfileAssociation {
		return &types.IamInstanceProfileAssociation{AssociationId: &association, InstanceId: &id, State: state, Timestamp: &at,
			IamInstanceProfile: &types.IamInstanceProfile{Arn: str("arn:aws:iam::123456789012:instance-profile/" + name), Id: &profileID}}
	}

	same(t, "a profile that is not there", unheardOf("third"), refused(errOf(associate("third"))))
	for i := range 2 {
		same(t, fmt.Sprintf("a fresh profile, try %d", i+1), unheardOf("first"), refused(errOf(associate("first"))))
	}
	made := must(associate("first"))(t).IamInstanceProfileAssociation
	same(t, "Associate", association(id, first, "first", *made.AssociationId, "associating"), made)
	same(t, "Associate again", "IncorrectState: There is an existing association for instance "+id, refused(errOf(associate("first"))))

	for range 2 {
		same(t, "Replace by a fresh profile", unheardOf("second"), refused(errOf(replace(made.AssociationId, "second"))))
	}
	replaced := must(replace(made.AssociationId, "second"))(t).IamInstanceProfileAssociation
	same(t, "Replace", association(id, second, "second", *replaced.AssociationId, "associating"), replaced)
	same(t, "Replace what was replaced", "InvalidAssociationID.NotFound: An invalid association-id of '"+*made.AssociationId+"' was given", refused(errOf(replace(made.AssociationId, "first"))))
	described := must(c.ec2.DescribeIamInstanceProfileAssociations(ctx,
		&ec2.DescribeIamInstanceProfileAssociationsInput{Filters: filters("instance-id", id, "state", "associated")}))(t)
	same(t, "Describe", []types.IamInstanceProfileAssociation{*association(id, second, "second", *replaced.AssociationId, "associated")}, described.IamInstanceProfileAssociations)

	must(c.ec2.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{id}}))(t)
	same(t, "Replace while stopped", "IncorrectState: The association "+*replaced.AssociationId+" is not the active association", refused(errOf(replace(replaced.AssociationId, "first"))))
	gone := must(c.ec2.DisassociateIamInstanceProfile(ctx, &ec2.DisassociateIamInstanceProfileInput{AssociationId: replaced.AssociationId}))(t)
	same(t, "Disassociate", association(id, second, "second", *replaced.AssociationId, "disassociating"), gone.IamInstanceProfileAssociation)
	must(associate("first"))(t)

	must(c.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}}))(t)
	same(t, "Associate when terminated", "IncorrectInstanceState: The instance '"+id+"' is not in the 'running' or 'stopped' states.", refused(errOf(associate("first"))))
	if left := must(c.ec2.DescribeIamInstanceProfileAssociations(ctx, &ec2.DescribeIamInstanceProfileAssociationsInput{}))(t); len(left.IamInstanceProfileAssociations) != 0 {
		t.Errorf("associations of a terminated instance = %v, want none", left.IamInstanceProfileAssociations)
	}
}

func TestEC2ProfileWithoutRole(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s := c.site(t)
	c.profile(t, "node")
	must(c.iam.RemoveRoleFromInstanceProfile(t.Context(),
		&iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: str("node"), RoleName: str("node")}))(t)
	id := c.run(t, s, 1)[0]
	_, err := c.ec2.AssociateIamInstanceProfile(t.Context(), &ec2.AssociateIamInstanceProfileInput{InstanceId: &id,
		IamInstanceProfile: &types.IamInstanceProfileSpecification{Arn: str("arn:aws:iam::123456789012:instance-profile/node")}})
	same(t, "Associate", `InvalidParameterValue: IAM Instance Profile "arn:aws:iam::123456789012:instance-profile/node" has no associated IAM Roles`, refused(err))
}

func TestEC2States(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s := c.site(t)
	id := c.run(t, s, 1)[0]
	ctx := t.Context()
	change := func(before, now types.InstanceStateName) []types.InstanceStateChange {
		codes := map[types.InstanceStateName]int32{"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
		return []types.InstanceStateChange{{InstanceId: &id, PreviousState: &types.InstanceState{Code: awssdk.Int32(codes[before]), Name: before},
			CurrentState: &types.InstanceState{Code: awssdk.Int32(codes[now]), Name: now}}}
	}
	ids := []string{id}
	same(t, "Stop", change("running", "stopping"), must(c.ec2.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: ids}))(t).StoppingInstances)
	same(t, "Stop again", change("stopped", "stopped"), must(c.ec2.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: ids}))(t).StoppingInstances)
	same(t, "Start", change("stopped", "pending"), must(c.ec2.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: ids}))(t).StartingInstances)
	same(t, "Terminate", change("running", "shutting-down"), must(c.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: ids}))(t).TerminatingInstances)
	_, err := c.ec2.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: ids})
	same(t, "Start when terminated", "IncorrectInstanceState: The instance '"+id+"' is not in a state from which it can be started.", refused(err))
	if m := c.instances(t, &ec2.DescribeInstancesInput{InstanceIds: ids})[0]; m.VpcId != nil || len(m.NetworkInterfaces) != 0 {
		t.Errorf("a terminated instance is on the network: %+v", m)
	}
}

func TestEC2LaunchTemplates(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s := c.site(t)
	c.profile(t, "node")
	ctx := t.Context()
	made := must(c.ec2.CreateLaunchTemplate(ctx, &ec2.CreateLaunchTemplateInput{
		LaunchTemplateName: str("agents"), VersionDescription: str("first"), TagSpecifications: specs("launch-template", "team", "a"),
		LaunchTemplateData: &types.RequestLaunchTemplateData{
			ImageId: str("ami-1"), InstanceType: "t3.large", SecurityGroupIds: []string{s.group},
			IamInstanceProfile: &types.LaunchTemplateIamInstanceProfileSpecificationRequest{Name: str("node")},
			TagSpecifications:  []types.LaunchTemplateTagSpecificationRequest{{ResourceType: "instance", Tags: tags("Name", "agent")}},
		}}))(t).LaunchTemplate
	id := made.LaunchTemplateId
	must(c.ec2.CreateLaunchTemplateVersion(ctx, &ec2.CreateLaunchTemplateVersionInput{
		LaunchTemplateId: id, SourceVersion: str("1"), LaunchTemplateData: &types.RequestLaunchTemplateData{
			ImageId: str("ami-2"), MetadataOptions: &types.LaunchTemplateInstanceMetadataOptionsRequest{InstanceMetadataTags: "enabled"}}}))(t)
	at := epoch
	same(t, "DescribeLaunchTemplates", []types.LaunchTemplate{{LaunchTemplateId: id, LaunchTemplateName: str("agents"), CreateTime: &at,
		DefaultVersionNumber: awssdk.Int64(1), LatestVersionNumber: awssdk.Int64(2), Tags: tags("team", "a")}},
		must(c.ec2.DescribeLaunchTemplates(ctx, &ec2.DescribeLaunchTemplatesInput{LaunchTemplateNames: []string{"agents"}}))(t).LaunchTemplates)
	versions := must(c.ec2.DescribeLaunchTemplateVersions(ctx, &ec2.DescribeLaunchTemplateVersionsInput{LaunchTemplateId: id, Versions: []string{"$Latest", "$Default"}}))(t)
	data := func(image string, metadata *types.LaunchTemplateInstanceMetadataOptions) *types.ResponseLaunchTemplateData {
		return &types.ResponseLaunchTemplateData{ImageId: &image, InstanceType: "t3.large", SecurityGroupIds: []string{s.group}, MetadataOptions: metadata,
			IamInstanceProfile: &types.LaunchTemplateIamInstanceProfileSpecification{Name: str("node")}, NetworkInterfaces: []types.LaunchTemplateInstanceNetworkInterfaceSpecification{},
			TagSpecifications: []types.LaunchTemplateTagSpecification{{ResourceType: "instance", Tags: tags("Name", "agent")}}}
	}
	same(t, "DescribeLaunchTemplateVersions", []types.LaunchTemplateVersion{
		{LaunchTemplateId: id, LaunchTemplateName: str("agents"), VersionNumber: awssdk.Int64(2), CreateTime: &at, DefaultVersion: awssdk.Bool(false),
			LaunchTemplateData: data("ami-2", &types.LaunchTemplateInstanceMetadataOptions{InstanceMetadataTags: "enabled"})},
		{LaunchTemplateId: id, LaunchTemplateName: str("agents"), VersionNumber: awssdk.Int64(1), VersionDescription: str("first"), CreateTime: &at,
			DefaultVersion: awssdk.Bool(true), LaunchTemplateData: data("ami-1", nil)},
	}, versions.LaunchTemplateVersions)

	var numbers []int64
	for _, v := range must(c.ec2.DescribeLaunchTemplateVersions(ctx, &ec2.DescribeLaunchTemplateVersionsInput{LaunchTemplateName: str("agents")}))(t).LaunchTemplateVersions {
		numbers = append(numbers, *v.VersionNumber)
	}
	same(t, "all versions", []int64{2, 1}, numbers)

	launched := c.run(t, s, 1, func(in *ec2.RunInstancesInput) {
		in.ImageId, in.SecurityGroupIds, in.LaunchTemplate = nil, nil, &types.LaunchTemplateSpecification{LaunchTemplateName: str("agents"), Version: str("2")}
	})
	m := c.instances(t, &ec2.DescribeInstancesInput{InstanceIds: launched})[0]
	same(t, "an instance of the template", []string{"ami-2", "agent", "nodes", "enabled", "arn:aws:iam::123456789012:instance-profile/node"},
		[]string{*m.ImageId, *m.Tags[0].Value, *m.SecurityGroups[0].GroupName, string(m.MetadataOptions.InstanceMetadataTags), *m.IamInstanceProfile.Arn})

	for what, f := range map[string]struct {
		want string
		in   ec2.DescribeLaunchTemplateVersionsInput
	}{
		"an unknown id":      {"InvalidLaunchTemplateId.NotFound: The specified launch template, with template ID lt-00000000, does not exist.", ec2.DescribeLaunchTemplateVersionsInput{LaunchTemplateId: str("lt-00000000")}},
		"an unknown name":    {"InvalidLaunchTemplateName.NotFoundException: The specified launch template, with template name x, does not exist.", ec2.DescribeLaunchTemplateVersionsInput{LaunchTemplateName: str("x")}},
		"an unknown version": {"InvalidLaunchTemplateId.VersionNotFound: Could not find the specified version 3 for the launch template with ID " + *id + ".", ec2.DescribeLaunchTemplateVersionsInput{LaunchTemplateId: id, Versions: []string{"3"}}},
	} {
		_, err := c.ec2.DescribeLaunchTemplateVersions(ctx, &f.in)
		same(t, what, f.want, refused(err))
	}
}

func TestEC2Refusals(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s := c.site(t)
	ctx := t.Context()
	one := awssdk.Int32(1)
	other := *must(c.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: str("10.1.0.0/16")}))(t).Vpc.VpcId
	run := func(in ec2.RunInstancesInput) error {
		in.ImageId, in.MinCount, in.MaxCount = str("ami-1"), one, one
		_, err := c.ec2.RunInstances(ctx, &in)
		return err
	}
	subnet := func(vpc, cidr, zone string) error {
		return errOf(c.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: &vpc, CidrBlock: &cidr, AvailabilityZone: &zone}))
	}
	elsewhere := *must(c.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: &other, CidrBlock: str("10.1.0.0/28")}))(t).Subnet.SubnetId
	vpc := func(cidr string) error {
		return errOf(c.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: &cidr}))
	}
	group := func(name string) error {
		return errOf(c.ec2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{VpcId: &s.vpc, GroupName: &name, Description: str("d")}))
	}
	many := func() error {
		return errOf(c.ec2.RunInstances(ctx, &ec2.RunInstancesInput{ImageId: str("ami-1"), MinCount: awssdk.Int32(12), MaxCount: awssdk.Int32(12), SubnetId: &elsewhere}))
	}
	for _, f := range []struct {
		name, want string
		err        error
	}{
		{"a VPC too large", "InvalidVpc.Range: The CIDR '10.0.0.0/8' is invalid.", vpc("10.0.0.0/8")},
		{"no CIDR", "InvalidParameterValue: Value (ten) for parameter cidrBlock is invalid. This is not a valid CIDR block.", vpc("ten")},
		{"a subnet of another network", "InvalidSubnet.Range: The CIDR '10.1.0.0/24' is invalid.", subnet(s.vpc, "10.1.0.0/24", "us-east-1a")},
		{"a subnet over another", "InvalidSubnet.Conflict: The CIDR '10.0.1.128/25' conflicts with another subnet", subnet(s.vpc, "10.0.1.128/25", "us-east-1a")},
		{"a zone elsewhere", "InvalidParameterValue: Value (eu-west-1a) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: " +
			"us-east-1a, us-east-1b, us-east-1c, us-east-1d, us-east-1e, us-east-1f, us-east-1-bos-1a.", subnet(s.vpc, "10.0.2.0/24", "eu-west-1a")},
		{"a group twice", `InvalidGroup.Duplicate: The security group "nodes" already exists for VPC "` + s.vpc + `"`, group("nodes")},
		{"no subnet", "VPCIdNotSpecified: No default VPC for this user", run(ec2.RunInstancesInput{})},
		{"a group of another VPC", "InvalidParameter: Security group " + s.group + " and subnet " + elsewhere + " belong to different networks.", run(ec2.RunInstancesInput{SubnetId: &elsewhere, SecurityGroupIds: []string{s.group}})},
		{"subnets twice", "InvalidParameterCombination: Network interfaces and an instance-level subnet ID may not be specified on the same request",
			run(ec2.RunInstancesInput{SubnetId: &elsewhere, NetworkInterfaces: []types.InstanceNetworkInterfaceSpecification{{DeviceIndex: awssdk.Int32(0), SubnetId: &elsewhere}}})},
		{"tags for something else", "InvalidParameterValue: 'volume' is not a valid taggable resource type for this operation.",
			errOf(c.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: str("10.2.0.0/16"), TagSpecifications: specs("volume", "a", "b")}))},
		{"more than its addresses", "InsufficientFreeAddressesInSubnet: Not enough free addresses in subnet '" + elsewhere + "' to satisfy the requested number of instances.", many()},
		{"an unknown call", "InvalidAction: The action DescribeVolumes is not valid for this web service.", func() error { _, err := c.ec2.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{}); return err }()},
	} {
		same(t, f.name, f.want, refused(f.err))
	}
}

// TestEC2Interfaces gives an instance two, as the checks of security groups look at
// each.
func TestEC2Interfaces(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s := c.site(t)
	id := c.run(t, s, 1, func(in *ec2.RunInstancesInput) {
		in.SubnetId, in.SecurityGroupIds = nil, nil
		in.NetworkInterfaces = []types.InstanceNetworkInterfaceSpecification{
			{DeviceIndex: awssdk.Int32(1), SubnetId: &s.public},
			{DeviceIndex: awssdk.Int32(0), SubnetId: &s.private, Groups: []string{s.group}},
		}
	})[0]
	m := c.instances(t, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})[0]
	same(t, "the instance's own", []string{s.private, "nodes"}, []string{*m.SubnetId, *m.SecurityGroups[0].GroupName})
	var got []string
	for _, n := range m.NetworkInterfaces {
		got = append(got, fmt.Sprint(*n.Attachment.DeviceIndex, " ", *n.SubnetId, " ", *n.Groups[0].GroupName))
	}
	same(t, "interfaces", []string{"0 " + s.private + " nodes", "1 " + s.public + " default"}, got)
}
