package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/cache"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/provider"
)

const usage = `Usage: ecr-credential-provider [flags]
       ecr-credential-provider warm [flags] [--force] [-o text|json] [HOST...]
       ecr-credential-provider cache list|clear [-o text|json|prom] [--cache-dir DIRECTORY]

A kubelet image credential provider for Amazon ECR: it reads a
CredentialProviderRequest from stdin and writes a CredentialProviderResponse to
stdout. Give flags as args of the provider in the CredentialProviderConfig. Other
arguments are ignored.

  --mirror HOST=ECR_HOST    HOST, with :PORT if images have one, takes the tokens of
                            this ECR registry: a proxy, a CNAME, a VPC endpoint's own
                            name. Repeatable.
  --role ACCOUNT=ROLE_ARN   For registries of this account, or whose host matches
  --role HOST_GLOB=ROLE_ARN this glob, the node assumes this role first. The first
                            that matches counts; requests of service accounts are not
                            affected. Repeatable.
  --service-account-fallback deny|node
                            What to do with a service account that has no role:
                            refuse (deny, the default), or pull as the node.
  --cache-dir DIRECTORY     Where the processes of the node share tokens, on tmpfs by
                            default: /run/ecr-credential-provider. Linux only.
  --no-cache                Share nothing, remember nothing.
  --log-file PATH           Append a line of JSON for every run: the kubelet drops what
                            a run that succeeds says. Opened for each, so that it may
                            be rotated by renaming.
  --timeout DURATION        When to give up, at most 55s: the kubelet kills after 60s
                            without a reason. Default 45s.
  --version                 Print the version.
  --help                    Print this.

Environment:
  AWS_ECR_ROLE_ARN          The role of service accounts that have no annotation
                            eks.amazonaws.com/ecr-role-arn.
  AWS_*                     Whatever the AWS SDK for Go reads: credentials, profile,
                            config files, endpoints, FIPS and dual-stack, CA bundle.
  HTTPS_PROXY, NO_PROXY     The way to AWS; never the way to the instance metadata.

Commands for units, people and monitoring:
  warm [HOST...]            Fetch now what pulls from these registries will need, with
                            the flags and the environment of the kubelet's provider;
                            without HOST, for the node's own region. Renews what falls
                            due within 45 minutes, or is another instance role's;
                            --force renews it all. Prints a line per host with the
                            token's expiry, and exits 0 only if each has one.
  cache list                What is in the cache, never a token. -o prom is for the
                            textfile collector of node-exporter.
  cache clear               Remove it all: the next pulls fetch anew.

Exit codes: 0 answered, 1 failed (a line on stderr), 2 wrong arguments, 3 the cache
cannot be used (cache list).
`

const (
	defaultTimeout = 45 * time.Second

	// longestTimeout leaves the reason time to reach the kubelet before its
	// fixed limit of one minute (pkg/credentialprovider/plugin/plugin.go).
	longestTimeout = 55 * time.Second

	// warmAhead is how far warm looks ahead. A timer runs it every 30 minutes, some
	// randomly later.
	warmAhead = 45 * time.Minute
)

// options is the program's whole configuration.
type options struct {
	provider provider.Provider
	timeout  time.Duration
	logFile  string
	version  bool

	// Of warm alone.
	hosts  []string
	format string
}

var errHelp = flag.ErrHelp

// parseFlags reads args and judges them; warm has some more. Positional arguments are
// hosts to warm, and otherwise skipped wherever they stand: kOps passes
// get-credentials.
func parseFlags(args []string, warm bool, getenv func(string) string) (options, error) {
	o := options{timeout: defaultTimeout, format: "text"}
	o.provider.Mirrors = provider.Mirrors{}
	o.provider.ServiceAccountRole = getenv(provider.RoleVariable)
	o.provider.Getenv = getenv

	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // main says it, in one line
	fs.Func("mirror", "", o.provider.Mirrors.Add)
	fs.Func("role", "", func(s string) error {
		rule, err := provider.ParseRoleRule(s)
		o.provider.Roles = append(o.provider.Roles, rule)
		return err
	})
	fs.Func("service-account-fallback", "", func(s string) error {
		o.provider.NodeFallback = s == "node"
		if s != "node" && s != "deny" {
			return errors.New("want deny or node")
		}
		return nil
	})
	tokens := &cache.Cache{}
	o.provider.Cache = tokens
	fs.StringVar(&tokens.Dir, "cache-dir", "", "")
	fs.BoolVar(&tokens.Off, "no-cache", false, "")
	if warm {
		tokens.Ahead = warmAhead
		fs.BoolVar(&tokens.Force, "force", false, "")
		fs.StringVar(&o.format, "o", o.format, "")
	}
	fs.DurationVar(&o.timeout, "timeout", o.timeout, "")
	fs.StringVar(&o.logFile, "log-file", "", "")
	fs.BoolVar(&o.version, "version", false, "")

	for rest := args; ; {
		if err := fs.Parse(rest); err != nil {
			return o, badArguments(err)
		}
		if fs.NArg() == 0 || afterDashes(rest, fs.NArg()) {
			o.hosts = append(o.hosts, fs.Args()...)
			break
		}
		o.hosts = append(o.hosts, fs.Arg(0))
		rest = fs.Args()[1:]
	}
	if o.timeout <= 0 || o.timeout > longestTimeout {
		return o, badArguments(fmt.Errorf("--timeout %s is not between 0 and %s", o.timeout, longestTimeout))
	}
	switch {
	case tokens.Off && tokens.Dir != "":
		return o, badArguments(errors.New("--no-cache and --cache-dir exclude each other"))
	case tokens.Off && warm:
		return o, badArguments(errors.New("--no-cache leaves nothing to warm"))
	case o.format != "text" && o.format != "json":
		return o, badArguments(fmt.Errorf("-o %s is neither text nor json", o.format))
	}
	return o, nil
}

// afterDashes reports whether the last left arguments of args stand behind a --,
// which makes them all positional.
func afterDashes(args []string, left int) bool {
	return left < len(args) && args[len(args)-left-1] == "--"
}

func badArguments(err error) error {
	return hint.Wrap(fmt.Errorf("arguments: %w", err), "%s --help lists what it takes; in the CredentialProviderConfig that is args", name)
}
