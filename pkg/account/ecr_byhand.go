package account

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// pullsByHand prints what other accounts have to allow for pulls from them.
func (a *Account) pullsByHand(d *draft, groups []wantedGroup) {
	var roles []string
	for _, g := range groups {
		roles = append(roles, g.roleARN)
	}
	if len(roles) == 0 {
		return
	}
	for _, c := range a.file.Pull.CrossAccount {
		c.Region = cmp.Or(c.Region, a.file.Region)
		if len(c.Repositories) == 0 {
			c.Repositories = []string{"*"}
		}
		switch {
		case c.Assume != "":
			a.assumeByHand(d, c, roles)
		case c.Account != a.file.Account: // in its own account a role's policy is enough, in any region
			d.byHand = append(d.byHand, Task{
				Title: fmt.Sprintf("let the nodes pull from account %s: only it can write the policies of its repositories", c.Account),
				Where: fmt.Sprintf("account %s, region %s", c.Account, c.Region),
				Text:  a.repositoriesScript(c, roles),
			})
		}
	}
}

// mergeSid is a program of jq that puts $statement into a policy, in the place of the
// one with its Sid. A policy of one statement may have it without a list.
const mergeSid = `.Statement |= (([.] | flatten | map(select(.Sid != $statement.Sid))) + [$statement])`

// repositoriesScript adds our statement to the policies of another account's
// repositories. SetRepositoryPolicy replaces the whole policy, so the script stops
// unless it has read the present one, or ECR has said that there is none.
func (a *Account) repositoriesScript(c config.CrossAccount, roles []string) string {
	s := policy.PullGrant(a.sid("Pull"), roles)
	alone := policy.Document{Version: policy.Version, Statements: []policy.Statement{s}}
	var b strings.Builder
	fmt.Fprintf(&b, "# Run it in account %s with bash, aws and jq, once `apply` has made the roles here: ECR takes\n# no principal that does not exist. Where a repository has no policy, this becomes it:\n", c.Account)
	for line := range strings.Lines(alone.Indent()) {
		b.WriteString("# " + line)
	}
	fmt.Fprintf(&b, `set -euo pipefail
statement=%[1]s
aws ecr describe-repositories --region %[2]s --registry-id %[3]s --query 'repositories[].[repositoryName]' --output text |
{ grep -Ex %[4]s || { echo 'no repository fits' >&2; exit 1; }; } |
while read -r repository; do
  if ! policy=$(aws ecr get-repository-policy --region %[2]s --registry-id %[3]s --repository-name "$repository" --query policyText --output text 2>&1); then
    case $policy in
    *RepositoryPolicyNotFoundException*) policy='{"Version":"%[5]s","Statement":[]}' ;;
    *) echo "$policy" >&2; exit 1 ;;
    esac
  fi
  policy=$(jq -c --argjson statement "$statement" '%[6]s' <<<"$policy")
  aws ecr set-repository-policy --region %[2]s --registry-id %[3]s --repository-name "$repository" --policy-text "$policy" >/dev/null
  echo "$repository: done"
done
`, quoted(bare(s)), c.Region, c.Account, quoted(expression(c.Repositories)), policy.Version, mergeSid)
	return b.String()
}

// assumeByHand prints what a role that the nodes pull as must trust, and be allowed.
func (a *Account) assumeByHand(d *draft, c config.CrossAccount, roles []string) {
	object := plan.Object{Kind: kindTrust, Name: c.Assume}
	trust, err := policy.TrustRoles(roles)
	if err != nil {
		d.find("ecr-assume", plan.Blocks, object, "", "%v", err)
		return
	}
	s := trust.Statements[0]
	s.Sid = a.sid("Assume")
	var resources []string
	for _, r := range c.Repositories {
		resources = append(resources, fmt.Sprintf("arn:%s:ecr:%s:%s:repository/%s", a.partition, c.Region, c.Account, r))
	}
	pull := policy.Document{Version: policy.Version, Statements: []policy.Statement{
		{Sid: "EcrToken", Effect: policy.Allow, Actions: []string{"ecr:GetAuthorizationToken"}, Resources: []string{"*"}},
		{Sid: "EcrPull", Effect: policy.Allow, Actions: policy.PullGrant("", nil).Actions, Resources: resources},
	}}
	d.byHand = append(d.byHand, Task{
		Title: fmt.Sprintf("let the nodes pull as %s: it must trust their roles", c.Assume),
		Where: "account " + c.Account,
		Text: fmt.Sprintf(`# Run it in account %[1]s with bash, aws and jq, once `+"`apply`"+` has made the roles here: IAM
# trusts nobody who does not exist. The trust policy must have, beside what it has:
#   %[2]s
set -euo pipefail
statement=%[3]s
trust=$(aws iam get-role --role-name %[4]s --query Role.AssumeRolePolicyDocument --output json)
trust=$(jq -c --argjson statement "$statement" '%[5]s' <<<"$trust")
aws iam update-assume-role-policy --role-name %[4]s --policy-document "$trust"
# And the role must be allowed to pull, if it is not yet:
aws iam put-role-policy --role-name %[4]s --policy-name %[6]s --policy-document %[7]s
`, c.Account, bare(s), quoted(bare(s)), name(c.Assume), mergeSid, policyPrefix+"pull", quoted(pull.String())),
	})
}

// quoted is a word of the shell. What is quoted here has no quote in it: ARNs, JSON of
// them and patterns of repositories.
func quoted(text string) string { return "'" + text + "'" }

// expression is an extended regular expression for names that fit one of the patterns.
func expression(patterns []string) string {
	var all []string
	for _, p := range patterns {
		p = regexp.QuoteMeta(p)
		all = append(all, strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(p))
	}
	return strings.Join(all, "|")
}
