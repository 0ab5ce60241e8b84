package install

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// crash is a program that is killed at each change that it makes, one run for each.
type crash struct {
	start   func(t *testing.T) *node                           // a node before it
	command func(n *node) *exec.Cmd                            // the program
	killed  func(t *testing.T, n *node, end snapshot) []string // what is wrong with the node that a kill left
}

// sweep runs it once to its end, and then kills it everywhere. It returns what is wrong:
// where a kubelet would not start, and what is not synced when it must be.
func (c crash) sweep(t *testing.T) (wrong []string) {
	t.Helper()
	whole := c.start(t)
	from := whole.snapshot(t)
	ledger := newLedger()
	tr := tracer{root: whole.root, made: ledger.made, synced: ledger.synced}
	got, _ := tr.run(t, c.command(whole))
	if got.status != 0 {
		t.Fatalf("it ends with %d\nstdout:\n%s\nstderr:\n%s", got.status, got.stdout, got.stderr)
	}
	to := whole.snapshot(t)
	wrong = append(ledger.wrong, ledger.left()...)
	for _, c := range tr.outside {
		wrong = append(wrong, "outside of the root: "+c.String())
	}
	for _, bar := range whole.bars(from, to) {
		wrong = append(wrong, "at the end: "+bar)
	}
	for _, p := range points(tr.changes) {
		n := c.start(t)
		tr := tracer{root: n.root, before: func(number int, _ change) verdict {
			if number == p.number {
				return verdict{kill: p.moment}
			}
			return verdict{}
		}}
		at := fmt.Sprintf("killed %s %d. %s", p.moment, p.number, tr.at(p, c.command(n), t))
		for _, bar := range n.bars(from, to) {
			wrong = append(wrong, at+": "+bar)
		}
		if c.killed != nil {
			for _, w := range c.killed(t, n, to) {
				wrong = append(wrong, at+": "+w)
			}
		}
	}
	return wrong
}

// at runs cmd until it is killed at p, and says what it was doing.
func (tr *tracer) at(p point, cmd *exec.Cmd, t *testing.T) string {
	t.Helper()
	got, killed := tr.run(t, cmd)
	if !killed {
		t.Fatalf("it was not killed %s change %d, and ends with %d\n%s", p.moment, p.number, got.status, got.stderr)
	}
	return tr.changes[p.number].String()
}

// point is where to kill.
type point struct {
	number int
	moment moment
}

// points are all of them: before each change, which is after the one before it, after
// the last, and within each write. Of many writes to one file in a row they are the
// first, one in the middle, and the last.
func points(changes []change) []point {
	var all []point
	for i := 0; i < len(changes); {
		end := i + 1
		for end < len(changes) && changes[end] == changes[i] {
			end++
		}
		for _, number := range slices.Compact([]int{i, (i + end - 1) / 2, end - 1}) {
			if changes[number].refused {
				continue
			}
			all = append(all, point{number, before})
			if changes[number].call == "write" {
				all = append(all, point{number, half})
			}
		}
		i = end
	}
	return append(all, point{len(changes) - 1, after})
}

// ledger keeps what a crash of the machine could take back: bytes and names that are not
// synced. A kill never does, so it is looked at on its own.
type ledger struct {
	bytes map[string]bool   // files with bytes that are not
	names map[string]string // directories with names that are not, and the last change
	wrong []string
}

func newLedger() *ledger { return &ledger{bytes: map[string]bool{}, names: map[string]string{}} }

// made takes in a change. Before a file gets its name it is synced, and before the next
// one does, so is the directory: else the flags could outlive the config that they name.
// What the program keeps for itself may come back.
func (l *ledger) made(c change) {
	switch c.call {
	case "rename", "link":
		if l.bytes[c.from] {
			l.wrong = append(l.wrong, fmt.Sprintf("%s: its bytes are not synced", c))
		}
		for dir, last := range l.names {
			if dir != filepath.Dir(c.path) {
				l.wrong = append(l.wrong, fmt.Sprintf("%s: %s is not synced after %s", c, dir, last))
			}
		}
		l.names[filepath.Dir(c.path)] = c.String()
	case "symlink", "unlink": // unlinkat removes directories too
		delete(l.names, c.path)
		delete(l.bytes, c.path)
		if !strings.HasPrefix(c.path, stateDir) {
			l.names[filepath.Dir(c.path)] = c.String()
		}
	case "write", "writev", "copy_file_range", "sendfile", "splice", "truncate":
		l.bytes[c.path] = true
	case "rmdir":
		delete(l.names, c.path)
	}
}

func (l *ledger) synced(path string) {
	delete(l.bytes, path)
	delete(l.names, path)
}

// left is what is not synced at the end.
func (l *ledger) left() []string {
	var wrong []string
	for file := range l.bytes {
		wrong = append(wrong, "at the end the bytes of "+file+" are not synced")
	}
	for dir, last := range l.names {
		wrong = append(wrong, fmt.Sprintf("at the end %s is not synced after %s", dir, last))
	}
	slices.Sort(wrong)
	return wrong
}

// TestCrashesAreSeen has a program that does it right pass, and ones that do it wrong
// found out.
func TestCrashesAreSeen(t *testing.T) {
	for name, test := range map[string]struct {
		steps string
		want  string // what must be said, "" if nothing is wrong
	}{
		"right":               {"binary config flags", ""},
		"flags first":         {"flags binary config", "config.yaml is named, and not there"},
		"binary last":         {"config flags binary", "bin/ecr-credential-provider is named, and not there"},
		"flags in place":      {"binary config flags!", "one flag without the other"},
		"config after, torn":  {"binary config flags config!", "config.yaml is named, and not whole"},
		"binary after, torn":  {"binary config flags binary!", "bin/ecr-credential-provider is named, and not whole"},
		"config not synced":   {"binary config? flags", "its bytes are not synced"},
		"binary not synced":   {"binary? config flags", "its bytes are not synced"},
		"folder never synced": {"binary config flags?", "at the end etc/default is not synced"},
	} {
		t.Run(name, func(t *testing.T) {
			wrong := crash{
				start: func(t *testing.T) *node { return newNode(t, "kubeadm-deb") },
				command: func(n *node) *exec.Cmd {
					return exec.Command(built.standIn, append([]string{n.root}, strings.Fields(test.steps)...)...)
				},
			}.sweep(t)
			if test.want == "" && len(wrong) > 0 || !strings.Contains(strings.Join(wrong, "\n"), test.want) {
				t.Errorf("found %q, want %q", wrong, test.want)
			}
		})
	}
}
