package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/google/go-cmp/cmp"
)

// TestTerraform has Terraform make what is printed for it. Then a plan shows what the
// text says is left, and no more; apply makes that, of which Terraform sees nothing;
// and each takes its own part back.
func TestTerraform(t *testing.T) {
	d := deskForTools(t, "terraform")
	d.env = append(d.env, "CHECKPOINT_DISABLE=1") // it need not ask whether it is the newest
	before := d.wideSnapshot(t)
	planned := d.plan(t)
	text := d.runs(t, 0, "print", "terraform").stdout
	d.keep(t, "main.tf", text)

	terraform := func(verb string, options ...string) {
		t.Helper()
		d.uses(t, "terraform", append([]string{verb, "-input=false", "-no-color"}, options...)...)
	}
	if dir := pluginDirectory(); dir != "" {
		terraform("init", "-plugin-dir="+dir)
	} else {
		terraform("init")
	}
	terraform("apply", "-auto-approve")
	left := planned.only(t, leftIn(t, text))
	if diff := cmp.Diff(left.Changes, d.plan(t).Changes); diff != "" {
		t.Error("what the text says is left, and what is:", diff)
	}
	if diff := cmp.Diff([]string{"instance profile of", "repository policy statement"}, left.kinds()); diff != "" {
		t.Error("it leaves something else:", diff)
	}
	terraform("plan", "-detailed-exitcode") // which is 2 if there is something to do

	d.runs(t, 0, "apply", "--yes")
	d.runs(t, 0, "plan")
	terraform("plan", "-detailed-exitcode")
	d.runs(t, 0, "destroy", "--yes")
	terraform("destroy", "-auto-approve")
	if diff := cmp.Diff(before, d.wideSnapshot(t)); diff != "" {
		t.Error("it does not lead back:", diff)
	}
}

// pluginDirectory is a directory with the provider, for machines that cannot download
// it: TF_PLUGIN_DIR, or what has been unpacked under /opt; "" if there is none.
func pluginDirectory() string {
	const provider = "/registry.terraform.io/hashicorp/aws"
	found, err := filepath.Glob("/opt/*" + provider)
	if dir := os.Getenv("TF_PLUGIN_DIR"); dir != "" || err != nil || len(found) == 0 {
		return dir
	}
	return strings.TrimSuffix(found[0], provider)
}

// motoForgets is what moto's CloudFormation does not make of a template, in the words
// of a printed list: it has no ManagedPolicyArns of AWS::IAM::Role.
var motoForgets = []string{
	"create attached policy arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore of prod-1-server",
}

// TestCloudFormation has a stack made of the template, by the command in its head.
// Then a plan shows what the template says is left. (The stack is not deleted again:
// moto deletes roles before their policies, which IAM refuses.)
func TestCloudFormation(t *testing.T) {
	d := deskForTools(t, "cfn-lint", "aws")
	planned := d.plan(t)
	text := d.runs(t, 0, "print", "cloudformation").stdout
	d.keep(t, "template.yaml", text)

	if said := d.uses(t, "cfn-lint", "template.yaml"); said != "" {
		t.Error("cfn-lint says:", said)
	}
	_, command, _ := strings.Cut(text, "#\n#   aws cloudformation deploy ")
	options, _, found := strings.Cut(command, " FILE\n")
	if !found {
		t.Fatalf("the template does not say how to deploy it:\n%s", text)
	}
	options = strings.ReplaceAll(options, "\\\n#", "") + " template.yaml"
	d.uses(t, "aws", append([]string{"cloudformation", "deploy"}, strings.Fields(options)...)...)

	left := planned.only(t, slices.Concat(leftIn(t, text), motoForgets))
	if diff := cmp.Diff(left.Changes, d.plan(t).Changes); diff != "" {
		t.Error("what the template says is left, and what is:", diff)
	}
	want := []string{"attached policy", "auto scaling tag", "instance profile of", "repository policy statement", "tag"}
	if diff := cmp.Diff(want, left.kinds()); diff != "" {
		t.Error("it leaves something else:", diff)
	}
}

// TestCLIScript has bash run the script, after which nothing is left. What it has
// created carries our tag, so that destroy takes it back without a journal; tags of EC2
// and policies of ECR stay.
func TestCLIScript(t *testing.T) {
	d := deskForTools(t, "bash", "aws")
	before := d.wideSnapshot(t)
	text := d.runs(t, 0, "print", "awscli").stdout
	if left := leftIn(t, text); left != nil {
		t.Errorf("it leaves %q", left)
	}
	d.keep(t, "script", text)
	d.uses(t, "bash", "script")
	if r := d.runs(t, 0, "plan"); !strings.Contains(r.stdout, "nothing to change\n") {
		t.Errorf("there is more to do:\n%s", r.stdout)
	}

	want := maps.Clone(before)
	for key, value := range d.wideSnapshot(t) {
		if strings.HasPrefix(key, "tag ") || strings.HasPrefix(key, "repository ") {
			want[key] = value
		}
	}
	d.disassociateAll(t) // an instance profile that is in use would stay
	d.runs(t, 0, "destroy", "--yes")
	if diff := cmp.Diff(want, d.wideSnapshot(t)); diff != "" {
		t.Error("what must stay, and what does:", diff)
	}
}

// deskForTools is a desk with a file that needs objects of most kinds, for tools that
// speak to a server that we did not write. moto has no access entries of EKS, and no
// rules of pull-through caches, which registry policies go with.
func deskForTools(t *testing.T, tools ...string) *desk {
	t.Helper()
	if endpoint == "" {
		t.Skip("it needs moto")
	}
	whence := map[string]string{
		"aws":       "pip install awscli (1.29, 2.13 or newer, for AWS_ENDPOINT_URL)",
		"bash":      "apt-get install bash",
		"cfn-lint":  "pip install cfn-lint",
		"terraform": "https://developer.hashicorp.com/terraform/install",
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is not on the PATH: %s", tool, whence[tool])
		}
	}
	s := start(t)
	return s.desk(t, s.seedForTools(t))
}

// uses runs a tool at the desk, which must succeed, and returns what it said.
func (d *desk) uses(t *testing.T, tool string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Dir, cmd.Env = d.dir, d.environ()
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", tool, strings.Join(args, " "), err, said.String())
	}
	return said.String()
}

// keep writes a file at the desk.
func (d *desk) keep(t *testing.T, name, text string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o644))
}

// leftIn are the lines of the list that a printed text ends with, nil if nothing is
// left.
func leftIn(t *testing.T, text string) (lines []string) {
	t.Helper()
	if strings.HasSuffix(text, "\n# Nothing is left.\n") {
		return nil
	}
	_, list, found := strings.Cut(text, "\n# What is left, ")
	if !found {
		t.Fatalf("the text does not say what is left:\n%s", text)
	}
	list, _, _ = strings.Cut(list, "\n# What CloudFormation has no property for:\n")
	for line := range strings.Lines(list) {
		if words, ok := strings.CutPrefix(line, "#   "); ok {
			lines = append(lines, strings.TrimSpace(words))
		}
	}
	return lines
}

// only are the changes that the lines of a printed list name, each of which must name
// one.
func (o outcome) only(t *testing.T, lines []string) (listed outcome) {
	t.Helper()
	for _, c := range o.Changes {
		words := strings.Join([]string{"create", c.Kind, c.Name}, " ")
		if c.Before != "" {
			t.Fatalf("%s is there before any tool has run", words)
		}
		if c.Of != "" {
			words += " of " + c.Of
		}
		names := func(line string) bool { return line == words || line == words+": "+c.After }
		if i := slices.IndexFunc(lines, names); i >= 0 {
			listed.Changes = append(listed.Changes, c)
			lines = slices.Delete(slices.Clone(lines), i, i+1)
		}
	}
	if len(lines) > 0 {
		t.Errorf("no change is named by %q", lines)
	}
	return listed
}

// kinds are the kinds of the changes, each once, sorted.
func (o outcome) kinds() []string {
	all := map[string]bool{}
	for _, c := range o.Changes {
		all[c.Kind] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// seedForTools builds the estate, and besides it an Auto Scaling group, a permissions
// boundary, a repository without a policy and one with somebody else's. It returns a
// bootstrap.yaml for all that.
func (s *server) seedForTools(t *testing.T) (file string) {
	t.Helper()
	e := s.seed(t)
	s.scalingGroup(t, e, "prod-agents", "prod-1-agent")
	for _, name := range []string{"team/api", "team/web"} {
		_, err := s.ecr.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &name})
		must(t, err)
	}
	_, err := s.ecr.SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("team/web"), PolicyText: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Sid":"Theirs","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::333333333333:root"},"Action":"ecr:BatchGetImage"}]}`,
	)})
	must(t, err)
	return fmt.Sprintf(`version: 1
cluster: prod-1
account: "%s"
region: %s
nodes:
  - name: prod-1-server
    roles: [control-plane, etcd]
    features: [elb]
    path: /k8s/
    boundary: %s
    managedPolicies: [AmazonSSMManagedInstanceCore]
    tags: {team: platform}
    instances: {ids: [%s]}
  - name: prod-1-agent
    roles: [worker]
    policyKind: managed
    tags: {team: platform}
    instances: {autoScalingGroup: prod-agents, tag: {Name: "prod-agent-*"}}
network:
  securityGroup: {id: %s, tag: owned}
  subnets:
    - {ids: [%s], tag: shared, elb: public}
    - {ids: [%s], tag: shared, elb: internal}
pull:
  repositories: ["team/*"]
  allow:
    - {account: "210987654321", repositories: ["team/*"]}
`, accountID, region, s.managedPolicy(t, "team-boundary"), strings.Join(e.servers, ", "), e.group,
		strings.Join(e.public, ", "), strings.Join(e.private, ", "))
}

// scalingGroup makes one that has no instances yet, whose launch template names an
// instance profile.
func (s *server) scalingGroup(t *testing.T, e estate, name, profile string) {
	t.Helper()
	_, err := s.ec2.CreateLaunchTemplate(t.Context(), &ec2.CreateLaunchTemplateInput{
		LaunchTemplateName: &name, LaunchTemplateData: &types.RequestLaunchTemplateData{
			ImageId: aws.String("ami-12c6146b"), InstanceType: types.InstanceTypeT3Medium,
			IamInstanceProfile: &types.LaunchTemplateIamInstanceProfileSpecificationRequest{Name: &profile},
		},
	})
	must(t, err)
	_, err = s.autoscaling.CreateAutoScalingGroup(t.Context(), &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: &name, MinSize: aws.Int32(0), MaxSize: aws.Int32(3), DesiredCapacity: aws.Int32(0), VPCZoneIdentifier: &e.private[0],
		LaunchTemplate: &scaling.LaunchTemplateSpecification{LaunchTemplateName: &name, Version: aws.String("$Latest")},
	})
	must(t, err)
}

// wideSnapshot is a snapshot with the tags of Auto Scaling groups and the policies of
// repositories.
func (s *server) wideSnapshot(t *testing.T) map[string]string {
	t.Helper()
	all := s.snapshot(t)
	groups, err := s.autoscaling.DescribeTags(t.Context(), &autoscaling.DescribeTagsInput{})
	must(t, err)
	for _, tag := range groups.Tags {
		all["tag "+*tag.ResourceId+" "+*tag.Key] = fmt.Sprintf("=%s propagate=%t", *tag.Value, *tag.PropagateAtLaunch)
	}
	repositories, err := s.ecr.DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{})
	must(t, err)
	for _, r := range repositories.Repositories {
		got, err := s.ecr.GetRepositoryPolicy(t.Context(), &ecr.GetRepositoryPolicyInput{RepositoryName: r.RepositoryName})
		if _, none := errors.AsType[*ecrtypes.RepositoryPolicyNotFoundException](err); none {
			continue
		}
		must(t, err)
		all["repository "+*r.RepositoryName] = document(t, got.PolicyText)
	}
	return all
}

// disassociateAll takes the instance profiles from all instances.
func (s *server) disassociateAll(t *testing.T) {
	t.Helper()
	found, err := s.ec2.DescribeIamInstanceProfileAssociations(t.Context(), &ec2.DescribeIamInstanceProfileAssociationsInput{})
	must(t, err)
	for _, a := range found.IamInstanceProfileAssociations {
		_, err := s.ec2.DisassociateIamInstanceProfile(t.Context(), &ec2.DisassociateIamInstanceProfileInput{AssociationId: a.AssociationId})
		must(t, err)
	}
}
