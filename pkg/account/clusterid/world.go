package clusterid

import "maps"

// A World is the account around one cluster, as the EC2, Auto Scaling and EKS APIs
// tell it. Tags are those of the API, with the aws: ones.
type World struct {
	Cluster   string // the ClusterID
	Region    string
	Partition string // aws, aws-cn, aws-us-gov, ...
	Options   Options

	VPC               VPC // the cluster's
	Instances         []Instance
	SecurityGroups    []SecurityGroup // at least every group of an interface; one that is missing counts as untagged
	Subnets           []Subnet        // all of the VPC
	RouteTables       []RouteTable    // all of the region: the cloud controller asks for no VPC
	AutoScalingGroups []AutoScalingGroup
	Endpoints         []Endpoint // that are available

	ClusterSubnets []string // ids that the EKS cluster was given
}

// Options is how the cluster's controllers are run.
type Options struct {
	EKS bool // AWS runs the cloud controller, which knows the ClusterID then

	// ConfiguredID says that the cloud controller is told the ClusterID
	// (KubernetesClusterID in its configuration) and does not look at its own tags.
	ConfiguredID bool

	Routes       bool   // --configure-cloud-routes
	RouteTableID string // of the cloud controller's configuration, "" for the tag

	Schemes []Scheme // in which the cluster makes load balancers; none without any

	LBC bool // the load balancer controller runs

	// TagsOnly says that it finds subnets by role tags alone: before v2.12.1, or with
	// the feature gate SubnetDiscoveryByReachability off.
	TagsOnly bool

	// AnyCluster says that it takes subnets of other clusters too: the feature gate
	// SubnetsClusterTagCheck is off.
	AnyCluster bool

	// TargetGroupTags is its --service-target-eni-security-group-tags.
	TargetGroupTags map[string]string

	DualStack bool // its load balancers have IPv6 addresses
}

// A Scheme is who can reach a load balancer.
type Scheme string

const (
	InternetFacing Scheme = "internet-facing"
	Internal       Scheme = "internal"
)

// role is the tag key that marks subnets for the scheme.
func (s Scheme) role() string {
	if s == Internal {
		return InternalRole
	}
	return PublicRole
}

// An Instance is one EC2 instance that is, or shall be, a node.
type Instance struct {
	ID             string
	State          string // pending, running, shutting-down, terminated, stopping, stopped
	SubnetID       string
	PrivateDNSName string
	MetadataTags   bool        // MetadataOptions.InstanceMetadataTags is enabled
	ControlPlane   bool        // the cloud controller can run here
	Interfaces     []Interface // the primary one first (device index 0)
	Tags           map[string]string
}

// primary is the interface with device index 0, zero if none is known.
func (in Instance) primary() Interface {
	if len(in.Interfaces) == 0 {
		return Interface{}
	}
	return in.Interfaces[0]
}

// An Interface is one network interface of an instance.
type Interface struct {
	ID     string
	Groups []string // ids of security groups, in the API's order
}

// A SecurityGroup is one security group.
type SecurityGroup struct {
	ID    string
	Name  string
	VPCID string
	Tags  map[string]string
}

// A Subnet is one subnet.
type Subnet struct {
	ID            string
	VPCID         string
	Zone          string // name: eu-central-1a
	ZoneID        string // euc1-az2
	ZoneType      string // availability-zone, local-zone, wavelength-zone
	Outpost       bool   // has an OutpostArn
	FreeAddresses int    // AvailableIpAddressCount
	IPv6          bool   // has an IPv6 block
	MapPublicIP   bool   // MapPublicIpOnLaunch
	Tags          map[string]string
}

// zoneTypeRegular is the zone type of a region's own zones.
const zoneTypeRegular = "availability-zone"

// A RouteTable is one route table.
type RouteTable struct {
	ID              string
	VPCID           string
	Main            bool     // one of its associations is the main one
	Subnets         []string // explicitly associated
	InternetGateway bool     // some route's GatewayId begins with igw
	DefaultRoute    bool     // 0.0.0.0/0 or ::/0 goes somewhere: NAT, transit, internet gateway
	Tags            map[string]string
}

// A VPC is the network, with what its DHCP options say.
type VPC struct {
	ID                string
	DNSHostnames      bool
	DNSSupport        bool
	DomainName        string // may be several, parted by spaces; "" if none
	DomainNameServers []string
}

// An AutoScalingGroup is one Auto Scaling group that makes nodes.
type AutoScalingGroup struct {
	Name         string
	ControlPlane bool
	Subnets      []string // VPCZoneIdentifier
	Tags         []GroupTag
	TemplateTags map[string]string // what the launch template puts on instances
	MetadataTags bool              // the launch template, or the account's default, enables InstanceMetadataTags
}

// A GroupTag is one tag of an Auto Scaling group.
type GroupTag struct {
	Key, Value string
	Propagate  bool // PropagateAtLaunch
}

// launched are the tags of the instances that the group makes. Where both say
// something, the group's tag wins over the template's
// (docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html).
func (g AutoScalingGroup) launched() map[string]string {
	tags := map[string]string{}
	maps.Copy(tags, g.TemplateTags)
	for _, t := range g.Tags {
		if t.Propagate {
			tags[t.Key] = t.Value
		}
	}
	return tags
}

// An Endpoint is one VPC endpoint.
type Endpoint struct {
	ID          string
	VPCID       string
	Service     string // com.amazonaws.eu-central-1.ecr.api
	Gateway     bool   // of type Gateway, else Interface
	PrivateDNS  bool   // of an Interface: answers under the service's usual name
	RouteTables []string
}

// gone reports whether the instance is no node any more.
func (in Instance) gone() bool { return in.State == "terminated" || in.State == "shutting-down" }

// An index is a world with the ways to look things up.
type index struct {
	*World
	groups  map[string]*SecurityGroup
	subnets map[string]*Subnet
	tables  map[string]*RouteTable // by the subnet that is associated
	main    *RouteTable            // the VPC's, nil if unknown
}

func newIndex(w *World) *index {
	x := &index{
		World:   w,
		groups:  map[string]*SecurityGroup{},
		subnets: map[string]*Subnet{},
		tables:  map[string]*RouteTable{},
	}
	for i := range w.SecurityGroups {
		x.groups[w.SecurityGroups[i].ID] = &w.SecurityGroups[i]
	}
	for i := range w.Subnets {
		x.subnets[w.Subnets[i].ID] = &w.Subnets[i]
	}
	for i := range w.RouteTables {
		t := &w.RouteTables[i]
		if t.VPCID != w.VPC.ID {
			continue
		}
		if t.Main {
			x.main = t
		}
		for _, subnet := range t.Subnets {
			x.tables[subnet] = t
		}
	}
	return x
}

// table is the route table of a subnet: its own, else the VPC's main one (ccm aws.go,
// isSubnetPublic). Nil if there is neither.
func (x *index) table(subnet string) *RouteTable {
	if t := x.tables[subnet]; t != nil {
		return t
	}
	return x.main
}

// starts reports whether the cloud controller learns the ClusterID from the tags of the
// instance that it runs on (ccm aws.go, newAWSCloud2).
func (w *World) starts() bool { return !w.Options.EKS && !w.Options.ConfiguredID }
