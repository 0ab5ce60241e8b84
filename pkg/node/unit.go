package node

import (
	"maps"
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
	name     string
	file     string // where it is
	settings map[string][]string
}

// readUnit reads the unit of that name; false if there is none.
func readUnit(t *tree.Tree, name string) (unit, bool, error) {
	u := unit{name: name, settings: map[string][]string{}}
	var dropIns []string
	for _, dir := range slices.Backward(unitDirs) {
		if file := path.Join(dir, name); t.Exists(file) {
			u.file = file
		}
		for _, file := range t.Glob(path.Join(dir, name+".d", "*.conf")) {
			if strings.HasPrefix(path.Base(file), ".") {
				continue // systemd, src/basic/path-util.c, hidden_or_backup_file
			}
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
	for _, line := range logicalLines(text) {
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

// logicalLines are the lines of a unit, joined where a backslash says so. Comments are
// none, and do not end a line that goes on around them (systemd.syntax(7)).
func logicalLines(text string) []string {
	var all []string
	begun := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if trimmed := strings.TrimSpace(line); trimmed != "" && (trimmed[0] == '#' || trimmed[0] == ';') {
			continue
		}
		line = begun + line
		if slashes := len(line) - len(strings.TrimRight(line, `\`)); slashes%2 == 1 {
			begun = line[:len(line)-1] + " "
			continue
		}
		begun = ""
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	if begun = strings.TrimSpace(begun); begun != "" {
		all = append(all, begun)
	}
	return all
}

// last is a setting's last value, "" if it has none.
func (u unit) last(key string) string {
	if all := u.settings[key]; len(all) > 0 {
		return all[len(all)-1]
	}
	return ""
}

// arguments are those that the unit's program gets.
func (u unit) arguments(t *tree.Tree) ([]string, error) {
	env, err := u.variables(t)
	if err != nil {
		return nil, err
	}
	return u.argumentsIn(env), nil
}

// variables are the environment of the unit's program, as the unit and its files say.
func (u unit) variables(t *tree.Tree) (map[string]string, error) {
	env := u.environment()
	for _, file := range u.environmentFiles(t) {
		text, err := t.ReadLinked(file)
		if err != nil {
			return nil, err
		}
		maps.Copy(env, readEnvironment(text))
	}
	return env, nil
}

// argumentsIn are those that the unit's program gets in this environment: $NAME as a word
// of its own is split at white space, with regard to quotes, and ${NAME} is not split
// (systemd.service(5), "Command lines").
func (u unit) argumentsIn(env map[string]string) []string {
	var args []string
	for _, word := range words(u.last("ExecStart")) {
		if name, ok := strings.CutPrefix(word, "$"); ok && isName(name) {
			args = append(args, words(env[name])...)
			continue
		}
		args = append(args, expand(u.specifiers(word), env))
	}
	return args
}

// expand puts variables in the place of ${NAME}, and a dollar in that of two.
func expand(word string, env map[string]string) string {
	var out strings.Builder
	for {
		before, rest, ok := strings.Cut(word, "$")
		out.WriteString(before)
		if !ok {
			return out.String()
		}
		name, behind, closed := strings.Cut(strings.TrimPrefix(rest, "{"), "}")
		switch {
		case strings.HasPrefix(rest, "$"):
			out.WriteByte('$')
			word = rest[1:]
		case strings.HasPrefix(rest, "{") && closed && isName(name):
			out.WriteString(env[name])
			word = behind
		default:
			out.WriteByte('$')
			word = rest
		}
	}
}

// environment is what the unit itself says of it; its files win over that.
func (u unit) environment() map[string]string {
	env := map[string]string{}
	for _, line := range u.settings["Environment"] {
		for _, word := range words(line) {
			if name, value, ok := strings.Cut(u.specifiers(word), "="); ok {
				env[name] = value
			}
		}
	}
	return env
}

// environmentFiles are the files of environment in their order, also those that are
// not there; of a pattern, those that are. Quotes are part of a path here, and a path that
// is not absolute is ignored (systemd, src/core/load-fragment.c,
// config_parse_unit_env_file).
func (u unit) environmentFiles(t *tree.Tree) []string {
	var all []string
	for _, file := range u.settings["EnvironmentFile"] {
		switch file = u.specifiers(strings.TrimPrefix(file, "-")); {
		case !path.IsAbs(file):
		case strings.ContainsAny(file, "*?["):
			all = append(all, t.Glob(file)...)
		default:
			all = append(all, path.Clean(file))
		}
	}
	return all
}

// specifiers puts the unit's name in the place of those that stand for it; the units of
// k3s and RKE2 have them (systemd.unit(5), "Specifiers").
func (u unit) specifiers(s string) string {
	bare := strings.TrimSuffix(u.name, path.Ext(u.name))
	return strings.NewReplacer("%%", "%", "%n", u.name, "%N", bare, "%p", bare).Replace(s)
}

// words splits a setting, or the value of a variable, at white space outside of quotes,
// which it takes away. A backslash keeps the next character as it is, also in quotes
// (systemd, src/basic/extract-word.c).
func words(s string) []string {
	var (
		all   []string
		word  strings.Builder
		begun bool
		quote rune
		plain bool // the next character means itself
	)
	for _, r := range s {
		switch {
		case plain:
			word.WriteRune(r)
			plain = false
		case r == '\\':
			plain, begun = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, begun = r, true
		case quote == 0 && strings.ContainsRune(" \t\r\n", r):
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
