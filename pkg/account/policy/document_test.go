package policy_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/deploy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
)

// full has every element that the policy language has.
const full = `{"Version":"2012-10-17","Id":"x","Statement":[` +
	`{"Sid":"A","Effect":"Deny","Principal":"*","NotAction":["iam:*","sts:*"],"NotResource":"arn:aws:s3:::b",` +
	`"Condition":{"Bool":{"aws:SecureTransport":"false"},"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"],"x":[]},"Null":{}}},` +
	`{"Sid":"B","Effect":"Allow","NotPrincipal":{"AWS":["123456789012","arn:aws:iam::123456789012:role/r"],"Service":"ec2.amazonaws.com"},` +
	`"Action":"ecr:BatchGetImage","Resource":["*","b"]}]}`

func TestParse(t *testing.T) {
	want := policy.Document{Version: "2012-10-17", ID: "x", Statements: []policy.Statement{
		{
			Sid: "A", Effect: policy.Deny, Principal: policy.Principal{"*": {"*"}},
			NotActions: []string{"iam:*", "sts:*"}, NotResources: []string{"arn:aws:s3:::b"},
			Conditions: policy.Conditions{
				"Bool":                      {"aws:SecureTransport": {"false"}},
				"ForAllValues:StringEquals": {"aws:TagKeys": {"a", "b"}, "x": {}},
				"Null":                      {},
			},
		},
		{
			Sid: "B", Effect: policy.Allow,
			NotPrincipal: policy.Principal{"AWS": {"123456789012", "arn:aws:iam::123456789012:role/r"}, "Service": {"ec2.amazonaws.com"}},
			Actions:      []string{"ecr:BatchGetImage"}, Resources: []string{"*", "b"},
		},
	}}
	for name, text := range map[string]string{
		"plain":       full,
		"URL-encoded": url.PathEscape(full),
		"all encoded": percent(full),
		"spaces":      "\n " + strings.ReplaceAll(full, ",", " ,\n\t") + "\r\n",
		"one statement is no list": strings.NewReplacer(
			`"Statement":[`, `"Statement":`, `"b"]}]}`, `"b"]}}`).Replace(full),
	} {
		t.Run(name, func(t *testing.T) {
			want := want
			if name == "one statement is no list" {
				text = strings.Replace(text, text[strings.Index(text, `{"Sid":"A"`):strings.Index(text, `{"Sid":"B"`)], "", 1)
				want.Statements = want.Statements[1:]
			}
			got, err := policy.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Parse(%s) (-want +got):\n%s", text, diff)
			}
		})
	}
	got, err := policy.Parse(`{"Statement":{"Effect":"Allow","Action":"*","Condition":{"Bool":{"b":true},"NumericEquals":{"n":[1,2.50]}}}}`)
	if err != nil {
		t.Fatal(err)
	}
	if want := (policy.Conditions{"Bool": {"b": {"true"}}, "NumericEquals": {"n": {"1", "2.50"}}}); !cmp.Equal(want, got.Statements[0].Conditions) {
		t.Errorf("conditions that are no strings are %v, want %v", got.Statements[0].Conditions, want)
	}
}

// percent encodes every byte.
func percent(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(s) {
		b.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
	return b.String()
}

func TestParseRefuses(t *testing.T) {
	const because = "read policy document: "
	tests := []struct{ text, want string }{
		{"", "it is not JSON: unexpected EOF"},
		{"null", "it is not a JSON object"},
		{"[]", "it is not a JSON object"},
		{"{", "it is not JSON: unexpected EOF"},
		{"{}", "it has no statement"},
		{`{"Statement":[]}`, "it has no statement"},
		{"%7B%7", `invalid URL escape "%7"`},
		{`{"Statement":{"Effect":"Allow"}} {}`, "there is more after the JSON object"},
		{`{"Statement":{"Effect":"Allow"}}}`, "there is more after the JSON object"},
		{`{"Statment":{"Effect":"Allow"}}`, "Statment: the policy language has no such element"},
		{`{"Statement":{"Effect":"Allow"},"Statement":{"Effect":"Deny"}}`, "Statement: it is there twice"},
		{`{"Statement":[{"Effect":"Allow"},{"Effect":"allow"}]}`, `Statement: [1]: its Effect "allow" is neither Allow nor Deny`},
		{`{"Statement":{"Action":"*"}}`, `Statement: [0]: its Effect "" is neither Allow nor Deny`},
		{`{"Statement":[{"Effect":"Allow","Actions":"*"}]}`, "Statement: [0]: Actions: the policy language has no such element"},
		{`{"Statement":[{"Effect":"Allow","Action":[]}]}`, "Statement: [0]: Action: the list is empty"},
		{`{"Statement":[{"Effect":"Allow","Action":["a",["b"]]}]}`, `Statement: [0]: Action: ["b"] is not a value`},
		{`{"Statement":[{"Effect":"Allow","Action":null}]}`, "Statement: [0]: Action: null is not a value"},
		{`{"Statement":[{"Effect":"Allow","Action":{"a":1}}]}`, `Statement: [0]: Action: {"a":1} is not a value`},
		{`{"Statement":[{"Effect":"Allow","Principal":"123456789012"}]}`, `Statement: [0]: Principal: "123456789012" is of no kind, and only * may be that`},
		{`{"Statement":[{"Effect":"Allow","Principal":{"*":"*"}}]}`, "Statement: [0]: Principal: *: the policy language has no such element"},
		{`{"Statement":[{"Effect":"Allow","Principal":{}}]}`, "Statement: [0]: Principal: it names nobody"},
		{`{"Statement":[{"Effect":"Allow","Condition":{"Bool":"x"}}]}`, "Statement: [0]: Condition: Bool: it is not a JSON object"},
		{`{"Statement":[{"Effect":"Allow","Condition":{"Bool":{"k":"a","k":"b"}}}]}`, "Statement: [0]: Condition: Bool: k: it is there twice"},
		{`{"Statement":"x"}`, "Statement: [0]: it is not a JSON object"},
	}
	for _, tt := range tests {
		got, err := policy.Parse(tt.text)
		if err == nil || err.Error() != because+tt.want {
			t.Errorf("Parse(%s) = %v, %v\nwant the error %s", tt.text, got, err, because+tt.want)
		}
	}
}

func TestString(t *testing.T) {
	d, err := policy.Parse(full)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.String(); got != full {
		t.Errorf("String() =\n%s\nwant\n%s", got, full)
	}
	shuffled := d
	shuffled.Statements = []policy.Statement{d.Statements[1], d.Statements[0]}
	shuffled.Statements[0].Resources = []string{"b", "*", "b"}
	if got := shuffled.String(); got != full {
		t.Errorf("String() of another order =\n%s\nwant\n%s", got, full)
	}
	if want := "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\n      \"Sid\": \"a<b&c\",\n      \"Effect\": \"Allow\",\n      \"Action\": \"*\"\n    }\n  ]\n}\n"; want != (policy.Document{
		Version: policy.Version, Statements: []policy.Statement{{Sid: "a<b&c", Effect: policy.Allow, Actions: []string{"*"}}},
	}).Indent() {
		t.Errorf("Indent() is not %s", want)
	}
}

// TestSize counts as the pages that quote these numbers do.
func TestSize(t *testing.T) {
	tests := map[string]int{"rancher-control-plane": 2051 - len(`"elasticloadbalancing:AddTags",`) - len(`[]`), "rancher-node": 310, "rancher-eks-vpc": 559}
	for name, want := range tests {
		d, err := policy.Published(name, false)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Size(); got != want {
			t.Errorf("Size() of %s = %d, want %d", name, got, want)
		}
	}
	spaced := policy.Document{Statements: []policy.Statement{{Sid: "a \tü", Effect: policy.Deny}}}
	if got, want := spaced.Size(), len(`{"Statement":[{"Sid":"a\tu","Effect":"Deny"}]}`); got != want {
		t.Errorf("Size() of %s = %d, want %d", spaced, got, want)
	}
}

func TestEqual(t *testing.T) {
	doc := func(statement string) string { return `{"Version":"2012-10-17","Statement":` + statement + `}` }
	tests := []struct {
		name string
		a, b string
		want bool
	}{
		{"order, lists and repetition", doc(`[{"Sid":"a","Effect":"Allow","Action":["x","y"]},{"Effect":"Deny","Action":"z"}]`), doc(`[{"Action":["z"],"Effect":"Deny"},{"Action":["y","x","y"],"Effect":"Allow","Sid":"a"}]`), true},
		{"account by number", doc(`{"Effect":"Allow","Principal":{"AWS":"123456789012"}}`), doc(`{"Effect":"Allow","Principal":{"AWS":"arn:aws-cn:iam::123456789012:root"}}`), true},
		{"account by number, in NotPrincipal", doc(`{"Effect":"Deny","NotPrincipal":{"AWS":"123456789012"}}`), doc(`{"Effect":"Deny","NotPrincipal":{"AWS":["arn:aws:iam::123456789012:root"]}}`), true},
		{"another account", doc(`{"Effect":"Allow","Principal":{"AWS":"123456789012"}}`), doc(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789013:root"}}`), false},
		{"a user named root", doc(`{"Effect":"Allow","Principal":{"AWS":"123456789012"}}`), doc(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/root"}}`), false},
		{"everyone and every account", doc(`{"Effect":"Allow","Principal":"*"}`), doc(`{"Effect":"Allow","Principal":{"AWS":"*"}}`), false},
		{"Principal and NotPrincipal", doc(`{"Effect":"Allow","Principal":"*"}`), doc(`{"Effect":"Allow","NotPrincipal":"*"}`), false},
		{"Sid", doc(`{"Sid":"a","Effect":"Allow"}`), doc(`{"Effect":"Allow"}`), false},
		{"Effect", doc(`{"Effect":"Deny"}`), doc(`{"Effect":"Allow"}`), false},
		{"Action and NotAction", doc(`{"Effect":"Allow","Action":"x"}`), doc(`{"Effect":"Allow","NotAction":"x"}`), false},
		{"Resource and NotResource", doc(`{"Effect":"Allow","Resource":"x"}`), doc(`{"Effect":"Allow","NotResource":"x"}`), false},
		{"condition", doc(`{"Effect":"Allow","Condition":{"Bool":{"a":true}}}`), doc(`{"Effect":"Allow","Condition":{"Bool":{"a":["true"]}}}`), true},
		{"condition's value", doc(`{"Effect":"Allow","Condition":{"Bool":{"a":"true"}}}`), doc(`{"Effect":"Allow","Condition":{"Bool":{"a":"false"}}}`), false},
		{"Version", `{"Statement":{"Effect":"Allow"}}`, doc(`{"Effect":"Allow"}`), false},
		{"a statement twice", doc(`[{"Effect":"Allow","Action":"x"},{"Effect":"Allow","Action":"x"}]`), doc(`{"Effect":"Allow","Action":"x"}`), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := parse(t, tt.a), parse(t, tt.b)
			before := a.String()
			if got := policy.Equal(a, b); got != tt.want {
				t.Errorf("Equal(%s, %s) = %t", tt.a, tt.b, got)
			}
			if got := policy.Equal(b, a); got != tt.want {
				t.Errorf("Equal(%s, %s) = %t", tt.b, tt.a, got)
			}
			if a.String() != before {
				t.Errorf("Equal changed %s to %s", before, a)
			}
		})
	}
}

func parse(t *testing.T, text string) policy.Document {
	t.Helper()
	d, err := policy.Parse(text)
	if err != nil {
		t.Fatalf("Parse(%s): %v", text, err)
	}
	return d
}

// TestMerge: what others wrote into a repository's policy stays.
func TestMerge(t *testing.T) {
	theirs := parse(t, `{"Version":"2008-10-17","Id":"theirs","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"210987654321"},"Action":"ecr:BatchGetImage"},
		{"Sid":"KubeletEcr","Effect":"Allow","Principal":{"AWS":"333333333333"},"Action":"ecr:*"},
		{"Sid":"new statement","Effect":"Deny","NotPrincipal":{"AWS":"123456789012"},"Action":"ecr:DeleteRepository"}]}`)
	before := theirs.String()
	ours := policy.PullGrant("KubeletEcr", []string{"arn:aws:iam::444444444444:role/b", "arn:aws:iam::444444444444:role/a"})
	cache := policy.CacheGrant("KubeletEcrCache", []string{"arn:aws:iam::444444444444:role/a"}, "aws", "eu-central-1", "123456789012", []string{"docker-hub/*"})
	got := theirs.With(ours, cache)
	want := policy.Document{Version: "2008-10-17", ID: "theirs", Statements: []policy.Statement{
		theirs.Statements[0],
		{
			Sid: "KubeletEcr", Effect: policy.Allow, Actions: []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"},
			Principal: policy.Principal{"AWS": {"arn:aws:iam::444444444444:role/a", "arn:aws:iam::444444444444:role/b"}},
		},
		theirs.Statements[2],
		{
			Sid: "KubeletEcrCache", Effect: policy.Allow, Actions: []string{"ecr:BatchImportUpstreamImage", "ecr:CreateRepository"},
			Principal: policy.Principal{"AWS": {"arn:aws:iam::444444444444:role/a"}},
			Resources: []string{"arn:aws:ecr:eu-central-1:123456789012:repository/docker-hub/*"},
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("With() (-want +got):\n%s", diff)
	}
	if again := got.With(ours, cache); !policy.Equal(got, again) {
		t.Errorf("With() again is %s, want %s", again, got)
	}
	if s, ok := got.Statement("KubeletEcr"); !ok || !cmp.Equal(ours, s) {
		t.Errorf("Statement(KubeletEcr) = %v, %t, want ours", s, ok)
	}
	if s, ok := theirs.Statement("KubeletEcrCache"); ok {
		t.Errorf("Statement(KubeletEcrCache) = %v, want none", s)
	}
	left := got.Without("KubeletEcr", "KubeletEcrCache", "", "no such")
	want.Statements = []policy.Statement{theirs.Statements[0], theirs.Statements[2]}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("Without() (-want +got):\n%s", diff)
	}
	if theirs.String() != before {
		t.Errorf("merging changed what it was given to %s", theirs)
	}
	if got, want := (policy.Document{}).With(ours).Version, policy.Version; got != want {
		t.Errorf("a new document has the version %q, want %q", got, want)
	}
	if got := (policy.Document{}).With(policy.Statement{Effect: policy.Deny}).With(policy.Statement{Effect: policy.Allow}); len(got.Statements) != 2 {
		t.Errorf("statements without a Sid have replaced each other: %s", got)
	}
}

// corpus is documents of all kinds, for fuzzing.
func corpus(t interface{ Fatal(...any) }) []string {
	texts := []string{full, percent(full), `{"Statement":{"Effect":"Allow"}}`}
	for _, name := range deploy.PolicyNames() {
		text, err := deploy.Policy(name)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	return texts
}

// FuzzParse: what can be read is written so that it reads the same, and nobody else
// finds a difference.
func FuzzParse(f *testing.F) {
	for _, text := range corpus(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := policy.Parse(text)
		if err != nil {
			return
		}
		for how, written := range map[string]string{
			"String": d.String(), "Indent": d.Indent(), "URL-encoded": url.PathEscape(d.String()),
		} {
			again, err := policy.Parse(written)
			if err != nil {
				t.Fatalf("%s of %q cannot be read: %v", how, text, err)
			}
			if !policy.Equal(d, again) || again.String() != d.String() {
				t.Fatalf("%s of %q is %q and reads as %q", how, text, written, again)
			}
		}
		if d.Size() > len(d.String()) {
			t.Fatalf("%q has %d characters, more than bytes", d, d.Size())
		}
	})
}
