// Package cache shares secrets among the processes of one machine: each is
// fetched once, by one of them, kept on disk while it is good, renewed before it
// is not, and served through an outage of whoever gives it out. It knows neither AWS
// nor Kubernetes: keys are opaque, and whoever fetches says what kind of failure a
// failure is.
//
// # Promises
//
// A cache is optional: a directory that is missing, full, read-only, somebody
// else's or a link costs the sharing, never the answer. Nothing is read from or
// written to a file that is not a regular one of our own user, closed to others, in a
// directory that is too; links are never followed. A process that is killed at any
// point leaves nothing that hurts the next one: locks are the kernel's (flock), and
// files change by rename. No file with a secret in it is wider than 0600.
//
// # On disk
//
// The directory, 0700, has up to five files for a key, named by the hexadecimal
// SHA-256 of the key: NAME, the entry; NAME.lock, held by who writes it; NAME.tmp, the
// entry to be, written under the lock alone; and NAME.deputy.lock and NAME.deputy.tmp,
// the same for who fetches because the holder of the lock does not come back. An entry
// is the lines of [record.fields], each a name, a space, and a number or a string as
// Go quotes it (times in nanoseconds), after a first line
//
//	kubelet-ecr cache 2 <hexadecimal SHA-256 of the other lines>
//
// What has another first line, or another boot's id in it, is no entry: nothing
// outlives a reboot or an image that was baked, wherever the directory is. The
// number is the version of all this.
//
// Only Linux has a cache. Elsewhere Get fetches and says so in Trouble, until it has
// been tested there.
package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"
)

// Lives and margins.
const (
	// longestLife bounds what is believed of an expiry, because it may have been
	// told to a wrong clock: ECR tokens live 12 h.
	longestLife = 12 * time.Hour

	// longestMargin and marginPart are how long before its end a secret is not
	// handed out any more: what is begun with it must also end with it.
	longestMargin = 5 * time.Minute
	marginPart    = 10 // of the life

	// A secret is due for renewal at a point of its life drawn between these two
	// by who fetched it: late enough to be worth it, early enough to leave six
	// hours of a token of twelve for an outage, and never at the same time on every
	// machine that booted together.
	earliestDue = 0.33
	latestDue   = 0.48

	// longestKeep bounds how long the asker may keep what it was given: a hit
	// costs milliseconds, and a copy outside cannot be withdrawn.
	longestKeep = 15 * time.Minute
)

// Waiting and trying again.
const (
	// refreshTimeout is all that a renewal may take whose secret is still good:
	// somebody is waiting for it.
	refreshTimeout = 3 * time.Second

	// Failed renewals are tried again after these, doubling.
	firstRefreshDelay   = 30 * time.Second
	longestRefreshDelay = 10 * time.Minute

	// lockWait is how long a process waits for the one that fetches: as long as
	// a fetch may take (30 s) and a little. After that it fetches itself, since
	// who holds the lock may be stopped.
	lockWait = 32 * time.Second

	// deputyFetch is what the one of them has who then fetches for the others, and
	// deputyWait what those wait for it. Together with lockWait it is 43 s: two less
	// than a run of the plugin has.
	deputyFetch = leastFetch
	deputyWait  = 11 * time.Second

	// spare is what is left of one's own time when waiting ends, to fetch oneself.
	spare = 2 * time.Second

	// leastFetch is how long a fetch must have had for its failure to count for
	// others: a shorter one failed for lack of time.
	leastFetch = 10 * time.Second

	// Failures are remembered this long, doubling from the first to the longest:
	// a pod that cannot pull asks every ten seconds.
	denialMemory           = 15 * time.Second
	firstOutageMemory      = 5 * time.Second
	longestOutageMemory    = 15 * time.Second
	firstThrottledMemory   = 5 * time.Second
	longestThrottledMemory = time.Minute
)

// Kind is what kind of failure a fetch ended in.
type Kind string

const (
	// Outage is a failure of the network or of who was asked.
	Outage Kind = "outage"
	// Throttled is an outage that asks for patience.
	Throttled Kind = "throttled"
	// Denied is an answer: this identity may not, or is gone.
	Denied Kind = "denied"
	// Private is a failure that says nothing to anybody else: a deadline of one's
	// own, a cancellation, an error about what this one presented.
	Private Kind = "private"
)

// Failure is an error of a fetch with its kind. An error that is none counts as
// Private.
type Failure struct {
	Kind Kind
	Hint string // travels with the message to those who share the failure
	Err  error
}

func (f *Failure) Error() string { return f.Err.Error() }
func (f *Failure) Unwrap() error { return f.Err }

// Key says what a secret is for.
type Key struct {
	// ID is the key itself: whoever has the same ID shares the secret.
	ID string

	// Fingerprint is what the secret was made from. If it changes, the secret is
	// due at once, and still good.
	Fingerprint string

	// Origin, if it is known, is what the secret's Origin must be: one of another is
	// due at once, and still good.
	Origin string

	// DropWhenDenied gives a secret up that is still good when its renewal is
	// denied; otherwise it is served on.
	DropWhenDenied bool

	// Labels are shown by List, and are no secret.
	Labels map[string]string
}

// Secret is what is cached.
type Secret struct {
	Value   []byte
	Expires time.Time // zero if unknown: then it is not kept
	Origin  string    // what only the fetch could learn of where it is from
}

// Try says how a fetch is to go about it.
type Try struct {
	// Once forbids a second attempt: somebody waits who could be answered.
	Once bool
}

// Fetch gets the secret. It returns before ctx ends, and a *Failure if it knows
// the kind of its failure.
type Fetch func(ctx context.Context, try Try) (Secret, error)

// Source is where an answer came from.
type Source string

const (
	Hit      Source = "hit"      // the entry, in its prime
	Stale    Source = "stale"    // the entry, due, whose renewal failed or is somebody else's
	Fetched  Source = "miss"     // this process's own fetch
	Shared   Source = "shared"   // the fetch of another process, which this one waited for
	Uncached Source = "uncached" // this process's own fetch, which could not be shared
)

// Answer is a secret with how long it holds.
type Answer struct {
	Secret
	Source Source

	// Keep is how long the asker may keep it; never negative.
	Keep time.Duration

	// Trouble is why the cache was not used, or the entry not renewed; nil mostly.
	Trouble error
}

// Clock is the time as two clocks tell it. The wall's may jump; the boot's
// (CLOCK_BOOTTIME) does not, counts sleep, and means nothing in another boot.
type Clock struct {
	Wall func() time.Time
	Boot func() time.Duration
}

// Cache is a directory of entries. Its zero value works.
type Cache struct {
	// Dir is the directory; "" is DefaultDir.
	Dir string

	// Clock is the time; nil functions mean the real one.
	Clock Clock

	// BootID is the id of the boot; "" means the kernel's.
	BootID string

	// Ahead is for who comes ahead of need: what falls due within this time is
	// renewed now, and with all the time of a fetch, because nobody waits.
	Ahead time.Duration

	// Force renews whatever is there and remembers no failure: a fetch, unless
	// another process makes one meanwhile. It takes its time as Ahead does.
	Force bool

	// Off shares nothing and remembers nothing.
	Off bool

	// diskFull makes every write fail, for tests that may not mount a small disk.
	diskFull bool
}

func (c *Cache) dir() string {
	if c.Dir != "" {
		return c.Dir
	}
	return DefaultDir
}

// DefaultDir is on tmpfs, as secrets should be, and belongs to whoever runs first.
const DefaultDir = "/run/ecr-credential-provider"

// Get returns the secret of key: from its entry if it is good, else by one fetch
// that all processes of the machine share.
//
// While an entry is good nobody waits for more than the one attempt of the one
// process that renews it. Without one, one process fetches and the others wait, at
// most 32 s. What goes wrong with the directory is in the answer's Trouble and never
// an error; the error is that of the fetch, or of one that another process made and
// that is remembered for seconds.
func (c *Cache) Get(ctx context.Context, key Key, fetch Fetch) (Answer, error) {
	g := get{Cache: c, ctx: ctx, key: key, fetch: fetch}
	if c.Off {
		return g.uncached(nil)
	}
	s, err := c.open(key.ID)
	if err != nil {
		return g.uncached(err)
	}
	defer s.close()
	g.store = s
	e, err := s.read()
	if err != nil {
		return g.uncached(err)
	}
	now := c.now()
	switch {
	case !c.Force && e.fresh(now, key, c.Ahead):
		return e.answer(now, Hit, nil), nil
	case e.usable(now):
		return g.renew(e)
	case !c.Force && e.rest(now) > 0:
		return Answer{}, e.failure()
	default:
		return g.lead(e)
	}
}

// kindOf is the kind of a fetch's failure.
func kindOf(err error) Kind {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f.Kind
	}
	return Private
}

// fileName is the name of a key's entry.
func fileName(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}
