package policy_test

import (
	"testing"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

func TestServiceAccountTrust(t *testing.T) {
	const provider = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/0A1B"
	const noProvider = "; hint: they are like arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF"
	const noAudience = "; hint: it is serviceAccountTokenAudience of the provider's tokenAttributes, and sts.amazonaws.com for IRSA"
	tests := []struct {
		name    string
		account policy.ServiceAccount
		want    string // or the error
	}{
		{
			"aws", policy.ServiceAccount{provider, "sts.amazonaws.com", "prod", "puller"},
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"` + provider + `"},"Action":"sts:AssumeRoleWithWebIdentity",` +
				`"Condition":{"StringEquals":{"oidc.eks.eu-central-1.amazonaws.com/id/0A1B:aud":"sts.amazonaws.com","oidc.eks.eu-central-1.amazonaws.com/id/0A1B:sub":"system:serviceaccount:prod:puller"}}}]}`,
		},
		{
			"China", policy.ServiceAccount{"arn:aws-cn:iam::123456789012:oidc-provider/oidc.eks.cn-north-1.amazonaws.com.cn/id/0A1B", "sts.amazonaws.com", "prod", "puller"},
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws-cn:iam::123456789012:oidc-provider/oidc.eks.cn-north-1.amazonaws.com.cn/id/0A1B"},"Action":"sts:AssumeRoleWithWebIdentity",` +
				`"Condition":{"StringEquals":{"oidc.eks.cn-north-1.amazonaws.com.cn/id/0A1B:aud":"sts.amazonaws.com","oidc.eks.cn-north-1.amazonaws.com.cn/id/0A1B:sub":"system:serviceaccount:prod:puller"}}}]}`,
		},
		{
			"GovCloud, an issuer without a path", policy.ServiceAccount{"arn:aws-us-gov:iam::123456789012:oidc-provider/oidc.example.com", "ecr", "prod", "puller.v2"},
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws-us-gov:iam::123456789012:oidc-provider/oidc.example.com"},"Action":"sts:AssumeRoleWithWebIdentity",` +
				`"Condition":{"StringEquals":{"oidc.example.com:aud":"ecr","oidc.example.com:sub":"system:serviceaccount:prod:puller.v2"}}}]}`,
		},
		{
			"all of a namespace", policy.ServiceAccount{provider, "sts.amazonaws.com", "prod", "*"},
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"` + provider + `"},"Action":"sts:AssumeRoleWithWebIdentity",` +
				`"Condition":{"StringEquals":{"oidc.eks.eu-central-1.amazonaws.com/id/0A1B:aud":"sts.amazonaws.com"},"StringLike":{"oidc.eks.eu-central-1.amazonaws.com/id/0A1B:sub":"system:serviceaccount:prod:*"}}}]}`,
		},
		{
			"a name in some namespaces", policy.ServiceAccount{provider, "sts.amazonaws.com", "team-?", "puller"},
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"` + provider + `"},"Action":"sts:AssumeRoleWithWebIdentity",` +
				`"Condition":{"StringEquals":{"oidc.eks.eu-central-1.amazonaws.com/id/0A1B:aud":"sts.amazonaws.com"},"StringLike":{"oidc.eks.eu-central-1.amazonaws.com/id/0A1B:sub":"system:serviceaccount:team-?:puller"}}}]}`,
		},
		{
			"a role", policy.ServiceAccount{"arn:aws:iam::123456789012:role/r", "sts.amazonaws.com", "prod", "puller"},
			`write trust policy: "arn:aws:iam::123456789012:role/r" is not the ARN of an OIDC provider` + noProvider,
		},
		{
			"an issuer", policy.ServiceAccount{"https://oidc.example.com", "sts.amazonaws.com", "prod", "puller"},
			`write trust policy: "https://oidc.example.com" is not the ARN of an OIDC provider` + noProvider,
		},
		{
			"a provider of a partition that is none", policy.ServiceAccount{"arn:china:iam::123456789012:oidc-provider/oidc.example.com", "sts.amazonaws.com", "prod", "puller"},
			`write trust policy: "arn:china:iam::123456789012:oidc-provider/oidc.example.com" is not the ARN of an OIDC provider` + noProvider,
		},
		{"no audience", policy.ServiceAccount{provider, "", "prod", "puller"}, `write trust policy: "" is not an audience` + noAudience},
		{"every audience", policy.ServiceAccount{provider, "*", "prod", "puller"}, `write trust policy: "*" is not an audience` + noAudience},
		{"no namespace", policy.ServiceAccount{provider, "sts.amazonaws.com", "", "puller"}, `write trust policy: "" is not the name of a namespace, nor a pattern of some`},
		{"both in one", policy.ServiceAccount{provider, "sts.amazonaws.com", "prod", "prod:puller"}, `write trust policy: "prod:puller" is not the name of a service account, nor a pattern of some`},
		{"a policy variable", policy.ServiceAccount{provider, "sts.amazonaws.com", "prod", "${aws:username}"}, `write trust policy: "${aws:username}" is not the name of a service account, nor a pattern of some`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := policy.ServiceAccountTrust(tt.account)
			got := d.String()
			if err != nil {
				got = hint.Line(err)
			}
			if got != tt.want {
				t.Errorf("ServiceAccountTrust(%+v) = %s\nwant %s", tt.account, got, tt.want)
			}
		})
	}
}

func TestProviderARN(t *testing.T) {
	const noIssuer = " is not the URL of an issuer; hint: it begins with https:// and has neither port nor query, as `aws eks describe-cluster` has it in cluster.identity.oidc.issuer"
	tests := []struct{ partition, account, issuer, want string }{
		{"aws", "123456789012", "https://oidc.eks.eu-central-1.amazonaws.com/id/0A1B", "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/0A1B"},
		{"aws-cn", "123456789012", "https://oidc.eks.cn-north-1.amazonaws.com.cn/id/0A1B/", "arn:aws-cn:iam::123456789012:oidc-provider/oidc.eks.cn-north-1.amazonaws.com.cn/id/0A1B"},
		{"aws-us-gov", "123456789012", "https://s3.us-gov-west-1.amazonaws.com/keys", "arn:aws-us-gov:iam::123456789012:oidc-provider/s3.us-gov-west-1.amazonaws.com/keys"},
		{"gov", "123456789012", "https://oidc.example.com", `name OIDC provider: "gov" is not a partition of AWS; there are aws, aws-cn, aws-us-gov, aws-eusc, aws-iso, aws-iso-b, aws-iso-e and aws-iso-f`},
		{"aws", "12345678901", "https://oidc.example.com", `name OIDC provider: "12345678901" is not an account, which has twelve digits`},
		{"aws", "123456789012", "http://oidc.example.com", `name OIDC provider: "http://oidc.example.com"` + noIssuer},
		{"aws", "123456789012", "oidc.example.com/id/0A1B", `name OIDC provider: "oidc.example.com/id/0A1B"` + noIssuer},
		{"aws", "123456789012", "https://oidc.example.com:8443", `name OIDC provider: "https://oidc.example.com:8443"` + noIssuer},
		{"aws", "123456789012", "https://oidc.example.com?a=b", `name OIDC provider: "https://oidc.example.com?a=b"` + noIssuer},
		{"aws", "123456789012", "https://me@oidc.example.com", `name OIDC provider: "https://me@oidc.example.com"` + noIssuer},
		{"aws", "123456789012", "https:///id", `name OIDC provider: "https:///id"` + noIssuer},
		{"aws", "123456789012", "https://oidc.example.com/*", `name OIDC provider: "https://oidc.example.com/*"` + noIssuer},
	}
	for _, tt := range tests {
		got, err := policy.ProviderARN(tt.partition, tt.account, tt.issuer)
		if err != nil {
			got = hint.Line(err)
		}
		if got != tt.want {
			t.Errorf("ProviderARN(%s, %s, %s) = %s\nwant %s", tt.partition, tt.account, tt.issuer, got, tt.want)
		}
	}
}
