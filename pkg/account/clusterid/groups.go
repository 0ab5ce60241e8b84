package clusterid

import (
	"fmt"
	"slices"
	"strings"
)

// A Controller is one of the two whose choices are known.
type Controller string

const (
	CloudController        Controller = "cloud controller"
	LoadBalancerController Controller = "load balancer controller"
)

// A GroupChoice is the security group in which a controller opens the way from a load
// balancer to an instance.
type GroupChoice struct {
	Controller Controller `json:"controller"`
	Group      string     `json:"group,omitempty"` // "" if it takes none
	Why        string     `json:"why,omitempty"`   // why this one, or why none
	Err        string     `json:"error,omitempty"` // what the controller says when it gives up
}

// ChooseGroup is the security group that a controller takes for an instance. Both look at the
// primary interface, the load balancer controller where its targets are node ports; for
// a pod it asks the same of the interface that has the pod's address.
func ChooseGroup(w World, c Controller, in Instance) GroupChoice {
	return newIndex(&w).group(c, in)
}

func (x *index) group(c Controller, in Instance) GroupChoice {
	switch {
	case c == CloudController:
		return x.cloudGroup(in.ID, in.primary().Groups)
	case len(in.Interfaces) == 0: // lbc node_eni_info_resolver.go
		return GroupChoice{Controller: c, Err: "[this should never happen] no primary ENI found"}
	}
	return x.interfaceGroup(in.primary())
}

// cloudGroup is ccm aws.go, findSecurityGroupForInstance.
func (x *index) cloudGroup(instance string, groups []string) GroupChoice {
	choice := GroupChoice{Controller: CloudController}
	var tagged, untagged []string
	for _, id := range groups {
		if g := x.groups[id]; g != nil && x.tagged(g.Tags) {
			tagged = append(tagged, id)
		} else {
			untagged = append(untagged, id)
		}
	}
	switch {
	case len(tagged) == 1:
		choice.Group, choice.Why = tagged[0], "the one tagged"
	case len(tagged) > 1:
		names := make([]string, len(tagged))
		for i, id := range tagged {
			names[i] = fmt.Sprintf("%s(%s)", id, x.groups[id].Name)
		}
		choice.Err = fmt.Sprintf("Multiple tagged security groups found for instance %s; ensure only the k8s security group is tagged; the tagged groups were %s",
			instance, strings.Join(names, " "))
	case len(untagged) == 1:
		choice.Group, choice.Why = untagged[0], "the only one, though untagged"
	case len(untagged) > 1:
		choice.Err = fmt.Sprintf("Multiple untagged security groups found for instance %s; ensure the k8s security group is tagged", instance)
	default:
		choice.Why = "it has none, and is left out"
	}
	return choice
}

// interfaceGroup is lbc networking_manager.go, resolveEndpointSGForENI.
func (x *index) interfaceGroup(eni Interface) GroupChoice {
	choice := GroupChoice{Controller: LoadBalancerController}
	if len(eni.Groups) == 1 {
		choice.Group, choice.Why = eni.Groups[0], "the only one"
		return choice
	}
	tagged := x.endpointGroups(eni.Groups)
	if len(tagged) == 1 {
		choice.Group, choice.Why = tagged[0], "the one tagged"
		return choice
	}
	also := ""
	if len(x.Options.TargetGroupTags) > 0 {
		also = fmt.Sprintf(" and %v", x.Options.TargetGroupTags)
	}
	choice.Err = fmt.Sprintf("expected exactly one securityGroup tagged with %s%s for eni %s, got: %v (clusterName: %s)",
		Key(x.Cluster), also, eni.ID, tagged, x.Cluster)
	return choice
}

// endpointGroups are those of groups that have the cluster's key, and the tags that the
// load balancer controller was told to ask for; sorted.
func (x *index) endpointGroups(groups []string) []string {
	var ids []string
	for _, id := range groups {
		g := x.groups[id]
		if g == nil || !x.keyed(g.Tags) {
			continue
		}
		matches := true
		for key, want := range x.Options.TargetGroupTags {
			if got, ok := g.Tags[key]; !ok || got != want {
				matches = false
			}
		}
		if matches {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// checkGroups says for each instance and interface where a controller finds no group.
func (r *report) checkGroups() {
	alone := map[string][]string{} // instances by the untagged group that is tolerated
	for _, in := range r.Instances {
		if in.gone() {
			continue
		}
		r.checkCloudGroup(in, alone)
		if !r.Options.LBC {
			continue
		}
		for _, eni := range in.Interfaces {
			choice := r.interfaceGroup(eni)
			if choice.Err == "" {
				continue
			}
			fix := r.oneTagged(r.endpointGroups(eni.Groups), eni.Groups)
			if len(r.Options.TargetGroupTags) > 0 {
				fix += "; it also needs the tags of --service-target-eni-security-group-tags"
			}
			r.add("interface-groups", eni.ID,
				fmt.Sprintf("the interface of %s has %s; the load balancer controller opens no way to what listens there: %s",
					in.ID, r.names(eni.Groups), choice.Err), fix)
		}
	}
	for _, g := range r.SecurityGroups {
		if instances := alone[g.ID]; len(instances) > 0 {
			r.add("group-untagged", g.ID,
				fmt.Sprintf("%s is the only security group of %s and has no tag of the cluster: the controllers take it, until the instance gets a second group",
					g.label(), some(slices.Sorted(slices.Values(instances)))),
				r.tagCommand(g.ID, Owned))
		}
		r.checkGroupValue(g)
	}
}

func (r *report) checkCloudGroup(in Instance, alone map[string][]string) {
	choice := r.group(CloudController, in)
	if choice.Err == "" {
		if g := r.groups[choice.Group]; g != nil && !r.tagged(g.Tags) {
			alone[g.ID] = append(alone[g.ID], in.ID)
		}
		return
	}
	groups := in.primary().Groups
	tagged := slices.DeleteFunc(slices.Clone(groups), func(id string) bool {
		return r.groups[id] == nil || !r.tagged(r.groups[id].Tags)
	})
	code, what := "group-none-tagged", "has "+r.names(groups)+", none tagged for the cluster"
	if len(tagged) > 1 {
		code, what = "group-several-tagged", "has "+r.names(tagged)+", all tagged for the cluster"
	}
	r.add(code, in.ID, what+"; the cloud controller gives up on every load balancer with this node: "+choice.Err,
		r.oneTagged(tagged, groups))
}

// oneTagged is how to come to one tagged group.
func (r *report) oneTagged(tagged, groups []string) string {
	switch {
	case len(groups) == 0:
		return "give the interface a security group"
	case len(tagged) == 0:
		return "tag the one that the nodes share: " + r.tagCommand("GROUP", Owned)
	}
	return "keep the tag of the one that the nodes share, and take it from the others: " + r.untagCommand("GROUP", Key(r.Cluster))
}

// checkGroupValue looks at the values of groups, which are read in two places only: the
// load balancer controller's clean-up (lbc networking_manager.go,
// fetchEndpointSGsFromAWS), and the groups that the cloud controller makes (ccm tags.go,
// readRepairClusterTags and hasClusterTagOwned).
func (r *report) checkGroupValue(g SecurityGroup) {
	value, ok := g.Tags[Key(r.Cluster)]
	if !ok {
		return
	}
	if g.VPCID == r.VPC.ID && r.Options.LBC && value != Owned && value != Shared {
		r.add("group-value", g.ID,
			fmt.Sprintf("%s has %s=%q; the load balancer controller looks for owned or shared when it cleans up after a restart, and leaves its old rules in this group",
				g.label(), Key(r.Cluster), value),
			r.tagCommand(g.ID, Owned))
	}
	if g.VPCID == r.VPC.ID && g.cloudMade() && value != Owned && value != "" {
		r.add("controller-group-value", g.ID,
			fmt.Sprintf("%s has the name of a group that the cloud controller makes; it wants its own value there, and of an NLB it never deletes the group: resource %q has tag belonging to another cluster: %q=%q (expected %q)",
				g.label(), g.ID, Key(r.Cluster), value, Owned),
			r.tagCommand(g.ID, Owned))
	}
}

// cloudMade tells the groups of the cloud controller by their names: k8s-elb-NAME, and
// k8s-NAMESPACE-SERVICE-HASH of NLBs, which the load balancer controller also uses but
// with a tag of its own (ccm aws.go, buildELBSecurityGroupList and
// GetSecurityGroupNameForNLB).
func (g SecurityGroup) cloudMade() bool {
	if strings.HasPrefix(g.Name, "k8s-elb-") {
		return true
	}
	parts := strings.Split(g.Name, "-")
	if _, ok := g.Tags["elbv2.k8s.aws/cluster"]; ok || len(parts) != 4 || parts[0] != "k8s" {
		return false
	}
	hash := parts[3]
	return len(hash) == 10 && strings.Trim(hash, "0123456789abcdef") == ""
}

// label is the group as people know it.
func (g SecurityGroup) label() string {
	if g.Name == "" {
		return g.ID
	}
	return g.ID + " (" + g.Name + ")"
}

// names is the list of groups as people know them.
func (x *index) names(groups []string) string {
	if len(groups) == 0 {
		return "no security group"
	}
	labels := make([]string, len(groups))
	for i, id := range groups {
		labels[i] = id
		if g := x.groups[id]; g != nil {
			labels[i] = g.label()
		}
	}
	return strings.Join(labels, ", ")
}
