package account

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// An Export prints the changes of a plan for another tool, which then makes them in
// our place. Each printer returns its text, and the changes that the tool cannot make,
// in the order of Changes. The text ends in a comment that lists them: they are what a
// plan shows when the tool has done its part.
type Export struct {
	Partition string // "aws", "aws-cn" and so on
	Account   string
	Region    string
	Cluster   string // the ClusterID

	// EKS is the name of the EKS cluster, if access policies are among the changes.
	EKS string
	// Policies are the policies of repositories, as ECR returns them, by repository,
	// and the registry's by "". What has none is missing.
	Policies map[string]string
	// Changes in the order in which they can be made.
	Changes []plan.Change
}

// Reasons for leaving a change, which more than one printer has.
const (
	whyThere      = "What is there already"
	whyPart       = "Parts of what is there already"
	whyUnreadable = "What cannot be read or made"
)

// iamARN is the ARN of a resource of IAM: partition, account and no region.
func (e Export) iamARN(kind, path, name string) string {
	return arn.ARN{Partition: e.Partition, Service: "iam", AccountID: e.Account, Resource: kind + path + name}.String()
}

// description is what roles and policies say of themselves, as those do that apply
// creates.
func (e Export) description() string { return "nodes of cluster " + e.Cluster }

// created are the objects that the changes create, with their states.
func (e Export) created() map[plan.Object]string {
	all := map[plan.Object]string{}
	for _, c := range e.Changes {
		if c.Verb() == plan.Create {
			all[c.Object] = c.After
		}
	}
	return all
}

// ofPolicy are the changes of the repository policy that c changes a statement of, or
// of the registry policy.
func (e Export) ofPolicy(c plan.Change) []plan.Change {
	return slices.DeleteFunc(slices.Clone(e.Changes), func(other plan.Change) bool {
		return other.Kind != c.Kind || other.Of != c.Of
	})
}

// whole says whether all of a policy is ours: there is none yet.
func (e Export) whole(statements []plan.Change) bool {
	return e.Policies[statements[0].Of] == "" &&
		!slices.ContainsFunc(statements, func(c plan.Change) bool { return c.Verb() != plan.Create })
}

// policyAfter is a repository or registry policy with changes of its statements made;
// "" if it has none after that. It is not what the changes expect if Policies was read
// at another time.
func (e Export) policyAfter(statements []plan.Change) (string, error) {
	var d policy.Document
	var err error
	if text := e.Policies[statements[0].Of]; text != "" {
		if d, err = policy.Parse(text); err != nil {
			return "", err
		}
	}
	d, _, err = merged(d, statements)
	if err != nil || len(d.Statements) == 0 {
		return "", err
	}
	return documentText(d), nil
}

// notOurs are tags without the ones that say that we created what carries them: what
// another tool creates is that tool's, and destroy must not take it.
func notOurs(tags map[string]string) map[string]string {
	rest := maps.Clone(tags)
	delete(rest, ownerTag)
	delete(rest, runTag)
	return rest
}

// remainder is what a printer leaves.
type remainder struct {
	left []plan.Change
	whys []string // of each
}

// leave adds a change that the tool cannot make. Why is the heading of its list.
func (r *remainder) leave(c plan.Change, why string) {
	r.left = append(r.left, c)
	r.whys = append(r.whys, why)
}

// comment lists what is left, by reason.
func (r *remainder) comment(b *strings.Builder) {
	if len(r.left) == 0 {
		b.WriteString("# Nothing is left.\n")
		return
	}
	b.WriteString("# What is left, for `ecr-node-bootstrap apply` or for you:\n")
	for i, why := range r.whys {
		if slices.Index(r.whys, why) < i {
			continue
		}
		fmt.Fprintf(b, "#\n# %s:\n", why)
		for j, c := range r.left {
			if r.whys[j] == why {
				fmt.Fprintf(b, "#   %s\n", inWords(c))
			}
		}
	}
}

// reasons are the changes' own reasons, each once.
func reasons(changes []plan.Change) string {
	var all []string
	for _, c := range changes {
		if c.Why != "" && !slices.Contains(all, c.Why) {
			all = append(all, c.Why)
		}
	}
	return strings.Join(all, "; ")
}

// inWords is a change on one line: with its states, if they are not documents.
func inWords(c plan.Change) string {
	text := string(c.Verb()) + " " + c.Object.String()
	var states []string
	for _, state := range []string{c.Before, c.After} {
		if state != "" && state != attached && state[0] != '{' && state[0] != '[' {
			states = append(states, state)
		}
	}
	if len(states) > 0 {
		text += ": " + strings.Join(states, " -> ")
	}
	return oneLine(text)
}

// oneLine is text that can stand in a comment, whatever it was made of.
func oneLine(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
}

// doubleQuoted is a text between double quotes, as both YAML and HCL read it
// (yaml.org/spec/1.2.2/#57-escaped-characters; the HCL spec on quoted templates, whose
// templates hclQuoted sees to).
func doubleQuoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// What is printed in HCL and YAML is a tree of these: an object, a list ([]any), a
// text (string), a number (json.Number), a bool, or what is verbatim in the language.
type (
	object []member
	member struct {
		name  string
		value any
	}
	verbatim string
)

// textList is a list of texts.
func textList[S ~string](all []S) []any {
	list := make([]any, len(all))
	for i, text := range all {
		list[i] = string(text)
	}
	return list
}

// tagObject is tags as an object, in order.
func tagObject(tags map[string]string) object {
	var o object
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		o = append(o, member{key, tags[key]})
	}
	return o
}

// tree reads JSON, and keeps the order of members: that of a policy is one that people
// know.
func tree(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	value, err := subtree(d)
	if err == nil && d.More() {
		err = errors.New("there is something after the value")
	}
	return value, err
}

func subtree(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		o := object{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			value, err := subtree(d)
			if err != nil {
				return nil, err
			}
			o = append(o, member{name.(string), value})
		}
		_, err = d.Token()
		return o, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			value, err := subtree(d)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err = d.Token()
		return list, err
	}
	return token, nil
}

// indented is JSON on many lines.
func indented(text string) (string, error) {
	var b bytes.Buffer
	err := json.Indent(&b, []byte(text), "", "  ")
	return b.String(), err
}

// identifiers gives what has a key the name that its label makes, which is the same in
// every printout. Where several would get the same name, each gets a piece of the hash
// of its key besides.
func identifiers(labels map[string]string, separator string) map[string]string {
	sharing := map[string]int{}
	for _, label := range labels {
		sharing[label]++
	}
	names := map[string]string{}
	for key, label := range labels {
		names[key] = label
		if sharing[label] > 1 {
			names[key] += separator + fmt.Sprintf("%x", sha256.Sum256([]byte(key)))[:6]
		}
	}
	return names
}
