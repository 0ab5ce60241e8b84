package node

import (
	"fmt"
	"slices"
	"strings"
)

// A file of environment, as units name it (systemd.exec(5), EnvironmentFile=): lines
// NAME=VALUE, of which the last of a name counts, quotes around the value or parts of
// it, comments behind # or ;, and a backslash that joins a line with the next.

// assignment is where the text of a file of environment assigns a variable: the bytes
// of its value, with its quotes.
type assignment struct {
	name       string
	start, end int // of the value
	line       int // where its line begins
}

// assignments are those of a file, in order.
func assignments(text string) []assignment {
	var all []assignment
	for at := 0; at < len(text); {
		end := lineEnd(text, at)
		for end < len(text) && joined(text[at:end]) {
			end = lineEnd(text, end+1)
		}
		line := text[at:end]
		trimmed := strings.TrimLeft(line, " \t")
		name, value, ok := strings.Cut(trimmed, "=")
		if ok && trimmed[0] != '#' && trimmed[0] != ';' && isName(name) {
			start := at + len(line) - len(value)
			all = append(all, assignment{name: name, start: start, end: start + len(strings.TrimRight(value, " \t\r\n")), line: at})
		}
		at = end + 1
	}
	return all
}

func lineEnd(text string, from int) int {
	if from >= len(text) {
		return len(text)
	}
	if i := strings.IndexByte(text[from:], '\n'); i >= 0 {
		return from + i
	}
	return len(text)
}

// joined says whether a line goes on in the next: comments do not.
func joined(line string) bool {
	last := line[strings.LastIndexByte(line, '\n')+1:]
	trimmed := strings.TrimLeft(line, " \t")
	return strings.HasSuffix(last, `\`) && trimmed[0] != '#' && trimmed[0] != ';'
}

func isName(s string) bool {
	for i, c := range []byte(s) {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// readEnvironment is what a file of environment says.
func readEnvironment(text string) map[string]string {
	env := map[string]string{}
	for _, a := range assignments(text) {
		env[a.name] = unquote(text[a.start:a.end])
	}
	return env
}

// unquote is a value without its quotes and joined lines.
func unquote(value string) string {
	var (
		out   strings.Builder
		quote byte
	)
	value = strings.TrimLeft(value, " \t")
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case c == '\\' && quote != '\'' && i+1 < len(value):
			if i++; value[i] != '\n' {
				out.WriteByte(value[i])
			}
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}

// lastOf is the assignment of name that counts.
func lastOf(text, name string) (assignment, bool) {
	for _, a := range slices.Backward(assignments(text)) {
		if a.name == name {
			return a, true
		}
	}
	return assignment{}, false
}

// withArguments is a file of environment in which the variable, whose value are
// arguments, has these at its end. All else stays as it is, byte for byte: the users'
// arguments are theirs.
func withArguments(text, name string, args []string) (string, error) {
	a, ok := lastOf(text, name)
	if !ok {
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		return text + name + `="` + strings.Join(args, " ") + "\"\n", nil
	}
	value := text[a.start:a.end]
	have := strings.Fields(unquote(value))
	var lack []string
	for _, arg := range args {
		if !slices.Contains(have, arg) {
			lack = append(lack, arg)
		}
	}
	if len(lack) == 0 {
		return text, nil
	}
	at := a.end
	switch closing := lastQuote(value); {
	case closing < 0:
		return "", fmt.Errorf("the quotes around the value of %s do not close", name)
	case closing == len(value)-1 && value != "":
		at = a.start + closing
	}
	added := strings.Join(lack, " ")
	if len(have) > 0 && !strings.HasSuffix(text[:at], " ") {
		added = " " + added
	}
	if strings.TrimSpace(value) == "" {
		added = `"` + added + `"`
	}
	return text[:at] + added + text[at:], nil
}

// lastQuote is where the last quote of a value closes, len(value) if it has none, and
// -1 if one does not close.
func lastQuote(value string) int {
	var quote byte
	last := len(value)
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case c == '\\' && quote != '\'':
			i++
		case quote != 0 && c == quote:
			quote, last = 0, i
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		}
	}
	if quote != 0 {
		return -1
	}
	return last
}

// withoutArguments is a file of environment without these arguments of the variable. A
// line that has nothing left, and is none of before's, goes.
func withoutArguments(text, name string, args []string, before string) string {
	a, ok := lastOf(text, name)
	if !ok {
		return text
	}
	value := text[a.start:a.end]
	for _, arg := range args {
		value = withoutWord(value, arg)
	}
	if _, had := lastOf(before, name); !had && strings.TrimSpace(unquote(value)) == "" {
		return text[:a.line] + text[min(lineEnd(text, a.end)+1, len(text)):]
	}
	return text[:a.start] + value + text[a.end:]
}

// withoutWord takes a word and the space before it out of a value.
func withoutWord(value, word string) string {
	for from := 0; ; {
		i := strings.Index(value[from:], word)
		if i < 0 {
			return value
		}
		start, end := from+i, from+i+len(word)
		if !edge(value, start-1) || !edge(value, end) {
			from = end
			continue
		}
		switch {
		case start > 0 && value[start-1] == ' ':
			start--
		case end < len(value) && value[end] == ' ':
			end++
		}
		return value[:start] + value[end:]
	}
}

// edge says whether a word may begin or end beside the byte at i.
func edge(value string, i int) bool {
	return i < 0 || i >= len(value) || strings.IndexByte(" \t\n\"'\\", value[i]) >= 0
}
