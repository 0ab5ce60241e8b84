package providerconfig_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/providerconfig"
)

// one is a config with one provider, which has these fields and what is required else.
func one(fields ...string) string {
	required := []string{
		"name: p", "apiVersion: credentialprovider.kubelet.k8s.io/v1", "defaultCacheDuration: 1h", "matchImages: [a.example]",
	}
	var all []string
	for _, r := range required {
		key, _, _ := strings.Cut(r, ":")
		if !strings.Contains("\n"+strings.Join(fields, "\n"), "\n"+key+":") {
			all = append(all, r)
		}
	}
	return top + "- " + strings.Join(append(fields, all...), "\n  ") + "\n"
}

// tokens is a config whose provider has tokenAttributes with these fields and what is
// required else in 1.34.
func tokens(fields ...string) string {
	required := []string{"serviceAccountTokenAudience: sts.amazonaws.com", "requireServiceAccount: true", "cacheType: Token"}
	for _, r := range required {
		key, _, _ := strings.Cut(r, ":")
		if !strings.Contains(strings.Join(fields, "\n"), key+":") {
			fields = append(fields, r)
		}
	}
	return one("tokenAttributes: {" + strings.Join(fields, ", ") + "}")
}

// Each rule of pkg/credentialprovider/plugin/config.go of the kubelet, what the codec
// refuses, and what is ours beside.
var checkCases = []struct {
	name, text string
	kubelet    providerconfig.Kubelet // current if it is zero
	want       []string
}{
	{name: "what is required", text: one()},
	{name: "no duration to cache", text: one("defaultCacheDuration: 0s")},
	{name: "tokenAttributes", text: tokens()},
	{name: "with keys", text: tokens("requiredServiceAccountAnnotationKeys: [example.com/Role]", "optionalServiceAccountAnnotationKeys: [other]")},
	{name: "v1beta1", text: strings.Replace(one(), "k8s.io/v1", "k8s.io/v1beta1", 2)},
	{name: "v1alpha1", text: strings.Replace(one(), "k8s.io/v1", "k8s.io/v1alpha1", 2)},
	{name: "an empty document behind", text: one() + "---\n# the end\n"},
	{name: "dashes in a text", text: one("args: ['a', \"b ---\"]")},

	{name: "nothing", text: "", want: []string{"not a mapping with apiVersion, kind and providers"}},
	{name: "a list", text: "- a", want: []string{"not a mapping with apiVersion, kind and providers"}},
	{name: "not YAML", text: "a: b\n  c: d\n", want: []string{"yaml: line 2: mapping values are not allowed in this context"}},
	{
		name: "YAML that begins as JSON does", text: "{kind: CredentialProviderConfig}",
		want: []string{"not JSON, as a text that begins with a brace has to be for a kubelet: invalid character 'k' looking for beginning of object key string"},
	},
	{name: "no kind", text: "apiVersion: kubelet.config.k8s.io/v1\n", want: []string{`kind: want CredentialProviderConfig, got ""`}},
	{
		name: "another kind", text: strings.Replace(one(), "CredentialProviderConfig", "KubeletConfiguration", 1),
		want: []string{`kind: want CredentialProviderConfig, got "KubeletConfiguration"`},
	},
	{
		name: "another version", text: strings.Replace(one(), "config.k8s.io/v1", "config.k8s.io/v2", 1),
		want: []string{`apiVersion: want one of kubelet.config.k8s.io/v1, kubelet.config.k8s.io/v1alpha1, kubelet.config.k8s.io/v1beta1, got "kubelet.config.k8s.io/v2"`},
	},
	{name: "no providers", text: strings.TrimSpace(top), want: []string{"providers: at least one is required"}},
	{name: "an empty list", text: strings.TrimSpace(top) + " []", want: []string{"providers: at least one is required"}},
	{
		name: "a second document", text: one() + "---\n# of another vendor\n" + one(),
		want: []string{"line 10: a second YAML document, of which a kubelet reads nothing: want one, with all providers in it"},
	},
	{
		name: "a document behind the end of one", text: one() + "...\nproviders: []\n",
		want: []string{"line 9: a second YAML document, of which a kubelet reads nothing: want one, with all providers in it"},
	},

	{
		name: "an unknown field", text: one("agrs: [a]") + "extra: 1\n",
		want: []string{`unknown field "extra"`, `provider "p": unknown field "agrs"`},
	},
	{name: "an unknown field deeper", text: one("env: [{name: a, Value: b}]"), want: []string{`provider "p": unknown field "env[0].Value"`}},
	{name: "a field twice", text: one("args: [a]", "args: [b]"), want: []string{`yaml: unmarshal errors: line 5: key "args" already set in map`}},
	{
		name: "a field twice in JSON", want: []string{`provider "p": duplicate field "args"`},
		text: `{"apiVersion":"kubelet.config.k8s.io/v1","kind":"CredentialProviderConfig","providers":[{"name":"p","args":[],"args":[],` +
			`"apiVersion":"credentialprovider.kubelet.k8s.io/v1","defaultCacheDuration":"1h","matchImages":["a.example"]}]}`,
	},
	{
		name: "values of the wrong type", text: one("args: [1]", "defaultCacheDuration: 12", "tokenAttributes: {requireServiceAccount: sure}"),
		want: []string{
			`provider "p": args: want string, got number`,
			`provider "p": defaultCacheDuration: want string, got number`,
			`provider "p": tokenAttributes.requireServiceAccount: want bool, got string`,
		},
	},
	{name: "no duration", text: one("defaultCacheDuration: 12q"), want: []string{`provider "p": defaultCacheDuration: time: unknown unit "q" in duration "12q"`}},
	{name: "a provider that is a text", text: top + "- p\n", want: []string{"providers[0]: want a mapping"}},

	{
		name: "nothing that is required", text: top + "- {}\n",
		want: []string{
			"providers[0]: name: required", "providers[0]: apiVersion: required",
			"providers[0]: matchImages: at least one is required", "providers[0]: defaultCacheDuration: required",
		},
	},
	{name: "a path as name", text: one("name: a/b"), want: []string{`provider "a/b": name: want the name of a file in the bin dir, without slashes and spaces`}},
	{name: "a space in the name", text: one("name: a b"), want: []string{`provider "a b": name: want the name of a file in the bin dir, without slashes and spaces`}},
	{name: "the bin dir as name", text: one("name: ."), want: []string{`provider ".": name: want the name of a file in the bin dir, without slashes and spaces`}},
	{name: "the folder above as name", text: one("name: .."), want: []string{`provider "..": name: want the name of a file in the bin dir, without slashes and spaces`}},
	{name: "a name twice", text: one() + strings.TrimPrefix(one(), top), want: []string{`provider "p": name: another provider has it too`}},
	{
		name: "another version of the plugin's API", text: one("apiVersion: credentialprovider.kubelet.k8s.io/v2"),
		want: []string{`provider "p": apiVersion: want one of credentialprovider.kubelet.k8s.io/v1, credentialprovider.kubelet.k8s.io/v1alpha1, ` +
			`credentialprovider.kubelet.k8s.io/v1beta1, got "credentialprovider.kubelet.k8s.io/v2"`},
	},
	{name: "no globs", text: one("matchImages: []"), want: []string{`provider "p": matchImages: at least one is required`}},
	{
		name: "a glob for ports", text: one("matchImages: [a.example, 'b.example:*']"),
		want: []string{`provider "p": matchImages[1]: parse "https://b.example:*": invalid port ":*" after host`},
	},
	{name: "a duration below 0", text: one("defaultCacheDuration: -1s"), want: []string{`provider "p": defaultCacheDuration: want none below 0, got -1s`}},

	{
		name: "nothing that tokenAttributes require", text: one("tokenAttributes: {}"),
		want: []string{
			`provider "p": tokenAttributes.serviceAccountTokenAudience: required`,
			`provider "p": tokenAttributes.requireServiceAccount: required`,
			`provider "p": tokenAttributes.cacheType: required from kubelet 1.34 on, ServiceAccount or Token`,
		},
	},
	{name: "another cacheType", text: tokens("cacheType: token"), want: []string{`provider "p": tokenAttributes.cacheType: want ServiceAccount or Token, got "token"`}},
	{
		name: "tokenAttributes for an older plugin", text: strings.Replace(tokens(), "provider.kubelet.k8s.io/v1", "provider.kubelet.k8s.io/v1beta1", 1),
		want: []string{`provider "p": tokenAttributes: want the apiVersion credentialprovider.kubelet.k8s.io/v1 with them`},
	},
	{
		name: "required keys without an account", text: tokens("requireServiceAccount: false", "requiredServiceAccountAnnotationKeys: [a]"),
		want: []string{`provider "p": tokenAttributes.requiredServiceAccountAnnotationKeys: not while requireServiceAccount is false`},
	},
	{
		name: "keys that are none", text: tokens("requiredServiceAccountAnnotationKeys: [a, a]", "optionalServiceAccountAnnotationKeys: [b, 'c d', a]"),
		want: []string{
			`provider "p": tokenAttributes.requiredServiceAccountAnnotationKeys[1]: "a" is there twice`,
			`provider "p": tokenAttributes.optionalServiceAccountAnnotationKeys[1]: "c d": name part must consist of alphanumeric characters, '-', '_' or '.', ` +
				`and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
			`provider "p": tokenAttributes.optionalServiceAccountAnnotationKeys[2]: "a" is a required key too`,
		},
	},

	{
		name: "a kubelet before 1.26", text: one(), kubelet: providerconfig.Kubelet{Minor: 25},
		want: []string{"kubelet 1.25 is too old: 1.26 is the first that knows kubelet.config.k8s.io/v1 and credentialprovider.kubelet.k8s.io/v1"},
	},
	{name: "an unknown kubelet", text: tokens() + "# {}\n", kubelet: unknown},
	{
		name: "an unknown kubelet, without cacheType", text: strings.Replace(tokens(), ", cacheType: Token", "", 1), kubelet: unknown,
		want: []string{`provider "p": tokenAttributes.cacheType: required from kubelet 1.34 on, ServiceAccount or Token`},
	},
	{
		name: "tokenAttributes in 1.31, which ignores them", text: tokens(), kubelet: providerconfig.Kubelet{Minor: 31, TokenGate: true},
		want: []string{`provider "p": tokenAttributes came with kubelet 1.33 and are on from 1.34, this is kubelet 1.31`},
	},
	{
		name: "tokenAttributes in 1.33 without the gate", text: strings.Replace(tokens(), ", cacheType: Token", "", 1), kubelet: providerconfig.Kubelet{Minor: 33},
		want: []string{`provider "p": tokenAttributes: kubelet 1.33 does not start with them unless its feature gate KubeletServiceAccountTokenForCredentialProviders is on`},
	},
	{
		name: "tokenAttributes in 1.33 with the gate", text: strings.Replace(tokens(), ", cacheType: Token", "", 1), kubelet: providerconfig.Kubelet{Minor: 33, TokenGate: true},
	},
	{
		name: "cacheType in 1.33", text: tokens(), kubelet: providerconfig.Kubelet{Minor: 33, TokenGate: true},
		want: []string{`provider "p": tokenAttributes.cacheType came with kubelet 1.34, this is kubelet 1.33`},
	},
	{
		name: "tokenAttributes in v1beta1", text: strings.Replace(tokens(), "config.k8s.io/v1", "config.k8s.io/v1beta1", 1),
		want: []string{`provider "p": tokenAttributes: only kubelet.config.k8s.io/v1 has them, this is kubelet.config.k8s.io/v1beta1`},
	},
}

// unknown is a kubelet of unknown version, which is not the zero value of a test.
var unknown = providerconfig.Kubelet{TokenGate: true}

func TestCheck(t *testing.T) {
	for _, tt := range checkCases {
		t.Run(tt.name, func(t *testing.T) {
			if tt.kubelet == (providerconfig.Kubelet{}) {
				tt.kubelet = current
			}
			var got []string
			if err := providerconfig.Check(tt.text, tt.kubelet); err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("faults (-want +got)\n%s\n%s", diff, tt.text)
			}
		})
	}
}
