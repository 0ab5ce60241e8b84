package node

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// assignment is where a file of environment, as units name it (systemd.exec(5),
// EnvironmentFile=), assigns a variable.
type assignment struct {
	name, value string
	line, next  int  // where its line begins, and the next one
	start, end  int  // of the text of its value, with quotes, without white space around it
	quoted      bool // the text ends in a quote that closes
	broken      bool // the file ends within quotes, or behind a backslash
}

// readEnvironment is what a file of environment says.
func readEnvironment(text string) map[string]string {
	env := map[string]string{}
	for _, a := range assignments(text) {
		env[a.name] = a.value
	}
	return env
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
// arguments are theirs. The arguments have no white space and no quotes.
func withArguments(text, name string, args []string) (string, error) {
	a, ok := lastOf(text, name)
	have := words(a.value)
	var lack []string
	for _, arg := range args {
		if !slices.Contains(have, arg) {
			lack = append(lack, arg)
		}
	}
	if len(lack) == 0 {
		return text, nil
	}
	if a.broken {
		return "", fmt.Errorf("the value of %s does not end: its quotes do not close, or a backslash is the last of the file", name)
	}
	added := strings.Join(lack, " ")
	var out string
	switch {
	case !ok:
		out = lineBehind(text) + name + `="` + added + "\"\n"
	case a.start == a.end:
		out = text[:a.end] + `"` + added + `"` + text[a.end:]
	default:
		at := a.end
		if a.quoted {
			at--
		}
		if a.value != "" {
			added = " " + added
		}
		out = text[:at] + added + text[at:]
	}
	if !says(out, text, name, slices.Concat(have, lack)) {
		return "", fmt.Errorf("nothing can be put behind the value of %s that systemd would take for arguments", name)
	}
	return out, nil
}

// lineBehind is the text with its last line ended. A systemd before 254 takes a comment
// that ends in a backslash to go on in the next line.
func lineBehind(text string) string {
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	if strings.HasSuffix(text, "\\\n") {
		text += "\n"
	}
	return text
}

// says is whether a file of environment says the same as another one, but for a
// variable, whose value are these arguments.
func says(text, other, name string, args []string) bool {
	got, want := readEnvironment(text), readEnvironment(other)
	if !slices.Equal(words(got[name]), args) {
		return false
	}
	delete(got, name)
	delete(want, name)
	return maps.Equal(got, want)
}

// withoutArguments is a file of environment without these arguments of the variable. A
// line that has nothing left, and is none of before's, goes.
func withoutArguments(text, name string, args []string, before string) (string, error) {
	a, ok := lastOf(text, name)
	if !ok {
		return text, nil
	}
	value := text[a.start:a.end]
	for _, arg := range args {
		value = withoutWord(value, arg)
	}
	out := text[:a.start] + value + text[a.end:]
	left := slices.DeleteFunc(words(a.value), func(word string) bool { return slices.Contains(args, word) })
	if _, had := lastOf(before, name); !had && len(left) == 0 {
		out = text[:a.line] + text[a.next:]
	}
	if !says(out, text, name, left) {
		return "", fmt.Errorf("the arguments cannot be taken out of the value of %s without changing others", name)
	}
	return out, nil
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
		value, from = value[:start]+value[end:], start
	}
}

// edge says whether a word may begin or end beside the byte at i.
func edge(value string, i int) bool {
	return i < 0 || i >= len(value) || strings.IndexByte(" \t\r\n\"'\\", value[i]) >= 0
}
