package account

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

// services is an AWS that a test fills as somebody else would, and the account that
// plans against it.
type services struct {
	*Account
	fake    *fakeaws.Server
	clock   time.Time
	journal string

	iam         *iam.Client
	ec2         *ec2.Client
	autoscaling *autoscaling.Client
	eks         *eks.Client
	ecr         *ecr.Client
}

// newServices serves an empty account for a file whose one group is workers.
func newServices(t *testing.T) *services {
	t.Helper()
	s := &services{fake: fakeaws.New(), clock: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), journal: filepath.Join(t.TempDir(), "journal")}
	s.fake.Now = func() time.Time { return s.clock }
	server := httptest.NewServer(s.fake)
	t.Cleanup(server.Close)
	t.Cleanup(s.fake.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "AKIAOPERATOR", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_CA_BUNDLE": "",
	} {
		t.Setenv(name, value)
	}
	a, err := Open(t.Context(), &config.File{
		Version: 1, Cluster: "prod-1", Account: "123456789012", Region: "eu-central-1",
		Nodes: []config.NodeGroup{{
			Name: "prod-1-agent", Roles: []config.Role{config.Worker}, Role: "prod-1-agent", InstanceProfile: "prod-1-agent", Path: "/", PolicyKind: "auto",
			IAM: config.Manage, Tagging: config.Manage, Association: config.Manage,
		}},
		Pull: config.Pull{Lifecycle: config.Manage},
	})
	if err != nil {
		t.Fatal(err)
	}
	a.patience.wait = func(context.Context, time.Duration) error { return nil }
	s.Account = a
	s.iam, s.ec2, s.autoscaling = a.iam.(*iam.Client), a.ec2.(*ec2.Client), a.autoscaling.(*autoscaling.Client)
	s.eks, s.ecr = a.eks.(*eks.Client), a.ecr.(*ecr.Client)
	return s
}

// must returns what there is, and fails the test on an error.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// role makes a role that EC2 may assume, and lets a minute pass.
func (s *services) role(t *testing.T, path, name string) string {
	t.Helper()
	out := must(s.iam.CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: &name, Path: &path,
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
	}))(t)
	s.clock = s.clock.Add(time.Minute)
	return aws.ToString(out.Role.Arn)
}

// subnets makes a VPC with a subnet in each of two zones.
func (s *services) subnets(t *testing.T) []string {
	t.Helper()
	vpc := must(s.ec2.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}))(t)
	var ids []string
	for block, zone := range map[string]string{"10.0.0.0/24": "eu-central-1a", "10.0.1.0/24": "eu-central-1b"} {
		out := must(s.ec2.CreateSubnet(t.Context(), &ec2.CreateSubnetInput{VpcId: vpc.Vpc.VpcId, CidrBlock: &block, AvailabilityZone: &zone}))(t)
		ids = append(ids, aws.ToString(out.Subnet.SubnetId))
	}
	return ids
}

// cluster makes an EKS cluster in the mode, and names it in the file.
func (s *services) cluster(t *testing.T, mode ekstypes.AuthenticationMode) {
	t.Helper()
	role := s.role(t, "/", "eks-cluster")
	must(s.eks.CreateCluster(t.Context(), &eks.CreateClusterInput{
		Name: aws.String("prod-1"), RoleArn: &role, ResourcesVpcConfig: &ekstypes.VpcConfigRequest{SubnetIds: s.subnets(t)},
		AccessConfig: &ekstypes.CreateAccessConfigRequest{AuthenticationMode: mode},
	}))(t)
	s.file.EKS = &config.EKS{Name: "prod-1", AccessEntries: config.Manage}
}

// entry makes an access entry, and lets a minute pass.
func (s *services) entry(t *testing.T, in eks.CreateAccessEntryInput) {
	t.Helper()
	in.ClusterName = aws.String("prod-1")
	must(s.eks.CreateAccessEntry(t.Context(), &in))(t)
	s.clock = s.clock.Add(time.Minute)
}

// template makes a launch template, and returns its id.
func (s *services) template(t *testing.T, data *types.RequestLaunchTemplateData) string {
	t.Helper()
	data.ImageId, data.InstanceType = aws.String("ami-0123456789abcdef0"), types.InstanceTypeM5Large
	out := must(s.ec2.CreateLaunchTemplate(t.Context(), &ec2.CreateLaunchTemplateInput{LaunchTemplateName: aws.String("agents"), LaunchTemplateData: data}))(t)
	return aws.ToString(out.LaunchTemplate.LaunchTemplateId)
}

// scalingGroup makes an Auto Scaling group without members, and names it in the file.
func (s *services) scalingGroup(t *testing.T, in autoscaling.CreateAutoScalingGroupInput) {
	t.Helper()
	in.AutoScalingGroupName, in.MinSize, in.MaxSize = aws.String("agents"), aws.Int32(0), aws.Int32(3)
	in.VPCZoneIdentifier = aws.String(strings.Join(s.subnets(t), ","))
	must(s.autoscaling.CreateAutoScalingGroup(t.Context(), &in))(t)
	s.file.Nodes[0].Instances.AutoScalingGroup = "agents"
}

// plan plans, and returns of it the changes of the kinds, and the findings whose codes
// begin so.
func (s *services) plan(t *testing.T, kinds []string, codes ...string) *Outcome {
	t.Helper()
	out := must(s.Plan(t.Context(), Options{SkipPreflight: true}))(t)
	var changes []plan.Change
	for _, c := range out.Changes {
		if slices.Contains(kinds, c.Kind) {
			changes = append(changes, c)
		}
	}
	var findings []plan.Finding
	for _, f := range out.Findings {
		if slices.ContainsFunc(codes, func(code string) bool { return strings.HasPrefix(f.Code, code) }) {
			findings = append(findings, f)
		}
	}
	out.Changes, out.Findings = changes, findings
	return out
}

// apply plans and applies everything, and fails if that is blocked or leaves something
// to do.
func (s *services) apply(t *testing.T) {
	t.Helper()
	j := must(plan.OpenJournal(s.journal, Key(s.file)))(t)
	defer j.Close()
	out := must(s.Plan(t.Context(), Options{SkipPreflight: true}))(t)
	if blocked := out.Blocked(); len(blocked) > 0 {
		t.Fatalf("blocked: %+v", blocked)
	}
	if err := plan.Apply(t.Context(), s, out.Changes, j, plan.Options{Workers: 4}); err != nil {
		t.Fatal(err)
	}
	s.clock = s.clock.Add(time.Minute)
	if again := must(s.Plan(t.Context(), Options{SkipPreflight: true}))(t); len(again.Changes) > 0 {
		t.Fatalf("after apply there is still to do: %+v", again.Changes)
	}
}

// destroy takes back what the journal has, and returns what was left.
func (s *services) destroy(t *testing.T) []plan.Rest {
	t.Helper()
	j := must(plan.OpenJournal(s.journal, Key(s.file)))(t)
	defer j.Close()
	var objects []plan.Object
	for _, c := range j.Net() {
		objects = append(objects, c.Object)
	}
	present := must(s.Read(t.Context(), objects))(t)
	changes, rest := plan.Undo(j, present, Kinds())
	if err := plan.Apply(t.Context(), s, changes, j, plan.Options{Workers: 4}); err != nil {
		t.Fatal(err)
	}
	return rest
}

// dump is what the account has of a service.
func (s *services) dump(t *testing.T, service string) string {
	t.Helper()
	return string(must(json.MarshalIndent(s.fake.Dump()[service], "", "  "))(t))
}

// runs are those of the journal, and a new one.
func (s *services) runs(t *testing.T) plan.Runs {
	t.Helper()
	j := must(plan.OpenJournal(s.journal, Key(s.file)))(t)
	defer j.Close()
	return j.Runs()
}
