package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A judge holds a File to the rules between its values. Values that were read with a
// fault are zero or their defaults in it: what would only follow from that is not told.
type judge struct {
	*reader
	file      *File
	partition string // the region's, "" if that is not known
	unsound   []*Fault
}

// judge tells of every rule that f breaks. Its defaults are filled in.
func (r *reader) judge(f *File) {
	if len(r.faults) == mostFaults {
		return
	}
	j := judge{reader: r, file: f, partition: partitionOf(f.Region), unsound: r.faults}
	j.groups()
	j.chosenTwice()
	j.network()
	j.pull()
	j.eks()
}

// sound says that nothing at or below the paths was read with a fault.
func (j judge) sound(paths ...string) bool {
	return !slices.ContainsFunc(j.unsound, func(f *Fault) bool {
		return slices.ContainsFunc(paths, func(path string) bool {
			rest, below := strings.CutPrefix(f.Path, path)
			return below && (rest == "" || rest[0] == '.' || rest[0] == '[')
		})
	})
}

// at is where the value of path stands, or what it would stand in.
func (j judge) at(path string) place {
	for {
		if p, ok := j.places[path]; ok {
			return p
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
}

// refuse tells of the value at path.
func (j judge) refuse(path, format string, args ...any) {
	j.fault(j.at(path), path, format, args...)
}

// A firsts remembers where a value was first, to tell of the second.
type firsts map[string]string

// again is the path where the value was before, "" if this is the first time, or no
// value.
func (f firsts) again(value, path string) string {
	if earlier, ok := f[value]; ok || value == "" {
		return earlier
	}
	f[value] = path
	return ""
}

// mostTags is what IAM allows on one object (50), without those by which apply knows
// what it made.
const mostTags = 45

func (j judge) groups() {
	names, roles, profiles := firsts{}, firsts{}, firsts{}
	for i, g := range j.file.Nodes {
		path := fmt.Sprintf("nodes[%d]", i)
		// IAM's names differ in more than case (iam user guide, Quotas).
		for _, n := range [...]struct {
			seen             firsts
			key, value, what string
		}{
			{names, ".name", g.Name, "name"},
			{roles, ".role", g.Role, "role"},
			{profiles, ".instanceProfile", g.InstanceProfile, "instance profile"},
		} {
			if earlier := n.seen.again(strings.ToLower(n.value), path); earlier != "" {
				j.refuse(path+n.key, "%q is the %s of %s too (line %d): a group has its own", n.value, n.what, earlier, j.at(earlier).line)
				break // the others follow from it
			}
		}
		j.features(g, path)
		j.policies(g, path)
		j.ownTags(g.Tags, path+".tags")
	}
}

// does says which role in Kubernetes a feature's component runs in; "" is any.
func does(f Feature) Role {
	switch f {
	case ELB, NLBSecurityGroups, Routes, Topology, TaggingController: // the cloud controller manager
		return ControlPlane
	case Nodeadm:
		return Worker
	}
	return ""
}

func (j judge) features(g NodeGroup, path string) {
	for k, role := range g.Roles {
		if j.file.EKS != nil && role != Worker && role != "" {
			j.refuse(fmt.Sprintf("%s.roles[%d]", path, k), "%s runs at AWS in an EKS cluster, and the file has eks: want %s alone", role, Worker)
		}
	}
	for k, f := range g.Features {
		at := fmt.Sprintf("%s.features[%d]", path, k)
		if role := does(f); role != "" && !slices.Contains(g.Roles, role) && j.sound(path+".roles") {
			j.refuse(at, "%s is done by a component on nodes of the role %s, which this group has not", f, role)
		}
		if f == NLBSecurityGroups && !slices.Contains(g.Features, ELB) && j.sound(path+".features") {
			j.refuse(at, "%s is a mode of %s, which this group has not", f, ELB)
		}
	}
	if g.Profile == ProfileCalled {
		return
	}
	if len(g.Features) > 0 {
		j.refuse(path+".features", "profile %s is a document as published, which features do not change: take one of them out", g.Profile)
	}
	if g.Scope == ScopeCluster {
		j.refuse(path+".scope", "profile %s is a document as published, without conditions: take one of them out", g.Profile)
	}
}

// policies judges ARNs of policies: those of the account or of AWS, in the partition.
func (j judge) policies(g NodeGroup, path string) {
	if g.Boundary != "" {
		j.policy(g.Boundary, path+".boundary")
	}
	for k, p := range g.ManagedPolicies {
		if strings.HasPrefix(p, "arn:") {
			j.policy(p, fmt.Sprintf("%s.managedPolicies[%d]", path, k))
		}
	}
	const most = 20 // iam user guide, Quotas: managed policies of a role, raised
	if n := len(g.ManagedPolicies); n > most {
		j.refuse(path+".managedPolicies", "%d policies, and a role takes at most %d", n, most)
	}
}

func (j judge) policy(s, path string) {
	a, ok := j.local(s, path)
	if ok && a.account != "aws" && a.account != j.file.Account && j.sound("account") {
		j.refuse(path, "a policy of the account %s: want one of this account, %s, or of AWS", a.account, j.file.Account)
	}
}

// local reads an ARN that must be of the region's partition, and says if it is.
func (j judge) local(s, path string) (arn, bool) {
	a, ok := parseARN(s)
	if ok && j.other(a.partition) {
		j.refuse(path, "an ARN of the partition %s, and the region %s is in %s", a.partition, j.file.Region, j.partition)
		return arn{}, false
	}
	return a, ok
}

func (j judge) ownTags(tags map[string]string, path string) {
	if len(tags) > mostTags {
		j.refuse(path, "%d tags, and at most %d fit beside our own", len(tags), mostTags)
	}
	seen := firsts{}
	for _, k := range slices.Sorted(maps.Keys(tags)) { // iam user guide, Tags: keys differ in more than case
		if earlier := seen.again(strings.ToLower(k), k); earlier != "" {
			j.refuse(path+step(".", k), "the key differs from %q in case alone, which IAM takes for the same", earlier)
		}
	}
}

// chosenTwice refuses an instance that is in two groups: it has one profile. Whether
// two filters meet in an instance is seen in the account alone.
func (j judge) chosenTwice() {
	seen := firsts{}
	for i, g := range j.file.Nodes {
		group, path := fmt.Sprintf("nodes[%d]", i), fmt.Sprintf("nodes[%d].instances", i)
		chosen := map[string]string{} // path by what chooses
		for k, id := range g.Instances.IDs {
			if id != "" {
				chosen["instance "+id] = fmt.Sprintf("%s.ids[%d]", path, k)
			}
		}
		if name := g.Instances.AutoScalingGroup; name != "" {
			chosen["group "+name] = path + ".autoScalingGroup"
		}
		if len(g.Instances.Tag) > 0 && j.sound(path+".tag") {
			chosen[fmt.Sprintf("filter %q", g.Instances.Tag)] = path + ".tag"
		}
		for _, what := range slices.Sorted(maps.Keys(chosen)) {
			if earlier := seen.again(what, group); earlier != "" {
				j.refuse(chosen[what], "this is in %s too (line %d), and an instance has one profile", earlier, j.at(earlier).line)
			}
		}
	}
}

// An arn is an Amazon Resource Name in its parts.
type arn struct{ partition, service, region, account, resource string }

func parseARN(s string) (arn, bool) {
	p := strings.SplitN(s, ":", 6)
	if len(p) != 6 || p[0] != "arn" {
		return arn{}, false
	}
	return arn{p[1], p[2], p[3], p[4], p[5]}, true
}
