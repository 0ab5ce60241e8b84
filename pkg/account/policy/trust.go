package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

// A partition is how IAM of one AWS writes what policies of nodes name.
type partition struct {
	id string
	// ec2 is the service that hands a role to instances. AWS's own table has the same
	// for all partitions (aws/aws-cdk packages/aws-cdk-lib/region-info/lib/default.ts,
	// which terraform-provider-aws has taken over).
	ec2 string
	// also is the name after the partition's domain, which eksctl
	// (pkg/apis/eksctl.io/v1alpha5/partitions.go), kOps and Rancher's eks-operator give
	// it: roles with either are in use, so the two are one. "" if there is no other.
	also string
}

// partitions are the same as in pkg/registry.
var partitions = [...]partition{
	{"aws", "ec2.amazonaws.com", ""},
	{"aws-cn", "ec2.amazonaws.com", "ec2.amazonaws.com.cn"},
	{"aws-us-gov", "ec2.amazonaws.com", ""},
	{"aws-eusc", "ec2.amazonaws.com", "ec2.amazonaws.eu"},
	{"aws-iso", "ec2.amazonaws.com", "ec2.c2s.ic.gov"},
	{"aws-iso-b", "ec2.amazonaws.com", "ec2.sc2s.sgov.gov"},
	{"aws-iso-e", "ec2.amazonaws.com", "ec2.cloud.adc-e.uk"},
	{"aws-iso-f", "ec2.amazonaws.com", "ec2.csp.hci.ic.gov"},
}

func findPartition(id string) (partition, error) {
	i := slices.IndexFunc(partitions[:], func(p partition) bool { return p.id == id })
	if i < 0 {
		var known []string
		for _, p := range partitions {
			known = append(known, p.id)
		}
		return partition{}, fmt.Errorf("%q is not a partition of AWS; there are %s", id, list(known))
	}
	return partitions[i], nil
}

// TrustLimit is how many characters a trust policy may have, by a role's default quota
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const TrustLimit = 2048

// Trust returns the policy that lets services assume a role: EC2 as the partition calls
// it, or those that are named instead.
func Trust(partition string, services []string) (Document, error) {
	p, err := findPartition(partition)
	if err != nil {
		return Document{}, fmt.Errorf("write trust policy: %w", err)
	}
	if len(services) == 0 {
		services = []string{p.ec2}
	}
	for _, s := range services {
		if !strings.Contains(s, ".") || strings.ContainsAny(s, ":/* \t") {
			return Document{}, hint.Wrap(fmt.Errorf("write trust policy: %q is not the name of a service", s),
				"services have names like %s", p.ec2)
		}
	}
	return trusting("Service", services)
}

// TrustRoles returns the policy that lets roles of another account assume a role: what
// that account must have for a pull as one of its roles.
func TrustRoles(roles []string) (Document, error) {
	for _, r := range roles {
		if !strings.HasPrefix(r, "arn:") || !strings.Contains(r, ":role/") {
			return Document{}, fmt.Errorf("write trust policy: %q is not the ARN of a role", r)
		}
	}
	if len(roles) == 0 {
		return Document{}, fmt.Errorf("write trust policy: it would trust nobody")
	}
	return trusting("AWS", roles)
}

// trusting has no Sid, as the trust policies that AWS's console makes.
func trusting(kind string, names []string) (Document, error) {
	d := Document{Version: Version, Statements: []Statement{{
		Effect: Allow, Principal: Principal{kind: set(names)}, Actions: []string{"sts:AssumeRole"},
	}}}
	if size := d.Size(); size > TrustLimit {
		return Document{}, fmt.Errorf("write trust policy: it has %d characters for %d names, and may have %d", size, len(names), TrustLimit)
	}
	return d, nil
}

// TrustEqual is Equal for trust policies: besides, both names of EC2 that a partition
// has are one.
func TrustEqual(partition string, a, b Document) bool {
	p, err := findPartition(partition)
	if err != nil {
		return Equal(a, b)
	}
	return Equal(a.renaming(p.also, p.ec2), b.renaming(p.also, p.ec2))
}

// renaming returns the document with one name of a service for another.
func (d Document) renaming(old, name string) Document {
	d.Statements = slices.Clone(d.Statements)
	for i := range d.Statements {
		for _, p := range []*Principal{&d.Statements[i].Principal, &d.Statements[i].NotPrincipal} {
			if !slices.Contains((*p)["Service"], old) {
				continue
			}
			renamed := Principal{}
			for kind, names := range *p {
				renamed[kind] = slices.Clone(names)
			}
			renamed["Service"][slices.Index(renamed["Service"], old)] = name
			*p = renamed
		}
	}
	return d
}

// managedPaths are the policies of AWS, of those that nodes get, whose ARN has a path.
var managedPaths = map[string]string{
	"AmazonEBSCSIDriverPolicy":   "service-role/",
	"AmazonEBSCSIDriverPolicyV2": "service-role/",
	"AmazonEFSCSIDriverPolicy":   "service-role/",
}

// ManagedARN returns the ARN of an AWS-managed policy by its name, which may have its
// path in front. What is an ARN already is returned as it is.
func ManagedARN(partition, nameOrARN string) string {
	if strings.HasPrefix(nameOrARN, "arn:") {
		return nameOrARN
	}
	return "arn:" + partition + ":iam::aws:policy/" + managedPaths[nameOrARN] + nameOrARN
}
