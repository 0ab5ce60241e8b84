package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// A spot is where in a File a value goes: by its path, as people are told it, and by
// its place in the format, as forms are found by it.
//
//	path  nodes[0].instances.tag.Name
//	slot  nodes[].instances.tag{}
type spot struct{ path, slot string }

func (s spot) key(name string) spot {
	dot := "."
	if s.path == "" {
		dot = "" // at the top
	}
	return spot{s.path + step(dot, name), s.slot + dot + name}
}

func (s spot) item(i int) spot {
	return spot{s.path + "[" + strconv.Itoa(i) + "]", s.slot + "[]"}
}

func (s spot) entry(name string) spot {
	return spot{s.path + step(".", name), s.slot + "{}"}
}

var plainStep = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

// step is how a path goes on to a key; keys with dots and other signs stand in brackets.
func step(dot, name string) string {
	if plainStep.MatchString(name) {
		return dot + name
	}
	return "[" + strconv.Quote(clip(name)) + "]"
}

// decode puts n into v, which is of a type of a File.
func (r *reader) decode(n ast.Node, v reflect.Value, at spot) {
	r.places[at.path] = placeOf(n)
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		r.decode(n, v.Elem(), at)
	case reflect.Struct:
		if m, ok := n.(*ast.MappingNode); ok {
			r.keys(m, v, at)
			return
		}
		r.mistaken(n, v.Type(), at)
	case reflect.Slice:
		if s, ok := n.(*ast.SequenceNode); ok {
			r.items(s, v, at)
			return
		}
		r.mistaken(n, v.Type(), at)
	case reflect.Map:
		if m, ok := n.(*ast.MappingNode); ok {
			r.entries(m, v, at)
			return
		}
		r.mistaken(n, v.Type(), at)
	default:
		r.scalar(n, v, at)
	}
}

// A key is one field of a struct as the file names it.
type key struct {
	name     string
	index    int
	required bool
}

// keysOf are the keys of a struct type, in the order of its fields.
func keysOf(t reflect.Type) []key {
	var all []key
	for i := range t.NumField() {
		name, option, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		all = append(all, key{name, i, option != "omitempty"})
	}
	return all
}

// keys reads a mapping into a struct.
func (r *reader) keys(m *ast.MappingNode, v reflect.Value, at spot) {
	known := keysOf(v.Type())
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = k.name
	}
	meant := map[string]bool{} // also by what is misspelt: that is not missing too
	unknown := 0
	for _, entry := range m.Values {
		if unknown == mostFaults {
			break
		}
		if near, ok := nearest(keyOf(entry.Key), names); ok {
			meant[near] = true
		} else {
			unknown++
		}
	}
	for _, k := range known {
		if k.required && !meant[k.name] && unknown < mostFaults {
			r.fault(placeOf(m), at.key(k.name).path, "is missing")
		}
	}
	first := map[string]place{}
	for _, entry := range m.Values {
		name, ok := r.once(entry, first, at)
		if !ok {
			continue
		}
		i := 0
		for i < len(known) && known[i].name != name {
			i++
		}
		if i == len(known) {
			r.unknown(placeOf(entry.Key), name, names, at)
			continue
		}
		r.decode(entry.Value, v.Field(known[i].index), at.key(name))
	}
}

// once is the name of an entry, if it is the first of its name and well laid out.
func (r *reader) once(entry *ast.MappingValueNode, first map[string]place, at spot) (string, bool) {
	name, here := keyOf(entry.Key), placeOf(entry.Key)
	if placeOfToken(entry.Start).line != here.line {
		r.fault(here, at.key(name).path, "want the colon on the line of its key")
		return "", false
	}
	if earlier, ok := first[name]; ok {
		r.fault(here, at.key(name).path, "is given twice, first in line %d", earlier.line)
		return "", false
	}
	first[name] = here
	value := placeOf(entry.Value)
	if list, ok := entry.Value.(*ast.SequenceNode); (!ok || list.IsFlowStyle) && value.line > here.line && value.column <= here.column {
		r.fault(value, at.key(name).path, "this is not indented more than its key")
		return "", false
	}
	return name, true
}

func (r *reader) unknown(here place, name string, names []string, at spot) {
	if len(r.faults) == mostFaults {
		r.more++
		return
	}
	path := at.key(name).path
	if near, ok := nearest(name, names); ok {
		r.fault(here, path, "unknown key; did you mean %q?", near)
		return
	}
	r.fault(here, path, "unknown key; known here: %s", strings.Join(names, ", "))
}

// items reads a list. An empty one is refused: where no list means all, an empty one
// would be read as none.
func (r *reader) items(s *ast.SequenceNode, v reflect.Value, at spot) {
	if len(s.Values) == 0 {
		r.fault(placeOf(s), at.path, "an empty list: take the key out, or name something")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values)))
	first := map[string]place{}
	for i, n := range s.Values {
		here := placeOf(n)
		if !s.IsFlowStyle && here.column <= placeOfToken(s.Start).column {
			r.fault(here, at.item(i).path, "nothing after the dash, and this is not indented")
			continue
		}
		r.decode(n, v.Index(i), at.item(i))
		if text := v.Index(i); text.Kind() == reflect.String && text.String() != "" {
			if earlier, ok := first[text.String()]; ok {
				r.fault(here, at.item(i).path, "%q is there twice, first in line %d", text.String(), earlier.line)
				continue
			}
			first[text.String()] = here
		}
	}
}

// entries reads a mapping whose keys are the file's own. An empty one is refused like
// an empty list.
func (r *reader) entries(m *ast.MappingNode, v reflect.Value, at spot) {
	if len(m.Values) == 0 {
		r.fault(placeOf(m), at.path, "an empty mapping: take the key out, or name something")
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	first := map[string]place{}
	for _, entry := range m.Values {
		name, ok := r.once(entry, first, at)
		if !ok {
			continue
		}
		if problem := formOf(at.slot+"{key}", nil).problem(name); problem != "" {
			r.fault(placeOf(entry.Key), at.entry(name).path, "%s", problem)
			continue
		}
		text := reflect.New(v.Type().Elem()).Elem()
		r.decode(entry.Value, text, at.entry(name))
		v.SetMapIndex(reflect.ValueOf(name), text)
	}
}

// scalar reads a text, a number or true or false.
func (r *reader) scalar(n ast.Node, v reflect.Value, at spot) {
	s := scalarOf(n)
	switch {
	case v.Kind() == reflect.Bool && s.kind == aBool:
		v.SetBool(strings.EqualFold(s.text, "true"))
	case v.Kind() == reflect.Int && s.kind == aNumber:
		v.SetInt(1) // the version is the only number, and knows has seen it
	case v.Kind() == reflect.String && s.kind == aText:
		if problem := formOf(at.slot, v.Type()).problem(s.text); problem != "" {
			r.fault(placeOf(n), at.path, "%s", problem)
			return
		}
		v.SetString(s.text)
	default:
		r.mistaken(n, v.Type(), at)
	}
}

// mistaken tells of a value of another type than t.
func (r *reader) mistaken(n ast.Node, t reflect.Type, at spot) {
	here, got := placeOf(n), scalarOf(n)
	want := wanted(t)
	switch {
	case got.kind == nothing:
		r.fault(here, at.path, "want %s, got nothing: fill it in, or take the key out", want)
	case got.kind == aNumber && strings.HasSuffix(at.slot, "account"):
		r.fault(here, at.path, "%s", accountAsNumber(got.text))
	case got.kind == aList && at.slot == "cluster":
		r.fault(here, at.path, "want %s, got a list: a file describes one cluster", want)
	case t.Kind() == reflect.String && (got.kind == aNumber || got.kind == aBool):
		r.fault(here, at.path, "want a string, got %s: write it in quotes, %q", got.kind, got.text)
	case t.Kind() == reflect.Int && got.kind == aText && likeNumber.MatchString(got.text):
		r.fault(here, at.path, "want a number, got a string: write it without quotes, %s", got.text)
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.String && got.kind == aText:
		r.fault(here, at.path, "want %s, got a string: write it in brackets, [%s]", want, got.text)
	default:
		r.fault(here, at.path, "want %s, got %s", want, got.kind)
	}
}

// wanted is what a value of type t is called.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return aBool
	case reflect.Int:
		return aNumber
	case reflect.String:
		return aText
	case reflect.Slice:
		return aList + " of " + strings.TrimPrefix(wanted(t.Elem()), "a ") + "s"
	}
	return aMapping
}

// accountAsNumber is what is wrong with an account that stands there without quotes.
func accountAsNumber(text string) string {
	const digits = 12
	if !likeDigits.MatchString(text) || len(text) > digits || len(text) < digits-3 {
		return fmt.Sprintf("want an account number, 12 digits in quotes, got the number %s", clip(text))
	}
	if len(text) < digits {
		return fmt.Sprintf("%s is a number of %d digits, and an account has 12: if zeros in front were lost, write \"%0*s\", in quotes",
			text, len(text), digits, text)
	}
	return fmt.Sprintf("%s is a number without quotes, which loses its zeros in front: write \"%s\"", text, text)
}

var likeDigits = regexp.MustCompile(`^[0-9]+$`)
