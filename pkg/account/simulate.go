package account

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

const (
	mostTries    = 2 // of a call of the preflight, which can do without its answer
	mostRequests = 6 // to the simulator, about what the caller may do
)

func fewTries(o *iam.Options) { o.RetryMaxAttempts = mostTries }

// A caller is whose policies are simulated for who makes the calls.
type caller struct {
	arn     string              // of a user or a role
	context map[string][]string // what every call of theirs says

	// Or all is known beforehand: the verdict, and why.
	verdict Verdict
	by      string
}

// callingAs finds out whose policies are the caller's. Those of a session are its
// role's, whose path a session does not say
// (docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html).
func (a *Account) callingAs(ctx context.Context) caller {
	who, err := arn.Parse(a.caller)
	if err != nil {
		return caller{verdict: Unknown, by: err.Error()}
	}
	kind, rest, _ := strings.Cut(who.Resource, "/")
	c := caller{arn: a.caller, context: map[string][]string{
		"aws:PrincipalAccount": {who.AccountID}, "aws:SecureTransport": {"true"}, "aws:ViaAWSService": {"false"},
	}}
	switch kind {
	case "root":
		return caller{verdict: Allowed, by: "the root user may do all that an organisation lets the account do"}
	case "user":
		c.context["aws:PrincipalType"], c.context["aws:username"] = []string{"User"}, []string{name(who.Resource)}
	case "assumed-role":
		role, _, _ := strings.Cut(rest, "/")
		out, err := a.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &role}, fewTries)
		if err != nil {
			return caller{verdict: Unknown, by: fmt.Sprintf("the caller's role %s cannot be read: %s", role, reason(err))}
		}
		c.arn = aws.ToString(out.Role.Arn)
		c.context["aws:PrincipalType"] = []string{"AssumedRole"}
		for key, value := range iamTags(out.Role.Tags) {
			c.context["aws:PrincipalTag/"+key] = []string{value}
		}
	default:
		return caller{verdict: Unknown, by: fmt.Sprintf("the policies of a %s cannot be simulated", strings.ReplaceAll(kind, "-", " "))}
	}
	c.context["aws:PrincipalArn"] = []string{c.arn}
	return c
}

// simulate asks IAM whether the caller may make the calls, and writes what it says
// into the inquiries.
func (a *Account) simulate(ctx context.Context, asked []inquiry) {
	who := a.callingAs(ctx)
	if who.verdict != "" {
		for i := range asked {
			asked[i].Verdict, asked[i].by = who.verdict, who.by
		}
		return
	}
	s := simulation{left: mostRequests, page: func(ctx context.Context, r request, marker *string) ([]types.EvaluationResult, *string, error) {
		out, err := a.iam.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{
			PolicySourceArn: &who.arn, ActionNames: r.actions, ResourceArns: r.resources, ContextEntries: r.entries(),
			MaxItems: aws.Int32(mostResults), Marker: marker,
		}, fewTries)
		if err != nil {
			return nil, nil, err
		}
		return out.EvaluationResults, next(out.IsTruncated, out.Marker), nil
	}}
	calls := make([]Call, len(asked))
	for i, q := range asked {
		calls[i] = q.Call
		calls[i].Context = with(q.Context, a.place(ctx, q.Action))
	}
	var down error // what will not be otherwise for the next request
	for _, q := range questions(calls, mostRequests) {
		answers, err := map[[2]string]inquiry(nil), down
		if down == nil {
			r := q.request(calls)
			r.context = with(r.context, who.context)
			answers, err = s.answers(ctx, r)
		}
		for _, i := range q.calls {
			known, ok := answers[[2]string{asked[i].Action, asked[i].Resource}]
			switch {
			case ok:
				asked[i].Verdict, asked[i].by = known.Verdict, known.by
			case err != nil:
				asked[i].by = "iam:SimulatePrincipalPolicy: " + reason(err)
			}
		}
		if c := code(err); err != nil && c != "InvalidInput" && c != "ValidationError" {
			down = err
		}
	}
}

// A request is what the simulator is asked at once: every action on every resource.
type request struct {
	actions   []string
	resources []string // none is "*"
	context   map[string][]string
}

// entries is the context in the form of the simulator. Keys that can have several
// values in a request are lists even if they have one.
func (r request) entries() []types.ContextEntry {
	var all []types.ContextEntry
	for _, key := range sorted(r.context) {
		e := types.ContextEntry{ContextKeyName: &key, ContextKeyType: types.ContextKeyTypeEnumString, ContextKeyValues: r.context[key]}
		switch key {
		case "aws:TagKeys", "eks:namespaces":
			e.ContextKeyType = types.ContextKeyTypeEnumStringList
		case "aws:SecureTransport", "aws:ViaAWSService":
			e.ContextKeyType = types.ContextKeyTypeEnumBoolean
		}
		all = append(all, e)
	}
	return all
}

// mostResults of a request are as many as the simulator returns on one page
// (docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html).
const mostResults = 1000

// next is where a list goes on, nil if it ends.
func next(truncated bool, marker *string) *string {
	if !truncated {
		return nil
	}
	return marker
}

// A simulation is a number of requests to IAM's policy simulator.
type simulation struct {
	left int // how many may still be made
	page func(ctx context.Context, r request, marker *string) (results []types.EvaluationResult, next *string, err error)
}

var errEnough = errors.New("it would take too many requests to ask for it")

// answers asks, and returns what is said of each action on each resource: with an
// error, what was said before it. Some actions are refused together, by an error that
// says which can be: they are asked for again, apart.
func (s *simulation) answers(ctx context.Context, r request) (map[[2]string]inquiry, error) {
	all := map[[2]string]inquiry{}
	for marker := (*string)(nil); ; {
		if s.left == 0 {
			return all, errEnough
		}
		s.left--
		results, more, err := s.page(ctx, r, marker)
		if groups := apart(err, r.actions); len(groups) > 1 {
			for _, r.actions = range groups {
				some, err := s.answers(ctx, r)
				for key, answer := range some {
					all[key] = answer
				}
				if err != nil {
					return all, err
				}
			}
			return all, nil
		}
		if err != nil {
			return all, err
		}
		for _, result := range results {
			action := aws.ToString(result.EvalActionName)
			if len(result.ResourceSpecificResults) == 0 {
				all[[2]string{action, "*"}] = judge(result, whole(result))
			}
			for _, on := range result.ResourceSpecificResults {
				all[[2]string{action, aws.ToString(on.EvalResourceName)}] = judge(result, on)
			}
		}
		if marker = more; marker == nil {
			return all, nil
		}
	}
}

// bracketed are the lists in the simulator's sentence: "Invalid Input Actions: [A,B]
// and [C] require different authorization information." The documentation does not
// say which actions these are.
var bracketed = regexp.MustCompile(`\[([^\]]*)\]`)

// apart are the groups of actions that err asks for, none if it is not about that.
func apart(err error, actions []string) [][]string {
	if code(err) != "InvalidInput" || !strings.Contains(message(err), "different authorization information") {
		return nil
	}
	var groups [][]string
	left := slices.Clone(actions)
	for _, list := range bracketed.FindAllStringSubmatch(message(err), -1) {
		var group []string
		for action := range strings.SplitSeq(list[1], ",") {
			i := slices.Index(left, strings.TrimSpace(action))
			if i < 0 {
				return nil
			}
			group = append(group, left[i])
			left = slices.Delete(left, i, i+1)
		}
		groups = append(groups, group)
	}
	if len(left) > 0 {
		return nil
	}
	return groups
}

// whole is the result on all resources in the form of one on a single resource.
func whole(r types.EvaluationResult) types.ResourceSpecificResult {
	return types.ResourceSpecificResult{
		EvalResourceDecision: r.EvalDecision, MatchedStatements: r.MatchedStatements, MissingContextValues: r.MissingContextValues,
		PermissionsBoundaryDecisionDetail: r.PermissionsBoundaryDecisionDetail,
	}
}

// judge makes of the simulator's decision ours. A policy that asks for what the
// simulation was not told could decide either way. Whether an organisation allows an
// action is said of all resources of a request together, and of a service control
// policy the simulator does not say what it asked for in vain
// (github.com/aws/aws-cli/issues/10525).
func judge(r types.EvaluationResult, on types.ResourceSpecificResult) inquiry {
	explicit := on.EvalResourceDecision == types.PolicyEvaluationDecisionTypeExplicitDeny
	boundary := on.PermissionsBoundaryDecisionDetail
	bounds := boundary != nil && !boundary.AllowedByPermissionsBoundary
	var policies []string
	for _, s := range on.MatchedStatements {
		policies = append(policies, aws.ToString(s.SourcePolicyId))
	}
	switch {
	case len(on.MissingContextValues) > 0:
		missing := slices.Sorted(slices.Values(on.MissingContextValues))
		return inquiry{Verdict: Unknown, by: "a policy asks for " + strings.Join(slices.Compact(missing), ", ") + ", which the simulation does not know"}
	case on.EvalResourceDecision == types.PolicyEvaluationDecisionTypeAllowed:
		return inquiry{Verdict: Allowed}
	case explicit && len(policies) > 0 && !bounds:
		return inquiry{Verdict: Denied, by: "identity policy: explicit deny in " + strings.Join(distinct(policies...), ", ")}
	case r.OrganizationsDecisionDetail != nil && !r.OrganizationsDecisionDetail.AllowedByOrganizations:
		return inquiry{Verdict: Denied, by: "organisation: a service control policy does not allow it"}
	case bounds:
		return inquiry{Verdict: Denied, by: "permissions boundary: it does not allow it"}
	case explicit:
		return inquiry{Verdict: Denied, by: "explicit deny in a policy"}
	}
	return inquiry{Verdict: Denied, by: "identity policy: none allows it"}
}
