package providerconfig

import (
	"encoding/json"
	"strings"

	kubeletv1 "k8s.io/kubelet/config/v1"
)

// put writes the entry in the place of the i-th provider, or behind the last if i is
// below 0: text, a line a row, in block style; in brackets said, as JSON, which is YAML
// there too.
func (l layout) put(config string, i int, text string, said any) (string, error) {
	at := span{l.items[len(l.items)-1].to, l.items[len(l.items)-1].to}
	if i >= 0 {
		at = l.with(config, i)
	}
	var between, entry string
	switch {
	case l.flow:
		like := i
		if i < 0 {
			like = len(l.items) - 1
			between = l.comma(config)
		}
		var err error
		if entry, err = asJSON(said, config, l.items[like]); err != nil {
			return "", err
		}
	default:
		entry = indented(text, l.indent)
		if i < 0 {
			between = "\n"
		}
	}
	entry = strings.ReplaceAll(between+entry, "\n", newlineAt(config, at.to))
	return config[:at.from] + entry + config[at.to:], nil
}

// newlineAt is how the line that text[at] is in ends, or the one before if it is the last.
func newlineAt(text string, at int) string {
	end := strings.IndexByte(text[at:], '\n') + at
	if end < at {
		end = strings.LastIndexByte(text[:at], '\n')
	}
	if end > 0 && text[end-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// with is where the i-th provider stands, our mark with it.
func (l layout) with(config string, i int) span {
	at := l.items[i]
	if l.flow {
		return at
	}
	for _, newline := range [...]string{"\n", "\r\n"} {
		above, ok := strings.CutSuffix(config[:at.from], l.indent+mark+newline)
		if ok && strings.HasSuffix(above, "\n") {
			at.from = len(above)
			break
		}
	}
	return at
}

// around is what has to go for the i-th provider to be gone: what it is parted by from
// its neighbours too. It is not ok if a comment would go as well.
func (l layout) around(config string, i int) (span, bool) {
	at := l.with(config, i)
	switch {
	case l.flow && i > 0:
		between := config[l.items[i-1].to:at.from]
		return span{l.items[i-1].to, at.to}, strings.Trim(between, ", \t\r\n") == ""
	case l.flow:
		between := config[at.to:l.items[i+1].from]
		return span{at.from, l.items[i+1].from}, strings.Trim(between, ", \t\r\n") == ""
	}
	below := strings.TrimPrefix(config[at.to:], "\r")
	if rest, ok := strings.CutPrefix(below, "\n"); ok {
		return span{at.from, len(config) - len(rest)}, true
	}
	above := strings.TrimSuffix(strings.TrimSuffix(config[:at.from], "\n"), "\r") // the last line, which has no newline
	return span{len(above), at.to}, true
}

// comma parts one more provider in brackets from the last one: on a line of its own if
// that begins one.
func (l layout) comma(config string) string {
	last := l.items[len(l.items)-1]
	above := config[:last.from]
	space := above[len(strings.TrimRight(above, " \t\r\n")):]
	switch n := strings.LastIndexByte(space, '\n'); {
	case n >= 0:
		return "," + space[n:]
	case strings.Contains(config[last.from:last.to], ": "):
		return ", "
	}
	return ","
}

// asJSON writes a provider as JSON in the layout of another: over several lines if that
// is, indented by as much.
func asJSON(said any, config string, like span) (string, error) {
	var p kubeletv1.CredentialProvider // for the order of its fields
	if err := convert(said, &p); err != nil {
		return "", err
	}
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if lines := strings.Split(config[like.from:like.to], "\n"); len(lines) > 1 {
		prefix := spaceBefore(lines[len(lines)-1])
		step := strings.TrimPrefix(spaceBefore(lines[1]), prefix)
		e.SetIndent(prefix, step)
	}
	err := e.Encode(p)
	return strings.TrimSuffix(out.String(), "\n"), err
}

// spaceBefore is what a line is indented by.
func spaceBefore(line string) string {
	return line[:len(line)-len(strings.TrimLeft(line, " \t"))]
}
