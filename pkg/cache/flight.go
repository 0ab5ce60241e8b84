package cache

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"time"
)

// get is one call of Get.
type get struct {
	*Cache
	ctx   context.Context
	key   Key
	fetch Fetch
	store *store
}

// rank says which of two locks a process has, or waits for.
type rank string

const (
	leader rank = ""        // who fetches for all
	deputy rank = ".deputy" // who does when the leader does not come back
)

// renew serves e, which is due and good, after at most one attempt to renew it: by
// the process that gets the lock without waiting.
func (g *get) renew(e *record) (Answer, error) {
	if !g.Force && e.rest(g.now()) > 0 {
		return e.answer(g.now(), Stale, e.failure()), nil
	}
	held, err := g.store.tryLock(leader)
	if err != nil || held == nil {
		return e.answer(g.now(), Stale, err), nil
	}
	defer held.release()
	if newer, err := g.store.read(); err == nil && newer.generation() != e.generation() && newer.usable(g.now()) {
		return newer.answer(g.now(), Shared, nil), nil
	}
	draft, err := g.store.createTemp(leader)
	if err != nil {
		return e.answer(g.now(), Stale, err), nil
	}
	defer draft.discard()

	ctx, try := g.ctx, Try{}
	if !g.Force && g.Ahead == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, refreshTimeout)
		defer cancel()
		try.Once = true
	}
	secret, err := g.fetch(ctx, try)
	now := g.now()
	if err == nil {
		renewed := g.record(e, secret, now)
		return renewed.answer(now, Fetched, g.publish(draft, e, renewed)), nil
	}
	if g.ctx.Err() != nil || kindOf(err) == Private {
		return e.answer(now, Stale, err), nil // it says nothing of the next attempt
	}
	failed := g.fail(e, err, now)
	trouble := g.publish(draft, e, failed)
	if !failed.usable(now) {
		return Answer{}, err
	}
	return failed.answer(now, Stale, errors.Join(err, trouble)), nil
}

// lead gets a secret in the place of e, which is no good: by a fetch of this
// process, or of the one that came first.
func (g *get) lead(e *record) (Answer, error) {
	as := leader
	held, found, err := g.wait(as, e.generation(), lockWait)
	if errors.Is(err, errHeld) {
		as = deputy
		held, found, err = g.wait(as, e.generation(), deputyWait)
	}
	switch {
	case err != nil:
		return g.uncached(err)
	case found != nil && len(found.Secret) > 0:
		return found.answer(g.now(), Shared, nil), nil
	case found != nil:
		return Answer{}, found.failure()
	}
	defer held.release()
	draft, err := g.store.createTemp(as)
	if err != nil {
		held.release() // first: nobody is to wait for a fetch that cannot be shared
		return g.uncached(err)
	}
	defer draft.discard()

	enough := g.left() >= leastFetch
	ctx := g.ctx
	if as == deputy {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, deputyFetch)
		defer cancel()
	}
	secret, err := g.fetch(ctx, Try{})
	now := g.now()
	if err == nil {
		fetched := g.record(e, secret, now)
		return fetched.answer(now, Fetched, g.publish(draft, e, fetched)), nil
	}
	canceled := errors.Is(g.ctx.Err(), context.Canceled)
	if kind := kindOf(err); kind != Private && !canceled && (enough || kind == Denied) {
		g.publish(draft, e, g.fail(e, err, now)) // if it cannot be, the next process finds out for itself
	}
	return Answer{}, err
}

// publish makes r the entry in the place of e, unless there is another by now: then
// this process was stopped while it fetched, and its deputy came first.
func (g *get) publish(draft *temp, e, r *record) error {
	if newer, err := g.store.read(); err == nil && newer.generation() != e.generation() {
		return nil
	}
	return draft.publish(r)
}

// left is the time that this process has.
func (g *get) left() time.Duration {
	if deadline, ok := g.ctx.Deadline(); ok {
		return time.Until(deadline)
	}
	return math.MaxInt64
}

// wait waits for the lock, or for what its holder publishes: an entry of another
// generation than the one seen, secret or failure.
func (g *get) wait(as rank, seen uint64, most time.Duration) (*lock, *record, error) {
	const shortest, longest = time.Millisecond, 50 * time.Millisecond
	end := time.Now().Add(min(most, max(g.left()-spare, 0)))
	for pause := shortest; ; pause = min(2*pause, longest) {
		held, err := g.store.tryLock(as)
		if err != nil {
			return nil, nil, err
		}
		e, err := g.store.read()
		switch {
		case err != nil:
			held.release()
			return nil, nil, err
		case e != nil && e.generation() != seen:
			held.release()
			return nil, e, nil
		case held != nil:
			return held, nil, nil
		case time.Now().After(end):
			return nil, nil, errHeld
		}
		select {
		case <-g.ctx.Done():
			return nil, nil, g.ctx.Err()
		case <-time.After(pause + rand.N(pause)):
		}
	}
}

var errHeld = errors.New("the process that fetches for all has not come back: it may be stopped")

// uncached fetches for this process alone.
func (g *get) uncached(trouble error) (Answer, error) {
	if err := g.ctx.Err(); err != nil {
		return Answer{}, err
	}
	secret, err := g.fetch(g.ctx, Try{})
	if err != nil {
		return Answer{}, err
	}
	now := g.now()
	return g.record(nil, secret, now).answer(now, Uncached, trouble), nil
}
