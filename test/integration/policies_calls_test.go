package integration

import (
	"slices"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
)

// The cluster's tag on what a call creates: as Elastic Load Balancing takes it, and as
// EC2 does.
const (
	tagged    = "&Tags.member.1.Key=kubernetes.io/cluster/prod-1&Tags.member.1.Value=owned"
	taggedEC2 = "&TagSpecification.1.Tag.1.Key=kubernetes.io/cluster/prod-1&TagSpecification.1.Tag.1.Value=owned"
)

// finding is what the cloud controller calls as soon as there is one.
var finding = []request{
	{"ec2", "DescribeInstances", "InstanceId.1=$instance"},
	{"ec2", "DescribeAvailabilityZones", ""},
}

// balancing is a Service of type LoadBalancer that comes, changes and goes: first with
// a classic load balancer, then with a network one.
var balancing = []request{
	{"ec2", "DescribeSubnets", ""},
	{"ec2", "DescribeRouteTables", ""},
	{"ec2", "DescribeSecurityGroups", ""},
	{"ec2", "CreateSecurityGroup", "GroupName=k8s-elb-web&GroupDescription=web&VpcId=$vpc&TagSpecification.1.ResourceType=security-group" + taggedEC2},
	{"ec2", "CreateTags", "ResourceId.1=$groupId&Tag.1.Key=kubernetes.io/cluster/prod-1&Tag.1.Value=owned"},
	{"ec2", "AuthorizeSecurityGroupIngress", "GroupId=$groupId&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=80&IpPermissions.1.ToPort=80&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0"},
	{"iam", "CreateServiceLinkedRole", "AWSServiceName=elasticloadbalancing.amazonaws.com"},

	{"elb", "DescribeLoadBalancers", ""},
	{"elb", "CreateLoadBalancer", "LoadBalancerName=web&Listeners.member.1.Protocol=tcp&Listeners.member.1.LoadBalancerPort=80&Listeners.member.1.InstanceProtocol=tcp&Listeners.member.1.InstancePort=30080&Subnets.member.1=$subnet&SecurityGroups.member.1=$groupId" + tagged},
	{"elb", "AddTags", "LoadBalancerNames.member.1=web&Tags.member.1.Key=team&Tags.member.1.Value=web"},
	{"elb", "AttachLoadBalancerToSubnets", "LoadBalancerName=web&Subnets.member.1=$otherSubnet"},
	{"elb", "DetachLoadBalancerFromSubnets", "LoadBalancerName=web&Subnets.member.1=$otherSubnet"},
	{"elb", "ApplySecurityGroupsToLoadBalancer", "LoadBalancerName=web&SecurityGroups.member.1=$groupId"},
	{"elb", "CreateLoadBalancerListeners", "LoadBalancerName=web&Listeners.member.1.Protocol=tcp&Listeners.member.1.LoadBalancerPort=443&Listeners.member.1.InstanceProtocol=tcp&Listeners.member.1.InstancePort=30443"},
	{"elb", "DeleteLoadBalancerListeners", "LoadBalancerName=web&LoadBalancerPorts.member.1=443"},
	{"elb", "CreateLoadBalancerPolicy", "LoadBalancerName=web&PolicyName=k8s-proxyprotocol-enabled&PolicyTypeName=ProxyProtocolPolicyType&PolicyAttributes.member.1.AttributeName=ProxyProtocol&PolicyAttributes.member.1.AttributeValue=true"},
	{"elb", "DescribeLoadBalancerPolicies", "LoadBalancerName=web"},
	{"elb", "SetLoadBalancerPoliciesForBackendServer", "LoadBalancerName=web&InstancePort=30080&PolicyNames.member.1=k8s-proxyprotocol-enabled"},
	{"elb", "SetLoadBalancerPoliciesOfListener", "LoadBalancerName=web&LoadBalancerPort=80&PolicyNames.member.1=k8s-proxyprotocol-enabled"},
	{"elb", "ConfigureHealthCheck", "LoadBalancerName=web&HealthCheck.Target=TCP:30080&HealthCheck.Interval=10&HealthCheck.Timeout=5&HealthCheck.UnhealthyThreshold=6&HealthCheck.HealthyThreshold=2"},
	{"elb", "DescribeLoadBalancerAttributes", "LoadBalancerName=web"},
	{"elb", "ModifyLoadBalancerAttributes", "LoadBalancerName=web&LoadBalancerAttributes.CrossZoneLoadBalancing.Enabled=true"},
	{"elb", "RegisterInstancesWithLoadBalancer", "LoadBalancerName=web&Instances.member.1.InstanceId=$instance"},
	{"elb", "DeregisterInstancesFromLoadBalancer", "LoadBalancerName=web&Instances.member.1.InstanceId=$instance"},
	{"elb", "DeleteLoadBalancer", "LoadBalancerName=web"},

	{"elbv2", "DescribeLoadBalancers", ""},
	{"elbv2", "CreateLoadBalancer", "Name=web&Type=network&Subnets.member.1=$subnet" + tagged},
	{"elbv2", "AddTags", "ResourceArns.member.1=$LoadBalancerArn&Tags.member.1.Key=team&Tags.member.1.Value=web"},
	{"elbv2", "DescribeLoadBalancerAttributes", "LoadBalancerArn=$LoadBalancerArn"},
	{"elbv2", "ModifyLoadBalancerAttributes", "LoadBalancerArn=$LoadBalancerArn&Attributes.member.1.Key=load_balancing.cross_zone.enabled&Attributes.member.1.Value=true"},
	{"elbv2", "CreateTargetGroup", "Name=web&Protocol=TCP&Port=30080&VpcId=$vpc&TargetType=instance" + tagged},
	{"elbv2", "ModifyTargetGroup", "TargetGroupArn=$TargetGroupArn&HealthCheckPort=30081"},
	{"elbv2", "DescribeTargetGroupAttributes", "TargetGroupArn=$TargetGroupArn"},
	{"elbv2", "ModifyTargetGroupAttributes", "TargetGroupArn=$TargetGroupArn&Attributes.member.1.Key=preserve_client_ip.enabled&Attributes.member.1.Value=false"},
	{"elbv2", "RegisterTargets", "TargetGroupArn=$TargetGroupArn&Targets.member.1.Id=$instance&Targets.member.1.Port=30080"},
	{"elbv2", "CreateListener", "LoadBalancerArn=$LoadBalancerArn&Protocol=TCP&Port=80&DefaultActions.member.1.Type=forward&DefaultActions.member.1.TargetGroupArn=$TargetGroupArn" + tagged},
	{"elbv2", "DescribeListeners", "LoadBalancerArn=$LoadBalancerArn"},
	{"elbv2", "DescribeTargetGroups", "LoadBalancerArn=$LoadBalancerArn"},
	{"elbv2", "ModifyListener", "ListenerArn=$ListenerArn&Protocol=TCP&Port=81"},
	{"elbv2", "DescribeTargetHealth", "TargetGroupArn=$TargetGroupArn"},
	{"elbv2", "DeregisterTargets", "TargetGroupArn=$TargetGroupArn&Targets.member.1.Id=$instance&Targets.member.1.Port=30080"},
	{"elbv2", "DeleteListener", "ListenerArn=$ListenerArn"},
	{"elbv2", "DeleteTargetGroup", "TargetGroupArn=$TargetGroupArn"},
	{"elbv2", "DeleteLoadBalancer", "LoadBalancerArn=$LoadBalancerArn"},

	{"ec2", "RevokeSecurityGroupIngress", "GroupId=$groupId&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=80&IpPermissions.1.ToPort=80&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0"},
	{"ec2", "DeleteSecurityGroup", "GroupId=$groupId"},
}

// regrouping gives a network load balancer other security groups.
var regrouping = []request{
	{"elbv2", "CreateLoadBalancer", "Name=grouped&Type=network&Subnets.member.1=$subnet&SecurityGroups.member.1=$group" + tagged},
	{"elbv2", "SetSecurityGroups", "LoadBalancerArn=$LoadBalancerArn&SecurityGroups.member.1=$group"},
	{"elbv2", "DeleteLoadBalancer", "LoadBalancerArn=$LoadBalancerArn"},
}

// routing is a node that comes with its pods' addresses and goes.
var routing = []request{
	{"ec2", "DescribeRouteTables", ""},
	{"ec2", "ModifyInstanceAttribute", "InstanceId=$instance&SourceDestCheck.Value=false"},
	{"ec2", "CreateRoute", "RouteTableId=$table&DestinationCidrBlock=10.244.1.0/24&InstanceId=$instance"},
	{"ec2", "DeleteRoute", "RouteTableId=$table&DestinationCidrBlock=10.244.1.0/24"},
}

// tagging is a node that comes and goes under the tagging controller.
var tagging = []request{
	{"ec2", "CreateTags", "ResourceId.1=$instance&Tag.1.Key=team&Tag.1.Value=web"},
	{"ec2", "DeleteTags", "ResourceId.1=$instance&Tag.1.Key=team&Tag.1.Value=web"},
}

// attaching is a claim, and a pod that uses it and goes.
var attaching = []request{
	{"ec2", "DescribeInstances", ""},
	{"ec2", "CreateVolume", "AvailabilityZone=eu-central-1a&Size=4&VolumeType=gp2&TagSpecification.1.ResourceType=volume" + taggedEC2},
	{"ec2", "CreateTags", "ResourceId.1=$volumeId&Tag.1.Key=kubernetes.io/cluster/prod-1&Tag.1.Value=owned"},
	{"ec2", "DescribeVolumes", "VolumeId.1=$volumeId"},
	{"ec2", "ModifyVolume", "VolumeId=$volumeId&Size=8"},
	{"ec2", "DescribeVolumesModifications", "VolumeId.1=$volumeId"},
	{"ec2", "AttachVolume", "VolumeId=$volumeId&InstanceId=$instance&Device=/dev/xvdba"},
	{"ec2", "DetachVolume", "VolumeId=$volumeId&InstanceId=$instance"},
	{"ec2", "DeleteVolume", "VolumeId=$volumeId"},
}

// pulling is an image that is read, with a token for it.
var pulling = []request{
	{"ecr", "GetAuthorizationToken", `{}`},
	{"ecr", "BatchGetImage", `{"repositoryName":"team/app","imageIds":[{"imageTag":"1"}]}`},
	{"ecr", "GetDownloadUrlForLayer", `{"repositoryName":"team/app","layerDigest":"sha256:0"}`},
}

// A component runs on nodes of a group, and calls what one of its policies allows.
type component struct {
	name   string
	ask    policy.Ask
	policy string
	calls  []request
}

// ask is a group of nodes of the cluster prod-1.
func ask(role policy.Role, features ...policy.Feature) policy.Ask {
	return policy.Ask{
		Partition: "aws", Region: region, Account: accountID, Cluster: "prod-1",
		Roles: []policy.Role{role}, Features: features,
	}
}

// pullAsk is a group of workers that pull so.
func pullAsk(p policy.Pull) policy.Ask {
	a := ask(policy.Worker)
	a.Pull = p
	return a
}

// components are all that there are, one feature at a time. The calls were read off
// their code, as the table of pkg/account/policy was, but go their own way from there:
// as what a component does, in its order.
var components = []component{
	{"cloud controller", ask(policy.ControlPlane), "cloud-provider", finding},
	{"topology", ask(policy.ControlPlane, policy.Topology), "cloud-provider",
		append(slices.Clone(finding), request{"ec2", "DescribeInstanceTopology", "InstanceId.1=$instance"})},
	{"elb", ask(policy.ControlPlane, policy.ELB), "cloud-provider", slices.Concat(finding, balancing)},
	{"nlb-security-groups", ask(policy.ControlPlane, policy.NLBSecurityGroups), "cloud-provider", slices.Concat(finding, balancing, regrouping)},
	{"routes", ask(policy.ControlPlane, policy.Routes), "cloud-provider", slices.Concat(finding, routing)},
	{"tagging-controller", ask(policy.ControlPlane, policy.TaggingController), "cloud-provider", slices.Concat(finding, tagging)},
	{"in-tree-ebs", ask(policy.ControlPlane, policy.InTreeEBS), "cloud-provider", slices.Concat(finding, attaching)},
	{"in-tree-ebs, kubelet", ask(policy.Worker, policy.InTreeEBS), "cloud-provider", finding[:1]},
	{"nodeadm", ask(policy.Worker, policy.Nodeadm), "cloud-provider", []request{
		{"ec2", "DescribeInstances", "InstanceId.1=$instance"},
		{"ec2", "DescribeInstanceTypes", "InstanceType.1=t3.medium"},
	}},
	{"pull", ask(policy.Worker), "pull", pulling},
	{"pull, public", pullAsk(policy.Pull{Public: true}), "pull", append(slices.Clone(pulling),
		request{"ecr-public", "GetAuthorizationToken", `{}`},
		request{"sts", "GetServiceBearerToken", ""})},
	{"pull, through the cache", pullAsk(policy.Pull{Cache: []string{"docker-hub/*"}}), "pull", append(slices.Clone(pulling),
		request{"ecr", "CreateRepository", `{"repositoryName":"docker-hub/library/nginx"}`},
		request{"ecr", "BatchImportUpstreamImage", `{"repositoryName":"docker-hub/library/nginx"}`})},
	{"pull, from another account", pullAsk(policy.Pull{CrossAccount: []policy.CrossAccount{{Account: "210987654321"}}}), "pull", pulling},
	{"pull, as a role", pullAsk(policy.Pull{CrossAccount: []policy.CrossAccount{
		{Account: "333333333333", Assume: "arn:aws:iam::333333333333:role/ecr-pull"},
	}}), "pull", append(slices.Clone(pulling),
		request{"sts", "AssumeRole", "RoleArn=arn:aws:iam::333333333333:role/ecr-pull&RoleSessionName=pull"})},
}
