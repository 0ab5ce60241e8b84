package cache

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Status is what there is to know of an entry without its secret.
type Status struct {
	Key    string            `json:"key"`
	File   string            `json:"file"` // name of the entry
	Labels map[string]string `json:"labels"`

	Issued  time.Time `json:"issued"`
	Due     time.Time `json:"due"`     // when it is to be renewed
	Expires time.Time `json:"expires"` // as the source said
	Usable  bool      `json:"usable"`
	Origin  string    `json:"origin,omitempty"` // as the fetch said

	// Failure is why the newest attempt failed; nil if it did not.
	Failure *FailureStatus `json:"failure,omitempty"`
}

// FailureStatus is a failure that an entry remembers.
type FailureStatus struct {
	Kind    Kind      `json:"kind"`
	Message string    `json:"message"`
	At      time.Time `json:"at"`
	Count   uint64    `json:"count"` // in a row
	Next    time.Time `json:"next"`  // no attempt before
}

// List returns the entries of this boot, in the order of their keys' labels. What is
// no entry is left out.
func (c *Cache) List() ([]Status, error) {
	s, err := c.open("")
	if err != nil {
		return nil, err
	}
	defer s.close()
	names, err := s.names()
	if err != nil {
		return nil, err
	}
	now := c.now()
	list := []Status{}
	for _, name := range names {
		s.name = name
		r, err := s.read()
		if err != nil {
			return nil, err
		}
		if r == nil || fileName(r.Key) != name {
			continue
		}
		status := Status{
			Key: r.Key, File: name, Labels: r.Labels, Origin: r.Origin, Issued: r.Issued.Wall, Expires: r.Expires, Usable: r.usable(now),
		}
		if !r.Issued.Wall.IsZero() {
			status.Due = r.Issued.Wall.Add(r.Due)
		}
		if f := r.Failed; f.Kind != "" {
			status.Failure = &FailureStatus{Kind: f.Kind, Message: f.Message, At: f.At.Wall, Count: f.Count, Next: f.At.Wall.Add(f.Rest)}
		}
		list = append(list, status)
	}
	slices.SortFunc(list, func(a, b Status) int {
		return cmp.Or(cmp.Compare(sortKey(a), sortKey(b)), cmp.Compare(a.Key, b.Key))
	})
	return list, nil
}

func sortKey(s Status) string {
	var text string
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		text += fmt.Sprintf("%s=%q ", name, s.Labels[name])
	}
	return text
}

// Probe does with an entry of its own what a fetch does, and returns why that is
// not possible. It leaves nothing behind but a lock file.
func (c *Cache) Probe() error {
	s, err := c.open("probe")
	if err != nil {
		return err
	}
	defer s.close()
	held, err := s.tryLock(leader)
	if err != nil || held == nil {
		return err // who holds it is just probing
	}
	defer held.release()
	draft, err := s.createTemp(leader)
	if err != nil {
		return err
	}
	draft.discard()
	return nil
}

// Clear removes all entries, one under its lock after the other, and returns how
// many. One that a fetch is writing is left to it.
func (c *Cache) Clear() (int, error) {
	s, err := c.open("")
	if err != nil {
		return 0, err
	}
	defer s.close()
	names, err := s.names()
	if err != nil {
		return 0, err
	}
	cleared, busy := 0, 0
	for _, name := range names {
		s.name = name
		held, err := s.tryLock(leader)
		if err != nil {
			return cleared, err
		}
		if held == nil {
			busy++
			continue
		}
		err = s.remove()
		held.release()
		if err != nil {
			return cleared, err
		}
		cleared++
	}
	if busy > 0 {
		return cleared, errors.New("some entries are being renewed at this moment: they were left")
	}
	return cleared, nil
}
