package integration

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
)

// motoCannot are the actions that moto 5.2.1 does not do for anybody, and why, so that
// nothing there proves them. One that it has learnt must be taken off.
var motoCannot = map[string]string{
	"ec2:DescribeInstanceTopology":     "moto does not have it",
	"ecr:BatchImportUpstreamImage":     "it is no operation: ECR asks for it when an image is pulled",
	"ecr:GetDownloadUrlForLayer":       "moto has it by name only",
	"ecr-public:GetAuthorizationToken": "moto does not have the service",
	"sts:GetServiceBearerToken":        "it is no operation: ECR Public asks for it when a token is got",
}

// TestPoliciesAreOfTheCalls holds the policies against what components call, without a
// server.
func TestPoliciesAreOfTheCalls(t *testing.T) {
	var called []string
	for _, c := range components {
		own := actions(c.calls)
		called = append(called, own...)
		if diff := cmp.Diff(own, named(t, c.ask, c.policy).Actions()); diff != "" {
			t.Errorf("%s: its policy is not of what it calls (-calls +policy):\n%s", c.name, diff)
		}
	}
	for action := range motoCannot {
		if !slices.Contains(called, action) {
			t.Errorf("motoCannot lists %s, which no component calls", action)
		}
	}
}

// TestPoliciesInMoto lets moto judge the lists of actions. Each policy of a component
// is put on a role, without its resources and conditions, which moto does not look at.
// Whoever has that role can then make every call of the component, and cannot make it
// once the action of that call is left out of the policy.
func TestPoliciesInMoto(t *testing.T) {
	n := startNode(t)
	for _, c := range components {
		t.Run(c.name, func(t *testing.T) {
			defer n.forgetServices(t)
			whole := flat(t, c)
			for _, r := range c.calls {
				n.allow(t, leavingOut(whole, r.action()))
				without := n.call(t, r)
				n.allow(t, whole)
				with := n.call(t, r)
				why, cannot := motoCannot[r.action()]
				switch {
				case with.refused():
					t.Errorf("%s is refused where the policy has it: %s", r.action(), with)
				case cannot && with.done():
					t.Errorf("%s is done, and motoCannot says that %s: take it off", r.action(), why)
				case !cannot && !with.done():
					t.Errorf("%s is not done where the policy has it: %s", r.action(), with)
				case !cannot && !without.refused():
					t.Errorf("%s is not refused where the policy lacks it: %s", r.action(), without)
				}
			}
		})
	}
}

// TestPublishedPoliciesInMoto lets moto find what the documents lack that others
// publish: the very calls that are refused under them.
func TestPublishedPoliciesInMoto(t *testing.T) {
	n := startNode(t)
	for _, profile := range []policy.Profile{policy.ProfileRancher, policy.ProfileUpstream} {
		t.Run(string(profile), func(t *testing.T) {
			all := component{ask: ask(policy.ControlPlane, policy.Features()...), policy: string(profile) + "-control-plane"}
			all.ask.Profile = profile
			for _, c := range components {
				if c.policy == "cloud-provider" {
					all.calls = append(all.calls, c.calls...)
				}
			}
			defer n.forgetServices(t)
			n.allow(t, flat(t, all))
			var refused []request
			for _, r := range all.calls {
				if n.call(t, r).refused() {
					refused = append(refused, r)
				}
			}
			rows, err := policy.Lacking(all.ask)
			must(t, err)
			var lacking []string
			for _, row := range rows {
				lacking = append(lacking, row.Action)
			}
			if diff := cmp.Diff(actions(refused), slices.Compact(lacking)); diff != "" {
				t.Errorf("what is refused is not what is said to be lacking (-refused +lacking):\n%s", diff)
			}
		})
	}
}

// actions are what a policy has to allow for the calls, sorted.
func actions(calls []request) []string {
	var all []string
	for _, r := range calls {
		all = append(all, r.action())
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// flat is the policy of a component without resources and conditions.
func flat(t *testing.T, c component) policy.Document {
	t.Helper()
	d := named(t, c.ask, c.policy)
	for i := range d.Statements {
		d.Statements[i].Resources, d.Statements[i].Conditions = []string{"*"}, nil
	}
	return d
}

// named is one of the policies of a group of nodes.
func named(t *testing.T, a policy.Ask, name string) policy.Document {
	t.Helper()
	all, err := policy.For(a)
	must(t, err)
	i := slices.IndexFunc(all, func(n policy.Named) bool { return n.Name == name })
	if i < 0 {
		t.Fatalf("the group has no policy %s", name)
	}
	return all[i].Document
}

// leavingOut is the document without the action, and without statements that had no
// other.
func leavingOut(d policy.Document, action string) policy.Document {
	var left []policy.Statement
	for _, s := range d.Statements {
		s.Actions = slices.DeleteFunc(slices.Clone(s.Actions), func(a string) bool { return a == action })
		if len(s.Actions) > 0 {
			left = append(left, s)
		}
	}
	d.Statements = left
	return d
}

// A node is in an account whose server enforces policies. It has a role, and nobody
// but the operator may do more than that role.
type node struct {
	*server
	operator *iam.Client
	as       aws.Credentials
	names    map[string]string // what is in the account, for the calls of a story
}

// startNode seeds an account with what components find, and from then on has policies
// enforced, until the test is over.
func startNode(t *testing.T) *node {
	t.Helper()
	if endpoint == "" {
		t.Skip("it needs moto, which enforces policies: make integration, or TEST_AWS_ENDPOINT_URL=moto")
	}
	s := start(t)
	s.enforceAfter(t, "inf") // a run that was killed may have left it otherwise
	t.Cleanup(func() { s.enforceAfter(t, "inf") })
	e := s.seed(t)
	tables, err := s.ec2.DescribeRouteTables(t.Context(), &ec2.DescribeRouteTablesInput{
		Filters: []types.Filter{{Name: aws.String("vpc-id"), Values: []string{e.vpc}}},
	})
	must(t, err)
	_, err = s.ecr.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("team/app")})
	must(t, err)
	n := &node{server: s, operator: s.administrator(t), as: s.session(t), names: map[string]string{
		"vpc": e.vpc, "group": e.group, "subnet": e.public[0], "otherSubnet": e.public[1],
		"instance": e.servers[0], "table": *tables.RouteTables[0].RouteTableId,
	}}
	s.enforceAfter(t, "0")
	return n
}

// session makes the role of the node, and somebody who has it.
func (s *server) session(t *testing.T) aws.Credentials {
	t.Helper()
	s.role(t, "node", ec2Trust)
	client := sts.NewFromConfig(aws.Config{Region: region, BaseEndpoint: &s.url, Credentials: s.iam.Options().Credentials})
	out, err := client.AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::" + accountID + ":role/node"), RoleSessionName: aws.String("i-0123456789abcdef0"),
	})
	must(t, err)
	return aws.Credentials{
		AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey,
		SessionToken: *out.Credentials.SessionToken,
	}
}

// administrator makes a user who may do anything.
func (s *server) administrator(t *testing.T) *iam.Client {
	t.Helper()
	name := aws.String("operator")
	_, err := s.iam.CreateUser(t.Context(), &iam.CreateUserInput{UserName: name})
	must(t, err)
	_, err = s.iam.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{
		UserName: name, PolicyName: name,
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`),
	})
	must(t, err)
	key, err := s.iam.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: name})
	must(t, err)
	return iam.NewFromConfig(aws.Config{
		Region: region, BaseEndpoint: &s.url,
		Credentials: credentials.NewStaticCredentialsProvider(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, ""),
	})
}

// enforceAfter lets moto enforce policies after so many calls.
func (s *server) enforceAfter(t *testing.T, calls string) {
	t.Helper()
	response, err := http.Post(s.url+"/moto-api/reset-auth", "text/plain", strings.NewReader(calls))
	must(t, err)
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Skipf("%s is no moto: it does not take /moto-api/reset-auth (%s)", s.url, response.Status)
	}
}

// allow gives the role of the node this policy, and no other.
func (n *node) allow(t *testing.T, d policy.Document) {
	t.Helper()
	role, name := aws.String("node"), aws.String("components")
	if len(d.Statements) == 0 { // which is no policy
		_, err := n.operator.DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{RoleName: role, PolicyName: name})
		if _, none := errors.AsType[*iamtypes.NoSuchEntityException](err); !none {
			must(t, err)
		}
		return
	}
	_, err := n.operator.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: role, PolicyName: name, PolicyDocument: aws.String(d.String())})
	must(t, err)
}

// call makes a call of a component with what the role of the node may do.
func (n *node) call(t *testing.T, r request) reply {
	t.Helper()
	got := n.send(t, n.as, r, n.names)
	for _, m := range made.FindAllStringSubmatch(got.body, -1) {
		n.names[m[1]] = m[2]
	}
	return got
}

// forgetServices removes the roles of services, which stories make and do not take
// back, so that the next story is the first to need them.
func (n *node) forgetServices(t *testing.T) {
	t.Helper()
	out, err := n.operator.ListRoles(t.Context(), &iam.ListRolesInput{PathPrefix: aws.String("/aws-service-role/")})
	must(t, err)
	for _, r := range out.Roles {
		_, err := n.operator.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: r.RoleName})
		must(t, err)
	}
}
