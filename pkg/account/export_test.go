package account

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

var update = flag.Bool("update", false, "rewrite the golden files with what was printed")

func TestPrinted(t *testing.T) {
	printers := map[string]func(Export) (string, []plan.Change){
		"sh": Export.AWSCLI, "tf": Export.Terraform, "yaml": Export.CloudFormation,
	}
	for name, e := range map[string]Export{
		"missing-aws":    missing("aws", "eu-central-1"),
		"missing-aws-cn": missing("aws-cn", "cn-north-1"),
		"grown":          grown(),
		"nothing":        nothing(),
	} {
		for ending, printed := range printers {
			t.Run(name+"."+ending, func(t *testing.T) {
				got, _ := printed(e)
				golden(t, filepath.Join("testdata", "export", name+"."+ending), got)
			})
		}
	}
}

// golden compares what was printed with a file.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// TestLeft holds what is returned against what is not made: by the script nothing of
// what can be created, by Terraform what no resource is for, by CloudFormation all that
// is not of IAM.
func TestLeft(t *testing.T) {
	e := missing("aws", "eu-central-1")
	of := func(kinds ...string) []plan.Change {
		return slices.DeleteFunc(slices.Clone(e.Changes), func(c plan.Change) bool { return !slices.Contains(kinds, c.Kind) })
	}
	notWhole := func(c plan.Change) bool { return c.Kind == kindRepository && c.Of != "team/web" }
	_, script := e.AWSCLI()
	_, terraform := e.Terraform()
	_, stack := e.CloudFormation()
	for _, test := range []struct {
		by        string
		want, got []plan.Change
	}{
		{"script", nil, script},
		{"terraform", slices.DeleteFunc(of(kindAssociation, kindRepository), notWhole), terraform},
		{"stack", of(kindAssociation, kindTag, kindGroupTag, kindEntry, kindAccessPolicy, kindRegistry, kindRepository), stack},
	} {
		if diff := cmp.Diff(test.want, test.got); diff != "" {
			t.Errorf("left by the %s (-want +got):\n%s", test.by, diff)
		}
	}
}

// TestUnreadable has states that are none: they are left, and the rest is printed.
func TestUnreadable(t *testing.T) {
	e := nothing()
	for _, kind := range kinds {
		e.Changes = append(e.Changes, plan.Change{Object: objectOf(kind, "name", "of"), Before: "{", After: "{}{"})
	}
	e.Changes = append(e.Changes, plan.Change{Object: objectOf("of the future", "name", "of"), After: "new"})
	for _, printed := range []func(Export) (string, []plan.Change){Export.Terraform, Export.CloudFormation} {
		if _, left := printed(e); !cmp.Equal(e.Changes, left) {
			t.Errorf("left %v", left)
		}
	}
	plain := []string{kindBoundary, kindRoleTag, kindAttached, kindProfileRole, kindAssociation, kindTag}
	want := slices.DeleteFunc(slices.Clone(e.Changes), func(c plan.Change) bool { return slices.Contains(plain, c.Kind) })
	if _, left := e.AWSCLI(); !cmp.Equal(want, left) {
		t.Errorf("the script left %s", cmp.Diff(want, left))
	}
}

// TestForAnotherTool has ownership tags alone, which other tools' objects must not
// have: destroy would take them.
func TestForAnotherTool(t *testing.T) {
	e := missing("aws", "eu-central-1")
	for _, printed := range []func(Export) (string, []plan.Change){Export.Terraform, Export.CloudFormation} {
		if text, _ := printed(e); strings.Contains(text, "kubelet-ecr/") {
			t.Errorf("printed one of our tags:\n%s", text)
		}
	}
}

func TestIdentifiers(t *testing.T) {
	got := identifiers(map[string]string{"a.b": "a_b", "a/b": "a_b", "c": "c"}, "_")
	want := map[string]string{"a.b": "a_b_2e7336", "a/b": "a_b_c14cdd", "c": "c"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("identifiers (-want +got):\n%s", diff)
	}
	for label, want := range map[string]string{
		"prod-1": "prod-1", "1.2/x": "_1_2_x", "": "_", "-": "_-", "é": "_", "_a": "_a",
	} {
		if got := identifier(label); got != want {
			t.Errorf("identifier(%q) = %q, want %q", label, got, want)
		}
	}
	for label, want := range map[string]string{"prod-1-server": "Prod1Server", "é": "", "a+b=c,d@e_f": "ABCDEF"} {
		if got := camel(label); got != want {
			t.Errorf("camel(%q) = %q, want %q", label, got, want)
		}
	}
}

// TestHCLQuoted has what Terraform 1.11 reads back as the text on the left.
func TestHCLQuoted(t *testing.T) {
	for text, want := range map[string]string{
		``:                `""`,
		`plain`:           `"plain"`,
		`${aws:username}`: `"$${aws:username}"`,
		`$${a} $a $`:      `"$$${a} $a $"`,
		`%{if} %%{ %`:     `"%%{if} %%%{ %"`,
		`"'\\`:            `"\"'\\\\"`,
		"a\tb\r\nc\x00":   `"a\tb\u000d\nc\u0000"`,
		"\u2028 é 😀":      `"\u2028 é 😀"`,
		"\U000e0001":      `"\U000e0001"`,
	} {
		if got := hclQuoted(text); got != want {
			t.Errorf("hclQuoted(%q) = %s, want %s", text, got, want)
		}
	}
}

// awkward are texts that some language takes for more than text.
func awkward() []string {
	return []string{
		``, ` `, `'`, `"`, `''`, `\`, `\n`, "a\nb", "\t", `$x ${y} $(z)`, "`z`", `%{y}`, `~`, `*`, `!Ref X`, `#`, `a: b`, `- a`, `{}`, `[]`, `null`, `yes`,
		`2012-10-17`, `1e3`, `0x1f`, `-dash`, `file:///etc/passwd`, `https://example.com`, `a,b=c`, `é 😀`, "\u2028", "\x7f", `&a <b>`, `{{resolve:ssm:x}}`,
	}
}

// TestYAMLReadsBack gives what was written to a parser.
func TestYAMLReadsBack(t *testing.T) {
	list := textList(awkward())
	var members object
	names := map[string]any{}
	for _, text := range awkward() {
		members = append(members, member{text, text})
		names[text] = text
	}
	want := map[string]any{
		"List": list, "Members": names, "Nested": []any{list, map[string]any{"A": map[string]any{}, "B": []any{}}}, "Yes": true, "Nothing": nil,
	}
	written := strings.Join(yamlLines(object{
		{"List", list}, {"Members", members}, {"Nested", []any{list, object{{"A", object{}}, {"B", []any{}}}}}, {"Yes", true}, {"Nothing", nil},
	}), "\n")
	var got map[string]any
	if err := yaml.Unmarshal([]byte(written), &got); err != nil {
		t.Fatalf("%v in\n%s", err, written)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

// TestLargeTemplate does not fit into a request, and the text says what to do.
func TestLargeTemplate(t *testing.T) {
	for tags, want := range map[int]bool{100: false, 1000: true} {
		e := missing("aws", "eu-central-1")
		for i := range tags {
			e.Changes = append(e.Changes, plan.Change{Object: objectOf(kindTag, "kubernetes.io/cluster/prod-1", fmt.Sprintf("i-%017d", i)), After: "owned"})
		}
		if text, _ := e.CloudFormation(); strings.Contains(text, "--s3-bucket") != want {
			t.Errorf("with %d tags in the comment: a bucket is asked for: %t", tags, !want)
		}
	}
}

// TestOrder has maps in many places, and says the same each time.
func TestOrder(t *testing.T) {
	e := missing("aws", "eu-central-1")
	for name, printed := range map[string]func(Export) (string, []plan.Change){
		"script": Export.AWSCLI, "terraform": Export.Terraform, "stack": Export.CloudFormation,
	} {
		once := map[string]bool{}
		for range 20 {
			text, _ := printed(e)
			once[text] = true
		}
		if len(once) != 1 {
			t.Errorf("%s has %d texts for one plan: %v", name, len(once), slices.Collect(maps.Keys(once)))
		}
	}
}
