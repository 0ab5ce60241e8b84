// Package provider turns one request of the kubelet into one response: it finds
// the registry of the image, decides whose identity asks, and gets the token. It
// speaks the kubelet's protocol in all its versions and knows no AWS SDK; tokens
// come through [Tokens].
package provider

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
)

// A Token is what ECR gives a principal: user and password for every registry
// that it may read in one region.
type Token struct {
	Username string
	Password Secret
	Issued   time.Time // when it was received
	Expires  time.Time // as AWS says; zero if AWS did not say
}

// Tokens asks AWS for a token of the registry in the name of the identity. It
// returns an error that carries a hint where there is a next step.
type Tokens interface {
	Token(ctx context.Context, reg registry.Registry, id Identity) (Token, error)
}

// A Provider answers requests. Tokens must be set; every other field may be zero.
type Provider struct {
	Tokens Tokens

	// Mirrors are the hosts that are not ECR's own and take its tokens.
	Mirrors Mirrors

	// Roles are tried in order for requests of the node; the first that matches
	// is assumed.
	Roles []RoleRule

	// ServiceAccountRole is the role of service accounts without annotation; ""
	// for none.
	ServiceAccountRole string

	// NodeFallback lets a service account without a role pull as the node.
	NodeFallback bool

	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Respond answers q. An error says what was being done and for whom, and carries
// a hint where there is a next step.
func (p *Provider) Respond(ctx context.Context, q Request) (Response, error) {
	host, err := registry.Host(q.Image)
	if err != nil {
		return Response{}, err
	}
	reg, err := p.registry(host)
	if err != nil {
		return Response{}, err
	}
	id, err := p.identity(q, reg)
	if err != nil {
		return Response{}, fmt.Errorf("token for %s: %w", host, err)
	}
	token, err := p.Tokens.Token(ctx, reg, id)
	if err != nil {
		return Response{}, q.Redacted(fmt.Errorf("token for %s as %s: %w", host, id, err))
	}
	return Response{
		APIVersion:    q.APIVersion,
		Host:          host,
		Username:      token.Username,
		Password:      token.Password,
		CacheDuration: token.cacheDuration(p.now()),
	}, nil
}

// registry finds the registry whose tokens host takes.
func (p *Provider) registry(host string) (registry.Registry, error) {
	reg, err := registry.Parse(host)
	if !errors.Is(err, registry.ErrNotECR) {
		return reg, err
	}
	if reg, ok := p.Mirrors[host]; ok {
		return reg, nil
	}
	return registry.Registry{}, hint.Wrap(err,
		"if %s serves the images of an ECR registry, add --mirror %s=ACCOUNT.dkr.ecr.REGION.amazonaws.com to the provider's args in the "+
			"CredentialProviderConfig; if not, take it out of matchImages", host, host)
}

func (p *Provider) now() time.Time {
	if p.Now == nil {
		return time.Now()
	}
	return p.Now()
}

const (
	// longestLife bounds what is believed of an expiry: ECR tokens live 12 h
	// (ECR API, GetAuthorizationToken), so anything later is a wrong clock.
	longestLife = 12 * time.Hour

	// longestMargin is how long before its end a token is no longer handed out
	// to be kept: a large image's pull that starts with it must also end with it.
	longestMargin = 5 * time.Minute
)

// cacheDuration is how long from now the kubelet may keep t: half of what
// remains, in whole seconds, and nothing within the margin, after expiry, or when
// AWS named no expiry. It is never negative.
func (t Token) cacheDuration(now time.Time) time.Duration {
	life := t.Expires.Sub(t.Issued)
	remaining := min(t.Expires.Sub(now), longestLife)
	if remaining <= 0 || remaining <= min(longestMargin, life/10) {
		return 0
	}
	return (remaining / 2).Truncate(time.Second)
}
