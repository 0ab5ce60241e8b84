//go:build linux

package cache_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/cache"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

// source gives out secrets, and counts. It is an AWS that can be told to fail.
type source struct {
	mu      sync.Mutex
	fetches int
	once    int // of them with Try.Once
	life    time.Duration
	origin  string
	err     error
	hang    bool // until the context ends
	waiting int
	delay   time.Duration
}

func (s *source) fetch(ctx context.Context, try cache.Try) (cache.Secret, error) {
	s.mu.Lock()
	s.fetches++
	n := s.fetches
	if try.Once {
		s.once++
	}
	life, origin, err, hang, delay := s.life, s.origin, s.err, s.hang, s.delay
	s.mu.Unlock()
	if hang {
		<-ctx.Done()
		return cache.Secret{}, &cache.Failure{Kind: cache.Outage, Err: ctx.Err()}
	}
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return cache.Secret{}, &cache.Failure{Kind: cache.Outage, Err: ctx.Err()}
	}
	if err != nil {
		return cache.Secret{}, err
	}
	return cache.Secret{Value: []byte{'0' + byte(n%10)}, Expires: time.Now().Add(life), Origin: origin}, nil
}

func fails(kind cache.Kind) error {
	return &cache.Failure{Kind: kind, Hint: "do this", Err: errors.New("it is " + string(kind))}
}

// bubble runs a test on a clock of its own, from which both of the cache's are.
func bubble(t *testing.T, test func(t *testing.T, c *cache.Cache, s *source)) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "cache")
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c := &cache.Cache{Dir: dir, BootID: "this boot", Clock: cache.Clock{Boot: func() time.Duration { return time.Since(start) }}}
		test(t, c, &source{life: 12 * time.Hour})
	})
}

var key = cache.Key{ID: "private us-east-1 node", Fingerprint: "f"}

// get asks, and compares what comes.
func get(t *testing.T, c *cache.Cache, k cache.Key, s *source, value string, from cache.Source, fetches int) cache.Answer {
	t.Helper()
	a, err := c.Get(t.Context(), k, s.fetch)
	if err != nil || string(a.Value) != value || a.Source != from || s.fetches != fetches {
		t.Errorf("Get = %q from %s, %v, after %d fetches; want %q from %s after %d", a.Value, a.Source, err, s.fetches, value, from, fetches)
	}
	if most := 15 * time.Minute; a.Keep < 0 || a.Keep > most && a.Source != cache.Uncached {
		t.Errorf("Keep = %s", a.Keep)
	}
	return a
}

// denied asks, and compares the error that comes.
func denied(t *testing.T, c *cache.Cache, k cache.Key, s *source, want string, fetches int) {
	t.Helper()
	a, err := c.Get(t.Context(), k, s.fetch)
	if err == nil || err.Error() != want || s.fetches != fetches {
		t.Errorf("Get = %q, %v, after %d fetches; want the error %q after %d", a.Value, err, s.fetches, want, fetches)
	}
}

func TestLife(t *testing.T) {
	bubble(t, func(t *testing.T, c *cache.Cache, s *source) {
		a := get(t, c, key, s, "1", cache.Fetched, 1)
		if a.Keep != 15*time.Minute || a.Trouble != nil {
			t.Errorf("a fresh answer is kept %s, with trouble %v", a.Keep, a.Trouble)
		}
		time.Sleep(12 * time.Hour * 32 / 100)
		get(t, c, key, s, "1", cache.Hit, 1)
		time.Sleep(12 * time.Hour * 17 / 100) // 49 %: due, wherever the point was drawn
		get(t, c, key, s, "2", cache.Fetched, 2)
		if s.once != 1 {
			t.Errorf("%d fetches were to try once, want the renewal", s.once)
		}
		get(t, c, key, s, "2", cache.Hit, 2)

		// Another key has nothing of it.
		get(t, c, cache.Key{ID: "another"}, s, "3", cache.Fetched, 3)
		get(t, c, key, s, "2", cache.Hit, 3)

		// What it was made from has changed: due at once.
		changed := key
		changed.Fingerprint = "g"
		get(t, c, changed, s, "4", cache.Fetched, 4)
		get(t, c, changed, s, "4", cache.Hit, 4)

		// Force asks whatever is there.
		forced := *c
		forced.Force = true
		get(t, &forced, changed, s, "5", cache.Fetched, 5)
		get(t, c, changed, s, "5", cache.Hit, 5)
	})
}

// TestOutage serves a secret that is due for as long as it is good, with attempts
// that grow rare, and then fails.
func TestOutage(t *testing.T) {
	bubble(t, func(t *testing.T, c *cache.Cache, s *source) {
		get(t, c, key, s, "1", cache.Fetched, 1)
		s.err = fails(cache.Outage)
		time.Sleep(6 * time.Hour)
		fetches := 1
		for _, rest := range []time.Duration{30, 60, 120, 240, 480, 600, 600} {
			fetches++
			a := get(t, c, key, s, "1", cache.Stale, fetches)
			if want := min(rest*time.Second, 15*time.Minute); a.Keep != want || a.Trouble == nil {
				t.Errorf("after %d failures it is kept %s, with trouble %v, want %s", fetches-1, a.Keep, a.Trouble, want)
			}
			time.Sleep(rest*time.Second - time.Second)
			get(t, c, key, s, "1", cache.Stale, fetches)
			time.Sleep(time.Second)
		}
		for time.Sleep(0); ; time.Sleep(10 * time.Minute) {
			before := s.fetches
			a, err := c.Get(t.Context(), key, s.fetch)
			if err != nil {
				break
			}
			if s.fetches > before+1 {
				t.Fatalf("%d attempts in one call", s.fetches-before)
			}
			if end := a.Expires.Add(-5 * time.Minute); time.Now().After(end) || time.Now().Add(a.Keep).After(end) {
				t.Fatalf("at %s it may be kept for %s; it expires at %s", time.Now(), a.Keep, a.Expires)
			}
		}
		if left := 12*time.Hour - time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)); left > 5*time.Minute+10*time.Minute {
			t.Errorf("it was given up %s before its end", left)
		}
		denied(t, c, key, s, "it is outage", s.fetches) // remembered
		s.err = nil
		time.Sleep(time.Minute)
		a, err := c.Get(t.Context(), key, s.fetch)
		if err != nil || a.Source != cache.Fetched {
			t.Errorf("after the repair Get = %s, %v", a.Source, err)
		}
	})
}

// TestOutageOutlastsSecret is a renewal that failed for hours and is tried every ten
// minutes: once there is nothing to serve, it is tried as if for the first time.
func TestOutageOutlastsSecret(t *testing.T) {
	bubble(t, func(t *testing.T, c *cache.Cache, s *source) {
		get(t, c, key, s, "1", cache.Fetched, 1)
		s.err = fails(cache.Outage)
		for range 10 {
			time.Sleep(time.Hour)
			c.Get(t.Context(), key, s.fetch)
		}
		time.Sleep(114 * time.Minute) // a minute before the margin
		get(t, c, key, s, "1", cache.Stale, s.fetches+1)
		time.Sleep(time.Minute)
		s.err = nil
		get(t, c, key, s, string('0'+byte((s.fetches+1)%10)), cache.Fetched, s.fetches+1)
	})
}

func TestRenewalNeverHolds(t *testing.T) {
	bubble(t, func(t *testing.T, c *cache.Cache, s *source) {
		get(t, c, key, s, "1", cache.Fetched, 1)
		time.Sleep(6 * time.Hour)
		s.hang = true
		start := time.Now()
		var waits [50]time.Duration
		var all sync.WaitGroup
		for i := range waits {
			all.Go(func() {
				a, err := c.Get(t.Context(), key, s.fetch)
				waits[i] = time.Since(start)
				if err != nil || string(a.Value) != "1" {
					t.Errorf("Get = %q, %v", a.Value, err)
				}
			})
		}
		all.Wait()
		held := 0
		for _, w := range waits {
			if w > 3*time.Second {
				t.Errorf("one waited %s", w)
			}
			if w > 0 {
				held++
			}
		}
		if held != 1 || s.fetches != 2 {
			t.Errorf("%d waited for %d fetches, want one for one", held, s.fetches-1)
		}
	})
}

func TestDenial(t *testing.T) {
	bubble(t, func(t *testing.T, c *cache.Cache, s *source) {
		pod := cache.Key{ID: "pod", DropWhenDenied: true}
		get(t, c, key, s, "1", cache.Fetched, 1)
		get(t, c, pod, s, "2", cache.Fetched, 2)
		time.Sleep(6 * time.Hour)
		s.err = fails(cache.Outage)
		get(t, c, pod, s, "2", cache.Stale, 3)
		time.Sleep(time.Minute)
		s.err = fails(cache.Denied)
		get(t, c, key, s, "1", cache.Stale, 4) // the node's is served on
		denied(t, c, pod, s, "it is denied", 5)
		s.err = nil
		denied(t, c, pod, s, "it is denied", 5) // dropped, and remembered for 15 s
		time.Sleep(15 * time.Second)
		get(t, c, pod, s, "6", cache.Fetched, 6)
	})
}

// TestMemory is how long failures are remembered when there is nothing to serve.
func TestMemory(t *testing.T) {
	for _, tt := range []struct {
		kind cache.Kind
		most []time.Duration // in a row
		full bool            // the memory is exactly that long
	}{
		{cache.Denied, []time.Duration{15, 15, 15}, true},
		{cache.Outage, []time.Duration{5, 10, 15, 15}, true},
		{cache.Throttled, []time.Duration{5, 10, 20, 40, 60, 60}, false},
		{cache.Private, []time.Duration{0, 0}, true},
	} {
		t.Run(string(tt.kind), func(t *testing.T) {
			bubble(t, func(t *testing.T, c *cache.Cache, s *source) {
				s.err = fails(tt.kind)
				for i, most := range tt.most {
					message := "it is " + string(tt.kind)
					denied(t, c, key, s, message, i+1)
					if most > 0 && tt.full {
						time.Sleep(most*time.Second - time.Millisecond)
						denied(t, c, key, s, message, i+1)
						time.Sleep(time.Millisecond)
					} else {
						time.Sleep(most * time.Second)
					}
				}
				_, err := c.Get(t.Context(), key, s.fetch)
				if f, ok := errors.AsType[*cache.Failure](err); !ok || f.Kind != tt.kind || f.Hint != "do this" {
					t.Errorf("Get: %#v, want the kind and the hint", err)
				}
				forced := *c
				forced.Force = true
				denied(t, &forced, key, s, "it is "+string(tt.kind), len(tt.most)+2)
				s.err = nil
				time.Sleep(time.Minute)
				get(t, c, key, s, string('0'+byte(len(tt.most)+3)), cache.Fetched, len(tt.most)+3)
			})
		})
	}
}

// TestNotPublished is what says nothing to others.
func TestNotPublished(t *testing.T) {
	bubble(t, func(t *testing.T, c *cache.Cache, s *source) {
		s.hang = true
		short, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		if _, err := c.Get(short, key, s.fetch); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Get = %v, want the deadline", err)
		}
		canceled, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Second, cancel)
		if _, err := c.Get(canceled, key, s.fetch); !errors.Is(err, context.Canceled) {
			t.Errorf("Get = %v, want the cancellation", err)
		}
		s.hang = false
		get(t, c, key, s, "3", cache.Fetched, 3)

		// Nor is a failure that a short deadline may have brought about, while a
		// denial is one however short it was.
		s.fetches = 0
		short, cancel = context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		for _, kind := range []cache.Kind{cache.Outage, cache.Throttled, cache.Denied} {
			k := cache.Key{ID: string(kind)}
			for range 2 {
				s.err = fails(kind)
				if _, err := c.Get(short, k, s.fetch); err == nil {
					t.Errorf("%s: Get gave a secret", kind)
				}
			}
		}
		if s.fetches != 5 {
			t.Errorf("%d fetches, want two for the outage and the throttling, one for the denial", s.fetches)
		}
		s.err, s.fetches = nil, 3

		// A fetch that had ten seconds has something to say.
		other := cache.Key{ID: "other"}
		s.hang = true
		long, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := c.Get(long, other, s.fetch); err == nil {
			t.Error("Get gave a secret")
		}
		s.hang = false
		denied(t, c, other, s, "context deadline exceeded", 4)
	})
}

// TestClocks sets the wall's clock about: nothing gets young again, nothing is
// frozen, nothing is negative.
func TestClocks(t *testing.T) {
	for _, jump := range []time.Duration{-1000 * time.Hour, -time.Minute, time.Minute, 5 * time.Hour, 1000 * time.Hour} {
		t.Run(jump.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T, c *cache.Cache, s *source) {
				get(t, c, key, s, "1", cache.Fetched, 1)
				var set time.Duration
				c.Clock.Wall = func() time.Time { return time.Now().Add(set) }
				set = jump
				a, err := c.Get(t.Context(), key, s.fetch)
				if err != nil || a.Keep < 0 {
					t.Errorf("after the jump Get keeps %s, %v", a.Keep, err)
				}
				fetches := s.fetches
				set = 0
				time.Sleep(13 * time.Hour)
				set = jump
				a, err = c.Get(t.Context(), key, s.fetch)
				if err != nil || s.fetches != fetches+1 || a.Source != cache.Fetched || a.Keep < 0 {
					t.Errorf("a day later Get = %s kept %s, %v, after %d fetches more, want one", a.Source, a.Keep, err, s.fetches-fetches)
				}
			})
		})
	}
}

// TestShared is many at once, where there is nothing yet.
func TestShared(t *testing.T) {
	for name, err := range map[string]error{"secret": nil, "failure": fails(cache.Outage)} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, c *cache.Cache, s *source) {
				s.err, s.delay = err, time.Second
				var all sync.WaitGroup
				for range 50 {
					all.Go(func() {
						a, got := c.Get(t.Context(), key, s.fetch)
						if (got == nil) != (err == nil) || got != nil && got.Error() != err.Error() || err == nil && string(a.Value) != "1" {
							t.Errorf("Get = %q, %v", a.Value, got)
						}
					})
				}
				all.Wait()
				if s.fetches != 1 {
					t.Errorf("%d fetches, want one", s.fetches)
				}
			})
		})
	}

	// Too short-lived to be kept, it still serves those who waited.
	t.Run("short", func(t *testing.T) {
		bubble(t, func(t *testing.T, c *cache.Cache, s *source) {
			s.life, s.delay = -time.Second, time.Second
			var all sync.WaitGroup
			for range 10 {
				all.Go(func() {
					if a, err := c.Get(t.Context(), key, s.fetch); err != nil || string(a.Value) != "1" || a.Keep != 0 {
						t.Errorf("Get = %q kept %s, %v", a.Value, a.Keep, err)
					}
				})
			}
			all.Wait()
			s.delay = 0
			get(t, c, key, s, "2", cache.Fetched, 2)
		})
	})
}

// freeze holds the lock that is called so, as a process does that was stopped.
func freeze(t *testing.T, dir, lock string) (thaw func()) {
	t.Helper()
	f, err := os.OpenFile(only(t, dir, lock), os.O_RDWR, 0)
	must(t, err)
	must(t, syscall.Flock(int(f.Fd()), syscall.LOCK_EX))
	return func() { must(t, f.Close()) }
}

// TestFrozenLeader waits 32 s for who holds the lock; then one of those who waited
// fetches for the others.
func TestFrozenLeader(t *testing.T) {
	for name, tt := range map[string]struct {
		hang    bool
		fetches int
		took    time.Duration
	}{
		"AWS answers":   {fetches: 1, took: 32 * time.Second},
		"AWS is silent": {hang: true, fetches: 1, took: 42 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, c *cache.Cache, s *source) {
				get(t, c, key, s, "1", cache.Fetched, 1)
				time.Sleep(13 * time.Hour)
				defer freeze(t, c.Dir, ".lock")()
				s.hang, s.fetches = tt.hang, 0
				start := time.Now()
				var all sync.WaitGroup
				for range 50 {
					all.Go(func() {
						ctx, cancel := context.WithTimeout(t.Context(), 45*time.Second)
						defer cancel()
						a, err := c.Get(ctx, key, s.fetch)
						if (err != nil) != tt.hang || !tt.hang && string(a.Value) != "1" {
							t.Errorf("Get = %q, %v", a.Value, err)
						}
						if took := time.Since(start); took < tt.took || took > tt.took+300*time.Millisecond {
							t.Errorf("it took %s, want %s", took, tt.took)
						}
					})
				}
				all.Wait()
				if s.fetches != tt.fetches {
					t.Errorf("%d fetches, want %d", s.fetches, tt.fetches)
				}
			})
		})
	}

	t.Run("its deputy is frozen too", func(t *testing.T) {
		bubble(t, func(t *testing.T, c *cache.Cache, s *source) {
			get(t, c, key, s, "1", cache.Fetched, 1)
			time.Sleep(13 * time.Hour)
			thaw := freeze(t, c.Dir, ".lock")
			get(t, c, key, s, "2", cache.Fetched, 2) // makes the deputy's lock
			time.Sleep(13 * time.Hour)
			thawDeputy := freeze(t, c.Dir, ".deputy.lock")
			start := time.Now()
			get(t, c, key, s, "3", cache.Uncached, 3)
			if took := time.Since(start); took < 43*time.Second || took > 44*time.Second {
				t.Errorf("it took %s, want 43s", took)
			}

			// Who has less time waits less: two seconds are left for the fetch.
			start = time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if a, err := c.Get(ctx, key, s.fetch); err != nil || a.Source != cache.Uncached {
				t.Errorf("Get = %s, %v", a.Source, err)
			}
			if took := time.Since(start); took < 8*time.Second || took > 9*time.Second {
				t.Errorf("it took %s, want 8s of 10", took)
			}
			thaw()
			thawDeputy()
		})
	})

	t.Run("a lock without a name holds nobody", func(t *testing.T) {
		bubble(t, func(t *testing.T, c *cache.Cache, s *source) {
			get(t, c, key, s, "1", cache.Fetched, 1)
			time.Sleep(13 * time.Hour)
			defer freeze(t, c.Dir, ".lock")()
			must(t, os.Remove(only(t, c.Dir, ".lock")))
			get(t, c, key, s, "2", cache.Fetched, 2)
		})
	})
}

// TestThawedLeader comes back when its deputy has published: what it brings is its
// own alone.
func TestThawedLeader(t *testing.T) {
	bubble(t, func(t *testing.T, c *cache.Cache, s *source) {
		stopped := &source{delay: time.Minute, err: fails(cache.Outage)}
		var leader sync.WaitGroup
		leader.Go(func() { denied(t, c, key, stopped, "it is outage", 1) })
		time.Sleep(time.Second)
		get(t, c, key, s, "1", cache.Fetched, 1)
		leader.Wait()
		get(t, c, key, s, "1", cache.Hit, 1)
	})
}

// TestAhead is who comes ahead of need: what falls due before the next time is
// renewed, by a whole fetch, and what is good is never lost.
func TestAhead(t *testing.T) {
	bubble(t, func(t *testing.T, c *cache.Cache, s *source) {
		get(t, c, key, s, "1", cache.Fetched, 1)
		ahead := *c
		ahead.Ahead = time.Hour
		get(t, &ahead, key, s, "1", cache.Hit, 1)
		list, err := c.List()
		must(t, err)
		time.Sleep(time.Until(list[0].Due) - 59*time.Minute)
		get(t, c, key, s, "1", cache.Hit, 1)
		s.delay = 20 * time.Second
		get(t, &ahead, key, s, "2", cache.Fetched, 2)
		if s.once != 0 {
			t.Error("it was to try once, though nobody waits")
		}

		// Forced, it renews what is good, asks through a failure that is
		// remembered, and serves what is good if it fails.
		forced := *c
		forced.Force = true
		get(t, &forced, key, s, "3", cache.Fetched, 3)
		s.err = fails(cache.Outage)
		get(t, &forced, key, s, "3", cache.Stale, 4)
		if a := get(t, &forced, key, s, "3", cache.Stale, 5); a.Trouble == nil || a.Trouble.Error() != "it is outage" {
			t.Errorf("trouble: %v", a.Trouble)
		}
		get(t, c, key, s, "3", cache.Hit, 5)
	})
}

// TestOrigin renews what comes from elsewhere, for who knows, and serves it while
// that fails.
func TestOrigin(t *testing.T) {
	bubble(t, func(t *testing.T, c *cache.Cache, s *source) {
		s.origin = "role a"
		get(t, c, key, s, "1", cache.Fetched, 1)
		known := key
		known.Origin = "role a"
		get(t, c, known, s, "1", cache.Hit, 1)
		known.Origin = "role b"
		s.err = fails(cache.Outage)
		get(t, c, known, s, "1", cache.Stale, 2)
		get(t, c, key, s, "1", cache.Hit, 2)
		s.err, s.origin = nil, "role b"
		time.Sleep(time.Minute)
		if a := get(t, c, known, s, "3", cache.Fetched, 3); a.Origin != "role b" {
			t.Errorf("it is from %q", a.Origin)
		}
		get(t, c, known, s, "3", cache.Hit, 3)
	})
}

// TestOff shares nothing, remembers nothing, and leaves no trace.
func TestOff(t *testing.T) {
	bubble(t, func(t *testing.T, c *cache.Cache, s *source) {
		off := *c
		off.Off = true
		for n, life := range []time.Duration{12 * time.Hour, 1000 * time.Hour, 10 * time.Minute, time.Minute, -time.Hour} {
			s.life = life
			a := get(t, &off, key, s, string('1'+byte(n)), cache.Uncached, n+1)
			if want := max(min(life, 12*time.Hour)/2, 0); a.Keep != want || a.Trouble != nil {
				t.Errorf("of a life of %s it keeps %s, with trouble %v; want half", life, a.Keep, a.Trouble)
			}
		}
		s.err = fails(cache.Denied)
		denied(t, &off, key, s, "it is denied", 6)
		denied(t, &off, key, s, "it is denied", 7)
		if _, err := os.Stat(c.Dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the directory: %v", err)
		}
	})
}

// only is the one file in dir whose name ends so.
func only(t *testing.T, dir, suffix string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) && (suffix != "" || !strings.Contains(e.Name(), ".")) {
			return filepath.Join(dir, e.Name())
		}
	}
	t.Fatalf("no file *%s in %s", suffix, dir)
	return ""
}

// TestDistrust is what is found in the place of our files: it is not used, not
// followed, and said; the answer comes all the same.
func TestDistrust(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, dir string)
		want string // of the trouble
	}{
		{"the directory is open to others", func(t *testing.T, dir string) { must(t, os.Chmod(dir, 0o750)) }, "is not trusted: others have access (mode 0750)"},
		{"the directory is a link", func(t *testing.T, dir string) {
			must(t, os.Rename(dir, dir+".real"))
			must(t, os.Symlink(dir+".real", dir))
		}, "is not trusted: it is not a directory, or a link to one"},
		{"the directory is a file", func(t *testing.T, dir string) {
			must(t, os.RemoveAll(dir))
			must(t, os.WriteFile(dir, nil, 0o600))
		}, "is not trusted: it is not a directory, or a link to one"},
		{"the directory has no parent", func(t *testing.T, dir string) { must(t, os.RemoveAll(filepath.Dir(dir))) }, "making the cache directory"},
		{"the entry is open to others", func(t *testing.T, dir string) { must(t, os.Chmod(only(t, dir, ""), 0o644)) }, "is not trusted: others have access (mode 0644)"},
		{"the entry is a link", func(t *testing.T, dir string) { replaceByLink(t, only(t, dir, "")) }, "is not trusted: it is a link"},
		{"the entry has another name", func(t *testing.T, dir string) { must(t, os.Link(only(t, dir, ""), dir+".other")) }, "is not trusted: it has another name too"},
		{"the entry is a fifo", func(t *testing.T, dir string) {
			name := only(t, dir, "")
			must(t, os.Remove(name))
			must(t, syscall.Mkfifo(name, 0o600))
		}, "is not trusted: it is of another kind"},
		{"the lock is a link", func(t *testing.T, dir string) {
			must(t, os.Remove(only(t, dir, "")))
			replaceByLink(t, only(t, dir, ".lock"))
		}, "is not trusted: it is a link"},
		{"the draft is a link", func(t *testing.T, dir string) {
			name := only(t, dir, "")
			must(t, os.Rename(name, name+".tmp"))
			replaceByLink(t, name+".tmp")
		}, "is not trusted: it is a link"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &cache.Cache{Dir: filepath.Join(t.TempDir(), "parent", "cache")}
			must(t, os.Mkdir(filepath.Dir(c.Dir), 0o700))
			s := &source{life: time.Hour}
			get(t, c, key, s, "1", cache.Fetched, 1)
			tt.do(t, c.Dir)
			a := get(t, c, key, s, "2", cache.Uncached, 2)
			if a.Trouble == nil || !strings.Contains(a.Trouble.Error(), tt.want) {
				t.Errorf("trouble: %v, want %q", a.Trouble, tt.want)
			}
			if strings.Contains(tt.want, "trusted") && hint.Of(a.Trouble) == "" {
				t.Errorf("no hint on %v", a.Trouble)
			}
			get(t, c, key, s, "3", cache.Uncached, 3)
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// replaceByLink puts a link to a file, that must stay as it is, in its place.
func replaceByLink(t *testing.T, name string) {
	t.Helper()
	target := filepath.Join(t.TempDir(), "victim")
	must(t, os.Rename(name, target))
	before, err := os.ReadFile(target)
	must(t, err)
	must(t, os.Symlink(target, name))
	t.Cleanup(func() {
		if after, err := os.ReadFile(target); err != nil || string(after) != string(before) {
			t.Errorf("what the link led to was changed: %v", err)
		}
	})
}

// TestList shows everything but the secret; Clear takes it all away.
func TestList(t *testing.T) {
	bubble(t, func(t *testing.T, c *cache.Cache, s *source) {
		if list, err := c.List(); err != nil || len(list) != 0 {
			t.Errorf("an empty cache lists %v, %v", list, err)
		}
		start := time.Now()
		node := cache.Key{ID: "node", Labels: map[string]string{"region": "b"}}
		get(t, c, node, s, "1", cache.Fetched, 1)
		s.err = fails(cache.Denied)
		denied(t, c, cache.Key{ID: "pod", Labels: map[string]string{"region": "a"}}, s, "it is denied", 2)
		list, err := c.List()
		if err != nil {
			t.Fatal(err)
		}
		if len(list) != 2 {
			t.Fatalf("it lists %+v", list)
		}
		due := list[1].Due.Sub(start)
		if due < 12*time.Hour*33/100 || due > 12*time.Hour*48/100 {
			t.Errorf("it is due after %s", due)
		}
		list[1].Due = time.Time{}
		want := []cache.Status{
			{Key: "pod", File: "425c89ed5bb78a7623fae60fd8a6f648488168740fe82cf6ad34caa4d07aa972", Labels: map[string]string{"region": "a"},
				Failure: &cache.FailureStatus{Kind: cache.Denied, Message: "it is denied", At: start, Count: 1, Next: start.Add(15 * time.Second)}},
			{Key: "node", File: "545ea538461003efdc8c81c244531b003f6f26cfccf6c0073b3239fdedf49446", Labels: map[string]string{"region": "b"}, Issued: start, Expires: start.Add(12 * time.Hour), Usable: true},
		}
		if diff := cmp.Diff(want, list, cmp.Transformer("UTC", time.Time.UTC)); diff != "" {
			t.Errorf("List (-want +got)\n%s", diff)
		}
		if err := c.Probe(); err != nil {
			t.Errorf("Probe = %v", err)
		}
		if n, err := c.Clear(); n != 2 || err != nil {
			t.Errorf("Clear = %d, %v, want 2", n, err)
		}
		s.err = nil
		get(t, c, node, s, "3", cache.Fetched, 3)

		must(t, os.Chmod(c.Dir, 0o755))
		if err := c.Probe(); err == nil || hint.Of(err) == "" {
			t.Errorf("Probe of an open directory = %v", err)
		}
	})
}

// TestTorn cuts and changes an entry at every byte: it is a miss, and mends itself.
func TestTorn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	c := &cache.Cache{Dir: dir, BootID: "this boot"}
	s := &source{life: time.Hour}
	get(t, c, key, s, "1", cache.Fetched, 1)
	name := only(t, dir, "")
	whole, err := os.ReadFile(name)
	must(t, err)
	info, err := os.Stat(name)
	must(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("the entry has mode %v", info.Mode())
	}
	fetches := 1
	for i := range whole {
		for _, torn := range [][]byte{whole[:i], append(append(append([]byte{}, whole[:i]...), whole[i]^1), whole[i+1:]...)} {
			must(t, os.WriteFile(name, torn, 0o600))
			fetches++
			get(t, c, key, s, string('0'+byte(fetches%10)), cache.Fetched, fetches)
		}
	}
	must(t, os.WriteFile(name, whole, 0o600))
	get(t, c, key, s, "1", cache.Hit, fetches)
	another := *c
	another.BootID = "another boot"
	get(t, &another, key, s, string('0'+byte((fetches+1)%10)), cache.Fetched, fetches+1)
}

// TestFullDisk shares nothing and holds nobody: the lock is let go before the fetch.
// Who may mount one has a real full disk.
func TestFullDisk(t *testing.T) {
	c := &cache.Cache{Dir: t.TempDir()}
	if os.Geteuid() == 0 && syscall.Mount("cache-test", c.Dir, "tmpfs", 0, "size=16k,mode=0700") == nil {
		t.Cleanup(func() { must(t, syscall.Unmount(c.Dir, 0)) })
		must(t, os.WriteFile(filepath.Join(c.Dir, "filler"), make([]byte, 12<<10), 0o600))
	} else {
		must(t, os.Chmod(c.Dir, 0o700))
		c.FillDisk()
	}
	s := &source{life: time.Hour, delay: 200 * time.Millisecond}
	held := make(chan struct{}) // until all fetch at once, which who waits for another never does
	fetch := func(ctx context.Context, try cache.Try) (cache.Secret, error) {
		s.mu.Lock()
		s.waiting++
		if s.waiting == 20 {
			close(held)
		}
		s.mu.Unlock()
		select {
		case <-held:
		case <-time.After(20 * time.Second):
			t.Error("they wait for each other")
		}
		return s.fetch(ctx, try)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			a, err := c.Get(t.Context(), key, fetch)
			if err != nil || a.Source != cache.Uncached || !errors.Is(a.Trouble, syscall.ENOSPC) {
				t.Errorf("Get = %s, %v, with trouble %v", a.Source, err, a.Trouble)
			}
		})
	}
	all.Wait()
}
