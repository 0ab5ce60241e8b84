package account

import (
	"slices"
	"strconv"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// OperatorPolicy is the least policy with which these changes can be planned, applied
// and taken back, and the file planned again. Actions on the same resources are one
// statement. Tags of EC2 are bound to the keys of the plan.
//
// It fits into a managed policy as long as that can be: where there are too many
// resources to be named, as five hundred instances are, it names all of EC2's that are
// of a kind, then what names have in common, of what is only read and at last of the
// rest. Nothing is widened to names that begin otherwise.
//
// Roles and profiles are where the file says; a finding role-path or profile-path says
// where that is not so.
func (a *Account) OperatorPolicy(changes []plan.Change) policy.Document {
	calls := a.readCalls()
	keys := map[string]bool{}
	for _, c := range changes {
		calls = append(calls, a.calls(c)...)
		calls = append(calls, a.calls(c.Inverse())...)
		if c.Kind == kindTag {
			keys[c.Name] = true
		}
	}
	resources := map[string]map[string]bool{} // by action
	for _, c := range calls {
		if resources[c.Action] == nil {
			resources[c.Action] = map[string]bool{}
		}
		resources[c.Action][c.Resource] = true
	}
	d := statements(resources, sorted(keys))
	for d.Size() > policy.ManagedLimit && widen(resources) {
		d = statements(resources, sorted(keys))
	}
	return d
}

// statements puts the actions that have the same resources into one statement each.
func statements(resources map[string]map[string]bool, tagKeys []string) policy.Document {
	all := map[string]*policy.Statement{} // by resources, and what else keeps actions apart
	for _, action := range sorted(resources) {
		on := sorted(resources[action])
		key := strings.Join(on, " ")
		tags := action == "ec2:CreateTags" || action == "ec2:DeleteTags"
		switch {
		case tags || action == "iam:PassRole":
			key += map[bool]string{true: " tags", false: " pass"}[tags]
		case key == "*" && !reads(action):
			key += " writes"
		}
		s := all[key]
		if s == nil {
			s = &policy.Statement{Effect: policy.Allow, Resources: on}
			all[key] = s
		}
		s.Actions = append(s.Actions, action)
		if tags {
			// DeleteTags without keys removes all, and then there are none to compare.
			s.Conditions = policy.Conditions{
				"ForAllValues:StringEquals": {"aws:TagKeys": tagKeys},
				"Null":                      {"aws:TagKeys": {"false"}},
			}
		}
	}
	d := policy.Document{Version: policy.Version}
	count := map[string]int{}
	for _, key := range sorted(all) {
		s := all[key]
		s.Sid = sid(*s)
		if count[s.Sid]++; count[s.Sid] > 1 {
			s.Sid += strconv.Itoa(count[s.Sid])
		}
		d.Statements = append(d.Statements, *s)
	}
	return d
}

// whats are kinds of resources in the Sids of statements.
var whats = map[string]string{
	"iam:role": "Roles", "iam:instance-profile": "InstanceProfiles", "iam:policy": "Policies", "iam:user": "Users",
	"ec2:instance": "Instances", "autoscaling:autoScalingGroup": "AutoScalingGroups",
	"eks:cluster": "Cluster", "eks:access-entry": "AccessEntries", "ecr:repository": "Repositories",
}

// sid is what a statement is about in a word: the kind of its resources, and whether
// they are only read.
func sid(s policy.Statement) string {
	what := whats[kindOfARN(s.Resources[0])]
	switch {
	case s.Conditions != nil:
		return "Tags"
	case s.Actions[0] == "iam:PassRole":
		return "PassRole"
	case strings.HasPrefix(s.Actions[0], "ecr:") && what == "":
		return "Registry" // which is no resource
	case !slices.ContainsFunc(s.Actions, func(action string) bool { return !reads(action) }):
		return "Read" + what
	}
	return what
}

// reads says whether an action changes nothing.
func reads(action string) bool {
	_, operation, _ := strings.Cut(action, ":")
	return slices.ContainsFunc([]string{"Get", "List", "Describe", "Simulate"}, func(verb string) bool { return strings.HasPrefix(operation, verb) })
}

// widen replaces the most ARNs that one with a wildcard can stand for, and says whether
// there were any.
func widen(resources map[string]map[string]bool) bool {
	ofEC2 := func(_, resource string) bool { return strings.HasPrefix(kindOfARN(resource), "ec2:") }
	read := func(action, _ string) bool { return reads(action) }
	every := func(_, _ string) bool { return true }
	for _, may := range []func(action, resource string) bool{ofEC2, read, every} {
		stems := map[string]map[string]bool{} // ARNs by how they begin
		for action, all := range resources {
			for r := range all {
				stem := stemOf(r)
				if stem == "" || !may(action, r) {
					continue
				}
				if stems[stem] == nil {
					stems[stem] = map[string]bool{}
				}
				stems[stem][r] = true
			}
		}
		best := ""
		for _, stem := range sorted(stems) {
			if len(stems[stem]) > max(1, len(stems[best])) {
				best = stem
			}
		}
		if best == "" {
			continue
		}
		wide := best + "*"
		if !ofEC2("", best) {
			wide = common(sorted(stems[best])) + "*"
		}
		for action, all := range resources {
			for _, r := range sorted(all) {
				if stems[best][r] && may(action, r) {
					delete(all, r)
					all[wide] = true
				}
			}
		}
		return true
	}
	return false
}

// stemOf is the part of an ARN that others must begin with for a wildcard to stand for
// both: all before the name, and its first letters. What ids of EC2 begin with means
// nothing. It is "" for what has no such part.
func stemOf(arn string) string {
	const few = 3
	at := strings.LastIndexByte(arn, '/') + 1
	switch {
	case at == 0:
		return ""
	case strings.HasPrefix(kindOfARN(arn), "ec2:"):
		return arn[:at]
	case len(arn) < at+few:
		return ""
	}
	return arn[:at+few]
}

// common is what all texts, which are sorted, begin with.
func common(texts []string) string {
	first, last := texts[0], texts[len(texts)-1]
	n := 0
	for n < min(len(first), len(last)) && first[n] == last[n] {
		n++
	}
	return strings.TrimSuffix(first[:n], "*")
}
