package account

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/clusterid"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// has says whether the plan changes the object.
func (d *draft) has(o plan.Object) bool {
	return slices.ContainsFunc(d.changes, func(c plan.Change) bool { return c.Object == o })
}

// planGroupTags compares what Auto Scaling groups give to new instances: the tag, which
// is written, and what they launch, which is only looked at. A new version of a launch
// template is somebody's decision, and so is the replacement of nodes.
func (a *Account) planGroupTags(d *draft, w *world) {
	for _, g := range w.groups {
		name := g.Instances.AutoScalingGroup
		if name == "" || g.Tagging == config.Ignore && g.Association == config.Ignore {
			continue
		}
		s := w.scale[name]
		if s == nil {
			d.find("scaling-missing", plan.Blocks, plan.Object{Kind: "Auto Scaling group", Name: name}, "correct instances.autoScalingGroup of group "+g.Name,
				"there is no such group in account %s, region %s", a.file.Account, a.file.Region)
			continue
		}
		a.planGroupTag(d, g, s)
		a.checkLaunches(d, g, s)
	}
}

// planGroupTag compares the ClusterID tag. One that says shared keeps its value, as
// every tag of EC2 does.
func (a *Account) planGroupTag(d *draft, g wantedGroup, s *autoScalingGroup) {
	c := plan.Change{
		Object: plan.Object{Kind: kindGroupTag, Name: clusterid.Key(a.file.Cluster), Of: s.name},
		Why:    "new nodes of " + groupWord(g) + " carry it",
	}
	after := groupTagState{Value: clusterid.Owned, Propagate: true}
	if present, ok := s.tags[c.Name]; ok {
		c.Before = encode(present)
		if present.Value == clusterid.Shared {
			after.Value = clusterid.Shared
		}
	}
	c.After = encode(after)
	if g.Tagging != config.Ignore && !d.has(c.Object) {
		d.differ(g.Tagging, c)
	}
}

// launchData is what a new version of a launch template shall say, in the words of
// EC2's API. What it does not say is as in the version that it is made from.
type launchData struct {
	IamInstanceProfile *launchProfile   `json:",omitempty"`
	MetadataOptions    *metadataOptions `json:",omitempty"`
}

type launchProfile struct{ Name string }

// differences are what is wrong with a launch, and the data of a version that is right.
type differences struct {
	found []plan.Finding // code, level and detail
	data  launchData
}

func (x *differences) add(code string, level plan.Level, detail string, args ...any) {
	x.found = append(x.found, plan.Finding{Code: code, Level: level, Detail: fmt.Sprintf(detail, args...)})
}

// metadata is the options of the new version: those of the old one, for they are
// replaced as a whole.
func (x *differences) metadata(l *launch) *metadataOptions {
	if x.data.MetadataOptions == nil {
		m := l.metadata
		x.data.MetadataOptions = &m
	}
	return x.data.MetadataOptions
}

// checkLaunches compares what the group launches with what its nodes need.
func (a *Account) checkLaunches(d *draft, g wantedGroup, s *autoScalingGroup) {
	object := plan.Object{Kind: "Auto Scaling group", Name: s.name}
	for _, l := range s.launches {
		if l.missing {
			d.find("launch-missing", plan.Warning, object, "", "%s is not there, so the group launches nothing", l)
			continue
		}
		needed := a.needs(d, g, s, l)
		wise := differences{data: needed.data}
		if needed.data.MetadataOptions != nil {
			m := *needed.data.MetadataOptions
			wise.data.MetadataOptions = &m
		}
		a.wisdom(&wise, g, l)
		for _, x := range []differences{needed, wise} {
			for _, f := range x.found {
				d.find(f.Code, f.Level, object, a.newVersion(s, l, x.data), "%s", f.Detail+"; instances that run stay as they are")
			}
		}
	}
}

// needs are the differences that keep new nodes from working.
func (a *Account) needs(d *draft, g wantedGroup, s *autoScalingGroup, l *launch) (x differences) {
	if l.metadata.InstanceMetadataTags == "enabled" && g.Tagging != config.Ignore {
		level := plan.Warning
		if d.has(plan.Object{Kind: kindGroupTag, Name: clusterid.Key(a.file.Cluster), Of: s.name}) {
			level = plan.Blocks // it works until the tag is there
		}
		x.add("launch-metadata-tags", level, "%s offers the instances' tags in their metadata, where keys have no slash: with the tag %s it launches nothing", l, clusterid.Key(a.file.Cluster))
		x.metadata(l).InstanceMetadataTags = "disabled"
	}
	if g.Association == config.Ignore {
		return x
	}
	if l.profile != g.InstanceProfile && l.profile != g.profileARN {
		level := plan.Warning
		if g.Association == config.Verify {
			level = plan.Blocks
		}
		has := "no instance profile"
		if l.profile != "" {
			has = "the instance profile " + l.profile
		}
		x.add("launch-profile", level, "%s has %s, and new nodes need %s", l, has, g.InstanceProfile)
		x.data.IamInstanceProfile = &launchProfile{g.InstanceProfile}
	}
	if l.metadata.HTTPEndpoint == "disabled" {
		x.add("launch-metadata-off", plan.Warning, "%s turns the instance metadata service off, and new nodes have no credentials without it", l)
		x.metadata(l).HTTPEndpoint = "enabled"
	}
	return x
}

// wisdom is what would be safer. The kubelet's plugin runs on the host and speaks
// version 2 of the metadata service: one hop and tokens are all that it needs.
func (a *Account) wisdom(x *differences, g wantedGroup, l *launch) {
	if g.Association == config.Ignore {
		return
	}
	optional, hops := l.metadata.HTTPTokens == "optional", l.metadata.HTTPPutResponseHopLimit
	switch {
	case optional:
		x.add("launch-metadata-open", plan.Note, "%s lets anybody on a new node ask for the node's credentials without a token (HttpTokens optional)", l)
		x.metadata(l).HTTPTokens = "required"
	case hops > 1:
		x.add("launch-metadata-open", plan.Note, "%s lets pods of new nodes ask for the node's credentials (HttpPutResponseHopLimit %d); if none has to, 1 is enough", l, hops)
		x.metadata(l).HTTPPutResponseHopLimit = 1
	}
}

// String is the launch in words.
func (l *launch) String() string {
	if l.configuration != "" {
		return "launch configuration " + l.configuration
	}
	return "launch template " + l.id + ", version " + l.version + ","
}

// newVersion is the commands that make a version of the template with the data, and
// have the group use it.
func (a *Account) newVersion(s *autoScalingGroup, l *launch, data launchData) string {
	if l.configuration != "" {
		return "a launch configuration cannot be changed: give the group a launch template with " + encode(data)
	}
	const in = " --region "
	create := fmt.Sprintf("aws ec2 create-launch-template-version%s%s --launch-template-id %s --source-version %d --launch-template-data '%s'",
		in, a.file.Region, l.id, l.number, encode(data))
	if l.version == "$Latest" {
		return create
	}
	then := fmt.Sprintf("aws ec2 modify-launch-template%s%s --launch-template-id %s --default-version \"$version\"", in, a.file.Region, l.id)
	switch {
	case l.version == "$Default":
	case s.mixed:
		return create + ", and give the group's mixed instances policy the new version"
	default:
		then = fmt.Sprintf("aws autoscaling update-auto-scaling-group%s%s --auto-scaling-group-name '%s' --launch-template \"LaunchTemplateId=%s,Version=$version\"", in, a.file.Region, s.name, l.id)
	}
	return "version=$(" + create + " --query LaunchTemplateVersion.VersionNumber --output text) && " + then
}

// writeGroupTag sets a tag of a group, or removes it.
func (a *Account) writeGroupTag(ctx context.Context, c plan.Change) error {
	present, err := a.groupTag(ctx, c.Object)
	switch {
	case err != nil:
		return err
	case present == c.After:
		return nil
	case present != "" && present != c.Before:
		return fmt.Errorf("%s has changed in the meantime: it is left", c.Object)
	}
	t := scaling.Tag{Key: &c.Name, ResourceId: &c.Of, ResourceType: aws.String("auto-scaling-group")}
	if c.After == "" {
		_, err := a.autoscaling.DeleteTags(ctx, &autoscaling.DeleteTagsInput{Tags: []scaling.Tag{t}})
		return does(err, "removing tag %s of Auto Scaling group %s", c.Name, c.Of)
	}
	s, err := decode[groupTagState](c.After)
	if err != nil {
		return err
	}
	t.Value, t.PropagateAtLaunch = &s.Value, &s.Propagate
	_, err = a.autoscaling.CreateOrUpdateTags(ctx, &autoscaling.CreateOrUpdateTagsInput{Tags: []scaling.Tag{t}})
	err = does(err, "tagging Auto Scaling group %s with %s=%s", c.Of, c.Name, s.Value)
	if code(err) == "LimitExceeded" || strings.Contains(message(err), "number of tags") {
		return hint.Wrap(err, "a group has at most 50 tags: remove one that nobody needs")
	}
	return err
}

// groupTag is the state of a tag, "" if there is none.
func (a *Account) groupTag(ctx context.Context, o plan.Object) (string, error) {
	r := reading{Account: a, present: map[plan.Object]plan.Present{}}
	err := r.groupTags(ctx, []plan.Object{o})
	return r.present[o].State, err
}

// groupTags reads tags of Auto Scaling groups, those of a hundred groups in a call.
func (r *reading) groupTags(ctx context.Context, objects []plan.Object) error {
	names, asked := map[string]bool{}, map[plan.Object]bool{}
	for _, o := range objects {
		names[o.Of], asked[o] = true, true
	}
	groups, err := r.describeGroups(ctx, sorted(names))
	if err != nil {
		return err
	}
	for _, g := range groups {
		for _, t := range g.Tags {
			o := plan.Object{Kind: kindGroupTag, Name: aws.ToString(t.Key), Of: aws.ToString(g.AutoScalingGroupName)}
			if asked[o] {
				r.present[o] = plan.Present{State: encode(groupTagState{Value: aws.ToString(t.Value), Propagate: aws.ToBool(t.PropagateAtLaunch)})}
			}
		}
	}
	return nil
}
