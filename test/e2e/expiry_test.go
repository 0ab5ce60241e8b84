//go:build linux

package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/cloud"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/node"
)

// TestExpiry pulls again and again while tokens expire. The registry, which knows when
// they do, never turns one away, for the kubelet has let go of it before, and asked for
// another.
func TestExpiry(t *testing.T) {
	const (
		life   = 45 * time.Second
		tokens = 2

		// A token is given to nobody in its last tenth. The kubelet counts from when
		// the plugin has ended, so some of that is for a slow machine.
		last = life/10 - 2*time.Second
	)
	n := node.Start(t, set, life)
	n.StartKubelet(withPlugin())
	pods := 0
	for ; len(n.Cloud.Calls()) < tokens; pods++ {
		before, began := len(n.Cloud.Requests()), time.Now()
		name := fmt.Sprint("app-", pods)
		n.Run(name, cloud.Image(cloud.Registry, pods%cloud.Images))
		n.AwaitRunning(name)
		n.Remove(name)
		for _, r := range n.Cloud.Requests()[before:] {
			if r.User != "" && r.Expires.Sub(began) < last {
				t.Errorf("a pull that began %s before the end of a token was given it: %s", r.Expires.Sub(began), r)
			}
		}
	}
	noneTurnedAway(t, n)
	want := token(endpoint, region, cloud.Principal)
	calls(t, n, want, want)
	if runs, _ := n.PluginRuns(); runs != tokens {
		t.Errorf("the kubelet ran the plugin %d times, want %d: once for each token", runs, tokens)
	}
	t.Logf("%d pulls with %d tokens", pods, tokens)
}
