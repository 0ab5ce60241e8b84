package fakeaws

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// maxAttached is how many managed policies a role can have
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html; it can be
// raised to 20).
const maxAttached = 10

func (c *iamCall) listRolePolicies() (any, *Error) {
	r, e := c.named()
	if e != nil {
		return nil, e
	}
	names, page, e := paged(c, sortedKeys(r.inline))
	if e != nil {
		return nil, e
	}
	return struct {
		iamPage
		PolicyNames []string `xml:"PolicyNames>member"`
	}{page, names}, nil
}

func (c *iamCall) getRolePolicy() (any, *Error) {
	r, e := c.named()
	if e := cmp.Or(e, c.check("PolicyName")); e != nil {
		return nil, e
	}
	document, ok := r.inline[c.get("PolicyName")]
	if !ok {
		return nil, noSuchRolePolicy(c.get("PolicyName"))
	}
	return struct{ RoleName, PolicyName, PolicyDocument string }{r.name, c.get("PolicyName"), escaped(document)}, nil
}

func noSuchRolePolicy(name string) *Error {
	return noSuchEntity("The role policy with name %s cannot be found.", name)
}

func (c *iamCall) putRolePolicy() (any, *Error) {
	r, e := c.modifiable()
	document, name := c.get("PolicyDocument"), c.get("PolicyName")
	if e := cmp.Or(e, c.check("PolicyName", "PolicyDocument"), c.checkPermissions(document)); e != nil {
		return nil, e
	}
	all := maps.Clone(r.inline)
	all[name] = document
	together := 0
	for _, document := range all {
		together += size(document)
	}
	if together > maxInline {
		return nil, conflict("LimitExceeded", "Maximum policy size of %d bytes exceeded for role %s", maxInline, r.name)
	}
	r.inline = all
	return nil, nil
}

func (c *iamCall) deleteRolePolicy() (any, *Error) {
	r, e := c.modifiable()
	if e := cmp.Or(e, c.check("PolicyName")); e != nil {
		return nil, e
	}
	name := c.get("PolicyName")
	if _, ok := r.inline[name]; !ok {
		return nil, noSuchRolePolicy(name)
	}
	delete(r.inline, name)
	return nil, nil
}

type iamAttachedView struct{ PolicyName, PolicyArn string }

// attachedTo are the managed policies of a role, in order of their names.
func attachedTo(r *iamRole) []iamAttachedView {
	var all []iamAttachedView
	for _, arn := range r.attached {
		all = append(all, iamAttachedView{arn[strings.LastIndex(arn, "/")+1:], arn})
	}
	slices.SortFunc(all, func(a, b iamAttachedView) int {
		return cmp.Or(cmp.Compare(a.PolicyName, b.PolicyName), cmp.Compare(a.PolicyArn, b.PolicyArn))
	})
	return all
}

func (c *iamCall) listAttachedRolePolicies() (any, *Error) {
	r, e := c.named()
	if e := cmp.Or(e, c.check("PathPrefix?")); e != nil {
		return nil, e
	}
	found, page, e := paged(c, slices.DeleteFunc(attachedTo(r), func(a iamAttachedView) bool {
		p, ok := c.policy(a.PolicyArn)
		return !ok || !strings.HasPrefix(p.path, c.get("PathPrefix"))
	}))
	if e != nil {
		return nil, e
	}
	return struct {
		iamPage
		AttachedPolicies []iamAttachedView `xml:"AttachedPolicies>member"`
	}{page, found}, nil
}

// attachRolePolicy attaches a policy. One that is attached already is no error.
func (c *iamCall) attachRolePolicy() (any, *Error) {
	r, e := c.modifiable()
	if e := cmp.Or(e, c.check("PolicyArn")); e != nil {
		return nil, e
	}
	arn := c.get("PolicyArn")
	p, ok := c.policy(arn)
	switch {
	case !ok:
		return nil, noSuchEntity("Policy %s does not exist or is not attachable.", arn)
	case p.byAWS && strings.HasPrefix(p.path, "/aws-service-role/"):
		return nil, &Error{Status: 400, Code: "PolicyNotAttachable", Message: "Cannot attach a Service Role Policy to a Customer Role."}
	case slices.Contains(r.attached, arn):
		return nil, nil
	case len(r.attached) >= maxAttached:
		return nil, conflict("LimitExceeded", "Cannot exceed quota for PoliciesPerRole: %d", maxAttached)
	}
	r.attached = append(r.attached, arn)
	return nil, nil
}

func (c *iamCall) detachRolePolicy() (any, *Error) {
	r, e := c.modifiable()
	if e := cmp.Or(e, c.check("PolicyArn")); e != nil {
		return nil, e
	}
	i := slices.Index(r.attached, c.get("PolicyArn"))
	if i < 0 {
		return nil, noSuchEntity("Policy %s was not found.", c.get("PolicyArn"))
	}
	r.attached = slices.Delete(r.attached, i, i+1)
	return nil, nil
}
