package account_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

// allow is a policy of one statement that allows, with what else is said of it.
func allow(what string) string {
	return `{"Version":"2012-10-17","Statement":[{"Sid":"Some","Effect":"Allow","Resource":"*",` + what + `}]}`
}

func deny(what string) string {
	return `{"Version":"2012-10-17","Statement":[{"Sid":"No","Effect":"Deny","Resource":"*",` + what + `}]}`
}

const (
	all       = `"Action":"*"`
	elsewhere = `"NotAction":["iam:*","sts:*"],"Condition":{"StringNotEquals":{"aws:RequestedRegion":["eu-central-1"]}}`
)

// asked are the calls of the small file's plan.
var asked = []string{
	"iam:CreateRole on role/prod-1-agent", "iam:TagRole on role/prod-1-agent", "iam:PutRolePolicy on role/prod-1-agent",
	"iam:CreateInstanceProfile on instance-profile/prod-1-agent", "iam:TagInstanceProfile on instance-profile/prod-1-agent",
	"iam:AddRoleToInstanceProfile on instance-profile/prod-1-agent", "iam:PassRole on role/prod-1-agent",
	"ec2:AssociateIamInstanceProfile on instance/i-1", "ec2:CreateTags on instance/i-1", "ec2:CreateTags on security-group/sg-1",
}

// TestPreflight plans for callers who may do more and less.
func TestPreflight(t *testing.T) {
	for name, test := range map[string]struct {
		given func(*testing.T, *premises)
		want  map[string]string // what is not allowed, by the call; "" is what is to be said of all others
	}{
		"the owner": {func(*testing.T, *premises) {}, nil},
		"a permission is missing": {
			func(_ *testing.T, p *premises) { p.CallerPolicies = []string{allow(`"NotAction":["iam:CreateRole"]`)} },
			map[string]string{"iam:CreateRole on role/prod-1-agent": "denied: identity policy: none allows it"},
		},
		"a policy denies": {
			func(_ *testing.T, p *premises) {
				p.CallerPolicies = []string{allow(all), deny(`"Action":"iam:PassRole"`)}
			},
			map[string]string{"iam:PassRole on role/prod-1-agent": "denied: identity policy: explicit deny in CallerPolicies"},
		},
		"the boundary does not allow": {
			func(_ *testing.T, p *premises) {
				p.CallerBoundary = allow(`"NotAction":["iam:*Profile"]`)
				p.CallerBoundary = allow(`"NotAction":["iam:AddRoleToInstanceProfile"]`)
			},
			map[string]string{"iam:AddRoleToInstanceProfile on instance-profile/prod-1-agent": "denied: permissions boundary: it does not allow it"},
		},
		"a region lock of the organisation lets this region": {
			func(_ *testing.T, p *premises) { p.SCPs = []string{allow(all), deny(elsewhere)} }, nil,
		},
		"the organisation denies": {
			func(_ *testing.T, p *premises) { p.SCPs = []string{allow(all), deny(`"Action":"ec2:Associate*"`)} },
			map[string]string{"ec2:AssociateIamInstanceProfile on instance/i-1": "denied: organisation: a service control policy does not allow it"},
		},
		"the tags of the plan are the condition": {
			func(_ *testing.T, p *premises) {
				p.CallerPolicies = []string{allow(`"NotAction":["ec2:CreateTags"]`), allow(`"Action":"ec2:CreateTags","Condition":{"StringEquals":{"aws:RequestTag/kubernetes.io/cluster/prod-1":"owned"}}`)}
			}, nil,
		},
		"a condition that nobody can know": {
			func(_ *testing.T, p *premises) {
				p.CallerPolicies = []string{allow(`"NotAction":["iam:PutRolePolicy"]`), allow(`"Action":"iam:PutRolePolicy","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`)}
			},
			map[string]string{"iam:PutRolePolicy on role/prod-1-agent": "unknown: a policy asks for aws:SourceIp, which the simulation does not know"},
		},
		"a condition that only EC2 knows": {
			func(_ *testing.T, p *premises) {
				p.CallerPolicies = []string{allow(`"NotAction":["ec2:CreateTags"]`), allow(`"Action":"ec2:CreateTags","Condition":{"StringEquals":{"aws:ResourceTag/owner":"me"}}`)}
			},
			map[string]string{
				"ec2:CreateTags on instance/i-1":        "denied: EC2's dry run: because no identity-based policy allows the ec2:CreateTags action",
				"ec2:CreateTags on security-group/sg-1": "unknown: a policy asks for aws:ResourceTag/owner, which the simulation does not know",
			},
		},
		"no permission to ask": {
			func(_ *testing.T, p *premises) { p.CallerPolicies = []string{allow(`"NotAction":["iam:Simulate*"]`)} },
			map[string]string{
				"":                               "unknown: iam:SimulatePrincipalPolicy: AccessDenied: User: arn:aws:iam::123456789012:user/operator is not authorized to perform: iam:SimulatePrincipalPolicy on resource: arn:aws:iam::123456789012:user/operator because no identity-based policy allows the iam:SimulatePrincipalPolicy action",
				"ec2:CreateTags on instance/i-1": "allowed",
			},
		},
		"neither IAM nor EC2 answers": {
			func(_ *testing.T, p *premises) {
				p.Inject(fakeaws.Fault{Service: "iam", Operation: "SimulatePrincipalPolicy", Error: &fakeaws.Error{Status: 400, Code: "NoSuchThing", Message: "there is no such thing."}})
				p.Inject(fakeaws.Fault{Service: "ec2", Operation: "CreateTags", Error: &fakeaws.Error{Status: 400, Code: "InvalidState", Message: "it is in no state."}})
			},
			map[string]string{
				"":                               "unknown: iam:SimulatePrincipalPolicy: NoSuchThing: there is no such thing",
				"ec2:CreateTags on instance/i-1": "unknown: iam:SimulatePrincipalPolicy: NoSuchThing: there is no such thing; EC2's dry run: InvalidState: it is in no state",
			},
		},
		"a session of a role with a path": {
			func(t *testing.T, p *premises) {
				p.role(t, "/people/", "admin", allow(`"NotAction":["iam:TagRole"],"Condition":{"StringEquals":{"aws:PrincipalTag/team":"infra"}}`))
				p.Caller = "arn:aws:sts::123456789012:assumed-role/admin/me"
			},
			map[string]string{"iam:TagRole on role/prod-1-agent": "denied: identity policy: none allows it"},
		},
		"a session whose role cannot be read": {
			func(_ *testing.T, p *premises) { p.Caller = "arn:aws:sts::123456789012:assumed-role/gone/me" },
			map[string]string{
				"":                               "unknown: the caller's role gone cannot be read: NoSuchEntity: The role with name gone cannot be found",
				"ec2:CreateTags on instance/i-1": "allowed",
			},
		},
		"a federated user": {
			func(_ *testing.T, p *premises) { p.Caller = "arn:aws:sts::123456789012:federated-user/me" },
			map[string]string{"": "unknown: the policies of a federated user cannot be simulated", "ec2:CreateTags on instance/i-1": "allowed"},
		},
		"the root user": {
			func(_ *testing.T, p *premises) { p.Caller = "arn:aws:iam::123456789012:root" },
			map[string]string{"": "allowed: the root user may do all that an organisation lets the account do", "ec2:CreateTags on instance/i-1": "allowed"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPremises(t)
			test.given(t, p)
			outcome := p.plan(t, p.smallFile())
			var want, got []string
			var findings []plan.Finding
			for _, call := range asked {
				said, ok := test.want[call]
				if !ok {
					said = test.want[""]
				}
				verdict, by, _ := strings.Cut(said, ": ")
				if verdict == "" {
					verdict = "allowed"
				}
				row := fmt.Sprintf("%-7s %s", verdict, call)
				if by != "" {
					row += ": " + by
				}
				want = append(want, row)
				if verdict == "denied" {
					findings = append(findings, plan.Finding{
						Code: account.CodeDenied, Level: plan.Blocks, Object: call, Detail: "the caller is denied it: " + by,
						Fix: "`ecr-node-bootstrap print operator-policy` prints the permissions that this plan needs; if the preflight is wrong, apply with --force",
					})
				}
			}
			for _, permission := range outcome.Preflight {
				got = append(got, p.short(permission.String()))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("permissions (-want +got)\n%s", diff)
			}
			blocked := outcome.Blocked()
			for i := range blocked {
				blocked[i].Object = p.short(blocked[i].Object)
			}
			if diff := cmp.Diff(findings, blocked, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("findings that block (-want +got)\n%s", diff)
			}
		})
	}
}

// short leaves out of a text what differs from run to run, and what is always the same.
func (p *premises) short(text string) string {
	return strings.NewReplacer(p.instances[0], "i-1", p.group, "sg-1",
		"on arn:aws:iam::123456789012:instance", "on instance", "on arn:aws:iam::123456789012:role/prod", "on role/prod", "on arn:aws:ec2:eu-central-1:123456789012:", "on ").Replace(text)
}

// role makes a role of a person.
func (p *premises) role(t *testing.T, path, name, document string) {
	t.Helper()
	c := iam.NewFromConfig(p.aws)
	must(c.CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: &name, Path: &path, AssumeRolePolicyDocument: aws.String(trustEKS), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("infra")}},
	}))(t)
	must(c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("own"), PolicyDocument: &document}))(t)
}

// TestPreflightIsShort counts the calls of a plan of everything: few for the simulation,
// no retries beyond two, and none at all where nothing is to be done.
func TestPreflightIsShort(t *testing.T) {
	p := newPremises(t)
	f := p.file()
	f.Nodes[0].Instances.IDs = append(f.Nodes[0].Instances.IDs, p.launch(t, 40)...)
	count := func() map[string]int {
		n := map[string]int{}
		for _, c := range p.Calls() {
			if strings.HasPrefix(c.Operation, "Simulate") || c.Operation == "CreateTags" {
				n[c.Operation]++
			}
		}
		return n
	}
	p.ForgetCalls()
	outcome := p.plan(t, f)
	if diff := cmp.Diff(map[string]int{"SimulatePrincipalPolicy": 6, "SimulateCustomPolicy": 3, "CreateTags": 1}, count()); diff != "" {
		t.Errorf("calls of the preflight (-want +got)\n%s", diff)
	}
	for _, permission := range outcome.Preflight {
		if permission.Action == "ec2:AssociateIamInstanceProfile" && permission.More != 42 {
			t.Errorf("of 43 instances, %d more are as the one named", permission.More)
		}
	}

	p.ForgetCalls()
	p.Inject(fakeaws.Fault{Service: "iam", Operation: "SimulatePrincipalPolicy", Error: &fakeaws.Error{Status: 500, Code: "InternalFailure", Message: "moto"}})
	p.Inject(fakeaws.Fault{Service: "iam", Operation: "SimulateCustomPolicy", Error: &fakeaws.Error{Status: 500, Code: "InternalFailure", Message: "moto"}})
	outcome = p.plan(t, f)
	if n := count(); n["SimulatePrincipalPolicy"] > 2 || n["SimulateCustomPolicy"] > 2 {
		t.Errorf("calls of a simulator that is down: %v", n)
	}
	var text bytes.Buffer
	account.PermissionText(&text, outcome.Preflight)
	want := "  unknown (iam:SimulatePrincipalPolicy: InternalFailure: moto): iam:CreatePolicy, iam:TagPolicy, iam:CreateRole, iam:TagRole, iam:AttachRolePolicy, " +
		"iam:CreateInstanceProfile, iam:TagInstanceProfile, iam:AddRoleToInstanceProfile, iam:PassRole, iam:PutRolePolicy, " +
		"ec2:AssociateIamInstanceProfile, ec2:CreateTags, autoscaling:CreateOrUpdateTags, eks:TagResource, eks:CreateAccessEntry, eks:AssociateAccessPolicy\n" +
		"  unknown role prod-1-server (permissions boundary " + p.boundary + ": InternalFailure: moto): *\n" +
		"  allowed: ec2:CreateTags\n"
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("the preflight for people (-want +got)\n%s", diff)
	}
}

// TestDryRunContradicts is for a simulation that EC2 itself calls wrong on one resource:
// then nothing is known of the others.
func TestDryRunContradicts(t *testing.T) {
	p := newPremises(t)
	f := p.smallFile()
	f.Nodes[0].Instances.IDs = p.instances
	f.Nodes[0].IAM, f.Nodes[0].Association, f.Network = config.Ignore, config.Ignore, config.Network{}
	p.Inject(fakeaws.Fault{Service: "ec2", Operation: "CreateTags", Error: &fakeaws.Error{Status: 403, Code: "UnauthorizedOperation", Message: "You may not."}})
	tag := func(id string, more int, v account.Verdict, by string) account.Permission {
		return account.Permission{Action: "ec2:CreateTags", Resource: "arn:aws:ec2:eu-central-1:123456789012:instance/" + id, More: more, Verdict: v, By: by}
	}
	want := []account.Permission{
		tag(p.instances[0], 0, account.Denied, "EC2's dry run: You may not"),
		tag(p.instances[1], 1, account.Unknown, "the simulation says allowed, and EC2's dry run on "+p.instances[0]+" says denied"),
	}
	if diff := cmp.Diff(want, p.plan(t, f).Preflight); diff != "" {
		t.Errorf("permissions (-want +got)\n%s", diff)
	}
}

// TestPreflightOfWhatIsThere asks about a role where it really is.
func TestPreflightOfWhatIsThere(t *testing.T) {
	p := newPremises(t)
	p.role(t, "/other/", "prod-1-agent", allow(all))
	var got []string
	for _, permission := range p.plan(t, p.smallFile()).Preflight {
		if strings.Contains(permission.Resource, ":role/") {
			got = append(got, permission.String())
		}
	}
	const there = " on arn:aws:iam::123456789012:role/other/prod-1-agent"
	if diff := cmp.Diff([]string{"allowed iam:UpdateAssumeRolePolicy" + there, "allowed iam:PutRolePolicy" + there, "allowed iam:PassRole" + there}, got); diff != "" {
		t.Errorf("permissions on the role (-want +got)\n%s", diff)
	}
}

// TestPreflightOfNothing asks for nobody's role.
func TestPreflightOfNothing(t *testing.T) {
	p := newPremises(t)
	p.role(t, "/", "admin", allow(all))
	p.Caller = "arn:aws:sts::123456789012:assumed-role/admin/me"
	f := p.smallFile()
	f.Nodes[0].IAM, f.Nodes[0].Association, f.Nodes[0].Tagging, f.Network = config.Ignore, config.Ignore, config.Ignore, config.Network{}
	outcome := p.plan(t, f)
	if outcome.Changes != nil || outcome.Preflight != nil {
		t.Errorf("plan: %v, %v", outcome.Changes, outcome.Preflight)
	}
	for _, c := range p.Calls() {
		if c.Service == "iam" && c.Principal == "key AKIAOPERATOR" {
			t.Errorf("called: %s", c)
		}
	}
}

// TestBoundary warns of what a boundary takes from the nodes that get it.
func TestBoundary(t *testing.T) {
	p := newPremises(t)
	f := p.smallFile()
	f.Nodes[0].Roles, f.Nodes[0].Features = []config.Role{config.ControlPlane}, []config.Feature{config.Routes}
	f.Pull.Repositories = []string{"team/*"}
	f.Nodes[0].Boundary = *must(iam.NewFromConfig(p.aws).CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: aws.String("limit"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["ec2:Describe*","ecr:*"],"Resource":["*"]},
		{"Effect":"Allow","Action":"ec2:CreateRoute","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"eu-central-1"}}},
		{"Effect":"Allow","Action":"ec2:DeleteRoute","Resource":"*","Condition":{"StringEquals":{"ec2:ResourceTag/team":"infra"}}},
		{"Effect":"Deny","Action":"ecr:BatchGetImage","Resource":"arn:aws:ecr:eu-central-1:123456789012:repository/team/*"}]}`)}))(t).Policy.Arn
	outcome := p.plan(t, f)
	by := "permissions boundary " + f.Nodes[0].Boundary
	want := []account.Permission{
		{Role: "prod-1-agent", Action: "ec2:DeleteRoute", Resource: "*", Verdict: account.Unknown, By: by + ": a policy asks for ec2:ResourceTag/team, which the simulation does not know"},
		{Role: "prod-1-agent", Action: "ec2:ModifyInstanceAttribute", Resource: "*", Verdict: account.Denied, By: by},
		{Role: "prod-1-agent", Action: "ecr:BatchGetImage", Resource: "arn:aws:ecr:eu-central-1:123456789012:repository/team/*", Verdict: account.Denied, By: by},
	}
	var got []account.Permission
	for _, permission := range outcome.Preflight {
		if permission.Role != "" {
			got = append(got, permission)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("permissions of the node (-want +got)\n%s", diff)
	}
	var findings []plan.Finding
	for _, f := range outcome.Findings {
		if f.Code == "boundary-denies" {
			findings = append(findings, f)
		}
	}
	if diff := cmp.Diff([]plan.Finding{{
		Code: "boundary-denies", Level: plan.Warning, Object: "role prod-1-agent",
		Detail: "its " + by + " does not allow ec2:ModifyInstanceAttribute, ecr:BatchGetImage",
		Fix:    "have the boundary allow these actions, or leave out the features that need them",
	}}, findings); diff != "" {
		t.Errorf("findings (-want +got)\n%s", diff)
	}
	f.Nodes[0].IAM = config.Ignore // its tags are left to do
	for _, permission := range p.plan(t, f).Preflight {
		if permission.Role != "" {
			t.Errorf("the role is not changed, and there is %s", permission)
		}
	}
	f.Nodes[0].IAM = config.Manage
	f.Nodes[0].Boundary += "-gone"
	for _, permission := range p.plan(t, f).Preflight {
		if permission.Role != "" {
			got = append(got, permission)
		}
	}
	gone := account.Permission{Role: "prod-1-agent", Action: "*", Resource: "*", Verdict: account.Unknown, By: by + "-gone: NoSuchEntity: Policy " + f.Nodes[0].Boundary + " was not found"}
	if diff := cmp.Diff(append(want, gone), got); diff != "" {
		t.Errorf("and with a boundary that is not there (-want +got)\n%s", diff)
	}
}
