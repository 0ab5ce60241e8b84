package config_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/jsonschema-go/jsonschema"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

// head is the least that a file has.
const head = "version: 1\n" +
	"cluster: prod-1\n" +
	"account: \"123456789012\"\n" +
	"region: eu-central-1\n"

// A verdict is what the schema says of a case.
type verdict string

const (
	takes    verdict = "takes"   // the rule is between values, or finer than a pattern
	refuses  verdict = "refuses" // as Parse does
	notForIt verdict = ""        // this is no YAML, or not all of YAML
)

// A badCase is a text that Parse refuses.
type badCase struct {
	name   string
	schema verdict
	text   string
	want   []string // lines of the error, behind "bootstrap.yaml:"
}

func badCases() []badCase { return slices.Concat(badYAML, badTypes, badNodes, badPull) }

func TestParseRefuses(t *testing.T) {
	for _, tt := range badCases() {
		t.Run(tt.name, func(t *testing.T) {
			f, err := config.Parse("bootstrap.yaml", []byte(tt.text))
			if f != nil || err == nil {
				t.Fatalf("Parse(%q) = %+v, %v, want nil and an error", tt.text, f, err)
			}
			want := "bootstrap.yaml:" + strings.Join(tt.want, "\nbootstrap.yaml:")
			if diff := cmp.Diff(want, err.Error()); diff != "" {
				t.Errorf("Parse(%q) (-want +got)\n%s", tt.text, diff)
			}
		})
	}
}

// TestSchemaAgrees: what Parse takes, the schema takes; what it refuses, the schema
// refuses too, as far as a schema can.
func TestSchemaAgrees(t *testing.T) {
	schema := resolved(t)
	for _, tt := range goodCases {
		t.Run(tt.name, func(t *testing.T) {
			if err := schema.Validate(config.Values(tt.text)); err != nil {
				t.Errorf("the schema refuses %q: %v", tt.text, err)
			}
		})
	}
	for _, tt := range badCases() {
		if tt.schema == notForIt {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			err := schema.Validate(config.Values(tt.text))
			if refused := err != nil; refused != (tt.schema == refuses) {
				t.Errorf("the schema says %v of %q, want that it %s it", err, tt.text, tt.schema)
			}
		})
	}
}

func resolved(t testing.TB) *jsonschema.Resolved {
	t.Helper()
	var s jsonschema.Schema
	if err := json.Unmarshal(config.Schema(), &s); err != nil {
		t.Fatal(err)
	}
	r, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "bootstrap.yaml")
	if err := os.WriteFile(path, []byte(head), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := config.Load(path)
	want := &config.File{
		Version: 1, Cluster: "prod-1", Account: "123456789012", Region: "eu-central-1",
		Pull: config.Pull{Lifecycle: config.Manage},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("Load(%q): %v (-want +got)\n%s", path, err, diff)
	}

	missing := filepath.Join(dir, "other.yaml")
	_, err = config.Load(missing)
	if want := "read the cluster's description: open " + missing + ": no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("Load(%q): %v, want %s", missing, err, want)
	}
	if got, want := hint.Of(err), "write one with ecr-node-bootstrap init, or name it with -f"; got != want {
		t.Errorf("Load(%q) has the hint %q, want %q", missing, got, want)
	}
	if _, err := config.Load(filepath.Join(path, "x")); err == nil || hint.Of(err) != "" {
		t.Errorf("Load, in a file: %v with the hint %q, want an error without", err, hint.Of(err))
	}
	if _, err := config.Load(dir); err == nil || hint.Of(err) != "" {
		t.Errorf("Load(%q), a directory: %v with the hint %q, want an error without", dir, err, hint.Of(err))
	}
}

// TestFault: an error is for programs too.
func TestFault(t *testing.T) {
	_, err := config.Parse("f.yaml", []byte(head+"pull:\n  publik: true\n"))
	got, ok := errors.AsType[*config.Fault](err)
	want := &config.Fault{File: "f.yaml", Line: 6, Column: 3, Path: "pull.publik", Problem: `unknown key; did you mean "public"?`}
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Errorf("Parse: %v (-want +got)\n%s", err, diff)
	}
}

// TestBounds: what is too big or too deep is refused, and soon: the parser itself has
// no bounds, and takes minutes for the worst of these.
func TestBounds(t *testing.T) {
	const most = 1 << 20
	fill := func(s string) string { return strings.Repeat(s, most/len(s)) }
	flat := strings.Builder{}
	for i := 0; flat.Len() < most-20; i++ {
		flat.WriteString("k" + strings.Repeat("x", i%7) + ": v\n")
	}
	tooMany := "the file has more words and signs than are read"
	tooDeep := "this is nested deeper than anything that is read"
	for _, tt := range []struct{ name, text, want string }{
		{"too big", fill("#") + "#", "bootstrap.yaml:1:1: the file has more than 1048576 bytes, which are the most that are read"},
		{"comments", fill("# a\n"), "bootstrap.yaml:1:1: the file is empty; ecr-node-bootstrap init writes one"},
		{"a long line", fill("["), "bootstrap.yaml:1:16385: the line has more than 16384 characters, which are the most that are read"},
		{"brackets", fill("[\n"), "bootstrap.yaml:131073:1: " + tooMany},
		{"fewer brackets", fill("[\n")[:200000], "bootstrap.yaml:17:1: " + tooDeep},
		{"braces", "a: " + fill("{a: ")[:4096], "bootstrap.yaml:1:68: " + tooDeep},
		{"dashes", fill("- ")[:4096], "bootstrap.yaml:1:101: " + tooDeep},
		{"items", fill("- a\n"), "bootstrap.yaml:131073:1: " + tooMany},
		{"fewer items", fill("- a\n")[:200000], "bootstrap.yaml:16385:1: " + tooMany},
		{"anchors", fill("&a &a &a\n"), "bootstrap.yaml:43691:7: " + tooMany},
		{"keys", flat.String(), "bootstrap.yaml:10923:6: " + tooMany},
		{"aliases", "a: &a [x, x]\nb: &b [*a, *a]\n", "bootstrap.yaml:1:4: an anchor: they are not read, so write the value where it is meant; a value that begins with & goes in quotes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := config.Parse("bootstrap.yaml", []byte(tt.text))
			if err == nil || err.Error() != tt.want {
				t.Errorf("Parse: %v, want %s", err, tt.want)
			}
		})
	}
}
