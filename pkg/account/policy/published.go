package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/deploy"
)

// PublishedNames are the documents that Published returns, sorted: those in
// deploy/policies.
func PublishedNames() []string { return deploy.PolicyNames() }

// Published returns a document as its publisher has it. If fixed is set, it also has
// the actions that it lacks for its purpose, in the statement of their service, whose
// Sid stays as the publisher spelt it. Added says which they are and why.
//
//   - rancher-control-plane and rancher-node: nodes, on Rancher's page on the Amazon
//     cloud provider.
//   - upstream-control-plane and upstream-node: nodes, in cloud-provider-aws
//     docs/prerequisites.md (v1.37.1).
//   - rancher-eks: the credential that Rancher makes EKS clusters with, and beside it
//     rancher-eks-service-role and rancher-eks-vpc if Rancher is to make those too; all
//     of Rancher 2.6 (rancher/docs content/rancher/v2.6/en/cluster-provisioning/
//     hosted-kubernetes-clusters/eks/permissions/_index.md).
func Published(name string, fixed bool) (Document, error) {
	text, err := deploy.Policy(name)
	if err != nil {
		return Document{}, err
	}
	d, err := Parse(text)
	if err != nil {
		return Document{}, fmt.Errorf("published policy %s: %w", name, err)
	}
	if !fixed {
		return d, nil
	}
	for _, m := range missing {
		if m.document != name {
			continue
		}
		service, _, _ := strings.Cut(m.action, ":")
		i := slices.IndexFunc(d.Statements, func(s Statement) bool { return strings.HasPrefix(s.Actions[0], service+":") })
		if i < 0 {
			return Document{}, fmt.Errorf("published policy %s has no statement of the service %s for %s", name, service, m.action)
		}
		d.Statements[i].Actions = append(d.Statements[i].Actions, m.action)
	}
	return d, nil
}

// Added returns the actions that Published adds to a document, and why.
func Added(name string) []Row {
	var rows []Row
	for _, m := range missing {
		if m.document == name {
			rows = append(rows, Row{Action: m.action, Component: m.by, When: m.why, Source: m.source})
		}
	}
	return rows
}

// A lack is an action that a published document needs and does not have.
type lack struct {
	document string
	action   string
	by       string
	why      string
	source   string
}

const (
	eksOperator    = "Rancher's eks-operator"
	cloudFormation = "CloudFormation, for Rancher"
	accessOperator = "whoever lets Rancher's credential into a cluster"

	operatorSource = "rancher/eks-operator pkg/eks/"
	stacksSource   = "rancher/eks-operator templates/template.go and CloudFormation's resource schema "
	entriesSource  = "docs.aws.amazon.com/eks/latest/userguide/access-entries.html"
)

// missing is what the published documents lack, those for the service role and the VPC
// beside rancher-eks. Rancher's present page has some of it
// (rancher/rancher-docs set-up-clusters-from-hosted-kubernetes-providers/eks.md).
// Access entries are in no edition, although whoever comes with another credential
// than the cluster's creator is unauthorized without one.
var missing = [...]lack{
	{"rancher-eks", "cloudformation:DescribeStackEvents", eksOperator, "to say why a stack has failed, instead of: reason unknown", operatorSource + "create.go CreateStack"},
	{"rancher-eks", "ec2:DeleteLaunchTemplate", eksOperator, "a cluster is deleted, and the launch template that Rancher made for it", operatorSource + "services/ec2.go; Rancher's present page"},
	{"rancher-eks", "ec2:DeleteLaunchTemplateVersions", eksOperator, "a node group is deleted, or could not be created", operatorSource + "delete.go DeleteLaunchTemplateVersions; Rancher's present page"},
	{"rancher-eks", "eks:DescribeAddon", eksOperator, "to see whether the EBS CSI driver is installed, where a cluster is to have it", operatorSource + "get.go CheckEBSAddon; Rancher's present page"},
	{"rancher-eks", "iam:TagRole", cloudFormation, "a role gets the tag that Rancher gives its stack", operatorSource + "create.go CreateStack; Rancher's present page"},
	{"rancher-eks", "iam:ListRolePolicies", cloudFormation, "a node role that Rancher had made is deleted", stacksSource + "AWS::IAM::Role"},
	{"rancher-eks", "eks:ListAccessEntries", accessOperator, "to find entries", entriesSource},
	{"rancher-eks", "eks:DescribeAccessEntry", accessOperator, "to compare an entry", entriesSource},
	{"rancher-eks", "eks:CreateAccessEntry", accessOperator, "a credential that did not create the cluster is let in", entriesSource},
	{"rancher-eks", "eks:UpdateAccessEntry", accessOperator, "an entry's groups or user name change", entriesSource},
	{"rancher-eks", "eks:DeleteAccessEntry", accessOperator, "a credential is no longer let in, or its role was made anew", entriesSource},
	{"rancher-eks", "eks:ListAccessPolicies", accessOperator, "to choose an access policy", entriesSource},
	{"rancher-eks", "eks:ListAssociatedAccessPolicies", accessOperator, "to compare what an entry may do", entriesSource},
	{"rancher-eks", "eks:AssociateAccessPolicy", accessOperator, "an entry is allowed something", entriesSource},
	{"rancher-eks", "eks:DisassociateAccessPolicy", accessOperator, "an entry is no longer allowed something", entriesSource},
	{"rancher-eks-service-role", "iam:TagRole", cloudFormation, "the service role gets the tag that Rancher gives its stack", operatorSource + "create.go CreateStack; Rancher's present page"},
	{"rancher-eks-service-role", "iam:ListRolePolicies", cloudFormation, "the service role is deleted with its stack", stacksSource + "AWS::IAM::Role"},
	{"rancher-eks-vpc", "ec2:DescribeVpcAttribute", cloudFormation, "the VPC is created with DNS host names on", stacksSource + "AWS::EC2::VPC"},
}

// An idle is an action that policies of nodes often have and that nothing on a node
// calls.
type idle struct {
	action string
	why    string
	source string
}

const neverCalled = "k8s.io/cloud-provider-aws v1.26.0 to v1.37.1, of which none has a caller"

// uncalled are the actions without a caller.
var uncalled = [...]idle{
	{"autoscaling:DescribeAutoScalingGroups", "the cloud controller has no client of Auto Scaling; the cluster autoscaler has a role of its own", "k8s.io/cloud-provider-aws v1.31.0 to v1.37.1, without the client"},
	{"autoscaling:DescribeLaunchConfigurations", "the cluster autoscaler does, with a role of its own", neverCalled},
	{"autoscaling:DescribeTags", "the cluster autoscaler does, with a role of its own", neverCalled},
	{"ec2:DescribeRegions", "regions come from the instance's metadata", neverCalled},
	{"ec2:DescribeVpcs", "the cloud controller could, and does not", neverCalled},
	{"kms:DescribeKey", "the cloud controller makes a client of KMS and never uses it", neverCalled},
	{"ecr:BatchCheckLayerAvailability", "it belongs to pushing an image", "docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchCheckLayerAvailability.html"},
	{"ecr:GetRepositoryPolicy", "neither getting a token nor pulling reads it", "docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policy-examples.html"},
	{"ecr:DescribeRepositories", "neither getting a token nor pulling needs a list of repositories", "docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policy-examples.html"},
	{"ecr:ListImages", "neither getting a token nor pulling needs a list of images", "docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policy-examples.html"},
	{"ecr:TagResource", "tags of a pull-through cache's repositories come from a repository creation template, which sets them with a role of its own", "docs.aws.amazon.com/AmazonECR/latest/userguide/repository-creation-templates-create.html"},
	{"ecr:ReplicateImage", "it belongs to replication", "docs.aws.amazon.com/AmazonECR/latest/userguide/registry-permissions-create-replication.html"},
}
