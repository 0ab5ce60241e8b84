//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/cloud"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/node"
)

// TestStaticPod pulls as the instance's role: nothing is configured but what the
// README says, no key, no region, no endpoint.
func TestStaticPod(t *testing.T) {
	n := node.Start(t, set, life)
	image := cloud.Image(cloud.Registry, 0)

	n.StartKubelet(node.Kubelet{})
	n.Run("app", image)
	n.AwaitRefused("app")
	for _, r := range n.Cloud.Requests() {
		if r.User != "" || r.Status != http.StatusUnauthorized {
			t.Errorf("without a plugin the registry saw %s", r)
		}
	}
	if n.HasImage(image) {
		t.Error("the image came without credentials")
	}
	calls(t, n)

	n.StartKubelet(withPlugin())
	n.AwaitRunning("app")
	calls(t, n, token(endpoint, region, cloud.Principal))
	pulledBy(t, n, cloud.Registry, 0, cloud.Principal)
	noneTurnedAway(t, n)
}

// TestEndpoints pulls from a host of every form: each has an endpoint of its own, in its
// own region.
func TestEndpoints(t *testing.T) {
	n := node.Start(t, set, life)
	n.StartKubelet(withPlugin())
	registries := [...]struct{ host, endpoint, region string }{
		{cloud.Registry, endpoint, region},
		{cloud.RegistryFIPS, "api.ecr-fips.us-east-1.amazonaws.com", region},
		{cloud.RegistryDualStack, "ecr.us-east-1.api.aws", region},
		{cloud.RegistryBoth, "ecr-fips.us-east-1.api.aws", region},
		{cloud.RegistryElsewhere, "api.ecr.eu-west-1.amazonaws.com", "eu-west-1"},
	}
	var want []string
	for i, r := range registries {
		n.Run(fmt.Sprint("app-", i), cloud.Image(r.host, i))
		want = append(want, token(r.endpoint, r.region, cloud.Principal))
	}
	for i, r := range registries {
		n.AwaitRunning(fmt.Sprint("app-", i))
		pulledBy(t, n, r.host, i, cloud.Principal)
	}
	calls(t, n, want...)
	noneTurnedAway(t, n)
}
