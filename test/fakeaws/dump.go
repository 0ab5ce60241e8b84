package fakeaws

import (
	"encoding/json"
	"maps"
	"slices"
)

// Dump is all that the account has, for comparing it with itself: what differs between
// two accounts that are made the same way is left out, such as ids, dates, and the
// numbers of policy versions. It is made of maps, slices, text and numbers only, as
// encoding/json decodes them.
func (s *Server) Dump() map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]any{"iam": s.dumpIAM()}
	for service, of := range map[string]dump{
		"ec2": s.dumpEC2(), "autoscaling": s.dumpAutoScaling(), "eks": s.dumpEKS(), "ecr": s.dumpECR(),
	} {
		if len(of) > 0 {
			all[service] = of
		}
	}
	return plain(all).(map[string]any)
}

// plain turns a value into what JSON makes of it.
func plain(v any) any {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // dumps are plain structs
	}
	var out any
	if err := json.Unmarshal(b, &out); err != nil {
		panic(err)
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// dumpIAM is what is in IAM: roles, profiles and policies by their ARNs. The caller
// holds mu.
func (s *Server) dumpIAM() any {
	type (
		role struct {
			Description string            `json:"description,omitempty"`
			MaxSession  int               `json:"maxSession"`
			Trust       json.RawMessage   `json:"trust"`
			Boundary    string            `json:"boundary,omitempty"`
			Inline      map[string]any    `json:"inline,omitempty"`
			Attached    []string          `json:"attached,omitempty"`
			Tags        map[string]string `json:"tags,omitempty"`
		}
		profile struct {
			Role string            `json:"role,omitempty"`
			Tags map[string]string `json:"tags,omitempty"`
		}
		policy struct {
			Description string            `json:"description,omitempty"`
			Document    json.RawMessage   `json:"document"`
			Tags        map[string]string `json:"tags,omitempty"`
		}
	)
	var out struct {
		Roles    map[string]role    `json:"roles"`
		Profiles map[string]profile `json:"profiles"`
		Policies map[string]policy  `json:"policies"`
	}
	out.Roles, out.Profiles, out.Policies = map[string]role{}, map[string]profile{}, map[string]policy{}
	for _, r := range s.iamState.roles {
		inline := map[string]any{}
		for name, document := range r.inline {
			inline[name] = json.RawMessage(document)
		}
		out.Roles[s.roleARN(r)] = role{
			Description: r.description, MaxSession: r.maxSession, Trust: json.RawMessage(r.trust), Boundary: r.boundary,
			Inline: inline, Attached: slices.Sorted(slices.Values(r.attached)), Tags: r.tags,
		}
	}
	for _, p := range s.iamState.profiles {
		out.Profiles[s.profileARN(p)] = profile{p.role, p.tags}
	}
	for _, p := range s.iamState.policies {
		out.Policies[p.arn] = policy{p.description, json.RawMessage(p.document()), p.tags}
	}
	return out
}
