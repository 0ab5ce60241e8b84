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
