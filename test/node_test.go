//go:build linux

package test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
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
	log    string // of all runs
	aws    *fakeaws.Server
	url    string // of the AWS
	env    []string
	user   *syscall.Credential // that runs are; nil for the tests' own
}

var builtPlugin = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "plugin")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // some runs are another user's
		return "", err
	}
	path := filepath.Join(dir, "ecr-credential-provider")
	return path, build(path, "./cmd/ecr-credential-provider")
})

// build builds a program as releases are, static.
func build(path, pkg string) error {
	cmd := exec.Command("go", "build", "-o", path, pkg)
	cmd.Dir, cmd.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// TestMain runs many stories at once: they wait for time to pass, not for processors.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		f.Value.Set("16")
	}
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
	dir := t.TempDir()
	return &node{t: t, plugin: plugin, cache: filepath.Join(dir, "cache"), log: filepath.Join(dir, "log"), aws: aws, url: server.URL, env: []string{
		"AWS_ACCESS_KEY_ID=AKIANODE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_ENDPOINT_URL=" + server.URL,
	}}
}

// inject makes AWS fail, as fakeaws.ParseFault reads it.
func (n *node) inject(lines ...string) {
	n.t.Helper()
	for _, line := range lines {
		faults, err := fakeaws.ParseFault(line)
		if err != nil {
			n.t.Fatal(err)
		}
		for _, f := range faults {
			n.aws.Inject(f)
		}
	}
}

// run is one run of the plugin.
type run struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
}

// request is the kubelet's for an image of the node's own.
func request(image string) string {
	return `{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":"` + image + `"}` + "\n"
}

// podRequest is that for an image of a pod, whose account has a role.
func podRequest(image, namespace, name string) string {
	b, err := json.Marshal(map[string]any{
		"kind": "CredentialProviderRequest", "apiVersion": "credentialprovider.kubelet.k8s.io/v1", "image": image,
		"serviceAccountToken":       fakeaws.ServiceAccountToken(namespace, name, time.Now().Add(time.Hour), "sts.amazonaws.com"),
		"serviceAccountAnnotations": map[string]string{"eks.amazonaws.com/ecr-role-arn": "arn:aws:iam::123456789012:role/pull"},
	})
	if err != nil {
		panic(err)
	}
	return string(b) + "\n"
}

func (n *node) start(image string) *run { return n.ask(request(image)) }

// ask starts a run with this on stdin.
func (n *node) ask(request string) *run {
	n.t.Helper()
	// With a umask that protects nothing.
	r := &run{Cmd: exec.Command("sh", "-c", `umask 0; exec "$0" "$@"`, n.plugin, "--cache-dir", n.cache, "--log-file", n.log)}
	r.SysProcAttr = &syscall.SysProcAttr{Credential: n.user}
	r.Stdin = strings.NewReader(request)
	r.Stdout, r.Stderr, r.Env = &r.stdout, &r.stderr, n.env
	if err := r.Start(); err != nil {
		n.t.Fatal(err)
	}
	return r
}

// answer is a run's to its end: its password, or its one line on stderr.
func (n *node) answer(request string) (password, line string) {
	n.t.Helper()
	r := n.ask(request)
	err := r.Wait()
	return n.outcome(r, err)
}

var password = regexp.MustCompile(`"password":"([^"]+)"`)

// outcome holds a run against what a run may end in: an answer and silence, or one
// line and nothing else.
func (n *node) outcome(r *run, err error) (token, line string) {
	n.t.Helper()
	out, errs := r.stdout.String(), r.stderr.String()
	if m := password.FindStringSubmatch(out); m != nil && err == nil && errs == "" && strings.HasSuffix(out, "}}}\n") {
		return m[1], ""
	}
	if err == nil || out != "" || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "ecr-credential-provider: ") {
		n.t.Errorf("a run ended in %v, with %q and %q", err, out, errs)
	}
	return "", errs
}

// logged is a line of the log.
type logged struct {
	Source  string
	Trouble string
	Calls   int
	MS      float64
	Error   string
}

// logs reads what the runs have logged, and forgets it.
func (n *node) logs() []logged {
	n.t.Helper()
	text, err := os.ReadFile(n.log)
	if err != nil {
		n.t.Fatal(err)
	}
	var all []logged
	for line := range strings.Lines(string(text)) {
		var l logged
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			n.t.Fatalf("%q: %v", line, err)
		}
		all = append(all, l)
	}
	if err := os.Remove(n.log); err != nil {
		n.t.Fatal(err)
	}
	return all
}

// all asks for every image at once, and returns how each ended.
func (n *node) all(images []string) (passwords, lines []string) {
	n.t.Helper()
	runs := make([]*run, len(images))
	for i, image := range images {
		runs[i] = n.start(image)
	}
	for _, r := range runs {
		password, line := n.outcome(r, r.Wait())
		passwords, lines = append(passwords, password), append(lines, line)
	}
	return passwords, lines
}

// fetches are the runs that called AWS, of those that have ended.
func (n *node) fetches() int {
	n.t.Helper()
	fetches := 0
	for _, l := range n.logs() {
		if l.Calls > 0 {
			fetches++
		}
	}
	return fetches
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

// ecrCalls are those to ECR alone.
func (n *node) ecrCalls() []fakeaws.Call {
	return slices.DeleteFunc(n.aws.Calls(), func(c fakeaws.Call) bool { return c.Service != "ecr" })
}

// poll waits for what must become true.
func (n *node) poll(what string, is func() bool) {
	n.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			n.t.Fatalf("waited in vain until %s", what)
		}
	}
}

// files are those of the cache directory whose names are like the pattern.
func (n *node) files(pattern string) []string {
	n.t.Helper()
	names, err := filepath.Glob(filepath.Join(n.cache, pattern))
	if err != nil || len(names) == 0 {
		n.t.Fatalf("there is no %s in the cache: %v", pattern, err)
	}
	return names
}

// remove takes the files of the cache directory away whose names are like the
// pattern.
func (n *node) remove(pattern string) {
	n.t.Helper()
	for _, name := range n.files(pattern) {
		if err := os.Remove(name); err != nil {
			n.t.Fatal(err)
		}
	}
}

// entry is what `cache list` says of one.
type entry struct{ Issued, Due, Expires time.Time }

// until waits for what must become true of the one entry.
func (n *node) until(what string, is func(entry) bool) {
	n.t.Helper()
	n.poll(what, func() bool {
		out, err := exec.Command(n.plugin, "cache", "list", "-o", "json", "--cache-dir", n.cache).Output()
		if err != nil {
			n.t.Fatal(err)
		}
		var list []entry
		if err := json.Unmarshal(out, &list); err != nil || len(list) != 1 {
			n.t.Fatalf("cache list: %s, %v", out, err)
		}
		return is(list[0])
	})
}
