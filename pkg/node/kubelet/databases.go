package kubelet

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// A database is a text file of stanzas, one for each package, with an empty line between
// them.
type database struct {
	tool, path            string
	name, version, status string // keys; not every database has a status
}

// databases that are text: deb822 of dpkg (dpkg-query(1)), and the single letters of apk
// (https://wiki.alpinelinux.org/wiki/Apk_spec), which apk 3 keeps under /usr.
var databases = [...]database{
	{"dpkg", "/var/lib/dpkg/status", "Package", "Version", "Status"},
	{"apk", "/lib/apk/db/installed", "P", "V", ""},
	{"apk", "/usr/lib/apk/db/installed", "P", "V", ""},
}

// fromDatabases reads the package databases that need no tool.
func fromDatabases(_ context.Context, root string, s Sought) (Version, bool, error) {
	if len(s.Packages) == 0 {
		return Version{}, false, nil
	}
	var problems []error
	for _, d := range databases {
		found, err := d.open(root, s.Packages)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		v, ok, err := first(d.tool, s.Packages, found)
		if ok {
			return v, true, nil
		}
		if err != nil {
			problems = append(problems, err)
		}
	}
	return Version{}, false, errors.Join(problems...)
}

// first is the version of the first package that was found.
func first(tool string, packages []string, found map[string]string) (Version, bool, error) {
	for _, name := range packages {
		if text, ok := found[name]; ok {
			v, err := version(text, fmt.Sprintf("%s: %s %s", tool, name, text))
			return v, err == nil, err
		}
	}
	return Version{}, false, nil
}

// open reads the database under root, if there is one.
func (d database) open(root string, packages []string) (map[string]string, error) {
	name, err := within(root, d.path)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the packages of %s: %w", d.tool, err)
	}
	defer f.Close()
	found, err := d.read(f, packages)
	if err != nil {
		return nil, fmt.Errorf("reading the packages of %s: %w", d.tool, err)
	}
	return found, nil
}

// read returns the versions of those packages that are installed. Of two stanzas of a
// package, which dpkg has for two architectures, the first counts.
func (d database) read(r io.Reader, packages []string) (map[string]string, error) {
	found, stanza := map[string]string{}, map[string]string{}
	end := func() {
		name := stanza[d.name]
		_, again := found[name]
		if slices.Contains(packages, name) && !again && (d.status == "" || installed(stanza[d.status])) {
			found[name] = stanza[d.version]
		}
		clear(stanza)
	}
	lines := bufio.NewReader(r)
	for goesOn := false; ; {
		line, more, err := lines.ReadLine()
		if errors.Is(err, io.EOF) {
			end()
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		key, value, ok := strings.Cut(string(line), ":")
		switch {
		case goesOn: // what a line has beyond the buffer, which is longer than any value sought
		case len(line) == 0:
			end()
		case ok && (key == d.name || key == d.version || key == d.status):
			stanza[key] = strings.TrimSpace(value)
		}
		goesOn = more
	}
}

// installed reads a status of dpkg: what is wanted, whether that failed, and what is
// (dpkg-query(1)). A package on hold is wanted differently, and is there.
func installed(status string) bool {
	words := strings.Fields(status)
	return len(words) == 3 && words[2] == "installed"
}
