//go:build linux

// Package cloud is what a node sees of AWS, by its real names: ECR and STS, which are
// test/fakeaws behind TLS; the instance metadata service, which is the EC2 metadata
// mock; and a registry that admits the tokens which that ECR gave out, and nobody
// else.
package cloud

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/await"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/process"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/software"
	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

// MetadataAddress is the one that every instance knows.
const MetadataAddress = "169.254.169.254"

// Where things listen: AWS and its registries at addresses of their own, so that the
// one can be away while the others are there.
const (
	apiAddress      = "127.0.0.2"
	registryAddress = "127.0.0.3"
	backendAddress  = "127.0.0.1:5000"
)

// Role is the role of the instance, Principal what it is in a call.
const (
	Role      = "node"
	Principal = "arn:aws:sts::123456789012:assumed-role/" + Role + "/i-0abc"
)

// endpoints are the hosts of the API that the AWS SDK knows for the regions of the
// registries. Nothing else of AWS can be looked up.
var endpoints = []string{
	"api.ecr.us-east-1.amazonaws.com",
	"api.ecr.eu-west-1.amazonaws.com",
	"api.ecr-fips.us-east-1.amazonaws.com",
	"ecr.us-east-1.api.aws",
	"ecr-fips.us-east-1.api.aws",
	"sts.us-east-1.amazonaws.com",
	"sts-fips.us-east-1.amazonaws.com",
	"sts.us-east-1.api.aws",
	"sts-fips.us-east-1.api.aws",
}

// A Cloud is one AWS.
type Cloud struct {
	// AWS is ECR and STS: what was called, and what shall fail.
	AWS *fakeaws.Server

	t        testing.TB
	imds     *process.Process
	backend  *process.Process
	api      net.Listener
	mute     net.Listener // in the place of the metadata service, when it hangs
	knocks   atomic.Int64
	gate     gate
	registry registry
}

// Start starts a cloud whose ECR tokens live that long. All of it ends with the
// processes of the node.
func Start(t testing.TB, set software.Set, tokenLife time.Duration) *Cloud {
	t.Helper()
	c := &Cloud{AWS: fakeaws.New(), t: t}
	c.AWS.TokenLife = tokenLife
	t.Cleanup(c.AWS.Close)
	c.writeNames()
	c.startMetadata(set.IMDS)
	c.startRegistry(set.Idle)
	c.api = c.serve(apiAddress, c.gate.guard(c.AWS))
	return c
}

// Processes are those of the cloud.
func (c *Cloud) Processes() []*process.Process { return []*process.Process{c.imds, c.backend} }

// writeNames has the machine look up the hosts and trust their certificates, as every
// machine does by itself.
func (c *Cloud) writeNames() {
	c.t.Helper()
	table := fmt.Sprintf("127.0.0.1 localhost\n%s %s\n%s %s\n", apiAddress, strings.Join(endpoints, " "),
		registryAddress, strings.Join(hosts(), " "))
	if err := os.WriteFile("/etc/hosts", []byte(table), 0o644); err != nil {
		c.t.Fatal(err)
	}
	const bundle = "/etc/ssl/certs/ca-certificates.crt" // the first that Go looks for (crypto/x509/root_linux.go)
	if err := os.MkdirAll(filepath.Dir(bundle), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(bundle, c.AWS.CA(), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// serve serves a handler behind TLS, as whatever host is asked for.
func (c *Cloud) serve(address string, handler http.Handler) net.Listener {
	c.t.Helper()
	l, err := net.Listen("tcp", address+":443")
	if err != nil {
		c.t.Fatal(err)
	}
	server := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0), TLSConfig: &tls.Config{
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) { return c.AWS.Certificate(hello.ServerName) },
	}}
	go server.ServeTLS(l, "", "")
	c.t.Cleanup(func() { server.Close() })
	return l
}

// startMetadata starts an instance metadata service of version 2 alone. The role's
// credentials are those that the AWS has given out for it.
func (c *Cloud) startMetadata(mock string) {
	c.t.Helper()
	values := map[string]any{
		"iam-info":                      map[string]any{"Code": "Success", "InstanceProfileArn": "arn:aws:iam::123456789012:instance-profile/" + Role},
		"iam-security-credentials-role": Role,
		"iam-security-credentials":      c.roleCredentials(),
	}
	config, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"paths":  map[string]string{"iam-security-credentials": "/latest/meta-data/iam/security-credentials/" + Role},
		"values": values,
	}})
	if err != nil {
		c.t.Fatal(err)
	}
	file := filepath.Join(c.t.TempDir(), "metadata.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		c.t.Fatal(err)
	}
	c.imds = process.Start(c.t, "imds", nil, mock, "--imdsv2", "--hostname", MetadataAddress, "--port", "80", "--config-file", file)
	await.Nil(c.t, "the metadata service answers", func() error {
		// Version 1 is turned off: no answer without a session token.
		resp, err := http.Get("http://" + MetadataAddress + "/latest/meta-data/iam/security-credentials/")
		if err != nil {
			return fmt.Errorf("%w; %v", err, c.imds.Err())
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			return fmt.Errorf("without a session token it says %s", resp.Status)
		}
		return nil
	})
}

// roleCredentials are what fakeaws's own metadata service hands out.
func (c *Cloud) roleCredentials() map[string]any {
	c.t.Helper()
	ask := func(method, path string, header ...string) string {
		r := httptest.NewRequest(method, path, nil)
		r.Header.Set(header[0], header[1])
		w := httptest.NewRecorder()
		c.AWS.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			c.t.Fatalf("fakeaws answers %s %s with %d", method, path, w.Code)
		}
		return w.Body.String()
	}
	session := ask(http.MethodPut, "/latest/api/token", "X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "60")
	var credentials map[string]any
	body := ask(http.MethodGet, "/latest/meta-data/iam/security-credentials/"+Role, "X-Aws-Ec2-Metadata-Token", session)
	if err := json.Unmarshal([]byte(body), &credentials); err != nil {
		c.t.Fatal("fakeaws's credentials of the role are no JSON")
	}
	c.AWS.ForgetCalls()
	return credentials
}

// Hang has AWS and the metadata service take connections and say nothing.
func (c *Cloud) Hang() {
	c.t.Helper()
	for _, service := range [...]string{"ecr", "sts"} {
		c.AWS.Inject(fakeaws.Fault{Service: service, Hang: true})
	}
	c.imds.Kill()
	var err error
	if c.mute, err = net.Listen("tcp", MetadataAddress+":80"); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { c.mute.Close() })
	go func() {
		var held []net.Conn
		for {
			conn, err := c.mute.Accept()
			if err != nil {
				break
			}
			held = append(held, conn)
			c.knocks.Add(1)
		}
		for _, conn := range held {
			conn.Close()
		}
	}()
}

// Knocks is how many connections the metadata service took while it hung.
func (c *Cloud) Knocks() int { return int(c.knocks.Load()) }

// Refuse has nobody listen where AWS and the metadata service were, which hang. There
// is no way back.
func (c *Cloud) Refuse() {
	c.t.Helper()
	if err := errors.Join(c.mute.Close(), c.api.Close()); err != nil {
		c.t.Fatal(err)
	}
}

// Calls are the calls of AWS so far, a line each.
func (c *Cloud) Calls() []string {
	var calls []string
	for _, call := range c.AWS.Calls() {
		calls = append(calls, call.String())
	}
	return calls
}

// A gate holds requests back.
type gate struct {
	mu     sync.Mutex
	closed chan struct{} // nil while it is open
}

// Hold has AWS answer nobody until release is called. Who gives up meanwhile has not
// called.
func (c *Cloud) Hold() (release func()) {
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	closed := make(chan struct{})
	c.gate.closed = closed
	return sync.OnceFunc(func() {
		c.gate.mu.Lock()
		defer c.gate.mu.Unlock()
		c.gate.closed = nil
		close(closed)
	})
}

func (g *gate) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		closed := g.closed
		g.mu.Unlock()
		if closed != nil {
			select {
			case <-closed:
			case <-r.Context().Done():
				return
			}
		}
		if r.Context().Err() == nil {
			next.ServeHTTP(w, r)
		}
	})
}
