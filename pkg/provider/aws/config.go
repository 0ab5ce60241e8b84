package aws

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go/logging"
	smithymiddleware "github.com/aws/smithy-go/middleware"
)

// config loads what the SDK finds in the environment and the shared files, with
// our deadlines, retries and metadata client in place of its own. A service
// account never sees a credential of the node: its config has none.
func (f *fetch) config(ctx context.Context) (sdk.Config, error) {
	f.metadata = metadata{dial: f.DialContext}
	load := func(more ...func(*config.LoadOptions) error) (sdk.Config, error) {
		return config.LoadDefaultConfig(ctx, append(f.options(), more...)...)
	}
	cfg, err := load()
	if err != nil {
		return sdk.Config{}, err
	}
	f.metadata.from(cfg)
	f.calls.maxAttempts = maxAttempts(ctx, cfg)
	if f.once {
		f.calls.maxAttempts = 1
	}

	// The default chain may call STS too (a profile with role_arn, a web
	// identity file) and builds that client while it loads, out of our reach.
	// Where the registry's host or an endpoint override changes what that client
	// must do, the chain is taken from a config that says so.
	have := sts.NewFromConfig(cfg).Options()
	want := have
	f.stsEndpoint(&want)
	if f.id.ServiceAccount == nil && have.EndpointOptions != want.EndpointOptions {
		chain, err := load(
			config.WithUseFIPSEndpoint(want.EndpointOptions.UseFIPSEndpoint),
			config.WithUseDualStackEndpoint(want.EndpointOptions.UseDualStackEndpoint))
		if err != nil {
			return sdk.Config{}, err
		}
		cfg.Credentials = chain.Credentials
	}
	return cfg, nil
}

// maxAttempts returns AWS_MAX_ATTEMPTS, or the profile's max_attempts, which the
// SDK reads only for retryers of its own; 0 if neither is set.
func maxAttempts(ctx context.Context, cfg sdk.Config) int {
	for _, source := range cfg.ConfigSources {
		s, ok := source.(interface {
			GetRetryMaxAttempts(context.Context) (int, bool, error)
		})
		if !ok {
			continue
		}
		if n, found, err := s.GetRetryMaxAttempts(ctx); err == nil && found {
			return n
		}
	}
	return 0
}

func (f *fetch) options() []func(*config.LoadOptions) error {
	options := []func(*config.LoadOptions) error{
		// A node needs no AWS_REGION: the registry's is as good for the STS call
		// that a profile may need, and always of the right partition.
		config.WithDefaultRegion(f.reg.Region),
		config.WithHTTPClient(f.httpClient()),
		config.WithLogger(logging.Nop{}),
		config.WithRetryer(func() sdk.Retryer { return retryer{&f.calls} }),
		config.WithAPIOptions([]func(*smithymiddleware.Stack) error{f.calls.observe, f.userAgent}),
		config.WithEC2RoleCredentialOptions(func(o *ec2rolecreds.Options) { o.Client = &f.metadata }),
		// The SDK would let the command run for a minute, past every deadline of
		// ours, and nobody would be left to kill it.
		config.WithProcessCredentialOptions(func(o *processcreds.Options) {
			o.Timeout = max(time.Until(f.calls.deadline)-processGrace, 0)
		}),
	}
	if f.id.ServiceAccount != nil {
		options = append(options, config.WithCredentialsProvider(sdk.AnonymousCredentials{}))
	}
	return options
}

// processGrace is how long before the end of a fetch a credential_process is
// killed, so that there is time to report it.
const processGrace = 500 * time.Millisecond

// httpClient is the SDK's own, which honours proxies and AWS_CA_BUNDLE, without
// HTTP/2: a run makes one or two requests, and setting it up costs more than they
// gain.
func (f *fetch) httpClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) {
		tr.ForceAttemptHTTP2 = false
		tr.TLSClientConfig.NextProtos = nil // where the copy still offers h2
		if f.DialContext != nil {
			tr.DialContext = f.DialContext
		}
	})
}

func (f *fetch) userAgent(stack *smithymiddleware.Stack) error {
	name, version, _ := strings.Cut(f.Product, "/")
	if name == "" {
		return nil
	}
	return middleware.AddUserAgentKeyValue(name, version)(stack)
}

// Endpoints. The registry's host says which variant it wants; an explicit
// AWS_USE_FIPS_ENDPOINT or AWS_USE_DUALSTACK_ENDPOINT, true or false, beats the
// host; an endpoint override beats both, because the SDK refuses a variant of an
// endpoint that it was given. SDK options are resolved when these run, so that
// what the environment and the files say is already in them.

func (f *fetch) ecrEndpoint(o *ecr.Options) {
	o.Region = f.reg.Region
	f.fips(o.BaseEndpoint, &o.EndpointOptions.UseFIPSEndpoint)
	f.dualStack(o.BaseEndpoint, &o.EndpointOptions.UseDualStackEndpoint)
}

func (f *fetch) ecrPublicEndpoint(o *ecrpublic.Options) {
	o.Region = f.reg.Region
	f.fips(o.BaseEndpoint, &o.EndpointOptions.UseFIPSEndpoint)
	f.dualStack(o.BaseEndpoint, &o.EndpointOptions.UseDualStackEndpoint)
}

func (f *fetch) stsEndpoint(o *sts.Options) {
	o.Region = f.reg.Region
	f.fips(o.BaseEndpoint, &o.EndpointOptions.UseFIPSEndpoint)
	f.dualStack(o.BaseEndpoint, &o.EndpointOptions.UseDualStackEndpoint)
}

func (f *fetch) fips(override *string, state *sdk.FIPSEndpointState) {
	switch {
	case override != nil:
		*state = sdk.FIPSEndpointStateDisabled
	case *state == sdk.FIPSEndpointStateUnset && f.reg.FIPS:
		*state = sdk.FIPSEndpointStateEnabled
	}
}

func (f *fetch) dualStack(override *string, state *sdk.DualStackEndpointState) {
	switch {
	case override != nil:
		*state = sdk.DualStackEndpointStateDisabled
	case *state == sdk.DualStackEndpointStateUnset && f.reg.DualStack:
		*state = sdk.DualStackEndpointStateEnabled
	}
}

// assume returns the credentials of the identity's role, from the STS endpoint of
// the registry's region: a service account presents its token, the node its own
// credentials.
func (f *fetch) assume(ctx context.Context, cfg sdk.Config) (sdk.CredentialsProvider, error) {
	client := sts.NewFromConfig(cfg, f.stsEndpoint)
	role, session := sdk.String(f.id.Role), sdk.String(f.id.SessionName())
	if account := f.id.ServiceAccount; account != nil {
		doing := fmt.Sprintf("calling sts:AssumeRoleWithWebIdentity in %s", f.reg.Region)
		out, err := client.AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: role, RoleSessionName: session, WebIdentityToken: sdk.String(string(account.Token)),
		})
		if err != nil {
			return nil, f.explain(ctx, doing, err)
		}
		return static(doing, out.Credentials)
	}
	if err := f.retrieve(ctx, cfg); err != nil {
		return nil, err
	}
	doing := fmt.Sprintf("calling sts:AssumeRole in %s", f.reg.Region)
	f.calls.step()
	out, err := client.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: role, RoleSessionName: session})
	if err != nil {
		return nil, f.explain(ctx, doing, err)
	}
	return static(doing, out.Credentials)
}

func static(doing string, c *ststypes.Credentials) (sdk.CredentialsProvider, error) {
	if c == nil {
		return nil, fmt.Errorf("%s: the answer has no credentials in it", doing)
	}
	return credentials.NewStaticCredentialsProvider(
		sdk.ToString(c.AccessKeyId), sdk.ToString(c.SecretAccessKey), sdk.ToString(c.SessionToken)), nil
}
