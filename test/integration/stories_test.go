package integration

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// document is a policy document as IAM returns it, decoded and compact.
func document(t *testing.T, text *string) string {
	t.Helper()
	plain, err := url.PathUnescape(*text)
	must(t, err)
	var any any
	must(t, json.Unmarshal([]byte(plain), &any))
	b, err := json.Marshal(any)
	must(t, err)
	return string(b)
}

// TestWholeWay goes it once: an account without anything of ours, made fit, seen to
// be fit, and taken back to what it was.
func TestWholeWay(t *testing.T) {
	s := start(t)
	e := s.seed(t)
	d := s.desk(t, e.file())
	before := s.snapshot(t)

	shown := d.runs(t, 3, "plan")
	if diff := cmp.Diff(before, s.snapshot(t)); diff != "" {
		t.Error("plan has changed the account:", diff)
	}
	for _, want := range []string{"+ role prod-1-server\n", "+ instance profile prod-1-agent\n", "+ tag kubernetes.io/cluster/prod-1 of "} {
		if !strings.Contains(shown.stdout, want) {
			t.Errorf("the plan does not show %q:\n%s", want, shown.stdout)
		}
	}
	applied := d.runs(t, 0, "apply", "--yes")
	if !strings.HasSuffix(applied.stdout, "instance profile of group prod-1-agent: prod-1-agent\ninstance profile of group prod-1-server: prod-1-server\n") {
		t.Errorf("apply ends with:\n%s", applied.stdout)
	}
	if again := d.runs(t, 0, "plan"); !strings.Contains(again.stdout, "nothing to change\n") {
		t.Errorf("there is more to do:\n%s", again.stdout)
	}
	after := s.snapshot(t)
	for key, want := range map[string]string{
		"profile prod-1-server":                                    "/ [prod-1-server]",
		"profile of " + e.servers[0]:                               "arn:aws:iam::123456789012:instance-profile/prod-1-server",
		"profile of " + e.agents[1]:                                "arn:aws:iam::123456789012:instance-profile/prod-1-agent",
		"tag " + e.agents[0] + " " + key:                           "=owned",
		"tag " + e.group + " " + key:                               "=owned",
		"tag " + e.public[0] + " " + key:                           "=shared",
		"tag " + e.public[0] + " kubernetes.io/role/elb":           "=1",
		"tag " + e.private[1] + " kubernetes.io/role/internal-elb": "=1",
	} {
		if after[key] != want {
			t.Errorf("%s is %q, want %q", key, after[key], want)
		}
	}

	d.runs(t, 0, "destroy", "--yes")
	if diff := cmp.Diff(before, s.snapshot(t)); diff != "" {
		t.Error("destroy does not lead back:", diff)
	}
	if again := d.runs(t, 0, "destroy", "--yes"); !strings.Contains(again.stdout, "nothing to take back\n") {
		t.Errorf("a second destroy finds something:\n%s", again.stdout)
	}
}

const key = "kubernetes.io/cluster/prod-1"

// TestJournalElsewhere keeps the journal where it was told, and nothing beside it.
func TestJournalElsewhere(t *testing.T) {
	s := start(t)
	e := s.seed(t)
	d := s.desk(t, e.file())
	before := s.snapshot(t)
	journal := filepath.Join(t.TempDir(), "j")
	d.runs(t, 0, "apply", "--yes", "--journal", journal)
	files, err := os.ReadDir(d.dir)
	must(t, err)
	if len(files) != 1 {
		t.Errorf("beside bootstrap.yaml there are %v", files)
	}
	d.runs(t, 0, "destroy", "--yes", "--journal", journal)
	if diff := cmp.Diff(before, s.snapshot(t)); diff != "" {
		t.Error(diff)
	}
}

// TestGroupIsGone takes a group out of the file: what was made for it is named and
// stays, until destroy takes it back with the rest.
func TestGroupIsGone(t *testing.T) {
	s := start(t)
	e := s.seed(t)
	d := s.desk(t, e.file())
	before := s.snapshot(t)
	d.runs(t, 0, "apply", "--yes")
	applied := s.snapshot(t)
	file := e.file()
	from, to := strings.Index(file, "  - name: prod-1-agent"), strings.Index(file, "network:")
	d.write(t, file[:from]+file[to:])
	planned := d.plan(t)
	if changes := planned.changes(); changes != nil {
		t.Errorf("the plan has changes: %q", changes)
	}
	var named []string
	for _, f := range planned.Findings {
		if f.Code == "not-in-file" {
			named = append(named, f.Object)
		}
	}
	want := []string{
		"role prod-1-agent", "inline policy kubelet-ecr-pull of prod-1-agent", "instance profile prod-1-agent", "role of instance profile prod-1-agent",
		"instance profile of " + e.agents[0], "instance profile of " + e.agents[1],
		"tag " + key + " of " + e.agents[0], "tag " + key + " of " + e.agents[1],
	}
	slices.Sort(want)
	slices.Sort(named)
	if diff := cmp.Diff(want, named); diff != "" {
		t.Error(diff)
	}
	d.runs(t, 0, "apply", "--yes")
	if diff := cmp.Diff(applied, s.snapshot(t)); diff != "" {
		t.Error(diff)
	}
	d.runs(t, 0, "destroy", "--yes")
	if diff := cmp.Diff(before, s.snapshot(t)); diff != "" {
		t.Error(diff)
	}
}

// TestSavedPlan applies a saved plan, and refuses one that the account has left
// behind.
func TestSavedPlan(t *testing.T) {
	s := start(t)
	e := s.seed(t)
	d := s.desk(t, e.file())
	d.runs(t, 3, "plan", "--out", "saved.json")
	s.tag(t, e.public[0], key, "shared")
	moved := d.runs(t, 1, "apply", "--yes", "saved.json")
	want := "ecr-node-bootstrap: the account has moved since saved.json was saved: tag " + key + " of " + e.public[0] + " is not as it was\n" +
		"  hint: look at the plan again, and save it anew\n"
	if diff := cmp.Diff(want, moved.stderr); diff != "" {
		t.Error(diff)
	}
	if roles := keys(s.snapshot(t), "role "); len(roles) > 0 {
		t.Errorf("it was applied all the same: %v", roles)
	}
	d.runs(t, 3, "plan", "--out", "saved.json")
	d.runs(t, 0, "apply", "--yes", "saved.json")
	d.runs(t, 0, "plan")
}

// TestEvents prints every change as a line of JSON, and nothing else on stdout.
func TestEvents(t *testing.T) {
	s := start(t)
	e := s.seed(t)
	d := s.desk(t, e.file())
	planned := d.plan(t)
	r := d.runs(t, 0, "apply", "--yes", "--events")
	var made []string
	for line := range strings.Lines(r.stdout) {
		var event struct {
			Object struct{ Kind, Name, Of string }
			Result string
		}
		must(t, json.Unmarshal([]byte(line), &event))
		if event.Result != "done" {
			t.Errorf("event %s", line)
		}
		made = append(made, strings.TrimSpace(event.Object.Kind+" "+event.Object.Name+" "+event.Object.Of))
	}
	sortStrings := cmp.Transformer("sort", func(all []string) map[string]bool {
		set := map[string]bool{}
		for _, s := range all {
			set[s] = true
		}
		return set
	})
	if diff := cmp.Diff(planned.changes(), made, sortStrings); diff != "" {
		t.Error(diff)
	}
}
