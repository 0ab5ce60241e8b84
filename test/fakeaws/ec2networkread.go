package fakeaws

import "strconv"

func (c *call) describeVPCs() *Error {
	return describe(c, c.vpcs, &vpcKind, "VpcId", "vpcSet", thousand, c.writeVPC)
}

func (v *vpc) attribute(filter string) ([]string, bool) {
	switch filter {
	case "vpc-id":
		return one(v.id)
	case "cidr", "cidr-block-association.cidr-block":
		return one(v.cidr.String())
	case "dhcp-options-id":
		return one(v.options.id)
	case "is-default":
		return boolean(false)
	case "state":
		return one("available")
	}
	return nil, false
}

func (c *call) writeVPC(v *vpc) {
	c.out.text("vpcId", v.id)
	c.out.text("ownerId", c.server.Account)
	c.out.text("state", "available")
	c.out.text("cidrBlock", v.cidr.String())
	c.out.element("cidrBlockAssociationSet", func() {
		c.out.element("item", func() {
			c.out.text("cidrBlock", v.cidr.String())
			c.out.text("associationId", "vpc-cidr-assoc-"+v.id[len("vpc-"):])
			c.out.element("cidrBlockState", func() { c.out.text("state", "associated") })
		})
	})
	c.out.text("dhcpOptionsId", v.options.id)
	c.out.text("instanceTenancy", "default")
	c.out.truth("isDefault", false)
	c.tagSet(v.tags)
}

func (c *call) describeSubnets() *Error {
	return describe(c, c.subnets, &subnetKind, "SubnetId", "subnetSet", thousand, c.writeSubnet)
}

func (n *subnet) attribute(filter string) ([]string, bool) {
	switch filter {
	case "subnet-id":
		return one(n.id)
	case "vpc-id":
		return one(n.vpc.id)
	case "availability-zone":
		return one(n.zone.name)
	case "availability-zone-id":
		return one(n.zone.id)
	case "cidr-block":
		return one(n.cidr.String())
	case "map-public-ip-on-launch":
		return boolean(n.mapPublicIP)
	case "default-for-az":
		return boolean(false)
	case "available-ip-address-count":
		return one(strconv.Itoa(n.free()))
	case "state":
		return one("available")
	}
	return nil, false
}

func (c *call) writeSubnet(n *subnet) {
	c.out.text("subnetId", n.id)
	c.out.text("subnetArn", c.server.arn("ec2", c.region.name, "subnet/"+n.id))
	c.out.text("ownerId", c.server.Account)
	c.out.text("state", "available")
	c.out.text("vpcId", n.vpc.id)
	c.out.text("cidrBlock", n.cidr.String())
	c.out.number("availableIpAddressCount", n.free())
	c.out.text("availabilityZone", n.zone.name)
	c.out.text("availabilityZoneId", n.zone.id)
	c.out.truth("defaultForAz", false)
	c.out.truth("mapPublicIpOnLaunch", n.mapPublicIP)
	c.tagSet(n.tags)
}

func (c *call) describeInternetGateways() *Error {
	return describe(c, c.gateways, &gatewayKind, "InternetGatewayId", "internetGatewaySet", thousand, c.writeInternetGateway)
}

func (g *internetGateway) attribute(filter string) ([]string, bool) {
	switch filter {
	case "internet-gateway-id":
		return one(g.id)
	case "attachment.vpc-id":
		if g.vpc == nil {
			return nil, true
		}
		return one(g.vpc.id)
	case "attachment.state":
		if g.vpc == nil {
			return nil, true
		}
		return one("available")
	}
	return nil, false
}

func (c *call) writeInternetGateway(g *internetGateway) {
	c.out.text("internetGatewayId", g.id)
	c.out.text("ownerId", c.server.Account)
	c.out.element("attachmentSet", func() {
		if g.vpc != nil {
			c.out.element("item", func() {
				c.out.text("vpcId", g.vpc.id)
				c.out.text("state", "available")
			})
		}
	})
	c.tagSet(g.tags)
}

func (c *call) describeRouteTables() *Error {
	return describe(c, c.routeTables, &routeTableKind, "RouteTableId", "routeTableSet", page{least: 5, most: 100}, c.writeRouteTable)
}

func (t *routeTable) attribute(filter string) ([]string, bool) {
	switch filter {
	case "route-table-id":
		return one(t.id)
	case "vpc-id":
		return one(t.vpc.id)
	case "association.route-table-association-id":
		return every(t.associations, func(a *routeTableAssociation) string { return a.id })
	case "association.route-table-id":
		return every(t.associations, func(*routeTableAssociation) string { return t.id })
	case "association.subnet-id":
		return every(t.associations, func(a *routeTableAssociation) string { return a.subnetID() })
	case "association.main":
		return every(t.associations, func(a *routeTableAssociation) string { return strconv.FormatBool(a.main) })
	case "route.gateway-id":
		return every(t.routes, func(r route) string { return r.targetIn("gatewayId") })
	case "route.nat-gateway-id":
		return every(t.routes, func(r route) string { return r.targetIn("natGatewayId") })
	case "route.destination-cidr-block":
		return every(t.routes, func(r route) string { return r.destination })
	}
	return nil, false
}

func (r route) targetIn(field string) string {
	if r.field == field {
		return r.target
	}
	return ""
}

func (a *routeTableAssociation) subnetID() string {
	if a.subnet == nil {
		return ""
	}
	return a.subnet.id
}

func (c *call) writeRouteTable(t *routeTable) {
	c.out.text("routeTableId", t.id)
	c.out.text("vpcId", t.vpc.id)
	c.out.text("ownerId", c.server.Account)
	each(&c.out, "routeSet", "item", t.routes, func(r route) {
		c.out.text("destinationCidrBlock", r.destination)
		c.out.text(r.field, r.target)
		c.out.text("state", "active")
		c.out.text("origin", r.origin)
	})
	each(&c.out, "associationSet", "item", t.associations, func(a *routeTableAssociation) {
		c.out.text("routeTableAssociationId", a.id)
		c.out.text("routeTableId", t.id)
		c.out.given("subnetId", a.subnetID())
		c.out.truth("main", a.main)
		c.out.element("associationState", func() { c.out.text("state", "associated") })
	})
	c.tagSet(t.tags)
}

// describeSecurityGroups takes no names: they are for the default VPC, and there is
// none. A filter finds them.
func (c *call) describeSecurityGroups() *Error {
	if c.in.has("GroupName") {
		return noDefaultVPC
	}
	return describe(c, c.securityGroups, &securityGroupKind, "GroupId", "securityGroupInfo", thousand, c.writeSecurityGroup)
}

func (g *securityGroup) attribute(filter string) ([]string, bool) {
	switch filter {
	case "group-id":
		return one(g.id)
	case "group-name":
		return one(g.name)
	case "description":
		return one(g.description)
	case "vpc-id":
		return one(g.vpc.id)
	}
	return nil, false
}

func (c *call) writeSecurityGroup(g *securityGroup) {
	c.out.text("groupId", g.id)
	c.out.text("groupName", g.name)
	c.out.text("groupDescription", g.description)
	c.out.text("securityGroupArn", c.server.arn("ec2", c.region.name, "security-group/"+g.id))
	c.out.text("ownerId", c.server.Account)
	c.out.text("vpcId", g.vpc.id)
	c.tagSet(g.tags)
}
