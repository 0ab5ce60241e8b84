package policy

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/deploy"
)

// A Row says why an action is, or is not, in a policy.
type Row struct {
	Action    string   `json:"action"`
	Component string   `json:"component,omitempty"` // who calls it; "" for nobody
	When      string   `json:"when,omitempty"`      // the call's reason, or why there is none
	Feature   string   `json:"feature,omitempty"`   // of a group, or key of bootstrap.yaml, that asks for it; "" for none
	Roles     []Role   `json:"roles,omitempty"`     // of the nodes that the component runs on
	Versions  string   `json:"versions,omitempty"`  // FIRST- or -LAST release of Kubernetes; "" for all
	Source    string   `json:"source,omitempty"`    // where that can be read
	Documents []string `json:"documents,omitempty"` // the published ones that allow it, by their names in deploy/policies
}

// Why returns the rows of the table about an action: one for each reason for which a
// component calls it, or one that says that nobody does. An action that is only in
// published documents for people or programs elsewhere has one row without a reason.
// There is no row for an action that is nowhere. Actions are compared as IAM does,
// without regard to case.
func Why(action string) []Row {
	documents := documentsAllowing(action)
	var rows []Row
	for _, c := range calls {
		if strings.EqualFold(c.action, action) {
			rows = append(rows, c.row(documents))
		}
	}
	rows = slices.CompactFunc(rows, sameReason)
	for _, u := range uncalled {
		if strings.EqualFold(u.action, action) {
			rows = append(rows, Row{Action: u.action, When: "nobody calls it: " + u.why, Source: u.source, Documents: documents})
		}
	}
	for _, m := range missing {
		if strings.EqualFold(m.action, action) {
			rows = append(rows, Row{Action: m.action, Component: m.by, When: m.why, Source: m.source, Documents: documents})
		}
	}
	if len(rows) == 0 && len(documents) > 0 {
		rows = append(rows, Row{Action: action, Documents: documents})
	}
	return rows
}

func (c call) row(documents []string) Row {
	return Row{
		Action: c.action, Component: c.by.name, When: c.when, Feature: string(c.feature),
		Roles: slices.Clone(c.by.roles), Versions: c.versions, Source: c.by.source + c.source,
		Documents: documents,
	}
}

// sameReason is for rows that differ only in the form of the statement.
func sameReason(a, b Row) bool {
	return a.Action == b.Action && a.When == b.When && a.Source == b.Source
}

// documentsAllowing are the published documents that allow an action.
func documentsAllowing(action string) []string {
	var names []string
	for _, name := range deploy.PolicyNames() {
		d, err := Published(name, false)
		if err == nil && matchesAny(d.Actions(), action) {
			names = append(names, name)
		}
	}
	return names
}

// A Difference is an action that one of two documents allows and the other does not.
type Difference struct {
	Action string `json:"action"`  // as the document that allows it has it
	InA    bool   `json:"inFirst"` // the first allows it, otherwise the second
	Why    []Row  `json:"why,omitempty"`
}

// Diff returns the actions that only one of two documents allows, sorted by action,
// and why they are there or not. It looks at actions alone: an action that both allow
// on other resources or under other conditions is no difference here.
func Diff(a, b Document) []Difference {
	var diff []Difference
	for _, action := range a.Actions() {
		if !matchesAny(b.Actions(), action) {
			diff = append(diff, Difference{action, true, Why(action)})
		}
	}
	for _, action := range b.Actions() {
		if !matchesAny(a.Actions(), action) {
			diff = append(diff, Difference{action, false, Why(action)})
		}
	}
	slices.SortFunc(diff, func(a, b Difference) int { return cmp.Compare(a.Action, b.Action) })
	return diff
}

// matchesAny says whether an action is among those that the patterns allow.
func matchesAny(patterns []string, action string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		return matches(strings.ToLower(p), strings.ToLower(action))
	})
}

// matches compares as IAM does: * is any run of characters and ? any one.
func matches(pattern, s string) bool {
	for ; pattern != ""; pattern = pattern[1:] {
		switch {
		case pattern[0] == '*':
			for i := range len(s) + 1 {
				if matches(pattern[1:], s[i:]) {
					return true
				}
			}
			return false
		case s == "", pattern[0] != '?' && pattern[0] != s[0]:
			return false
		}
		s = s[1:]
	}
	return s == ""
}
