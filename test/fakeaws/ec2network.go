package fakeaws

import (
	"net/netip"
	"slices"
	"strconv"
)

type vpc struct {
	resource
	cidr         netip.Prefix
	options      *dhcpOptions
	dnsSupport   bool
	dnsHostnames bool
	usageMetrics bool
}

type subnet struct {
	resource
	vpc         *vpc
	cidr        netip.Prefix
	zone        zone
	used        map[netip.Addr]bool
	mapPublicIP bool
}

// reserved is how many addresses of a subnet AWS keeps: the network's, the
// router's, the name server's, one for later and the last.
const reserved = 5

func (n *subnet) free() int { return 1<<(32-n.cidr.Bits()) - reserved - len(n.used) }

// take gives out an address; ok is false when there is none.
func (n *subnet) take() (address netip.Addr, ok bool) {
	address = n.cidr.Addr().Next().Next().Next()
	for range n.free() + len(n.used) {
		if address = address.Next(); !n.used[address] {
			n.used[address] = true
			return address, true
		}
	}
	return address, false
}

type internetGateway struct {
	resource
	vpc *vpc // nil while it is attached to none
}

type routeTable struct {
	resource
	vpc          *vpc
	routes       []route
	associations []*routeTableAssociation
}

type route struct {
	destination string
	field       string // of the target, as DescribeRouteTables names it
	target      string
	origin      string
}

type routeTableAssociation struct {
	id     string
	main   bool
	subnet *subnet // nil for the main one
}

type securityGroup struct {
	resource
	vpc         *vpc
	name        string
	description string
}

func (c *call) createVPC() (*change, *Error) {
	if e := c.required("CidrBlock"); e != nil {
		return nil, e
	}
	cidr, err := netip.ParsePrefix(c.in.get("CidrBlock"))
	if err != nil || !cidr.Addr().Is4() {
		return nil, invalidValue("Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", c.in.get("CidrBlock"))
	}
	if cidr.Bits() < 16 || cidr.Bits() > 28 {
		return nil, &Error{Status: 400, Code: "InvalidVpc.Range", Message: "The CIDR '" + cidr.String() + "' is invalid."}
	}
	tags, e := tagsFor(c.in, &vpcKind)
	if e != nil {
		return nil, e
	}
	return &change{c.creation(&vpcKind, tags), func() *Error {
		v := &vpc{resource: resource{c.server.mint("vpc"), &vpcKind, tags}, cidr: cidr.Masked(), options: c.dhcpOptions[0], dnsSupport: true}
		c.add(&v.resource)
		c.vpcs = append(c.vpcs, v)
		c.addRouteTable(v, nil).associations = []*routeTableAssociation{{id: c.server.mint("rtbassoc"), main: true}}
		c.addSecurityGroup(v, "default", "default VPC security group", nil)
		c.out.element("vpc", func() { c.writeVPC(v) })
		return nil
	}}, nil
}

func (c *call) createSubnet() (*change, *Error) {
	if e := c.required("VpcId", "CidrBlock"); e != nil {
		return nil, e
	}
	v, e := find(&vpcKind, c.vpcs, c.in.get("VpcId"))
	if e != nil {
		return nil, e
	}
	cidr, err := netip.ParsePrefix(c.in.get("CidrBlock"))
	if err != nil || cidr.Bits() < v.cidr.Bits() || cidr.Bits() > 28 || !v.cidr.Contains(cidr.Addr()) {
		return nil, &Error{Status: 400, Code: "InvalidSubnet.Range", Message: "The CIDR '" + c.in.get("CidrBlock") + "' is invalid."}
	}
	for _, n := range c.subnets {
		if n.vpc == v && n.cidr.Overlaps(cidr) {
			return nil, &Error{Status: 400, Code: "InvalidSubnet.Conflict", Message: "The CIDR '" + cidr.String() + "' conflicts with another subnet"}
		}
	}
	zones := zonesOf(c.region.name)
	in := zones[0]
	if name, id := c.in.get("AvailabilityZone"), c.in.get("AvailabilityZoneId"); name != "" || id != "" {
		i := slices.IndexFunc(zones, func(z zone) bool { return z.name == name || z.id == id })
		if i < 0 {
			return nil, invalidValue("Value (%s) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: %s.",
				name+id, zoneNames(zones))
		}
		in = zones[i]
	}
	tags, e := tagsFor(c.in, &subnetKind)
	if e != nil {
		return nil, e
	}
	needs := append(c.creation(&subnetKind, tags), c.needOf(&v.resource, nil))
	return &change{needs, func() *Error {
		n := &subnet{resource: resource{c.server.mint("subnet"), &subnetKind, tags}, vpc: v, cidr: cidr.Masked(), zone: in, used: map[netip.Addr]bool{}}
		c.add(&n.resource)
		c.subnets = append(c.subnets, n)
		c.out.element("subnet", func() { c.writeSubnet(n) })
		return nil
	}}, nil
}

func (c *call) createInternetGateway() (*change, *Error) {
	tags, e := tagsFor(c.in, &gatewayKind)
	if e != nil {
		return nil, e
	}
	return &change{c.creation(&gatewayKind, tags), func() *Error {
		g := &internetGateway{resource: resource{c.server.mint("igw"), &gatewayKind, tags}}
		c.add(&g.resource)
		c.gateways = append(c.gateways, g)
		c.out.element("internetGateway", func() { c.writeInternetGateway(g) })
		return nil
	}}, nil
}

func (c *call) attachInternetGateway() (*change, *Error) {
	g, e := find(&gatewayKind, c.gateways, c.in.get("InternetGatewayId"))
	if e != nil {
		return nil, e
	}
	v, e := find(&vpcKind, c.vpcs, c.in.get("VpcId"))
	if e != nil {
		return nil, e
	}
	return &change{[]need{c.needOf(&g.resource, nil), c.needOf(&v.resource, nil)}, func() *Error {
		if g.vpc != nil {
			return &Error{Status: 400, Code: "Resource.AlreadyAssociated", Message: "resource " + g.id + " is already attached to network " + g.vpc.id}
		}
		g.vpc = v
		c.out.truth("return", true)
		return nil
	}}, nil
}

func (c *call) addRouteTable(v *vpc, tags tagSet) *routeTable {
	t := &routeTable{resource: resource{c.server.mint("rtb"), &routeTableKind, tags}, vpc: v,
		routes: []route{{v.cidr.String(), "gatewayId", "local", "CreateRouteTable"}}}
	c.add(&t.resource)
	c.routeTables = append(c.routeTables, t)
	return t
}

func (c *call) createRouteTable() (*change, *Error) {
	v, e := find(&vpcKind, c.vpcs, c.in.get("VpcId"))
	if e != nil {
		return nil, e
	}
	tags, e := tagsFor(c.in, &routeTableKind)
	if e != nil {
		return nil, e
	}
	return &change{append(c.creation(&routeTableKind, tags), c.needOf(&v.resource, nil)), func() *Error {
		t := c.addRouteTable(v, tags)
		c.out.element("routeTable", func() { c.writeRouteTable(t) })
		return nil
	}}, nil
}

// routeTargets are the parameters of CreateRoute that name a target, and the fields
// in which it is shown.
var routeTargets = [...]struct{ parameter, field string }{
	{"GatewayId", "gatewayId"}, {"NatGatewayId", "natGatewayId"}, {"NetworkInterfaceId", "networkInterfaceId"},
	{"TransitGatewayId", "transitGatewayId"}, {"VpcPeeringConnectionId", "vpcPeeringConnectionId"},
}

func (c *call) createRoute() (*change, *Error) {
	if e := c.required("RouteTableId", "DestinationCidrBlock"); e != nil {
		return nil, e
	}
	t, e := find(&routeTableKind, c.routeTables, c.in.get("RouteTableId"))
	if e != nil {
		return nil, e
	}
	r := route{destination: c.in.get("DestinationCidrBlock"), origin: "CreateRoute"}
	for _, target := range routeTargets {
		if id := c.in.get(target.parameter); id != "" {
			r.field, r.target = target.field, id
		}
	}
	if r.target == "" {
		return nil, missingParameter("gatewayId")
	}
	if r.field == "gatewayId" {
		g, e := find(&gatewayKind, c.gateways, r.target)
		if e != nil {
			return nil, e
		}
		if g.vpc != t.vpc {
			return nil, &Error{Status: 400, Code: "InvalidParameterValue", Message: "route table " + t.id + " and network gateway " + g.id + " belong to different networks"}
		}
	}
	return &change{[]need{c.needOf(&t.resource, nil)}, func() *Error {
		if slices.ContainsFunc(t.routes, func(old route) bool { return old.destination == r.destination }) {
			return &Error{Status: 400, Code: "RouteAlreadyExists", Message: "The route identified by " + r.destination + " already exists."}
		}
		t.routes = append(t.routes, r)
		c.out.truth("return", true)
		return nil
	}}, nil
}

func (c *call) associateRouteTable() (*change, *Error) {
	t, e := find(&routeTableKind, c.routeTables, c.in.get("RouteTableId"))
	if e != nil {
		return nil, e
	}
	n, e := find(&subnetKind, c.subnets, c.in.get("SubnetId"))
	if e != nil {
		return nil, e
	}
	return &change{[]need{c.needOf(&t.resource, nil), c.needOf(&n.resource, nil)}, func() *Error {
		if n.vpc != t.vpc {
			return invalidValue("Route table %s and subnet %s belong to different networks", t.id, n.id)
		}
		for _, other := range c.routeTables {
			if slices.ContainsFunc(other.associations, func(a *routeTableAssociation) bool { return a.subnet == n }) {
				return &Error{Status: 400, Code: "Resource.AlreadyAssociated",
					Message: "the specified association for route table " + other.id + " conflicts with an existing association"}
			}
		}
		a := &routeTableAssociation{id: c.server.mint("rtbassoc"), subnet: n}
		t.associations = append(t.associations, a)
		c.out.text("associationId", a.id)
		c.out.element("associationState", func() { c.out.text("state", "associated") })
		return nil
	}}, nil
}

func (c *call) addSecurityGroup(v *vpc, name, description string, tags tagSet) *securityGroup {
	g := &securityGroup{resource: resource{c.server.mint("sg"), &securityGroupKind, tags}, vpc: v, name: name, description: description}
	c.add(&g.resource)
	c.securityGroups = append(c.securityGroups, g)
	return g
}

func (c *call) createSecurityGroup() (*change, *Error) {
	if e := c.required("GroupName", "GroupDescription"); e != nil {
		return nil, e
	}
	if c.in.get("VpcId") == "" {
		return nil, noDefaultVPC
	}
	v, e := find(&vpcKind, c.vpcs, c.in.get("VpcId"))
	if e != nil {
		return nil, e
	}
	tags, e := tagsFor(c.in, &securityGroupKind)
	if e != nil {
		return nil, e
	}
	name := c.in.get("GroupName")
	return &change{append(c.creation(&securityGroupKind, tags), c.needOf(&v.resource, nil)), func() *Error {
		if slices.ContainsFunc(c.securityGroups, func(g *securityGroup) bool { return g.vpc == v && g.name == name }) {
			return &Error{Status: 400, Code: "InvalidGroup.Duplicate",
				Message: "The security group " + strconv.Quote(name) + " already exists for VPC " + strconv.Quote(v.id)}
		}
		g := c.addSecurityGroup(v, name, c.in.get("GroupDescription"), tags)
		c.out.truth("return", true)
		c.out.text("groupId", g.id)
		c.tagSet(g.tags)
		c.out.text("securityGroupArn", c.server.arn("ec2", c.region.name, "security-group/"+g.id))
		return nil
	}}, nil
}

var noDefaultVPC = &Error{Status: 400, Code: "VPCIdNotSpecified", Message: "No default VPC for this user"}
