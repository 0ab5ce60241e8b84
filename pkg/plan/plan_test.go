package plan_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// shelf is a target of boxes: each is a kind and a name, and holds a text. Boxes of
// kind "pair" can be filled two at a time.
type shelf struct {
	mu     sync.Mutex
	boxes  map[plan.Object]plan.Present
	writes []string
	fail   func(n int, c plan.Change) error // before the n-th write, from 1
	after  func(n int, c plan.Change) error // once it is made
}

func newShelf() *shelf { return &shelf{boxes: map[plan.Object]plan.Present{}} }

func (s *shelf) Read(_ context.Context, objects []plan.Object) (map[plan.Object]plan.Present, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	present := map[plan.Object]plan.Present{}
	for _, o := range objects {
		if p, ok := s.boxes[o]; ok {
			present[o] = p
		}
	}
	return present, nil
}

func (s *shelf) Batch(c plan.Change) (string, int) {
	if c.Kind == "pair" {
		return c.After, 2
	}
	return "", 1
}

func (s *shelf) Write(_ context.Context, runs plan.Runs, changes []plan.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.writes) + 1
	if s.fail != nil {
		if err := s.fail(n, changes[0]); err != nil {
			return err
		}
	}
	var names []string
	for _, c := range changes {
		names = append(names, c.Name)
		p := s.boxes[c.Object]
		if p.State != c.Before {
			return fmt.Errorf("%s is %q, not %q", c.Object, p.State, c.Before)
		}
		switch c.Verb() {
		case plan.Create:
			s.boxes[c.Object] = plan.Present{State: c.After, Run: runs.Current}
		case plan.Update:
			s.boxes[c.Object] = plan.Present{State: c.After, Run: p.Run}
		case plan.Delete:
			delete(s.boxes, c.Object)
		}
	}
	s.writes = append(s.writes, fmt.Sprintf("%s %s", changes[0].Kind, strings.Join(names, "+")))
	if s.after != nil {
		return s.after(n, changes[0])
	}
	return nil
}

// states is what the shelf holds, without whose it is.
func (s *shelf) states() map[string]string {
	states := map[string]string{}
	for o, p := range s.boxes {
		states[o.String()] = p.State
	}
	return states
}

func box(kind, name string) plan.Object { return plan.Object{Kind: kind, Name: name} }

func change(kind, name, before, after string) plan.Change {
	return plan.Change{Object: box(kind, name), Before: before, After: after}
}

func openJournal(t *testing.T, path string) *plan.Journal {
	t.Helper()
	j, err := plan.OpenJournal(path, "here")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

// wants is what the stories make of a shelf: three kinds, a change among creations.
func wants(s *shelf) []plan.Change {
	var changes []plan.Change
	for _, w := range []plan.Change{
		change("base", "a", "", "one"), change("base", "b", "old", "two"),
		change("pair", "c", "", "three"), change("pair", "d", "", "three"), change("pair", "e", "", "three"),
		change("top", "f", "", "four"),
	} {
		if now := s.boxes[w.Object].State; now != w.After {
			w.Before = now
			changes = append(changes, w)
		}
	}
	return changes
}

var order = []string{"base", "pair", "top"}

func undo(t *testing.T, s *shelf, j *plan.Journal) []plan.Rest {
	t.Helper()
	if err := plan.Settle(t.Context(), s, j, time.Now); err != nil {
		t.Fatal(err)
	}
	changes, rest := plan.Undo(j, s.boxes, order)
	if err := plan.Apply(t.Context(), s, changes, j, plan.Options{}); err != nil {
		t.Fatal(err)
	}
	return rest
}

func TestApplyAndUndo(t *testing.T) {
	s := newShelf()
	s.boxes[box("base", "b")] = plan.Present{State: "old"}
	start := s.states()
	path := filepath.Join(t.TempDir(), "journal")
	j := openJournal(t, path)
	var events []string
	observe := func(e plan.Event) {
		events = append(events, fmt.Sprintf("%s %s %s %s", e.Verb, e.Object, e.Result, e.Took))
	}
	clock := time.Unix(0, 0)
	now := func() time.Time { clock = clock.Add(time.Second); return clock }
	if err := plan.Apply(t.Context(), s, wants(s), j, plan.Options{Observe: observe, Now: now}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"base a", "base b", "pair c+d", "pair e", "top f"}, s.writes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{
		"create base a done 1s", "change base b done 1s", "create pair c done 1s", "create pair d done 1s", "create pair e done 1s", "create top f done 1s",
	}, events); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]plan.Change(nil), wants(s)); diff != "" {
		t.Error("after applying there is more to do:", diff)
	}
	j.Close()
	if rest := undo(t, s, openJournal(t, path)); rest != nil {
		t.Error(rest)
	}
	if diff := cmp.Diff([]string{"top f", "pair e", "pair d", "pair c", "base b", "base a"}, s.writes[5:]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(start, s.states()); diff != "" {
		t.Error(diff)
	}
}

// TestInterrupted ends a run at every write, before it and after it, and goes on with
// another: the end is the same, and what was there before comes back.
func TestInterrupted(t *testing.T) {
	for n := 1; n <= 5; n++ {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprintf("at %d, lost %t", n, lost), func(t *testing.T) {
				s := newShelf()
				s.boxes[box("base", "b")] = plan.Present{State: "old"}
				start := s.states()
				path := filepath.Join(t.TempDir(), "journal")
				cut := func(at int, _ plan.Change) error {
					if at == n {
						return errors.New("cut off")
					}
					return nil
				}
				if s.fail = cut; lost {
					s.fail, s.after = nil, cut
				}
				j := openJournal(t, path)
				if err := plan.Apply(t.Context(), s, wants(s), j, plan.Options{}); err == nil {
					t.Fatal("the run was not cut off")
				}
				j.Close()

				s.fail, s.after = nil, nil
				j = openJournal(t, path)
				if err := plan.Settle(t.Context(), s, j, time.Now); err != nil {
					t.Fatal(err)
				}
				if err := plan.Apply(t.Context(), s, wants(s), j, plan.Options{}); err != nil {
					t.Fatal(err)
				}
				if len(s.writes) != 5 {
					t.Errorf("5 writes are needed, there were %q", s.writes)
				}
				j.Close()
				if rest := undo(t, s, openJournal(t, path)); rest != nil {
					t.Error(rest)
				}
				if diff := cmp.Diff(start, s.states()); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestUndoLeavesWhatIsNotOurs(t *testing.T) {
	s := newShelf()
	s.boxes[box("base", "b")] = plan.Present{State: "old"}
	j := openJournal(t, filepath.Join(t.TempDir(), "journal"))
	if err := plan.Apply(t.Context(), s, wants(s), j, plan.Options{}); err != nil {
		t.Fatal(err)
	}
	run := s.boxes[box("base", "a")].Run
	s.boxes[box("base", "a")] = plan.Present{State: "edited", Run: run}   // created by us: goes
	s.boxes[box("base", "b")] = plan.Present{State: "edited"}             // changed by us: stays
	s.boxes[box("pair", "c")] = plan.Present{State: "three", Run: "them"} // looks like ours: goes
	s.boxes[box("pair", "d")] = plan.Present{State: "other", Run: "them"} // made anew by somebody: stays
	delete(s.boxes, box("top", "f"))                                      // gone already
	rest := undo(t, s, j)
	want := []plan.Rest{
		{Change: change("pair", "d", "", "three"), Now: "other", Why: "somebody else has changed it since"},
		{Change: change("base", "b", "old", "two"), Now: "edited", Why: "somebody else has changed it since"},
	}
	if diff := cmp.Diff(want, rest); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"base b": "edited", "pair d": "other"}, s.states()); diff != "" {
		t.Error(diff)
	}
}

func TestInUseIsLeft(t *testing.T) {
	s := newShelf()
	j := openJournal(t, filepath.Join(t.TempDir(), "journal"))
	if err := plan.Apply(t.Context(), s, wants(s), j, plan.Options{}); err != nil {
		t.Fatal(err)
	}
	s.fail = func(_ int, c plan.Change) error {
		if c.Name == "d" {
			return fmt.Errorf("%w: somebody needs it", plan.ErrInUse)
		}
		return nil
	}
	changes, _ := plan.Undo(j, s.boxes, order)
	err := plan.Apply(t.Context(), s, changes, j, plan.Options{})
	if !errors.Is(err, plan.ErrInUse) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff([]string{"pair d"}, slices.Sorted(maps.Keys(s.states()))); diff != "" {
		t.Error(diff)
	}
	s.fail = nil
	if rest := undo(t, s, j); rest != nil || len(s.boxes) != 0 {
		t.Errorf("a second run leaves %v, %v", rest, s.boxes)
	}
}

// TestWorkers holds that neighbours of one kind go side by side, and kinds do not.
func TestWorkers(t *testing.T) {
	var changes []plan.Change
	for i := range 8 {
		changes = append(changes, change("wide", fmt.Sprint(i), "", "x"))
	}
	changes = append(changes, change("top", "last", "", "x"))
	meet := make(chan struct{})
	target := &meeting{shelf: newShelf(), meet: meet}
	j := openJournal(t, filepath.Join(t.TempDir(), "journal"))
	if err := plan.Apply(t.Context(), target, changes, j, plan.Options{Workers: 4}); err != nil {
		t.Fatal(err)
	}
	if last := target.writes[len(target.writes)-1]; last != "top last" {
		t.Errorf("%q was written last", last)
	}
}

// meeting is a shelf on which two boxes of kind wide are always written at once.
type meeting struct {
	*shelf
	meet chan struct{}
}

func (m *meeting) Write(ctx context.Context, runs plan.Runs, changes []plan.Change) error {
	if changes[0].Kind == "wide" {
		select {
		case m.meet <- struct{}{}:
		case <-m.meet:
		case <-time.After(time.Minute):
			return errors.New("nobody else is writing")
		}
	}
	return m.shelf.Write(ctx, runs, changes)
}

func TestJournalFaults(t *testing.T) {
	const header = `{"version":1,"key":"here","at":"2026-01-01T00:00:00Z","entry":0}` + "\n"
	const intent = `{"at":"2026-01-01T00:00:00Z","run":"r","entry":0,"changes":[{"kind":"base","name":"a","why":"","after":"one"}]}` + "\n"
	for _, test := range []struct{ name, text, err, hint string }{
		{"another's", `{"version":1,"key":"there","at":"2026-01-01T00:00:00Z","entry":0}` + "\n",
			"opening the journal PATH: line 1: it is the journal of there, not of here", "give this cluster a journal of its own with --journal"},
		{"another version", `{"version":2,"key":"here","at":"2026-01-01T00:00:00Z","entry":0}` + "\n", "opening the journal PATH: line 1: not a journal of version 1", ""},
		{"not one", "hello\n", "opening the journal PATH: line 1: invalid character 'h' looking for beginning of value", "a journal is never edited: bring back the file as it was"},
		{"edited", header + `{"nonsense":1}` + "\n", `opening the journal PATH: line 2: json: unknown field "nonsense"`, "a journal is never edited: bring back the file as it was"},
		{"a line is missing", header + `{"at":"2026-01-01T00:00:00Z","entry":0,"result":"done"}` + "\n", "opening the journal PATH: line 2: it does not follow from the lines before", ""},
		{"a result twice", header + intent + strings.Repeat(`{"at":"2026-01-01T00:00:00Z","entry":0,"result":"done"}`+"\n", 2), "opening the journal PATH: line 4: it does not follow from the lines before", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal")
			if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := plan.OpenJournal(path, "here")
			if err == nil {
				t.Fatal("it was opened")
			}
			if diff := cmp.Diff([]string{test.err, test.hint}, []string{strings.ReplaceAll(err.Error(), path, "PATH"), hint.Of(err)}); diff != "" {
				t.Error(diff)
			}
			if text, _ := os.ReadFile(path); string(text) != test.text {
				t.Error("it was changed")
			}
		})
	}
}

// TestTornJournal cuts a journal at every byte: what is whole counts, and a new line
// does not run into the torn one.
func TestTornJournal(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	s := newShelf()
	j := openJournal(t, whole)
	if err := plan.Apply(t.Context(), s, wants(s), j, plan.Options{}); err != nil {
		t.Fatal(err)
	}
	j.Close()
	text, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for n := range text {
		path := filepath.Join(dir, "torn")
		if err := os.WriteFile(path, text[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		j := openJournal(t, path)
		if err := plan.Apply(t.Context(), newShelf(), []plan.Change{change("top", "z", "", "new")}, j, plan.Options{}); err != nil {
			t.Fatalf("at %d: %v", n, err)
		}
		j.Close()
		j = openJournal(t, path)
		if net := j.Net(); len(net) == 0 || net[len(net)-1] != change("top", "z", "", "new") {
			t.Errorf("cut at %d, and continued, the journal says %v", n, net)
		}
		j.Close()
	}
}

func TestJournalIsPrivate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "journal")
	j := openJournal(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	if _, err := plan.OpenJournal(path, "here"); err == nil || !strings.Contains(err.Error(), "another run has it open") {
		t.Errorf("a second run got %v", err)
	}
	j.Close()
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := plan.OpenJournal(path, "here"); err == nil || !strings.Contains(err.Error(), "its mode is 0644") {
		t.Errorf("a journal that others may read gave %v", err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), link); err != nil {
		t.Fatal(err)
	}
	if _, err := plan.OpenJournal(link, "here"); err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("a link gave %v", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "elsewhere")); err == nil {
		t.Error("the link was followed")
	}
}

func TestText(t *testing.T) {
	var b bytes.Buffer
	tag := func(of string) plan.Change {
		return plan.Change{Object: plan.Object{Kind: "tag", Name: "k", Of: of}, Why: "found by it", After: "owned"}
	}
	plan.Text(&b, []plan.Change{
		{Object: box("role", "a"), Why: "group a", After: `{"path":"/"}`},
		{Object: box("document", "b"), Before: `{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6}`, After: `{"a":1,"b":2,"c":3,"d":4,"e":5,"f":7}`},
		tag("i-1"), tag("i-2"),
		change("tag", "old", "x", ""),
		change("profile of", "i-1", "", "p"), change("profile of", "i-2", "", "p"),
	})
	want := `+ role a
    # group a
    + {
    +   "path": "/"
    + }
~ document b
      ...
        "d": 4,
        "e": 5,
    -   "f": 6
    +   "f": 7
      }
+ tag k of i-1, i-2
    # found by it
    + owned
- tag old
    - x
+ profile of i-1, i-2
    + p
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

// TestChangeIsData holds that a change read from JSON is the one that was written.
func TestChangeIsData(t *testing.T) {
	c := plan.Change{Object: plan.Object{Kind: "k", Name: "n", Of: "o"}, Why: "w", Before: `{"a":"<"}`, After: "\x00ü"}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var back plan.Change
	if err := json.Unmarshal(text, &back); err != nil || back != c {
		t.Errorf("%s became %+v, %v", text, back, err)
	}
}
