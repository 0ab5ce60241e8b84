// Package policy knows IAM policies: the documents themselves, and which of them a
// node needs.
//
// [Document] reads and writes policies as IAM and ECR keep them, without losing
// anything that it does not understand, and compares them by what they say. [For]
// writes the policies of a group of nodes from one table (table.go), which says for
// each action which component calls it, when, and where that is to be seen; [Why] and
// [Diff] give its reasons. The documents that others publish lie in deploy/policies.
//
// The package is pure: no network, no environment, no state.
package policy

import (
	"slices"
	"strings"
)

// Version is the version of the policy language that every new document is in
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html).
const Version = "2012-10-17"

// Allow and Deny are the effects that a statement has.
const (
	Allow = "Allow"
	Deny  = "Deny"
)

// A Document is a policy: of a role, of what trusts a role, of an ECR repository or
// registry. A list that the document wrote as a single value is a list of one.
type Document struct {
	Version    string // "" is 2008-10-17
	ID         string
	Statements []Statement
}

// A Statement is one permission. An element that it does not have is empty.
type Statement struct {
	Sid    string
	Effect string // Allow or Deny

	Principal    Principal // only in policies of resources and in trust policies
	NotPrincipal Principal

	Actions      []string
	NotActions   []string
	Resources    []string
	NotResources []string

	Conditions Conditions
}

// A Principal says who: its kind (AWS, Service, Federated, CanonicalUser) to names of
// that kind.
type Principal map[string][]string

// everyone is the kind and the name in a principal that is a bare *.
const everyone = "*"

// Conditions are an operator, like StringEquals, to condition keys to values, one of
// which has to match. All operators and all keys must hold.
type Conditions map[string]map[string][]string

// Statement returns the first statement with this Sid.
func (d Document) Statement(sid string) (Statement, bool) {
	i := slices.IndexFunc(d.Statements, func(s Statement) bool { return s.Sid == sid })
	if i < 0 {
		return Statement{}, false
	}
	return d.Statements[i], true
}

// With returns the document with the statements in it, each in the place of the one
// that has its Sid, or at the end. Other statements, whoever wrote them, stay as they
// are: ECR keeps only whole documents, and so changing ours means sending theirs. A
// statement without a Sid could not be found again and is always added.
func (d Document) With(statements ...Statement) Document {
	if d.Version == "" && len(d.Statements) == 0 {
		d.Version = Version
	}
	merged := slices.Clone(d.Statements)
	for _, s := range statements {
		i := slices.IndexFunc(merged, func(old Statement) bool { return s.Sid != "" && old.Sid == s.Sid })
		if i < 0 {
			merged = append(merged, s)
			continue
		}
		merged[i] = s
	}
	d.Statements = merged
	return d
}

// Without returns the document without the statements that have these Sids. It may
// have none left, and then it is no document that AWS would take.
func (d Document) Without(sids ...string) Document {
	d.Statements = slices.DeleteFunc(slices.Clone(d.Statements), func(s Statement) bool {
		return s.Sid != "" && slices.Contains(sids, s.Sid)
	})
	return d
}

// Actions are the actions that the document allows, sorted, as they stand there: with
// their wildcards, and whatever the conditions.
func (d Document) Actions() []string {
	var actions []string
	for _, s := range d.Statements {
		if s.Effect == Allow {
			actions = append(actions, s.Actions...)
		}
	}
	return set(actions)
}

// Equal says whether two documents say the same. Order, repetition and single values
// written as lists make no difference, nor does an account that is named by its
// number in one and by its root's ARN in the other, which is what AWS makes of it.
func Equal(a, b Document) bool {
	return a.namingRoots().String() == b.namingRoots().String()
}

// namingRoots returns the document with accounts named by their number alone, where
// it names them by their root.
func (d Document) namingRoots() Document {
	d.Statements = slices.Clone(d.Statements)
	for i := range d.Statements {
		s := &d.Statements[i]
		s.Principal = s.Principal.namingRoots()
		s.NotPrincipal = s.NotPrincipal.namingRoots()
	}
	return d
}

func (p Principal) namingRoots() Principal {
	if p == nil {
		return nil
	}
	named := make(Principal, len(p))
	for kind, names := range p {
		for _, name := range names {
			named[kind] = append(named[kind], accountOfRoot(name))
		}
	}
	return named
}

// accountOfRoot turns arn:PARTITION:iam::ACCOUNT:root into ACCOUNT, and leaves
// everything else.
func accountOfRoot(principal string) string {
	parts := strings.Split(principal, ":")
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "iam" || parts[3] != "" || !isAccount(parts[4]) || parts[5] != "root" {
		return principal
	}
	return parts[4]
}

// isAccount accepts the twelve digits that an AWS account has.
func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// set returns the values sorted, each once.
func set[S ~string](values []S) []S {
	return slices.Compact(slices.Sorted(slices.Values(values)))
}
