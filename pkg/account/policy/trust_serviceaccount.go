package policy

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

// A ServiceAccount is one of a cluster, as IAM sees it in the tokens of the cluster's
// OIDC provider.
type ServiceAccount struct {
	// Provider is the ARN of the OIDC provider in IAM, as [ProviderARN] makes it.
	Provider string
	// Audience is whom the tokens are for: serviceAccountTokenAudience of tokenAttributes.
	Audience string
	// Namespace and Name may be patterns with * and ?, which stand for several.
	Namespace, Name string
}

// ServiceAccountTrust returns the policy that lets service accounts assume a role with
// the token that the kubelet gets for their pods
// (docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html). The
// audience is always compared whole, the subject too unless there is a pattern in it: a
// role that says nothing of the subject is anybody's in the cluster.
func ServiceAccountTrust(a ServiceAccount) (Document, error) {
	issuer, err := a.issuer()
	if err != nil {
		return Document{}, fmt.Errorf("write trust policy: %w", err)
	}
	if a.Audience == "" || strings.ContainsAny(a.Audience, "*?$") {
		return Document{}, hint.Wrap(fmt.Errorf("write trust policy: %q is not an audience", a.Audience),
			"it is serviceAccountTokenAudience of the provider's tokenAttributes, and sts.amazonaws.com for IRSA")
	}
	for _, part := range []struct{ what, name string }{{"namespace", a.Namespace}, {"service account", a.Name}} {
		if !isServiceAccountPattern(part.name) {
			return Document{}, fmt.Errorf("write trust policy: %q is not the name of a %s, nor a pattern of some", part.name, part.what)
		}
	}
	subject := "system:serviceaccount:" + a.Namespace + ":" + a.Name
	conditions := Conditions{"StringEquals": {issuer + ":aud": {a.Audience}}}
	if strings.ContainsAny(subject, "*?") {
		conditions["StringLike"] = map[string][]string{issuer + ":sub": {subject}}
	} else {
		conditions["StringEquals"][issuer+":sub"] = []string{subject}
	}
	return Document{Version: Version, Statements: []Statement{{
		Effect: Allow, Principal: Principal{"Federated": {a.Provider}}, Actions: []string{"sts:AssumeRoleWithWebIdentity"},
		Conditions: conditions,
	}}}, nil
}

// issuer is what condition keys begin with: the provider's URL without its scheme
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html).
func (a ServiceAccount) issuer() (string, error) {
	parts := strings.SplitN(a.Provider, ":", 6)
	bad := hint.Wrap(fmt.Errorf("%q is not the ARN of an OIDC provider", a.Provider),
		"they are like arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF")
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "iam" || parts[3] != "" || !isAccount(parts[4]) {
		return "", bad
	}
	issuer, ok := strings.CutPrefix(parts[5], "oidc-provider/")
	if _, err := ProviderARN(parts[1], parts[4], "https://"+issuer); err != nil || !ok {
		return "", bad
	}
	return issuer, nil
}

// ProviderARN returns the ARN that the OIDC provider of an issuer has in an account. The
// issuer is an https URL without port and query, as IAM takes it
// (docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html) and
// `aws eks describe-cluster` has it in cluster.identity.oidc.issuer.
func ProviderARN(partition, account, issuer string) (string, error) {
	if _, err := findPartition(partition); err != nil {
		return "", fmt.Errorf("name OIDC provider: %w", err)
	}
	if !isAccount(account) {
		return "", fmt.Errorf("name OIDC provider: %q is not an account, which has twelve digits", account)
	}
	u, err := url.Parse(issuer)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.Host != u.Hostname() || u.User != nil ||
		strings.ContainsAny(issuer, "*?#$ ") {
		return "", hint.Wrap(fmt.Errorf("name OIDC provider: %q is not the URL of an issuer", issuer),
			"it begins with https:// and has neither port nor query, as `aws eks describe-cluster` has it in cluster.identity.oidc.issuer")
	}
	return "arn:" + partition + ":iam::" + account + ":oidc-provider/" + u.Host + strings.TrimSuffix(u.EscapedPath(), "/"), nil
}

// isServiceAccountPattern accepts what Kubernetes has in such names
// (kubernetes.io/docs/concepts/overview/working-with-objects/names), and IAM's wildcards.
func isServiceAccountPattern(s string) bool {
	return s != "" && len(s) <= 253 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-.*?") == ""
}
