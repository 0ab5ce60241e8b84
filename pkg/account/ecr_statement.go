package account

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
)

// sid is the Sid of our statements for a purpose. A Sid has letters and digits alone,
// so a ClusterID that has others too is told from its like by a sum of it.
func (a *Account) sid(purpose string) string {
	plain := strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, a.file.Cluster)
	if plain != a.file.Cluster {
		plain += sum(a.file.Cluster)
	}
	return "KubeletEcr" + plain + purpose
}

// sum is nine letters and digits that another text does not have.
func sum(text string) string { return fmt.Sprintf("x%x", sha256.Sum256([]byte(text)))[:9] }

// pullers are the principals of other accounts that the file lets pull from a
// repository, sorted.
func (a *Account) pullers(repository string) []string {
	var all []string
	for _, other := range a.file.Pull.Allow {
		if slices.ContainsFunc(other.Repositories, func(pattern string) bool { return overlap(pattern, repository) }) {
			all = append(all, a.principals(other)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// principals are the roles that are let in, or the whole account, which then decides
// itself.
func (a *Account) principals(other config.AllowPull) []string {
	if len(other.Principals) > 0 {
		return other.Principals
	}
	return []string{"arn:" + a.partition + ":iam::" + other.Account + ":root"}
}

// cacheSids are the Sids of cacheGrants for a cluster.
func (a *Account) cacheSids() *regexp.Regexp {
	return regexp.MustCompile("^" + a.sid("PullThroughCache") + "[0-9]{12}(x[0-9a-f]{8})?$")
}

// cacheGrants let other accounts create repositories by pulling, fill them, and pull
// from them, for their own policies cannot be written beforehand: a statement for each
// account, or for each set of its roles. That a registry's policy may grant pulls is
// its scope V2, which all registries have by now
// (docs.aws.amazon.com/AmazonECR/latest/userguide/registry-permissions.html).
func (a *Account) cacheGrants() []policy.Statement {
	names, who := map[string][]string{}, map[string][]string{} // by Sid
	for _, other := range a.file.Pull.Allow {
		if len(other.PullThroughCache) == 0 {
			continue
		}
		sid := a.sid("PullThroughCache") + other.Account
		if len(other.Principals) > 0 {
			sid += sum(strings.Join(slices.Sorted(slices.Values(other.Principals)), " "))
		}
		names[sid], who[sid] = append(names[sid], other.PullThroughCache...), a.principals(other)
	}
	var all []policy.Statement
	for _, sid := range sorted(names) {
		s := policy.CacheGrant(sid, who[sid], a.partition, a.file.Region, a.file.Account, names[sid])
		s.Actions = append(s.Actions, policy.PullGrant(sid, who[sid]).Actions...)
		all = append(all, s)
	}
	return all
}

// statementText is a statement as a state: a document of it alone.
func statementText(s policy.Statement) string {
	return policy.Document{Statements: []policy.Statement{s}}.String()
}

// statementOf is the statement with the Sid as a state, "" if there is none.
func statementOf(d policy.Document, sid string) string {
	s, ok := d.Statement(sid)
	if !ok {
		return ""
	}
	return statementText(s)
}

// sameStatement says whether two states say the same.
func sameStatement(a, b string) bool {
	if a == b || a == "" || b == "" {
		return a == b
	}
	one, errOne := policy.Parse(a)
	other, errOther := policy.Parse(b)
	return errOne == nil && errOther == nil && policy.Equal(one, other)
}

// bare is a statement without a document around it.
func bare(s policy.Statement) string {
	return strings.TrimSuffix(strings.TrimPrefix(statementText(s), `{"Statement":[`), `]}`)
}

// documentText is a document with its statements in their order: those of others stay
// where they are.
func documentText(d policy.Document) string {
	out := struct {
		Version   string            `json:",omitempty"`
		ID        string            `json:"Id,omitempty"`
		Statement []json.RawMessage // each as the policy language has it
	}{Version: d.Version, ID: d.ID}
	for _, s := range d.Statements {
		out.Statement = append(out.Statement, json.RawMessage(bare(s)))
	}
	return encode(out)
}

// denied is to which of the groups' roles a statement denies a pull, in words, "" if
// to none.
func (a *Account) denied(s policy.Statement, groups []wantedGroup) string {
	if s.Effect != policy.Deny || !concerns(s.Actions, s.NotActions, policy.PullGrant("", nil).Actions, overlap) {
		return ""
	}
	repositories := a.file.Pull.Repositories
	if len(repositories) == 0 {
		repositories = []string{"*"}
	}
	var resources []string
	for _, r := range repositories {
		resources = append(resources, a.regional("ecr", "repository/"+r))
	}
	inRepository := len(s.Resources)+len(s.NotResources) == 0 // whose policy has none
	if !inRepository && !concerns(s.Resources, s.NotResources, resources, overlapARN) {
		return ""
	}
	account := []string{"*", a.file.Account, a.arn("iam", "root")}
	var roles []string
	for _, g := range groups {
		named := func(p policy.Principal) bool {
			return len(p["*"]) > 0 || slices.ContainsFunc(p["AWS"], func(who string) bool { return who == g.roleARN || slices.Contains(account, who) })
		}
		if len(s.Principal) > 0 && named(s.Principal) || len(s.NotPrincipal) > 0 && !named(s.NotPrincipal) {
			roles = append(roles, g.Role)
		}
	}
	slices.Sort(roles)
	who := strings.Join(slices.Compact(roles), ", ")
	if who != "" && len(s.Conditions) > 0 {
		who += ", under conditions: " + encode(s.Conditions)
	}
	return who
}

// concerns says whether one of what is asked is among the patterns, or if those that
// are excluded are given instead, whether one is not excluded. Actions are the same in
// any case, and names of repositories have small letters only.
func concerns(patterns, excluded, asked []string, fit func(pattern, what string) bool) bool {
	return slices.ContainsFunc(asked, func(what string) bool {
		fits := func(pattern string) bool { return fit(strings.ToLower(pattern), strings.ToLower(what)) }
		if len(patterns) > 0 {
			return slices.ContainsFunc(patterns, fits)
		}
		return !slices.ContainsFunc(excluded, fits)
	})
}

// overlapARN is overlap of ARNs part by part, for none has a colon in it.
func overlapARN(a, b string) bool {
	const most = 6
	partsA, partsB := strings.SplitN(a, ":", most), strings.SplitN(b, ":", most)
	if len(partsA) != len(partsB) {
		return overlap(a, b) // one is * alone
	}
	for i := range partsA {
		if !overlap(partsA[i], partsB[i]) {
			return false
		}
	}
	return true
}

// overlap says whether there is a text that both patterns fit, in which * is any text
// and ? any character. A pattern without either fits itself.
func overlap(a, b string) bool {
	// next[j] says it of a[i+1:] and b[j:], row[j] of a[i:] and b[j:].
	next := make([]bool, len(b)+1)
	for i := len(a); i >= 0; i-- {
		row := make([]bool, len(b)+1)
		for j := len(b); j >= 0; j-- {
			switch {
			case i == len(a) && j == len(b):
				row[j] = true
			case i < len(a) && a[i] == '*':
				row[j] = next[j] || j < len(b) && row[j+1]
			case j < len(b) && b[j] == '*':
				row[j] = row[j+1] || i < len(a) && next[j]
			case i < len(a) && j < len(b):
				row[j] = next[j+1] && (a[i] == b[j] || a[i] == '?' || b[j] == '?')
			}
		}
		next = row
	}
	return next[0]
}
