package account_test

import (
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

// premises is an account with a VPC, two subnets, a security group, instances and an
// Auto Scaling group, and an EKS cluster, which know nothing of a cluster of ours.
type premises struct {
	*fakeaws.Server
	subnets   []string
	group     string
	instances []string
	boundary  string
	aws       aws.Config
}

func must[T any](out T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatalf("%T: %v", out, err)
		}
		return out
	}
}

// newPremises also makes the process's AWS configuration that of the account.
func newPremises(t *testing.T) *premises {
	t.Helper()
	server := fakeaws.New()
	listener := httptest.NewServer(server)
	t.Cleanup(func() { listener.Close(); server.Close() })
	for key, value := range map[string]string{
		"AWS_ENDPOINT_URL": listener.URL, "AWS_ACCESS_KEY_ID": "AKIAOPERATOR", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_CA_BUNDLE": "", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": filepath.Join(t.TempDir(), "config"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(t.TempDir(), "credentials"),
	} {
		t.Setenv(key, value)
	}
	p := &premises{Server: server, aws: aws.Config{
		Region: "eu-central-1", BaseEndpoint: &listener.URL, Credentials: credentials.NewStaticCredentialsProvider("AKIAOWNER", "secret", ""),
	}}
	c := ec2.NewFromConfig(p.aws)
	vpc := must(c.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}))(t).Vpc.VpcId
	for zone, cidr := range map[string]string{"eu-central-1a": "10.0.1.0/24", "eu-central-1b": "10.0.2.0/24"} {
		p.subnets = append(p.subnets, *must(c.CreateSubnet(t.Context(), &ec2.CreateSubnetInput{VpcId: vpc, CidrBlock: aws.String(cidr), AvailabilityZone: aws.String(zone)}))(t).Subnet.SubnetId)
	}
	p.group = *must(c.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{VpcId: vpc, GroupName: aws.String("nodes"), Description: aws.String("nodes")}))(t).GroupId
	p.instances = p.launch(t, 3)
	template := must(c.CreateLaunchTemplate(t.Context(), &ec2.CreateLaunchTemplateInput{
		LaunchTemplateName: aws.String("agents"), LaunchTemplateData: &types.RequestLaunchTemplateData{ImageId: aws.String("ami-0abc"), InstanceType: types.InstanceTypeM5Large},
	}))(t).LaunchTemplate.LaunchTemplateId
	must(autoscaling.NewFromConfig(p.aws).CreateAutoScalingGroup(t.Context(), &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: aws.String("prod-agents"), MinSize: aws.Int32(0), MaxSize: aws.Int32(2), VPCZoneIdentifier: &p.subnets[0],
		LaunchTemplate: &scaling.LaunchTemplateSpecification{LaunchTemplateId: template, Version: aws.String("1")},
	}))(t)
	i := iam.NewFromConfig(p.aws)
	p.boundary = *must(i.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: aws.String("team-boundary"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:*","ecr:*","autoscaling:*"],"Resource":"*"}]}`)}))(t).Policy.Arn
	must(i.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("eks"), AssumeRolePolicyDocument: aws.String(trustEKS)}))(t)
	must(eks.NewFromConfig(p.aws).CreateCluster(t.Context(), &eks.CreateClusterInput{
		Name: aws.String("prod-1"), RoleArn: aws.String("arn:aws:iam::123456789012:role/eks"),
		ResourcesVpcConfig: &ekstypes.VpcConfigRequest{SubnetIds: p.subnets},
		AccessConfig:       &ekstypes.CreateAccessConfigRequest{AuthenticationMode: ekstypes.AuthenticationModeApi},
	}))(t)
	must(i.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("rancher"), Path: aws.String("/tools/"), AssumeRolePolicyDocument: aws.String(trustEKS)}))(t)
	return p
}

const trustEKS = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"eks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

func (p *premises) launch(t *testing.T, n int32) []string {
	t.Helper()
	out := must(ec2.NewFromConfig(p.aws).RunInstances(t.Context(), &ec2.RunInstancesInput{
		MinCount: &n, MaxCount: &n, ImageId: aws.String("ami-0abc"), SubnetId: &p.subnets[0], SecurityGroupIds: []string{p.group},
	}))(t)
	var ids []string
	for _, in := range out.Instances {
		ids = append(ids, *in.InstanceId)
	}
	return ids
}

// file asks for everything that can be asked for.
func (p *premises) file() *config.File {
	group := func(name string, roles ...config.Role) config.NodeGroup {
		return config.NodeGroup{
			Name: name, Roles: roles, Role: name, InstanceProfile: name, Path: "/nodes/",
			IAM: config.Manage, Tagging: config.Manage, Association: config.Manage, Tags: map[string]string{"team": "infra"},
		}
	}
	server, agent := group("prod-1-server", config.ControlPlane, config.Etcd), group("prod-1-agent", config.Worker)
	server.Features = []config.Feature{config.ELB}
	server.Instances.IDs = p.instances
	server.Boundary, server.PolicyKind = p.boundary, "managed"
	agent.Instances.AutoScalingGroup = "prod-agents"
	agent.ManagedPolicies = []string{"AmazonEKS_CNI_Policy"}
	return &config.File{
		Version: 1, Cluster: "prod-1", Account: "123456789012", Region: "eu-central-1",
		Nodes: []config.NodeGroup{server, agent},
		Network: config.Network{
			SecurityGroup: &config.SecurityGroup{ID: p.group, Tag: config.Owned, Lifecycle: config.Manage},
			Subnets:       []config.Subnets{{IDs: p.subnets, Tag: config.Shared, ELB: "internal", Lifecycle: config.Manage}},
		},
		Pull: config.Pull{PullThroughCache: []string{"docker-hub/*"}, Lifecycle: config.Manage},
		EKS: &config.EKS{Name: "prod-1", AccessEntries: config.Manage, Access: []config.Access{
			{Principal: "arn:aws:iam::123456789012:role/tools/rancher", Policy: "AmazonEKSClusterAdminPolicy"},
		}},
	}
}

// smallFile has one group, without an EKS cluster.
func (p *premises) smallFile() *config.File {
	f := p.file()
	f.EKS, f.Pull.PullThroughCache, f.Network.Subnets = nil, nil, nil
	agent := &f.Nodes[1]
	agent.Path, agent.ManagedPolicies, agent.Instances = "/", nil, config.Instances{IDs: p.instances[:1]}
	f.Nodes = f.Nodes[1:]
	return f
}

func open(t *testing.T, f *config.File) *account.Account {
	t.Helper()
	return must(account.Open(t.Context(), f))(t)
}

func (p *premises) plan(t *testing.T, f *config.File) *account.Outcome {
	t.Helper()
	return must(open(t, f).Plan(t.Context(), account.Options{}))(t)
}
