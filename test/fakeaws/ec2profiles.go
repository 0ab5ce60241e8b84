package fakeaws

import (
	"slices"
	"time"
)

// An association is what ties an instance to its profile.
type association struct {
	id       string
	instance *instance
	profile  profileView // as it was
	since    time.Time
}

func (a *association) itself() *resource { return &resource{id: a.id} }

func (a *association) attribute(filter string) ([]string, bool) {
	switch filter {
	case "instance-id":
		return one(a.instance.id)
	case "state":
		return one("associated")
	}
	return nil, false
}

// A profileRef is an instance profile as a request names it.
type profileRef struct {
	profileView
	given, parameter string // what the request said, and where
}

func (p *profileRef) invalid() *Error {
	what := "name"
	if p.parameter == "iamInstanceProfile.arn" {
		what = "ARN"
	}
	return invalidValue("Value (%s) for parameter %s is invalid. Invalid IAM Instance Profile %s", p.given, p.parameter, what)
}

// passing is leave to give the role to EC2 for an instance.
func (c *call) passing(p *profileRef, instance string) need {
	service := "ec2.amazonaws.com"
	if c.server.Partition == "aws-cn" {
		service += ".cn"
	}
	return need{"iam:PassRole", p.Role, map[string][]string{
		"iam:PassedToService":       {service},
		"iam:AssociatedResourceArn": {c.server.arn("ec2", c.region.name, "instance/"+instance)},
	}}
}

// profile finds an instance profile by name or by ARN.
func (c *call) profile(name, arn string) (*profileRef, *Error) {
	p := &profileRef{given: name, parameter: "iamInstanceProfile.name"}
	switch {
	case name != "" && arn != "":
		return nil, &Error{Status: 400, Code: "InvalidParameterCombination",
			Message: "The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'"}
	case name == "" && arn == "":
		return nil, missingParameter("iamInstanceProfile")
	case arn != "":
		p.given, p.parameter = arn, "iamInstanceProfile.arn"
	}
	var ok bool
	if p.profileView, ok = c.server.instanceProfile(p.given); !ok || p.given != name && p.given != p.ARN || p.given == name && name != p.Name {
		return nil, p.invalid()
	}
	if p.Role == "" {
		return nil, invalidValue(`IAM Instance Profile "%s" has no associated IAM Roles`, p.ARN)
	}
	return p, nil
}

// heardOf counts the tries until EC2 knows of a profile that IAM has.
func (c *call) heardOf(p *profileRef) *Error {
	if c.server.resources.refused[p.ID] < c.server.ProfileDelay {
		c.server.resources.refused[p.ID]++
		return p.invalid()
	}
	return nil
}

func (c *call) associate(m *instance, p *profileRef) *association {
	a := &association{id: c.server.mint("iip-assoc"), instance: m, profile: p.profileView, since: c.server.Now()}
	m.association = a
	c.associations = append(c.associations, a)
	return a
}

func (c *call) dissociate(m *instance) {
	c.associations = slices.DeleteFunc(c.associations, func(a *association) bool { return a == m.association })
	m.association = nil
}

func (c *call) associateProfile() (*change, *Error) {
	if e := c.required("InstanceId"); e != nil {
		return nil, e
	}
	m, e := find(&instanceKind, c.instances, c.in.get("InstanceId"))
	if e != nil {
		return nil, e
	}
	p, e := c.profile(c.in.get("IamInstanceProfile.Name"), c.in.get("IamInstanceProfile.Arn"))
	if e != nil {
		return nil, e
	}
	return &change{c.assigning(m, p), func() *Error {
		switch {
		case m.state != running && m.state != stopped:
			return &Error{Status: 400, Code: "IncorrectInstanceState", Message: "The instance '" + m.id + "' is not in the 'running' or 'stopped' states."}
		case m.association != nil:
			return &Error{Status: 400, Code: "IncorrectState", Message: "There is an existing association for instance " + m.id}
		}
		if e := c.heardOf(p); e != nil {
			return e
		}
		c.writeAssociation("iamInstanceProfileAssociation", c.associate(m, p), "associating")
		return nil
	}}, nil
}

// assigning is what it needs to give an instance a profile.
func (c *call) assigning(m *instance, p *profileRef) []need {
	n := c.needOf(&m.resource, nil)
	n.context["ec2:NewInstanceProfile"] = []string{p.ARN}
	if m.association != nil {
		n.context["ec2:InstanceProfile"] = []string{m.association.profile.ARN}
	}
	return []need{n, c.passing(p, m.id)}
}

func (c *call) association(id string) (*association, *Error) {
	for _, a := range c.associations {
		if a.id == id {
			return a, nil
		}
	}
	return nil, &Error{Status: 400, Code: "InvalidAssociationID.NotFound", Message: "An invalid association-id of '" + id + "' was given"}
}

// replaceProfile ends one association and begins another, with another id. What AWS
// says of an instance that does not run is github.com/aws/aws-cli/issues/5251.
func (c *call) replaceProfile() (*change, *Error) {
	if e := c.required("AssociationId"); e != nil {
		return nil, e
	}
	a, e := c.association(c.in.get("AssociationId"))
	if e != nil {
		return nil, e
	}
	p, e := c.profile(c.in.get("IamInstanceProfile.Name"), c.in.get("IamInstanceProfile.Arn"))
	if e != nil {
		return nil, e
	}
	return &change{c.assigning(a.instance, p), func() *Error {
		if a.instance.state != running {
			return &Error{Status: 400, Code: "IncorrectState", Message: "The association " + a.id + " is not the active association"}
		}
		if e := c.heardOf(p); e != nil {
			return e
		}
		c.dissociate(a.instance)
		c.writeAssociation("iamInstanceProfileAssociation", c.associate(a.instance, p), "associating")
		return nil
	}}, nil
}

func (c *call) disassociateProfile() (*change, *Error) {
	if e := c.required("AssociationId"); e != nil {
		return nil, e
	}
	a, e := c.association(c.in.get("AssociationId"))
	if e != nil {
		return nil, e
	}
	n := c.needOf(&a.instance.resource, nil)
	n.context["ec2:InstanceProfile"] = []string{a.profile.ARN}
	return &change{[]need{n}, func() *Error {
		c.dissociate(a.instance)
		c.writeAssociation("iamInstanceProfileAssociation", a, "disassociating")
		return nil
	}}, nil
}

func (c *call) describeAssociations() *Error {
	all := c.associations
	if ids := c.in.list("AssociationId"); len(ids) > 0 {
		all = nil
		for _, id := range ids {
			a, e := c.association(id)
			if e != nil {
				return e
			}
			all = append(all, a)
		}
	}
	return describe(c, all, nil, "", "iamInstanceProfileAssociationSet", thousand, func(a *association) { c.writeAssociationFields(a, "associated") })
}

func (c *call) writeAssociation(name string, a *association, state string) {
	c.out.element(name, func() { c.writeAssociationFields(a, state) })
}

func (c *call) writeAssociationFields(a *association, state string) {
	c.out.text("associationId", a.id)
	c.out.text("instanceId", a.instance.id)
	c.writeProfile(a)
	c.out.text("state", state)
	c.out.time("timestamp", a.since)
}

func (c *call) writeProfile(a *association) {
	c.out.element("iamInstanceProfile", func() {
		c.out.text("arn", a.profile.ARN)
		c.out.text("id", a.profile.ID)
	})
}
