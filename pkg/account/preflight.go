package account

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// CodeDenied is the code of the findings that say that AWS will refuse a call of the
// plan. Simulations can be wrong, so people may go on all the same.
const CodeDenied = "preflight-denied"

// A Verdict is what came of asking for a permission.
type Verdict string

const (
	Allowed Verdict = "allowed"
	Denied  Verdict = "denied"
	Unknown Verdict = "unknown"
)

// A Permission is what a call needs, and whether it is there: the caller's for a call
// that the plan makes, or a node's for what its components call.
type Permission struct {
	Role     string  `json:"role,omitempty"` // the node's role; "" if it is about the caller
	Action   string  `json:"action"`
	Resource string  `json:"resource"`       // an ARN, or *
	More     int     `json:"more,omitempty"` // resources of the same kind of which the same is said
	Verdict  Verdict `json:"verdict"`
	By       string  `json:"by,omitempty"` // what denies it, or why it is not known; "" mostly if it is allowed
}

// String is the permission on a line.
func (p Permission) String() string {
	line := fmt.Sprintf("%-7s %s", p.Verdict, p.subject())
	if p.Role != "" {
		line = fmt.Sprintf("%-7s role %s: %s", p.Verdict, p.Role, p.subject())
	}
	if p.By != "" {
		line += ": " + p.By
	}
	return line
}

func (p Permission) subject() string {
	if p.More > 0 {
		return fmt.Sprintf("%s on %s and %d more", p.Action, p.Resource, p.More)
	}
	return p.Action + " on " + p.Resource
}

// PermissionText writes permissions for people: what the caller is denied one by one,
// and the rest in a few lines with the actions of which the same is to be said.
func PermissionText(w io.Writer, all []Permission) {
	for _, p := range all {
		if p.Verdict == Denied && p.Role == "" {
			fmt.Fprintf(w, "  %s\n", p)
		}
	}
	for _, v := range []Verdict{Denied, Unknown, Allowed} {
		var lines []string
		actions := map[string][]string{} // by the beginning of the line
		for _, p := range all {
			if p.Verdict != v || v == Denied && p.Role == "" {
				continue
			}
			line := fmt.Sprintf("%-7s", v)
			if p.Role != "" {
				line += " role " + p.Role
			}
			if p.By != "" {
				line += " (" + p.By + ")"
			}
			lines = append(lines, line)
			actions[line] = append(actions[line], p.Action)
		}
		for _, line := range distinct(lines...) {
			fmt.Fprintf(w, "  %s: %s\n", strings.TrimRight(line, " "), strings.Join(distinct(actions[line]...), ", "))
		}
	}
}

// longest is how long a preflight may take. It is a help, and must not keep people
// from their plan where the simulator hangs.
const longest = 30 * time.Second

// most resources of a kind that are asked about for one action. Policies tell the
// resources of a kind apart by names and tags, hardly ever one by one.
const mostOfKind = 10

// An inquiry is a call of the plan, and what is known about it.
type inquiry struct {
	Call
	Verdict
	by     string
	itself bool // the service has said so, of this resource alone
}

// preflight asks whether the caller may make the calls of a plan, and whether a
// permissions boundary takes from the nodes what the plan gives them. What AWS does
// not tell is unknown; that is no error. Without changes nobody is asked.
func (a *Account) preflight(ctx context.Context, changes []plan.Change, w *world) []Permission {
	if len(changes) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	asked, rest := a.inquiries(changes, w)
	a.simulate(ctx, asked)
	a.dryRun(ctx, changes, asked)
	return append(permissions(asked, rest), a.boundaries(ctx, changes, w)...)
}

// A subject is what a permission is on: an action and a kind of resource.
type subject struct{ action, kind string }

func (c Call) subject() subject { return subject{c.Action, kindOfARN(c.Resource)} }

// kindOfARN is the service and the type of a resource, like ec2:subnet.
func kindOfARN(resource string) string {
	parts := strings.SplitN(resource, ":", 6)
	if len(parts) < 6 {
		return resource
	}
	kind, _, _ := strings.Cut(parts[5], "/")
	kind, _, _ = strings.Cut(kind, ":")
	return parts[2] + ":" + kind
}

// inquiries are the different calls of the changes, but only those on the first few
// resources of a subject, and how many resources are left out of each. The ARNs are
// those that roles and profiles really have, if they are there.
func (a *Account) inquiries(changes []plan.Change, w *world) (asked []inquiry, rest map[subject]int) {
	found := map[string]string{}
	for _, g := range w.groups {
		if r := w.iam.roles[g.Role]; r != nil {
			found[g.roleARN] = r.arn
		}
		if p := w.iam.profiles[g.InstanceProfile]; p != nil {
			found[g.profileARN] = p.arn
		}
	}
	known := map[string]bool{}
	resources := map[subject]map[string]bool{}
	for _, change := range changes {
		for _, c := range a.calls(change) {
			c.Resource = cmp.Or(found[c.Resource], c.Resource)
			s := c.subject()
			if resources[s] == nil {
				resources[s] = map[string]bool{}
			}
			isNew := !resources[s][c.Resource]
			resources[s][c.Resource] = true
			if known[c.text()] || isNew && len(resources[s]) > mostOfKind {
				continue
			}
			known[c.text()] = true
			asked = append(asked, inquiry{Call: c, Verdict: Unknown, by: "it was not asked for"})
		}
	}
	rest = map[subject]int{}
	for s, all := range resources {
		rest[s] = max(0, len(all)-mostOfKind)
	}
	return asked, rest
}

// permissions are the answers, those on one kind of resource in one row where they are
// the same. Resources that were not asked about go with those that the simulation was
// asked about, if these agree.
func permissions(asked []inquiry, rest map[subject]int) []Permission {
	var subjects []subject
	rows := map[subject][]Permission{}
	simulated := map[subject][]int{} // the rows that the simulation is the source of
	for _, q := range worst(asked) {
		s := q.subject()
		if rows[s] == nil {
			subjects = append(subjects, s)
		}
		i := slices.IndexFunc(rows[s], func(p Permission) bool { return p.Verdict == q.Verdict && p.By == q.by })
		if i < 0 {
			i = len(rows[s])
			rows[s] = append(rows[s], Permission{Action: q.Action, Resource: q.Resource, Verdict: q.Verdict, By: q.by})
		} else {
			rows[s][i].More++
		}
		if !q.itself && !slices.Contains(simulated[s], i) {
			simulated[s] = append(simulated[s], i)
		}
	}
	var all []Permission
	for _, s := range subjects {
		switch {
		case rest[s] == 0:
		case len(simulated[s]) == 1:
			rows[s][simulated[s][0]].More += rest[s]
		default:
			rows[s] = append(rows[s], Permission{
				Action: s.action, Resource: "others", More: rest[s] - 1, Verdict: Unknown,
				By: fmt.Sprintf("only %d were asked about, and the answers differ", mostOfKind),
			})
		}
		all = append(all, rows[s]...)
	}
	return all
}

// worst keeps one answer of each action and resource, where a plan makes calls that
// differ in what they say: the one that keeps the plan from being applied.
func worst(asked []inquiry) []inquiry {
	order := []Verdict{Allowed, Unknown, Denied}
	var all []inquiry
	for _, q := range asked {
		i := slices.IndexFunc(all, func(o inquiry) bool { return o.Action == q.Action && o.Resource == q.Resource })
		switch {
		case i < 0:
			all = append(all, q)
		case slices.Index(order, q.Verdict) > slices.Index(order, all[i].Verdict):
			all[i] = q
		}
	}
	return all
}

// denials are the findings of a preflight: what the caller is denied blocks the plan,
// and what a boundary takes from a node is a warning for each role.
func denials(all []Permission) []plan.Finding {
	var findings []plan.Finding
	taken := map[string]int{} // where in findings a role's is
	for _, p := range all {
		if p.Verdict != Denied {
			continue
		}
		if p.Role == "" {
			findings = append(findings, plan.Finding{
				Code: CodeDenied, Level: plan.Blocks, Object: p.subject(), Detail: "the caller is denied it: " + p.By,
				Fix: "`ecr-node-bootstrap print operator-policy` prints the permissions that this plan needs; if the preflight is wrong, apply with --force",
			})
			continue
		}
		i, ok := taken[p.Role]
		if !ok {
			taken[p.Role] = len(findings)
			findings = append(findings, plan.Finding{
				Code: "boundary-denies", Level: plan.Warning, Object: plan.Object{Kind: kindRole, Name: p.Role}.String(),
				Detail: fmt.Sprintf("its %s does not allow %s", p.By, p.Action),
				Fix:    "have the boundary allow these actions, or leave out the features that need them",
			})
			continue
		}
		findings[i].Detail += ", " + p.Action
	}
	return findings
}

// dryRun lets EC2 itself say whether a resource of the plan may be tagged. Of what the
// plan does no other call has a dry run. EC2 knows the tags of the resource and how
// the caller's session is limited, so where it contradicts the simulation on one
// resource, nothing is known of the others.
func (a *Account) dryRun(ctx context.Context, changes []plan.Change, asked []inquiry) {
	i := slices.IndexFunc(changes, func(c plan.Change) bool { return c.Kind == kindTag && c.After != "" })
	if i < 0 {
		return
	}
	c := changes[i]
	_, err := a.ec2.CreateTags(ctx, &ec2.CreateTagsInput{
		DryRun: aws.Bool(true), Resources: []string{c.Of}, Tags: []types.Tag{{Key: &c.Name, Value: aws.String(tagValue(c.After))}},
	}, func(o *ec2.Options) { o.RetryMaxAttempts = mostTries })
	verdict, by := Unknown, ""
	switch code(err) {
	case "DryRunOperation":
		verdict = Allowed
	case "UnauthorizedOperation":
		verdict, by = Denied, "EC2's dry run: "+refusal(message(err))
	}
	call := a.calls(c)[0]
	for i := range asked {
		q := &asked[i]
		switch {
		case q.subject() != call.subject() || contextText(q.Context) != contextText(call.Context):
		case q.Resource == call.Resource && verdict != Unknown:
			q.Verdict, q.by, q.itself = verdict, by, true
		case q.Resource == call.Resource && q.Verdict == Unknown && err != nil:
			q.by += "; EC2's dry run: " + reason(err)
		case verdict != Unknown && q.Verdict != Unknown && q.Verdict != verdict:
			q.Verdict, q.by = Unknown, fmt.Sprintf("the simulation says %s, and EC2's dry run on %s says %s", q.Verdict, c.Of, verdict)
		}
	}
}

// refusal is what follows in AWS's sentence on the resource, as "because no
// identity-based policy allows the ec2:CreateTags action"
// (docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html); the whole
// sentence, if it says no more. What is encoded in it is left out.
func refusal(sentence string) string {
	sentence, _, _ = strings.Cut(sentence, " Encoded authorization failure message")
	sentence = strings.TrimRight(sentence, ". ")
	if _, on, ok := strings.Cut(sentence, " on resource: "); ok {
		if _, why, ok := strings.Cut(on, " "); ok {
			return why
		}
	}
	return sentence
}

// reason is an error of AWS in short: its code and its sentence.
func reason(err error) string {
	if c := code(err); c != "" {
		return c + ": " + strings.TrimRight(message(err), ".")
	}
	return err.Error()
}
