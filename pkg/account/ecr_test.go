package account

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// ours is the beginning of our Sids for prod-1.
const ours = "KubeletEcrprod1x6d7d57e9"

var statementKinds = []string{kindRegistry, kindRepository}

// repository makes a repository, with a policy unless that is "".
func (s *services) repository(t *testing.T, name, text string) {
	t.Helper()
	must(s.ecr.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &name}))(t)
	if text != "" {
		must(s.ecr.SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: &name, PolicyText: &text}))(t)
	}
}

// theirs is a policy of somebody else, in an order that is not ours.
const theirs = `{"Version":"2008-10-17","Id":"builds","Statement":[` +
	`{"Sid":"zebra","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":["ecr:PutImage","ecr:BatchGetImage"]},` +
	`{"Sid":"ant","Effect":"Allow","Principal":"*","Action":"ecr:DescribeImages","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}}]}`

// TestStatementsComeAndGo lets other accounts pull, and takes it back.
func TestStatementsComeAndGo(t *testing.T) {
	s := newServices(t)
	s.repository(t, "team/a", "")
	s.repository(t, "team/b", theirs)
	s.repository(t, "other/c", theirs)
	must(s.ecr.PutRegistryPolicy(t.Context(), &ecr.PutRegistryPolicyInput{PolicyText: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Sid":"replicate","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":"ecr:ReplicateImage","Resource":"arn:aws:ecr:eu-central-1:123456789012:repository/*"}]}`)}))(t)
	s.file.Pull.Allow = []config.AllowPull{
		{Account: "333333333333", Repositories: []string{"team/*"}, PullThroughCache: []string{"docker-hub/*"}},
		{Account: "444444444444", Principals: []string{"arn:aws:iam::444444444444:role/nodes"}, Repositories: []string{"team/b"}, PullThroughCache: []string{"quay/*"}},
		{Account: "333333333333", PullThroughCache: []string{"k8s/*"}},
	}
	before := s.dump(t, "ecr")
	s.apply(t)
	const pull = `"ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"`
	grant := func(who string) string {
		return `{"Sid":"` + ours + `Pull","Effect":"Allow","Principal":{"AWS":` + who + `},"Action":[` + pull + `]}`
	}
	for repository, want := range map[string]string{
		"team/a": `{"Version":"2012-10-17","Statement":[` + grant(`"arn:aws:iam::333333333333:root"`) + `]}`,
		"team/b": strings.TrimSuffix(strings.Replace(theirs, `["ecr:PutImage","ecr:BatchGetImage"]`, `["ecr:BatchGetImage","ecr:PutImage"]`, 1), "]}") +
			`,` + grant(`["arn:aws:iam::333333333333:root","arn:aws:iam::444444444444:role/nodes"]`) + `]}`,
		"other/c": theirs,
	} {
		out := must(s.ecr.GetRepositoryPolicy(t.Context(), &ecr.GetRepositoryPolicyInput{RepositoryName: &repository}))(t)
		if diff := cmp.Diff(want, compact(aws.ToString(out.PolicyText))); diff != "" {
			t.Errorf("policy of %s (-want +got):\n%s", repository, diff)
		}
	}
	cache := func(account, who, of string) string {
		return `{"Sid":"` + ours + `PullThroughCache` + account + `","Effect":"Allow","Principal":{"AWS":"` + who + `"},` +
			`"Action":["ecr:BatchGetImage","ecr:BatchImportUpstreamImage","ecr:CreateRepository","ecr:GetDownloadUrlForLayer"],` +
			`"Resource":` + of + `}`
	}
	const here = `"arn:aws:ecr:eu-central-1:123456789012:repository/`
	out := must(s.ecr.GetRegistryPolicy(t.Context(), &ecr.GetRegistryPolicyInput{}))(t)
	want := `{"Version":"2012-10-17","Statement":[{"Sid":"replicate","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":"ecr:ReplicateImage","Resource":"arn:aws:ecr:eu-central-1:123456789012:repository/*"},` +
		cache("333333333333", "arn:aws:iam::333333333333:root", "["+here+`docker-hub/*",`+here+`k8s/*"]`) + "," + cache("444444444444"+sum("arn:aws:iam::444444444444:role/nodes"), "arn:aws:iam::444444444444:role/nodes", here+`quay/*"`) + `]}`
	if diff := cmp.Diff(want, compact(aws.ToString(out.PolicyText))); diff != "" {
		t.Error("policy of the registry (-want +got):\n" + diff)
	}
	if rest := s.destroy(t); len(rest) > 0 {
		t.Errorf("left: %+v", rest)
	}
	if diff := cmp.Diff(before, s.dump(t, "ecr"), cmp.Transformer("meaning", meaning)); diff != "" {
		t.Error("ECR before and after (-before +after):\n" + diff)
	}
}

// compact is JSON without the white space of ECR.
func compact(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimSpace(line))
	}
	return strings.NewReplacer(`": `, `":`).Replace(b.String())
}

// meaning takes the policies in a dump for what they say: the order of actions in a
// policy that was written back is another.
func meaning(dump string) string {
	return strings.NewReplacer(
		`[\n        \"ecr:PutImage\",\n        \"ecr:BatchGetImage\"\n      ]`, `both`, `[\n        \"ecr:BatchGetImage\",\n        \"ecr:PutImage\"\n      ]`, `both`,
	).Replace(dump)
}

// TestStatementsCompared is what is planned and found in registries of every kind.
func TestStatementsCompared(t *testing.T) {
	type found struct{ code, level, object, detail string }
	grant := `{"Statement":[{"Sid":"` + ours + `Pull","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::333333333333:root"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}`
	object := plan.Object{Kind: kindRepository, Name: ours + "Pull", Of: "team/a"}
	allow := []config.AllowPull{{Account: "333333333333", Repositories: []string{"team/*"}}}
	deny := func(principal, action, more string) string {
		return `{"Statement":[{"Sid":"no","Effect":"Deny",` + principal + `,` + action + more + `}]}`
	}
	agents := `"Principal":{"AWS":"` + agentARN + `"}`
	denied := func(detail string) []found {
		return []found{{"ecr-denied", "warning", "repository policy statement no of team/a", "it denies pulls to " + detail}}
	}
	for name, test := range map[string]struct {
		make     func(*testing.T, *services)
		changes  []plan.Change
		findings []found
	}{
		"nothing asked": {make: func(t *testing.T, s *services) { s.repository(t, "team/a", theirs) }},
		"said already, in other words": {make: func(t *testing.T, s *services) {
			s.repository(t, "team/a", `{"Statement":{"Sid":"`+ours+`Pull","Effect":"Allow","Principal":{"AWS":"333333333333"},"Action":["ecr:GetDownloadUrlForLayer","ecr:BatchGetImage"]}}`)
			s.file.Pull.Allow = allow
		}},
		"changed by hand": {
			make: func(t *testing.T, s *services) {
				s.repository(t, "team/a", strings.Replace(grant, `"ecr:BatchGetImage",`, "", 1))
				s.file.Pull.Allow = allow
			},
			changes: []plan.Change{{Object: object, Why: "pull.allow", Before: strings.Replace(grant, `["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]`, `"ecr:GetDownloadUrlForLayer"`, 1), After: grant}},
		},
		"no longer let in": {
			make: func(t *testing.T, s *services) {
				s.repository(t, "team/a", grant)
				s.file.Pull.Allow = []config.AllowPull{{Account: "333333333333", Repositories: []string{"team/b"}}}
			},
			changes:  []plan.Change{{Object: object, Why: "pull.allow", Before: grant}},
			findings: []found{{"ecr-allow-nothing", "note", "repository team/b", "account 333333333333 is to pull from it, and there is no such repository"}},
		},
		"of another cluster": {make: func(t *testing.T, s *services) {
			s.repository(t, "team/a", strings.ReplaceAll(grant, ours, ours+"Pull"))
			s.file.Pull.Allow = []config.AllowPull{{Account: "333333333333", Repositories: []string{"team/b"}}}
			s.repository(t, "team/b", grant)
		}},
		"verified": {
			make: func(t *testing.T, s *services) {
				s.repository(t, "team/a", "")
				s.file.Pull.Allow, s.file.Pull.Lifecycle = allow, config.Verify
			},
			findings: []found{{"lifecycle-verify", "error", object.String(), "it is missing (pull.allow)"}},
		},
		"ignored": {make: func(t *testing.T, s *services) {
			s.repository(t, "team/a", deny(`"Principal":"*"`, `"Action":"ecr:*"`, ""))
			s.file.Pull.Allow, s.file.Pull.Lifecycle = allow, config.Ignore
		}},
		"not there": {
			make:     func(_ *testing.T, s *services) { s.file.Pull.Repositories = []string{"team/a", "team/*"} },
			findings: []found{{"ecr-repository-missing", "note", "repository team/a", "the file names it, and there is no such repository in account 123456789012, region eu-central-1"}},
		},
		"denied to all": {
			make:     pulling(deny(`"Principal":"*"`, `"Action":"ecr:*"`, "")),
			findings: denied("prod-1-agent"),
		},
		"denied to the account": {
			make:     pulling(deny(`"Principal":{"AWS":"123456789012"}`, `"Action":"ecr:batchget*"`, "")),
			findings: denied("prod-1-agent"),
		},
		"denied to the role, at times": {
			make:     pullingAs(deny(agents, `"NotAction":"ecr:PutImage"`, `,"Condition":{"Bool":{"aws:SecureTransport":"false"}}`)),
			findings: denied(`prod-1-agent, under conditions: {"Bool":{"aws:SecureTransport":["false"]}}`),
		},
		"denied to all but others": {
			make:     pulling(deny(`"NotPrincipal":{"AWS":"arn:aws:iam::222222222222:root"}`, `"Action":"ecr:GetDownloadUrlForLayer"`, "")),
			findings: denied("prod-1-agent"),
		},
		"denied to all but the role": {make: pullingAs(deny(`"NotPrincipal":{"AWS":"`+agentARN+`"}`, `"Action":"ecr:*"`, ""))},
		"allowed to all":             {make: pulling(strings.Replace(deny(`"Principal":"*"`, `"Action":"ecr:*"`, ""), "Deny", "Allow", 1))},
		"denied to others":           {make: pulling(deny(`"Principal":{"AWS":"222222222222"}`, `"Action":"ecr:*"`, ""))},
		"denied, but not pulls":      {make: pulling(deny(`"Principal":"*"`, `"Action":"ecr:PutImage"`, ""))},
		"denied, but not by NotAction": {make: pulling(
			deny(`"Principal":"*"`, `"NotAction":["ecr:Get*","ecr:BatchGet*"]`, ""))},
		"denied where nobody pulls": {make: func(t *testing.T, s *services) {
			s.repository(t, "team/a", deny(`"Principal":"*"`, `"Action":"ecr:*"`, ""))
			s.repository(t, "other/b", "")
			s.file.Pull.Repositories = []string{"other/b"}
			s.file.Pull.Allow = []config.AllowPull{{Account: "333333333333", PullThroughCache: []string{"quay/*"}}}
			s.rule(t, "quay")
			s.file.Pull.Lifecycle = config.Warn
		}, findings: []found{{"lifecycle-warn", "warning", "registry policy statement " + ours + "PullThroughCache333333333333", "it is missing (pull.allow)"}}},
		"denied by the registry": {
			make: func(t *testing.T, s *services) {
				s.registry(t, deny(`"Principal":"*"`, `"Action":"ecr:*"`, `,"Resource":"arn:aws:ecr:*:*:repository/team/a*"`))
				s.file.Pull.Repositories = []string{"team/*"}
			},
			findings: []found{{"ecr-denied", "warning", "registry policy statement no", "it denies pulls to prod-1-agent"}},
		},
		"denied by the registry elsewhere": {make: func(t *testing.T, s *services) {
			s.registry(t, deny(`"Principal":"*"`, `"Action":"ecr:*"`, `,"Resource":"arn:aws:ecr:*:*:repository/other/*"`))
			s.file.Pull.Repositories = []string{"team/*"}
		}},
		"a cache with a rule": {make: func(t *testing.T, s *services) {
			s.rule(t, "quay")
			s.file.Pull.PullThroughCache = []string{"quay/*", "q*"}
		}},
		"a cache with the last rule": {make: func(t *testing.T, s *services) { s.rule(t, "ROOT"); s.file.Pull.PullThroughCache = []string{"quay/*"} }},
		"a cache without a rule": {
			make: func(t *testing.T, s *services) { s.rule(t, "qua"); s.file.Pull.PullThroughCache = []string{"quay/*"} },
			findings: []found{{"ecr-no-cache-rule", "warning", "pull-through cache quay/*",
				"no pull-through cache rule has a prefix of it, and ECR answers pulls as if the repository did not exist"}},
		},
		"a cache where there is none": {
			make: func(t *testing.T, s *services) {
				s.partition, s.file.Pull.PullThroughCache = "aws-us-gov", []string{"quay/*"}
			},
			findings: []found{{"ecr-no-pull-through-cache", "warning", "pull-through cache quay/*", "ECR has no pull-through cache in the partition aws-us-gov"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServices(t)
			test.make(t, s)
			out := s.plan(t, statementKinds, "ecr", "lifecycle")
			var findings []found
			for _, f := range out.Findings {
				findings = append(findings, found{f.Code, string(f.Level), f.Object, f.Detail})
			}
			if diff := cmp.Diff(test.changes, out.Changes); diff != "" {
				t.Error("changes (-want +got):\n" + diff)
			}
			if diff := cmp.Diff(test.findings, findings, cmp.AllowUnexported(found{})); diff != "" {
				t.Error("findings (-want +got):\n" + diff)
			}
		})
	}
}

// pulling has nodes pull from a repository with the policy.
func pulling(text string) func(*testing.T, *services) {
	return func(t *testing.T, s *services) {
		s.repository(t, "team/a", text)
		s.file.Pull.Repositories = []string{"team/a"}
	}
}

// pullingAs is pulling where the policy names their role.
func pullingAs(text string) func(*testing.T, *services) {
	return func(t *testing.T, s *services) {
		s.role(t, "/", "prod-1-agent")
		pulling(text)(t, s)
	}
}

func (s *services) registry(t *testing.T, text string) {
	t.Helper()
	must(s.ecr.PutRegistryPolicy(t.Context(), &ecr.PutRegistryPolicyInput{PolicyText: &text}))(t)
}

func (s *services) rule(t *testing.T, prefix string) {
	t.Helper()
	must(s.ecr.CreatePullThroughCacheRule(t.Context(), &ecr.CreatePullThroughCacheRuleInput{EcrRepositoryPrefix: &prefix, UpstreamRegistryUrl: aws.String("quay.io")}))(t)
}

// TestStatementOfOthersStays writes over a statement that has changed since the plan,
// and over one that is there already.
func TestStatementOfOthersStays(t *testing.T) {
	s := newServices(t)
	who := []string{"arn:aws:iam::333333333333:root"}
	after := statementText(policy.PullGrant("mine", who))
	s.repository(t, "team/a", statementText(policy.Statement{Sid: "mine", Effect: policy.Deny, Principal: policy.Principal{"AWS": who}, Actions: []string{"ecr:*"}}))
	s.repository(t, "team/b", after)
	for repository, want := range map[string]string{
		"team/a": "repository policy statement mine of team/a has changed in the meantime: it is left",
		"team/b": "",
	} {
		err := s.Write(t.Context(), s.runs(t), []plan.Change{{Object: repositoryObject("mine", repository), After: after}})
		if got := text(err); got != want {
			t.Errorf("%s: error %q, want %q", repository, got, want)
		}
	}
	for _, c := range []plan.Change{
		{Object: repositoryObject("mine", "gone"), Before: after},
		{Object: registryObject("mine"), Before: after},
	} {
		if err := s.Write(t.Context(), s.runs(t), []plan.Change{c}); err != nil {
			t.Errorf("deleting %s, which is not there: %v", c.Object, err)
		}
	}
	err := s.Write(t.Context(), s.runs(t), []plan.Change{{Object: repositoryObject("mine", "gone"), After: after}})
	if code(err) != "RepositoryNotFoundException" {
		t.Errorf("writing to a repository that is gone: %v", err)
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestSidTellsClustersApart holds ClusterIDs whose letters and digits are the same.
func TestSidTellsClustersApart(t *testing.T) {
	seen := map[string]string{}
	for _, cluster := range []string{"prod1", "prod-1", "prod.1", "Prod1", "p/rod1"} {
		a := &Account{file: &config.File{Cluster: cluster}}
		sid := a.sid("Pull")
		if other, ok := seen[sid]; ok {
			t.Errorf("%s and %s have the same Sid %s", cluster, other, sid)
		}
		if strings.Trim(sid, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
			t.Errorf("the Sid %s of %s has more than letters and digits", sid, cluster)
		}
		seen[sid] = cluster
	}
}

func TestOverlap(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"", "", true}, {"", "*", true}, {"", "?", false}, {"a", "", false}, {"a", "a", true}, {"a", "b", false},
		{"team/*", "team/a", true}, {"team/*", "team/", true}, {"team/*", "team", false}, {"team/?", "team/a", true}, {"team/?", "team/ab", false},
		{"*", "team/a/b", true}, {"*/b", "team/a/b", true}, {"team/*", "*/b", true}, {"team/*", "other/*", false}, {"a*b", "b*a", false}, {"a*b*c", "ab*bc", true},
		{"?a", "b?", true}, {"?a", "b", false}, {"**", "", true}, {"a**", "a", true},
	} {
		for _, swapped := range []bool{false, true} {
			a, b := test.a, test.b
			if swapped {
				a, b = b, a
			}
			if got := overlap(a, b); got != test.want {
				t.Errorf("overlap(%q, %q) = %v, want %v", a, b, got, test.want)
			}
		}
	}
}
