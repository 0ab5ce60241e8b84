//go:build linux

package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// unitDir is where units are.
const unitDir = "/etc/systemd/system"

// A unit is what systemd reads of one, with its drop-ins: as much of systemd's language
// as kubeadm's units and ours are written in. It is read here a second time, and not by
// what the product reads units with, which is to be judged.
type unit struct {
	name     string
	settings map[string][]string // of [Service], in order
}

func readUnit(name string) (unit, error) {
	u := unit{name: name, settings: map[string][]string{}}
	dropIns, err := filepath.Glob(filepath.Join(unitDir, name+".d", "*.conf"))
	if err != nil {
		return u, err
	}
	for _, file := range append([]string{filepath.Join(unitDir, name)}, dropIns...) {
		text, err := os.ReadFile(file)
		if err != nil {
			return u, err
		}
		u.add(string(text))
	}
	return u, nil
}

// add takes in a file: an empty setting forgets those before it (systemd.syntax(7)).
func (u unit) add(text string) {
	section := ""
	for line := range lines(text) {
		key, value, ok := strings.Cut(line, "=")
		switch {
		case strings.HasPrefix(line, "["):
			section = line
		case section != "[Service]" || !ok:
		case value == "":
			delete(u.settings, key)
		default:
			u.settings[key] = append(u.settings[key], value)
		}
	}
}

// lines are those of a text that say something.
func lines(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(line)
			if line != "" && !strings.HasPrefix(line, "#") && !yield(line) {
				return
			}
		}
	}
}

// environment is what the unit's program gets besides PATH: Environment=, and over it
// the files of EnvironmentFile=, of which those with a dash may be missing
// (systemd.exec(5)).
func (u unit) environment() (map[string]string, error) {
	env := map[string]string{}
	for _, line := range u.settings["Environment"] {
		all, err := words(line)
		if err != nil {
			return nil, err
		}
		for _, word := range all {
			name, value, _ := strings.Cut(word, "=")
			env[name] = value
		}
	}
	for _, file := range u.settings["EnvironmentFile"] {
		file, mayLack := strings.CutPrefix(file, "-")
		text, err := os.ReadFile(file)
		if mayLack && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for line := range lines(string(text)) {
			name, value, _ := strings.Cut(line, "=")
			if value, err = unquoted(value); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			env[name] = value
		}
	}
	return env, nil
}

// command is ExecStart= without the dash, which has a failure pass for a success: $NAME
// as a word stands for the words of the variable (systemd.service(5), "Command lines").
func (u unit) command(env map[string]string) ([]string, error) {
	starts := u.settings["ExecStart"]
	if len(starts) != 1 {
		return nil, fmt.Errorf("%s has %d commands, want one: %q", u.name, len(starts), starts)
	}
	all, err := words(strings.TrimPrefix(starts[0], "-"))
	if err != nil {
		return nil, err
	}
	var args []string
	for _, word := range all {
		name, variable := strings.CutPrefix(word, "$")
		switch {
		case variable:
			args = append(args, strings.Fields(env[name])...)
		case strings.Contains(word, "$"):
			return nil, fmt.Errorf("%s has %q, which is not understood here", u.name, word)
		default:
			args = append(args, word)
		}
	}
	return args, nil
}

// words splits a setting at spaces that are not between double quotes.
func words(setting string) ([]string, error) {
	if strings.ContainsAny(setting, `\'%`) {
		return nil, fmt.Errorf("%q is not understood here", setting)
	}
	quoted := false
	all := strings.FieldsFunc(setting, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ' ' && !quoted
	})
	for i, word := range all {
		all[i] = strings.ReplaceAll(word, `"`, "")
	}
	return all, nil
}

// unquoted is the value of a line in a file of environment, which may stand between
// double quotes.
func unquoted(value string) (string, error) {
	inner, begins := strings.CutPrefix(value, `"`)
	inner, ends := strings.CutSuffix(inner, `"`)
	if begins != ends || strings.ContainsAny(inner, `"\'$`) {
		return "", fmt.Errorf("%q is not understood here", value)
	}
	return inner, nil
}
