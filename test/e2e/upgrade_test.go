//go:build linux

package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/cloud"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/node"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/software"
)

// TestUpgrade renames a new plugin over the old one, and back, and so on, while a
// kubelet runs it for pulls from many registries. None of them fails, none asks AWS for
// what the other version has left on the node, and the kubelet runs on.
func TestUpgrade(t *testing.T) {
	n := node.Start(t, set, life)
	n.StartKubelet(node.Kubelet{Plugin: set.OldPlugin})
	kubelet := n.KubeletPID()
	n.Run("before", cloud.Image(cloud.Registry, 0))
	n.AwaitRunning("before")

	stop := upgradeOverAndOver(t, n)
	var names []string
	for i := range cloud.OtherAccounts {
		names = append(names, fmt.Sprint("meanwhile-", i))
		n.Run(names[i], cloud.Image(cloud.RegistryOf(i), i))
	}
	n.AwaitRunning(names...)
	stop()

	n.InstallPlugin(set.Plugin)
	n.Run("after", cloud.Image(cloud.RegistryElsewhere, 0))
	n.AwaitRunning("after")

	calls(t, n, token(endpoint, region, cloud.Principal), token("api.ecr.eu-west-1.amazonaws.com", "eu-west-1", cloud.Principal))
	var callers []string
	for _, call := range n.Cloud.AWS.Calls() {
		for agent := range strings.FieldsSeq(call.UserAgent) {
			if version, ok := strings.CutPrefix(agent, "ecr-credential-provider/"); ok {
				callers = append(callers, version)
			}
		}
	}
	if diff := cmp.Diff([]string{software.OldVersion, software.Version}, callers); diff != "" {
		t.Errorf("versions that called AWS (-want +got)\n%s", diff)
	}
	noneTurnedAway(t, n)
	notLogged(t, n, "Failed to provide credentials for image", "Failed to pull image")
	if now := n.KubeletPID(); now != kubelet {
		t.Errorf("the kubelet is process %d, and was %d", now, kubelet)
	}
	if runs, _ := n.PluginRuns(); runs != cloud.OtherAccounts+2 {
		t.Errorf("the kubelet ran the plugin %d times, want once for each of %d registries", runs, cloud.OtherAccounts+2)
	}
}

// upgradeOverAndOver installs the new plugin and the old one in turn until stop is
// called.
func upgradeOverAndOver(t *testing.T, n *node.Node) (stop func()) {
	t.Helper()
	var staged []string
	for _, program := range [...]string{set.Plugin, set.OldPlugin} {
		content, err := os.ReadFile(program)
		if err != nil {
			t.Fatal(err)
		}
		staged = append(staged, n.Stage(content))
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			select {
			case <-end:
				t.Logf("the plugin was replaced %d times", i)
				return
			case <-time.After(time.Millisecond):
			}
			if err := node.Install(staged[i%2]); err != nil {
				t.Errorf("replacing the plugin: %v", err)
				return
			}
		}
	}()
	return func() {
		close(end)
		<-ended
	}
}
