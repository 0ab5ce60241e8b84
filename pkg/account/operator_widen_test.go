package account

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWiden gives up names in the order of the harm that it does: of EC2's ids first,
// then of what is only read, then of the rest, and never those that begin otherwise.
func TestWiden(t *testing.T) {
	t.Parallel()
	const ec2, iam = "arn:aws:ec2:r:1:", "arn:aws:iam::1:"
	resources := map[string]map[string]bool{}
	for action, arns := range map[string][]string{
		"ec2:CreateTags":   {ec2 + "instance/i-1", ec2 + "instance/i-2", ec2 + "subnet/subnet-1", "*"},
		"ec2:DeleteTags":   {ec2 + "instance/i-1"},
		"iam:GetRole":      {iam + "role/n/prod-a", iam + "role/n/prod-b", iam + "role/n/prod-c", iam + "role/prod-d", iam + "role/n/zone", iam + "role/n/x"},
		"iam:DeleteRole":   {iam + "role/n/prod-a", iam + "role/n/prod-b"},
		"eks:DescribeThis": {"arn:aws:eks:r:1:access-entry/c/*"},
	} {
		resources[action] = map[string]bool{}
		for _, arn := range arns {
			resources[action][arn] = true
		}
	}
	state := func() map[string][]string {
		all := map[string][]string{}
		for action, arns := range resources {
			all[action] = sorted(arns)
		}
		return all
	}
	want := state()
	for i, step := range []func(){
		func() {
			want["ec2:CreateTags"] = []string{"*", ec2 + "instance/*", ec2 + "subnet/subnet-1"}
			want["ec2:DeleteTags"] = []string{ec2 + "instance/*"}
		},
		func() {
			want["iam:GetRole"] = []string{iam + "role/n/prod-*", iam + "role/n/x", iam + "role/n/zone", iam + "role/prod-d"}
		},
		func() { want["iam:DeleteRole"] = []string{iam + "role/n/prod-*"} },
	} {
		step()
		if !widen(resources) {
			t.Fatalf("step %d: there was nothing to widen in %v", i, resources)
		}
		if diff := cmp.Diff(want, state()); diff != "" {
			t.Fatalf("step %d: resources (-want +got)\n%s", i, diff)
		}
	}
	if widen(resources) {
		t.Errorf("it goes on: %v", state())
	}
}
