package fakeaws

import (
	"cmp"
	"strings"
)

// iamProfileView is an instance profile on the wire. Lists leave out tags.
type iamProfileView struct {
	Path, InstanceProfileName, InstanceProfileId, Arn, CreateDate string
	Roles                                                         []iamRoleView    `xml:"Roles>member"`
	Tags                                                          *iamList[iamTag] `xml:",omitempty"`
}

func (s *Server) listedProfile(p *iamProfile) iamProfileView {
	v := iamProfileView{Path: p.path, InstanceProfileName: p.name, InstanceProfileId: p.id, Arn: s.profileARN(p), CreateDate: iamTime(p.created)}
	if r, ok := s.iamState.roles[p.role]; ok {
		v.Roles = []iamRoleView{s.listedRole(r)}
	}
	return v
}

func (s *Server) wholeProfile(p *iamProfile) iamProfileView {
	v := s.listedProfile(p)
	v.Tags = listOf(tagList(p.tags))
	return v
}

func (c *iamCall) createInstanceProfile() (any, *Error) {
	if e := cmp.Or(c.mayTag("iam:TagInstanceProfile", onNewProfile(c)), c.check("InstanceProfileName", "Path?")); e != nil {
		return nil, e
	}
	tags, e := c.newTags(false)
	if e != nil {
		return nil, e
	}
	name := c.get("InstanceProfileName")
	if taken(c.iamState.profiles, name) {
		return nil, conflict("EntityAlreadyExists", "Instance Profile %s already exists.", name)
	}
	p := &iamProfile{iamCommon: c.newCommon("AIPA", c.get("Path"), name, tags, c.RoleDelay)}
	c.iamState.profiles[name] = p
	return struct{ InstanceProfile iamProfileView }{c.wholeProfile(p)}, nil
}

// namedProfile is the instance profile that the call names.
func (c *iamCall) namedProfile() (*iamProfile, *Error) {
	if e := c.check("InstanceProfileName"); e != nil {
		return nil, e
	}
	return c.profile(c.get("InstanceProfileName"))
}

func (c *iamCall) getInstanceProfile() (any, *Error) {
	p, e := c.namedProfile()
	if e != nil {
		return nil, e
	}
	return struct{ InstanceProfile iamProfileView }{c.wholeProfile(p)}, nil
}

// deleteInstanceProfile deletes a profile that has no role. IAM does not ask whether
// an instance has it.
func (c *iamCall) deleteInstanceProfile() (any, *Error) {
	if e := c.check("InstanceProfileName"); e != nil {
		return nil, e
	}
	name := c.get("InstanceProfileName")
	p, ok := c.iamState.profiles[name]
	switch {
	case !ok:
		return nil, noSuchEntity("Instance Profile %s cannot be found.", name)
	case p.role != "":
		return nil, conflict("DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.")
	}
	delete(c.iamState.profiles, name)
	return nil, nil
}

// addRoleToInstanceProfile fails if there is a role in the profile, be it the same.
func (c *iamCall) addRoleToInstanceProfile() (any, *Error) {
	p, e := c.namedProfile()
	if e != nil {
		return nil, e
	}
	r, e := c.modifiable()
	if e != nil {
		return nil, e
	}
	if e := c.mayPass(r, c.profileARN(p)); e != nil {
		return nil, e
	}
	if p.role != "" {
		return nil, conflict("LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
	}
	p.role = r.name
	return nil, nil
}

func (c *iamCall) removeRoleFromInstanceProfile() (any, *Error) {
	p, e := c.namedProfile()
	if e := cmp.Or(e, c.check("RoleName")); e != nil {
		return nil, e
	}
	if p.role != c.get("RoleName") {
		return nil, noSuchEntity("The role with name %s cannot be found.", c.get("RoleName"))
	}
	p.role = ""
	return nil, nil
}

func (c *iamCall) listInstanceProfiles() (any, *Error) {
	if e := c.check("PathPrefix?"); e != nil {
		return nil, e
	}
	return c.listProfiles(func(p *iamProfile) bool { return strings.HasPrefix(p.path, c.get("PathPrefix")) })
}

func (c *iamCall) listInstanceProfilesForRole() (any, *Error) {
	r, e := c.named()
	if e != nil {
		return nil, e
	}
	return c.listProfiles(func(p *iamProfile) bool { return p.role == r.name })
}

func (c *iamCall) listProfiles(wanted func(*iamProfile) bool) (any, *Error) {
	var found []iamProfileView
	for _, p := range byName(c.iamState.profiles) {
		if p.seen() && wanted(p) {
			found = append(found, c.listedProfile(p))
		}
	}
	found, page, e := paged(c, found)
	if e != nil {
		return nil, e
	}
	return struct {
		iamPage
		InstanceProfiles []iamProfileView `xml:"InstanceProfiles>member"`
	}{page, found}, nil
}

func (c *iamCall) tagInstanceProfile() (any, *Error) {
	p, e := c.namedProfile()
	if e != nil {
		return nil, e
	}
	return c.tag(&p.tags, false)
}

func (c *iamCall) untagInstanceProfile() (any, *Error) {
	p, e := c.namedProfile()
	if e != nil {
		return nil, e
	}
	return c.untag(p.tags, false)
}

func (c *iamCall) listInstanceProfileTags() (any, *Error) {
	p, e := c.namedProfile()
	if e != nil {
		return nil, e
	}
	return c.listTags(p.tags)
}
