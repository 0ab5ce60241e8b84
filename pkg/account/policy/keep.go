package policy

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

// The quotas of IAM, none of which AWS raises but the last
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const (
	InlineLimit    = 10240 // characters of all inline policies of a role together
	ManagedLimit   = 6144  // characters of one managed policy
	ManagedPerRole = 10    // managed policies that a role may have
)

// A Kind is how policies are kept.
type Kind string

const (
	Auto    Kind = "auto"    // inline if they fit, otherwise managed
	Inline  Kind = "inline"  // in the role
	Managed Kind = "managed" // beside it, attached to it
)

// Keep decides how a role's policies are kept (Auto if kind is empty), and returns
// Inline or Managed with the policies. Managed policies that are too long are split: pull into pull, pull-2 and so
// on. What they allow together does not change.
func Keep(policies []Named, kind Kind) (Kind, []Named, error) {
	total := 0
	for _, p := range policies {
		total += p.Document.Size()
	}
	switch {
	case kind == "":
		kind = Auto
	case kind != Auto && kind != Inline && kind != Managed:
		return "", nil, fmt.Errorf("%q is not a kind of policy; there are %s, %s and %s", kind, Auto, Inline, Managed)
	}
	switch {
	case kind != Managed && total <= InlineLimit:
		return Inline, policies, nil
	case kind == Inline:
		return "", nil, hint.Wrap(fmt.Errorf("the inline policies have %d characters, and a role's may have %d", total, InlineLimit),
			"name repositories with fewer, wider patterns, or let policies be managed")
	}
	var split []Named
	for _, p := range policies {
		parts, err := p.split()
		if err != nil {
			return "", nil, err
		}
		split = append(split, parts...)
	}
	if len(split) > ManagedPerRole {
		return "", nil, hint.Wrap(fmt.Errorf("the policies have %d characters, which makes %d managed policies of at most %d, and a role has at most %d", total, len(split), ManagedLimit, ManagedPerRole),
			"name repositories with fewer, wider patterns")
	}
	return Managed, split, nil
}

// split puts each statement into the first document that has room for it.
func (n Named) split() ([]Named, error) {
	empty := Document{Version: n.Document.Version, ID: n.Document.ID}
	var parts []Named
	for _, s := range n.Document.Statements {
		pieces, err := empty.pieces(s)
		if err != nil {
			return nil, fmt.Errorf("policy %s: %w", n.Name, err)
		}
		for _, piece := range pieces {
			i := slices.IndexFunc(parts, func(part Named) bool { return part.Document.plus(piece).Size() <= ManagedLimit })
			if i < 0 {
				parts = append(parts, Named{n.Name + number("-", len(parts)), empty.plus(piece)})
				continue
			}
			parts[i].Document = parts[i].Document.plus(piece)
		}
	}
	return parts, nil
}

// pieces are statements that allow together what s does, each of which fits into a
// document by itself: s, or as few as can be with some of its resources each.
func (d Document) pieces(s Statement) ([]Statement, error) {
	if d.plus(s).Size() <= ManagedLimit {
		return []Statement{s}, nil
	}
	if s.Effect != Allow || len(s.Resources) < 2 {
		return nil, fmt.Errorf("the statement %s has %d characters and cannot be split, and a managed policy may have %d", s.Sid, d.plus(s).Size(), ManagedLimit)
	}
	var pieces []Statement
	for _, resource := range s.Resources {
		if last := len(pieces) - 1; last >= 0 {
			fuller := pieces[last]
			fuller.Resources = append(slices.Clone(fuller.Resources), resource)
			if d.plus(fuller).Size() <= ManagedLimit {
				pieces[last] = fuller
				continue
			}
		}
		piece := s
		piece.Sid += number("", len(pieces))
		piece.Resources = []string{resource}
		if d.plus(piece).Size() > ManagedLimit {
			return nil, fmt.Errorf("the statement %s is too long with only one of its resources: it has %d characters, and a managed policy may have %d", s.Sid, d.plus(piece).Size(), ManagedLimit)
		}
		pieces = append(pieces, piece)
	}
	return pieces, nil
}

// plus returns the document with one statement more.
func (d Document) plus(s Statement) Document {
	d.Statements = append(slices.Clone(d.Statements), s)
	return d
}

// number tells the second of several and those after it from the first.
func number(between string, i int) string {
	if i == 0 {
		return ""
	}
	return between + strconv.Itoa(i+1)
}
