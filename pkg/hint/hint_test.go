package hint_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

var errCause = errors.New("access denied")

func TestWrapReturnsItsError(t *testing.T) {
	var none error
	inner := hint.Wrap(errCause, "inner")
	passedOn := fmt.Errorf("get token: %w", inner)
	tests := []struct {
		name string
		err  error
		hint string
	}{
		{"nil", none, "do this"},
		{"nil and no hint", none, ""},
		{"no hint", errCause, ""},
		{"hint inside", inner, "outer"},
		{"hint deeper inside", passedOn, "outer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := hint.Wrap(tt.err, "%s", tt.hint); got != tt.err {
				t.Errorf("Wrap(%#v, %q) = %#v, want the same error", tt.err, tt.hint, got)
			}
		})
	}
}

func TestWrap(t *testing.T) {
	got, ok := hint.Wrap(errCause, "allow %s on %q", "ecr:GetAuthorizationToken", "*").(*hint.Error)
	want := hint.Error{Err: errCause, Hint: `allow ecr:GetAuthorizationToken on "*"`}
	if !ok || *got != want {
		t.Fatalf("Wrap(%v) = %#v, want %#v", errCause, got, want)
	}
	if got.Error() != "access denied" {
		t.Errorf("Error() = %q, want that of the cause alone", got.Error())
	}
	if got.Unwrap() != errCause {
		t.Errorf("Unwrap() = %v, want %v", got.Unwrap(), errCause)
	}
}

func TestOf(t *testing.T) {
	hinted := hint.Wrap(errCause, "do this")
	tests := []struct {
		name    string
		err     error
		want    string
		message string
	}{
		{"no hint", errCause, "", "access denied"},
		{"hint", hinted, "do this", "access denied"},
		{"fmt.Errorf", fmt.Errorf("pull: %w", hinted), "do this", "pull: access denied"},
		{"fmt.Errorf twice", fmt.Errorf("a: %w", fmt.Errorf("b: %w", hinted)), "do this", "a: b: access denied"},
		{"errors.Join, first", errors.Join(hinted, errors.New("x")), "do this", "access denied\nx"},
		{"errors.Join, second", errors.Join(errors.New("x"), hinted), "do this", "x\naccess denied"},
		{"two hints joined", errors.Join(hinted, hint.Wrap(errors.New("x"), "do that")), "do this", "access denied\nx"},
		{"innermost is kept", hint.Wrap(fmt.Errorf("a: %w", hinted), "outer"), "do this", "a: access denied"},
		{"innermost is kept through a join", hint.Wrap(errors.Join(errors.New("x"), hinted), "outer"), "do this", "x\naccess denied"},
		{"%v loses it", fmt.Errorf("pull: %v", hinted), "", "pull: access denied"},
		{"%v loses it, the outer is taken", hint.Wrap(fmt.Errorf("pull: %v", hinted), "outer"), "outer", "pull: access denied"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := hint.Of(tt.err); got != tt.want {
				t.Errorf("Of(%#v) = %q, want %q", tt.err, got, tt.want)
			}
			if got := tt.err.Error(); got != tt.message {
				t.Errorf("%#v.Error() = %q, want %q", tt.err, got, tt.message)
			}
		})
	}
	t.Run("nil", func(t *testing.T) {
		if got := hint.Of(nil); got != "" {
			t.Errorf("Of(nil) = %q, want none", got)
		}
	})
	t.Run("errors.Is through a hint", func(t *testing.T) {
		if err := fmt.Errorf("pull: %w", hinted); !errors.Is(err, errCause) {
			t.Errorf("errors.Is(%#v, %v) = false", err, errCause)
		}
	})
}

func TestLine(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"no hint", errors.New("access denied"), "access denied"},
		{"hint", hint.Wrap(errCause, "do this"), "access denied; hint: do this"},
		{"hint passed on", fmt.Errorf("pull: %w", hint.Wrap(errCause, "do this")), "pull: access denied; hint: do this"},
		{"two hints", hint.Wrap(hint.Wrap(errCause, "inner"), "outer"), "access denied; hint: inner"},
		{"joined", errors.Join(errors.New("x"), hint.Wrap(errCause, "do this")), "x access denied; hint: do this"},
		{"newline in the hint", hint.Wrap(errCause, "do\nthis\n"), "access denied; hint: do this"},
		{"newline before the hint", hint.Wrap(errors.New("denied\n"), "do this"), "denied ; hint: do this"},
		{"newlines around", errors.New("\r\n\na\n"), "a"},
		{"only newlines", errors.New("\n\n"), ""},
		{"run of spaces", errors.New("a  \t\r\n  b"), "a b"},
		{"one space", errors.New("a b"), "a b"},
		{"NUL", errors.New("a\x00b"), "a b"},
		{"escape", errors.New("a\x1b[31mb"), "a [31mb"},
		{"last before space", errors.New("a\x1fb"), "a b"},
		{"exclamation mark is the first to stay", errors.New("a!b"), "a!b"},
		{"tilde is the last to stay", errors.New("a~b"), "a~b"},
		{"DEL", errors.New("a\x7fb"), "a b"},
		{"U+0080", errors.New("a\u0080b"), "a b"},
		{"next line", errors.New("a\u0085b"), "a b"},
		{"U+009F", errors.New("a\u009fb"), "a b"},
		{"U+00A1 stays", errors.New("a\u00a1b"), "a\u00a1b"},
		{"line separator", errors.New("a\u2028b"), "a b"},
		{"paragraph separator", errors.New("a\u2029b"), "a b"},
		{"other scripts stay", errors.New("zażółć 日本"), "zażółć 日本"},
		{"not UTF-8", errors.New("a\xffb"), "a\ufffdb"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := hint.Line(tt.err); got != tt.want {
				t.Errorf("Line(%q) = %q, want %q", tt.err, got, tt.want)
			}
		})
	}
}
