package clusterid_test

import (
	"testing"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/clusterid"
)

func TestGroups(t *testing.T) {
	both := []string{"sg-node", "sg-extra"}
	check(t, []row{
		{name: "two tagged", change: func(w *clusterid.World) {
			w.SecurityGroups[1].Tags, w.Instances[1].Interfaces[0].Groups = tags(key, "owned"), both
		}, want: []clusterid.Finding{{
			Code: "group-several-tagged", Level: clusterid.Error, Object: "i-agent1",
			Detail: "has sg-node (nodes), sg-extra (monitoring), all tagged for the cluster; the cloud controller gives up on every load balancer with this node: Multiple tagged security groups found for instance i-agent1; ensure only the k8s security group is tagged; the tagged groups were sg-node(nodes) sg-extra(monitoring)",
			Fix:    "keep the tag of the one that the nodes share, and take it from the others: aws ec2 delete-tags --region eu-central-1 --resources GROUP --tags 'Key=kubernetes.io/cluster/prod-1'",
		}, {
			Code: "interface-groups", Level: clusterid.Error, Object: "eni-i-agent1",
			Detail: "the interface of i-agent1 has sg-node (nodes), sg-extra (monitoring); the load balancer controller opens no way to what listens there: expected exactly one securityGroup tagged with kubernetes.io/cluster/prod-1 for eni eni-i-agent1, got: [sg-extra sg-node] (clusterName: prod-1)",
			Fix:    "keep the tag of the one that the nodes share, and take it from the others: aws ec2 delete-tags --region eu-central-1 --resources GROUP --tags 'Key=kubernetes.io/cluster/prod-1'",
		}}},
		{name: "one of two tagged", change: func(w *clusterid.World) { w.Instances[1].Interfaces[0].Groups = both }},
		{name: "two tagged, one of another cluster", change: func(w *clusterid.World) {
			w.SecurityGroups[1].Tags, w.Instances[1].Interfaces[0].Groups = tags(foreign, "owned"), both
		}},
		{name: "two tagged, terminated", change: func(w *clusterid.World) {
			w.SecurityGroups[1].Tags, w.Instances[1].Interfaces[0].Groups = tags(key, "owned"), both
			w.Instances[1].State = "terminated"
		}},
		{name: "two tagged, told apart by other tags", change: func(w *clusterid.World) {
			w.Options.TargetGroupTags = tags("use", "nodes")
			w.SecurityGroups[0].Tags["use"] = "nodes"
			w.SecurityGroups[1].Tags, w.Instances[1].Interfaces[0].Groups = tags(key, "owned", "use", "else"), both
		}, want: []clusterid.Finding{{
			Code: "group-several-tagged", Level: clusterid.Error, Object: "i-agent1",
			Detail: "has sg-node (nodes), sg-extra (monitoring), all tagged for the cluster; the cloud controller gives up on every load balancer with this node: Multiple tagged security groups found for instance i-agent1; ensure only the k8s security group is tagged; the tagged groups were sg-node(nodes) sg-extra(monitoring)",
			Fix:    "keep the tag of the one that the nodes share, and take it from the others: aws ec2 delete-tags --region eu-central-1 --resources GROUP --tags 'Key=kubernetes.io/cluster/prod-1'",
		}}},
		{name: "none of two tagged", change: func(w *clusterid.World) {
			w.Instances[1].Interfaces[0].Groups = []string{"sg-extra", "sg-unread"}
		}, want: []clusterid.Finding{{
			Code: "group-none-tagged", Level: clusterid.Error, Object: "i-agent1",
			Detail: "has sg-extra (monitoring), sg-unread, none tagged for the cluster; the cloud controller gives up on every load balancer with this node: Multiple untagged security groups found for instance i-agent1; ensure the k8s security group is tagged",
			Fix:    "tag the one that the nodes share: aws ec2 create-tags --region eu-central-1 --resources GROUP --tags 'Key=kubernetes.io/cluster/prod-1,Value=owned'",
		}, {
			Code: "interface-groups", Level: clusterid.Error, Object: "eni-i-agent1",
			Detail: "the interface of i-agent1 has sg-extra (monitoring), sg-unread; the load balancer controller opens no way to what listens there: expected exactly one securityGroup tagged with kubernetes.io/cluster/prod-1 for eni eni-i-agent1, got: [] (clusterName: prod-1)",
			Fix:    "tag the one that the nodes share: aws ec2 create-tags --region eu-central-1 --resources GROUP --tags 'Key=kubernetes.io/cluster/prod-1,Value=owned'",
		}}},
		{name: "the only one untagged", change: func(w *clusterid.World) {
			w.Instances[1].Interfaces[0].Groups = []string{"sg-extra"}
			w.Instances[2].Interfaces[0].Groups = []string{"sg-extra"}
		}, want: []clusterid.Finding{{
			Code: "group-untagged", Level: clusterid.Warning, Object: "sg-extra",
			Detail: "sg-extra (monitoring) is the only security group of i-agent1, i-agent2 and has no tag of the cluster: the controllers take it, until the instance gets a second group",
			Fix:    "aws ec2 create-tags --region eu-central-1 --resources sg-extra --tags 'Key=kubernetes.io/cluster/prod-1,Value=owned'",
		}}},
		{name: "the only one untagged, without a name", change: func(w *clusterid.World) {
			w.SecurityGroups[1].Name = ""
			w.Instances[1].Interfaces[0].Groups = []string{"sg-extra"}
		}, want: []clusterid.Finding{{
			Code: "group-untagged", Level: clusterid.Warning, Object: "sg-extra",
			Detail: "sg-extra is the only security group of i-agent1 and has no tag of the cluster: the controllers take it, until the instance gets a second group",
			Fix:    "aws ec2 create-tags --region eu-central-1 --resources sg-extra --tags 'Key=kubernetes.io/cluster/prod-1,Value=owned'",
		}}},
		{name: "one of two tagged, by the legacy tag", change: func(w *clusterid.World) {
			w.SecurityGroups[0].Tags = tags("KubernetesCluster", "prod-1")
			w.Instances[1].Interfaces[0].Groups = both
		}, want: []clusterid.Finding{{
			Code: "interface-groups", Level: clusterid.Error, Object: "eni-i-agent1",
			Detail: "the interface of i-agent1 has sg-node (nodes), sg-extra (monitoring); the load balancer controller opens no way to what listens there: expected exactly one securityGroup tagged with kubernetes.io/cluster/prod-1 for eni eni-i-agent1, got: [] (clusterName: prod-1)",
			Fix:    "tag the one that the nodes share: aws ec2 create-tags --region eu-central-1 --resources GROUP --tags 'Key=kubernetes.io/cluster/prod-1,Value=owned'",
		}, {
			Code: "legacy-tag-only", Level: clusterid.Note, Object: "sg-node",
			Detail: "is the cluster's by KubernetesCluster alone, which the load balancer controller does not read",
			Fix:    "aws ec2 create-tags --region eu-central-1 --resources sg-node --tags 'Key=kubernetes.io/cluster/prod-1,Value=owned'",
		}}},
		{name: "no interface", change: func(w *clusterid.World) { w.Instances[1].Interfaces = nil }},
	})
}

func TestInterfaces(t *testing.T) {
	second := func(w *clusterid.World, groups ...string) {
		w.Instances[1].Interfaces = append(w.Instances[1].Interfaces, clusterid.Interface{ID: "eni-second", Groups: groups})
	}
	check(t, []row{
		{name: "second with two tagged", change: func(w *clusterid.World) {
			w.SecurityGroups[1].Tags = tags(key, "owned")
			second(w, "sg-node", "sg-extra")
		}, want: []clusterid.Finding{{
			Code: "interface-groups", Level: clusterid.Error, Object: "eni-second",
			Detail: "the interface of i-agent1 has sg-node (nodes), sg-extra (monitoring); the load balancer controller opens no way to what listens there: expected exactly one securityGroup tagged with kubernetes.io/cluster/prod-1 for eni eni-second, got: [sg-extra sg-node] (clusterName: prod-1)",
			Fix:    "keep the tag of the one that the nodes share, and take it from the others: aws ec2 delete-tags --region eu-central-1 --resources GROUP --tags 'Key=kubernetes.io/cluster/prod-1'",
		}}},
		{name: "second with two tagged, cloud controller alone", change: func(w *clusterid.World) {
			w.Options.LBC = false
			w.SecurityGroups[1].Tags = tags(key, "owned")
			second(w, "sg-node", "sg-extra")
		}},
		{name: "second with one untagged", change: func(w *clusterid.World) { second(w, "sg-extra") }},
		{name: "second with one of two tagged", change: func(w *clusterid.World) { second(w, "sg-extra", "sg-node") }},
		{name: "second with none", change: func(w *clusterid.World) { second(w) }, want: []clusterid.Finding{{
			Code: "interface-groups", Level: clusterid.Error, Object: "eni-second",
			Detail: "the interface of i-agent1 has no security group; the load balancer controller opens no way to what listens there: expected exactly one securityGroup tagged with kubernetes.io/cluster/prod-1 for eni eni-second, got: [] (clusterName: prod-1)",
			Fix:    "give the interface a security group",
		}}},
		{name: "second with none of two tagged as asked", change: func(w *clusterid.World) {
			w.Options.TargetGroupTags = tags("use", "nodes")
			second(w, "sg-extra", "sg-node")
		}, want: []clusterid.Finding{{
			Code: "interface-groups", Level: clusterid.Error, Object: "eni-second",
			Detail: "the interface of i-agent1 has sg-extra (monitoring), sg-node (nodes); the load balancer controller opens no way to what listens there: expected exactly one securityGroup tagged with kubernetes.io/cluster/prod-1 and map[use:nodes] for eni eni-second, got: [] (clusterName: prod-1)",
			Fix:    "tag the one that the nodes share: aws ec2 create-tags --region eu-central-1 --resources GROUP --tags 'Key=kubernetes.io/cluster/prod-1,Value=owned'; it also needs the tags of --service-target-eni-security-group-tags",
		}}},
	})
}

func TestGroupValues(t *testing.T) {
	check(t, []row{
		{name: "empty", change: func(w *clusterid.World) { w.SecurityGroups[0].Tags[key] = "" }, want: []clusterid.Finding{{
			Code: "group-value", Level: clusterid.Warning, Object: "sg-node",
			Detail: `sg-node (nodes) has kubernetes.io/cluster/prod-1=""; the load balancer controller looks for owned or shared when it cleans up after a restart, and leaves its old rules in this group`,
			Fix:    "aws ec2 create-tags --region eu-central-1 --resources sg-node --tags 'Key=kubernetes.io/cluster/prod-1,Value=owned'",
		}}},
		{name: "empty, cloud controller alone", change: func(w *clusterid.World) { w.Options.LBC, w.SecurityGroups[0].Tags[key] = false, "" }},
		{name: "empty, in another VPC", change: func(w *clusterid.World) {
			w.SecurityGroups[1].VPCID, w.SecurityGroups[1].Tags = "vpc-2", tags(key, "")
		}},
		{name: "shared", change: func(w *clusterid.World) { w.SecurityGroups[0].Tags[key] = "shared" }},
		{name: "shared, made for an ELB", change: func(w *clusterid.World) {
			w.SecurityGroups[1].Name, w.SecurityGroups[1].Tags = "k8s-elb-a1b2", tags(key, "shared")
		}, want: []clusterid.Finding{{
			Code: "controller-group-value", Level: clusterid.Error, Object: "sg-extra",
			Detail: `sg-extra (k8s-elb-a1b2) has the name of a group that the cloud controller makes; it wants its own value there, and of an NLB it never deletes the group: resource "sg-extra" has tag belonging to another cluster: "kubernetes.io/cluster/prod-1"="shared" (expected "owned")`,
			Fix:    "aws ec2 create-tags --region eu-central-1 --resources sg-extra --tags 'Key=kubernetes.io/cluster/prod-1,Value=owned'",
		}}},
		{name: "owned, made for an ELB", change: func(w *clusterid.World) {
			w.SecurityGroups[1].Name, w.SecurityGroups[1].Tags = "k8s-elb-a1b2", tags(key, "owned")
		}},
		{name: "empty, made for an ELB and repaired", change: func(w *clusterid.World) {
			w.Options.LBC = false
			w.SecurityGroups[1].Name, w.SecurityGroups[1].Tags = "k8s-elb-a1b2", tags(key, "")
		}},
		{name: "shared, made for an NLB", change: func(w *clusterid.World) {
			w.SecurityGroups[1].Name, w.SecurityGroups[1].Tags = "k8s-default-web-0123abcdef", tags(key, "shared")
		}, want: []clusterid.Finding{{
			Code: "controller-group-value", Level: clusterid.Error, Object: "sg-extra",
			Detail: `sg-extra (k8s-default-web-0123abcdef) has the name of a group that the cloud controller makes; it wants its own value there, and of an NLB it never deletes the group: resource "sg-extra" has tag belonging to another cluster: "kubernetes.io/cluster/prod-1"="shared" (expected "owned")`,
			Fix:    "aws ec2 create-tags --region eu-central-1 --resources sg-extra --tags 'Key=kubernetes.io/cluster/prod-1,Value=owned'",
		}}},
		{name: "shared, of the load balancer controller", change: func(w *clusterid.World) {
			w.SecurityGroups[1].Name = "k8s-default-web-0123abcdef"
			w.SecurityGroups[1].Tags = tags(key, "shared", "elbv2.k8s.aws/cluster", "prod-1")
		}},
		{name: "shared, a name of three parts", change: func(w *clusterid.World) {
			w.SecurityGroups[1].Name, w.SecurityGroups[1].Tags = "k8s-web-0123abcdef", tags(key, "shared")
		}},
		{name: "shared, a name that begins otherwise", change: func(w *clusterid.World) {
			w.SecurityGroups[1].Name, w.SecurityGroups[1].Tags = "app-default-web-0123abcdef", tags(key, "shared")
		}},
		{name: "shared, a name of four parts", change: func(w *clusterid.World) {
			w.SecurityGroups[1].Name, w.SecurityGroups[1].Tags = "k8s-default-web-0123456xyz", tags(key, "shared")
		}},
	})
}

func TestSharing(t *testing.T) {
	check(t, []row{
		{name: "owned twice", change: func(w *clusterid.World) { w.SecurityGroups[0].Tags[foreign] = "owned" }, want: []clusterid.Finding{{
			Code: "owned-twice", Level: clusterid.Warning, Object: "sg-node",
			Detail: "is owned by the clusters other, prod-1: whichever is deleted first takes it from the other",
			Fix:    "if it shall outlive both, make it shared on either side: aws ec2 create-tags --region eu-central-1 --resources sg-node --tags 'Key=kubernetes.io/cluster/prod-1,Value=shared'",
		}}},
		{name: "owned and shared", change: func(w *clusterid.World) { w.SecurityGroups[0].Tags[foreign] = "shared" }, want: []clusterid.Finding{{
			Code: "owned-and-shared", Level: clusterid.Note, Object: "sg-node",
			Detail: "is owned by cluster prod-1 and used by other: it goes when prod-1 is deleted",
			Fix:    "if it shall outlive prod-1: aws ec2 create-tags --region eu-central-1 --resources sg-node --tags 'Key=kubernetes.io/cluster/prod-1,Value=shared'",
		}}},
		{name: "a subnet used, and owned by another", change: func(w *clusterid.World) { w.Subnets[0].Tags[foreign] = "owned" }, want: []clusterid.Finding{{
			Code: "owned-and-shared", Level: clusterid.Note, Object: "subnet-a1",
			Detail: "is owned by cluster other and used by prod-1: it goes when other is deleted",
			Fix:    "if it shall outlive other: aws ec2 create-tags --region eu-central-1 --resources subnet-a1 --tags 'Key=kubernetes.io/cluster/other,Value=shared'",
		}}},
		{name: "shared twice", change: func(w *clusterid.World) { w.Subnets[0].Tags[foreign] = "shared" }},
		{name: "a route table owned twice", change: func(w *clusterid.World) {
			w.RouteTables[0].Tags = tags(key, "owned", foreign, "owned")
		}, want: []clusterid.Finding{{
			Code: "owned-twice", Level: clusterid.Warning, Object: "rtb-private",
			Detail: "is owned by the clusters other, prod-1: whichever is deleted first takes it from the other",
			Fix:    "if it shall outlive both, make it shared on either side: aws ec2 create-tags --region eu-central-1 --resources rtb-private --tags 'Key=kubernetes.io/cluster/prod-1,Value=shared'",
		}}},
		{name: "others' alone", change: func(w *clusterid.World) {
			w.SecurityGroups[1].Tags = tags(foreign, "owned", "kubernetes.io/cluster/third", "owned")
		}},
		{name: "legacy tag only", change: func(w *clusterid.World) { w.SecurityGroups[1].Tags = tags("KubernetesCluster", "prod-1") }, want: []clusterid.Finding{{
			Code: "legacy-tag-only", Level: clusterid.Note, Object: "sg-extra",
			Detail: "is the cluster's by KubernetesCluster alone, which the load balancer controller does not read",
			Fix:    "aws ec2 create-tags --region eu-central-1 --resources sg-extra --tags 'Key=kubernetes.io/cluster/prod-1,Value=owned'",
		}}},
		{name: "legacy tag of another", change: func(w *clusterid.World) { w.SecurityGroups[1].Tags = tags("KubernetesCluster", "other") }},
	})
}

func TestRoutes(t *testing.T) {
	check(t, []row{
		{name: "none tagged", change: func(w *clusterid.World) { w.RouteTables[0].Tags = nil }, want: []clusterid.Finding{{
			Code: "route-table-missing", Level: clusterid.Error, Object: "prod-1",
			Detail: "no route table is tagged for the cluster, and the cloud controller manages routes; no pod network gets one: unable to find route table for AWS cluster",
			Fix:    "tag the one table that the nodes' subnets share: aws ec2 create-tags --region eu-central-1 --resources TABLE --tags 'Key=kubernetes.io/cluster/prod-1,Value=shared'",
		}}},
		{name: "none tagged, no routes", change: func(w *clusterid.World) { w.Options.Routes, w.RouteTables[0].Tags = false, nil }},
		{name: "none tagged, one configured", change: func(w *clusterid.World) {
			w.Options.RouteTableID, w.RouteTables[0].Tags = "rtb-private", nil
		}},
		{name: "another configured than there is", change: func(w *clusterid.World) { w.Options.RouteTableID = "rtb-gone" }, want: []clusterid.Finding{{
			Code: "route-table-missing", Level: clusterid.Error, Object: "rtb-gone",
			Detail: "the cloud controller's configuration names this route table, and the region does not have it; no pod network gets a route: unable to find route table for AWS cluster",
			Fix:    "correct RouteTableID in the cloud controller's configuration",
		}}},
		{name: "legacy tag", change: func(w *clusterid.World) { w.RouteTables[0].Tags = tags("KubernetesCluster", "prod-1", key, "shared") }},
		{name: "two tagged", change: func(w *clusterid.World) { w.RouteTables[1].Tags = tags(key, "shared") }, want: []clusterid.Finding{{
			Code: "route-table-several", Level: clusterid.Error, Object: "prod-1",
			Detail: "rtb-private, rtb-public are all tagged for the cluster, and the cloud controller manages routes in one; no pod network gets a route: found multiple matching AWS route tables for AWS cluster",
			Fix:    "keep the tag of one, or name it as RouteTableID in the cloud controller's configuration: aws ec2 delete-tags --region eu-central-1 --resources TABLE --tags 'Key=kubernetes.io/cluster/prod-1'",
		}}},
		{name: "two tagged, one configured", change: func(w *clusterid.World) {
			w.Options.RouteTableID, w.RouteTables[1].Tags = "rtb-private", tags(key, "shared")
		}},
		{name: "two tagged, one in another VPC", change: func(w *clusterid.World) {
			w.RouteTables = append(w.RouteTables, clusterid.RouteTable{ID: "rtb-far", VPCID: "vpc-2", Tags: tags(key, "shared")})
		}, want: []clusterid.Finding{{
			Code: "route-table-several", Level: clusterid.Error, Object: "prod-1",
			Detail: "rtb-far, rtb-private are all tagged for the cluster, and the cloud controller manages routes in one; no pod network gets a route: found multiple matching AWS route tables for AWS cluster",
			Fix:    "keep the tag of one, or name it as RouteTableID in the cloud controller's configuration: aws ec2 delete-tags --region eu-central-1 --resources TABLE --tags 'Key=kubernetes.io/cluster/prod-1'",
		}}},
	})
}
