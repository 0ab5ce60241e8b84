package account

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// hcl writes Terraform's language in the layout of terraform fmt: neighbouring
// attributes of one line each have their equals signs in one column.
type hcl struct{ lines []hclLine }

type hclLine struct {
	depth int
	name  string // of an attribute that begins here, or ""
	text  string
	open  bool // the attribute goes on in the next line
}

// calling is an argument in a call of one of Terraform's functions.
type calling struct {
	function string
	argument any
}

func (h *hcl) line(depth int, text string) {
	h.lines = append(h.lines, hclLine{depth: depth, text: text})
}

// set writes an attribute.
func (h *hcl) set(depth int, name string, value any) { h.value(depth, name, "", value, "") }

// value writes a value between before and after, as an attribute or as an element.
func (h *hcl) value(depth int, name, before string, value any, after string) {
	brackets, inner := "", func() {}
	switch v := value.(type) {
	case calling:
		h.value(depth, name, before+v.function+"(", v.argument, ")"+after)
		return
	case []any:
		if len(v) == 0 || len(v) == 1 && simple(v[0]) {
			break
		}
		brackets = "[]"
		inner = func() {
			for _, element := range v {
				h.value(depth+1, "", "", element, ",")
			}
		}
	case object:
		if len(v) == 0 {
			break
		}
		brackets = "{}"
		inner = func() {
			for _, m := range v {
				h.set(depth+1, hclKey(m.name), m.value)
			}
		}
	}
	if brackets == "" {
		h.lines = append(h.lines, hclLine{depth: depth, name: name, text: before + hclSimple(value) + after})
		return
	}
	h.lines = append(h.lines, hclLine{depth: depth, name: name, text: before + brackets[:1], open: true})
	inner()
	h.line(depth, brackets[1:]+after)
}

// simple says whether a value stands on one line.
func simple(value any) bool {
	switch value.(type) {
	case object, []any, calling:
		return false
	}
	return true
}

func hclSimple(value any) string {
	switch v := value.(type) {
	case verbatim:
		return string(v)
	case string:
		return hclQuoted(v)
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case []any:
		if len(v) == 1 {
			return "[" + hclSimple(v[0]) + "]"
		}
		return "[]"
	case object:
		return "{}"
	}
	return "null"
}

// hclQuoted is a text in quotes, in which neither an interpolation nor a directive
// begins.
func hclQuoted(text string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(doubleQuoted(text))
}

var hclWord = regexp.MustCompile(`^[A-Z][A-Za-z]*$`)

// hclKey is the key of an object. An element of a policy stands there as a word;
// others are quoted, for some are words that mean something in HCL.
func hclKey(name string) string {
	if hclWord.MatchString(name) {
		return name
	}
	return hclQuoted(name)
}

// String is all that has been written.
func (h *hcl) String() string {
	var b strings.Builder
	for i := 0; i < len(h.lines); {
		to := i
		widest := 0
		for to < len(h.lines) && h.lines[to].name != "" && !h.lines[to].open {
			widest = max(widest, utf8.RuneCountInString(h.lines[to].name))
			to++
		}
		for _, l := range h.lines[i:max(to, i+1)] {
			l.write(&b, widest)
		}
		i = max(to, i+1)
	}
	return b.String()
}

func (l hclLine) write(b *strings.Builder, width int) {
	if l.text != "" {
		b.WriteString(strings.Repeat("  ", l.depth))
	}
	if l.name != "" {
		b.WriteString(l.name + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(l.name))) + " = ")
	}
	b.WriteString(l.text + "\n")
}
