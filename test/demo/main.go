// Command demo shows one pull from beginning to end without an AWS account: a fake
// AWS, a TLS registry that admits nothing but the tokens which that AWS gave out,
// and between them the real plugin, run the way the kubelet runs it. Then it shows an
// account that is made fit for a cluster, and taken back.
//
//	go run ./test/demo -plugin bin/ecr-credential-provider -bootstrap bin/ecr-node-bootstrap
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

const (
	registryHost = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
	image        = registryHost + "/team/app"
)

func main() {
	plugin := flag.String("plugin", "bin/ecr-credential-provider", "the built plugin")
	bootstrap := flag.String("bootstrap", "bin/ecr-node-bootstrap", "the built bootstrapper")
	flag.Parse()
	for _, path := range []*string{plugin, bootstrap} {
		absolute, err := filepath.Abs(*path)
		if err != nil {
			log.Fatal(err)
		}
		*path = absolute
	}
	if err := run(context.Background(), os.Stdout, *plugin, *bootstrap); err != nil {
		fmt.Fprintln(os.Stderr, "demo: "+err.Error())
		os.Exit(1)
	}
}

// run tells the story to w. Any step that does not end as it must is an error.
func run(ctx context.Context, w io.Writer, plugin, bootstrap string) error {
	dir, err := os.MkdirTemp("", "demo")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d := demo{w: w, plugin: plugin, cache: filepath.Join(dir, "cache"), began: time.Now(), aws: fakeaws.New()}
	aws := httptest.NewServer(d.aws)
	defer aws.Close()
	defer d.aws.Close()
	d.awsURL = aws.URL

	pushed, err := d.startRegistry()
	if err != nil {
		return fmt.Errorf("starting a registry: %w", err)
	}
	defer d.tls.Close()
	d.step("an AWS at %s: ECR, STS, and instance metadata with the role %q", aws.URL, d.aws.InstanceRole)
	d.step("a TLS registry as %s, which admits only tokens of that AWS", registryHost)

	if _, err := d.pull(authn.Anonymous); !isUnauthorized(err) {
		return fmt.Errorf("pulling without credentials: %v, want 401", err)
	}
	d.step("pulling %s without credentials: 401 Unauthorized", image)

	request := `{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":"` + image + `"}` + "\n"
	d.say("\nThe kubelet runs the plugin: no HOME, no PATH, no keys, no region; on stdin\n  %s", request)
	d.began = time.Now()
	stdout, stderr, err := d.kubelet(ctx, request)
	if err != nil {
		return fmt.Errorf("the plugin: %w: %s", err, stderr)
	}
	auth, shown, err := credentials(stdout)
	if err != nil {
		return err
	}
	d.step("the plugin answers\n  %s", shown)
	for _, c := range d.aws.Calls() {
		d.say("          AWS saw: %s", c)
	}

	d.began = time.Now()
	pulled, err := d.pull(auth)
	if err != nil {
		return fmt.Errorf("pulling with the answer: %w", err)
	}
	if pulled != pushed {
		return fmt.Errorf("pulled %s, but %s was pushed", pulled, pushed)
	}
	d.step("pulled %s@%s, every layer checked", image, pulled)

	d.say("\nAWS is switched off, and the next pod wants the image")
	d.aws.ForgetCalls()
	for _, service := range [...]string{"ecr", "sts", "imds"} {
		d.aws.Inject(fakeaws.Fault{Service: service, Drop: true})
	}
	d.began = time.Now()
	stdout, stderr, err = d.kubelet(ctx, request)
	if err != nil {
		return fmt.Errorf("the plugin, without AWS: %w: %s", err, stderr)
	}
	if n := len(d.aws.Calls()); n > 0 {
		return fmt.Errorf("AWS saw %d calls, want none", n)
	}
	if auth, _, err = credentials(stdout); err != nil {
		return err
	}
	d.step("the plugin answers from the cache of the node")
	if _, err := d.pull(auth); err != nil {
		return fmt.Errorf("pulling with the answer of the cache: %w", err)
	}
	d.step("pulled again")

	d.say("\nA role that may not, on a fresh node: what the kubelet's log will say")
	d.aws.Heal()
	denied, err := fakeaws.ParseFault("ecr access-denied")
	if err != nil {
		return err
	}
	d.aws.Inject(denied[0])
	d.cache += "-of-another-node"
	d.began = time.Now()
	stdout, stderr, err = d.kubelet(ctx, request)
	if err == nil || stdout != "" || strings.Count(stderr, "\n") != 1 {
		return fmt.Errorf("denied by AWS, the plugin ended with %v and %q, want an error and one line", err, stdout+stderr)
	}
	d.step("%v, and one line:\n  %s", err, stderr)

	d.aws.Heal()
	return d.account(ctx, bootstrap, dir)
}

type demo struct {
	w      io.Writer
	plugin string
	cache  string
	began  time.Time
	aws    *fakeaws.Server
	awsURL string
	tls    *httptest.Server
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.w, format+"\n", args...) }

// step tells what was done and how long it took.
func (d *demo) step(format string, args ...any) {
	d.say("%6d ms  "+format, append([]any{time.Since(d.began).Milliseconds()}, args...)...)
	d.began = time.Now()
}

// startRegistry serves a registry with one small image behind TLS and the tokens
// of the AWS, and returns the image's digest.
func (d *demo) startRegistry() (v1.Hash, error) {
	store := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	seed := httptest.NewServer(store) // without a door, to put the image in
	defer seed.Close()
	ref, err := name.ParseReference(strings.TrimPrefix(seed.URL, "http://") + "/team/app")
	if err != nil {
		return v1.Hash{}, err
	}
	img, err := random.Image(4096, 2)
	if err != nil {
		return v1.Hash{}, err
	}
	if err := remote.Write(ref, img); err != nil {
		return v1.Hash{}, err
	}

	certificate, err := d.aws.Certificate(registryHost)
	if err != nil {
		return v1.Hash{}, err
	}
	d.tls = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if _, ok := d.aws.Admit(user, password); !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="`+d.tls.URL+`",service="ecr.amazonaws.com"`)
			http.Error(w, "Not Authorized", http.StatusUnauthorized)
			return
		}
		store.ServeHTTP(w, r)
	}))
	d.tls.TLS = &tls.Config{Certificates: []tls.Certificate{*certificate}}
	d.tls.Config.ErrorLog = log.New(io.Discard, "", 0)
	d.tls.StartTLS()
	return img.Digest()
}

// pull reads the image and all its layers from the registry, as a container runtime
// would, and returns its digest.
func (d *demo) pull(auth authn.Authenticator) (v1.Hash, error) {
	ref, err := name.ParseReference(image)
	if err != nil {
		return v1.Hash{}, err
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(d.aws.CA())
	network := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: trusted},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "tcp", d.tls.Listener.Addr().String())
		},
	}
	defer network.CloseIdleConnections()
	img, err := remote.Image(ref, remote.WithAuth(auth), remote.WithTransport(network))
	if err != nil {
		return v1.Hash{}, err
	}
	layers, err := img.Layers()
	if err != nil {
		return v1.Hash{}, err
	}
	for _, layer := range layers {
		content, err := layer.Compressed() // verifies the digest at the end
		if err != nil {
			return v1.Hash{}, err
		}
		if _, err := io.Copy(io.Discard, content); err != nil {
			return v1.Hash{}, err
		}
		if err := content.Close(); err != nil {
			return v1.Hash{}, err
		}
	}
	return img.Digest()
}

// kubelet runs the plugin as the kubelet does (pkg/credentialprovider/plugin): the
// request on stdin, its own sparse environment, the root as directory.
func (d *demo) kubelet(ctx context.Context, request string) (stdout, stderr string, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, d.plugin, "--cache-dir", d.cache)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(request), &out, &errs
	cmd.Dir = filepath.VolumeName(d.plugin) + string(filepath.Separator)
	cmd.Env = []string{"AWS_ENDPOINT_URL=" + d.awsURL, "AWS_EC2_METADATA_SERVICE_ENDPOINT=" + d.awsURL}
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// credentials reads the plugin's answer, and returns it also with the password
// struck out, for showing.
func credentials(stdout string) (authn.Authenticator, string, error) {
	var response struct {
		Auth map[string]struct{ Username, Password string }
	}
	if err := json.Unmarshal([]byte(stdout), &response); err != nil {
		return nil, "", fmt.Errorf("the plugin's answer: %w", err)
	}
	auth, ok := response.Auth[registryHost]
	if !ok {
		return nil, "", errors.New("the plugin's answer has no credentials for " + registryHost)
	}
	shown := strings.ReplaceAll(strings.TrimSpace(stdout), auth.Password, "(a token)")
	return authn.FromConfig(authn.AuthConfig{Username: auth.Username, Password: auth.Password}), shown, nil
}

func isUnauthorized(err error) bool {
	var answer *transport.Error
	return errors.As(err, &answer) && answer.StatusCode == http.StatusUnauthorized
}
