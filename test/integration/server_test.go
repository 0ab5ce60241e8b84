// Package integration tells the stories of an account: planned, applied, proved and
// taken back, by the real program, over HTTP, against a server that keeps an account.
// Without further ado that is fakeaws, which knows what AWS documents and can be told
// to misbehave. `make integration` runs the same stories against moto, which nobody
// here wrote; TEST_AWS_ENDPOINT_URL names any other.
package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

const (
	accountID = "123456789012"
	region    = "eu-central-1"
)

// program is ecr-node-bootstrap, built once.
var program string

// endpoint is the server of all stories: TEST_AWS_ENDPOINT_URL, or a moto of our own
// if that is "moto"; "" gives each story a fakeaws.
var endpoint = os.Getenv("TEST_AWS_ENDPOINT_URL")

func TestMain(m *testing.M) {
	status, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(status)
}

func runAll(m *testing.M) (status int, err error) {
	dir, err := os.MkdirTemp("", "bootstrap")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "ecr-node-bootstrap")
	build := exec.Command("go", "build", "-o", program, "../../cmd/ecr-node-bootstrap")
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("building ecr-node-bootstrap: %w\n%s", err, out)
	}
	if endpoint == "moto" {
		var end func()
		// Policies of AWS are what attached ones may name.
		if endpoint, end, err = startMoto("MOTO_IAM_LOAD_MANAGED_POLICIES=true"); err != nil {
			return 1, err
		}
		defer end()
	}
	return m.Run(), nil
}

// server is what keeps the account.
type server struct {
	url  string
	fake *fakeaws.Server // nil if it is not ours

	iam         *iam.Client
	ec2         *ec2.Client
	autoscaling *autoscaling.Client
	eks         *eks.Client
	ecr         *ecr.Client
}

// start returns an empty account. Each story has a fakeaws of its own, and they run
// side by side; another server has one account.
func start(t *testing.T) *server {
	t.Helper()
	s := &server{url: endpoint}
	if s.url == "" {
		t.Parallel()
		s.fake = fakeaws.New()
		t.Cleanup(s.fake.Close)
		h := httptest.NewServer(s.fake)
		t.Cleanup(h.Close)
		s.url = h.URL
	} else {
		lacking(t)
		reset(t, s.url)
	}
	cfg := aws.Config{
		Region: region, BaseEndpoint: &s.url, HTTPClient: &http.Client{Transport: once{http.DefaultTransport}},
		Credentials: credentials.NewStaticCredentialsProvider("AKIASEED", "secret", ""),
	}
	s.iam, s.ec2, s.eks = iam.NewFromConfig(cfg), ec2.NewFromConfig(cfg), eks.NewFromConfig(cfg)
	s.autoscaling, s.ecr = autoscaling.NewFromConfig(cfg), ecr.NewFromConfig(cfg)
	return s
}

// once sends the body of a request out of a memory of its own. The SDK closes bodies
// while net/http still looks at them, which then cuts the connection; and a seed that is
// tried once more is there already.
type once struct{ http.RoundTripper }

func (o once) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		return o.RoundTripper.RoundTrip(r)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	return o.RoundTripper.RoundTrip(r)
}

// reset empties moto; what is no moto must be empty already.
func reset(t *testing.T, url string) {
	t.Helper()
	response, err := http.Post(url+"/moto-api/reset", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
}

// fakeOnly skips a story that only fakeaws can be told to tell.
func (s *server) fakeOnly(t *testing.T) *fakeaws.Server {
	t.Helper()
	if s.fake == nil {
		t.Skip("it needs a server that misbehaves when told to")
	}
	return s.fake
}

// result is what a run of the program left.
type result struct {
	status         int
	stdout, stderr string
}

func (r result) String() string {
	return fmt.Sprintf("status %d\n-- stdout\n%s-- stderr\n%s", r.status, r.stdout, r.stderr)
}

// desk is a directory with a bootstrap.yaml, and somebody who runs the program there.
type desk struct {
	*server
	dir string
	env []string // besides what every run has
}

func (s *server) desk(t *testing.T, file string) *desk {
	t.Helper()
	d := &desk{server: s, dir: t.TempDir()}
	d.write(t, file)
	return d
}

func (d *desk) write(t *testing.T, file string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, "bootstrap.yaml"), []byte(file), 0o644); err != nil {
		t.Fatal(err)
	}
}

// runs runs the program and wants its exit status.
func (d *desk) runs(t *testing.T, want int, args ...string) result {
	t.Helper()
	r := d.run(t, args...)
	if r.status != want {
		t.Fatalf("%s: want status %d, got %s", strings.Join(args, " "), want, r)
	}
	return r
}

func (d *desk) run(t *testing.T, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = d.dir
	cmd.Env = d.environ()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok || ctx.Err() != nil {
		t.Fatalf("%s: %v, %v\n%s", strings.Join(args, " "), err, ctx.Err(), stderr.String())
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func (d *desk) environ() []string {
	return append([]string{
		"AWS_ENDPOINT_URL=" + d.url, "AWS_ACCESS_KEY_ID=AKIAOPERATOR", "AWS_SECRET_ACCESS_KEY=secret",
		"AWS_EC2_METADATA_DISABLED=true", "HOME=" + d.dir, "PATH=" + os.Getenv("PATH"),
	}, d.env...)
}

// outcome is the part of a plan that stories look at.
type outcome struct {
	Changes []struct {
		Kind, Name, Of, Before, After string
	}
	Findings []struct {
		Code, Level, Object string
	}
	ByHand []struct{ Title, Where string }
}

// plan is the plan as JSON.
func (d *desk) plan(t *testing.T, args ...string) outcome {
	t.Helper()
	r := d.run(t, append([]string{"plan", "-o", "json"}, args...)...)
	if r.status != 0 && r.status != 3 {
		t.Fatalf("plan: %s", r)
	}
	var o outcome
	if err := json.Unmarshal([]byte(r.stdout), &o); err != nil {
		t.Fatalf("plan: %v\n%s", err, r)
	}
	return o
}

// changes are a plan's changes in a line each.
func (o outcome) changes() []string {
	var all []string
	for _, c := range o.Changes {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s", c.Kind, c.Name, c.Of)))
	}
	return all
}

// codes are the codes of a plan's findings of a level, each once, sorted.
func (o outcome) codes(level string) []string {
	var all []string
	for _, f := range o.Findings {
		if f.Level == level {
			all = append(all, f.Code)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
