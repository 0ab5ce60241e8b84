package account

import (
	"fmt"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
)

// GroupPolicies are the policies that a group's role gets.
type GroupPolicies struct {
	Group    string         `json:"group"`
	Policies []policy.Named `json:"policies"`
}

// Union is all statements in one document.
func (g GroupPolicies) Union() policy.Document {
	d := policy.Document{Version: policy.Version}
	for _, p := range g.Policies {
		d.Statements = append(d.Statements, p.Document.Statements...)
	}
	return d
}

// Policies returns what the roles of the file's groups get, in the order of the file.
// It asks nobody.
func Policies(f *config.File) ([]GroupPolicies, error) {
	r, err := registry.InRegion(f.Region)
	if err != nil {
		return nil, err
	}
	a := &Account{file: f, partition: r.Partition}
	var all []GroupPolicies
	for _, g := range f.Nodes {
		policies, err := policy.For(a.ask(g))
		if err != nil {
			return nil, fmt.Errorf("group %s: %w", g.Name, err)
		}
		all = append(all, GroupPolicies{g.Name, policies})
	}
	return all, nil
}
