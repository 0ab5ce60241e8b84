package integration

// An authorization is what AWS asks the policies of a node for when a component makes
// a call: one action on one resource, of which a call may need several. Which
// resources and keys those are is in the service authorization reference
// (docs.aws.amazon.com/service-authorization/latest/reference/, the pages of Amazon
// EC2, Elastic Load Balancing, ELB v2, IAM, STS and Amazon ECR).
type authorization struct {
	sid      string // of the one statement that allows it, under scope cluster
	actions  string // all on this resource, with these facts
	resource string
	with     facts
	but      []change // each of which by itself makes it one that is refused
}

// facts are the values of condition keys.
type facts map[string]string

// A change is how an authorization would be another: where a field is not empty. A fact
// that is "" is none.
type change struct {
	what, action, resource string
	with                   facts
}

// The tag of the cluster, and that of another in the same account: on the resource,
// and in the call.
const (
	carriesOwn   = "aws:ResourceTag/kubernetes.io/cluster/prod-1"
	carriesOther = "aws:ResourceTag/kubernetes.io/cluster/prod-2"
	givesOwn     = "aws:RequestTag/kubernetes.io/cluster/prod-1"
	givesOther   = "aws:RequestTag/kubernetes.io/cluster/prod-2"
)

const (
	here    = ":" + region + ":" + accountID + ":"
	ec2ARN  = "arn:aws:ec2" + here
	elbARN  = "arn:aws:elasticloadbalancing" + here
	ecrARN  = "arn:aws:ecr" + here + "repository/"
	elbRole = "arn:aws:iam::" + accountID + ":role/aws-service-role/elasticloadbalancing.amazonaws.com/AWSServiceRoleForElasticLoadBalancing"
)

var (
	own    = facts{carriesOwn: "owned"}
	shared = facts{carriesOwn: "shared"}

	notOwn = []change{
		{what: "it has no tag", with: facts{carriesOwn: ""}},
		{what: "it is another cluster's", with: facts{carriesOwn: "", carriesOther: "owned"}},
	}

	newOwn = facts{givesOwn: "owned", "aws:TagKeys": "kubernetes.io/cluster/prod-1"}

	notNewOwn = []change{
		{what: "it gets no tag", with: facts{givesOwn: "", "aws:TagKeys": ""}},
		{what: "it becomes another cluster's", with: facts{givesOwn: "", givesOther: "owned", "aws:TagKeys": "kubernetes.io/cluster/prod-2"}},
		{what: "it is not to be owned", with: facts{givesOwn: "shared"}},
	}
)

// tagsBy are the facts of a call that tags what it creates.
func tagsBy(key, action string) facts {
	return facts{givesOwn: "owned", "aws:TagKeys": "kubernetes.io/cluster/prod-1", key: action}
}

// notBy are the changes to an authorization for such tags.
func notBy(key string, more ...change) []change {
	return append([]change{
		{what: "the resource has long been there", with: facts{key: ""}},
		{what: "it has long been the cluster's", with: facts{key: "", carriesOwn: "owned"}},
		{what: "another call creates it", with: facts{key: "RunInstances"}},
		{what: "it becomes another cluster's", with: facts{givesOwn: "", givesOther: "owned"}},
	}, more...)
}

var notByBalancer = notBy("elasticloadbalancing:CreateAction")

// notTag are the changes to an authorization for a tag on what the cluster has.
var notTag = []change{
	notOwn[0], notOwn[1],
	{what: "the tag is the cluster's", with: facts{givesOwn: "owned"}},
	{what: "the tag is the cluster's, and the resource is not", with: facts{givesOwn: "owned", carriesOwn: ""}},
}

// ofComponents are the authorizations of what components do on the resources of their
// own cluster, prod-1.
var ofComponents = []authorization{
	{"Describe", `
		ec2:DescribeAvailabilityZones ec2:DescribeInstanceTopology ec2:DescribeInstanceTypes ec2:DescribeInstances
		ec2:DescribeRouteTables ec2:DescribeSecurityGroups ec2:DescribeSubnets ec2:DescribeVolumes
		ec2:DescribeVolumesModifications elasticloadbalancing:DescribeListeners
		elasticloadbalancing:DescribeLoadBalancerAttributes elasticloadbalancing:DescribeLoadBalancerPolicies
		elasticloadbalancing:DescribeLoadBalancers elasticloadbalancing:DescribeTargetGroupAttributes
		elasticloadbalancing:DescribeTargetGroups elasticloadbalancing:DescribeTargetHealth`,
		"*", nil, []change{
			{what: "no component reads those", action: "ec2:DescribeInstanceAttribute"},
			{what: "it is no reading", action: "ec2:TerminateInstances"},
		}},

	// A call that creates is asked for the new resource, for what it is in, and for tags.
	{"Create", "ec2:CreateSecurityGroup", ec2ARN + "security-group/*", newOwn, notNewOwn},
	{"CreateInVPC", "ec2:CreateSecurityGroup", ec2ARN + "vpc/vpc-0a", nil, []change{
		{what: "the VPC is shared by another account", resource: "arn:aws:ec2:" + region + ":210987654321:vpc/vpc-0a"},
		{what: "it is in another region", resource: "arn:aws:ec2:us-east-1:" + accountID + ":vpc/vpc-0a"},
		{what: "it is the group itself, without a tag", resource: ec2ARN + "security-group/*"},
		{what: "it is not created", action: "ec2:ModifyVpcAttribute"},
	}},
	{"TagNewSecurityGroups", "ec2:CreateTags", ec2ARN + "security-group/*", tagsBy("ec2:CreateAction", "CreateSecurityGroup"),
		notBy("ec2:CreateAction",
			change{what: "the tag goes on an instance", resource: ec2ARN + "instance/i-0a"},
			change{what: "the tag goes on a volume", resource: ec2ARN + "volume/vol-0a"},
			change{what: "a tag is taken away", action: "ec2:DeleteTags"},
		)},
	{"Create", "ec2:CreateVolume", ec2ARN + "volume/*", newOwn, notNewOwn},
	{"TagNewVolumes", "ec2:CreateTags", ec2ARN + "volume/*", tagsBy("ec2:CreateAction", "CreateVolume"),
		notBy("ec2:CreateAction", change{what: "the tag goes on a snapshot", resource: "arn:aws:ec2:" + region + "::snapshot/snap-0a"})},
	{"Create", "elasticloadbalancing:CreateLoadBalancer", elbARN + "loadbalancer/web", newOwn, notNewOwn},
	{"Create", "elasticloadbalancing:CreateLoadBalancer elasticloadbalancing:CreateListener", elbARN + "loadbalancer/net/web/0a", newOwn, notNewOwn},
	{"Create", "elasticloadbalancing:CreateTargetGroup", elbARN + "targetgroup/web/0b", newOwn, notNewOwn},
	{"TagNewLoadBalancers", "elasticloadbalancing:AddTags", elbARN + "loadbalancer/net/web/0a",
		tagsBy("elasticloadbalancing:CreateAction", "CreateLoadBalancer"), notByBalancer},
	{"TagNewLoadBalancers", "elasticloadbalancing:AddTags", elbARN + "targetgroup/web/0b",
		tagsBy("elasticloadbalancing:CreateAction", "CreateTargetGroup"), notByBalancer},
	{"TagNewLoadBalancers", "elasticloadbalancing:AddTags", elbARN + "listener/net/web/0a/0c",
		tagsBy("elasticloadbalancing:CreateAction", "CreateListener"), notByBalancer},

	// What is there is changed only if it is the cluster's, owned or shared.
	{"ChangeTagged", "ec2:AuthorizeSecurityGroupIngress ec2:RevokeSecurityGroupIngress ec2:DeleteSecurityGroup", ec2ARN + "security-group/sg-0a", own,
		append(notOwn[:2:2],
			change{what: "it is about what goes out", action: "ec2:AuthorizeSecurityGroupEgress"},
			change{what: "the tag is only in the call", with: facts{carriesOwn: "", givesOwn: "owned"}},
		)},
	{"ChangeTagged", "ec2:AuthorizeSecurityGroupIngress ec2:RevokeSecurityGroupIngress", ec2ARN + "security-group/sg-0b", shared, notOwn},
	{"ChangeTagged", "ec2:ModifyInstanceAttribute ec2:AttachVolume ec2:DetachVolume", ec2ARN + "instance/i-0a", own,
		append(notOwn[:2:2], change{what: "it is stopped", action: "ec2:StopInstances"})},
	{"ChangeTagged", "ec2:AttachVolume ec2:DetachVolume ec2:ModifyVolume ec2:DeleteVolume", ec2ARN + "volume/vol-0a", own,
		append(notOwn[:2:2], change{what: "it is copied", action: "ec2:CreateSnapshot"})},
	{"ChangeTagged", "ec2:CreateRoute ec2:DeleteRoute", ec2ARN + "route-table/rtb-0a", shared,
		append(notOwn[:2:2], change{what: "a route is replaced", action: "ec2:ReplaceRoute"})},
	{"ChangeTagged", `
		elasticloadbalancing:ApplySecurityGroupsToLoadBalancer elasticloadbalancing:AttachLoadBalancerToSubnets
		elasticloadbalancing:ConfigureHealthCheck elasticloadbalancing:CreateLoadBalancerListeners
		elasticloadbalancing:CreateLoadBalancerPolicy elasticloadbalancing:DeleteLoadBalancer
		elasticloadbalancing:DeleteLoadBalancerListeners elasticloadbalancing:DeregisterInstancesFromLoadBalancer
		elasticloadbalancing:DetachLoadBalancerFromSubnets elasticloadbalancing:ModifyLoadBalancerAttributes
		elasticloadbalancing:RegisterInstancesWithLoadBalancer elasticloadbalancing:SetLoadBalancerPoliciesForBackendServer
		elasticloadbalancing:SetLoadBalancerPoliciesOfListener`,
		elbARN + "loadbalancer/web", own, notOwn},
	{"ChangeTagged", "elasticloadbalancing:DeleteLoadBalancer elasticloadbalancing:ModifyLoadBalancerAttributes elasticloadbalancing:SetSecurityGroups",
		elbARN + "loadbalancer/net/web/0a", own, append(notOwn[:2:2], change{what: "its subnets change", action: "elasticloadbalancing:SetSubnets"})},
	{"ChangeTagged", `
		elasticloadbalancing:DeleteTargetGroup elasticloadbalancing:DeregisterTargets elasticloadbalancing:ModifyTargetGroup
		elasticloadbalancing:ModifyTargetGroupAttributes elasticloadbalancing:RegisterTargets`,
		elbARN + "targetgroup/web/0b", own, notOwn},
	{"ChangeTagged", "elasticloadbalancing:DeleteListener elasticloadbalancing:ModifyListener", elbARN + "listener/net/web/0a/0c", own, notOwn},
	{"TagLoadBalancers", "elasticloadbalancing:AddTags", elbARN + "loadbalancer/web",
		facts{carriesOwn: "owned", "aws:RequestTag/team": "web", "aws:TagKeys": "team"},
		append(notTag[:4:4], change{what: "a tag is taken away", action: "elasticloadbalancing:RemoveTags"})},
	{"TagInstances", "ec2:CreateTags ec2:DeleteTags", ec2ARN + "instance/i-0a",
		facts{carriesOwn: "owned", "aws:RequestTag/team": "web", "aws:TagKeys": "team"},
		append(notTag[:4:4],
			change{what: "the tag goes on a security group", resource: ec2ARN + "security-group/sg-0a"},
			change{what: "the instance is another account's", resource: "arn:aws:ec2:" + region + ":210987654321:instance/i-0a"},
		)},

	{"LoadBalancerRole", "iam:CreateServiceLinkedRole", elbRole, facts{"iam:AWSServiceName": "elasticloadbalancing.amazonaws.com"}, []change{
		{what: "the role is for another service", resource: "arn:aws:iam::" + accountID + ":role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot",
			with: facts{"iam:AWSServiceName": "spot.amazonaws.com"}},
		{what: "nothing says for what service", with: facts{"iam:AWSServiceName": ""}},
		{what: "the role is no service's", action: "iam:CreateRole"},
	}},
}

// ofPulls are the authorizations of pulls from everywhere where the nodes may.
var ofPulls = []authorization{
	{"EcrToken", "ecr:GetAuthorizationToken", "*", nil, []change{
		{what: "repositories are listed", action: "ecr:DescribeRepositories"},
	}},
	{"EcrPull", "ecr:BatchGetImage ecr:GetDownloadUrlForLayer", ecrARN + "team/app", nil, []change{
		{what: "the repository is not named", resource: ecrARN + "secret/app"},
		{what: "its name only begins like it", resource: ecrARN + "teams"},
		{what: "it is in another region", resource: "arn:aws:ecr:us-east-1:" + accountID + ":repository/team/app"},
		{what: "it is another account's", resource: "arn:aws:ecr:" + region + ":999999999999:repository/team/app"},
		{what: "it is pushed to", action: "ecr:PutImage"},
		{what: "its policy changes", action: "ecr:SetRepositoryPolicy"},
	}},
	{"EcrPull", "ecr:BatchGetImage ecr:GetDownloadUrlForLayer", ecrARN + "base", nil, []change{
		{what: "the repository is below it", resource: ecrARN + "base/app"},
		{what: "its name only begins with it", resource: ecrARN + "based"},
	}},
	{"EcrPull", "ecr:BatchGetImage ecr:GetDownloadUrlForLayer", ecrARN + "docker-hub/library/nginx", nil, []change{
		{what: "it is of another cache", resource: ecrARN + "quay/library/nginx"},
	}},
	{"EcrPullCrossAccount", "ecr:BatchGetImage ecr:GetDownloadUrlForLayer", "arn:aws:ecr:" + region + ":210987654321:repository/base/app", nil, []change{
		{what: "the repository is not named", resource: "arn:aws:ecr:" + region + ":210987654321:repository/team/app"},
		{what: "it is in another region", resource: "arn:aws:ecr:us-east-1:210987654321:repository/base/app"},
		{what: "it is a third account's", resource: "arn:aws:ecr:" + region + ":999999999999:repository/base/app"},
		{what: "it is the account's that has a role for it", resource: "arn:aws:ecr:" + region + ":333333333333:repository/base/app"},
		{what: "it is deleted", action: "ecr:DeleteRepository"},
	}},
	{"EcrPullCrossAccount", "ecr:BatchGetImage ecr:GetDownloadUrlForLayer", "arn:aws:ecr:us-west-2:210987654322:repository/any/app", nil, []change{
		{what: "it is in the nodes' own region", resource: "arn:aws:ecr:" + region + ":210987654322:repository/any/app"},
	}},
	{"EcrPullThroughCache", "ecr:BatchImportUpstreamImage ecr:CreateRepository", ecrARN + "docker-hub/library/nginx", nil, []change{
		{what: "the repository is no cache", resource: ecrARN + "team/app"},
		{what: "it is another account's", resource: "arn:aws:ecr:" + region + ":210987654321:repository/docker-hub/library/nginx"},
		{what: "the rule of the cache is made", action: "ecr:CreatePullThroughCacheRule"},
	}},
	{"EcrPullRoles", "sts:AssumeRole", "arn:aws:iam::333333333333:role/ecr-pull", nil, []change{
		{what: "the role is another", resource: "arn:aws:iam::333333333333:role/administrator"},
		{what: "its name only begins with it", resource: "arn:aws:iam::333333333333:role/ecr-pull-and-push"},
		{what: "it is another account's", resource: "arn:aws:iam::" + accountID + ":role/ecr-pull"},
		{what: "it gets tags for the session", action: "sts:TagSession"},
	}},
	{"EcrPublicToken", "ecr-public:GetAuthorizationToken sts:GetServiceBearerToken", "*", nil, []change{
		{what: "it is pushed to", action: "ecr-public:PutImage"},
	}},
}
