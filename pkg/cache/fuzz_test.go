package cache

import (
	"bytes"
	"testing"
)

// FuzzDecode: what is read back is what was written, and nothing else is an entry.
func FuzzDecode(f *testing.F) {
	entry := &record{Key: "k", BootID: "b", Generation: 3, Secret: []byte("s")}
	whole, err := entry.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte(magic + "\n{}\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := decode(b, "k", "b")
		if r == nil {
			return
		}
		if r.Key != "k" || r.BootID != "b" {
			t.Errorf("decode(%q) = %+v, of another key or boot", b, r)
		}
		again, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		if back := decode(again, "k", "b"); back == nil || !bytes.Equal(back.Secret, r.Secret) || back.Generation != r.Generation {
			t.Errorf("what decode(%q) gave is read back as %+v", b, back)
		}
	})
}
