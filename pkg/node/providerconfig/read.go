package providerconfig

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// A config is a text, and what a kubelet reads of it.
type config struct {
	text      string
	said      map[string]any
	providers []any // said["providers"]
}

// read takes JSON and YAML apart as the kubelet does, without asking what it means.
func read(text string) (*config, error) {
	b, err := yaml.ToJSON([]byte(text))
	if err != nil {
		return nil, oneLine(err)
	}
	c := &config{text: text}
	var said any
	if err := json.Unmarshal(b, &said); err != nil {
		return nil, fmt.Errorf("not JSON, as a text that begins with a brace has to be for a kubelet: %w", oneLine(err))
	}
	var ok bool
	if c.said, ok = said.(map[string]any); !ok {
		return nil, errors.New("not a mapping with apiVersion, kind and providers")
	}
	c.providers, _ = c.said["providers"].([]any)
	return c, nil
}

// index is that of the provider named Name, -1 if there is none.
func (c *config) index() (int, error) {
	found := -1
	for i := range c.providers {
		if c.name(i) != Name {
			continue
		}
		if found >= 0 {
			return -1, fmt.Errorf("provider %q: there are two of this name", Name)
		}
		found = i
	}
	return found, nil
}

// name of a provider, "" if it has none.
func (c *config) name(i int) string {
	if i >= len(c.providers) {
		return ""
	}
	p, _ := c.providers[i].(map[string]any)
	name, _ := p["name"].(string)
	return name
}

// of puts the provider's name in front of faults.
func (c *config) of(i int, faults []error) []error {
	who := fmt.Sprintf("providers[%d]", i)
	if name := c.name(i); name != "" {
		who = fmt.Sprintf("provider %q", clip(name))
	}
	named := make([]error, len(faults))
	for n, err := range faults {
		named[n] = fmt.Errorf("%s: %w", who, err)
	}
	return named
}

// convert reads a value into another type that has the same JSON.
func convert(from, to any) error {
	b, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, to)
}

// secondDocument is the line in which a second YAML document begins, 0 if none does.
func secondDocument(text string) int {
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		return 0 // JSON, in which trailing text is an error
	}
	begun, ended, number := false, false, 0
	for line := range strings.Lines(text) {
		number++
		if rest, ok := marker(line); ok {
			ended = begun
			line = rest
		}
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if ended {
			return number
		}
		begun = true
	}
	return 0
}

// marker says that a line begins or ends a document, and what stands behind that.
func marker(line string) (string, bool) {
	for _, m := range [...]string{"---", "..."} {
		rest, ok := strings.CutPrefix(line, m)
		if ok && (rest == "" || strings.ContainsRune(" \t\r\n", rune(rest[0]))) {
			return rest, true
		}
	}
	return line, false
}

// oneLine is an error whose message has no line breaks; the YAML parser's have.
func oneLine(err error) error {
	line := strings.Join(strings.Fields(err.Error()), " ")
	if line == err.Error() {
		return err
	}
	return errors.New(line)
}

// clip keeps an error to one readable line.
func clip(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}
