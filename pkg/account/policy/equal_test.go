package policy_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	awspolicy "github.com/hashicorp/awspolicyequivalence"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
)

// TestEqualAgrees holds Equal against the judge that Terraform uses, on documents of a
// vocabulary so small that many are equal. What that judge sees otherwise is not in it:
// it counts repetitions, and to it a bare * is no principal at all.
func TestEqualAgrees(t *testing.T) {
	r := rand.New(rand.NewPCG(20121017, 0))
	equal := 0
	for range 10_000 {
		a := randomDocument(r)
		b := randomDocument(r)
		if r.IntN(2) == 0 {
			b = shuffled(r, a)
		}
		if repeats(a) || repeats(b) {
			continue
		}
		theirs, err := awspolicy.PoliciesAreEquivalent(a.String(), b.String())
		if err != nil {
			t.Fatalf("awspolicyequivalence does not take\n%s or\n%s: %v", a, b, err)
		}
		if ours := policy.Equal(a, b); ours != theirs {
			t.Fatalf("Equal = %t, awspolicyequivalence %t:\n%s\n%s", ours, theirs, a, b)
		}
		if theirs {
			equal++
		}
	}
	if equal < 1_000 {
		t.Errorf("only %d pairs were equal: the vocabulary has grown too large to test anything", equal)
	}
}

func randomDocument(r *rand.Rand) policy.Document {
	d := policy.Document{Version: pick(r, "2012-10-17", "2012-10-17", "2008-10-17"), ID: pick(r, "", "", "id")}
	for range 1 + r.IntN(2) {
		s := policy.Statement{Sid: pick(r, "", "A"), Effect: pick(r, policy.Allow, policy.Deny)}
		*pick(r, &s.Actions, &s.Actions, &s.NotActions) = some(r, "ecr:*", "ecr:BatchGetImage")
		*pick(r, &s.Resources, &s.Resources, &s.NotResources) = some(r, "*", "a")
		*pick(r, &s.Principal, &s.NotPrincipal) = pick(r, nil,
			policy.Principal{"AWS": {"*"}},
			policy.Principal{"AWS": {"123456789012"}},
			policy.Principal{"AWS": {"arn:aws:iam::123456789012:root"}},
			policy.Principal{"AWS": {"arn:aws:iam::123456789012:root", "arn:aws:iam::123456789013:role/r"}, "Service": {"ec2.amazonaws.com"}},
		)
		s.Conditions = pick(r, nil, nil,
			policy.Conditions{"Bool": {"a": {"true"}}},
			policy.Conditions{"Bool": {"a": {"false"}}, "StringLike": {"a": some(r, "x", "y*")}},
		)
		d.Statements = append(d.Statements, s)
	}
	return d
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// some is at least one of the values.
func some(r *rand.Rand, from ...string) []string {
	return slices.Clone(from[r.IntN(len(from)):])
}

// shuffled says the same in another order.
func shuffled(r *rand.Rand, d policy.Document) policy.Document {
	d.Statements = slices.Clone(d.Statements)
	r.Shuffle(len(d.Statements), func(i, j int) {
		d.Statements[i], d.Statements[j] = d.Statements[j], d.Statements[i]
	})
	for i := range d.Statements {
		for _, list := range []*[]string{&d.Statements[i].Actions, &d.Statements[i].NotActions, &d.Statements[i].Resources} {
			*list = slices.Clone(*list)
			slices.Reverse(*list)
		}
	}
	return d
}

// repeats says whether the document has a statement twice, however it is written.
func repeats(d policy.Document) bool {
	for i, s := range d.Statements {
		for _, other := range d.Statements[:i] {
			if policy.Equal(policy.Document{Statements: []policy.Statement{s}}, policy.Document{Statements: []policy.Statement{other}}) {
				return true
			}
		}
	}
	return false
}
