package evaluate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws/evaluate"
)

// principal is a statement of a resource policy.
func principal(sid, effect, who, action string) string {
	return `{"Sid":"` + sid + `","Effect":"` + effect + `","Principal":` + who + `,"Action":"` + action + `","Resource":"*"}`
}

// TestLayers is what becomes of a request that several kinds of policies are for.
func TestLayers(t *testing.T) {
	t.Parallel()
	const (
		root    = "arn:aws:iam::123456789012:root"
		session = "arn:aws:sts::123456789012:assumed-role/prod-1-server/i-0abc"
	)
	all := policy(allow("*", "*", ""))
	nothing := policy(allow("s3:*", "*", ""))
	never := policy(allow("*", "*", ""), deny("ecr:*", "*", ""))
	by := func(layer evaluate.Layer) outcome { return outcome{evaluate.ExplicitDeny, layer, "D"} }
	without := func(layer evaluate.Layer) outcome { return outcome{Effect: evaluate.ImplicitDeny, Layer: layer} }
	cases := []struct {
		name          string
		who           string
		identity      string
		boundary      string
		organization  [][]string
		resource      string
		fromElsewhere bool
		want          outcome
	}{
		{name: "identity alone", identity: all, want: allowed},
		{name: "identity lacks it", identity: nothing, want: without(evaluate.Identity)},
		{name: "identity denies", identity: never, want: by(evaluate.Identity)},

		{name: "boundary allows", identity: all, boundary: all, want: allowed},
		{name: "boundary lacks it", identity: all, boundary: nothing, want: without(evaluate.Boundary)},
		{name: "boundary denies", identity: all, boundary: never, want: by(evaluate.Boundary)},
		{name: "a boundary grants nothing", identity: nothing, boundary: all, want: without(evaluate.Identity)},

		{name: "organization allows", identity: all, organization: [][]string{{all}, {nothing, all}}, want: allowed},
		{name: "one level lacks it", identity: all, organization: [][]string{{all}, {nothing}, {all}}, want: without(evaluate.Organization)},
		{name: "one level denies", identity: all, organization: [][]string{{all}, {all, never}}, want: by(evaluate.Organization)},
		{name: "a level without policies", identity: all, organization: [][]string{{}}, want: without(evaluate.Organization)},
		{name: "an organization grants nothing", identity: nothing, organization: [][]string{{all}}, want: without(evaluate.Identity)},
		{name: "all deny", identity: never, boundary: never, organization: [][]string{{never}}, resource: policy(principal("D", "Deny", `"*"`, "ecr:*")),
			want: by(evaluate.Organization)},
		{name: "all lack it", identity: nothing, boundary: nothing, organization: [][]string{{nothing}}, want: without(evaluate.Organization)},

		{name: "resource denies", identity: all, resource: policy(principal("D", "Deny", `{"AWS":"`+role+`"}`, "ecr:*")), who: session, want: by(evaluate.Resource)},
		{name: "resource denies another", identity: all, resource: policy(principal("D", "Deny", `{"AWS":"`+user+`"}`, "ecr:*")), who: session, want: allowed},
		{name: "resource grants", identity: nothing, resource: policy(principal("A", "Allow", `{"AWS":"`+role+`"}`, "ecr:*")), who: session, want: allowed},
		{name: "resource grants to a list", identity: nothing, resource: policy(principal("A", "Allow", `{"AWS":["`+user+`","`+role+`"]}`, "ecr:*")), who: session, want: allowed},
		{name: "resource leaves it to the account", identity: nothing, resource: policy(principal("A", "Allow", `{"AWS":"`+root+`"}`, "ecr:*")), who: session, want: without(evaluate.Identity)},
		{name: "resource leaves it to the account by number", identity: all, resource: policy(principal("R", "Allow", `{"AWS":"123456789012"}`, "ecr:*")), who: session, want: allowed},
		{name: "a service is no role", identity: nothing, resource: policy(principal("A", "Allow", `{"Service":"ec2.amazonaws.com"}`, "ecr:*")), who: session, want: without(evaluate.Identity)},
		{name: "the service itself", resource: policy(principal("A", "Allow", `{"Service":"ec2.amazonaws.com"}`, "ecr:*")), who: "ec2.amazonaws.com", want: allowed},
		{name: "resource grants to the role, which its boundary limits", boundary: nothing, resource: policy(principal("A", "Allow", `{"AWS":"`+role+`"}`, "ecr:*")), who: session, want: without(evaluate.Boundary)},
		{name: "resource grants to the session, which no boundary limits", boundary: nothing, resource: policy(principal("A", "Allow", `{"AWS":"`+session+`"}`, "ecr:*")), who: session, want: allowed},
		{name: "resource grants what the organization lacks", organization: [][]string{{nothing}}, resource: policy(principal("A", "Allow", `"*"`, "ecr:*")), who: session, want: without(evaluate.Organization)},
		{name: "all but a principal", identity: all, resource: policy(`{"Sid":"D","Effect":"Deny","NotPrincipal":{"AWS":"` + user + `"},"Action":"*","Resource":"*"}`), who: session, want: by(evaluate.Resource)},

		{name: "other account, both allow", identity: all, resource: policy(principal("R", "Allow", `{"AWS":"`+root+`"}`, "ecr:*")), who: session, fromElsewhere: true, want: allowed},
		{name: "other account, resource lacks it", identity: all, resource: policy(principal("R", "Allow", `{"AWS":"`+root+`"}`, "s3:*")), who: session, fromElsewhere: true, want: without(evaluate.Resource)},
		{name: "other account, no resource policy", identity: all, who: session, fromElsewhere: true, want: without(evaluate.Resource)},
		{name: "other account, identity lacks it", identity: nothing, resource: policy(principal("R", "Allow", `{"AWS":"`+role+`"}`, "ecr:*")), who: session, fromElsewhere: true, want: without(evaluate.Identity)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := evaluate.Policies{OtherAccount: c.fromElsewhere}
			if c.identity != "" {
				p.Identity = []*evaluate.Document{parse(t, c.identity)}
			}
			if c.boundary != "" {
				p.Boundary = parse(t, c.boundary)
			}
			if c.resource != "" {
				p.Resource = parse(t, c.resource)
			}
			for _, level := range c.organization {
				documents := []*evaluate.Document{}
				for _, text := range level {
					documents = append(documents, parse(t, text))
				}
				p.Organization = append(p.Organization, documents)
			}
			got := decide(p, evaluate.Request{Principal: c.who, Action: "ecr:BatchGetImage", Resource: "arn:aws:ecr:eu-central-1:123456789012:repository/team/app"})
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("Decide (-want +got)\n%s", diff)
			}
		})
	}
}

// clusterScoped is a policy as kOps and the EBS CSI driver have them: tag conditions on
// the cluster's own tag.
const clusterScoped = `{"Version":"2012-10-17","Statement":[
	{"Sid":"Describe","Effect":"Allow","Action":"ec2:Describe*","Resource":"*"},
	{"Sid":"Create","Effect":"Allow","Action":"ec2:CreateSecurityGroup","Resource":"arn:aws:ec2:*:*:security-group/*",
	 "Condition":{"StringLike":{"aws:RequestTag/kubernetes.io/cluster/prod-1":"*"}}},
	{"Sid":"CreateInVPC","Effect":"Allow","Action":"ec2:CreateSecurityGroup","Resource":"arn:aws:ec2:*:*:vpc/*"},
	{"Sid":"TagAtCreation","Effect":"Allow","Action":"ec2:CreateTags","Resource":"arn:aws:ec2:*:*:security-group/*",
	 "Condition":{"StringEquals":{"ec2:CreateAction":["CreateSecurityGroup"]},"StringLike":{"aws:RequestTag/kubernetes.io/cluster/prod-1":"*"}}},
	{"Sid":"Retag","Effect":"Allow","Action":["ec2:CreateTags","ec2:DeleteTags"],"Resource":"arn:aws:ec2:*:*:security-group/*",
	 "Condition":{"StringLike":{"ec2:ResourceTag/kubernetes.io/cluster/prod-1":"*"},"Null":{"aws:TagKeys":"false"},
	  "ForAllValues:StringNotEquals":{"aws:TagKeys":["kubernetes.io/cluster/prod-1"]}}},
	{"Sid":"Change","Effect":"Allow","Action":["ec2:AuthorizeSecurityGroupIngress","ec2:DeleteSecurityGroup"],"Resource":"*",
	 "Condition":{"StringLike":{"aws:ResourceTag/kubernetes.io/cluster/prod-1":"*"}}},
	{"Sid":"Link","Effect":"Allow","Action":"iam:CreateServiceLinkedRole","Resource":"*",
	 "Condition":{"StringEquals":{"iam:AWSServiceName":"elasticloadbalancing.amazonaws.com"}}},
	{"Sid":"Pass","Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::123456789012:role/prod-1-*",
	 "Condition":{"StringEquals":{"iam:PassedToService":["ec2.amazonaws.com","ec2.amazonaws.com.cn"]}}},
	{"Sid":"Roles","Effect":"Allow","Action":["iam:CreateRole","iam:TagRole"],"Resource":"arn:aws:iam::123456789012:role/prod-1-*",
	 "Condition":{"StringEquals":{"aws:RequestTag/kubelet-ecr/cluster":"prod-1","iam:PermissionsBoundary":"arn:aws:iam::123456789012:policy/team"}}},
	{"Sid":"Never","Effect":"Deny","Action":"*","Resource":"*","Condition":{"Null":{"aws:ResourceTag/frozen":"false"}}}
]}`

// TestClusterScoped is what such a policy allows of what controllers and operators do.
func TestClusterScoped(t *testing.T) {
	t.Parallel()
	by := func(sid string) outcome { return outcome{Effect: evaluate.Allowed, Sid: sid} }
	const (
		tag   = "aws:RequestTag/" + cluster
		owner = "aws:RequestTag/kubelet-ecr/cluster"
		vpc   = "arn:aws:ec2:eu-central-1:123456789012:vpc/vpc-1"
	)
	ours := context{"aws:ResourceTag/" + cluster: {"owned"}, "ec2:ResourceTag/" + cluster: {"owned"}}
	with := func(more context) context {
		all := context{}
		for key, values := range ours {
			all[key] = values
		}
		for key, values := range more {
			all[key] = values
		}
		return all
	}
	cases := []struct {
		name, action, resource string
		context                context
		want                   outcome
	}{
		{"describe", "ec2:DescribeInstances", "*", nil, by("Describe")},
		{"create a tagged group", "ec2:CreateSecurityGroup", group, context{tag: {"owned"}, "aws:TagKeys": {cluster}}, by("Create")},
		{"create an untagged group", "ec2:CreateSecurityGroup", group, nil, implicit},
		{"create one of another cluster", "ec2:CreateSecurityGroup", group, context{"aws:RequestTag/kubernetes.io/cluster/prod-2": {"owned"}}, implicit},
		{"create in a VPC, which has no request tags", "ec2:CreateSecurityGroup", vpc, nil, by("CreateInVPC")},
		{"tag at creation", "ec2:CreateTags", group, context{"ec2:CreateAction": {"CreateSecurityGroup"}, tag: {"owned"}, "aws:TagKeys": {cluster}}, by("TagAtCreation")},
		{"tag at another creation", "ec2:CreateTags", group, context{"ec2:CreateAction": {"CreateVolume"}, tag: {"owned"}, "aws:TagKeys": {cluster}}, implicit},
		{"tag at creation without the tag", "ec2:CreateTags", group, context{"ec2:CreateAction": {"CreateSecurityGroup"}, "aws:TagKeys": {"Name"}}, implicit},
		{"tag later", "ec2:CreateTags", group, context{tag: {"owned"}, "aws:TagKeys": {cluster}}, implicit},
		{"another tag of ours", "ec2:CreateTags", group, with(context{"aws:RequestTag/Name": {"x"}, "aws:TagKeys": {"Name"}}), by("Retag")},
		{"the cluster's tag of ours", "ec2:CreateTags", group, with(context{tag: {"shared"}, "aws:TagKeys": {cluster}}), implicit},
		{"the cluster's tag among others", "ec2:DeleteTags", group, with(context{"aws:TagKeys": {"Name", cluster}}), implicit},
		{"another tag of theirs", "ec2:CreateTags", group, context{"aws:TagKeys": {"Name"}}, implicit},
		{"untag without keys", "ec2:DeleteTags", group, with(nil), implicit},
		{"change ours", "ec2:AuthorizeSecurityGroupIngress", group, with(nil), by("Change")},
		{"change theirs", "ec2:AuthorizeSecurityGroupIngress", group, nil, implicit},
		{"delete what is frozen", "ec2:DeleteSecurityGroup", group, with(context{"aws:ResourceTag/frozen": {""}}), outcome{evaluate.ExplicitDeny, evaluate.Identity, "Never"}},

		{"role of load balancing", "iam:CreateServiceLinkedRole", role, context{"iam:AWSServiceName": {"elasticloadbalancing.amazonaws.com"}}, by("Link")},
		{"role of another service", "iam:CreateServiceLinkedRole", role, context{"iam:AWSServiceName": {"spot.amazonaws.com"}}, implicit},
		{"role of a service that is not named", "iam:CreateServiceLinkedRole", role, nil, implicit},

		{"pass to EC2", "iam:PassRole", role, context{"iam:PassedToService": {"ec2.amazonaws.com"}}, by("Pass")},
		{"pass to another service", "iam:PassRole", role, context{"iam:PassedToService": {"lambda.amazonaws.com"}}, implicit},
		{"pass to whoever", "iam:PassRole", role, nil, implicit},
		{"pass another role", "iam:PassRole", "arn:aws:iam::123456789012:role/admin", context{"iam:PassedToService": {"ec2.amazonaws.com"}}, implicit},

		{"create a role of ours", "iam:CreateRole", role, context{owner: {"prod-1"}, "iam:PermissionsBoundary": {"arn:aws:iam::123456789012:policy/team"}}, by("Roles")},
		{"without boundary", "iam:CreateRole", role, context{owner: {"prod-1"}}, implicit},
		{"with another boundary", "iam:CreateRole", role, context{owner: {"prod-1"}, "iam:PermissionsBoundary": {"arn:aws:iam::aws:policy/AdministratorAccess"}}, implicit},
		{"of another cluster", "iam:TagRole", role, context{owner: {"prod-2"}, "iam:PermissionsBoundary": {"arn:aws:iam::123456789012:policy/team"}}, implicit},
	}
	d := parse(t, clusterScoped)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := decide(evaluate.Policies{Identity: []*evaluate.Document{d}}, evaluate.Request{Action: c.action, Resource: c.resource, Context: c.context})
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("Decide (-want +got)\n%s", diff)
			}
		})
	}
}

// TestDecision is all that a decision tells.
func TestDecision(t *testing.T) {
	t.Parallel()
	named := func(name, text string) *evaluate.Document {
		d := parse(t, text)
		d.Name = name
		return d
	}
	p := evaluate.Policies{
		Identity: []*evaluate.Document{
			named("inline", policy(
				statement("Tag", "Allow", "ec2:CreateTags", "arn:aws:ec2:*:*:instance/*", `{"StringEquals":{"aws:RequestTag/team":"a","aws:RequestTag/env":"b"}}`),
				statement("Run", "Allow", "ec2:RunInstances", "*", `{"StringEquals":{"ec2:InstanceType":"t3.small"}}`))),
			named("managed", policy(statement("All", "Allow", "ec2:*", "arn:aws:ec2:eu-central-1:${aws:PrincipalAccount}:*", ""))),
		},
		Boundary:     named("limit", policy(statement("Regional", "Allow", "*", "*", `{"StringEquals":{"aws:RequestedRegion":"eu-central-1"}}`))),
		Organization: [][]*evaluate.Document{{named("scp", policy(statement("Full", "Allow", "*", "*", `{"Bool":{"aws:Org":"true"}}`)))}},
	}
	request := evaluate.Request{Action: "ec2:CreateTags", Resource: instance}
	want := evaluate.Decision{
		Effect: evaluate.ImplicitDeny, Layer: evaluate.Organization,
		Missing: []string{"aws:PrincipalAccount", "aws:RequestTag/env", "aws:RequestTag/team"},
	}
	if diff := cmp.Diff(want, p.Decide(request)); diff != "" {
		t.Errorf("Decide without keys (-want +got)\n%s", diff)
	}

	request.Context = context{"aws:RequestTag/team": {"a"}, "aws:RequestTag/env": {"b"}, "aws:PrincipalAccount": {"123456789012"},
		"aws:RequestedRegion": {"eu-central-1"}, "aws:Org": {"true"}}
	tag := evaluate.Match{Layer: evaluate.Identity, Policy: "inline", Sid: "Tag", Allow: true}
	want = evaluate.Decision{
		Effect: evaluate.Allowed, Statement: tag, ByOrganization: true, ByBoundary: true,
		Matches: []evaluate.Match{
			{Layer: evaluate.Organization, Policy: "scp", Sid: "Full", Allow: true},
			tag,
			{Layer: evaluate.Identity, Policy: "managed", Sid: "All", Allow: true},
			{Layer: evaluate.Boundary, Policy: "limit", Sid: "Regional", Allow: true},
		},
	}
	if diff := cmp.Diff(want, p.Decide(request)); diff != "" {
		t.Errorf("Decide with keys (-want +got)\n%s", diff)
	}
}
