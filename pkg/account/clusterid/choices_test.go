package clusterid_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/clusterid"
)

func TestChoose(t *testing.T) {
	const cloud, balancer = clusterid.CloudController, clusterid.LoadBalancerController
	alone := func(zone, subnet string) clusterid.SubnetChoice {
		return clusterid.SubnetChoice{Zone: zone, Subnet: subnet, Why: "alone in its zone"}
	}
	want := clusterid.Choices{
		Groups: []clusterid.InstanceGroups{
			{
				GroupChoice: clusterid.GroupChoice{Controller: cloud, Group: "sg-node", Why: "the one tagged"},
				Instances:   []string{"i-agent1", "i-agent2", "i-server"},
			},
			{
				GroupChoice: clusterid.GroupChoice{Controller: balancer, Group: "sg-node", Why: "the only one"},
				Instances:   []string{"i-agent1", "i-agent2", "i-server"},
			},
		},
		Subnets: []clusterid.SubnetChoices{
			{
				Controller: cloud, Scheme: clusterid.InternetFacing, From: "every subnet that is not another cluster's",
				Subnets: []clusterid.SubnetChoice{alone("eu-central-1a", "subnet-a2"), alone("eu-central-1b", "subnet-b2")},
			},
			{
				Controller: balancer, Scheme: clusterid.InternetFacing, From: "the role tag",
				Subnets: []clusterid.SubnetChoice{alone("eu-central-1a", "subnet-a2"), alone("eu-central-1b", "subnet-b2")},
			},
			{
				Controller: cloud, Scheme: clusterid.Internal, From: "every subnet that is not another cluster's",
				Subnets: []clusterid.SubnetChoice{
					{Zone: "eu-central-1a", Subnet: "subnet-a1", Why: "its role tag", Others: []string{"subnet-a2"}},
					{Zone: "eu-central-1b", Subnet: "subnet-b1", Why: "its role tag", Others: []string{"subnet-b2"}},
				},
			},
			{
				Controller: balancer, Scheme: clusterid.Internal, From: "the role tag",
				Subnets: []clusterid.SubnetChoice{alone("eu-central-1a", "subnet-a1"), alone("eu-central-1b", "subnet-b1")},
			},
		},
		RouteTable: clusterid.RouteTableChoice{Table: "rtb-private", Why: "the one tagged"},
	}
	if diff := cmp.Diff(want, clusterid.Choose(selfManaged())); diff != "" {
		t.Errorf("Choose (-want +got):\n%s", diff)
	}
}

// Each tie is broken by the first thing that differs.
func TestTies(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(w *clusterid.World) // of subnet-a1, that competes with subnet-a0
		cloud  clusterid.SubnetChoice
		lbc    clusterid.SubnetChoice
	}{
		{
			name:   "role before cluster tag and id",
			change: func(w *clusterid.World) { w.Subnets[0].Tags = tags(clusterid.InternalRole, "1") },
			cloud:  clusterid.SubnetChoice{Subnet: "subnet-a1", Why: "its role tag", Others: []string{"subnet-a0"}},
			lbc:    clusterid.SubnetChoice{Subnet: "subnet-a1", Why: "alone in its zone"},
		},
		{
			name: "a role of any value, to one of them; the other goes by route tables",
			change: func(w *clusterid.World) {
				w.Subnets[0].Tags = tags(clusterid.InternalRole, "false")
				w.Subnets[1].Tags = tags(clusterid.PublicRole, "1", key, "shared")
			},
			cloud: clusterid.SubnetChoice{Subnet: "subnet-a1", Why: "its role tag", Others: []string{"subnet-a0"}},
			lbc:   clusterid.SubnetChoice{Subnet: "subnet-a0", Why: "its cluster tag", Others: []string{"subnet-a1"}},
		},
		{
			name: "cluster tag before id",
			change: func(w *clusterid.World) {
				w.Subnets[0].Tags = tags(clusterid.InternalRole, "", key, "")
				w.Subnets[1].Tags = tags(clusterid.InternalRole, "1")
			},
			cloud: clusterid.SubnetChoice{Subnet: "subnet-a1", Why: "its cluster tag", Others: []string{"subnet-a0"}},
			lbc:   clusterid.SubnetChoice{Subnet: "subnet-a1", Why: "its cluster tag", Others: []string{"subnet-a0"}},
		},
		{
			name: "legacy tag, to one of them",
			change: func(w *clusterid.World) {
				w.Subnets[0].Tags = tags(clusterid.InternalRole, "", "KubernetesCluster", "prod-1")
				w.Subnets[1].Tags = tags(clusterid.InternalRole, "1")
			},
			cloud: clusterid.SubnetChoice{Subnet: "subnet-a1", Why: "its cluster tag", Others: []string{"subnet-a0"}},
			lbc:   clusterid.SubnetChoice{Subnet: "subnet-a0", Why: "its id, the lowest", Others: []string{"subnet-a1"}},
		},
		{
			name:   "id",
			change: func(w *clusterid.World) { w.Subnets[1].Tags = w.Subnets[0].Tags },
			cloud:  clusterid.SubnetChoice{Subnet: "subnet-a0", Why: "its id, the lowest", Others: []string{"subnet-a1"}},
			lbc:    clusterid.SubnetChoice{Subnet: "subnet-a0", Why: "its id, the lowest", Others: []string{"subnet-a1"}},
		},
		{
			name: "another cluster's is out",
			change: func(w *clusterid.World) {
				w.Subnets[1].Tags = tags(clusterid.InternalRole, "1", foreign, "shared")
			},
			cloud: clusterid.SubnetChoice{Subnet: "subnet-a1", Why: "alone in its zone"},
			lbc:   clusterid.SubnetChoice{Subnet: "subnet-a1", Why: "alone in its zone"},
		},
		{
			name: "a full one is out, for one of them",
			change: func(w *clusterid.World) {
				w.Subnets[1].Tags, w.Subnets[1].FreeAddresses = w.Subnets[0].Tags, 7
			},
			cloud: clusterid.SubnetChoice{Subnet: "subnet-a0", Why: "its id, the lowest", Others: []string{"subnet-a1"}},
			lbc:   clusterid.SubnetChoice{Subnet: "subnet-a1", Why: "alone in its zone"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := selfManaged()
			w.Subnets = []clusterid.Subnet{subnet("subnet-a1", "a", clusterid.InternalRole), subnet("subnet-a0", "a", clusterid.PublicRole)}
			test.change(&w)
			for controller, want := range map[clusterid.Controller]clusterid.SubnetChoice{
				clusterid.CloudController: test.cloud, clusterid.LoadBalancerController: test.lbc,
			} {
				want.Zone = "eu-central-1a"
				got := clusterid.ChooseSubnets(w, clusterid.Internal, controller)
				if diff := cmp.Diff([]clusterid.SubnetChoice{want}, got.Subnets); diff != "" {
					t.Errorf("%s (-want +got):\n%s", controller, diff)
				}
			}
		})
	}
}

// What is not a subnet of the one kind or the other is told in words.
func TestChoicesText(t *testing.T) {
	w := selfManaged()
	w.SecurityGroups[1].Tags = tags(key, "owned")
	for i := range w.Instances {
		w.Instances[i].Interfaces[0].Groups = []string{"sg-node", "sg-extra"}
	}
	w.Instances[0].Interfaces[0].Groups = []string{"sg-node"}
	w.Instances = append(w.Instances,
		instance("i-gone", "subnet-a1", "", false), instance("i-agent3", "subnet-a1", "", false), instance("i-agent4", "subnet-a1", "", false))
	w.Instances[3].State = "terminated"
	w.Instances[4].Interfaces[0].Groups = []string{"sg-extra", "sg-node"}
	w.Instances[5].Interfaces = nil
	w.RouteTables[0].Tags = nil
	w.Subnets[b1].ZoneType = "local-zone"
	want := `security group, cloud controller, for i-agent1, i-agent2, i-agent3: none: Multiple tagged security groups found for instance i-agent1; ensure only the k8s security group is tagged; the tagged groups were sg-node(nodes) sg-extra(monitoring)
security group, cloud controller, for i-agent4: none: it has none, and is left out
security group, cloud controller, for i-server: sg-node (the one tagged)
security group, load balancer controller, for i-agent1, i-agent2, i-agent3: none: expected exactly one securityGroup tagged with kubernetes.io/cluster/prod-1 for eni eni-i-agent1, got: [sg-extra sg-node] (clusterName: prod-1)
security group, load balancer controller, for i-agent4: none: [this should never happen] no primary ENI found
security group, load balancer controller, for i-server: sg-node (the only one)
subnets, cloud controller, internet-facing, by every subnet that is not another cluster's: eu-central-1a subnet-a2 (alone in its zone), eu-central-1b subnet-b2 (alone in its zone)
subnets, load balancer controller, internet-facing, by the role tag: eu-central-1a subnet-a2 (alone in its zone), eu-central-1b subnet-b2 (alone in its zone)
subnets, cloud controller, internal, by every subnet that is not another cluster's: eu-central-1a subnet-a1 (its role tag)
subnets, load balancer controller, internal, by the role tag: none: subnets in multiple locales: [availability-zone local-zone]
route table, cloud controller: none: unable to find route table for AWS cluster
`
	if diff := cmp.Diff(want, clusterid.Choose(w).String()); diff != "" {
		t.Errorf("String (-want +got):\n%s", diff)
	}

	w = selfManaged()
	w.Options.LBC, w.Options.Schemes = false, nil
	for _, id := range []string{"i-agent3", "i-agent4"} {
		w.Instances = append(w.Instances, instance(id, "subnet-a1", "", false))
	}
	want = `security group, cloud controller, for i-agent1, i-agent2, i-agent3 and 2 more: sg-node (the one tagged)
route table, cloud controller: rtb-private (the one tagged)
`
	if diff := cmp.Diff(want, clusterid.Choose(w).String()); diff != "" {
		t.Errorf("String (-want +got):\n%s", diff)
	}
}

func TestChooseRouteTable(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(w *clusterid.World)
		want   clusterid.RouteTableChoice
	}{
		{"tagged", func(*clusterid.World) {}, clusterid.RouteTableChoice{Table: "rtb-private", Why: "the one tagged"}},
		{"tagged by the legacy tag", func(w *clusterid.World) { w.RouteTables[0].Tags = tags("KubernetesCluster", "prod-1") },
			clusterid.RouteTableChoice{Table: "rtb-private", Why: "the one tagged"}},
		{"configured", func(w *clusterid.World) { w.Options.RouteTableID = "rtb-public" },
			clusterid.RouteTableChoice{Table: "rtb-public", Why: "its configuration"}},
		{"no routes", func(w *clusterid.World) { w.Options.Routes = false }, clusterid.RouteTableChoice{}},
		{"none", func(w *clusterid.World) { w.RouteTables[0].Tags = tags(foreign, "owned") },
			clusterid.RouteTableChoice{Err: "unable to find route table for AWS cluster"}},
		{"two", func(w *clusterid.World) { w.RouteTables[1].Tags = tags(key, "") },
			clusterid.RouteTableChoice{Err: "found multiple matching AWS route tables for AWS cluster"}},
	} {
		w := selfManaged()
		test.change(&w)
		if diff := cmp.Diff(test.want, clusterid.ChooseRouteTable(w)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestChooseGroup(t *testing.T) {
	two := selfManaged()
	two.Options.TargetGroupTags = tags("use", "nodes")
	two.SecurityGroups[0].Tags["use"], two.SecurityGroups[1].Tags = "nodes", tags(key, "owned", "use", "else")
	two.Instances[1].Interfaces[0].Groups = []string{"sg-extra", "sg-node"}
	want := clusterid.GroupChoice{Controller: clusterid.LoadBalancerController, Group: "sg-node", Why: "the one tagged"}
	if diff := cmp.Diff(want, clusterid.ChooseGroup(two, clusterid.LoadBalancerController, two.Instances[1])); diff != "" {
		t.Errorf("by other tags (-want +got):\n%s", diff)
	}

	w := selfManaged()
	in := w.Instances[1]
	in.Interfaces = []clusterid.Interface{{ID: "eni-1", Groups: []string{"sg-extra", "sg-node"}}, {ID: "eni-2", Groups: []string{"sg-extra"}}}
	for _, controller := range []clusterid.Controller{clusterid.CloudController, clusterid.LoadBalancerController} {
		want := clusterid.GroupChoice{Controller: controller, Group: "sg-node", Why: "the one tagged"}
		if diff := cmp.Diff(want, clusterid.ChooseGroup(w, controller, in)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", controller, diff)
		}
	}
}

// Without role tags the load balancer controller goes by the route tables.
func TestReachable(t *testing.T) {
	w := selfManaged()
	for i := range w.Subnets {
		w.Subnets[i].Tags = nil
	}
	for scheme, want := range map[clusterid.Scheme][2]string{
		clusterid.InternetFacing: {"subnet-a2", "subnet-b2"},
		clusterid.Internal:       {"subnet-a1", "subnet-b1"},
	} {
		choices := clusterid.SubnetChoices{
			Controller: clusterid.LoadBalancerController, Scheme: scheme, From: "the route tables",
			Subnets: []clusterid.SubnetChoice{
				{Zone: "eu-central-1a", Subnet: want[0], Why: "alone in its zone"},
				{Zone: "eu-central-1b", Subnet: want[1], Why: "alone in its zone"},
			},
		}
		if diff := cmp.Diff(choices, clusterid.ChooseSubnets(w, scheme, clusterid.LoadBalancerController)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", scheme, diff)
		}
	}
}
