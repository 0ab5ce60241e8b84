package fakeaws

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws/evaluate"
)

// Sizes of documents, in characters that are not white space
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const (
	maxTrust   = 2048
	maxInline  = 10240 // of all inline policies of a role together
	maxManaged = 6144
)

// size is the length of a document as IAM counts it.
func size(document string) int {
	n := 0
	for _, r := range document {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

func malformed(format string, args ...any) *Error {
	return &Error{Status: 400, Code: "MalformedPolicyDocument", Message: fmt.Sprintf(format, args...)}
}

// parsePolicy is evaluate.Parse with what IAM demands besides.
func parsePolicy(document string) (*evaluate.Document, *Error) {
	d, err := evaluate.Parse(document)
	if err != nil {
		return nil, malformed("%v", err)
	}
	for _, statement := range d.Statements {
		if !alphanumeric.MatchString(statement.Sid) {
			return nil, malformed("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*")
		}
	}
	return d, nil
}

var alphanumeric = regexp.MustCompile(`^[0-9A-Za-z]*$`)

// checkPermissions refuses what IAM does not take as an inline or managed policy.
func (s *Server) checkPermissions(document string) *Error {
	d, e := parsePolicy(document)
	if e != nil {
		return e
	}
	if d.Version != "2012-10-17" {
		return malformed("Policy document must be version 2012-10-17 or greater.")
	}
	for _, statement := range d.Statements {
		resources := slices.Concat(statement.Resources, statement.NotResources)
		switch {
		case statement.Principals != nil || statement.NotPrincipals != nil:
			return malformed("Policy document should not specify a principal.")
		case len(resources) == 0:
			return malformed("Policy statement must contain resources.")
		}
		for _, resource := range resources {
			if message := s.checkResource(resource); message != "" {
				return malformed("%s", message)
			}
		}
	}
	return nil
}

// iamKinds are what the resource of an ARN of IAM begins with.
var iamKinds = []string{"user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/",
	"policy/", "sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/"}

// checkResource returns what IAM says of a resource that it does not take; "" if it
// does. Its partition has to be the account's.
func (s *Server) checkResource(resource string) string {
	if resource == "*" {
		return ""
	}
	parts := strings.SplitN(resource, ":", 6)
	if len(parts) < 3 || parts[0] != "arn" {
		return `Resource ` + resource + ` must be in ARN format or "*".`
	}
	partition, service := parts[1], parts[2]
	for len(parts) < 6 {
		parts = append(parts, "*")
	}
	switch {
	case partition != s.Partition:
		return fmt.Sprintf("Partition %q is not valid for resource %q.", partition, strings.Join(parts, ":"))
	case service == "" || strings.ContainsAny(service, "*?"):
		return "Resource vendor must be fully qualified and cannot contain regexes."
	case service == "iam" && parts[3] != "":
		return "IAM resource " + resource + " cannot contain region information."
	case service == "s3" && parts[3] != "":
		return "Resource " + resource + " can not contain region information."
	case service == "iam" && parts[5] != "*" && !slices.ContainsFunc(iamKinds, func(kind string) bool { return strings.HasPrefix(parts[5], kind) }):
		return `IAM resource path must either be "*" or start with ` + strings.Join(iamKinds, ", ") + "."
	}
	return ""
}

// assumeActions are what a trust policy can allow
// (docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html).
var assumeActions = []string{"sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity", "sts:TagSession",
	"sts:SetSourceIdentity", "sts:SetContext", "sts:*"}

var (
	servicePrincipal = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)*\.(amazonaws\.com(\.cn)?|amazonaws\.eu|c2s\.ic\.gov|sc2s\.sgov\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)$`)
	accountPrincipal = regexp.MustCompile(`^(\d{12}|\*|A[A-Z0-9]{15,}|arn:([\w-]+):(iam|sts)::(\d{12}):(root|(user|role|assumed-role|federated-user)/.+))$`)
)

// checkTrust refuses what IAM does not take as the trust policy of a role.
func (s *Server) checkTrust(document string) *Error {
	d, e := parsePolicy(document)
	if e != nil {
		return e
	}
	if size(document) > maxTrust {
		return conflict("LimitExceeded", "Cannot exceed quota for ACLSizePerRole: %d", maxTrust)
	}
	for _, statement := range d.Statements {
		switch {
		case statement.Resources != nil || statement.NotResources != nil:
			return malformed("Has prohibited field Resource")
		case statement.NotPrincipals != nil:
			return malformed("AssumeRolePolicy must not contain NotPrincipal field.")
		case statement.Principals == nil:
			return malformed("Missing required field Principal")
		case statement.NotActions != nil:
			return malformed("AssumeRolePolicy must not contain NotAction field.")
		}
		for _, action := range statement.Actions {
			if !slices.ContainsFunc(assumeActions, func(known string) bool { return strings.EqualFold(action, known) }) {
				return malformed("AssumeRole policy may only specify STS AssumeRole actions.")
			}
		}
		for _, p := range statement.Principals {
			if !s.knowsPrincipal(p) {
				return malformed("Invalid principal in policy: %q:%q", strings.ToUpper(p.Type), p.Value)
			}
		}
	}
	return nil
}

// knowsPrincipal reports whether a principal exists, as far as that can be told: a role
// of this account has to, and an ARN has to be of this partition.
func (s *Server) knowsPrincipal(p evaluate.Principal) bool {
	switch p.Type {
	case "Service":
		return servicePrincipal.MatchString(p.Value)
	case "AWS":
		m := accountPrincipal.FindStringSubmatch(p.Value)
		if m == nil || m[2] != "" && m[2] != s.Partition {
			return false
		}
		if m[4] != s.Account || !strings.HasPrefix(m[5], "role/") {
			return true
		}
		for _, r := range s.iamState.roles {
			if s.roleARN(r) == p.Value {
				return true
			}
		}
		return false
	}
	return true
}

// reformatted is a trust policy as IAM gives it back: the same to who reads it as JSON,
// and another text. White space is gone, keys are in order, and lists of one are what
// is in them.
func reformatted(document string) string {
	var d map[string]any
	if err := json.Unmarshal([]byte(document), &d); err != nil {
		panic(err) // it was parsed before
	}
	alone := func(v any) any {
		if list, ok := v.([]any); ok && len(list) == 1 {
			return list[0]
		}
		return v
	}
	statements, ok := d["Statement"].([]any)
	if !ok {
		statements = []any{d["Statement"]}
		d["Statement"] = statements
	}
	for _, v := range statements {
		statement := v.(map[string]any)
		statement["Action"] = alone(statement["Action"])
		if byType, ok := statement["Principal"].(map[string]any); ok {
			for kind, list := range byType {
				byType[kind] = alone(list)
			}
		}
	}
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(d); err != nil {
		panic(err) // it came from JSON
	}
	return strings.TrimSuffix(b.String(), "\n")
}
