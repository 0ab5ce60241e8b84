package integration

import (
	"strings"
	"testing"
)

// motoLacks are the stories that moto cannot tell, and why.
var motoLacks = map[string]string{
	"TestEKS":          "it has no access entries: 404 and a page of HTML",
	"TestEKSConfigMap": "it forgets the authentication mode of a cluster",
}

// lacking skips a story that the server cannot tell.
func lacking(t *testing.T) {
	t.Helper()
	for name, why := range motoLacks {
		if t.Name() == name || strings.HasPrefix(t.Name(), name+"/") {
			t.Skip("moto:", why)
		}
	}
}
