package node

import "strings"

// reader takes a file of environment apart as systemd does, state for state (systemd,
// src/basic/env-file.c, parse_env_file_internal): quotes count only at the beginning of
// a value and behind other quotes, lines go on behind a backslash and within quotes, and
// white space around names and values is none of them.
type reader struct {
	text  string
	state state
	now   assignment
	value []byte
	white int // where white space begins at the end of a value without quotes, -1 if it does not
	all   []assignment
}

type state int

const (
	beforeName state = iota
	inName
	beforeValue // and behind quotes
	inValue     // without quotes, or behind them
	inSingle
	inDouble
	escaped // by a backslash in a value
	escapedInDouble
	inComment
	escapedInComment
)

// assignments are those of a file, in order.
func assignments(text string) []assignment {
	r := reader{text: text}
	for i := range len(text) {
		switch r.state {
		case beforeName, inName:
			r.name(i)
		case beforeValue, inValue, escaped:
			r.bare(i)
		case inSingle, inDouble, escapedInDouble:
			r.inQuotes(i)
		case inComment:
			r.comment(i)
		case escapedInComment: // a comment does not go on in the next line, since systemd 254
			r.state = inComment
			if isNewline(text[i]) {
				r.state = beforeName
			}
		}
	}
	switch r.state {
	case escaped, inSingle, inDouble, escapedInDouble:
		r.now.broken = true
		r.now.end = len(text)
		r.assign(len(text))
	case beforeValue, inValue:
		r.assign(len(text))
	}
	return r.all
}

func (r *reader) comment(i int) {
	switch c := r.text[i]; {
	case c == '\\':
		r.state = escapedInComment
	case isNewline(c):
		r.state = beforeName
	}
}

func (r *reader) name(i int) {
	c := r.text[i]
	switch {
	case r.state == beforeName && (c == '#' || c == ';'):
		r.state = inComment
	case r.state == beforeName && isWhite(c):
	case r.state == beforeName:
		line := strings.LastIndexAny(r.text[:i], "\r\n") + 1
		r.now, r.value, r.white = assignment{line: line, start: i}, nil, -1
		r.state = inName
		r.name(i)
	case isNewline(c):
		r.state = beforeName
	case c == '=':
		r.now.name = strings.TrimRight(r.text[r.now.start:i], " \t")
		r.now.start, r.now.end = i+1, i+1
		r.state = beforeValue
	}
}

// bare reads outside of quotes.
func (r *reader) bare(i int) {
	c := r.text[i]
	switch {
	case r.state == escaped:
		r.state = inValue
		r.now.end = i + 1
		if !isNewline(c) {
			r.value = append(r.value, c)
		}
	case isNewline(c):
		r.assign(i + 1)
	case c == '\\':
		r.begin(i)
		r.state, r.white, r.now.quoted = escaped, -1, false
	case r.state == beforeValue && isWhite(c):
	case r.state == beforeValue && (c == '\'' || c == '"'):
		r.begin(i)
		if r.state = inSingle; c == '"' {
			r.state = inDouble
		}
	default:
		r.begin(i)
		r.state, r.now.quoted = inValue, false
		if !isWhite(c) {
			r.white, r.now.end = -1, i+1
		} else if r.white < 0 {
			r.white = len(r.value)
		}
		r.value = append(r.value, c)
	}
}

// begin notes where the text of a value begins.
func (r *reader) begin(i int) {
	if r.now.start == r.now.end {
		r.now.start, r.now.end = i, i+1
	}
}

func (r *reader) inQuotes(i int) {
	c := r.text[i]
	switch {
	case r.state == escapedInDouble:
		r.state = inDouble
		if strings.IndexByte("\"\\`$", c) >= 0 {
			r.value = append(r.value, c)
		} else if c != '\n' {
			r.value = append(r.value, '\\', c)
		}
	case r.state == inSingle && c == '\'', r.state == inDouble && c == '"':
		r.state = beforeValue
		r.now.quoted, r.now.end = true, i+1
	case r.state == inDouble && c == '\\':
		r.state = escapedInDouble
	default:
		r.value = append(r.value, c)
	}
}

// assign ends an assignment; the next line begins at i. systemd drops what has no
// proper name.
func (r *reader) assign(i int) {
	if r.state == inValue && r.white >= 0 {
		r.value = r.value[:r.white]
	}
	if strings.HasPrefix(r.text[i:], "\n") && strings.HasSuffix(r.text[:i], "\r") {
		i++
	}
	r.now.value, r.now.next = string(r.value), i
	if isName(r.now.name) {
		r.all = append(r.all, r.now)
	}
	r.state = beforeName
}

func isNewline(c byte) bool { return c == '\n' || c == '\r' }

func isWhite(c byte) bool { return c == ' ' || c == '\t' || isNewline(c) }

func isName(s string) bool {
	for i, c := range []byte(s) {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
