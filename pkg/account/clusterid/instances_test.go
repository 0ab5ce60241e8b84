package clusterid_test

import (
	"maps"
	"testing"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/clusterid"
)

func TestControlPlane(t *testing.T) {
	check(t, []row{
		{name: "untagged", change: func(w *clusterid.World) { w.Instances[0].Tags = nil }, want: []clusterid.Finding{{
			Code: "control-plane-untagged", Level: clusterid.Error, Object: "i-server",
			Detail: "has neither a tag kubernetes.io/cluster/... nor KubernetesCluster; the cloud controller does not start there: AWS cloud failed to find ClusterID",
			Fix:    "aws ec2 create-tags --region eu-central-1 --resources i-server --tags 'Key=kubernetes.io/cluster/prod-1,Value=owned'",
		}}},
		{name: "untagged, tags in metadata", change: func(w *clusterid.World) {
			w.Instances[0].Tags, w.Instances[0].MetadataTags = nil, true
		}, want: []clusterid.Finding{{
			Code: "control-plane-untagged", Level: clusterid.Error, Object: "i-server",
			Detail: "has neither a tag kubernetes.io/cluster/... nor KubernetesCluster; the cloud controller does not start there: AWS cloud failed to find ClusterID",
			Fix:    "aws ec2 modify-instance-metadata-options --region eu-central-1 --instance-id i-server --instance-metadata-tags disabled && aws ec2 create-tags --region eu-central-1 --resources i-server --tags 'Key=kubernetes.io/cluster/prod-1,Value=owned'",
		}}},
		{name: "untagged, ClusterID configured", change: func(w *clusterid.World) {
			w.Options.ConfiguredID, w.Instances[0].Tags = true, nil
		}, want: []clusterid.Finding{{
			Code: "instance-untagged", Level: clusterid.Error, Object: "i-server",
			Detail: "has no tag kubernetes.io/cluster/prod-1; the cloud controller does not find it by its name ip-10-0-0-1.eu-central-1.compute.internal, and the node stays uninitialized or is deleted: instance not found",
			Fix:    "aws ec2 create-tags --region eu-central-1 --resources i-server --tags 'Key=kubernetes.io/cluster/prod-1,Value=owned'",
		}}},
		{name: "legacy tag only", change: func(w *clusterid.World) { w.Instances[0].Tags = tags("KubernetesCluster", "prod-1") }},
		{name: "two clusters", change: func(w *clusterid.World) { w.Instances[0].Tags[foreign] = "owned" }, want: []clusterid.Finding{{
			Code: "control-plane-several-clusters", Level: clusterid.Error, Object: "i-server",
			Detail: `is tagged for 2 clusters; the cloud controller does not start there: Found multiple cluster tags with prefix kubernetes.io/cluster/ ("other" and "prod-1")`,
			Fix:    "if the other cluster is not in use here: aws ec2 delete-tags --region eu-central-1 --resources i-server --tags 'Key=kubernetes.io/cluster/other'",
		}}},
		{name: "two clusters, ClusterID configured", change: func(w *clusterid.World) {
			w.Options.ConfiguredID, w.Instances[0].Tags[foreign] = true, "owned"
		}, want: []clusterid.Finding{{
			Code: "instance-several-clusters", Level: clusterid.Warning, Object: "i-server",
			Detail: `is tagged for "other" besides prod-1; both clusters' controllers take it for a node of theirs, and no cloud controller that learns its ClusterID from these tags could start there`,
			Fix:    "if the other cluster is not in use here: aws ec2 delete-tags --region eu-central-1 --resources i-server --tags 'Key=kubernetes.io/cluster/other'",
		}}},
		{name: "legacy tag of another cluster", change: func(w *clusterid.World) { w.Instances[0].Tags["KubernetesCluster"] = "other" }, want: []clusterid.Finding{{
			Code: "control-plane-legacy-mismatch", Level: clusterid.Error, Object: "i-server",
			Detail: `has kubernetes.io/cluster/prod-1 and KubernetesCluster=other; the cloud controller does not start there: clusterID tags did not match: "prod-1" vs "other"`,
			Fix:    "if the other cluster is not in use here: aws ec2 delete-tags --region eu-central-1 --resources i-server --tags 'Key=KubernetesCluster'",
		}}},
		{name: "legacy tag of this cluster", change: func(w *clusterid.World) { w.Instances[0].Tags["KubernetesCluster"] = "prod-1" }},
		{name: "another cluster only", change: func(w *clusterid.World) { w.Instances[0].Tags = tags(foreign, "owned") }, want: []clusterid.Finding{{
			Code: "control-plane-other-cluster", Level: clusterid.Error, Object: "i-server",
			Detail: "is tagged for cluster other only; the cloud controller starts there with that ClusterID, and finds the nodes, groups and subnets of that cluster",
			Fix:    "if the other cluster is not in use here: aws ec2 delete-tags --region eu-central-1 --resources i-server --tags 'Key=kubernetes.io/cluster/other'; then tag it: aws ec2 create-tags --region eu-central-1 --resources i-server --tags 'Key=kubernetes.io/cluster/prod-1,Value=owned'",
		}}},
		{name: "another cluster only, by the legacy tag", change: func(w *clusterid.World) {
			w.Instances[0].Tags = tags("KubernetesCluster", "other")
		}, want: []clusterid.Finding{{
			Code: "control-plane-other-cluster", Level: clusterid.Error, Object: "i-server",
			Detail: "is tagged for cluster other only; the cloud controller starts there with that ClusterID, and finds the nodes, groups and subnets of that cluster",
			Fix:    "if the other cluster is not in use here: aws ec2 delete-tags --region eu-central-1 --resources i-server --tags 'Key=KubernetesCluster'; then tag it: aws ec2 create-tags --region eu-central-1 --resources i-server --tags 'Key=kubernetes.io/cluster/prod-1,Value=owned'",
		}}},
	})
}

func TestWorkers(t *testing.T) {
	check(t, []row{
		{name: "untagged, named by address", change: func(w *clusterid.World) { w.Instances[1].Tags = nil }, want: []clusterid.Finding{{
			Code: "instance-untagged", Level: clusterid.Error, Object: "i-agent1",
			Detail: "has no tag kubernetes.io/cluster/prod-1; the cloud controller does not find it by its name ip-10-0-0-2.eu-central-1.compute.internal, and the node stays uninitialized or is deleted: instance not found",
			Fix:    "aws ec2 create-tags --region eu-central-1 --resources i-agent1 --tags 'Key=kubernetes.io/cluster/prod-1,Value=owned'",
		}}},
		{name: "untagged, named by id", change: func(w *clusterid.World) {
			w.Instances[1].Tags, w.Instances[1].PrivateDNSName = nil, "i-agent1.eu-central-1.compute.internal"
		}, want: []clusterid.Finding{{
			Code: "instance-untagged", Level: clusterid.Error, Object: "i-agent1",
			Detail: "has no tag kubernetes.io/cluster/prod-1; the cloud controller finds the node by the id in its name, but makes it a target of no load balancer",
			Fix:    "aws ec2 create-tags --region eu-central-1 --resources i-agent1 --tags 'Key=kubernetes.io/cluster/prod-1,Value=owned'",
		}}},
		{name: "untagged, tags in metadata", change: func(w *clusterid.World) {
			w.Instances[1].Tags, w.Instances[1].MetadataTags = nil, true
		}, want: []clusterid.Finding{{
			Code: "instance-untagged", Level: clusterid.Error, Object: "i-agent1",
			Detail: "has no tag kubernetes.io/cluster/prod-1; the cloud controller does not find it by its name ip-10-0-0-2.eu-central-1.compute.internal, and the node stays uninitialized or is deleted: instance not found",
			Fix:    "aws ec2 modify-instance-metadata-options --region eu-central-1 --instance-id i-agent1 --instance-metadata-tags disabled && aws ec2 create-tags --region eu-central-1 --resources i-agent1 --tags 'Key=kubernetes.io/cluster/prod-1,Value=owned'",
		}}},
		{name: "untagged and terminated", change: func(w *clusterid.World) {
			w.Instances[1].Tags, w.Instances[1].State = nil, "terminated"
		}},
		{name: "untagged and on its way out", change: func(w *clusterid.World) {
			w.Instances[1].Tags, w.Instances[1].State = nil, "shutting-down"
		}},
		{name: "legacy tag only", change: func(w *clusterid.World) { w.Instances[1].Tags = tags("KubernetesCluster", "prod-1") }},
		{name: "two clusters", change: func(w *clusterid.World) { w.Instances[1].Tags[foreign] = "owned" }, want: []clusterid.Finding{{
			Code: "instance-several-clusters", Level: clusterid.Warning, Object: "i-agent1",
			Detail: `is tagged for "other" besides prod-1; both clusters' controllers take it for a node of theirs, and no cloud controller that learns its ClusterID from these tags could start there`,
			Fix:    "if the other cluster is not in use here: aws ec2 delete-tags --region eu-central-1 --resources i-agent1 --tags 'Key=kubernetes.io/cluster/other'",
		}}},
		{name: "two clusters, one by the legacy tag", change: func(w *clusterid.World) {
			w.Instances[1].Tags["KubernetesCluster"] = "other"
		}, want: []clusterid.Finding{{
			Code: "instance-several-clusters", Level: clusterid.Warning, Object: "i-agent1",
			Detail: `is tagged for "other" besides prod-1; both clusters' controllers take it for a node of theirs, and no cloud controller that learns its ClusterID from these tags could start there`,
			Fix:    "if the other cluster is not in use here: aws ec2 delete-tags --region eu-central-1 --resources i-agent1 --tags 'Key=KubernetesCluster'",
		}}},
		{name: "three clusters, one by the legacy tag", change: func(w *clusterid.World) {
			w.Instances[1].Tags["KubernetesCluster"], w.Instances[1].Tags[foreign] = "a", "owned"
		}, want: []clusterid.Finding{{
			Code: "instance-several-clusters", Level: clusterid.Warning, Object: "i-agent1",
			Detail: `is tagged for "a", "other" besides prod-1; both clusters' controllers take it for a node of theirs, and no cloud controller that learns its ClusterID from these tags could start there`,
			Fix:    "if the other cluster is not in use here: aws ec2 delete-tags --region eu-central-1 --resources i-agent1 --tags 'Key=KubernetesCluster' 'Key=kubernetes.io/cluster/other'",
		}}},
		{name: "one name twice", change: func(w *clusterid.World) {
			w.Instances[2].PrivateDNSName = w.Instances[1].PrivateDNSName
		}, want: []clusterid.Finding{{
			Code: "node-name-twice", Level: clusterid.Error, Object: "ip-10-0-0-2.eu-central-1.compute.internal",
			Detail: "i-agent1, i-agent2 have this private DNS name and the cluster's tag; the cloud controller initializes no node of that name: multiple instances found for name: ip-10-0-0-2.eu-central-1.compute.internal",
			Fix:    "take the tag from the one that is no node: aws ec2 delete-tags --region eu-central-1 --resources INSTANCE --tags 'Key=kubernetes.io/cluster/prod-1'",
		}}},
		{name: "one name twice, once terminated", change: func(w *clusterid.World) {
			w.Instances[2].PrivateDNSName, w.Instances[2].State = w.Instances[1].PrivateDNSName, "terminated"
		}},
		{name: "one name twice, but by id", change: func(w *clusterid.World) {
			w.Instances[1].PrivateDNSName, w.Instances[2].PrivateDNSName = "i-agent1", "i-agent1"
		}},
		{name: "shared", change: func(w *clusterid.World) { w.Instances[1].Tags[key] = "shared" }},
		{name: "shared, on EKS", world: eks, change: func(w *clusterid.World) { w.Instances[0].Tags[key] = "shared" }, want: []clusterid.Finding{{
			Code: "eks-node-not-owned", Level: clusterid.Error, Object: "i-agent1",
			Detail: `has kubernetes.io/cluster/prod-1="shared"; EKS wants owned on every self-managed node, else the node does not join`,
			Fix:    "aws ec2 create-tags --region eu-central-1 --resources i-agent1 --tags 'Key=kubernetes.io/cluster/prod-1,Value=owned'",
		}}},
	})
}

func TestScaling(t *testing.T) {
	check(t, []row{
		{name: "untagged", change: func(w *clusterid.World) { w.AutoScalingGroups[0].Tags = nil }, want: []clusterid.Finding{{
			Code: "scaling-untagged", Level: clusterid.Error, Object: "agents",
			Detail: "neither it nor its launch template has the tag kubernetes.io/cluster/prod-1 for instances; its next instances are no nodes to the cloud controller",
			Fix:    "aws autoscaling create-or-update-tags --region eu-central-1 --tags 'ResourceId=agents,ResourceType=auto-scaling-group,Key=kubernetes.io/cluster/prod-1,Value=owned,PropagateAtLaunch=true'",
		}}},
		{name: "tagged by the launch template", change: func(w *clusterid.World) {
			w.AutoScalingGroups[0].Tags, w.AutoScalingGroups[0].TemplateTags = nil, tags(key, "owned")
		}},
		{name: "not propagated", change: func(w *clusterid.World) { w.AutoScalingGroups[0].Tags[0].Propagate = false }, want: []clusterid.Finding{{
			Code: "scaling-not-propagated", Level: clusterid.Error, Object: "agents",
			Detail: "has the tag kubernetes.io/cluster/prod-1 without PropagateAtLaunch; its next instances are no nodes to the cloud controller",
			Fix:    "aws autoscaling create-or-update-tags --region eu-central-1 --tags 'ResourceId=agents,ResourceType=auto-scaling-group,Key=kubernetes.io/cluster/prod-1,Value=owned,PropagateAtLaunch=true'",
		}}},
		{name: "two clusters", change: func(w *clusterid.World) {
			w.AutoScalingGroups[0].TemplateTags = tags(foreign, "owned")
		}, want: []clusterid.Finding{{
			Code: "instance-several-clusters", Level: clusterid.Warning, Object: "agents",
			Detail: `launches what is tagged for "other" besides prod-1; both clusters' controllers take it for a node of theirs, and no cloud controller that learns its ClusterID from these tags could start there`,
			Fix:    `if the other cluster is not in use here: take "kubernetes.io/cluster/other" from the group and from its launch template`,
		}}},
		{name: "control plane", change: func(w *clusterid.World) { w.AutoScalingGroups[0].ControlPlane = true }},
		{name: "control plane, untagged", change: func(w *clusterid.World) {
			w.AutoScalingGroups[0].ControlPlane, w.AutoScalingGroups[0].Tags = true, nil
		}, want: []clusterid.Finding{{
			Code: "scaling-untagged", Level: clusterid.Error, Object: "agents",
			Detail: "neither it nor its launch template has the tag kubernetes.io/cluster/prod-1 for instances; the cloud controller does not start on its next instances: AWS cloud failed to find ClusterID",
			Fix:    "aws autoscaling create-or-update-tags --region eu-central-1 --tags 'ResourceId=agents,ResourceType=auto-scaling-group,Key=kubernetes.io/cluster/prod-1,Value=owned,PropagateAtLaunch=true'",
		}}},
		{name: "control plane, two clusters", change: func(w *clusterid.World) {
			w.AutoScalingGroups[0].ControlPlane, w.AutoScalingGroups[0].TemplateTags = true, tags(foreign, "owned")
		}, want: []clusterid.Finding{{
			Code: "control-plane-several-clusters", Level: clusterid.Error, Object: "agents",
			Detail: `launches what is tagged for 2 clusters; the cloud controller does not start there: Found multiple cluster tags with prefix kubernetes.io/cluster/ ("other" and "prod-1")`,
			Fix:    `if the other cluster is not in use here: take "kubernetes.io/cluster/other" from the group and from its launch template`,
		}}},
		{name: "control plane, another cluster", change: func(w *clusterid.World) {
			w.AutoScalingGroups[0].ControlPlane, w.AutoScalingGroups[0].Tags[0].Key = true, foreign
		}, want: []clusterid.Finding{{
			Code: "control-plane-other-cluster", Level: clusterid.Error, Object: "agents",
			Detail: "launches what is tagged for cluster other only; the cloud controller starts there with that ClusterID, and finds the nodes, groups and subnets of that cluster",
			Fix:    `if the other cluster is not in use here: take "kubernetes.io/cluster/other" from the group and from its launch template; then tag it: aws autoscaling create-or-update-tags --region eu-central-1 --tags 'ResourceId=agents,ResourceType=auto-scaling-group,Key=kubernetes.io/cluster/prod-1,Value=owned,PropagateAtLaunch=true'`,
		}}},
		{name: "the group's tag beats the template's", change: func(w *clusterid.World) {
			w.AutoScalingGroups[0].ControlPlane = true
			w.AutoScalingGroups[0].TemplateTags = tags("KubernetesCluster", "other")
			w.AutoScalingGroups[0].Tags = append(w.AutoScalingGroups[0].Tags,
				clusterid.GroupTag{Key: "KubernetesCluster", Value: "prod-1", Propagate: true})
		}},
	})
}

func TestMetadataTags(t *testing.T) {
	check(t, []row{
		{name: "of an instance", change: func(w *clusterid.World) { w.Instances[1].MetadataTags = true }, want: []clusterid.Finding{{
			Code: "metadata-tags", Level: clusterid.Error, Object: "i-agent1",
			Detail: `tags in the instance metadata are enabled, and "kubernetes.io/cluster/prod-1" cannot be there; whichever comes second EC2 refuses, CreateTags or ModifyInstanceMetadataOptions: 'kubernetes.io/cluster/prod-1' is not a valid tag key. Tag keys must match pattern ([0-9a-zA-Z\\-_+=,.@:]{1,255}), and must not be a reserved name ('.', '..', '_index')`,
			Fix:    "disable them first: aws ec2 modify-instance-metadata-options --region eu-central-1 --instance-id i-agent1 --instance-metadata-tags disabled",
		}}},
		{name: "of an instance, every key fit", change: func(w *clusterid.World) {
			w.Instances[1].MetadataTags = true
			w.Instances[1].Tags = tags("KubernetesCluster", "prod-1", "aws:ec2launchtemplate:id", "lt-1", "a-b_c+d=e,f.g@h", "", "azAZ09", "")
		}},
		{name: "of an instance, reserved names and spaces", change: func(w *clusterid.World) {
			w.Instances[1].MetadataTags = true
			w.Instances[1].Tags = tags("KubernetesCluster", "prod-1", "cost centre", "", "_index", "", "..", "", ".", "")
		}, want: []clusterid.Finding{{
			Code: "metadata-tags", Level: clusterid.Error, Object: "i-agent1",
			Detail: `tags in the instance metadata are enabled, and ".", "..", "_index", "cost centre" cannot be there; whichever comes second EC2 refuses, CreateTags or ModifyInstanceMetadataOptions: '.' is not a valid tag key. Tag keys must match pattern ([0-9a-zA-Z\\-_+=,.@:]{1,255}), and must not be a reserved name ('.', '..', '_index')`,
			Fix:    "disable them first: aws ec2 modify-instance-metadata-options --region eu-central-1 --instance-id i-agent1 --instance-metadata-tags disabled",
		}}},
		{name: "of a terminated instance", change: func(w *clusterid.World) {
			w.Instances[1].MetadataTags, w.Instances[1].State = true, "terminated"
		}},
		{name: "at launch", change: func(w *clusterid.World) { w.AutoScalingGroups[0].MetadataTags = true }, want: []clusterid.Finding{{
			Code: "metadata-tags-launch", Level: clusterid.Error, Object: "agents",
			Detail: `its launch template, or the account's default, enables tags in the instance metadata, and "kubernetes.io/cluster/prod-1" cannot be there; the group launches nothing: 'kubernetes.io/cluster/prod-1' is not a valid tag key. Tag keys must match pattern ([0-9a-zA-Z\\-_+=,.@:]{1,255}), and must not be a reserved name ('.', '..', '_index'). Launching EC2 instance failed.`,
			Fix:    "a new version of the launch template with MetadataOptions.InstanceMetadataTags=disabled",
		}}},
		{name: "at launch, every key fit", change: func(w *clusterid.World) {
			w.AutoScalingGroups[0].MetadataTags = true
			w.AutoScalingGroups[0].Tags = []clusterid.GroupTag{
				{Key: "KubernetesCluster", Value: "prod-1", Propagate: true}, {Key: "k8s.io/x"},
			}
		}},
	})
}

func TestTagLimit(t *testing.T) {
	// with adds n tags to those that a resource has.
	with := func(m map[string]string, n int) map[string]string {
		all := many(n)
		maps.Copy(all, m)
		return all
	}
	check(t, []row{
		{name: "instance with 51", change: func(w *clusterid.World) { w.Instances[1].Tags = with(w.Instances[1].Tags, 50) }, want: []clusterid.Finding{{
			Code: "tag-limit", Level: clusterid.Error, Object: "i-agent1",
			Detail: "would have 51 tags, and AWS takes 50: TagLimitExceeded",
			Fix:    "delete tags that nobody reads, before the cluster's are set",
		}}},
		{name: "instance with 50 and those of AWS", change: func(w *clusterid.World) {
			w.Instances[1].Tags = with(w.Instances[1].Tags, 49)
			w.Instances[1].Tags["aws:autoscaling:groupName"] = "agents"
		}},
		{name: "terminated instance with 51", change: func(w *clusterid.World) {
			w.Instances[1].Tags, w.Instances[1].State = with(w.Instances[1].Tags, 50), "terminated"
		}},
		{name: "security group with 51", change: func(w *clusterid.World) { w.SecurityGroups[0].Tags = with(w.SecurityGroups[0].Tags, 50) }, want: []clusterid.Finding{{
			Code: "tag-limit", Level: clusterid.Error, Object: "sg-node",
			Detail: "would have 51 tags, and AWS takes 50: TagLimitExceeded",
			Fix:    "delete tags that nobody reads, before the cluster's are set",
		}}},
		{name: "subnet with 52", change: func(w *clusterid.World) { w.Subnets[0].Tags = with(w.Subnets[0].Tags, 50) }, want: []clusterid.Finding{{
			Code: "tag-limit", Level: clusterid.Error, Object: "subnet-a1",
			Detail: "would have 52 tags, and AWS takes 50: TagLimitExceeded",
			Fix:    "delete tags that nobody reads, before the cluster's are set",
		}}},
		{name: "route table with 51", change: func(w *clusterid.World) { w.RouteTables[1].Tags = many(51) }, want: []clusterid.Finding{{
			Code: "tag-limit", Level: clusterid.Error, Object: "rtb-public",
			Detail: "would have 51 tags, and AWS takes 50: TagLimitExceeded",
			Fix:    "delete tags that nobody reads, before the cluster's are set",
		}}},
		{name: "Auto Scaling group with 51", change: func(w *clusterid.World) {
			for tag := range many(50) {
				w.AutoScalingGroups[0].Tags = append(w.AutoScalingGroups[0].Tags, clusterid.GroupTag{Key: tag})
			}
		}, want: []clusterid.Finding{{
			Code: "tag-limit", Level: clusterid.Error, Object: "agents",
			Detail: "would have 51 tags, and AWS takes 50: TagLimitExceeded",
			Fix:    "delete tags that nobody reads, before the cluster's are set",
		}}},
		{name: "launch with 51", change: func(w *clusterid.World) { w.AutoScalingGroups[0].TemplateTags = many(50) }, want: []clusterid.Finding{{
			Code: "tag-limit", Level: clusterid.Error, Object: "agents",
			Detail: "would have 51 tags, and AWS takes 50: TagLimitExceeded",
			Fix:    "delete tags that nobody reads, before the cluster's are set",
		}}},
		{name: "launch with 50", change: func(w *clusterid.World) { w.AutoScalingGroups[0].TemplateTags = many(49) }},
	})
}
