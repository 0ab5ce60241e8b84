package minors

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const never = 0

// handmade are configs, and whether the types of a minor have what is in them: since
// the first, which is never for what is no config of any.
var handmade = [...]struct {
	name   string
	since  int
	reason string // in what the others say
	config string
}{
	{"all that 1.26 has", 26, "", head + entry + `
  args: [--mirror=registry.corp.example=123456789012.dkr.ecr.eu-central-1.amazonaws.com]
  env: [{name: GOTRACEBACK, value: none}]
`},
	{"an empty list of providers", 26, "", head + "  []\n"},
	{"JSON", 26, "", `{"apiVersion": "kubelet.config.k8s.io/v1", "kind": "CredentialProviderConfig", "providers": []}`},
	{"tokenAttributes without cacheType", 33, `unknown field "providers[0].tokenAttributes"`, head + entry + `
  tokenAttributes:
    serviceAccountTokenAudience: sts.amazonaws.com
    requireServiceAccount: false
    optionalServiceAccountAnnotationKeys: [eks.amazonaws.com/ecr-role-arn]
`},
	{"tokenAttributes with cacheType", 34, `unknown field "providers[0].tokenAttributes`, head + entry + `
  tokenAttributes:
    serviceAccountTokenAudience: sts.amazonaws.com
    cacheType: ServiceAccount
    requireServiceAccount: true
    requiredServiceAccountAnnotationKeys: [eks.amazonaws.com/ecr-role-arn]
`},
	{"a field mistyped", never, `unknown field "providers[0].matchImage"`, head + entry + "\n  matchImage: [x]\n"},
	{"a field in another case", never, `unknown field "providers[0].Args"`, head + entry + "\n  Args: [x]\n"},
	{"a field at the top", never, `unknown field "metadata"`, head + entry + "\nmetadata: {name: x}\n"},
	{"a field twice", never, `key "name" already set in map`, head + entry + "\n  name: other\n"},
	{"a duration without unit", never, "missing unit in duration", head + strings.Replace(entry, `"0s"`, `"5"`, 1)},
	{"a duration as a number", never, "cannot unmarshal number", head + strings.Replace(entry, `"0s"`, "0", 1)},
	{"an argument as a number", never, "cannot unmarshal number", head + entry + "\n  args: [5]\n"},
	{"another kind", never, `no kind "KubeletConfiguration" is registered`, strings.Replace(head, "CredentialProviderConfig", "KubeletConfiguration", 1) + entry},
	{"a version that is not there yet", never, `no kind "CredentialProviderConfig" is registered for version "kubelet.config.k8s.io/v2"`,
		strings.Replace(head, "io/v1", "io/v2", 1) + entry},
	{"nothing", never, "Object 'Kind' is missing", ""},
}

const (
	head = `apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
`
	entry = `- name: ecr-credential-provider
  apiVersion: credentialprovider.kubelet.k8s.io/v1
  matchImages: ["*.dkr.ecr.*.amazonaws.com"]
  defaultCacheDuration: "0s"
`
)

// TestHandmade shows that the decoders are strict, and that they are of their minor.
func TestHandmade(t *testing.T) {
	onEach(t, func(t *testing.T, m minor) {
		for _, h := range handmade {
			_, err := m.decode(h.config)
			switch takes := h.since != never && m.Number >= h.since; {
			case takes && err != nil:
				t.Errorf("%s: refused: %v", h.name, err)
			case !takes && err == nil:
				t.Errorf("%s: taken", h.name)
			case !takes && !strings.Contains(err.Error(), h.reason):
				t.Errorf("%s: refused with %q, want %q in it", h.name, err, h.reason)
			}
		}
	})
}

// TestDecoded compares all of a config with what each decoder makes of it.
func TestDecoded(t *testing.T) {
	onEach(t, func(t *testing.T, m minor) {
		got, err := m.decode(handmade[0].config)
		if err != nil {
			t.Fatal(err)
		}
		want := config{
			APIVersion: "kubelet.config.k8s.io/v1", Kind: "CredentialProviderConfig",
			Providers: []provider{{
				Name: "ecr-credential-provider", APIVersion: "credentialprovider.kubelet.k8s.io/v1",
				MatchImages: []string{"*.dkr.ecr.*.amazonaws.com"}, DefaultCacheDuration: "0s",
				Args: []string{"--mirror=registry.corp.example=123456789012.dkr.ecr.eu-central-1.amazonaws.com"},
				Env:  []variable{{"GOTRACEBACK", "none"}},
			}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}
