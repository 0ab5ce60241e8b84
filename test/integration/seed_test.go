package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// estate is what a story finds in EC2: a VPC with two public and two private subnets,
// a security group, and nodes.
type estate struct {
	vpc             string
	public, private []string
	group           string
	servers, agents []string
}

// seed builds the estate through the API, as anybody would.
func (s *server) seed(t *testing.T) estate {
	t.Helper()
	var e estate
	vpc, err := s.ec2.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	must(t, err)
	e.vpc = *vpc.Vpc.VpcId
	_, err = s.ec2.ModifyVpcAttribute(t.Context(), &ec2.ModifyVpcAttributeInput{VpcId: &e.vpc, EnableDnsHostnames: &types.AttributeBooleanValue{Value: aws.Bool(true)}})
	must(t, err)
	s.names(t, e.vpc)
	gateway, err := s.ec2.CreateInternetGateway(t.Context(), &ec2.CreateInternetGatewayInput{})
	must(t, err)
	_, err = s.ec2.AttachInternetGateway(t.Context(), &ec2.AttachInternetGatewayInput{VpcId: &e.vpc, InternetGatewayId: gateway.InternetGateway.InternetGatewayId})
	must(t, err)
	table, err := s.ec2.CreateRouteTable(t.Context(), &ec2.CreateRouteTableInput{VpcId: &e.vpc})
	must(t, err)
	_, err = s.ec2.CreateRoute(t.Context(), &ec2.CreateRouteInput{
		RouteTableId: table.RouteTable.RouteTableId, DestinationCidrBlock: aws.String("0.0.0.0/0"), GatewayId: gateway.InternetGateway.InternetGatewayId,
	})
	must(t, err)
	for i := range 4 {
		subnet, err := s.ec2.CreateSubnet(t.Context(), &ec2.CreateSubnetInput{
			VpcId: &e.vpc, CidrBlock: aws.String(fmt.Sprintf("10.0.%d.0/24", i)), AvailabilityZone: aws.String(region + string(rune('a'+i%2))),
		})
		must(t, err)
		id := *subnet.Subnet.SubnetId
		if i >= 2 {
			e.private = append(e.private, id)
			continue
		}
		e.public = append(e.public, id)
		_, err = s.ec2.AssociateRouteTable(t.Context(), &ec2.AssociateRouteTableInput{RouteTableId: table.RouteTable.RouteTableId, SubnetId: &id})
		must(t, err)
	}
	e.group = s.securityGroup(t, e.vpc, "nodes")
	s.wayOut(t, e)
	for i := range 3 {
		e.servers = append(e.servers, s.instance(t, e, fmt.Sprintf("prod-server-%d", i+1)))
	}
	for i := range 2 {
		e.agents = append(e.agents, s.instance(t, e, fmt.Sprintf("prod-agent-%d", i+1)))
	}
	return e
}

// names gives the VPC the domain that every VPC of AWS has from the start.
func (s *server) names(t *testing.T, vpc string) {
	t.Helper()
	options, err := s.ec2.CreateDhcpOptions(t.Context(), &ec2.CreateDhcpOptionsInput{DhcpConfigurations: []types.NewDhcpConfiguration{
		{Key: aws.String("domain-name"), Values: []string{region + ".compute.internal"}},
		{Key: aws.String("domain-name-servers"), Values: []string{"AmazonProvidedDNS"}},
	}})
	must(t, err)
	_, err = s.ec2.AssociateDhcpOptions(t.Context(), &ec2.AssociateDhcpOptionsInput{VpcId: &vpc, DhcpOptionsId: options.DhcpOptions.DhcpOptionsId})
	must(t, err)
}

// wayOut leads the private subnets to the internet, through an instance in a public
// one.
func (s *server) wayOut(t *testing.T, e estate) {
	t.Helper()
	nat := s.instance(t, e, "nat", func(in *ec2.RunInstancesInput) { in.SubnetId = &e.public[0] })
	found, err := s.ec2.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{nat}})
	must(t, err)
	tables, err := s.ec2.DescribeRouteTables(t.Context(), &ec2.DescribeRouteTablesInput{Filters: []types.Filter{
		{Name: aws.String("vpc-id"), Values: []string{e.vpc}}, {Name: aws.String("association.main"), Values: []string{"true"}},
	}})
	must(t, err)
	_, err = s.ec2.CreateRoute(t.Context(), &ec2.CreateRouteInput{
		RouteTableId: tables.RouteTables[0].RouteTableId, DestinationCidrBlock: aws.String("0.0.0.0/0"),
		NetworkInterfaceId: found.Reservations[0].Instances[0].NetworkInterfaces[0].NetworkInterfaceId,
	})
	must(t, err)
}

func (s *server) securityGroup(t *testing.T, vpc, name string) string {
	t.Helper()
	out, err := s.ec2.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{VpcId: &vpc, GroupName: &name, Description: &name})
	must(t, err)
	return *out.GroupId
}

// instance starts one in the first private subnet.
func (s *server) instance(t *testing.T, e estate, name string, with ...func(*ec2.RunInstancesInput)) string {
	t.Helper()
	in := &ec2.RunInstancesInput{
		ImageId: aws.String("ami-12c6146b"), MinCount: aws.Int32(1), MaxCount: aws.Int32(1), InstanceType: types.InstanceTypeT3Medium,
		SubnetId: &e.private[0], SecurityGroupIds: []string{e.group},
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeInstance, Tags: []types.Tag{{Key: aws.String("Name"), Value: &name}}}},
	}
	for _, w := range with {
		w(in)
	}
	out, err := s.ec2.RunInstances(t.Context(), in)
	must(t, err)
	return *out.Instances[0].InstanceId
}

func (s *server) tag(t *testing.T, id, key, value string) {
	t.Helper()
	_, err := s.ec2.CreateTags(t.Context(), &ec2.CreateTagsInput{Resources: []string{id}, Tags: []types.Tag{{Key: &key, Value: &value}}})
	must(t, err)
}

const (
	ec2Trust   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	otherTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
)

func (s *server) role(t *testing.T, name, trust string) {
	t.Helper()
	_, err := s.iam.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
	must(t, err)
}

// profile makes an instance profile, with a role in it unless that is "", and returns
// its ARN.
func (s *server) profile(t *testing.T, name, role string) string {
	t.Helper()
	out, err := s.iam.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: &name})
	must(t, err)
	if role != "" {
		_, err := s.iam.AddRoleToInstanceProfile(t.Context(), &iam.AddRoleToInstanceProfileInput{InstanceProfileName: &name, RoleName: &role})
		must(t, err)
	}
	return *out.InstanceProfile.Arn
}

func (s *server) associate(t *testing.T, instance, arn string) {
	t.Helper()
	_, err := s.ec2.AssociateIamInstanceProfile(t.Context(), &ec2.AssociateIamInstanceProfileInput{
		InstanceId: &instance, IamInstanceProfile: &types.IamInstanceProfileSpecification{Arn: &arn},
	})
	must(t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// file is a bootstrap.yaml for the estate: servers by id, agents by tag.
func (e estate) file() string {
	return fmt.Sprintf(`version: 1
cluster: prod-1
account: "%s"
region: %s
nodes:
  - name: prod-1-server
    roles: [control-plane, etcd]
    features: [elb]
    instances: {ids: [%s]}
  - name: prod-1-agent
    roles: [worker]
    instances: {tag: {Name: "prod-agent-*"}}
network:
  securityGroup: {id: %s, tag: owned}
  subnets:
    - {ids: [%s], tag: shared, elb: public}
    - {ids: [%s], tag: shared, elb: internal}
pull:
  repositories: ["team/*"]
`, accountID, region, strings.Join(e.servers, ", "), e.group, strings.Join(e.public, ", "), strings.Join(e.private, ", "))
}

// snapshot is the account as it can be seen through the API, without ids that are
// made anew, dates and version numbers: roles, profiles, policies, tags, and which
// instance has which profile.
func (s *server) snapshot(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	s.snapshotRoles(t, all)
	s.snapshotProfiles(t, all)
	s.snapshotPolicies(t, all)
	tags := ec2.NewDescribeTagsPaginator(s.ec2, &ec2.DescribeTagsInput{})
	for tags.HasMorePages() {
		page, err := tags.NextPage(t.Context())
		must(t, err)
		for _, tag := range page.Tags {
			all["tag "+aws.ToString(tag.ResourceId)+" "+aws.ToString(tag.Key)] = "=" + aws.ToString(tag.Value)
		}
	}
	associations := ec2.NewDescribeIamInstanceProfileAssociationsPaginator(s.ec2, &ec2.DescribeIamInstanceProfileAssociationsInput{})
	for associations.HasMorePages() {
		page, err := associations.NextPage(t.Context())
		must(t, err)
		for _, a := range page.IamInstanceProfileAssociations {
			if a.State == types.IamInstanceProfileAssociationStateAssociated || a.State == types.IamInstanceProfileAssociationStateAssociating {
				all["profile of "+aws.ToString(a.InstanceId)] = aws.ToString(a.IamInstanceProfile.Arn)
			}
		}
	}
	return all
}

func (s *server) snapshotRoles(t *testing.T, all map[string]string) {
	t.Helper()
	roles := iam.NewListRolesPaginator(s.iam, &iam.ListRolesInput{})
	for roles.HasMorePages() {
		page, err := roles.NextPage(t.Context())
		must(t, err)
		for _, listed := range page.Roles {
			name := *listed.RoleName
			got, err := s.iam.GetRole(t.Context(), &iam.GetRoleInput{RoleName: &name})
			must(t, err)
			boundary := ""
			if b := got.Role.PermissionsBoundary; b != nil {
				boundary = aws.ToString(b.PermissionsBoundaryArn)
			}
			all["role "+name] = fmt.Sprintf("%s %s boundary=%s", aws.ToString(got.Role.Path), document(t, got.Role.AssumeRolePolicyDocument), boundary)
			for _, tag := range got.Role.Tags {
				if *tag.Key == "kubelet-ecr/run" {
					tag.Value = aws.String("another each time")
				}
				all["role "+name+" tag "+*tag.Key] = *tag.Value
			}
			inline, err := s.iam.ListRolePolicies(t.Context(), &iam.ListRolePoliciesInput{RoleName: &name})
			must(t, err)
			for _, policy := range inline.PolicyNames {
				got, err := s.iam.GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: &name, PolicyName: &policy})
				must(t, err)
				all["role "+name+" inline "+policy] = document(t, got.PolicyDocument)
			}
			attached, err := s.iam.ListAttachedRolePolicies(t.Context(), &iam.ListAttachedRolePoliciesInput{RoleName: &name})
			must(t, err)
			for _, policy := range attached.AttachedPolicies {
				all["role "+name+" attached "+*policy.PolicyArn] = "yes"
			}
		}
	}
}

func (s *server) snapshotProfiles(t *testing.T, all map[string]string) {
	t.Helper()
	profiles := iam.NewListInstanceProfilesPaginator(s.iam, &iam.ListInstanceProfilesInput{})
	for profiles.HasMorePages() {
		page, err := profiles.NextPage(t.Context())
		must(t, err)
		for _, p := range page.InstanceProfiles {
			var roles []string
			for _, r := range p.Roles {
				roles = append(roles, *r.RoleName)
			}
			all["profile "+*p.InstanceProfileName] = fmt.Sprintf("%s %v", *p.Path, roles)
		}
	}
}

func (s *server) snapshotPolicies(t *testing.T, all map[string]string) {
	t.Helper()
	policies := iam.NewListPoliciesPaginator(s.iam, &iam.ListPoliciesInput{Scope: "Local"})
	for policies.HasMorePages() {
		page, err := policies.NextPage(t.Context())
		must(t, err)
		for _, p := range page.Policies {
			version, err := s.iam.GetPolicyVersion(t.Context(), &iam.GetPolicyVersionInput{PolicyArn: p.Arn, VersionId: p.DefaultVersionId})
			must(t, err)
			all["policy "+*p.Arn] = document(t, version.PolicyVersion.Document)
		}
	}
}

// keys are the parts of a snapshot that begin with one of the prefixes, sorted.
func keys(all map[string]string, prefixes ...string) []string {
	var out []string
	for key := range all {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) }) {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}
