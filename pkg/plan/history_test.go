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
		return plan.Apply(t.Context(), shelf, changes, j, plan.Options{Now: func() time.Time { return at(second) }})
	}
	made := change("box", "a", "", "1")
	if err := apply(made, change("box", "b", "", "1")); err != nil {
		t.Fatal(err)
	}
	second++
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
	second++
	changed, removed := change("box", "a", "1", "2"), change("box", "a", "2", "")
	if err := apply(changed, removed); err != nil {
		t.Fatal(err)
	}
	want := []plan.Step{{Change: made, At: at(0)}, {Change: changed, At: at(2)}, {Change: removed, At: at(2)}}
	check := func(j *plan.Journal) {
		t.Helper()
		if diff := cmp.Diff(want, j.History(box("box", "a"))); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]plan.Step{{Change: change("box", "b", "", "1"), At: at(0)}}, j.History(box("box", "b"))); diff != "" {
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
