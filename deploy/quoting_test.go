package deploy

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// words are what has a meaning to one syntax or another.
var words = []string{
	"", "plain", "a b", " a", "a ", "'", `"`, `\`, `\\`, `\n`, "a\nb", "\n", "a\tb", "\r", "$HOME", "${HOME}", "$$", "a$", "%n", "%%", ";", "a;b",
	"#", "a#b", "-", "--a=b", "*", "~", "!", "`id`", "$(id)", "&", "|", "<>", "()", "{{x}}", "%{x}", "é✓", "\U0001f600", "\u0085", "\u2028", "\x7f", "\x01", "\ufeff",
}

// TestShellWords has a shell read them.
func TestShellWords(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh")
	}
	var line strings.Builder
	for _, w := range words {
		line.WriteString(" " + shell(w))
	}
	out, err := exec.CommandContext(t.Context(), sh, "-c", `printf '%s\0'`+line.String()).Output()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(words, strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")); diff != "" {
		t.Error(diff)
	}
}

func TestSystemdWords(t *testing.T) {
	for _, tt := range []struct{ in, setting, command string }{
		{"", `""`, `""`},
		{"/run/a", "/run/a", "/run/a"},
		{"a b", `"a b"`, `"a b"`},
		{"a\tb\nc\rd\x01", `"a\x09b\x0ac\x0dd\x01"`, `"a\x09b\x0ac\x0dd\x01"`},
		{`a"b`, `"a\"b"`, `"a\"b"`},
		{`a'b`, `"a'b"`, `"a'b"`},
		{`a\b`, `"a\\b"`, `"a\\b"`},
		{"%n", "%%n", "%%n"},
		{"$A", "$A", "$$A"},
		{"a${B} c", `"a${B} c"`, `"a$${B} c"`},
		{"$$", "$$", "$$$$"},
		{";", `";"`, `";"`}, // alone, it would begin another command
		{"#a", `"#a"`, `"#a"`},
		{"é✓", "é✓", "é✓"},
	} {
		if diff := cmp.Diff([]string{tt.setting, tt.command}, []string{systemd(tt.in), systemdCommand(tt.in)}); diff != "" {
			t.Errorf("%q: %s", tt.in, diff)
		}
	}
}

func TestSystemdLines(t *testing.T) {
	for in, want := range map[string]string{
		"/etc/default/k3s": "/etc/default/k3s",
		"/etc/a b/%c$d":    "/etc/a b/%%c$d",
		"/etc/a\nb":        `error: the path "/etc/a\nb" cannot stand in a setting of systemd that knows no quotes`,
		" /etc/a":          `error: the path " /etc/a" cannot stand in a setting of systemd that knows no quotes`,
		"/etc/*":           `error: the path "/etc/*" cannot stand in a setting of systemd that knows no quotes`,
	} {
		got, err := systemdLine(in)
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestHCLWords(t *testing.T) {
	for in, want := range map[string]string{
		"":          `""`,
		`a"b\c`:     `"a\"b\\c"`,
		"a\nb\x08":  `"a\u000ab\u0008"`,
		"${a} %{b}": `"$${a} %%{b}"`,
		"$a %b é✓":  `"$a %b é✓"`,
	} {
		if got := hcl(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

// FuzzYAML holds that YAML and JSON give back what was written.
func FuzzYAML(f *testing.F) {
	for _, w := range words {
		f.Add(w)
		f.Add("a: 1\n" + w + "\n")
		f.Add("\n" + w + "\n\n")
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "")
		quoted, err := quote(s)
		if err != nil {
			t.Fatal(err)
		}
		var fromJSON string
		if err := json.Unmarshal([]byte(quoted), &fromJSON); err != nil || fromJSON != s {
			t.Errorf("quote(%q) is %s, which JSON reads as %q: %v", s, quoted, fromJSON, err)
		}
		text, err := literal(4, s)
		if err != nil {
			t.Fatal(err)
		}
		var fromYAML struct {
			A map[string]string
			B int
		}
		if err := yaml.Unmarshal([]byte("a:\n  c: "+text+"\nb: 1\n"), &fromYAML); err != nil {
			t.Fatalf("%q: %v\n%s", s, err, text)
		}
		if fromYAML.B != 1 || fromYAML.A["c"] != s {
			t.Errorf("literal(%q) is read as %q", s, fromYAML.A["c"])
		}
	})
}
