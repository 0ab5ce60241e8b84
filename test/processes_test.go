//go:build linux

package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

// node is a machine: the built plugin, a cache directory, and an AWS.
type node struct {
	t      *testing.T
	plugin string
	cache  string
	aws    *fakeaws.Server
	env    []string
}

var builtPlugin = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "plugin")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "ecr-credential-provider")
	build := exec.Command("go", "build", "-o", path, "./cmd/ecr-credential-provider")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := builtPlugin(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

func newNode(t *testing.T) *node {
	t.Helper()
	plugin, err := builtPlugin()
	if err != nil {
		t.Fatal(err)
	}
	aws := fakeaws.New()
	server := httptest.NewServer(aws)
	t.Cleanup(server.Close)
	t.Cleanup(aws.Close)
	return &node{t: t, plugin: plugin, cache: filepath.Join(t.TempDir(), "cache"), aws: aws, env: []string{
		"AWS_ACCESS_KEY_ID=AKIANODE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_ENDPOINT_URL=" + server.URL,
	}}
}

// run is one run of the plugin.
type run struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
}

func (n *node) start(image string) *run {
	n.t.Helper()
	r := &run{Cmd: exec.Command(n.plugin, "--cache-dir", n.cache)}
	r.Stdin = strings.NewReader(`{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":"` + image + `"}` + "\n")
	r.Stdout, r.Stderr, r.Env = &r.stdout, &r.stderr, n.env
	if err := r.Start(); err != nil {
		n.t.Fatal(err)
	}
	return r
}

// all starts a run per image at once and waits for them.
func (n *node) all(images []string) []*run {
	runs := make([]*run, len(images))
	for i, image := range images {
		runs[i] = n.start(image)
	}
	for _, r := range runs {
		r.Wait()
	}
	return runs
}

// images are n of them, of ten accounts in one region.
func images(n int, region string) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("1234567890%02d.dkr.ecr.%s.amazonaws.com/repository-%d", i%10, region, i))
	}
	return all
}

func (n *node) calls() int { return len(n.aws.Calls()) }

// TestColdStart is a kubelet that starts fifty images at once.
func TestColdStart(t *testing.T) {
	n := newNode(t)
	for _, r := range n.all(images(50, "us-east-1")) {
		if !strings.Contains(r.stdout.String(), `"password":"token-1-us-east-1"`) || r.stderr.Len() > 0 {
			t.Errorf("%s%s", r.stdout.String(), r.stderr.String())
		}
	}
	if n.calls() != 1 {
		t.Errorf("AWS saw %d calls, want 1", n.calls())
	}
}

func TestManyRegions(t *testing.T) {
	n := newNode(t)
	var all []string
	for i := range 20 {
		all = append(all, fmt.Sprintf("123456789012.dkr.ecr.xx-test-%d.amazonaws.com/app", i))
	}
	for range 2 { // the second time from 20 entries
		for i, r := range n.all(all) {
			if !strings.Contains(r.stdout.String(), fmt.Sprintf("-xx-test-%d\"", i)) {
				t.Errorf("%s: %s%s", all[i], r.stdout.String(), r.stderr.String())
			}
		}
	}
	if n.calls() != 20 {
		t.Errorf("AWS saw %d calls, want 20", n.calls())
	}
}

// TestFailingAtOnce: one fetch's worth of attempts in all, and everybody has the
// reason.
func TestFailingAtOnce(t *testing.T) {
	t.Parallel()
	for fault, c := range map[string]struct {
		calls int // 0 for what the jitter makes of it
		says  string
	}{
		"ecr access-denied": {1, "AccessDeniedException"},
		"ecr unavailable":   {5, "ServiceUnavailable"},
		"ecr hang":          {3, "did not answer in time (3 attempts)"},
		"ecr throttle":      {0, "ThrottlingException"},
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			faults, err := fakeaws.ParseFault(fault)
			if err != nil {
				t.Fatal(err)
			}
			n.aws.Inject(faults[0])
			reasons := map[string]int{}
			for _, r := range n.all(images(50, "us-east-1")) {
				if !strings.Contains(r.stderr.String(), c.says) || !strings.Contains(r.stderr.String(), "; hint: ") || r.stdout.Len() > 0 {
					t.Errorf("%s%s", r.stdout.String(), r.stderr.String())
				}
				_, reason, _ := strings.Cut(r.stderr.String(), " as the node: ")
				reasons[reason]++
			}
			if len(reasons) != 1 {
				t.Errorf("there are %d reasons, want that of one fetch: %v", len(reasons), reasons)
			}
			if c.calls > 0 && n.calls() != c.calls {
				t.Errorf("AWS saw %d calls, want %d", n.calls(), c.calls)
			}
		})
	}
}

// TestKilled kills a random process at a random point, over and over: what the
// others answer is right, and who comes after is not held.
func TestKilled(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.aws.Latency = 3 * time.Millisecond
	for round := range 200 {
		region := fmt.Sprintf("xx-kill-%d", round)
		victims := make([]*run, 4)
		for i := range victims {
			victims[i] = n.start(images(4, region)[i])
		}
		victim := victims[rand.N(len(victims))]
		time.Sleep(rand.N(25 * time.Millisecond)) // where it strikes is the point of the test
		victim.Process.Kill()
		for _, r := range victims {
			r.Wait()
			if out := r.stdout.String(); r != victim && !strings.Contains(out, region+`"`) || out != "" && !strings.HasSuffix(out, "}}}\n") {
				t.Fatalf("round %d: %q %s", round, out, r.stderr.String())
			}
		}
		after := n.all(images(1, region))[0]
		if !strings.Contains(after.stdout.String(), region+`"`) {
			t.Fatalf("round %d, who came after: %s%s", round, after.stdout.String(), after.stderr.String())
		}
	}
}

// TestAWSGone is a warm cache and nothing else: no AWS, no network.
func TestAWSGone(t *testing.T) {
	n := newNode(t)
	n.all(images(1, "us-east-1"))
	n.env[2] = "AWS_ENDPOINT_URL=http://127.0.0.1:1"
	for _, r := range n.all(images(20, "us-east-1")) {
		if !strings.Contains(r.stdout.String(), `"password":"token-1-us-east-1"`) {
			t.Errorf("%s%s", r.stdout.String(), r.stderr.String())
		}
	}
}

// TestRenewalHangs is a token that is due, and an AWS that says nothing: one run
// tries to renew it, everybody answers with what there is.
func TestRenewalHangs(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.aws.TokenLife = 40 * time.Second
	n.all(images(1, "us-east-1"))
	n.until("the token is due", func(e entry) bool { return time.Now().After(e.Due) })
	n.aws.Inject(fakeaws.Fault{Service: "ecr", Hang: true})
	for _, r := range n.all(images(50, "us-east-1")) {
		if !strings.Contains(r.stdout.String(), `"password":"token-1-us-east-1"`) {
			t.Errorf("%s%s", r.stdout.String(), r.stderr.String())
		}
	}
	if n.calls() != 2 {
		t.Errorf("AWS saw %d calls, want 2: the first, and one attempt to renew", n.calls())
	}
}

// TestFrozenLeader stops the run that fetches for all: who waits for it gets a token
// by itself in the end.
func TestFrozenLeader(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.aws.Inject(fakeaws.Fault{Service: "ecr", Hang: true, Times: 1})
	leader := n.start(images(1, "us-east-1")[0])
	defer leader.Wait()
	defer leader.Process.Kill()
	for deadline := time.Now().Add(30 * time.Second); n.calls() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the leader does not call AWS")
		}
	}
	if err := leader.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for _, r := range n.all(images(5, "us-east-1")) {
		if !strings.Contains(r.stdout.String(), `"username":"AWS"`) {
			t.Errorf("%s%s", r.stdout.String(), r.stderr.String())
		}
	}
}

// entry is what `cache list` says of one.
type entry struct{ Due time.Time }

// until waits for what must become true of the one entry.
func (n *node) until(what string, is func(entry) bool) {
	n.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		out, err := exec.Command(n.plugin, "cache", "list", "-o", "json", "--cache-dir", n.cache).Output()
		if err != nil {
			n.t.Fatal(err)
		}
		var list []entry
		if err := json.Unmarshal(out, &list); err != nil || len(list) != 1 {
			n.t.Fatalf("cache list: %s, %v", out, err)
		}
		if is(list[0]) {
			return
		}
		if time.Now().After(deadline) {
			n.t.Fatalf("in vain waited until %s: %s", what, out)
		}
	}
}
