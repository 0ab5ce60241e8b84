package clusterid_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/clusterid"
)

func TestWith(t *testing.T) {
	before := selfManaged()
	got, err := before.With([]clusterid.Change{
		{Resource: "i-agent1", Key: "a", Value: "1"},
		{Resource: "i-agent1", Key: "a", Value: "2"},
		{Resource: "sg-node", Key: key, Delete: true},
		{Resource: "sg-extra", Key: key, Value: "owned"}, // has no tags yet
		{Resource: "sg-extra", Key: "absent", Delete: true},
		{Resource: "subnet-a1", Key: key, Value: "owned"},
		{Resource: "rtb-public", Key: foreign, Value: "shared"},
		{Resource: "agents", Key: key, Value: "shared", Propagate: true},
		{Resource: "agents", Key: "b", Value: "1"},
		{Resource: "agents", Key: "c", Value: "1"},
		{Resource: "agents", Key: "b", Delete: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := selfManaged()
	want.Instances[1].Tags["a"] = "2"
	want.SecurityGroups[0].Tags = tags()
	want.SecurityGroups[1].Tags = tags(key, "owned")
	want.Subnets[a1].Tags[key] = "owned"
	want.RouteTables[1].Tags = tags(foreign, "shared")
	want.AutoScalingGroups[0].Tags = []clusterid.GroupTag{{Key: key, Value: "shared", Propagate: true}, {Key: "c", Value: "1"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("With (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(selfManaged(), before); diff != "" {
		t.Errorf("the world before (-want +got):\n%s", diff)
	}
}

func TestWithUnknown(t *testing.T) {
	_, err := selfManaged().With([]clusterid.Change{{Resource: "vol-1", Key: "a", Value: "1"}})
	const want = "tag a of vol-1: it is no instance, security group, subnet, route table or Auto Scaling group that was read"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// The way a plan uses the package: what is wrong, what the changes mend, what they break.
func TestBeforeAndAfter(t *testing.T) {
	before := selfManaged()
	before.Instances[1].Tags = nil
	before.Instances[2].Tags = nil
	before.SecurityGroups[0].Tags = nil
	before.Instances[2].MetadataTags = true
	after, err := before.With([]clusterid.Change{
		{Resource: "i-agent1", Key: key, Value: "owned"},
		{Resource: "i-agent2", Key: key, Value: "owned"},
		{Resource: "sg-node", Key: key, Value: "owned"},
	})
	if err != nil {
		t.Fatal(err)
	}
	brief := func(findings []clusterid.Finding) []string {
		var lines []string
		for _, f := range findings {
			lines = append(lines, string(f.Level)+" "+f.Code+" "+f.Object)
		}
		return lines
	}
	was, is := clusterid.Check(before), clusterid.Check(after)
	for _, test := range []struct {
		name      string
		want, got []string
	}{
		{"before", []string{"error instance-untagged i-agent1", "error instance-untagged i-agent2", "warning group-untagged sg-node"}, brief(was)},
		{"after", []string{"error metadata-tags i-agent2"}, brief(is)},
	} {
		if diff := cmp.Diff(test.want, test.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}
