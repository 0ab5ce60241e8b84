package account

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/clusterid"
)

// autoScalingGroup is an Auto Scaling group as it is.
type autoScalingGroup struct {
	name      string
	subnets   []string
	tags      map[string]groupTagState // by key
	instances []string                 // ids of its members
	mixed     bool                     // it has a mixed instances policy
	launches  []*launch                // what new members are made of; several may be with mixed instances
}

// launch is a version of a launch template, or a launch configuration.
type launch struct {
	configuration string // its name; "" if it is a template
	id            string // of the template
	version       string // as the group asks for it: a number, $Latest or $Default
	missing       bool   // it is not there, and all below is empty

	number   int64             // of the version
	profile  string            // name or ARN of the instance profile, "" if it has none
	metadata metadataOptions   // empty where the AMI or the account decides
	tags     map[string]string // that it puts on instances
}

// metadataOptions is what a launch template says about the instance metadata service,
// in the words of EC2's API.
type metadataOptions struct {
	HTTPEndpoint            string `json:"HttpEndpoint,omitempty"`
	HTTPProtocolIPv6        string `json:"HttpProtocolIpv6,omitempty"`
	HTTPPutResponseHopLimit int32  `json:"HttpPutResponseHopLimit,omitempty"`
	HTTPTokens              string `json:"HttpTokens,omitempty"`
	InstanceMetadataTags    string `json:"InstanceMetadataTags,omitempty"`
}

// forTags is the group as the controllers see it. Where its members are made of several
// templates, a tag counts if all have it.
func (g *autoScalingGroup) forTags(controlPlane bool) clusterid.AutoScalingGroup {
	out := clusterid.AutoScalingGroup{Name: g.name, ControlPlane: controlPlane, Subnets: g.subnets}
	for _, key := range sorted(g.tags) {
		out.Tags = append(out.Tags, clusterid.GroupTag{Key: key, Value: g.tags[key].Value, Propagate: g.tags[key].Propagate})
	}
	for i, l := range g.launches {
		out.MetadataTags = out.MetadataTags || l.metadata.InstanceMetadataTags == "enabled"
		if i == 0 {
			out.TemplateTags = l.tags
			continue
		}
		common := map[string]string{}
		for key, value := range l.tags {
			if other, ok := out.TemplateTags[key]; ok && other == value {
				common[key] = value
			}
		}
		out.TemplateTags = common
	}
	return out
}

// mostGroups is how many groups a call describes.
const mostGroups = 100

// readAutoScaling reads the groups that the file names, and what they launch, by name;
// nil where there is none.
func (a *Account) readAutoScaling(ctx context.Context, groups []wantedGroup) (map[string]*autoScalingGroup, error) {
	all := map[string]*autoScalingGroup{}
	for _, g := range groups {
		if name := g.Instances.AutoScalingGroup; name != "" {
			all[name] = nil
		}
	}
	found, err := a.describeGroups(ctx, sorted(all))
	if err != nil {
		return nil, err
	}
	r := launchReading{Account: a, known: map[string]*launch{}}
	for _, in := range found {
		g := &autoScalingGroup{name: aws.ToString(in.AutoScalingGroupName), tags: map[string]groupTagState{}, mixed: in.MixedInstancesPolicy != nil}
		g.subnets = strings.FieldsFunc(aws.ToString(in.VPCZoneIdentifier), func(r rune) bool { return r == ',' || r == ' ' })
		for _, t := range in.Tags {
			g.tags[aws.ToString(t.Key)] = groupTagState{Value: aws.ToString(t.Value), Propagate: aws.ToBool(t.PropagateAtLaunch)}
		}
		for _, member := range in.Instances {
			g.instances = append(g.instances, aws.ToString(member.InstanceId))
		}
		if g.launches, err = r.launchesOf(ctx, in); err != nil {
			return nil, err
		}
		all[g.name] = g
	}
	return all, nil
}

func (a *Account) describeGroups(ctx context.Context, names []string) ([]scaling.AutoScalingGroup, error) {
	var all []scaling.AutoScalingGroup
	for some := range slices.Chunk(names, mostGroups) {
		pages := autoscaling.NewDescribeAutoScalingGroupsPaginator(a.autoscaling, &autoscaling.DescribeAutoScalingGroupsInput{
			AutoScalingGroupNames: some, MaxRecords: aws.Int32(mostGroups),
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, does(err, "reading %d Auto Scaling groups", len(some))
			}
			all = append(all, page.AutoScalingGroups...)
		}
	}
	return all, nil
}

// launchReading is one reading of templates: those that several groups use are asked
// for once.
type launchReading struct {
	*Account
	known map[string]*launch // by the configuration's name, or the template's id and version
}

// launchesOf is what a group makes its members of, in the order of the API.
func (r *launchReading) launchesOf(ctx context.Context, g scaling.AutoScalingGroup) ([]*launch, error) {
	if configuration := aws.ToString(g.LaunchConfigurationName); configuration != "" {
		l, err := r.configuration(ctx, configuration)
		return []*launch{l}, err
	}
	var specs []*scaling.LaunchTemplateSpecification
	if g.LaunchTemplate != nil {
		specs = append(specs, g.LaunchTemplate)
	}
	if m := g.MixedInstancesPolicy; m != nil && m.LaunchTemplate != nil {
		specs = append(specs, m.LaunchTemplate.LaunchTemplateSpecification)
		for _, o := range m.LaunchTemplate.Overrides {
			specs = append(specs, o.LaunchTemplateSpecification)
		}
	}
	var all []*launch
	for _, spec := range specs {
		if spec == nil {
			continue
		}
		l, err := r.template(ctx, spec)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(all, l) {
			all = append(all, l)
		}
	}
	return all, nil
}

func (r *launchReading) template(ctx context.Context, spec *scaling.LaunchTemplateSpecification) (*launch, error) {
	l := &launch{id: aws.ToString(spec.LaunchTemplateId), version: aws.ToString(spec.Version)}
	if l.version == "" {
		l.version = "$Default" // docs of LaunchTemplateSpecification
	}
	key := l.id + " " + l.version
	if known, ok := r.known[key]; ok {
		return known, nil
	}
	out, err := r.ec2.DescribeLaunchTemplateVersions(ctx, &ec2.DescribeLaunchTemplateVersionsInput{
		LaunchTemplateId: &l.id, Versions: []string{l.version},
	})
	switch c := code(err); {
	case c == "InvalidLaunchTemplateId.NotFound" || c == "InvalidLaunchTemplateId.VersionNotFound":
		l.missing = true
	case err != nil:
		return nil, does(err, "reading launch template %s, version %s", l.id, l.version)
	case len(out.LaunchTemplateVersions) == 0:
		l.missing = true
	default:
		l.fill(out.LaunchTemplateVersions[0])
	}
	r.known[key] = l
	return l, nil
}

func (l *launch) fill(v types.LaunchTemplateVersion) {
	l.number = aws.ToInt64(v.VersionNumber)
	data := v.LaunchTemplateData
	if data == nil {
		return
	}
	if p := data.IamInstanceProfile; p != nil {
		if l.profile = aws.ToString(p.Arn); l.profile == "" {
			l.profile = aws.ToString(p.Name)
		}
	}
	if m := data.MetadataOptions; m != nil {
		l.metadata = metadataOptions{
			HTTPEndpoint: string(m.HttpEndpoint), HTTPProtocolIPv6: string(m.HttpProtocolIpv6),
			HTTPPutResponseHopLimit: aws.ToInt32(m.HttpPutResponseHopLimit),
			HTTPTokens:              string(m.HttpTokens), InstanceMetadataTags: string(m.InstanceMetadataTags),
		}
	}
	for _, t := range data.TagSpecifications {
		if t.ResourceType == types.ResourceTypeInstance {
			l.tags = ec2Tags(t.Tags)
		}
	}
}

func (r *launchReading) configuration(ctx context.Context, name string) (*launch, error) {
	if known, ok := r.known[name]; ok {
		return known, nil
	}
	out, err := r.autoscaling.DescribeLaunchConfigurations(ctx, &autoscaling.DescribeLaunchConfigurationsInput{LaunchConfigurationNames: []string{name}})
	if err != nil {
		return nil, does(err, "reading launch configuration %s", name)
	}
	l := &launch{configuration: name}
	r.known[name] = l
	if len(out.LaunchConfigurations) == 0 {
		l.missing = true
		return l, nil
	}
	c := out.LaunchConfigurations[0]
	l.profile = aws.ToString(c.IamInstanceProfile)
	if m := c.MetadataOptions; m != nil {
		l.metadata = metadataOptions{
			HTTPEndpoint: string(m.HttpEndpoint), HTTPTokens: string(m.HttpTokens),
			HTTPPutResponseHopLimit: aws.ToInt32(m.HttpPutResponseHopLimit),
		}
	}
	return l, nil
}
