package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/provider"
	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

var update = flag.Bool("update", false, "rewrite what the stories expect with what they got")

// TestMain makes the real main a command of the stories, and some that misbehave
// where the real one asks AWS.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		name:                    isolated,
		name + "-panics":        func() { os.Exit(runWith(panicking{})) },
		name + "-panics-beside": func() { os.Exit(runWith(panicking{beside: true})) },
		name + "-hangs":         func() { os.Exit(runWith(hanging{})) },
		name + "-noisy":         func() { os.Exit(runWith(noisy{})) },
		name + "-stamped":       func() { stamp = "v1.2.3"; main() },
	})
}

// isolated is main, without the cache of the machine that runs the stories: those
// about the cache name a directory.
func isolated() {
	people := len(os.Args) > 1 && (os.Args[1] == "cache" || os.Args[1] == "warm")
	if !people && !slices.ContainsFunc(os.Args, func(arg string) bool { return strings.HasPrefix(arg, "--cache-dir") }) {
		os.Args = slices.Insert(os.Args, 1, "--no-cache")
	}
	main()
}

// runWith is the program with tokens in the place of AWS, and without a cache.
func runWith(tokens provider.Tokens) int {
	return run(append(os.Args[1:], "--no-cache"), func() source { return nowhere{tokens} })
}

// nowhere is a source that knows no node.
type nowhere struct{ provider.Tokens }

func (nowhere) Region(context.Context) (string, error) { return "", errors.New("nowhere") }
func (nowhere) InstanceRole(context.Context) string    { return "" }

// panicking panics, in the calling goroutine or in another, as a fault in the SDK
// could.
type panicking struct{ beside bool }

func (p panicking) Token(ctx context.Context, ask provider.Ask) (provider.Token, error) {
	if p.beside {
		go panic("assertion failed beside")
		<-ctx.Done()
	}
	panic("assertion failed\nwith " + string(ask.Identity.ServiceAccount.Token))
}

// hanging never answers and heeds no deadline.
type hanging struct{}

func (hanging) Token(context.Context, provider.Ask) (provider.Token, error) {
	select {}
}

// noisy writes where only the answer may be, and tells where it would read.
type noisy struct{}

func (noisy) Token(context.Context, provider.Ask) (provider.Token, error) {
	fmt.Fprintln(os.NewFile(1, ""), "noise")
	fmt.Fprintln(os.NewFile(2, ""), "noise")
	return provider.Token{Username: os.Stdin.Name(), Password: "p"}, nil
}

func TestTimeoutByDefault(t *testing.T) {
	if o, err := parseFlags(nil, false, os.Getenv); err != nil || o.timeout != 45*time.Second {
		t.Errorf("parseFlags gave a timeout of %s, %v", o.timeout, err)
	}
}

// TestStories runs testdata/*.txtar. Each story has an AWS of its own:
//
//	aws [proxy] [life=DURATION] [role=NAME]
//	    starts it and points the environment at it: by endpoint variables, or as
//	    the HTTPS proxy behind which every AWS host name is found. role= is the
//	    instance profile's role, empty for none.
//	fault SERVICE KIND [option=value...]   injects a fault (fakeaws.ParseFault)
//	heal                                   removes all faults
//	role [NAME]                            exchanges the role of the instance profile
//	calls [SERVICE|agents]                 prints what AWS saw since, or who called
//	request IMAGE [option=value...]        writes the kubelet's request to file request
//	    version=v1beta1 account=NAMESPACE/NAME audience=NAME expires=DURATION
//	    annotation=KEY=VALUE
//	clock                                  begins to measure
//	took DURATION                          fails if more has passed, which means it hung
func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			// What systemd gives a kubelet: neither HOME nor a region.
			var vars []string
			for _, v := range env.Vars {
				if name, _, _ := strings.Cut(v, "="); name == "PATH" || name == "WORK" || name == "TMPDIR" || name == "GOCOVERDIR" || name == "SystemRoot" {
					vars = append(vars, v)
				}
			}
			env.Vars = vars
			env.Values[storyKey{}] = &story{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"aws": startAWS, "fault": injectFault, "heal": heal, "role": changeRole, "calls": printCalls, "request": writeRequest, "clock": startClock, "took": took,
		},
	})
}

// story is what the commands of one story share.
type story struct {
	aws   *fakeaws.Server
	clock time.Time
}

type storyKey struct{}

func storyOf(ts *testscript.TestScript) *story { return ts.Value(storyKey{}).(*story) }

func awsOf(ts *testscript.TestScript) *fakeaws.Server {
	s := storyOf(ts).aws
	if s == nil {
		ts.Fatalf("the story has not started an aws")
	}
	return s
}

func startAWS(ts *testscript.TestScript, _ bool, args []string) {
	s := fakeaws.New()
	s.TokenLife = 12*time.Hour + time.Minute // half of 12 h to the second, however slow the machine
	proxy := false
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "proxy":
			proxy = true
		case "life":
			life, err := time.ParseDuration(value)
			ts.Check(err)
			s.TokenLife = life
		case "role":
			s.InstanceRole = value
		default:
			ts.Fatalf("aws: what is %q?", arg)
		}
	}
	server := httptest.NewServer(s)
	ts.Defer(func() { s.Close(); server.Close() })
	storyOf(ts).aws = s
	ts.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.URL)
	if proxy {
		bundle := ts.MkAbs("ca.pem")
		ts.Check(os.WriteFile(bundle, s.CA(), 0o600))
		ts.Setenv("AWS_CA_BUNDLE", bundle)
		ts.Setenv("HTTPS_PROXY", server.URL)
	} else {
		ts.Setenv("AWS_ENDPOINT_URL", server.URL)
	}
	// Not variables of the SDK: for stories to build others from.
	ts.Setenv("AWS_URL", server.URL)
	ts.Setenv("AWS_HOST", strings.TrimPrefix(server.URL, "http://"))
}

func injectFault(ts *testscript.TestScript, _ bool, args []string) {
	faults, err := fakeaws.ParseFault(strings.Join(args, " "))
	ts.Check(err)
	for _, f := range faults {
		awsOf(ts).Inject(f)
	}
}

func heal(ts *testscript.TestScript, _ bool, _ []string) { awsOf(ts).Heal() }

func changeRole(ts *testscript.TestScript, _ bool, args []string) {
	awsOf(ts).ExchangeProfile(strings.Join(args, ""))
}

func printCalls(ts *testscript.TestScript, _ bool, args []string) {
	out := ts.Stdout() // even for nothing, so that it replaces what was printed before
	for _, c := range awsOf(ts).Calls() {
		switch {
		case len(args) > 0 && args[0] == "agents":
			for product := range strings.FieldsSeq(c.UserAgent) {
				if strings.HasPrefix(product, name) {
					fmt.Fprintln(out, product)
				}
			}
		case len(args) == 0 || c.Service == args[0]:
			fmt.Fprintln(out, c)
		}
	}
	awsOf(ts).ForgetCalls()
}

func writeRequest(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("request: no image")
	}
	request := map[string]any{
		"kind": "CredentialProviderRequest", "apiVersion": "credentialprovider.kubelet.k8s.io/v1", "image": args[0],
	}
	annotations, expires, audience := map[string]string{}, time.Hour, "sts.amazonaws.com"
	account := ""
	for _, arg := range args[1:] {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "version":
			request["apiVersion"] = "credentialprovider.kubelet.k8s.io/" + value
		case "account":
			account = value
		case "audience":
			audience = value
		case "expires":
			var err error
			expires, err = time.ParseDuration(value)
			ts.Check(err)
		case "annotation":
			k, v, _ := strings.Cut(value, "=")
			annotations[k] = v
		default:
			ts.Fatalf("request: what is %q?", arg)
		}
	}
	if account != "" {
		namespace, name, _ := strings.Cut(account, "/")
		request["serviceAccountToken"] = fakeaws.ServiceAccountToken(namespace, name, time.Now().Add(expires), audience)
		request["serviceAccountAnnotations"] = annotations
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	ts.Check(encoder.Encode(request))
	ts.Check(os.WriteFile(ts.MkAbs("request"), b.Bytes(), 0o600))
}

func startClock(ts *testscript.TestScript, _ bool, _ []string) { storyOf(ts).clock = time.Now() }

func took(ts *testscript.TestScript, _ bool, args []string) {
	most, err := time.ParseDuration(args[0])
	ts.Check(err)
	if d := time.Since(storyOf(ts).clock); d > most {
		ts.Fatalf("it took %s: it was held", d)
	}
}

// TestREADME holds the usage that the README shows against the real one.
func TestREADME(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), usage) {
		t.Errorf("README.md does not contain the usage that --help prints; it should be:\n%s", usage)
	}
}
