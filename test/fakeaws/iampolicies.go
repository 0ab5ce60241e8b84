package fakeaws

import (
	"cmp"
	"slices"
	"strings"
)

// maxVersions is how many versions a managed policy can have.
const maxVersions = 5

// iamPolicyView is a managed policy on the wire. Lists leave out tags and description
// (docs.aws.amazon.com/IAM/latest/APIReference/API_Policy.html).
type iamPolicyView struct {
	PolicyName, PolicyId, Arn, Path, DefaultVersionId string
	AttachmentCount, PermissionsBoundaryUsageCount    int
	IsAttachable                                      bool
	Description                                       string `xml:",omitempty"`
	CreateDate, UpdateDate                            string
	PolicyVersionList                                 *iamList[iamVersionView] `xml:",omitempty"` // in authorization details only
	Tags                                              *iamList[iamTag]         `xml:",omitempty"`
}

type iamVersionView struct {
	Document         string `xml:",omitempty"`
	VersionId        string
	IsDefaultVersion bool
	CreateDate       string
}

// uses counts the roles that have the policy attached, and those whose boundary it is.
func (s *Server) uses(arn string) (attached, boundary int) {
	for _, r := range s.iamState.roles {
		if slices.Contains(r.attached, arn) {
			attached++
		}
		if r.boundary == arn {
			boundary++
		}
	}
	return attached, boundary
}

func (s *Server) listedPolicy(p *iamPolicy) iamPolicyView {
	attached, boundary := s.uses(p.arn)
	v, _ := p.version("")
	return iamPolicyView{
		PolicyName: p.name, PolicyId: p.id, Arn: p.arn, Path: p.path, DefaultVersionId: v.id(),
		AttachmentCount: attached, PermissionsBoundaryUsageCount: boundary, IsAttachable: true,
		CreateDate: iamTime(p.created), UpdateDate: iamTime(p.updated),
	}
}

func (s *Server) wholePolicy(p *iamPolicy) iamPolicyView {
	v := s.listedPolicy(p)
	v.Description, v.Tags = p.description, listOf(tagList(p.tags))
	return v
}

func (p *iamPolicy) view(v iamVersion, document bool) iamVersionView {
	view := iamVersionView{VersionId: v.id(), IsDefaultVersion: v.number == p.byDefault, CreateDate: iamTime(v.created)}
	if document {
		view.Document = escaped(v.document)
	}
	return view
}

func (c *iamCall) createPolicy() (any, *Error) {
	if e := cmp.Or(c.mayTag("iam:TagPolicy", onNewPolicy(c)), c.check("PolicyName", "PolicyDocument", "Path?", "Description?")); e != nil {
		return nil, e
	}
	tags, e := c.newTags(false)
	if e := cmp.Or(e, c.checkManaged()); e != nil {
		return nil, e
	}
	name := c.get("PolicyName")
	for _, other := range c.iamState.policies {
		if strings.EqualFold(other.name, name) {
			return nil, conflict("EntityAlreadyExists", "A policy called %s already exists. Duplicate names are not allowed.", name)
		}
	}
	p := &iamPolicy{
		iamCommon:   c.newCommon("ANPA", c.get("Path"), name, tags, 0),
		description: c.get("Description"), byDefault: 1, numbered: 1,
	}
	p.arn = c.arn("iam", "", "policy"+p.path+name)
	p.updated = p.created
	p.versions = []iamVersion{{1, c.get("PolicyDocument"), p.created}}
	c.iamState.policies[p.arn] = p
	return struct{ Policy iamPolicyView }{c.wholePolicy(p)}, nil
}

// checkManaged refuses a document that cannot be a managed policy's.
func (c *iamCall) checkManaged() *Error {
	document := c.get("PolicyDocument")
	if e := c.checkPermissions(document); e != nil {
		return e
	}
	if size(document) > maxManaged {
		return conflict("LimitExceeded", "Cannot exceed quota for PolicySize: %d", maxManaged)
	}
	return nil
}

// namedPolicy is the policy that the call names.
func (c *iamCall) namedPolicy() (*iamPolicy, *Error) {
	if e := c.check("PolicyArn"); e != nil {
		return nil, e
	}
	p, ok := c.policy(c.get("PolicyArn"))
	if !ok {
		return nil, noSuchEntity("Policy %s was not found.", c.get("PolicyArn"))
	}
	return p, nil
}

// ownPolicy is the policy that the call names and wants to change. AWS's own belong to
// nobody who could be asked here.
func (c *iamCall) ownPolicy() (*iamPolicy, *Error) {
	p, e := c.namedPolicy()
	if e == nil && p.byAWS {
		e = &Error{Status: 403, Code: "AccessDenied", Message: "Cannot modify an AWS managed policy: " + p.arn}
	}
	return p, e
}

func (c *iamCall) getPolicy() (any, *Error) {
	p, e := c.namedPolicy()
	if e != nil {
		return nil, e
	}
	return struct{ Policy iamPolicyView }{c.wholePolicy(p)}, nil
}

func (c *iamCall) deletePolicy() (any, *Error) {
	p, e := c.ownPolicy()
	if e != nil {
		return nil, e
	}
	attached, boundary := c.uses(p.arn)
	switch {
	case attached+boundary > 0:
		return nil, conflict("DeleteConflict", "Cannot delete a policy attached to entities.")
	case len(p.versions) > 1:
		return nil, conflict("DeleteConflict", "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
	}
	delete(c.iamState.policies, p.arn)
	return nil, nil
}

func (c *iamCall) listPolicies() (any, *Error) {
	if e := c.check("PathPrefix?"); e != nil {
		return nil, e
	}
	all := byName(c.iamState.policies)
	switch scope := c.get("Scope"); scope {
	case "AWS":
		all = c.allByAWS()
	case "Local":
	case "", "All":
		all = append(all, c.allByAWS()...)
	default:
		return nil, invalid("scope", scope, "Member must satisfy enum value set: [All, AWS, Local]")
	}
	var found []iamPolicyView
	for _, p := range all {
		attached, boundary := c.uses(p.arn)
		usage := c.get("PolicyUsageFilter")
		if strings.HasPrefix(p.path, c.get("PathPrefix")) && (attached > 0 || !c.form.isTrue("OnlyAttached")) &&
			(usage != "PermissionsPolicy" || attached > 0) && (usage != "PermissionsBoundary" || boundary > 0) {
			found = append(found, c.listedPolicy(p))
		}
	}
	found, page, e := paged(c, found)
	if e != nil {
		return nil, e
	}
	return struct {
		iamPage
		Policies []iamPolicyView `xml:"Policies>member"`
	}{page, found}, nil
}

func (c *iamCall) tagPolicy() (any, *Error) {
	p, e := c.ownPolicy()
	if e != nil {
		return nil, e
	}
	return c.tag(&p.tags, false)
}

func (c *iamCall) untagPolicy() (any, *Error) {
	p, e := c.ownPolicy()
	if e != nil {
		return nil, e
	}
	return c.untag(p.tags, false)
}

func (c *iamCall) listPolicyTags() (any, *Error) {
	p, e := c.namedPolicy()
	if e != nil {
		return nil, e
	}
	return c.listTags(p.tags)
}
