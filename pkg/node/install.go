package node

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// Install makes the changes of the plan. The program comes first, and is run once in
// its place, as the kubelet would, before anything tells a kubelet about it: if that
// fails, it is taken back, and nothing has changed. Observe is told of every change.
func (n *Node) Install(ctx context.Context, j *plan.Journal, o *Outcome, observe func(plan.Event)) error {
	program, rest := o.program, o.Changes[len(o.program):]
	options := plan.Options{Observe: observe}
	if err := plan.Apply(ctx, n.tree, program, j, options); err != nil {
		return stopped(err)
	}
	if n.canRun(o.try.plugin) {
		if err := n.trial(ctx, o.try); err != nil {
			// Not the caller's context: whoever interrupts this wants nothing left.
			back := plan.Apply(context.WithoutCancel(ctx), n.tree, inverse(program), j, plan.Options{})
			return errors.Join(err, back)
		}
	}
	if err := plan.Apply(ctx, n.tree, rest, j, options); err != nil {
		return stopped(err)
	}
	return n.prune(j)
}

// stopped adds what to do after a change that could not be made.
func stopped(err error) error {
	return hint.Wrap(err, "what was done before it is in the journal, and a kubelet starts with it: run it again, or take it back with uninstall")
}

// inverse takes changes back, the last first.
func inverse(changes []plan.Change) []plan.Change {
	var back []plan.Change
	for _, c := range slices.Backward(changes) {
		back = append(back, c.Inverse())
	}
	return back
}

// canRun says whether this machine can run the node's program.
func (n *Node) canRun(plugin string) bool {
	real, err := n.tree.Follow(plugin)
	if err != nil {
		return false
	}
	f, err := elf.Open(real)
	if err != nil {
		return false
	}
	defer f.Close()
	return runtime.GOOS == "linux" && f.Machine == map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[runtime.GOARCH]
}

func (n *Node) trial(ctx context.Context, t *trial) error {
	real, err := n.tree.Follow(t.plugin)
	if err != nil {
		return fmt.Errorf("trying the plugin: %w", err)
	}
	return t.run(ctx, real)
}

// prune drops what was kept for taking back and is no longer needed for that.
func (n *Node) prune(j *plan.Journal) error {
	var before []string
	for _, c := range j.Net() {
		before = append(before, c.Before)
	}
	return n.tree.Prune(before)
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
