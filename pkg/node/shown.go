package node

import (
	"slices"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/tree"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// Shown is the outcome as it may be printed. Output ends up in the logs of whoever builds
// an image: of the text of a file that not everybody may read, which may have the password
// of a proxy beside the kubelet's arguments, only the lines that change are in it.
func (o Outcome) Shown() Outcome {
	o.Changes = shown(o.Changes)
	return o
}

// Shown is the removal as it may be printed, as an outcome is.
func (r Removal) Shown() Removal {
	r.Unwire, r.Rest, r.Left = shown(r.Unwire), shown(r.Rest), slices.Clone(r.Left)
	for i, l := range r.Left {
		now := tree.Shown(plan.Change{Object: l.Change.Object, Before: l.Change.After, After: l.Now})
		r.Left[i].Change, r.Left[i].Now = tree.Shown(l.Change), now.After
	}
	return r
}

func shown(changes []plan.Change) []plan.Change {
	all := slices.Clone(changes)
	for i, c := range all {
		all[i] = tree.Shown(c)
	}
	return all
}
