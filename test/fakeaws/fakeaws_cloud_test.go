package fakeaws_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

// A cloud is a Server with the SDK's clients of one region, which try only once.
type cloud struct {
	*aws
	ec2    *ec2.Client
	groups *autoscaling.Client
	eks    *eks.Client
	ecr    *ecr.Client
	iam    *iam.Client
}

func newCloud(t *testing.T, set ...func(*fakeaws.Server)) *cloud {
	t.Helper()
	return start(t, set...).in("us-east-1")
}

func (a *aws) in(region string) *cloud {
	config := awssdk.Config{
		Region: region, BaseEndpoint: &a.server.URL, HTTPClient: &http.Client{Transport: buffered{a.server.Client().Transport}},
		Credentials: credentials.NewStaticCredentialsProvider("AKIANODE", "secret", ""),
		Retryer:     func() awssdk.Retryer { return awssdk.NopRetryer{} },
	}
	return &cloud{a, ec2.NewFromConfig(config), autoscaling.NewFromConfig(config), eks.NewFromConfig(config), ecr.NewFromConfig(config), iam.NewFromConfig(config)}
}

// buffered sends the bodies of requests out of its own memory. The SDK closes a body
// once the answer begins, which net/http, if it has not yet looked whether the body
// has an end, takes for a write that failed: it closes the connection under whoever
// still reads a long answer.
type buffered struct{ http.RoundTripper }

func (b buffered) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		return b.RoundTripper.RoundTrip(r)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	return b.RoundTripper.RoundTrip(r)
}

// refused is the code and the message of AWS's error, and "" without one.
func refused(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode() + ": " + e.ErrorMessage()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// errOf is the error alone of a call.
func errOf[T any](_ T, err error) error { return err }

func str(s string) *string { return &s }

func tags(pairs ...string) []types.Tag {
	var all []types.Tag
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, types.Tag{Key: &pairs[i], Value: &pairs[i+1]})
	}
	return all
}

func specs(kind types.ResourceType, pairs ...string) []types.TagSpecification {
	return []types.TagSpecification{{ResourceType: kind, Tags: tags(pairs...)}}
}

func filters(pairs ...string) []types.Filter {
	var all []types.Filter
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, types.Filter{Name: &pairs[i], Values: strings.Split(pairs[i+1], ",")})
	}
	return all
}

// site is a VPC with two subnets, of which the first is public, and a security group.
type site struct{ vpc, public, private, gateway, table, group string }

func (c *cloud) site(t *testing.T) site {
	t.Helper()
	ctx := t.Context()
	var s site
	s.vpc = *must(c.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{
		CidrBlock: str("10.0.0.0/16"), TagSpecifications: specs("vpc", "Name", "prod")}))(t).Vpc.VpcId
	s.public = *must(c.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{
		VpcId: &s.vpc, CidrBlock: str("10.0.0.0/24"), AvailabilityZone: str("us-east-1a")}))(t).Subnet.SubnetId
	s.private = *must(c.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{
		VpcId: &s.vpc, CidrBlock: str("10.0.1.0/24"), AvailabilityZone: str("us-east-1b"),
		TagSpecifications: specs("subnet", "kubernetes.io/cluster/prod-1", "shared")}))(t).Subnet.SubnetId
	s.gateway = *must(c.ec2.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{}))(t).InternetGateway.InternetGatewayId
	must(c.ec2.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: &s.gateway, VpcId: &s.vpc}))(t)
	s.table = *must(c.ec2.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{VpcId: &s.vpc}))(t).RouteTable.RouteTableId
	must(c.ec2.CreateRoute(ctx, &ec2.CreateRouteInput{
		RouteTableId: &s.table, DestinationCidrBlock: str("0.0.0.0/0"), GatewayId: &s.gateway}))(t)
	must(c.ec2.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{RouteTableId: &s.table, SubnetId: &s.public}))(t)
	s.group = *must(c.ec2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		VpcId: &s.vpc, GroupName: str("nodes"), Description: str("of the nodes")}))(t).GroupId
	return s
}

// profile makes a role and an instance profile of that name.
func (c *cloud) profile(t *testing.T, name string) (id string) {
	t.Helper()
	ctx := t.Context()
	must(c.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: str(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)}))(t)
	p := must(c.iam.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: &name}))(t)
	must(c.iam.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: &name, RoleName: &name}))(t)
	return *p.InstanceProfile.InstanceProfileId
}

// run launches instances with the group, and change makes of the request what is
// asked for.
func (c *cloud) run(t *testing.T, s site, count int32, change ...func(*ec2.RunInstancesInput)) []string {
	t.Helper()
	in := &ec2.RunInstancesInput{ImageId: str("ami-1"), MinCount: &count, MaxCount: &count, SubnetId: &s.private, SecurityGroupIds: []string{s.group}, InstanceType: "t3.large"}
	for _, f := range change {
		f(in)
	}
	var ids []string
	for _, m := range must(c.ec2.RunInstances(t.Context(), in))(t).Instances {
		ids = append(ids, *m.InstanceId)
	}
	return ids
}

func (c *cloud) instances(t *testing.T, in *ec2.DescribeInstancesInput) []types.Instance {
	t.Helper()
	var all []types.Instance
	for _, r := range must(c.ec2.DescribeInstances(t.Context(), in))(t).Reservations {
		all = append(all, r.Instances...)
	}
	return all
}

// bare leaves what the SDK keeps for itself out of a comparison.
var bare = cmp.FilterPath(func(p cmp.Path) bool {
	return p.Last().String() == ".noSmithyDocumentSerde" || p.Last().String() == ".ResultMetadata"
}, cmp.Ignore())

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, bare); diff != "" {
		t.Errorf("%s = (-want +got)\n%s", what, diff)
	}
}

func numbered(n int) []types.Tag {
	var all []types.Tag
	for i := range n {
		all = append(all, tags(fmt.Sprintf("k%02d", i), "v")...)
	}
	return all
}
