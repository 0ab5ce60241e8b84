package integration

import (
	"testing"

	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws/evaluate"
)

// TestOperatorPolicy prints what the operator must be allowed. It lets them do it to
// what the file names, and to nothing of anybody else; and with it alone the whole way
// can be gone.
func TestOperatorPolicy(t *testing.T) {
	s := start(t)
	fake := s.fakeOnly(t)
	e := s.seed(t)
	d := s.desk(t, e.file())
	printed := d.runs(t, 0, "print", "operator-policy").stdout
	document, err := evaluate.Parse(printed)
	must(t, err)
	const role, instance = "arn:aws:iam::123456789012:role/", "arn:aws:ec2:eu-central-1:123456789012:instance/"
	toEC2 := map[string][]string{"iam:PassedToService": {"ec2.amazonaws.com"}}
	ours := map[string][]string{"aws:TagKeys": {key}, "aws:RequestTag/" + key: {"owned"}}
	for _, test := range []struct {
		action, resource string
		context          map[string][]string
		want             evaluate.Effect
	}{
		{"iam:PassRole", role + "prod-1-server", toEC2, evaluate.Allowed},
		{"iam:PassRole", role + "admin", toEC2, evaluate.ImplicitDeny},
		{"iam:CreateRole", role + "prod-1-agent", nil, evaluate.Allowed},
		{"iam:CreateRole", role + "admin", nil, evaluate.ImplicitDeny},
		{"iam:PutRolePolicy", role + "prod-1-agent", nil, evaluate.Allowed},
		{"iam:PutRolePolicy", role + "admin", nil, evaluate.ImplicitDeny},
		{"iam:AttachRolePolicy", role + "prod-1-agent", nil, evaluate.ImplicitDeny}, // the file attaches none
		{"ec2:CreateTags", instance + e.servers[0], ours, evaluate.Allowed},
		{"ec2:CreateTags", instance + e.servers[0], map[string][]string{"aws:TagKeys": {"Name"}, "aws:RequestTag/Name": {"mine"}}, evaluate.ImplicitDeny},
		{"ec2:CreateTags", instance + "i-0ffffffffffffffff", ours, evaluate.ImplicitDeny},
		{"ec2:TerminateInstances", instance + e.servers[0], nil, evaluate.ImplicitDeny},
	} {
		got := evaluate.Policies{Identity: []*evaluate.Document{document}}.Decide(evaluate.Request{
			Principal: "arn:aws:iam::123456789012:user/operator", Action: test.action, Resource: test.resource, Context: test.context,
		})
		if got.Effect != test.want {
			t.Errorf("%s on %s is %s, want %s", test.action, test.resource, got.Effect, test.want)
		}
	}

	// Whoever seeds and looks is root; the operator has this policy alone.
	fake.Principals = map[string]string{"AKIASEED": "arn:aws:iam::123456789012:root"}
	fake.CallerPolicies = []string{printed}
	d.runs(t, 0, "apply", "--yes")
	d.runs(t, 0, "plan")
	d.runs(t, 0, "destroy", "--yes")
}
