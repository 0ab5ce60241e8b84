package plan

import (
	"context"
	"slices"
	"time"
)

// Settle gives every intent that has no result one, by looking at the objects: done,
// if they are as intended and not created by a run that is not the journal's; undone,
// if they are as before; else somebody else's. It comes before a plan is made.
func Settle(ctx context.Context, t Target, j *Journal, now func() time.Time) error {
	var objects []Object
	for _, e := range j.entries {
		if e.result == "" {
			for _, c := range e.changes {
				objects = append(objects, c.Object)
			}
		}
	}
	if len(objects) == 0 {
		return nil
	}
	present, err := t.Read(ctx, objects)
	if err != nil {
		return err
	}
	runs := j.Runs()
	for n, e := range j.entries {
		if e.result != "" {
			continue
		}
		// One call made the batch, all of it or nothing.
		results := map[Result]bool{}
		for _, c := range e.changes {
			results[found(c, present[c.Object], runs)] = true
		}
		result := Foreign
		switch {
		case results[Done]:
			result = Done
		case results[Undone]:
			result = Undone
		}
		if err := j.settle(now(), n, result); err != nil {
			return err
		}
	}
	return nil
}

func found(c Change, p Present, runs Runs) Result {
	switch {
	case c.Before == "" && p.Run != "":
		if runs.Include(p.Run) {
			return Done
		}
		return Foreign
	case p.State == c.After:
		return Done
	case p.State == c.Before:
		return Undone
	}
	return Foreign
}

// A Rest is something that was changed and will not be taken back.
type Rest struct {
	Change Change `json:"change"` // as the journal has it
	Now    string `json:"now"`    // the state that was found instead
	Why    string `json:"why"`
}

// Undo returns the changes that take back what the journal says was done, given the
// objects of j.Net as they are now, and what is left alone. Kinds are in the order in
// which objects are created, and taken back from its end. What we created is deleted, as
// long as it is still what we created: it carries a run of the journal, or is in the
// state that we gave it. What we changed gets its old state back if it is still in ours.
func Undo(j *Journal, present map[Object]Present, kinds []string) (changes []Change, rest []Rest) {
	runs := j.Runs()
	for _, c := range slices.Backward(j.Net()) {
		p := present[c.Object]
		ours := p.State == c.After || c.Before == "" && runs.Include(p.Run)
		switch {
		case p.State == c.Before:
			// Somebody has taken it back already.
		case ours:
			back := c.Inverse()
			back.Before, back.Why = p.State, "takes back what we did"
			changes = append(changes, back)
		case p.State == "":
			rest = append(rest, Rest{c, p.State, "somebody else has deleted it"})
		default:
			rest = append(rest, Rest{c, p.State, "somebody else has changed it since"})
		}
	}
	slices.SortStableFunc(changes, func(a, b Change) int {
		return slices.Index(kinds, b.Kind) - slices.Index(kinds, a.Kind)
	})
	return changes, rest
}
