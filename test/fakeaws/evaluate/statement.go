package evaluate

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// principalTypes are the kinds of principals that a policy can name.
var principalTypes = []string{"AWS", "Service", "Federated", "CanonicalUser"}

// actionForm is VENDOR:NAME, where only the name can have wildcards, or "*".
var actionForm = regexp.MustCompile(`^(\*|[a-zA-Z0-9-]+:[a-zA-Z0-9*?]+)$`)

const errVendor = Malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")

// statement checks what was written, and puts it in order.
func (r statement) statement() (Statement, error) {
	s := Statement{
		Sid:     r.Sid,
		Allow:   r.Effect == "Allow",
		Actions: r.Action, NotActions: r.NotAction,
		Resources: r.Resource, NotResources: r.NotResource,
	}
	switch {
	case r.Effect != "Allow" && r.Effect != "Deny":
		return s, syntax("effect " + r.Effect)
	case (len(r.Action) == 0) == (len(r.NotAction) == 0):
		return s, Malformed("Policy statement must contain actions.")
	case len(r.Resource) != 0 && len(r.NotResource) != 0, r.Principal != nil && r.NotPrincipal != nil:
		return s, errSyntax
	}
	for _, action := range slices.Concat(s.Actions, s.NotActions) {
		if !actionForm.MatchString(action) {
			return s, errVendor
		}
	}
	for _, resource := range slices.Concat(s.Resources, s.NotResources) {
		if resource != "*" && !strings.HasPrefix(resource, "arn:") {
			return s, Malformed("Resource " + resource + " must be in ARN format or \"*\".")
		}
	}
	var err error
	if s.Principals, err = r.Principal.list(); err != nil {
		return s, err
	}
	if s.NotPrincipals, err = r.NotPrincipal.list(); err != nil {
		return s, err
	}
	for _, name := range slices.Sorted(maps.Keys(r.Condition)) {
		operator, err := parseOperator(name)
		if err != nil {
			return s, err
		}
		for _, key := range slices.Sorted(maps.Keys(r.Condition[name])) {
			if !strings.Contains(key, ":") {
				return s, errVendor
			}
			c := Condition{Operator: operator, Key: key}
			for _, value := range r.Condition[name][key] {
				c.Values = append(c.Values, string(value))
			}
			s.Conditions = append(s.Conditions, c)
		}
	}
	return s, nil
}

func (p *principals) list() ([]Principal, error) {
	if p == nil {
		return nil, nil
	}
	if p.all {
		return []Principal{{"AWS", "*"}}, nil
	}
	var all []Principal
	for _, kind := range slices.Sorted(maps.Keys(p.byType)) {
		if !slices.Contains(principalTypes, kind) {
			return nil, Malformed("Invalid principal in policy: " + kind)
		}
		for _, value := range p.byType[kind] {
			all = append(all, Principal{kind, value})
		}
	}
	if len(all) == 0 {
		return nil, Malformed("Invalid principal in policy.")
	}
	return all, nil
}
