package fakeaws

import (
	"cmp"
	"slices"
)

// createPolicyVersion adds a version. Numbers are not used again.
func (c *iamCall) createPolicyVersion() (any, *Error) {
	p, e := c.ownPolicy()
	if e := cmp.Or(e, c.check("PolicyDocument"), c.checkManaged()); e != nil {
		return nil, e
	}
	if len(p.versions) >= maxVersions {
		return nil, conflict("LimitExceeded", "A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", maxVersions)
	}
	p.numbered++
	v := iamVersion{p.numbered, c.get("PolicyDocument"), c.Now().UTC()}
	p.versions = append(p.versions, v)
	p.updated = v.created
	if c.form.isTrue("SetAsDefault") {
		p.byDefault = v.number
	}
	return struct{ PolicyVersion iamVersionView }{p.view(v, false)}, nil
}

// namedVersion is the version that the call names.
func (c *iamCall) namedVersion(p *iamPolicy) (iamVersion, *Error) {
	if e := c.check("VersionId"); e != nil {
		return iamVersion{}, e
	}
	v, ok := p.version(c.get("VersionId"))
	if !ok {
		return v, noSuchEntity("Policy %s version %s does not exist or is not attachable.", p.arn, c.get("VersionId"))
	}
	return v, nil
}

func (c *iamCall) getPolicyVersion() (any, *Error) {
	p, e := c.namedPolicy()
	if e != nil {
		return nil, e
	}
	v, e := c.namedVersion(p)
	if e != nil {
		return nil, e
	}
	return struct{ PolicyVersion iamVersionView }{p.view(v, true)}, nil
}

func (c *iamCall) setDefaultPolicyVersion() (any, *Error) {
	p, e := c.ownPolicy()
	if e != nil {
		return nil, e
	}
	v, e := c.namedVersion(p)
	if e != nil {
		return nil, e
	}
	p.byDefault, p.updated = v.number, c.Now().UTC()
	return nil, nil
}

func (c *iamCall) deletePolicyVersion() (any, *Error) {
	p, e := c.ownPolicy()
	if e != nil {
		return nil, e
	}
	v, e := c.namedVersion(p)
	switch {
	case e != nil:
		return nil, e
	case v.number == p.byDefault:
		return nil, conflict("DeleteConflict", "Cannot delete the default version of a policy.")
	}
	p.versions = slices.DeleteFunc(p.versions, func(other iamVersion) bool { return other.number == v.number })
	return nil, nil
}

// listPolicyVersions lists the newest first, without documents.
func (c *iamCall) listPolicyVersions() (any, *Error) {
	p, e := c.namedPolicy()
	if e != nil {
		return nil, e
	}
	var all []iamVersionView
	for _, v := range slices.Backward(p.versions) {
		all = append(all, p.view(v, false))
	}
	all, page, e := paged(c, all)
	if e != nil {
		return nil, e
	}
	return struct {
		iamPage
		Versions []iamVersionView `xml:"Versions>member"`
	}{page, all}, nil
}
