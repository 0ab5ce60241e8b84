package fakeaws

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// A reservation is what was launched in one call.
type reservation struct {
	id        string
	instances []*instance
}

type instance struct {
	resource
	reservation  *reservation
	index        int
	image        string
	instanceType string
	key          string
	state        instanceState
	launched     time.Time
	metadata     metadataOptions
	interfaces   []*networkInterface // by device index; none once it is terminated
	association  *association        // nil without a profile
}

// instanceState is a state by its code.
type instanceState int

const (
	pending      instanceState = 0
	running      instanceState = 16
	shuttingDown instanceState = 32
	terminated   instanceState = 48
	stopping     instanceState = 64
	stopped      instanceState = 80
)

func (s instanceState) String() string {
	return map[instanceState]string{
		pending: "pending", running: "running", shuttingDown: "shutting-down", terminated: "terminated", stopping: "stopping", stopped: "stopped",
	}[s]
}

type networkInterface struct {
	resource
	instance   *instance
	index      int
	subnet     *subnet
	groups     []*securityGroup
	address    netip.Addr
	domain     string
	attachment string
	attached   time.Time
}

func (c *call) addInterface(m *instance, i resolvedInterface, tags tagSet) {
	address, _ := i.subnet.take()
	n := &networkInterface{
		resource: resource{c.server.mint("eni"), &interfaceKind, tags}, instance: m, index: i.index, subnet: i.subnet, groups: i.groups,
		address: address, domain: internalDomain(c.region.name), attachment: c.server.mint("eni-attach"), attached: m.launched,
	}
	c.add(&n.resource)
	c.interfaces = append(c.interfaces, n)
	m.interfaces = append(m.interfaces, n)
}

// privateName is the IP-based host name, whatever DHCP tells the instance.
func (n *networkInterface) privateName() string {
	return "ip-" + strings.ReplaceAll(n.address.String(), ".", "-") + "." + n.domain
}

// transition is a move of instances to another state, by way of one that only the
// answer shows.
type transition struct {
	from     []instanceState
	by, to   instanceState
	complain string
}

func (c *call) startInstances() (*change, *Error) {
	return c.move(transition{[]instanceState{stopped, running}, pending, running, "is not in a state from which it can be started."}, nil)
}

func (c *call) stopInstances() (*change, *Error) {
	return c.move(transition{[]instanceState{running, stopped}, stopping, stopped, "is not in a state from which it can be stopped."}, nil)
}

func (c *call) terminateInstances() (*change, *Error) {
	return c.move(transition{[]instanceState{running, stopped, terminated}, shuttingDown, terminated, ""}, c.terminate)
}

func (c *call) move(t transition, then func(*instance)) (*change, *Error) {
	ids := c.in.list("InstanceId")
	if len(ids) == 0 {
		return nil, missingParameter("instancesSet")
	}
	all, e := withIDs(c.instances, &instanceKind, ids)
	if e != nil {
		return nil, e
	}
	var needs []need
	for _, m := range all {
		needs = append(needs, c.needOf(&m.resource, nil))
	}
	return &change{needs, func() *Error {
		for _, m := range all {
			if !slices.Contains(t.from, m.state) {
				return &Error{Status: 400, Code: "IncorrectInstanceState", Message: fmt.Sprintf("The instance '%s' %s", m.id, t.complain)}
			}
		}
		each(&c.out, "instancesSet", "item", all, func(m *instance) {
			before, by := m.state, t.by
			if before == t.to {
				by = t.to
			}
			m.state = t.to
			if then != nil {
				then(m)
			}
			c.out.text("instanceId", m.id)
			c.writeState("currentState", by)
			c.writeState("previousState", before)
		})
		return nil
	}}, nil
}

// terminate takes an instance off the network, its profile and its group. It can
// still be seen, as with AWS for an hour.
func (c *call) terminate(m *instance) {
	for _, n := range m.interfaces {
		delete(n.subnet.used, n.address)
		delete(c.all, n.id)
		c.inOrder = slices.DeleteFunc(c.inOrder, func(r *resource) bool { return r == &n.resource })
		c.interfaces = slices.DeleteFunc(c.interfaces, func(other *networkInterface) bool { return other == n })
	}
	m.interfaces = nil
	if m.association != nil {
		c.dissociate(m)
	}
	for _, g := range c.groups {
		g.instances = slices.DeleteFunc(g.instances, func(other *groupMember) bool { return other.instance == m })
	}
}

func (c *call) writeState(name string, s instanceState) {
	c.out.element(name, func() {
		c.out.number("code", int(s))
		c.out.text("name", s.String())
	})
}
