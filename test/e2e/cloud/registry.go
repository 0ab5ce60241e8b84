//go:build linux

package cloud

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/await"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/isolation"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/process"
)

// Hosts of registries, one of each form that has an endpoint of its own, and one in
// another region.
const (
	Registry          = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
	RegistryFIPS      = "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com"
	RegistryDualStack = "123456789012.dkr-ecr.us-east-1.on.aws"
	RegistryBoth      = "123456789012.dkr-ecr-fips.us-east-1.on.aws"
	RegistryElsewhere = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
)

// OtherAccounts are how many other accounts have a registry in the same region.
const OtherAccounts = 10

// RegistryOf is the host of the nth of them, from 0.
func RegistryOf(n int) string { return fmt.Sprintf("2%011d.dkr.ecr.us-east-1.amazonaws.com", n) }

// hosts are those of all registries.
func hosts() []string {
	all := []string{Registry, RegistryFIPS, RegistryDualStack, RegistryBoth, RegistryElsewhere}
	for n := range OtherAccounts {
		all = append(all, RegistryOf(n))
	}
	return all
}

// Images is how many images each registry has.
const Images = 12

// Image is the nth image, from 0, of the host.
func Image(host string, n int) string { return host + "/" + repository(n) + ":v1" }

func repository(n int) string { return fmt.Sprintf("team/app-%d", n) }

// registry is the door of all registries. Behind it is one docker-registry, to which
// everybody may come who came through the door.
type registry struct {
	mu       sync.Mutex
	requests []Request
	behind   *httputil.ReverseProxy
}

// A Request is one that a registry has answered.
type Request struct {
	Host, Method, Path string
	Status             int
	User               string // who it says it is; "" if it does not say

	// Of the token, if that was admitted.
	Principal string
	Expires   time.Time
}

// String is the request on one line.
func (r Request) String() string {
	return fmt.Sprintf("%s %s%s by %q of %q -> %d", r.Method, r.Host, r.Path, r.User, r.Principal, r.Status)
}

// Requests are those that the registries have answered so far.
func (c *Cloud) Requests() []Request {
	c.registry.mu.Lock()
	defer c.registry.mu.Unlock()
	return append([]Request(nil), c.registry.requests...)
}

// ServeHTTP admits a token of the host's region until it expires. Everybody else gets
// ECR's answer.
func (c *Cloud) serveRegistry(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	token, ok := c.AWS.Admit(user, password)
	answer := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	request := Request{Host: r.Host, Method: r.Method, Path: r.URL.Path, User: user}
	if ok && !token.Public && strings.Contains(r.Host, "."+token.Region+".") {
		request.Principal, request.Expires = token.Principal, token.Expires
		c.registry.behind.ServeHTTP(answer, r)
	} else {
		answer.Header().Set("WWW-Authenticate", `Basic realm="https://`+r.Host+`/",service="ecr.amazonaws.com"`)
		http.Error(answer, "Not Authorized", http.StatusUnauthorized)
	}
	request.Status = answer.status
	c.registry.mu.Lock()
	defer c.registry.mu.Unlock()
	c.registry.requests = append(c.registry.requests, request)
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// startRegistry starts the registries. Their images are pushed once and outlast the
// node.
func (c *Cloud) startRegistry(idle string) {
	c.t.Helper()
	storage := filepath.Join(isolation.Scratch, "registry")
	config, err := json.Marshal(map[string]any{ // which is YAML too
		"version": "0.1",
		"log":     map[string]any{"accesslog": map[string]any{"disabled": true}},
		"storage": map[string]any{"filesystem": map[string]any{"rootdirectory": storage}},
		"http":    map[string]any{"addr": backendAddress},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	file := filepath.Join(c.t.TempDir(), "registry.yml")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		c.t.Fatal(err)
	}
	c.backend = process.Start(c.t, "docker-registry", nil, "docker-registry", "serve", file)
	await.Nil(c.t, "the registry answers", func() error {
		resp, err := http.Get("http://" + backendAddress + "/v2/")
		if err != nil {
			return fmt.Errorf("%w; %v", err, c.backend.Err())
		}
		return resp.Body.Close()
	})
	if _, err := os.Stat(storage); err != nil {
		if err := pushImages(idle); err != nil {
			c.t.Fatalf("pushing images: %v", err)
		}
	}
	c.registry.behind = httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: backendAddress})
	c.serve(registryAddress, http.HandlerFunc(c.serveRegistry))
}

func pushImages(idle string) error {
	for n := range Images {
		image, err := IdleImage(idle, repository(n))
		if err != nil {
			return err
		}
		ref, err := name.ParseReference(backendAddress+"/"+repository(n)+":v1", name.Insecure)
		if err != nil {
			return err
		}
		if err := remote.Write(ref, image); err != nil {
			return err
		}
	}
	return nil
}

// IdleImage is an image of the program idle, and of a layer that is nobody else's.
func IdleImage(idle, label string) (v1.Image, error) {
	program, err := os.ReadFile(idle)
	if err != nil {
		return nil, err
	}
	image := empty.Image
	for _, file := range [...]struct {
		name    string
		content []byte
	}{{"idle", program}, {"label", []byte(label)}} {
		layer, err := layerOf(file.name, file.content)
		if err != nil {
			return nil, err
		}
		if image, err = mutate.AppendLayers(image, layer); err != nil {
			return nil, err
		}
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config.Entrypoint = []string{"/idle"}
	return mutate.ConfigFile(image, config)
}

// layerOf is a layer of one program.
func layerOf(file string, content []byte) (v1.Layer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: file, Mode: 0o755, Size: int64(len(content))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
}
