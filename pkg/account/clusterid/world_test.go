package clusterid_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/clusterid"
)

const (
	key     = "kubernetes.io/cluster/prod-1"
	foreign = "kubernetes.io/cluster/other"
)

// selfManaged is a world that nobody objects to: one control plane instance, two
// workers and a group that makes more, private and public subnets in two zones, both
// controllers and pod routes.
func selfManaged() clusterid.World {
	return clusterid.World{
		Cluster: "prod-1", Region: "eu-central-1", Partition: "aws",
		Options: clusterid.Options{
			Routes: true, LBC: true,
			Schemes: []clusterid.Scheme{clusterid.InternetFacing, clusterid.Internal},
		},
		VPC: clusterid.VPC{
			ID: "vpc-1", DNSHostnames: true, DNSSupport: true,
			DomainName: "eu-central-1.compute.internal", DomainNameServers: []string{"AmazonProvidedDNS"},
		},
		Instances: []clusterid.Instance{
			instance("i-server", "subnet-a1", "ip-10-0-0-1.eu-central-1.compute.internal", true),
			instance("i-agent1", "subnet-a1", "ip-10-0-0-2.eu-central-1.compute.internal", false),
			instance("i-agent2", "subnet-b1", "ip-10-0-0-3.eu-central-1.compute.internal", false),
		},
		SecurityGroups: []clusterid.SecurityGroup{
			{ID: "sg-node", Name: "nodes", VPCID: "vpc-1", Tags: tags(key, "owned")},
			{ID: "sg-extra", Name: "monitoring", VPCID: "vpc-1"},
		},
		Subnets: []clusterid.Subnet{
			subnet("subnet-a1", "a", clusterid.InternalRole),
			subnet("subnet-a2", "a", clusterid.PublicRole),
			subnet("subnet-b1", "b", clusterid.InternalRole),
			subnet("subnet-b2", "b", clusterid.PublicRole),
		},
		RouteTables: []clusterid.RouteTable{
			{ID: "rtb-private", VPCID: "vpc-1", Main: true, DefaultRoute: true, Tags: tags(key, "shared")},
			{ID: "rtb-public", VPCID: "vpc-1", Subnets: []string{"subnet-a2", "subnet-b2"}, InternetGateway: true, DefaultRoute: true},
		},
		AutoScalingGroups: []clusterid.AutoScalingGroup{{
			Name: "agents", Subnets: []string{"subnet-a1", "subnet-b1"},
			Tags: []clusterid.GroupTag{{Key: key, Value: "owned", Propagate: true}},
		}},
	}
}

// eks is the same as nodes of an EKS cluster.
func eks() clusterid.World {
	w := selfManaged()
	w.Options.EKS, w.Options.Routes = true, false
	w.Instances = w.Instances[1:]
	w.ClusterSubnets = []string{"subnet-a1", "subnet-b1"}
	return w
}

// isolated is the same without a way to the internet, and with the endpoints for it.
func isolated() clusterid.World {
	w := selfManaged()
	w.RouteTables[0].DefaultRoute = false
	for _, s := range []string{"ec2", "ecr.api", "ecr.dkr", "sts", "elasticloadbalancing"} {
		w.Endpoints = append(w.Endpoints, clusterid.Endpoint{
			ID: "vpce-" + s, VPCID: "vpc-1", Service: "com.amazonaws.eu-central-1." + s, PrivateDNS: true,
		})
	}
	w.Endpoints = append(w.Endpoints, clusterid.Endpoint{
		ID: "vpce-s3", VPCID: "vpc-1", Service: "com.amazonaws.eu-central-1.s3", Gateway: true, RouteTables: []string{"rtb-private"},
	})
	return w
}

func instance(id, subnet, name string, controlPlane bool) clusterid.Instance {
	return clusterid.Instance{
		ID: id, State: "running", SubnetID: subnet, PrivateDNSName: name, ControlPlane: controlPlane,
		Interfaces: []clusterid.Interface{{ID: "eni-" + id, Groups: []string{"sg-node"}}},
		Tags:       tags(key, "owned"),
	}
}

func subnet(id, zone, role string) clusterid.Subnet {
	return clusterid.Subnet{
		ID: id, VPCID: "vpc-1", Zone: "eu-central-1" + zone, ZoneID: "euc1-az-" + zone, ZoneType: "availability-zone",
		FreeAddresses: 100, MapPublicIP: true, Tags: tags(key, "shared", role, "1"),
	}
}

func tags(pairs ...string) map[string]string {
	m := map[string]string{}
	for pair := range slices.Chunk(pairs, 2) {
		m[pair[0]] = pair[1]
	}
	return m
}

// many are n tags that mean nothing.
func many(n int) map[string]string {
	m := map[string]string{}
	for i := range n {
		m[fmt.Sprint("tag", i)] = ""
	}
	return m
}

// A row is a world with one thing changed, and what is said of it.
type row struct {
	name   string
	world  func() clusterid.World // selfManaged if nil
	change func(w *clusterid.World)
	want   []clusterid.Finding
}

func check(t *testing.T, rows []row) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			if r.world == nil {
				r.world = selfManaged
			}
			w := r.world()
			r.change(&w)
			if diff := cmp.Diff(r.want, clusterid.Check(w)); diff != "" {
				t.Errorf("Check (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCleanWorlds(t *testing.T) {
	check(t, []row{
		{name: "self-managed", world: selfManaged, change: func(*clusterid.World) {}},
		{name: "EKS", world: eks, change: func(*clusterid.World) {}},
		{name: "isolated", world: isolated, change: func(*clusterid.World) {}},
	})
}
