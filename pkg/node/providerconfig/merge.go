package providerconfig

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

// mark stands in front of our entry in YAML; it is the first line of its template.
const mark = "# by ecr-node-bootstrap"

// Merge puts the entry into an existing config, of which all else stays as it is, byte
// for byte. An entry that is named Name is replaced in its place, with the comments
// inside it; else the entry becomes the last of the providers. What is there may be YAML
// or JSON, in any layout in which the providers can be told apart; if there is nothing,
// Merge is Render. To merge once more changes nothing.
//
// The result has passed Check. If what is there does not, but for an entry named Name,
// the error says so and nothing is merged.
func Merge(existing string, e Entry, k Kubelet) (string, error) {
	if strings.TrimSpace(existing) == "" {
		return e.Render(k)
	}
	text, err := e.render(k)
	if err != nil {
		return "", err
	}
	entry, err := providerOf(text)
	if err != nil {
		return "", err
	}
	c, err := read(existing)
	if err != nil {
		return "", fmt.Errorf("the config that is there: %w", err)
	}
	i, err := c.index()
	if err != nil {
		return "", fmt.Errorf("the config that is there: %w", err)
	}
	if len(c.providers) == 0 {
		return "", refused(k, Check(existing, k))
	}
	place, err := c.layout()
	if err != nil {
		return "", unsafe(err)
	}
	merged, err := place.put(existing, i, text, entry)
	if err != nil {
		return "", fmt.Errorf("the entry %s as JSON: %w", Name, err)
	}
	want := slices.Clone(c.providers)
	if i < 0 {
		want = append(want, entry)
	} else {
		want[i] = entry
	}
	if err := c.expect(merged, want); err != nil {
		return "", err
	}
	if err := Check(merged, k); err != nil {
		if before := Check(existing, k); before != nil {
			return "", refused(k, before)
		}
		if c.said["apiVersion"] != newest && e.ServiceAccounts != nil {
			err = hint.Wrap(err, "raise the apiVersion of the config that is there to %s", newest)
		}
		return "", fmt.Errorf("the config with %s in it is refused for %s: %w", Name, k, err)
	}
	return merged, nil
}

// TakeOut takes our entry out of a config that others have edited since. before is the
// text that was there before us, "" if there was none; ours is what we left; now is what
// is there. If before had an entry named Name, that comes back in the place of ours. All
// else stays as it is now, byte for byte. "" means that nothing would be left, and that
// the file goes.
//
// An entry that says something else than what we left, or has a comment inside, is an
// error that names it. If there is none, or the one of before is back already, nothing is
// taken out.
func TakeOut(now, ours, before string) (string, error) {
	switch {
	case now == ours:
		return before, nil
	case strings.TrimSpace(now) == "":
		return now, nil
	}
	c, err := read(now)
	if err != nil {
		return "", fmt.Errorf("taking %s out of its config: %w", Name, err)
	}
	i, err := c.index()
	if err != nil {
		return "", fmt.Errorf("taking %s out of its config: %w", Name, err)
	}
	if i < 0 {
		return now, nil
	}
	place, err := c.layout()
	if err != nil {
		return "", unsafe(err)
	}
	left, err := entryIn(ours)
	if err != nil {
		return "", fmt.Errorf("reading what was left behind: %w", err)
	}
	official, err := entryIn(before)
	if err != nil {
		return "", fmt.Errorf("reading what was there before: %w", err)
	}
	at := place.with(now, i)
	switch text := now[at.from:at.to]; {
	case text == left.text:
	case reflect.DeepEqual(c.providers[i], official.said):
		return now, nil
	case reflect.DeepEqual(c.providers[i], left.said) && !strings.Contains(strings.TrimPrefix(text, place.indent+mark), "#"):
		// written anew by a program, in another layout and without a comment of others
	default:
		err := fmt.Errorf("provider %q has been edited since it was installed", Name)
		return "", hint.Wrap(err, "take it out of the config by hand, or undo the edit and run this again")
	}
	return c.takeOut(place, i, official, headOf(ours, before))
}

// takeOut takes the i-th provider out, or puts the official one back. Of a file that we
// wrote, head is the comment that we began it with.
func (c *config) takeOut(place layout, i int, official entryText, head string) (string, error) {
	want := slices.Clone(c.providers)
	var result string
	switch at := place.with(c.text, i); {
	case official.said != nil:
		want[i] = official.said
		result = c.text[:at.from] + official.text + c.text[at.to:]
	case len(want) == 1:
		return "", nil
	default:
		gap, ok := place.around(c.text, i)
		if !ok {
			return "", unsafe(errors.New("there are comments beside it"))
		}
		want = slices.Delete(want, i, i+1)
		result = c.text[:gap.from] + c.text[gap.to:]
	}
	if err := c.expect(result, want); err != nil {
		return "", err
	}
	return strings.TrimPrefix(result, head), nil
}

// An entryText is the provider named Name in a config, as text with our mark, and as
// what the kubelet reads. Both are nothing if it is not there.
type entryText struct {
	text string
	said any
}

func entryIn(text string) (entryText, error) {
	if strings.TrimSpace(text) == "" {
		return entryText{}, nil
	}
	c, err := read(text)
	if err != nil {
		return entryText{}, err
	}
	i, err := c.index()
	if err != nil || i < 0 {
		return entryText{}, err
	}
	place, err := c.layout()
	if err != nil {
		return entryText{}, err
	}
	at := place.with(text, i)
	return entryText{text[at.from:at.to], c.providers[i]}, nil
}

// headOf is the comment in front of a file that we made, "" if there was one before.
func headOf(ours, before string) string {
	if strings.TrimSpace(before) != "" {
		return ""
	}
	end := 0
	for line := range strings.Lines(ours) {
		if line[0] != '#' {
			break
		}
		end += len(line)
	}
	return ours[:end]
}

// layout finds the providers in the text: as many as the kubelet reads.
func (c *config) layout() (layout, error) {
	found, err := layoutOf(c.text)
	if err != nil {
		return layout{}, err
	}
	if len(found.items) != len(c.providers) {
		return layout{}, errLayout
	}
	return found, nil
}

// expect is an error unless a kubelet reads of text what it reads of c, with other
// providers.
func (c *config) expect(text string, providers []any) error {
	got, err := read(text)
	if err != nil {
		return unsafe(err)
	}
	want := maps.Clone(c.said)
	want["providers"] = providers
	if !reflect.DeepEqual(got.said, want) {
		return unsafe(errors.New("another provider would change"))
	}
	return nil
}

// refused is the error about a config of others that does not pass Check.
func refused(k Kubelet, err error) error {
	err = fmt.Errorf("the config that is there is refused for %s: %w", k, err)
	return hint.Wrap(err, "correct it, or move it away if no kubelet reads it")
}

// unsafe is the error about a text that is not changed because it might mean something
// else then.
func unsafe(err error) error {
	err = fmt.Errorf("changing the config that is there: %w", err)
	return hint.Wrap(err, "change its providers by hand; ecr-node-bootstrap print config shows the entry")
}

// providerOf is what the kubelet reads of an entry's text.
func providerOf(text string) (any, error) {
	file, err := wholeFile(text)
	if err != nil {
		return nil, err
	}
	c, err := read(file)
	if err != nil || len(c.providers) != 1 {
		return nil, fmt.Errorf("the entry %s as it is made: %w", Name, err)
	}
	return c.providers[0], nil
}
