package deploy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// quote writes s as a string of JSON, which is one of YAML too. What YAML counts as
// unprintable (YAML 1.2, production c-printable) JSON may leave as it is, so that is
// escaped besides.
func quote(s string) (string, error) {
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return "", err
	}
	return escape(strings.TrimSuffix(out.String(), "\n")), nil
}

// escape writes the control characters of Unicode that JSON does not escape, and the
// byte order mark, as JSON does others.
func escape(s string) string {
	var out strings.Builder
	for _, r := range s {
		if unicode.IsControl(r) || r == '\ufeff' {
			fmt.Fprintf(&out, `\u%04x`, r)
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

// hcl writes s as a string of HCL, in which nothing is a template (HCL native syntax
// specification, "Template Expressions").
func hcl(s string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out.WriteString(`\` + string(r))
		case unicode.IsControl(r):
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(out.String())
}

// literal writes s as the value of a YAML key whose own lines are indented by fewer than
// indent spaces: as it is, so that people can read it, where YAML gives back each byte
// of that, otherwise as a quoted string. It goes right behind "key: ".
func literal(indent int, s string) (string, error) {
	unreadable := func(r rune) bool {
		return r != '\n' && r != '\t' && unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == '\ufeff' || r == utf8.RuneError
	}
	// What begins or ends in white space not every reader takes as the standard has it.
	const white = " \t"
	first := strings.TrimLeft(s, "\n")
	if first == "" || strings.ContainsFunc(s, unreadable) || strings.Trim(first, white) != first {
		return quote(s)
	}
	header, text := "|+", s
	if trimmed, ended := strings.CutSuffix(s, "\n"); !ended {
		header = "|-"
	} else if text = trimmed; !strings.HasSuffix(text, "\n") {
		header = "|"
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = strings.Repeat(" ", indent) + line
		}
	}
	return header + "\n" + strings.Join(lines, "\n"), nil
}

// shell writes s as one word of a POSIX shell.
func shell(s string) string {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_-./:=@%+,", r)
	}
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// systemd writes s as one word of a unit's setting, or of a line of tmpfiles.d, in
// which specifiers are not expanded (systemd.syntax(7), "Quoting"; systemd.unit(5),
// "Specifiers"; tmpfiles.d(5)).
func systemd(s string) string {
	var out strings.Builder
	quoted := s == ""
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out.WriteString(`\` + string(r))
			quoted = true
		case r == '%':
			out.WriteString("%%")
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&out, `\x%02x`, r)
			quoted = true
		default:
			out.WriteRune(r)
			quoted = quoted || r == ' ' || r == '\'' || r == ';' || r == '#'
		}
	}
	if quoted {
		return `"` + out.String() + `"`
	}
	return out.String()
}

// systemdCommand writes s as one word of an ExecStart=, in which systemd expands
// variables besides (systemd.service(5), "Command lines"): Environment= does not, and
// there a doubled dollar would be two.
func systemdCommand(s string) string {
	return strings.ReplaceAll(systemd(s), "$", "$$")
}

// systemdLine writes s, a path, as the whole of a setting that knows no quotes, such as
// EnvironmentFile= (systemd.exec(5)). What cannot be written there is an error.
func systemdLine(s string) (string, error) {
	if strings.TrimSpace(s) != s || strings.ContainsFunc(s, unicode.IsControl) || strings.ContainsAny(s, `*?[\`) {
		return "", fmt.Errorf("the path %q cannot stand in a setting of systemd that knows no quotes", s)
	}
	return strings.ReplaceAll(s, "%", "%%"), nil
}

// digest is the SHA-256 of s in hex.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
