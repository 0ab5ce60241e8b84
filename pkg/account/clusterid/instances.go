package clusterid

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (r *report) checkInstances() {
	for _, in := range r.Instances {
		if in.gone() {
			continue
		}
		if keys := notInMetadata(in.Tags); in.MetadataTags && len(keys) > 0 {
			r.add("metadata-tags", in.ID,
				fmt.Sprintf("tags in the instance metadata are enabled, and %s cannot be there; whichever comes second EC2 refuses, CreateTags or ModifyInstanceMetadataOptions: %s",
					quoted(keys), refusal(keys[0])),
				"disable them first: "+r.metadataCommand(in.ID))
		}
		r.checkCluster(holder{id: in.ID, tags: in.Tags, controlPlane: in.ControlPlane},
			func() { r.untagged(in) })
		if value, ok := in.Tags[Key(r.Cluster)]; r.Options.EKS && ok && value != Owned {
			r.add("eks-node-not-owned", in.ID,
				fmt.Sprintf("has %s=%q; EKS wants owned on every self-managed node, else the node does not join", Key(r.Cluster), value),
				r.tagCommand(in.ID, Owned))
		}
	}
}

// A holder carries a cluster's tags into a node: an instance, or the Auto Scaling group
// that makes instances.
type holder struct {
	id           string
	scaling      bool
	tags         map[string]string
	controlPlane bool
}

// what begins a sentence about what has the tags.
func (h holder) what() string {
	if h.scaling {
		return "launches what "
	}
	return ""
}

// checkCluster reads the tags of a node-to-be. Where the cloud controller starts from
// them they have to name one cluster; elsewhere they only have to name this one, and
// untagged says what comes of it if they do not.
func (r *report) checkCluster(h holder, untagged func()) {
	ids := clusters(h.tags)
	starts := h.controlPlane && r.starts()
	switch {
	case starts && (len(ids) > 0 || h.tags[LegacyKey] != ""):
		r.checkStart(h, ids)
	case starts && !h.scaling:
		r.add("control-plane-untagged", h.id,
			fmt.Sprintf("has neither a tag %s... nor %s; the cloud controller does not start there: AWS cloud failed to find ClusterID", Prefix, LegacyKey),
			r.firstMetadata(h.id)+r.tagCommand(h.id, Owned))
	case !r.tagged(h.tags):
		untagged()
	case len(others(r.Cluster, h.tags)) > 0:
		r.add("instance-several-clusters", h.id,
			h.what()+fmt.Sprintf("is tagged for %s besides %s; both clusters' controllers take it for a node of theirs, and no cloud controller that learns its ClusterID from these tags could start there",
				quoted(others(r.Cluster, h.tags)), r.Cluster),
			r.takeAway(h))
	}
}

// checkStart is ccm tags.go, initFromTags.
func (r *report) checkStart(h holder, ids []string) {
	legacy := h.tags[LegacyKey]
	const stops = "; the cloud controller does not start there: "
	switch {
	case len(ids) > 1:
		r.add("control-plane-several-clusters", h.id,
			h.what()+fmt.Sprintf("is tagged for %d clusters%sFound multiple cluster tags with prefix %s (%q and %q)",
				len(ids), stops, Prefix, ids[0], ids[1]),
			r.takeAway(h))
	case len(ids) == 1 && legacy != "" && legacy != ids[0]:
		r.add("control-plane-legacy-mismatch", h.id,
			h.what()+fmt.Sprintf("has %s and %s=%s%sclusterID tags did not match: %q vs %q", Key(ids[0]), LegacyKey, legacy, stops, ids[0], legacy),
			r.takeAway(h))
	case len(ids) == 1 && ids[0] != r.Cluster, len(ids) == 0 && legacy != r.Cluster:
		other := slices.Concat(ids, []string{legacy})[0]
		r.add("control-plane-other-cluster", h.id,
			h.what()+fmt.Sprintf("is tagged for cluster %s only; the cloud controller starts there with that ClusterID, and finds the nodes, groups and subnets of that cluster", other),
			r.takeAway(h)+"; then tag it: "+r.give(h))
	}
}

// untagged says what comes of a node without the tag: found by name it does not exist
// (ccm aws.go, findInstanceByNodeName), found by id it is only no target (instances.go,
// describeAllInstancesUncached).
func (r *report) untagged(in Instance) {
	detail := fmt.Sprintf("has no tag %s; the cloud controller does not find it by its name %s, and the node stays uninitialized or is deleted: instance not found",
		Key(r.Cluster), in.PrivateDNSName)
	if strings.HasPrefix(in.PrivateDNSName, "i-") {
		detail = fmt.Sprintf("has no tag %s; the cloud controller finds the node by the id in its name, but makes it a target of no load balancer",
			Key(r.Cluster))
	}
	r.add("instance-untagged", in.ID, detail, r.firstMetadata(in.ID)+r.tagCommand(in.ID, Owned))
}

// firstMetadata is what has to come before a tag.
func (r *report) firstMetadata(instance string) string {
	for _, in := range r.Instances {
		if in.ID == instance && in.MetadataTags {
			return r.metadataCommand(instance) + " && "
		}
	}
	return ""
}

func (r *report) metadataCommand(instance string) string {
	return fmt.Sprintf("aws ec2 modify-instance-metadata-options --region %s --instance-id %s --instance-metadata-tags disabled", r.Region, instance)
}

// takeAway is how the tags of other clusters go.
func (r *report) takeAway(h holder) string {
	keys := otherKeys(r.Cluster, h.tags)
	if !h.scaling {
		return "if the other cluster is not in use here: " + r.untagCommand(h.id, keys...)
	}
	return fmt.Sprintf("if the other cluster is not in use here: take %s from the group and from its launch template", quoted(keys))
}

// give is how a holder gets the cluster's tag.
func (r *report) give(h holder) string {
	if !h.scaling {
		return r.tagCommand(h.id, Owned)
	}
	return r.scalingCommand(h.id)
}

// others are the clusters besides this one that tags name, also by the legacy tag.
func others(cluster string, tags map[string]string) []string {
	ids := clusters(tags)
	if legacy := tags[LegacyKey]; legacy != "" {
		ids = append(ids, legacy)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return slices.DeleteFunc(ids, func(id string) bool { return id == cluster })
}

// otherKeys are the keys of those tags.
func otherKeys(cluster string, tags map[string]string) []string {
	var keys []string
	for key, value := range tags {
		id, ok := strings.CutPrefix(key, Prefix)
		if ok && id != cluster || key == LegacyKey && value != cluster {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// checkNodeNames finds two instances under one name, which the cloud controller looks up
// by (ccm aws.go, findInstanceByNodeName).
func (r *report) checkNodeNames() {
	nodes := map[string][]string{}
	for _, in := range r.Instances {
		name := in.PrivateDNSName
		if name == "" || strings.HasPrefix(name, "i-") || in.State == "terminated" || !r.tagged(in.Tags) {
			continue
		}
		nodes[name] = append(nodes[name], in.ID)
	}
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		if ids := slices.Sorted(slices.Values(nodes[name])); len(ids) > 1 {
			r.add("node-name-twice", name,
				fmt.Sprintf("%s have this private DNS name and the cluster's tag; the cloud controller initializes no node of that name: multiple instances found for name: %s",
					strings.Join(ids, ", "), name),
				"take the tag from the one that is no node: "+r.untagCommand("INSTANCE", Key(r.Cluster)))
		}
	}
}

// notInMetadata are the keys that EC2 does not put into the instance metadata, sorted.
// The pattern is that of its refusal.
func notInMetadata(tags map[string]string) []string {
	var keys []string
	for key := range tags {
		bad := strings.ContainsFunc(key, func(c rune) bool {
			return !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.ContainsRune("-_+=,.@:", c))
		})
		if bad || key == "." || key == ".." || key == "_index" {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// refusal is EC2's message, as in kubernetes/cloud-provider-aws issue 436.
func refusal(key string) string {
	return fmt.Sprintf(`'%s' is not a valid tag key. Tag keys must match pattern ([0-9a-zA-Z\\-_+=,.@:]{1,255}), and must not be a reserved name ('.', '..', '_index')`, key)
}

func quoted(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = fmt.Sprintf("%q", s)
	}
	return strings.Join(out, ", ")
}
