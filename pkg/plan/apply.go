package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// An Event is what happened to a change while it was applied.
type Event struct {
	Time   time.Time     `json:"time"`
	Run    string        `json:"run"`
	Verb   Verb          `json:"verb"`
	Object Object        `json:"object"`
	Result Result        `json:"result"`
	Took   time.Duration `json:"took"` // in nanoseconds; of the call that made it, which may have made others too
	Error  string        `json:"error,omitempty"`
}

// Options of Apply. The zero value works.
type Options struct {
	Workers int         // how many calls are under way at once; one if 0
	Observe func(Event) // is told of every change once it is decided; never twice at once
	Now     func() time.Time
}

// Apply makes the changes in their order. Neighbours of one kind do not depend on
// each other and go side by side, in batches where the target can. The first failure
// lets what is under way end, and begins nothing else; but what is in use is left
// where it is and the rest goes on. What was not made is in the error.
//
// Each change is in the journal, on disk, before it is begun, and its result after.
func Apply(ctx context.Context, t Target, changes []Change, j *Journal, o Options) error {
	if o.Workers < 1 {
		o.Workers = 1
	}
	if o.Observe == nil {
		o.Observe = func(Event) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	var inUse error
	for stage := range stages(changes) {
		err := applyStage(ctx, t, batches(t, stage), j, o)
		if err == nil {
			continue
		}
		if !onlyInUse(err) {
			return errors.Join(inUse, err)
		}
		inUse = errors.Join(inUse, err)
	}
	return inUse
}

// stages cuts the changes where the kind changes.
func stages(changes []Change) func(func([]Change) bool) {
	return func(yield func([]Change) bool) {
		for from := 0; from < len(changes); {
			to := from
			for to < len(changes) && changes[to].Kind == changes[from].Kind {
				to++
			}
			if !yield(changes[from:to]) {
				return
			}
			from = to
		}
	}
}

// batches groups changes that one call can make, in the order of the first of each.
func batches(t Target, stage []Change) [][]Change {
	var all [][]Change
	open := map[string]int{} // the batch that still takes changes, by key
	for _, c := range stage {
		key, most := t.Batch(c)
		if i, ok := open[key]; ok && key != "" && len(all[i]) < most {
			all[i] = append(all[i], c)
			continue
		}
		open[key] = len(all)
		all = append(all, []Change{c})
	}
	return all
}

// applyStage writes the batches side by side.
func applyStage(ctx context.Context, t Target, all [][]Change, j *Journal, o Options) error {
	var (
		mu     sync.Mutex // of failed, and of who observes
		failed []error
		group  sync.WaitGroup
		free   = make(chan struct{}, o.Workers)
	)
	stopped := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return slices.ContainsFunc(failed, func(err error) bool { return !errors.Is(err, ErrInUse) })
	}
	for _, batch := range all {
		free <- struct{}{}
		if stopped() {
			break
		}
		if err := ctx.Err(); err != nil {
			mu.Lock()
			failed = append(failed, fmt.Errorf("%s: %w", batch[0], err))
			mu.Unlock()
			break
		}
		group.Go(func() {
			defer func() { <-free }()
			events, err := applyBatch(ctx, t, batch, j, o.Now)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = append(failed, err)
			}
			for _, e := range events {
				o.Observe(e)
			}
		})
	}
	group.Wait()
	return errors.Join(failed...)
}

func applyBatch(ctx context.Context, t Target, batch []Change, j *Journal, now func() time.Time) ([]Event, error) {
	entry, err := j.intend(now(), batch)
	if err != nil {
		return nil, err
	}
	begun := now()
	err = t.Write(ctx, j.Runs(), batch)
	result, reason := Done, ""
	switch {
	case errors.Is(err, ErrInUse):
		result, reason = Left, err.Error()
	case err != nil && ctx.Err() != nil:
		// Cut off, so nobody knows. Without a result the next run looks.
		return nil, err
	case err != nil:
		result, reason = Failed, err.Error()
	}
	ended := now()
	var events []Event
	for _, c := range batch {
		events = append(events, Event{
			Time: ended, Run: j.run, Verb: c.Verb(), Object: c.Object, Result: result, Took: ended.Sub(begun), Error: reason,
		})
	}
	if result == Failed {
		// It may have been done all the same. The intent stays open, and Settle
		// looks at the object before anything is built on it.
		return events, err
	}
	if err := j.settle(ended, entry, result); err != nil {
		return events, err
	}
	return events, err
}

// onlyInUse says whether every error that was joined into err is ErrInUse.
func onlyInUse(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return !slices.ContainsFunc(joined.Unwrap(), func(err error) bool { return !onlyInUse(err) })
	}
	return errors.Is(err, ErrInUse)
}
