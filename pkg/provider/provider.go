// Package provider turns one request of the kubelet into one response: it finds
// the registry of the image, decides whose identity asks, and gets the token. It
// speaks the kubelet's protocol in all its versions and knows no AWS SDK; tokens
// come through [Tokens].
package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/cache"
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

// An Ask is what Tokens is asked for: a token of the registry in the name of the
// identity.
type Ask struct {
	Registry registry.Registry
	Identity Identity

	// Once forbids a second attempt, because there is a token to serve meanwhile.
	Once bool

	// Attempted is called at each attempt of a call to AWS, if it is set; from any
	// goroutine.
	Attempted func()
}

// Tokens asks AWS. It returns an error that carries a hint where there is a next
// step, and is a [Failure] where its kind is known.
type Tokens interface {
	Token(ctx context.Context, ask Ask) (Token, error)
}

// Failure is what kind of failure an error of Tokens is, for the cache: an outage
// is served through, a denial ends what a service account has, what is private to the
// one who asked is nobody else's.
type Failure = cache.Failure

// FailureKind is the kind of a Failure.
type FailureKind = cache.Kind

// The kinds of failure; see package cache.
const (
	Outage    = cache.Outage
	Throttled = cache.Throttled
	Denied    = cache.Denied
	Private   = cache.Private
)

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

	// Cache keeps tokens for all processes of the node; nil keeps none.
	Cache *cache.Cache

	// Getenv reads the environment that the SDK will read, to tell apart the
	// identities in the cache; nil means an empty one.
	Getenv func(string) string

	// Observe is told of every answer, and of every refusal, if it is set.
	Observe func(Report)

	// Now is the clock of answers that are not from the cache; nil means time.Now.
	Now func() time.Time
}

// A Report is what happened on the way to an answer, for a log: no secret.
type Report struct {
	Host     string       `json:"host,omitempty"`
	Region   string       `json:"region,omitempty"`
	Identity string       `json:"identity,omitempty"` // node, role, service account
	Source   cache.Source `json:"source,omitempty"`   // "" without an answer
	Calls    int          `json:"calls"`              // attempts at AWS, the metadata service aside
	Trouble  string       `json:"trouble,omitempty"`  // why the cache was not used, or the token not renewed
}

// Respond answers q. An error says what was being done and for whom, and carries
// a hint where there is a next step.
func (p *Provider) Respond(ctx context.Context, q Request) (Response, error) {
	var report Report
	var calls atomic.Int64 // from whatever goroutine the SDK calls in
	if p.Observe != nil {
		defer func() {
			report.Calls = int(calls.Load())
			p.Observe(report)
		}()
	}
	host, err := registry.Host(q.Image)
	if err != nil {
		return Response{}, err
	}
	report.Host = host
	reg, err := p.registry(host)
	if err != nil {
		return Response{}, err
	}
	report.Region = reg.Region
	id, err := p.identity(q, reg)
	if err != nil {
		return Response{}, fmt.Errorf("token for %s: %w", host, err)
	}
	report.Identity = id.kind()
	token, keep, err := p.token(ctx, q, Ask{Registry: reg, Identity: id, Attempted: func() { calls.Add(1) }}, &report)
	if err != nil {
		return Response{}, q.Redacted(fmt.Errorf("token for %s as %s: %w", host, id, err))
	}
	return Response{
		APIVersion:    q.APIVersion,
		Host:          host,
		Username:      token.Username,
		Password:      token.Password,
		CacheDuration: keep.Truncate(time.Second),
	}, nil
}

// token gets a token from the cache, or by it, and says how long it may be kept.
func (p *Provider) token(ctx context.Context, q Request, ask Ask, report *Report) (Token, time.Duration, error) {
	if p.Cache == nil {
		token, err := p.Tokens.Token(ctx, ask)
		if err == nil {
			report.Source = cache.Uncached
		}
		return token, token.cacheDuration(p.now()), err
	}
	getenv := p.Getenv
	if getenv == nil {
		getenv = func(string) string { return "" }
	}
	answer, err := p.Cache.Get(ctx, cacheKey(ask.Registry, ask.Identity, getenv), func(ctx context.Context, try cache.Try) (cache.Secret, error) {
		ask := ask
		ask.Once = try.Once
		token, err := p.Tokens.Token(ctx, ask)
		if failure, ok := errors.AsType[*Failure](err); ok {
			// It may be written down for others: nothing of this one's token in it.
			return cache.Secret{}, &Failure{Kind: failure.Kind, Hint: hint.Of(err), Err: q.Redacted(err)}
		}
		return cache.Secret{Value: []byte(token.Username + ":" + string(token.Password)), Expires: token.Expires}, err
	})
	if failure, ok := errors.AsType[*Failure](err); ok {
		err = hint.Wrap(err, "%s", failure.Hint) // of another process: it came without
	}
	if err != nil {
		return Token{}, 0, err
	}
	report.Source = answer.Source
	if answer.Trouble != nil {
		report.Trouble = answer.Trouble.Error()
	}
	user, password, _ := strings.Cut(string(answer.Value), ":")
	token := Token{Username: user, Password: Secret(password), Issued: answer.Issued, Expires: answer.Expires}
	if answer.Source == cache.Uncached {
		return token, token.cacheDuration(p.now()), nil
	}
	return token, answer.Keep, nil
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
