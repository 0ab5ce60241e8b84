package fakeaws

import (
	"cmp"
	"strings"
)

// iamRoleView is a role on the wire. Lists leave out tags and boundary
// (docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoles.html).
type iamRoleView struct {
	Path, RoleName, RoleId, Arn, CreateDate string
	AssumeRolePolicyDocument                string
	Description                             string           `xml:",omitempty"`
	MaxSessionDuration                      int              `xml:",omitempty"`
	PermissionsBoundary                     *iamBoundaryView `xml:",omitempty"`
	Tags                                    *iamList[iamTag] `xml:",omitempty"`
}

type iamBoundaryView struct{ PermissionsBoundaryType, PermissionsBoundaryArn string }

func (s *Server) listedRole(r *iamRole) iamRoleView {
	return iamRoleView{
		Path: r.path, RoleName: r.name, RoleId: r.id, Arn: s.roleARN(r), CreateDate: iamTime(r.created),
		AssumeRolePolicyDocument: escaped(r.trust), Description: r.description, MaxSessionDuration: r.maxSession,
	}
}

func (s *Server) wholeRole(r *iamRole) iamRoleView {
	v := s.listedRole(r)
	v.Tags = listOf(tagList(r.tags))
	v.PermissionsBoundary = boundaryView(r)
	return v
}

func boundaryView(r *iamRole) *iamBoundaryView {
	if r.boundary == "" {
		return nil
	}
	return &iamBoundaryView{"Policy", r.boundary}
}

func (c *iamCall) createRole() (any, *Error) {
	if e := cmp.Or(c.mayTag("iam:TagRole", onNewRole(c)),
		c.check("RoleName", "AssumeRolePolicyDocument", "Path?", "Description?", "PermissionsBoundary?")); e != nil {
		return nil, e
	}
	maxSession, e := c.maxSessionDuration()
	if e != nil {
		return nil, e
	}
	tags, e := c.newTags(true)
	if e != nil {
		return nil, e
	}
	trust, boundary := c.get("AssumeRolePolicyDocument"), c.get("PermissionsBoundary")
	if e := cmp.Or(c.checkTrust(trust), c.checkBoundary(boundary)); e != nil {
		return nil, e
	}
	name := c.get("RoleName")
	if taken(c.iamState.roles, name) {
		return nil, conflict("EntityAlreadyExists", "Role with name %s already exists.", name)
	}
	r := &iamRole{
		iamCommon:   c.newCommon("AROA", c.get("Path"), name, tags, c.RoleDelay),
		description: c.get("Description"), maxSession: maxSession,
		trust: reformatted(trust), boundary: boundary, inline: map[string]string{},
	}
	c.iamState.roles[name] = r
	return struct{ Role iamRoleView }{c.wholeRole(r)}, nil
}

// checkBoundary refuses a permissions boundary that is no policy here.
func (c *iamCall) checkBoundary(arn string) *Error {
	if arn == "" {
		return nil
	}
	if _, ok := c.policy(arn); !ok {
		return noSuchEntity("Scope ARN: %s does not exist or is not attachable.", arn)
	}
	return nil
}

// named is the role that the call names.
func (c *iamCall) named() (*iamRole, *Error) {
	if e := c.check("RoleName"); e != nil {
		return nil, e
	}
	return c.role(c.get("RoleName"))
}

// modifiable is the role that the call names and wants to change. Service-linked roles
// are their service's (docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html).
func (c *iamCall) modifiable() (*iamRole, *Error) {
	r, e := c.named()
	if e != nil {
		return nil, e
	}
	if strings.HasPrefix(r.path, "/aws-service-role/") {
		return nil, unmodifiable(r)
	}
	return r, nil
}

func unmodifiable(r *iamRole) *Error {
	return &Error{Status: 400, Code: "UnmodifiableEntity", Message: "Cannot perform the operation on the protected role '" + r.name +
		"' - this role is only modifiable by AWS"}
}

func (c *iamCall) getRole() (any, *Error) {
	r, e := c.named()
	if e != nil {
		return nil, e
	}
	return struct{ Role iamRoleView }{c.wholeRole(r)}, nil
}

func (c *iamCall) updateRole() (any, *Error) {
	r, e := c.modifiable()
	if e != nil {
		return nil, e
	}
	maxSession, e := c.maxSessionDuration()
	if e := cmp.Or(e, c.check("Description?")); e != nil {
		return nil, e
	}
	if c.form.has("Description") {
		r.description = c.get("Description")
	}
	if c.form.has("MaxSessionDuration") {
		r.maxSession = maxSession
	}
	return struct{}{}, nil
}

func (c *iamCall) updateAssumeRolePolicy() (any, *Error) {
	r, e := c.modifiable()
	if e != nil {
		return nil, e
	}
	document := c.get("PolicyDocument")
	if e := cmp.Or(c.check("PolicyDocument"), c.checkTrust(document)); e != nil {
		return nil, e
	}
	r.trust = reformatted(document)
	return nil, nil
}

// deleteRole deletes a role that nothing is in and that is in nothing. A deletion is
// not held up by what reads do not see yet.
func (c *iamCall) deleteRole() (any, *Error) {
	if e := c.check("RoleName"); e != nil {
		return nil, e
	}
	name := c.get("RoleName")
	r, ok := c.iamState.roles[name]
	if !ok {
		return nil, noSuchEntity("The role with name %s cannot be found.", name)
	}
	if strings.HasPrefix(r.path, "/aws-service-role/") {
		return nil, unmodifiable(r)
	}
	for _, p := range c.iamState.profiles {
		if p.role == name {
			return nil, conflict("DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.")
		}
	}
	switch {
	case len(r.attached) > 0:
		return nil, conflict("DeleteConflict", "Cannot delete entity, must detach all policies first.")
	case len(r.inline) > 0:
		return nil, conflict("DeleteConflict", "Cannot delete entity, must delete policies first.")
	}
	delete(c.iamState.roles, name)
	return nil, nil
}

func (c *iamCall) listRoles() (any, *Error) {
	if e := c.check("PathPrefix?"); e != nil {
		return nil, e
	}
	var found []iamRoleView
	for _, r := range byName(c.iamState.roles) {
		if r.seen() && strings.HasPrefix(r.path, c.get("PathPrefix")) {
			found = append(found, c.listedRole(r))
		}
	}
	found, page, e := paged(c, found)
	if e != nil {
		return nil, e
	}
	return struct {
		iamPage
		Roles []iamRoleView `xml:"Roles>member"`
	}{page, found}, nil
}

func (c *iamCall) tagRole() (any, *Error) {
	r, e := c.named()
	if e != nil {
		return nil, e
	}
	return c.tag(&r.tags, true)
}

func (c *iamCall) untagRole() (any, *Error) {
	r, e := c.named()
	if e != nil {
		return nil, e
	}
	return c.untag(r.tags, true)
}

func (c *iamCall) listRoleTags() (any, *Error) {
	r, e := c.named()
	if e != nil {
		return nil, e
	}
	return c.listTags(r.tags)
}

func (c *iamCall) putRolePermissionsBoundary() (any, *Error) {
	r, e := c.modifiable()
	if e != nil {
		return nil, e
	}
	boundary := c.get("PermissionsBoundary")
	if e := cmp.Or(c.check("PermissionsBoundary"), c.checkBoundary(boundary)); e != nil {
		return nil, e
	}
	r.boundary = boundary
	return nil, nil
}

func (c *iamCall) deleteRolePermissionsBoundary() (any, *Error) {
	r, e := c.modifiable()
	if e != nil {
		return nil, e
	}
	if r.boundary == "" {
		return nil, noSuchEntity("The role with name %s has no permissions boundary.", r.name)
	}
	r.boundary = ""
	return nil, nil
}
