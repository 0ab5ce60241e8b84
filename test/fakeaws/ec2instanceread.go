package fakeaws

import "strconv"

// describeInstances pages by instance; a reservation that is cut in two comes on
// both pages.
func (c *call) describeInstances() *Error {
	part, token, e := selected(c, c.instances, &instanceKind, c.in.list("InstanceId"), page{least: 5, most: 1000, notWithIDs: true})
	if e != nil {
		return e
	}
	c.out.Grow(len(part) * 2500) // about what one takes
	c.out.element("reservationSet", func() {
		for len(part) > 0 {
			n := 1
			for n < len(part) && part[n].reservation == part[0].reservation {
				n++
			}
			c.out.element("item", func() { c.writeReservation(part[0].reservation, part[:n], false) })
			part = part[n:]
		}
	})
	c.out.given("nextToken", token)
	return nil
}

// primary is the interface that the instance's own address, subnet and groups are
// those of; nil once it is terminated.
func (m *instance) primary() *networkInterface {
	if len(m.interfaces) == 0 {
		return nil
	}
	return m.interfaces[0]
}

func (m *instance) attribute(filter string) ([]string, bool) {
	switch filter {
	case "instance-id":
		return one(m.id)
	case "instance-state-name":
		return one(m.state.String())
	case "instance-state-code":
		return one(strconv.Itoa(int(m.state)))
	case "image-id":
		return one(m.image)
	case "instance-type":
		return one(m.instanceType)
	case "key-name":
		return one(m.key)
	case "reservation-id":
		return one(m.reservation.id)
	case "metadata-options.http-tokens":
		return one(m.metadata.tokens)
	case "metadata-options.http-put-response-hop-limit":
		return one(m.metadata.hopLimit)
	case "metadata-options.instance-metadata-tags":
		return one(m.metadata.tags)
	case "iam-instance-profile.arn":
		if m.association == nil {
			return nil, true
		}
		return one(m.association.profile.ARN)
	case "iam-instance-profile.id":
		if m.association == nil {
			return nil, true
		}
		return one(m.association.profile.ID)
	}
	return m.networkAttribute(filter)
}

func (m *instance) networkAttribute(filter string) ([]string, bool) {
	of := func(value func(*networkInterface) string) ([]string, bool) {
		if m.primary() == nil {
			return nil, true
		}
		return one(value(m.primary()))
	}
	switch filter {
	case "vpc-id":
		return of(func(n *networkInterface) string { return n.subnet.vpc.id })
	case "subnet-id":
		return of(func(n *networkInterface) string { return n.subnet.id })
	case "availability-zone":
		return of(func(n *networkInterface) string { return n.subnet.zone.name })
	case "private-ip-address":
		return of(func(n *networkInterface) string { return n.address.String() })
	case "private-dns-name":
		return of(func(n *networkInterface) string { return n.privateName() })
	case "instance.group-id":
		if m.primary() == nil {
			return nil, true
		}
		return ids(m.primary().groups), true
	case "network-interface.network-interface-id":
		return ids(m.interfaces), true
	case "network-interface.subnet-id":
		return every(m.interfaces, func(n *networkInterface) string { return n.subnet.id })
	case "network-interface.group-id":
		var all []string
		for _, n := range m.interfaces {
			all = append(all, ids(n.groups)...)
		}
		return all, true
	}
	return nil, false
}

func (c *call) writeReservation(r *reservation, part []*instance, launching bool) {
	c.out.text("reservationId", r.id)
	c.out.text("ownerId", c.server.Account)
	each(&c.out, "instancesSet", "item", part, func(m *instance) {
		state := m.state
		if launching {
			state = pending
		}
		c.writeInstance(m, state)
	})
}

func (c *call) writeInstance(m *instance, state instanceState) {
	c.out.text("instanceId", m.id)
	c.out.text("imageId", m.image)
	c.writeState("instanceState", state)
	c.out.given("keyName", m.key)
	c.out.number("amiLaunchIndex", m.index)
	c.out.text("instanceType", m.instanceType)
	c.out.time("launchTime", m.launched)
	c.out.text("architecture", "x86_64")
	c.out.text("rootDeviceType", "ebs")
	c.out.text("virtualizationType", "hvm")
	c.out.text("hypervisor", "xen")
	if n := m.primary(); n != nil {
		c.out.text("privateDnsName", n.privateName())
		c.out.text("privateIpAddress", n.address.String())
		c.out.text("subnetId", n.subnet.id)
		c.out.text("vpcId", n.subnet.vpc.id)
		c.out.element("placement", func() {
			c.out.text("availabilityZone", n.subnet.zone.name)
			c.out.text("availabilityZoneId", n.subnet.zone.id)
			c.out.text("tenancy", "default")
		})
		c.out.truth("sourceDestCheck", true)
		each(&c.out, "groupSet", "item", n.groups, c.writeGroup)
	}
	each(&c.out, "networkInterfaceSet", "item", m.interfaces, func(n *networkInterface) {
		c.writeInterface(n)
		c.writeAttachment(n, false)
	})
	if m.association != nil {
		c.writeProfile(m.association)
	}
	c.writeMetadataOptions("metadataOptions", "applied", m.metadata)
	c.tagSet(m.tags)
}

// writeInterface is what an instance and DescribeNetworkInterfaces show of one.
func (c *call) writeInterface(n *networkInterface) {
	c.out.text("networkInterfaceId", n.id)
	c.out.text("subnetId", n.subnet.id)
	c.out.text("vpcId", n.subnet.vpc.id)
	c.out.text("ownerId", c.server.Account)
	c.out.text("status", "in-use")
	c.out.text("interfaceType", "interface")
	c.out.text("privateIpAddress", n.address.String())
	c.out.text("privateDnsName", n.privateName())
	c.out.truth("sourceDestCheck", true)
	each(&c.out, "groupSet", "item", n.groups, c.writeGroup)
}

func (c *call) writeAttachment(n *networkInterface, withInstance bool) {
	c.out.element("attachment", func() {
		c.out.text("attachmentId", n.attachment)
		c.out.number("deviceIndex", n.index)
		c.out.text("status", "attached")
		c.out.time("attachTime", n.attached)
		c.out.truth("deleteOnTermination", true)
		if withInstance {
			c.out.text("instanceId", n.instance.id)
			c.out.text("instanceOwnerId", c.server.Account)
		}
	})
}

func (c *call) describeNetworkInterfaces() *Error {
	p := thousand
	p.without = 1000
	return describe(c, c.interfaces, &interfaceKind, "NetworkInterfaceId", "networkInterfaceSet", p, func(n *networkInterface) {
		c.writeInterface(n)
		c.writeAttachment(n, true)
		c.out.text("availabilityZone", n.subnet.zone.name)
		c.tagSet(n.tags)
	})
}

func (n *networkInterface) attribute(filter string) ([]string, bool) {
	switch filter {
	case "network-interface-id":
		return one(n.id)
	case "subnet-id":
		return one(n.subnet.id)
	case "vpc-id":
		return one(n.subnet.vpc.id)
	case "availability-zone":
		return one(n.subnet.zone.name)
	case "group-id":
		return ids(n.groups), true
	case "private-ip-address", "addresses.private-ip-address":
		return one(n.address.String())
	case "private-dns-name":
		return one(n.privateName())
	case "attachment.instance-id":
		return one(n.instance.id)
	case "attachment.attachment-id":
		return one(n.attachment)
	case "attachment.device-index":
		return one(strconv.Itoa(n.index))
	case "attachment.status":
		return one("attached")
	case "status":
		return one("in-use")
	case "interface-type":
		return one("interface")
	}
	return nil, false
}
