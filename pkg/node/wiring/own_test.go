package wiring_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	kubeletv1 "k8s.io/kubelet/config/v1"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/wiring"
)

// wantConfig is what the document of values says.
func wantConfig() *kubeletv1.CredentialProviderConfig {
	return &kubeletv1.CredentialProviderConfig{
		Providers: []kubeletv1.CredentialProvider{{
			Name:                 "ecr-credential-provider",
			APIVersion:           "credentialprovider.kubelet.k8s.io/v1",
			DefaultCacheDuration: &metav1.Duration{},
			MatchImages:          []string{"*.dkr.ecr.*.amazonaws.com", "public.ecr.aws"},
			Args:                 []string{nasty},
			Env:                  []kubeletv1.ExecEnvVar{{Name: "NO_PROXY", Value: nasty}},
		}},
	}
}

// decodeConfig reads a CredentialProviderConfig as strictly as a kubelet from 1.32 on.
func decodeConfig(t *testing.T, text []byte) runtime.Object {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := kubeletv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	codecs := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	got, _, err := codecs.UniversalDeserializer().Decode(text, nil, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	got.GetObjectKind().SetGroupVersionKind(kubeletv1.SchemeGroupVersion.WithKind(""))
	got.(*kubeletv1.CredentialProviderConfig).TypeMeta = metav1.TypeMeta{}
	return got
}

// TestTalos reads the patch as v1alpha1.Config does (siderolabs/talos
// pkg/machinery/config/types/v1alpha1, KubeletConfig), whose
// credentialProviderConfig is an object of any kind that Talos hands to the kubelet.
func TestTalos(t *testing.T) {
	var patch struct {
		Machine struct {
			Kubelet struct {
				CredentialProviderConfig map[string]any `yaml:"credentialProviderConfig"`
			} `yaml:"kubelet"`
		} `yaml:"machine"`
	}
	decodeYAML(t, printed(t, "talos", values()), &patch)
	object, err := json.Marshal(patch.Machine.Kubelet.CredentialProviderConfig)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantConfig(), decodeConfig(t, object)); diff != "" {
		t.Errorf("Talos reads (-want +got):\n%s", diff)
	}
}

// TestKopsConfig holds the file that kOps writes against the kubelet's codec.
func TestKopsConfig(t *testing.T) {
	var cluster kopsCluster
	decodeYAML(t, printed(t, "kops", values()), &cluster)
	if diff := cmp.Diff(wantConfig(), decodeConfig(t, []byte(cluster.Spec.FileAssets[0].Content))); diff != "" {
		t.Errorf("the kubelet reads (-want +got):\n%s", diff)
	}
}

// TestBottlerocket reads settings.kubernetes.credential-providers of
// bottlerocket.dev/en/os/latest/api/settings/kubernetes.
func TestBottlerocket(t *testing.T) {
	const table = "settings.kubernetes.credential-providers.ecr-credential-provider"
	patterns := []any{"*.dkr.ecr.*.amazonaws.com", "public.ecr.aws"}
	v := values()
	want := map[string]map[string]any{
		table:                  {"enabled": true, "image-patterns": patterns},
		table + ".environment": {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": nasty},
	}
	if diff := cmp.Diff(want, decodeTOML(t, printed(t, "bottlerocket", v))); diff != "" {
		t.Errorf("Bottlerocket reads (-want +got):\n%s", diff)
	}
	v.Env = nil
	delete(want, table+".environment")
	if diff := cmp.Diff(want, decodeTOML(t, printed(t, "bottlerocket", v))); diff != "" {
		t.Errorf("without an environment, Bottlerocket reads (-want +got):\n%s", diff)
	}
}

// decodeTOML reads the TOML that is the same in JSON: tables of keys with strings,
// truths and arrays, which may have a comma at their end.
func decodeTOML(t *testing.T, text string) map[string]map[string]any {
	t.Helper()
	tables := map[string]map[string]any{}
	var table map[string]any
	text = strings.NewReplacer("[\n", "[", ",\n]", "]", ",\n", ",").Replace(text)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if name, ok := strings.CutPrefix(line, "["); ok {
			table = map[string]any{}
			tables[strings.TrimSuffix(name, "]")] = table
			continue
		}
		key, text, _ := strings.Cut(line, " = ")
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if _, twice := table[strings.Trim(key, `"`)]; twice || table == nil {
			t.Fatalf("%s: has a place already, or none", line)
		}
		table[strings.Trim(key, `"`)] = value
	}
	return tables
}

// role and binding mirror rbac.authorization.k8s.io/v1.
type (
	role struct {
		APIVersion string            `yaml:"apiVersion"`
		Kind       string            `yaml:"kind"`
		Metadata   map[string]string `yaml:"metadata"`
		Rules      []rule            `yaml:"rules"`
	}
	rule struct {
		Verbs         []string `yaml:"verbs"`
		APIGroups     []string `yaml:"apiGroups"`
		Resources     []string `yaml:"resources"`
		ResourceNames []string `yaml:"resourceNames"`
	}
	binding struct {
		APIVersion string              `yaml:"apiVersion"`
		Kind       string              `yaml:"kind"`
		Metadata   map[string]string   `yaml:"metadata"`
		RoleRef    map[string]string   `yaml:"roleRef"`
		Subjects   []map[string]string `yaml:"subjects"`
	}
)

func TestRBAC(t *testing.T) {
	for _, tt := range []struct {
		audience string
		names    []string
	}{
		{"sts.amazonaws.com", nil},
		{"https://" + nasty, []string{"pull", nasty}},
	} {
		text, err := wiring.RBAC(tt.audience, tt.names)
		if err != nil {
			t.Fatal(err)
		}
		decoder := yaml.NewDecoder(strings.NewReader(text), yaml.Strict())
		var gotRole role
		var gotBinding binding
		if err := decoder.Decode(&gotRole); err != nil {
			t.Fatal(err)
		}
		if err := decoder.Decode(&gotBinding); err != nil {
			t.Fatal(err)
		}
		name := map[string]string{"name": "ecr-credential-provider-audience"}
		wantRole := role{
			APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole", Metadata: name,
			Rules: []rule{{
				Verbs: []string{"request-serviceaccounts-token-audience"}, APIGroups: []string{""},
				Resources: []string{tt.audience}, ResourceNames: tt.names,
			}},
		}
		wantBinding := binding{
			APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRoleBinding", Metadata: name,
			RoleRef:  map[string]string{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name["name"]},
			Subjects: []map[string]string{{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:nodes"}},
		}
		if diff := cmp.Diff(wantRole, gotRole); diff != "" {
			t.Errorf("the role for %s (-want +got):\n%s", tt.audience, diff)
		}
		if diff := cmp.Diff(wantBinding, gotBinding); diff != "" {
			t.Errorf("the binding for %s (-want +got):\n%s", tt.audience, diff)
		}
	}
}
