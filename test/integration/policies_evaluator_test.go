package integration

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws/evaluate"
)

// everything is a group of nodes that run all that there is and pull from everywhere.
func everything(scope policy.Scope) policy.Ask {
	a := ask(policy.ControlPlane, policy.Features()...)
	a.Scope = scope
	a.Pull = policy.Pull{
		Repositories: []string{"team/*", "base"}, Public: true, Cache: []string{"docker-hub/*"},
		CrossAccount: []policy.CrossAccount{
			{Account: "210987654321", Repositories: []string{"base/*"}},
			{Account: "210987654322", Region: "us-west-2"},
			{Account: "333333333333", Assume: "arn:aws:iam::333333333333:role/ecr-pull"},
		},
	}
	return a
}

// TestPoliciesInEvaluator holds resources and conditions of the policies against what
// AWS asks them for. Under scope cluster each authorization is allowed by the one
// statement that is for it, and no longer with any one thing changed. Under scope
// actions it is allowed too, and changed refused where the statement is the same. In
// the end nothing is left of any statement that was not asked for.
func TestPoliciesInEvaluator(t *testing.T) {
	wide, narrow := judgeOf(t, everything(policy.ScopeActions)), judgeOf(t, everything(policy.ScopeCluster))
	for _, a := range slices.Concat(ofComponents, ofPulls) {
		if len(a.but) == 0 {
			t.Errorf("%s on %s: there is nothing that is refused", a.actions, a.resource)
		}
		for r := range a.requests() {
			if diff := cmp.Diff([]string{a.sid}, narrow.allowing(r)); diff != "" {
				t.Errorf("scope cluster: %s is not allowed by what is for it (-want +got):\n%s", show(r), diff)
			}
			if len(wide.allowing(r)) == 0 {
				t.Errorf("scope actions: %s is refused", show(r))
			}
			for _, but := range a.but {
				changed := but.of(r)
				if by := narrow.allowing(changed); len(by) > 0 {
					t.Errorf("scope cluster: %s, but %s, is allowed by %v", show(r), but.what, by)
				}
				if by := wide.allowing(changed); wide.has(a.sid) && len(by) > 0 {
					t.Errorf("scope actions: %s, but %s, is allowed by %v", show(r), but.what, by)
				}
			}
		}
	}
	for _, left := range append(wide.left(), narrow.left()...) {
		t.Errorf("nothing here asks for %s", left)
	}
}

// TestPoliciesRefuseInEvaluator: nodes without a feature are refused what it needs,
// and all nodes what would make them more than they are.
func TestPoliciesRefuseInEvaluator(t *testing.T) {
	bare := judgeOf(t, ask(policy.Worker))
	for _, a := range ofComponents {
		for r := range a.requests() {
			if by := bare.allowing(r); len(by) > 0 {
				t.Errorf("without features: %s is allowed by %v", show(r), by)
			}
		}
	}
	ownRole := "arn:aws:iam::" + accountID + ":role/prod-1-server"
	for _, a := range []authorization{
		{actions: "iam:PassRole", resource: ownRole, with: facts{"iam:PassedToService": "ec2.amazonaws.com"}},
		{actions: "iam:AttachRolePolicy iam:PutRolePolicy iam:DeleteRolePermissionsBoundary sts:AssumeRole", resource: ownRole},
		{actions: "ec2:AssociateIamInstanceProfile ec2:RunInstances ec2:ModifyInstanceMetadataOptions", resource: ec2ARN + "instance/i-0a", with: own},
		{actions: "ecr:PutImage ecr:SetRepositoryPolicy ecr:DeleteRepository", resource: ecrARN + "team/app"},
		{actions: "ecr:PutRegistryPolicy", resource: "*"},
	} {
		for r := range a.requests() {
			for _, scope := range []policy.Scope{policy.ScopeActions, policy.ScopeCluster} {
				if by := judgeOf(t, everything(scope)).allowing(r); len(by) > 0 {
					t.Errorf("scope %s: %s is allowed by %v", scope, show(r), by)
				}
			}
		}
	}
}

// TestGrantsInEvaluator pulls from an account that is not the nodes' own, where what
// their role is allowed counts only together with what that account grants it.
func TestGrantsInEvaluator(t *testing.T) {
	const (
		theirs = "arn:aws:ecr:" + region + ":210987654321:repository/"
		node   = "arn:aws:sts::" + accountID + ":assumed-role/prod-1-server/i-0a"
		other  = "arn:aws:sts::" + accountID + ":assumed-role/administrator/somebody"
		third  = "arn:aws:sts::999999999999:assumed-role/prod-1-server/i-0a"
	)
	roles := []string{"arn:aws:iam::" + accountID + ":role/prod-1-server"}
	of := func(s policy.Statement) *evaluate.Document {
		return parsed(t, policy.Document{Version: policy.Version, Statements: []policy.Statement{s}})
	}
	told, untold := judgeOf(t, everything(policy.ScopeActions)).policies, judgeOf(t, ask(policy.Worker)).policies
	all := evaluate.Policies{Identity: []*evaluate.Document{
		of(policy.Statement{Effect: policy.Allow, Actions: []string{"*"}, Resources: []string{"*"}}),
	}}
	pull := of(policy.PullGrant("Nodes", roles))
	cache := of(policy.CacheGrant("Nodes", roles, "aws", region, "210987654321", []string{"docker-hub/*"}))
	const pulls, fills = "ecr:BatchGetImage ecr:GetDownloadUrlForLayer", "ecr:BatchImportUpstreamImage ecr:CreateRepository"
	for _, tt := range []struct {
		who      string
		may      evaluate.Policies
		grant    *evaluate.Document
		actions  string
		resource string
		refusing evaluate.Layer // "" if it is allowed
	}{
		{node, told, pull, pulls, theirs + "base/app", ""},
		{node, told, nil, pulls, theirs + "base/app", evaluate.Resource},
		{node, untold, pull, pulls, theirs + "base/app", evaluate.Identity},
		{node, all, pull, "ecr:PutImage ecr:BatchDeleteImage ecr:SetRepositoryPolicy", theirs + "base/app", evaluate.Resource},
		{other, all, pull, pulls, theirs + "base/app", evaluate.Resource},
		{third, all, pull, pulls, theirs + "base/app", evaluate.Resource},

		{node, all, cache, fills, theirs + "docker-hub/library/nginx", ""},
		{node, all, cache, fills, theirs + "base/app", evaluate.Resource},
		{node, all, cache, pulls, theirs + "docker-hub/library/nginx", evaluate.Resource},
		{node, told, cache, fills, theirs + "docker-hub/library/nginx", evaluate.Identity}, // nodes fill caches of their own account
		{other, all, cache, fills, theirs + "docker-hub/library/nginx", evaluate.Resource},
	} {
		p := tt.may
		p.Resource, p.OtherAccount = tt.grant, true
		for action := range strings.FieldsSeq(tt.actions) {
			r := evaluate.Request{Principal: tt.who, Action: action, Resource: tt.resource}
			if d := p.Decide(r); d.Layer != tt.refusing {
				t.Errorf("%s by %s is refused by the layer %q, want %q", show(r), tt.who, d.Layer, tt.refusing)
			}
		}
	}
}

// A judge decides what a group of nodes may do by its policies.
type judge struct {
	policies evaluate.Policies
	unused   map[string]bool // SID ACTION, until that statement has allowed that action
	scope    policy.Scope
}

func judgeOf(t *testing.T, a policy.Ask) *judge {
	t.Helper()
	j := &judge{unused: map[string]bool{}, scope: a.Scope}
	all, err := policy.For(a)
	must(t, err)
	for _, n := range all {
		d := parsed(t, n.Document)
		j.policies.Identity = append(j.policies.Identity, d)
		for _, s := range d.Statements {
			for _, action := range s.Actions {
				j.unused[s.Sid+" "+action] = true
			}
		}
	}
	return j
}

// parsed is a document as the evaluator reads it, which never saw how it was written.
func parsed(t *testing.T, d policy.Document) *evaluate.Document {
	t.Helper()
	e, err := evaluate.Parse(d.String())
	must(t, err)
	return e
}

// allowing are the Sids of the statements that allow a request, none if it is refused.
func (j *judge) allowing(r evaluate.Request) []string {
	d := j.policies.Decide(r)
	if d.Effect != evaluate.Allowed {
		return nil
	}
	var sids []string
	for _, m := range d.Matches {
		sids = append(sids, m.Sid)
		delete(j.unused, m.Sid+" "+r.Action)
	}
	return sids
}

// has says whether there is a statement with this Sid.
func (j *judge) has(sid string) bool {
	return slices.ContainsFunc(j.policies.Identity, func(d *evaluate.Document) bool {
		return slices.ContainsFunc(d.Statements, func(s evaluate.Statement) bool { return s.Sid == sid })
	})
}

// left are the actions of statements that have allowed nothing yet, sorted.
func (j *judge) left() []string {
	var all []string
	for action := range j.unused {
		all = append(all, fmt.Sprintf("scope %s: %s", j.scope, action))
	}
	slices.Sort(all)
	return all
}

// requests are the authorization's, one for each action, as AWS makes them.
func (a authorization) requests() iter.Seq[evaluate.Request] {
	return func(yield func(evaluate.Request) bool) {
		for action := range strings.FieldsSeq(a.actions) {
			r := evaluate.Request{
				Principal: "arn:aws:sts::" + accountID + ":assumed-role/prod-1-server/i-0a",
				Action:    action, Resource: a.resource,
				Context: map[string][]string{
					"aws:PrincipalAccount": {accountID},
					"aws:PrincipalArn":     {"arn:aws:iam::" + accountID + ":role/prod-1-server"},
					"aws:RequestedRegion":  {region},
					"aws:SecureTransport":  {"true"},
				},
			}
			for key, value := range a.with {
				r.Context[key] = []string{value}
			}
			if !yield(r) {
				return
			}
		}
	}
}

// of is the request with the change.
func (c change) of(r evaluate.Request) evaluate.Request {
	if c.action != "" {
		r.Action = c.action
	}
	if c.resource != "" {
		r.Resource = c.resource
	}
	r.Context = maps.Clone(r.Context)
	for key, value := range c.with {
		if value == "" {
			delete(r.Context, key)
			continue
		}
		r.Context[key] = []string{value}
	}
	return r
}

// show is a request with the keys that policies are about.
func show(r evaluate.Request) string {
	var with []string
	for _, key := range slices.Sorted(maps.Keys(r.Context)) {
		if !strings.HasPrefix(key, "aws:Principal") && key != "aws:RequestedRegion" && key != "aws:SecureTransport" {
			with = append(with, key+"="+strings.Join(r.Context[key], ","))
		}
	}
	return fmt.Sprintf("%s on %s with %v", r.Action, r.Resource, with)
}
