package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/kubelet"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/providerconfig"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/tree"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// A Removal is what takes an install back.
type Removal struct {
	// Unwire are the changes after which no kubelet that starts knows us.
	Unwire []plan.Change `json:"unwire"`
	// Rest are the others: what a kubelet that has started before still needs.
	Rest []plan.Change `json:"rest"`
	// Left is what cannot be taken back, because somebody else has changed it.
	Left []plan.Rest `json:"left,omitempty"`
	// Shared are directories of ours that stay, for others have files in them.
	Shared []string `json:"shared,omitempty"`
	// AtBoot says that the kubelet is told of us until the node boots, whatever is unwired:
	// the rest has to wait for that.
	AtBoot bool `json:"atBoot,omitempty"`
	// ByHand is what the operator has to do, whose flags wire the kubelet: "" if nothing.
	ByHand string `json:"byHand,omitempty"`
	Supervision
}

// Removal plans to take back what the journal says was done.
func (n *Node) Removal(ctx context.Context, j *plan.Journal) (*Removal, error) {
	r := &Removal{Unwire: []plan.Change{}, Rest: []plan.Change{}}
	r.Supervision = n.supervision(j)
	touched := objects(j.Net())
	present, err := n.tree.Read(ctx, touched)
	if err != nil {
		return nil, err
	}
	changes, left := plan.Undo(j, present, nil)
	changes, r.Left = n.takeOut(j, changes, left)
	place := func(c plan.Change) int { return slices.Index(touched, c.Object) }
	slices.SortStableFunc(changes, func(a, b plan.Change) int { return place(b) - place(a) })
	if changes, err = n.withoutShared(r, changes); err != nil {
		return nil, err
	}

	if r.AtBoot, err = n.toldUntilBoot(touched); err != nil {
		return nil, err
	}
	wiring := n.wiringKind(j)
	stays := slices.ContainsFunc(r.Left, func(l plan.Rest) bool { return l.Change.Kind == wiring && l.Now != "" })
	for _, c := range changes {
		if wiring == "" && c.Kind == kindConfig {
			r.ByHand = "take the flag " + configFlag + "=" + c.Name + ", and that of the bin dir, away from the kubelet before it starts again: it does not start without the file"
		}
		switch {
		case c.Kind == wiring || c.Kind == kindUnit || c.Kind == tree.Link:
			r.Unwire = append(r.Unwire, c)
		case stays:
			r.Left = append(r.Left, plan.Rest{Change: c.Inverse(), Now: c.Before, Why: "what still names it cannot be taken out"})
		default:
			r.Rest = append(r.Rest, c)
		}
	}
	return r, nil
}

// toldUntilBoot says whether nodeadm has written flags that name one of the objects: it
// writes them anew when the node boots, and not before.
func (n *Node) toldUntilBoot(all []plan.Object) (bool, error) {
	text, err := n.tree.ReadLinked(nodeadmFlags)
	if err != nil {
		return false, err
	}
	named, _ := kubelet.Flags(words(readEnvironment(text)["NODEADM_KUBELET_ARGS"]))
	return slices.ContainsFunc(all, func(o plan.Object) bool { return o.Kind == kindConfig && o.Name == named }), nil
}

// withoutShared are the changes but for directories that will not be empty after them:
// they were made by us, and are others' now.
func (n *Node) withoutShared(r *Removal, changes []plan.Change) ([]plan.Change, error) {
	going := map[string]bool{}
	var all []plan.Change
	for _, c := range changes {
		if c.Kind == tree.Directory {
			names, err := n.tree.Entries(c.Name)
			if err != nil {
				return nil, err
			}
			if slices.ContainsFunc(names, func(name string) bool { return !going[path.Join(c.Name, name)] }) {
				r.Shared = append(r.Shared, c.Name)
				continue
			}
		}
		going[c.Name] = c.After == ""
		all = append(all, c)
	}
	return all, nil
}

// wiringKind is the kind of the objects by which a kubelet that starts learns of us: its
// flags; or its config, where the kubelet or k3s looks there anyway; or none, where the
// operator gives it the flags.
func (n *Node) wiringKind(j *plan.Journal) string {
	kind := ""
	p := n.installed(j)
	looks := p != nil && p.looks
	for _, o := range j.Objects() {
		switch {
		case o.Kind == kindFlags:
			return kindFlags
		case o.Kind == kindConfig && (o.Name == rancherConfig || looks || existed(j, o)):
			kind = kindConfig
		}
	}
	return kind
}

// existed says whether there was such an object before us.
func existed(j *plan.Journal, o plan.Object) bool {
	steps := j.History(o)
	return len(steps) > 0 && steps[0].Before != ""
}

// takeOut does what can be done about files that are not as we left them: our part of
// them goes, and what others wrote stays. That is so too where we have written into such
// a file a second time, for what we would restore has our part then.
func (n *Node) takeOut(j *plan.Journal, changes []plan.Change, left []plan.Rest) ([]plan.Change, []plan.Rest) {
	for i, c := range changes {
		steps := j.History(c.Object)
		if unbroken(steps) {
			continue
		}
		if c.Kind == kindUnit && steps[0].Before == "" {
			changes[i].After = "" // what was there was ours, and somebody's edit of it is gone
		} else if without, why := n.fragment(j, c.Inverse(), c.Before); why == "" {
			changes[i] = without
		}
	}
	var stay []plan.Rest
	for _, l := range left {
		c, why := n.fragment(j, l.Change, l.Now)
		switch {
		case why != "":
			l.Why = why
			stay = append(stay, l)
		default:
			changes = append(changes, c)
		}
	}
	return slices.DeleteFunc(changes, func(c plan.Change) bool { return c.Before == c.After }), stay
}

// unbroken says whether nobody else has changed an object between our changes, but for
// making it again what it was before us.
func unbroken(steps []plan.Step) bool {
	for i, s := range steps[1:] {
		if s.Before != steps[i].After && s.Before != steps[0].Before {
			return false
		}
	}
	return true
}

// takesOut is why a file changes that others have written to. wired knows it by that.
const takesOut = "takes out our part, and leaves what others have written"

// fragment is the change that takes our part out of a file that is now so, or why there
// is none.
func (n *Node) fragment(j *plan.Journal, ours plan.Change, now string) (plan.Change, string) {
	const changed = "somebody else has changed it since"
	origin := j.History(ours.Object)[0].Before
	text, isText := tree.Text(now)
	if now == "" {
		return plan.Change{}, "somebody else has deleted it"
	}
	if !isText {
		return plan.Change{}, changed
	}
	before, _ := tree.Text(origin)
	wrote, _ := tree.Text(ours.After)
	var without string
	switch {
	case ours.Kind == kindConfig:
		var err error
		// The newline is for TakeOut not to find all of it ours: in what we wrote last there
		// may be what others wrote before.
		if without, err = providerconfig.TakeOut(text, wrote+"\n", before); err != nil {
			return plan.Change{}, changed + ": " + err.Error()
		}
	case ours.Kind == kindFlags && ours.Name != nodeConfig:
		var err error
		if without, err = withoutArguments(text, extraArgs, wiringFlags(wrote), before); err != nil {
			return plan.Change{}, changed + ": " + err.Error()
		}
	default:
		return plan.Change{}, changed
	}
	back := plan.Change{Object: ours.Object, Why: takesOut, Before: now}
	if without != "" || origin != "" {
		back.After = tree.WithText(now, without)
	}
	return back, ""
}

// wiringFlags are the flags that wire a kubelet, as we wrote them into a file of
// environment.
func wiringFlags(text string) []string {
	var flags []string
	for _, arg := range words(readEnvironment(text)[extraArgs]) {
		if strings.HasPrefix(arg, configFlag+"=") || strings.HasPrefix(arg, binDirFlag+"=") {
			flags = append(flags, arg)
		}
	}
	return flags
}

// supervision is what runs the kubelet here, and the init system, as far as they are known.
func (n *Node) supervision(j *plan.Journal) Supervision {
	if p := n.installed(j); p != nil {
		return p.out.Supervision
	}
	return Supervision{Init: initSystem(n.tree)}
}

// installed is what is known of the distribution of which there are traces, and in whose
// place the config is that we installed: nil if there is none.
func (n *Node) installed(j *plan.Journal) *planner {
	installed := map[string]bool{}
	for _, o := range j.Objects() {
		installed[o.Name] = o.Kind == kindConfig
	}
	for _, d := range distributions {
		p := newPlanner(n, Options{})
		if len(d.evidence(n.tree)) > 0 && d.place(p) == nil && installed[p.out.Config] {
			return p
		}
	}
	return nil
}

// Needs are the kubelets of the node that have read our config when they started, and
// still run our program for pulls. A root whose processes can be seen in its /proc runs,
// be it mounted somewhere else.
func (n *Node) Needs(ctx context.Context, j *plan.Journal) ([]kubelet.Process, error) {
	if !n.tree.Exists("/proc/uptime") {
		return nil, nil
	}
	all, err := kubelet.Proc{Path: n.tree.Path("/proc")}.Running()
	if err != nil {
		return nil, err
	}
	spans, err := n.wired(ctx, j)
	if err != nil {
		return nil, err
	}
	for i, s := range spans {
		if s.from.After(time.Now()) { // the clock was set back since: it may have been long ago
			spans[i].from = time.Time{}
		}
	}
	configWires := n.wiringKind(j) == kindConfig
	return slices.DeleteFunc(all, func(p kubelet.Process) bool { return !needs(j, spans, configWires, p) }), nil
}

// needs says whether that kubelet has read our config. Its arguments tell, where they
// are to be seen and the config was made by us; else it has if it started while it was
// wired.
func needs(j *plan.Journal, wired []span, configWires bool, p kubelet.Process) bool {
	named, _ := kubelet.Flags(p.Args)
	for _, o := range j.Objects() {
		if o.Kind != kindConfig || named != "" && named != o.Name && path.Dir(o.Name) != path.Clean(named) {
			continue
		}
		if named != "" && !existed(j, o) {
			return true
		}
		started := slices.ContainsFunc(wired, func(s span) bool { return s.has(p.Started) })
		if started && (named != "" || configWires) {
			return true
		}
	}
	return false
}

// A span is when a kubelet that started found us: from its first instant to its last, or
// until now if that is zero.
type span struct{ from, to time.Time }

func (s span) has(at time.Time) bool {
	return !at.Before(s.from) && (s.to.IsZero() || !at.After(s.to))
}

// wired are the spans in which a kubelet that started would have found us. Where somebody
// else has taken out what wired it, the last change of that file ends one.
func (n *Node) wired(ctx context.Context, j *plan.Journal) ([]span, error) {
	var spans []span
	kind := n.wiringKind(j)
	for _, o := range j.Objects() {
		if o.Kind != kind {
			continue
		}
		var now span
		steps := j.History(o)
		for _, s := range steps {
			switch restored := s.After == steps[0].Before || s.Why == takesOut; {
			case restored && !now.from.IsZero():
				spans = append(spans, span{now.from, s.At})
				now = span{}
			case !restored && now.from.IsZero():
				now.from = s.Meant
			}
		}
		if now.from.IsZero() {
			continue
		}
		gone, err := n.gone(ctx, j, steps[len(steps)-1].Change)
		if err != nil {
			return nil, err
		}
		if gone {
			if now.to, err = n.tree.Changed(o.Name); err != nil {
				return nil, fmt.Errorf("reading when %s changed: %w", o, err)
			}
		}
		spans = append(spans, now)
	}
	return spans, nil
}

// gone says whether nothing of ours is in an object any more: it is not there, or what
// would be taken out of it is nothing.
func (n *Node) gone(ctx context.Context, j *plan.Journal, last plan.Change) (bool, error) {
	present, err := n.tree.Read(ctx, []plan.Object{last.Object})
	if err != nil {
		return false, err
	}
	now := present[last.Object].State
	if now == "" {
		return true, nil
	}
	c, why := n.fragment(j, last, now)
	return why == "" && c.Before == c.After, nil
}

// Apply makes changes of a removal.
func (n *Node) Apply(ctx context.Context, j *plan.Journal, changes []plan.Change, observe func(plan.Event)) error {
	return plan.Apply(ctx, n.tree, changes, j, plan.Options{Observe: observe})
}

// Finish ends the use of a journal. If nothing is left of us, it goes, with what was
// kept, and on a running system with the tokens.
func (n *Node) Finish(ctx context.Context, j *plan.Journal) error {
	err := n.finish(ctx, j)
	if closing := j.Close(); closing != nil {
		err = errors.Join(err, fmt.Errorf("closing the journal: %w", closing))
	}
	return err
}

func (n *Node) finish(ctx context.Context, j *plan.Journal) error {
	// What could not be written down, on a full disk, must not be taken for undone.
	if err := plan.Settle(ctx, n.tree, j, time.Now); err != nil {
		return err
	}
	r, err := n.Removal(ctx, j)
	if err != nil {
		return err
	}
	if len(r.Unwire)+len(r.Rest)+len(r.Left) > 0 {
		return n.prune(j)
	}
	if n.Live() {
		if err := os.RemoveAll(CacheDir); err != nil {
			return fmt.Errorf("removing the tokens: %w", err)
		}
	}
	return n.forget()
}
