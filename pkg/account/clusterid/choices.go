package clusterid

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Choices are what the controllers would take in one world. Two of equal worlds are
// equal, whatever the order of the worlds' parts.
type Choices struct {
	Groups     []InstanceGroups `json:"securityGroups,omitempty"`
	Subnets    []SubnetChoices  `json:"subnets,omitempty"` // for each of Options.Schemes
	RouteTable RouteTableChoice `json:"routeTable,omitzero"`
}

// InstanceGroups is the choice of a security group that some instances have in common.
type InstanceGroups struct {
	GroupChoice          // Err is the text for the first instance
	Instances   []string `json:"instances"` // sorted
}

// Choose asks the cloud controller, and the load balancer controller if it runs.
func Choose(w World) Choices {
	x := newIndex(&w)
	var c Choices
	for _, controller := range w.controllers() {
		c.Groups = append(c.Groups, x.instanceGroups(controller)...)
	}
	for _, s := range w.Options.Schemes {
		for _, controller := range w.controllers() {
			c.Subnets = append(c.Subnets, x.loadBalancerSubnets(s, controller))
		}
	}
	c.RouteTable, _ = w.routeTable()
	return c
}

func (w *World) controllers() []Controller {
	if w.Options.LBC {
		return []Controller{CloudController, LoadBalancerController}
	}
	return []Controller{CloudController}
}

// instanceGroups puts the instances with the same groups to choose from together.
func (x *index) instanceGroups(c Controller) []InstanceGroups {
	type key struct{ group, why, from string }
	same := map[key]int{}
	var all []InstanceGroups
	instances := slices.SortedFunc(slices.Values(x.Instances), func(a, b Instance) int { return cmp.Compare(a.ID, b.ID) })
	for _, in := range instances {
		if in.gone() {
			continue
		}
		choice := x.group(c, in)
		k := key{group: choice.Group, why: choice.Why}
		if choice.Err != "" {
			k.from = strings.Join(slices.Sorted(slices.Values(in.primary().Groups)), " ")
		}
		i, ok := same[k]
		if !ok {
			i = len(all)
			same[k] = i
			all = append(all, InstanceGroups{GroupChoice: choice})
		}
		all[i].Instances = append(all[i].Instances, in.ID)
	}
	return all
}

// String is a line for each choice, ending in a line feed.
func (c Choices) String() string {
	var b strings.Builder
	for _, g := range c.Groups {
		fmt.Fprintf(&b, "security group, %s, for %s: ", g.Controller, some(g.Instances))
		switch {
		case g.Err != "":
			fmt.Fprintf(&b, "none: %s\n", g.Err)
		case g.Group == "":
			fmt.Fprintf(&b, "none: %s\n", g.Why)
		default:
			fmt.Fprintf(&b, "%s (%s)\n", g.Group, g.Why)
		}
	}
	for _, s := range c.Subnets {
		fmt.Fprintf(&b, "subnets, %s, %s, by %s: ", s.Controller, s.Scheme, s.From)
		if s.Err != "" {
			fmt.Fprintf(&b, "none: %s\n", s.Err)
			continue
		}
		zones := make([]string, len(s.Subnets))
		for i, z := range s.Subnets {
			zones[i] = fmt.Sprintf("%s %s (%s)", z.Zone, z.Subnet, z.Why)
		}
		fmt.Fprintln(&b, strings.Join(zones, ", "))
	}
	switch t := c.RouteTable; {
	case t.Err != "":
		fmt.Fprintf(&b, "route table, %s: none: %s\n", CloudController, t.Err)
	case t.Table != "":
		fmt.Fprintf(&b, "route table, %s: %s (%s)\n", CloudController, t.Table, t.Why)
	}
	return b.String()
}

// some names the first of many.
func some(ids []string) string {
	const most = 3
	if len(ids) <= most {
		return strings.Join(ids, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(ids[:most], ", "), len(ids)-most)
}
