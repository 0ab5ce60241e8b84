package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestDemo plays it: the demo checks every step itself.
func TestDemo(t *testing.T) {
	plugin := filepath.Join(t.TempDir(), "ecr-credential-provider.exe")
	build := exec.Command("go", "build", "-o", plugin, "../../cmd/ecr-credential-provider")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var b bytes.Buffer
	if err := run(t.Context(), &b, plugin); err != nil {
		t.Errorf("%v, after\n%s", err, b.String())
	}
}
