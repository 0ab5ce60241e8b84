//go:build linux

// Package install tells the stories of a node's disk: `ecr-node-bootstrap install` and
// `uninstall --root TREE`, run as processes of the built program on trees as the
// installer of each distribution leaves them (testdata/trees), whole trees compared with
// whole trees. Nothing of Kubernetes runs here, and nothing needs root; what only root
// can arrange is skipped by name without it.
package install

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// update writes what was installed into testdata/golden, to be read.
var update = flag.Bool("update", false, "write the golden files")

// built is what the stories run, built once.
var built struct {
	program string // ecr-node-bootstrap
	plugin  string // ecr-credential-provider
	newer   string // the plugin, of another version
	small   string // what a kubelet takes for the plugin, small enough to be copied a thousand times
	standIn string // a program that changes a tree in an order that is told
}

func TestMain(m *testing.M) {
	flag.Parse()
	status, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(status)
}

func runAll(m *testing.M) (status int, err error) {
	dir, err := os.MkdirTemp("", "install")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // another user runs the program too
		return 1, err
	}
	for _, b := range []struct {
		to          *string
		name, stamp string
		source      string
	}{
		{&built.program, "ecr-node-bootstrap", "v1", "../../cmd/ecr-node-bootstrap"},
		{&built.plugin, "plugin/ecr-credential-provider", "v1", "../../cmd/ecr-credential-provider"},
		{&built.newer, "newer/ecr-credential-provider", "v2", "../../cmd/ecr-credential-provider"},
		{&built.small, "small/ecr-credential-provider", "v1", "./standin"},
		{&built.standIn, "stand-in", "v0", "./standin"},
	} {
		*b.to = filepath.Join(dir, b.name)
		build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X main.stamp="+b.stamp, "-o", *b.to, b.source)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return 1, fmt.Errorf("building %s: %w\n%s", b.source, err, out)
		}
	}
	return m.Run(), nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ran is what a process left.
type ran struct {
	status         int
	stdout, stderr string
}

// command is the program with args for the node at root, in an environment that says
// nothing.
func command(args ...string) *exec.Cmd {
	cmd := exec.Command(built.program, args...)
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	cmd.Dir = "/"
	return cmd
}

// install is the command that installs the plugin at path on n.
func (n *node) install(plugin string, args ...string) *exec.Cmd {
	return command(append([]string{"install", "--root", n.root, "--plugin", plugin, "--yes"}, args...)...)
}

// uninstall is the command that takes it back.
func (n *node) uninstall(args ...string) *exec.Cmd {
	return command(append([]string{"uninstall", "--root", n.root, "--yes"}, args...)...)
}

// run runs cmd to its end.
func run(t *testing.T, cmd *exec.Cmd) ran {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatal(err)
	}
	return ran{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// runs is run, and it fails unless the status is as wanted.
func runs(t *testing.T, status int, cmd *exec.Cmd) ran {
	t.Helper()
	got := run(t, cmd)
	if got.status != status {
		t.Fatalf("%s: status %d, want %d\nstdout:\n%s\nstderr:\n%s", cmd.Args[1], got.status, status, end(got.stdout), got.stderr)
	}
	return got
}

// end is the end of a long text.
func end(s string) string {
	const enough = 500
	if len(s) < enough {
		return s
	}
	return "..." + s[len(s)-enough:]
}
