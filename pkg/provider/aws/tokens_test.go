package aws_test

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/provider"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/provider/aws"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

// bare takes away what the machine's environment would tell the SDK, and sets
// instead what the test says.
func bare(t *testing.T, vars ...string) {
	t.Helper()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") || name == "HOME" {
			t.Setenv(name, "") // so that it is restored
			os.Unsetenv(name)
		}
	}
	for _, v := range vars {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
}

const keys = "AWS_ACCESS_KEY_ID=AKIANODE"

// network is an AWS, and a source of tokens that believes to be on its network:
// every host name leads there, and time is the bubble's.
func network(t *testing.T) (*fakeaws.Server, *aws.Tokens) {
	t.Helper()
	s := fakeaws.New()
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, s.CA(), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", bundle)
	return s, &aws.Tokens{Product: "test/1.2.3", DialContext: s.Dial}
}

func ask(t *testing.T, host string, id provider.Identity) provider.Ask {
	t.Helper()
	reg, err := registry.Parse(host)
	if err != nil {
		t.Fatal(err)
	}
	return provider.Ask{Registry: reg, Identity: id}
}

const host = "123456789012.dkr.ecr.us-east-1.amazonaws.com"

// TestToken compares the whole of what comes back.
func TestToken(t *testing.T) {
	bare(t, keys, "AWS_SECRET_ACCESS_KEY=secret")
	s, tokens := network(t)
	t.Cleanup(s.Close)
	got, err := tokens.Token(t.Context(), ask(t, host, provider.Identity{}))
	if err != nil {
		t.Fatal(err)
	}
	if got.Username != "AWS" || string(got.Password) != "token-1-us-east-1" {
		t.Errorf("Token gave user %q and password %q", got.Username, string(got.Password))
	}
	if given, ok := s.Admit(got.Username, string(got.Password)); !ok || got.Expires.Sub(given.Expires).Abs() > time.Millisecond {
		t.Errorf("it expires at %s, AWS says %s, %v", got.Expires, given.Expires, ok)
	}
	calls := s.Calls()
	if len(calls) != 1 || !strings.Contains(calls[0].UserAgent, "test/1.2.3") {
		t.Errorf("AWS saw %+v, want one call that names the product test/1.2.3", calls)
	}
}

// TestTime is what hangs, refuses and throttles, and for how long: on the clock of
// a bubble, where seconds are exact and cost nothing.
func TestTime(t *testing.T) {
	account := provider.Identity{Role: "arn:aws:iam::123456789012:role/pull", ServiceAccount: &provider.ServiceAccount{
		Namespace: "prod", Name: "web", Issuer: "https://oidc.example", Audiences: []string{"sts"},
		Token: provider.Secret(fakeaws.ServiceAccountToken("prod", "web", time.Now().Add(time.Hour), "sts"))}}
	for _, c := range []struct {
		name     string
		env      []string
		faults   []string
		id       provider.Identity
		deadline time.Duration // of the caller; 0 for none
		dial     func(context.Context, string, string) (net.Conn, error)

		least, most time.Duration // that it takes
		attempts    string        // at AWS, metadata aside
		err         string        // part of the line; "" for a token
	}{
		{name: "in health it waits for nothing but AWS", env: []string{keys}, least: time.Millisecond, most: time.Millisecond, attempts: "ecr 200"},
		{name: "a hung attempt is cut at 10 s and tried again", env: []string{keys}, faults: []string{"ecr hang times=1"},
			least: 10 * time.Second, most: 11 * time.Second, attempts: "ecr no answer, ecr 200"},
		{name: "a fetch ends after 30 s", env: []string{keys}, faults: []string{"ecr hang"},
			least: 30 * time.Second, most: 30 * time.Second, attempts: "ecr no answer, ecr no answer, ecr no answer",
			err: "calling ecr:GetAuthorizationToken in us-east-1: api.ecr.us-east-1.amazonaws.com did not answer in time (3 attempts); " +
				"before that: api.ecr.us-east-1.amazonaws.com did not answer within 10s; hint: the AWS endpoint cannot be reached"},
		{name: "or with the caller's deadline", env: []string{keys}, faults: []string{"ecr hang"}, deadline: 4 * time.Second,
			least: 4 * time.Second, most: 4 * time.Second, attempts: "ecr no answer",
			err: "calling ecr:GetAuthorizationToken in us-east-1: api.ecr.us-east-1.amazonaws.com did not answer in time; hint: "},
		{name: "a body that stops is cut too", env: []string{keys}, faults: []string{"ecr stall times=1"},
			least: 10 * time.Second, most: 11 * time.Second, attempts: "ecr 200, ecr 200"},
		{name: "throttling is tried for as long as there is time", env: []string{keys}, faults: []string{"ecr throttle"},
			least: 20 * time.Second, most: 30 * time.Second,
			err: "ThrottlingException: Rate exceeded (request request-"},
		{name: "throttled for a while", env: []string{keys}, faults: []string{"ecr throttle times=5"},
			least: 5 * time.Millisecond, most: 16 * time.Second,
			attempts: "ecr ThrottlingException, ecr ThrottlingException, ecr ThrottlingException, ecr ThrottlingException, ecr ThrottlingException, ecr 200"},
		{name: "a broken AWS is left to the kubelet after five attempts", env: []string{keys}, faults: []string{"ecr unavailable"},
			least: 4 * time.Millisecond, most: 4 * time.Second,
			attempts: "ecr ServiceUnavailable, ecr ServiceUnavailable, ecr ServiceUnavailable, ecr ServiceUnavailable, ecr ServiceUnavailable",
			err:      "ServiceUnavailable: Service Unavailable (request request-5) (5 attempts); hint: AWS itself fails here"},
		{name: "a denial is not tried again", least: time.Millisecond, most: time.Millisecond, env: []string{keys}, faults: []string{"ecr access-denied"}, attempts: "ecr AccessDeniedException", err: "AccessDeniedException"},
		{name: "nor are expired credentials", least: time.Millisecond, most: time.Millisecond, env: []string{keys}, faults: []string{"ecr expired"}, attempts: "ecr ExpiredTokenException", err: "ExpiredTokenException"},
		{name: "STS and ECR share one fetch", id: account, faults: []string{"sts hang times=2", "ecr hang"},
			least: 30 * time.Second, most: 30 * time.Second, attempts: "sts no answer, sts no answer, sts 200, ecr no answer",
			err: "calling ecr:GetAuthorizationToken in us-east-1: api.ecr.us-east-1.amazonaws.com did not answer in time; hint: "},
		{name: "a hung STS", id: account, faults: []string{"sts hang"}, least: 30 * time.Second, most: 30 * time.Second,
			attempts: "sts no answer, sts no answer, sts no answer",
			err:      "calling sts:AssumeRoleWithWebIdentity in us-east-1: sts.us-east-1.amazonaws.com did not answer in time (3 attempts)"},
		{name: "a silent metadata service is given up within 3 s", faults: []string{"imds hang"}, least: 2 * time.Second, most: 3 * time.Second,
			err: "getting the node's AWS credentials: the instance metadata service (IMDS) does not answer at 169.254.169.254; hint: on an EC2 instance"},
		{name: "one that refuses too", dial: func(_ context.Context, network, _ string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
		}, least: time.Millisecond, most: 3 * time.Second, err: "(IMDS) refuses connections at 169.254.169.254; hint: on an EC2 instance"},
		{name: "one that is broken too", faults: []string{"imds imds-broken"}, least: time.Millisecond, most: 3 * time.Second, err: "with status 500"},
		{name: "one whose answers are lost too", faults: []string{"imds hop-limit"}, least: time.Second, most: 1010 * time.Millisecond, err: "--http-put-response-hop-limit 2"},
		{name: "one that ends after the role's name too", faults: []string{"imds:/latest/meta-data/iam/security-credentials/node hang"}, least: 2 * time.Second, most: 3*time.Second + 10*time.Millisecond,
			err: "(IMDS) does not answer at 169.254.169.254"},
		{name: "one that is broken and slow too", faults: []string{"imds imds-broken for=700ms"}, least: 3 * time.Second, most: 3 * time.Second, err: "with status 500"},
		{name: "answers lost, and one more silence", faults: []string{"imds hop-limit", "imds:/latest/meta-data/iam/security-credentials/ hang times=1"},
			least: 2 * time.Second, most: 2300 * time.Millisecond, err: "--http-put-response-hop-limit 2"},
		{name: "answers lost, and one that is broken", faults: []string{"imds hop-limit", "imds:/latest/meta-data/iam/security-credentials/ error status=500 times=1"},
			least: time.Second, most: 1300 * time.Millisecond, err: "--http-put-response-hop-limit 2"},
		{name: "a silence that is not that of the hop limit", faults: []string{"imds:/latest/meta-data/iam/security-credentials/ error status=401",
			"imds:/latest/meta-data/iam/security-credentials/ hang times=1"}, least: time.Second, most: 3 * time.Second, err: "with status 401; hint: something other than"},
		{name: "nor is a connection that breaks", faults: []string{"imds:/latest/api/token drop"}, least: time.Millisecond, most: 3 * time.Second, err: "; hint: something other than"},
		{name: "a session token that is refused once", faults: []string{"imds:/latest/meta-data/iam/security-credentials/ error status=401 times=1"},
			least: time.Millisecond, most: time.Second, attempts: "ecr 200"},
		{name: "one attempt, if so bounded, is explained too", env: []string{keys, "AWS_MAX_ATTEMPTS=1"}, faults: []string{"ecr hang"}, least: 10 * time.Second, most: 10 * time.Second,
			attempts: "ecr no answer", err: "in us-east-1: api.ecr.us-east-1.amazonaws.com did not answer within 10s; hint: the AWS endpoint cannot be reached"},
		{name: "the hint is of what was heard before the silence", env: []string{keys}, faults: []string{"ecr hang", "ecr throttle times=1"}, deadline: 4 * time.Second,
			least: 4 * time.Second, most: 4 * time.Second, attempts: "ecr ThrottlingException, ecr no answer",
			err: "did not answer in time (2 attempts); before that: ThrottlingException: Rate exceeded (request request-1); hint: the account's rate"},
		{name: "attempts are those of one step", id: account, faults: []string{"sts unavailable times=2", "ecr access-denied"}, least: time.Millisecond, most: 3 * time.Second,
			attempts: "sts ServiceUnavailable, sts ServiceUnavailable, sts 200, ecr AccessDeniedException", err: "action (request request-4); hint: allow ecr:"},
		{name: "all of it together has 3 s", faults: []string{"imds delay for=800ms", "imds:/latest/meta-data/iam/security-credentials/node hang"},
			least: 3 * time.Second, most: 3 * time.Second, err: "(IMDS) does not answer at 169.254.169.254"},
		{name: "a connection that breaks, without version 1", env: []string{"AWS_EC2_METADATA_V1_DISABLED=true"}, faults: []string{"imds:/latest/api/token drop times=1"},
			least: time.Millisecond, most: 3 * time.Second, attempts: "ecr 200"},
		{name: "a body that breaks off is tried again", env: []string{keys}, faults: []string{"ecr short times=1"}, least: time.Millisecond, most: time.Second, attempts: "ecr 200, ecr 200"},
		{name: "a body that stops at the deadline is late, not false", env: []string{keys}, faults: []string{"ecr stall"}, deadline: 4 * time.Second,
			least: 4 * time.Second, most: 4 * time.Second, err: "did not answer in time; hint: the AWS endpoint cannot be reached"},
		{name: "a slow one is not given up", faults: []string{"imds delay for=900ms"}, least: 2700 * time.Millisecond, most: 2710 * time.Millisecond, attempts: "ecr 200"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bare(t, append(c.env, "AWS_SECRET_ACCESS_KEY=secret")...)
				s, tokens := network(t)
				defer s.Close()
				for _, line := range c.faults {
					faults, err := fakeaws.ParseFault(line)
					if err != nil {
						t.Fatal(err)
					}
					for _, f := range faults {
						s.Inject(f)
					}
				}
				if c.dial != nil {
					tokens.DialContext = c.dial
				}
				ctx := t.Context()
				if c.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.deadline)
					defer cancel()
				}
				start := time.Now()
				got, err := tokens.Token(ctx, ask(t, host, c.id))
				took := time.Since(start)
				if took < c.least || took > c.most {
					t.Errorf("it took %s, want %s to %s", took, c.least, c.most)
				}
				switch {
				case c.err == "" && (err != nil || got.Username != "AWS"):
					t.Errorf("Token: %v", err)
				case c.err != "" && (err == nil || !strings.Contains(hint.Line(err), c.err)):
					t.Errorf("Token: %v\nwant %s", hint.Line(err), c.err)
				}
				var attempts []string
				for _, call := range s.Calls() {
					if call.Service != "imds" {
						attempts = append(attempts, call.Service+" "+call.Result)
					}
				}
				if got := strings.Join(attempts, ", "); c.attempts != "" && got != c.attempts {
					t.Errorf("AWS saw %s, want %s", got, c.attempts)
				}
			})
		})
	}
}

// TestExplained is the table of causes that need a network, a file or a process
// of their own; those that AWS names are in the plugin's stories. The lines are
// compared whole.
func TestExplained(t *testing.T) {
	const (
		doing    = "calling ecr:GetAuthorizationToken in us-east-1: "
		getting  = "getting the node's AWS credentials: "
		impostor = "; hint: something between the node and AWS answers in its place: set AWS_CA_BUNDLE in the provider's env to the CA of your proxy, " +
			"or check HTTPS_PROXY, the node's clock, and in a network without internet the VPC endpoints ecr.api, ecr.dkr and sts with private DNS on"
		byHand = "; hint: run the credential_process by hand as the kubelet's user, with env -i: the kubelet may give it neither HOME nor PATH"
	)
	nowhere := func(_ context.Context, network, address string) (net.Conn, error) {
		name, _, _ := net.SplitHostPort(address)
		return nil, &net.OpError{Op: "dial", Net: network, Err: &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}}
	}
	plain := func(s *fakeaws.Server) func(context.Context, string, string) (net.Conn, error) {
		return func(ctx context.Context, network, address string) (net.Conn, error) {
			return s.Dial(ctx, network, "plain:80")
		}
	}
	for _, c := range []struct {
		name   string
		env    []string
		config string // of the shared file
		faults string
		host   string
		id     provider.Identity
		dial   func(s *fakeaws.Server) func(context.Context, string, string) (net.Conn, error)
		want   string
	}{
		{
			name: "DNS", env: []string{keys}, dial: func(*fakeaws.Server) func(context.Context, string, string) (net.Conn, error) { return nowhere },
			want: doing + `Post "https://api.ecr.us-east-1.amazonaws.com/": dial tcp: lookup api.ecr.us-east-1.amazonaws.com: no such host` +
				"; hint: the name of the AWS endpoint does not resolve on this node: check its DNS, and in a network without internet the VPC endpoints " +
				"ecr.api, ecr.dkr and sts with private DNS on",
		},
		{
			name: "DNS of a dual-stack endpoint", env: []string{keys}, host: "123456789012.dkr-ecr.us-east-1.on.aws",
			dial: func(*fakeaws.Server) func(context.Context, string, string) (net.Conn, error) { return nowhere },
			want: doing + `Post "https://ecr.us-east-1.api.aws/": dial tcp: lookup ecr.us-east-1.api.aws: no such host` +
				"; hint: the name of the AWS endpoint does not resolve on this node: check its DNS, and in a network without internet pull from the IPv4 " +
				"host name or set AWS_USE_DUALSTACK_ENDPOINT=false in the provider's env: PrivateLink has no dual-stack ECR endpoint",
		},
		{
			name: "DNS of ECR Public", env: []string{keys}, host: "public.ecr.aws",
			dial: func(*fakeaws.Server) func(context.Context, string, string) (net.Conn, error) { return nowhere },
			want: `calling ecr-public:GetAuthorizationToken in us-east-1: Post "https://api.ecr-public.us-east-1.amazonaws.com/": dial tcp: ` +
				"lookup api.ecr-public.us-east-1.amazonaws.com: no such host; hint: the name of the AWS endpoint does not resolve on this node: " +
				"check its DNS, and in a network without internet a pull-through cache: ECR Public has no VPC endpoint",
		},
		{
			name: "no TLS", env: []string{keys}, dial: plain,
			want: doing + `Post "https://api.ecr.us-east-1.amazonaws.com/": http: server gave HTTP response to HTTPS client` + impostor,
		},
		{
			name: "neither TLS nor HTTP", env: []string{keys}, dial: func(*fakeaws.Server) func(context.Context, string, string) (net.Conn, error) {
				return func(context.Context, string, string) (net.Conn, error) {
					client, server := net.Pipe()
					go func() {
						server.Read(make([]byte, 1<<14))
						server.Write([]byte("SSH-2.0-OpenSSH_9.9\r\n"))
					}()
					return client, nil
				}
			},
			want: doing + `Post "https://api.ecr.us-east-1.amazonaws.com/": tls: first record does not look like a TLS handshake` + impostor,
		},
		{
			name: "an error without words", env: []string{keys}, faults: "ecr error code=InvalidParameterException",
			want: doing + "InvalidParameterException (request request-1)",
		},
		{
			name: "an answer that is not AWS's", env: []string{keys}, faults: "ecr garbage",
			want: doing + "the answer is not one of AWS: failed to decode response body, invalid character '<' looking for beginning of value" + impostor,
		},
		{
			name: "a role that nobody may assume", env: []string{keys}, id: provider.Identity{Role: "arn:aws:iam::210987654321:role/r"}, faults: "sts access-denied",
			want: "calling sts:AssumeRole in us-east-1: AccessDenied: User: arn:aws:sts::123456789012:assumed-role/node/i-0abc is not authorized to perform: " +
				"sts:AssumeRole on resource: * because no identity-based policy allows the sts:AssumeRole action (request request-1)" +
				"; hint: two sides must agree: the node's role needs sts:AssumeRole on arn:aws:iam::210987654321:role/r, and the trust policy of that role " +
				"must name the node's role",
		},
		{
			name: "a role for nobody", env: []string{"AWS_EC2_METADATA_DISABLED=true"}, id: provider.Identity{Role: "arn:aws:iam::210987654321:role/r"},
			want: getting + "the instance metadata service (IMDS) was not asked: operation error ec2imds: GetMetadata, access disabled to EC2 IMDS via client " +
				`option, or "AWS_EC2_METADATA_DISABLED" environment variable; hint: no other source gave AWS credentials: unset AWS_EC2_METADATA_DISABLED ` +
				"on an EC2 instance; elsewhere set AWS_PROFILE or AWS_CONFIG_FILE in the provider's env in the CredentialProviderConfig",
		},
		{
			name: "a denial of ECR Public without words", env: []string{keys}, host: "public.ecr.aws", faults: "ecr-public error code=AccessDeniedException message=no",
			want: "calling ecr-public:GetAuthorizationToken in us-east-1: AccessDeniedException: no (request request-1); hint: allow ecr-public:GetAuthorizationToken " +
				"and sts:GetServiceBearerToken on resource *: attach the AWS-managed policy AmazonElasticContainerRegistryPublicReadOnly to the node's role",
		},
		{
			name: "a denial by STS without words", env: []string{keys}, id: provider.Identity{Role: "arn:aws:iam::210987654321:role/r"}, faults: "sts error code=AccessDenied",
			want: "calling sts:AssumeRole in us-east-1: AccessDenied: UnknownError (request request-1); hint: two sides must agree: the node's role needs sts:AssumeRole on " +
				"arn:aws:iam::210987654321:role/r, and the trust policy of that role must name the node's role",
		},
		{
			name: "a session policy", env: []string{keys}, faults: "ecr error code=AccessDeniedException message=because no session policy allows it",
			want: doing + "AccessDeniedException: because no session policy allows it (request request-1); hint: the session policy denies " +
				"ecr:GetAuthorizationToken: allow it there; a policy on the role cannot help",
		},
		{
			name: "an error that nobody foresaw", env: []string{keys}, faults: "ecr error code=TeapotException message=short and stout",
			want: doing + "TeapotException: short and stout (request request-1)",
		},
		{
			name: "an error without words", env: []string{keys}, faults: "ecr error code=TeapotException",
			want: doing + "TeapotException: UnknownError (request request-1)",
		},
		{
			name: "a resource control policy", env: []string{keys}, faults: "ecr error code=AccessDeniedException message=with an explicit deny in a resource control policy",
			want: doing + "AccessDeniedException: with an explicit deny in a resource control policy (request request-1); hint: a resource control policy (RCP) of the " +
				"organization denies ecr:GetAuthorizationToken: allow it there; a policy on the role cannot help",
		},
		{
			name: "a command without a shell", env: []string{"PATH="}, config: "credential_process = true",
			want: getting + `the credential_process of the AWS profile cannot be started: exec: "sh": executable file not found in $PATH` + byHand,
		},
		{
			name: "a command that fails", config: "credential_process = exit 3",
			want: getting + "the credential_process of the AWS profile ended with exit status 3" + byHand,
		},
		{
			name: "a command that prints something else", config: "credential_process = echo hush",
			want: getting + "the credential_process of the AWS profile printed something that is not the JSON it should print" + byHand,
		},
		{
			name: "a command that prints JSON of another shape", config: `credential_process = echo "[]"`,
			want: getting + "the credential_process of the AWS profile printed something that is not the JSON it should print" + byHand,
		},
		{
			name: "a command that prints too little", config: `credential_process = echo "{}"`,
			want: getting + "the credential_process of the AWS profile did not give credentials: it timed out, or its answer lacks Version 1, AccessKeyId or SecretAccessKey" + byHand,
		},
		{
			name: "a profile that is not there", env: []string{"AWS_PROFILE=absent"},
			want: "reading the AWS configuration: failed to get shared config profile, absent; hint: AWS_PROFILE names a profile that the config files do not have: " +
				"set AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE to absolute paths in the provider's env, because the kubelet may run without HOME",
		},
		{
			name: "a bundle that is none", env: []string{keys, "AWS_CA_BUNDLE=/dev/null"},
			want: "reading the AWS configuration: failed to load custom CA bundle PEM file",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			bare(t)
			s, tokens := network(t)
			t.Cleanup(s.Close)
			file := filepath.Join(t.TempDir(), "config")
			if err := os.WriteFile(file, []byte("[default]\n"+c.config+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, v := range append([]string{"AWS_SECRET_ACCESS_KEY=secret", "AWS_CONFIG_FILE=" + file}, c.env...) {
				name, value, _ := strings.Cut(v, "=")
				t.Setenv(name, value)
			}
			if c.faults != "" {
				faults, err := fakeaws.ParseFault(c.faults)
				if err != nil {
					t.Fatal(err)
				}
				s.Inject(faults[0])
			}
			if c.dial != nil {
				tokens.DialContext = c.dial(s)
			}
			if c.host == "" {
				c.host = host
			}
			got, err := tokens.Token(t.Context(), ask(t, c.host, c.id))
			if err == nil || hint.Line(err) != c.want || got != (provider.Token{}) {
				t.Errorf("Token: %s\nwant   %s", hint.Line(err), c.want)
			}
		})
	}
}

// TestCodes is the table of error codes and the hints that they lead to.
func TestCodes(t *testing.T) {
	account := provider.Identity{Role: "arn:aws:iam::123456789012:role/pull", ServiceAccount: &provider.ServiceAccount{
		Namespace: "prod", Name: "web", Issuer: "https://oidc.example", Audiences: []string{"a", "b"}, Token: "a.b.c"}}
	const (
		clock     = "the node's clock is wrong by minutes"
		partition = "AWS does not know these credentials in partition aws:"
		expired   = "the AWS credentials of the node have expired"
		trust     = "the trust policy of arn:aws:iam::123456789012:role/pull must allow sts:AssumeRoleWithWebIdentity to the OIDC provider oidc.example of " +
			"the role's account for subject system:serviceaccount:prod:web, and the provider must list the audience a or b"
	)
	for _, c := range []struct {
		service, code, message string
		id                     provider.Identity
		want                   string
	}{
		{"ecr", "RequestExpired", "", provider.Identity{}, clock},
		{"ecr", "RequestTimeTooSkewed", "", provider.Identity{}, clock},
		{"ecr", "RequestInTheFuture", "", provider.Identity{}, clock},
		{"ecr", "InvalidSignatureException", "Signature not yet current: 2026", provider.Identity{}, clock},
		{"ecr", "InvalidSignatureException", "Signature expired: 2026", provider.Identity{}, clock},
		{"ecr", "InvalidSignatureException", "", provider.Identity{}, partition},
		{"ecr", "UnrecognizedClientException", "", provider.Identity{}, partition},
		{"ecr", "AuthFailure", "", provider.Identity{}, partition},
		{"sts", "InvalidClientTokenId", "", provider.Identity{Role: account.Role}, partition},
		{"sts", "SignatureDoesNotMatch", "", provider.Identity{Role: account.Role}, partition},
		{"ecr", "ExpiredTokenException", "", provider.Identity{}, expired},
		{"sts", "ExpiredToken", "", provider.Identity{Role: account.Role}, expired},
		{"sts", "ExpiredTokenException", "", account, "the kubelet's token of service account prod/web has expired"},
		{"sts", "AccessDenied", "", account, trust},
		{"sts", "InvalidIdentityToken", "", account, trust},
		{"sts", "IDPRejectedClaim", "", account, trust},
		{"sts", "IDPCommunicationError", "", account, trust},
	} {
		t.Run(c.code+" "+c.message, func(t *testing.T) {
			bare(t, keys, "AWS_SECRET_ACCESS_KEY=secret", "AWS_MAX_ATTEMPTS=1")
			s, tokens := network(t)
			t.Cleanup(s.Close)
			s.Inject(fakeaws.Fault{Service: c.service, Error: &fakeaws.Error{Status: 400, Code: c.code, Message: c.message}})
			_, err := tokens.Token(t.Context(), ask(t, host, c.id))
			if !strings.HasPrefix(hint.Of(err), c.want) {
				t.Errorf("Token: %v\nhint %s\nwant %s", err, hint.Of(err), c.want)
			}
		})
	}
}

// TestNoRequestID is an answer that names no request.
func TestNoRequestID(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, `{"__type":"TeapotException","message":"short and stout"}`)
	}))
	t.Cleanup(server.Close)
	bare(t, keys, "AWS_SECRET_ACCESS_KEY=secret", "AWS_ENDPOINT_URL="+server.URL)
	_, err := (&aws.Tokens{}).Token(t.Context(), ask(t, host, provider.Identity{}))
	if want := "calling ecr:GetAuthorizationToken in us-east-1: TeapotException: short and stout"; err == nil || hint.Line(err) != want {
		t.Errorf("Token: %v, want %s", err, want)
	}
}

// TestInterrupted is a caller that gives up: not a late AWS.
func TestInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bare(t, keys, "AWS_SECRET_ACCESS_KEY=secret")
		s, tokens := network(t)
		defer s.Close()
		s.Inject(fakeaws.Fault{Service: "ecr", Hang: true})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := tokens.Token(ctx, ask(t, host, provider.Identity{}))
		if want := "calling ecr:GetAuthorizationToken in us-east-1: interrupted"; err == nil || hint.Line(err) != want || !errors.Is(err, context.Canceled) {
			t.Errorf("Token: %v, want %s", err, want)
		}
	})
}

// TestPublic asks ECR Public as a service account, whose role only STS in us-east-1
// and ECR Public see.
func TestPublic(t *testing.T) {
	bare(t)
	s, tokens := network(t)
	t.Cleanup(s.Close)
	token := fakeaws.ServiceAccountToken("prod", "web", time.Now().Add(time.Hour), "sts.amazonaws.com")
	got, err := tokens.Token(t.Context(), ask(t, "ecr-public.aws.com", provider.Identity{
		Role: "arn:aws:iam::123456789012:role/pull", ServiceAccount: &provider.ServiceAccount{Namespace: "prod", Name: "web", Token: provider.Secret(token)}}))
	if err != nil {
		t.Fatal(err)
	}
	given, ok := s.Admit(got.Username, string(got.Password))
	if want := (fakeaws.Token{Region: "us-east-1", Public: true, Principal: "arn:aws:sts::123456789012:assumed-role/pull/prod.web", Expires: given.Expires}); !ok || given != want {
		t.Errorf("AWS gave %+v, %v, want %+v", given, ok, want)
	}
}

// TestHTTP2 asks an AWS that prefers HTTP/2, as a proxy in between may: what is not
// spoken here must not be offered.
func TestHTTP2(t *testing.T) {
	s := fakeaws.New()
	t.Cleanup(s.Close)
	var versions []string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		versions = append(versions, r.Proto)
		s.ServeHTTP(w, r)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	bare(t, keys, "AWS_SECRET_ACCESS_KEY=secret", "AWS_CA_BUNDLE="+bundle, "AWS_ENDPOINT_URL="+server.URL)
	if _, err := (&aws.Tokens{}).Token(t.Context(), ask(t, host, provider.Identity{})); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"HTTP/1.1"}, versions); diff != "" {
		t.Errorf("the versions that it spoke (-want +got)\n%s", diff)
	}
}
