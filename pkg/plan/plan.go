// Package plan is a difference: shown, made, and taken back.
//
// Whatever is changed is an object whose state is a text: a role's trust policy, the
// value of a tag, a file. No text is no object. A change takes one object from one
// state to another, so it is data: it can be printed, compared with the plan of
// another day, written into a journal, and its inverse is the change with the two
// states exchanged. Who can read and write the objects is a [Target]; the package
// knows neither AWS nor files.
//
// [Apply] makes changes and keeps a [Journal]: what is about to be done, on disk
// before it is done, and what came of it. [Settle] makes an interrupted run's journal
// true again, and [Undo] says from it what must be done to take everything back.
package plan

import (
	"context"
	"errors"
	"slices"
)

// An Object is one thing that has a state.
type Object struct {
	Kind string `json:"kind"`         // what it is, in words: "inline policy", "ec2 tag"
	Name string `json:"name"`         // which one, among its kind and owner
	Of   string `json:"of,omitempty"` // what it belongs to: a role, an instance; "" if nothing
}

// String is the object in words.
func (o Object) String() string {
	if o.Of == "" {
		return o.Kind + " " + o.Name
	}
	return o.Kind + " " + o.Name + " of " + o.Of
}

// A Verb is what a change does to its object.
type Verb string

const (
	Create Verb = "create" // there was none
	Update Verb = "change"
	Delete Verb = "delete" // there is none after it
)

// A Change takes an object from one state to another. States are canonical: two that
// mean the same are the same text.
type Change struct {
	Object
	Why    string `json:"why"`              // for whom, in a few words
	Before string `json:"before,omitempty"` // "" if there is no such object
	After  string `json:"after,omitempty"`  // "" if there shall be none
}

// Verb is what the change does, by its states.
func (c Change) Verb() Verb {
	switch {
	case c.Before == "":
		return Create
	case c.After == "":
		return Delete
	}
	return Update
}

// Inverse is the change that takes this one back.
func (c Change) Inverse() Change {
	c.Before, c.After = c.After, c.Before
	return c
}

// A Level is how much a finding matters.
type Level string

const (
	Blocks  Level = "error"   // nothing is applied as long as it is so
	Warning Level = "warning" // something will not work, or not as people expect
	Note    Level = "note"    // worth knowing
)

// A Finding is what a check found.
type Finding struct {
	Code   string `json:"code"` // stable, for scripts and for searching
	Level  Level  `json:"level"`
	Object string `json:"object"`        // what it is about
	Detail string `json:"detail"`        // what is, and what comes of it
	Fix    string `json:"fix,omitempty"` // what to do; a command where there is one
}

// A Plan is what has to be changed, in the order in which it can be, and what was
// found on the way.
type Plan struct {
	Changes  []Change  `json:"changes"`
	Findings []Finding `json:"findings,omitempty"`
}

// Blocked returns the findings that forbid to apply the plan.
func (p Plan) Blocked() []Finding {
	return slices.DeleteFunc(slices.Clone(p.Findings), func(f Finding) bool { return f.Level != Blocks })
}

// Present is what an object is now.
type Present struct {
	State string // "" if there is none
	Run   string // the run that created it, of objects that can carry that; else ""
}

// A Target can read and write objects.
type Target interface {
	// Read returns what the objects are now; what is absent may be missing in the
	// result. An object that cannot be read is an error.
	Read(ctx context.Context, objects []Object) (map[Object]Present, error)

	// Write makes changes that Batch allowed to go together, in the name of
	// runs.Current. It does not overwrite what it does not expect; but what these
	// runs have done already, in a call whose answer was lost, is no failure.
	// ErrInUse says that an object cannot be deleted because others need it.
	Write(ctx context.Context, runs Runs, changes []Change) error

	// Batch returns a key that is the same for changes which one call can make, and
	// how many at most. Where the key is "" a change goes alone.
	Batch(Change) (key string, most int)
}

// Runs are the runs of a journal. What can carry the run that created it shows by
// that whose it is.
type Runs struct {
	Current string
	all     map[string]bool
}

// Include says whether run is one of them.
func (r Runs) Include(run string) bool { return run != "" && (run == r.Current || r.all[run]) }

// ErrInUse is what Write returns, wrapped, for an object that cannot be deleted
// because something that is not ours needs it.
var ErrInUse = errors.New("in use")
