package providerconfig_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/yaml"
	kubeletv1 "k8s.io/kubelet/config/v1"

	"github.com/kubelet-ecr/kubelet-ecr/deploy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/providerconfig"
)

var (
	current = providerconfig.Kubelet{Minor: 34}

	entry = providerconfig.Entry{
		MatchImages: []string{"*.dkr.ecr.*.amazonaws.com", "mirror.example:5000"},
		Args:        []string{"--mirror=mirror.example:5000=123456789012.dkr.ecr.eu-central-1.amazonaws.com"},
		Env:         []deploy.Variable{{Name: "NO_PROXY", Value: "169.254.169.254,<&>"}},
	}
)

// providers is what the kubelet's types make of a text.
func providers(t *testing.T, text string) []kubeletv1.CredentialProvider {
	t.Helper()
	var config kubeletv1.CredentialProviderConfig
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return config.Providers
}

// Whatever the layout: our entry is there once, the others are as they were, their text
// too, a second run changes nothing, and taking it out gives the file back.
func TestMergeAndTakeOut(t *testing.T) {
	rendered, err := entry.Render(current)
	if err != nil {
		t.Fatal(err)
	}
	ours := providers(t, rendered)[0]
	for name, before := range files {
		t.Run(name, func(t *testing.T) {
			merged, err := providerconfig.Merge(before, entry, current)
			if err != nil {
				t.Fatalf("%v in\n%s", err, before)
			}
			want := providers(t, before)
			if i := slices.IndexFunc(want, func(p kubeletv1.CredentialProvider) bool { return p.Name == providerconfig.Name }); i >= 0 {
				want[i] = ours
			} else {
				want = append(want, ours)
			}
			if diff := cmp.Diff(want, providers(t, merged)); diff != "" {
				t.Errorf("providers (-want +got)\n%s\n%s", diff, merged)
			}
			if err := providerconfig.Check(merged, current); err != nil {
				t.Error(err)
			}
			if again, err := providerconfig.Merge(merged, entry, current); err != nil || again != merged {
				t.Errorf("merged again: %v\n%s", err, cmp.Diff(merged, again))
			}
			golden(t, "merged/"+strings.ReplaceAll(name, " ", "-"), merged)
			if got, err := providerconfig.TakeOut(merged, merged, before); err != nil || got != before {
				t.Errorf("taken out: %v\n%s", err, cmp.Diff(before, got))
			}
			takeOutOfEdited(t, before, merged)
		})
	}
}

// takeOutOfEdited adds comments of others in front of a file and behind it.
func takeOutOfEdited(t *testing.T, before, merged string) {
	t.Helper()
	edit := func(s string) string { return "# theirs\n" + s }
	if strings.HasPrefix(before, "{") {
		edit = func(s string) string { return strings.TrimRight(s, "\r\n") + "\n\n\n" }
	} else if strings.HasPrefix(before, "\ufeff") {
		edit = func(s string) string { return s + "# theirs\n" }
	}
	if got, err := providerconfig.TakeOut(edit(merged), merged, before); err != nil || got != edit(before) {
		t.Errorf("taken out after an edit: %v\n%s", err, cmp.Diff(edit(before), got))
	}
}

func TestMergeIntoNothingIsRender(t *testing.T) {
	want, err := entry.Render(current)
	if err != nil {
		t.Fatal(err)
	}
	for _, nothing := range []string{"", "\n \n"} {
		if got, err := providerconfig.Merge(nothing, entry, current); err != nil || got != want {
			t.Errorf("Merge(%q): %v\n%s", nothing, err, cmp.Diff(want, got))
		}
	}
}

// An upgrade of ours replaces ours, whole files and all.
func TestMergeIntoOursIsRender(t *testing.T) {
	old := providerconfig.Entry{MatchImages: []string{"old.example"}, Args: []string{"--no-cache"}}
	for _, k := range []providerconfig.Kubelet{{Minor: 31}, {Minor: 37}, {}} {
		was, err := old.Render(k)
		if err != nil {
			t.Fatal(err)
		}
		want, err := entry.Render(k)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := providerconfig.Merge(was, entry, k); err != nil || got != want {
			t.Errorf("%s: %v\n%s", k, err, cmp.Diff(want, got))
		}
	}
}

// An entry of ours for another kubelet, or a broken one of the official plugin, is
// replaced all the same.
func TestMergeRepairsItsOwnEntry(t *testing.T) {
	tokens := entry
	tokens.ServiceAccounts = &providerconfig.ServiceAccounts{Audience: "sts.amazonaws.com"}
	was, err := tokens.Render(providerconfig.Kubelet{Minor: 33, TokenGate: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []providerconfig.Kubelet{{Minor: 34}, {Minor: 30}} {
		if err := providerconfig.Check(was, k); err == nil {
			t.Fatalf("%s takes\n%s", k, was)
		}
		if _, err := providerconfig.Merge(was, entry, k); err != nil {
			t.Error(err)
		}
	}
}

const top = "apiVersion: kubelet.config.k8s.io/v1\nkind: CredentialProviderConfig\nproviders:\n"

func TestMergeRefuses(t *testing.T) {
	tokens := entry
	tokens.ServiceAccounts = &providerconfig.ServiceAccounts{Audience: "sts.amazonaws.com"}
	good := "- {name: first, apiVersion: credentialprovider.kubelet.k8s.io/v1, defaultCacheDuration: 1h, matchImages: [first.example]}\n"
	official := "- {name: ecr-credential-provider, apiVersion: &v credentialprovider.kubelet.k8s.io/v1, defaultCacheDuration: 1h, matchImages: [a.example]}\n"
	unsafe := "change its providers by hand; ecr-node-bootstrap print config shows the entry"
	tests := []struct {
		name, text string
		entry      providerconfig.Entry
		kubelet    providerconfig.Kubelet
		want, hint string
	}{
		{
			name: "others that a kubelet refuses", text: top + good + "- {name: second}\n",
			want: "the config that is there is refused for kubelet 1.34: provider \"second\": apiVersion: required\n" +
				"provider \"second\": matchImages: at least one is required\nprovider \"second\": defaultCacheDuration: required",
			hint: "correct it, or move it away if no kubelet reads it",
		},
		{
			name: "no providers", text: strings.TrimSuffix(top, "\n"),
			want: "the config that is there is refused for kubelet 1.34: providers: at least one is required",
			hint: "correct it, or move it away if no kubelet reads it",
		},
		{
			name: "an empty list", text: strings.TrimSuffix(top, "\n") + " []\n",
			want: "the config that is there is refused for kubelet 1.34: providers: at least one is required",
			hint: "correct it, or move it away if no kubelet reads it",
		},
		{
			name: "a second document", text: top + good + "---\n" + top + good,
			want: "the config that is there is refused for kubelet 1.34: line 6: a second YAML document, of which a kubelet reads nothing: want one, with all providers in it",
			hint: "correct it, or move it away if no kubelet reads it",
		},
		{
			name: "not YAML", text: "providers: [",
			want: "the config that is there: yaml: line 1: did not find expected node content",
		},
		{
			name: "two of the name", text: top + official + strings.ReplaceAll(official, "&v ", ""),
			want: `the config that is there: provider "ecr-credential-provider": there are two of this name`,
		},
		{
			name: "an anchor in the entry that goes", text: top + official + strings.ReplaceAll(good, "credentialprovider.kubelet.k8s.io/v1", "*v"),
			want: "changing the config that is there: yaml: unknown anchor 'v' referenced", hint: unsafe,
		},
		{
			name: "an anchor that has another meaning without the entry that goes",
			text: top + strings.Replace(good, "credential", "&v credential", 1) + strings.Replace(official, "io/v1,", "io/v1beta1,", 1) +
				"- {name: last, apiVersion: *v, defaultCacheDuration: 1h, matchImages: [a.example]}\n",
			want: "changing the config that is there: another provider would change", hint: unsafe,
		},
		{
			name: "an anchor on the list", text: strings.TrimSuffix(top, "\n") + " &all\n" + good,
			want: "changing the config that is there: its list of providers is not in a place where it can be told apart safely", hint: unsafe,
		},
		{
			name: "quotes over several lines that look like providers", text: top + strings.Replace(good, "first.example", "\"first\\\n- x\"", 1),
			want: "changing the config that is there: its list of providers is not in a place where it can be told apart safely", hint: unsafe,
		},
		{
			name: "service accounts in a config of v1beta1", text: strings.Replace(top, "/v1", "/v1beta1", 1) + good, entry: tokens,
			want: "the config with ecr-credential-provider in it is refused for kubelet 1.34: provider \"ecr-credential-provider\": " +
				"tokenAttributes: only kubelet.config.k8s.io/v1 has them, this is kubelet.config.k8s.io/v1beta1",
			hint: "raise the apiVersion of the config that is there to kubelet.config.k8s.io/v1",
		},
		{
			name: "a kubelet before 1.26", text: top + good, kubelet: providerconfig.Kubelet{Minor: 25},
			want: "kubelet 1.25 is too old: 1.26 is the first that knows kubelet.config.k8s.io/v1 and credentialprovider.kubelet.k8s.io/v1",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.entry.MatchImages == nil {
				tt.entry = entry
			}
			if tt.kubelet.Minor == 0 {
				tt.kubelet = current
			}
			got, err := providerconfig.Merge(tt.text, tt.entry, tt.kubelet)
			if err == nil || got != "" {
				t.Fatalf("no error, and\n%s", got)
			}
			if diff := cmp.Diff([]string{tt.want, tt.hint}, []string{err.Error(), hint.Of(err)}); diff != "" {
				t.Errorf("error and hint (-want +got)\n%s", diff)
			}
		})
	}
}

func TestFilesAreTaken(t *testing.T) {
	for name, text := range files {
		if err := providerconfig.Check(text, current); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
