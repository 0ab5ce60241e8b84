package wiring_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/deploy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/wiring"
)

// nasty is what a value of the entry may have in it.
const nasty = `it's "so" #1: a\b, {{x}} $HOME %h ` + "`id` ü"

// values are of a node that has everything, and other paths than the default ones.
func values() wiring.Values {
	return wiring.Values{
		BinDir: "/srv/plugins/bin",
		Config: "/srv/plugins/config.yaml",
		Document: strings.Join([]string{
			"# A comment.",
			"apiVersion: kubelet.config.k8s.io/v1",
			"kind: CredentialProviderConfig",
			"providers:",
			"  - name: ecr-credential-provider",
			"    apiVersion: credentialprovider.kubelet.k8s.io/v1",
			`    defaultCacheDuration: "0s"`,
			`    matchImages: ["*.dkr.ecr.*.amazonaws.com", "public.ecr.aws"]`,
			"",
			"    args: [" + encode(nasty) + "]",
			"    env:",
			"      - {name: NO_PROXY, value: " + encode(nasty) + "}",
			"",
		}, "\n"),
		MatchImages: []string{"*.dkr.ecr.*.amazonaws.com", "public.ecr.aws"},
		Env:         []deploy.Variable{{Name: "HTTPS_PROXY", Value: "http://proxy:3128"}, {Name: "NO_PROXY", Value: nasty}},
	}
}

// encode writes a string of JSON, which YAML reads too.
func encode(s string) string {
	b, _ := json.Marshal(s) // which a string cannot fail
	return string(b)
}

// wantFlags are what every kubelet of values gets, if it gets flags.
func wantFlags(v wiring.Values) []string {
	return []string{"--image-credential-provider-bin-dir=" + v.BinDir, "--image-credential-provider-config=" + v.Config}
}

func printed(t *testing.T, name string, v wiring.Values) string {
	t.Helper()
	text, err := wiring.Print(name, v)
	if err != nil {
		t.Fatal(hint.Line(err))
	}
	return text
}

// decodeYAML reads into a mirror of a distribution's type, which has only the fields
// that it documents: others are errors.
func decodeYAML(t *testing.T, text string, into any) {
	t.Helper()
	if err := yaml.UnmarshalWithOptions([]byte(text), into, yaml.Strict()); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}

// TestK0s runs the script with programs that write down what they were told, then splits
// the extra flags as k0s does (internal/pkg/flags, Split).
func TestK0s(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell")
	}
	bin := t.TempDir()
	for _, program := range []string{"k0s", "ecr-node-bootstrap"} {
		script := "#!" + sh + "\nfor a in " + program + " \"$@\"; do echo \"<$a>\"; done\n[ \"$1\" != \"$FAILS\" ]\n"
		if err := os.WriteFile(filepath.Join(bin, program), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	v := values()
	run := func(env ...string) (string, error) {
		c := exec.CommandContext(t.Context(), sh)
		c.Env = append([]string{"PATH=" + bin}, env...)
		c.Stdin = strings.NewReader(printed(t, "k0s", v))
		out, err := c.Output()
		return strings.ReplaceAll(string(out), ">\n<", "|"), err
	}
	got, err := run("TOKEN_FILE=/root/a token")
	if err != nil {
		t.Fatal(err)
	}
	want := "<ecr-node-bootstrap|install|--distribution|generic|--bin-dir|/srv/plugins/bin|--config|/srv/plugins/config.yaml|k0s|stop|" +
		"k0s|install|worker|--force|--token-file|/root/a token|--kubelet-extra-args=" + strings.Join(wantFlags(v), " ") + "|k0s|start>\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the script ran this (-want +got):\n%s", diff)
	}
	if got, err := run(); err == nil || got != "" {
		t.Errorf("without a token something is run: %v\n%s", err, got)
	}
	for step, last := range map[string]string{"install": "<ecr-node-bootstrap|install|", "stop": "|k0s|stop>\n"} {
		got, err := run("TOKEN_FILE=t", "FAILS="+step)
		if err == nil || !strings.Contains(got, last) || strings.Contains(got, "k0s|install") {
			t.Errorf("after %s has failed, the script goes on: %v\n%s", step, err, got)
		}
	}
	k0sctl := uncommented(printed(t, "k0s", v), "#   installFlags:", "\n: ")
	var host struct {
		InstallFlags []string `yaml:"installFlags"`
	}
	decodeYAML(t, k0sctl, &host)
	// As k0sctl's README writes such a flag: its value keeps quotes, which a shell removes.
	if diff := cmp.Diff([]string{`--kubelet-extra-args="` + strings.Join(wantFlags(v), " ") + `"`}, host.InstallFlags); diff != "" {
		t.Errorf("installFlags for k0sctl (-want +got):\n%s", diff)
	}
}

// uncommented returns the comment from one line to before another, without its signs.
func uncommented(text, from, to string) string {
	_, rest, _ := strings.Cut(text, from)
	rest, _, _ = strings.Cut(from+rest, to)
	return strings.ReplaceAll("\n"+rest, "\n#", "\n")
}

// TestMicroK8s reads the lines as kubelite does (ReadArgsFromFile of
// cmd/kubelite/app/options), which drops comments and quotes, and splits at spaces.
func TestMicroK8s(t *testing.T) {
	v := values()
	text := printed(t, "microk8s", v)
	var got []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		line = strings.NewReplacer(`"`, "", "'", "").Replace(line)
		for part := range strings.SplitSeq(line, " ") {
			got = append(got, os.ExpandEnv(part))
		}
	}
	if diff := cmp.Diff(wantFlags(v), got); diff != "" {
		t.Errorf("kubelite reads (-want +got):\n%s", diff)
	}
	// The script that starts kubelite greps for these in the whole file, comments included
	// (microk8s-resources/wrappers/run-kubelite-with-args).
	for _, word := range []string{"pod-cidr", "runtime-cgroups", "kubelet-cgroups"} {
		if strings.Contains(text, word) {
			t.Errorf("the lines have %s in them, which MicroK8s takes for the flag", word)
		}
	}
}

// kubesprayVars are what roles/kubernetes/node/defaults/main.yml has of these.
type kubesprayVars struct {
	CustomFlags     []string `yaml:"kubelet_custom_flags"`
	SecureAddresses string   `yaml:"kubelet_secure_addresses"`
}

func TestKubespray(t *testing.T) {
	v := values()
	text := printed(t, "kubespray", v)
	var got kubesprayVars
	decodeYAML(t, text, &got)
	if diff := cmp.Diff(kubesprayVars{CustomFlags: wantFlags(v)}, got); diff != "" {
		t.Errorf("Ansible reads (-want +got):\n%s", diff)
	}
	got = kubesprayVars{}
	decodeYAML(t, strings.Replace(text, "# kubelet_secure_addresses:", "kubelet_secure_addresses:", 1), &got)
	want := kubesprayVars{CustomFlags: wantFlags(v), SecureAddresses: "localhost link-local {{ kube_pods_subnets | regex_replace(',', ' ') }} {{ kube_node_addresses }} 10.0.0.0/16"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("with the addresses, Ansible reads (-want +got):\n%s", diff)
	}
}

// kopsCluster mirrors ClusterSpec.FileAssets and FileAssetSpec (kops
// pkg/apis/kops/v1alpha2/cluster.go).
type kopsCluster struct {
	Spec struct {
		FileAssets []kopsFileAsset `yaml:"fileAssets"`
	} `yaml:"spec"`
}

type kopsFileAsset struct {
	Name     string   `yaml:"name"`
	Path     string   `yaml:"path"`
	Roles    []string `yaml:"roles"`
	Content  string   `yaml:"content"`
	IsBase64 bool     `yaml:"isBase64"`
	Mode     string   `yaml:"mode"`
}

func TestKops(t *testing.T) {
	v := values()
	var got kopsCluster
	decodeYAML(t, printed(t, "kops", v), &got)
	want := kopsCluster{}
	want.Spec.FileAssets = []kopsFileAsset{
		{Name: "ecr-credential-provider-config", Path: v.Config, Content: v.Document},
		{
			Name: "ecr-credential-provider-kubelet", Path: "/etc/systemd/system/kubelet.service.d/20-ecr-credential-provider.conf",
			Content: "[Service]\nExecStart=\nExecStart=/usr/local/bin/kubelet $DAEMON_ARGS " + strings.Join(wantFlags(v), " ") + "\n",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kOps reads (-want +got):\n%s", diff)
	}
}

// nodeConfig mirrors NodeConfig of EKS hybrid (aws/eks-hybrid api/v1alpha1,
// KubeletOptions).
type nodeConfig struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Spec       struct {
		Kubelet struct {
			Config map[string]any `yaml:"config"`
			Flags  []string       `yaml:"flags"`
		} `yaml:"kubelet"`
	} `yaml:"spec"`
}

func TestEKSHybrid(t *testing.T) {
	v := values()
	var got nodeConfig
	decodeYAML(t, printed(t, "eks-hybrid", v), &got)
	want := nodeConfig{APIVersion: "node.eks.aws/v1alpha1", Kind: "NodeConfig"}
	want.Spec.Kubelet.Flags = wantFlags(v)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("nodeadm reads (-want +got):\n%s", diff)
	}
}
