package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// FuzzDecode: what is read back is what was written, and nothing else is an entry.
func FuzzDecode(f *testing.F) {
	at := moment{Wall: time.Unix(1, 2).UTC(), Boot: time.Hour}
	entry := &record{
		Key: "k", Labels: map[string]string{"a": "\"\n", "b": ""}, Fingerprint: "f\x00\xff", Origin: "o", BootID: "b", Generation: 3,
		Secret: []byte("s\n\xfe"), Issued: at, Expires: at.Wall.Add(time.Hour), Due: time.Minute,
		Failed: failed{Kind: Denied, Message: "m", Hint: "h", At: at, Count: 2, Rest: time.Second},
	}
	whole := entry.encode()
	if diff := cmp.Diff(entry, decode(whole, "k", "b")); diff != "" {
		f.Errorf("an entry that was written and read (-written +read)\n%s", diff)
	}
	f.Add(whole)
	// What has a right first line is read further.
	for _, body := range [...]string{"", "\n", "key \"k\"\n", strings.TrimPrefix(string(whole[:len(whole)-1]), magic), string(whole) + "more 1\n"} {
		sum := sha256.Sum256([]byte(body))
		f.Add([]byte(magic + hex.EncodeToString(sum[:]) + "\n" + body))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := decode(b, "k", "b")
		if r == nil {
			return
		}
		if r.Key != "k" || r.BootID != "b" {
			t.Errorf("decode(%q) = %+v, of another key or boot", b, r)
		}
		if diff := cmp.Diff(r, decode(r.encode(), "k", "b")); diff != "" {
			t.Errorf("what decode(%q) gave is read back otherwise (-gave +back)\n%s", b, diff)
		}
	})
}
