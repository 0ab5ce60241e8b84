package clusterid

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Level is how much a finding matters.
type Level string

const (
	Error   Level = "error"   // a controller fails, or takes the wrong thing; or AWS refuses
	Warning Level = "warning" // works by luck, or not for everything
	Note    Level = "note"    // worth knowing
)

// A Finding is one rule broken by one object.
type Finding struct {
	Code   string // of a Rule
	Level  Level  // the rule's
	Object string // the id or name of what is wrong; of a choice, what is chosen for
	Detail string // what is, and what the controller does, in the end in its own words
	Fix    string // what to do, with a command where one does it
}

// Check returns what the controllers, AWS and EKS object to in w: errors first, then by
// code and object. Nil if they object to nothing.
func Check(w World) []Finding {
	r := &report{index: newIndex(&w), level: map[string]Level{}}
	for _, rule := range rules {
		r.level[rule.Code] = rule.Level
	}
	r.checkInstances()
	r.checkNodeNames()
	r.checkScaling()
	r.checkGroups()
	r.checkSubnetTags()
	r.checkLoadBalancers()
	r.checkRoutes()
	r.checkSharing()
	r.checkTagLimits()
	r.checkNames()
	r.checkEKS()
	r.checkEndpoints()
	slices.SortFunc(r.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(slices.Index(levels[:], a.Level), slices.Index(levels[:], b.Level)),
			cmp.Compare(a.Code, b.Code), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Detail, b.Detail))
	})
	return r.found
}

var levels = [...]Level{Error, Warning, Note}

// A report is the findings on the way.
type report struct {
	*index
	level map[string]Level // by code
	found []Finding
}

func (r *report) add(code, object, detail, fix string) {
	r.found = append(r.found, Finding{Code: code, Level: r.level[code], Object: object, Detail: detail, Fix: fix})
}

// tagCommand gives a resource the cluster's tag.
func (r *report) tagCommand(resource, value string) string {
	return r.tagWith(resource, Key(r.Cluster), value)
}

func (r *report) tagWith(resource, key, value string) string {
	return fmt.Sprintf("aws ec2 create-tags --region %s --resources %s --tags 'Key=%s,Value=%s'", r.Region, resource, key, value)
}

// untagCommand takes tags from a resource.
func (r *report) untagCommand(resource string, keys ...string) string {
	tags := make([]string, len(keys))
	for i, key := range keys {
		tags[i] = fmt.Sprintf("'Key=%s'", key)
	}
	return fmt.Sprintf("aws ec2 delete-tags --region %s --resources %s --tags %s", r.Region, resource, strings.Join(tags, " "))
}
