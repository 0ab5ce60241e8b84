package node

import (
	"path"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/tree"
)

// unitDirs are where units are, the first before the others (systemd.unit(5)). /lib is
// there for distributions that have not merged it with /usr/lib.
var unitDirs = []string{"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

// unit is a systemd unit with its drop-ins: the settings of [Service], in order, each
// list begun anew where an empty one says so.
type unit struct {
	file     string // where it is
	settings map[string][]string
}

// readUnit reads the unit of that name; false if there is none.
func readUnit(t *tree.Tree, name string) (unit, bool, error) {
	u := unit{settings: map[string][]string{}}
	var dropIns []string
	for _, dir := range slices.Backward(unitDirs) {
		if file := path.Join(dir, name); t.Exists(file) {
			u.file = file
		}
		for _, file := range t.Glob(path.Join(dir, name+".d", "*.conf")) {
			// One of the same name in an earlier directory stands for this one.
			dropIns = slices.DeleteFunc(dropIns, func(other string) bool { return path.Base(other) == path.Base(file) })
			dropIns = append(dropIns, file)
		}
	}
	if u.file == "" {
		return u, false, nil
	}
	slices.SortStableFunc(dropIns, func(a, b string) int { return strings.Compare(path.Base(a), path.Base(b)) })
	for _, file := range append([]string{u.file}, dropIns...) {
		text, err := t.ReadLinked(file)
		if err != nil {
			return u, false, err
		}
		u.add(text)
	}
	return u, true, nil
}

// add takes in the settings of a file.
func (u unit) add(text string) {
	section := ""
	text = strings.ReplaceAll(text, "\\\n", " ")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if line[0] == '[' {
			section = line
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || section != "[Service]" {
			continue
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if value == "" {
			delete(u.settings, key)
			continue
		}
		u.settings[key] = append(u.settings[key], value)
	}
}

// last is a setting's last value, "" if it has none.
func (u unit) last(key string) string {
	if all := u.settings[key]; len(all) > 0 {
		return all[len(all)-1]
	}
	return ""
}

// arguments are those that the unit's program gets, with what its files of environment
// say. $NAME as a word of its own is split at spaces, and ${NAME} is not
// (systemd.service(5), "Command lines").
func (u unit) arguments(t *tree.Tree) ([]string, error) {
	env := map[string]string{}
	for _, line := range u.settings["Environment"] {
		for _, word := range words(line) {
			if name, value, ok := strings.Cut(word, "="); ok {
				env[name] = value
			}
		}
	}
	for _, file := range u.environmentFiles() {
		text, err := t.ReadLinked(file)
		if err != nil {
			return nil, err
		}
		for name, value := range readEnvironment(text) {
			env[name] = value
		}
	}
	var args []string
	for _, word := range words(u.last("ExecStart")) {
		name, variable := strings.CutPrefix(word, "$")
		switch {
		case variable && !strings.HasPrefix(name, "{"):
			args = append(args, strings.Fields(env[name])...)
		case variable:
			args = append(args, env[strings.Trim(name, "{}")])
		default:
			args = append(args, word)
		}
	}
	return args, nil
}

// environmentFiles are the files of environment in their order, also those that are
// not there.
func (u unit) environmentFiles() []string {
	var all []string
	for _, file := range u.settings["EnvironmentFile"] {
		all = append(all, strings.Trim(strings.TrimPrefix(file, "-"), `"`))
	}
	return all
}

// words splits a setting at spaces outside of quotes, which it takes away.
func words(s string) []string {
	var (
		all   []string
		word  strings.Builder
		begun bool
		quote rune
	)
	for _, r := range s {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, begun = r, true
		case quote == 0 && (r == ' ' || r == '\t'):
			if begun {
				all, begun = append(all, word.String()), false
				word.Reset()
			}
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if begun {
		all = append(all, word.String())
	}
	return all
}
