package clusterid

import (
	"fmt"
	"slices"
	"strings"
)

// checkSubnetTags looks at each subnet by itself.
func (r *report) checkSubnetTags() {
	for _, s := range r.Subnets {
		if s.VPCID != r.VPC.ID {
			continue
		}
		if ids := clusters(s.Tags); len(ids) > 0 && !r.tagged(s.Tags) {
			r.add("subnet-other-cluster", s.ID,
				fmt.Sprintf("is tagged for %s and not for %s; no controller of this cluster puts a load balancer there", quoted(ids), r.Cluster),
				"nothing, or share it: "+r.tagCommand(s.ID, Shared))
			continue
		}
		r.checkRole(s, PublicRole)
		r.checkRole(s, InternalRole)
		_, public := s.Tags[PublicRole]
		_, internal := s.Tags[InternalRole]
		if !public && !internal {
			continue
		}
		if s.FreeAddresses < leastAddresses {
			r.add("elb-few-addresses", s.ID,
				fmt.Sprintf("is marked for load balancers and has %d free addresses, of the %d that ELB needs; the load balancer controller passes it over, the cloud controller takes it and is refused",
					s.FreeAddresses, leastAddresses),
				"free addresses, or mark a larger subnet of the zone "+s.Zone)
		}
		if s.ZoneType != "" && s.ZoneType != zoneTypeRegular {
			r.add("elb-zone-type", s.ID,
				fmt.Sprintf("is marked for load balancers and lies in %s, a %s; the cloud controller leaves the zone out, and the load balancer controller fails where it meets regular zones too",
					s.Zone, s.ZoneType),
				"mark subnets of regular zones, and name this one in the annotations of the services that want it")
		}
	}
}

// checkRole compares a role tag with what the subnet is.
func (r *report) checkRole(s Subnet, role string) {
	value, ok := s.Tags[role]
	if !ok {
		return
	}
	if r.Options.LBC && !roleValue(value) {
		r.add("elb-role-value", s.ID,
			fmt.Sprintf("has %s=%q; the load balancer controller wants 1 or nothing and does not see it, the cloud controller does", role, value),
			r.tagWith(s.ID, role, "1"))
	}
	t := r.table(s.ID)
	switch {
	case t == nil:
	case role == PublicRole && !t.InternetGateway:
		r.add("elb-role-private", s.ID,
			fmt.Sprintf("has %s, and its route table %s leads to no internet gateway; the cloud controller passes it over, the load balancer controller puts an internet-facing load balancer there that nobody reaches",
				role, t.ID),
			"a route to an internet gateway in "+t.ID+", or take the tag away: "+r.untagCommand(s.ID, role))
	case role == InternalRole && t.InternetGateway:
		r.add("internal-role-public", s.ID,
			fmt.Sprintf("has %s, and its route table %s leads to an internet gateway; internal load balancers work there, private subnets are the custom", role, t.ID),
			"")
	}
}

// checkLoadBalancers looks at what the controllers would choose.
func (r *report) checkLoadBalancers() {
	if _, from := r.cloudCandidates(); from == fromOwn && len(r.Options.Schemes) > 0 {
		r.add("subnets-fallback", r.VPC.ID,
			"every subnet of the VPC is tagged for other clusters; the cloud controller falls back to the subnet it runs in: No tagged subnets found; will fall-back to the current subnet only.  This is likely to be an error in a future version of k8s.",
			"share subnets with the cluster: "+r.tagCommand("SUBNET", Shared))
	}
	for _, s := range r.Options.Schemes {
		r.checkRoleMissing(s)
		for _, c := range r.controllers() {
			choices := r.loadBalancerSubnets(s, c)
			r.checkChoice(choices)
			for _, z := range choices.Subnets {
				if z.Why == whyID {
					r.add("subnet-tie", fmt.Sprintf("%s, %s, %s", s, c, z.Zone),
						fmt.Sprintf("the %s takes %s for %s load balancers in %s only because its id is lower than that of %s", c, z.Subnet, s, z.Zone, z.Others[0]),
						"mark the one that is meant: "+r.tagWith("SUBNET", s.role(), "1"))
				}
			}
		}
	}
}

func (r *report) checkChoice(c SubnetChoices) {
	object := string(c.Scheme)
	if c.Controller == CloudController {
		if c.Err != "" {
			r.add("ccm-subnets", object,
				fmt.Sprintf("the cloud controller finds no subnet for %s load balancers: %s", c.Scheme, c.Err),
				r.subnetFix(c.Scheme))
		}
		return
	}
	if c.Err != "" {
		r.add("lbc-subnets", object,
			fmt.Sprintf("the load balancer controller finds no subnets for %s load balancers: %s", c.Scheme, c.Err),
			r.subnetFix(c.Scheme))
		return
	}
	first := r.subnets[c.Subnets[0].Subnet]
	if len(c.Subnets) == 1 && !first.Outpost && first.ZoneType == zoneTypeRegular {
		r.add("alb-one-zone", object,
			fmt.Sprintf("the load balancer controller finds subnets for %s load balancers in %s only, enough for an NLB; of an ALB it says: subnets count less than minimal required count: 1 < 2",
				c.Scheme, c.Subnets[0].Zone),
			"tag a subnet of another zone: "+r.tagWith("SUBNET", c.Scheme.role(), "1"))
	}
	r.checkDualStack(c)
}

// subnetFix is what every controller is content with.
func (r *report) subnetFix(s Scheme) string {
	route := ""
	if s == InternetFacing {
		route = " and a route to an internet gateway"
	}
	return fmt.Sprintf("mark one subnet in each of two regular zones, with %d free addresses%s, and no others: %s",
		leastAddresses, route, r.tagWith("SUBNET", s.role(), "1"))
}

// checkDualStack: ELB wants an IPv6 block in each subnet of a dualstack load balancer
// (lbc docs/deploy/subnet_discovery.md).
func (r *report) checkDualStack(c SubnetChoices) {
	if !r.Options.DualStack {
		return
	}
	var without []string
	for _, z := range c.Subnets {
		if !r.subnets[z.Subnet].IPv6 {
			without = append(without, z.Subnet)
		}
	}
	if len(without) > 0 {
		r.add("subnet-no-ipv6", string(c.Scheme),
			fmt.Sprintf("the load balancer controller takes %s for %s load balancers, without an IPv6 block; ELB refuses a dualstack load balancer there",
				strings.Join(without, ", "), c.Scheme),
			"associate IPv6 blocks with these subnets, or mark others")
	}
}

// checkRoleMissing: without role tags the controllers still choose, by less.
func (r *report) checkRoleMissing(s Scheme) {
	if slices.ContainsFunc(r.Subnets, func(subnet Subnet) bool {
		_, ok := subnet.Tags[s.role()]
		return ok && subnet.VPCID == r.VPC.ID && (r.tagged(subnet.Tags) || len(clusters(subnet.Tags)) == 0)
	}) {
		return
	}
	takes := "any subnet with a route to an internet gateway"
	if s == Internal {
		takes = "any subnet, public ones too"
	}
	detail := fmt.Sprintf("no subnet that the cluster may take has %s; the cloud controller takes %s", s.role(), takes)
	if r.Options.LBC && r.loadBalancerSubnets(s, LoadBalancerController).From == fromReachable {
		detail += "; the load balancer controller goes by the route tables"
	}
	r.add("elb-role-missing", string(s), detail,
		"mark the subnets that are meant: "+r.tagWith("SUBNET", s.role(), "1"))
}
