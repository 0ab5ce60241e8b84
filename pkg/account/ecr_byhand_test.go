package account

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
)

// TestPullsByHand is the whole text for other accounts, run against an AWS CLI that
// has a policy in one of two repositories.
func TestPullsByHand(t *testing.T) {
	s := newServices(t)
	s.file.Pull.CrossAccount = []config.CrossAccount{
		{Account: "210987654321", Repositories: []string{"base/*", "tools?"}},
		{Account: "333333333333", Region: "us-east-1", Assume: "arn:aws:iam::333333333333:role/pull/ecr-pull"},
		{Account: "123456789012", Region: "us-east-1"},
	}
	out := s.plan(t, statementKinds)
	var titles []string
	for _, task := range out.ByHand {
		titles = append(titles, task.Where+": "+task.Title)
	}
	if diff := cmp.Diff([]string{
		"account 210987654321, region eu-central-1: let the nodes pull from account 210987654321: only it can write the policies of its repositories",
		"account 333333333333: let the nodes pull as arn:aws:iam::333333333333:role/pull/ecr-pull: it must trust their roles",
	}, titles); diff != "" {
		t.Fatal("tasks (-want +got):\n" + diff)
	}
	grant := `{"Sid":"` + ours + `Pull","Effect":"Allow","Principal":{"AWS":"` + agentARN + `"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}`
	trust := `{"Sid":"` + ours + `Assume","Effect":"Allow","Principal":{"AWS":"` + agentARN + `"},"Action":"sts:AssumeRole"}`
	for i, want := range []string{
		"aws ecr describe-repositories --region eu-central-1 --registry-id 210987654321 --query repositories[].[repositoryName] --output text\n" +
			"aws ecr get-repository-policy --region eu-central-1 --registry-id 210987654321 --repository-name base/app --query policyText --output text\n" +
			"aws ecr set-repository-policy --region eu-central-1 --registry-id 210987654321 --repository-name base/app --policy-text " +
			`{"Version":"2008-10-17","Statement":[{"Sid":"theirs","Effect":"Deny"},` + grant + "]}\n" +
			"aws ecr get-repository-policy --region eu-central-1 --registry-id 210987654321 --repository-name tools1 --query policyText --output text\n" +
			"aws ecr set-repository-policy --region eu-central-1 --registry-id 210987654321 --repository-name tools1 --policy-text " +
			`{"Version":"2012-10-17","Statement":[` + grant + "]}\n",
		"aws iam get-role --role-name ecr-pull --query Role.AssumeRolePolicyDocument --output json\n" +
			"aws iam update-assume-role-policy --role-name ecr-pull --policy-document " +
			`{"Version":"2012-10-17","Statement":[{"Sid":"theirs"},` + trust + "]}\n" +
			"aws iam put-role-policy --role-name ecr-pull --policy-name kubelet-ecr-pull --policy-document " +
			`{"Version":"2012-10-17","Statement":[{"Sid":"EcrPull","Effect":"Allow","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Resource":"arn:aws:ecr:us-east-1:333333333333:repository/*"},` +
			`{"Sid":"EcrToken","Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}]}` + "\n",
	} {
		if diff := cmp.Diff(want, runScript(t, out.ByHand[i].Text)); diff != "" {
			t.Errorf("calls of script %d (-want +got):\n%s", i, diff)
		}
	}
}

// awsCLI stands for the AWS CLI in scripts: it writes down what it is called with.
const awsCLI = `#!/bin/sh
echo "aws $*" >>"$0.calls"
case "$*" in
*describe-repositories*) printf 'base/app\nbase\ntools1\ntools10\n' ;;
*get-repository-policy*base/app*) echo '{"Version":"2008-10-17","Statement":{"Sid":"theirs","Effect":"Deny"}}' ;;
*get-repository-policy*) echo 'An error occurred (RepositoryPolicyNotFoundException) when calling GetRepositoryPolicy' >&2; exit 254 ;;
*get-role*) echo '{"Version":"2012-10-17","Statement":[{"Sid":"theirs"},{"Sid":"` + ours + `Assume","old":1}]}' ;;
esac
`

// runScript runs a script with bash, and returns how it called the AWS CLI.
func runScript(t *testing.T, script string) string {
	t.Helper()
	for _, tool := range []string{"bash", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the script needs %s", tool)
		}
	}
	cli := filepath.Join(t.TempDir(), "aws")
	if err := os.WriteFile(cli, []byte(awsCLI), 0o755); err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), "bash")
	run.Stdin = strings.NewReader(script)
	run.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PATH=") }), "PATH="+filepath.Dir(cli)+":"+os.Getenv("PATH"))
	if output, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return string(must(os.ReadFile(cli + ".calls"))(t))
}
