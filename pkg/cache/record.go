package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"time"
)

// moment is one time on both clocks.
type moment struct {
	Wall time.Time     `json:"wall"`
	Boot time.Duration `json:"boot"`
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
	Key         string            `json:"key"`
	Labels      map[string]string `json:"labels,omitempty"`
	Fingerprint string            `json:"fingerprint"`
	BootID      string            `json:"bootID"`

	// Generation counts what was published under the key, secrets and failures.
	Generation uint64 `json:"generation"`

	Secret  []byte        `json:"secret,omitempty"`
	Issued  moment        `json:"issued"`
	Expires time.Time     `json:"expires"`
	Due     time.Duration `json:"due"` // the age at which it is

	// Failed is the newest failure since the secret was issued.
	Failed *failed `json:"failed,omitempty"`
}

type failed struct {
	Kind    Kind          `json:"kind"`
	Message string        `json:"message"`
	Hint    string        `json:"hint,omitempty"`
	At      moment        `json:"at"`
	Count   int           `json:"count"` // in a row
	Rest    time.Duration `json:"rest"`  // before the next attempt
}

// record makes the entry of a new secret, to follow before.
func (g *get) record(before *record, secret Secret, now moment) *record {
	r := &record{
		Key: g.key.ID, Labels: g.key.Labels, Fingerprint: g.key.Fingerprint, BootID: g.bootID(),
		Generation: before.generation() + 1,
		Secret:     secret.Value, Issued: now, Expires: secret.Expires.Round(0),
	}
	r.Due = time.Duration(float64(r.life()) * (earliestDue + rand.Float64()*(latestDue-earliestDue)))
	return r
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

// remaining is how long the secret may still be handed out.
func (r *record) remaining(now moment) time.Duration {
	life := r.life()
	return life - min(longestMargin, life/marginPart) - now.since(r.Issued)
}

func (r *record) usable(now moment) bool {
	return r != nil && len(r.Secret) > 0 && r.remaining(now) > 0
}

func (r *record) fresh(now moment, fingerprint string) bool {
	return r.usable(now) && r.Fingerprint == fingerprint && now.since(r.Issued) < r.Due && !now.Wall.Before(r.Issued.Wall)
}

// rest is how long the next attempt must still wait for the last failure.
func (r *record) rest(now moment) time.Duration {
	if r == nil || r.Failed == nil {
		return 0
	}
	return max(r.Failed.Rest-now.since(r.Failed.At), 0)
}

// failure is the error of the last failure, nil if there is none.
func (r *record) failure() error {
	if r == nil || r.Failed == nil {
		return nil
	}
	return &Failure{Kind: r.Failed.Kind, Hint: r.Failed.Hint, Err: errors.New(r.Failed.Message)}
}

// answer is the secret for the asker, who may keep it until the next attempt to
// renew it, or the end.
func (r *record) answer(now moment, source Source, trouble error) Answer {
	keep := max(min(r.remaining(now), longestKeep), 0)
	if rest := r.rest(now); rest > 0 {
		keep = min(keep, rest)
	}
	return Answer{
		Secret: Secret{Value: r.Secret, Expires: r.Expires}, Issued: r.Issued.Wall,
		Source: source, Keep: keep, Trouble: trouble,
	}
}

// fail returns r with a failure more, and nothing else changed.
func (g *get) fail(r *record, err error, now moment) *record {
	next := record{Key: g.key.ID, Labels: g.key.Labels, Fingerprint: g.key.Fingerprint, BootID: g.bootID()}
	count := 1
	if r != nil {
		next = *r
		if r.Failed != nil {
			count = r.Failed.Count + 1
		}
	}
	next.Generation++
	next.Failed = &failed{Kind: kindOf(err), Message: err.Error(), At: now, Count: count}
	if f, ok := errors.AsType[*Failure](err); ok {
		next.Failed.Hint = f.Hint
	}
	return &next
}

// postpone sets when a renewal that failed is tried again.
func (r *record) postpone() {
	r.Failed.Rest = doubled(firstRefreshDelay, longestRefreshDelay, r.Failed.Count)
}

// remember sets how long a failure to get a secret at all stands for others.
func (r *record) remember() {
	f := r.Failed
	switch f.Kind {
	case Denied:
		f.Rest = denialMemory
	case Throttled:
		// Full jitter: machines that were throttled together must not come back
		// together.
		f.Rest = rand.N(doubled(firstThrottledMemory, longestThrottledMemory, f.Count)) + 1
	default:
		f.Rest = doubled(firstOutageMemory, longestOutageMemory, f.Count)
	}
}

// doubled is first for the count of 1, twice it for 2, and so on up to longest.
func doubled(first, longest time.Duration, count int) time.Duration {
	for ; count > 1 && first < longest; count-- {
		first *= 2
	}
	return min(first, longest)
}

const magic = "kubelet-ecr cache 1 "

// encode writes the two lines of an entry.
func (r *record) encode() ([]byte, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	var b bytes.Buffer
	b.WriteString(magic)
	b.WriteString(hex.EncodeToString(sum[:]))
	b.WriteByte('\n')
	b.Write(body)
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// decode reads what encode wrote, for the key and the boot that ask. Everything
// else is nil: an entry is right or is not there.
func decode(b []byte, id, bootID string) *record {
	head, body, ok := bytes.Cut(b, []byte("\n"))
	if !ok || !bytes.HasPrefix(head, []byte(magic)) {
		return nil
	}
	body, ok = bytes.CutSuffix(body, []byte("\n"))
	sum := sha256.Sum256(body)
	if !ok || string(head[len(magic):]) != hex.EncodeToString(sum[:]) {
		return nil
	}
	var r record
	if json.Unmarshal(body, &r) != nil || id != "" && r.Key != id || r.BootID != bootID {
		return nil
	}
	return &r
}
