// Package deploy holds the very files that get handed out: what is printed, applied or
// installed is these bytes, not a copy that somebody has to keep in step. Those that
// need a value of the reader's are templates (text/template) of which [Render] makes
// the file.
package deploy

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"text/template"
)

//go:embed policies node
var files embed.FS

// A Variable is one of a process' environment.
type Variable struct{ Name, Value string }

// functions are what templates write values with, each for the syntax around it.
var functions = template.FuncMap{
	"quote":   quote,
	"shell":   shell,
	"systemd": systemd,
}

// Render makes a file of the template at name, a path in this directory. What data
// lacks is an error.
func Render(name string, data any) (string, error) {
	text, err := files.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("rendering %s: %w", name, err)
	}
	t, err := template.New(path.Base(name)).Option("missingkey=error").Funcs(functions).Parse(string(text))
	if err != nil {
		return "", fmt.Errorf("rendering %s: %w", name, err)
	}
	var out strings.Builder
	if err := t.Execute(&out, data); err != nil {
		return "", fmt.Errorf("rendering %s: %w", name, err)
	}
	return out.String(), nil
}

// quote writes s as a string of JSON, which is one of YAML and of HCL too.
func quote(s string) (string, error) {
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(s)
	return strings.TrimSuffix(out.String(), "\n"), err
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

// systemd writes s as one word of a unit's setting, in which neither specifiers nor
// variables are expanded (systemd.service(5), "Command lines"; systemd.unit(5),
// "Specifiers").
func systemd(s string) string {
	s = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "%", "%%").Replace(s)
	if strings.ContainsAny(s, " \t'\"\\;") || s == "" {
		return `"` + s + `"`
	}
	return s
}

// PolicyNames are the names of the IAM policies that others have published, sorted.
func PolicyNames() []string {
	names, _ := fs.Glob(files, "policies/*.json") // whose only error is a bad pattern
	for i, name := range names {
		names[i] = strings.TrimSuffix(path.Base(name), ".json")
	}
	slices.Sort(names)
	return names
}

// Policy returns the text of a published IAM policy as its page has it, with its
// order, its spelling and its repetitions.
func Policy(name string) (string, error) {
	text, err := files.ReadFile(path.Join("policies", name+".json"))
	if err != nil {
		return "", fmt.Errorf("no published policy is named %q; there are %s", name, strings.Join(PolicyNames(), ", "))
	}
	return string(text), nil
}
