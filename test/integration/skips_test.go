package integration

import (
	"strings"
	"testing"
)

// motoLacks are the stories that moto cannot tell, and why.
var motoLacks = map[string]string{}

// lacking skips a story that the server cannot tell.
func lacking(t *testing.T) {
	t.Helper()
	for name, why := range motoLacks {
		if t.Name() == name || strings.HasPrefix(t.Name(), name+"/") {
			t.Skip("moto:", why)
		}
	}
}
