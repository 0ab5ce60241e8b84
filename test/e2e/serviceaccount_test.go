//go:build linux

package e2e

import (
	"fmt"
	"testing"

	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/cloud"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/node"
)

// account is what AWS sees of a service account of the default namespace that pulls as
// the role NAME-pull.
type account struct{ name string }

func (a account) role() string { return "arn:aws:iam::123456789012:role/" + a.name + "-pull" }

func (a account) principal() string {
	return "arn:aws:sts::123456789012:assumed-role/" + a.name + "-pull/default." + a.name
}

// assumed is the line of the call with which its token was traded for the role.
func (a account) assumed(endpoint string) string {
	return fmt.Sprintf("sts AssumeRoleWithWebIdentity at %s with role %s session default.%s subject system:serviceaccount:default:%s -> 200",
		endpoint, a.role(), a.name, a.name)
}

// TestServiceAccounts has pods of an API server pull as their accounts, beside a static
// pod, which has none.
func TestServiceAccounts(t *testing.T) {
	n := node.Start(t, set, life)
	n.StartAPIServer()
	k := withPlugin()
	k.ServiceAccounts = true
	n.StartKubelet(k)
	web, batch := account{"web"}, account{"batch"}
	for _, a := range [...]account{web, batch} {
		n.CreateServiceAccount(a.name, a.role())
	}
	n.CreateServiceAccount("none", "")

	// The account's role pulls.
	n.CreatePod("web", "web", cloud.Image(cloud.Registry, 0))
	n.AwaitRunning("web")
	want := []string{web.assumed("sts.us-east-1.amazonaws.com"), token(endpoint, region, web.principal())}
	calls(t, n, want...)
	pulledBy(t, n, cloud.Registry, 0, web.principal())

	// The same account, from a registry that the kubelet knows nothing of: its token is
	// on the node.
	n.CreatePod("web-2", "web", cloud.Image(cloud.RegistryOf(0), 1))
	n.AwaitRunning("web-2")
	calls(t, n, want...)
	pulledBy(t, n, cloud.RegistryOf(0), 1, web.principal())

	// Another account, the same image: its own role, its own token.
	n.CreatePod("batch", "batch", cloud.Image(cloud.Registry, 0))
	n.AwaitRunning("batch")
	want = append(want, batch.assumed("sts.us-east-1.amazonaws.com"), token(endpoint, region, batch.principal()))
	calls(t, n, want...)
	pulledBy(t, n, cloud.Registry, 0, web.principal(), batch.principal())

	// The endpoints of STS are chosen by the registry's host, as those of ECR.
	n.CreatePod("web-3", "web", cloud.Image(cloud.RegistryBoth, 2))
	n.AwaitRunning("web-3")
	want = append(want, web.assumed("sts-fips.us-east-1.api.aws"), token("ecr-fips.us-east-1.api.aws", region, web.principal()))
	calls(t, n, want...)
	pulledBy(t, n, cloud.RegistryBoth, 2, web.principal())

	// An account without a role is nobody, though the image is on the node, and the
	// tokens of others are.
	n.CreatePod("none", "none", cloud.Image(cloud.Registry, 3))
	n.AwaitRefused("none")
	logged(t, n, "service account default/none has no role to pull with: annotation eks.amazonaws.com/ecr-role-arn is missing; hint: kubectl annotate serviceaccount")
	calls(t, n, want...)
	pulledBy(t, n, cloud.Registry, 3)

	// Who has no account is the node.
	n.Run("static", cloud.Image(cloud.Registry, 4))
	n.AwaitRunning("static")
	calls(t, n, append(want, token(endpoint, region, cloud.Principal))...)
	pulledBy(t, n, cloud.Registry, 4, cloud.Principal)
	noneTurnedAway(t, n)
}
