package fakeaws

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

type cacheRule struct {
	prefix, upstream, registry, credential, role, upstreamPrefix string
	created                                                      time.Time
}

// upstreams are the registries that can be cached, by their hosts. The rest are
// private registries of ECR.
var upstreams = map[string]string{
	"public.ecr.aws": "ecr-public", "registry.k8s.io": "k8s", "quay.io": "quay", "registry-1.docker.io": "docker-hub",
	"ghcr.io": "github-container-registry", "registry.gitlab.com": "gitlab-container-registry",
}

var cachePrefix = regexp.MustCompile(`^(?:[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*/?|ROOT)$`)

func (c *ecrCall) createRule() (any, *Error) {
	if e := c.allow("*", nil); e != nil {
		return nil, e
	}
	r := &cacheRule{c.in.Prefix, c.in.UpstreamRegistryURL, c.in.UpstreamRegistry, c.in.CredentialARN, c.in.CustomRoleARN, c.in.UpstreamPrefix, c.server.Now()}
	kind, known := upstreams[r.upstream]
	if strings.Contains(r.upstream, ".dkr.ecr.") {
		kind, known = "ecr", true
	}
	switch {
	case len(r.prefix) < 2 || len(r.prefix) > 30 || !cachePrefix.MatchString(r.prefix):
		return nil, ecrInvalid("ecrRepositoryPrefix", "must satisfy regular expression "+cachePrefix.String())
	case slices.ContainsFunc(c.rules, func(old *cacheRule) bool { return old.prefix == r.prefix }):
		return nil, &Error{Status: 400, Code: "PullThroughCacheRuleAlreadyExistsException",
			Message: fmt.Sprintf("A pull through cache rule with repository prefix '%s' already exists in the registry with id '%s'", r.prefix, c.server.Account)}
	case !known && !strings.HasSuffix(r.upstream, ".azurecr.io"):
		return nil, &Error{Status: 400, Code: "UnsupportedUpstreamRegistryException", Message: "The specified upstream registry '" + r.upstream + "' is not supported"}
	}
	if r.registry == "" {
		r.registry = kind
	}
	c.rules = append(c.rules, r)
	return c.showRule(r), nil
}

func (c *ecrCall) showRule(r *cacheRule) object {
	shown := object{"ecrRepositoryPrefix": r.prefix, "upstreamRegistryUrl": r.upstream, "registryId": c.server.Account, "createdAt": epoch(r.created)}
	for name, value := range map[string]string{
		"upstreamRegistry": r.registry, "credentialArn": r.credential, "customRoleArn": r.role, "upstreamRepositoryPrefix": r.upstreamPrefix,
	} {
		if value != "" {
			shown[name] = value
		}
	}
	return shown
}

func (c *ecrCall) describeRules() (any, *Error) {
	if e := c.allow("*", nil); e != nil {
		return nil, e
	}
	for _, prefix := range c.in.Prefixes {
		if !slices.ContainsFunc(c.rules, func(r *cacheRule) bool { return r.prefix == prefix }) {
			return nil, &Error{Status: 400, Code: "PullThroughCacheRuleNotFoundException",
				Message: fmt.Sprintf("Pull through cache rule for prefix '%s' was not found in the registry with id '%s'", prefix, c.server.Account)}
		}
	}
	wanted := slices.DeleteFunc(slices.Clone(c.rules), func(r *cacheRule) bool {
		return len(c.in.Prefixes) > 0 && !slices.Contains(c.in.Prefixes, r.prefix)
	})
	part, token, e := ecrPage(c, wanted)
	if e != nil {
		return nil, e
	}
	all := []object{}
	for _, r := range part {
		all = append(all, c.showRule(r))
	}
	return object{"pullThroughCacheRules": all, "nextToken": token}, nil
}
