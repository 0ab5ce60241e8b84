package account

import (
	"context"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// An Outcome is everything that a plan for an account says.
type Outcome struct {
	Key    string `json:"key"`    // account/region/cluster
	Caller string `json:"caller"` // ARN of who asked
	plan.Plan
	Choices   Choices      `json:"choices"`
	Preflight []Permission `json:"preflight,omitempty"`
	// Profiles are the names of the groups' instance profiles, which is what
	// Rancher's node template asks for (not the ARN), by group.
	Profiles map[string]string `json:"profiles,omitempty"`
	// ByHand is what is left for people: in this account, where we must not, and in
	// others, where we cannot.
	ByHand []Task `json:"byHand,omitempty"`
}

// A Task is something that only people can do.
type Task struct {
	Title string `json:"title"` // what, and why it is not done for them
	Where string `json:"where"` // account, cluster or group
	Text  string `json:"text"`  // what to run or to put there, as it is
}

// Options of a plan.
type Options struct {
	// ReplaceProfiles allows to give an instance that has another profile ours.
	ReplaceProfiles bool
	// SkipPreflight leaves the simulation and dry runs out.
	SkipPreflight bool
	// Made are the objects that earlier runs have created, by the journal: what the
	// file no longer asks for is told from them.
	Made []plan.Object
	// FromNothing compares with an account in which nothing of the file is there yet,
	// but for the instances, groups and subnets that it names.
	FromNothing bool
}

// Plan reads the account and compares it with the file. Nothing is changed.
func (a *Account) Plan(ctx context.Context, o Options) (*Outcome, error) {
	w, err := a.read(ctx)
	if err != nil {
		return nil, err
	}
	if o.FromNothing {
		a.clear(w)
	}
	out := a.compare(w, o)
	if !o.SkipPreflight {
		out.Preflight = a.preflight(ctx, out.Changes, w)
		out.Findings = append(out.Findings, denials(out.Preflight)...)
	}
	out.Findings = append(out.Findings, a.abandoned(w, o, out.Changes)...)
	return out, nil
}

// abandoned are the objects that earlier runs have made and the file does not ask for
// any more. They are not deleted in passing: something may have come to need them.
func (a *Account) abandoned(w *world, o Options, changes []plan.Change) []plan.Finding {
	if len(o.Made) == 0 {
		return nil
	}
	a.clear(w)
	wanted := map[plan.Object]bool{}
	for _, c := range append(a.compare(w, o).Changes, changes...) {
		wanted[c.Object] = true
	}
	var d draft
	for _, object := range o.Made {
		if !wanted[object] {
			d.find("not-in-file", plan.Note, object, "destroy takes it back, with all the rest; or delete it by hand",
				"an earlier run has made it, and the file does not ask for it any more")
		}
	}
	return d.findings
}

// compare makes the plan of what is and what shall be. It asks nobody.
func (a *Account) compare(w *world, o Options) *Outcome {
	d := &draft{}
	a.planIAM(d, w.groups, w.iam)
	a.planAssociations(d, w, o)
	a.planTags(d, w)
	a.planGroupTags(d, w)
	a.planEKS(d, w)
	a.planECR(d, w)
	a.checkScope(d, w)
	out := &Outcome{
		Key: Key(a.file), Caller: a.caller,
		Plan:     plan.Plan{Changes: d.changes, Findings: d.findings},
		ByHand:   d.byHand,
		Profiles: map[string]string{},
	}
	for _, g := range w.groups {
		out.Profiles[g.Name] = g.InstanceProfile
	}
	a.checkTags(out, w)
	return out
}
