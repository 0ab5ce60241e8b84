package clusterid_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/clusterid"
)

func TestKey(t *testing.T) {
	if diff := cmp.Diff(key, clusterid.Key("prod-1")); diff != "" {
		t.Errorf("Key (-want +got):\n%s", diff)
	}
}

func TestValidate(t *testing.T) {
	for _, test := range []struct{ cluster, want string }{
		{"prod-1", ""},
		{"c.example:1/@x=y+z_1", ""},
		{strings.Repeat("x", 105), ""},
		{strings.Repeat("é", 105), ""},
		{"", "the ClusterID is empty"},
		{strings.Repeat("x", 106), `the ClusterID has 106 characters, and at most 105 fit behind "kubernetes.io/cluster/" in a tag key of 127`},
		{"prod 1", `the ClusterID "prod 1" has ' ': a tag key takes letters, digits and + - = . _ : / @`},
		{"prod\n1", `the ClusterID "prod\n1" has '\n': a tag key takes letters, digits and + - = . _ : / @`},
		{"prod\xff", "the ClusterID is not UTF-8"},
	} {
		got := ""
		if err := clusterid.Validate(test.cluster); err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("Validate(%q) (-want +got):\n%s", test.cluster, diff)
		}
	}
}

// Every line of the table has its row in these tests, where the whole finding is
// compared; and no code is there twice.
func TestRules(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(text)
	}
	levels := []clusterid.Level{clusterid.Error, clusterid.Warning, clusterid.Note}
	seen := map[string]bool{}
	for _, r := range clusterid.Rules() {
		if r.What == "" || r.Source == "" || !slices.Contains(levels, r.Level) || seen[r.Code] {
			t.Errorf("%+v: incomplete, or there twice", r)
		}
		seen[r.Code] = true
		if !strings.Contains(source.String(), `Code: "`+r.Code+`", Level: `) {
			t.Errorf("%s: no row", r.Code)
		}
	}
}
