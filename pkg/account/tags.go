package account

import (
	"fmt"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/clusterid"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// planTags compares the tags of instances and of the network.
func (a *Account) planTags(d *draft, w *world) {
	key := clusterid.Key(a.file.Cluster)
	for _, g := range w.groups {
		for _, id := range w.net.members[g.Name] {
			a.planOwnership(d, &w.net, g.Tagging, id, key, config.Owned, "the cloud controller finds nodes by it")
		}
	}
	if g := a.file.Network.SecurityGroup; g != nil {
		a.planOwnership(d, &w.net, g.Lifecycle, g.ID, key, g.Tag, "load balancers open their ports in it")
	}
	for _, t := range a.file.Network.RouteTables {
		a.planOwnership(d, &w.net, t.Lifecycle, t.ID, key, t.Tag, "the cloud controller keeps pod routes in it")
	}
	for _, s := range a.file.Network.Subnets {
		for _, id := range s.IDs {
			if s.Tag != config.None {
				a.planOwnership(d, &w.net, s.Lifecycle, id, key, s.Tag, "load balancers of the cluster may be in it")
			}
			a.planELBRole(d, &w.net, s, id)
		}
	}
}

// planOwnership compares the ClusterID tag of a resource. One that is there and says
// owned or shared stays as it is: whoever made it so knows who else lives there.
func (a *Account) planOwnership(d *draft, n *network, l config.Lifecycle, id, key string, want config.Ownership, why string) {
	if l == config.Ignore {
		return
	}
	object := plan.Object{Kind: kindTag, Name: key, Of: id}
	tags := n.tagsOf(id)
	if tags == nil {
		d.find("resource-missing", plan.Blocks, object, "correct the id in the file", "there is no %s in account %s, region %s, in the cluster's VPC", id, a.file.Account, a.file.Region)
		return
	}
	present, ok := tags[key]
	if ok && (present == clusterid.Owned || present == clusterid.Shared) {
		if present != string(want) {
			d.find("tag-value", plan.Note, object, fmt.Sprintf("if it shall be so: aws ec2 create-tags --resources %s --tags Key=%s,Value=%s", id, key, want),
				"it says %s, the file says %s; it is left", present, want)
		}
		return
	}
	c := plan.Change{Object: object, Why: why, After: tagText(string(want))}
	if ok {
		c.Before = tagText(present)
	}
	d.differ(l, c)
}

// planELBRole compares the tag that marks a subnet for load balancers. The load
// balancer controller takes 1 and nothing as its value, the cloud controller any.
func (a *Account) planELBRole(d *draft, n *network, s config.Subnets, id string) {
	key := map[string]string{"public": clusterid.PublicRole, "internal": clusterid.InternalRole}[s.ELB]
	tags := n.tagsOf(id)
	if key == "" || tags == nil || s.Lifecycle == config.Ignore {
		return
	}
	present, ok := tags[key]
	if ok && (present == "1" || present == "") {
		return
	}
	c := plan.Change{Object: plan.Object{Kind: kindTag, Name: key, Of: id}, Why: s.ELB + " load balancers look for it", After: "1"}
	if ok {
		c.Before = tagText(present)
	}
	d.differ(s.Lifecycle, c)
}

// planAssociations compares the instance profiles of the groups' instances.
func (a *Account) planAssociations(d *draft, w *world, o Options) {
	for _, g := range w.groups {
		for _, id := range w.net.missing[g.Name] {
			d.find("instance-missing", plan.Blocks, plan.Object{Kind: kindAssociation, Name: id}, "correct instances.ids of group "+g.Name,
				"there is no such instance in account %s, region %s, that is not terminated", a.file.Account, a.file.Region)
		}
		if g.Association == config.Ignore {
			continue
		}
		profileARN := g.profileARN
		if p := w.iam.profiles[g.InstanceProfile]; p != nil {
			profileARN = p.arn
		}
		for _, id := range w.net.members[g.Name] {
			object := plan.Object{Kind: kindAssociation, Name: id}
			present := w.net.profiles[id]
			if present != "" && present != profileARN && !o.ReplaceProfiles && g.Association == config.Manage {
				d.find("instance-other-profile", plan.Blocks, object, "look whether something on it needs that profile; then apply with --replace-profile, or leave it with association: ignore",
					"it has the instance profile %s, and an instance has one", name(present))
				continue
			}
			d.differ(g.Association, plan.Change{Object: object, Why: groupWord(g), Before: present, After: profileARN})
		}
	}
}

// name is the last part of an ARN's resource.
func name(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// tagChanges are the tag changes of a plan, as the controllers' world takes them.
func tagChanges(changes []plan.Change) []clusterid.Change {
	var all []clusterid.Change
	for _, c := range changes {
		out := clusterid.Change{Resource: c.Of, Key: c.Name, Delete: c.After == ""}
		switch c.Kind {
		case kindTag:
			out.Value = tagValue(c.After)
		case kindGroupTag:
			s, err := decode[groupTagState](c.After)
			if err == nil {
				out.Value, out.Propagate = s.Value, s.Propagate
			}
		default:
			continue
		}
		all = append(all, out)
	}
	return all
}

// clear takes out of the world what the file describes, but not what it names.
func (a *Account) clear(w *world) {
	w.iam = iamWorld{}
	w.net.profiles = nil
	ours := map[string]bool{clusterid.Key(a.file.Cluster): true, clusterid.PublicRole: true, clusterid.InternalRole: true}
	for i := range w.net.tags.Instances {
		w.net.tags.Instances[i].Tags = without(w.net.tags.Instances[i].Tags, ours)
	}
	for i := range w.net.tags.SecurityGroups {
		w.net.tags.SecurityGroups[i].Tags = without(w.net.tags.SecurityGroups[i].Tags, ours)
	}
	for i := range w.net.tags.Subnets {
		w.net.tags.Subnets[i].Tags = without(w.net.tags.Subnets[i].Tags, ours)
	}
	for i := range w.net.tags.RouteTables {
		w.net.tags.RouteTables[i].Tags = without(w.net.tags.RouteTables[i].Tags, ours)
	}
	for _, g := range w.scale {
		if g != nil {
			delete(g.tags, clusterid.Key(a.file.Cluster))
		}
	}
	if w.eks != nil {
		w.eks.entries = nil
	}
	w.ecr.registry = policy.Document{}
	for name := range w.ecr.repositories {
		w.ecr.repositories[name] = policy.Document{}
	}
}

func without(tags map[string]string, keys map[string]bool) map[string]string {
	rest := map[string]string{}
	for key, value := range tags {
		if !keys[key] {
			rest[key] = value
		}
	}
	return rest
}
