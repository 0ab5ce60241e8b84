package clusterid

import (
	"fmt"
	"slices"
	"strings"
)

// checkScaling reads what an Auto Scaling group will put on its next instance.
func (r *report) checkScaling() {
	for _, g := range r.AutoScalingGroups {
		tags := g.launched()
		if keys := notInMetadata(tags); g.MetadataTags && len(keys) > 0 {
			r.add("metadata-tags-launch", g.Name,
				fmt.Sprintf("its launch template, or the account's default, enables tags in the instance metadata, and %s cannot be there; the group launches nothing: %s. Launching EC2 instance failed.",
					quoted(keys), refusal(keys[0])),
				"a new version of the launch template with MetadataOptions.InstanceMetadataTags=disabled")
		}
		r.checkCluster(holder{id: g.Name, scaling: true, tags: tags, controlPlane: g.ControlPlane},
			func() { r.notLaunched(g) })
	}
}

// notLaunched says why the group's instances lack the cluster's tag.
func (r *report) notLaunched(g AutoScalingGroup) {
	then := "its next instances are no nodes to the cloud controller"
	if g.ControlPlane && r.starts() {
		then = "the cloud controller does not start on its next instances: AWS cloud failed to find ClusterID"
	}
	key := Key(r.Cluster)
	if slices.ContainsFunc(g.Tags, func(t GroupTag) bool { return t.Key == key }) {
		r.add("scaling-not-propagated", g.Name,
			fmt.Sprintf("has the tag %s without PropagateAtLaunch; %s", key, then), r.scalingCommand(g.Name))
		return
	}
	r.add("scaling-untagged", g.Name,
		fmt.Sprintf("neither it nor its launch template has the tag %s for instances; %s", key, then), r.scalingCommand(g.Name))
}

func (r *report) scalingCommand(group string) string {
	return fmt.Sprintf("aws autoscaling create-or-update-tags --region %s --tags 'ResourceId=%s,ResourceType=auto-scaling-group,Key=%s,Value=%s,PropagateAtLaunch=true'",
		r.Region, group, Key(r.Cluster), Owned)
}

// mostTags is how many tags of its owner a resource can have; those of AWS do not count
// (docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html, Tag restrictions).
const mostTags = 50

func (r *report) checkTagLimits() {
	for _, in := range r.Instances {
		if !in.gone() {
			r.checkTagLimit(in.ID, in.Tags)
		}
	}
	for _, g := range r.SecurityGroups {
		r.checkTagLimit(g.ID, g.Tags)
	}
	for _, s := range r.Subnets {
		r.checkTagLimit(s.ID, s.Tags)
	}
	for _, t := range r.RouteTables {
		r.checkTagLimit(t.ID, t.Tags)
	}
	for _, g := range r.AutoScalingGroups {
		own := map[string]string{}
		for _, t := range g.Tags {
			own[t.Key] = t.Value
		}
		if !r.checkTagLimit(g.Name, own) {
			r.checkTagLimit(g.Name, g.launched())
		}
	}
}

// checkTagLimit reports whether the limit is passed.
func (r *report) checkTagLimit(object string, tags map[string]string) bool {
	n := 0
	for key := range tags {
		if !strings.HasPrefix(key, "aws:") {
			n++
		}
	}
	if n <= mostTags {
		return false
	}
	r.add("tag-limit", object,
		fmt.Sprintf("would have %d tags, and AWS takes %d: TagLimitExceeded", n, mostTags),
		"delete tags that nobody reads, before the cluster's are set")
	return true
}

// checkSharing looks at resources that two clusters count on. Instances are looked at
// where their clusters are.
func (r *report) checkSharing() {
	for _, g := range r.SecurityGroups {
		r.checkShared(g.ID, g.Tags, Owned)
	}
	for _, s := range r.Subnets {
		r.checkShared(s.ID, s.Tags, Shared)
	}
	for _, t := range r.RouteTables {
		r.checkShared(t.ID, t.Tags, Shared)
	}
}

// checkShared looks at one; usual is the value that its kind has.
func (r *report) checkShared(object string, tags map[string]string, usual string) {
	if !r.keyed(tags) {
		if tags[LegacyKey] == r.Cluster {
			r.add("legacy-tag-only", object,
				fmt.Sprintf("is the cluster's by %s alone, which the load balancer controller does not read", LegacyKey),
				r.tagCommand(object, usual))
		}
		return
	}
	var owners, users []string
	for _, id := range clusters(tags) {
		if tags[Key(id)] == Owned {
			owners = append(owners, id)
		} else {
			users = append(users, id)
		}
	}
	switch {
	case len(owners) > 1:
		r.add("owned-twice", object,
			fmt.Sprintf("is owned by the clusters %s: whichever is deleted first takes it from the other", strings.Join(owners, ", ")),
			"if it shall outlive both, make it shared on either side: "+r.tagCommand(object, Shared))
	case len(owners) == 1 && len(users) > 0:
		r.add("owned-and-shared", object,
			fmt.Sprintf("is owned by cluster %s and used by %s: it goes when %s is deleted", owners[0], strings.Join(users, ", "), owners[0]),
			"if it shall outlive "+owners[0]+": "+r.tagWith(object, Key(owners[0]), Shared))
	}
}
