// Package config reads bootstrap.yaml, the one file that describes a cluster to
// ecr-node-bootstrap: at a desk, where it says what the AWS account must look like,
// and in a bake and at boot, where a node reads its cluster, region and pull.
//
// Reading is strict, for a key that is silently ignored is a policy that is silently
// missing: an unknown key, a wrong type or a value that AWS would refuse is an error
// with its line. Schema is the same knowledge as a JSON schema, which makes editors
// complete the file.
package config

// A File is bootstrap.yaml. Everything but Version, Cluster, Account and Region is
// optional. Load has judged a File that it returns.
type File struct {
	// Version of the format: 1.
	Version int `yaml:"version"`
	// Cluster is the ClusterID: resources of the cluster carry the tag
	// kubernetes.io/cluster/CLUSTER. At most 105 characters, so that the tag's key
	// has at most the 127 that EC2's type Tag allows.
	Cluster string `yaml:"cluster"`
	// Account is the number of the AWS account. Anywhere else nothing is done.
	Account string `yaml:"account"`
	// Region is where the cluster runs.
	Region string `yaml:"region"`

	// Nodes are groups of nodes. Each gets one IAM role and one instance profile.
	Nodes []NodeGroup `yaml:"nodes,omitempty"`
	// Network is what load balancers and routes of the cluster are found by.
	Network Network `yaml:"network,omitempty"`
	// Pull says which images the nodes may pull.
	Pull Pull `yaml:"pull,omitempty"`
	// EKS is only there for an EKS cluster.
	EKS *EKS `yaml:"eks,omitempty"`
}

// A Lifecycle says what is done with an object that differs from the file.
type Lifecycle string

const (
	Manage Lifecycle = "manage" // create it, change it, take it back (the default)
	Verify Lifecycle = "verify" // change nothing, and refuse to go on if it differs
	Warn   Lifecycle = "warn"   // change nothing, and say how it differs
	Ignore Lifecycle = "ignore" // do not look at it
)

// A Role is what a node does in Kubernetes.
type Role string

const (
	ControlPlane Role = "control-plane"
	Etcd         Role = "etcd"
	Worker       Role = "worker"
)

// A Feature is something that components on the nodes do, and need permissions for.
type Feature string

const (
	// ELB: the cloud controller keeps load balancers for Services.
	ELB Feature = "elb"
	// NLBSecurityGroups: NLBSecurityGroupMode=Managed of the cloud controller.
	NLBSecurityGroups Feature = "nlb-security-groups"
	// Routes: the cloud controller runs with --configure-cloud-routes.
	Routes Feature = "routes"
	// Topology: nodes get the labels of the network topology.
	Topology Feature = "topology"
	// TaggingController: the cloud controller tags instances of nodes.
	TaggingController Feature = "tagging-controller"
	// InTreeEBS: the volumes of Kubernetes before 1.27, without the CSI driver.
	InTreeEBS Feature = "in-tree-ebs"
	// Nodeadm: the EKS AMIs' nodeadm asks EC2 for the node's name.
	Nodeadm Feature = "nodeadm"
)

// A Scope says how narrowly the statements are written.
type Scope string

const (
	// ScopeActions: the actions that components call, on every resource where AWS
	// or the component needs that (the default).
	ScopeActions Scope = "actions"
	// ScopeCluster: with conditions on the cluster's tag.
	ScopeCluster Scope = "cluster"
)

// A Profile is where the actions come from.
type Profile string

const (
	ProfileCalled   Profile = "called"   // what current components call (the default)
	ProfileRancher  Profile = "rancher"  // the documents on Rancher's page
	ProfileUpstream Profile = "upstream" // the documents of cloud-provider-aws
)

// A NodeGroup is the nodes that share a role and an instance profile. An instance has
// one profile and a profile one role, so what a node does in several Kubernetes roles
// is united in one.
type NodeGroup struct {
	// Name of the IAM role and of the instance profile, if those are not named.
	Name string `yaml:"name"`
	// Roles in Kubernetes. The policy is the union of theirs, and pull.
	Roles []Role `yaml:"roles"`
	// Instances that get the profile and the ClusterID tag.
	Instances Instances `yaml:"instances,omitempty"`
	// Features that components of these nodes use.
	Features []Feature `yaml:"features,omitempty"`
	// Scope of the statements.
	Scope Scope `yaml:"scope,omitempty"`
	// Profile of the policies.
	Profile Profile `yaml:"profile,omitempty"`

	// Role is the name of the IAM role; Name if empty.
	Role string `yaml:"role,omitempty"`
	// InstanceProfile is its name; Role's if empty.
	InstanceProfile string `yaml:"instanceProfile,omitempty"`
	// Path of role and profile; / if empty.
	Path string `yaml:"path,omitempty"`
	// Boundary is the ARN of the role's permissions boundary.
	Boundary string `yaml:"boundary,omitempty"`
	// TrustPrincipals are the services that may assume the role, if not EC2 as the
	// partition calls it.
	TrustPrincipals []string `yaml:"trustPrincipals,omitempty"`
	// ManagedPolicies are ARNs, or names of AWS-managed policies, to attach.
	ManagedPolicies []string `yaml:"managedPolicies,omitempty"`
	// PolicyKind is how the generated policies are kept: inline, managed, or auto,
	// which is inline as long as they fit (the default).
	PolicyKind string `yaml:"policyKind,omitempty"`
	// Tags of role, profile and managed policies, beside ours.
	Tags map[string]string `yaml:"tags,omitempty"`

	// IAM is the lifecycle of role, policies and profile.
	IAM Lifecycle `yaml:"iam,omitempty"`
	// Tagging is the lifecycle of the instances' tags.
	Tagging Lifecycle `yaml:"tagging,omitempty"`
	// Association is the lifecycle of the profile's association with the instances.
	Association Lifecycle `yaml:"association,omitempty"`
}

// Instances names instances: by id, by tags (all must match, a value may have * and
// ?), or by Auto Scaling group, whose future instances are meant too. What is named
// in two ways counts once.
type Instances struct {
	// IDs of instances.
	IDs []string `yaml:"ids,omitempty"`
	// Tag is a filter: values by key.
	Tag map[string]string `yaml:"tag,omitempty"`
	// AutoScalingGroup is its name.
	AutoScalingGroup string `yaml:"autoScalingGroup,omitempty"`
}

// A Network is what the cloud controller and the load balancer controller find by
// tags.
type Network struct {
	// SecurityGroup is the one that carries the cluster's tag. There is exactly one:
	// with two on an instance, controllers refuse to choose.
	SecurityGroup *SecurityGroup `yaml:"securityGroup,omitempty"`
	// Subnets that load balancers may be put into, each list of ids tagged alike.
	Subnets []Subnets `yaml:"subnets,omitempty"`
	// RouteTables are tagged for the cloud controller's routes. It wants exactly one.
	RouteTables []RouteTable `yaml:"routeTables,omitempty"`
}

// A SecurityGroup is the one that carries the cluster's tag. There is exactly one:
// with two on an instance, controllers refuse to choose.
type SecurityGroup struct {
	// ID of the security group.
	ID string `yaml:"id"`
	// Tag is owned or shared; owned if empty.
	Tag Ownership `yaml:"tag,omitempty"`
	// Lifecycle of the tag.
	Lifecycle Lifecycle `yaml:"lifecycle,omitempty"`
}

// An Ownership is the value of the ClusterID tag.
type Ownership string

const (
	Owned  Ownership = "owned"  // the cluster's alone
	Shared Ownership = "shared" // of several clusters
	None   Ownership = "none"   // no ClusterID tag (for subnets, which need none)
)

// Subnets are subnets that are tagged alike.
type Subnets struct {
	// IDs of the subnets.
	IDs []string `yaml:"ids"`
	// Tag is shared if empty.
	Tag Ownership `yaml:"tag,omitempty"`
	// ELB is the role tag: public is kubernetes.io/role/elb, internal is
	// kubernetes.io/role/internal-elb.
	ELB string `yaml:"elb,omitempty"`
	// Lifecycle of the tags.
	Lifecycle Lifecycle `yaml:"lifecycle,omitempty"`
}

// A RouteTable is the table that the cloud controller keeps pod routes in.
type RouteTable struct {
	// ID of the route table.
	ID string `yaml:"id"`
	// Tag is owned or shared; shared if empty.
	Tag Ownership `yaml:"tag,omitempty"`
	// Lifecycle of the tag.
	Lifecycle Lifecycle `yaml:"lifecycle,omitempty"`
}

// Pull is which images may be pulled. apply makes policies of it, install the
// kubelet's config.
type Pull struct {
	// Repositories of this account and region, with * and ?; all if empty.
	Repositories []string `yaml:"repositories,omitempty"`
	// Public says that ECR Public is asked for tokens too.
	Public bool `yaml:"public,omitempty"`
	// CrossAccount are registries of other accounts.
	CrossAccount []CrossAccount `yaml:"crossAccount,omitempty"`
	// PullThroughCache are repositories of this account that a pull may create and
	// fill from upstream.
	PullThroughCache []string `yaml:"pullThroughCache,omitempty"`
	// Allow lets other accounts pull from this one, whose file says crossAccount.
	Allow []AllowPull `yaml:"allow,omitempty"`
	// Mirrors are hosts that stand for a registry: registries by host.
	Mirrors map[string]string `yaml:"mirrors,omitempty"`
	// Proxy is the URL of the proxy that tokens are asked for through. It has no user
	// and no password: everybody on a node may read the file that it is written to.
	Proxy string `yaml:"proxy,omitempty"`
	// NoProxy lists what is reached without the proxy: hosts and addresses, each with a
	// port or without, domains as .corp.example, and networks as 10.0.0.0/8.
	NoProxy []string `yaml:"noProxy,omitempty"`
	// ServiceAccounts makes pods pull as themselves; kubelet 1.34 or newer.
	ServiceAccounts *ServiceAccounts `yaml:"serviceAccounts,omitempty"`
	// Lifecycle of the repository and registry policies in this account.
	Lifecycle Lifecycle `yaml:"lifecycle,omitempty"`
}

// CrossAccount is a registry of another account: pulled from by the node's role, whom
// their repository policy lets in, or by a role of theirs that the node assumes.
type CrossAccount struct {
	// Account is the number of the AWS account.
	Account string `yaml:"account"`
	// Region of the registry; the cluster's if empty.
	Region string `yaml:"region,omitempty"`
	// Repositories of the registry, with * and ?; all if empty.
	Repositories []string `yaml:"repositories,omitempty"`
	// Assume is the ARN of a role of that account, which the node assumes.
	Assume string `yaml:"assume,omitempty"`
}

// AllowPull lets another account pull from repositories of this account and region.
// It names Repositories, PullThroughCache or both: nothing is let out by leaving a key
// out.
type AllowPull struct {
	// Account is the number of the other account.
	Account string `yaml:"account"`
	// Principals are ARNs of roles there, which exist already; the account as a
	// whole if empty, and then its own policies say which of its roles pull.
	Principals []string `yaml:"principals,omitempty"`
	// Repositories that it may pull from, with * and ?: those that are there when
	// the file is applied.
	Repositories []string `yaml:"repositories,omitempty"`
	// PullThroughCache are repositories, with * and ?, that its pulls may also
	// create and fill from upstream.
	PullThroughCache []string `yaml:"pullThroughCache,omitempty"`
}

// ServiceAccounts is tokenAttributes of the kubelet's config.
type ServiceAccounts struct {
	// Audience of the tokens, as the role's identity provider expects it.
	Audience string `yaml:"audience"`
	// Required says that a pod without a role of its own does not pull; otherwise it
	// pulls as the node.
	Required bool `yaml:"required,omitempty"`
}

// EKS is what an EKS cluster needs beside roles and tags. Its authentication mode is
// never changed.
type EKS struct {
	// Name of the EKS cluster.
	Name string `yaml:"name"`
	// Access lists principals that get a STANDARD access entry with an access
	// policy.
	Access []Access `yaml:"access,omitempty"`
	// AccessEntries is the lifecycle of the node roles' and the principals' entries.
	AccessEntries Lifecycle `yaml:"accessEntries,omitempty"`
}

// Access lets a principal use the Kubernetes API of an EKS cluster.
type Access struct {
	// Principal is the ARN of a role or user.
	Principal string `yaml:"principal"`
	// Policy is the name or the ARN of an access policy.
	Policy string `yaml:"policy"`
	// Namespaces the policy is bound to; the whole cluster if empty.
	Namespaces []string `yaml:"namespaces,omitempty"`
}
