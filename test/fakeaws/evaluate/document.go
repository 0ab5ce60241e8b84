// Package evaluate decides as AWS does whether IAM policies allow a request: explicit
// deny before allow, allow before nothing, and every layer has to agree.
//
// The rules are those of docs.aws.amazon.com/IAM/latest/UserGuide,
// reference_policies_evaluation-logic.html and reference_policies_elements.html. What
// is known is the grammar of policies whole, and every condition operator; session
// policies and VPC endpoint policies are not.
package evaluate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Document is a policy. Its zero value allows nothing.
type Document struct {
	// Name is what the policy is called where a decision names it. It is the
	// caller's, and not in the text.
	Name string

	Version    string // 2012-10-17 or 2008-10-17; the older knows no variables
	Statements []Statement
}

// variables reports whether ${KEY} stands for a value.
func (d *Document) variables() bool { return d.Version == "2012-10-17" }

// A Statement has one of Actions and NotActions, and of Resources and NotResources at
// most one. Principals are nil in policies of identities.
type Statement struct {
	Sid           string
	Allow         bool // Deny otherwise
	Principals    []Principal
	NotPrincipals []Principal
	Actions       []string
	NotActions    []string
	Resources     []string
	NotResources  []string
	Conditions    []Condition
}

// A Principal is one value of a Principal element; "*" alone has Type AWS.
type Principal struct {
	Type  string // AWS, Service, Federated or CanonicalUser
	Value string
}

// A Condition is one key of one operator, with the values that are alternatives.
type Condition struct {
	Operator Operator
	Key      string
	Values   []string
}

// Parse reads a policy as IAM does, which knows no other fields than these. The error
// says what is wrong in IAM's words where they are known.
func Parse(text string) (*Document, error) {
	if !json.Valid([]byte(text)) {
		return nil, Malformed("This policy contains invalid Json")
	}
	if err := noDuplicates(json.NewDecoder(strings.NewReader(text))); err != nil {
		return nil, err
	}
	if err := onlyFields([]byte(text), "Version", "Id", "Statement"); err != nil {
		return nil, err
	}
	var raw struct {
		Version   *string
		Id        string
		Statement list[statement]
	}
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		if m, ok := errors.AsType[Malformed](err); ok {
			return nil, m
		}
		return nil, errSyntax
	}
	d := &Document{Version: "2008-10-17"}
	if raw.Version != nil {
		d.Version = *raw.Version
	}
	if d.Version != "2012-10-17" && d.Version != "2008-10-17" {
		return nil, Malformed("The policy must contain a valid version string.")
	}
	if len(raw.Statement) == 0 {
		return nil, errSyntax
	}
	sids := map[string]bool{}
	for _, r := range raw.Statement {
		s, err := r.statement()
		if err != nil {
			return nil, err
		}
		if s.Sid != "" && sids[s.Sid] {
			return nil, Malformed("Statement IDs (SID) in a single policy must be unique.")
		}
		sids[s.Sid] = true
		d.Statements = append(d.Statements, s)
	}
	return d, nil
}

// Malformed is what is wrong with a document, in AWS's words where they are known.
type Malformed string

func (m Malformed) Error() string { return string(m) }

// errSyntax is AWS's sentence for whatever does not follow the grammar.
const errSyntax = Malformed("Syntax errors in policy.")

// syntax adds to it what AWS does not say.
func syntax(detail string) Malformed { return errSyntax + Malformed(" ("+detail+")") }

// onlyFields refuses an object with other fields than these, whose case matters.
func onlyFields(object []byte, names ...string) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(object, &fields); err != nil {
		return errSyntax
	}
	for name := range fields {
		if !slices.Contains(names, name) {
			return syntax("unknown field " + name)
		}
	}
	return nil
}

// noDuplicates reads one value and refuses an object that has a key twice.
func noDuplicates(d *json.Decoder) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	keys := map[string]bool{}
	for d.More() {
		if delim == '{' {
			key, err := d.Token()
			if err != nil {
				return err
			}
			if keys[key.(string)] {
				return syntax(fmt.Sprintf("field %s twice", key))
			}
			keys[key.(string)] = true
		}
		if err := noDuplicates(d); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// A list is one value or an array of them, as everywhere in policies.
type list[T any] []T

func (l *list[T]) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(b, []byte("[")) {
		return json.Unmarshal(b, (*[]T)(l))
	}
	*l = make(list[T], 1)
	return json.Unmarshal(b, &(*l)[0])
}

// scalar is a value of a condition, which may be written as text, number or truth.
type scalar string

func (s *scalar) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(b, []byte(`"`)) {
		return json.Unmarshal(b, (*string)(s))
	}
	if bytes.HasPrefix(b, []byte("{")) || bytes.HasPrefix(b, []byte("[")) || string(b) == "null" {
		return errSyntax
	}
	*s = scalar(b)
	return nil
}

// principals is the value of Principal: "*", or lists by type.
type principals struct {
	all    bool
	byType map[string]list[string]
}

func (p *principals) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(b, []byte(`"`)) {
		p.all = string(b) == `"*"`
		if !p.all {
			return Malformed("Invalid principal in policy: " + string(b))
		}
		return nil
	}
	return json.Unmarshal(b, &p.byType)
}

// statement is a Statement as it is written.
type statement struct {
	Sid                     string
	Effect                  string
	Principal, NotPrincipal *principals
	Action, NotAction       list[string]
	Resource, NotResource   list[string]
	Condition               map[string]map[string]list[scalar]
}

func (s *statement) UnmarshalJSON(b []byte) error {
	if err := onlyFields(b, "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"); err != nil {
		return err
	}
	type plain statement
	return json.Unmarshal(b, (*plain)(s))
}
