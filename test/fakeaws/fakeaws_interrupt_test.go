package fakeaws_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

// TestRoleDelay is a role and a profile that nobody sees at first.
func TestRoleDelay(t *testing.T) {
	t.Parallel()
	a, c := startIAM(t, func(s *fakeaws.Server) { s.RoleDelay = 3 })
	r := sdk.String("r")
	newRole(t, c, *r)
	must(c.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: r}))(t)
	noRole, noProfile := "404 NoSuchEntity: The role with name r cannot be found.", "404 NoSuchEntity: Instance Profile r cannot be found."
	_, err := c.GetRole(t.Context(), &iam.GetRoleInput{RoleName: r})
	equal(t, "GetRole", noRole, said(err))
	equal(t, "ListRoles", 0, len(must(c.ListRoles(t.Context(), &iam.ListRolesInput{}))(t).Roles))
	_, err = c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: r, PolicyName: r, PolicyDocument: sdk.String(pull)})
	equal(t, "PutRolePolicy", noRole, said(err))
	_, err = c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: r, AssumeRolePolicyDocument: sdk.String(trustEC2)})
	equal(t, "CreateRole", "409 EntityAlreadyExists: Role with name r already exists.", said(err))
	must(c.GetRole(t.Context(), &iam.GetRoleInput{RoleName: r}))(t)

	for range 3 {
		_, err = c.GetInstanceProfile(t.Context(), &iam.GetInstanceProfileInput{InstanceProfileName: r})
		equal(t, "GetInstanceProfile", noProfile, said(err))
	}
	must(c.AddRoleToInstanceProfile(t.Context(), &iam.AddRoleToInstanceProfileInput{InstanceProfileName: r, RoleName: r}))(t)
	equal(t, "roles of the account", 1, len(a.Dump()["iam"].(map[string]any)["roles"].(map[string]any)))

	newRole(t, c, "short-lived")
	must(c.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: sdk.String("short-lived")}))(t)
}

// names of the roles of an account, by a client that nothing goes wrong for.
func (a *aws) roles() (names []string) {
	for arn := range a.Dump()["iam"].(map[string]any)["roles"].(map[string]any) {
		names = append(names, arn[strings.LastIndex(arn, "/")+1:])
	}
	return names
}

// TestInterrupt is connections that end before or after a change.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	create := func(t *testing.T, c *iam.Client, name string) bool {
		_, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: sdk.String(trustEC2)})
		if err != nil && !strings.Contains(err.Error(), "EOF") {
			t.Errorf("CreateRole(%s) = %v, want a connection that ends", name, err)
		}
		return err == nil
	}
	for _, c := range []struct {
		name     string
		lines    []string
		answered []bool
		roles    []string
	}{
		{"dropped", []string{"iam:CreateRole drop times=1"}, []bool{false, true}, []string{"r1"}},
		{"lost", []string{"iam:CreateRole lost times=1"}, []bool{false, true}, []string{"r0", "r1"}},
		{"dropped from the third change on", []string{"* drop changes after=2"}, []bool{true, true, false, false}, []string{"r0", "r1"}},
		{"lost from the second change on", []string{"* lost changes after=1"}, []bool{true, false, false}, []string{"r0", "r1", "r2"}},
		{"lost once, then out of reach", []string{"* drop changes after=1", "* lost changes after=1 times=1"}, []bool{true, false, false}, []string{"r0", "r1"}},
		{"another service", []string{"ec2 drop"}, []bool{true}, []string{"r0"}},
		{"another operation", []string{"iam:TagRole lost"}, []bool{true}, []string{"r0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, client := startIAM(t)
			a.inject(t, c.lines...)
			var answered []bool
			for i := range c.answered {
				must(client.ListRoles(t.Context(), &iam.ListRolesInput{}))(t)
				answered = append(answered, create(t, client, fmt.Sprint("r", i)))
			}
			equal(t, "answered", c.answered, answered)
			got := map[string]bool{}
			for _, name := range a.roles() {
				got[name] = true
			}
			want := map[string]bool{}
			for _, name := range c.roles {
				want[name] = true
			}
			equal(t, "roles", want, got)
		})
	}
}

// TestAfter is an error that comes though the change was made.
func TestAfter(t *testing.T) {
	t.Parallel()
	a, c := startIAM(t)
	a.Inject(fakeaws.Fault{Service: "iam", After: true, Times: 1, Error: &fakeaws.Error{Status: 500, Code: "ServiceFailure", Message: "An error on the server occurred."}})
	_, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: sdk.String("r"), AssumeRolePolicyDocument: sdk.String(trustEC2)})
	equal(t, "CreateRole", "500 ServiceFailure: An error on the server occurred.", said(err))
	equal(t, "roles", []string{"r"}, a.roles())
	equal(t, "calls", "iam CreateRole in us-east-1 by key AKIAOPERATOR with r -> ServiceFailure", a.Calls()[0].String())
	a.inject(t, "iam error code=ConcurrentModification status=409 message=Wait a few minutes before submitting the request again.")
	_, err = c.TagRole(t.Context(), &iam.TagRoleInput{RoleName: sdk.String("r"), Tags: tagged("a", "b")})
	equal(t, "TagRole", "409 ConcurrentModification: Wait a few minutes before submitting the request again.", said(err))
}

// TestThrottle is half of all calls refused: the same ones for the same seed, before
// anything is done, and none more than six times in a row.
func TestThrottle(t *testing.T) {
	t.Parallel()
	run := func(share float64, seed uint64, calls int) (refused string, inARow int) {
		a, c := startIAM(t, func(s *fakeaws.Server) { s.ThrottleShare, s.ThrottleSeed = share, seed })
		row, made := 0, 0
		for range calls {
			name := fmt.Sprint("r", made)
			_, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: sdk.String(trustEC2)})
			switch said(err) {
			case "":
				refused, row, made = refused+".", 0, made+1
			case "400 Throttling: Rate exceeded":
				refused, row = refused+"x", row+1
			default:
				t.Fatalf("CreateRole = %v", err)
			}
			inARow = max(inARow, row)
		}
		equal(t, "roles", made, len(a.roles()))
		return refused, inARow
	}
	first, _ := run(0.5, 1, 100)
	if n := strings.Count(first, "x"); n < 35 || n > 65 {
		t.Errorf("%d of 100 calls were refused (%s), want about half", n, first)
	}
	again, _ := run(0.5, 1, 100)
	equal(t, "the same seed", first, again)
	if other, _ := run(0.5, 2, 100); other == first {
		t.Errorf("another seed refuses the same calls: %s", other)
	}
	always, inARow := run(1, 1, 14)
	equal(t, "in a row", 6, inARow)
	equal(t, "all throttled", "xxxxxx.xxxxxx.", always)
}

// TestThrottleCodes is how each service says that there are too many calls.
func TestThrottleCodes(t *testing.T) {
	t.Parallel()
	a := start(t, func(s *fakeaws.Server) { s.ThrottleShare = 1 })
	key := credentials.NewStaticCredentialsProvider("AKIAOPERATOR", "secret", "")
	of := func(_ any, err error) string { return said(err) }
	got := map[string]string{
		"iam": of(a.iamBy("AKIAOPERATOR").ListRoles(t.Context(), &iam.ListRolesInput{})),
		"ec2": of(ec2.New(ec2.Options{Region: "eu-central-1", BaseEndpoint: &a.server.URL, Retryer: sdk.NopRetryer{}, Credentials: key}).
			DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})),
		"autoscaling": of(autoscaling.New(autoscaling.Options{Region: "eu-central-1", BaseEndpoint: &a.server.URL, Retryer: sdk.NopRetryer{}, Credentials: key}).
			DescribeTags(t.Context(), &autoscaling.DescribeTagsInput{})),
		"eks": of(eks.New(eks.Options{Region: "eu-central-1", BaseEndpoint: &a.server.URL, Retryer: sdk.NopRetryer{}, Credentials: key}).
			DescribeCluster(t.Context(), &eks.DescribeClusterInput{Name: sdk.String("c")})),
		"ecr": of(ecr.New(ecr.Options{Region: "eu-central-1", BaseEndpoint: &a.server.URL, Retryer: sdk.NopRetryer{}, Credentials: key}).
			GetRepositoryPolicy(t.Context(), &ecr.GetRepositoryPolicyInput{RepositoryName: sdk.String("r")})),
	}
	equal(t, "refusals", map[string]string{
		"iam":         "400 Throttling: Rate exceeded",
		"ec2":         "503 RequestLimitExceeded: Request limit exceeded.",
		"autoscaling": "400 Throttling: Rate exceeded",
		"eks":         "429 ThrottlingException: Rate exceeded",
		"ecr":         "400 ThrottlingException: Rate exceeded",
	}, got)
	equal(t, "a token, which is not among them", 200, a.do(t, getToken("ecr", "eu-central-1")).Status)
}

// TestDump is what two accounts that are made in another order have in common, and what
// tells them apart.
func TestDump(t *testing.T) {
	t.Parallel()
	build := func(order []int, value string) *aws {
		a, c := startIAM(t)
		steps := []func(){
			func() { newRole(t, c, "r", tagged("a", value)...) },
			func() {
				must(c.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: sdk.String("p"), Tags: tagged("x", "y")}))(t)
			},
			func() {
				policy := must(c.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: sdk.String("m"), Path: sdk.String("/n/"), PolicyDocument: sdk.String(padded(order[0]))}))(t).Policy
				must(c.CreatePolicyVersion(t.Context(), &iam.CreatePolicyVersionInput{PolicyArn: policy.Arn, PolicyDocument: sdk.String(pull), SetAsDefault: true}))(t)
			},
		}
		for _, i := range order {
			steps[i]()
		}
		must(c.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: sdk.String("r"), PolicyArn: sdk.String(pullOnly)}))(t)
		must(c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: sdk.String("r"), PolicyName: sdk.String("i"), PolicyDocument: sdk.String(strings.ReplaceAll(pull, `":`, `" : `))}))(t)
		must(c.AddRoleToInstanceProfile(t.Context(), &iam.AddRoleToInstanceProfileInput{InstanceProfileName: sdk.String("p"), RoleName: sdk.String("r")}))(t)
		return a
	}
	a := build([]int{0, 1, 2}, "1")
	var document, trust any
	for text, v := range map[string]*any{pull: &document, trustEC2: &trust} {
		if err := json.Unmarshal([]byte(text), v); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]any{"iam": map[string]any{
		"roles": map[string]any{"arn:aws:iam::123456789012:role/r": map[string]any{
			"trust": trust, "maxSession": 3600.0, "tags": map[string]any{"a": "1"}, "attached": []any{pullOnly}, "inline": map[string]any{"i": document},
		}},
		"profiles": map[string]any{"arn:aws:iam::123456789012:instance-profile/p": map[string]any{"role": "r", "tags": map[string]any{"x": "y"}}},
		"policies": map[string]any{"arn:aws:iam::123456789012:policy/n/m": map[string]any{"document": document}},
	}}
	equal(t, "Dump", want, a.Dump())
	equal(t, "another order", a.Dump(), build([]int{2, 1, 0}, "1").Dump())
	if other := build([]int{0, 1, 2}, "2").Dump(); fmt.Sprint(other) == fmt.Sprint(a.Dump()) {
		t.Error("another tag makes no difference")
	}
	r := a.do(t, request{method: http.MethodGet, path: "/fakeaws/account"})
	var got map[string]any
	if err := json.Unmarshal([]byte(r.Body), &got); err != nil {
		t.Fatalf("GET account: %v in %s", err, r.Body)
	}
	equal(t, "GET account", want, got)
}
