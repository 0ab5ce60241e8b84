// Package deploy holds the very files that get handed out: what is printed, applied or
// installed is these bytes, not a copy that somebody has to keep in step. Those that
// need a value of the reader's are templates (text/template) of which [Render] makes
// the file.
package deploy

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

//go:embed bake daemonset.yaml node policies rbac.yaml wiring
var files embed.FS

// A Variable is one of a process' environment.
type Variable struct{ Name, Value string }

// functions are what templates write values with, each for the syntax around it, and
// render, which makes a file to put into another one.
func functions() map[string]any {
	return map[string]any{
		"digest":         digest,
		"hcl":            hcl,
		"literal":        literal,
		"quote":          quote,
		"render":         Render,
		"shell":          shell,
		"systemd":        systemd,
		"systemdCommand": systemdCommand,
		"systemdLine":    systemdLine,
	}
}

// Render makes a file of the template at name, a path in this directory. What data
// lacks is an error.
func Render(name string, data any) (string, error) {
	text, err := files.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("rendering %s: %w", name, err)
	}
	out, err := execute(path.Base(name), string(text), functions(), data)
	if err != nil {
		return "", fmt.Errorf("rendering %s: %w", name, err)
	}
	return out, nil
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
