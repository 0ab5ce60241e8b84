//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/await"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/cloud"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/node"
	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

// TestBroken breaks the plugin, and then what it needs. The pod's event tells what the
// registry said to a pull without credentials, the kubelet's log why there were none;
// once it is repaired the pod runs, and the kubelet has run all the time.
func TestBroken(t *testing.T) {
	n := node.Start(t, set, life)
	n.StartAPIServer()
	n.StartKubelet(withPlugin())
	kubelet := n.KubeletPID()
	n.CreateServiceAccount("app", "")

	script(t, n, "echo my disk is on fire >&2; exit 1")
	exits := broken(t, n, 0)
	exits.refused("exit status 1: my disk is on fire")
	n.InstallPlugin(set.Plugin)
	n.AwaitRunning(exits.name)

	// One that hangs is killed after a minute. Meanwhile it is replaced, and AWS fails.
	const hangs = "/run/hangs"
	script(t, n, "touch "+hangs+"; exec sleep 600")
	hung := broken(t, n, 1)
	await.Nil(t, "the plugin hangs", func() error {
		_, err := os.Stat(hangs)
		return err
	})
	n.InstallPlugin(set.Plugin)
	n.ClearCache() // or AWS would not be asked

	for i, c := range [...]struct {
		fault fakeaws.Fault
		says  []string
	}{
		{awsFault(t, "ecr access-denied"), []string{"AccessDeniedException: ",
			"; hint: allow ecr:GetAuthorizationToken on resource *: attach the AWS-managed policy AmazonEC2ContainerRegistryPullOnly"}},
		{fakeaws.Fault{Service: "ecr", Hang: true}, []string{endpoint + " did not answer in time (3 attempts)", "; hint: "}},
	} {
		n.Cloud.AWS.Inject(c.fault)
		failing := broken(t, n, i+2)
		failing.refused(append(c.says, "exit status 1: ecr-credential-provider: token for "+failing.host+" as the node: ")...)
		n.Cloud.AWS.Heal()
		n.AwaitRunning(failing.name)
		n.ClearCache()
	}

	hung.refused("context deadline exceeded")
	n.AwaitRunning(hung.name)
	noneTurnedAway(t, n)
	if now := n.KubeletPID(); now != kubelet {
		t.Errorf("the kubelet is process %d, and was %d", now, kubelet)
	}
}

// script puts a script in the place of the plugin.
func script(t *testing.T, n *node.Node, text string) {
	t.Helper()
	if err := node.Install(n.Stage([]byte("#!/bin/sh\n" + text + "\n"))); err != nil {
		t.Fatal(err)
	}
}

func awsFault(t *testing.T, line string) fakeaws.Fault {
	t.Helper()
	faults, err := fakeaws.ParseFault(line)
	if err != nil {
		t.Fatal(err)
	}
	return faults[0]
}

// A brokenPod is one that cannot pull yet.
type brokenPod struct {
	t                 *testing.T
	n                 *node.Node
	name, host, image string
}

// broken creates a pod with an image of the nth other account, of which the kubelet has
// no credentials.
func broken(t *testing.T, n *node.Node, nth int) brokenPod {
	t.Helper()
	p := brokenPod{t, n, fmt.Sprint("app-", nth), cloud.RegistryOf(nth), cloud.Image(cloud.RegistryOf(nth), nth)}
	n.CreatePod(p.name, "app", p.image)
	return p
}

// refused waits for the pod's event that its image was refused, and for a line of the
// kubelet's log that says why, in all of these words.
func (p brokenPod) refused(says ...string) {
	p.t.Helper()
	await.Nil(p.t, p.name+" has an event that says 401", func() error {
		events, err := p.n.Events(p.name)
		for _, e := range events {
			if strings.HasPrefix(e, `Failed: Failed to pull image "`+p.image+`"`) && node.Refused(e) {
				return nil
			}
		}
		return errors.Join(err, fmt.Errorf("it has %q", events))
	})
	repository, _, _ := strings.Cut(p.image, ":")
	logged(p.t, p.n, append(says, "error execing credential provider plugin ecr-credential-provider for image "+repository+": ")...)
}
