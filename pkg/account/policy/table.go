package policy

// A Role is what a node does in Kubernetes.
type Role string

const (
	ControlPlane Role = "control-plane"
	Etcd         Role = "etcd"
	Worker       Role = "worker"
)

// A Feature is something that components on the nodes do and need permissions for.
type Feature string

const (
	ELB               Feature = "elb"                 // load balancers for Services
	NLBSecurityGroups Feature = "nlb-security-groups" // NLBSecurityGroupMode=Managed
	Routes            Feature = "routes"              // --configure-cloud-routes
	Topology          Feature = "topology"            // labels of the network topology
	TaggingController Feature = "tagging-controller"  // tags on the nodes' instances
	InTreeEBS         Feature = "in-tree-ebs"         // volumes of Kubernetes before 1.27
	Nodeadm           Feature = "nodeadm"             // the EKS AMIs' own start
)

// What the rows of the table need that nobody asks for by a feature: nothing, a node
// that is EKS's, and the parts of pull in bootstrap.yaml.
const (
	always     Feature = ""
	fargate    Feature = "fargate"
	pull       Feature = "pull"
	pullPublic Feature = "pull.public"
	pullCache  Feature = "pull.pullThroughCache"
	pullAssume Feature = "pull.crossAccount.assume"
)

// A component is who calls.
type component struct {
	name   string
	roles  []Role // of the nodes that it runs on
	source string // what the sources of its rows are in
}

var everyRole = []Role{ControlPlane, Etcd, Worker}

var (
	ccm     = component{"cloud controller manager", []Role{ControlPlane}, "k8s.io/cloud-provider-aws v1.37.1, pkg/providers/v1/"}
	kcm     = component{"kube-controller-manager, in-tree cloud provider", []Role{ControlPlane}, "k8s.io/legacy-cloud-providers v0.26.15, aws/"}
	kubelet = component{"kubelet, in-tree cloud provider", everyRole, "k8s.io/legacy-cloud-providers v0.26.15, aws/"}
	nodeadm = component{"nodeadm", everyRole, "awslabs/amazon-eks-ami, nodeadm/internal/"}
	plugin  = component{"ecr-credential-provider", everyRole, ""}
	elb     = component{"Elastic Load Balancing, for its caller", []Role{ControlPlane}, ""}
	ecr     = component{"Amazon ECR, for its caller", everyRole, ""}
)

// A call is one row of the table: a component calls an action under a condition. An
// action has several rows if it is called for several reasons, or has to be allowed in
// several forms.
type call struct {
	action   string
	by       *component
	feature  Feature
	versions string // FIRST- or -LAST release of Kubernetes whose component calls it; "" for all
	form     form
	when     string
	source   string // in the component's
}

// calls is the table of what components call. That they call it was read in their
// code, where source says. A first release is the first that has the call of those
// that were read: 1.26, 1.27, 1.31, 1.33, 1.34, 1.35, 1.36 and 1.37. To which
// resources and tags an action can be bound is in AWS's service authorization
// reference (docs.aws.amazon.com/service-authorization/latest/reference/).
var calls = [...]call{
	// Finding and labelling nodes: as soon as there is a cloud controller.
	{"ec2:DescribeInstances", &ccm, always, "", anywhere, "to find nodes, and its own cluster by its own instance", "aws.go describeInstances"},
	{"ec2:DescribeAvailabilityZones", &ccm, always, "1.27-", anywhere, "to label nodes with the id of their zone", "zones.go populate"},
	{"ec2:DescribeInstanceTopology", &ccm, Topology, "1.33-", anywhere, "to label nodes with the network topology; denied, it goes without", "topology.go GetNodeTopology"},
	{"ec2:DescribeNetworkInterfaces", &ccm, fargate, "", anywhere, "for Fargate nodes, whose control plane is EKS's own", "variant/fargate/fargate.go DescribeNetworkInterfaces"},

	// Load balancers for Services: what both kinds need.
	{"ec2:DescribeRouteTables", &ccm, ELB, "", anywhere, "to tell public subnets from private ones", "aws.go findELBSubnets"},
	{"ec2:DescribeSecurityGroups", &ccm, ELB, "", anywhere, "to find the nodes' security group", "aws.go getTaggedSecurityGroups"},
	{"ec2:DescribeSubnets", &ccm, ELB, "", anywhere, "to choose a load balancer's subnets", "aws.go findSubnets"},
	{"ec2:CreateSecurityGroup", &ccm, ELB, "", created, "a load balancer gets its security group", "aws.go ensureSecurityGroup"},
	{"ec2:CreateSecurityGroup", &ccm, ELB, "", inVPC, "a load balancer gets its security group, in a VPC that carries no tag", "aws.go ensureSecurityGroup"},
	{"ec2:CreateTags", &ccm, ELB, "", tagNewGroup, "a new security group gets the cluster's tag", "aws.go ensureSecurityGroup"},
	{"ec2:AuthorizeSecurityGroupIngress", &ccm, ELB, "", onGroup, "nodes and load balancers are opened to traffic", "aws.go addSecurityGroupIngress"},
	{"ec2:RevokeSecurityGroupIngress", &ccm, ELB, "", onGroup, "nodes and load balancers are closed to traffic", "aws.go removeSecurityGroupIngress"},
	{"ec2:DeleteSecurityGroup", &ccm, ELB, "", onTagged, "the security group of a deleted load balancer goes", "aws.go deleteSecurityGroupsWithBackoff"},
	{"elasticloadbalancing:AddTags", &ccm, ELB, "", tagNewBalancer, "what is created is tagged in the same call", "aws_loadbalancer.go ensureLoadBalancerv2"},
	{"elasticloadbalancing:AddTags", &ccm, ELB, "", tagBalancer, "a Service names additional tags for a classic load balancer", "aws.go addLoadBalancerTags"},
	{"elasticloadbalancing:CreateLoadBalancer", &ccm, ELB, "", created, "a Service of type LoadBalancer is new", "aws_loadbalancer.go ensureLoadBalancer, ensureLoadBalancerv2"},
	{"elasticloadbalancing:DeleteLoadBalancer", &ccm, ELB, "", onTagged, "a Service is gone", "aws.go EnsureLoadBalancerDeleted"},
	{"elasticloadbalancing:DescribeLoadBalancers", &ccm, ELB, "", anywhere, "to find a Service's load balancer", "aws.go describeLoadBalancer, describeLoadBalancerv2"},
	{"elasticloadbalancing:DescribeLoadBalancerAttributes", &ccm, ELB, "", anywhere, "to compare attributes", "aws_loadbalancer.go reconcileLBAttributes"},
	{"elasticloadbalancing:ModifyLoadBalancerAttributes", &ccm, ELB, "", onTagged, "a Service's annotations differ from the attributes", "aws_loadbalancer.go reconcileLBAttributes"},
	{"iam:CreateServiceLinkedRole", &elb, ELB, "", serviceLinked, "the first load balancer of an account", "docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-service-linked-roles.html"},

	// Classic load balancers, which a Service gets without an annotation.
	{"elasticloadbalancing:ApplySecurityGroupsToLoadBalancer", &ccm, ELB, "", onTagged, "classic: its security groups change", "aws_loadbalancer.go ensureLoadBalancer"},
	{"elasticloadbalancing:AttachLoadBalancerToSubnets", &ccm, ELB, "", onTagged, "classic: its subnets change", "aws_loadbalancer.go ensureLoadBalancer"},
	{"elasticloadbalancing:ConfigureHealthCheck", &ccm, ELB, "", onTagged, "classic: its health check is set", "aws_loadbalancer.go ensureLoadBalancerHealthCheck"},
	{"elasticloadbalancing:CreateLoadBalancerListeners", &ccm, ELB, "", onTagged, "classic: its ports change", "aws_loadbalancer.go ensureLoadBalancer"},
	{"elasticloadbalancing:CreateLoadBalancerPolicy", &ccm, ELB, "", onTagged, "classic: proxy protocol or a TLS policy is asked for", "aws_loadbalancer.go createProxyProtocolPolicy, ensureSSLNegotiationPolicy"},
	{"elasticloadbalancing:DeleteLoadBalancerListeners", &ccm, ELB, "", onTagged, "classic: its ports change", "aws_loadbalancer.go ensureLoadBalancer"},
	{"elasticloadbalancing:DeregisterInstancesFromLoadBalancer", &ccm, ELB, "", onTagged, "classic: a node goes", "aws_loadbalancer.go ensureLoadBalancerInstances"},
	{"elasticloadbalancing:DescribeLoadBalancerPolicies", &ccm, ELB, "", anywhere, "classic: to compare the TLS policy", "aws_loadbalancer.go ensureSSLNegotiationPolicy"},
	{"elasticloadbalancing:DetachLoadBalancerFromSubnets", &ccm, ELB, "", onTagged, "classic: its subnets change", "aws_loadbalancer.go ensureLoadBalancer"},
	{"elasticloadbalancing:RegisterInstancesWithLoadBalancer", &ccm, ELB, "", onTagged, "classic: a node comes", "aws_loadbalancer.go ensureLoadBalancerInstances"},
	{"elasticloadbalancing:SetLoadBalancerPoliciesForBackendServer", &ccm, ELB, "", onTagged, "classic: proxy protocol is asked for or no longer", "aws_loadbalancer.go setBackendPolicies"},
	{"elasticloadbalancing:SetLoadBalancerPoliciesOfListener", &ccm, ELB, "", onTagged, "classic: a TLS policy is asked for", "aws_loadbalancer.go setSSLNegotiationPolicy"},

	// Network load balancers.
	{"elasticloadbalancing:CreateListener", &ccm, ELB, "", created, "network: a port is new", "aws_loadbalancer.go createListenerV2"},
	{"elasticloadbalancing:CreateTargetGroup", &ccm, ELB, "", created, "network: a port is new", "aws_loadbalancer.go ensureTargetGroup"},
	{"elasticloadbalancing:DeleteListener", &ccm, ELB, "", onTagged, "network: a port is gone", "aws_loadbalancer.go deleteListenerV2"},
	{"elasticloadbalancing:DeleteTargetGroup", &ccm, ELB, "", onTagged, "network: a port is gone", "aws_loadbalancer.go deleteListenerV2"},
	{"elasticloadbalancing:DeregisterTargets", &ccm, ELB, "", onTagged, "network: a node goes", "aws_loadbalancer.go ensureTargetGroupTargets"},
	{"elasticloadbalancing:DescribeListeners", &ccm, ELB, "", anywhere, "network: to compare ports", "aws_loadbalancer.go ensureLoadBalancerv2"},
	{"elasticloadbalancing:DescribeTargetGroupAttributes", &ccm, ELB, "1.35-", anywhere, "network: to compare target groups' attributes", "aws_loadbalancer.go ensureTargetGroupAttributes"},
	{"elasticloadbalancing:DescribeTargetGroups", &ccm, ELB, "", anywhere, "network: to find target groups", "aws_loadbalancer.go ensureLoadBalancerv2"},
	{"elasticloadbalancing:DescribeTargetHealth", &ccm, ELB, "", anywhere, "network: to find which nodes are targets", "aws_loadbalancer.go obtainTargetGroupActualTargets"},
	{"elasticloadbalancing:ModifyListener", &ccm, ELB, "", onTagged, "network: a port's protocol or certificate changes", "aws_loadbalancer.go ensureLoadBalancerv2"},
	{"elasticloadbalancing:ModifyTargetGroup", &ccm, ELB, "", onTagged, "network: the health check changes", "aws_loadbalancer.go ensureTargetGroup"},
	{"elasticloadbalancing:ModifyTargetGroupAttributes", &ccm, ELB, "1.35-", onTagged, "network: an annotation differs from the target groups' attributes", "aws_loadbalancer.go ensureTargetGroupAttributes"},
	{"elasticloadbalancing:RegisterTargets", &ccm, ELB, "", onTagged, "network: a node comes", "aws_loadbalancer.go ensureTargetGroupTargets"},
	{"elasticloadbalancing:SetSecurityGroups", &ccm, NLBSecurityGroups, "1.37-", onTagged, "network: its security groups change", "aws_loadbalancer.go ensureLoadBalancerv2"},

	// Routes to the nodes' pods.
	{"ec2:DescribeRouteTables", &ccm, Routes, "", anywhere, "to find the cluster's route table", "aws_routes.go findRouteTable"},
	{"ec2:CreateRoute", &ccm, Routes, "", onRouteTable, "a node gets its range of pod addresses", "aws_routes.go CreateRoute"},
	{"ec2:DeleteRoute", &ccm, Routes, "", onRouteTable, "a node goes", "aws_routes.go DeleteRoute"},
	{"ec2:ModifyInstanceAttribute", &ccm, Routes, "", onInstance, "a node gets a route and must take packets that are not for itself", "aws_routes.go configureInstanceSourceDestCheck"},

	// Tags that the tagging controller was started with.
	{"ec2:CreateTags", &ccm, TaggingController, "", tagInstance, "a node comes", "tags.go TagResource"},
	{"ec2:DeleteTags", &ccm, TaggingController, "", tagInstance, "a node goes", "tags.go UntagResource"},

	// Volumes without the CSI driver.
	{"ec2:DescribeInstances", &kubelet, InTreeEBS, "-1.26", anywhere, "to name and label its node", "aws.go newAWSCloud"},
	{"ec2:DescribeInstances", &kcm, InTreeEBS, "-1.26", anywhere, "to find the nodes to attach volumes to", "aws.go describeInstances"},
	{"ec2:DescribeVolumes", &kcm, InTreeEBS, "-1.26", anywhere, "to wait until a volume is there, or attached", "aws.go describeVolume"},
	{"ec2:DescribeVolumesModifications", &kcm, InTreeEBS, "-1.26", anywhere, "to wait until a volume has grown", "aws.go describeVolumeModification"},
	{"ec2:CreateVolume", &kcm, InTreeEBS, "-1.26", created, "a claim is new", "aws.go CreateDisk"},
	{"ec2:CreateTags", &kcm, InTreeEBS, "-1.26", tagNewVolume, "a new volume gets the cluster's tag", "aws.go CreateDisk"},
	{"ec2:AttachVolume", &kcm, InTreeEBS, "-1.26", onVolume, "a pod starts", "aws.go AttachDisk"},
	{"ec2:AttachVolume", &kcm, InTreeEBS, "-1.26", onInstance, "a pod starts", "aws.go AttachDisk"},
	{"ec2:DetachVolume", &kcm, InTreeEBS, "-1.26", onVolume, "a pod is gone", "aws.go DetachDisk"},
	{"ec2:DetachVolume", &kcm, InTreeEBS, "-1.26", onInstance, "a pod is gone", "aws.go DetachDisk"},
	{"ec2:ModifyVolume", &kcm, InTreeEBS, "-1.26", onVolume, "a claim grows", "aws.go modifyVolume"},
	{"ec2:DeleteVolume", &kcm, InTreeEBS, "-1.26", onVolume, "a claim is gone", "aws.go deleteVolume"},

	// The EKS AMIs of AL2023.
	{"ec2:DescribeInstances", &nodeadm, Nodeadm, "", anywhere, "to learn the node's name, unless its feature InstanceIdNodeName is on", "api/status.go getPrivateDNSName"},
	{"ec2:DescribeInstanceTypes", &nodeadm, Nodeadm, "", anywhere, "the instance's type is newer than the AMI; denied, the node takes 110 pods", "kubelet/config.go GetClassicMaxPods"},

	// Pulling.
	{"ecr:GetAuthorizationToken", &plugin, pull, "", anywhere, "to get a token, which is no resource's", "pkg/provider/aws"},
	{"ecr:BatchGetImage", &ecr, pull, "", images, "a manifest is read", "docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchGetImage.html"},
	{"ecr:GetDownloadUrlForLayer", &ecr, pull, "", images, "a layer is read that the node does not have", "docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetDownloadUrlForLayer.html"},
	{"ecr-public:GetAuthorizationToken", &plugin, pullPublic, "", anywhere, "to get a token for ECR Public", "pkg/provider/aws"},
	{"sts:GetServiceBearerToken", &plugin, pullPublic, "", anywhere, "to get a token for ECR Public, which is a bearer token", "docs.aws.amazon.com/AmazonECR/latest/public/public-registry-auth.html"},
	{"ecr:BatchImportUpstreamImage", &ecr, pullCache, "", caches, "an image is not yet, or no longer fresh, in the cache", "docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-iam.html"},
	{"ecr:CreateRepository", &ecr, pullCache, "", caches, "an image is the first of its repository", "docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-iam.html"},
	{"sts:AssumeRole", &plugin, pullAssume, "", pullRoles, "to pull as a role of another account", "pkg/provider/aws"},
}
