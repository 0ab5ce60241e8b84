// Package contract holds the plugin to what kubelets make of it. The code is theirs,
// of the newest minor that can be had and of the last one that decodes leniently: it
// reads the config, runs the built plugin and reads its answer. AWS is package
// fakeaws, over HTTP. It needs Linux, as the plugin's cache does.
//
// Every kubelet here is a process of its own (package kubelet), in / and without
// PATH, HOME and region, as systemd starts one.
package contract

import (
	"bufio"
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
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
	"github.com/kubelet-ecr/kubelet-ecr/test/contract/kubelet"
	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

// newest is the minor with service accounts; oldest ignores them.
const oldest, newest = "v1.31", "v1.37"

const pluginName, bootstrapName = "ecr-credential-provider", "ecr-node-bootstrap"

// bin is where the programs are built to: Go leaves alone what is up to date.
var bin = func() string {
	path, err := filepath.Abs("../../bin/contract")
	if err != nil {
		panic(err)
	}
	return path
}()

func TestMain(m *testing.M) {
	flag.Set("test.parallel", "32") // they wait, most of the time
	for program, dir := range map[string]string{
		pluginName: "../../cmd/ecr-credential-provider", bootstrapName: "../../cmd/ecr-node-bootstrap", oldest: oldest, newest: newest,
	} {
		build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(bin, program), ".")
		build.Dir, build.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building %s: %v\n%s", program, err, out)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// onEach tells a story to the kubelet of each minor.
func onEach(t *testing.T, story func(*node)) {
	for _, minor := range [...]string{oldest, newest} {
		t.Run(minor, func(t *testing.T) { story(newNode(t, minor)) })
	}
}

// node is a machine: a kubelet's version, a directory of plugins, what they keep, and
// an AWS.
type node struct {
	*testing.T
	minor  string
	binDir string
	dir    string
	aws    *fakeaws.Server
	env    []string
}

func newNode(t *testing.T, minor string) *node {
	aws := fakeaws.New()
	server := httptest.NewServer(aws)
	t.Cleanup(server.Close)
	t.Cleanup(aws.Close)
	return &node{T: t, minor: minor, binDir: bin, dir: t.TempDir(), aws: aws, env: []string{
		"AWS_ENDPOINT_URL=" + server.URL, "AWS_EC2_METADATA_SERVICE_ENDPOINT=" + server.URL,
	}}
}

// config is a CredentialProviderConfig.
type config struct {
	APIVersion string     `json:"apiVersion"`
	Kind       string     `json:"kind"`
	Providers  []provider `json:"providers"`
}

type provider struct {
	Name                 string           `json:"name"`
	APIVersion           string           `json:"apiVersion"`
	MatchImages          []string         `json:"matchImages"`
	DefaultCacheDuration string           `json:"defaultCacheDuration"`
	Args                 []string         `json:"args,omitempty"`
	Env                  []variable       `json:"env,omitempty"`
	TokenAttributes      *tokenAttributes `json:"tokenAttributes,omitempty"`
}

type variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type tokenAttributes struct {
	Audience  string   `json:"serviceAccountTokenAudience"`
	CacheType string   `json:"cacheType"`
	Require   bool     `json:"requireServiceAccount"`
	Required  []string `json:"requiredServiceAccountAnnotationKeys,omitempty"`
	Optional  []string `json:"optionalServiceAccountAnnotationKeys,omitempty"`
}

// provider is the plugin as it is meant to be installed, but for the
// defaultCacheDuration, which is EKS's: whatever the plugin says without a duration
// would stay for half a day.
func (n *node) provider() provider {
	return provider{
		Name:                 pluginName,
		APIVersion:           "credentialprovider.kubelet.k8s.io/v1",
		MatchImages:          registry.MatchImages(),
		DefaultCacheDuration: "12h0m0s",
		Args:                 []string{"--cache-dir=" + filepath.Join(n.dir, "cache"), "--log-file=" + n.logFile()},
	}
}

func (n *node) logFile() string { return filepath.Join(n.dir, "runs.log") }

// run is a line of the --log-file, less the times: a process of the plugin.
type run struct {
	Host, Region, Identity, Source, Error string
	Calls                                 int
}

// runs are all runs of the plugin on the node.
func (n *node) runs() []run {
	n.Helper()
	var all []run
	b, err := os.ReadFile(n.logFile())
	if err != nil && !os.IsNotExist(err) {
		n.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		var r run
		if err := json.Unmarshal(line, &r); err != nil {
			n.Fatalf("%s: %v", line, err)
		}
		all = append(all, r)
	}
	return all
}

// calls are those that AWS saw, of the services.
func (n *node) calls(services ...string) []string {
	var all []string
	for _, c := range n.aws.Calls() {
		if slices.Contains(services, c.Service) {
			all = append(all, c.String())
		}
	}
	return all
}

func (n *node) inject(fault string) {
	n.Helper()
	faults, err := fakeaws.ParseFault(fault)
	if err != nil {
		n.Fatal(err)
	}
	n.aws.Inject(faults[0])
}

// process is a kubelet.
type process struct {
	*node
	pid  int
	in   *json.Encoder
	out  *json.Decoder
	said string // the path of its log
}

// start starts a kubelet with a config of the given providers.
func (n *node) start(providers ...provider) *process {
	n.Helper()
	return n.startWith(config{APIVersion: "kubelet.config.k8s.io/v1", Kind: "CredentialProviderConfig", Providers: providers})
}

func (n *node) startWith(c config) *process {
	n.Helper()
	file, err := os.CreateTemp(n.dir, "config-*.json")
	if err != nil {
		n.Fatal(err)
	}
	defer file.Close()
	if err := json.NewEncoder(file).Encode(c); err != nil {
		n.Fatal(err)
	}
	return n.startFrom(file.Name())
}

// startFrom starts a kubelet with the config in a file. Its log goes to a file, and
// not through a pipe, so that whatever was logged before an answer is there with it.
func (n *node) startFrom(config string) *process {
	n.Helper()
	said, err := os.CreateTemp(n.dir, "kubelet-*.log")
	if err != nil {
		n.Fatal(err)
	}
	defer said.Close()
	cmd := exec.Command(filepath.Join(bin, n.minor), "-v=5",
		"--image-credential-provider-config="+config, "--image-credential-provider-bin-dir="+n.binDir)
	cmd.Dir, cmd.Env, cmd.Stderr = "/", n.env, said
	in, err := cmd.StdinPipe()
	if err != nil {
		n.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		n.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		n.Fatal(err)
	}
	p := &process{node: n, pid: cmd.Process.Pid, in: json.NewEncoder(in), out: json.NewDecoder(bufio.NewReader(out)), said: said.Name()}
	n.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			n.Errorf("the kubelet: %v\n%s", err, p.log())
		} else if n.Failed() {
			n.Logf("the kubelet's errors: %q", p.errors())
		}
	})
	return p
}

// lookup looks images up for a pod, all at once, and says of each whose credentials
// the kubelet has for it; see node.whose.
func (p *process) lookup(pod kubelet.Pod, images ...string) [][]string {
	p.Helper()
	if err := p.in.Encode(kubelet.Batch{Images: images, Pod: pod}); err != nil {
		p.Fatal(err)
	}
	var found [][]kubelet.Credentials
	if err := p.out.Decode(&found); err != nil {
		p.Fatalf("the kubelet gives no answer: %v\n%s", err, p.log())
	}
	whose := make([][]string, len(images))
	for i, all := range found {
		for _, c := range all {
			whose[i] = append(whose[i], p.whose(c))
		}
	}
	return whose
}

// whose says what token AWS gave out that these credentials are, with user AWS, and
// that is good now: "REGION, PRINCIPAL", and "of NAMESPACE/NAME" if the kubelet holds
// them to be a service account's.
func (n *node) whose(c kubelet.Credentials) string {
	token, ok := n.aws.Admit(c.Username, c.Password)
	if !ok {
		return "no token of this AWS"
	}
	who := token.Region + ", " + token.Principal
	if token.Public {
		who = "public, " + token.Principal
	}
	if c.Account != "" {
		who += ", of " + c.Account
	}
	return who
}

const nodePrincipal = "arn:aws:sts::123456789012:assumed-role/node/i-0abc"

// nodes is what lookup says of one image if it has a token of the node in region.
func nodes(region string) [][]string { return [][]string{{region + ", " + nodePrincipal}} }

// nobody is what lookup says of one image if the kubelet has no credentials.
var nobody = [][]string{nil}

// log is all that the kubelet logged.
func (p *process) log() string {
	p.Helper()
	b, err := os.ReadFile(p.said)
	if err != nil {
		p.Error(err)
	}
	return string(b)
}

// failure is where the kubelet logs a plugin's failure: the error is quoted, or as it
// is on a line of its own if it has a line's end in it.
var failure = regexp.MustCompile(`(?m)(err=")?((?:Failed getting|failed to get) credential from external registry credential provider: (.*))$`)

// varying is what differs from run to run in a line of the plugin.
var varying = map[string]*regexp.Regexp{
	"request N":    regexp.MustCompile(`request request-\d+`),
	"(N attempts)": regexp.MustCompile(`\(\d+ attempts\)`),
	"AWS":          regexp.MustCompile(`127\.0\.0\.1:\d+`),
}

// errors are what the kubelet logged of plugins that failed, less what varies.
func (p *process) errors() []string {
	p.Helper()
	var all []string
	for _, m := range failure.FindAllStringSubmatch(p.log(), -1) {
		line := m[3]
		if m[1] != "" {
			quoted, err := strconv.QuotedPrefix(`"` + m[2])
			if err != nil {
				p.Fatal(err)
			}
			text, _ := strconv.Unquote(quoted)
			_, line, _ = strings.Cut(text, "external registry credential provider: ")
		}
		for word, varies := range varying {
			line = varies.ReplaceAllString(line, word)
		}
		all = append(all, line)
	}
	return all
}

// until waits for what must become true.
func (n *node) until(within time.Duration, what string, is func() bool) {
	n.Helper()
	for deadline := time.Now().Add(within); !is(); time.Sleep(250 * time.Millisecond) {
		if time.Now().After(deadline) {
			n.Fatalf("in vain waited %s until %s", within, what)
		}
	}
}

const account = "123456789012"

// image is one of the account in a region.
func image(region, repository string) string {
	return account + ".dkr.ecr." + region + ".amazonaws.com/" + repository
}
