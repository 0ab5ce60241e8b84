package account

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
)

// readCalls are the API calls that only read, of a plan of the file and its preflight,
// of applying and of taking back. AWS lets everybody call sts:GetCallerIdentity, so it
// is not among them
// (docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html).
func (a *Account) readCalls() []Call {
	return slices.Concat(a.readsOfIAM(), a.readsOfPreflight(), a.readsOfEC2(), a.readsOfEKS(), a.readsOfECR())
}

// readsOfIAM are on objects whether they are there or not. IAM knows the path of a
// role only if the role is there: what is asked about one that is not is authorized on
// its name alone.
func (a *Account) readsOfIAM() []Call {
	var all []Call
	for _, g := range a.file.Nodes {
		if g.IAM == config.Ignore {
			continue
		}
		for _, path := range distinct(g.Path, "/") {
			all = append(all, called(a.arn("iam", "role"+path+g.Role), nil,
				"iam:GetRole", "iam:ListRolePolicies", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies")...)
			all = append(all, called(a.arn("iam", "instance-profile"+path+g.InstanceProfile), nil, "iam:GetInstanceProfile")...)
		}
		all = append(all, called(a.policyARN(g.Path, g.Role+"-*"), nil, "iam:GetPolicy", "iam:GetPolicyVersion")...)
	}
	return all
}

// readsOfPreflight look at the caller's own role, at the boundaries of the file, and
// ask the simulator. Where they are denied, the preflight says that it does not know.
func (a *Account) readsOfPreflight() []Call {
	var all []Call
	who, err := arn.Parse(a.caller)
	if err != nil {
		return nil
	}
	if kind, rest, _ := strings.Cut(who.Resource, "/"); kind == "assumed-role" {
		// A session does not say the path of its role.
		role, _, _ := strings.Cut(rest, "/")
		for _, r := range []string{a.arn("iam", "role/"+role), a.arn("iam", "role/*/"+role)} {
			all = append(all, called(r, nil, "iam:GetRole", "iam:SimulatePrincipalPolicy")...)
		}
	} else if kind == "user" {
		all = called(a.caller, nil, "iam:SimulatePrincipalPolicy")
	}
	var boundaries []string
	for _, g := range a.file.Nodes {
		if g.Boundary != "" && g.IAM != config.Ignore {
			boundaries = append(boundaries, g.Boundary)
		}
	}
	for _, b := range distinct(boundaries...) {
		all = append(all, called(b, nil, "iam:GetPolicy", "iam:GetPolicyVersion")...)
	}
	if len(boundaries) > 0 {
		all = append(all, called("*", nil, "iam:SimulateCustomPolicy")...)
	}
	return all
}

// readsOfEC2 are on no resource, as are nearly all reads of EC2 and Auto Scaling. Which
// VPC has its attributes read is not known before the instances are.
func (a *Account) readsOfEC2() []Call {
	all := called("*", nil,
		"ec2:DescribeAvailabilityZones", "ec2:DescribeDhcpOptions", "ec2:DescribeIamInstanceProfileAssociations",
		"ec2:DescribeInstances", "ec2:DescribeRouteTables", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets",
		"ec2:DescribeTags", "ec2:DescribeVpcAttribute", "ec2:DescribeVpcEndpoints", "ec2:DescribeVpcs")
	scaled := func(g config.NodeGroup) bool { return g.Instances.AutoScalingGroup != "" }
	if slices.ContainsFunc(a.file.Nodes, scaled) {
		all = append(all, called("*", nil,
			"autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeLaunchConfigurations", "ec2:DescribeLaunchTemplateVersions")...)
	}
	return all
}

func (a *Account) readsOfEKS() []Call {
	if a.file.EKS == nil {
		return nil
	}
	all := append(called(a.regional("eks", "cluster/"+a.file.EKS.Name), nil, "eks:DescribeCluster"),
		called(a.regional("eks", "access-entry/"+a.file.EKS.Name+"/*"), nil, "eks:DescribeAccessEntry", "eks:ListAssociatedAccessPolicies")...)
	for _, access := range a.file.EKS.Access {
		// A role of this account is looked at, whether it is older than its entry.
		if strings.HasPrefix(access.Principal, a.arn("iam", "role/")) {
			for _, r := range distinct(access.Principal, a.arn("iam", "role/"+name(access.Principal))) {
				all = append(all, called(r, nil, "iam:GetRole")...)
			}
		}
	}
	return all
}

func (a *Account) readsOfECR() []Call {
	if a.file.Pull.Lifecycle == config.Ignore {
		return nil
	}
	return append(called(a.regional("ecr", "repository/*"), nil, "ecr:DescribeRepositories", "ecr:GetRepositoryPolicy"),
		called("*", nil, "ecr:DescribePullThroughCacheRules", "ecr:GetRegistryPolicy")...)
}

// distinct is the values, each once, in their order. An empty one is none.
func distinct(values ...string) []string {
	var all []string
	for _, v := range values {
		if v != "" && !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}
