package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// document parses text to the one document in it, nil after a fault.
//
// Less than YAML is read: what no description of a cluster needs and what parsers
// disagree about is refused, so that an editor, this program and whoever templates the
// file see the same values. That goes for anchors, tags, directives, complex keys, values
// of several lines, and plain values that begin with a sign.
func (r *reader) document(text []byte) ast.Node {
	source, ok := r.clean(text)
	if !ok {
		return nil
	}
	tokens, ok := r.tokens(source)
	if !ok {
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey()) // which would name one of them, without the other's line
	if err != nil {
		at, problem := place{1, 1}, err.Error()
		var located interface {
			GetToken() *token.Token
			GetMessage() string
		}
		if errors.As(err, &located) {
			at, problem = placeOfToken(located.GetToken()), located.GetMessage()
		}
		r.fault(at, "", "not YAML: %s", problem)
		return nil
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		r.fault(place{1, 1}, "", "the file is empty; ecr-node-bootstrap init writes one")
		return nil
	}
	return file.Docs[0].Body
}

// clean returns text as the scanner wants it: UTF-8 without a byte order mark, no
// control characters, no tabs in front of a line, no endless lines, not too many signs,
// and a newline behind every line. Blanks there are taken out: the scanner counts its
// columns wrong by them.
func (r *reader) clean(text []byte) (string, bool) {
	if len(text) > mostBytes {
		r.fault(place{1, 1}, "", "the file has more than %d bytes, which are the most that are read", mostBytes)
		return "", false
	}
	var source strings.Builder
	number, signs := 0, 0
	for line := range strings.Lines(strings.TrimPrefix(string(text), "\ufeff")) {
		number++
		line = strings.TrimRight(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), " \t")
		indent := len(line) - len(strings.TrimLeft(line, " \t"))
		if tab := strings.IndexByte(line[:indent], '\t'); tab >= 0 {
			r.fault(place{number, tab + 1}, "", "a tab: YAML is indented with spaces")
			return "", false
		}
		if problem, column := refusedText(line, &signs); problem != "" {
			r.fault(place{number, column}, "", "%s", problem)
			return "", false
		}
		source.WriteString(line + "\n")
	}
	return source.String(), true
}

const tooMany = "the file has more words and signs than are read"

// refusedText says why a line is not text, and where. It counts signs, but not those of
// comments.
func refusedText(line string, signs *int) (string, int) {
	comment := strings.HasPrefix(strings.TrimLeft(line, " "), "#")
	column := 0
	for i, c := range line {
		column++
		if !comment && strings.ContainsRune("[]{},:-?&*!%|>\"'", c) {
			*signs++
		}
		switch _, size := utf8.DecodeRuneInString(line[i:]); {
		case c == utf8.RuneError && size == 1:
			return "the file is not UTF-8", column
		case unicode.IsControl(c) && c != '\t':
			return fmt.Sprintf("the control character %U, which no text has", c), column
		case column > mostInLine:
			return fmt.Sprintf("the line has more than %d characters, which are the most that are read", mostInLine), column
		case *signs > mostSigns:
			return tooMany, column
		}
	}
	return "", 0
}

// tokens splits source and refuses what is not read, before the parser, whose
// recursion has no bounds of its own, sees it.
func (r *reader) tokens(source string) (token.Tokens, bool) {
	lines := strings.Split(source, "\n")
	var all token.Tokens
	flow, content := 0, false
	for _, t := range lexer.Tokenize(source) {
		if t.Type == token.CommentType {
			continue
		}
		if flow > 0 && plain(t) && glued(t) {
			key := all[len(all)-2]
			t = token.New(key.Value+":"+t.Value, strings.TrimSpace(key.Origin)+":"+t.Origin, key.Position)
			all = all[:len(all)-2]
		}
		all.Add(t)
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		}
		problem := refused(t, flow > 0)
		quoted := t.Type == token.SingleQuoteType || t.Type == token.DoubleQuoteType
		if quoted {
			problem = refusedQuotes(restOf(lines, placeOfToken(t)))
		}
		switch {
		case len(all) > mostTokens:
			problem = tooMany
		case flow > mostNested, t.Type == token.SequenceEntryType && t.Position.Column > mostColumn:
			problem = "this is nested deeper than anything that is read"
		case flow > 0 && quoted && glued(t):
			problem = "no space between the colon and the quotes"
		case content && t.Type == token.DocumentHeaderType:
			problem = "a second document begins here: a file describes one cluster"
		}
		if problem != "" {
			r.fault(placeOfToken(t), "", "%s", problem)
			return nil, false
		}
		content = true
	}
	return all, true
}

// plain says that t is a text without quotes, or what is taken for a number and the like.
func plain(t *token.Token) bool { return t.CharacterType == token.CharacterTypeMiscellaneous }

// glued says that t, a colon and a plain text stand together without a space: YAML takes
// them for one text, as an ARN is. Inside of braces the scanner takes them for a key and
// its value.
func glued(t *token.Token) bool {
	colon := t.Prev
	if colon == nil || colon.Type != token.MappingValueType || colon.Prev == nil || !plain(colon.Prev) {
		return false
	}
	key, at := placeOfToken(colon.Prev), placeOfToken(colon)
	key.column += utf8.RuneCountInString(colon.Prev.Value)
	return at == key && placeOfToken(t) == place{at.line, at.column + 1}
}

// refused says why a token is not read, "" if it is.
func refused(t *token.Token, flow bool) string {
	const quotes = "; a value that begins with %s goes in quotes"
	switch t.Type {
	case token.AnchorType:
		return "an anchor: they are not read, so write the value where it is meant" + fmt.Sprintf(quotes, "&")
	case token.AliasType:
		return "an alias: they are not read, so write the value where it is meant" + fmt.Sprintf(quotes, "*")
	case token.MergeKeyType:
		return "a merge key: they are not read, so write the keys where they are meant"
	case token.TagType:
		return "a YAML tag: they are not read" + fmt.Sprintf(quotes, "!")
	case token.DirectiveType:
		return "a directive: they are not read" + fmt.Sprintf(quotes, "%")
	case token.MappingKeyType:
		return "a key after a question mark: write it as KEY: VALUE"
	case token.DocumentEndType:
		return "the end of a document: take the line out"
	case token.LiteralType, token.FoldedType:
		return "a block of lines: write the value in one line" + fmt.Sprintf(quotes, t.Value[:1])
	case token.SequenceEntryType:
		if flow {
			return "a dash in brackets: write the list in brackets too"
		}
	case token.InvalidType: // which the parser tells
	default:
		if plain(t) {
			return refusedPlain(strings.TrimSpace(t.Origin), flow)
		}
	}
	return ""
}

// restOf is the line of a place, from there on.
func restOf(lines []string, at place) string {
	line := []rune(lines[min(at.line, len(lines))-1])
	return string(line[min(at.column-1, len(line)):])
}

var (
	quotedText   = regexp.MustCompile(`^(?:'(?:[^']|'')*'|"(?:[^"\\]|\\.)*")`)
	knownEscapes = regexp.MustCompile(`^(?:'|"(?:[^"\\]|\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[0abtnvfre "/\\N_LP]))*")`)
)

// refusedQuotes says why a text in quotes is not read, from the rest of its line. The
// scanner takes other escapes for something.
func refusedQuotes(line string) string {
	switch {
	case !quotedText.MatchString(line):
		return "a text of several lines: write the value in one line"
	case !knownEscapes.MatchString(line):
		return `an escape that YAML does not have: a backslash in double quotes is written \\`
	}
	return ""
}

// refusedPlain says why a text without quotes needs them.
func refusedPlain(s string, flow bool) string {
	switch {
	case strings.Contains(s, "\n"):
		return "a text of several lines: write the value in one line, indent a mapping, begin each line of a list with a dash"
	case s != "" && strings.IndexByte(",[]{}#&*!|>'\"%@`", s[0]) >= 0, (s + "  ")[:2] == "? ", (s + "  ")[:2] == ": ":
		return fmt.Sprintf("a value that begins with %s goes in quotes", s[:1])
	case strings.Contains(s+" ", ": "):
		return "a text with a colon before a space, or at its end, goes in quotes"
	case flow && strings.ContainsAny(s, "[]{}"):
		return "a value in brackets that has brackets itself goes in quotes"
	}
	return ""
}

// What a node of the document is.
const (
	aMapping = "a mapping"
	aList    = "a list"
	aText    = "a string"
	aNumber  = "a number"
	aBool    = "true or false"
	nothing  = "nothing"
)

// A scalar is the text of a node as it was written, without quotes, and what YAML 1.2
// takes it for (the core schema), for the parser goes its own ways there.
type scalar struct{ kind, text string }

var (
	likeNothing = regexp.MustCompile(`^(~|null|Null|NULL)?$`)
	likeBool    = regexp.MustCompile(`^(true|True|TRUE|false|False|FALSE)$`)

	// Also what YAML 1.1 takes for one: 1_000 and 0b1.
	likeNumber = regexp.MustCompile(`^([-+]?([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9_]+)([eE][-+]?[0-9]+)?|[-+]?0[xob][0-9A-Fa-f_]+|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)
)

func scalarOf(n ast.Node) scalar {
	switch n.(type) {
	case *ast.MappingNode:
		return scalar{kind: aMapping}
	case *ast.SequenceNode:
		return scalar{kind: aList}
	}
	t := n.GetToken()
	if t.Type == token.ImplicitNullType {
		return scalar{kind: nothing}
	}
	if t.Type == token.DoubleQuoteType || t.Type == token.SingleQuoteType {
		return scalar{aText, t.Value}
	}
	return scalar{kindOf(t.Value), t.Value}
}

// kindOf is what a plain text is taken for.
func kindOf(plain string) string {
	switch {
	case likeNothing.MatchString(plain):
		return nothing
	case likeBool.MatchString(plain):
		return aBool
	case likeNumber.MatchString(plain):
		return aNumber
	}
	return aText
}

// keyOf is the text of a key. A key is always a text, as in JSON; the parser lets no list
// and no mapping be one.
func keyOf(k ast.MapKeyNode) string { return k.GetToken().Value }

// placeOf is where a node begins; a mapping in block style begins with its first key.
func placeOf(n ast.Node) place {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return placeOf(m.Values[0].Key)
	}
	return placeOfToken(n.GetToken())
}

func placeOfToken(t *token.Token) place {
	if t == nil { // of a syntax error that is nowhere
		return place{1, 1}
	}
	return place{t.Position.Line, t.Position.Column}
}
