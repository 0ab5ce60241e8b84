// Command ecr-credential-provider is a kubelet image credential provider for
// Amazon ECR. The kubelet runs it once per look-up, with a
// CredentialProviderRequest on stdin, and reads a CredentialProviderResponse from
// stdout; see usage for what it takes.
//
// It exits 0 with the response on stdout and nothing on stderr, 1 with one line on
// stderr that says what failed, for whom, and what to do, or 2 if its arguments are
// wrong. Nothing else ever reaches stdout. The commands warm and cache, for units and
// people, print there, and cache exits 3 when it finds the cache unusable.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/provider"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/provider/aws"
)

const name = "ecr-credential-provider"

const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitFindings = 3
)

// grace is how long after the deadline the provider may take to say itself what
// was late, which it knows better than main does.
const grace = 500 * time.Millisecond

func main() {
	os.Exit(run(os.Args[1:], func() source {
		return &aws.Tokens{Product: name + "/" + version()}
	}))
}

// source is where tokens come from, which also knows the node.
type source interface {
	provider.Tokens
	Region(context.Context) (string, error)
	InstanceRole(context.Context) string
}

// run is the program; tokens makes the source it asks.
func run(args []string, tokens func() source) int {
	began := time.Now()
	s, err := takeStreams()
	if err != nil {
		fmt.Fprintln(os.Stderr, name+": "+hint.Line(err))
		return exitFailed
	}
	command := ""
	if len(args) > 0 && (args[0] == "cache" || args[0] == "warm") {
		command, args = args[0], args[1:]
	}
	if command == "cache" {
		return cacheCommand(s, args)
	}
	o, err := parseFlags(args, command == "warm", os.Getenv)
	switch {
	case errors.Is(err, errHelp):
		return s.say(usage)
	case err != nil:
		return s.fail(exitUsage, hint.Line(err))
	case o.version:
		return s.say(name + " " + version() + "\n")
	}

	w := s.watch(o.timeout + grace)
	ctx, cancel := context.WithTimeout(context.Background(), o.timeout)
	defer cancel()
	if command == "warm" {
		w.doing("warming the cache")
		if err := s.detach(); err != nil {
			return w.fail(hint.Line(err))
		}
		return warm(ctx, s, o, tokens())
	}
	return respond(ctx, s, w, o, tokens, began)
}

// respond answers the kubelet.
func respond(ctx context.Context, s *streams, w *watchdog, o options, tokens func() source, began time.Time) int {
	w.doing("reading the request from stdin")
	var report provider.Report
	o.provider.Observe = func(r provider.Report) { report = r }
	request, err := provider.ReadRequest(s.in)
	if err != nil {
		appendLog(o.logFile, began, report, err)
		return w.fail(hint.Line(err))
	}
	if err := s.detach(); err != nil {
		return w.fail(hint.Line(err))
	}
	w.doing("answering the request")
	response, err := answer(ctx, o.provider, tokens, request)
	if err == nil {
		err = w.finish(func() error { return response.Write(s.out) })
	}
	appendLog(o.logFile, began, report, err) // after the answer, for which somebody waits
	if err != nil {
		return w.fail(hint.Line(err))
	}
	return exitDone
}

// answer makes a panic an error like any other: one line, nothing on stdout.
func answer(ctx context.Context, p provider.Provider, tokens func() source, q provider.Request) (_ provider.Response, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = hint.Wrap(q.Redacted(fmt.Errorf("panic: %v", r)), "this is a bug in %s %s: please report it with this line", name, version())
		}
	}()
	p.Tokens = tokens()
	return p.Respond(ctx, q)
}

// A watchdog ends the process when its work does not end by itself: a stdin that
// stays open, a credential_process whose children hold its pipe. It is a timer and
// no goroutine, which a run of milliseconds would pay for with a thread.
type watchdog struct {
	s       *streams
	mu      sync.Mutex // held by whoever ends the run: they alone may write
	ended   sync.Once  // locks mu for the run itself, which may fail after it finished
	current atomic.Pointer[string]
}

func (s *streams) watch(after time.Duration) *watchdog {
	w := &watchdog{s: s}
	time.AfterFunc(after, func() {
		w.mu.Lock() // for ever, if the run has ended by itself
		os.Exit(s.fail(exitFailed, *w.current.Load()+": not finished within the --timeout"))
	})
	return w
}

// doing says what the process is at, for the line that it is late.
func (w *watchdog) doing(what string) { w.current.Store(&what) }

// fail ends the run with a line on stderr.
func (w *watchdog) fail(line string) int {
	w.ended.Do(w.mu.Lock)
	return w.s.fail(exitFailed, line)
}

// finish ends the run with what write does; if that fails, fail may follow.
func (w *watchdog) finish(write func() error) error {
	w.ended.Do(w.mu.Lock)
	return write()
}

// say writes text to stdout, for the people who ask for help or version.
func (s *streams) say(text string) int {
	if _, err := io.WriteString(s.out, text); err != nil {
		return s.fail(exitFailed, err.Error())
	}
	return exitDone
}

// fail writes the one line that the kubelet logs and returns code.
func (s *streams) fail(code int, line string) int {
	fmt.Fprintln(s.err, name+": "+line)
	return code
}

// stamp is the version that the Makefile links in; "" in a plain go build.
var stamp string

// version is the release, or what the Go toolchain knows about the build.
func version() string {
	if stamp != "" {
		return stamp
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}
