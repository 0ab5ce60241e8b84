package account

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/clusterid"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

const clusterKey = "kubernetes.io/cluster/prod-1"

// fromTemplate is a group of the template in a version.
func fromTemplate(id, version string) autoscaling.CreateAutoScalingGroupInput {
	return autoscaling.CreateAutoScalingGroupInput{LaunchTemplate: &scaling.LaunchTemplateSpecification{LaunchTemplateId: &id, Version: &version}}
}

func withTag(in autoscaling.CreateAutoScalingGroupInput, key, value string, propagate bool) autoscaling.CreateAutoScalingGroupInput {
	in.Tags = append(in.Tags, scaling.Tag{ResourceId: aws.String("agents"), ResourceType: aws.String("auto-scaling-group"), Key: &key, Value: &value, PropagateAtLaunch: &propagate})
	return in
}

// TestGroupTagsComeAndGo tags a group that has the tag without passing it on.
func TestGroupTagsComeAndGo(t *testing.T) {
	s := newServices(t)
	s.scalingGroup(t, withTag(withTag(fromTemplate(s.template(t, &types.RequestLaunchTemplateData{}), "$Latest"), "team", "a", true), clusterKey, "shared", false))
	before := s.dump(t, "autoscaling")
	s.apply(t)
	object := plan.Object{Kind: kindGroupTag, Name: clusterKey, Of: "agents"}
	present := must(s.Read(t.Context(), []plan.Object{object}))(t)
	want := map[plan.Object]plan.Present{object: {State: `{"value":"shared","propagate":true}`}}
	if diff := cmp.Diff(want, present); diff != "" {
		t.Error("the tag (-want +got):\n" + diff)
	}
	if rest := s.destroy(t); len(rest) > 0 {
		t.Errorf("left: %+v", rest)
	}
	if diff := cmp.Diff(before, s.dump(t, "autoscaling")); diff != "" {
		t.Error("Auto Scaling before and after (-before +after):\n" + diff)
	}
}

// TestGroupsCompared is what is planned and found of groups of every kind.
func TestGroupsCompared(t *testing.T) {
	type found struct{ code, level, detail, fix string }
	tag := plan.Change{
		Object: plan.Object{Kind: kindGroupTag, Name: clusterKey, Of: "agents"}, Why: "new nodes of group prod-1-agent (worker) carry it",
		After: `{"value":"owned","propagate":true}`,
	}
	update := func(before string, c plan.Change) []plan.Change {
		c.Before = before
		return []plan.Change{c}
	}
	right := &types.LaunchTemplateIamInstanceProfileSpecificationRequest{Name: aws.String("prod-1-agent")}
	const (
		create = "aws ec2 create-launch-template-version --region eu-central-1 --launch-template-id lt-1 --source-version 1 --launch-template-data "
		number = " --query LaunchTemplateVersion.VersionNumber --output text) && "
		same   = "; instances that run stay as they are"
	)
	for name, test := range map[string]struct {
		make     func(*testing.T, *services)
		changes  []plan.Change
		findings []found
	}{
		"missing": {
			make: func(_ *testing.T, s *services) { s.file.Nodes[0].Instances.AutoScalingGroup = "agents" },
			findings: []found{{"scaling-missing", "error", "there is no such group in account 123456789012, region eu-central-1",
				"correct instances.autoScalingGroup of group prod-1-agent"}},
		},
		"missing, and ignored": {make: func(_ *testing.T, s *services) {
			g := &s.file.Nodes[0]
			g.Instances.AutoScalingGroup, g.Tagging, g.Association = "agents", config.Ignore, config.Ignore
		}},
		"as it should be": {make: func(t *testing.T, s *services) {
			s.scalingGroup(t, withTag(fromTemplate(s.template(t, &types.RequestLaunchTemplateData{IamInstanceProfile: right}), "1"), clusterKey, "owned", true))
		}},
		"profile by its ARN": {make: func(t *testing.T, s *services) {
			s.scalingGroup(t, withTag(fromTemplate(s.template(t, &types.RequestLaunchTemplateData{IamInstanceProfile: &types.LaunchTemplateIamInstanceProfileSpecificationRequest{
				Arn: aws.String("arn:aws:iam::123456789012:instance-profile/prod-1-agent"),
			}}), "1"), clusterKey, "owned", true))
		}},
		"tag of another value": {
			make: func(t *testing.T, s *services) {
				s.scalingGroup(t, withTag(fromTemplate(s.template(t, &types.RequestLaunchTemplateData{IamInstanceProfile: right}), "1"), clusterKey, "", true))
			},
			changes: update(`{"value":"","propagate":true}`, tag),
		},
		"tagging verified": {
			make: func(t *testing.T, s *services) {
				s.scalingGroup(t, fromTemplate(s.template(t, &types.RequestLaunchTemplateData{IamInstanceProfile: right}), "1"))
				s.file.Nodes[0].Tagging = config.Verify
			},
			findings: []found{{"lifecycle-verify", "error", "it is missing (new nodes of group prod-1-agent (worker) carry it)", "make it so, or set its lifecycle to manage"}},
		},
		"no profile, latest version": {
			make: func(t *testing.T, s *services) {
				s.scalingGroup(t, fromTemplate(s.template(t, &types.RequestLaunchTemplateData{}), "$Latest"))
			},
			changes: []plan.Change{tag},
			findings: []found{{"launch-profile", "warning", "launch template lt-1, version $Latest, has no instance profile, and new nodes need prod-1-agent" + same,
				create + `'{"IamInstanceProfile":{"Name":"prod-1-agent"}}'`}},
		},
		"another profile, a fixed version, verified": {
			make: func(t *testing.T, s *services) {
				s.scalingGroup(t, fromTemplate(s.template(t, &types.RequestLaunchTemplateData{IamInstanceProfile: &types.LaunchTemplateIamInstanceProfileSpecificationRequest{Name: aws.String("old")}}), "1"))
				s.file.Nodes[0].Association = config.Verify
			},
			changes: []plan.Change{tag},
			findings: []found{{"launch-profile", "error", "launch template lt-1, version 1, has the instance profile old, and new nodes need prod-1-agent" + same,
				`version=$(` + create + `'{"IamInstanceProfile":{"Name":"prod-1-agent"}}'` + number +
					`aws autoscaling update-auto-scaling-group --region eu-central-1 --auto-scaling-group-name 'agents' --launch-template "LaunchTemplateId=lt-1,Version=$version"`}},
		},
		"another profile, ignored": {
			make: func(t *testing.T, s *services) {
				s.scalingGroup(t, fromTemplate(s.template(t, &types.RequestLaunchTemplateData{}), "1"))
				s.file.Nodes[0].Association = config.Ignore
			},
			changes: []plan.Change{tag},
		},
		"metadata that refuses the tag, default version": {
			make: func(t *testing.T, s *services) {
				s.scalingGroup(t, fromTemplate(s.template(t, &types.RequestLaunchTemplateData{IamInstanceProfile: right, MetadataOptions: &types.LaunchTemplateInstanceMetadataOptionsRequest{
					InstanceMetadataTags: types.LaunchTemplateInstanceMetadataTagsStateEnabled, HttpTokens: types.LaunchTemplateHttpTokensStateRequired, HttpPutResponseHopLimit: aws.Int32(1),
				}}), "$Default"))
			},
			changes: []plan.Change{tag},
			findings: []found{{"launch-metadata-tags", "error",
				"launch template lt-1, version $Default, offers the instances' tags in their metadata, where keys have no slash: with the tag " + clusterKey + " it launches nothing" + same,
				`version=$(` + create + `'{"MetadataOptions":{"HttpPutResponseHopLimit":1,"HttpTokens":"required","InstanceMetadataTags":"disabled"}}'` + number +
					`aws ec2 modify-launch-template --region eu-central-1 --launch-template-id lt-1 --default-version "$version"`}},
		},
		"metadata that refuses the tag that is there": {
			make: func(t *testing.T, s *services) {
				s.scalingGroup(t, withTag(fromTemplate(s.template(t, &types.RequestLaunchTemplateData{IamInstanceProfile: right, MetadataOptions: &types.LaunchTemplateInstanceMetadataOptionsRequest{
					InstanceMetadataTags: types.LaunchTemplateInstanceMetadataTagsStateEnabled,
				}}), "$Latest"), clusterKey, "owned", true))
			},
			findings: []found{{"launch-metadata-tags", "warning",
				"launch template lt-1, version $Latest, offers the instances' tags in their metadata, where keys have no slash: with the tag " + clusterKey + " it launches nothing" + same,
				create + `'{"MetadataOptions":{"InstanceMetadataTags":"disabled"}}'`}},
		},
		"metadata off, open and for pods": {
			make: func(t *testing.T, s *services) {
				s.scalingGroup(t, withTag(fromTemplate(s.template(t, &types.RequestLaunchTemplateData{MetadataOptions: &types.LaunchTemplateInstanceMetadataOptionsRequest{
					HttpEndpoint: types.LaunchTemplateInstanceMetadataEndpointStateDisabled, HttpTokens: types.LaunchTemplateHttpTokensStateOptional, HttpPutResponseHopLimit: aws.Int32(3),
				}}), "$Latest"), clusterKey, "owned", true))
			},
			findings: []found{
				{"launch-profile", "warning", "launch template lt-1, version $Latest, has no instance profile, and new nodes need prod-1-agent" + same,
					create + `'{"IamInstanceProfile":{"Name":"prod-1-agent"},"MetadataOptions":{"HttpEndpoint":"enabled","HttpPutResponseHopLimit":3,"HttpTokens":"optional"}}'`},
				{"launch-metadata-off", "warning", "launch template lt-1, version $Latest, turns the instance metadata service off, and new nodes have no credentials without it" + same,
					create + `'{"IamInstanceProfile":{"Name":"prod-1-agent"},"MetadataOptions":{"HttpEndpoint":"enabled","HttpPutResponseHopLimit":3,"HttpTokens":"optional"}}'`},
				{"launch-metadata-open", "note", "launch template lt-1, version $Latest, lets anybody on a new node ask for the node's credentials without a token (HttpTokens optional)" + same,
					create + `'{"IamInstanceProfile":{"Name":"prod-1-agent"},"MetadataOptions":{"HttpEndpoint":"enabled","HttpPutResponseHopLimit":3,"HttpTokens":"required"}}'`},
			},
		},
		"metadata for pods, mixed instances": {
			make: func(t *testing.T, s *services) {
				id := s.template(t, &types.RequestLaunchTemplateData{IamInstanceProfile: right, MetadataOptions: &types.LaunchTemplateInstanceMetadataOptionsRequest{
					HttpTokens: types.LaunchTemplateHttpTokensStateRequired, HttpPutResponseHopLimit: aws.Int32(2),
				}})
				s.scalingGroup(t, withTag(autoscaling.CreateAutoScalingGroupInput{MixedInstancesPolicy: &scaling.MixedInstancesPolicy{LaunchTemplate: &scaling.LaunchTemplate{
					LaunchTemplateSpecification: &scaling.LaunchTemplateSpecification{LaunchTemplateId: &id, Version: aws.String("1")},
					Overrides:                   []scaling.LaunchTemplateOverrides{{InstanceType: aws.String("m5.large")}, {InstanceType: aws.String("m6i.large")}},
				}}}, clusterKey, "owned", true))
			},
			findings: []found{{"launch-metadata-open", "note",
				"launch template lt-1, version 1, lets pods of new nodes ask for the node's credentials (HttpPutResponseHopLimit 2); if none has to, 1 is enough" + same,
				create + `'{"MetadataOptions":{"HttpPutResponseHopLimit":1,"HttpTokens":"required"}}', and give the group's mixed instances policy the new version`}},
		},
		"launch configuration": {
			make: func(t *testing.T, s *services) {
				must(s.autoscaling.CreateLaunchConfiguration(t.Context(), &autoscaling.CreateLaunchConfigurationInput{
					LaunchConfigurationName: aws.String("old"), ImageId: aws.String("ami-0123456789abcdef0"), InstanceType: aws.String("m5.large"),
				}))(t)
				s.scalingGroup(t, withTag(autoscaling.CreateAutoScalingGroupInput{LaunchConfigurationName: aws.String("old")}, clusterKey, "owned", true))
			},
			findings: []found{{"launch-profile", "warning", "launch configuration old has no instance profile, and new nodes need prod-1-agent" + same,
				`a launch configuration cannot be changed: give the group a launch template with {"IamInstanceProfile":{"Name":"prod-1-agent"}}`}},
		},
		"template that is gone": {
			make: func(t *testing.T, s *services) {
				s.scalingGroup(t, withTag(fromTemplate(s.template(t, &types.RequestLaunchTemplateData{}), "1"), clusterKey, "owned", true))
				s.fake.Inject(fakeaws.Fault{Service: "ec2", Operation: "DescribeLaunchTemplateVersions", Error: &fakeaws.Error{
					Status: 400, Code: "InvalidLaunchTemplateId.NotFound", Message: "The specified launch template, with template ID lt-1, does not exist.",
				}})
			},
			findings: []found{{"launch-missing", "warning", "launch template lt-1, version 1, is not there, so the group launches nothing", ""}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServices(t)
			test.make(t, s)
			template := "lt-1"
			all := must(s.ec2.DescribeLaunchTemplates(t.Context(), &ec2.DescribeLaunchTemplatesInput{}))(t)
			for _, l := range all.LaunchTemplates {
				template = aws.ToString(l.LaunchTemplateId)
			}
			out := s.plan(t, []string{kindGroupTag}, "scaling-missing", "launch", "lifecycle")
			var findings []found
			for _, f := range out.Findings {
				if f.Code == "lifecycle-verify" && !strings.HasPrefix(f.Object, kindGroupTag) {
					continue
				}
				findings = append(findings, found{f.Code, string(f.Level), strings.ReplaceAll(f.Detail, template, "lt-1"), strings.ReplaceAll(f.Fix, template, "lt-1")})
			}
			if diff := cmp.Diff(test.changes, out.Changes); diff != "" {
				t.Error("changes (-want +got):\n" + diff)
			}
			if diff := cmp.Diff(test.findings, findings, cmp.AllowUnexported(found{})); diff != "" {
				t.Error("findings (-want +got):\n" + diff)
			}
		})
	}
}

// TestGroupsAreReadInBulk has 150 groups of nodes in as many Auto Scaling groups of one
// template.
func TestGroupsAreReadInBulk(t *testing.T) {
	s := newServices(t)
	id := s.template(t, &types.RequestLaunchTemplateData{})
	g := s.file.Nodes[0]
	s.file.Nodes = nil
	const many = 150
	for i := range many {
		name := "agents-" + string(rune('a'+i%26)) + string(rune('a'+i/26))
		in := fromTemplate(id, "$Latest")
		in.AutoScalingGroupName, in.MinSize, in.MaxSize, in.AvailabilityZones = &name, aws.Int32(0), aws.Int32(1), []string{"eu-central-1a"}
		in.VPCZoneIdentifier = nil
		must(s.autoscaling.CreateAutoScalingGroup(t.Context(), &in))(t)
		g.Name, g.Instances.AutoScalingGroup = name, name
		s.file.Nodes = append(s.file.Nodes, g)
	}
	s.fake.ForgetCalls()
	groups := must(s.readAutoScaling(t.Context(), must(s.wanted())(t)))(t)
	if len(groups) != many {
		t.Errorf("%d groups, want %d", len(groups), many)
	}
	calls := map[string]int{}
	for _, c := range s.fake.Calls() {
		calls[c.Operation]++
	}
	if diff := cmp.Diff(map[string]int{"DescribeAutoScalingGroups": 2, "DescribeLaunchTemplateVersions": 1}, calls); diff != "" {
		t.Error("calls (-want +got):\n" + diff)
	}
}

// TestGroupTagOfOthersStays writes over a tag that has changed since the plan.
func TestGroupTagOfOthersStays(t *testing.T) {
	s := newServices(t)
	s.scalingGroup(t, withTag(fromTemplate(s.template(t, &types.RequestLaunchTemplateData{}), "1"), clusterKey, "shared", true))
	object := plan.Object{Kind: kindGroupTag, Name: clusterKey, Of: "agents"}
	err := s.Write(t.Context(), s.runs(t), []plan.Change{{Object: object, After: `{"value":"owned","propagate":true}`}})
	if got, want := text(err), object.String()+" has changed in the meantime: it is left"; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
}

// TestGroupAsTheControllersSeeIt has members of two templates, which agree on one tag.
func TestGroupAsTheControllersSeeIt(t *testing.T) {
	g := &autoScalingGroup{
		name: "agents", subnets: []string{"subnet-1"}, tags: map[string]groupTagState{"b": {"1", false}, "a": {"2", true}},
		launches: []*launch{
			{tags: map[string]string{"common": "x", "other": "x", "first": "x"}},
			{tags: map[string]string{"common": "x", "other": "y"}, metadata: metadataOptions{InstanceMetadataTags: "enabled"}},
		},
	}
	want := clusterid.AutoScalingGroup{
		Name: "agents", ControlPlane: true, Subnets: []string{"subnet-1"}, Tags: []clusterid.GroupTag{{Key: "a", Value: "2", Propagate: true}, {Key: "b", Value: "1"}},
		TemplateTags: map[string]string{"common": "x"}, MetadataTags: true,
	}
	if diff := cmp.Diff(want, g.forTags(true)); diff != "" {
		t.Error("(-want +got):\n" + diff)
	}
}
