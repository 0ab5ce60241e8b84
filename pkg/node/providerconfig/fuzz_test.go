package providerconfig_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	kubeletv1 "k8s.io/kubelet/config/v1"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/providerconfig"
)

// FuzzMerge: of any text Check, Merge and TakeOut make something or an error, in one line
// a fault. What is merged passes, has all others as they were, is the same when it is
// merged again, and goes back to what it was.
func FuzzMerge(f *testing.F) {
	for _, text := range files {
		f.Add(text)
	}
	for _, tt := range checkCases {
		f.Add(tt.text)
	}
	others := func(all []kubeletv1.CredentialProvider) []kubeletv1.CredentialProvider {
		return slices.DeleteFunc(all, func(p kubeletv1.CredentialProvider) bool { return p.Name == providerconfig.Name })
	}
	f.Fuzz(func(t *testing.T, text string) {
		if err := providerconfig.Check(text, current); err != nil && strings.Contains(err.Error(), "\r") {
			t.Errorf("Check: %q", err)
		}
		merged, err := providerconfig.Merge(text, entry, current)
		if err != nil || strings.TrimSpace(text) == "" {
			return
		}
		if err := providerconfig.Check(merged, current); err != nil {
			t.Errorf("merged:\n%s\nfrom\n%s\n%v", merged, text, err)
		}
		if diff := cmp.Diff(others(providers(t, text)), others(providers(t, merged))); diff != "" {
			t.Errorf("merged:\n%s\nfrom\n%s\nothers: %s", merged, text, diff)
		}
		if again, err := providerconfig.Merge(merged, entry, current); err != nil || again != merged {
			t.Errorf("merged:\n%s\nfrom\n%s\nagain: %v %s", merged, text, err, cmp.Diff(merged, again))
		}
		foreign := merged + "\n"
		if got, err := providerconfig.TakeOut(foreign, merged, text); err == nil && got != text+"\n" {
			t.Errorf("merged:\n%s\nfrom\n%s\ntaken out after an edit: %s", merged, text, cmp.Diff(text+"\n", got))
		}
	})
}
