package evaluate

import (
	"slices"
	"strings"
)

// glob reports whether the text is the pattern, in which * stands for any text and ?
// for one character. A backslash before either, which expand writes, takes that
// meaning away.
func glob(pattern, text string) bool {
	p, t := []rune(pattern), []rune(text)
	// matched[j] says whether p[:i] matches t[:j].
	matched := make([]bool, len(t)+1)
	matched[0] = true
	for i := 0; i < len(p); i++ {
		escaped := p[i] == '\\' && i+1 < len(p) && (p[i+1] == '*' || p[i+1] == '?')
		if escaped {
			i++
		}
		if !escaped && p[i] == '*' {
			for j := range t {
				matched[j+1] = matched[j+1] || matched[j]
			}
			continue
		}
		for j := len(t); j > 0; j-- {
			matched[j] = matched[j-1] && (p[i] == t[j-1] || !escaped && p[i] == '?')
		}
		matched[0] = false
	}
	return matched[len(t)]
}

// globFold is glob for actions, whose case does not matter.
func globFold(pattern, text string) bool {
	return glob(strings.ToLower(pattern), strings.ToLower(text))
}

// arnLike reports whether an ARN fits a pattern. Each of the six parts is matched by
// itself: a * does not reach over a colon before the last. Parts that the pattern
// lacks may be anything.
func arnLike(pattern, arn string) bool {
	if pattern == "*" {
		return true
	}
	want, got := strings.SplitN(pattern, ":", 6), strings.SplitN(arn, ":", 6)
	if len(got) != 6 {
		return glob(pattern, arn)
	}
	for i, part := range want {
		if !glob(part, got[i]) {
			return false
		}
	}
	return true
}

// A resolver knows the values of a request's keys, and remembers which keys were asked
// for in vain. Names of keys have no case.
type resolver struct {
	context   map[string][]string
	variables bool // whether the policy's version has them
	missing   map[string]bool
}

func newResolver(context map[string][]string) *resolver {
	r := &resolver{context: map[string][]string{}, missing: map[string]bool{}}
	for key, values := range context {
		key = strings.ToLower(key)
		r.context[key] = append(r.context[key], values...)
	}
	return r
}

func (r *resolver) values(key string) []string {
	values := r.context[strings.ToLower(key)]
	if len(values) == 0 {
		r.missing[key] = true
	}
	return values
}

// expand puts values in the place of ${KEY} and ${KEY, 'default'}; ${*}, ${?} and ${$}
// are those characters. It fails where a key has no value, or several: then nothing
// matches. In a pattern what is put in means itself.
func (r *resolver) expand(text string, pattern bool) (string, bool) {
	if !r.variables {
		return text, true
	}
	literal := func(s string) string {
		if !pattern {
			return s
		}
		return strings.NewReplacer("*", `\*`, "?", `\?`).Replace(s)
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		b.WriteString(before)
		if !found {
			return b.String(), true
		}
		variable, after, found := strings.Cut(rest, "}")
		if !found {
			return "", false
		}
		text = after
		if slices.Contains([]string{"*", "?", "$"}, variable) {
			b.WriteString(literal(variable))
			continue
		}
		key, fallback, hasFallback := strings.Cut(variable, ",")
		values := r.values(strings.TrimSpace(key))
		switch {
		case len(values) == 1:
			b.WriteString(literal(values[0]))
		case len(values) == 0 && hasFallback:
			b.WriteString(literal(strings.Trim(strings.TrimSpace(fallback), "'")))
		default:
			return "", false
		}
	}
}
