package fakeaws_test

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

func TestEC2Instance(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s := c.site(t)
	profile := c.profile(t, "node")
	id := c.run(t, s, 1, func(in *ec2.RunInstancesInput) {
		in.TagSpecifications = specs("instance", "Name", "prod <1> & é")
		in.IamInstanceProfile = &types.IamInstanceProfileSpecification{Name: str("node")}
		in.MetadataOptions = &types.InstanceMetadataOptionsRequest{HttpTokens: "required"}
	})[0]
	got := must(c.ec2.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{id}}))(t)
	at := epoch
	eni := got.Reservations[0].Instances[0].NetworkInterfaces[0]
	groups := []types.GroupIdentifier{{GroupId: &s.group, GroupName: str("nodes")}}
	same(t, "DescribeInstances", []types.Reservation{{
		ReservationId: got.Reservations[0].ReservationId, OwnerId: str("123456789012"),
		Instances: []types.Instance{{
			InstanceId: &id, ImageId: str("ami-1"), State: &types.InstanceState{Code: awssdk.Int32(16), Name: "running"},
			AmiLaunchIndex: awssdk.Int32(0), InstanceType: "t3.large", LaunchTime: &at, Architecture: "x86_64", RootDeviceType: "ebs",
			VirtualizationType: "hvm", Hypervisor: "xen", PrivateDnsName: str("ip-10-0-1-4.ec2.internal"), PrivateIpAddress: str("10.0.1.4"),
			SubnetId: &s.private, VpcId: &s.vpc, SourceDestCheck: awssdk.Bool(true), SecurityGroups: groups,
			Placement: &types.Placement{AvailabilityZone: str("us-east-1b"), AvailabilityZoneId: str("use1-az2"), Tenancy: "default"},
			NetworkInterfaces: []types.InstanceNetworkInterface{{
				NetworkInterfaceId: eni.NetworkInterfaceId, SubnetId: &s.private, VpcId: &s.vpc, OwnerId: str("123456789012"), Status: "in-use",
				InterfaceType: str("interface"), PrivateIpAddress: str("10.0.1.4"), PrivateDnsName: str("ip-10-0-1-4.ec2.internal"),
				SourceDestCheck: awssdk.Bool(true), Groups: groups,
				Attachment: &types.InstanceNetworkInterfaceAttachment{
					AttachmentId: eni.Attachment.AttachmentId, DeviceIndex: awssdk.Int32(0), Status: "attached", AttachTime: &at, DeleteOnTermination: awssdk.Bool(true)},
			}},
			IamInstanceProfile: &types.IamInstanceProfile{Arn: str("arn:aws:iam::123456789012:instance-profile/node"), Id: &profile},
			MetadataOptions: &types.InstanceMetadataOptionsResponse{State: "applied", HttpTokens: "required", HttpPutResponseHopLimit: awssdk.Int32(1),
				HttpEndpoint: "enabled", HttpProtocolIpv6: "disabled", InstanceMetadataTags: "disabled"},
			Tags: tags("Name", "prod <1> & é"),
		}},
	}}, got.Reservations)
}

func TestEC2Network(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s := c.site(t)
	ctx := t.Context()
	account := str("123456789012")

	vpcs := must(c.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{}))(t)
	same(t, "DescribeVpcs", []types.Vpc{{
		VpcId: &s.vpc, OwnerId: account, State: "available", CidrBlock: str("10.0.0.0/16"), InstanceTenancy: "default", IsDefault: awssdk.Bool(false),
		DhcpOptionsId: vpcs.Vpcs[0].DhcpOptionsId, Tags: tags("Name", "prod"),
		CidrBlockAssociationSet: []types.VpcCidrBlockAssociation{{
			CidrBlock: str("10.0.0.0/16"), AssociationId: vpcs.Vpcs[0].CidrBlockAssociationSet[0].AssociationId,
			CidrBlockState: &types.VpcCidrBlockState{State: "associated"}}},
	}}, vpcs.Vpcs)

	options := must(c.ec2.DescribeDhcpOptions(ctx, &ec2.DescribeDhcpOptionsInput{DhcpOptionsIds: []string{*vpcs.Vpcs[0].DhcpOptionsId}}))(t)
	same(t, "DescribeDhcpOptions", []types.DhcpConfiguration{
		{Key: str("domain-name"), Values: []types.AttributeValue{{Value: str("ec2.internal")}}},
		{Key: str("domain-name-servers"), Values: []types.AttributeValue{{Value: str("AmazonProvidedDNS")}}},
	}, options.DhcpOptions[0].DhcpConfigurations)

	subnets := must(c.ec2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: filters("tag:kubernetes.io/cluster/*", "shared")}))(t)
	if len(subnets.Subnets) != 0 {
		t.Errorf("a wildcard in the name of a filter finds %d subnets, want 0: AWS takes them in values only", len(subnets.Subnets))
	}
	subnets = must(c.ec2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: filters("tag-key", "kubernetes.io/cluster/*")}))(t)
	same(t, "DescribeSubnets", []types.Subnet{{
		SubnetId: &s.private, SubnetArn: str("arn:aws:ec2:us-east-1:123456789012:subnet/" + s.private), OwnerId: account, State: "available", VpcId: &s.vpc,
		CidrBlock: str("10.0.1.0/24"), AvailableIpAddressCount: awssdk.Int32(251), AvailabilityZone: str("us-east-1b"), AvailabilityZoneId: str("use1-az2"),
		DefaultForAz: awssdk.Bool(false), MapPublicIpOnLaunch: awssdk.Bool(false), Tags: tags("kubernetes.io/cluster/prod-1", "shared"),
	}}, subnets.Subnets)

	tables := must(c.ec2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: filters("association.main", "true", "vpc-id", s.vpc)}))(t)
	if len(tables.RouteTables) != 1 || len(tables.RouteTables[0].Routes) != 1 {
		t.Errorf("main route tables = %+v, want one with one route", tables.RouteTables)
	}
	tables = must(c.ec2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: filters("association.subnet-id", s.public)}))(t)
	same(t, "DescribeRouteTables", []types.RouteTable{{
		RouteTableId: &s.table, VpcId: &s.vpc, OwnerId: account,
		Routes: []types.Route{
			{DestinationCidrBlock: str("10.0.0.0/16"), GatewayId: str("local"), State: "active", Origin: "CreateRouteTable"},
			{DestinationCidrBlock: str("0.0.0.0/0"), GatewayId: &s.gateway, State: "active", Origin: "CreateRoute"},
		},
		Associations: []types.RouteTableAssociation{{
			RouteTableAssociationId: tables.RouteTables[0].Associations[0].RouteTableAssociationId, RouteTableId: &s.table, SubnetId: &s.public,
			Main: awssdk.Bool(false), AssociationState: &types.RouteTableAssociationState{State: "associated"}}},
		Tags: []types.Tag{},
	}}, tables.RouteTables)

}

func TestEC2NetworkParts(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s := c.site(t)
	ctx := t.Context()
	account := str("123456789012")

	groups := must(c.ec2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: filters("vpc-id", s.vpc)}))(t)
	var names []string
	for _, g := range groups.SecurityGroups {
		names = append(names, *g.GroupName)
	}
	same(t, "groups of the VPC", []string{"default", "nodes"}, names)

	gateways := must(c.ec2.DescribeInternetGateways(ctx, &ec2.DescribeInternetGatewaysInput{Filters: filters("attachment.vpc-id", s.vpc)}))(t)
	same(t, "DescribeInternetGateways", []types.InternetGateway{{
		InternetGatewayId: &s.gateway, OwnerId: account, Attachments: []types.InternetGatewayAttachment{{VpcId: &s.vpc, State: "available"}}, Tags: []types.Tag{},
	}}, gateways.InternetGateways)

	must(c.ec2.ModifyVpcAttribute(ctx, &ec2.ModifyVpcAttributeInput{VpcId: &s.vpc, EnableDnsHostnames: &types.AttributeBooleanValue{Value: awssdk.Bool(true)}}))(t)
	attribute := must(c.ec2.DescribeVpcAttribute(ctx, &ec2.DescribeVpcAttributeInput{VpcId: &s.vpc, Attribute: "enableDnsHostnames"}))(t)
	same(t, "DescribeVpcAttribute", ec2.DescribeVpcAttributeOutput{VpcId: &s.vpc, EnableDnsHostnames: &types.AttributeBooleanValue{Value: awssdk.Bool(true)}}, *attribute)

	endpoint := must(c.ec2.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{
		VpcId: &s.vpc, ServiceName: str("com.amazonaws.us-east-1.ecr.api"), VpcEndpointType: "Interface", PrivateDnsEnabled: awssdk.Bool(true),
		SubnetIds: []string{s.private}, SecurityGroupIds: []string{s.group}}))(t)
	endpoints := must(c.ec2.DescribeVpcEndpoints(ctx, &ec2.DescribeVpcEndpointsInput{Filters: filters("service-name", "*.ecr.api", "vpc-id", s.vpc)}))(t)
	at := epoch
	same(t, "DescribeVpcEndpoints", []types.VpcEndpoint{{
		VpcEndpointId: endpoint.VpcEndpoint.VpcEndpointId, VpcEndpointType: "Interface", VpcId: &s.vpc, ServiceName: str("com.amazonaws.us-east-1.ecr.api"),
		State: "available", PrivateDnsEnabled: awssdk.Bool(true), SubnetIds: []string{s.private}, RouteTableIds: []string{},
		Groups:            []types.SecurityGroupIdentifier{{GroupId: &s.group, GroupName: str("nodes")}},
		CreationTimestamp: &at, OwnerId: account, Tags: []types.Tag{},
	}}, endpoints.VpcEndpoints)
}

func TestEC2Places(t *testing.T) {
	t.Parallel()
	c := newCloud(t).aws.in("ap-southeast-2")
	zones := must(c.ec2.DescribeAvailabilityZones(t.Context(), &ec2.DescribeAvailabilityZonesInput{}))(t)
	var got []string
	for _, z := range zones.AvailabilityZones {
		got = append(got, *z.ZoneName+" "+*z.ZoneId+" "+*z.ZoneType+" "+*z.RegionName)
	}
	same(t, "zones", []string{
		"ap-southeast-2a apse2-az1 availability-zone ap-southeast-2", "ap-southeast-2b apse2-az2 availability-zone ap-southeast-2",
		"ap-southeast-2c apse2-az3 availability-zone ap-southeast-2"}, got)
	regions := must(c.ec2.DescribeRegions(t.Context(), &ec2.DescribeRegionsInput{RegionNames: []string{"eu-west-1"}}))(t)
	same(t, "regions", []types.Region{{RegionName: str("eu-west-1"), Endpoint: str("ec2.eu-west-1.amazonaws.com"), OptInStatus: str("opt-in-not-required")}}, regions.Regions)
	_, err := c.ec2.DescribeRegions(t.Context(), &ec2.DescribeRegionsInput{RegionNames: []string{"cn-north-1"}})
	same(t, "another partition's region", "InvalidParameterValue: Invalid region names: [cn-north-1]", refused(err))
}

// TestEC2Regions makes things in one region that another must not show.
func TestEC2Regions(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s := c.site(t)
	other := c.aws.in("eu-central-1")
	if got := must(other.ec2.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{}))(t).Vpcs; len(got) != 0 {
		t.Errorf("VPCs of another region = %v, want none", got)
	}
	_, err := other.ec2.CreateTags(t.Context(), &ec2.CreateTagsInput{Resources: []string{s.vpc}, Tags: tags("k", "v")})
	same(t, "CreateTags elsewhere", "InvalidVpcID.NotFound: The vpc ID '"+s.vpc+"' does not exist", refused(err))
}

func TestEC2Pages(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s := c.site(t)
	first, second := c.run(t, s, 7), c.run(t, s, 6)
	all := append(first, second...)
	var got []string
	var pages []int // reservations on each
	p := ec2.NewDescribeInstancesPaginator(c.ec2, &ec2.DescribeInstancesInput{MaxResults: awssdk.Int32(5), Filters: filters("instance-state-name", "running")})
	for p.HasMorePages() {
		reservations := must(p.NextPage(t.Context()))(t).Reservations
		pages = append(pages, len(reservations))
		for _, r := range reservations {
			for _, m := range r.Instances {
				got = append(got, *m.InstanceId)
			}
		}
	}
	same(t, "instances of all pages", all, got)
	same(t, "reservations by page", []int{1, 2, 1}, pages)

	describe := func(in ec2.DescribeInstancesInput) string {
		_, err := c.ec2.DescribeInstances(t.Context(), &in)
		return refused(err)
	}
	tagToken := must(c.ec2.DescribeTags(t.Context(), &ec2.DescribeTagsInput{MaxResults: awssdk.Int32(5)}))(t).NextToken
	if tagToken != nil {
		t.Errorf("token of a last page = %q, want nil", *tagToken)
	}
	var many []string
	for i := range 201 {
		many = append(many, fmt.Sprint(i))
	}
	for what, c := range map[string]struct{ want, got string }{
		"too small":       {"InvalidParameterValue: Value ( 4 ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.", describe(ec2.DescribeInstancesInput{MaxResults: awssdk.Int32(4)})},
		"too large":       {"InvalidParameterValue: Value ( 1001 ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.", describe(ec2.DescribeInstancesInput{MaxResults: awssdk.Int32(1001)})},
		"with ids":        {"InvalidParameterCombination: The parameter instancesSet cannot be used with the parameter maxResults", describe(ec2.DescribeInstancesInput{MaxResults: awssdk.Int32(5), InstanceIds: first})},
		"foreign token":   {"InvalidPaginationToken: The specified pagination token is not valid or is expired.", describe(ec2.DescribeInstancesInput{NextToken: str("RGVzY3JpYmVUYWdzIDU")})},
		"no such filter":  {"InvalidParameterValue: The filter 'group-id' is invalid", describe(ec2.DescribeInstancesInput{Filters: filters("group-id", s.group)})},
		"too many values": {"FilterLimitExceeded: The maximum number of filter values specified on a single call is 200", describe(ec2.DescribeInstancesInput{Filters: []types.Filter{{Name: str("instance-id"), Values: many}}})},
		"unknown id":      {"InvalidInstanceID.NotFound: The instance ID 'i-00000000' does not exist", describe(ec2.DescribeInstancesInput{InstanceIds: []string{all[0], "i-00000000"}})},
		"unknown ids":     {"InvalidInstanceID.NotFound: The instance IDs 'i-00000000, i-11111111' do not exist", describe(ec2.DescribeInstancesInput{InstanceIds: []string{"i-00000000", all[0], "i-11111111"}})},
		"short id":        {`InvalidInstanceID.Malformed: Invalid id: "i-0abc"`, describe(ec2.DescribeInstancesInput{InstanceIds: []string{"i-0abc"}})},
		"foreign id":      {`InvalidInstanceID.Malformed: Invalid id: "sg-00000000" (expecting "i-...")`, describe(ec2.DescribeInstancesInput{InstanceIds: []string{"sg-00000000"}})},
	} {
		same(t, what, c.want, c.got)
	}
}

func TestEC2Filters(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s := c.site(t)
	c.profile(t, "node")
	name := func(value string) func(*ec2.RunInstancesInput) {
		return func(in *ec2.RunInstancesInput) {
			in.TagSpecifications = specs("instance", "Name", value, "kubernetes.io/cluster/a", "")
		}
	}
	c.run(t, s, 1, name("server-1"))
	c.run(t, s, 1, name("server-2*"), func(in *ec2.RunInstancesInput) {
		in.IamInstanceProfile = &types.IamInstanceProfileSpecification{Arn: str("arn:aws:iam::123456789012:instance-profile/node")}
	})
	stopped := c.run(t, s, 1, name("agent-1"), func(in *ec2.RunInstancesInput) { in.SubnetId, in.SecurityGroupIds = &s.public, nil })
	must(c.ec2.StopInstances(t.Context(), &ec2.StopInstancesInput{InstanceIds: stopped}))(t)
	for _, f := range []struct {
		filters []types.Filter
		want    []string
	}{
		{filters("tag:Name", "server-*"), []string{"server-1", "server-2*"}},
		{filters("tag:Name", `server-2\*`), []string{"server-2*"}},
		{filters("tag:Name", `server-\*`), nil},
		{filters("tag:Name", "?????-1"), []string{"agent-1"}},
		{filters("tag:Name", "Server-1"), nil},
		{filters("tag:Name", "server-1,agent-1"), []string{"server-1", "agent-1"}},
		{filters("tag:kubernetes.io/cluster/a", ""), []string{"server-1", "server-2*", "agent-1"}},
		{filters("tag:Nome", "*"), nil},
		{filters("tag-key", "kubernetes.io/cluster/*", "instance-state-name", "stopped"), []string{"agent-1"}},
		{filters("vpc-id", s.vpc, "subnet-id", s.private), []string{"server-1", "server-2*"}},
		{filters("instance.group-id", s.group), []string{"server-1", "server-2*"}},
		{filters("network-interface.group-id", s.group, "private-dns-name", "ip-10-0-1-5.ec2.internal"), []string{"server-2*"}},
		{filters("iam-instance-profile.arn", "*/node"), []string{"server-2*"}},
		{filters("availability-zone", "us-east-1a"), []string{"agent-1"}},
	} {
		var got []string
		for _, m := range c.instances(t, &ec2.DescribeInstancesInput{Filters: f.filters}) {
			for _, tag := range m.Tags {
				if *tag.Key == "Name" {
					got = append(got, *tag.Value)
				}
			}
		}
		same(t, fmt.Sprint(*f.filters[0].Name, f.filters[0].Values), f.want, got)
	}
	enis := must(c.ec2.DescribeNetworkInterfaces(t.Context(), &ec2.DescribeNetworkInterfacesInput{Filters: filters("attachment.instance-id", stopped[0])}))(t)
	if len(enis.NetworkInterfaces) != 1 || *enis.NetworkInterfaces[0].Groups[0].GroupName != "default" {
		t.Errorf("interfaces of the stopped instance = %+v, want one in the default group", enis.NetworkInterfaces)
	}
}

// BenchmarkDescribeInstances is a page of 1000 without the network and the SDK.
func BenchmarkDescribeInstances(b *testing.B) {
	s := fakeaws.New()
	s.Latency = 0
	defer s.Close()
	post := func(form url.Values) string {
		r := httptest.NewRequestWithContext(b.Context(), "POST", "http://localhost/", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", sign("AKIANODE", "us-east-1", "ec2"))
		r.URL.Scheme, r.URL.Host = "", "" // as a server reads it
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != 200 {
			b.Fatal(w.Body)
		}
		return w.Body.String()
	}
	id := func(answer, name string) string {
		return regexp.MustCompile("<" + name + ">(.*?)<").FindStringSubmatch(answer)[1]
	}
	vpc := id(post(url.Values{"Action": {"CreateVpc"}, "CidrBlock": {"10.0.0.0/16"}}), "vpcId")
	subnet := id(post(url.Values{"Action": {"CreateSubnet"}, "VpcId": {vpc}, "CidrBlock": {"10.0.0.0/20"}}), "subnetId")
	launch := url.Values{"Action": {"RunInstances"}, "ImageId": {"ami-1"}, "SubnetId": {subnet}, "MinCount": {"1000"}, "MaxCount": {"1000"},
		"TagSpecification.1.ResourceType": {"instance"}}
	for i, key := range []string{"Name", "a", "b", "kubernetes.io/cluster/prod-1", "z"} {
		launch.Set(fmt.Sprintf("TagSpecification.1.Tag.%d.Key", i+1), key)
		launch.Set(fmt.Sprintf("TagSpecification.1.Tag.%d.Value", i+1), "owned")
	}
	post(launch)
	for b.Loop() {
		post(url.Values{"Action": {"DescribeInstances"}, "MaxResults": {"1000"}, "Filter.1.Name": {"tag:Name"}, "Filter.1.Value.1": {"owned"}})
	}
}
