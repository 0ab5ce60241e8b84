package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Write returns bootstrap.yaml for a File that Parse takes, as a person would write
// it: without what has its default, each section under what it is for, lists of texts in
// one line where they fit. Parse reads f back from it, with its defaults.
//
// Notes are comments by path, as nodes[0].instances or nodes[0].instances.ids[1], each
// put above what it is on. A note on what the file does not have is left out.
func Write(f *File, notes map[string]string) []byte {
	w := &writer{notes: notes}
	w.line(0, "# yaml-language-server: $schema=./"+SchemaName)
	sections := sectionComments()
	v := reflect.ValueOf(f.withoutDefaults()).Elem()
	for _, k := range keysOf(v.Type()) {
		if field := v.Field(k.index); k.required || !empty(field) {
			if nested(field) {
				w.line(0, "")
			}
			if k.name != "version" {
				w.comment(0, sections[k.name])
			}
			w.key(0, k.name, field, spot{}.key(k.name))
		}
	}
	return w.out.Bytes()
}

// sectionComments is what the schema says of the keys at the top.
func sectionComments() map[string]string {
	var top struct {
		Properties map[string]struct{ Description string }
	}
	if err := json.Unmarshal(schema, &top); err != nil {
		panic(err) // it is part of this program, and a test reads it
	}
	comments := map[string]string{}
	for key, p := range top.Properties {
		comments[key] = p.Description
	}
	return comments
}

// A writer writes one file.
type writer struct {
	out   bytes.Buffer
	notes map[string]string
	dash  bool // the next line begins an item of a list
}

func (w *writer) line(indent int, text string) {
	if w.dash {
		w.dash = false
		indent -= len("- ")
		text = "- " + text
	}
	if text != "" {
		w.out.WriteString(strings.Repeat(" ", indent) + text)
	}
	w.out.WriteByte('\n')
}

// comment writes text as comments, in front of the item's dash if one is due.
func (w *writer) comment(indent int, text string) {
	const width = 85
	if w.dash {
		indent -= len("- ")
	}
	for paragraph := range strings.Lines(text) {
		row := ""
		for _, word := range strings.FieldsFunc(paragraph, func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) }) {
			if row != "" && len(row)+len(word) >= width-indent {
				w.row(indent, row)
				row = ""
			}
			row += " " + word
		}
		w.row(indent, row)
	}
}

func (w *writer) row(indent int, text string) {
	w.out.WriteString(strings.Repeat(" ", indent) + "#" + strings.ToValidUTF8(text, "?") + "\n")
}

// key writes "name: value", the value on the same line or indented below.
func (w *writer) key(indent int, name string, v reflect.Value, at spot) {
	w.comment(indent, w.notes[at.path])
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	name = quoted(name) + ":"
	if !nested(v) {
		w.line(indent, name+" "+inline(v))
		return
	}
	if row, ok := w.oneLine(v, at); ok && indent+len(name)+len(row) < 100 {
		w.line(indent, name+" "+row)
		return
	}
	w.line(indent, name)
	w.below(indent+2, v, at)
}

// oneLine is a list of texts in brackets. What has a note on an item needs a line for
// each.
func (w *writer) oneLine(v reflect.Value, at spot) (string, bool) {
	if v.Kind() != reflect.Slice || v.Type().Elem().Kind() != reflect.String {
		return "", false
	}
	items := make([]string, v.Len())
	for i := range items {
		if _, noted := w.notes[at.item(i).path]; noted {
			return "", false
		}
		items[i] = inline(v.Index(i))
	}
	return "[" + strings.Join(items, ", ") + "]", true
}

// below writes the lines of a value that has its own.
func (w *writer) below(indent int, v reflect.Value, at spot) {
	switch v.Kind() {
	case reflect.Struct:
		for _, k := range keysOf(v.Type()) {
			if field := v.Field(k.index); k.required || !empty(field) {
				w.key(indent, k.name, field, at.key(k.name))
			}
		}
	case reflect.Map:
		texts := v.Interface().(map[string]string)
		for _, name := range slices.Sorted(maps.Keys(texts)) {
			w.key(indent, name, reflect.ValueOf(texts[name]), at.entry(name))
		}
	case reflect.Slice:
		for i := range v.Len() {
			w.comment(indent, w.notes[at.item(i).path])
			w.dash = true
			if item := v.Index(i); nested(item) {
				w.below(indent+2, item, at.item(i))
			} else {
				w.line(indent+2, inline(item))
			}
		}
	}
}

// nested says that a value may need lines of its own.
func nested(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Struct, reflect.Map, reflect.Slice:
		return true
	}
	return false
}

// empty says that nothing would be written of a value.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Map, reflect.Slice:
		return v.Len() == 0
	case reflect.Struct:
		for i := range v.NumField() {
			if !empty(v.Field(i)) {
				return false
			}
		}
		return true
	}
	return v.IsZero()
}

// inline is a text, a number, or true or false.
func inline(v reflect.Value) string {
	if v.Kind() == reflect.String {
		return quoted(v.String())
	}
	return fmt.Sprint(v.Interface())
}

// unquoted is what no reader of YAML, old or new, in brackets or not, takes for
// anything but a text, apart from the words that bareWords has.
var (
	unquoted  = regexp.MustCompile(`^[A-Za-z/]([0-9A-Za-z._/@=+*:-]*[0-9A-Za-z._/@=+*-])?$`)
	bareWords = regexp.MustCompile(`^(?i:y|n|yes|no|on|off|true|false|null)$`)
)

// quoted is a text as YAML, in quotes where it needs them.
func quoted(s string) string {
	if unquoted.MatchString(s) && !bareWords.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}
