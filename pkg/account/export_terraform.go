package account

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// Terraform prints what can be Terraform's: whatever is created whole, as resources of
// the provider hashicorp/aws, version 5.33 or newer, which has access entries. What is
// there already and would have to be imported is left, and so is giving a profile to
// an instance, for which the provider has no resource. Nothing carries our ownership
// tags.
func (e Export) Terraform() (text string, left []plan.Change) {
	t := terraform{Export: e, new: e.created(), blocks: map[string]*block{}}
	for _, c := range e.Changes {
		if why := t.add(c); why != "" {
			t.leave(c, why)
		}
	}
	return t.text(), t.left
}

// terraform is a configuration that is being written.
type terraform struct {
	Export
	remainder
	new    map[plan.Object]string
	blocks map[string]*block // by address
	order  []string          // addresses
	names  map[string]string // of resources, by address
}

// block is a resource.
type block struct {
	kind    string // of Terraform: aws_iam_role
	label   string // what its name is made of
	changes []plan.Change
	write   func(*hcl)
}

// address is what a resource is known by here: its kind, and the object.
func address(kind, object string) string { return kind + " " + object }

const terraformHead = `# What cluster %s needs in account %s, region %s,
# as far as Terraform can have it. Printed by ` + "`ecr-node-bootstrap print terraform`" + `:
# once, for what Terraform has created is not printed again. From then on it is
# Terraform's, and ecr-node-bootstrap neither changes nor destroys it.

`

const terraformVersions = `terraform {
  required_version = ">= 1.0"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.33"
    }
  }
}

`

func (t *terraform) text() string {
	labels := map[string]string{}
	for address, b := range t.blocks {
		labels[address] = b.kind + "." + identifier(b.label)
	}
	t.names = identifiers(labels, "_")

	var b strings.Builder
	fmt.Fprintf(&b, terraformHead, oneLine(t.Cluster), oneLine(t.Account), oneLine(t.Region))
	b.WriteString(terraformVersions)
	h := &hcl{}
	h.line(0, `provider "aws" {`)
	h.set(1, "region", t.Region)
	h.set(1, "allowed_account_ids", []any{t.Account})
	h.line(0, "}")
	for _, address := range t.order {
		block := t.blocks[address]
		h.line(0, "")
		if why := reasons(block.changes); why != "" {
			h.line(0, "# "+oneLine(why))
		}
		kind, name, _ := strings.Cut(t.names[address], ".")
		h.line(0, fmt.Sprintf("resource %q %q {", kind, name))
		block.write(h)
		h.line(0, "}")
	}
	h.line(0, "")
	b.WriteString(h.String())
	t.comment(&b)
	return b.String()
}

var notIdentifier = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

// identifier is a label as a name in HCL.
func identifier(label string) string {
	name := notIdentifier.ReplaceAllString(label, "_")
	if name == "" || !(name[0] == '_' || name[0] >= 'A' && name[0] <= 'Z' || name[0] >= 'a' && name[0] <= 'z') {
		return "_" + name
	}
	return name
}

// resource adds what makes a change to a resource, a new one if it is the first.
func (t *terraform) resource(kind, object, label string, c plan.Change, write func(*hcl)) {
	a := address(kind, object)
	if t.blocks[a] == nil {
		t.blocks[a] = &block{kind: kind, label: label, write: write}
		t.order = append(t.order, a)
	}
	t.blocks[a].changes = append(t.blocks[a].changes, c)
}

// reference is an attribute of a resource, or what it is called if it is not one of
// these.
func (t *terraform) reference(kind, object, attribute, otherwise string) any {
	if name, ok := t.names[address(kind, object)]; ok {
		return verbatim(name + "." + attribute)
	}
	return otherwise
}

// add adds what makes a change; why, if nothing can.
func (t *terraform) add(c plan.Change) (why string) {
	if c.Kind == kindAssociation {
		return "What the provider has no resource for"
	}
	if c.Verb() != plan.Create {
		return whyThere
	}
	var err error
	switch c.Kind {
	case kindPolicy:
		err = t.policy(c)
	case kindRole:
		err = t.addRole(c)
	case kindAttached:
		t.attached(c)
	case kindInline:
		err = t.inline(c)
	case kindProfile:
		err = t.profile(c)
	case kindProfileRole:
		if t.new[plan.Object{Kind: kindProfile, Name: c.Name}] == "" {
			return whyPart
		}
	case kindTag:
		t.tag(c)
	case kindGroupTag:
		err = t.groupTag(c)
	case kindEntry:
		err = t.entry(c)
	case kindAccessPolicy:
		err = t.accessPolicy(c)
	case kindRegistry, kindRepository:
		if !t.whole(t.ofPolicy(c)) {
			return whyPart
		}
		err = t.statement(c)
	default:
		return whyPart
	}
	if err != nil {
		return whyUnreadable
	}
	return ""
}
