package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestInit discovers the estate, and what it writes is a file with which the whole way
// can be gone.
func TestInit(t *testing.T) {
	s := start(t)
	e := s.seed(t)
	d := s.desk(t, "")
	path := filepath.Join(d.dir, "bootstrap.yaml")
	must(t, os.Remove(path))
	before := s.snapshot(t)

	d.runs(t, 0, "init", "--region", region, "--cluster", "prod-1", "--vpc", e.vpc)
	written, err := os.ReadFile(path)
	must(t, err)
	for _, want := range append(append(e.servers, e.agents...), e.group, e.public[0], e.private[0],
		"roles: [control-plane, etcd]", "roles: [worker]", "elb: public", "elb: internal", "# guessed from the name", "# no instance carries the cluster's tag yet") {
		if !strings.Contains(string(written), want) {
			t.Errorf("bootstrap.yaml lacks %q:\n%s", want, written)
		}
	}
	if diff := cmp.Diff(before, s.snapshot(t)); diff != "" {
		t.Error("init has changed the account:", diff)
	}
	d.runs(t, 0, "apply", "--yes")
	d.runs(t, 0, "plan")

	// Now that everything carries the cluster's tag, nothing has to be said but the region.
	found := s.desk(t, "")
	must(t, os.Remove(filepath.Join(found.dir, "bootstrap.yaml")))
	found.runs(t, 0, "init", "--region", region)
	again, err := os.ReadFile(filepath.Join(found.dir, "bootstrap.yaml"))
	must(t, err)
	for _, want := range []string{"cluster: prod-1\n", "# it carries the cluster's tag", "from the tag " + key} {
		if !strings.Contains(string(again), want) {
			t.Errorf("bootstrap.yaml lacks %q:\n%s", want, again)
		}
	}
	if changes := found.plan(t).changes(); changes != nil {
		t.Errorf("by that file there is something to do: %q", changes)
	}
	d.runs(t, 0, "destroy", "--yes")
	if diff := cmp.Diff(before, s.snapshot(t)); diff != "" {
		t.Error(diff)
	}
}
