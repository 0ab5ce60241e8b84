package clusterid

import (
	"fmt"
	"maps"
	"slices"
)

// A Change sets or deletes one tag.
type Change struct {
	Resource  string // the id, of an Auto Scaling group the name
	Key       string
	Value     string
	Delete    bool
	Propagate bool // of an Auto Scaling group's tag: new instances get it
}

// With is the world after the changes, in their order. The receiver and its tags stay
// as they are. A change of a resource that the world does not have is an error. What
// EC2 would refuse is none: the new world has it, and [Check] says that it is refused.
func (w World) With(changes []Change) (World, error) {
	w.Instances = slices.Clone(w.Instances)
	w.SecurityGroups = slices.Clone(w.SecurityGroups)
	w.Subnets = slices.Clone(w.Subnets)
	w.RouteTables = slices.Clone(w.RouteTables)
	w.AutoScalingGroups = slices.Clone(w.AutoScalingGroups)

	tags := w.tagsByResource()
	groups := map[string]*AutoScalingGroup{}
	for i := range w.AutoScalingGroups {
		groups[w.AutoScalingGroups[i].Name] = &w.AutoScalingGroups[i]
	}
	own := map[string]bool{} // resources whose tags are a copy already
	for _, c := range changes {
		if t := tags[c.Resource]; t != nil {
			if !own[c.Resource] {
				own[c.Resource] = true
				if *t = maps.Clone(*t); *t == nil {
					*t = map[string]string{}
				}
			}
			c.apply(*t)
			continue
		}
		g := groups[c.Resource]
		if g == nil {
			return World{}, fmt.Errorf("tag %s of %s: it is no instance, security group, subnet, route table or Auto Scaling group that was read",
				c.Key, c.Resource)
		}
		g.Tags = c.applyGroup(g.Tags)
	}
	return w, nil
}

func (c Change) apply(tags map[string]string) {
	if c.Delete {
		delete(tags, c.Key)
		return
	}
	tags[c.Key] = c.Value
}

// applyGroup returns a new slice: the old one belongs to the world before.
func (c Change) applyGroup(tags []GroupTag) []GroupTag {
	tags = slices.Clone(tags)
	i := slices.IndexFunc(tags, func(t GroupTag) bool { return t.Key == c.Key })
	if i >= 0 {
		tags = slices.Delete(tags, i, i+1)
	}
	if c.Delete {
		return tags
	}
	return append(tags, GroupTag{Key: c.Key, Value: c.Value, Propagate: c.Propagate})
}

// tagsByResource leads to the tags of everything that EC2 tags.
func (w *World) tagsByResource() map[string]*map[string]string {
	tags := map[string]*map[string]string{}
	for i := range w.Instances {
		tags[w.Instances[i].ID] = &w.Instances[i].Tags
	}
	for i := range w.SecurityGroups {
		tags[w.SecurityGroups[i].ID] = &w.SecurityGroups[i].Tags
	}
	for i := range w.Subnets {
		tags[w.Subnets[i].ID] = &w.Subnets[i].Tags
	}
	for i := range w.RouteTables {
		tags[w.RouteTables[i].ID] = &w.RouteTables[i].Tags
	}
	return tags
}
