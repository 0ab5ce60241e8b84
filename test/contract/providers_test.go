package contract

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/test/contract/kubelet"
)

var versions = [...]string{"v1", "v1beta1", "v1alpha1"}

// links gives the node a directory with the plugin under these names.
func (n *node) links(names ...string) {
	n.Helper()
	n.binDir = n.TempDir()
	for _, name := range names {
		if err := os.Symlink(filepath.Join(bin, pluginName), filepath.Join(n.binDir, name)); err != nil {
			n.Fatal(err)
		}
	}
}

// TestVersions is one kubelet for each version of the config, and in each a provider
// for each version of the plugin's API: the same binary, by links.
func TestVersions(t *testing.T) {
	onEach(t, func(n *node) {
		n.links(versions[:]...)
		for _, ofConfig := range versions {
			c := config{APIVersion: "kubelet.config.k8s.io/" + ofConfig, Kind: "CredentialProviderConfig"}
			for _, v := range versions {
				p := n.provider()
				p.Name, p.APIVersion = v, "credentialprovider.kubelet.k8s.io/"+v
				p.MatchImages = []string{"*.dkr.ecr.xx-" + v + "-1.amazonaws.com"}
				c.Providers = append(c.Providers, p)
			}
			k := n.startWith(c)
			for _, v := range versions {
				region := "xx-" + v + "-1"
				if diff := cmp.Diff(nodes(region), k.lookup(kubelet.Pod{}, image(region, "app"))); diff != "" {
					n.Errorf("config %s, plugin %s (-want +got)\n%s\n%q", ofConfig, v, diff, k.errors())
				}
			}
		}
	})
}

// TestProviders has two providers for one image, which both run: the kubelet offers
// what both have, and what fails in one of them is not the other's.
func TestProviders(t *testing.T) {
	const other = "arn:aws:iam::210987654321:role/pull"
	onEach(t, func(n *node) {
		n.links("a-node", "b-role", "c-broken")
		var all []provider
		for _, p := range [...]struct{ name, arg string }{
			{"a-node", "get-credentials"}, {"b-role", "--role=" + account + "=" + other}, {"c-broken", "--mistyped"},
		} {
			provider := n.provider()
			provider.Name, provider.Args = p.name, append(provider.Args, p.arg)
			all = append(all, provider)
		}
		k := n.start(all...)
		got := k.lookup(kubelet.Pod{}, image("us-east-1", "app"))
		want := [][]string{{
			"us-east-1, " + nodePrincipal,
			"us-east-1, arn:aws:sts::210987654321:assumed-role/pull/ecr-credential-provider",
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			n.Errorf("(-want +got)\n%s", diff)
		}
		errors := []string{"error execing credential provider plugin c-broken for image " + image("us-east-1", "app") + ": exit status 2: " +
			"ecr-credential-provider: arguments: flag provided but not defined: -mistyped; hint: ecr-credential-provider --help lists what it takes; " +
			"in the CredentialProviderConfig that is args"}
		if diff := cmp.Diff(errors, k.errors()); diff != "" {
			n.Errorf("the kubelet logged (-want +got)\n%s", diff)
		}
	})
}

// TestEnvironment has the provider's env beat the kubelet's own, which has no PATH, no
// HOME and no region either.
func TestEnvironment(t *testing.T) {
	onEach(t, func(n *node) {
		p := n.provider()
		for _, v := range n.env {
			name, value, _ := strings.Cut(v, "=")
			p.Env = append(p.Env, variable{name, value})
		}
		n.env = []string{"AWS_ENDPOINT_URL=http://127.0.0.1:1", "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:1"}
		k := n.start(p)
		if diff := cmp.Diff(nodes("us-east-1"), k.lookup(kubelet.Pod{}, image("us-east-1", "app"))); diff != "" {
			n.Errorf("(-want +got)\n%s\n%q", diff, k.errors())
		}
	})
}

// TestChildStays has AWS credentials from a command that leaves a process behind, with
// the stdin and stderr that it was given. The kubelet waits for whoever holds the pipes
// of the plugin, beyond its own limit (exec.Cmd without a WaitDelay,
// pkg/credentialprovider/plugin/plugin.go, runPlugin).
func TestChildStays(t *testing.T) {
	t.Parallel()
	onEach(t, func(n *node) {
		n.Parallel()
		child := filepath.Join(n.dir, "child")
		script := filepath.Join(n.dir, "credentials")
		profile := filepath.Join(n.dir, "config")
		n.write(script, "#!/bin/sh\nsleep 90 >/dev/null &\necho $! >"+child+"\n"+
			`echo '{"Version": 1, "AccessKeyId": "AKIASCRIPT", "SecretAccessKey": "secret"}'`+"\n")
		n.write(profile, "[default]\ncredential_process = "+script+"\n")
		p := n.provider()
		p.Env = []variable{{"AWS_CONFIG_FILE", profile}, {"PATH", "/usr/bin:/bin"}}
		k := n.start(p)
		want := [][]string{{"us-east-1, key AKIASCRIPT"}}
		if diff := cmp.Diff(want, k.lookup(kubelet.Pod{}, image("us-east-1", "app"))); diff != "" {
			n.Errorf("(-want +got)\n%s\n%q", diff, k.errors())
		}
		b, err := os.ReadFile(child)
		if err != nil {
			n.Fatal(err)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
		if err != nil {
			n.Fatal(err)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			n.Errorf("the kubelet had its answer after the child ended: %v", err)
		}
	})
}

// write writes a program or a file.
func (n *node) write(path, text string) {
	n.Helper()
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		n.Fatal(err)
	}
}
