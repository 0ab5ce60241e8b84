package account

import (
	"encoding/json"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// Documents of a plan, canonical.
func trustOfEC2() string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
}

func pulls(partition string) string {
	return `{"Version":"2012-10-17","Statement":[` +
		`{"Sid":"EcrPull","Effect":"Allow","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Resource":"arn:` + partition + `:ecr:*:123456789012:repository/*"},` +
		`{"Sid":"EcrToken","Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}]}`
}

func tagsOnlyOwn() string {
	return `{"Version":"2012-10-17","Statement":[{"Sid":"Tags","Effect":"Allow","Action":"ec2:CreateTags","Resource":"*",` +
		`"Condition":{"StringEquals":{"aws:RequestTag/owner":"${aws:PrincipalTag/owner}"},"NumericLessThan":{"aws:MultiFactorAuthAge":"300"}}}]}`
}

func letsIn(sid, roleARN string) string {
	return `{"Statement":[` + bareLetsIn(sid, roleARN) + `]}`
}

func bareLetsIn(sid, roleARN string) string {
	return `{"Sid":"` + sid + `","Effect":"Allow","Principal":{"AWS":"` + roleARN + `"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}`
}

func objectOf(kind, name, of string) plan.Object { return plan.Object{Kind: kind, Name: name, Of: of} }

// missing is an account that has instances, subnets, an Auto Scaling group, an EKS
// cluster and repositories, and nothing else of what two groups need.
func missing(partition, region string) Export {
	const server, agent, cluster = "prod-1-server", "prod-1-agent", "kubernetes.io/cluster/prod-1"
	arnOf := func(kind, name string) string { return "arn:" + partition + ":iam::123456789012:" + kind + "/" + name }
	own := map[string]string{ownerTag: "prod-1", "team": "platform"}
	why := "group prod-1-server (control-plane, etcd)"
	agents := "group prod-1-agent (worker)"
	create := func(kind, name, of, why, after string) plan.Change {
		return plan.Change{Object: objectOf(kind, name, of), Why: why, After: after}
	}
	role := func(path string, boundary string) string {
		return encode(roleState{Path: path, Trust: json.RawMessage(trustOfEC2()), Boundary: boundary, Tags: own})
	}
	e := Export{
		Partition: partition, Account: "123456789012", Region: region, Cluster: "prod-1", EKS: "prod-1",
		Changes: []plan.Change{
			create(kindPolicy, agent+"-tags", "", "permissions of "+agents, encode(policyState{Path: "/k8s/", Document: json.RawMessage(tagsOnlyOwn()), Tags: own})),
			create(kindRole, server, "", why, role("/k8s/", arnOf("policy", "team-boundary"))),
			create(kindAttached, "arn:"+partition+":iam::aws:policy/AmazonSSMManagedInstanceCore", server, "permissions of "+why, attached),
			create(kindInline, "kubelet-ecr-pull", server, "permissions of "+why, pulls(partition)),
			create(kindProfile, server, "", why, encode(profileState{Path: "/k8s/", Tags: own})),
			create(kindProfileRole, server, "", why, server),
			create(kindRole, agent, "", agents, role("/k8s/", "")),
			create(kindAttached, arnOf("policy", "k8s/"+agent+"-tags"), agent, "permissions of "+agents, attached),
			create(kindInline, "kubelet-ecr-pull", agent, "permissions of "+agents, pulls(partition)),
			create(kindProfile, agent, "", agents, encode(profileState{Path: "/k8s/", Tags: map[string]string{ownerTag: "prod-1"}})),
			create(kindProfileRole, agent, "", agents, agent),
			create(kindAssociation, "i-0123456789abcdef0", "", why, arnOf("instance-profile", "k8s/"+server)),
			create(kindTag, cluster, "i-0123456789abcdef0", why, "owned"),
			create(kindTag, cluster, "sg-0abc", "the security group of load balancers", "owned"),
			create(kindTag, cluster, "subnet-01", "where load balancers go", "shared"),
			create(kindTag, cluster, "subnet-02", "where load balancers go", "shared"),
			create(kindTag, "kubernetes.io/role/internal-elb", "subnet-01", "where load balancers go", "1"),
			create(kindGroupTag, cluster, "prod-agents", agents, encode(groupTagState{Value: "owned", Propagate: true})),
			create(kindEntry, arnOf("role", "k8s/"+agent), "prod-1", agents, encode(entryState{Type: "EC2_LINUX", Tags: map[string]string{ownerTag: "prod-1"}})),
			create(kindEntry, arnOf("role", "rancher"), "prod-1", "access of rancher", encode(entryState{Type: "STANDARD"})),
			create(kindAccessPolicy, "arn:"+partition+":eks::aws:cluster-access-policy/AmazonEKSAdminPolicy", arnOf("role", "rancher"), "access of rancher", encode(scopeState{Type: "namespace", Namespaces: []string{"cattle-system"}})),
			create(kindRegistry, "KubeletEcrCache", "", "images that are pulled through", `{"Statement":[{"Sid":"KubeletEcrCache","Effect":"Allow","Principal":{"AWS":"`+arnOf("role", "k8s/"+agent)+`"},"Action":["ecr:BatchImportUpstreamImage","ecr:CreateRepository"],"Resource":"arn:`+partition+`:ecr:`+region+`:123456789012:repository/docker-hub/*"}]}`),
			create(kindRepository, "KubeletEcrPull", "team/api", "pulls of other accounts", letsIn("KubeletEcrPull", "arn:"+partition+":iam::210987654321:root")),
			create(kindRepository, "KubeletEcrPull", "team/web", "pulls of other accounts", letsIn("KubeletEcrPull", "arn:"+partition+":iam::210987654321:root")),
		},
		Policies: map[string]string{"team/web": `{"Version":"2008-10-17","Statement":[` + bareLetsIn("Theirs", "arn:"+partition+":iam::333333333333:root") + `]}`},
	}
	return e
}

// grown is an account that has most of it, made otherwise.
func grown() Export {
	const role, profile = "prod-1-server", "prod-1-server"
	profileARN := func(name string) string { return "arn:aws:iam::123456789012:instance-profile/" + name }
	policyARN := "arn:aws:iam::123456789012:policy/prod-1-server-called"
	entry := func(kind string) string { return encode(entryState{Type: kind}) }
	change := func(kind, name, of, before, after string) plan.Change {
		return plan.Change{Object: objectOf(kind, name, of), Why: "group prod-1-server", Before: before, After: after}
	}
	old := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	return Export{
		Partition: "aws", Account: "123456789012", Region: "eu-central-1", Cluster: "prod-1", EKS: "prod-1",
		Changes: []plan.Change{
			change(kindVersion, "prod-1-server-called", policyARN, old, pulls("aws")),
			change(kindTrust, role, "", old, trustOfEC2()),
			change(kindBoundary, role, "", "", "arn:aws:iam::123456789012:policy/team-boundary"),
			change(kindRoleTag, "team", role, "", "platform"),
			change(kindAttached, policyARN, role, "", attached),
			change(kindInline, "kubelet-ecr-pull", role, "", pulls("aws")),
			change(kindInline, "kubelet-ecr-called", role, old, pulls("aws")),
			change(kindProfileRole, profile, "", "prod-1-old", role),
			change(kindAssociation, "i-1", "", profileARN("other"), profileARN(profile)),
			change(kindTag, "kubernetes.io/cluster/prod-1", "subnet-01", "shared", "owned"),
			change(kindEntry, "arn:aws:iam::123456789012:role/prod-1-server", "prod-1", `{"type":"EC2_LINUX","stale":true}`, entry("EC2_LINUX")),
			change(kindRepository, "KubeletEcrPull", "team/web", letsIn("KubeletEcrPull", "*"), letsIn("KubeletEcrPull", "arn:aws:iam::210987654321:root")),
			change(kindRepository, "KubeletEcrOld", "team/web", letsIn("KubeletEcrOld", "*"), ""),
			change(kindRepository, "KubeletEcrPull", "team/odd", "", letsIn("KubeletEcrPull", "arn:aws:iam::210987654321:root")),
			change(kindRegistry, "KubeletEcrCache", "", letsIn("KubeletEcrCache", "*"), ""),
			change(kindAccessPolicy, "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy", "arn:aws:iam::123456789012:role/rancher", encode(scopeState{Type: "cluster"}), ""),
			change(kindEntry, "arn:aws:iam::123456789012:role/rancher", "prod-1", entry("STANDARD"), ""),
			change(kindGroupTag, "kubernetes.io/cluster/prod-0", "prod-agents", encode(groupTagState{Value: "owned"}), ""),
			change(kindTag, "kubernetes.io/cluster/prod-0", "subnet-01", "owned", ""),
			change(kindAssociation, "i-2", "", profileARN("prod-1-old"), ""),
			change(kindProfileRole, "prod-1-old", "", "prod-1-old", ""),
			change(kindProfile, "prod-1-old", "", encode(profileState{Path: "/"}), ""),
			change(kindInline, "kubelet-ecr-rancher", role, old, ""),
			change(kindAttached, "arn:aws:iam::aws:policy/AdministratorAccess", role, attached, ""),
			change(kindRoleTag, "old", role, `""`, ""),
			change(kindBoundary, "prod-1-agent", "", "arn:aws:iam::123456789012:policy/team-boundary", ""),
			change(kindRole, "prod-1-old", "", encode(roleState{Path: "/", Trust: json.RawMessage(trustOfEC2())}), ""),
			change(kindPolicy, "prod-1-old", "", encode(policyState{Path: "/", Document: json.RawMessage(old)}), ""),
		},
		Policies: map[string]string{
			"":         `{"Version":"2012-10-17","Statement":[` + bareLetsIn("KubeletEcrCache", "*") + `]}`,
			"team/web": "{\n  \"Version\" : \"2008-10-17\",\n  \"Statement\" : [ " + bareLetsIn("Theirs", "arn:aws:iam::333333333333:root") + ", " + bareLetsIn("KubeletEcrPull", "*") + ", " + bareLetsIn("KubeletEcrOld", "*") + " ]\n}",
			"team/odd": `{"Statement":[{"Effect":"Allow","Madeup":1}]}`,
		},
	}
}

// nothing is a plan without changes.
func nothing() Export {
	return Export{Partition: "aws", Account: "123456789012", Region: "eu-central-1", Cluster: "prod-1"}
}
