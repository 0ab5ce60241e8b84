package clusterid

import "slices"

// A Rule is one line of the table of codes.
type Rule struct {
	Code   string // stable, for scripts and for searching
	Level  Level
	What   string // what is wrong when a finding has this code
	Source string // where the rule is enforced or written
}

// Rules is the table of codes, by what they are about. Every finding's code is in it,
// once.
func Rules() []Rule { return slices.Clone(rules[:]) }

var rules = [...]Rule{
	{"control-plane-untagged", Error, "the cloud controller finds no ClusterID on its own instance", "ccm tags.go init"},
	{"control-plane-several-clusters", Error, "its instance names more than one cluster", "ccm tags.go findClusterIDs"},
	{"control-plane-legacy-mismatch", Error, "its instance's two kinds of tags name different clusters", "ccm tags.go init"},
	{"control-plane-other-cluster", Error, "its instance names another cluster only", "ccm aws.go newAWSCloud2"},
	{"instance-untagged", Error, "a node that the cloud controller does not find, or gives no traffic", "ccm aws.go describeInstances"},
	{"instance-several-clusters", Warning, "a node that two clusters take for theirs", "ccm tags.go hasClusterTag"},
	{"node-name-twice", Error, "two instances under the name of one node", "ccm aws.go findInstanceByNodeName"},
	{"eks-node-not-owned", Error, "a node of EKS whose tag is not owned", "eks troubleshooting"},

	{"scaling-untagged", Error, "an Auto Scaling group that makes untagged instances", "ccm aws.go describeInstances"},
	{"scaling-not-propagated", Error, "an Auto Scaling group that keeps the tag to itself", "API_Tag of Auto Scaling"},

	{"metadata-tags", Error, "a tag key that cannot be in the instance metadata, where tags are", "ccm issues 436 and 762"},
	{"metadata-tags-launch", Error, "the same of the instances that an Auto Scaling group launches", "ccm issues 436 and 762"},
	{"tag-limit", Error, "more tags than AWS takes", "EC2 user guide Using_Tags"},

	{"group-several-tagged", Error, "an instance with more than one tagged security group", "ccm aws.go findSecurityGroupForInstance"},
	{"group-none-tagged", Error, "an instance with several security groups, none tagged", "ccm aws.go findSecurityGroupForInstance"},
	{"group-untagged", Warning, "an untagged security group that is tolerated while it is the only one", "ccm aws.go findSecurityGroupForInstance"},
	{"interface-groups", Error, "a network interface with several security groups, not exactly one tagged", "lbc networking_manager.go resolveEndpointSGForENI"},
	{"group-value", Warning, "a security group's tag with neither owned nor shared", "lbc networking_manager.go fetchEndpointSGsFromAWS"},
	{"controller-group-value", Error, "a security group of the cloud controller that is not owned", "ccm tags.go readRepairClusterTags"},

	{"subnet-other-cluster", Note, "a subnet for other clusters only", "ccm aws.go findSubnets, lbc subnet_resolver.go"},
	{"elb-role-missing", Warning, "no subnet marked for load balancers that the cluster makes", "lbc subnet_resolver.go ResolveViaDiscovery"},
	{"elb-role-value", Warning, "a role tag with a value that one of two controllers reads", "lbc subnet_resolver.go ResolveViaDiscovery"},
	{"elb-role-private", Error, "a subnet marked for the internet without a route to it", "ccm aws.go isSubnetPublic"},
	{"internal-role-public", Note, "a subnet marked as internal with a route to the internet", "eks network-reqs"},
	{"elb-few-addresses", Warning, "a marked subnet with fewer than 8 free addresses", "lbc subnet_resolver.go isSubnetContainsSufficientIPAddresses"},
	{"elb-zone-type", Note, "a marked subnet outside the region's own zones", "ccm aws.go findELBSubnets"},
	{"subnet-tie", Note, "a choice between subnets that their ids decide", "ccm aws.go findELBSubnets, lbc subnet_resolver.go chooseSubnetsPerAZ"},
	{"subnets-fallback", Warning, "the cloud controller falls back to its own subnet", "ccm aws.go findSubnets"},
	{"ccm-subnets", Error, "the cloud controller finds no subnets", "ccm aws.go EnsureLoadBalancer"},
	{"lbc-subnets", Error, "the load balancer controller finds no subnets", "lbc subnet_resolver.go chooseAndValidateSubnetsPerAZ"},
	{"alb-one-zone", Warning, "subnets for an NLB but not for an ALB", "lbc subnet_resolver.go validateSubnetsMinimalCount"},
	{"subnet-no-ipv6", Warning, "a chosen subnet without IPv6 for dualstack load balancers", "lbc docs subnet_discovery.md"},

	{"route-table-missing", Error, "no route table for pod routes", "ccm aws_routes.go findRouteTable"},
	{"route-table-several", Error, "more than one route table for pod routes", "ccm aws_routes.go findRouteTable"},

	{"owned-twice", Warning, "a resource that two clusters own", "ccm tags.go ResourceLifecycle"},
	{"owned-and-shared", Note, "a resource that one cluster owns and another uses", "ccm tags.go ResourceLifecycle"},
	{"legacy-tag-only", Note, "a resource tagged in the way that one of two controllers reads", "ccm tags.go hasClusterTag"},

	{"vpc-dns", Warning, "a VPC without DNS support or hostnames", "VPC user guide vpc-dns"},
	{"dhcp-domain-missing", Error, "DHCP options without domain-name", "ccm issue 384"},
	{"dhcp-domain-custom", Warning, "DHCP options with another domain than EC2's", "ccm docs/prerequisites.md"},
	{"dhcp-domain-several", Warning, "DHCP options with several domains", "kubernetes pull request 79446"},

	{"eks-vpc-dns", Error, "a VPC of EKS without DNS support or hostnames", "eks network-reqs"},
	{"eks-dhcp", Error, "DHCP options of EKS without domain-name or domain-name-servers", "eks troubleshooting"},
	{"eks-subnets", Error, "an EKS cluster in one zone", "eks network-reqs"},
	{"eks-subnet-addresses", Error, "a subnet of an EKS cluster with fewer than 6 free addresses", "eks network-reqs"},
	{"eks-subnet-addresses-low", Note, "a subnet of an EKS cluster with fewer than 16 free addresses", "eks network-reqs"},
	{"eks-zone", Error, "a subnet of an EKS cluster in a zone that EKS does not take", "eks network-reqs"},
	{"eks-zone-type", Error, "a subnet of an EKS cluster outside the region's own zones", "eks network-reqs"},
	{"eks-node-public-address", Warning, "a public subnet with EKS nodes that gives no public addresses", "eks network-reqs"},

	{"endpoint-missing", Error, "no way from a node to a service that pulls or the controllers need", "ECR user guide vpc-endpoints, eks private-clusters"},
	{"endpoint-advised", Warning, "no way from a node to a service that some workloads need", "eks private-clusters"},
	{"endpoint-private-dns", Error, "an interface endpoint that nobody finds by the service's name", "ECR user guide vpc-endpoints"},
	{"endpoint-not-routed", Error, "a gateway endpoint that nodes' route tables do not lead to", "ECR user guide vpc-endpoints"},
}
