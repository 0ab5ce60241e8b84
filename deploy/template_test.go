package deploy

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"
)

// standard is what text/template makes of it.
func standard(name, text string, functions map[string]any, data any) (string, error) {
	t, err := template.New(name).Funcs(functions).Option("missingkey=error").Parse(text)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = t.Execute(&out, data)
	return out.String(), err
}

type serviceAccounts struct {
	Audience string
	Required bool
}

type entry struct {
	MatchImages, Args []string
	Env               []Variable
	ServiceAccounts   *serviceAccounts
}

type wiring struct {
	BinDir, Config, Entry, IndentedBy6, IndentedBy8 string
	Flags, MatchImages                              []string
	Env                                             []Variable
}

type rbac struct {
	Audience string
	Names    []string
}

// representative is data for every template, with each part there and not there.
func representative() map[string][]any {
	env := []Variable{{"A", "b c"}, {"D", `"$x%n'`}}
	warm := []any{
		Warm{Plugin: "/opt/p", CacheDir: "/run/x"},
		Warm{Plugin: "/opt/p q", Args: []string{"--a=$b", "c d"}, Env: env, User: "root", EnvironmentFiles: []string{"/etc/default/k3s", "/a b"}, CacheDir: "/run/x y"},
	}
	userData := []any{
		UserData{}, UserData{Bootstrap: "version: 1\ncluster: {{x}}\n", Distribution: "k3s", KubeletVersion: "1.34", ArchiveURL: "https://x/y.tar.gz?a=b&c", ArchiveSHA256: "00ff", Restart: true},
	}
	wirings := []any{
		wiring{}, wiring{"/b in", "/c", "- e", "      - e", "        - e", []string{"--a=b", "--c=d e"}, []string{"*.x"}, env},
	}
	return map[string][]any{
		WarmService: warm, OpenRCWarm: warm, Tmpfiles: warm, WarmTimer: {nil}, CronWarm: {nil},
		NodeConfig:   {NodeConfigDropIn{}, NodeConfigDropIn{[]string{"--a=b", `--c="d"`}}},
		UserDataFile: userData, BootstrapScript: userData,
		PackerTemplate:                         {Bake{}, Bake{"eu-central-1", "k3s", "${1.34}"}},
		DaemonSetFile:                          {DaemonSet{}, DaemonSet{"image:1", "pause:1", "version: 1\n", "k3s", "k3s-agent", "k3s", "1.34"}},
		"rbac.yaml":                            {rbac{}, rbac{"sts.amazonaws.com", []string{"a", "b"}}},
		"node/credential-provider-config.yaml": {struct{ Entry string }{"- a\n"}},
		"node/credential-provider-entry.yaml": {
			struct {
				entry
				CacheType bool
			}{},
			struct {
				entry
				CacheType bool
			}{entry{[]string{"*.x"}, []string{"--a", `"`}, env, &serviceAccounts{"a", true}}, true},
		},
		"wiring/bottlerocket.toml": wirings, "wiring/eks-hybrid.yaml": wirings, "wiring/k0s.sh": wirings, "wiring/kops.yaml": wirings,
		"wiring/kubespray.yaml": wirings, "wiring/microk8s": wirings, "wiring/talos.yaml": wirings,
	}
}

func TestEveryTemplateBecomesWhatTextTemplateMakesOfIt(t *testing.T) {
	all := representative()
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		data, listed := all[name]
		delete(all, name)
		if !listed && strings.Contains(string(text), "{{") {
			t.Errorf("%s: no data to make it with", name)
		}
		for _, d := range data {
			want, err := standard(path.Base(name), string(text), functions(), d)
			if err != nil {
				t.Errorf("%s: text/template: %v", name, err)
			}
			got, err := Render(name, d)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s: %v\n%s", name, err, diff)
			}
		}
		return nil
	})
	if err != nil || len(all) > 0 {
		t.Errorf("%v, and there is no template for %v", err, all)
	}
}

type inner struct {
	Text   string
	hidden string
}

// values are data with every kind of field that a template could ask for.
type values struct {
	Text, Empty    string
	Yes, No        bool
	Number, Zero   int
	List, NoList   []string
	Structs        []inner
	Pointer, Nil   *inner
	Struct, Blank  inner
	Any, AnyEmpty  any
	Nothing        any
	Map, EmptyMap  map[string]string
	Array, NoArray [2]string
	Nested         struct{ Inner inner }
	Bytes          []byte
}

func TestTemplatesMeanWhatTheyMeanToTextTemplate(t *testing.T) {
	data := values{
		Text: "text", Yes: true, Number: 7, List: []string{"a", "b"}, Structs: []inner{{Text: "x"}, {Text: "y"}}, Pointer: &inner{Text: "p"},
		Struct: inner{Text: "s", hidden: "h"}, Any: "any", AnyEmpty: "", Map: map[string]string{"k": "v"}, Array: [2]string{"c", "d"},
		Nested: struct{ Inner inner }{inner{Text: "n"}}, Bytes: []byte("b"),
	}
	functions := map[string]any{
		"upper": strings.ToUpper, "join": strings.Join, "repeat": strings.Repeat,
		"fails": func() (string, error) { return "", errors.New("it failed") },
		"pair":  func(a, b any) string { return "pair" },
		"many":  func(a string, more ...string) string { return a + strings.Join(more, "+") },
	}
	for text, stricter := range map[string]bool{ // stricter: refused here, though text/template takes it
		"": false, "plain": false, "a{{/* no */}}b": false, " {{- .Text -}} ": false, `{{"a\n"}}`: false, "{{`a`}}": false, "{{1}}": false,
		"{{.Text}}{{.Yes}}{{.Number}}{{.Struct.Text}}{{.Pointer.Text}}{{.Nested.Inner.Text}}{{$.Text}}": false,
		"{{.Any}}": false, "{{.List}}": true, "{{.Map}}": true, "{{.Array}}": true, "{{.Bytes}}": true, "{{.Structs}}": true, "{{.Struct}}": true, "{{.Pointer}}": true, "{{.Nil}}": true, "{{.Nothing}}": true,
		"{{if .Text}}1{{end}}{{if .Empty}}2{{else}}3{{end}}{{if .Yes}}4{{end}}{{if .No}}5{{else if .Number}}6{{else}}7{{end}}{{if .Zero}}8{{end}}":                                    false,
		"{{if .List}}1{{end}}{{if .NoList}}2{{end}}{{if .Pointer}}3{{end}}{{if .Nil}}4{{end}}{{if .Map}}5{{end}}{{if .EmptyMap}}6{{end}}{{if .Array}}7{{end}}{{if .NoArray}}8{{end}}": false,
		"{{if .Any}}1{{end}}{{if .AnyEmpty}}2{{end}}{{if .Nothing}}3{{end}}{{if .Struct}}4{{end}}{{if .Blank}}6{{end}}{{if .Nested}}5{{end}}":                                         false,
		"{{with .Text}}{{.}}{{$.Number}}{{end}}{{with .Empty}}{{.}}{{else}}none{{end}}{{with .Pointer}}{{.Text}}{{end}}{{with .Nil}}{{.Text}}{{end}}":                                 false,
		"{{with $x := .Text}}{{$x}}{{.}}{{end}}{{if $x := .Text}}{{$x}}{{end}}":                                                                                                       false, "{{$x := .Text}}{{$x}}{{$x := 1}}{{$x}}": false,
		"{{$x := 1}}{{if .Yes}}{{$x = 2}}{{end}}{{$x}}": false, "{{$x := 1}}{{if .Yes}}{{$x := 2}}{{end}}{{$x}}": false, "{{$x := .Struct}}{{$x.Text}}": false,
		"{{range .List}}[{{.}}{{$.Text}}]{{end}}{{range .NoList}}x{{else}}none{{end}}{{range $i, $e := .List}}{{if $i}} {{end}}{{$e}}{{end}}{{range $e := .List}}{{$e}}{{end}}": false,
		"{{range .Structs}}{{.Text}}{{range $.List}}{{.}}{{end}}{{end}}": false, "{{range .Structs}}{{$x := .Text}}{{$x}}{{end}}": false,
		"{{range .Array}}{{.}}{{end}}": true, "{{range .Map}}{{.}}{{end}}": true, "{{range .Number}}{{.}}{{end}}": true, "{{range .Text}}{{.}}{{end}}": false, "{{range .Nothing}}x{{end}}": true,
		"{{range .List}}{{.}}{{break}}{{end}}": true, "{{range .List}}{{continue}}{{end}}": true, "{{define `y`}}y{{end}}z": false, "{{template `y`}}": false, "{{block `y` .}}y{{end}}": true,
		"{{upper .Text}}{{upper (upper .Text)}}{{.Text | upper}}{{join .List `,`}}{{`,` | join .List}}{{repeat .Text 2}}{{.Number | repeat .Text}}{{`lit` | upper | upper}}": false,
		"{{print .Text}}{{print .Text .Number 1 .Yes}}{{print 1 2}}{{print}}":                                                                                                false, "{{many .Text}}{{many .Text `a` `b`}}{{pair .Text 1}}{{upper .Any}}": false, "{{pair .Nothing .Nil}}": true,
		"{{fails}}": false, "{{upper}}": false, "{{upper .Text .Text}}": false, "{{upper .Number}}": false, "{{upper .Nil}}": false, "{{many}}": false, "{{many .Text 1}}": false, "{{upper .Nothing}}": false, "{{repeat .Text .Text}}": false,
		"{{.None}}": false, "{{.Text.None}}": false, "{{.Struct.hidden}}": false, "{{.Nil.Text}}": false, "{{.Any.Text}}": false, "{{.Map.k}}": true, "{{$.None}}": false, "{{$x}}": false, "{{none}}": false,
		"{{.Text 1}}": false, "{{1 | .Text}}": false, "{{.Text | 1}}": false, "{{true}}": true, "{{nil}}": false, "{{1.5}}": true, "{{'a'}}": true, "{{1e3}}": true, "{{(.Struct).Text}}": true,
		"{{len .List}}": true, "{{not .Yes}}": true, "{{printf `%d` 1}}": true, "{{if .Yes}}": false, "{{end}}": false, "{{": false,
	} {
		want, wanted := standard("x", text, functions, data)
		got, err := execute("x", text, functions, data)
		switch {
		case stricter && (err == nil || wanted != nil):
			t.Errorf("%s: got %q, %v; text/template %q, %v", text, got, err, want, wanted)
		case stricter:
		case (wanted == nil) != (err == nil), err == nil && got != want:
			t.Errorf("%s: got %q, %v; text/template %q, %v", text, got, err, want, wanted)
		}
	}
}

func TestTemplatesOfNothing(t *testing.T) {
	for text, ok := range map[string]bool{"a": true, "{{if .}}a{{else}}b{{end}}": true, "{{.A}}": false, "{{.}}": false, "{{$}}": false, "{{upper .}}": false} {
		got, err := execute("x", text, map[string]any{"upper": strings.ToUpper}, nil)
		if (err == nil) != ok {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
}

func TestRenderNamesWhatIsWrong(t *testing.T) {
	for name, want := range map[string]string{
		"none":      "rendering none: open none: file does not exist",
		WarmService: "rendering " + WarmService + ": the data has no User",
	} {
		if got, err := Render(name, struct{}{}); err == nil || err.Error() != want || got != "" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
