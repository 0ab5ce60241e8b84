package account

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

// said is a context of pairs.
func said(pairs ...string) map[string][]string {
	context := map[string][]string{}
	for i := 0; i < len(pairs); i += 2 {
		context[pairs[i]] = []string{pairs[i+1]}
	}
	return context
}

// TestQuestions sorts calls into requests: together if none says what another does not
// agree to.
func TestQuestions(t *testing.T) {
	t.Parallel()
	const role, other, instance, group = "arn:aws:iam::1:role/a", "arn:aws:iam::1:role/b", "arn:aws:ec2:r:1:instance/i", "arn:aws:ec2:r:1:security-group/sg"
	for name, test := range map[string]struct {
		calls []Call
		most  int
		want  []string
	}{
		"what says nothing goes along with anything": {
			[]Call{{"iam:DeleteRole", role, nil}, {"iam:CreateRole", role, said("aws:RequestTag/k", "v")}, {"iam:PassRole", other, said("iam:PassedToService", "ec2")}},
			6, []string{`iam:CreateRole,iam:DeleteRole,iam:PassRole on role/a,role/b with aws:RequestTag/k="v" iam:PassedToService="ec2"`},
		},
		"two values of a key": {
			[]Call{{"ec2:CreateTags", instance, said("aws:RequestTag/k", "owned")}, {"ec2:CreateTags", group, said("aws:RequestTag/k", "shared")}, {"ec2:Other", group, said("aws:RequestTag/k", "shared")}},
			6, []string{`ec2:CreateTags on instance/i with aws:RequestTag/k="owned"`, `ec2:CreateTags,ec2:Other on security-group/sg with aws:RequestTag/k="shared"`},
		},
		"an action that says a key once, and once not": {
			[]Call{{"iam:CreateRole", role, said("iam:PermissionsBoundary", "b")}, {"iam:CreateRole", other, nil}, {"iam:TagRole", other, nil}},
			6, []string{`iam:CreateRole,iam:TagRole on role/a,role/b with iam:PermissionsBoundary="b"`, `iam:CreateRole on role/b with`},
		},
		"no resource is not any resource": {
			[]Call{{"ecr:PutRegistryPolicy", "*", nil}, {"ecr:SetRepositoryPolicy", "arn:aws:ecr:r:1:repository/x", nil}, {"ecr:DeleteRegistryPolicy", "*", nil}},
			6, []string{`ecr:DeleteRegistryPolicy,ecr:PutRegistryPolicy on nothing with`, `ecr:SetRepositoryPolicy on repository/x with`},
		},
		"the key that varies most is given up": {
			[]Call{
				{"iam:AttachRolePolicy", role, said("iam:PolicyARN", "1", "aws:RequestedRegion", "g")}, {"iam:AttachRolePolicy", role, said("iam:PolicyARN", "2", "aws:RequestedRegion", "g")},
				{"iam:AttachRolePolicy", role, said("iam:PolicyARN", "3", "aws:RequestedRegion", "g")}, {"ec2:CreateTags", group, said("aws:RequestTag/k", "v", "aws:RequestedRegion", "r")},
			},
			3, []string{`iam:AttachRolePolicy on role/a with aws:RequestedRegion="g"`, `ec2:CreateTags on security-group/sg with aws:RequestTag/k="v" aws:RequestedRegion="r"`},
		},
		"tags are given up last": {
			[]Call{
				{"ec2:CreateTags", instance, said("aws:RequestTag/k", "1")}, {"ec2:CreateTags", instance, said("aws:RequestTag/k", "2")}, {"ec2:CreateTags", instance, said("aws:RequestTag/k", "3")},
				{"ec2:Associate", instance, said("ec2:NewInstanceProfile", "a", "x", "1")}, {"ec2:Associate", instance, said("ec2:NewInstanceProfile", "a", "x", "2")},
				{"ec2:Associate", instance, said("ec2:NewInstanceProfile", "b", "x", "1")}, {"ec2:Associate", instance, said("ec2:NewInstanceProfile", "b", "x", "2")},
			},
			3, []string{
				`ec2:Associate,ec2:CreateTags on instance/i with aws:RequestTag/k="1" x="1"`,
				`ec2:Associate,ec2:CreateTags on instance/i with aws:RequestTag/k="2" x="2"`,
				`ec2:CreateTags on instance/i with aws:RequestTag/k="3"`,
			},
		},
	} {
		var got []string
		for _, q := range questions(test.calls, test.most) {
			r := q.request(test.calls)
			on := "nothing"
			if r.resources != nil {
				on = strings.NewReplacer("arn:aws:iam::1:", "", "arn:aws:ec2:r:1:", "", "arn:aws:ecr:r:1:", "").Replace(strings.Join(r.resources, ","))
			}
			got = append(got, fmt.Sprintf("%s on %s with%s", strings.Join(r.actions, ","), on, contextText(r.context)))
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: questions (-want +got)\n%s", name, diff)
		}
	}
}

// TestAnswers is how one simulation goes: page by page, apart where the simulator wants
// it so, and never with more requests than it may make.
func TestAnswers(t *testing.T) {
	t.Parallel()
	result := func(action, resource string) types.EvaluationResult {
		r := types.EvaluationResult{EvalActionName: &action, EvalDecision: types.PolicyEvaluationDecisionTypeAllowed}
		if resource != "*" {
			r.ResourceSpecificResults = []types.ResourceSpecificResult{{EvalResourceName: &resource, EvalResourceDecision: types.PolicyEvaluationDecisionTypeAllowed}}
		}
		return r
	}
	mixed := &smithy.GenericAPIError{Code: "InvalidInput", Message: "Invalid Input Actions: [a:A,a:B] and [a:C] require different authorization information."}
	down := errors.New("connection refused")
	for name, test := range map[string]struct {
		left     int
		page     func(r request, marker string) ([]types.EvaluationResult, string, error)
		want     map[[2]string]inquiry
		requests string
		err      error
	}{
		"two pages": {
			6, func(r request, marker string) ([]types.EvaluationResult, string, error) {
				if marker == "" {
					return []types.EvaluationResult{result("a:A", "r")}, "more", nil
				}
				return []types.EvaluationResult{result("a:B", "*")}, "", nil
			},
			map[[2]string]inquiry{{"a:A", "r"}: {Verdict: Allowed}, {"a:B", "*"}: {Verdict: Allowed}}, "[a:A a:B a:C]; [a:A a:B a:C] more", nil,
		},
		"more pages than requests": {
			2, func(r request, marker string) ([]types.EvaluationResult, string, error) {
				return []types.EvaluationResult{result("a:A", "r"+marker)}, marker + "x", nil
			},
			map[[2]string]inquiry{{"a:A", "r"}: {Verdict: Allowed}, {"a:A", "rx"}: {Verdict: Allowed}}, "[a:A a:B a:C]; [a:A a:B a:C] x", errEnough,
		},
		"apart": {
			6, func(r request, marker string) ([]types.EvaluationResult, string, error) {
				if len(r.actions) == 3 {
					return nil, "", mixed
				}
				var all []types.EvaluationResult
				for _, action := range r.actions {
					all = append(all, result(action, "r"))
				}
				return all, "", nil
			},
			map[[2]string]inquiry{{"a:A", "r"}: {Verdict: Allowed}, {"a:B", "r"}: {Verdict: Allowed}, {"a:C", "r"}: {Verdict: Allowed}}, "[a:A a:B a:C]; [a:A a:B]; [a:C]", nil,
		},
		"apart, and down": {
			6, func(r request, marker string) ([]types.EvaluationResult, string, error) {
				switch len(r.actions) {
				case 3:
					return nil, "", mixed
				case 2:
					return []types.EvaluationResult{result("a:A", "r")}, "", nil
				}
				return nil, "", down
			},
			map[[2]string]inquiry{{"a:A", "r"}: {Verdict: Allowed}}, "[a:A a:B a:C]; [a:A a:B]; [a:C]", down,
		},
		"a sentence about other actions is an error like any": {
			6, func(r request, marker string) ([]types.EvaluationResult, string, error) {
				return nil, "", &smithy.GenericAPIError{Code: "InvalidInput", Message: "Invalid Input Actions: [a:A] and [a:X] require different authorization information."}
			},
			map[[2]string]inquiry{}, "[a:A a:B a:C]", errAny,
		},
	} {
		var requests []string
		s := simulation{left: test.left, page: func(_ context.Context, r request, marker *string) ([]types.EvaluationResult, *string, error) {
			requests = append(requests, strings.TrimSpace(fmt.Sprint(r.actions, " ", aws.ToString(marker))))
			results, more, err := test.page(r, aws.ToString(marker))
			return results, next(more != "", &more), err
		}}
		got, err := s.answers(t.Context(), request{actions: []string{"a:A", "a:B", "a:C"}, resources: []string{"r"}})
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(inquiry{})); diff != "" {
			t.Errorf("%s: answers (-want +got)\n%s", name, diff)
		}
		if diff := cmp.Diff(test.requests, strings.Join(requests, "; ")); diff != "" {
			t.Errorf("%s: requests (-want +got)\n%s", name, diff)
		}
		if !errors.Is(err, test.err) && (test.err != errAny || err == nil) {
			t.Errorf("%s: error %v, want %v", name, err, test.err)
		}
	}
}

var errAny = errors.New("any error")

// TestJudge reads results of the simulator as AWS writes them.
func TestJudge(t *testing.T) {
	t.Parallel()
	const allowed, implicit, explicit = types.PolicyEvaluationDecisionTypeAllowed, types.PolicyEvaluationDecisionTypeImplicitDeny, types.PolicyEvaluationDecisionTypeExplicitDeny
	scp := &types.OrganizationsDecisionDetail{}
	limit := &types.PermissionsBoundaryDecisionDetail{}
	matched := []types.Statement{{SourcePolicyId: aws.String("deny"), SourcePolicyType: "IAM Policy"}}
	for want, test := range map[string]struct {
		organisation *types.OrganizationsDecisionDetail
		on           types.ResourceSpecificResult
	}{
		"allowed": {&types.OrganizationsDecisionDetail{AllowedByOrganizations: true}, types.ResourceSpecificResult{
			EvalResourceDecision: allowed, PermissionsBoundaryDecisionDetail: &types.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: true}}},
		"allowed ":                                                        {scp, types.ResourceSpecificResult{EvalResourceDecision: allowed}}, // another resource is not
		"denied identity policy: none allows it":                          {nil, types.ResourceSpecificResult{EvalResourceDecision: implicit}},
		"denied identity policy: explicit deny in deny":                   {scp, types.ResourceSpecificResult{EvalResourceDecision: explicit, MatchedStatements: matched}},
		"denied organisation: a service control policy does not allow it": {scp, types.ResourceSpecificResult{EvalResourceDecision: explicit}},
		"denied permissions boundary: it does not allow it": {nil, types.ResourceSpecificResult{
			EvalResourceDecision: explicit, MatchedStatements: matched, PermissionsBoundaryDecisionDetail: limit}},
		"denied explicit deny in a policy": {nil, types.ResourceSpecificResult{EvalResourceDecision: explicit}},
		"unknown a policy asks for aws:SourceIp, aws:UserAgent, which the simulation does not know": {scp, types.ResourceSpecificResult{
			EvalResourceDecision: implicit, MissingContextValues: []string{"aws:UserAgent", "aws:SourceIp", "aws:UserAgent"}}},
		"unknown a policy asks for aws:SourceVpce, which the simulation does not know": {nil, types.ResourceSpecificResult{
			EvalResourceDecision: allowed, MissingContextValues: []string{"aws:SourceVpce"}}},
	} {
		got := judge(types.EvaluationResult{OrganizationsDecisionDetail: test.organisation}, test.on)
		if text := strings.TrimSpace(string(got.Verdict) + " " + got.by); text != strings.TrimSpace(want) {
			t.Errorf("judge(%+v) = %s, want %s", test.on, text, want)
		}
	}
}

// TestPermissions makes rows of answers: one of a kind of resource where they agree, and
// the worst of what is asked about the same resource twice.
func TestPermissions(t *testing.T) {
	t.Parallel()
	const i, sg = "arn:aws:ec2:r:1:instance/", "arn:aws:ec2:r:1:security-group/"
	answer := func(resource, key string, v Verdict, by string) inquiry {
		return inquiry{Call: Call{"ec2:CreateTags", resource, said("aws:TagKeys", key)}, Verdict: v, by: by}
	}
	ec2 := answer(i+"1", "k", Denied, "EC2")
	ec2.itself = true
	row := func(resource string, more int, v Verdict, by string) Permission {
		return Permission{Action: "ec2:CreateTags", Resource: resource, More: more, Verdict: v, By: by}
	}
	instances, groups := subject{"ec2:CreateTags", "ec2:instance"}, subject{"ec2:CreateTags", "ec2:security-group"}
	for name, test := range map[string]struct {
		asked []inquiry
		rest  map[subject]int
		want  []Permission
	}{
		"kinds": {
			[]inquiry{answer(i+"1", "k", Allowed, ""), answer(sg+"1", "k", Allowed, ""), answer(i+"2", "k", Allowed, "")},
			map[subject]int{groups: 0}, []Permission{row(i+"1", 1, Allowed, ""), row(sg+"1", 0, Allowed, "")},
		},
		"the rest goes along": {
			[]inquiry{answer(i+"1", "k", Denied, "x"), answer(i+"2", "k", Denied, "x")},
			map[subject]int{instances: 5}, []Permission{row(i+"1", 6, Denied, "x")},
		},
		"the rest does not know whom to go along with": {
			[]inquiry{answer(i+"1", "k", Denied, "x"), answer(i+"2", "k", Allowed, "")},
			map[subject]int{instances: 5}, []Permission{row(i+"1", 0, Denied, "x"), row(i+"2", 0, Allowed, ""), row("others", 4, Unknown, "only 10 were asked about, and the answers differ")},
		},
		"what EC2 said is of one resource": {
			[]inquiry{ec2, answer(i+"2", "k", Allowed, "")},
			map[subject]int{instances: 5}, []Permission{row(i+"1", 0, Denied, "EC2"), row(i+"2", 5, Allowed, "")},
		},
		"the worst of two calls": {
			[]inquiry{answer(i+"1", "k", Allowed, ""), answer(i+"1", "l", Denied, "x"), answer(i+"1", "m", Unknown, "y"), answer(i+"2", "k", Unknown, "y"), answer(i+"2", "l", Allowed, "")},
			nil, []Permission{row(i+"1", 0, Denied, "x"), row(i+"2", 0, Unknown, "y")},
		},
	} {
		if diff := cmp.Diff(test.want, permissions(test.asked, test.rest)); diff != "" {
			t.Errorf("%s: permissions (-want +got)\n%s", name, diff)
		}
	}
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	const who = "You are not authorized to perform this operation. User: arn:aws:iam::1:user/me is not authorized to perform: ec2:CreateTags on resource: arn:aws:ec2:r:1:instance/i "
	for sentence, want := range map[string]string{
		who + "because no identity-based policy allows the ec2:CreateTags action. Encoded authorization failure message: abc": "because no identity-based policy allows the ec2:CreateTags action",
		who + "with an explicit deny in a service control policy":                                                             "with an explicit deny in a service control policy",
		"You are not authorized to perform this operation. Encoded authorization failure message: abc":                        "You are not authorized to perform this operation",
	} {
		if got := refusal(sentence); got != want {
			t.Errorf("refusal(%q) = %q, want %q", sentence, got, want)
		}
	}
}
