//go:build linux

package e2e

import (
	"testing"

	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/cloud"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/node"
)

// TestOutage takes AWS and the metadata service away once the node has a token, first
// so that they hang, then so that they refuse. A kubelet that has forgotten everything
// pulls its next image all the same, and nothing it waits for is AWS.
func TestOutage(t *testing.T) {
	n := node.Start(t, set, life)
	n.StartKubelet(withPlugin())
	first := pullOne(t, n, "first", 0)
	want := token(endpoint, region, cloud.Principal)
	calls(t, n, want)

	for i, outage := range [...]struct {
		name string
		take func()
	}{
		{"hung", n.Cloud.Hang},
		{"refused", n.Cloud.Refuse},
	} {
		outage.take()
		n.RestartKubelet()
		seconds := pullOne(t, n, outage.name, i+1)
		calls(t, n, want) // and no other: not even one that failed
		if knocks := n.Cloud.Knocks(); knocks > 0 {
			t.Errorf("with AWS %s there were %d connections to the metadata service", outage.name, knocks)
		}
		t.Logf("the plugin took %.3f s of the first pull, %.3f s with AWS %s", first, seconds, outage.name)
	}
	noneTurnedAway(t, n)
}

// pullOne runs a pod with an image that is new to the node, and returns for how long
// the kubelet waited for its one run of the plugin.
func pullOne(t *testing.T, n *node.Node, name string, image int) (seconds float64) {
	t.Helper()
	n.Run(name, cloud.Image(cloud.Registry, image))
	n.AwaitRunning(name)
	pulledBy(t, n, cloud.Registry, image, cloud.Principal)
	runs, seconds := n.PluginRuns()
	if runs != 1 {
		t.Errorf("the kubelet ran the plugin %d times for %s, want once", runs, name)
	}
	return seconds
}
