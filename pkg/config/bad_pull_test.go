package config_test

// badPull has networks, registries and EKS clusters that are not what AWS takes, or do
// not go together.
var badPull = []badCase{
	{
		name: "network ids", schema: refuses,
		text: head +
			"network:\n" +
			"  securityGroup: {id: subnet-01}\n" +
			"  subnets:\n" +
			"    - ids: [sg-01]\n" +
			"  routeTables:\n" +
			"    - {id: subnet-01, tag: none}\n",
		want: []string{
			`6:23: network.securityGroup.id: want a security group's id, as sg-0123456789abcdef0, got "subnet-01"`,
			`8:13: network.subnets[0].ids[0]: want a subnet's id, as subnet-0123456789abcdef0, got "sg-01"`,
			`10:12: network.routeTables[0].id: want a route table's id, as rtb-0123456789abcdef0, got "subnet-01"`,
			`10:28: network.routeTables[0].tag: want owned or shared, got "none"`,
		},
	},
	{
		name: "a subnet twice", schema: takes,
		text: head +
			"network:\n" +
			"  subnets:\n" +
			"    - {ids: [subnet-01, subnet-02], elb: internal}\n" +
			"    - {ids: [subnet-03, subnet-02], elb: public}\n",
		want: []string{
			"8:25: network.subnets[1].ids[1]: subnet-02 is in line 7 too: want each subnet once, with one tag and one elb",
		},
	},
	{
		name: "two route tables", schema: takes,
		text: head +
			"network:\n" +
			"  routeTables: [{id: rtb-01}, {id: rtb-02}]\n",
		want: []string{
			"6:31: network.routeTables[1]: 2 route tables: the cloud controller refuses to choose between tagged ones, want one",
		},
	},
	{
		name: "repositories", schema: refuses,
		text: head +
			"pull:\n" +
			"  repositories: [Team/App, \"team/*:v1\"]\n" +
			"  pullThroughCache: [\"\"]\n",
		want: []string{
			`6:18: pull.repositories[0]: want a repository's name, with * and ? for what varies, got "Team/App"`,
			`6:28: pull.repositories[1]: want a repository's name, with * and ? for what varies, got "team/*:v1"`,
			`7:22: pull.pullThroughCache[0]: want a repository's name, with * and ? for what varies, got ""`,
		},
	},
	{
		name: "other accounts", schema: takes,
		text: head +
			"pull:\n" +
			"  crossAccount:\n" +
			"    - {account: \"123456789012\"}\n" +
			"    - {account: \"123456789012\", region: eu-west-1}\n" +
			"    - {account: \"210987654321\"}\n" +
			"    - {account: \"210987654321\", region: eu-central-1}\n" +
			"    - {account: \"210987654321\", region: cn-north-1}\n" +
			"    - {account: \"333333333333\", assume: arn:aws:iam::210987654321:role/pull}\n" +
			"    - {account: \"444444444444\", assume: arn:aws-cn:iam::444444444444:role/pull}\n",
		want: []string{
			"7:17: pull.crossAccount[0].account: the registry of this account and region: what may be pulled from it goes into pull.repositories",
			"10:17: pull.crossAccount[3].account: the registry of 210987654321 in eu-central-1 is in line 9 too",
			"11:41: pull.crossAccount[4].region: cn-north-1 is in the partition aws-cn, where credentials of aws are not known",
			"12:41: pull.crossAccount[5].assume: a role of the account 210987654321: want one of the registry's, 333333333333",
			"13:41: pull.crossAccount[6].assume: an ARN of the partition aws-cn, and the region eu-central-1 is in aws",
		},
	},
	{
		name: "another region that is none", schema: refuses,
		text: head +
			"pull:\n" +
			"  crossAccount: [{account: \"123456789012\", region: Ireland}]\n",
		want: []string{
			`6:52: pull.crossAccount[0].region: want a region, as eu-central-1, got "Ireland"`,
		},
	},
	{
		name: "no role to assume", schema: refuses,
		text: head +
			"pull:\n" +
			"  crossAccount:\n" +
			"    - {account: \"210987654321\", assume: ecr-pull}\n",
		want: []string{
			`7:41: pull.crossAccount[0].assume: want the ARN of a role, as arn:aws:iam::123456789012:role/NAME, got "ecr-pull"`,
		},
	},
	{
		name: "whom to allow", schema: takes,
		text: head +
			"pull:\n" +
			"  allow:\n" +
			"    - {account: \"123456789012\", repositories: [base/*]}\n" +
			"    - {account: \"210987654321\"}\n" +
			"    - {account: \"210987654321\", pullThroughCache: [quay/*], principals: [arn:aws:iam::333333333333:role/nodes]}\n" +
			"    - {account: \"210987654321\", repositories: [\"*\"], principals: [arn:aws-cn:iam::210987654321:role/nodes]}\n",
		want: []string{
			"7:17: pull.allow[0].account: this account itself, whose nodes need no leave",
			"8:7: pull.allow[1]: lets out nothing: want repositories, pullThroughCache or both",
			"9:74: pull.allow[2].principals[0]: a role of the account 333333333333: want one of 210987654321",
			"10:67: pull.allow[3].principals[0]: an ARN of the partition aws-cn, and the region eu-central-1 is in aws",
		},
	},
	{
		name: "whom to allow, misspelt", schema: refuses,
		text: head +
			"pull:\n" +
			"  allow: [{account: 210987654321, principals: [nodes], repositories: [Base], pullThroughCache: [Quay]}]\n",
		want: []string{
			`6:21: pull.allow[0].account: 210987654321 is a number without quotes, which loses its zeros in front: write "210987654321"`,
			`6:48: pull.allow[0].principals[0]: want the ARN of a role, as arn:aws:iam::123456789012:role/NAME, got "nodes"`,
			`6:71: pull.allow[0].repositories[0]: want a repository's name, with * and ? for what varies, got "Base"`,
			`6:97: pull.allow[0].pullThroughCache[0]: want a repository's name, with * and ? for what varies, got "Quay"`,
		},
	},
	{
		name: "mirrors", schema: takes,
		text: head +
			"pull:\n" +
			"  mirrors:\n" +
			"    210987654321.dkr.ecr.eu-central-1.amazonaws.com: 123456789012.dkr.ecr.eu-central-1.amazonaws.com\n" +
			"    registry.corp.example: registry.corp.example\n" +
			"    \"registry.corp.example:99999\": public.ecr.aws\n" +
			"    china.corp.example: 123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn\n",
		want: []string{
			`7:5: pull.mirrors["210987654321.dkr.ecr.eu-central-1.amazonaws.com"]: "210987654321.dkr.ecr.eu-central-1.amazonaws.com" is an ECR registry itself, whose tokens are never another's`,
			`8:28: pull.mirrors["registry.corp.example"]: want the host of an ECR registry, as 123456789012.dkr.ecr.eu-central-1.amazonaws.com, got "registry.corp.example"`,
			`9:5: pull.mirrors["registry.corp.example:99999"]: want a host as images begin with it, HOST or HOST:PORT, got "registry.corp.example:99999"`,
			`10:25: pull.mirrors["china.corp.example"]: 123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn is in the partition aws-cn, where credentials of aws are not known`,
		},
	},
	{
		name: "mirrors that are no hosts", schema: refuses,
		text: head +
			"pull:\n" +
			"  mirrors:\n" +
			"    https://registry.corp.example: 123456789012.dkr.ecr.eu-central-1.amazonaws.com\n" +
			"    registry.corp.example: https://123456789012.dkr.ecr.eu-central-1.amazonaws.com/team\n",
		want: []string{
			`7:5: pull.mirrors["https://registry.corp.example"]: want a host as images begin with it, HOST or HOST:PORT, got "https://registry.corp.example"`,
			`8:28: pull.mirrors["registry.corp.example"]: want the host of an ECR registry, as 123456789012.dkr.ecr.eu-central-1.amazonaws.com, got "https://123456789012.dkr.ecr.eu-central-1.amazonaws.com/team"`,
		},
	},
	{
		name: "proxies", schema: refuses,
		text: head +
			"pull: {proxy: \"proxy.corp.example:3128\", noProxy: [\"a b\"]}\n",
		want: []string{
			`5:15: pull.proxy: want the URL of a proxy, as http://proxy.corp.example:3128, got "proxy.corp.example:3128"`,
			`5:52: pull.noProxy[0]: want a host, an address, a domain as .corp.example or a network as 10.0.0.0/8, got "a b"`,
		},
	},
	{
		name: "a proxy with a path", schema: refuses,
		text: head +
			"pull: {proxy: http://proxy.corp.example/pac}\n",
		want: []string{
			`5:15: pull.proxy: want the URL of a proxy, as http://proxy.corp.example:3128, got "http://proxy.corp.example/pac"`,
		},
	},
	{
		name: "a proxy with a password, which is not told", schema: refuses,
		text: head +
			"pull: {proxy: \"http://me:s3cret@proxy.corp.example:3128\"}\n",
		want: []string{
			"5:15: pull.proxy: a user or a password, which everybody on a node could read: want a proxy that asks for none",
		},
	},
	{
		name: "a proxy with a password, without a scheme", schema: refuses,
		text: head +
			"pull: {proxy: \"me:s3cret@proxy.corp.example\"}\n",
		want: []string{
			"5:15: pull.proxy: a user or a password, which everybody on a node could read: want a proxy that asks for none",
		},
	},
	{
		name: "ports of a proxy", schema: takes,
		text: head +
			"pull: {proxy: \"http://proxy.corp.example:65536\"}\n",
		want: []string{
			`5:15: pull.proxy: 65536 is no port: "http://proxy.corp.example:65536"`,
		},
	},
	{
		name: "an address of a proxy", schema: takes,
		text: head +
			"pull: {proxy: \"http://[fd00::1::2]:3128\"}\n",
		want: []string{
			`5:15: pull.proxy: "fd00::1::2" is no IPv6 address`,
		},
	},
	{
		name: "what would never be without the proxy", schema: takes,
		text: head +
			"pull:\n" +
			"  proxy: http://proxy.corp.example\n" +
			"  noProxy: [https://a.example, 10.0.*, a.example/b, 10.0.0.0/33, \"a.example:0\", a*.example, \"[fd00::1]\", \"*\", \"*.\"]\n",
		want: []string{
			`7:13: pull.noProxy[0]: want a host, an address, a domain as .corp.example or a network as 10.0.0.0/8, got "https://a.example"`,
			`7:32: pull.noProxy[1]: * stands for everything, or in front of a domain as *.corp.example, got "10.0.*"`,
			`7:40: pull.noProxy[2]: "a.example/b" is no network: want one as 10.0.0.0/8`,
			`7:53: pull.noProxy[3]: "10.0.0.0/33" is no network: want one as 10.0.0.0/8`,
			`7:66: pull.noProxy[4]: 0 is no port: "a.example:0"`,
			`7:81: pull.noProxy[5]: * stands for everything, or in front of a domain as *.corp.example, got "a*.example"`,
			`7:93: pull.noProxy[6]: want an IPv6 address without brackets, or with a port behind them, got "[fd00::1]"`,
			`7:111: pull.noProxy[8]: want a host, an address, a domain as .corp.example or a network as 10.0.0.0/8, got "*."`,
		},
	},
	{
		name: "no proxy to do without", schema: takes,
		text: head +
			"pull: {noProxy: [10.0.0.0/8]}\n",
		want: []string{
			"5:17: pull.noProxy: this is what does without pull.proxy, which the file has not",
		},
	},
	{
		name: "no audience", schema: refuses,
		text: head +
			"pull: {serviceAccounts: {audience: \"\"}}\n",
		want: []string{
			`5:36: pull.serviceAccounts.audience: want an audience, as sts.amazonaws.com, got ""`,
		},
	},
	{
		name: "ECR Public in China", schema: takes,
		text: "version: 1\n" +
			"cluster: prod-1\n" +
			"account: \"123456789012\"\n" +
			"region: cn-north-1\n" +
			"pull:\n" +
			"  public: true\n" +
			"  mirrors: {docker.corp.example: public.ecr.aws}\n",
		want: []string{
			"6:11: pull.public: ECR Public knows credentials of the partition aws alone, and the region cn-north-1 is in aws-cn",
			`7:34: pull.mirrors["docker.corp.example"]: public.ecr.aws is in the partition aws, where credentials of aws-cn are not known`,
		},
	},
	{
		name: "a region of another partition", schema: takes,
		text: "version: 1\n" +
			"cluster: prod-1\n" +
			"account: \"123456789012\"\n" +
			"region: cn-north-1\n" +
			"nodes:\n" +
			"  - name: a\n" +
			"    roles: [control-plane, worker]\n" +
			"    boundary: arn:aws:iam::123456789012:policy/team-boundary\n",
		want: []string{
			"8:15: nodes[0].boundary: an ARN of the partition aws, and the region cn-north-1 is in aws-cn",
		},
	},
	{
		name: "eks", schema: refuses,
		text: head +
			"eks:\n" +
			"  name: prod_2\n" +
			"  access:\n" +
			"    - {principal: arn:aws:sts::123456789012:assumed-role/admin/me, policy: arn:aws:iam::aws:policy/AmazonEKSClusterPolicy}\n" +
			"    - {principal: arn:aws:iam::123456789012:instance-profile/a, policy: admin, namespaces: [Team]}\n",
		want: []string{
			`6:9: eks.name: "prod_2" is not the ClusterID "prod-1": nodes of an EKS cluster carry the tag with its name`,
			"8:19: eks.access[0].principal: this is a session: want its role, arn:aws:iam::123456789012:role/admin, with the role's path if it has one",
			"8:76: eks.access[0].policy: this is an IAM policy: want an EKS access policy, as AmazonEKSClusterAdminPolicy",
			"9:19: eks.access[1].principal: this is an instance profile: want the ARN of its role",
			`9:73: eks.access[1].policy: want an EKS access policy, as AmazonEKSClusterAdminPolicy or its ARN, got "admin"`,
			`9:93: eks.access[1].namespaces[0]: want a namespace's name, with * for what varies, got "Team"`,
		},
	},
	{
		name: "eks and the cluster", schema: takes,
		text: head +
			"nodes:\n" +
			"  - {name: a, roles: [worker, etcd]}\n" +
			"eks:\n" +
			"  name: prod-2\n" +
			"  access:\n" +
			"    - {principal: arn:aws-cn:iam::123456789012:role/a, policy: AmazonEKSViewPolicy}\n" +
			"    - {principal: arn:aws:iam::123456789012:role/a, policy: arn:aws-cn:eks::aws:cluster-access-policy/AmazonEKSViewPolicy}\n" +
			"    - {principal: arn:aws:iam::210987654321:user/b, policy: AmazonEKSViewPolicy}\n" +
			"    - {principal: arn:aws:iam::210987654321:user/b, policy: AmazonEKSViewPolicy, namespaces: [team-*]}\n",
		want: []string{
			"6:31: nodes[0].roles[1]: etcd runs at AWS in an EKS cluster, and the file has eks: want worker alone",
			`8:9: eks.name: "prod-2" is not the ClusterID "prod-1": nodes of an EKS cluster carry the tag with its name`,
			"10:19: eks.access[0].principal: an ARN of the partition aws-cn, and the region eu-central-1 is in aws",
			"11:61: eks.access[1].policy: an ARN of the partition aws-cn, and the region eu-central-1 is in aws",
			"13:7: eks.access[3]: this principal has this policy in line 12 too",
		},
	},
	{
		name: "one cause is one fault", schema: refuses,
		text: "version: 1\n" +
			"cluster: \"*\"\n" +
			"account: \"12\"\n" +
			"region: Frankfurt\n" +
			"nodes:\n" +
			"  - name: a\n" +
			"    roles: [worker]\n" +
			"    boundary: arn:aws:iam::123456789012:policy/b\n" +
			"pull:\n" +
			"  public: true\n" +
			"  crossAccount: [{account: \"210987654321\"}]\n" +
			"eks: {name: prod-1}\n",
		want: []string{
			`2:10: cluster: want a ClusterID: letters, digits and . _ - : + = @, a letter or digit first, got "*"`,
			`3:10: account: want an account number, 12 digits, got 2: "12"`,
			`4:9: region: want a region, as eu-central-1, got "Frankfurt"`,
		},
	},
}
