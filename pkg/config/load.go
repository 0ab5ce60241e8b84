package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

// What is read at most. A file that describes 500 instances and 60 subnets by id is
// a tenth of this.
const (
	mostBytes  = 1 << 20
	mostTokens = 1 << 15 // words and signs: the parser's time grows with their square
	mostSigns  = 1 << 17 // characters that may be a sign: the scanner makes all tokens at once
	mostInLine = 1 << 14 // characters: 500 ids
	mostNested = 16      // brackets in brackets
	mostColumn = 100     // where the dash of a list stands
	mostFaults = 10      // that are told of one file
)

// A Fault is one thing that is wrong with a file, and where.
type Fault struct {
	File         string // its name, as Load or Parse was given it
	Line, Column int    // from 1, in characters
	Path         string // of the value, as nodes[0].roles[1]; "" for the whole file
	Problem      string // what is wrong, and what is wanted
}

// Error is one line: file:line:column, the path, the problem.
func (f *Fault) Error() string {
	at := fmt.Sprintf("%s:%d:%d: ", f.File, f.Line, f.Column)
	if f.Path != "" {
		at += f.Path + ": "
	}
	return at + f.Problem
}

// Load reads the file at path; see Parse, which is told path as the file's name.
func Load(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		err = fmt.Errorf("read the cluster's description: %w", err)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, hint.Wrap(err, "write one with ecr-node-bootstrap init, or name it with -f")
		}
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the cluster's description: %w", err)
	}
	return Parse(path, text)
}

// Parse reads bootstrap.yaml from text. It returns a File that is complete, with its
// defaults filled in, and in which every rule of this package holds. It asks nobody:
// whether what the file names exists is another's question.
//
// The error is a join of at most ten *Fault, in the order of the file, and of a last
// line that counts the others, if there are more. One cause is one fault: what only
// follows from it is not told.
//
// A node reads the same file with the same Parse, and of the File only Cluster, Region
// and Pull.
func Parse(name string, text []byte) (*File, error) {
	r := &reader{file: name, places: map[string]place{}}
	f := &File{}
	if body := r.document(text); body != nil && r.knows(body) {
		r.decode(body, reflect.ValueOf(f).Elem(), spot{})
		f.fillDefaults()
		r.judge(f)
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	return f, nil
}

// A place is where something begins in the text.
type place struct{ line, column int }

// A reader goes through one file and keeps what it finds wrong.
type reader struct {
	file   string
	faults []*Fault
	more   int              // faults that were not kept
	places map[string]place // of values, by path
}

// fault keeps a fault. Arguments are clipped: a megabyte does not become one line.
func (r *reader) fault(at place, path, format string, args ...any) {
	if len(r.faults) == mostFaults {
		r.more++
		return
	}
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = clip(s)
		}
	}
	r.faults = append(r.faults, &Fault{
		File: r.file, Line: at.line, Column: at.column, Path: path, Problem: fmt.Sprintf(format, args...),
	})
}

// err joins the faults, nil if there are none.
func (r *reader) err() error {
	slices.SortStableFunc(r.faults, func(a, b *Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	var all []error
	for _, f := range r.faults {
		all = append(all, f)
	}
	if r.more > 0 {
		all = append(all, fmt.Errorf("%s: and %d more", r.file, r.more))
	}
	return errors.Join(all...)
}

// knows says whether the document is of version 1, or of none, which is told later. Of
// another version nothing else is judged: what that means by its keys is not known here.
func (r *reader) knows(body ast.Node) bool {
	m, ok := body.(*ast.MappingNode)
	if !ok {
		return true
	}
	for _, entry := range m.Values {
		s := scalarOf(entry.Value)
		if keyOf(entry.Key) == "version" && s.kind == aNumber && s.text != "1" {
			r.fault(placeOf(entry.Value), "version", "this program reads version 1 of the format, not %s", s.text)
			return false
		}
	}
	return true
}

// clip keeps an error to one readable line.
func clip(s string) string {
	const most = 200
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most]) + "..."
}
