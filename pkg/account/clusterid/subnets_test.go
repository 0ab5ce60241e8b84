package clusterid_test

import (
	"testing"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/clusterid"
)

// Subnets by their place in selfManaged.
const (
	a1 = iota
	a2
	b1
	b2
)

func TestSubnetTags(t *testing.T) {
	check(t, []row{
		{name: "another cluster's", change: func(w *clusterid.World) {
			w.Subnets = append(w.Subnets, subnet("subnet-a3", "a", clusterid.PublicRole))
			w.Subnets[4].Tags = tags(foreign, "owned", clusterid.PublicRole, "1")
		}, want: []clusterid.Finding{{
			Code: "subnet-other-cluster", Level: clusterid.Note, Object: "subnet-a3",
			Detail: `is tagged for "other" and not for prod-1; no controller of this cluster puts a load balancer there`,
			Fix:    "nothing, or share it: aws ec2 create-tags --region eu-central-1 --resources subnet-a3 --tags 'Key=kubernetes.io/cluster/prod-1,Value=shared'",
		}}},
		{name: "another cluster's too", change: func(w *clusterid.World) { w.Subnets[a2].Tags[foreign] = "shared" }},
		{name: "another cluster's, in another VPC", change: func(w *clusterid.World) {
			w.Subnets = append(w.Subnets, clusterid.Subnet{ID: "subnet-far", VPCID: "vpc-2", Tags: tags(foreign, "owned")})
		}},
		{name: "untagged", change: func(w *clusterid.World) { delete(w.Subnets[a2].Tags, key) }},
		{name: "role value", change: func(w *clusterid.World) {
			w.Subnets = append(w.Subnets, subnet("subnet-c1", "c", clusterid.InternalRole))
			w.Subnets[4].Tags[clusterid.InternalRole] = "true"
		}, want: []clusterid.Finding{{
			Code: "elb-role-value", Level: clusterid.Warning, Object: "subnet-c1",
			Detail: `has kubernetes.io/role/internal-elb="true"; the load balancer controller wants 1 or nothing and does not see it, the cloud controller does`,
			Fix:    "aws ec2 create-tags --region eu-central-1 --resources subnet-c1 --tags 'Key=kubernetes.io/role/internal-elb,Value=1'",
		}}},
		{name: "role value, cloud controller alone", change: func(w *clusterid.World) {
			w.Options.LBC = false
			w.Subnets[a1].Tags[clusterid.InternalRole] = "true"
		}},
		{name: "role value empty", change: func(w *clusterid.World) { w.Subnets[a1].Tags[clusterid.InternalRole] = "" }},
		{name: "public role on a private subnet", change: func(w *clusterid.World) { w.Subnets[a1].Tags[clusterid.PublicRole] = "1" }, want: []clusterid.Finding{{
			Code: "elb-role-private", Level: clusterid.Error, Object: "subnet-a1",
			Detail: "has kubernetes.io/role/elb, and its route table rtb-private leads to no internet gateway; the cloud controller passes it over, the load balancer controller puts an internet-facing load balancer there that nobody reaches",
			Fix:    "a route to an internet gateway in rtb-private, or take the tag away: aws ec2 delete-tags --region eu-central-1 --resources subnet-a1 --tags 'Key=kubernetes.io/role/elb'",
		}, {
			Code: "subnet-tie", Level: clusterid.Note, Object: "internet-facing, load balancer controller, eu-central-1a",
			Detail: "the load balancer controller takes subnet-a1 for internet-facing load balancers in eu-central-1a only because its id is lower than that of subnet-a2",
			Fix:    "mark the one that is meant: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/role/elb,Value=1'",
		}}},
		{name: "internal role on a public subnet", change: func(w *clusterid.World) {
			w.Subnets = append(w.Subnets, subnet("subnet-c1", "c", clusterid.InternalRole))
			w.RouteTables[1].Subnets = append(w.RouteTables[1].Subnets, "subnet-c1")
		}, want: []clusterid.Finding{{
			Code: "internal-role-public", Level: clusterid.Note, Object: "subnet-c1",
			Detail: "has kubernetes.io/role/internal-elb, and its route table rtb-public leads to an internet gateway; internal load balancers work there, private subnets are the custom",
		}}},
		{name: "7 free addresses", change: func(w *clusterid.World) {
			w.Subnets = append(w.Subnets, subnet("subnet-c1", "c", clusterid.InternalRole))
			w.Subnets[4].FreeAddresses = 7
		}, want: []clusterid.Finding{{
			Code: "elb-few-addresses", Level: clusterid.Warning, Object: "subnet-c1",
			Detail: "is marked for load balancers and has 7 free addresses, of the 8 that ELB needs; the load balancer controller passes it over, the cloud controller takes it and is refused",
			Fix:    "free addresses, or mark a larger subnet of the zone eu-central-1c",
		}}},
		{name: "8 free addresses", change: func(w *clusterid.World) { w.Subnets[a1].FreeAddresses = 8 }},
		{name: "7 free addresses, not for load balancers", change: func(w *clusterid.World) {
			w.Subnets = append(w.Subnets, subnet("subnet-c1", "c", clusterid.InternalRole))
			w.Subnets[4].FreeAddresses, w.Subnets[4].Tags = 7, nil
		}},
		{name: "local zone, cloud controller alone", change: func(w *clusterid.World) {
			w.Options.LBC = false
			w.Subnets = append(w.Subnets, subnet("subnet-l1", "-ham-1a", clusterid.InternalRole))
			w.Subnets[4].ZoneType = "local-zone"
		}, want: []clusterid.Finding{{
			Code: "elb-zone-type", Level: clusterid.Note, Object: "subnet-l1",
			Detail: "is marked for load balancers and lies in eu-central-1-ham-1a, a local-zone; the cloud controller leaves the zone out, and the load balancer controller fails where it meets regular zones too",
			Fix:    "mark subnets of regular zones, and name this one in the annotations of the services that want it",
		}}},
		{name: "local zone, not for load balancers", change: func(w *clusterid.World) {
			w.Subnets = append(w.Subnets, subnet("subnet-l1", "-ham-1a", clusterid.InternalRole))
			w.Subnets[4].ZoneType, w.Subnets[4].Tags = "local-zone", nil
		}},
	})
}

func TestLoadBalancers(t *testing.T) {
	third := func(w *clusterid.World, id, zone string, m map[string]string) {
		w.Subnets = append(w.Subnets, subnet(id, zone, clusterid.InternalRole))
		w.Subnets[4].Tags = m
	}
	check(t, []row{
		{name: "no internal role", change: func(w *clusterid.World) {
			delete(w.Subnets[a1].Tags, clusterid.InternalRole)
			delete(w.Subnets[b1].Tags, clusterid.InternalRole)
			delete(w.Subnets[a2].Tags, key)
			delete(w.Subnets[b2].Tags, key)
		}, want: []clusterid.Finding{{
			Code: "elb-role-missing", Level: clusterid.Warning, Object: "internal",
			Detail: "no subnet that the cluster may take has kubernetes.io/role/internal-elb; the cloud controller takes any subnet, public ones too; the load balancer controller goes by the route tables",
			Fix:    "mark the subnets that are meant: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/role/internal-elb,Value=1'",
		}}},
		{name: "no public role, cloud controller alone", change: func(w *clusterid.World) {
			w.Options.LBC = false
			delete(w.Subnets[a2].Tags, clusterid.PublicRole)
			delete(w.Subnets[b2].Tags, clusterid.PublicRole)
		}, want: []clusterid.Finding{{
			Code: "elb-role-missing", Level: clusterid.Warning, Object: "internet-facing",
			Detail: "no subnet that the cluster may take has kubernetes.io/role/elb; the cloud controller takes any subnet with a route to an internet gateway",
			Fix:    "mark the subnets that are meant: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/role/elb,Value=1'",
		}}},
		{name: "no internal role, by tags only", change: func(w *clusterid.World) {
			w.Options.TagsOnly = true
			delete(w.Subnets[a1].Tags, clusterid.InternalRole)
			delete(w.Subnets[b1].Tags, clusterid.InternalRole)
			delete(w.Subnets[a2].Tags, key)
			delete(w.Subnets[b2].Tags, key)
		}, want: []clusterid.Finding{{
			Code: "lbc-subnets", Level: clusterid.Error, Object: "internal",
			Detail: "the load balancer controller finds no subnets for internal load balancers: unable to resolve at least one subnet. Evaluated 0 subnets: 0 are tagged for other clusters, and 0 have insufficient available IP addresses",
			Fix:    "mark one subnet in each of two regular zones, with 8 free addresses, and no others: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/role/internal-elb,Value=1'",
		}, {
			Code: "elb-role-missing", Level: clusterid.Warning, Object: "internal",
			Detail: "no subnet that the cluster may take has kubernetes.io/role/internal-elb; the cloud controller takes any subnet, public ones too",
			Fix:    "mark the subnets that are meant: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/role/internal-elb,Value=1'",
		}}},
		{name: "no internal role, no internal load balancers", change: func(w *clusterid.World) {
			w.Options.Schemes = w.Options.Schemes[:1]
			delete(w.Subnets[a1].Tags, clusterid.InternalRole)
			delete(w.Subnets[b1].Tags, clusterid.InternalRole)
		}},
		{name: "ids decide", change: func(w *clusterid.World) { third(w, "subnet-a3", "a", tags(key, "shared", clusterid.InternalRole, "1")) }, want: []clusterid.Finding{{
			Code: "subnet-tie", Level: clusterid.Note, Object: "internal, cloud controller, eu-central-1a",
			Detail: "the cloud controller takes subnet-a1 for internal load balancers in eu-central-1a only because its id is lower than that of subnet-a3",
			Fix:    "mark the one that is meant: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/role/internal-elb,Value=1'",
		}, {
			Code: "subnet-tie", Level: clusterid.Note, Object: "internal, load balancer controller, eu-central-1a",
			Detail: "the load balancer controller takes subnet-a1 for internal load balancers in eu-central-1a only because its id is lower than that of subnet-a3",
			Fix:    "mark the one that is meant: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/role/internal-elb,Value=1'",
		}}},
		{name: "the role decides", change: func(w *clusterid.World) { third(w, "subnet-a0", "a", tags(key, "shared")) }},
		{name: "the cluster tag decides", change: func(w *clusterid.World) { third(w, "subnet-a0", "a", tags(clusterid.InternalRole, "1")) }},
		{name: "the cluster tag decides for one, ids for the other", change: func(w *clusterid.World) {
			w.Subnets[a1].Tags = tags("KubernetesCluster", "prod-1", clusterid.InternalRole, "1")
			third(w, "subnet-a3", "a", tags(clusterid.InternalRole, "1"))
		}, want: []clusterid.Finding{{
			Code: "legacy-tag-only", Level: clusterid.Note, Object: "subnet-a1",
			Detail: "is the cluster's by KubernetesCluster alone, which the load balancer controller does not read",
			Fix:    "aws ec2 create-tags --region eu-central-1 --resources subnet-a1 --tags 'Key=kubernetes.io/cluster/prod-1,Value=shared'",
		}, {
			Code: "subnet-tie", Level: clusterid.Note, Object: "internal, load balancer controller, eu-central-1a",
			Detail: "the load balancer controller takes subnet-a1 for internal load balancers in eu-central-1a only because its id is lower than that of subnet-a3",
			Fix:    "mark the one that is meant: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/role/internal-elb,Value=1'",
		}}},
		{name: "one zone", change: func(w *clusterid.World) { w.Subnets = w.Subnets[:b1] }, want: []clusterid.Finding{{
			Code: "alb-one-zone", Level: clusterid.Warning, Object: "internal",
			Detail: "the load balancer controller finds subnets for internal load balancers in eu-central-1a only, enough for an NLB; of an ALB it says: subnets count less than minimal required count: 1 < 2",
			Fix:    "tag a subnet of another zone: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/role/internal-elb,Value=1'",
		}, {
			Code: "alb-one-zone", Level: clusterid.Warning, Object: "internet-facing",
			Detail: "the load balancer controller finds subnets for internet-facing load balancers in eu-central-1a only, enough for an NLB; of an ALB it says: subnets count less than minimal required count: 1 < 2",
			Fix:    "tag a subnet of another zone: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/role/elb,Value=1'",
		}}},
		{name: "one zone, on an outpost", change: func(w *clusterid.World) {
			w.Subnets = w.Subnets[:b1]
			w.Subnets[a1].Outpost, w.Subnets[a2].Outpost = true, true
		}},
		{name: "other kinds of zones too", change: func(w *clusterid.World) {
			third(w, "subnet-l1", "-ham-1a", tags(clusterid.InternalRole, "1"))
			w.Subnets[4].ZoneType = "local-zone"
		}, want: []clusterid.Finding{{
			Code: "lbc-subnets", Level: clusterid.Error, Object: "internal",
			Detail: "the load balancer controller finds no subnets for internal load balancers: subnets in multiple locales: [availability-zone local-zone]",
			Fix:    "mark one subnet in each of two regular zones, with 8 free addresses, and no others: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/role/internal-elb,Value=1'",
		}, {
			Code: "elb-zone-type", Level: clusterid.Note, Object: "subnet-l1",
			Detail: "is marked for load balancers and lies in eu-central-1-ham-1a, a local-zone; the cloud controller leaves the zone out, and the load balancer controller fails where it meets regular zones too",
			Fix:    "mark subnets of regular zones, and name this one in the annotations of the services that want it",
		}}},
		{name: "an outpost too", change: func(w *clusterid.World) { w.Subnets[b1].Outpost = true }, want: []clusterid.Finding{{
			Code: "lbc-subnets", Level: clusterid.Error, Object: "internal",
			Detail: "the load balancer controller finds no subnets for internal load balancers: subnets in multiple locales: [availability-zone outpost]",
			Fix:    "mark one subnet in each of two regular zones, with 8 free addresses, and no others: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/role/internal-elb,Value=1'",
		}}},
		{name: "zone types unknown", change: func(w *clusterid.World) { w.Subnets[b1].ZoneType = "" }, want: []clusterid.Finding{{
			Code: "lbc-subnets", Level: clusterid.Error, Object: "internal",
			Detail: "the load balancer controller finds no subnets for internal load balancers: unknown zone type for subnet subnet-b1: ",
			Fix:    "mark one subnet in each of two regular zones, with 8 free addresses, and no others: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/role/internal-elb,Value=1'",
		}}},
		{name: "every subnet another cluster's", change: func(w *clusterid.World) {
			for i := range w.Subnets {
				w.Subnets[i].Tags = tags(foreign, "owned", clusterid.InternalRole, "1")
			}
			w.Options.Schemes = w.Options.Schemes[1:]
		}, want: []clusterid.Finding{{
			Code: "lbc-subnets", Level: clusterid.Error, Object: "internal",
			Detail: "the load balancer controller finds no subnets for internal load balancers: unable to resolve at least one subnet. Evaluated 4 subnets: 4 are tagged for other clusters, and 0 have insufficient available IP addresses",
			Fix:    "mark one subnet in each of two regular zones, with 8 free addresses, and no others: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/role/internal-elb,Value=1'",
		}, {
			Code: "elb-role-missing", Level: clusterid.Warning, Object: "internal",
			Detail: "no subnet that the cluster may take has kubernetes.io/role/internal-elb; the cloud controller takes any subnet, public ones too",
			Fix:    "mark the subnets that are meant: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/role/internal-elb,Value=1'",
		}, {
			Code: "subnets-fallback", Level: clusterid.Warning, Object: "vpc-1",
			Detail: "every subnet of the VPC is tagged for other clusters; the cloud controller falls back to the subnet it runs in: No tagged subnets found; will fall-back to the current subnet only.  This is likely to be an error in a future version of k8s.",
			Fix:    "share subnets with the cluster: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/cluster/prod-1,Value=shared'",
		}, {
			Code: "subnet-other-cluster", Level: clusterid.Note, Object: "subnet-a1",
			Detail: `is tagged for "other" and not for prod-1; no controller of this cluster puts a load balancer there`,
			Fix:    "nothing, or share it: aws ec2 create-tags --region eu-central-1 --resources subnet-a1 --tags 'Key=kubernetes.io/cluster/prod-1,Value=shared'",
		}, {
			Code: "subnet-other-cluster", Level: clusterid.Note, Object: "subnet-a2",
			Detail: `is tagged for "other" and not for prod-1; no controller of this cluster puts a load balancer there`,
			Fix:    "nothing, or share it: aws ec2 create-tags --region eu-central-1 --resources subnet-a2 --tags 'Key=kubernetes.io/cluster/prod-1,Value=shared'",
		}, {
			Code: "subnet-other-cluster", Level: clusterid.Note, Object: "subnet-b1",
			Detail: `is tagged for "other" and not for prod-1; no controller of this cluster puts a load balancer there`,
			Fix:    "nothing, or share it: aws ec2 create-tags --region eu-central-1 --resources subnet-b1 --tags 'Key=kubernetes.io/cluster/prod-1,Value=shared'",
		}, {
			Code: "subnet-other-cluster", Level: clusterid.Note, Object: "subnet-b2",
			Detail: `is tagged for "other" and not for prod-1; no controller of this cluster puts a load balancer there`,
			Fix:    "nothing, or share it: aws ec2 create-tags --region eu-central-1 --resources subnet-b2 --tags 'Key=kubernetes.io/cluster/prod-1,Value=shared'",
		}}},
		{name: "every subnet another cluster's, no load balancers", change: func(w *clusterid.World) {
			w.Subnets, w.Options.Schemes = w.Subnets[:1], nil
			w.Subnets[0].Tags = tags(foreign, "owned")
		}, want: []clusterid.Finding{{
			Code: "subnet-other-cluster", Level: clusterid.Note, Object: "subnet-a1",
			Detail: `is tagged for "other" and not for prod-1; no controller of this cluster puts a load balancer there`,
			Fix:    "nothing, or share it: aws ec2 create-tags --region eu-central-1 --resources subnet-a1 --tags 'Key=kubernetes.io/cluster/prod-1,Value=shared'",
		}}},
		{name: "every subnet another cluster's, no control plane left", change: func(w *clusterid.World) {
			w.Subnets, w.Options.Schemes = w.Subnets[:1], w.Options.Schemes[1:]
			w.Subnets[0].Tags = tags(foreign, "owned")
			w.Options.LBC, w.Instances[0].State = false, "terminated"
		}, want: []clusterid.Finding{{
			Code: "ccm-subnets", Level: clusterid.Error, Object: "internal",
			Detail: "the cloud controller finds no subnet for internal load balancers: could not find any suitable subnets for creating the ELB",
			Fix:    "mark one subnet in each of two regular zones, with 8 free addresses, and no others: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/role/internal-elb,Value=1'",
		}, {
			Code: "elb-role-missing", Level: clusterid.Warning, Object: "internal",
			Detail: "no subnet that the cluster may take has kubernetes.io/role/internal-elb; the cloud controller takes any subnet, public ones too",
			Fix:    "mark the subnets that are meant: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/role/internal-elb,Value=1'",
		}, {
			Code: "subnets-fallback", Level: clusterid.Warning, Object: "vpc-1",
			Detail: "every subnet of the VPC is tagged for other clusters; the cloud controller falls back to the subnet it runs in: No tagged subnets found; will fall-back to the current subnet only.  This is likely to be an error in a future version of k8s.",
			Fix:    "share subnets with the cluster: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/cluster/prod-1,Value=shared'",
		}, {
			Code: "subnet-other-cluster", Level: clusterid.Note, Object: "subnet-a1",
			Detail: `is tagged for "other" and not for prod-1; no controller of this cluster puts a load balancer there`,
			Fix:    "nothing, or share it: aws ec2 create-tags --region eu-central-1 --resources subnet-a1 --tags 'Key=kubernetes.io/cluster/prod-1,Value=shared'",
		}}},
		{name: "another VPC's main route table", change: func(w *clusterid.World) {
			w.RouteTables = append(w.RouteTables, clusterid.RouteTable{ID: "rtb-far", VPCID: "vpc-2", Main: true, InternetGateway: true})
		}},
		{name: "every subnet another cluster's, and taken", change: func(w *clusterid.World) {
			for i := range w.Subnets {
				w.Subnets[i].Tags = tags(foreign, "owned", clusterid.InternalRole, "1")
			}
			w.Subnets = w.Subnets[b1:]
			w.Options.AnyCluster = true
			w.Options.Schemes = w.Options.Schemes[1:]
		}, want: []clusterid.Finding{{
			Code: "ccm-subnets", Level: clusterid.Error, Object: "internal",
			Detail: "the cloud controller finds no subnet for internal load balancers: could not find any suitable subnets for creating the ELB",
			Fix:    "mark one subnet in each of two regular zones, with 8 free addresses, and no others: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/role/internal-elb,Value=1'",
		}, {
			Code: "alb-one-zone", Level: clusterid.Warning, Object: "internal",
			Detail: "the load balancer controller finds subnets for internal load balancers in eu-central-1b only, enough for an NLB; of an ALB it says: subnets count less than minimal required count: 1 < 2",
			Fix:    "tag a subnet of another zone: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/role/internal-elb,Value=1'",
		}, {
			Code: "elb-role-missing", Level: clusterid.Warning, Object: "internal",
			Detail: "no subnet that the cluster may take has kubernetes.io/role/internal-elb; the cloud controller takes any subnet, public ones too",
			Fix:    "mark the subnets that are meant: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/role/internal-elb,Value=1'",
		}, {
			Code: "subnets-fallback", Level: clusterid.Warning, Object: "vpc-1",
			Detail: "every subnet of the VPC is tagged for other clusters; the cloud controller falls back to the subnet it runs in: No tagged subnets found; will fall-back to the current subnet only.  This is likely to be an error in a future version of k8s.",
			Fix:    "share subnets with the cluster: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/cluster/prod-1,Value=shared'",
		}, {
			Code: "subnet-other-cluster", Level: clusterid.Note, Object: "subnet-b1",
			Detail: `is tagged for "other" and not for prod-1; no controller of this cluster puts a load balancer there`,
			Fix:    "nothing, or share it: aws ec2 create-tags --region eu-central-1 --resources subnet-b1 --tags 'Key=kubernetes.io/cluster/prod-1,Value=shared'",
		}, {
			Code: "subnet-other-cluster", Level: clusterid.Note, Object: "subnet-b2",
			Detail: `is tagged for "other" and not for prod-1; no controller of this cluster puts a load balancer there`,
			Fix:    "nothing, or share it: aws ec2 create-tags --region eu-central-1 --resources subnet-b2 --tags 'Key=kubernetes.io/cluster/prod-1,Value=shared'",
		}, {
			Code: "subnet-tie", Level: clusterid.Note, Object: "internal, load balancer controller, eu-central-1b",
			Detail: "the load balancer controller takes subnet-b1 for internal load balancers in eu-central-1b only because its id is lower than that of subnet-b2",
			Fix:    "mark the one that is meant: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/role/internal-elb,Value=1'",
		}}},
		{name: "a key that only begins like a cluster's", change: func(w *clusterid.World) {
			w.Subnets[b1].Tags = tags("kubernetes.io/cluster-name", "x", clusterid.InternalRole, "1")
		}, want: []clusterid.Finding{{
			Code: "alb-one-zone", Level: clusterid.Warning, Object: "internal",
			Detail: "the load balancer controller finds subnets for internal load balancers in eu-central-1a only, enough for an NLB; of an ALB it says: subnets count less than minimal required count: 1 < 2",
			Fix:    "tag a subnet of another zone: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/role/internal-elb,Value=1'",
		}}},
		{name: "no route table", change: func(w *clusterid.World) {
			w.RouteTables[0].Main = false
			w.Options.Schemes = w.Options.Schemes[1:]
		}, want: []clusterid.Finding{{
			Code: "ccm-subnets", Level: clusterid.Error, Object: "internal",
			Detail: "the cloud controller finds no subnet for internal load balancers: could not locate routing table for subnet subnet-a1",
			Fix:    "mark one subnet in each of two regular zones, with 8 free addresses, and no others: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/role/internal-elb,Value=1'",
		}}},
		{name: "no route table, by the route tables", change: func(w *clusterid.World) {
			w.RouteTables[0].Main = false
			w.Options.Schemes = w.Options.Schemes[1:]
			delete(w.Subnets[a1].Tags, clusterid.InternalRole)
			delete(w.Subnets[b1].Tags, clusterid.InternalRole)
		}, want: []clusterid.Finding{{
			Code: "ccm-subnets", Level: clusterid.Error, Object: "internal",
			Detail: "the cloud controller finds no subnet for internal load balancers: could not locate routing table for subnet subnet-a1",
			Fix:    "mark one subnet in each of two regular zones, with 8 free addresses, and no others: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/role/internal-elb,Value=1'",
		}, {
			Code: "lbc-subnets", Level: clusterid.Error, Object: "internal",
			Detail: "the load balancer controller finds no subnets for internal load balancers: failed to list subnets by reachability: [this shall never happen] could not identify main route table for vpc: vpc-1",
			Fix:    "mark one subnet in each of two regular zones, with 8 free addresses, and no others: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/role/internal-elb,Value=1'",
		}, {
			Code: "elb-role-missing", Level: clusterid.Warning, Object: "internal",
			Detail: "no subnet that the cluster may take has kubernetes.io/role/internal-elb; the cloud controller takes any subnet, public ones too; the load balancer controller goes by the route tables",
			Fix:    "mark the subnets that are meant: aws ec2 create-tags --region eu-central-1 --resources SUBNET --tags 'Key=kubernetes.io/role/internal-elb,Value=1'",
		}}},
		{name: "dualstack without IPv6", change: func(w *clusterid.World) {
			w.Options.DualStack = true
			w.Subnets[a1].IPv6, w.Subnets[a2].IPv6, w.Subnets[b2].IPv6 = true, true, true
		}, want: []clusterid.Finding{{
			Code: "subnet-no-ipv6", Level: clusterid.Warning, Object: "internal",
			Detail: "the load balancer controller takes subnet-b1 for internal load balancers, without an IPv6 block; ELB refuses a dualstack load balancer there",
			Fix:    "associate IPv6 blocks with these subnets, or mark others",
		}}},
		{name: "dualstack with IPv6", change: func(w *clusterid.World) {
			w.Options.DualStack = true
			for i := range w.Subnets {
				w.Subnets[i].IPv6 = true
			}
		}},
	})
}
