package policy_test

import (
	"fmt"
	"testing"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
)

func TestTrust(t *testing.T) {
	many := make([]string, 0, 100)
	for i := range 100 {
		many = append(many, fmt.Sprintf("service-%02d.amazonaws.com", i))
	}
	tests := []struct {
		name      string
		partition string
		services  []string
		want      string // or the error
	}{
		{"default", "aws", nil, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`},
		{"another", "aws-cn", []string{"ec2.amazonaws.com.cn"}, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com.cn"},"Action":"sts:AssumeRole"}]}`},
		{"both", "aws-cn", []string{"ec2.amazonaws.com.cn", "ec2.amazonaws.com", "ec2.amazonaws.com"}, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["ec2.amazonaws.com","ec2.amazonaws.com.cn"]},"Action":"sts:AssumeRole"}]}`},
		{"partition", "china", nil, `write trust policy: "china" is not a partition of AWS; there are aws, aws-cn, aws-us-gov, aws-eusc, aws-iso, aws-iso-b, aws-iso-e and aws-iso-f`},
		{"a role", "aws", []string{"arn:aws:iam::123456789012:role/r"}, `write trust policy: "arn:aws:iam::123456789012:role/r" is not the name of a service; hint: services have names like ec2.amazonaws.com`},
		{"everyone", "aws", []string{"*"}, `write trust policy: "*" is not the name of a service; hint: services have names like ec2.amazonaws.com`},
		{"short", "aws", []string{"ec2"}, `write trust policy: "ec2" is not the name of a service; hint: services have names like ec2.amazonaws.com`},
		{"too many", "aws", many, `write trust policy: it has 2809 characters for 100 names, and may have 2048`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := policy.Trust(tt.partition, tt.services)
			got := d.String()
			if err != nil {
				got = hint.Line(err)
			}
			if got != tt.want {
				t.Errorf("Trust() of %s = %s\nwant %s", tt.name, got, tt.want)
			}
		})
	}
}

func TestTrustRoles(t *testing.T) {
	tests := []struct {
		roles []string
		want  string
	}{
		{[]string{"arn:aws:iam::123456789012:role/b", "arn:aws:iam::123456789012:role/team/a"}, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::123456789012:role/b","arn:aws:iam::123456789012:role/team/a"]},"Action":"sts:AssumeRole"}]}`},
		{[]string{"ecr-pull"}, `write trust policy: "ecr-pull" is not the ARN of a role`},
		{[]string{"arn:aws:iam::123456789012:instance-profile/b"}, `write trust policy: "arn:aws:iam::123456789012:instance-profile/b" is not the ARN of a role`},
		{nil, "write trust policy: it would trust nobody"},
	}
	for _, tt := range tests {
		d, err := policy.TrustRoles(tt.roles)
		got := d.String()
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("TrustRoles(%v) = %s\nwant %s", tt.roles, got, tt.want)
		}
	}
}

func TestTrustEqual(t *testing.T) {
	domains := map[string]string{ // as eksctl, kOps or eks-operator write it
		"aws-cn": "amazonaws.com.cn", "aws-eusc": "amazonaws.eu", "aws-iso": "c2s.ic.gov", "aws-iso-b": "sc2s.sgov.gov",
		"aws-iso-e": "cloud.adc-e.uk", "aws-iso-f": "csp.hci.ic.gov",
	}
	trust := func(partition string, services ...string) policy.Document {
		d, err := policy.Trust(partition, services)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, r := range regions {
		partition, region := r[0], r[1]
		if known, err := registry.InRegion(region); err != nil || known.Partition != partition {
			t.Errorf("pkg/registry has the region %s in %s (%v), not in %s", region, known.Partition, err, partition)
		}
		ours := trust(partition)
		domain, two := domains[partition]
		if !two {
			domain = "example.com"
		}
		theirs := trust(partition, "ec2."+domain)
		before := theirs.String()
		if got := policy.TrustEqual(partition, ours, theirs); got != two {
			t.Errorf("TrustEqual(%s, %s, %s) = %t", partition, ours, theirs, got)
		}
		if both := trust(partition, "ec2.amazonaws.com", "ec2."+domain); policy.TrustEqual(partition, both, ours) != two {
			t.Errorf("TrustEqual(%s, %s, %s) = %t", partition, both, ours, !two)
		}
		if theirs.String() != before {
			t.Errorf("TrustEqual changed %s to %s", before, theirs)
		}
		if more := trust(partition, "ec2."+domain, "ssm.amazonaws.com"); policy.TrustEqual(partition, ours, more) {
			t.Errorf("TrustEqual(%s, %s, %s) = true", partition, ours, more)
		}
	}
	if policy.TrustEqual("aws", trust("aws"), trust("aws", "ec2.amazonaws.com.cn")) {
		t.Error("in the partition aws, China's EC2 is taken for its own")
	}
	if !policy.TrustEqual("aws-x", trust("aws"), trust("aws")) {
		t.Error("a document is not equal to itself in a partition that nobody knows")
	}
}

func TestManagedARN(t *testing.T) {
	tests := []struct{ partition, name, want string }{
		{"aws", "AmazonEC2ContainerRegistryPullOnly", "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly"},
		{"aws-cn", "AmazonEKSWorkerNodePolicy", "arn:aws-cn:iam::aws:policy/AmazonEKSWorkerNodePolicy"},
		{"aws-us-gov", "AmazonEBSCSIDriverPolicyV2", "arn:aws-us-gov:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicyV2"},
		{"aws-iso", "service-role/AmazonEBSCSIDriverPolicy", "arn:aws-iso:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"},
		{"aws-cn", "arn:aws:iam::123456789012:policy/ours", "arn:aws:iam::123456789012:policy/ours"},
	}
	for _, tt := range tests {
		if got := policy.ManagedARN(tt.partition, tt.name); got != tt.want {
			t.Errorf("ManagedARN(%s, %s) = %s, want %s", tt.partition, tt.name, got, tt.want)
		}
	}
}
