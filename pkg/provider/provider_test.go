package provider_test

import (
	"context"
	"encoding/base64"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/cache"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/provider"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
)

// asked is a Tokens that gives everybody a token and remembers who asked.
type asked struct {
	token provider.Token
	err   error

	registry registry.Registry
	identity provider.Identity
	times    int
}

func (a *asked) Token(_ context.Context, ask provider.Ask) (provider.Token, error) {
	a.registry, a.identity = ask.Registry, ask.Identity
	a.times++
	return a.token, a.err
}

var epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// uncached keeps nothing, in a time that stands still.
var uncached = &cache.Cache{Off: true, Clock: cache.Clock{Wall: func() time.Time { return epoch }}}

func jwt(claims string) provider.Secret {
	return provider.Secret("e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln")
}

const (
	private = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
	role    = "arn:aws:iam::123456789012:role/pull"
)

var (
	privateRegistry = registry.Registry{Account: "123456789012", Region: "eu-west-1", Partition: "aws"}
	webToken        = jwt(`{"iss":"https://oidc.example","sub":"system:serviceaccount:prod:web","aud":["a","b"]}`)
	web             = &provider.ServiceAccount{Namespace: "prod", Name: "web", Issuer: "https://oidc.example", Audiences: []string{"a", "b"}, Token: webToken}
)

// TestIdentity is the table of who asks.
func TestIdentity(t *testing.T) {
	annotated := map[string]string{provider.RoleAnnotation: role}
	mirrors := provider.Mirrors{"mirror:5000": privateRegistry}
	for _, c := range []struct {
		name     string
		provider provider.Provider
		request  provider.Request
		want     provider.Identity
		registry registry.Registry
		host     string
	}{
		{name: "the node", request: provider.Request{Image: private + "/a"}, registry: privateRegistry, host: private},
		{name: "a mirror", provider: provider.Provider{Mirrors: mirrors}, request: provider.Request{Image: "mirror:5000/a:tag"},
			registry: privateRegistry, host: "mirror:5000"},
		{name: "the role of the environment is not the node's", provider: provider.Provider{ServiceAccountRole: role},
			request: provider.Request{Image: private + "/a"}, registry: privateRegistry, host: private},
		{name: "an annotation without a token is nobody's", request: provider.Request{Image: private + "/a", ServiceAccountAnnotations: annotated},
			registry: privateRegistry, host: private},
		{name: "a role for the account", provider: provider.Provider{Roles: []provider.RoleRule{{Match: "210987654321", Role: "x"}, {Match: "123456789012", Role: role}}},
			request: provider.Request{Image: private + "/a"}, want: provider.Identity{Role: role}, registry: privateRegistry, host: private},
		{name: "the first role that matches", provider: provider.Provider{Roles: []provider.RoleRule{{Match: "*.eu-west-1.*", Role: role}, {Match: "123456789012", Role: "x"}}},
			request: provider.Request{Image: private + "/a"}, want: provider.Identity{Role: role}, registry: privateRegistry, host: private},
		{name: "a role for a mirror's registry", provider: provider.Provider{Mirrors: mirrors, Roles: []provider.RoleRule{{Match: private, Role: role}}},
			request: provider.Request{Image: "mirror:5000/a"}, want: provider.Identity{Role: role}, registry: privateRegistry, host: "mirror:5000"},
		{name: "a service account", request: provider.Request{Image: private + "/a", ServiceAccountToken: webToken, ServiceAccountAnnotations: annotated},
			want: provider.Identity{Role: role, ServiceAccount: web}, registry: privateRegistry, host: private},
		{name: "a service account has no use for the node's roles", provider: provider.Provider{Roles: []provider.RoleRule{{Match: "*", Role: "x"}}, NodeFallback: true},
			request: provider.Request{Image: private + "/a", ServiceAccountToken: webToken, ServiceAccountAnnotations: annotated},
			want:    provider.Identity{Role: role, ServiceAccount: web}, registry: privateRegistry, host: private},
		{name: "the role of the environment", provider: provider.Provider{ServiceAccountRole: role, NodeFallback: true},
			request: provider.Request{Image: private + "/a", ServiceAccountToken: webToken},
			want:    provider.Identity{Role: role, ServiceAccount: web}, registry: privateRegistry, host: private},
		{name: "the fallback, asked for", provider: provider.Provider{NodeFallback: true},
			request: provider.Request{Image: private + "/a", ServiceAccountToken: webToken}, registry: privateRegistry, host: private},
		{name: "the fallback has the node's roles", provider: provider.Provider{NodeFallback: true, Roles: []provider.RoleRule{{Match: "123456789012", Role: role}}},
			request: provider.Request{Image: private + "/a", ServiceAccountToken: webToken}, want: provider.Identity{Role: role}, registry: privateRegistry, host: private},
	} {
		t.Run(c.name, func(t *testing.T) {
			tokens := &asked{token: provider.Token{Username: "AWS", Password: "p", Expires: epoch.Add(12 * time.Hour)}}
			c.provider.Tokens = tokens
			c.provider.Cache = uncached
			c.request.APIVersion = "the version asked in"
			got, err := c.provider.Respond(t.Context(), c.request)
			if err != nil {
				t.Fatal(err)
			}
			want := provider.Response{APIVersion: "the version asked in", Host: c.host, Username: "AWS", Password: "p", CacheDuration: 6 * time.Hour}
			if got != want {
				t.Errorf("Respond = %+v, want %+v", got, want)
			}
			if diff := cmp.Diff(c.want, tokens.identity); diff != "" {
				t.Errorf("who asked (-want +got)\n%s", diff)
			}
			if tokens.registry != c.registry || tokens.times != 1 {
				t.Errorf("asked %d times for %#v, want once for %#v", tokens.times, tokens.registry, c.registry)
			}
		})
	}
}

// TestRefused is the table of what is refused before anybody is asked.
func TestRefused(t *testing.T) {
	annotate := func(key, value string) map[string]string { return map[string]string{key: value} }
	for _, c := range []struct {
		name     string
		provider provider.Provider
		request  provider.Request
		want     string // part of the line
	}{
		{"no host", provider.Provider{}, provider.Request{Image: "/a"}, `image "/a" does not begin with a registry host`},
		{"not ECR", provider.Provider{}, provider.Request{Image: "docker.io/a"}, "docker.io: not an Amazon ECR registry; hint: if docker.io serves the images of an ECR registry, add --mirror docker.io="},
		{"no role", provider.Provider{}, provider.Request{Image: private, ServiceAccountToken: webToken},
			"token for " + private + ": service account prod/web has no role to pull with: annotation eks.amazonaws.com/ecr-role-arn is missing; hint: kubectl annotate serviceaccount -n prod web "},
		{"an empty role is none", provider.Provider{}, provider.Request{Image: private, ServiceAccountToken: webToken, ServiceAccountAnnotations: annotate(provider.RoleAnnotation, "")}, "has no role to pull with"},
		{"the other annotation", provider.Provider{}, provider.Request{Image: private, ServiceAccountToken: webToken, ServiceAccountAnnotations: annotate("eks.amazonaws.com/role-arn", role)},
			"eks.amazonaws.com/role-arn is there, but that is the role of the pod's own AWS calls; hint: if that role may pull: kubectl annotate serviceaccount -n prod web eks.amazonaws.com/ecr-role-arn=" + role},
		{"no ARN", provider.Provider{}, provider.Request{Image: private, ServiceAccountToken: webToken, ServiceAccountAnnotations: annotate(provider.RoleAnnotation, "pull")},
			`from annotation eks.amazonaws.com/ecr-role-arn: "pull" is not the ARN of an IAM role; hint: correct annotation eks.amazonaws.com/ecr-role-arn`},
		{"no ARN in the environment", provider.Provider{ServiceAccountRole: "pull"}, provider.Request{Image: private, ServiceAccountToken: webToken}, "from AWS_ECR_ROLE_ARN: \"pull\" is not the ARN"},
		{"another partition", provider.Provider{Roles: []provider.RoleRule{{Match: "*", Role: "arn:aws-cn:iam::123456789012:role/pull"}}}, provider.Request{Image: private},
			"from --role *: the role is in partition aws-cn, the registry in aws; hint: identities do not cross AWS partitions: name a role of aws"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tokens := &asked{}
			c.provider.Tokens = tokens
			got, err := c.provider.Respond(t.Context(), c.request)
			if err == nil || !strings.Contains(hint.Line(err), c.want) {
				t.Errorf("Respond = %+v, %v, want %q", got, err, c.want)
			}
			if tokens.times != 0 {
				t.Errorf("asked for a token of %s as %s", tokens.registry, tokens.identity)
			}
			if got != (provider.Response{}) {
				t.Errorf("with the error it returns %+v", got)
			}
		})
	}
}

// TestServiceAccountToken is the table of tokens that are none. The line is
// compared whole, which shows that nothing of the token is in it.
func TestServiceAccountToken(t *testing.T) {
	const tail = "; hint: the token comes from the kubelet: check tokenAttributes in the CredentialProviderConfig"
	for _, c := range []struct {
		token provider.Secret
		want  string
	}{
		{"opaque", "the service account token is not a JWT: it has 1 parts, not 3"},
		{"a.b.c.d", "the service account token is not a JWT: it has 4 parts, not 3"},
		{"e30.%%%.c2ln", "the service account token is not a JWT: its claims are not base64url"},
		{jwt(`hush`), "the service account token is not a JWT: its claims are not JSON"},
		{jwt(`{"iss":"i","sub":"system:serviceaccount:a:b","aud":7}`), "the service account token is not a JWT: its claims are not JSON"},
		{jwt(`{"iss":"i","sub":"user"}`), `the token's subject "user" is not a service account`},
		{jwt(`{"iss":"i","sub":"system:node:a"}`), `the token's subject "system:node:a" is not a service account`},
		{jwt(`{"iss":"i","sub":"` + strings.Repeat("u", 129) + `"}`), `the token's subject "` + strings.Repeat("u", 128) + `" is not a service account`},
		{jwt(`{"iss":"i","sub":"a:b"}`), `the token's subject "a:b" is not a service account`},
		{jwt(`{"iss":"i","sub":"system:serviceaccount:a"}`), `the token's subject "system:serviceaccount:a" is not a service account`},
		{jwt(`{"iss":"i","sub":"system:serviceaccount::b"}`), `the token's subject "system:serviceaccount::b" is not a service account`},
		{jwt(`{"iss":"i","sub":"system:serviceaccount:a:"}`), `the token's subject "system:serviceaccount:a:" is not a service account`},
		{jwt(`{"iss":"i","sub":"system:serviceaccount:a:b:c"}`), `the token's subject "system:serviceaccount:a:b:c" is not a service account`},
		{jwt(`{"sub":"system:serviceaccount:a:b"}`), "the service account token names no issuer"},
	} {
		t.Run(c.want, func(t *testing.T) {
			p := provider.Provider{Tokens: &asked{}, NodeFallback: true, ServiceAccountRole: role}
			_, err := p.Respond(t.Context(), provider.Request{Image: private, ServiceAccountToken: c.token})
			if want := "token for " + private + ": " + c.want + tail; err == nil || hint.Line(err) != want {
				t.Errorf("Respond: %v\nwant %s", err, want)
			}
		})
	}

	// Padding, and one audience as a string, are what some issuers write.
	padded := provider.Secret("e30." + base64.URLEncoding.EncodeToString([]byte(`{"iss":"i","sub":"system:serviceaccount:a:b","aud":"x"}`)) + ".c2ln")
	tokens := &asked{}
	p := provider.Provider{Tokens: tokens, ServiceAccountRole: role}
	if _, err := p.Respond(t.Context(), provider.Request{Image: private, ServiceAccountToken: padded}); err != nil {
		t.Fatal(err)
	}
	want := &provider.ServiceAccount{Namespace: "a", Name: "b", Issuer: "i", Audiences: []string{"x"}, Token: padded}
	if diff := cmp.Diff(want, tokens.identity.ServiceAccount); diff != "" {
		t.Errorf("the account (-want +got)\n%s", diff)
	}
	if got := want.Subject(); got != "system:serviceaccount:a:b" {
		t.Errorf("Subject() = %q", got)
	}
}

func TestRespondFails(t *testing.T) {
	cause := hint.Wrap(errors.New("STS says "+string(webToken)), "do this")
	p := provider.Provider{Tokens: &asked{err: cause}, ServiceAccountRole: role}
	_, err := p.Respond(t.Context(), provider.Request{Image: private + ":443/a", ServiceAccountToken: webToken})
	want := "token for " + private + ":443 as service account prod/web as role " + role + ": STS says REDACTED; hint: do this"
	if err == nil || hint.Line(err) != want || !errors.Is(err, cause) {
		t.Errorf("Respond: %v\nwant %s", err, want)
	}
}

func TestSessionName(t *testing.T) {
	long := strings.Repeat("n", 63)
	for _, c := range []struct {
		id   provider.Identity
		want string
	}{
		{provider.Identity{}, "ecr-credential-provider"},
		{provider.Identity{Role: role}, "ecr-credential-provider"},
		{provider.Identity{ServiceAccount: &provider.ServiceAccount{Namespace: "prod", Name: "web"}}, "prod.web"},
		{provider.Identity{ServiceAccount: &provider.ServiceAccount{Namespace: "a", Name: "b.c-d"}}, "a.b.c-d"},
		{provider.Identity{ServiceAccount: &provider.ServiceAccount{Namespace: "a b", Name: "ü/*"}}, "a-b.---"},
		{provider.Identity{ServiceAccount: &provider.ServiceAccount{Namespace: strings.Repeat("n", 60), Name: "abc"}}, strings.Repeat("n", 60) + ".abc"},
		{provider.Identity{ServiceAccount: &provider.ServiceAccount{Namespace: long, Name: "web-1"}}, strings.Repeat("n", 55) + "-e9ff7460"},
		{provider.Identity{ServiceAccount: &provider.ServiceAccount{Namespace: long, Name: "web-2"}}, strings.Repeat("n", 55) + "-ca2df7fd"},
		{provider.Identity{ServiceAccount: &provider.ServiceAccount{Namespace: long, Name: "*"}}, strings.Repeat("n", 55) + "-230b1fb1"},
		{provider.Identity{ServiceAccount: &provider.ServiceAccount{Namespace: long, Name: "/"}}, strings.Repeat("n", 55) + "-c6a20c8a"},
		{provider.Identity{ServiceAccount: &provider.ServiceAccount{Namespace: "A-Z_09", Name: "a+z=,@"}}, "A-Z_09.a+z=,@"},
	} {
		if got := c.id.SessionName(); got != c.want {
			t.Errorf("SessionName of %s = %q, want %q", c.id, got, c.want)
		}
	}
}

func TestIdentityString(t *testing.T) {
	for _, c := range []struct {
		id   provider.Identity
		want string
	}{
		{provider.Identity{}, "the node"},
		{provider.Identity{Role: role}, "the node as role " + role},
		{provider.Identity{Role: role, ServiceAccount: web}, "service account prod/web as role " + role},
	} {
		if got := c.id.String(); got != c.want {
			t.Errorf("String() = %q, want %q", got, c.want)
		}
	}
}

func TestParseRoleRule(t *testing.T) {
	for _, c := range []struct {
		in, err string
		want    provider.RoleRule
	}{
		{in: "123456789012=" + role, want: provider.RoleRule{Match: "123456789012", Role: role}},
		{in: "*.us-*.amazonaws.com=arn:aws-us-gov:iam::123456789012:role/path/to/pull", want: provider.RoleRule{Match: "*.us-*.amazonaws.com", Role: "arn:aws-us-gov:iam::123456789012:role/path/to/pull"}},
		{in: "123456789012", err: `"123456789012" is not ACCOUNT=ROLE_ARN or HOST_GLOB=ROLE_ARN`},
		{in: "=" + role, err: `"=` + role + `" is not ACCOUNT=ROLE_ARN or HOST_GLOB=ROLE_ARN`},
		{in: "a[=" + role, err: `"a[" is not a glob: syntax error in pattern`},
		{in: "a=", err: `"(empty)" is not the ARN of an IAM role`},
		{in: "a=arn:aws:iam::123456789012:user/pull", err: `"arn:aws:iam::123456789012:user/pull" is not the ARN of an IAM role`},
		{in: "a=arn:aws:sts::123456789012:role/pull", err: `"arn:aws:sts::123456789012:role/pull" is not the ARN of an IAM role`},
		{in: "a=arn:aws:iam:eu-west-1:123456789012:role/pull", err: `"arn:aws:iam:eu-west-1:123456789012:role/pull" is not the ARN of an IAM role`},
		{in: "a=arn:aws:iam::12345678901:role/pull", err: `"arn:aws:iam::12345678901:role/pull" is not the ARN of an IAM role`},
		{in: "a=arn:aws:iam::12345678901x:role/pull", err: `"arn:aws:iam::12345678901x:role/pull" is not the ARN of an IAM role`},
		{in: "a=arn::iam::123456789012:role/pull", err: `"arn::iam::123456789012:role/pull" is not the ARN of an IAM role`},
		{in: "a=aws:aws:iam::123456789012:role/pull", err: `"aws:aws:iam::123456789012:role/pull" is not the ARN of an IAM role`},
		{in: "a=arn:aws:iam::123456789012:role/", err: `"arn:aws:iam::123456789012:role/" is not the ARN of an IAM role`},
		{in: "a=arn:aws:iam::123456789012:role/p ll", err: `"arn:aws:iam::123456789012:role/p ll" is not the ARN of an IAM role`},
		{in: "a=arn:aws:iam::123456789012:role/p\tll", err: `"arn:aws:iam::123456789012:role/p\tll" is not the ARN of an IAM role`},
		{in: "a=arn:aws:iam::123456789012:role/p\rll", err: `"arn:aws:iam::123456789012:role/p\rll" is not the ARN of an IAM role`},
		{in: "a=arn:aws:iam::123456789012:role/pull\n", err: `"arn:aws:iam::123456789012:role/pull\n" is not the ARN of an IAM role`},
		{in: "a=arn:aws:iam::123456789012", err: `"arn:aws:iam::123456789012" is not the ARN of an IAM role`},
		{in: "a=" + strings.Repeat("x", 129), err: `"` + strings.Repeat("x", 128) + `" is not the ARN of an IAM role`},
	} {
		got, err := provider.ParseRoleRule(c.in)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("ParseRoleRule(%q) = %+v, %v, want %+v, %s", c.in, got, err, c.want, c.err)
		}
	}
}

func TestMirrors(t *testing.T) {
	for _, c := range []struct{ in, err string }{
		{in: "mirror:5000=" + private},
		{in: "mirror:5000=" + private}, // the same again says nothing else
		{in: "vpce-0a.dkr.ecr.eu-west-1.vpce.amazonaws.com=" + private},
		{in: "mirror:5000=public.ecr.aws", err: "mirror:5000 is given twice, for " + private + " and public.ecr.aws"},
		{in: "mirror", err: `"mirror" is not HOST=ECR_HOST`},
		{in: "=" + private, err: `"" is not a host as images begin with it: HOST or HOST:PORT`},
		{in: "mirror/path=" + private, err: `"mirror/path" is not a host as images begin with it: HOST or HOST:PORT`},
		{in: "https://mirror=" + private, err: `"https://mirror" is not a host as images begin with it: HOST or HOST:PORT`},
		{in: private + "=public.ecr.aws", err: private + " is an ECR registry itself: its tokens are never another's"},
		{in: "other=docker.io", err: "docker.io: not an Amazon ECR registry"},
	} {
		m := provider.Mirrors{"mirror:5000": privateRegistry}
		err := m.Add(c.in)
		if (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("Add(%q) = %v, want %s", c.in, err, c.err)
		}
		want := provider.Mirrors{"mirror:5000": privateRegistry}
		if c.err == "" {
			host, _, _ := strings.Cut(c.in, "=")
			want[host] = privateRegistry
		}
		if diff := cmp.Diff(want, m); diff != "" {
			t.Errorf("after Add(%q) (-want +got)\n%s", c.in, diff)
		}
	}
}

// TestCacheDuration is how long the kubelet may keep a token that no cache keeps, in
// whole seconds. What the cache allows is its own affair (cache.TestLife, TestOff).
func TestCacheDuration(t *testing.T) {
	for _, c := range []struct {
		name    string
		expires time.Time
		want    time.Duration
	}{
		{"half of its life", epoch.Add(12 * time.Hour), 6 * time.Hour},
		{"whole seconds", epoch.Add(3 * time.Second), time.Second},
		{"expired when it came", epoch.Add(-time.Hour), 0},
		{"no expiry", time.Time{}, 0},
		{"an expiry that nobody can mean", epoch.Add(1000 * time.Hour), 6 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := provider.Provider{
				Tokens: &asked{token: provider.Token{Username: "AWS", Password: "p", Expires: c.expires}},
				Cache:  uncached,
			}
			got, err := p.Respond(t.Context(), provider.Request{Image: private})
			if err != nil || got.CacheDuration != c.want {
				t.Errorf("CacheDuration = %s, %v, want %s", got.CacheDuration, err, c.want)
			}
		})
	}
}

// TestWarm is what warming comes to: an entry that the next request of the node is
// answered from, or an error.
func TestWarm(t *testing.T) {
	soon := time.Now().Add(time.Hour)
	for _, c := range []struct {
		name    string
		cache   *cache.Cache
		region  bool // rather than an image
		of      string
		expires time.Time
		failure error
		want    provider.Report
		err     string // of the line
	}{
		{name: "an image", of: private + ":443/a:tag", expires: soon, want: provider.Report{Host: private + ":443", Region: "eu-west-1", Identity: "node", Source: cache.Fetched}},
		{name: "a mirror", of: "mirror:5000", expires: soon, want: provider.Report{Host: "mirror:5000", Region: "eu-west-1", Identity: "node", Source: cache.Fetched}},
		{name: "a region", region: true, of: "cn-north-1", expires: soon,
			want: provider.Report{Host: "*.dkr.ecr.cn-north-1.amazonaws.com.cn", Region: "cn-north-1", Identity: "node", Source: cache.Fetched}},
		{name: "no host", of: "/a", err: `image "/a" does not begin with a registry host`},
		{name: "not ECR", of: "docker.io", want: provider.Report{Host: "docker.io"}, err: "docker.io: not an Amazon ECR registry; hint: if docker.io serves "},
		{name: "not a region", region: true, of: "eu west", err: `"eu west" is not a region`},
		{name: "denied", of: private, failure: &provider.Failure{Kind: provider.Denied, Err: hint.Wrap(errors.New("no"), "ask")},
			want: provider.Report{Host: private, Region: "eu-west-1", Identity: "node"}, err: "token for " + private + " as the node: no; hint: ask"},
		{name: "it ends at once", of: private, expires: time.Now(),
			want: provider.Report{Host: private, Region: "eu-west-1", Identity: "node", Source: cache.Fetched}, err: "token for " + private + ": it cannot be kept: it ends at once, or the cache is off"},
		{name: "no cache", cache: uncached, of: private, expires: soon,
			want: provider.Report{Host: private, Region: "eu-west-1", Identity: "node", Source: cache.Uncached}, err: "token for " + private + ": it cannot be kept: it ends at once, or the cache is off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := provider.Provider{
				Tokens:  &asked{token: provider.Token{Username: "AWS", Password: "p", Expires: c.expires}, err: c.failure},
				Mirrors: provider.Mirrors{"mirror:5000": privateRegistry},
				Cache:   c.cache,
			}
			if p.Cache == nil {
				p.Cache = &cache.Cache{Dir: filepath.Join(t.TempDir(), "cache")}
			}
			warm := p.Warm
			if c.region {
				warm = p.WarmRegion
			}
			got, err := warm(t.Context(), c.of)
			if diff := cmp.Diff(c.want, got.Report); diff != "" {
				t.Errorf("Warm reports (-want +got)\n%s", diff)
			}
			if (err == nil) != (c.err == "") || err != nil && !strings.HasPrefix(hint.Line(err), c.err) {
				t.Errorf("Warm: %v, want %s", err, c.err)
			}
			if err == nil && !got.Expires.Equal(c.expires) {
				t.Errorf("it expires at %s, want %s", got.Expires, c.expires)
			}
		})
	}
}
