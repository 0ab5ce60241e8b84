package clusterid_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/clusterid"
)

func TestNames(t *testing.T) {
	check(t, []row{
		{name: "DNS off", change: func(w *clusterid.World) { w.VPC.DNSSupport, w.VPC.DNSHostnames = false, false }, want: []clusterid.Finding{{
			Code: "vpc-dns", Level: clusterid.Warning, Object: "vpc-1",
			Detail: "the VPC has enable-dns-support and enable-dns-hostnames off; instances get no names that resolve, and interface endpoints do not answer under the services' names",
			Fix:    "aws ec2 modify-vpc-attribute --region eu-central-1 --vpc-id vpc-1 --enable-dns-support && aws ec2 modify-vpc-attribute --region eu-central-1 --vpc-id vpc-1 --enable-dns-hostnames",
		}}},
		{name: "DNS hostnames off, on EKS", world: eks, change: func(w *clusterid.World) { w.VPC.DNSHostnames = false }, want: []clusterid.Finding{{
			Code: "eks-vpc-dns", Level: clusterid.Error, Object: "vpc-1",
			Detail: "the VPC has enable-dns-hostnames off; nodes cannot register with an EKS cluster",
			Fix:    "aws ec2 modify-vpc-attribute --region eu-central-1 --vpc-id vpc-1 --enable-dns-hostnames",
		}}},
		{name: "no domain", change: func(w *clusterid.World) { w.VPC.DomainName = "" }, want: []clusterid.Finding{{
			Code: "dhcp-domain-missing", Level: clusterid.Error, Object: "vpc-1",
			Detail: "the VPC's DHCP options have no domain-name; a kubelet calls its node ip-10-0-0-1, and the cloud controller looks for an instance of just that private DNS name: instance not found",
			Fix:    "set domain-name in the VPC's DHCP options to eu-central-1.compute.internal, or give kubelet and kube-proxy --hostname-override with the private DNS name of the instance",
		}}},
		{name: "no domain, nodes named by id", change: func(w *clusterid.World) {
			w.VPC.DomainName = ""
			for i := range w.Instances {
				w.Instances[i].PrivateDNSName = w.Instances[i].ID
			}
		}},
		{name: "no domain, no node yet", change: func(w *clusterid.World) {
			w.VPC.DomainName = ""
			for i := range w.Instances {
				w.Instances[i].State = "terminated"
			}
		}, want: []clusterid.Finding{{
			Code: "dhcp-domain-missing", Level: clusterid.Error, Object: "vpc-1",
			Detail: "the VPC's DHCP options have no domain-name; a kubelet calls its node ip-10-0-0-1, and the cloud controller looks for an instance of just that private DNS name: instance not found",
			Fix:    "set domain-name in the VPC's DHCP options to eu-central-1.compute.internal, or give kubelet and kube-proxy --hostname-override with the private DNS name of the instance",
		}}},
		{name: "another domain", change: func(w *clusterid.World) { w.VPC.DomainName = "corp.example" }, want: []clusterid.Finding{{
			Code: "dhcp-domain-custom", Level: clusterid.Warning, Object: "vpc-1",
			Detail: "the VPC's DHCP options have domain-name corp.example; a kubelet calls its node by it, the private DNS names of instances end in eu-central-1.compute.internal, and the cloud controller looks for those: instance not found",
			Fix:    "set domain-name in the VPC's DHCP options to eu-central-1.compute.internal, or give kubelet and kube-proxy --hostname-override with the private DNS name of the instance",
		}}},
		{name: "another domain, on EKS", world: eks, change: func(w *clusterid.World) { w.VPC.DomainName = "corp.example" }},
		{name: "the domain of us-east-1, elsewhere", change: func(w *clusterid.World) { w.VPC.DomainName = "ec2.internal" }, want: []clusterid.Finding{{
			Code: "dhcp-domain-custom", Level: clusterid.Warning, Object: "vpc-1",
			Detail: "the VPC's DHCP options have domain-name ec2.internal; a kubelet calls its node by it, the private DNS names of instances end in eu-central-1.compute.internal, and the cloud controller looks for those: instance not found",
			Fix:    "set domain-name in the VPC's DHCP options to eu-central-1.compute.internal, or give kubelet and kube-proxy --hostname-override with the private DNS name of the instance",
		}}},
		{name: "the domain of us-east-1", change: func(w *clusterid.World) { w.Region, w.VPC.DomainName = "us-east-1", "ec2.internal" }},
		{name: "two domains", change: func(w *clusterid.World) {
			w.VPC.DomainName = "eu-central-1.compute.internal corp.example"
		}, want: []clusterid.Finding{{
			Code: "dhcp-domain-several", Level: clusterid.Warning, Object: "vpc-1",
			Detail: "the VPC's DHCP options have 2 names in domain-name (eu-central-1.compute.internal corp.example); a host that takes them as one gives its node a name that no instance has: instance not found",
			Fix:    "set domain-name in the VPC's DHCP options to eu-central-1.compute.internal, or give kubelet and kube-proxy --hostname-override with the private DNS name of the instance",
		}}},
		{name: "nothing in the DHCP options, on EKS", world: eks, change: func(w *clusterid.World) {
			w.VPC.DomainName, w.VPC.DomainNameServers = "", nil
		}, want: []clusterid.Finding{{
			Code: "eks-dhcp", Level: clusterid.Error, Object: "vpc-1",
			Detail: `the VPC's DHCP options have no domain-name and no domain-name-servers; nodes do not come up under a name that EKS knows: node "" not found`,
			Fix:    "DHCP options with domain-name=eu-central-1.compute.internal and domain-name-servers=AmazonProvidedDNS",
		}}},
		{name: "no name servers, on EKS", world: eks, change: func(w *clusterid.World) { w.VPC.DomainNameServers = nil }, want: []clusterid.Finding{{
			Code: "eks-dhcp", Level: clusterid.Error, Object: "vpc-1",
			Detail: `the VPC's DHCP options have no domain-name-servers; nodes do not come up under a name that EKS knows: node "" not found`,
			Fix:    "DHCP options with domain-name=eu-central-1.compute.internal and domain-name-servers=AmazonProvidedDNS",
		}}},
		{name: "no name servers", change: func(w *clusterid.World) { w.VPC.DomainNameServers = nil }},
	})
}

func TestEKS(t *testing.T) {
	check(t, []row{
		{name: "one zone", world: eks, change: func(w *clusterid.World) { w.ClusterSubnets = []string{"subnet-a1", "subnet-a2"} }, want: []clusterid.Finding{{
			Code: "eks-subnets", Level: clusterid.Error, Object: "prod-1",
			Detail: "the subnets of the EKS cluster are all in eu-central-1a; EKS wants two at least, in different zones",
			Fix:    "give the cluster a subnet of another zone",
		}}},
		{name: "one subnet that is known", world: eks, change: func(w *clusterid.World) { w.ClusterSubnets = []string{"subnet-a1", "subnet-x"} }, want: []clusterid.Finding{{
			Code: "eks-subnets", Level: clusterid.Error, Object: "prod-1",
			Detail: "the subnets of the EKS cluster are all in eu-central-1a; EKS wants two at least, in different zones",
			Fix:    "give the cluster a subnet of another zone",
		}}},
		{name: "one zone, not on EKS", change: func(w *clusterid.World) { w.ClusterSubnets = []string{"subnet-a1", "subnet-a2"} }},
		{name: "subnets unknown", world: eks, change: func(w *clusterid.World) { w.ClusterSubnets = []string{"subnet-x"} }},
		{name: "5 free addresses", world: eks, change: func(w *clusterid.World) { lonely(w).FreeAddresses = 5 }, want: []clusterid.Finding{{
			Code: "eks-subnet-addresses", Level: clusterid.Error, Object: "subnet-c1",
			Detail: "is a subnet of the EKS cluster and has 5 free addresses; EKS wants 6 at least",
			Fix:    "free addresses, or give the cluster another subnet of the zone eu-central-1c",
		}}},
		{name: "6 free addresses", world: eks, change: func(w *clusterid.World) { lonely(w).FreeAddresses = 6 }, want: []clusterid.Finding{{
			Code: "eks-subnet-addresses-low", Level: clusterid.Note, Object: "subnet-c1",
			Detail: "is a subnet of the EKS cluster and has 6 free addresses; EKS recommends 16",
		}}},
		{name: "15 free addresses", world: eks, change: func(w *clusterid.World) { lonely(w).FreeAddresses = 15 }, want: []clusterid.Finding{{
			Code: "eks-subnet-addresses-low", Level: clusterid.Note, Object: "subnet-c1",
			Detail: "is a subnet of the EKS cluster and has 15 free addresses; EKS recommends 16",
		}}},
		{name: "16 free addresses", world: eks, change: func(w *clusterid.World) { lonely(w).FreeAddresses = 16 }},
		{name: "use1-az3", world: eks, change: func(w *clusterid.World) { lonely(w).ZoneID = "use1-az3" }, want: []clusterid.Finding{{
			Code: "eks-zone", Level: clusterid.Error, Object: "subnet-c1",
			Detail: "is a subnet of the EKS cluster in use1-az3 (eu-central-1c), where EKS puts no control plane: UnsupportedAvailabilityZoneException",
			Fix:    "give the cluster a subnet of another zone",
		}}},
		{name: "usw1-az2", world: eks, change: func(w *clusterid.World) { lonely(w).ZoneID = "usw1-az2" }, want: []clusterid.Finding{{
			Code: "eks-zone", Level: clusterid.Error, Object: "subnet-c1",
			Detail: "is a subnet of the EKS cluster in usw1-az2 (eu-central-1c), where EKS puts no control plane: UnsupportedAvailabilityZoneException",
			Fix:    "give the cluster a subnet of another zone",
		}}},
		{name: "cac1-az3", world: eks, change: func(w *clusterid.World) { lonely(w).ZoneID = "cac1-az3" }, want: []clusterid.Finding{{
			Code: "eks-zone", Level: clusterid.Error, Object: "subnet-c1",
			Detail: "is a subnet of the EKS cluster in cac1-az3 (eu-central-1c), where EKS puts no control plane: UnsupportedAvailabilityZoneException",
			Fix:    "give the cluster a subnet of another zone",
		}}},
		{name: "use1-az1", world: eks, change: func(w *clusterid.World) { lonely(w).ZoneID = "use1-az1" }},
		{name: "local zone", world: eks, change: func(w *clusterid.World) { lonely(w).ZoneType = "local-zone" }, want: []clusterid.Finding{{
			Code: "eks-zone-type", Level: clusterid.Error, Object: "subnet-c1",
			Detail: "is a subnet of the EKS cluster in eu-central-1c, of the kind local-zone; EKS takes only subnets of regular zones, though nodes can run elsewhere",
			Fix:    "give the cluster a subnet of a regular zone",
		}}},
		{name: "outpost", world: eks, change: func(w *clusterid.World) { lonely(w).Outpost = true }, want: []clusterid.Finding{{
			Code: "eks-zone-type", Level: clusterid.Error, Object: "subnet-c1",
			Detail: "is a subnet of the EKS cluster in eu-central-1c, of the kind outpost; EKS takes only subnets of regular zones, though nodes can run elsewhere",
			Fix:    "give the cluster a subnet of a regular zone",
		}}},
		{name: "public nodes without public addresses", world: eks, change: func(w *clusterid.World) {
			w.Instances[0].SubnetID, w.Subnets[a2].MapPublicIP = "subnet-a2", false
		}, want: []clusterid.Finding{{
			Code: "eks-node-public-address", Level: clusterid.Warning, Object: "subnet-a2",
			Detail: "nodes run in it, its route table rtb-public leads to an internet gateway, and it gives no public addresses; a node without one reaches neither the EKS endpoint nor ECR",
			Fix:    "aws ec2 modify-subnet-attribute --region eu-central-1 --subnet-id subnet-a2 --map-public-ip-on-launch",
		}}},
		{name: "public nodes with IPv6", world: eks, change: func(w *clusterid.World) {
			w.Instances[0].SubnetID, w.Subnets[a2].MapPublicIP, w.Subnets[a2].IPv6 = "subnet-a2", false, true
		}},
		{name: "public subnet without nodes", world: eks, change: func(w *clusterid.World) { w.Subnets[a2].MapPublicIP = false }},
		{name: "private nodes", world: eks, change: func(w *clusterid.World) { w.Subnets[a1].MapPublicIP = false }},
	})
}

// lonely adds a subnet to the EKS cluster that is no load balancer's.
func lonely(w *clusterid.World) *clusterid.Subnet {
	w.Subnets = append(w.Subnets, subnet("subnet-c1", "c", ""))
	w.ClusterSubnets = append(w.ClusterSubnets, "subnet-c1")
	s := &w.Subnets[len(w.Subnets)-1]
	s.Tags = nil
	return s
}

func TestEndpoints(t *testing.T) {
	check(t, []row{
		{name: "none", world: isolated, change: func(w *clusterid.World) { w.Endpoints = nil }, want: []clusterid.Finding{{
			Code: "endpoint-missing", Level: clusterid.Error, Object: "com.amazonaws.eu-central-1.ec2",
			Detail: "nodes in subnet-a1, subnet-b1 have no way to the internet, and the VPC has no endpoint for ec2; the cloud controller does not start, and on EKS neither nodeadm nor the VPC CNI",
			Fix:    "aws ec2 create-vpc-endpoint --region eu-central-1 --vpc-id vpc-1 --service-name com.amazonaws.eu-central-1.ec2 --vpc-endpoint-type Interface --private-dns-enabled --subnet-ids SUBNETS --security-group-ids GROUP, where GROUP lets the nodes in on 443",
		}, {
			Code: "endpoint-missing", Level: clusterid.Error, Object: "com.amazonaws.eu-central-1.ecr.api",
			Detail: "nodes in subnet-a1, subnet-b1 have no way to the internet, and the VPC has no endpoint for ecr.api; the credential provider gets no token: no basic auth credentials",
			Fix:    "aws ec2 create-vpc-endpoint --region eu-central-1 --vpc-id vpc-1 --service-name com.amazonaws.eu-central-1.ecr.api --vpc-endpoint-type Interface --private-dns-enabled --subnet-ids SUBNETS --security-group-ids GROUP, where GROUP lets the nodes in on 443",
		}, {
			Code: "endpoint-missing", Level: clusterid.Error, Object: "com.amazonaws.eu-central-1.ecr.dkr",
			Detail: "nodes in subnet-a1, subnet-b1 have no way to the internet, and the VPC has no endpoint for ecr.dkr; no image is pulled from ECR",
			Fix:    "aws ec2 create-vpc-endpoint --region eu-central-1 --vpc-id vpc-1 --service-name com.amazonaws.eu-central-1.ecr.dkr --vpc-endpoint-type Interface --private-dns-enabled --subnet-ids SUBNETS --security-group-ids GROUP, where GROUP lets the nodes in on 443",
		}, {
			Code: "endpoint-missing", Level: clusterid.Error, Object: "com.amazonaws.eu-central-1.s3",
			Detail: "nodes in subnet-a1, subnet-b1 have no way to the internet, and the VPC has no endpoint for s3; no layer of an image is pulled, which ECR keeps in S3",
			Fix:    "aws ec2 create-vpc-endpoint --region eu-central-1 --vpc-id vpc-1 --service-name com.amazonaws.eu-central-1.s3 --vpc-endpoint-type Gateway --route-table-ids rtb-private",
		}, {
			Code: "endpoint-advised", Level: clusterid.Warning, Object: "com.amazonaws.eu-central-1.elasticloadbalancing",
			Detail: "nodes in subnet-a1, subnet-b1 have no way to the internet, and the VPC has no endpoint for elasticloadbalancing; no load balancer is made",
			Fix:    "aws ec2 create-vpc-endpoint --region eu-central-1 --vpc-id vpc-1 --service-name com.amazonaws.eu-central-1.elasticloadbalancing --vpc-endpoint-type Interface --private-dns-enabled --subnet-ids SUBNETS --security-group-ids GROUP, where GROUP lets the nodes in on 443",
		}, {
			Code: "endpoint-advised", Level: clusterid.Warning, Object: "com.amazonaws.eu-central-1.sts",
			Detail: "nodes in subnet-a1, subnet-b1 have no way to the internet, and the VPC has no endpoint for sts; no role is assumed, by a service account or in another account",
			Fix:    "aws ec2 create-vpc-endpoint --region eu-central-1 --vpc-id vpc-1 --service-name com.amazonaws.eu-central-1.sts --vpc-endpoint-type Interface --private-dns-enabled --subnet-ids SUBNETS --security-group-ids GROUP, where GROUP lets the nodes in on 443",
		}}},
		{name: "none, by the internet gateway", world: isolated, change: func(w *clusterid.World) {
			w.Endpoints, w.RouteTables[0].InternetGateway, w.Options = nil, true, clusterid.Options{}
			for i := range w.Subnets {
				w.Subnets[i].Tags = nil
			}
		}},
		{name: "none, no nodes there", world: isolated, change: func(w *clusterid.World) {
			w.Endpoints, w.AutoScalingGroups = nil, nil
			for i := range w.Instances {
				w.Instances[i].SubnetID = "subnet-a2"
			}
		}},
		{name: "no ec2, workers only", world: isolated, change: func(w *clusterid.World) {
			w.Endpoints, w.Instances = w.Endpoints[1:], w.Instances[1:]
		}},
		{name: "no ec2, a control plane to come", world: isolated, change: func(w *clusterid.World) {
			w.Endpoints, w.Instances = w.Endpoints[1:], w.Instances[1:]
			w.AutoScalingGroups[0].ControlPlane = true
		}, want: []clusterid.Finding{{
			Code: "endpoint-missing", Level: clusterid.Error, Object: "com.amazonaws.eu-central-1.ec2",
			Detail: "nodes in subnet-a1, subnet-b1 have no way to the internet, and the VPC has no endpoint for ec2; the cloud controller does not start, and on EKS neither nodeadm nor the VPC CNI",
			Fix:    "aws ec2 create-vpc-endpoint --region eu-central-1 --vpc-id vpc-1 --service-name com.amazonaws.eu-central-1.ec2 --vpc-endpoint-type Interface --private-dns-enabled --subnet-ids SUBNETS --security-group-ids GROUP, where GROUP lets the nodes in on 443",
		}}},
		{name: "no elasticloadbalancing, no load balancers", world: isolated, change: func(w *clusterid.World) {
			w.Endpoints = append(w.Endpoints[:4], w.Endpoints[5])
			w.Options.LBC, w.Options.Schemes = false, nil
		}},
		{name: "no elasticloadbalancing, the load balancer controller alone", world: isolated, change: func(w *clusterid.World) {
			w.Endpoints = append(w.Endpoints[:4], w.Endpoints[5])
			w.Options.Schemes = nil
		}, want: []clusterid.Finding{{
			Code: "endpoint-advised", Level: clusterid.Warning, Object: "com.amazonaws.eu-central-1.elasticloadbalancing",
			Detail: "nodes in subnet-a1, subnet-b1 have no way to the internet, and the VPC has no endpoint for elasticloadbalancing; no load balancer is made",
			Fix:    "aws ec2 create-vpc-endpoint --region eu-central-1 --vpc-id vpc-1 --service-name com.amazonaws.eu-central-1.elasticloadbalancing --vpc-endpoint-type Interface --private-dns-enabled --subnet-ids SUBNETS --security-group-ids GROUP, where GROUP lets the nodes in on 443",
		}}},
		{name: "no elasticloadbalancing, the cloud controller alone", world: isolated, change: func(w *clusterid.World) {
			w.Endpoints = append(w.Endpoints[:4], w.Endpoints[5])
			w.Options.LBC, w.Options.Schemes = false, w.Options.Schemes[:1]
		}, want: []clusterid.Finding{{
			Code: "endpoint-advised", Level: clusterid.Warning, Object: "com.amazonaws.eu-central-1.elasticloadbalancing",
			Detail: "nodes in subnet-a1, subnet-b1 have no way to the internet, and the VPC has no endpoint for elasticloadbalancing; no load balancer is made",
			Fix:    "aws ec2 create-vpc-endpoint --region eu-central-1 --vpc-id vpc-1 --service-name com.amazonaws.eu-central-1.elasticloadbalancing --vpc-endpoint-type Interface --private-dns-enabled --subnet-ids SUBNETS --security-group-ids GROUP, where GROUP lets the nodes in on 443",
		}}},
		{name: "in another VPC", world: isolated, change: func(w *clusterid.World) { w.Endpoints[1].VPCID = "vpc-2" }, want: []clusterid.Finding{{
			Code: "endpoint-missing", Level: clusterid.Error, Object: "com.amazonaws.eu-central-1.ecr.api",
			Detail: "nodes in subnet-a1, subnet-b1 have no way to the internet, and the VPC has no endpoint for ecr.api; the credential provider gets no token: no basic auth credentials",
			Fix:    "aws ec2 create-vpc-endpoint --region eu-central-1 --vpc-id vpc-1 --service-name com.amazonaws.eu-central-1.ecr.api --vpc-endpoint-type Interface --private-dns-enabled --subnet-ids SUBNETS --security-group-ids GROUP, where GROUP lets the nodes in on 443",
		}}},
		{name: "private DNS off", world: isolated, change: func(w *clusterid.World) { w.Endpoints[1].PrivateDNS = false }, want: []clusterid.Finding{{
			Code: "endpoint-private-dns", Level: clusterid.Error, Object: "vpce-ecr.api",
			Detail: "nodes in subnet-a1, subnet-b1 have no way to the internet, and the VPC's endpoint for ecr.api has private DNS off, so that nobody finds it under the service's name; the credential provider gets no token: no basic auth credentials",
			Fix:    "aws ec2 modify-vpc-endpoint --region eu-central-1 --vpc-endpoint-id vpce-ecr.api --private-dns-enabled",
		}}},
		{name: "private DNS off, of two", world: isolated, change: func(w *clusterid.World) {
			w.Endpoints[1].PrivateDNS = false
			w.Endpoints = append(w.Endpoints, clusterid.Endpoint{ID: "vpce-2", VPCID: "vpc-1", Service: "com.amazonaws.eu-central-1.ecr.api"})
		}, want: []clusterid.Finding{{
			Code: "endpoint-private-dns", Level: clusterid.Error, Object: "vpce-2",
			Detail: "nodes in subnet-a1, subnet-b1 have no way to the internet, and the VPC's endpoint for ecr.api has private DNS off, so that nobody finds it under the service's name; the credential provider gets no token: no basic auth credentials",
			Fix:    "aws ec2 modify-vpc-endpoint --region eu-central-1 --vpc-endpoint-id vpce-2 --private-dns-enabled",
		}}},
		{name: "private DNS off, on of a second", world: isolated, change: func(w *clusterid.World) {
			w.Endpoints[1].PrivateDNS = false
			w.Endpoints = append(w.Endpoints, clusterid.Endpoint{
				ID: "vpce-2", VPCID: "vpc-1", Service: "com.amazonaws.eu-central-1.ecr.api", PrivateDNS: true,
			})
		}},
		{name: "S3 not routed", world: isolated, change: func(w *clusterid.World) { w.Endpoints[5].RouteTables = []string{"rtb-public"} }, want: []clusterid.Finding{{
			Code: "endpoint-not-routed", Level: clusterid.Error, Object: "vpce-s3",
			Detail: "nodes in subnet-a1, subnet-b1 have no way to the internet, and their route tables do not lead to the VPC's endpoint for s3; no layer of an image is pulled, which ECR keeps in S3",
			Fix:    "aws ec2 modify-vpc-endpoint --region eu-central-1 --vpc-endpoint-id vpce-s3 --add-route-table-ids rtb-private",
		}}},
		{name: "S3 routed in one of two", world: isolated, change: func(w *clusterid.World) {
			w.RouteTables = append(w.RouteTables, clusterid.RouteTable{ID: "rtb-b", VPCID: "vpc-1", Subnets: []string{"subnet-b1"}})
		}, want: []clusterid.Finding{{
			Code: "endpoint-not-routed", Level: clusterid.Error, Object: "vpce-s3",
			Detail: "nodes in subnet-b1 have no way to the internet, and their route tables do not lead to the VPC's endpoint for s3; no layer of an image is pulled, which ECR keeps in S3",
			Fix:    "aws ec2 modify-vpc-endpoint --region eu-central-1 --vpc-endpoint-id vpce-s3 --add-route-table-ids rtb-b",
		}}},
		{name: "S3 routed in none of two", world: isolated, change: func(w *clusterid.World) {
			w.Endpoints[5].RouteTables = nil
			w.RouteTables = append(w.RouteTables, clusterid.RouteTable{ID: "rtb-b", VPCID: "vpc-1", Subnets: []string{"subnet-b1"}})
		}, want: []clusterid.Finding{{
			Code: "endpoint-not-routed", Level: clusterid.Error, Object: "vpce-s3",
			Detail: "nodes in subnet-a1, subnet-b1 have no way to the internet, and their route tables do not lead to the VPC's endpoint for s3; no layer of an image is pulled, which ECR keeps in S3",
			Fix:    "aws ec2 modify-vpc-endpoint --region eu-central-1 --vpc-endpoint-id vpce-s3 --add-route-table-ids rtb-b rtb-private",
		}}},
		{name: "S3 not routed, one subnet", world: isolated, change: func(w *clusterid.World) {
			w.Endpoints[5].RouteTables, w.AutoScalingGroups, w.Instances = nil, nil, w.Instances[:1]
		}, want: []clusterid.Finding{{
			Code: "endpoint-not-routed", Level: clusterid.Error, Object: "vpce-s3",
			Detail: "nodes in subnet-a1 have no way to the internet, and their route tables do not lead to the VPC's endpoint for s3; no layer of an image is pulled, which ECR keeps in S3",
			Fix:    "aws ec2 modify-vpc-endpoint --region eu-central-1 --vpc-endpoint-id vpce-s3 --add-route-table-ids rtb-private",
		}}},
		{name: "S3 by an interface", world: isolated, change: func(w *clusterid.World) {
			w.Endpoints[5].Gateway, w.Endpoints[5].RouteTables, w.Endpoints[5].PrivateDNS = false, nil, true
		}},
		{name: "ECR by a gateway", world: isolated, change: func(w *clusterid.World) {
			w.Endpoints[1].Gateway, w.Endpoints[1].RouteTables = true, []string{"rtb-private"}
		}, want: []clusterid.Finding{{
			Code: "endpoint-missing", Level: clusterid.Error, Object: "com.amazonaws.eu-central-1.ecr.api",
			Detail: "nodes in subnet-a1, subnet-b1 have no way to the internet, and the VPC has no endpoint for ecr.api; the credential provider gets no token: no basic auth credentials",
			Fix:    "aws ec2 create-vpc-endpoint --region eu-central-1 --vpc-id vpc-1 --service-name com.amazonaws.eu-central-1.ecr.api --vpc-endpoint-type Interface --private-dns-enabled --subnet-ids SUBNETS --security-group-ids GROUP, where GROUP lets the nodes in on 443",
		}}},
	})
}

// In other partitions some services have another prefix, and not everywhere.
func TestEndpointNames(t *testing.T) {
	china := func(prefix string) func(*clusterid.World) {
		return func(w *clusterid.World) {
			w.Partition, w.Region, w.VPC.DomainName = "aws-cn", "cn-north-1", "cn-north-1.compute.internal"
			for i := range w.Endpoints {
				w.Endpoints[i].Service = prefix + ".cn-north-1." + w.Endpoints[i].ID[len("vpce-"):]
			}
		}
	}
	rows := []row{
		{name: "China, its own", world: isolated, change: china("cn.com.amazonaws")},
		{name: "China, the common one", world: isolated, change: china("com.amazonaws")},
		{name: "China, another partition's", world: isolated, change: china("gov.ic.c2s"), want: []clusterid.Finding{{
			Code: "endpoint-missing", Level: clusterid.Error, Object: "cn.com.amazonaws.cn-north-1.ec2",
			Detail: "nodes in subnet-a1, subnet-b1 have no way to the internet, and the VPC has no endpoint for ec2; the cloud controller does not start, and on EKS neither nodeadm nor the VPC CNI",
			Fix:    "aws ec2 create-vpc-endpoint --region cn-north-1 --vpc-id vpc-1 --service-name cn.com.amazonaws.cn-north-1.ec2 --vpc-endpoint-type Interface --private-dns-enabled --subnet-ids SUBNETS --security-group-ids GROUP, where GROUP lets the nodes in on 443",
		}, {
			Code: "endpoint-missing", Level: clusterid.Error, Object: "cn.com.amazonaws.cn-north-1.ecr.api",
			Detail: "nodes in subnet-a1, subnet-b1 have no way to the internet, and the VPC has no endpoint for ecr.api; the credential provider gets no token: no basic auth credentials",
			Fix:    "aws ec2 create-vpc-endpoint --region cn-north-1 --vpc-id vpc-1 --service-name cn.com.amazonaws.cn-north-1.ecr.api --vpc-endpoint-type Interface --private-dns-enabled --subnet-ids SUBNETS --security-group-ids GROUP, where GROUP lets the nodes in on 443",
		}, {
			Code: "endpoint-missing", Level: clusterid.Error, Object: "cn.com.amazonaws.cn-north-1.ecr.dkr",
			Detail: "nodes in subnet-a1, subnet-b1 have no way to the internet, and the VPC has no endpoint for ecr.dkr; no image is pulled from ECR",
			Fix:    "aws ec2 create-vpc-endpoint --region cn-north-1 --vpc-id vpc-1 --service-name cn.com.amazonaws.cn-north-1.ecr.dkr --vpc-endpoint-type Interface --private-dns-enabled --subnet-ids SUBNETS --security-group-ids GROUP, where GROUP lets the nodes in on 443",
		}, {
			Code: "endpoint-missing", Level: clusterid.Error, Object: "com.amazonaws.cn-north-1.s3",
			Detail: "nodes in subnet-a1, subnet-b1 have no way to the internet, and the VPC has no endpoint for s3; no layer of an image is pulled, which ECR keeps in S3",
			Fix:    "aws ec2 create-vpc-endpoint --region cn-north-1 --vpc-id vpc-1 --service-name com.amazonaws.cn-north-1.s3 --vpc-endpoint-type Gateway --route-table-ids rtb-private",
		}, {
			Code: "endpoint-advised", Level: clusterid.Warning, Object: "cn.com.amazonaws.cn-north-1.sts",
			Detail: "nodes in subnet-a1, subnet-b1 have no way to the internet, and the VPC has no endpoint for sts; no role is assumed, by a service account or in another account",
			Fix:    "aws ec2 create-vpc-endpoint --region cn-north-1 --vpc-id vpc-1 --service-name cn.com.amazonaws.cn-north-1.sts --vpc-endpoint-type Interface --private-dns-enabled --subnet-ids SUBNETS --security-group-ids GROUP, where GROUP lets the nodes in on 443",
		}, {
			Code: "endpoint-advised", Level: clusterid.Warning, Object: "com.amazonaws.cn-north-1.elasticloadbalancing",
			Detail: "nodes in subnet-a1, subnet-b1 have no way to the internet, and the VPC has no endpoint for elasticloadbalancing; no load balancer is made",
			Fix:    "aws ec2 create-vpc-endpoint --region cn-north-1 --vpc-id vpc-1 --service-name com.amazonaws.cn-north-1.elasticloadbalancing --vpc-endpoint-type Interface --private-dns-enabled --subnet-ids SUBNETS --security-group-ids GROUP, where GROUP lets the nodes in on 443",
		}}},
	}
	check(t, rows)

	for _, p := range []struct{ partition, region string }{
		{"aws-us-gov", "us-gov-west-1"}, {"aws-eusc", "eusc-de-east-1"}, {"aws-iso", "us-iso-east-1"},
		{"aws-iso-b", "us-isob-east-1"}, {"aws-iso-e", "eu-isoe-west-1"}, {"aws-iso-f", "us-isof-south-1"},
	} {
		w := isolated()
		w.Partition, w.Region, w.Endpoints = p.partition, p.region, nil
		w.VPC.DomainName = p.region + ".compute.internal"
		var got []string
		for _, f := range clusterid.Check(w) {
			got = append(got, f.Object)
		}
		if diff := cmp.Diff(serviceNames[p.partition], got); diff != "" {
			t.Errorf("%s: services (-want +got):\n%s", p.partition, diff)
		}
	}
}

// serviceNames are the objects of the findings of a VPC without endpoints.
var serviceNames = map[string][]string{
	"aws-us-gov": {
		"com.amazonaws.us-gov-west-1.ec2", "com.amazonaws.us-gov-west-1.ecr.api", "com.amazonaws.us-gov-west-1.ecr.dkr",
		"com.amazonaws.us-gov-west-1.s3", "com.amazonaws.us-gov-west-1.elasticloadbalancing", "com.amazonaws.us-gov-west-1.sts",
	},
	"aws-eusc": {
		"com.amazonaws.eusc-de-east-1.ec2", "com.amazonaws.eusc-de-east-1.s3", "eu.amazonaws.eusc-de-east-1.ecr.api",
		"eu.amazonaws.eusc-de-east-1.ecr.dkr", "com.amazonaws.eusc-de-east-1.elasticloadbalancing", "com.amazonaws.eusc-de-east-1.sts",
	},
	"aws-iso": {
		"com.amazonaws.us-iso-east-1.s3", "gov.ic.c2s.us-iso-east-1.ec2", "gov.ic.c2s.us-iso-east-1.ecr.api",
		"gov.ic.c2s.us-iso-east-1.ecr.dkr", "com.amazonaws.us-iso-east-1.elasticloadbalancing", "com.amazonaws.us-iso-east-1.sts",
	},
	"aws-iso-b": {
		"com.amazonaws.us-isob-east-1.s3", "gov.sgov.sc2s.us-isob-east-1.ec2", "gov.sgov.sc2s.us-isob-east-1.ecr.api",
		"gov.sgov.sc2s.us-isob-east-1.ecr.dkr", "com.amazonaws.us-isob-east-1.elasticloadbalancing", "com.amazonaws.us-isob-east-1.sts",
	},
	"aws-iso-e": {
		"com.amazonaws.eu-isoe-west-1.ec2", "com.amazonaws.eu-isoe-west-1.s3", "uk.adc-e.cloud.eu-isoe-west-1.ecr.api",
		"uk.adc-e.cloud.eu-isoe-west-1.ecr.dkr", "com.amazonaws.eu-isoe-west-1.elasticloadbalancing", "com.amazonaws.eu-isoe-west-1.sts",
	},
	"aws-iso-f": {
		"com.amazonaws.us-isof-south-1.ec2", "com.amazonaws.us-isof-south-1.s3", "gov.ic.hci.csp.us-isof-south-1.ecr.api",
		"gov.ic.hci.csp.us-isof-south-1.ecr.dkr", "com.amazonaws.us-isof-south-1.elasticloadbalancing", "com.amazonaws.us-isof-south-1.sts",
	},
}
