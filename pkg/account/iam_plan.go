package account

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// draft collects what a plan is made of.
type draft struct {
	changes  []plan.Change
	findings []plan.Finding
	byHand   []Task
}

func (d *draft) find(code string, level plan.Level, object plan.Object, fix, detail string, args ...any) {
	d.findings = append(d.findings, plan.Finding{
		Code: code, Level: level, Object: object.String(), Detail: fmt.Sprintf(detail, args...), Fix: fix,
	})
}

// differ takes an object from before to after, or says that it differs, as the
// lifecycle wants.
func (d *draft) differ(l config.Lifecycle, c plan.Change) {
	if c.Before == c.After {
		return
	}
	detail := map[plan.Verb]string{plan.Create: "it is missing", plan.Update: "it differs from the file", plan.Delete: "it is there, and the file does not want it"}[c.Verb()]
	switch l {
	case config.Manage:
		d.changes = append(d.changes, c)
	case config.Verify:
		d.find("lifecycle-verify", plan.Blocks, c.Object, "make it so, or set its lifecycle to manage", "%s (%s)", detail, c.Why)
	case config.Warn:
		d.find("lifecycle-warn", plan.Warning, c.Object, "", "%s (%s)", detail, c.Why)
	}
}

// iamWorld is what the groups have in IAM.
type iamWorld struct {
	roles    map[string]*role          // by name; nil where there is none
	profiles map[string]*profile       // likewise
	policies map[string]*managedPolicy // by ARN, likewise
}

// planIAM compares the roles, policies and profiles of the groups.
func (a *Account) planIAM(d *draft, groups []wantedGroup, w iamWorld) {
	for _, g := range groups {
		if g.IAM == config.Ignore {
			continue
		}
		a.sayLacking(d, g)
		a.planPolicies(d, g, w)
		a.planRole(d, g, w.roles[g.Role])
		a.planProfile(d, g, w.profiles[g.InstanceProfile])
	}
}

// sayLacking names what a documented profile denies to components of the group.
func (a *Account) sayLacking(d *draft, g wantedGroup) {
	rows, err := policy.Lacking(a.ask(g.NodeGroup))
	if err != nil || len(rows) == 0 {
		return // wanted has asked the same, and would have failed
	}
	var actions []string
	for _, r := range rows {
		actions = append(actions, r.Action)
	}
	d.find("policy-lacking", plan.Warning, plan.Object{Kind: kindRole, Name: g.Role},
		fmt.Sprintf("leave out profile: for the group; `ecr-node-bootstrap print policy --why %s` says who calls it", actions[0]),
		"the documents of the profile %s lack what its components call: %s", g.Profile, strings.Join(slices.Compact(slices.Sorted(slices.Values(actions))), ", "))
}

func (a *Account) planPolicies(d *draft, g wantedGroup, w iamWorld) {
	for _, name := range sorted(g.managed) {
		object := plan.Object{Kind: kindPolicy, Name: name}
		arn := a.policyARN(g.Path, name)
		present := w.policies[arn]
		if present == nil {
			d.differ(g.IAM, plan.Change{Object: object, Why: "permissions of " + groupWord(g), After: encode(policyState{
				Path: g.Path, Document: json.RawMessage(g.managed[name]), Tags: a.ownTags(g.NodeGroup),
			})})
			continue
		}
		d.differ(g.IAM, plan.Change{
			Object: plan.Object{Kind: kindVersion, Name: name, Of: arn}, Why: "permissions of " + groupWord(g),
			Before: present.document, After: g.managed[name],
		})
	}
}

func groupWord(g wantedGroup) string {
	var roles []string
	for _, r := range g.Roles {
		roles = append(roles, string(r))
	}
	return fmt.Sprintf("group %s (%s)", g.Name, strings.Join(roles, ", "))
}

func (a *Account) planRole(d *draft, g wantedGroup, r *role) {
	object := plan.Object{Kind: kindRole, Name: g.Role}
	if r == nil {
		d.differ(g.IAM, plan.Change{Object: object, Why: groupWord(g), After: encode(roleState{
			Path: g.Path, Trust: json.RawMessage(g.trust.String()), Boundary: g.Boundary, Tags: a.ownTags(g.NodeGroup),
		})})
		r = &role{path: g.Path, trust: g.trust.String(), boundary: g.Boundary, tags: g.Tags}
	} else if owner := r.tags[ownerTag]; owner != "" && owner != a.file.Cluster {
		d.find("role-other-cluster", plan.Blocks, object, "give the group a role of its own: role: in the file",
			"it was created for cluster %s, and its policies are that cluster's", owner)
		return
	}
	if r.path != g.Path {
		d.find("role-path", plan.Warning, object, fmt.Sprintf("set path: %s for the group", r.path),
			"its path is %s, the file says %s, and the path of a role cannot be changed", r.path, g.Path)
	}
	if present, err := policy.Parse(r.trust); err != nil || !policy.TrustEqual(a.partition, present, g.trust) {
		d.differ(g.IAM, plan.Change{
			Object: plan.Object{Kind: kindTrust, Name: g.Role}, Why: "EC2 must be able to assume the role",
			Before: r.trust, After: g.trust.String(),
		})
	}
	if g.Boundary != "" {
		d.differ(g.IAM, plan.Change{
			Object: plan.Object{Kind: kindBoundary, Name: g.Role}, Why: groupWord(g), Before: r.boundary, After: g.Boundary,
		})
	} else if r.boundary != "" {
		d.find("role-boundary", plan.Note, object, fmt.Sprintf("set boundary: %s for the group, if it shall be so", r.boundary),
			"it has the permissions boundary %s, of which the file does not know; it is left", r.boundary)
	}
	for _, key := range sorted(g.Tags) {
		c := plan.Change{Object: plan.Object{Kind: kindRoleTag, Name: key, Of: g.Role}, Why: groupWord(g), After: tagText(g.Tags[key])}
		if value, ok := r.tags[key]; ok {
			c.Before = tagText(value)
		}
		d.differ(g.IAM, c)
	}
	a.planRolePolicies(d, g, r)
}

// planRolePolicies compares what a role may do. Policies that are not ours are left;
// of those that bear our name, what the file no longer wants goes.
func (a *Account) planRolePolicies(d *draft, g wantedGroup, r *role) {
	why := "permissions of " + groupWord(g)
	for _, arn := range sorted(g.attached) {
		c := plan.Change{Object: plan.Object{Kind: kindAttached, Name: arn, Of: g.Role}, Why: why, After: attached}
		if r.attached[arn] {
			c.Before = attached
		}
		d.differ(g.IAM, c)
	}
	names := map[string]bool{}
	for name := range g.inline {
		names[name] = true
	}
	for name := range r.inline {
		if strings.HasPrefix(name, policyPrefix) {
			names[name] = true
		}
	}
	for _, name := range sorted(names) {
		d.differ(g.IAM, plan.Change{
			Object: plan.Object{Kind: kindInline, Name: name, Of: g.Role}, Why: why,
			Before: r.inline[name], After: g.inline[name],
		})
	}
}

func (a *Account) planProfile(d *draft, g wantedGroup, p *profile) {
	object := plan.Object{Kind: kindProfile, Name: g.InstanceProfile}
	if p == nil {
		d.differ(g.IAM, plan.Change{Object: object, Why: groupWord(g), After: encode(profileState{
			Path: g.Path, Tags: a.ownTags(g.NodeGroup),
		})})
		p = &profile{path: g.Path}
	}
	if p.path != g.Path {
		d.find("profile-path", plan.Warning, object, fmt.Sprintf("set path: %s for the group", p.path),
			"its path is %s, the file says %s, and the path of a profile cannot be changed", p.path, g.Path)
	}
	if p.role != "" && p.role != g.Role {
		d.find("profile-other-role", plan.Blocks, object,
			fmt.Sprintf("set role: %s for the group, or instanceProfile: to another name", p.role),
			"it has the role %s, and a profile has one: whoever uses it would lose that role", p.role)
		return
	}
	d.differ(g.IAM, plan.Change{
		Object: plan.Object{Kind: kindProfileRole, Name: g.InstanceProfile}, Why: groupWord(g), Before: p.role, After: g.Role,
	})
}
