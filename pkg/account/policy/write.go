package policy

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// String returns the document as one line of JSON. Documents that differ only in
// order, repetition or single values written as lists have the same: every list is
// sorted, and a list of one is written as the value, as IAM does.
func (d Document) String() string {
	statements := make([]json.RawMessage, 0, len(d.Statements))
	for _, s := range d.Statements {
		statements = append(statements, encode(s.wire()))
	}
	slices.SortFunc(statements, func(a, b json.RawMessage) int { return bytes.Compare(a, b) }) // by Sid, which comes first
	return string(encode(wireDocument{Version: d.Version, ID: d.ID, Statements: statements}))
}

// MarshalJSON is the document as IAM takes it, not as Go holds it.
func (d Document) MarshalJSON() ([]byte, error) { return []byte(d.String()), nil }

// Indent returns the document as String does, but on many lines: for people, and for
// diffs line by line. It ends in a newline.
func (d Document) Indent() string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(d.String()), "", "  "); err != nil {
		panic(err) // String gives JSON
	}
	b.WriteByte('\n')
	return b.String()
}

// Size is how many characters of its quota the document takes: IAM counts all but
// white space
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
func (d Document) Size() int {
	n := 0
	for _, r := range d.String() {
		if !strings.ContainsRune(" \t\r\n", r) {
			n++
		}
	}
	return n
}

// The wire types give the elements the order in which AWS's own documents have them.
type wireDocument struct {
	Version    string            `json:",omitempty"`
	ID         string            `json:"Id,omitempty"`
	Statements []json.RawMessage `json:"Statement"`
}

type wireStatement struct {
	Sid          string                       `json:",omitempty"`
	Effect       string                       `json:",omitempty"`
	Principal    any                          `json:",omitempty"`
	NotPrincipal any                          `json:",omitempty"`
	Action       values                       `json:",omitempty"`
	NotAction    values                       `json:",omitempty"`
	Resource     values                       `json:",omitempty"`
	NotResource  values                       `json:",omitempty"`
	Condition    map[string]map[string]values `json:",omitempty"`
}

func (s Statement) wire() wireStatement {
	w := wireStatement{
		Sid: s.Sid, Effect: s.Effect,
		Principal: s.Principal.wire(), NotPrincipal: s.NotPrincipal.wire(),
		Action: s.Actions, NotAction: s.NotActions,
		Resource: s.Resources, NotResource: s.NotResources,
	}
	if len(s.Conditions) > 0 {
		w.Condition = make(map[string]map[string]values, len(s.Conditions))
	}
	for operator, keys := range s.Conditions {
		w.Condition[operator] = make(map[string]values, len(keys))
		for key, list := range keys {
			w.Condition[operator][key] = list
		}
	}
	return w
}

// wire is nil, the bare * or a map.
func (p Principal) wire() any {
	if len(p) == 0 {
		return nil
	}
	if _, bare := p[everyone]; bare && len(p) == 1 {
		return everyone
	}
	w := make(map[string]values, len(p))
	for kind, names := range p {
		w[kind] = names
	}
	return w
}

// values is a list that is a set, and is written without brackets if it has one.
type values []string

func (v values) MarshalJSON() ([]byte, error) {
	sorted := set(v)
	if len(sorted) == 1 {
		return encode(sorted[0]), nil
	}
	if sorted == nil {
		sorted = []string{}
	}
	return encode(sorted), nil
}

// encode is json.Marshal without escapes for <, > and &, which in a policy would only
// be harder to read and count six times.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // strings, lists and maps of them
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
