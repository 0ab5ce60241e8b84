package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/doctor"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// ui is how this program speaks; nothing else prints. What was asked for goes to
// stdout, and so do the lines of progress, unless stdout is JSON: then they go to
// stderr. Errors are lower case, without a full stop, and end in a hint where the
// next step is known.
type ui struct {
	in       io.Reader
	out, err io.Writer
	format   string // text or json
	broken   error  // the first write to stdout that failed
}

func newUI(in io.Reader, out, err io.Writer) *ui {
	u := &ui{in: in, err: err, format: "text"}
	u.out = &checked{out, &u.broken}
	return u
}

// checked keeps the first error of a writer, so that a full disk behind `plan >
// FILE` is no success.
type checked struct {
	io.Writer
	broken *error
}

func (w *checked) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	if err != nil && *w.broken == nil {
		*w.broken = fmt.Errorf("writing the output: %w", err)
	}
	return n, err
}

// say writes a line for people.
func (u *ui) say(format string, args ...any) {
	fmt.Fprintf(u.people(), format+"\n", args...)
}

// people is where text for people goes.
func (u *ui) people() io.Writer {
	if u.format == "json" {
		return u.err
	}
	return u.out
}

// json writes a document for programs.
func (u *ui) json(v any) error {
	e := json.NewEncoder(u.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// fail writes an error, each that was joined into it on a line of its own, and the
// hints below.
func (u *ui) fail(err error) {
	hints := map[string]bool{}
	for _, e := range parts(err) {
		fmt.Fprintf(u.err, "%s: %s\n", name, strings.ReplaceAll(e.Error(), "\n", "\n  "))
		if h := hint.Of(e); h != "" && !hints[h] {
			hints[h] = true
			fmt.Fprintf(u.err, "  hint: %s\n", h)
		}
	}
}

// parts are the errors that were joined into err.
func parts(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok && strings.Contains(err.Error(), "\n") {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, parts(e)...)
		}
		return all
	}
	return []error{err}
}

// finished writes a change that was decided, with the time that its call took.
func (u *ui) finished(e plan.Event) {
	sign := map[plan.Result]string{plan.Done: "done  ", plan.Failed: "FAILED", plan.Left: "left  "}[e.Result]
	u.say("%s  %s %s (%s)", sign, e.Verb, e.Object, e.Took.Round(time.Millisecond))
}

// check writes what a check has seen, and below a finding what comes of it and what mends it.
func (u *ui) check(c doctor.Check) {
	sign := map[doctor.Status]string{doctor.Error: "ERROR", doctor.Warning: "WARNING"}[c.Status]
	u.say("%-7s  %-15s  %s", cmp.Or(sign, string(c.Status)), c.Code, c.Evidence)
	if c.Cause != "" {
		u.say("         cause: %s", c.Cause)
	}
	if c.Fix != "" {
		u.say("         fix:   %s", c.Fix)
	}
}

// event writes a change that was decided, for programs.
func (u *ui) event(e plan.Event) {
	encoder := json.NewEncoder(u.out)
	encoder.SetEscapeHTML(false)
	encoder.Encode(e)
}

// confirm asks a yes of whoever sits at the terminal. Without one it is an error of
// the caller not to have said --yes.
func (u *ui) confirm(question string) error {
	nobody := usageError(hint.Wrap(errors.New("nobody is there to confirm this"), "say --yes"))
	f, ok := u.in.(*os.File)
	if !ok {
		return nobody
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nobody
	}
	fmt.Fprintf(u.err, "%s [yes/no] ", question)
	answer, err := bufio.NewReader(f).ReadString('\n')
	if err != nil {
		return nobody // the null device is a character device too
	}
	if strings.TrimSpace(answer) != "yes" {
		return errors.New("not confirmed, nothing was changed")
	}
	return nil
}
