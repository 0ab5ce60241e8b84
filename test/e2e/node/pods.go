//go:build linux

package node

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/await"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/isolation"
)

// insecure asks a kubelet, whose certificate is its own.
var insecure = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}

// pod is a pod with one container, of the image, that uses nothing of the node but its
// network.
func pod(name, image, serviceAccount string) map[string]any {
	spec := map[string]any{
		"hostNetwork": true, "terminationGracePeriodSeconds": 1,
		"containers": []any{map[string]any{"name": "app", "image": image, "imagePullPolicy": "Always"}},
	}
	if serviceAccount != "" {
		spec["nodeName"] = isolation.NodeName
		spec["serviceAccountName"] = serviceAccount
		spec["automountServiceAccountToken"] = false
		spec["tolerations"] = []any{map[string]any{"operator": "Exists"}}
	}
	return map[string]any{
		"apiVersion": "v1", "kind": "Pod", "spec": spec,
		"metadata": map[string]any{"name": name, "namespace": "default"},
	}
}

// Run gives the kubelet a static pod, whose image it pulls whether it has it or not.
func (n *Node) Run(name, image string) {
	n.t.Helper()
	n.writeJSON(manifest(name), pod(name, image, ""))
}

// Remove takes a static pod away.
func (n *Node) Remove(name string) {
	n.t.Helper()
	if err := os.Remove(manifest(name)); err != nil {
		n.t.Fatal(err)
	}
}

func manifest(name string) string { return filepath.Join(manifests, name+".json") }

// A Status is what the kubelet says of the container of a pod.
type Status struct {
	ContainerID string
	Image       string
	State       struct {
		Running *struct{}
		Waiting *struct{ Reason, Message string }
	}
}

// Status is what the kubelet says of the pod.
func (n *Node) Status(name string) (Status, error) {
	resp, err := insecure.Get("https://127.0.0.1:10250/pods")
	if err != nil {
		return Status{}, fmt.Errorf("%w; %v", err, n.kubelet.Err())
	}
	defer resp.Body.Close()
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Status   struct{ ContainerStatuses []Status }
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		return Status{}, err
	}
	for _, p := range list.Items {
		if p.Metadata.Name != name && p.Metadata.Name != name+"-"+isolation.NodeName { // static ones
			continue
		}
		if len(p.Status.ContainerStatuses) == 1 {
			return p.Status.ContainerStatuses[0], nil
		}
		return Status{}, fmt.Errorf("pod %s has no status yet", name)
	}
	return Status{}, fmt.Errorf("the kubelet has no pod %s", name)
}

// AwaitRunning waits until the kubelet says that the pods' containers run, and
// containerd too.
func (n *Node) AwaitRunning(names ...string) {
	n.t.Helper()
	for _, name := range names {
		await.Nil(n.t, "pod "+name+" runs", func() error {
			s, err := n.Status(name)
			switch {
			case err != nil:
				return err
			case s.State.Running != nil:
				return n.task(strings.TrimPrefix(s.ContainerID, "containerd://"))
			case s.State.Waiting != nil:
				return fmt.Errorf("%s: %s", s.State.Waiting.Reason, s.State.Waiting.Message)
			default:
				return fmt.Errorf("its container has ended")
			}
		})
	}
}

// AwaitRefused waits until the kubelet says that the registry refused the pods'
// images to it.
func (n *Node) AwaitRefused(names ...string) {
	n.t.Helper()
	for _, name := range names {
		await.Nil(n.t, "pod "+name+" is refused", func() error {
			s, err := n.Status(name)
			if err != nil {
				return err
			}
			if w := s.State.Waiting; w == nil || !Refused(w.Message) {
				return fmt.Errorf("its state is %+v", s.State)
			}
			return nil
		})
	}
}

// Refused is whether a message, of containerd 1 or 2, says that the registry wants
// credentials.
func Refused(message string) bool {
	return strings.Contains(message, "401 Unauthorized") || strings.Contains(message, "no basic auth credentials")
}
