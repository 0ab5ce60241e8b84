package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
)

// group is a group of nodes with its defaults, as named.
func group(name string, roles ...config.Role) config.NodeGroup {
	return config.NodeGroup{
		Name: name, Roles: roles, Role: name, InstanceProfile: name, Path: "/",
		Scope: config.ScopeActions, Profile: config.ProfileCalled, PolicyKind: "auto",
		IAM: config.Manage, Tagging: config.Manage, Association: config.Manage,
	}
}

// with returns g as change leaves it.
func with(g config.NodeGroup, change func(*config.NodeGroup)) config.NodeGroup {
	change(&g)
	return g
}

var goodCases = []struct {
	name string
	text string
	want config.File
}{
	{
		name: "the least",
		text: head,
		want: config.File{
			Version: 1, Cluster: "prod-1", Account: "123456789012", Region: "eu-central-1",
			Pull: config.Pull{Lifecycle: config.Manage},
		},
	},
	{
		name: "an RKE2 cluster",
		text: `# yaml-language-server: $schema=./bootstrap.schema.json
version: 1
cluster: prod-1                   # the ClusterID: kubernetes.io/cluster/prod-1
account: "123456789012"           # refuse to run anywhere else
region: eu-central-1

nodes:                            # one group = one role = one instance profile
  - name: prod-1-server
    roles: [control-plane, etcd]  # the policy is the union; pull is always in
    instances: {tag: {Name: prod-server-*}}
    features: [elb, nlb-security-groups]
    boundary: arn:aws:iam::123456789012:policy/team-boundary
  - name: prod-1-agent
    roles: [worker]
    instances: {autoScalingGroup: prod-agents}
    iam: verify                   # manage (default) | verify | warn | ignore

network:
  securityGroup: {id: sg-0abc, tag: owned}   # exactly one, by construction
  subnets:
    - {ids: [subnet-01, subnet-02], tag: shared, elb: internal}
    - {ids: [subnet-11, subnet-12], tag: shared, elb: public}

pull:                             # apply makes policies of it, install makes the kubelet's config of it
  repositories: [team/*]          # default: every repository of this account and region
  public: false
  crossAccount:
    - {account: "210987654321", repositories: [base/*]}   # their repository policy: printed for them
    - {account: "333333333333", assume: arn:aws:iam::333333333333:role/ecr-pull}
  pullThroughCache: [docker-hub/*]
  allow:                          # the other side of crossAccount
    - {account: "444444444444", principals: [arn:aws:iam::444444444444:role/nodes], repositories: [team/*]}
    - {account: "444444444444", pullThroughCache: [quay/*]}
  mirrors:
    registry.corp.example: 123456789012.dkr.ecr.eu-central-1.amazonaws.com
  proxy: http://proxy.corp.example:3128   # the plugin's way to AWS
  noProxy: [.corp.example, 10.0.0.0/8]
`,
		want: config.File{
			Version: 1, Cluster: "prod-1", Account: "123456789012", Region: "eu-central-1",
			Nodes: []config.NodeGroup{
				with(group("prod-1-server", config.ControlPlane, config.Etcd), func(g *config.NodeGroup) {
					g.Instances.Tag = map[string]string{"Name": "prod-server-*"}
					g.Features = []config.Feature{config.ELB, config.NLBSecurityGroups}
					g.Boundary = "arn:aws:iam::123456789012:policy/team-boundary"
				}),
				with(group("prod-1-agent", config.Worker), func(g *config.NodeGroup) {
					g.Instances.AutoScalingGroup = "prod-agents"
					g.IAM = config.Verify
				}),
			},
			Network: config.Network{
				SecurityGroup: &config.SecurityGroup{ID: "sg-0abc", Tag: config.Owned, Lifecycle: config.Manage},
				Subnets: []config.Subnets{
					{IDs: []string{"subnet-01", "subnet-02"}, Tag: config.Shared, ELB: "internal", Lifecycle: config.Manage},
					{IDs: []string{"subnet-11", "subnet-12"}, Tag: config.Shared, ELB: "public", Lifecycle: config.Manage},
				},
			},
			Pull: config.Pull{
				Repositories: []string{"team/*"},
				CrossAccount: []config.CrossAccount{
					{Account: "210987654321", Region: "eu-central-1", Repositories: []string{"base/*"}},
					{Account: "333333333333", Region: "eu-central-1", Assume: "arn:aws:iam::333333333333:role/ecr-pull"},
				},
				PullThroughCache: []string{"docker-hub/*"},
				Allow: []config.AllowPull{
					{Account: "444444444444", Principals: []string{"arn:aws:iam::444444444444:role/nodes"}, Repositories: []string{"team/*"}},
					{Account: "444444444444", PullThroughCache: []string{"quay/*"}},
				},
				Mirrors:   map[string]string{"registry.corp.example": "123456789012.dkr.ecr.eu-central-1.amazonaws.com"},
				Proxy:     "http://proxy.corp.example:3128",
				NoProxy:   []string{".corp.example", "10.0.0.0/8"},
				Lifecycle: config.Manage,
			},
		},
	},
	{
		name: "an EKS cluster in China, written on Windows",
		text: "\ufeff---\r\n" +
			"version: 1\r\n" +
			"cluster: 'prod_2'  \r\n" +
			"account: \"000000000012\"\t# zeros and all\r\n" +
			"region: cn-northwest-1\r\n" +
			"eks: {name: prod_2, access: [\r\n" +
			"  {principal: arn:aws-cn:iam::000000000012:role/team/rancher, policy: AmazonEKSClusterAdminPolicy},\r\n" +
			"  {\"principal\":\"arn:aws-cn:iam::210987654321:user/ops\", \"policy\":\"arn:aws-cn:eks::aws:cluster-access-policy/AmazonEKSViewPolicy\",\r\n" +
			"   namespaces: [team-a, \"team-*\"]}], accessEntries: warn}\r\n" +
			"nodes:\r\n" +
			"- name: nodes\r\n" +
			"  roles:\r\n" +
			"  - worker\r\n" +
			"  features: [nodeadm]\r\n" +
			"  role: nodes-role\r\n" +
			"  path: /k8s/\r\n" +
			"  trustPrincipals: [ec2.amazonaws.com.cn]\r\n" +
			"  managedPolicies: [AmazonEKSWorkerNodePolicy, arn:aws-cn:iam::000000000012:policy/own]\r\n" +
			"  policyKind: managed\r\n" +
			"  scope: cluster\r\n" +
			"  tags: {cost centre: '12', \"owner\": \"M\\u00fcnchen @ 5\", empty: \"\"}\r\n" +
			"pull:\r\n" +
			"  crossAccount: [{account: \"000000000012\", region: cn-north-1}]\r\n" +
			"  serviceAccounts: {audience: sts.amazonaws.com.cn, required: True}\r\n" +
			"  mirrors: {\"registry.corp.example:5000\": 000000000012.dkr.ecr.cn-north-1.amazonaws.com.cn}\r\n" +
			"  proxy: 'https://[fd00::1]/'\r\n" +
			"  noProxy: ['*', a_b.example, '*.b.example', 'c.example:443', 10.0.0.1, '10.0.0.2:443', '::1', '[fd00::2]:443', fd00::/8]\r\n" +
			"  lifecycle: ignore\r\n",
		want: config.File{
			Version: 1, Cluster: "prod_2", Account: "000000000012", Region: "cn-northwest-1",
			Nodes: []config.NodeGroup{
				with(group("nodes", config.Worker), func(g *config.NodeGroup) {
					g.Features = []config.Feature{config.Nodeadm}
					g.Role, g.InstanceProfile, g.Path = "nodes-role", "nodes-role", "/k8s/"
					g.TrustPrincipals = []string{"ec2.amazonaws.com.cn"}
					g.ManagedPolicies = []string{"AmazonEKSWorkerNodePolicy", "arn:aws-cn:iam::000000000012:policy/own"}
					g.PolicyKind, g.Scope = "managed", config.ScopeCluster
					g.Tags = map[string]string{"cost centre": "12", "owner": "München @ 5", "empty": ""}
				}),
			},
			Pull: config.Pull{
				CrossAccount:    []config.CrossAccount{{Account: "000000000012", Region: "cn-north-1"}},
				Mirrors:         map[string]string{"registry.corp.example:5000": "000000000012.dkr.ecr.cn-north-1.amazonaws.com.cn"},
				ServiceAccounts: &config.ServiceAccounts{Audience: "sts.amazonaws.com.cn", Required: true},
				Proxy:           "https://[fd00::1]/",
				NoProxy:         []string{"*", "a_b.example", "*.b.example", "c.example:443", "10.0.0.1", "10.0.0.2:443", "::1", "[fd00::2]:443", "fd00::/8"},
				Lifecycle:       config.Ignore,
			},
			EKS: &config.EKS{
				Name: "prod_2", AccessEntries: config.Warn,
				Access: []config.Access{
					{Principal: "arn:aws-cn:iam::000000000012:role/team/rancher", Policy: "AmazonEKSClusterAdminPolicy"},
					{Principal: "arn:aws-cn:iam::210987654321:user/ops", Policy: "arn:aws-cn:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
						Namespaces: []string{"team-a", "team-*"}},
				},
			},
		},
	},
	{
		name: "routes, published policies and empty sections",
		text: head + `nodes:
  - name: old
    roles: [control-plane, etcd, worker]
    profile: rancher
    instances: {ids: [i-0123456789abcdef0, i-01234567], tag: {"aws:autoscaling:groupName": "?rod-*", kubernetes.io/role: ""}}
    tagging: warn
    association: ignore
  - name: new
    roles: [control-plane]
    role: New
    instanceProfile: newest
    instances: {}
    features: [routes, topology, tagging-controller, in-tree-ebs]
network:
  securityGroup: {id: sg-0123456789abcdef0, tag: shared, lifecycle: verify}
  subnets: [{ids: [subnet-01]}, {ids: [subnet-02], tag: none, elb: public, lifecycle: ignore}]
  routeTables: [{id: rtb-01}]
pull: {}
`,
		want: config.File{
			Version: 1, Cluster: "prod-1", Account: "123456789012", Region: "eu-central-1",
			Nodes: []config.NodeGroup{
				with(group("old", config.ControlPlane, config.Etcd, config.Worker), func(g *config.NodeGroup) {
					g.Profile = config.ProfileRancher
					g.Instances.IDs = []string{"i-0123456789abcdef0", "i-01234567"}
					g.Instances.Tag = map[string]string{"aws:autoscaling:groupName": "?rod-*", "kubernetes.io/role": ""}
					g.Tagging, g.Association = config.Warn, config.Ignore
				}),
				with(group("new", config.ControlPlane), func(g *config.NodeGroup) {
					g.Role, g.InstanceProfile = "New", "newest"
					g.Features = []config.Feature{config.Routes, config.Topology, config.TaggingController, config.InTreeEBS}
				}),
			},
			Network: config.Network{
				SecurityGroup: &config.SecurityGroup{ID: "sg-0123456789abcdef0", Tag: config.Shared, Lifecycle: config.Verify},
				Subnets: []config.Subnets{
					{IDs: []string{"subnet-01"}, Tag: config.Shared, Lifecycle: config.Manage},
					{IDs: []string{"subnet-02"}, Tag: config.None, ELB: "public", Lifecycle: config.Ignore},
				},
				RouteTables: []config.RouteTable{{ID: "rtb-01", Tag: config.Shared, Lifecycle: config.Manage}},
			},
			Pull: config.Pull{Lifecycle: config.Manage},
		},
	},
}

func TestParse(t *testing.T) {
	for _, tt := range goodCases {
		t.Run(tt.name, func(t *testing.T) {
			got, err := config.Parse("bootstrap.yaml", []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&tt.want, got); diff != "" {
				t.Errorf("Parse(%q) (-want +got)\n%s", tt.text, diff)
			}
		})
	}
}
