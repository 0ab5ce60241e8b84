// Package minors holds the generated configs to the types of every minor version of
// Kubernetes that they are generated for. Each v1.N is a module of its own, with a
// program that decodes a CredentialProviderConfig strictly into what k8s.io/kubelet of
// that minor has. The kubelet itself does so since 1.32 alone; before, it overlooks what
// it does not know, which then is not in effect.
//
// `go test ./test/minors -update` writes the modules, after a change of the list or of
// the template.
package minors

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"
)

// A minor is a minor version of Kubernetes, with the patch of k8s.io/kubelet and
// k8s.io/apimachinery that stands for it: no patch changes these types.
type minor struct {
	Number int
	Patch  int
}

// minors are all that the product writes configs for: config v1 begins with 1.26.
var minors = [...]minor{
	{26, 15}, {27, 16}, {28, 15}, {29, 14}, {30, 14}, {31, 14}, {32, 13}, {33, 13}, {34, 8}, {35, 5}, {36, 3}, {37, 1},
}

func (m minor) String() string { return fmt.Sprintf("v1.%d", m.Number) }

// library is the version of the modules that Kubernetes is made of.
func (m minor) library() string { return fmt.Sprintf("v0.%d.%d", m.Number, m.Patch) }

// requires are the modules that a decoder imports from.
func (m minor) requires() map[string]string {
	return map[string]string{"k8s.io/apimachinery": m.library(), "k8s.io/kubelet": m.library()}
}

const bootstrapName = "ecr-node-bootstrap"

// bin is where the programs are built to: Go leaves alone what is up to date.
var bin = func() string {
	path, err := filepath.Abs("../../bin/minors")
	if err != nil {
		panic(err)
	}
	return path
}()

var update = flag.Bool("update", false, "write the modules anew")

func TestMain(m *testing.M) {
	flag.Parse()
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// prepare builds the programs.
func prepare() error {
	for _, m := range minors {
		if *update {
			if err := m.write(); err != nil {
				return err
			}
		}
		if err := command(m.String(), "build", "-trimpath", "-o", filepath.Join(bin, m.String()), "."); err != nil {
			return err
		}
	}
	return command(".", "build", "-trimpath", "-o", filepath.Join(bin, bootstrapName), "../../cmd/"+bootstrapName)
}

// command runs go in a directory.
func command(dir string, args ...string) error {
	c := exec.Command("go", args...)
	c.Dir, c.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s in %s: %w\n%s", strings.Join(args, " "), dir, err, out)
	}
	return nil
}

// write makes the module of a minor.
func (m minor) write() error {
	program, err := m.program()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(m.String(), 0o755); err != nil {
		return err
	}
	mod := "module github.com/kubelet-ecr/kubelet-ecr/test/minors/" + m.String() + "\n\ngo 1.26.0\n"
	for file, text := range map[string][]byte{"main.go": program, "go.mod": []byte(mod), "go.sum": nil} {
		if err := os.WriteFile(filepath.Join(m.String(), file), text, 0o644); err != nil {
			return err
		}
	}
	edit := []string{"mod", "edit"}
	for module, version := range m.requires() {
		edit = append(edit, "-require="+module+"@"+version)
	}
	if err := command(m.String(), edit...); err != nil {
		return err
	}
	return command(m.String(), "mod", "tidy")
}

// program is the source of a decoder.
func (m minor) program() ([]byte, error) {
	t, err := template.ParseFiles("testdata/main.go.tmpl")
	if err != nil {
		return nil, err
	}
	var source bytes.Buffer
	err = t.Execute(&source, m)
	return source.Bytes(), err
}

// onEach tells a story to each minor.
func onEach(t *testing.T, story func(*testing.T, minor)) {
	for _, m := range minors {
		t.Run(m.String(), func(t *testing.T) {
			t.Parallel()
			story(t, m)
		})
	}
}

// TestModules holds the modules to the list and the template. What counts of go.mod is
// what gets linked.
func TestModules(t *testing.T) {
	onEach(t, func(t *testing.T, m minor) {
		want, err := m.program()
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(m.String(), "main.go"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s/main.go is not of the template: go test ./test/minors -update (-want +got)\n%s", m, diff)
		}
		info, err := buildinfo.ReadFile(filepath.Join(bin, m.String()))
		if err != nil {
			t.Fatal(err)
		}
		linked := map[string]string{}
		for _, dependency := range info.Deps {
			if _, ok := m.requires()[dependency.Path]; ok {
				linked[dependency.Path] = dependency.Version
			}
		}
		if diff := cmp.Diff(m.requires(), linked); diff != "" {
			t.Errorf("the decoder links others (-want +got)\n%s", diff)
		}
	})
}

// config is a CredentialProviderConfig with every field that any minor has.
type config struct {
	APIVersion string     `json:"apiVersion"`
	Kind       string     `json:"kind"`
	Providers  []provider `json:"providers"`
}

type provider struct {
	Name                 string           `json:"name"`
	APIVersion           string           `json:"apiVersion"`
	MatchImages          []string         `json:"matchImages"`
	DefaultCacheDuration string           `json:"defaultCacheDuration"`
	Args                 []string         `json:"args,omitempty"`
	Env                  []variable       `json:"env,omitempty"`
	TokenAttributes      *tokenAttributes `json:"tokenAttributes,omitempty"`
}

type variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type tokenAttributes struct {
	Audience  string   `json:"serviceAccountTokenAudience"`
	CacheType string   `json:"cacheType,omitempty"`
	Require   *bool    `json:"requireServiceAccount"`
	Required  []string `json:"requiredServiceAccountAnnotationKeys,omitempty"`
	Optional  []string `json:"optionalServiceAccountAnnotationKeys,omitempty"`
}

// decode has a minor decode a config. A refusal is an error with what it says.
func (m minor) decode(text string) (config, error) {
	c := exec.Command(filepath.Join(bin, m.String()))
	c.Stdin, c.Env = strings.NewReader(text), []string{}
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		return config{}, fmt.Errorf("%s", strings.TrimSpace(stderr.String()))
	}
	var decoded config
	decoder := json.NewDecoder(bytes.NewReader(out))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(&decoded)
	return decoded, err
}
