package integration

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/google/go-cmp/cmp"
)

// TestAutoScalingGroup tags a group for the instances to come, and says how its
// launch template differs, with the command that makes another version. The group and
// its template are left as they are.
func TestAutoScalingGroup(t *testing.T) {
	s := start(t)
	e := s.seed(t)
	template, err := s.ec2.CreateLaunchTemplate(t.Context(), &ec2.CreateLaunchTemplateInput{
		LaunchTemplateName: aws.String("agents"), LaunchTemplateData: &types.RequestLaunchTemplateData{ImageId: aws.String("ami-12c6146b"), InstanceType: types.InstanceTypeT3Medium},
	})
	must(t, err)
	_, err = s.autoscaling.CreateAutoScalingGroup(t.Context(), &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: aws.String("agents"), MinSize: aws.Int32(0), MaxSize: aws.Int32(3), VPCZoneIdentifier: &e.private[0],
		LaunchTemplate: &scaling.LaunchTemplateSpecification{LaunchTemplateId: template.LaunchTemplate.LaunchTemplateId, Version: aws.String("$Latest")},
	})
	must(t, err)
	d := s.desk(t, strings.Replace(e.file(), `instances: {tag: {Name: "prod-agent-*"}}`, "instances: {autoScalingGroup: agents}", 1))
	before := s.groupTags(t)
	planned := d.plan(t)
	if codes := strings.Join(planned.codes("warning"), " "); !strings.Contains(codes, "launch-profile") {
		t.Errorf("the plan does not say that the template lacks the profile: %s", codes)
	}
	d.runs(t, 0, "apply", "--yes")
	if diff := cmp.Diff([]string{"agents " + key + "=owned true"}, s.groupTags(t)); diff != "" {
		t.Error(diff)
	}
	versions, err := s.ec2.DescribeLaunchTemplateVersions(t.Context(), &ec2.DescribeLaunchTemplateVersionsInput{LaunchTemplateId: template.LaunchTemplate.LaunchTemplateId})
	must(t, err)
	if len(versions.LaunchTemplateVersions) != 1 {
		t.Errorf("the template has %d versions", len(versions.LaunchTemplateVersions))
	}
	if left := d.plan(t).changes(); left != nil {
		t.Errorf("there is more to do: %q", left)
	}
	d.runs(t, 0, "destroy", "--yes")
	if diff := cmp.Diff(before, s.groupTags(t)); diff != "" {
		t.Error(diff)
	}
}

// groupTags are the tags of Auto Scaling groups.
func (s *server) groupTags(t *testing.T) []string {
	t.Helper()
	out, err := s.autoscaling.DescribeTags(t.Context(), &autoscaling.DescribeTagsInput{})
	must(t, err)
	var all []string
	for _, tag := range out.Tags {
		all = append(all, fmt.Sprintf("%s %s=%s %t", *tag.ResourceId, *tag.Key, aws.ToString(tag.Value), aws.ToBool(tag.PropagateAtLaunch)))
	}
	return all
}

// TestRepositoryPolicies merges statements into the policies of repositories: those
// of others stay where they are, before and after.
func TestRepositoryPolicies(t *testing.T) {
	s := start(t)
	e := s.seed(t)
	const theirs = `{"Version":"2012-10-17","Statement":[{"Sid":"Theirs","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::333333333333:root"},"Action":"ecr:BatchGetImage"}]}`
	for _, name := range []string{"team/a", "team/b", "other"} {
		_, err := s.ecr.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &name})
		must(t, err)
	}
	_, err := s.ecr.SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("team/a"), PolicyText: aws.String(theirs)})
	must(t, err)
	d := s.desk(t, e.file()+`  allow:
    - {account: "210987654321", repositories: ["team/*"]}
  crossAccount:
    - {account: "444444444444", repositories: ["base/*"]}
`)
	before := s.repositoryPolicies(t)
	planned := d.plan(t)
	if len(planned.ByHand) == 0 || planned.ByHand[0].Where == "" {
		t.Errorf("the plan leaves nothing to the other account: %+v", planned.ByHand)
	}
	d.runs(t, 0, "apply", "--yes")
	after := s.repositoryPolicies(t)
	for name, want := range map[string][]string{"team/a": {"Theirs", "KubeletEcr"}, "team/b": {"KubeletEcr"}} {
		for _, sid := range want {
			if !strings.Contains(after[name], sid) {
				t.Errorf("the policy of %s lacks %s: %s", name, sid, after[name])
			}
		}
	}
	if after["other"] != "" {
		t.Errorf("the policy of a repository that is not named is %s", after["other"])
	}
	if left := d.plan(t).changes(); left != nil {
		t.Errorf("there is more to do: %q", left)
	}
	d.runs(t, 0, "destroy", "--yes")
	if diff := cmp.Diff(before, s.repositoryPolicies(t)); diff != "" {
		t.Error(diff)
	}
}

// repositoryPolicies are the policies of all repositories, "" for none.
func (s *server) repositoryPolicies(t *testing.T) map[string]string {
	t.Helper()
	out, err := s.ecr.DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{})
	must(t, err)
	all := map[string]string{}
	for _, r := range out.Repositories {
		name := *r.RepositoryName
		all[name] = ""
		policy, err := s.ecr.GetRepositoryPolicy(t.Context(), &ecr.GetRepositoryPolicyInput{RepositoryName: &name})
		if err != nil {
			continue // it has none
		}
		var any any
		must(t, json.Unmarshal([]byte(*policy.PolicyText), &any))
		b, err := json.Marshal(any)
		must(t, err)
		all[name] = string(b)
	}
	return all
}

// cluster makes an EKS cluster in the estate, and returns a file for it.
func (s *server) cluster(t *testing.T, e estate, mode ekstypes.AuthenticationMode) string {
	t.Helper()
	s.role(t, "eks", ec2Trust)
	s.role(t, "rancher", ec2Trust)
	_, err := s.eks.CreateCluster(t.Context(), &eks.CreateClusterInput{
		Name: aws.String("prod-1"), RoleArn: aws.String("arn:aws:iam::123456789012:role/eks"),
		ResourcesVpcConfig: &ekstypes.VpcConfigRequest{SubnetIds: e.private},
		AccessConfig:       &ekstypes.CreateAccessConfigRequest{AuthenticationMode: mode},
	})
	must(t, err)
	file := strings.Replace(e.file(), "    roles: [control-plane, etcd]\n    features: [elb]\n", "    roles: [worker]\n", 1)
	return file + "eks:\n  name: prod-1\n  access:\n    - {principal: \"arn:aws:iam::123456789012:role/rancher\", policy: AmazonEKSClusterAdminPolicy}\n"
}

// TestEKS gives node roles and a principal access, and takes it back.
func TestEKS(t *testing.T) {
	s := start(t)
	e := s.seed(t)
	d := s.desk(t, s.cluster(t, e, ekstypes.AuthenticationModeApiAndConfigMap))
	before := s.entries(t)
	d.runs(t, 0, "apply", "--yes")
	want := map[string]string{
		"arn:aws:iam::123456789012:role/prod-1-agent":  "EC2_LINUX []",
		"arn:aws:iam::123456789012:role/prod-1-server": "EC2_LINUX []",
		"arn:aws:iam::123456789012:role/rancher":       "STANDARD [arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy]",
	}
	for principal, entry := range before {
		want[principal] = entry
	}
	if diff := cmp.Diff(want, s.entries(t)); diff != "" {
		t.Error(diff)
	}
	if left := d.plan(t).changes(); left != nil {
		t.Errorf("there is more to do: %q", left)
	}
	d.runs(t, 0, "destroy", "--yes")
	if diff := cmp.Diff(before, s.entries(t)); diff != "" {
		t.Error(diff)
	}
}

// entries are the access entries of the cluster: their types and access policies.
func (s *server) entries(t *testing.T) map[string]string {
	t.Helper()
	listed, err := s.eks.ListAccessEntries(t.Context(), &eks.ListAccessEntriesInput{ClusterName: aws.String("prod-1")})
	must(t, err)
	all := map[string]string{}
	for _, principal := range listed.AccessEntries {
		entry, err := s.eks.DescribeAccessEntry(t.Context(), &eks.DescribeAccessEntryInput{ClusterName: aws.String("prod-1"), PrincipalArn: &principal})
		must(t, err)
		policies, err := s.eks.ListAssociatedAccessPolicies(t.Context(), &eks.ListAssociatedAccessPoliciesInput{ClusterName: aws.String("prod-1"), PrincipalArn: &principal})
		must(t, err)
		var arns []string
		for _, p := range policies.AssociatedAccessPolicies {
			arns = append(arns, *p.PolicyArn)
		}
		all[principal] = fmt.Sprintf("%s %v", *entry.AccessEntry.Type, arns)
	}
	return all
}

// TestEKSConfigMap leaves a cluster without access entries as it is, and says what to
// put into its ConfigMap.
func TestEKSConfigMap(t *testing.T) {
	s := start(t)
	e := s.seed(t)
	d := s.desk(t, s.cluster(t, e, ekstypes.AuthenticationModeConfigMap))
	d.runs(t, 0, "apply", "--yes")
	r := d.runs(t, 3, "plan")
	for _, want := range []string{"nothing to change", "rolearn: arn:aws:iam::123456789012:role/prod-1-agent", "system:node:{{EC2PrivateDNSName}}"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("the plan does not say %q:\n%s", want, r.stdout)
		}
	}
	out, err := s.eks.DescribeCluster(t.Context(), &eks.DescribeClusterInput{Name: aws.String("prod-1")})
	must(t, err)
	if mode := out.Cluster.AccessConfig.AuthenticationMode; mode != ekstypes.AuthenticationModeConfigMap {
		t.Errorf("the mode is %s now", mode)
	}
}
