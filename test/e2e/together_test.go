//go:build linux

package e2e

import (
	"fmt"
	"testing"

	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/await"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/cloud"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/node"
)

// TestTogether has ten images pulled at once by a node that has no token: ten runs of
// the plugin, and one call of AWS.
func TestTogether(t *testing.T) {
	const images = 10
	n := node.Start(t, set, life)
	var names []string
	for i := range images {
		names = append(names, fmt.Sprint("app-", i))
		n.Run(names[i], cloud.Image(cloud.Registry, i))
	}
	n.StartKubelet(node.Kubelet{}) // makes the pods' sandboxes, which the next one finds
	n.AwaitRefused(names...)

	release := n.Cloud.Hold()
	defer release()
	n.StartKubelet(withPlugin())
	await.Nil(t, "all runs of the plugin are there", func() error {
		if running := n.PluginProcesses(); running != images {
			return fmt.Errorf("there are %d, want %d", running, images)
		}
		return nil
	})
	release()
	n.AwaitRunning(names...)
	calls(t, n, token(endpoint, region, cloud.Principal))
	for i := range images {
		pulledBy(t, n, cloud.Registry, i, cloud.Principal)
	}
	noneTurnedAway(t, n)
	if runs, _ := n.PluginRuns(); runs != images {
		t.Errorf("the kubelet ran the plugin %d times, want %d", runs, images)
	}
}
