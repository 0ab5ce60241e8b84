// Package hint gives an error its next step: the one thing that the person who
// reads it should do. The hint rides on the error, beside the message and not in
// it, so that it survives wrapping and is printed once, at the edge.
package hint

import (
	"errors"
	"fmt"
)

// Error is an error whose reader can be told what to do. Its message is that of
// Err alone.
type Error struct {
	Err  error
	Hint string // one sentence, lower case, no full stop, no secret
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the error that the hint belongs to.
func (e *Error) Unwrap() error { return e.Err }

// Wrap gives err a hint. Where an error of the chain has one already, the
// innermost is kept: who saw the cause knows the step better than who passed it
// on. Wrap of nil is nil, and an empty hint is none.
func Wrap(err error, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if err == nil || text == "" || Of(err) != "" {
		return err
	}
	return &Error{Err: err, Hint: text}
}

// Of returns the hint that err carries, however deep, or "".
func Of(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Hint
	}
	return ""
}

// Line is err and its hint as programs of this project end: one line, whatever
// the messages inside contain, because the kubelet quotes it inside a line of its
// own.
func Line(err error) string {
	line := err.Error()
	if h := Of(err); h != "" {
		line += "; hint: " + h
	}
	return oneLine(line)
}

// oneLine folds every run of spaces and control characters into one space.
func oneLine(s string) string {
	out := make([]rune, 0, len(s))
	gap := false
	for _, r := range s {
		if r <= ' ' || r == 0x7f || 0x80 <= r && r <= 0x9f || r == '\u2028' || r == '\u2029' {
			gap = len(out) > 0
			continue
		}
		if gap {
			out = append(out, ' ')
			gap = false
		}
		out = append(out, r)
	}
	return string(out)
}
