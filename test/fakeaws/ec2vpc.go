package fakeaws

import (
	"strings"
	"time"
)

type dhcpOptions struct {
	resource
	configuration []dhcpConfiguration
}

type dhcpConfiguration struct {
	key    string
	values []string
}

func (state *ec2State) addDHCPOptions(id string, configuration []dhcpConfiguration, tags tagSet) *dhcpOptions {
	o := &dhcpOptions{resource{id, &dhcpOptionsKind, tags}, configuration}
	state.add(&o.resource)
	state.dhcpOptions = append(state.dhcpOptions, o)
	return o
}

func (c *call) createDHCPOptions() (*change, *Error) {
	var configuration []dhcpConfiguration
	for _, given := range c.in.structures("DhcpConfiguration") {
		configuration = append(configuration, dhcpConfiguration{given.get("Key"), given.list("Value")})
	}
	if len(configuration) == 0 {
		return nil, missingParameter("dhcpConfigurations")
	}
	tags, e := tagsFor(c.in, &dhcpOptionsKind)
	if e != nil {
		return nil, e
	}
	return &change{c.creation(&dhcpOptionsKind, tags), func() *Error {
		o := c.addDHCPOptions(c.server.mint("dopt"), configuration, tags)
		c.out.element("dhcpOptions", func() { c.writeDHCPOptions(o) })
		return nil
	}}, nil
}

func (c *call) associateDHCPOptions() (*change, *Error) {
	v, e := find(&vpcKind, c.vpcs, c.in.get("VpcId"))
	if e != nil {
		return nil, e
	}
	o := c.dhcpOptions[0]
	if id := c.in.get("DhcpOptionsId"); id != "default" {
		if o, e = find(&dhcpOptionsKind, c.dhcpOptions, id); e != nil {
			return nil, e
		}
	}
	return &change{[]need{c.needOf(&v.resource, nil), c.needOf(&o.resource, nil)}, func() *Error {
		v.options = o
		c.out.truth("return", true)
		return nil
	}}, nil
}

func (c *call) describeDHCPOptions() *Error {
	return describe(c, c.dhcpOptions, &dhcpOptionsKind, "DhcpOptionsId", "dhcpOptionsSet", thousand, c.writeDHCPOptions)
}

func (o *dhcpOptions) attribute(filter string) ([]string, bool) {
	switch filter {
	case "dhcp-options-id":
		return one(o.id)
	case "key":
		return every(o.configuration, func(d dhcpConfiguration) string { return d.key })
	case "value":
		var all []string
		for _, d := range o.configuration {
			all = append(all, d.values...)
		}
		return all, true
	}
	return nil, false
}

func (c *call) writeDHCPOptions(o *dhcpOptions) {
	c.out.text("dhcpOptionsId", o.id)
	c.out.text("ownerId", c.server.Account)
	each(&c.out, "dhcpConfigurationSet", "item", o.configuration, func(d dhcpConfiguration) {
		c.out.text("key", d.key)
		each(&c.out, "valueSet", "item", d.values, func(v string) { c.out.text("value", v) })
	})
	c.tagSet(o.tags)
}

func (c *call) modifyVPCAttribute() (*change, *Error) {
	v, e := find(&vpcKind, c.vpcs, c.in.get("VpcId"))
	if e != nil {
		return nil, e
	}
	attributes := map[string]*bool{
		"EnableDnsSupport.Value": &v.dnsSupport, "EnableDnsHostnames.Value": &v.dnsHostnames, "EnableNetworkAddressUsageMetrics.Value": &v.usageMetrics,
	}
	var given []string
	for name := range attributes {
		if c.in.has(name) {
			given = append(given, name)
		}
	}
	if len(given) != 1 {
		return nil, &Error{Status: 400, Code: "InvalidParameterCombination", Message: "Fields for multiple attribute types specified"}
	}
	return &change{[]need{c.needOf(&v.resource, nil)}, func() *Error {
		*attributes[given[0]] = c.in.isTrue(given[0])
		c.out.truth("return", true)
		return nil
	}}, nil
}

func (c *call) describeVPCAttribute() *Error {
	if e := c.required("VpcId", "Attribute"); e != nil {
		return e
	}
	v, e := find(&vpcKind, c.vpcs, c.in.get("VpcId"))
	if e != nil {
		return e
	}
	name := c.in.get("Attribute")
	value, ok := map[string]bool{
		"enableDnsSupport": v.dnsSupport, "enableDnsHostnames": v.dnsHostnames, "enableNetworkAddressUsageMetrics": v.usageMetrics,
	}[name]
	if !ok {
		return invalidValue("Value (%s) for parameter attribute is invalid. Unknown attribute.", name)
	}
	c.out.text("vpcId", v.id)
	c.out.element(name, func() { c.out.truth("value", value) })
	return nil
}

func (c *call) modifySubnetAttribute() (*change, *Error) {
	n, e := find(&subnetKind, c.subnets, c.in.get("SubnetId"))
	if e != nil {
		return nil, e
	}
	if !c.in.has("MapPublicIpOnLaunch.Value") {
		return nil, missingParameter("mapPublicIpOnLaunch")
	}
	return &change{[]need{c.needOf(&n.resource, nil)}, func() *Error {
		n.mapPublicIP = c.in.isTrue("MapPublicIpOnLaunch.Value")
		c.out.truth("return", true)
		return nil
	}}, nil
}

type vpcEndpoint struct {
	resource
	vpc         *vpc
	service     string
	kind        string // Interface or Gateway
	subnets     []*subnet
	groups      []*securityGroup
	routeTables []*routeTable
	privateDNS  bool
	policy      string
	created     time.Time
}

func (c *call) createVPCEndpoint() (*change, *Error) {
	if e := c.required("VpcId", "ServiceName"); e != nil {
		return nil, e
	}
	v, e := find(&vpcKind, c.vpcs, c.in.get("VpcId"))
	if e != nil {
		return nil, e
	}
	p := &vpcEndpoint{vpc: v, service: c.in.get("ServiceName"), kind: "Gateway", policy: c.in.get("PolicyDocument"), privateDNS: c.in.isTrue("PrivateDnsEnabled")}
	if !strings.Contains(p.service, "."+c.region.name+".") {
		return nil, &Error{Status: 400, Code: "InvalidServiceName", Message: "The Vpc Endpoint Service '" + p.service + "' does not exist"}
	}
	if given := c.in.get("VpcEndpointType"); given != "" {
		p.kind = given
	}
	if p.subnets, e = findAll(&subnetKind, c.subnets, c.in.list("SubnetId")); e != nil {
		return nil, e
	}
	if p.groups, e = findAll(&securityGroupKind, c.securityGroups, c.in.list("SecurityGroupId")); e != nil {
		return nil, e
	}
	if p.routeTables, e = findAll(&routeTableKind, c.routeTables, c.in.list("RouteTableId")); e != nil {
		return nil, e
	}
	tags, e := tagsFor(c.in, &endpointKind)
	if e != nil {
		return nil, e
	}
	return &change{append(c.creation(&endpointKind, tags), c.needOf(&v.resource, nil)), func() *Error {
		p.resource = resource{c.server.mint("vpce"), &endpointKind, tags}
		p.created = c.server.Now()
		c.add(&p.resource)
		c.endpoints = append(c.endpoints, p)
		c.out.element("vpcEndpoint", func() { c.writeVPCEndpoint(p) })
		return nil
	}}, nil
}

func (c *call) describeVPCEndpoints() *Error {
	return describe(c, c.endpoints, &endpointKind, "VpcEndpointId", "vpcEndpointSet", page{least: 1, most: 1000, without: 1000}, c.writeVPCEndpoint)
}

func (p *vpcEndpoint) attribute(filter string) ([]string, bool) {
	switch filter {
	case "vpc-endpoint-id":
		return one(p.id)
	case "vpc-id":
		return one(p.vpc.id)
	case "service-name":
		return one(p.service)
	case "vpc-endpoint-type":
		return one(p.kind)
	case "vpc-endpoint-state":
		return one("available")
	}
	return nil, false
}

func (c *call) writeVPCEndpoint(p *vpcEndpoint) {
	c.out.text("vpcEndpointId", p.id)
	c.out.text("vpcEndpointType", p.kind)
	c.out.text("vpcId", p.vpc.id)
	c.out.text("serviceName", p.service)
	c.out.text("state", "available")
	c.out.given("policyDocument", p.policy)
	c.out.texts("routeTableIdSet", "item", ids(p.routeTables))
	c.out.texts("subnetIdSet", "item", ids(p.subnets))
	each(&c.out, "groupSet", "item", p.groups, c.writeGroup)
	c.out.truth("privateDnsEnabled", p.privateDNS)
	c.out.time("creationTimestamp", p.created)
	c.out.text("ownerId", c.server.Account)
	c.tagSet(p.tags)
}

func (c *call) writeGroup(g *securityGroup) {
	c.out.text("groupId", g.id)
	c.out.text("groupName", g.name)
}

func findAll[T interface{ itself() *resource }](k *kind, all []T, ids []string) ([]T, *Error) {
	var found []T
	for _, id := range ids {
		v, e := find(k, all, id)
		if e != nil {
			return nil, e
		}
		found = append(found, v)
	}
	return found, nil
}

func ids[T interface{ itself() *resource }](all []T) []string {
	var names []string
	for _, v := range all {
		names = append(names, v.itself().id)
	}
	return names
}
