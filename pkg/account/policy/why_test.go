package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
)

func TestWhy(t *testing.T) {
	const (
		cloudProvider = "k8s.io/cloud-provider-aws v1.37.1, pkg/providers/v1/"
		inTree        = "k8s.io/legacy-cloud-providers v0.26.15, aws/"
	)
	controlPlane := []policy.Role{policy.ControlPlane}
	everywhere := []policy.Role{policy.ControlPlane, policy.Etcd, policy.Worker}
	tests := []struct {
		action string
		want   []policy.Row
	}{
		{"ec2:DescribeInstances", []policy.Row{
			{Action: "ec2:DescribeInstances", Component: "cloud controller manager", When: "to find nodes, and its own cluster by its own instance", Roles: controlPlane, Source: cloudProvider + "aws.go describeInstances", Documents: []string{"rancher-control-plane", "rancher-node", "upstream-control-plane", "upstream-node"}},
			{Action: "ec2:DescribeInstances", Component: "kubelet, in-tree cloud provider", When: "to name and label its node", Feature: "in-tree-ebs", Versions: "-1.26", Roles: everywhere, Source: inTree + "aws.go newAWSCloud", Documents: []string{"rancher-control-plane", "rancher-node", "upstream-control-plane", "upstream-node"}},
			{Action: "ec2:DescribeInstances", Component: "kube-controller-manager, in-tree cloud provider", When: "to find the nodes to attach volumes to", Feature: "in-tree-ebs", Versions: "-1.26", Roles: controlPlane, Source: inTree + "aws.go describeInstances", Documents: []string{"rancher-control-plane", "rancher-node", "upstream-control-plane", "upstream-node"}},
			{Action: "ec2:DescribeInstances", Component: "nodeadm", When: "to learn the node's name, unless its feature InstanceIdNodeName is on", Feature: "nodeadm", Roles: everywhere, Source: "awslabs/amazon-eks-ami, nodeadm/internal/api/status.go getPrivateDNSName", Documents: []string{"rancher-control-plane", "rancher-node", "upstream-control-plane", "upstream-node"}},
		}},
		// One reason, though two forms of statement.
		{"EC2:attachvolume", []policy.Row{
			{Action: "ec2:AttachVolume", Component: "kube-controller-manager, in-tree cloud provider", When: "a pod starts", Feature: "in-tree-ebs", Versions: "-1.26", Roles: controlPlane, Source: inTree + "aws.go AttachDisk", Documents: []string{"rancher-control-plane", "upstream-control-plane"}},
		}},
		{"kms:DescribeKey", []policy.Row{
			{Action: "kms:DescribeKey", When: "nobody calls it: the cloud controller makes a client of KMS and never uses it", Source: "k8s.io/cloud-provider-aws v1.26.0 to v1.37.1, of which none has a caller", Documents: []string{"rancher-control-plane", "upstream-control-plane"}},
		}},
		{"ecr:TagResource", []policy.Row{
			{Action: "ecr:TagResource", When: "nobody calls it: tags of a pull-through cache's repositories come from a repository creation template, which sets them with a role of its own", Source: "docs.aws.amazon.com/AmazonECR/latest/userguide/repository-creation-templates-create.html"},
		}},
		{"sts:AssumeRole", []policy.Row{
			{Action: "sts:AssumeRole", Component: "ecr-credential-provider", When: "to pull as a role of another account", Feature: "pull.crossAccount.assume", Roles: everywhere, Source: "pkg/provider/aws"},
		}},
		{"eks:CreateAccessEntry", []policy.Row{
			{Action: "eks:CreateAccessEntry", Component: "whoever lets Rancher's credential into a cluster", When: "a credential that did not create the cluster is let in", Source: "docs.aws.amazon.com/eks/latest/userguide/access-entries.html"},
		}},
		{"cloudformation:ListStacks", []policy.Row{{Action: "cloudformation:ListStacks", Documents: []string{"rancher-eks"}}}},
		{"s3:GetObject", nil},
		{"", nil},
	}
	for _, tt := range tests {
		t.Run(tt.action, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, policy.Why(tt.action)); diff != "" {
				t.Errorf("Why(%s) (-want +got):\n%s", tt.action, diff)
			}
		})
	}
}

// TestDiff compares the documents as people ask to have them compared.
func TestDiff(t *testing.T) {
	published := func(name string) policy.Document {
		d, err := policy.Published(name, false)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	all := policy.Document{Statements: []policy.Statement{{Effect: policy.Allow, Actions: []string{"*"}}, {Effect: policy.Deny, Actions: []string{"iam:*"}}}}
	describe := policy.Document{Statements: []policy.Statement{{Effect: policy.Allow, Actions: []string{"EC2:Describe*", "ecr:GetAuthorization?oken", "ecr:Batch*Image"}}}}
	tests := []struct {
		name string
		a, b policy.Document
		want string
	}{
		{"itself", published("rancher-control-plane"), published("rancher-control-plane"), ""},
		{"rancher and upstream", published("rancher-control-plane"), published("upstream-control-plane"), "+ec2:DescribeAvailabilityZones +ec2:DescribeInstanceTopology +elasticloadbalancing:DeregisterTargets +elasticloadbalancing:SetSecurityGroups"},
		{"upstream and rancher", published("upstream-node"), published("rancher-node"), ""},
		{"wildcards", published("rancher-node"), describe, "+EC2:Describe* +ecr:Batch*Image -ecr:BatchCheckLayerAvailability -ecr:DescribeRepositories +ecr:GetAuthorization?oken -ecr:GetDownloadUrlForLayer -ecr:GetRepositoryPolicy -ecr:ListImages"},
		{"everything", describe, all, "+*"},
		{"nothing", policy.Document{}, describe, "+EC2:Describe* +ecr:Batch*Image +ecr:GetAuthorization?oken"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, d := range policy.Diff(tt.a, tt.b) {
				sign := "+"
				if d.InA {
					sign = "-"
				}
				got = append(got, sign+d.Action)
				if diff := cmp.Diff(policy.Why(d.Action), d.Why); diff != "" {
					t.Errorf("the reasons for %s (-want +got):\n%s", d.Action, diff)
				}
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("Diff() = %s\nwant %s", s, tt.want)
			}
		})
	}
}

// TestPublished: what is added is what the documents lack, and nothing else changes.
func TestPublished(t *testing.T) {
	tests := []struct {
		name    string
		actions int
		sids    string // the publisher's spelling
		added   string
	}{
		{"rancher-control-plane", 53, "", ""},
		{"rancher-eks", 69, "EC2Permisssions CloudFormationPermisssions IAMPermissions KMSPermisssions EKSPermisssions",
			"cloudformation:DescribeStackEvents ec2:DeleteLaunchTemplate ec2:DeleteLaunchTemplateVersions eks:AssociateAccessPolicy " +
				"eks:CreateAccessEntry eks:DeleteAccessEntry eks:DescribeAccessEntry eks:DescribeAddon eks:DisassociateAccessPolicy " +
				"eks:ListAccessEntries eks:ListAccessPolicies eks:ListAssociatedAccessPolicies eks:UpdateAccessEntry iam:ListRolePolicies iam:TagRole"},
		{"rancher-eks-service-role", 17, "IAMPermisssions", "iam:ListRolePolicies iam:TagRole"},
		{"rancher-eks-vpc", 20, "VPCPermissions", "ec2:DescribeVpcAttribute"},
		{"rancher-node", 9, "", ""},
		{"upstream-control-plane", 57, "", ""},
		{"upstream-node", 9, "", ""},
	}
	var names []string
	for _, tt := range tests {
		names = append(names, tt.name)
		t.Run(tt.name, func(t *testing.T) {
			d, err := policy.Published(tt.name, false)
			if err != nil {
				t.Fatal(err)
			}
			if got := len(d.Actions()); got != tt.actions {
				t.Errorf("%d actions, want %d", got, tt.actions)
			}
			fixed, err := policy.Published(tt.name, true)
			if err != nil {
				t.Fatal(err)
			}
			var sids, added []string
			for _, s := range fixed.Statements {
				sids = append(sids, s.Sid)
				for _, action := range s.Actions {
					if service, _, _ := strings.Cut(s.Actions[0], ":"); !strings.HasPrefix(action, service+":") && strings.HasPrefix(tt.name, "rancher-eks") {
						t.Errorf("%s is in %s", action, s.Sid)
					}
				}
			}
			if got := strings.Join(sids, " "); got != tt.sids {
				t.Errorf("Sids are %s, want %s", got, tt.sids)
			}
			for _, change := range policy.Diff(d, fixed) {
				if change.InA {
					t.Errorf("%s is gone", change.Action)
				}
				added = append(added, change.Action)
			}
			if got := strings.Join(added, " "); got != tt.added {
				t.Errorf("added are %s\nwant %s", got, tt.added)
			}
			rows := policy.Added(tt.name)
			if len(rows) != len(added) {
				t.Errorf("Added() has %d rows for %d actions", len(rows), len(added))
			}
			for _, r := range rows {
				if r.Component == "" || r.When == "" || r.Source == "" {
					t.Errorf("%#v is no reason", r)
				}
			}
			if size := fixed.Size(); size > policy.ManagedLimit {
				t.Errorf("%d characters, too many for a managed policy", size)
			}
		})
	}
	if diff := cmp.Diff(policy.PublishedNames(), names); diff != "" {
		t.Errorf("PublishedNames() (-want +tested):\n%s", diff)
	}
	want := `no published policy is named "rancher"; there are rancher-control-plane, rancher-eks, rancher-eks-service-role, rancher-eks-vpc, rancher-node, upstream-control-plane, upstream-node`
	if d, err := policy.Published("rancher", true); err == nil || err.Error() != want {
		t.Errorf("Published(rancher) = %v, %v\nwant the error %s", d, err, want)
	}
}
