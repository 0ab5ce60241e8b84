package providerconfig_test

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	kubeletv1 "k8s.io/kubelet/config/v1"

	"github.com/kubelet-ecr/kubelet-ecr/deploy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/providerconfig"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test ./pkg/node/providerconfig -update writes it)", err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s (-want +got; if this is meant, go test ./pkg/node/providerconfig -update):\n%s", path, diff)
	}
}

const newestMinor = 37

func TestRender(t *testing.T) {
	node := providerconfig.Entry{MatchImages: registry.MatchImages()}
	optional, required := entry, entry
	optional.ServiceAccounts = &providerconfig.ServiceAccounts{Audience: "sts.amazonaws.com"}
	required.ServiceAccounts = &providerconfig.ServiceAccounts{Audience: "sts.amazonaws.com", Required: true}
	tests := []struct {
		golden   string
		entry    providerconfig.Entry
		from, to int
	}{
		{"node.yaml", node, 26, newestMinor},
		{"node.yaml", node, 0, 0},
		{"flags.yaml", entry, 26, newestMinor},
		{"tokens-1.33.yaml", optional, 33, 33},
		{"tokens-1.34.yaml", optional, 34, newestMinor},
		{"tokens-required-1.33.yaml", required, 33, 33},
		{"tokens-required-1.34.yaml", required, 34, newestMinor},
	}
	for _, tt := range tests {
		for minor := tt.from; minor <= tt.to; minor++ {
			k := providerconfig.Kubelet{Minor: minor, TokenGate: true}
			got, err := tt.entry.Render(k)
			if err != nil {
				t.Errorf("%s for %s: %v", tt.golden, k, err)
				continue
			}
			golden(t, tt.golden, got)
			want := tt.entry
			want.Env = append([]deploy.Variable{{Name: "GOTRACEBACK", Value: "none"}}, want.Env...)
			again, ok, err := providerconfig.Find(got)
			if err != nil || !ok {
				t.Errorf("Find: %t, %v", ok, err)
			}
			if diff := cmp.Diff(want, again); diff != "" {
				t.Errorf("Find (-want +got)\n%s", diff)
			}
			if twice, err := again.Render(k); err != nil || twice != got {
				t.Errorf("rendered from what was found: %v\n%s", err, cmp.Diff(got, twice))
			}
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	tokens := entry
	tokens.ServiceAccounts = &providerconfig.ServiceAccounts{Audience: "sts.amazonaws.com"}
	upgrade := "upgrade the kubelet to 1.34, or leave serviceAccounts out: the node then pulls for its pods"
	tests := []struct {
		name       string
		entry      providerconfig.Entry
		kubelet    providerconfig.Kubelet
		want, hint string
	}{
		{
			"too old", entry, providerconfig.Kubelet{Minor: 25},
			"kubelet 1.25 is too old: 1.26 is the first that knows kubelet.config.k8s.io/v1 and credentialprovider.kubelet.k8s.io/v1", "",
		},
		{
			"service accounts, version unknown", tokens, providerconfig.Kubelet{},
			"pulling as service accounts: the kubelet's version is not known, and each minor wants other tokenAttributes",
			"say which it is with --kubelet-version, as 1.34",
		},
		{
			"service accounts in 1.31, which would pull as the node", tokens, providerconfig.Kubelet{Minor: 31, TokenGate: true},
			"pulling as service accounts: tokenAttributes came with kubelet 1.33 and are on from 1.34, this is kubelet 1.31", upgrade,
		},
		{
			"service accounts in 1.32", tokens, providerconfig.Kubelet{Minor: 32, TokenGate: true},
			"pulling as service accounts: tokenAttributes came with kubelet 1.33 and are on from 1.34, this is kubelet 1.32", upgrade,
		},
		{
			"service accounts in 1.33 without the gate", tokens, providerconfig.Kubelet{Minor: 33},
			"pulling as service accounts: tokenAttributes: kubelet 1.33 does not start with them unless its feature gate KubeletServiceAccountTokenForCredentialProviders is on", upgrade,
		},
		{
			"no globs", providerconfig.Entry{}, current,
			`the config made for kubelet 1.34: provider "ecr-credential-provider": matchImages: at least one is required`, "",
		},
		{
			"a glob that is none", providerconfig.Entry{MatchImages: []string{"mirror.example:*"}}, current,
			`the config made for kubelet 1.34: provider "ecr-credential-provider": matchImages[0]: parse "https://mirror.example:*": invalid port ":*" after host`, "",
		},
		{
			"no UTF-8", providerconfig.Entry{MatchImages: []string{"a.example"}, Args: []string{"--role=\xff"}}, current,
			"an argument, variable or glob of ecr-credential-provider has characters that YAML does not carry", "",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.entry.Render(tt.kubelet)
			if err == nil || got != "" {
				t.Fatalf("no error, and\n%s", got)
			}
			if diff := cmp.Diff([]string{tt.want, tt.hint}, []string{err.Error(), hint.Of(err)}); diff != "" {
				t.Errorf("error and hint (-want +got)\n%s", diff)
			}
		})
	}
}

// What is in the environment and the arguments comes back, whatever it is.
func TestRenderQuotes(t *testing.T) {
	odd := []string{"", " a b ", `"'\`, "a: b # c", "*x", "&x", "{{.}}", "%h$HOME", "<&>", "é\u2028\x01\n\t\r", "yes", "12", strings.Repeat("x", 5000)}
	e := providerconfig.Entry{MatchImages: []string{"a.example"}, Args: odd}
	for _, s := range odd {
		e.Env = append(e.Env, deploy.Variable{Name: "GOTRACEBACK", Value: s})
	}
	for _, before := range []string{"", files["compact JSON"], files["flow"], files["JSON with tabs"], files["kOps"]} {
		text, err := providerconfig.Merge(before, e, current)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := providerconfig.Find(text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, got); diff != "" {
			t.Errorf("found in %s (-want +got)\n%s", text, diff)
		}
	}
}

func TestFindNone(t *testing.T) {
	if got, ok, err := providerconfig.Find(files["JFrog and ACR"]); ok || err != nil || !reflect.DeepEqual(got, providerconfig.Entry{}) {
		t.Errorf("Find = %v, %t, %v", got, ok, err)
	}
	if _, _, err := providerconfig.Find("{"); err == nil {
		t.Error("Find finds something in a brace")
	}
}

// The table has every field of the kubelet's type, so that a new k8s.io/kubelet says
// when there is a new one.
func TestFieldsAreThoseOfTheKubelet(t *testing.T) {
	got := map[string]bool{}
	var walk func(typ reflect.Type, prefix string)
	walk = func(typ reflect.Type, prefix string) {
		for f := range typ.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			got[prefix+name] = true
			if typ := f.Type; typ.Kind() == reflect.Pointer && typ.Elem() == reflect.TypeFor[kubeletv1.ServiceAccountTokenAttributes]() {
				walk(typ.Elem(), prefix+name+".")
			}
		}
	}
	walk(reflect.TypeFor[kubeletv1.CredentialProvider](), "")
	want := map[string]bool{}
	for field := range providerconfig.Fields {
		want[field] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-table +kubelet; say in the table in which minor one appeared)\n%s", diff)
	}
}
