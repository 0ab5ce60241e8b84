package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestDemo plays it: the demo checks every step itself.
func TestDemo(t *testing.T) {
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir, "../../cmd/...")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	programs, err := filepath.Glob(filepath.Join(dir, "ecr-*")) // .exe where that is how programs are called
	if err != nil || len(programs) != 2 {
		t.Fatalf("built %v, %v", programs, err)
	}
	var b bytes.Buffer
	if err := run(t.Context(), &b, programs[0], programs[1]); err != nil {
		t.Errorf("%v, after\n%s", err, b.String())
	}
}
