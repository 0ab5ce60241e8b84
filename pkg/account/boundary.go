package account

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// ofIAM are the kinds of changes after which a role may do something else.
var ofIAM = []string{kindPolicy, kindVersion, kindRole, kindBoundary, kindAttached, kindInline}

// boundaries asks what the permissions boundaries of the file take from the policies
// that the file gives to the same roles, for the roles that the plan changes.
func (a *Account) boundaries(ctx context.Context, changes []plan.Change, w *world) []Permission {
	byBoundary := map[string][]wantedGroup{}
	for _, g := range w.groups {
		changed := func(c plan.Change) bool {
			return slices.Contains(ofIAM, c.Kind) && (c.Name == g.Role || c.Of == g.Role || g.managed[c.Name] != "")
		}
		if g.Boundary != "" && slices.ContainsFunc(changes, changed) {
			byBoundary[g.Boundary] = append(byBoundary[g.Boundary], g)
		}
	}
	var all []Permission
	for _, boundary := range sorted(byBoundary) {
		all = append(all, a.boundary(ctx, boundary, byBoundary[boundary])...)
	}
	return all
}

// boundary asks what one boundary takes from the groups. It is simulated as if it were
// their policy: it allows the same there, and of policies, but not of boundaries, the
// simulator says what they asked for in vain (docs of EvaluationResult).
func (a *Account) boundary(ctx context.Context, boundary string, groups []wantedGroup) []Permission {
	var all []Permission
	unknown := func(err error) []Permission {
		for _, g := range groups {
			all = append(all, Permission{Role: g.Role, Action: "*", Resource: "*", Verdict: Unknown, By: "permissions boundary " + boundary + ": " + reason(err)})
		}
		return all
	}
	document, err := a.boundaryDocument(ctx, boundary)
	if err != nil {
		return unknown(err)
	}
	s := simulation{left: mostRequests, page: func(ctx context.Context, r request, marker *string) ([]types.EvaluationResult, *string, error) {
		out, err := a.iam.SimulateCustomPolicy(ctx, &iam.SimulateCustomPolicyInput{
			PolicyInputList: []string{document}, ActionNames: r.actions, ResourceArns: r.resources, ContextEntries: r.entries(),
			MaxItems: aws.Int32(mostResults), Marker: marker,
		}, fewTries)
		if err != nil {
			return nil, nil, err
		}
		return out.EvaluationResults, next(out.IsTruncated, out.Marker), nil
	}}
	needed := make([][]Call, len(groups))
	var calls []Call
	for i, g := range groups {
		needed[i] = a.needed(ctx, g)
		calls = append(calls, needed[i]...)
	}
	answers := map[[2]string]inquiry{}
	for _, q := range questions(calls, mostRequests) {
		some, err := s.answers(ctx, q.request(calls))
		if err != nil {
			return unknown(err)
		}
		for key, answer := range some {
			answers[key] = answer
		}
	}
	for i, g := range groups {
		for _, c := range needed[i] {
			answer := answers[[2]string{c.Action, c.Resource}]
			if answer.Verdict == Denied || answer.Verdict == Unknown {
				p := Permission{Role: g.Role, Action: c.Action, Resource: c.Resource, Verdict: answer.Verdict, By: "permissions boundary " + boundary}
				if answer.Verdict == Unknown {
					p.By += ": " + answer.by
				}
				all = append(all, p)
			}
		}
	}
	return all
}

// boundaryDocument is the document of a managed policy as AWS has it.
func (a *Account) boundaryDocument(ctx context.Context, arn string) (string, error) {
	out, err := a.iam.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &arn}, fewTries)
	if err != nil {
		return "", err
	}
	version, err := a.iam.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: &arn, VersionId: out.Policy.DefaultVersionId}, fewTries)
	if err != nil {
		return "", err
	}
	return canonical(aws.ToString(version.PolicyVersion.Document))
}

// needed is what the group's policies let its nodes call, on the resources that they
// name.
func (a *Account) needed(ctx context.Context, g wantedGroup) []Call {
	var all []Call
	known := map[string]bool{}
	for _, documents := range []map[string]string{g.inline, g.managed} {
		for _, name := range sorted(documents) {
			d, err := policy.Parse(documents[name])
			if err != nil {
				continue // it was written a moment ago
			}
			for _, s := range d.Statements {
				for _, action := range s.Actions {
					for _, resource := range s.Resources {
						c := Call{action, resource, a.place(ctx, action)}
						if !known[c.text()] {
							known[c.text()] = true
							all = append(all, c)
						}
					}
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b Call) int { return strings.Compare(a.text(), b.text()) })
	return all
}
