package node

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// builtPlugin is the program of testdata/plugin, static.
var builtPlugin string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "node")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	builtPlugin = filepath.Join(dir, "ecr-credential-provider")
	build := exec.Command("go", "build", "-o", builtPlugin, "./testdata/plugin")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the plugin: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
