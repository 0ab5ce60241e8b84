package policy

// A form is how the statement of an action is written: on which resources, and under
// ScopeCluster with which conditions on the cluster's tag.
type form int

const (
	anywhere form = iota // on *, because AWS binds the action to no resource

	created    // the new resource gets the tag in the same call
	inVPC      // a VPC in which something is created, and which carries no tag
	onTagged   // a resource that the component created, tag included
	onGroup    // a security group that must carry the tag
	onInstance // an instance that must
	onRouteTable
	onVolume

	tagNewGroup    // tags on a security group in the call that creates it
	tagNewVolume   // the same on a volume
	tagNewBalancer // the same on a load balancer, a listener or a target group
	tagBalancer    // tags, but for the cluster's, on a load balancer that has the cluster's
	tagInstance    // the same on an instance

	serviceLinked // the role that Elastic Load Balancing uses

	images    // on the repositories to pull from
	caches    // on the repositories of pull-through caches
	pullRoles // on the roles to pull as
)

// A clusterForm is how ScopeCluster writes the actions of some forms.
type clusterForm struct {
	sid       string
	forms     []form
	resources func(Ask) []string
	condition func(tag string) Conditions
}

// clusterForms are the statements of ScopeCluster, the same that kOps has proved for
// the cloud controller (pkg/model/iam/iam_builder.go), with three differences. The tag
// is kubernetes.io/cluster/ID, which is there anyhow, not KubernetesCluster. Its value
// is not asked for where the controller itself looks at the key alone (tags.go
// hasClusterTag), so that shared is as good as owned. And tags on new load balancers
// are bound to the call that creates them, so that nobody can be made part of the
// cluster by a tag
// (docs.aws.amazon.com/elasticloadbalancing/latest/userguide/tagging-resources-during-creation.html).
var clusterForms = [...]clusterForm{
	{"Describe", []form{anywhere}, anything, nil},
	{"Create", []form{created}, anything, newCarries},
	{"CreateInVPC", []form{inVPC}, ec2Resources("vpc"), nil},
	{"ChangeTagged", []form{onTagged, onGroup, onInstance, onRouteTable, onVolume}, anything, carries},
	{"TagNewSecurityGroups", []form{tagNewGroup}, ec2Resources("security-group"), newBy("ec2:CreateAction", "CreateSecurityGroup")},
	{"TagNewVolumes", []form{tagNewVolume}, ec2Resources("volume"), newBy("ec2:CreateAction", "CreateVolume")},
	{"TagNewLoadBalancers", []form{tagNewBalancer}, anything, newBy("elasticloadbalancing:CreateAction", "CreateListener", "CreateLoadBalancer", "CreateTargetGroup")},
	{"TagLoadBalancers", []form{tagBalancer}, anything, carriesAndKeeps},
	{"TagInstances", []form{tagInstance}, ec2Resources("instance"), carriesAndKeeps},
}

// kind is the kind of resource that must have been tagged before ScopeCluster is used,
// because no component makes it with its tag; "" for none.
func (f form) kind() string {
	switch f {
	case onGroup:
		return "security-group"
	case onInstance, tagInstance:
		return "instance"
	case onRouteTable:
		return "route-table"
	case onVolume:
		return "volume"
	}
	return ""
}

func anything(Ask) []string { return []string{"*"} }

func ec2Resources(kind string) func(Ask) []string {
	return func(a Ask) []string {
		return []string{a.arn("ec2", kind+"/*")}
	}
}

// arn names something in the Ask's region and account.
func (a Ask) arn(service, resource string) string {
	return "arn:" + a.Partition + ":" + service + ":" + a.Region + ":" + a.Account + ":" + resource
}

// carries holds for a resource that has the tag, whatever its value.
func carries(tag string) Conditions {
	return Conditions{"Null": {"aws:ResourceTag/" + tag: {"false"}}}
}

// carriesAndKeeps holds besides only if the call does not touch that tag.
func carriesAndKeeps(tag string) Conditions {
	return Conditions{"Null": {"aws:ResourceTag/" + tag: {"false"}, "aws:RequestTag/" + tag: {"true"}}}
}

// newCarries holds for a call that gives a new resource the tag. The cloud controller
// always says owned (tags.go buildTags).
func newCarries(tag string) Conditions {
	return Conditions{"StringEquals": {"aws:RequestTag/" + tag: {"owned"}}}
}

// newBy holds for tags in a call of one of the actions.
func newBy(key string, actions ...string) func(string) Conditions {
	return func(tag string) Conditions {
		c := newCarries(tag)
		c["StringEquals"][key] = actions
		return c
	}
}

// clusterTag is the key of the ClusterID tag.
func clusterTag(cluster string) string { return "kubernetes.io/cluster/" + cluster }
