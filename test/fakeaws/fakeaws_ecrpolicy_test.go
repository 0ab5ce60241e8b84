package fakeaws_test

import (
	"fmt"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	registry "github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

func TestECRRepositories(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	ctx := t.Context()
	at := epoch
	for i := range 5 {
		must(c.ecr.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: awssdk.String(fmt.Sprint("team/app-", i)),
			Tags: []registry.Tag{{Key: str("k"), Value: str("v")}}}))(t)
	}
	got := must(c.ecr.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"team/app-3"}}))(t).Repositories
	same(t, "DescribeRepositories", []registry.Repository{{RepositoryName: str("team/app-3"), RepositoryArn: str("arn:aws:ecr:us-east-1:123456789012:repository/team/app-3"),
		RegistryId: str("123456789012"), RepositoryUri: str("123456789012.dkr.ecr.us-east-1.amazonaws.com/team/app-3"), CreatedAt: &at, ImageTagMutability: "MUTABLE"}}, got)
	var names []string
	pages := 0
	p := ecr.NewDescribeRepositoriesPaginator(c.ecr, &ecr.DescribeRepositoriesInput{MaxResults: awssdk.Int32(2)})
	for ; p.HasMorePages(); pages++ {
		for _, r := range must(p.NextPage(ctx))(t).Repositories {
			names = append(names, *r.RepositoryName)
		}
	}
	same(t, "repositories of all pages", []string{"team/app-0", "team/app-1", "team/app-2", "team/app-3", "team/app-4"}, names)
	same(t, "pages", 3, pages)
	_, err := c.ecr.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"x/y"}})
	same(t, "no such repository", "RepositoryNotFoundException: The repository with name 'x/y' does not exist in the registry with id '123456789012'", refused(err))
	_, err = c.ecr.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: str("team/app-0")})
	same(t, "a repository twice", "RepositoryAlreadyExistsException: The repository with name 'team/app-0' already exists in the registry with id '123456789012'", refused(err))
}

const crossAccount = `{"Version":"2012-10-17","Statement":[{"Sid":"pull","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::210987654321:root"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}`

// TestECRRepositoryPolicy also shows that ECR gives back another text than it got.
func TestECRRepositoryPolicy(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	ctx, name := t.Context(), str("team/app")
	must(c.ecr.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: name}))(t)
	get := func() (*ecr.GetRepositoryPolicyOutput, error) {
		return c.ecr.GetRepositoryPolicy(ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: name})
	}
	set := func(text string) string {
		return refused(errOf(c.ecr.SetRepositoryPolicy(ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: name, PolicyText: &text})))
	}
	const missing = "RepositoryPolicyNotFoundException: Repository policy does not exist for the repository with name 'team/app' in the registry with id '123456789012'"
	_, err := get()
	same(t, "no policy", missing, refused(err))
	same(t, "SetRepositoryPolicy", "", set(crossAccount))
	want := ecr.GetRepositoryPolicyOutput{RegistryId: str("123456789012"), RepositoryName: name, PolicyText: str(`{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "pull",
      "Effect": "Allow",
      "Principal": {
        "AWS": "arn:aws:iam::210987654321:root"
      },
      "Action": [
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer"
      ]
    }
  ]
}`)}
	same(t, "GetRepositoryPolicy", want, *must(get())(t))
	const invalid = "InvalidParameterException: Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'"
	for what, text := range map[string]string{
		"no JSON":                            `{"Version":`,
		"nothing in it":                      `{"Version":"2012-10-17","Statement":[]}`,
		"a resource":                         strings.Replace(crossAccount, `"Sid"`, `"Resource":"*","Sid"`, 1),
		"no principal":                       strings.Replace(crossAccount, `"Principal":{"AWS":"arn:aws:iam::210987654321:root"},`, "", 1),
		"a principal that is none":           strings.Replace(crossAccount, ":root", ":*", 1),
		"a role of ours that does not exist": strings.Replace(crossAccount, "210987654321:root", "123456789012:role/node", 1),
		"another service":                    strings.Replace(crossAccount, "ecr:BatchGetImage", "s3:GetObject", 1),
		"a version that is none":             strings.Replace(crossAccount, "2012-10-17", "2026-01-01", 1),
	} {
		same(t, what, invalid, set(text))
	}
	same(t, "10241 characters", "InvalidParameterException: Invalid parameter at 'policyText' failed to satisfy constraint: 'Member must have length less than or equal to 10240'",
		set(crossAccount+strings.Repeat(" ", 10241-len(crossAccount))))
	same(t, "10240 characters", "", set(crossAccount+strings.Repeat(" ", 10240-len(crossAccount))))
	must(c.ecr.DeleteRepositoryPolicy(ctx, &ecr.DeleteRepositoryPolicyInput{RepositoryName: name}))(t)
	_, err = c.ecr.DeleteRepositoryPolicy(ctx, &ecr.DeleteRepositoryPolicyInput{RepositoryName: name})
	same(t, "DeleteRepositoryPolicy again", missing, refused(err))
}

func TestECRRegistryPolicy(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	ctx := t.Context()
	c.profile(t, "node")
	const missing = "RegistryPolicyNotFoundException: Registry policy does not exist in the registry with id '123456789012'"
	_, err := c.ecr.GetRegistryPolicy(ctx, &ecr.GetRegistryPolicyInput{})
	same(t, "no policy", missing, refused(err))
	text := `{"Version":"2012-10-17","Statement":[{"Sid":"cache","Effect":"Allow","Principal":{"AWS":"` + nodeRole + `"},"Action":["ecr:CreateRepository","ecr:BatchImportUpstreamImage"],"Resource":"arn:aws:ecr:us-east-1:123456789012:repository/hub/*"}]}`
	_, err = c.ecr.PutRegistryPolicy(ctx, &ecr.PutRegistryPolicyInput{PolicyText: str(crossAccount)})
	same(t, "no resource", "InvalidParameterException: Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid registry policy provided'", refused(err))
	must(c.ecr.PutRegistryPolicy(ctx, &ecr.PutRegistryPolicyInput{PolicyText: &text}))(t)
	if got := *must(c.ecr.GetRegistryPolicy(ctx, &ecr.GetRegistryPolicyInput{}))(t).PolicyText; strings.Join(strings.Fields(got), "") != text {
		t.Errorf("GetRegistryPolicy = %s, want %s but for white space", got, text)
	}
	must(c.ecr.DeleteRegistryPolicy(ctx, &ecr.DeleteRegistryPolicyInput{}))(t)
	_, err = c.ecr.GetRegistryPolicy(ctx, &ecr.GetRegistryPolicyInput{})
	same(t, "after DeleteRegistryPolicy", missing, refused(err))
}

func TestECRPullThroughCache(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	ctx := t.Context()
	create := func(prefix, upstream string) string {
		return refused(errOf(c.ecr.CreatePullThroughCacheRule(ctx, &ecr.CreatePullThroughCacheRuleInput{EcrRepositoryPrefix: &prefix, UpstreamRegistryUrl: &upstream})))
	}
	for _, f := range []struct{ prefix, upstream, want string }{
		{"k8s", "registry.k8s.io", ""},
		{"base", "210987654321.dkr.ecr.us-east-1.amazonaws.com", ""},
		{"k8s", "registry.k8s.io", "PullThroughCacheRuleAlreadyExistsException: A pull through cache rule with repository prefix 'k8s' already exists in the registry with id '123456789012'"},
		{"x-", "quay.io", "InvalidParameterException: Invalid parameter at 'ecrRepositoryPrefix' failed to satisfy constraint: " +
			"'must satisfy regular expression ^(?:[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*)*/?|ROOT)$'"},
		{"other", "registry.example", "UnsupportedUpstreamRegistryException: The specified upstream registry 'registry.example' is not supported"},
	} {
		same(t, f.prefix+" of "+f.upstream, f.want, create(f.prefix, f.upstream))
	}
	at := epoch
	same(t, "DescribePullThroughCacheRules", []registry.PullThroughCacheRule{
		{EcrRepositoryPrefix: str("k8s"), UpstreamRegistryUrl: str("registry.k8s.io"), UpstreamRegistry: "k8s", RegistryId: str("123456789012"), CreatedAt: &at},
		{EcrRepositoryPrefix: str("base"), UpstreamRegistryUrl: str("210987654321.dkr.ecr.us-east-1.amazonaws.com"), UpstreamRegistry: "ecr", RegistryId: str("123456789012"), CreatedAt: &at},
	}, must(c.ecr.DescribePullThroughCacheRules(ctx, &ecr.DescribePullThroughCacheRulesInput{}))(t).PullThroughCacheRules)
	_, err := c.ecr.DescribePullThroughCacheRules(ctx, &ecr.DescribePullThroughCacheRulesInput{EcrRepositoryPrefixes: []string{"k8s", "none"}})
	same(t, "no such rule", "PullThroughCacheRuleNotFoundException: Pull through cache rule for prefix 'none' was not found in the registry with id '123456789012'", refused(err))
}
