package providerconfig_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/providerconfig"
)

const another = "- name: another\n  apiVersion: credentialprovider.kubelet.k8s.io/v1\n  defaultCacheDuration: 1h\n  matchImages: [another.example]\n"

func TestTakeOut(t *testing.T) {
	rendered, err := entry.Render(current)
	if err != nil {
		t.Fatal(err)
	}
	merged := func(before string) string {
		text, err := providerconfig.Merge(before, entry, current)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	kops, eks := merged(files["kOps"]), merged(files["EKS"])
	both := merged(top + another)
	byProgram := `{"apiVersion":"kubelet.config.k8s.io/v1","kind":"CredentialProviderConfig","providers":[` +
		`{"apiVersion":"credentialprovider.kubelet.k8s.io/v1","args":["--mirror=mirror.example:5000=123456789012.dkr.ecr.eu-central-1.amazonaws.com"],` +
		`"defaultCacheDuration":"0s","env":[{"name":"GOTRACEBACK","value":"none"},{"name":"NO_PROXY","value":"169.254.169.254,<&>"}],` +
		`"matchImages":["*.dkr.ecr.*.amazonaws.com","mirror.example:5000"],"name":"ecr-credential-provider"},` +
		`{"name":"p","apiVersion":"credentialprovider.kubelet.k8s.io/v1","defaultCacheDuration":"1h","matchImages":["a.example"]}]}`
	tests := []struct{ name, now, ours, before, want string }{
		{"a file that we made", rendered, rendered, "", ""},
		{"a file that we made, touched", rendered + "\n# theirs\n", rendered, "", ""},
		{"a file that is gone", "", rendered, "", ""},
		{"a file that we made, with a provider of others", rendered + strings.ReplaceAll("  "+another, "\n  ", "\n    "), rendered, "",
			"apiVersion: kubelet.config.k8s.io/v1\nkind: CredentialProviderConfig\nproviders:\n" + strings.ReplaceAll("  "+another, "\n  ", "\n    ")},
		{"one added below, the official one comes back", kops + another, kops, files["kOps"], files["kOps"] + another},
		{"one added above", strings.Replace(kops, "providers:\n", "providers:\n"+another, 1), kops, files["kOps"],
			strings.Replace(files["kOps"], "providers:\n", "providers:\n"+another, 1)},
		{"the other one edited", strings.Replace(both, "1h", "2h", 1), both, top + another, strings.Replace(top+another, "1h", "2h", 1)},
		{"the other one gone", top + strings.TrimPrefix(both, top+another), both, top + another, ""},
		{"moved to the front", top + strings.TrimPrefix(both, top+another) + another, both, top + another, top + another},
		{"ours is gone", top + another + "# theirs\n", both, top + another, top + another + "# theirs\n"},
		{"the official one is back", files["kOps"] + "# theirs\n", kops, files["kOps"], files["kOps"] + "# theirs\n"},
		{"added in JSON", strings.Replace(eks, "\n    }\n  ]", "\n    },\n    {\"name\": \"p\", \"apiVersion\": \"credentialprovider.kubelet.k8s.io/v1\", \"defaultCacheDuration\": \"1h\", \"matchImages\": [\"a.example\"]}\n  ]", 1), eks, files["EKS"],
			strings.Replace(files["EKS"], "\n    }\n  ]", "\n    },\n    {\"name\": \"p\", \"apiVersion\": \"credentialprovider.kubelet.k8s.io/v1\", \"defaultCacheDuration\": \"1h\", \"matchImages\": [\"a.example\"]}\n  ]", 1)},
		{"written anew by a program", byProgram, rendered, "",
			`{"apiVersion":"kubelet.config.k8s.io/v1","kind":"CredentialProviderConfig","providers":[` +
				`{"name":"p","apiVersion":"credentialprovider.kubelet.k8s.io/v1","defaultCacheDuration":"1h","matchImages":["a.example"]}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := providerconfig.TakeOut(tt.now, tt.ours, tt.before)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("left (-want +got)\n%s", diff)
			}
		})
	}
}

func TestTakeOutRefuses(t *testing.T) {
	both, err := providerconfig.Merge(top+another, entry, current)
	if err != nil {
		t.Fatal(err)
	}
	flow, err := providerconfig.Merge(files["flow in block"], entry, current)
	if err != nil {
		t.Fatal(err)
	}
	edited := `provider "ecr-credential-provider" has been edited since it was installed`
	undo := "take it out of the config by hand, or undo the edit and run this again"
	byHand := "change its providers by hand; ecr-node-bootstrap print config shows the entry"
	tests := []struct{ name, now, ours, before, want, hint string }{
		{"an edit in ours", strings.Replace(both, "0s", "1h", 1), both, top + another, edited, undo},
		{"a comment in ours", strings.Replace(both, "  args:", "  # theirs\n  args:", 1), both, top + another, edited, undo},
		{"no config", "a: [", both, top + another,
			"taking ecr-credential-provider out of its config: yaml: line 1: did not find expected node content", ""},
		{"ours twice", both + strings.TrimPrefix(both, top+another), both, top + another,
			`taking ecr-credential-provider out of its config: provider "ecr-credential-provider": there are two of this name`, ""},
		{"a comment of others beside ours", strings.Replace(flow, "},\n  {\"name", "}, # theirs\n  {\"name", 1), flow, files["flow in block"],
			"changing the config that is there: there are comments beside it", byHand},
		{"an anchor on the list", strings.Replace(both, "providers:\n", "providers: &all\n", 1), both, top + another,
			"changing the config that is there: its list of providers is not in a place where it can be told apart safely", byHand},
		{"what we left is no config", both + "# theirs\n", "a: [", top + another,
			"reading what was left behind: yaml: line 1: did not find expected node content", ""},
		{"what was there is no config", both + "# theirs\n", both, "a: [",
			"reading what was there before: yaml: line 1: did not find expected node content", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := providerconfig.TakeOut(tt.now, tt.ours, tt.before)
			if err == nil || got != "" {
				t.Fatalf("no error, and\n%s", got)
			}
			if diff := cmp.Diff([]string{tt.want, tt.hint}, []string{err.Error(), hint.Of(err)}); diff != "" {
				t.Errorf("error and hint (-want +got)\n%s", diff)
			}
		})
	}
}
