package config_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
)

func TestWrite(t *testing.T) {
	f, err := config.Parse("bootstrap.yaml", []byte(head+`eks: {name: prod-1}
nodes:
  - {name: a, roles: [worker], instances: {ids: [i-0a, i-0b], tag: {yes: "on", "a b": "*"}}, path: /, iam: manage}
  - {name: b, roles: [worker], managedPolicies: [first-of-several-long-names, second-of-several-long-names, third-of-several-long-names]}
pull: {public: true, repositories: ["*"], mirrors: {"registry.corp.example:5000": 123456789012.dkr.ecr.eu-central-1.amazonaws.com}}
network: {securityGroup: {id: sg-0a}, subnets: [{ids: [subnet-01, subnet-02]}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	before := *f
	got := string(config.Write(f, map[string]string{
		"account":                   "the account of whoever ran init",
		"nodes[0]":                  "two instances\nwithout a profile",
		"nodes[0].name":             "derived from the cluster",
		"nodes[0].instances":        "running at the time of writing, found by a tag that says so in a sentence that is longer than a line",
		"network.subnets[0].ids[1]": "in another zone",
		`pull.mirrors["registry.corp.example:5000"]`: "answers",
		"nodes[7]": "not there",
	}))
	want := `# yaml-language-server: $schema=./bootstrap.schema.json
version: 1
# cluster is the ClusterID: resources of the cluster carry the tag
# kubernetes.io/cluster/CLUSTER. At most 105 characters, so that the tag's key has at
# most the 127 that EC2's type Tag allows.
cluster: prod-1
# account is the number of the AWS account. Anywhere else nothing is done.
# the account of whoever ran init
account: "123456789012"
# region is where the cluster runs.
region: eu-central-1

# nodes are groups of nodes. Each gets one IAM role and one instance profile.
nodes:
  # two instances
  # without a profile
  # derived from the cluster
  - name: a
    roles: [worker]
    # running at the time of writing, found by a tag that says so in a sentence that
    # is longer than a line
    instances:
      ids: [i-0a, i-0b]
      tag:
        "a b": "*"
        "yes": "on"
  - name: b
    roles: [worker]
    managedPolicies:
      - first-of-several-long-names
      - second-of-several-long-names
      - third-of-several-long-names

# network is what load balancers and routes of the cluster are found by.
network:
  securityGroup:
    id: sg-0a
  subnets:
    - ids:
        - subnet-01
        # in another zone
        - subnet-02

# pull says which images the nodes may pull.
pull:
  repositories: ["*"]
  public: true
  mirrors:
    # answers
    registry.corp.example:5000: "123456789012.dkr.ecr.eu-central-1.amazonaws.com"

# eks is only there for an EKS cluster.
eks:
  name: prod-1
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Write (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(before, *f); diff != "" {
		t.Errorf("Write changed the File (-before +after)\n%s", diff)
	}
	again, err := config.Parse("bootstrap.yaml", []byte(got))
	if diff := cmp.Diff(f, again); err != nil || diff != "" {
		t.Errorf("read back: %v (-written +read)\n%s", err, diff)
	}
}

// TestWriteReadsBack writes files of all kinds, with texts that YAML could take for
// something else.
func TestWriteReadsBack(t *testing.T) {
	for seed := range uint64(500) {
		f := randomFile(rand.New(rand.NewPCG(seed, 1)))
		text := config.Write(f, map[string]string{"nodes": "a\x00b\nc: d", "nodes[1].roles[0]": "- e"})
		got, err := config.Parse("bootstrap.yaml", text)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		if again := config.Write(got, nil); string(again) != string(config.Write(f, nil)) {
			t.Errorf("seed %d: (-written +written again)\n%s", seed, cmp.Diff(string(text), string(again)))
		}
		if diff := cmp.Diff(complete(f), got); diff != "" {
			t.Errorf("seed %d: (-written +read)\n%s\n%s", seed, diff, text)
		}
	}
}

// randomFile has no value that is the default, and those that complete fills in are
// empty.
func randomFile(r *rand.Rand) *config.File {
	one := func(of ...string) string { return of[r.IntN(len(of))] }
	some := func(of ...string) []string {
		r.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
		return append([]string(nil), of[:r.IntN(len(of)+1)]...)
	}
	lifecycle := func() config.Lifecycle {
		return []config.Lifecycle{"", config.Verify, config.Warn, config.Ignore}[r.IntN(4)]
	}
	odd := []string{
		"", "yes", "Off", "null", "~", "1", "01", "1e3", "0x1F", "1_0", ".5", "-.inf", ".nan", "true", " ", " a ", "a: b", "a :b", ":", "-", "- a", "=",
		"a#b", "#a", "?", "*", "[a]", "{a: b}", "a,b", "&a", "!a", "%a", "@a", "`a`", "'", `"`, `\`, `\x`, "|", ">-", "é", "日本", "\u2028", "\u00a0", "\U0001f600", "a:", "12:30", "2020-01-01", "<<", "...", "---",
	}
	tagged := func() map[string]string {
		m := map[string]string{}
		for range r.IntN(4) {
			m["k"+one(odd...)] = one(odd...)
		}
		if r.IntN(3) == 0 {
			m[one(odd[1:]...)] = "x"
		}
		if len(m) == 0 {
			return nil
		}
		return m
	}
	f := &config.File{Version: 1, Cluster: one("prod-1", "1", "1e3", "true", "a.b:c=d"), Account: one("123456789012", "000000000012"), Region: one("eu-central-1", "us-east-1")}
	for i := range r.IntN(4) {
		g := config.NodeGroup{
			Name: fmt.Sprintf("%s%d", one("a", "1", "+", "=", "@"), i), Roles: []config.Role{config.ControlPlane, config.Worker},
			Instances: config.Instances{IDs: some(fmt.Sprintf("i-0%d", i), fmt.Sprintf("i-1%d", i)), Tag: tagged()},
			IAM:       lifecycle(), Tagging: lifecycle(), Association: lifecycle(),
		}
		if g.Instances.Tag != nil {
			g.Instances.Tag["group"] = g.Name
		}
		if r.IntN(2) == 0 {
			g.Role, g.Path, g.PolicyKind = fmt.Sprintf("r%d", i), "/a/", "managed"
			g.Tags = map[string]string{one("yes", "1", "a b", ":", "="): one("", "no", "1", "a: b", " ")}
			g.Instances.AutoScalingGroup = fmt.Sprintf("%s%d", one("a b", "#", "- a", "{"), i)
		}
		f.Nodes = append(f.Nodes, g)
	}
	if r.IntN(2) == 0 {
		f.Network = config.Network{SecurityGroup: &config.SecurityGroup{ID: "sg-01", Lifecycle: lifecycle()}, Subnets: []config.Subnets{{IDs: []string{"subnet-01", "subnet-02"}, ELB: one("", "public")}}}
	}
	if r.IntN(2) == 0 {
		f.Pull = config.Pull{Repositories: some("*", "?", "a/*", "1", "null"), Public: r.IntN(2) == 0, Lifecycle: lifecycle(),
			CrossAccount: []config.CrossAccount{{Account: "210987654321", Region: one("", "eu-west-1")}},
			Allow:        []config.AllowPull{{Account: "000000000034", Repositories: []string{one("*", "a/?", "null", "1")}}}}
	}
	if r.IntN(2) == 0 {
		f.Pull.Proxy, f.Pull.NoProxy = one("http://proxy:3128", "https://[::1]/"), some("*", ".a.example", "*.b.example", "::1", "10.0.0.0/8", "[::1]:1", "null", "1")
	}
	if r.IntN(2) == 0 {
		f.Pull.ServiceAccounts = &config.ServiceAccounts{Audience: one(odd[1:]...), Required: r.IntN(2) == 0}
	}
	return f
}

// complete is f with the defaults that randomFile leaves out.
func complete(f *config.File) *config.File {
	or := func(l *config.Lifecycle) {
		if *l == "" {
			*l = config.Manage
		}
	}
	for i := range f.Nodes {
		g := &f.Nodes[i]
		if g.Role == "" {
			g.Role, g.Path, g.PolicyKind = g.Name, "/", "auto"
		}
		g.InstanceProfile, g.Scope, g.Profile = g.Role, config.ScopeActions, config.ProfileCalled
		or(&g.IAM)
		or(&g.Tagging)
		or(&g.Association)
	}
	if g := f.Network.SecurityGroup; g != nil {
		g.Tag = config.Owned
		or(&g.Lifecycle)
	}
	for i := range f.Network.Subnets {
		f.Network.Subnets[i].Tag, f.Network.Subnets[i].Lifecycle = config.Shared, config.Manage
	}
	for i := range f.Pull.CrossAccount {
		if c := &f.Pull.CrossAccount[i]; c.Region == "" {
			c.Region = f.Region
		}
	}
	or(&f.Pull.Lifecycle)
	return f
}
