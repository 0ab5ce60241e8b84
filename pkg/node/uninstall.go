package node

import (
	"context"
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
	// ByHand is what the operator has to do, whose flags wire the kubelet: "" if nothing.
	ByHand string `json:"byHand,omitempty"`
	Supervision
}

// Removal plans to take back what the journal says was done.
func (n *Node) Removal(ctx context.Context, j *plan.Journal) (*Removal, error) {
	r := &Removal{Unwire: []plan.Change{}, Rest: []plan.Change{}}
	r.Supervision = n.supervision(j)
	net := j.Net()
	var objects []plan.Object
	for _, c := range net {
		objects = append(objects, c.Object)
	}
	present, err := n.tree.Read(ctx, objects)
	if err != nil {
		return nil, err
	}
	changes, left := plan.Undo(j, present, nil)
	changes, r.Left = n.takeOut(j, changes, left)

	wiring := wiringKind(j)
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

// wiringKind is the kind of the objects by which a kubelet that starts learns of us: its
// flags; or its config, where the kubelet looks there anyway; or none, where the
// operator gives it the flags.
func wiringKind(j *plan.Journal) string {
	kind := ""
	for _, o := range j.Objects() {
		switch {
		case o.Kind == kindFlags:
			return kindFlags
		case o.Kind == kindConfig && (o.Name == rancherConfig || existed(j, o)):
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
	var stay []plan.Rest
	for _, l := range left {
		c, why := n.fragment(j, l.Change, l.Now)
		switch {
		case why != "":
			l.Why = why
			stay = append(stay, l)
		case c.Before != c.After:
			changes = append(changes, c)
		}
	}
	for i, c := range changes {
		if c.After != "" && c.After != j.History(c.Object)[0].Before {
			if without, why := n.fragment(j, c.Inverse(), c.Before); why == "" {
				changes[i] = without
			}
		}
	}
	return changes, stay
}

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
		if without, err = providerconfig.TakeOut(text, wrote, before); err != nil {
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
	back := plan.Change{Object: ours.Object, Why: "takes out our part, and leaves what others have written", Before: now}
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

// supervision is what runs the kubelet here, and the init system, as far as they are
// known: of the distribution of which there are traces, and in whose place the config
// is that we installed.
func (n *Node) supervision(j *plan.Journal) Supervision {
	installed := map[string]bool{}
	for _, o := range j.Objects() {
		installed[o.Name] = o.Kind == kindConfig
	}
	for _, d := range distributions {
		p := newPlanner(n, Options{})
		if len(d.evidence(n.tree)) > 0 && d.place(p) == nil && installed[p.out.Config] {
			return p.out.Supervision
		}
	}
	return Supervision{Init: initSystem(n.tree)}
}

// Needs are the kubelets of the node that have read our config when they started, and
// still run our program for pulls. A root whose processes can be seen in its /proc runs,
// be it mounted somewhere else.
func (n *Node) Needs(j *plan.Journal) ([]kubelet.Process, error) {
	if !n.tree.Exists("/proc/uptime") {
		return nil, nil
	}
	all, err := kubelet.Proc{Path: n.tree.Path("/proc")}.Running()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(p kubelet.Process) bool { return !needs(j, p) }), nil
}

// needs says whether that kubelet has read our config. Its arguments tell, where they
// are to be seen and the config was made by us; else it has if it started while it was
// wired.
func needs(j *plan.Journal, p kubelet.Process) bool {
	named, _ := kubelet.Flags(p.Args)
	for _, o := range j.Objects() {
		if o.Kind != kindConfig {
			continue
		}
		if named != "" && named != o.Name && path.Dir(o.Name) != named {
			continue
		}
		if named != "" && !existed(j, o) {
			return true
		}
		from, to := wired(j)
		return (named != "" || wiringKind(j) == kindConfig) &&
			!from.IsZero() && !p.Started.Before(from) && (to.IsZero() || !p.Started.After(to))
	}
	return false
}

// wired is when a kubelet that started would have found us: zero times if never, and if
// it still would.
func wired(j *plan.Journal) (from, to time.Time) {
	kind := wiringKind(j)
	for _, o := range j.Objects() {
		if o.Kind != kind {
			continue
		}
		steps := j.History(o)
		for _, s := range steps {
			switch restored := s.After == steps[0].Before || s.Why == "takes out our part, and leaves what others have written"; {
			case restored:
				to = s.At
			case from.IsZero() || !to.IsZero():
				from, to = s.At, time.Time{}
			}
		}
	}
	return from, to
}

// Apply makes changes of a removal.
func (n *Node) Apply(ctx context.Context, j *plan.Journal, changes []plan.Change, observe func(plan.Event)) error {
	return plan.Apply(ctx, n.tree, changes, j, plan.Options{Observe: observe})
}

// Finish ends the use of a journal. If nothing is left of us, it goes, with what was
// kept, and on a running system with the tokens.
func (n *Node) Finish(ctx context.Context, j *plan.Journal) error {
	nothing := len(j.Net()) == 0
	if err := j.Close(); err != nil {
		return fmt.Errorf("closing the journal: %w", err)
	}
	if !nothing {
		return nil
	}
	if n.Live() {
		if err := os.RemoveAll(cacheDir); err != nil {
			return fmt.Errorf("removing the tokens: %w", err)
		}
	}
	return n.Forget()
}
