// Package await waits for what other processes do: it asks again and again until
// the answer is right, or says at the end what was still wrong.
package await

import (
	"testing"
	"time"
)

// Patience is how long anything may take here: far longer than it does, because
// the machine may be busy. What comes in time costs nothing of it.
const Patience = 2 * time.Minute

// Nil calls is until it returns nil. After Patience the test fails with what it
// returned last.
func Nil(t testing.TB, what string, is func() error) {
	t.Helper()
	pause := 10 * time.Millisecond
	for end := time.Now().Add(Patience); ; time.Sleep(pause) {
		err := is()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s: %v", what, err)
		}
		pause = min(2*pause, 200*time.Millisecond)
	}
}
