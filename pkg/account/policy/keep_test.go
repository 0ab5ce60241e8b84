package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

// pulling is what a control plane gets that may pull from n repositories. A repository
// takes 63 characters, and all else 387 and what the first name is longer.
func pulling(t *testing.T, n, longer int) []policy.Named {
	t.Helper()
	ask := policy.Ask{Partition: "aws", Region: "eu-central-1", Account: "123456789012", Roles: []policy.Role{policy.ControlPlane}}
	for i := range n {
		ask.Pull.Repositories = append(ask.Pull.Repositories, fmt.Sprintf("team-%04d/*", i))
	}
	ask.Pull.Repositories[0] += strings.Repeat("x", longer)
	named, err := policy.For(ask)
	if err != nil {
		t.Fatal(err)
	}
	return named
}

func TestKeep(t *testing.T) {
	tests := []struct {
		name         string
		repositories int
		longer       int
		kind         policy.Kind
		want         policy.Kind
		policies     []string
		err          string
	}{
		{"few", 5, 0, policy.Auto, policy.Inline, []string{"cloud-provider", "pull"}, ""},
		{"few, as the file says nothing", 5, 0, "", policy.Inline, []string{"cloud-provider", "pull"}, ""},
		{"few, managed", 5, 0, policy.Managed, policy.Managed, []string{"cloud-provider", "pull"}, ""},
		{"as much as fits inline", 156, 10240 - 387 - 156*63, policy.Auto, policy.Inline, []string{"cloud-provider", "pull"}, ""},
		{"one character more", 156, 10241 - 387 - 156*63, policy.Auto, policy.Managed, []string{"cloud-provider", "pull", "pull-2"}, ""},
		{"too many, managed", 400, 0, policy.Managed, policy.Managed, []string{"cloud-provider", "pull", "pull-2", "pull-3", "pull-4", "pull-5"}, ""},
		{"one character more, inline", 156, 10241 - 387 - 156*63, policy.Inline, "", nil, "the inline policies have 10241 characters, and a role's may have 10240; hint: name repositories with fewer, wider patterns, or let policies be managed"},
		{"far too many", 2000, 0, policy.Auto, "", nil, "the policies have 126387 characters, which makes 23 managed policies of at most 6144, and a role has at most 10; hint: name repositories with fewer, wider patterns"},
		{"no kind", 1, 0, "attached", "", nil, `"attached" is not a kind of policy; there are auto, inline and managed`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			named := pulling(t, tt.repositories, tt.longer)
			kind, kept, err := policy.Keep(named, tt.kind)
			message := ""
			if err != nil {
				message = hint.Line(err)
			}
			var names []string
			for _, n := range kept {
				names = append(names, n.Name)
				if size := n.Document.Size(); kind == policy.Managed && size > policy.ManagedLimit {
					t.Errorf("%s has %d characters", n.Name, size)
				}
			}
			if kind != tt.want || message != tt.err || !slices.Equal(names, tt.policies) {
				t.Errorf("Keep() = %q, %v, %s\nwant %q, %v, %s", kind, names, message, tt.want, tt.policies, tt.err)
			}
			if err == nil {
				if diff := cmp.Diff(permissions(named), permissions(kept)); diff != "" {
					t.Errorf("Keep() changed what is allowed (-before +after):\n%s", diff)
				}
			}
		})
	}
}

// permissions are the pairs of action and resource, sorted, after checking that no
// Sid is there twice in a document.
func permissions(policies []policy.Named) []string {
	var pairs []string
	for _, n := range policies {
		seen := map[string]bool{}
		for _, s := range n.Document.Statements {
			if seen[s.Sid] {
				pairs = append(pairs, "twice: "+s.Sid)
			}
			seen[s.Sid] = true
			for _, action := range s.Actions {
				for _, resource := range s.Resources {
					pairs = append(pairs, action+" "+resource)
				}
			}
		}
	}
	slices.Sort(pairs)
	return pairs
}

// TestKeepRefusesWhatCannotBeSplit: a denial in parts would deny less.
func TestKeepRefusesWhatCannotBeSplit(t *testing.T) {
	var resources []string
	for i := range 400 {
		resources = append(resources, fmt.Sprintf("arn:aws:s3:::bucket-%06d", i))
	}
	long := "arn:aws:s3:::" + strings.Repeat("b", policy.ManagedLimit)
	for _, tt := range []struct {
		statement policy.Statement
		want      string
	}{
		// A resource takes 29 characters.
		{policy.Statement{Sid: "Deny", Effect: policy.Deny, Actions: []string{"s3:*"}, Resources: resources},
			"the statement Deny has 11698 characters and cannot be split, and a managed policy may have 6144"},
		{policy.Statement{Sid: "AllButThese", Effect: policy.Allow, Actions: []string{"s3:*"}, NotResources: resources},
			"the statement AllButThese has 11709 characters and cannot be split, and a managed policy may have 6144"},
		{policy.Statement{Sid: "Long", Effect: policy.Allow, Actions: []string{"s3:*"}, Resources: []string{"arn:aws:s3:::a", long}},
			"the statement Long is too long with only one of its resources: it has 6258 characters, and a managed policy may have 6144"},
	} {
		_, _, err := policy.Keep([]policy.Named{{Name: "p", Document: policy.Document{Version: policy.Version, Statements: []policy.Statement{tt.statement}}}}, policy.Managed)
		if err == nil || err.Error() != "policy p: "+tt.want {
			t.Errorf("Keep(%s) = %v\nwant policy p: %s", tt.statement.Sid, err, tt.want)
		}
	}
}
