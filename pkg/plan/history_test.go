package plan_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// What came to nothing is meant, but no history: an undo must not be built on it.
func TestHistoryIsWhatWasMadeAndObjectsAreWhatWasMeant(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	shelf, j := newShelf(), openJournal(t, path)
	at := func(second int64) time.Time { return time.Unix(second, 0).UTC() }
	second := int64(0)
	apply := func(changes ...plan.Change) error {
		tick := second - 1
		return plan.Apply(t.Context(), shelf, changes, j, plan.Options{Now: func() time.Time { tick++; return at(tick) }})
	}
	made := change("box", "a", "", "1")
	if err := apply(made, change("box", "b", "", "1")); err != nil {
		t.Fatal(err)
	}
	second += 100
	shelf.fail = func(_ int, c plan.Change) error {
		switch c.Name {
		case "c":
			return errors.New("no")
		case "b":
			return plan.ErrInUse
		}
		return nil
	}
	if err := apply(change("box", "c", "", "1")); err == nil {
		t.Fatal("c was made")
	}
	if err := apply(change("box", "b", "1", "")); !errors.Is(err, plan.ErrInUse) {
		t.Fatal(err)
	}
	second += 100
	changed, removed := change("box", "a", "1", "2"), change("box", "a", "2", "")
	if err := apply(changed, removed); err != nil {
		t.Fatal(err)
	}
	// The clock is asked when a change is meant, begun and done.
	want := []plan.Step{{made, at(0), at(2)}, {changed, at(200), at(202)}, {removed, at(203), at(205)}}
	check := func(j *plan.Journal) {
		t.Helper()
		if diff := cmp.Diff(want, j.History(box("box", "a"))); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]plan.Step{{change("box", "b", "", "1"), at(3), at(5)}}, j.History(box("box", "b"))); diff != "" {
			t.Error(diff)
		}
		for _, name := range []string{"c", "d"} {
			if got := j.History(box("box", name)); got != nil {
				t.Errorf("%s has a history: %v", name, got)
			}
		}
		if diff := cmp.Diff([]plan.Object{box("box", "a"), box("box", "b"), box("box", "c")}, j.Objects()); diff != "" {
			t.Error(diff)
		}
	}
	check(j)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	// The next run reads the same, and one that only looks does too.
	past, err := plan.ReadJournal(path, "here")
	if err != nil {
		t.Fatal(err)
	}
	check(past)
	check(openJournal(t, path))

	empty := openJournal(t, filepath.Join(t.TempDir(), "journal"))
	if got := empty.Objects(); got != nil {
		t.Errorf("an empty journal has %v", got)
	}
}
