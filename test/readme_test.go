package test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	kubeletv1 "k8s.io/kubelet/config/v1"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
)

// TestREADMEConfig reads the config that people copy from the README with a strict
// codec of the kubelet's own types: a typing error there stops a kubelet. It must
// match every host of the table, and be the same with the addition for service
// accounts.
func TestREADMEConfig(t *testing.T) {
	b, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(b), "```yaml\n")
	if len(blocks) != 3 {
		t.Fatalf("README.md has %d blocks of yaml, want the config and its addition", len(blocks)-1)
	}
	config := block(blocks[1])
	addition := block(blocks[2])
	want := &kubeletv1.CredentialProviderConfig{
		Providers: []kubeletv1.CredentialProvider{{
			Name:                 "ecr-credential-provider",
			APIVersion:           "credentialprovider.kubelet.k8s.io/v1",
			DefaultCacheDuration: &metav1.Duration{},
			Env:                  []kubeletv1.ExecEnvVar{{Name: "GOTRACEBACK", Value: "none"}},
			MatchImages:          registry.MatchImages(),
		}},
	}
	want.APIVersion, want.Kind = "kubelet.config.k8s.io/v1", "CredentialProviderConfig"
	if diff := cmp.Diff(want, decode(t, config)); diff != "" {
		t.Errorf("the config of README.md (-want +got)\n%s", diff)
	}

	required := false
	cacheType := kubeletv1.ServiceAccountServiceAccountTokenCacheType
	want.Providers[0].TokenAttributes = &kubeletv1.ServiceAccountTokenAttributes{
		ServiceAccountTokenAudience:          "sts.amazonaws.com",
		CacheType:                            cacheType,
		RequireServiceAccount:                &required,
		OptionalServiceAccountAnnotationKeys: []string{"eks.amazonaws.com/ecr-role-arn", "eks.amazonaws.com/role-arn"},
	}
	if diff := cmp.Diff(want, decode(t, config+addition)); diff != "" {
		t.Errorf("the config of README.md with service accounts (-want +got)\n%s", diff)
	}
}

// block is the code at the beginning of s, less the indentation of a list.
func block(s string) string {
	code, _, _ := strings.Cut(s, "```")
	var b strings.Builder
	for line := range strings.Lines(code) {
		b.WriteString(strings.TrimPrefix(line, "   "))
	}
	return b.String()
}

func decode(t *testing.T, config string) *kubeletv1.CredentialProviderConfig {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := kubeletv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	codecs := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	object, err := runtime.Decode(codecs.UniversalDeserializer(), []byte(config))
	if err != nil {
		t.Fatalf("%v in\n%s", err, config)
	}
	return object.(*kubeletv1.CredentialProviderConfig)
}
