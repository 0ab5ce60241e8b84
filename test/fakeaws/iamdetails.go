package fakeaws

import "slices"

// iamRoleDetail is a role with all that belongs to it
// (docs.aws.amazon.com/IAM/latest/APIReference/API_RoleDetail.html).
type iamRoleDetail struct {
	Path, RoleName, RoleId, Arn, CreateDate string
	AssumeRolePolicyDocument                string
	AttachedManagedPolicies                 []iamAttachedView `xml:"AttachedManagedPolicies>member"`
	InstanceProfileList                     []iamProfileView  `xml:"InstanceProfileList>member"`
	PermissionsBoundary                     *iamBoundaryView  `xml:",omitempty"`
	RolePolicyList                          []iamInlineView   `xml:"RolePolicyList>member"`
	Tags                                    *iamList[iamTag]  `xml:",omitempty"`
}

type iamInlineView struct{ PolicyName, PolicyDocument string }

func (s *Server) roleDetail(r *iamRole) *iamRoleDetail {
	d := &iamRoleDetail{
		Path: r.path, RoleName: r.name, RoleId: r.id, Arn: s.roleARN(r), CreateDate: iamTime(r.created),
		AssumeRolePolicyDocument: escaped(r.trust), AttachedManagedPolicies: attachedTo(r),
		PermissionsBoundary: boundaryView(r), Tags: listOf(tagList(r.tags)),
	}
	for _, p := range byName(s.iamState.profiles) {
		if p.role == r.name {
			d.InstanceProfileList = append(d.InstanceProfileList, s.listedProfile(p))
		}
	}
	for _, name := range sortedKeys(r.inline) {
		d.RolePolicyList = append(d.RolePolicyList, iamInlineView{name, escaped(r.inline[name])})
	}
	return d
}

// policyDetail is a policy with the documents of all versions.
func (s *Server) policyDetail(p *iamPolicy) *iamPolicyView {
	var versions []iamVersionView
	for _, version := range p.versions {
		versions = append(versions, p.view(version, true))
	}
	v := s.listedPolicy(p)
	v.PolicyVersionList = listOf(versions)
	return &v
}

// getAccountAuthorizationDetails lists roles and policies as one list in pages. There
// are no users and groups here. Of AWS's policies those are in it that are in use.
func (c *iamCall) getAccountAuthorizationDetails() (any, *Error) {
	kinds := []string{"User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"}
	filter := c.form.list("Filter.member")
	for _, kind := range filter {
		if !slices.Contains(kinds, kind) {
			return nil, invalid("filter", kind, "Member must satisfy enum value set: [User, Role, Group, LocalManagedPolicy, AWSManagedPolicy]")
		}
	}
	wanted := func(kind string) bool { return len(filter) == 0 || slices.Contains(filter, kind) }
	type entry struct {
		role   *iamRoleDetail
		policy *iamPolicyView
	}
	var all []entry
	if wanted("Role") {
		for _, r := range byName(c.iamState.roles) {
			if r.seen() {
				all = append(all, entry{role: c.roleDetail(r)})
			}
		}
	}
	if wanted("LocalManagedPolicy") {
		for _, p := range byName(c.iamState.policies) {
			all = append(all, entry{policy: c.policyDetail(p)})
		}
	}
	if wanted("AWSManagedPolicy") {
		for _, p := range c.allByAWS() {
			if attached, boundary := c.uses(p.arn); attached+boundary > 0 {
				all = append(all, entry{policy: c.policyDetail(p)})
			}
		}
	}
	all, page, e := paged(c, all)
	if e != nil {
		return nil, e
	}
	result := struct {
		iamPage
		RoleDetailList []*iamRoleDetail `xml:"RoleDetailList>member"`
		Policies       []*iamPolicyView `xml:"Policies>member"`
	}{iamPage: page}
	for _, v := range all {
		if v.role != nil {
			result.RoleDetailList = append(result.RoleDetailList, v.role)
		} else {
			result.Policies = append(result.Policies, v.policy)
		}
	}
	return result, nil
}
