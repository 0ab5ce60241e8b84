//go:build linux

// Package e2e tells stories of a real node: kubelet, containerd, runc and a registry
// pull images with the plugin of this checkout, from an AWS with its real names. What is
// asserted is what the node did.
//
//	make e2e
//
// needs root. Each story has a node of its own, in a machine of the run's own (package
// isolation); they share the images.
package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/await"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/cloud"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/isolation"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/node"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/software"
)

// set is what the nodes of this run are made of.
var set software.Set

func TestMain(m *testing.M) {
	os.Exit(isolation.Main(software.Base, software.Prepare, func(r isolation.Run) int {
		set = software.Of(r)
		for i, address := range [...]string{node.Address, cloud.MetadataAddress} {
			if err := isolation.AddAddress(i, address); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
		return m.Run()
	}))
}

// life is that of a token of ECR.
const life = 12 * time.Hour

// withPlugin is the kubelet of the README.
func withPlugin() node.Kubelet { return node.Kubelet{Plugin: set.Plugin} }

// calls fails the test if AWS was called otherwise, in whatever order.
func calls(t *testing.T, n *node.Node, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, n.Cloud.Calls(), cmpopts.SortSlices(strings.Compare), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("calls of AWS (-want +got)\n%s", diff)
	}
}

// token is the line of a call of GetAuthorizationToken that was answered.
func token(endpoint, region, principal string) string {
	return fmt.Sprintf("ecr GetAuthorizationToken at %s in %s by %s -> 200", endpoint, region, principal)
}

// The endpoint of most registries here, and who asks it.
const (
	region   = "us-east-1"
	endpoint = "api.ecr." + region + ".amazonaws.com"
)

// pulls are the principals that pulled the nth image of the host: who was given its
// manifest, in order of the registry's answers, each once.
func pulls(n *node.Node, host string, image int) []string {
	var principals []string
	for _, r := range n.Cloud.Requests() {
		manifest := strings.HasPrefix(r.Path, fmt.Sprintf("/v2/team/app-%d/manifests/", image))
		if r.Host == host && manifest && r.Status == http.StatusOK && !slices.Contains(principals, r.Principal) {
			principals = append(principals, r.Principal)
		}
	}
	return principals
}

// pulledBy fails the test if others than the principals pulled the image.
func pulledBy(t *testing.T, n *node.Node, host string, image int, principals ...string) {
	t.Helper()
	if diff := cmp.Diff(principals, pulls(n, host, image), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("who pulled %s (-want +got)\n%s", cloud.Image(host, image), diff)
	}
}

// noneTurnedAway fails the test if a registry refused credentials. Runtimes begin
// without any, and are told then who they have to be.
func noneTurnedAway(t *testing.T, n *node.Node) {
	t.Helper()
	for _, r := range n.Cloud.Requests() {
		if r.User != "" && r.Status != http.StatusOK {
			t.Errorf("a registry refused: %s", r)
		}
	}
}

// logged waits until the kubelet has logged a line with all of the texts.
func logged(t *testing.T, n *node.Node, texts ...string) {
	t.Helper()
	await.Nil(t, fmt.Sprintf("the kubelet logs %q", texts), func() error {
		for line := range strings.Lines(n.KubeletLog()) {
			if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
				return nil
			}
		}
		return errors.New("it has not")
	})
}

// notLogged fails the test if the kubelet has logged one of the texts.
func notLogged(t *testing.T, n *node.Node, texts ...string) {
	t.Helper()
	for line := range strings.Lines(n.KubeletLog()) {
		for _, text := range texts {
			if strings.Contains(line, text) {
				t.Errorf("the kubelet logged: %s", line)
			}
		}
	}
}
