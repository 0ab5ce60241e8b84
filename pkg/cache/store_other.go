//go:build !linux

package cache

import (
	"errors"
	"time"
)

// errNoCache is why there is none: it has not been tested on this platform.
var errNoCache = errors.New("there is no cache on this platform")

func (c *Cache) open(string) (*store, error) { return nil, errNoCache }

func (c *Cache) bootID() string { return c.BootID }

// bootTime is the wall's, in want of the boot's.
func bootTime() time.Duration { return time.Duration(time.Now().UnixNano()) }

type store struct{ name string }

func (*store) close()                         {}
func (*store) read() (*record, error)         { return nil, errNoCache }
func (*store) names() ([]string, error)       { return nil, errNoCache }
func (*store) remove() error                  { return errNoCache }
func (*store) tryLock(rank) (*lock, error)    { return nil, errNoCache }
func (*store) createTemp(rank) (*temp, error) { return nil, errNoCache }

type lock struct{}

func (*lock) release() {}

type temp struct{}

func (*temp) publish(*record) error { return errNoCache }
func (*temp) discard()              {}
