package cache

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestNamed is a lock that is removed between being opened and being taken: a moment
// that no test from outside can hit.
func TestNamed(t *testing.T) {
	c := &Cache{Dir: filepath.Join(t.TempDir(), "cache")}
	s, err := c.open("key")
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	name := leader.lock(s)
	open := func() *os.File {
		f, err := s.openFile(name, unix.O_RDWR|unix.O_CREAT)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	first := open()
	if !s.named(first, name) {
		t.Error("a lock that was just made has no name")
	}
	if err := os.Remove(filepath.Join(c.Dir, name)); err != nil {
		t.Fatal(err)
	}
	if s.named(first, name) {
		t.Error("a lock that was removed has a name")
	}
	if second := open(); s.named(first, name) || !s.named(second, name) {
		t.Error("the name is that of the first lock, not of the one that was made in its place")
	}
}
