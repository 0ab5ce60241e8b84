package doctor

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/kubelet"
)

// Where a kubelet serves its metrics: its own port, for those whom the API server lets
// get nodes/metrics, and the read-only one, which is off unless somebody wants it
// (k8s.io/kubelet/config/v1beta1, port and readOnlyPort).
const (
	metricsURL  = "https://127.0.0.1:10250/metrics"
	readOnlyURL = "http://127.0.0.1:10255/metrics"
)

// pairs are the client certificates that lie on control planes, for the API server to
// call kubelets with (kubeadm's certificates; k3s-io/k3s, pkg/daemons/control/deps,
// which RKE2 shares).
var pairs = [...]struct{ certificate, key string }{
	{"/etc/kubernetes/pki/apiserver-kubelet-client.crt", "/etc/kubernetes/pki/apiserver-kubelet-client.key"},
	{"/var/lib/rancher/k3s/server/tls/client-kube-apiserver.crt", "/var/lib/rancher/k3s/server/tls/client-kube-apiserver.key"},
	{"/var/lib/rancher/rke2/server/tls/client-kube-apiserver.crt", "/var/lib/rancher/rke2/server/tls/client-kube-apiserver.key"},
}

// answer is what metrics said of the config that is loaded.
type answer struct {
	url      string // that answered, "" if none did
	hash     string
	found    bool
	problems []string
}

// askTime is what one question may take.
const askTime = 10 * time.Second

// ask asks for the hash wherever it may be had, as nobody first and then as those whose
// certificates this user can read.
func (w *walk) ask(ctx context.Context) answer {
	var a answer
	urls := []string{metricsURL, readOnlyURL}
	if w.Metrics != "" {
		urls = []string{w.Metrics}
	}
	for _, at := range urls {
		var problem error
		for _, client := range w.clients(at) {
			bounded, cancel := context.WithTimeout(ctx, askTime)
			hash, found, err := kubelet.LoadedHash(bounded, client, at)
			cancel()
			if client != w.Client {
				client.CloseIdleConnections()
			}
			if err == nil {
				return answer{url: at, hash: hash, found: found}
			}
			problem = err
			if hint.Of(err) == "" { // not refused, so another certificate does not help
				break
			}
		}
		if at != readOnlyURL || w.Metrics != "" {
			a.problems = append(a.problems, problem.Error())
		}
	}
	return a
}

// clients are those to ask with, one after the other.
func (w *walk) clients(at string) []*http.Client {
	if w.Client != nil {
		return []*http.Client{w.Client}
	}
	u, err := url.Parse(at)
	if err != nil || !loopback(u.Hostname()) {
		return []*http.Client{client(nil)}
	}
	// A kubelet has a certificate of its own making, unless somebody has given it
	// another. Who else answers on this address can lie about a hash, and that is all: a
	// key is proven to him, and not told.
	all := []*http.Client{client(&tls.Config{InsecureSkipVerify: true})}
	if u.Scheme != "https" {
		return all
	}
	for _, p := range pairs {
		if c, ok := w.certificate(p.certificate, p.key); ok {
			all = append(all, client(&tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{c}}))
		}
	}
	return all
}

// client is one that goes nowhere else than it is sent: through no proxy, and after no
// redirect.
func client(config *tls.Config) *http.Client {
	return &http.Client{
		Transport:     &http.Transport{TLSClientConfig: config},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// certificate reads a pair, if this user may.
func (w *walk) certificate(certificate, key string) (tls.Certificate, bool) {
	var both [2][]byte
	for i, name := range []string{certificate, key} {
		real, err := w.tree.Follow(name)
		if err != nil {
			return tls.Certificate{}, false
		}
		if both[i], err = os.ReadFile(real); err != nil {
			return tls.Certificate{}, false
		}
	}
	pair, err := tls.X509KeyPair(both[0], both[1])
	return pair, err == nil
}
