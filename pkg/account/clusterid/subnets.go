package clusterid

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A SubnetChoices is where a controller puts a load balancer.
type SubnetChoices struct {
	Controller Controller     `json:"controller"`
	Scheme     Scheme         `json:"scheme"`
	From       string         `json:"from,omitempty"` // how it came to the candidates
	Subnets    []SubnetChoice `json:"subnets,omitempty"`
	Err        string         `json:"error,omitempty"` // what the controller says when it gives up; there are no Subnets then
}

// A SubnetChoice is the subnet of one zone.
type SubnetChoice struct {
	Zone   string   `json:"zone"`
	Subnet string   `json:"subnet"`
	Why    string   `json:"why,omitempty"`    // what it has before the others
	Others []string `json:"others,omitempty"` // the zone's other candidates, best first
}

// ChooseSubnets is what a controller takes for a load balancer of the scheme
// without annotations of its own: at most one subnet for each zone, sorted by zone.
func ChooseSubnets(w World, s Scheme, c Controller) SubnetChoices {
	return newIndex(&w).loadBalancerSubnets(s, c)
}

func (x *index) loadBalancerSubnets(s Scheme, c Controller) SubnetChoices {
	if c == LoadBalancerController {
		return x.controllerSubnets(s)
	}
	return x.cloudSubnets(s)
}

// A candidate is a subnet with what decides between two of one zone.
type candidate struct {
	*Subnet
	role, cluster bool
}

func (c candidate) compare(d candidate) int {
	first := func(a, b bool) int {
		switch {
		case a == b:
			return 0
		case a:
			return -1
		}
		return 1
	}
	return cmp.Or(first(c.role, d.role), first(c.cluster, d.cluster), cmp.Compare(c.ID, d.ID))
}

const (
	whyAlone   = "alone in its zone"
	whyRole    = "its role tag"
	whyCluster = "its cluster tag"
	whyID      = "its id, the lowest"
)

// perZone takes the best candidate of each zone.
func perZone(candidates []candidate) []SubnetChoice {
	zones := map[string][]candidate{}
	for _, c := range candidates {
		zones[c.Zone] = append(zones[c.Zone], c)
	}
	var choices []SubnetChoice
	for _, zone := range slices.Sorted(maps.Keys(zones)) {
		all := zones[zone]
		slices.SortFunc(all, candidate.compare)
		best := all[0]
		choice := SubnetChoice{Zone: zone, Subnet: best.ID, Why: whyAlone}
		for _, c := range all[1:] {
			choice.Others = append(choice.Others, c.ID)
		}
		if len(all) > 1 {
			switch next := all[1]; {
			case best.role != next.role:
				choice.Why = whyRole
			case best.cluster != next.cluster:
				choice.Why = whyCluster
			default:
				choice.Why = whyID
			}
		}
		choices = append(choices, choice)
	}
	return choices
}

const (
	fromTags      = "every subnet that is not another cluster's"
	fromOwn       = "the controller's own subnet"
	fromRole      = "the role tag"
	fromReachable = "the route tables"
)

// cloudSubnets is ccm aws.go, findELBSubnets.
func (x *index) cloudSubnets(s Scheme) SubnetChoices {
	result := SubnetChoices{Controller: CloudController, Scheme: s}
	subnets, from := x.cloudCandidates()
	result.From = from
	var candidates []candidate
	for _, subnet := range subnets {
		t := x.table(subnet.ID)
		if t == nil {
			result.Err = "could not locate routing table for subnet " + subnet.ID
			return result
		}
		if s == InternetFacing && !t.InternetGateway {
			continue
		}
		_, role := subnet.Tags[s.role()]
		candidates = append(candidates, candidate{Subnet: subnet, role: role, cluster: x.tagged(subnet.Tags)})
	}
	for _, choice := range perZone(candidates) {
		// Only ALBs exist elsewhere, and the controller makes none. A zone whose type
		// is not known stays in.
		if t := x.subnets[choice.Subnet].ZoneType; t == "" || t == zoneTypeRegular {
			result.Subnets = append(result.Subnets, choice)
		}
	}
	if len(result.Subnets) == 0 {
		result.Err = "could not find any suitable subnets for creating the ELB"
	}
	return result
}

// cloudCandidates is ccm aws.go, findSubnets; sorted by id.
func (x *index) cloudCandidates() ([]*Subnet, string) {
	var subnets []*Subnet
	for i := range x.Subnets {
		s := &x.Subnets[i]
		if s.VPCID == x.VPC.ID && (x.tagged(s.Tags) || len(clusters(s.Tags)) == 0) {
			subnets = append(subnets, s)
		}
	}
	if len(subnets) > 0 {
		slices.SortFunc(subnets, func(a, b *Subnet) int { return cmp.Compare(a.ID, b.ID) })
		return subnets, fromTags
	}
	return x.ownSubnet(), fromOwn
}

// ownSubnet is the subnet of the control plane instance that leads. Which one that is
// changes; here it is the one with the lowest id. On EKS there is none.
func (x *index) ownSubnet() []*Subnet {
	var leader *Instance
	for i := range x.Instances {
		in := &x.Instances[i]
		if in.ControlPlane && !in.gone() && (leader == nil || in.ID < leader.ID) {
			leader = in
		}
	}
	if leader == nil || x.subnets[leader.SubnetID] == nil {
		return nil
	}
	return []*Subnet{x.subnets[leader.SubnetID]}
}

// leastAddresses is what ELB needs in each subnet, and what the load balancer controller
// asks for (lbc subnet_resolver.go, defaultMinimalAvailableIPAddressCount).
const leastAddresses = 8

// controllerSubnets is lbc subnet_resolver.go, ResolveViaDiscovery.
func (x *index) controllerSubnets(s Scheme) SubnetChoices {
	result := SubnetChoices{Controller: LoadBalancerController, Scheme: s, From: fromRole}
	subnets := x.marked(s)
	if len(subnets) == 0 && !x.Options.TagsOnly {
		result.From = fromReachable
		if subnets, result.Err = x.reachable(s); result.Err != "" {
			return result
		}
	}
	var candidates []candidate
	foreign, full := 0, 0
	for _, subnet := range subnets {
		switch {
		case !x.eligible(subnet.Tags):
			foreign++
		case subnet.FreeAddresses < leastAddresses:
			full++
		default:
			candidates = append(candidates, candidate{Subnet: subnet, role: true, cluster: x.keyed(subnet.Tags)})
		}
	}
	chosen := perZone(candidates)
	if len(chosen) == 0 {
		result.Err = fmt.Sprintf("unable to resolve at least one subnet. Evaluated %d subnets: %d are tagged for other clusters, and %d have insufficient available IP addresses",
			len(subnets), foreign, full)
		return result
	}
	if result.Err = x.locales(chosen); result.Err == "" {
		result.Subnets = chosen
	}
	return result
}

// marked are the subnets whose role tag the load balancer controller accepts.
func (x *index) marked(s Scheme) []*Subnet {
	var subnets []*Subnet
	for i := range x.Subnets {
		subnet := &x.Subnets[i]
		value, ok := subnet.Tags[s.role()]
		if subnet.VPCID == x.VPC.ID && ok && roleValue(value) {
			subnets = append(subnets, subnet)
		}
	}
	return subnets
}

// roleValue reports whether the load balancer controller accepts a role tag's value.
func roleValue(value string) bool { return value == "" || value == "1" }

// reachable are the subnets whose route table fits the scheme (lbc subnet_resolver.go,
// listSubnetsByReachability), or what the controller says when there is no table.
func (x *index) reachable(s Scheme) ([]*Subnet, string) {
	var subnets []*Subnet
	for i := range x.Subnets {
		subnet := &x.Subnets[i]
		if subnet.VPCID != x.VPC.ID {
			continue
		}
		t := x.table(subnet.ID)
		if t == nil {
			return nil, "failed to list subnets by reachability: [this shall never happen] could not identify main route table for vpc: " + x.VPC.ID
		}
		if t.InternetGateway == (s == InternetFacing) {
			subnets = append(subnets, subnet)
		}
	}
	return subnets, ""
}

// eligible reports whether the load balancer controller may use a subnet with these
// tags: it is of this cluster, or of none (lbc subnet_resolver.go,
// isSubnetContainsEligibleClusterTag). Its prefix has no slash at the end, so that a key
// like kubernetes.io/cluster-name counts as another cluster's.
func (w *World) eligible(tags map[string]string) bool {
	if w.Options.AnyCluster || w.keyed(tags) {
		return true
	}
	for key := range tags {
		if strings.HasPrefix(key, strings.TrimSuffix(Prefix, "/")) {
			return false
		}
	}
	return true
}

// locales is what the load balancer controller says when a choice mixes kinds of zones,
// "" if it does not (lbc subnet_resolver.go, validateSubnetsLocaleUniformity).
func (x *index) locales(choices []SubnetChoice) string {
	kinds := map[string]bool{}
	for _, c := range choices {
		switch s := x.subnets[c.Subnet]; {
		case s.Outpost:
			kinds["outpost"] = true
		case s.ZoneType == zoneTypeRegular, s.ZoneType == "local-zone", s.ZoneType == "wavelength-zone":
			kinds[s.ZoneType] = true
		default:
			return fmt.Sprintf("unknown zone type for subnet %s: %s", s.ID, s.ZoneType)
		}
	}
	if len(kinds) > 1 {
		return fmt.Sprintf("subnets in multiple locales: %v", slices.Sorted(maps.Keys(kinds)))
	}
	return ""
}
