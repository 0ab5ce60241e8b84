package main

import (
	"errors"
	"flag"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

var update = flag.Bool("update", false, "rewrite what the stories expect with what they got")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){name: main})
}

// TestStories runs testdata/*.txtar. Each story has an account of its own:
//
//	aws [account=NUMBER] [policy=FILE] [partition=NAME]
//	    starts it and points the environment at it; policy= is all that the operator
//	    may do
//	fault SERVICE KIND [option=value...]   injects a fault (fakeaws.ParseFault)
//	status N COMMAND [ARG...]              runs a command, and wants that exit status
//	unchanged                              fails if anything in the account has changed
func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Vars = []string{"WORK=" + e.WorkDir, "HOME=" + e.WorkDir, "PATH=" + os.Getenv("PATH"), "AWS_EC2_METADATA_DISABLED=true", "TMPDIR=" + e.WorkDir}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"aws":       startAWS,
			"fault":     injectFault,
			"status":    status,
			"unchanged": unchanged,
		},
	})
}

// story is the account of a story.
type story struct {
	aws    *fakeaws.Server
	before map[string]any
}

// stories finds the account of a story by its directory.
var (
	lock    sync.Mutex
	stories = map[string]*story{}
)

func startAWS(ts *testscript.TestScript, _ bool, args []string) {
	s := &story{aws: fakeaws.New()}
	for _, arg := range args {
		option, value, _ := strings.Cut(arg, "=")
		switch option {
		case "account":
			s.aws.Account = value
		case "partition":
			s.aws.Partition = value
		case "policy":
			s.aws.CallerPolicies = []string{ts.ReadFile(value)}
		default:
			ts.Fatalf("aws has no option %q", arg)
		}
	}
	server := httptest.NewServer(s.aws)
	ts.Defer(server.Close)
	ts.Defer(s.aws.Close)
	ts.Setenv("AWS_ENDPOINT_URL", server.URL)
	ts.Setenv("AWS_ACCESS_KEY_ID", "AKIAOPERATOR")
	ts.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	s.before = s.aws.Dump()
	lock.Lock()
	defer lock.Unlock()
	stories[ts.Getenv("WORK")] = s
}

func of(ts *testscript.TestScript) *story {
	lock.Lock()
	defer lock.Unlock()
	s := stories[ts.Getenv("WORK")]
	if s == nil {
		ts.Fatalf("the story has no aws")
	}
	return s
}

func injectFault(ts *testscript.TestScript, _ bool, args []string) {
	faults, err := fakeaws.ParseFault(strings.Join(args, " "))
	ts.Check(err)
	for _, f := range faults {
		of(ts).aws.Inject(f)
	}
}

func status(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND [ARG...]")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("status %d, want %s", got, args[0])
	}
}

func unchanged(ts *testscript.TestScript, _ bool, _ []string) {
	s := of(ts)
	if diff := cmp.Diff(s.before, s.aws.Dump()); diff != "" {
		ts.Fatalf("the account has changed:\n%s", diff)
	}
	journals, err := filepath.Glob(filepath.Join(ts.Getenv("WORK"), "*.journal"))
	ts.Check(err)
	for _, j := range journals {
		if text, err := os.ReadFile(j); err != nil || strings.Count(string(text), "\n") > 1 {
			ts.Fatalf("the journal %s has entries: %v\n%s", j, err, text)
		}
	}
}
