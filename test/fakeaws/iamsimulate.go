package fakeaws

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws/evaluate"
)

// simulationResult is what is decided of one action on all resources. Its name of the
// resource is no ARN but the form of one, or * where none is known, as here
// (docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html).
type simulationResult struct {
	EvalActionName                    string
	EvalResourceName                  string
	EvalDecision                      evaluate.Effect
	MatchedStatements                 []simulationStatement `xml:"MatchedStatements>member"`
	MissingContextValues              []string              `xml:"MissingContextValues>member"`
	OrganizationsDecisionDetail       *simulationOrganization
	PermissionsBoundaryDecisionDetail *simulationBoundary
	ResourceSpecificResults           *iamList[simulationResource] `xml:",omitempty"`
}

// simulationResource is what is decided of one resource.
type simulationResource struct {
	EvalResourceName                  string
	EvalResourceDecision              evaluate.Effect
	MatchedStatements                 []simulationStatement `xml:"MatchedStatements>member"`
	MissingContextValues              []string              `xml:"MissingContextValues>member"`
	PermissionsBoundaryDecisionDetail *simulationBoundary
}

type (
	simulationOrganization struct{ AllowedByOrganizations bool }
	simulationBoundary     struct{ AllowedByPermissionsBoundary bool }
	// simulationStatement is a statement that mattered. AWS tells its place in the
	// text as well.
	simulationStatement struct{ SourcePolicyId, SourcePolicyType string }
)

// simulatePrincipalPolicy evaluates the policies that a role has, or those of the
// caller if it is the caller that is asked about.
func (c *iamCall) simulatePrincipalPolicy() (any, *Error) {
	if e := c.check("PolicySourceArn"); e != nil {
		return nil, e
	}
	policies, e := c.policiesOf(c.get("PolicySourceArn"))
	if e != nil {
		return nil, e
	}
	if c.get("ResourcePolicy") != "" && strings.Contains(c.get("PolicySourceArn"), ":role/") {
		return nil, invalidInput("Simulation of resource-based policies isn't supported for IAM roles.")
	}
	if c.form.has("PolicyExclusionList") {
		return nil, invalidInput("fakeaws leaves no policies out of a simulation.")
	}
	return c.simulate(policies)
}

// simulateCustomPolicy evaluates policies that are given as text only.
func (c *iamCall) simulateCustomPolicy() (any, *Error) {
	if len(c.form.list("PolicyInputList.member")) == 0 {
		return nil, invalid("policyInputList", "", "Member must not be null")
	}
	var policies evaluate.Policies
	for i, level := range c.form.structures("OrderedOrganizationPolicyInputList.member") {
		documents, e := parseInputs(fmt.Sprintf("OrderedOrganizationPolicyInputList.%d", i+1), level.list("ServiceControlPolicyInputList.member"))
		if e != nil {
			return nil, e
		}
		policies.Organization = append(policies.Organization, documents)
	}
	return c.simulate(policies)
}

func invalidInput(format string, args ...any) *Error {
	return &Error{Status: 400, Code: "InvalidInput", Message: fmt.Sprintf(format, args...)}
}

// policiesOf are the policies of a role, or of the caller.
func (c *iamCall) policiesOf(arn string) (evaluate.Policies, *Error) {
	if who, longLived := c.caller(c.request); longLived && principalOf(who) == arn && (c.CallerPolicies != nil || !strings.Contains(arn, ":role/")) {
		return c.callerPolicies(who), nil
	}
	if !strings.HasPrefix(arn, c.arn("iam", "", "role/")) {
		return evaluate.Policies{}, noSuchEntity("%s cannot be found.", arn)
	}
	r, e := c.role(arn[strings.LastIndex(arn, "/")+1:])
	if e != nil {
		return evaluate.Policies{}, e
	}
	if c.roleARN(r) != arn {
		return evaluate.Policies{}, noSuchEntity("The role with name %s cannot be found.", r.name)
	}
	p := evaluate.Policies{Organization: c.organization()}
	add := func(name, document string) *evaluate.Document {
		d, err := evaluate.Parse(document)
		if err != nil {
			panic(err) // it was parsed when it was written
		}
		d.Name = name
		return d
	}
	for _, policy := range attachedTo(r) {
		managed, _ := c.policy(policy.PolicyArn)
		p.Identity = append(p.Identity, add(policy.PolicyName, managed.document()))
	}
	for _, name := range sortedKeys(r.inline) {
		p.Identity = append(p.Identity, add("role_"+r.name+"_"+name, r.inline[name]))
	}
	if r.boundary != "" {
		managed, _ := c.policy(r.boundary)
		p.Boundary = add(managed.name, managed.document())
	}
	return p, nil
}

// parseInputs parses policies that came as parameters, and names them as AWS does.
func parseInputs(list string, texts []string) ([]*evaluate.Document, *Error) {
	var all []*evaluate.Document
	for i, text := range texts {
		d, err := evaluate.Parse(text)
		if err != nil {
			return nil, invalidInput("Invalid input: %s.%d: %v", list, i+1, err)
		}
		d.Name = fmt.Sprintf("%s.%d", list, i+1)
		all = append(all, d)
	}
	return all, nil
}

// simulate adds the policies in the call, and decides action by action.
func (c *iamCall) simulate(p evaluate.Policies) (any, *Error) {
	inputs, e := parseInputs("PolicyInputList", c.form.list("PolicyInputList.member"))
	if e != nil {
		return nil, e
	}
	p.Identity = append(p.Identity, inputs...)
	boundary, e := parseInputs("PermissionsBoundaryPolicyInputList", c.form.list("PermissionsBoundaryPolicyInputList.member"))
	switch {
	case e != nil:
		return nil, e
	case len(boundary) > 1:
		return nil, invalidInput("Only one permissions boundary can be simulated.")
	case len(boundary) == 1:
		p.Boundary = boundary[0]
	}
	if text := c.get("ResourcePolicy"); text != "" {
		resource, e := parseInputs("ResourcePolicy", []string{text})
		if e != nil {
			return nil, e
		}
		p.Resource = resource[0]
		owner := c.get("ResourceOwner")
		p.OtherAccount = owner != "" && owner != accountOf(cmp.Or(c.get("CallerArn"), c.get("PolicySourceArn")))
	}
	actions := c.form.list("ActionNames.member")
	if len(actions) == 0 {
		return nil, invalid("actionNames", "", "Member must not be null")
	}
	var all []simulationResult
	for _, action := range actions {
		if service, name, ok := strings.Cut(action, ":"); !ok || service == "" || name == "" || strings.ContainsAny(action, "*? ") {
			return nil, invalidInput("Invalid Input Action: %s", action)
		}
		all = append(all, c.simulateAction(p, action))
	}
	all, page, e := paged(c, all)
	if e != nil {
		return nil, e
	}
	return struct {
		iamPage
		EvaluationResults []simulationResult `xml:"EvaluationResults>member"`
	}{page, all}, nil
}

// simulateAction decides one action on every resource. The whole is the most
// restrictive of its parts.
func (c *iamCall) simulateAction(p evaluate.Policies, action string) simulationResult {
	resources := c.form.list("ResourceArns.member")
	each := len(resources) > 0 && !slices.Equal(resources, []string{"*"})
	if !each {
		resources = []string{"*"}
	}
	whole := simulationResult{EvalActionName: action, EvalResourceName: "*", EvalDecision: evaluate.Allowed}
	if p.Organization != nil {
		whole.OrganizationsDecisionDetail = &simulationOrganization{true}
	}
	if p.Boundary != nil {
		whole.PermissionsBoundaryDecisionDetail = &simulationBoundary{true}
	}
	var parts []simulationResource
	severity := []evaluate.Effect{evaluate.Allowed, evaluate.ImplicitDeny, evaluate.ExplicitDeny}
	for _, resource := range resources {
		d := p.Decide(evaluate.Request{
			Principal: cmp.Or(c.get("CallerArn"), c.get("PolicySourceArn")), Action: action, Resource: resource, Context: c.simulationContext(),
		})
		part := simulationResource{
			EvalResourceName: resource, EvalResourceDecision: d.Effect,
			MatchedStatements: simulationStatements(d), MissingContextValues: d.Missing,
		}
		if slices.Index(severity, d.Effect) > slices.Index(severity, whole.EvalDecision) {
			whole.EvalDecision = d.Effect
		}
		if p.Organization != nil {
			whole.OrganizationsDecisionDetail.AllowedByOrganizations = whole.OrganizationsDecisionDetail.AllowedByOrganizations && d.ByOrganization
		}
		if p.Boundary != nil {
			part.PermissionsBoundaryDecisionDetail = &simulationBoundary{d.ByBoundary}
			whole.PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary = whole.PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary && d.ByBoundary
		}
		whole.MatchedStatements = union(whole.MatchedStatements, part.MatchedStatements)
		whole.MissingContextValues = union(whole.MissingContextValues, part.MissingContextValues)
		parts = append(parts, part)
	}
	if each {
		whole.ResourceSpecificResults = listOf(parts)
	}
	return whole
}

// simulationContext are the condition keys of the call, and no others: what AWS knows
// in a real request, such as who asks, has to be given.
func (c *iamCall) simulationContext() map[string][]string {
	context := map[string][]string{}
	for _, entry := range c.form.structures("ContextEntries.member") {
		context[entry.get("ContextKeyName")] = entry.list("ContextKeyValues.member")
	}
	return context
}

// simulationStatements are those that decided: where one denies, no others. Service
// control policies are not shown.
func simulationStatements(d evaluate.Decision) []simulationStatement {
	var all []simulationStatement
	for _, m := range d.Matches {
		if m.Layer != evaluate.Organization && m.Allow == (d.Effect != evaluate.ExplicitDeny) {
			all = append(all, simulationStatement{m.Policy, "IAM Policy"})
		}
	}
	return all
}

// union adds what is not there yet.
func union[T comparable](all, more []T) []T {
	for _, v := range more {
		if !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}
