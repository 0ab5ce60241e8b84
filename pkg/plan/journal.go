package plan

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

// A Result is what came of a change.
type Result string

const (
	Done    Result = "done"
	Failed  Result = "failed"  // and the object is as it was, as far as is known
	Left    Result = "left"    // it is in use, and was left alone
	Undone  Result = "undone"  // interrupted, and found not to have been made
	Foreign Result = "foreign" // interrupted, and the object is now somebody else's
)

// A Journal is the record of all runs against one target: JSON lines, appended and
// synced one by one, never rewritten. An intent that is on disk without a result was
// interrupted. It is 0600: policies say what an account has.
//
// One process has it open at a time. It may be used by several goroutines.
type Journal struct {
	run string

	mu      sync.Mutex
	file    *os.File
	entries []entry
}

// entry is one intent and what came of it.
type entry struct {
	run     string
	changes []Change
	meant   time.Time
	result  Result    // "" while it is open
	at      time.Time // of the result
}

// line is a line of the file: a header, an intent or a result.
type line struct {
	Version int       `json:"version,omitempty"` // of the format, in the header
	Key     string    `json:"key,omitempty"`     // what it is the journal of, in the header
	At      time.Time `json:"at"`
	Run     string    `json:"run,omitempty"`
	Entry   int       `json:"entry"` // from 0, in order of the intents
	Changes []Change  `json:"changes,omitempty"`
	Result  Result    `json:"result,omitempty"`
}

// OpenJournal opens the journal of key, which says whose it is, or begins one. What
// is journalled from now on belongs to a new run. A line that was torn by a crash is
// the last one, and cut off; any other fault is an error, and so is another key.
func OpenJournal(path, key string) (*Journal, error) {
	j, err := openJournal(path, key)
	if err != nil {
		return nil, fmt.Errorf("opening the journal %s: %w", path, err)
	}
	return j, nil
}

func openJournal(path, key string) (*Journal, error) {
	file, err := openPrivate(path)
	if err != nil {
		return nil, err
	}
	j := &Journal{run: rand.Text(), file: file}
	end, err := j.read(key)
	if err == nil {
		err = file.Truncate(end)
	}
	if err == nil {
		_, err = file.Seek(end, io.SeekStart)
	}
	if err == nil && end == 0 {
		if err = j.append(line{Version: 1, Key: key, At: time.Now().UTC()}); err != nil {
			os.Remove(path) // as long as it is locked: then it is nobody else's
		} else {
			err = syncDirectory(filepath.Dir(path))
		}
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return j, nil
}

// ReadJournal returns the journal at path for reading: nil if there is none.
func ReadJournal(path, key string) (*Journal, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	defer file.Close()
	j := &Journal{file: file}
	if _, err := j.read(key); err != nil {
		return nil, fmt.Errorf("reading the journal %s: %w", path, err)
	}
	return j, nil
}

// Close lets another process have the journal.
func (j *Journal) Close() error { return j.file.Close() }

// read takes in the file, and returns where its last whole line ends.
func (j *Journal) read(key string) (end int64, err error) {
	r := bufio.NewReader(j.file)
	for number := 1; ; number++ {
		text, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return end, nil // what is left was torn
		}
		if err != nil {
			return 0, err
		}
		var l line
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&l); err != nil {
			return 0, hint.Wrap(fmt.Errorf("line %d: %w", number, err), "a journal is never edited: bring back the file as it was")
		}
		if err := j.take(l, number == 1, key); err != nil {
			return 0, fmt.Errorf("line %d: %w", number, err)
		}
		end += int64(len(text))
	}
}

func (j *Journal) take(l line, header bool, key string) error {
	switch {
	case header && l.Version != 1:
		return fmt.Errorf("not a journal of version 1")
	case header && l.Key != key:
		return hint.Wrap(fmt.Errorf("it is the journal of %s, not of %s", l.Key, key), "give this cluster a journal of its own with --journal")
	case header:
	case len(l.Changes) > 0 && l.Entry == len(j.entries):
		j.entries = append(j.entries, entry{run: l.Run, changes: l.Changes, meant: l.At})
	case l.Result != "" && l.Entry >= 0 && l.Entry < len(j.entries) && j.entries[l.Entry].result == "":
		j.entries[l.Entry].result, j.entries[l.Entry].at = l.Result, l.At
	default:
		return errors.New("it does not follow from the lines before")
	}
	return nil
}

func (j *Journal) append(l line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if _, err := j.file.Write(append(text, '\n')); err != nil {
		return err
	}
	return j.file.Sync()
}

// intend records that the changes are about to be made, and returns their number.
func (j *Journal) intend(at time.Time, changes []Change) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := len(j.entries)
	if err := j.append(line{At: at.UTC(), Run: j.run, Entry: n, Changes: changes}); err != nil {
		return 0, fmt.Errorf("writing to the journal before %s: %w", changes[0], err)
	}
	j.entries = append(j.entries, entry{run: j.run, changes: changes, meant: at.UTC()})
	return n, nil
}

// settle records what came of an entry.
func (j *Journal) settle(at time.Time, n int, result Result) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.append(line{At: at.UTC(), Run: j.run, Entry: n, Result: result}); err != nil {
		return fmt.Errorf("writing to the journal after %s: %w", j.entries[n].changes[0], err)
	}
	j.entries[n].result, j.entries[n].at = result, at.UTC()
	return nil
}

// Runs returns this run and all that have changed something before it, or meant to.
func (j *Journal) Runs() Runs {
	j.mu.Lock()
	defer j.mu.Unlock()
	runs := Runs{Current: j.run, all: map[string]bool{}}
	for _, e := range j.entries {
		runs.all[e.run] = true
	}
	return runs
}

// Net returns what all runs together have changed, one change an object, in the
// order in which objects were first touched. Before is the state that was there
// before us: what we created is absent in it, whatever happened in between; of what
// we changed it is the last state that was not ours.
func (j *Journal) Net() []Change {
	var order []Object
	net := map[Object]Change{}
	for _, e := range j.entries {
		if e.result != Done {
			continue
		}
		for _, c := range e.changes {
			first, ok := net[c.Object]
			switch {
			case !ok:
				order = append(order, c.Object)
			case first.Before == "" || first.After == c.Before:
				c.Before = first.Before
			}
			net[c.Object] = c
		}
	}
	order = slices.DeleteFunc(order, func(o Object) bool { return net[o].Before == net[o].After })
	changes := make([]Change, len(order))
	for i, o := range order {
		changes[i] = net[o]
	}
	return changes
}

// A Step is a change that was made: not before it was meant, and not after it was known
// to be done, which the next run finds out if this one is interrupted.
type Step struct {
	Change
	Meant, At time.Time
}

// History is what all runs have done to an object, in order. The first step's Before is
// what there was before us.
func (j *Journal) History(o Object) []Step {
	var steps []Step
	for _, e := range j.entries {
		for _, c := range e.changes {
			if c.Object == o && e.result == Done {
				steps = append(steps, Step{c, e.meant, e.at})
			}
		}
	}
	return steps
}

// Objects are all that any run has changed, or meant to, in the order in which they
// were first meant.
func (j *Journal) Objects() []Object {
	var all []Object
	seen := map[Object]bool{}
	for _, e := range j.entries {
		for _, c := range e.changes {
			if !seen[c.Object] {
				seen[c.Object] = true
				all = append(all, c.Object)
			}
		}
	}
	return all
}
