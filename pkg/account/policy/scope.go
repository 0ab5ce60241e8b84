package policy

import "fmt"

// A Requirement is a kind of resource that must carry the cluster's tag before
// ScopeCluster may be used: components change such resources without having made
// them, and would be denied those that do not carry it.
type Requirement struct {
	Kind    string   // as in ARNs of EC2: security-group, instance, route-table or volume
	Actions []string // that are denied on one without the tag, sorted
}

// ScopeRequires returns what must carry the tag for the group, sorted by kind, whatever
// scope it has now.
func ScopeRequires(a Ask) ([]Requirement, error) {
	if err := a.check(); err != nil {
		return nil, fmt.Errorf("find what must carry the cluster's tag: %w", err)
	}
	var required []Requirement
	for _, kind := range [...]string{"instance", "route-table", "security-group", "volume"} {
		actions := a.actions(a.features(), func(c call) bool { return c.form.kind() == kind })
		if len(actions) > 0 {
			required = append(required, Requirement{kind, actions})
		}
	}
	return required, nil
}
