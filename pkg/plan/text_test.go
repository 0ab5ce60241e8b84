package plan_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// numbered is a text of so many lines, with what stands in for some.
func numbered(prefix string, lines int, other map[int]string) string {
	var b strings.Builder
	for i := range lines {
		line, ok := other[i]
		if !ok {
			line = fmt.Sprint(prefix, i)
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// A file of a megabyte is looked at in its middle alone.
func TestTextOfLongFiles(t *testing.T) {
	const lines = 60_000
	var b bytes.Buffer
	plan.Text(&b, []plan.Change{change("file", "f", numbered("", lines, nil), numbered("", lines, map[int]string{30_000: "other"}))})
	want := "~ file f\n      ...\n      29998\n      29999\n    - 30000\n    + other\n      30001\n      30002\n      ...\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}

	b.Reset()
	plan.Text(&b, []plan.Change{change("file", "f", numbered("a", lines, nil), numbered("b", lines, nil))})
	if got := strings.Count(b.String(), "\n"); got != 2*lines+1 {
		t.Errorf("%d lines of two texts that have nothing in common", got)
	}
}

// What both begin or end with is not lost, nor told twice.
func TestTextOfOneThatIsInTheOther(t *testing.T) {
	for _, c := range []struct{ before, after, want string }{
		{"a\nb\n", "a\nb\nc\n", "      a\n      b\n    + c\n"},
		{"b\nc\n", "a\nb\nc\n", "    + a\n      b\n      c\n"},
		{"a\na\na\n", "a\na\n", "      a\n      a\n    - a\n"},
		{"a\nc\n", "a\nb\nc\n", "      a\n    + b\n      c\n"},
	} {
		var b bytes.Buffer
		plan.Text(&b, []plan.Change{change("file", "f", c.before, c.after)})
		if diff := cmp.Diff("~ file f\n"+c.want, b.String()); diff != "" {
			t.Errorf("%q to %q\n%s", c.before, c.after, diff)
		}
	}
}
