package node

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// Install makes the changes of the plan. The program comes first, and is run once in
// its place, as the kubelet would, before anything tells a kubelet about it. If that or
// a change fails, all is taken back, and nothing has changed; after an interruption what
// was done stays, for the next run to go on. Observe is told of every change.
func (n *Node) Install(ctx context.Context, j *plan.Journal, o *Outcome, observe func(plan.Event)) error {
	if err := n.asPlanned(ctx, o.Changes); err != nil {
		return err
	}
	err := n.install(ctx, j, o, observe)
	if err == nil || ctx.Err() != nil {
		return err
	}
	if back := n.rollBack(context.WithoutCancel(ctx), j, o.Changes); back != nil {
		return hint.Wrap(fmt.Errorf("%w; nor could all of it be taken back: %w", err, back),
			"a kubelet starts with it as it is, and it is in the journal: run it again, or take it back with uninstall")
	}
	return err
}

func (n *Node) install(ctx context.Context, j *plan.Journal, o *Outcome, observe func(plan.Event)) error {
	program, rest := o.program, o.Changes[len(o.program):]
	options := plan.Options{Observe: observe}
	if err := plan.Apply(ctx, n.tree, program, j, options); err != nil {
		return err
	}
	if n.canRun(o.try.plugin) {
		if err := n.trial(ctx, o.try); err != nil {
			return err
		}
	}
	if err := plan.Apply(ctx, n.tree, rest, j, options); err != nil {
		return err
	}
	return n.prune(j)
}

// asPlanned is an error if an object is not what it was when the changes were planned.
// The journal was not locked then, and what another run has made since must not be taken
// for this one's and taken back.
func (n *Node) asPlanned(ctx context.Context, changes []plan.Change) error {
	present, err := n.tree.Read(ctx, objects(changes))
	if err != nil {
		return err
	}
	for _, c := range changes {
		if present[c.Object].State != c.Before {
			return hint.Wrap(fmt.Errorf("%s: somebody has changed it since this was planned", c.Object), "run it again")
		}
	}
	return nil
}

// rollBack takes back what of the changes was made, the last first. On a full disk the
// journal cannot be written to; then it is done all the same, and the next run settles
// the journal by looking.
func (n *Node) rollBack(ctx context.Context, j *plan.Journal, changes []plan.Change) error {
	// What is taken back in the journal must have been done in it.
	journalled := plan.Settle(ctx, n.tree, j, time.Now) == nil
	for _, c := range slices.Backward(changes) {
		present, err := n.tree.Read(ctx, []plan.Object{c.Object})
		if err != nil {
			return err
		}
		if present[c.Object].State != c.After {
			continue
		}
		back := []plan.Change{c.Inverse()}
		if journalled {
			err = plan.Apply(ctx, n.tree, back, j, plan.Options{})
			journalled = err == nil || errors.Is(err, plan.ErrInUse)
		}
		if !journalled {
			err = n.tree.Write(ctx, plan.Runs{}, back)
		}
		// A directory that others have put something into meanwhile is theirs, too.
		if err != nil && !errors.Is(err, plan.ErrInUse) {
			return err
		}
	}
	return n.tree.Sweep(objects(changes))
}

func objects(changes []plan.Change) []plan.Object {
	var all []plan.Object
	for _, c := range changes {
		all = append(all, c.Object)
	}
	return all
}

// canRun says whether this machine can run the node's program.
func (n *Node) canRun(plugin string) bool {
	f, err := n.tree.File(plugin)
	if err != nil {
		return false
	}
	defer f.Close()
	program, err := elf.NewFile(f)
	return err == nil && runtime.GOOS == "linux" && program.Machine == machines[runtime.GOARCH]
}

func (n *Node) trial(ctx context.Context, t *trial) error {
	f, err := n.tree.File(t.plugin)
	if err != nil {
		return fmt.Errorf("trying the plugin: %w", err)
	}
	defer f.Close()
	return t.run(ctx, f)
}

// prune drops what was kept for taking back and is no longer needed for that.
func (n *Node) prune(j *plan.Journal) error {
	var before []string
	for _, c := range j.Net() {
		before = append(before, c.Before)
	}
	return n.tree.Prune(before)
}
