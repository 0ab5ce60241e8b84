package policy

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubelet-ecr/kubelet-ecr/deploy"
)

// modules are the SDK's clients of the services that have these prefixes in actions.
var modules = map[string][]string{
	"autoscaling":          {"autoscaling"},
	"cloudformation":       {"cloudformation"},
	"ec2":                  {"ec2"},
	"ecr":                  {"ecr"},
	"ecr-public":           {"ecrpublic"},
	"eks":                  {"eks"},
	"elasticloadbalancing": {"elasticloadbalancing", "elasticloadbalancingv2"},
	"iam":                  {"iam"},
	"kms":                  {"kms"},
	"sts":                  {"sts"},
}

// permissionOnly are actions that are no operation, with the page that has them.
var permissionOnly = map[string]string{
	"ecr:BatchImportUpstreamImage": "docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-iam.html",
	"ecr:ReplicateImage":           "docs.aws.amazon.com/AmazonECR/latest/userguide/registry-permissions-create-replication.html",
	"iam:PassRole":                 "docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html",
	"sts:GetServiceBearerToken":    "docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html",
}

// TestActionsAreOperations finds the misspelt, which IAM would take without a word.
func TestActionsAreOperations(t *testing.T) {
	operations := sdkOperations(t)
	for action, where := range everyAction(t) {
		_, isPermission := permissionOnly[action]
		if isOperation := operations[action]; isOperation == isPermission {
			t.Errorf("%s (%s): an operation of the SDK is %t, in the list of those that are none %t", action, where, isOperation, isPermission)
		}
	}
}

// everyAction are the actions of the table and of the published documents, with where
// each was seen.
func everyAction(t *testing.T) map[string]string {
	t.Helper()
	actions := map[string]string{}
	for _, c := range calls {
		actions[c.action] = "calls"
	}
	for _, i := range uncalled {
		actions[i.action] = "uncalled"
	}
	for _, m := range missing {
		actions[m.action] = "missing"
	}
	for _, name := range deploy.PolicyNames() {
		d, err := Published(name, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, action := range d.Actions() {
			actions[action] = name
		}
	}
	return actions
}

// sdkOperations reads them off the names of the SDK's files, which has one for each.
func sdkOperations(t *testing.T) map[string]bool {
	t.Helper()
	// go test remembers a result until a file of this module that the test looked at
	// changes. The SDK lies outside, so go.mod has to stand for its version.
	if _, err := os.Stat(filepath.Join("..", "..", "..", "go.mod")); err != nil {
		t.Fatal(err)
	}
	operations := map[string]bool{}
	for prefix, clients := range modules {
		for _, client := range clients {
			files, err := filepath.Glob(filepath.Join(moduleDir(t, "github.com/aws/aws-sdk-go-v2/service/"+client), "api_op_*.go"))
			if err != nil || len(files) == 0 {
				t.Fatalf("the SDK's client of %s has no file for each operation any more: %v", client, err)
			}
			for _, f := range files {
				name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f), "api_op_"), ".go")
				operations[prefix+":"+name] = true
			}
		}
	}
	return operations
}

func moduleDir(t *testing.T, module string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", module).Output()
	var found struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(out, &found); jsonErr != nil || found.Dir == "" {
		t.Fatalf("go mod download %s: %v: %s", module, err, found.Error)
	}
	return found.Dir
}

// TestCloudControllerCalls holds the table against the list of what the cloud
// controller's code can call.
func TestCloudControllerCalls(t *testing.T) {
	var got []string
	for _, c := range calls {
		if c.by == &ccm {
			got = append(got, c.action)
		}
	}
	got = set(got)
	want := strings.Fields(`
		ec2:AuthorizeSecurityGroupIngress ec2:CreateRoute ec2:CreateSecurityGroup ec2:CreateTags ec2:DeleteRoute
		ec2:DeleteSecurityGroup ec2:DeleteTags ec2:DescribeAvailabilityZones ec2:DescribeInstanceTopology
		ec2:DescribeInstances ec2:DescribeNetworkInterfaces ec2:DescribeRouteTables ec2:DescribeSecurityGroups
		ec2:DescribeSubnets ec2:ModifyInstanceAttribute ec2:RevokeSecurityGroupIngress
		elasticloadbalancing:AddTags elasticloadbalancing:ApplySecurityGroupsToLoadBalancer
		elasticloadbalancing:AttachLoadBalancerToSubnets elasticloadbalancing:ConfigureHealthCheck
		elasticloadbalancing:CreateListener elasticloadbalancing:CreateLoadBalancer
		elasticloadbalancing:CreateLoadBalancerListeners elasticloadbalancing:CreateLoadBalancerPolicy
		elasticloadbalancing:CreateTargetGroup elasticloadbalancing:DeleteListener elasticloadbalancing:DeleteLoadBalancer
		elasticloadbalancing:DeleteLoadBalancerListeners elasticloadbalancing:DeleteTargetGroup
		elasticloadbalancing:DeregisterInstancesFromLoadBalancer elasticloadbalancing:DeregisterTargets
		elasticloadbalancing:DescribeListeners elasticloadbalancing:DescribeLoadBalancerAttributes
		elasticloadbalancing:DescribeLoadBalancerPolicies elasticloadbalancing:DescribeLoadBalancers
		elasticloadbalancing:DescribeTargetGroupAttributes elasticloadbalancing:DescribeTargetGroups
		elasticloadbalancing:DescribeTargetHealth elasticloadbalancing:DetachLoadBalancerFromSubnets
		elasticloadbalancing:ModifyListener elasticloadbalancing:ModifyLoadBalancerAttributes
		elasticloadbalancing:ModifyTargetGroup elasticloadbalancing:ModifyTargetGroupAttributes
		elasticloadbalancing:RegisterInstancesWithLoadBalancer elasticloadbalancing:RegisterTargets
		elasticloadbalancing:SetLoadBalancerPoliciesForBackendServer elasticloadbalancing:SetLoadBalancerPoliciesOfListener
		elasticloadbalancing:SetSecurityGroups`)
	if !slices.Equal(got, want) {
		t.Errorf("the table has %d actions of the cloud controller:\n%s\nwant %d:\n%s", len(got), strings.Join(got, "\n"), len(want), strings.Join(want, "\n"))
	}
}

// TestRowsAreComplete: a row that nobody can be sent to is no reason.
func TestRowsAreComplete(t *testing.T) {
	for action, where := range everyAction(t) {
		for _, row := range Why(action) {
			if row.When != "" && row.Source == "" || row.Component != "" && row.When == "" {
				t.Errorf("%s (%s): %#v lacks a reason or its source", action, where, row)
			}
		}
	}
	for _, name := range []string{"rancher-control-plane", "rancher-node", "upstream-control-plane", "upstream-node"} {
		d, err := Published(name, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, action := range d.Actions() {
			if rows := Why(action); len(rows) == 0 || rows[0].When == "" {
				t.Errorf("%s: the table does not say who calls %s, nor that nobody does", name, action)
			}
		}
	}
	for _, f := range Features() {
		if sids[f] == "" || len(rolesOf(f)) == 0 {
			t.Errorf("the feature %s has the Sid %q and runs on %v", f, sids[f], rolesOf(f))
		}
	}
}

// TestCovers: only what is allowed without any if makes a statement unnecessary.
func TestCovers(t *testing.T) {
	pulling := Statement{Effect: Allow, Actions: []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}, Resources: []string{"arn:aws:ecr:eu-central-1:123456789012:repository/*"}}
	tests := []struct {
		name string
		wide Statement
		want bool
	}{
		{"all of it", Statement{Effect: Allow, Actions: []string{"ec2:*", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}, Resources: []string{"*"}}, true},
		{"by wildcard", Statement{Effect: Allow, Actions: []string{"ecr:*"}, Resources: []string{"*"}}, true},
		{"half of it", Statement{Effect: Allow, Actions: []string{"ecr:BatchGetImage"}, Resources: []string{"*"}}, false},
		{"all but", Statement{Effect: Allow, NotActions: []string{"iam:*"}, Resources: []string{"*"}}, false},
		{"denied", Statement{Effect: Deny, Actions: []string{"ecr:*"}, Resources: []string{"*"}}, false},
		{"elsewhere", Statement{Effect: Allow, Actions: []string{"ecr:*"}, Resources: []string{"arn:aws:ecr:eu-west-1:123456789012:repository/*"}}, false},
		{"if", Statement{Effect: Allow, Actions: []string{"ecr:*"}, Resources: []string{"*"}, Conditions: Conditions{"Bool": {"aws:SecureTransport": {"true"}}}}, false},
	}
	for _, tt := range tests {
		d := Document{Statements: []Statement{tt.wide}}
		if got := d.covers(pulling); got != tt.want {
			t.Errorf("%s: covers = %t", tt.name, got)
		}
		if d = d.With(Statement{Sid: "But", Effect: Deny, Actions: []string{"ecr:*"}}); d.covers(pulling) {
			t.Errorf("%s, and then denied: covers = true", tt.name)
		}
	}
}
