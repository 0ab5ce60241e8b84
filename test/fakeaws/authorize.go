package fakeaws

import (
	"fmt"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws/evaluate"
)

// Conventions of the services of the account (iam, ec2, autoscaling, eks and the
// policies of ecr): each keeps what it knows in a struct of its own, which is a field
// of Server (iamState, ec2State, …) guarded by Server.mu. A handler locks mu once, asks
// authorize before it looks at anything, reads and changes its state, and unlocks.
// What it returns must not point into the state.

// caller is the ARN of who signed the request. Keys that were not handed out here are
// long-lived, and are Server.Caller's unless Server.Principals says otherwise.
func (s *Server) caller(q *request) (arn string, longLived bool) {
	id, longLived := strings.CutPrefix(q.Principal, "key ")
	if !longLived {
		return q.Principal, false
	}
	if arn, ok := s.Principals[id]; ok {
		return arn, true
	}
	if s.Caller != "" {
		return s.Caller, true
	}
	return s.arn("iam", "", "user/operator"), true
}

// arn is the ARN of a resource of the account.
func (s *Server) arn(service, region, resource string) string {
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", s.Partition, service, region, s.Account, resource)
}

// authorize returns AWS's refusal if the policies of the caller do not allow the
// action on the resource, and nil if they do, or if the caller has none
// (Server.CallerPolicies). Action is "ec2:CreateTags", resource an ARN or "*", and
// context the condition keys that this request has, such as aws:RequestTag/KEY,
// aws:TagKeys or aws:ResourceTag/KEY; those that say who asks are added here. It
// takes no lock, so it may be called with mu held. An action on several resources is
// authorized on each.
func (s *Server) authorize(q *request, action, resource string, context map[string][]string) *Error {
	who, longLived := s.caller(q)
	if !longLived {
		return nil
	}
	d := s.callerPolicies(who).Decide(evaluate.Request{
		Principal: who, Action: action, Resource: resource, Context: s.withCaller(q, who, context),
	})
	if d.Effect == evaluate.Allowed {
		return nil
	}
	return refusal(q, who, action, resource, d)
}

// callerPolicies are what limits who signs with a long-lived key. The account's root
// is limited by its organization only.
func (s *Server) callerPolicies(who string) evaluate.Policies {
	p := evaluate.Policies{Identity: []*evaluate.Document{administrator}, Organization: s.organization()}
	if strings.HasSuffix(who, ":root") {
		return p
	}
	if s.CallerPolicies != nil {
		p.Identity = parseAll("CallerPolicies", s.CallerPolicies)
	}
	if s.CallerBoundary != "" {
		p.Boundary = parseAll("CallerBoundary", []string{s.CallerBoundary})[0]
	}
	return p
}

// organization are the service control policies as one level, or nil.
func (s *Server) organization() [][]*evaluate.Document {
	if s.SCPs == nil {
		return nil
	}
	return [][]*evaluate.Document{parseAll("SCPs", s.SCPs)}
}

// administrator is the identity policy of callers of whom only the limits are given.
var administrator = &evaluate.Document{
	Name: "administrator", Version: "2012-10-17",
	Statements: []evaluate.Statement{{Allow: true, Actions: []string{"*"}, Resources: []string{"*"}}},
}

// parseAll parses the policies of a field of Server. A mistake there is the test's,
// and ends it.
func parseAll(field string, texts []string) []*evaluate.Document {
	var all []*evaluate.Document
	for _, text := range texts {
		d, err := evaluate.Parse(text)
		if err != nil {
			panic(fmt.Sprintf("fakeaws: Server.%s: %v in %s", field, err, text))
		}
		d.Name = field
		all = append(all, d)
	}
	return all
}

// withCaller adds the condition keys that say who asks, and where
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html).
func (s *Server) withCaller(q *request, who string, context map[string][]string) map[string][]string {
	all := map[string][]string{
		"aws:PrincipalArn":          {principalOf(who)},
		"aws:PrincipalAccount":      {s.Account},
		"aws:PrincipalType":         {"AssumedRole"},
		"aws:RequestedRegion":       {q.Region},
		"aws:CurrentTime":           {s.Now().UTC().Format("2006-01-02T15:04:05Z")},
		"aws:ViaAWSService":         {"false"},
		"aws:PrincipalIsAWSService": {"false"},
	}
	if _, name, ok := strings.Cut(who, ":user/"); ok {
		all["aws:PrincipalType"] = []string{"User"}
		all["aws:username"] = []string{name[strings.LastIndex(name, "/")+1:]}
	}
	for key, values := range context {
		all[key] = values
	}
	return all
}

// principalOf is what aws:PrincipalArn is for a session: the role's ARN.
func principalOf(who string) string {
	before, session, ok := strings.Cut(who, ":assumed-role/")
	if !ok {
		return who
	}
	role, _, _ := strings.Cut(session, "/")
	return strings.Replace(before, ":sts:", ":iam:", 1) + ":role/" + role
}

// accountOf is the number in an ARN; "" if there is none.
func accountOf(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

// reasons are how AWS ends its sentence
// (docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html); %s of
// the implicit ones is the action.
var reasons = map[evaluate.Layer]struct{ implicit, explicit string }{
	evaluate.Identity:     {"because no identity-based policy allows the %s action", "with an explicit deny in an identity-based policy"},
	evaluate.Boundary:     {"because no permissions boundary allows the %s action", "with an explicit deny in a permissions boundary"},
	evaluate.Organization: {"because no service control policy allows the %s action", "with an explicit deny in a service control policy"},
	evaluate.Resource:     {"because no resource-based policy allows the %s action", "with an explicit deny in a resource-based policy"},
}

// refusal is what AWS answers, in the code and the words of the service.
func refusal(q *request, who, action, resource string, d evaluate.Decision) *Error {
	reason := reasons[d.Layer].explicit
	if d.Effect == evaluate.ImplicitDeny {
		reason = fmt.Sprintf(reasons[d.Layer].implicit, action)
	}
	on := " on resource: " + resource
	if q.Service == "ec2" && resource == "*" {
		on = ""
	}
	e := &Error{Status: 403, Code: "AccessDeniedException"}
	e.Message = fmt.Sprintf("User: %s is not authorized to perform: %s%s %s", who, action, on, reason)
	switch q.Service {
	case "ec2":
		// The encoded message is for sts:DecodeAuthorizationMessage, which is not here.
		e.Message = "You are not authorized to perform this operation. " + e.Message +
			". Encoded authorization failure message: c2VjcmV0LW9mLXRoZS1mYWtl"
	case "ecr", "ecr-public":
		e.Status = 400
	}
	return e
}
