package provider

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
)

const (
	// RoleAnnotation on a service account names the IAM role that pulls the
	// images of its pods. The official plugin reads the same one.
	RoleAnnotation = "eks.amazonaws.com/ecr-role-arn"

	// irsaAnnotation names the role of the pod's own AWS calls. People use it
	// here by mistake (cloud-provider-aws issue 1280), so the error tells them.
	irsaAnnotation = "eks.amazonaws.com/role-arn"

	// RoleVariable in the plugin's environment names the role of service
	// accounts without annotation, as in the official plugin.
	RoleVariable = "AWS_ECR_ROLE_ARN"
)

// An Identity is whose token is asked for. The zero value is the node itself:
// whatever the SDK's default credential chain finds. One identity never stands in
// for another.
type Identity struct {
	// Role is the ARN of the role to assume, "" to go as the node itself. A
	// service account always has one.
	Role string

	// ServiceAccount is the pod's, nil for the node.
	ServiceAccount *ServiceAccount
}

// String names the identity for people: never a secret.
func (i Identity) String() string {
	switch {
	case i.ServiceAccount != nil:
		return fmt.Sprintf("%s as role %s", i.ServiceAccount, i.Role)
	case i.Role != "":
		return "the node as role " + i.Role
	default:
		return "the node"
	}
}

// SessionName is the name of the STS session in which the identity assumes its
// role, as CloudTrail and the registry's log show it: 2 to 64 characters of
// [A-Za-z0-9_+=,.@-] (STS API, AssumeRole, RoleSessionName).
func (i Identity) SessionName() string {
	if i.ServiceAccount == nil {
		return "ecr-credential-provider"
	}
	return sessionName(i.ServiceAccount.Namespace + "." + i.ServiceAccount.Name)
}

// sessionName makes s legal. What had to be cut ends in a hash of the whole, so
// that two long names do not become one.
func sessionName(s string) string {
	const most, tail = 64, 8
	legal := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.ContainsRune("_+=,.@-", r):
			return r
		}
		return '-'
	}, s)
	if len(legal) <= most {
		return legal
	}
	sum := sha256.Sum256([]byte(s))
	return legal[:most-tail-1] + "-" + hex.EncodeToString(sum[:])[:tail]
}

// A ServiceAccount is a pod's Kubernetes identity, as its token says. The claims
// are read without verifying the signature: STS verifies it, and here they only
// name the account in a session, an error and a cache key.
type ServiceAccount struct {
	Namespace string
	Name      string
	UID       string // "" where the issuer puts none into its tokens
	Issuer    string
	Audiences []string
	Token     Secret
}

// String is "service account NAMESPACE/NAME".
func (s *ServiceAccount) String() string {
	return "service account " + s.Namespace + "/" + s.Name
}

// Subject is the account's name in its token, as trust policies spell it.
func (s *ServiceAccount) Subject() string {
	return "system:serviceaccount:" + s.Namespace + ":" + s.Name
}

// parseServiceAccount reads the claims of a Kubernetes service account token. Its
// errors say what is wrong with the token and quote nothing of it.
func parseServiceAccount(token Secret) (*ServiceAccount, error) {
	parts := strings.Split(string(token), ".")
	if len(parts) != 3 {
		return nil, fmt.Errorf("the service account token is not a JWT: it has %d parts, not 3", len(parts))
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return nil, errors.New("the service account token is not a JWT: its claims are not base64url")
	}
	var claims struct {
		Issuer   string    `json:"iss"`
		Subject  string    `json:"sub"`
		Audience audiences `json:"aud"`
		Cluster  struct {
			ServiceAccount struct {
				UID string `json:"uid"`
			} `json:"serviceaccount"`
		} `json:"kubernetes.io"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, errors.New("the service account token is not a JWT: its claims are not JSON")
	}
	// The form of sub is fixed: k8s.io/apiserver/pkg/authentication/serviceaccount.
	account, ok := strings.CutPrefix(claims.Subject, "system:serviceaccount:")
	namespace, name, _ := strings.Cut(account, ":")
	if !ok || namespace == "" || name == "" || strings.Contains(name, ":") {
		return nil, fmt.Errorf("the token's subject %.128q is not a service account", claims.Subject)
	}
	if claims.Issuer == "" {
		return nil, errors.New("the service account token names no issuer")
	}
	return &ServiceAccount{
		Namespace: namespace,
		Name:      name,
		UID:       claims.Cluster.ServiceAccount.UID,
		Issuer:    claims.Issuer,
		Audiences: claims.Audience,
		Token:     token,
	}, nil
}

// audiences is a JWT's aud: a string or a list of them (RFC 7519, 4.1.3).
type audiences []string

func (a *audiences) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audiences{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// A RoleRule says which role the node assumes for a registry of another account.
type RoleRule struct {
	Match string // 12 digits of an account, or a glob (path.Match) for the registry's host
	Role  string // ARN
}

// ParseRoleRule reads ACCOUNT=ROLE_ARN or HOST_GLOB=ROLE_ARN.
func ParseRoleRule(s string) (RoleRule, error) {
	match, role, ok := strings.Cut(s, "=")
	if !ok || match == "" {
		return RoleRule{}, fmt.Errorf("%q is not ACCOUNT=ROLE_ARN or HOST_GLOB=ROLE_ARN", s)
	}
	if _, err := path.Match(match, ""); err != nil {
		return RoleRule{}, fmt.Errorf("%q is not a glob: %w", match, err)
	}
	if _, err := rolePartition(role); err != nil {
		return RoleRule{}, err
	}
	return RoleRule{Match: match, Role: role}, nil
}

func (r RoleRule) matches(reg registry.Registry) bool {
	reg.Port = ""
	ok, _ := path.Match(r.Match, reg.Host()) // ParseRoleRule has tried the glob
	return ok || r.Match == reg.Account
}

// identity says who asks for the token of reg. A request with a service
// account's token is that account's and needs a role; only NodeFallback makes it
// the node's.
func (p *Provider) identity(q Request, reg registry.Registry) (Identity, error) {
	id, source, err := p.chooseIdentity(q, reg)
	if err != nil || id.Role == "" {
		return id, err
	}
	partition, err := rolePartition(id.Role)
	if err != nil {
		return Identity{}, hint.Wrap(fmt.Errorf("%s, from %s: %w", id, source, err), "correct %s", source)
	}
	if partition != reg.Partition {
		return Identity{}, hint.Wrap(
			fmt.Errorf("%s, from %s: the role is in partition %s, the registry in %s", id, source, partition, reg.Partition),
			"identities do not cross AWS partitions: name a role of %s, or replicate the images into %s", reg.Partition, partition)
	}
	return id, nil
}

// chooseIdentity also says where the role was found, for the error that it is
// no good.
func (p *Provider) chooseIdentity(q Request, reg registry.Registry) (_ Identity, source string, _ error) {
	if q.ServiceAccountToken == "" {
		id, source := p.nodeIdentity(reg)
		return id, source, nil
	}
	account, err := parseServiceAccount(q.ServiceAccountToken)
	if err != nil {
		return Identity{}, "", hint.Wrap(err, "the token comes from the kubelet: check tokenAttributes in the CredentialProviderConfig")
	}
	if role := q.ServiceAccountAnnotations[RoleAnnotation]; role != "" {
		return Identity{Role: role, ServiceAccount: account}, "annotation " + RoleAnnotation, nil
	}
	if p.ServiceAccountRole != "" {
		return Identity{Role: p.ServiceAccountRole, ServiceAccount: account}, RoleVariable, nil
	}
	if p.NodeFallback {
		id, source := p.nodeIdentity(reg)
		return id, source, nil
	}
	return Identity{}, "", noRole(account, q.ServiceAccountAnnotations)
}

func (p *Provider) nodeIdentity(reg registry.Registry) (_ Identity, source string) {
	for _, rule := range p.Roles {
		if rule.matches(reg) {
			return Identity{Role: rule.Role}, "--role " + rule.Match
		}
	}
	return Identity{}, ""
}

func noRole(account *ServiceAccount, annotations map[string]string) error {
	err := fmt.Errorf("%s has no role to pull with: annotation %s is missing", account, RoleAnnotation)
	where := fmt.Sprintf("kubectl annotate serviceaccount -n %s %s %s=", account.Namespace, account.Name, RoleAnnotation)
	if irsa := annotations[irsaAnnotation]; irsa != "" {
		return hint.Wrap(fmt.Errorf("%w; %s is there, but that is the role of the pod's own AWS calls", err, irsaAnnotation),
			"if that role may pull: %s%s, and list %s in tokenAttributes", where, irsa, RoleAnnotation)
	}
	return hint.Wrap(err,
		"%sROLE_ARN, and list the annotation in tokenAttributes; or set %s for all accounts; "+
			"or --service-account-fallback=node to pull as the node", where, RoleVariable)
}

// rolePartition returns the partition of an IAM role's ARN
// (arn:PARTITION:iam::ACCOUNT:role/PATH/NAME), or an error if it is not one.
func rolePartition(arn string) (string, error) {
	f := strings.SplitN(arn, ":", 6)
	if len(f) != 6 || f[0] != "arn" || f[1] == "" || f[2] != "iam" || f[3] != "" || len(f[4]) != 12 ||
		strings.Trim(f[4], "0123456789") != "" || len(f[5]) <= len("role/") || !strings.HasPrefix(f[5], "role/") ||
		strings.ContainsAny(f[5], " \t\r\n") {
		return "", fmt.Errorf("%.128q is not the ARN of an IAM role", cmp.Or(arn, "(empty)"))
	}
	return f[1], nil
}
