package fakeaws

import (
	"bytes"
	"encoding/xml"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A form is the parameters of a call in one of the query protocols, or those of a
// structure inside it: lists are NAME.1, NAME.2, their structures NAME.1.FIELD
// (NAME.member.1 in Auto Scaling's).
type form struct {
	values url.Values
	parts  map[string]bool // the beginnings, up to a dot, of all names
	prefix string
}

func newForm(values url.Values) form {
	f := form{values: values, parts: map[string]bool{}}
	for name := range values {
		f.parts[name] = true
		for i, r := range name {
			if r == '.' {
				f.parts[name[:i]] = true
			}
		}
	}
	return f
}

func (f form) get(name string) string { return f.values.Get(f.prefix + name) }

// has tells a parameter that is given, though it may be empty, from one that is not.
func (f form) has(name string) bool { return f.parts[f.prefix+name] }

func (f form) isTrue(name string) bool { return f.get(name) == "true" }

// at is the structure of that name.
func (f form) at(name string) form {
	f.prefix += name + "."
	return f
}

func (f form) list(name string) []string {
	var all []string
	for i := 1; f.has(name + "." + strconv.Itoa(i)); i++ {
		all = append(all, f.get(name+"."+strconv.Itoa(i)))
	}
	return all
}

func (f form) structures(name string) []form {
	var all []form
	for i := 1; f.has(name + "." + strconv.Itoa(i)); i++ {
		all = append(all, f.at(name+"."+strconv.Itoa(i)))
	}
	return all
}

// String tells calls apart: what was asked for, without what every call has and
// what differs when it is repeated.
func (f form) String() string {
	var all []string
	for name, values := range f.values {
		switch name {
		case "Action", "Version", "ClientToken":
			continue
		}
		all = append(all, name+"="+values[0])
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// A document is the XML of an answer. It is written out as it comes: encoding/xml
// takes ten times as long for the instances of a large account.
type document struct{ bytes.Buffer }

func (d *document) open(name string) {
	d.WriteByte('<')
	d.WriteString(name)
	d.WriteByte('>')
}

func (d *document) close(name string) {
	d.WriteString("</")
	d.WriteString(name)
	d.WriteByte('>')
}

func (d *document) element(name string, content func()) {
	d.open(name)
	content()
	d.close(name)
}

func (d *document) text(name, value string) {
	d.open(name)
	if isPlain(value) {
		d.WriteString(value)
	} else {
		xml.EscapeText(&d.Buffer, []byte(value))
	}
	d.close(name)
}

// isPlain is whether a text needs no escaping in XML.
func isPlain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; c {
		case '<', '>', '&', '\'', '"':
			return false
		default:
			if c < ' ' || c > '~' {
				return false
			}
		}
	}
	return true
}

// given writes nothing for what is not there.
func (d *document) given(name, value string) {
	if value != "" {
		d.text(name, value)
	}
}

func (d *document) number(name string, value int) { d.text(name, strconv.Itoa(value)) }

func (d *document) truth(name string, value bool) { d.text(name, strconv.FormatBool(value)) }

func (d *document) time(name string, value time.Time) {
	d.text(name, value.UTC().Format("2006-01-02T15:04:05.000Z"))
}

// each writes a list: an element called name with one called item for each of all.
func each[T any](d *document, name, item string, all []T, content func(T)) {
	d.element(name, func() {
		for _, v := range all {
			d.element(item, func() { content(v) })
		}
	})
}

// texts writes a list of strings.
func (d *document) texts(name, item string, all []string) {
	d.element(name, func() {
		for _, v := range all {
			d.text(item, v)
		}
	})
}
