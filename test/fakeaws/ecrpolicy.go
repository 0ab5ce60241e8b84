package fakeaws

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws/evaluate"
)

// maxResourcePolicy is the length of a policy, in characters.
const maxResourcePolicy = 10240

// policyText is the policy of the request as ECR gives it back: printed anew. That
// of a repository has no Resource, that of the registry has one in every statement.
func (c *ecrCall) policyText(kind string, ofRegistry bool) (string, *Error) {
	invalid := ecrInvalid("PolicyText", "Invalid "+kind+" policy provided")
	if c.in.PolicyText == nil {
		return "", ecrInvalid("policyText", "Member must not be null")
	}
	if utf8.RuneCountInString(*c.in.PolicyText) > maxResourcePolicy {
		return "", ecrInvalid("policyText", fmt.Sprintf("Member must have length less than or equal to %d", maxResourcePolicy))
	}
	policy, err := evaluate.Parse(*c.in.PolicyText)
	if err != nil {
		return "", invalid
	}
	for _, statement := range policy.Statements {
		principals := slices.Concat(statement.Principals, statement.NotPrincipals)
		resources := slices.Concat(statement.Resources, statement.NotResources)
		if len(principals) == 0 || len(resources) > 0 != ofRegistry {
			return "", invalid
		}
		for _, p := range principals {
			if p.Value != "*" && !c.server.knowsPrincipal(p) {
				return "", invalid
			}
		}
		for _, action := range slices.Concat(statement.Actions, statement.NotActions) {
			if !strings.HasPrefix(action, "ecr:") {
				return "", invalid
			}
		}
	}
	var printed bytes.Buffer
	if json.Indent(&printed, []byte(*c.in.PolicyText), "", "  ") != nil {
		return "", invalid
	}
	return printed.String(), nil
}

func (c *ecrCall) showPolicy(r *repository, text string) object {
	return object{"registryId": c.registryID(), "repositoryName": r.name, "policyText": text}
}

func (c *ecrCall) withPolicy() (*repository, *Error) {
	r, e := c.repository()
	if e == nil && r.policy == "" {
		e = &Error{Status: 400, Code: "RepositoryPolicyNotFoundException",
			Message: fmt.Sprintf("Repository policy does not exist for the repository with name '%s' in the registry with id '%s'", r.name, c.registryID())}
	}
	return r, e
}

func (c *ecrCall) getRepositoryPolicy() (any, *Error) {
	r, e := c.withPolicy()
	if e != nil {
		return nil, e
	}
	return c.showPolicy(r, r.policy), nil
}

func (c *ecrCall) setRepositoryPolicy() (any, *Error) {
	r, e := c.repository()
	if e != nil {
		return nil, e
	}
	text, e := c.policyText("repository", false)
	if e != nil {
		return nil, e
	}
	r.policy = text
	return c.showPolicy(r, text), nil
}

func (c *ecrCall) deleteRepositoryPolicy() (any, *Error) {
	r, e := c.withPolicy()
	if e != nil {
		return nil, e
	}
	text := r.policy
	r.policy = ""
	return c.showPolicy(r, text), nil
}

func (c *ecrCall) registryPolicy() (object, *Error) {
	if e := c.allow("*", nil); e != nil {
		return nil, e
	}
	if c.policy == "" {
		return nil, &Error{Status: 400, Code: "RegistryPolicyNotFoundException",
			Message: fmt.Sprintf("Registry policy does not exist in the registry with id '%s'", c.server.Account)}
	}
	return object{"registryId": c.server.Account, "policyText": c.policy}, nil
}

func (c *ecrCall) getRegistryPolicy() (any, *Error) { return c.registryPolicy() }

func (c *ecrCall) deleteRegistryPolicy() (any, *Error) {
	shown, e := c.registryPolicy()
	if e == nil {
		c.policy = ""
	}
	return shown, e
}

func (c *ecrCall) putRegistryPolicy() (any, *Error) {
	if e := c.allow("*", nil); e != nil {
		return nil, e
	}
	text, e := c.policyText("registry", true)
	if e != nil {
		return nil, e
	}
	c.policy = text
	return c.registryPolicy()
}
