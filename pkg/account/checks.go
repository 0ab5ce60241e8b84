package account

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/clusterid"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// Choices are what the cloud controller and the load balancer controller take, now
// and once the plan is applied.
type Choices struct {
	Before clusterid.Choices `json:"before"`
	After  clusterid.Choices `json:"after"`
}

// Text writes the choices for people: once, if the plan does not change them.
func (c Choices) Text(w io.Writer) {
	before, after := c.Before.String(), c.After.String()
	switch {
	case before == "" && after == "":
	case before == after:
		fmt.Fprintf(w, "\nwhat the controllers choose, before and after:\n%s", after)
	default:
		fmt.Fprintf(w, "\nwhat the controllers choose now:\n%s\nwhat they choose afterwards:\n%s", before, after)
	}
}

// checkTags asks what the controllers object to, and what they choose, in the world
// as it is and as the plan makes it. An objection blocks the plan only if the plan is
// what causes it, or if AWS would refuse a change of it for that: what was wrong
// before must not keep the rest from being mended.
func (a *Account) checkTags(out *Outcome, w *world) {
	if w.net.tags.VPC.ID == "" {
		return
	}
	before := w.net.tags
	after, err := before.With(tagChanges(out.Changes))
	if err != nil {
		out.Findings = append(out.Findings, plan.Finding{Code: "tag-world", Level: plan.Blocks, Object: "tags", Detail: err.Error()})
		return
	}
	out.Choices = Choices{clusterid.Choose(before), clusterid.Choose(after)}
	old := clusterid.Check(before)
	for _, f := range clusterid.Check(after) {
		level := map[clusterid.Level]plan.Level{clusterid.Error: plan.Warning, clusterid.Warning: plan.Warning, clusterid.Note: plan.Note}[f.Level]
		known := slices.ContainsFunc(old, func(o clusterid.Finding) bool { return o.Code == f.Code && o.Object == f.Object })
		if f.Level == clusterid.Error && !known {
			level = plan.Blocks
		}
		out.Findings = append(out.Findings, plan.Finding{Code: f.Code, Level: level, Object: f.Object, Detail: f.Detail, Fix: f.Fix})
	}
}

// checkScope refuses conditions on the cluster's tag as long as something that they
// would keep the components from does not carry it.
func (a *Account) checkScope(d *draft, w *world) {
	for _, g := range w.groups {
		if g.Scope != config.ScopeCluster || g.IAM == config.Ignore {
			continue
		}
		required, err := policy.ScopeRequires(a.ask(g.NodeGroup))
		if err != nil {
			d.find("scope-cluster", plan.Blocks, plan.Object{Kind: kindRole, Name: g.Role}, "", "%v", err)
			continue
		}
		for _, r := range required {
			for _, id := range a.untagged(w, r.Kind) {
				d.find("scope-cluster", plan.Blocks, plan.Object{Kind: kindTag, Name: clusterid.Key(a.file.Cluster), Of: id},
					"apply once with scope: actions, which tags what the file names; then set scope: cluster",
					"scope: cluster lets nodes of group %s do %s only to a %s that carries the tag, and %s does not",
					g.Name, strings.Join(r.Actions, ", "), r.Kind, id)
			}
		}
	}
}

// untagged are the resources of a kind that the cluster's components touch and that
// do not carry its tag: its instances, the security groups on them, and the route
// tables of its subnets.
func (a *Account) untagged(w *world, kind string) []string {
	key := clusterid.Key(a.file.Cluster)
	need := map[string]bool{}
	net := &w.net
	switch kind {
	case "instance":
		for _, in := range net.tags.Instances {
			need[in.ID] = true
		}
	case "security-group":
		if g := a.file.Network.SecurityGroup; g != nil {
			need[g.ID] = true
		}
	case "route-table":
		for _, t := range a.file.Network.RouteTables {
			need[t.ID] = true
		}
	}
	var all []string
	for _, id := range sorted(need) {
		if _, ok := net.tagsOf(id)[key]; !ok {
			all = append(all, id)
		}
	}
	return all
}
