package policy

import (
	"cmp"
	"fmt"
	"slices"
)

// A Named is a policy with its name within a role: what components of the nodes need
// (cloud-provider, or the name of a published document), or what pulls need (pull).
type Named struct {
	Name     string   `json:"name"`
	Document Document `json:"document"`
}

// For returns the policies of a group of nodes: the union of what its roles and
// features need, and always what it takes to pull.
//
// A documented profile is the published documents as they are: the control plane's, and
// the node's for the roles etcd and worker. Features add nothing to them (Lacking says
// what is missing), and the policy pull has only what they do not allow anyhow.
//
// The same Ask always has the same answer, statement by statement.
func For(a Ask) ([]Named, error) {
	if err := a.check(); err != nil {
		return nil, fmt.Errorf("write policies of a group of nodes: %w", err)
	}
	named, err := a.components()
	if err != nil {
		return nil, fmt.Errorf("write policies of a group of nodes: %w", err)
	}
	var open []Statement
	for _, s := range a.pullStatements() {
		if !slices.ContainsFunc(named, func(n Named) bool { return n.Document.covers(s) }) {
			open = append(open, s)
		}
	}
	if len(open) > 0 {
		named = append(named, Named{"pull", Document{Version: Version, Statements: open}})
	}
	return named, nil
}

// components are the policies without what pulls need.
func (a Ask) components() ([]Named, error) {
	if a.Profile == ProfileRancher || a.Profile == ProfileUpstream {
		return a.published()
	}
	statements := a.byFeature()
	if a.Scope == ScopeCluster {
		statements = a.byForm()
	}
	statements = append(statements, a.serviceLinkedRole()...)
	if len(statements) == 0 {
		return nil, nil
	}
	return []Named{{"cloud-provider", Document{Version: Version, Statements: statements}}}, nil
}

func (a Ask) published() ([]Named, error) {
	var names []string
	if a.hasRole(ControlPlane) {
		names = append(names, string(a.Profile)+"-control-plane")
	}
	if a.hasRole(Etcd) || a.hasRole(Worker) {
		names = append(names, string(a.Profile)+"-node")
	}
	var named []Named
	for _, name := range names {
		d, err := Published(name, false)
		if err != nil {
			return nil, err
		}
		named = append(named, Named{name, d})
	}
	return named, nil
}

// sids are the statements of ScopeActions, by feature.
var sids = map[Feature]string{
	always:            "Nodes",
	ELB:               "LoadBalancers",
	NLBSecurityGroups: "LoadBalancerSecurityGroups",
	Routes:            "Routes",
	Topology:          "Topology",
	TaggingController: "TaggingController",
	InTreeEBS:         "Volumes",
	Nodeadm:           "Nodeadm",
}

// byFeature writes a statement for each feature, on every resource.
func (a Ask) byFeature() []Statement {
	var statements []Statement
	for _, f := range set(a.features()) {
		actions := a.actions([]Feature{f}, func(c call) bool { return c.form != serviceLinked })
		if len(actions) > 0 {
			statements = append(statements, Statement{
				Sid: sids[f], Effect: Allow, Actions: actions, Resources: []string{"*"},
			})
		}
	}
	return statements
}

// byForm writes a statement for each way in which the cluster's tag is asked for.
func (a Ask) byForm() []Statement {
	var statements []Statement
	for _, f := range clusterForms {
		actions := a.actions(a.features(), func(c call) bool { return slices.Contains(f.forms, c.form) })
		if len(actions) == 0 {
			continue
		}
		s := Statement{Sid: f.sid, Effect: Allow, Actions: actions, Resources: f.resources(a)}
		if f.condition != nil {
			s.Conditions = f.condition(clusterTag(a.Cluster))
		}
		statements = append(statements, s)
	}
	return statements
}

// serviceLinkedRole lets the first load balancer of an account be the first, and no
// other service have a role. The service has this name in all partitions
// (kubernetes-sigs/aws-load-balancer-controller docs/install/iam_policy_cn.json).
func (a Ask) serviceLinkedRole() []Statement {
	actions := a.actions(a.features(), func(c call) bool { return c.form == serviceLinked })
	if len(actions) == 0 {
		return nil
	}
	return []Statement{{
		Sid: "LoadBalancerRole", Effect: Allow, Actions: actions, Resources: []string{"*"},
		Conditions: Conditions{"StringEquals": {"iam:AWSServiceName": {"elasticloadbalancing.amazonaws.com"}}},
	}}
}

// actions are those of the table's rows of these features that want accepts, as far as
// the group's nodes have the component, sorted.
func (a Ask) actions(features []Feature, want func(call) bool) []string {
	var actions []string
	for _, c := range calls {
		if a.runs(c, features) && want(c) {
			actions = append(actions, c.action)
		}
	}
	return set(actions)
}

// runs says whether a row is of these features and its component on the group's nodes.
func (a Ask) runs(c call, features []Feature) bool {
	return slices.Contains(features, c.feature) && slices.ContainsFunc(c.by.roles, a.hasRole)
}

// covers says whether one statement of the document allows all that s allows, however
// s is bound. It is never wrong if it says yes.
func (d Document) covers(s Statement) bool {
	denies := slices.ContainsFunc(d.Statements, func(s Statement) bool { return s.Effect != Allow })
	return !denies && slices.ContainsFunc(d.Statements, func(wide Statement) bool {
		return len(wide.Conditions) == 0 && slices.Contains(wide.Resources, "*") &&
			!slices.ContainsFunc(s.Actions, func(action string) bool { return !matchesAny(wide.Actions, action) })
	})
}

// Lacking returns the rows of the table whose actions components of the group call and
// its policies do not allow: nothing, unless the profile is a documented one.
func Lacking(a Ask) ([]Row, error) {
	named, err := For(a)
	if err != nil {
		return nil, err
	}
	var allowed []string
	for _, n := range named {
		allowed = append(allowed, n.Document.Actions()...)
	}
	var rows []Row
	for _, c := range calls {
		if a.runs(c, a.features()) && !matchesAny(allowed, c.action) {
			rows = append(rows, c.row(documentsAllowing(c.action)))
		}
	}
	slices.SortStableFunc(rows, func(a, b Row) int { return cmp.Compare(a.Action, b.Action) })
	return slices.CompactFunc(rows, sameReason), nil
}
