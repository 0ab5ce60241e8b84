package evaluate

import (
	"maps"
	"slices"
	"strings"
)

// A Request is who wants to do what to which resource.
type Request struct {
	// Principal is the ARN of a user, role or role session; it matters to resource
	// policies only.
	Principal string
	Action    string // service:Operation
	Resource  string // an ARN, or * for actions that have no resource

	// Context has the values of condition keys, such as aws:RequestTag/team.
	Context map[string][]string
}

// An Effect is a decision, as IAM's simulator writes it.
type Effect string

const (
	Allowed      Effect = "allowed"
	ExplicitDeny Effect = "explicitDeny"
	ImplicitDeny Effect = "implicitDeny"
)

// A Layer is a kind of policy.
type Layer string

const (
	Identity     Layer = "identity"
	Boundary     Layer = "boundary"
	Organization Layer = "organization"
	Resource     Layer = "resource"
)

// Policies are all that apply to a request.
type Policies struct {
	Identity []*Document
	// Boundary limits what Identity allows; nil if the principal has none.
	Boundary *Document
	// Organization are the service control policies, level by level from the root of
	// the organization to the account, each of which has to allow; nil if the account
	// is in none.
	Organization [][]*Document
	// Resource is the policy of the resource; nil if it has none.
	Resource *Document
	// OtherAccount says that the resource is in another account than the principal,
	// so that both sides have to allow.
	OtherAccount bool
}

// A Match is a statement that applied.
type Match struct {
	Layer  Layer
	Policy string // the document's Name
	Sid    string
	Allow  bool
}

// A Decision is what becomes of a request, and why.
type Decision struct {
	Effect Effect

	// Layer denied; "" if the request is allowed. Of several it is the first in the
	// order in which AWS looks: explicit denies anywhere, organization, resource,
	// identity, boundary.
	Layer Layer

	// Statement decided: it denied, or it allowed. It is empty for an implicit deny.
	Statement Match

	// Matches are all statements that applied.
	Matches []Match

	// Missing are the condition keys that statements of identity and resource
	// policies for this action and resource ask for and the request does not have,
	// sorted.
	Missing []string

	// ByOrganization and ByBoundary say whether that layer alone allows. They are
	// true where there is none.
	ByOrganization, ByBoundary bool
}

// Decide evaluates a request.
func (p Policies) Decide(r Request) Decision {
	limits, keys := newResolver(r.Context), newResolver(r.Context)
	d := Decision{Effect: Allowed, ByOrganization: true, ByBoundary: true}
	for _, level := range p.Organization {
		matches := apply(Organization, level, r, limits)
		d.ByOrganization = d.ByOrganization && allows(matches) && !denies(matches)
		d.Matches = append(d.Matches, matches...)
	}
	resource := apply(Resource, documents(p.Resource), r, keys)
	identity := apply(Identity, p.Identity, r, keys)
	boundary := apply(Boundary, documents(p.Boundary), r, limits)
	if p.Boundary != nil {
		d.ByBoundary = allows(boundary) && !denies(boundary)
	}
	d.Matches = slices.Concat(d.Matches, resource, identity, boundary)
	d.Missing = slices.Sorted(maps.Keys(keys.missing))
	for _, m := range d.Matches {
		if !m.Allow {
			d.Effect, d.Layer, d.Statement = ExplicitDeny, m.Layer, m
			return d
		}
	}
	d.Layer, d.Statement = p.agree(d, p.grant(r), resource, identity)
	if d.Layer != "" {
		d.Effect = ImplicitDeny
	}
	return d
}

// agree looks for the first layer that does not allow, where none denies; and if there
// is none for the statement that allowed.
func (p Policies) agree(d Decision, granted grant, resource, identity []Match) (Layer, Match) {
	byResource := !p.OtherAccount && granted >= viaRole
	switch {
	case !d.ByOrganization:
		return Organization, Match{}
	case p.OtherAccount && granted == none:
		return Resource, Match{}
	case !byResource && !allows(identity):
		return Identity, Match{}
	case !d.ByBoundary && (!byResource || granted < direct):
		return Boundary, Match{}
	case byResource:
		return "", first(resource)
	}
	return "", first(identity)
}

// A grant is how far an allow of a resource policy reaches.
type grant int

const (
	none    grant = iota
	viaRoot       // to the account, which leaves it to identity policies
	viaRole       // to the role of a session, whose boundary still limits it
	direct        // to the very principal
)

// grant looks at whom the resource policy allows, if it allows at all.
func (p Policies) grant(r Request) grant {
	if p.Resource == nil {
		return none
	}
	keys := newResolver(r.Context)
	keys.variables = p.Resource.variables()
	most := none
	for _, s := range p.Resource.Statements {
		if !s.Allow || !s.applies(r, keys) {
			continue
		}
		most = max(most, viaRoot)
		for _, principal := range s.Principals {
			switch principal.Value {
			case "*", r.Principal:
				most = direct
			case roleOf(r.Principal):
				most = max(most, viaRole)
			}
		}
	}
	return most
}

// roleOf is the ARN of the role of a session, without the role's path; "" if the
// principal is not one.
func roleOf(principal string) string {
	before, session, ok := strings.Cut(principal, ":assumed-role/")
	if !ok {
		return ""
	}
	role, _, _ := strings.Cut(session, "/")
	return strings.Replace(before, ":sts:", ":iam:", 1) + ":role/" + role
}

func documents(d *Document) []*Document {
	if d == nil {
		return nil
	}
	return []*Document{d}
}

// apply returns the statements of a layer that apply to the request.
func apply(layer Layer, all []*Document, r Request, keys *resolver) []Match {
	var matches []Match
	for _, d := range all {
		keys.variables = d.variables()
		for _, s := range d.Statements {
			if s.applies(r, keys) {
				matches = append(matches, Match{Layer: layer, Policy: d.Name, Sid: s.Sid, Allow: s.Allow})
			}
		}
	}
	return matches
}

// applies reports whether principal, action, resource and conditions of the statement
// are those of the request.
func (s Statement) applies(r Request, keys *resolver) bool {
	if s.Principals != nil && !namesPrincipal(s.Principals, r.Principal) || s.NotPrincipals != nil && namesPrincipal(s.NotPrincipals, r.Principal) {
		return false
	}
	action := func(pattern string) bool { return globFold(pattern, r.Action) }
	if s.Actions != nil && !slices.ContainsFunc(s.Actions, action) || s.NotActions != nil && slices.ContainsFunc(s.NotActions, action) {
		return false
	}
	resource := func(pattern string) bool {
		pattern, ok := keys.expand(pattern, true)
		return ok && arnLike(pattern, r.Resource)
	}
	if s.Resources != nil && !slices.ContainsFunc(s.Resources, resource) || s.NotResources != nil && slices.ContainsFunc(s.NotResources, resource) {
		return false
	}
	// All conditions are looked at, so that every missing key is found.
	met := true
	for _, c := range s.Conditions {
		met = c.holds(keys) && met
	}
	return met
}

// namesPrincipal reports whether one of the principals is who asks, their role, their
// account, or everybody.
func namesPrincipal(principals []Principal, who string) bool {
	account := ""
	if parts := strings.SplitN(who, ":", 6); len(parts) == 6 {
		account = parts[4]
	}
	return slices.ContainsFunc(principals, func(p Principal) bool {
		switch {
		case p.Value == "*", p.Value == who:
			return true
		case p.Type != "AWS" || account == "":
			return false
		}
		return p.Value == account || p.Value == roleOf(who) ||
			strings.HasSuffix(p.Value, "::"+account+":root")
	})
}

func allows(matches []Match) bool {
	return slices.ContainsFunc(matches, func(m Match) bool { return m.Allow })
}

func denies(matches []Match) bool {
	return slices.ContainsFunc(matches, func(m Match) bool { return !m.Allow })
}

func first(matches []Match) Match {
	for _, m := range matches {
		if m.Allow {
			return m
		}
	}
	return Match{}
}
