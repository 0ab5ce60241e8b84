package aws_test

import (
	"testing"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

// TestNode is what is told of the node, by the environment or else by the instance.
func TestNode(t *testing.T) {
	for _, c := range []struct {
		name         string
		env          []string
		profile      string // of the instance
		faults       []fakeaws.Fault
		region, role string
		err          string
	}{
		{name: "an instance", profile: "node", region: "us-east-1", role: "node"},
		{name: "an instance without a profile", region: "us-east-1"},
		{name: "the environment names another region", env: []string{"AWS_REGION=eu-west-1"}, profile: "node", region: "eu-west-1", role: "node"},
		{name: "static keys are no instance's", env: []string{keys, "AWS_SECRET_ACCESS_KEY=s"}, profile: "node", region: "us-east-1"},
		{name: "no metadata service", faults: []fakeaws.Fault{{Service: "imds", Error: &fakeaws.Error{Status: 403, Message: "Forbidden"}}},
			err: "finding the node's region: the instance metadata service (IMDS) at 169.254.169.254 answers /placement/region with status 403; " +
				"hint: set AWS_REGION, or name the hosts to pull from"},
		{name: "a config that cannot be read", env: []string{"AWS_USE_FIPS_ENDPOINT=perhaps"},
			err: "reading the AWS configuration: invalid value for environment variable, AWS_USE_FIPS_ENDPOINT=perhaps, need true, false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bare(t, c.env...)
			s, tokens := network(t)
			t.Cleanup(s.Close)
			s.ExchangeProfile(c.profile)
			for _, f := range c.faults {
				s.Inject(f)
			}
			region, err := tokens.Region(t.Context())
			if region != c.region || (err != nil) != (c.err != "") || err != nil && hint.Line(err) != c.err {
				t.Errorf("Region = %q, %v, want %q, %s", region, err, c.region, c.err)
			}
			if role := tokens.InstanceRole(t.Context()); role != c.role {
				t.Errorf("InstanceRole = %q, want %q", role, c.role)
			}
		})
	}
}
