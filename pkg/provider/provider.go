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
	Expires  time.Time // as AWS says; zero if AWS did not say

	// InstanceRole is the role of the EC2 instance whose credentials were used, ""
	// if they came from elsewhere.
	InstanceRole string
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

	// InstanceRole, if it is known, is the role that the node's tokens must come
	// from: those of another are renewed.
	InstanceRole string

	// Getenv reads the environment that the SDK will read, to tell apart the
	// identities in the cache; nil means an empty one.
	Getenv func(string) string

	// Observe is told of every answer of Respond, and of every refusal, if it is set.
	Observe func(Report)
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
	if p.Observe != nil {
		defer func() { p.Observe(report) }()
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
	answer, err := p.answer(ctx, q, host, reg, &report)
	if err != nil {
		return Response{}, err
	}
	user, password, _ := strings.Cut(string(answer.Value), ":")
	return Response{
		APIVersion:    q.APIVersion,
		Host:          host,
		Username:      user,
		Password:      Secret(password),
		CacheDuration: answer.Keep.Truncate(time.Second),
	}, nil
}

// Warm sees to it that the next requests of the node for the image's host are
// answered from the cache, and returns what they will meet. It fails if they will
// not be. A cache with Ahead or Force renews what is good; if that fails, Trouble
// says so.
func (p *Provider) Warm(ctx context.Context, image string) (Warmed, error) {
	host, err := registry.Host(image)
	if err != nil {
		return Warmed{}, err
	}
	reg, err := p.registry(host)
	if err != nil {
		return Warmed{Report: Report{Host: host}}, err
	}
	return p.warm(ctx, host, reg)
}

// WarmRegion is Warm for the private registries of a region, whatever the account.
func (p *Provider) WarmRegion(ctx context.Context, region string) (Warmed, error) {
	reg, err := registry.InRegion(region)
	if err != nil {
		return Warmed{}, err
	}
	return p.warm(ctx, reg.Host(), reg)
}

func (p *Provider) warm(ctx context.Context, host string, reg registry.Registry) (Warmed, error) {
	w := Warmed{Report: Report{Host: host}}
	answer, err := p.answer(ctx, Request{}, host, reg, &w.Report)
	switch {
	case err != nil:
	case answer.Source == cache.Uncached && answer.Trouble != nil:
		err = fmt.Errorf("token for %s: it cannot be kept: %w", host, answer.Trouble)
	case answer.Source == cache.Uncached || answer.Keep == 0:
		err = fmt.Errorf("token for %s: it cannot be kept: it ends at once, or the cache is off", host)
	}
	w.Expires = answer.Expires
	return w, err
}

// Warmed is an entry of the cache that will answer for a registry.
type Warmed struct {
	Report
	Expires time.Time
}

// answer gets the token for q, from the cache or by it, and reports how.
func (p *Provider) answer(ctx context.Context, q Request, host string, reg registry.Registry, report *Report) (cache.Answer, error) {
	report.Region = reg.Region
	id, err := p.identity(q, reg)
	if err != nil {
		return cache.Answer{}, fmt.Errorf("token for %s: %w", host, err)
	}
	report.Identity = id.kind()
	tokens := p.Cache
	if tokens == nil {
		tokens = &cache.Cache{Off: true}
	}
	var calls atomic.Int64 // from whatever goroutine the SDK calls in
	answer, err := tokens.Get(ctx, p.cacheKey(reg, id), func(ctx context.Context, try cache.Try) (cache.Secret, error) {
		token, err := p.Tokens.Token(ctx, Ask{Registry: reg, Identity: id, Once: try.Once, Attempted: func() { calls.Add(1) }})
		if failure, ok := errors.AsType[*Failure](err); ok {
			// It may be written down for others: nothing of this one's token in it.
			return cache.Secret{}, &Failure{Kind: failure.Kind, Hint: hint.Of(err), Err: q.Redacted(err)}
		}
		return cache.Secret{Value: []byte(token.Username + ":" + string(token.Password)), Expires: token.Expires, Origin: token.InstanceRole}, err
	})
	report.Calls = int(calls.Load())
	if failure, ok := errors.AsType[*Failure](err); ok {
		err = hint.Wrap(err, "%s", failure.Hint) // of another process: it came without
	}
	if err != nil {
		return cache.Answer{}, q.Redacted(fmt.Errorf("token for %s as %s: %w", host, id, err))
	}
	report.Source = answer.Source
	if answer.Trouble != nil {
		report.Trouble = answer.Trouble.Error()
	}
	return answer, nil
}

// registry finds the registry whose tokens host takes: itself, or the one that it is
// a mirror of.
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
