package cache

import (
	"errors"
	"math/rand/v2"
	"time"
)

// moment is one time on both clocks.
type moment struct {
	Wall time.Time
	Boot time.Duration
}

// since is how long ago m was: the larger of what the clocks say, so that a wall
// clock that was set back makes nothing young again. It is never negative.
func (m moment) since(then moment) time.Duration {
	return max(m.Wall.Sub(then.Wall), m.Boot-then.Boot, 0)
}

func (c *Cache) now() moment {
	wall, boot := c.Clock.Wall, c.Clock.Boot
	if wall == nil {
		wall = time.Now
	}
	if boot == nil {
		boot = bootTime
	}
	// Without the monotonic reading, which Sub would prefer to the wall and which
	// is lost on disk.
	return moment{Wall: wall().Round(0), Boot: boot()}
}

// record is an entry as it stands on disk. A nil record is the entry that is not
// there.
type record struct {
	Key         string
	Labels      map[string]string
	Fingerprint string
	Origin      string
	BootID      string

	// Generation counts what was published under the key, secrets and failures.
	Generation uint64

	Secret  []byte
	Issued  moment
	Expires time.Time
	Due     time.Duration // the age at which it is

	// Failed is the newest failure since the secret was issued.
	Failed failed
}

// failed is a failure that is remembered; without a kind there is none.
type failed struct {
	Kind    Kind
	Message string
	Hint    string
	At      moment
	Count   uint64        // in a row
	Rest    time.Duration // before the next attempt
}

// blank makes the entry to follow before, with neither secret nor failure.
func (g *get) blank(before *record) *record {
	return &record{
		Key: g.key.ID, Labels: g.key.Labels, Fingerprint: g.key.Fingerprint, BootID: g.bootID(), Generation: before.generation() + 1,
	}
}

// record makes the entry of a new secret, to follow before.
func (g *get) record(before *record, secret Secret, now moment) *record {
	r := g.blank(before)
	r.Secret, r.Issued, r.Expires, r.Origin = secret.Value, now, secret.Expires.Round(0), secret.Origin
	r.Due = time.Duration(float64(r.life()) * (earliestDue + rand.Float64()*(latestDue-earliestDue)))
	return r
}

// fail makes the entry of a failure, to follow before: its secret is kept for as long
// as it is good, unless the denial takes it.
func (g *get) fail(before *record, err error, now moment) *record {
	r := g.blank(before)
	if before != nil {
		*r = *before
		r.Generation++
	}
	if !before.usable(now) {
		r.Secret = nil
	}
	r.Failed = failed{Kind: kindOf(err), Message: err.Error(), At: now, Count: 1}
	if before != nil {
		r.Failed.Count += before.Failed.Count
	}
	if f, ok := errors.AsType[*Failure](err); ok {
		r.Failed.Hint = f.Hint
	}
	if r.Failed.Kind == Denied && g.key.DropWhenDenied {
		r.Secret = nil
	}
	if len(r.Secret) > 0 {
		r.Failed.Rest = doubled(firstRefreshDelay, longestRefreshDelay, r.Failed.Count)
	} else {
		r.Failed.Rest = r.Failed.memory()
	}
	return r
}

// memory is how long a failure to get a secret at all stands for others.
func (f failed) memory() time.Duration {
	switch longest := f.longestMemory(); f.Kind {
	case Denied:
		return longest
	case Throttled:
		// Full jitter: machines that were throttled together must not come back
		// together.
		return rand.N(doubled(firstThrottledMemory, longest, f.Count)) + 1
	default:
		return doubled(firstOutageMemory, longest, f.Count)
	}
}

func (f failed) longestMemory() time.Duration {
	switch f.Kind {
	case Denied:
		return denialMemory
	case Throttled:
		return longestThrottledMemory
	default:
		return longestOutageMemory
	}
}

func (r *record) generation() uint64 {
	if r == nil {
		return 0
	}
	return r.Generation
}

// life is how long the secret was good for when it was issued; 0 or less if it
// never was.
func (r *record) life() time.Duration {
	if r.Expires.IsZero() {
		return 0
	}
	return min(r.Expires.Sub(r.Issued.Wall), longestLife)
}

// left is the life that is left, and remaining how much of it is before the margin,
// while the secret may still be handed out.
func (r *record) left(now moment) time.Duration { return r.life() - now.since(r.Issued) }

func (r *record) remaining(now moment) time.Duration {
	return r.left(now) - min(longestMargin, r.life()/marginPart)
}

func (r *record) usable(now moment) bool {
	return r != nil && len(r.Secret) > 0 && r.remaining(now) > 0
}

// fresh reports that the secret is in its prime, and will be for the time ahead.
func (r *record) fresh(now moment, key Key, ahead time.Duration) bool {
	return r.usable(now) && r.Fingerprint == key.Fingerprint && (key.Origin == "" || key.Origin == r.Origin) &&
		now.since(r.Issued)+ahead < r.Due && !now.Wall.Before(r.Issued.Wall)
}

// rest is how long the next attempt must still wait for the last failure. The patience
// with a renewal ends with the secret: without one, ten minutes are too long to wait
// for a repair.
func (r *record) rest(now moment) time.Duration {
	if r == nil {
		return 0
	}
	rest := r.Failed.Rest
	if !r.usable(now) {
		rest = min(rest, r.Failed.longestMemory())
	}
	return max(rest-now.since(r.Failed.At), 0)
}

// failure is the error of the last failure, nil if there is none.
func (r *record) failure() error {
	if r == nil || r.Failed.Kind == "" {
		return nil
	}
	return &Failure{Kind: r.Failed.Kind, Hint: r.Failed.Hint, Err: errors.New(r.Failed.Message)}
}

// answer is the secret for the asker, who may keep it until the next attempt to
// renew it, or the end.
func (r *record) answer(now moment, source Source, trouble error) Answer {
	keep := max(min(r.remaining(now), longestKeep), 0)
	switch rest := r.rest(now); {
	case keep > 0 && source == Uncached:
		keep = r.left(now) / 2 // each time it ends costs a fetch
	case rest > 0:
		keep = min(keep, rest)
	}
	return Answer{Secret: Secret{Value: r.Secret, Expires: r.Expires, Origin: r.Origin}, Source: source, Keep: keep, Trouble: trouble}
}

// doubled is first for the count of 1, twice it for 2, and so on up to longest.
func doubled(first, longest time.Duration, count uint64) time.Duration {
	for ; count > 1 && first < longest; count-- {
		first *= 2
	}
	return min(first, longest)
}
