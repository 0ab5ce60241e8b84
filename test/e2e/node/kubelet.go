//go:build linux

package node

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/await"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/isolation"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/process"
)

// Where the README has people put it, were it not read-only here.
const (
	pluginDir  = "/run/credential-provider"
	pluginPath = pluginDir + "/ecr-credential-provider"
	manifests  = "/run/manifests"
)

// kubeletConfigFile is where kubeadm has it.
const kubeletConfigFile = "/var/lib/kubelet/config.yaml"

// A Kubelet is how one is started.
type Kubelet struct {
	// Plugin is the program to install; "" for a kubelet without a plugin.
	Plugin string

	// Args are the plugin's.
	Args []string

	// ServiceAccounts has pods pull as their service accounts.
	ServiceAccounts bool
}

// StartKubelet installs the plugin and starts a kubelet, in the place of the one that
// runs.
func (n *Node) StartKubelet(k Kubelet) {
	n.t.Helper()
	if n.kubelet != nil {
		n.kubelet.Kill()
	}
	n.config = k
	n.configureKubelet()
	args := []string{"--config", kubeletConfigFile, "--hostname-override", isolation.NodeName, "--node-ip", Address}
	if n.api != nil {
		args = append(args, "--kubeconfig", n.api.kubeconfig)
	}
	if k.Plugin != "" {
		const providers = "/var/lib/kubelet/credential-providers.json"
		n.InstallPlugin(k.Plugin)
		n.writeJSON(providers, k.providers())
		args = append(args, "--image-credential-provider-config", providers, "--image-credential-provider-bin-dir", pluginDir)
	}
	n.kubelet = n.start("kubelet", n.set.Kubelet, args...)
	n.awaitKubelet()
}

// configureKubelet writes what the kubelet reads besides its arguments.
func (n *Node) configureKubelet() {
	n.t.Helper()
	if err := os.MkdirAll(manifests, 0o755); err != nil {
		n.t.Fatal(err)
	}
	n.writeJSON(kubeletConfigFile, n.kubeletConfig())
}

func (n *Node) awaitKubelet() {
	n.t.Helper()
	await.Nil(n.t, "the kubelet is healthy", func() error {
		resp, err := http.Get("http://127.0.0.1:10248/healthz")
		if err != nil {
			return fmt.Errorf("%w; %v", err, n.kubelet.Err())
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("it says %s", resp.Status)
		}
		return nil
	})
}

// RestartKubelet kills the kubelet and starts it anew, as it was.
func (n *Node) RestartKubelet() {
	n.t.Helper()
	n.StartKubelet(n.config)
}

// KubeletPID is the id of the kubelet's process, which must be running.
func (n *Node) KubeletPID() int {
	n.t.Helper()
	if err := n.kubelet.Err(); err != nil {
		n.t.Fatal(err)
	}
	return n.kubelet.PID()
}

// KubeletLog is what all kubelets of the node have logged.
func (n *Node) KubeletLog() string { return n.kubelet.Log() }

// InstallPlugin puts a program in the place of the plugin.
func (n *Node) InstallPlugin(program string) {
	n.t.Helper()
	content, err := os.ReadFile(program)
	if err != nil {
		n.t.Fatal(err)
	}
	if err := Install(n.Stage(content)); err != nil {
		n.t.Fatal(err)
	}
}

// ClearCache has the plugin forget all tokens.
func (n *Node) ClearCache() {
	n.t.Helper()
	if out, err := process.Command(pluginPath, "cache", "clear").CombinedOutput(); err != nil {
		n.t.Fatalf("clearing the cache: %v: %s", err, out)
	}
}

// Stage puts a program beside the plugin, for Install.
func (n *Node) Stage(content []byte) (staged string) {
	n.t.Helper()
	staged = filepath.Join(pluginDir, "staged", fmt.Sprintf("%x", sha256.Sum256(content)))
	n.write(staged, content)
	if err := os.Chmod(staged, 0o755); err != nil {
		n.t.Fatal(err)
	}
	return staged
}

// Install renames a link to the staged program over the plugin. It writes no file: who
// has one open for writing, be it a child between fork and exec, keeps it from being
// run (execve(2), ETXTBSY).
func Install(staged string) error {
	next := pluginPath + ".next"
	os.Remove(next) // rename(2) leaves it if it is the plugin already
	if err := os.Link(staged, next); err != nil {
		return err
	}
	return os.Rename(next, pluginPath)
}

// providers is the CredentialProviderConfig of the README.
func (k Kubelet) providers() map[string]any {
	provider := map[string]any{
		"name":                 filepath.Base(pluginPath),
		"apiVersion":           "credentialprovider.kubelet.k8s.io/v1",
		"matchImages":          registry.MatchImages(),
		"defaultCacheDuration": "0s",
		"args":                 k.Args,
		"env":                  []map[string]string{{"name": "GOTRACEBACK", "value": "none"}},
	}
	if k.ServiceAccounts {
		provider["tokenAttributes"] = map[string]any{
			"serviceAccountTokenAudience":          audience,
			"cacheType":                            "ServiceAccount",
			"requireServiceAccount":                false,
			"optionalServiceAccountAnnotationKeys": []string{"eks.amazonaws.com/ecr-role-arn", "eks.amazonaws.com/role-arn"},
		}
	}
	return map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1", "kind": "CredentialProviderConfig", "providers": []any{provider},
	}
}

// kubeletConfig has defaults for all but what the machine may lack, and what makes it
// look sooner for what has changed.
func (n *Node) kubeletConfig() map[string]any {
	authentication := map[string]any{"anonymous": map[string]any{"enabled": true}, "webhook": map[string]any{"enabled": false}}
	return map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"address": "127.0.0.1", "authentication": authentication, "authorization": map[string]any{"mode": "AlwaysAllow"},
		"containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
		"volumePluginDir":          "/var/lib/kubelet/volume-plugins",
		"staticPodPath":            manifests,
		"serializeImagePulls":      false,
		"resolvConf":               "",
		"logging":                  map[string]any{"verbosity": 5},

		"syncFrequency": "1s", "fileCheckFrequency": "1s", "nodeStatusUpdateFrequency": "2s",

		// Version 1 of cgroups, swap, full disks, and root without CAP_SYS_RESOURCE.
		"failCgroupV1": false, "cgroupDriver": "cgroupfs", "cgroupsPerQOS": false, "enforceNodeAllocatable": []string{},
		"failSwapOn": false, "oomScoreAdj": 0, "makeIPTablesUtilChains": false,
		"imageGCHighThresholdPercent": 100,
		"evictionHard": map[string]string{
			"memory.available": "1Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%",
		},
	}
}

func (n *Node) writeJSON(file string, value any) {
	n.t.Helper()
	content, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		n.t.Fatal(err)
	}
	n.write(file, content)
}

// PluginRuns is how often this kubelet has run the plugin, and how long it waited for
// it in all, by its own metrics.
func (n *Node) PluginRuns() (runs int, seconds float64) {
	n.t.Helper()
	const metric = "kubelet_credential_provider_plugin_duration_"
	for line := range strings.Lines(n.metrics()) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
		n, err := strconv.ParseFloat(value, 64)
		switch {
		case err != nil:
		case strings.HasPrefix(name, metric+"count{"):
			runs = int(n)
		case strings.HasPrefix(name, metric+"sum{"):
			seconds = n
		}
	}
	return runs, seconds
}

var loadedConfig = regexp.MustCompile(`(?m)^kubelet_credential_provider_config_info\{hash="([^"]*)"\} 1$`)

// LoadedConfig is the hash of the CredentialProviderConfig that this kubelet has loaded,
// by its own metrics; "" if it has none.
func (n *Node) LoadedConfig() string {
	n.t.Helper()
	if m := loadedConfig.FindStringSubmatch(n.metrics()); m != nil {
		return m[1]
	}
	return ""
}

// metrics are the kubelet's.
func (n *Node) metrics() string {
	n.t.Helper()
	resp, err := insecure.Get("https://127.0.0.1:10250/metrics")
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return string(text)
}
