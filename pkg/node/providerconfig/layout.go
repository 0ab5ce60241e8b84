package providerconfig

import (
	"errors"
	"regexp"
	"strings"
)

// A layout is where the providers stand in a text.
//
// It is found by the little that has to be known of YAML for that: indentation, dashes,
// brackets and quotes. A text that means something else by them (a value over several
// lines with dashes in its first column) gives a wrong layout, so what is made by one is
// always read again and compared; see splice.
type layout struct {
	// items are the providers, in order. In block style each is whole lines, from the
	// indentation of its dash to its last line's end, without the newline and with the
	// comments below it that are indented deeper than the dash.
	items []span
	// flow says that the list is in brackets, as in JSON.
	flow bool
	// indent stands in front of dashes.
	indent string
}

// A span is text[from:to].
type span struct{ from, to int }

// errLayout is the error about texts in which the providers are not found.
var errLayout = errors.New("its list of providers is not in a place where it can be told apart safely")

// providersKey is how a line, or a member in brackets, begins that holds the providers.
var providersKey = regexp.MustCompile(`^(?:"providers"|'providers'|providers)[ \t]*:(?:[ \t\r\n]+|$|\[)`)

// layoutOf finds the providers in text.
func layoutOf(text string) (layout, error) {
	lines := linesOf(text)
	base := -1 // the indentation of the top-level keys
	for n, l := range lines {
		if l.empty {
			continue
		}
		body := text[l.start:l.end]
		if base < 0 {
			if body[0] == '{' {
				return layoutInBraces(text, l.start)
			}
			base = l.indent
		}
		if l.indent != base || !providersKey.MatchString(body) {
			continue
		}
		rest := l.start + strings.IndexByte(body, ':') + 1
		rest += len(text[rest:l.end]) - len(strings.TrimLeft(text[rest:l.end], " \t"))
		switch {
		case rest == l.end || text[rest] == '#':
			return layoutBelow(text, lines[n+1:], base)
		case text[rest] == '[':
			return layoutInBrackets(text, rest)
		}
		return layout{}, errLayout
	}
	return layout{}, errLayout
}

// layoutInBraces finds the providers of a text that is one mapping in braces.
func layoutInBraces(text string, at int) (layout, error) {
	members, ok := flowItems(text, at)
	if !ok {
		return layout{}, errLayout
	}
	for _, m := range members {
		member := text[m.from:m.to]
		if key := providersKey.FindString(member); key != "" {
			list := m.from + strings.IndexByte(key, ':') + 1
			list += len(text[list:m.to]) - len(strings.TrimLeft(text[list:m.to], " \t\r\n"))
			return layoutInBrackets(text, list)
		}
	}
	return layout{}, errLayout
}

// layoutInBrackets is that of a list that begins at a bracket.
func layoutInBrackets(text string, at int) (layout, error) {
	if at >= len(text) || text[at] != '[' {
		return layout{}, errLayout
	}
	items, ok := flowItems(text, at)
	if !ok {
		return layout{}, errLayout
	}
	return layout{items: items, flow: true}, nil
}

// layoutBelow is that of a list in the lines below its key, whose indentation is base.
func layoutBelow(text string, lines []line, base int) (layout, error) {
	found := layout{}
	dash := -1 // the column of the dashes
	for _, l := range lines {
		body := text[l.start:l.end]
		switch {
		case l.marker:
			return found, found.err()
		case l.comment && dash >= 0 && l.indent > dash:
			found.items[len(found.items)-1].to = l.end
		case l.empty:
		case dash < 0 && body[0] == '[':
			return layoutInBrackets(text, l.start)
		case dash < 0 && l.indent < base, dash >= 0 && l.indent < dash:
			return found, found.err()
		case (dash < 0 || l.indent == dash) && isDash(body):
			dash = l.indent
			found.indent = strings.Repeat(" ", dash)
			found.items = append(found.items, span{l.start - l.indent, l.end})
		case dash < 0, l.indent == dash: // the next key
			return found, found.err()
		default:
			found.items[len(found.items)-1].to = l.end
		}
	}
	return found, found.err()
}

func (l layout) err() error {
	if len(l.items) == 0 {
		return errLayout
	}
	return nil
}

func isDash(body string) bool { return body == "-" || strings.HasPrefix(body, "- ") }

// A line is text[start:end] without what it is indented by and without its line break.
type line struct {
	start, end, indent     int
	empty, comment, marker bool // empty: nothing of the document is in it
}

// linesOf takes text apart. What stands behind a document's marker is a line too.
func linesOf(text string) []line {
	var all []line
	at := 0
	for full := range strings.Lines(text) {
		body := strings.TrimRight(full, "\r\n")
		l := line{start: at, end: at + len(body)}
		at += len(full)
		if l.start == 0 {
			l.start += len(body) - len(strings.TrimPrefix(body, "\ufeff"))
		}
		rest, isMarker := marker(full)
		if isMarker {
			l.marker, l.empty = true, true
			all = append(all, l)
			l.marker, l.empty, l.start = false, false, l.end-len(strings.TrimRight(rest, "\r\n"))
		}
		body = text[l.start:l.end]
		l.indent = len(body) - len(strings.TrimLeft(body, " "))
		l.start += l.indent
		body = strings.TrimSpace(body)
		l.comment = strings.HasPrefix(body, "#")
		l.empty = body == "" || l.comment || body[0] == '%' && l.indent == 0
		all = append(all, l)
	}
	return all
}

// flowItems are what the commas part in the brackets or braces that open at text[at],
// without the spaces and comments around, and whether they close again.
func flowItems(text string, at int) ([]span, bool) {
	var items []span
	item := span{-1, -1}
	depth := 0
	last := byte(0) // the last that is neither space nor comment
	for i := at + 1; i < len(text); i++ {
		c := text[i]
		begin := i
		switch {
		case strings.IndexByte(" \t\r\n", c) >= 0:
			continue
		case c == '#' && strings.IndexByte(" \t\r\n", text[i-1]) >= 0:
			end := strings.IndexByte(text[i:], '\n')
			if end < 0 {
				return nil, false
			}
			i += end
			continue
		case (c == '"' || c == '\'') && (last == 0 || strings.IndexByte("[{,:", last) >= 0):
			end := quoted(text[i:])
			if end < 0 {
				return nil, false
			}
			i += end - 1
		case c == '[' || c == '{':
			depth++
		case (c == ']' || c == '}') && depth > 0:
			depth--
		case (c == ']' || c == '}' || c == ',') && depth == 0:
			if item.from >= 0 {
				items = append(items, item)
			}
			item = span{-1, -1}
			if c != ',' {
				return items, true
			}
			last = c
			continue
		}
		last = c
		if item.from < 0 {
			item.from = begin
		}
		item.to = i + 1
	}
	return nil, false
}

// quoted is the length of the text in quotes that s begins with, -1 if they do not close.
func quoted(s string) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[0] == '"' && s[i] == '\\':
			i++
		case s[0] == '\'' && strings.HasPrefix(s[i:], "''"):
			i++
		case s[i] == s[0]:
			return i + 1
		}
	}
	return -1
}
