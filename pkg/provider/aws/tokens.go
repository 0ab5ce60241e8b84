// Package aws asks Amazon ECR for tokens through the AWS SDK. It is the half of
// the plugin that pays for the SDK: package provider decides whose token is
// needed, this one gets it from the right endpoint, within a deadline, or says why
// it could not and what to do about it.
package aws

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/provider"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
)

const (
	// fetchTimeout is the most that one token may take. It leaves the plugin time
	// to answer, or to explain, before the kubelet kills it after 60 s.
	fetchTimeout = 30 * time.Second

	// attemptTimeout is when one silent HTTP attempt is given up for the next.
	// Three fit in a fetch; AWS answers in well under a second.
	attemptTimeout = 10 * time.Second
)

// Tokens implements [provider.Tokens] on AWS. Its zero value works: it finds
// credentials, region and endpoints as every SDK program does, by environment,
// shared config files, container endpoint and instance metadata.
type Tokens struct {
	// Product is added to the User-Agent, as NAME/VERSION; "" adds nothing.
	Product string

	// DialContext opens connections to AWS and to the metadata service; nil
	// means the network.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

// Token asks ECR in the registry's region, or ECR Public in us-east-1, at the
// endpoint that the registry's host calls for.
//
// It returns within 30 s, whatever hangs, or at the deadline of ctx. An error says what failed at which
// step, carries a hint where the cause is known, is a [provider.Failure], and has no
// secret in it.
func (t *Tokens) Token(ctx context.Context, ask provider.Ask) (provider.Token, error) {
	f := fetch{Tokens: t, reg: ask.Registry, id: ask.Identity, once: ask.Once}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	f.calls.deadline, _ = ctx.Deadline()
	f.calls.attempted = ask.Attempted
	token, err := f.token(ctx)
	if err != nil {
		return provider.Token{}, &provider.Failure{Kind: f.kind(ctx, err), Err: err}
	}
	return token, nil
}

func (f *fetch) token(ctx context.Context) (provider.Token, error) {
	cfg, err := f.config(ctx)
	if err != nil {
		return provider.Token{}, f.explain(ctx, "reading the AWS configuration", err)
	}
	if f.id.Role != "" {
		if cfg.Credentials, err = f.assume(ctx, cfg); err != nil {
			return provider.Token{}, err
		}
	} else if err := f.retrieve(ctx, cfg); err != nil {
		return provider.Token{}, err
	}
	return f.authorize(ctx, cfg)
}

// A fetch is one call of Token.
type fetch struct {
	*Tokens
	reg   registry.Registry
	id    provider.Identity
	once  bool
	calls calls

	metadata metadata
}

// retrieve gets the node's own credentials ahead of the call that needs them, so
// that their failure is not reported as that of the call.
func (f *fetch) retrieve(ctx context.Context, cfg sdk.Config) error {
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return f.explain(ctx, "getting the node's AWS credentials", err)
	}
	return nil
}

// authorize calls GetAuthorizationToken with the credentials of cfg. It asks for
// no registry by id: one token serves every registry that the principal may read
// in the region.
func (f *fetch) authorize(ctx context.Context, cfg sdk.Config) (provider.Token, error) {
	var encoded *string
	var expires *time.Time
	service := "ecr"
	if f.reg.Public {
		service = "ecr-public"
	}
	doing := fmt.Sprintf("calling %s:GetAuthorizationToken in %s", service, f.reg.Region)
	f.calls.step()
	switch {
	case f.reg.Public:
		out, err := ecrpublic.NewFromConfig(cfg, f.ecrPublicEndpoint).GetAuthorizationToken(ctx, &ecrpublic.GetAuthorizationTokenInput{})
		if err != nil {
			return provider.Token{}, f.explain(ctx, doing, err)
		}
		if data := out.AuthorizationData; data != nil {
			encoded, expires = data.AuthorizationToken, data.ExpiresAt
		}
	default:
		out, err := ecr.NewFromConfig(cfg, f.ecrEndpoint).GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
		if err != nil {
			return provider.Token{}, f.explain(ctx, doing, err)
		}
		if data := out.AuthorizationData; len(data) > 0 {
			encoded, expires = data[0].AuthorizationToken, data[0].ExpiresAt
		}
	}
	token, err := decode(sdk.ToString(encoded))
	if err != nil {
		return provider.Token{}, fmt.Errorf("%s: %w", doing, err)
	}
	token.Expires, token.InstanceRole = sdk.ToTime(expires), firstLine(f.metadata.role.Bytes())
	return token, nil
}

// decode reads an authorization token, base64 of user:password. Its errors quote
// nothing of it.
func decode(encoded string) (provider.Token, error) {
	if encoded == "" {
		return provider.Token{}, errors.New("the answer has no authorization token in it")
	}
	plain, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return provider.Token{}, errors.New("the authorization token in the answer is not base64")
	}
	user, password, _ := strings.Cut(string(plain), ":")
	if user == "" || password == "" {
		return provider.Token{}, errors.New("the authorization token in the answer is not user:password")
	}
	return provider.Token{Username: user, Password: provider.Secret(password)}, nil
}
