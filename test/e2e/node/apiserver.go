//go:build linux

package node

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/await"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/isolation"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/process"
)

// audience is that of the tokens which pods pull with: STS's.
const audience = "sts.amazonaws.com"

const (
	apiURL  = "https://127.0.0.1:6443"
	etcdURL = "http://127.0.0.1:2379"
	pkiDir  = "/var/lib/kubernetes"
)

// An apiServer is that of a cluster of one node, without a controller manager and a
// scheduler: whatever those would make, is made by hand.
type apiServer struct {
	process    *process.Process
	client     *http.Client // an administrator's
	kubeconfig string       // the kubelet's
}

// StartAPIServer starts etcd and an API server, with which kubelets that are started
// later register. Nodes may ask for tokens of STS's audience, as the README says.
func (n *Node) StartAPIServer() {
	n.t.Helper()
	a := n.newAuthority(pkiDir)
	a.issue("apiserver", pkix.Name{CommonName: "kube-apiserver"}, "127.0.0.1", Address)
	a.issue("admin", pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}})
	a.issue("kubelet", pkix.Name{CommonName: "system:node:" + isolation.NodeName, Organization: []string{"system:nodes"}})
	n.writeKey(a.file("tokens.key"), n.newKey())
	n.api = &apiServer{
		client:     &http.Client{Transport: &http.Transport{TLSClientConfig: a.client("admin")}},
		kubeconfig: n.writeKubeconfig(a),
	}
	etcd := n.start("etcd", "etcd", "--data-dir", "/var/lib/etcd", "--listen-client-urls", etcdURL, "--advertise-client-urls", etcdURL)
	await.Nil(n.t, "etcd is healthy", func() error {
		resp, err := http.Get(etcdURL + "/health")
		if err != nil {
			return fmt.Errorf("%w; %v", err, etcd.Err())
		}
		return resp.Body.Close()
	})
	n.api.process = n.start("kube-apiserver", n.set.APIServer,
		"--etcd-servers", etcdURL, "--bind-address", "127.0.0.1", "--advertise-address", Address,
		"--tls-cert-file", a.file("apiserver.crt"), "--tls-private-key-file", a.file("apiserver.key"), "--client-ca-file", a.file("ca.crt"),
		"--service-account-issuer", "https://oidc.example", "--service-account-signing-key-file", a.file("tokens.key"),
		"--service-account-key-file", a.file("tokens.key"), "--service-cluster-ip-range", "10.96.0.0/16",
		"--authorization-mode", "Node,RBAC", "--enable-admission-plugins", "NodeRestriction")
	await.Nil(n.t, "the API server is ready", func() error {
		_, err := n.call(http.MethodGet, "/readyz", nil)
		return err
	})
	await.Nil(n.t, "there is a default namespace", func() error {
		_, err := n.call(http.MethodGet, "/api/v1/namespaces/default", nil)
		return err
	})
	n.allowAudience()
}

// allowAudience lets nodes ask for tokens of the audience
// (plugin/pkg/admission/noderestriction/admission.go).
func (n *Node) allowAudience() {
	n.t.Helper()
	const rbac, group = "/apis/rbac.authorization.k8s.io/v1", "rbac.authorization.k8s.io"
	name := map[string]any{"name": "node-audience"}
	n.create(rbac+"/clusterroles", map[string]any{"metadata": name, "rules": []any{map[string]any{
		"apiGroups": []string{""}, "resources": []string{audience}, "verbs": []string{"request-serviceaccounts-token-audience"},
	}}})
	n.create(rbac+"/clusterrolebindings", map[string]any{
		"metadata": name,
		"roleRef":  map[string]any{"apiGroup": group, "kind": "ClusterRole", "name": "node-audience"},
		"subjects": []any{map[string]any{"apiGroup": group, "kind": "Group", "name": "system:nodes"}},
	})
}

func (n *Node) writeKubeconfig(a *authority) string {
	n.t.Helper()
	file := a.file("kubeconfig")
	n.writeJSON(file, map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "node",
		"clusters": []any{map[string]any{"name": "cluster", "cluster": map[string]any{"server": apiURL, "certificate-authority": a.file("ca.crt")}}},
		"users":    []any{map[string]any{"name": "kubelet", "user": map[string]any{"client-certificate": a.file("kubelet.crt"), "client-key": a.file("kubelet.key")}}},
		"contexts": []any{map[string]any{"name": "node", "context": map[string]any{"cluster": "cluster", "user": "kubelet"}}},
	})
	return file
}

// CreateServiceAccount creates an account of the default namespace, which pulls as the
// role, if that is not "".
func (n *Node) CreateServiceAccount(name, role string) {
	n.t.Helper()
	annotations := map[string]string{}
	if role != "" {
		annotations["eks.amazonaws.com/ecr-role-arn"] = role
	}
	n.create("/api/v1/namespaces/default/serviceaccounts", map[string]any{
		"metadata": map[string]any{"name": name, "annotations": annotations},
	})
}

// CreatePod creates a pod of the account.
func (n *Node) CreatePod(name, serviceAccount, image string) {
	n.t.Helper()
	n.create("/api/v1/namespaces/default/pods", pod(name, image, serviceAccount))
}

// Events are what `kubectl describe` shows of the pod.
func (n *Node) Events(pod string) ([]string, error) {
	body, err := n.call(http.MethodGet, "/api/v1/namespaces/default/events?fieldSelector="+url.QueryEscape("involvedObject.name="+pod), nil)
	if err != nil {
		return nil, err
	}
	var list struct {
		Items []struct{ Reason, Message string }
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, err
	}
	var events []string
	for _, e := range list.Items {
		events = append(events, e.Reason+": "+e.Message)
	}
	return events, nil
}

func (n *Node) create(path string, object map[string]any) {
	n.t.Helper()
	if _, err := n.call(http.MethodPost, path, object); err != nil {
		n.t.Fatal(err)
	}
}

func (n *Node) call(method, path string, object map[string]any) ([]byte, error) {
	var body bytes.Buffer
	if object != nil {
		if err := json.NewEncoder(&body).Encode(object); err != nil {
			return nil, err
		}
	}
	r, err := http.NewRequest(method, apiURL+path, &body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := n.api.client.Do(r)
	if err != nil {
		if ended := n.api.process.Err(); ended != nil {
			err = ended
		}
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
	}
	return answer, nil
}
