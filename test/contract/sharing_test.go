package contract

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/test/contract/kubelet"
)

// TestFortyAtOnce starts forty images of one registry. The kubelet runs a process for
// each, because it learns only from the first answer that one is good for all
// (pkg/credentialprovider/plugin/plugin.go, provide). AWS holds its answer until they
// all run, if that is before the plugin's attempt ends.
func TestFortyAtOnce(t *testing.T) {
	onEach(t, func(n *node) {
		var k *process
		aws := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetAuthorizationToken") {
				all := func() bool { return strings.Count(k.log(), "credentials from external exec plugin") == 40 }
				for deadline := time.Now().Add(9 * time.Second); !all() && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
				}
			}
			n.aws.ServeHTTP(w, r)
		}))
		defer aws.Close()
		n.env = []string{"AWS_ENDPOINT_URL=" + aws.URL, "AWS_EC2_METADATA_SERVICE_ENDPOINT=" + aws.URL}
		k = n.start(n.provider())
		forty := map[int]int{1: 1, 0: 39}
		var images []string
		var want [][]string
		for i := range 40 {
			images = append(images, image("us-east-1", fmt.Sprintf("repository-%d", i)))
			want = append(want, nodes("us-east-1")...)
		}
		if diff := cmp.Diff(want, k.lookup(kubelet.Pod{}, images...)); diff != "" {
			n.Errorf("(-want +got)\n%s\n%q", diff, k.errors())
		}
		n.ranFor("the first kubelet", forty)
		once := []string{"ecr GetAuthorizationToken in us-east-1 by " + nodePrincipal + " -> 200"}
		if diff := cmp.Diff(once, n.calls("ecr", "sts")); diff != "" {
			n.Errorf("AWS saw (-want +got)\n%s", diff)
		}

		k.lookup(kubelet.Pod{}, image("us-east-1", "one-more"))
		n.ranFor("a kubelet that has the answer", forty)

		n.aws.ForgetCalls()
		second := n.start(n.provider())
		if diff := cmp.Diff(want, second.lookup(kubelet.Pod{}, images...)); diff != "" {
			n.Errorf("the second kubelet (-want +got)\n%s\n%q", diff, second.errors())
		}
		if calls := n.aws.Calls(); len(calls) > 0 {
			n.Errorf("for the second kubelet AWS saw %v", calls)
		}
	})
}

// ranFor holds the processes so far, by how often they called AWS, against want.
func (n *node) ranFor(whom string, want map[int]int) {
	n.Helper()
	got := map[int]int{}
	for _, r := range n.runs() {
		got[r.Calls]++
	}
	if diff := cmp.Diff(want, got); diff != "" {
		n.Errorf("processes for %s, by their calls (-want +got)\n%s", whom, diff)
	}
}
