package evaluate_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws/evaluate"
)

// TestParse is a document in every form that the grammar has.
func TestParse(t *testing.T) {
	t.Parallel()
	got := parse(t, `{"Version":"2012-10-17","Id":"x","Statement":[
		{"Sid":"One","Effect":"Allow","Action":"ec2:RunInstances","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":true},
			"ForAllValues:StringNotLikeIfExists":{"aws:TagKeys":["a","b"]},"NumericEquals":{"s3:max-keys":10}}},
		{"Effect":"Deny","NotAction":["iam:*"],"NotResource":["arn:aws:iam::123456789012:role/a"],"Principal":{"Service":"ec2.amazonaws.com","AWS":["123456789012"]}},
		{"Effect":"Deny","Action":["*"],"NotPrincipal":"*"}]}`)
	want := &evaluate.Document{Version: "2012-10-17", Statements: []evaluate.Statement{
		{Sid: "One", Allow: true, Actions: []string{"ec2:RunInstances"}, Resources: []string{"*"}, Conditions: []evaluate.Condition{
			{Operator: evaluate.Operator{Base: "Bool"}, Key: "aws:SecureTransport", Values: []string{"true"}},
			{Operator: evaluate.Operator{Set: "ForAllValues", Base: "StringLike", Negated: true, IfExists: true}, Key: "aws:TagKeys", Values: []string{"a", "b"}},
			{Operator: evaluate.Operator{Base: "NumericEquals"}, Key: "s3:max-keys", Values: []string{"10"}},
		}},
		{NotActions: []string{"iam:*"}, NotResources: []string{"arn:aws:iam::123456789012:role/a"},
			Principals: []evaluate.Principal{{Type: "AWS", Value: "123456789012"}, {Type: "Service", Value: "ec2.amazonaws.com"}}},
		{Actions: []string{"*"}, NotPrincipals: []evaluate.Principal{{Type: "AWS", Value: "*"}}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Parse (-want +got)\n%s", diff)
	}
	single := parse(t, `{"Statement":{"Effect":"Allow","Action":"ec2:*","Resource":"*"}}`)
	want = &evaluate.Document{Version: "2008-10-17", Statements: []evaluate.Statement{{Allow: true, Actions: []string{"ec2:*"}, Resources: []string{"*"}}}}
	if diff := cmp.Diff(want, single); diff != "" {
		t.Errorf("Parse of the oldest form (-want +got)\n%s", diff)
	}
}

// TestParseRefuses is what is no policy, and what AWS says of it.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const (
		syntax = "Syntax errors in policy."
		vendor = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
		none   = "Policy statement must contain actions."
	)
	good := allow("ec2:*", "*", "")
	cases := []struct{ name, text, want string }{
		{"nothing", ``, "This policy contains invalid Json"},
		{"half a document", `{"Version":"2012-10-17"`, "This policy contains invalid Json"},
		{"a list", `[]`, syntax},
		{"no statement", `{"Version":"2012-10-17"}`, syntax},
		{"no statements", policy(), syntax},
		{"another version", `{"Version":"2012-10-18","Statement":[` + good + `]}`, "The policy must contain a valid version string."},
		{"an unknown field", `{"Version":"2012-10-17","Statement":[` + good + `],"Comment":"x"}`, syntax + " (unknown field Comment)"},
		{"a field in another case", `{"version":"2012-10-17","Statement":[` + good + `]}`, syntax + " (unknown field version)"},
		{"an unknown field of a statement", policy(`{"Effect":"Allow","Actions":["ec2:*"],"Resource":"*"}`), syntax + " (unknown field Actions)"},
		{"a field twice", `{"Version":"2012-10-17","Statement":[` + good + `],"Statement":[]}`, syntax + " (field Statement twice)"},
		{"a field of a statement twice", policy(`{"Effect":"Allow","Action":"ec2:*","Action":"iam:*","Resource":"*"}`), syntax + " (field Action twice)"},
		{"an effect in another case", policy(`{"Effect":"allow","Action":"ec2:*","Resource":"*"}`), syntax + " (effect allow)"},
		{"no effect", policy(`{"Action":"ec2:*","Resource":"*"}`), syntax + " (effect )"},
		{"no action", policy(`{"Effect":"Allow","Resource":"*"}`), none},
		{"no actions", policy(`{"Effect":"Allow","Action":[],"Resource":"*"}`), none},
		{"both kinds of actions", policy(`{"Effect":"Allow","Action":"ec2:*","NotAction":"iam:*","Resource":"*"}`), none},
		{"an action that is a number", policy(`{"Effect":"Allow","Action":1,"Resource":"*"}`), syntax},
		{"an action without service", policy(allow("RunInstances", "*", "")), vendor},
		{"an action with a glob for service", policy(allow("e*:RunInstances", "*", "")), vendor},
		{"both kinds of resources", policy(`{"Effect":"Allow","Action":"ec2:*","Resource":"*","NotResource":"*"}`), syntax},
		{"a resource that is no ARN", policy(allow("ec2:*", "i-0abc", "")), `Resource i-0abc must be in ARN format or "*".`},
		{"both kinds of principals", policy(`{"Effect":"Allow","Action":"ec2:*","Principal":"*","NotPrincipal":"*"}`), syntax},
		{"a principal without type", policy(`{"Effect":"Allow","Action":"ec2:*","Principal":"ec2.amazonaws.com"}`), `Invalid principal in policy: "ec2.amazonaws.com"`},
		{"a principal of unknown type", policy(`{"Effect":"Allow","Action":"ec2:*","Principal":{"Role":"x"}}`), "Invalid principal in policy: Role"},
		{"no principals", policy(`{"Effect":"Allow","Action":"ec2:*","Principal":{}}`), "Invalid principal in policy."},
		{"a Sid twice", policy(good, good), "Statement IDs (SID) in a single policy must be unique."},
		{"an unknown operator", policy(allow("ec2:*", "*", `{"StringIs":{"aws:TagKeys":"a"}}`)), "Invalid Condition type : StringIs."},
		{"an unknown set", policy(allow("ec2:*", "*", `{"ForSomeValues:StringEquals":{"aws:TagKeys":"a"}}`)), "Invalid Condition type : ForSomeValues:StringEquals."},
		{"Null if it exists", policy(allow("ec2:*", "*", `{"NullIfExists":{"aws:TagKeys":"true"}}`)), "Invalid Condition type : NullIfExists."},
		{"a key without service", policy(allow("ec2:*", "*", `{"StringEquals":{"TagKeys":"a"}}`)), vendor},
		{"a value that is an object", policy(allow("ec2:*", "*", `{"StringEquals":{"aws:TagKeys":{}}}`)), syntax},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d, err := evaluate.Parse(c.text)
			if err == nil || err.Error() != c.want {
				t.Errorf("Parse(%s) = %v, %v, want %s", c.text, d, err, c.want)
			}
		})
	}
}

// FuzzDecide looks for documents that cannot be evaluated, for requests that are
// allowed though a statement denies everything, and for such as are allowed by nothing.
func FuzzDecide(f *testing.F) {
	f.Add(clusterScoped, "ec2:CreateTags", group, "aws:TagKeys", "a")
	f.Add(policy(allow("*", "arn:aws:ec2:*:${aws:PrincipalAccount}:*", `{"StringLike":{"aws:TagKeys":"${*}?"}}`)), "iam:GetRole", role, "aws:PrincipalAccount", "1")
	f.Fuzz(func(t *testing.T, text, action, resource, key, value string) {
		d, err := evaluate.Parse(text)
		if err != nil {
			return
		}
		r := evaluate.Request{Action: action, Resource: resource, Context: context{key: {value}}}
		got := evaluate.Policies{Identity: []*evaluate.Document{d}}.Decide(r)
		if got.Effect == evaluate.Allowed && !strings.Contains(text, `Allow`) && !strings.Contains(text, `\u`) {
			t.Errorf("Decide by %s = %+v, which nothing allows", text, got)
		}
		all := parse(t, policy(deny("*", "*", "")))
		if got := (evaluate.Policies{Identity: []*evaluate.Document{d, all}}).Decide(r); got.Effect != evaluate.ExplicitDeny {
			t.Errorf("Decide by %s with a deny of all = %+v", text, got)
		}
	})
}
