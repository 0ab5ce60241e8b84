package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/eks"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/clusterid"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

// Where is where Discover looks.
type Where struct {
	Region  string
	Cluster string // the ClusterID; "" to find it by tags of instances
	VPC     string // "" for the one that the cluster's instances are in
	EKS     string // name of an EKS cluster; it is the ClusterID then
}

// Discover looks at a region and returns the file that describes the cluster in it as
// far as can be seen, with notes on what was guessed, by their place in the file. It
// changes nothing.
func Discover(ctx context.Context, where Where) (*config.File, map[string]string, error) {
	a, number, err := connect(ctx, where.Region)
	if err != nil {
		return nil, nil, err
	}
	f := &config.File{Version: 1, Cluster: cmp.Or(where.EKS, where.Cluster), Account: number, Region: where.Region}
	a.file = f
	d := discovery{Account: a, notes: map[string]string{}, vpc: where.VPC}
	if where.EKS != "" {
		if err := d.cluster(ctx, where.EKS); err != nil {
			return nil, nil, err
		}
	}
	instances, err := d.nodes(ctx)
	if err != nil {
		return nil, nil, err
	}
	d.groups(instances)
	if d.vpc == "" {
		d.notes["network"] = "no VPC was found to look at: say init --vpc, or write this by hand"
		return f, d.notes, nil
	}
	d.world.VPC.ID = d.vpc
	if err := a.readVPC(ctx, d.vpc, &d.world); err != nil {
		return nil, nil, err
	}
	d.securityGroup(instances)
	d.subnets()
	return f, d.notes, nil
}

// discovery is one Discover under way.
type discovery struct {
	*Account
	vpc   string
	world clusterid.World
	notes map[string]string
}

func (d *discovery) cluster(ctx context.Context, name string) error {
	out, err := d.eks.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: &name})
	if err != nil {
		return does(err, "looking for EKS cluster %s", name)
	}
	d.file.EKS = &config.EKS{Name: name}
	if c := out.Cluster; c != nil && c.ResourcesVpcConfig != nil {
		d.vpc = cmp.Or(d.vpc, aws.ToString(c.ResourcesVpcConfig.VpcId))
	}
	return nil
}

// nodes are the instances of the cluster, or of the VPC if none carries its tag yet.
// The ClusterID is taken from them if it was not said.
func (d *discovery) nodes(ctx context.Context) ([]types.Instance, error) {
	filters := []types.Filter{{Name: aws.String("instance-state-name"), Values: alive}}
	if d.vpc != "" {
		filters = append(filters, types.Filter{Name: aws.String("vpc-id"), Values: []string{d.vpc}})
	}
	var all []types.Instance
	pages := ec2.NewDescribeInstancesPaginator(d.ec2, &ec2.DescribeInstancesInput{Filters: filters, MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, does(err, "looking for instances in %s", d.file.Region)
		}
		for _, r := range page.Reservations {
			all = append(all, r.Instances...)
		}
	}
	clusters := map[string][]types.Instance{}
	for _, in := range all {
		for key := range ec2Tags(in.Tags) {
			if id, ok := strings.CutPrefix(key, clusterid.Prefix); ok {
				clusters[id] = append(clusters[id], in)
			}
		}
	}
	if d.file.Cluster == "" {
		switch ids := sorted(clusters); len(ids) {
		case 1:
			d.file.Cluster = ids[0]
			d.notes["cluster"] = fmt.Sprintf("from the tag %s of %d instances", clusterid.Key(ids[0]), len(clusters[ids[0]]))
		case 0:
			return nil, hint.Wrap(errors.New("no instance carries a cluster's tag, so the ClusterID cannot be seen"), "say --cluster NAME: any name that no other cluster in the VPC has")
		default:
			return nil, hint.Wrap(fmt.Errorf("there are tags of several clusters: %s", strings.Join(ids, ", ")), "say --cluster with one of them")
		}
	}
	tagged := clusters[d.file.Cluster]
	if len(tagged) > 0 {
		if d.vpc == "" {
			d.vpc = aws.ToString(tagged[0].VpcId)
		}
		return tagged, nil
	}
	if d.vpc == "" || len(all) == 0 {
		return nil, nil
	}
	d.notes["nodes"] = "no instance carries the cluster's tag yet: these are all of the VPC, so take out what is no node"
	return all, nil
}

// server is what people call nodes of the control plane.
var server = regexp.MustCompile(`(?i)(^|[^a-z])(server|master|control|controlplane|cp)([^a-z]|$)`)

// groups makes groups of nodes: by Auto Scaling group, else by name without the
// number at its end.
func (d *discovery) groups(instances []types.Instance) {
	type found struct {
		scale string
		ids   []string
	}
	groups := map[string]*found{}
	for _, in := range instances {
		tags := ec2Tags(in.Tags)
		scale := tags["aws:autoscaling:groupName"]
		stem := strings.TrimRight(tags["Name"], "0123456789")
		stem = strings.TrimRight(stem, "-_. ")
		name := groupName(d.file.Cluster, cmp.Or(scale, stem, "nodes"))
		if groups[name] == nil {
			groups[name] = &found{scale: scale}
		}
		groups[name].ids = append(groups[name].ids, aws.ToString(in.InstanceId))
	}
	if len(groups) == 0 {
		groups[groupName(d.file.Cluster, "server")] = &found{}
		groups[groupName(d.file.Cluster, "agent")] = &found{}
	}
	for i, name := range sorted(groups) {
		g := config.NodeGroup{Name: name, Roles: []config.Role{config.Worker}}
		why := "guessed from the name: what do these nodes do?"
		if server.MatchString(name) {
			g.Roles = []config.Role{config.ControlPlane, config.Etcd}
			g.Features = []config.Feature{config.ELB}
		}
		switch found := groups[name]; {
		case found.scale != "":
			g.Instances.AutoScalingGroup = found.scale
		case len(found.ids) > 0:
			g.Instances.IDs = slices.Sorted(slices.Values(found.ids))
		default:
			why = "no instance was found: name them by ids, tag or autoScalingGroup"
		}
		d.notes[fmt.Sprintf("nodes[%d].roles", i)] = why
		d.file.Nodes = append(d.file.Nodes, g)
	}
}

// groupName is a name for a role and a profile: the cluster's and the group's, in
// letters that IAM takes.
func groupName(cluster, group string) string {
	const longest = 64
	name := group
	if !strings.HasPrefix(group, cluster) {
		name = cluster + "-" + group
	}
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune("+=,.@-_", r) || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' {
			return r
		}
		return '-'
	}, name)
	return name[:min(len(name), longest)]
}

// securityGroup picks the one that is tagged, or that all instances have in common.
func (d *discovery) securityGroup(instances []types.Instance) {
	key := clusterid.Key(d.file.Cluster)
	var tagged []string
	for _, g := range d.world.SecurityGroups {
		if _, ok := g.Tags[key]; ok {
			tagged = append(tagged, g.ID)
		}
	}
	common := map[string]int{}
	for _, in := range instances {
		for _, g := range in.SecurityGroups {
			common[aws.ToString(g.GroupId)]++
		}
	}
	var all []string
	for _, id := range sorted(common) {
		if common[id] == len(instances) {
			all = append(all, id)
		}
	}
	switch {
	case len(tagged) == 1:
		d.file.Network.SecurityGroup = &config.SecurityGroup{ID: tagged[0], Tag: config.Owned}
		d.notes["network.securityGroup"] = "it carries the cluster's tag"
	case len(tagged) > 1:
		d.notes["network"] = "several security groups carry the cluster's tag, and one may: " + strings.Join(tagged, ", ")
	case len(all) == 1:
		d.file.Network.SecurityGroup = &config.SecurityGroup{ID: all[0], Tag: config.Owned}
		d.notes["network.securityGroup"] = "the one that all nodes have"
	case len(all) > 1:
		d.notes["network"] = "all nodes have several security groups, choose the one that load balancers open: " + strings.Join(all, ", ")
	}
}

// subnets sorts the VPC's subnets by whether their route table leads to the internet.
func (d *discovery) subnets() {
	main, own := clusterid.RouteTable{}, map[string]clusterid.RouteTable{}
	for _, t := range d.world.RouteTables {
		if t.VPCID != d.vpc {
			continue
		}
		if t.Main {
			main = t
		}
		for _, id := range t.Subnets {
			own[id] = t
		}
	}
	ids := map[string][]string{}
	for _, s := range d.world.Subnets {
		if s.ZoneType != "" && s.ZoneType != "availability-zone" {
			continue // no controller puts a load balancer there by itself
		}
		table, ok := own[s.ID]
		if !ok {
			table = main
		}
		kind := "internal"
		if table.InternetGateway {
			kind = "public"
		}
		ids[kind] = append(ids[kind], s.ID)
	}
	for i, kind := range sorted(ids) {
		slices.Sort(ids[kind])
		d.file.Network.Subnets = append(d.file.Network.Subnets, config.Subnets{IDs: ids[kind], Tag: config.Shared, ELB: kind})
		d.notes[fmt.Sprintf("network.subnets[%d]", i)] = map[string]string{
			"internal": "their route table has no internet gateway", "public": "their route table has an internet gateway",
		}[kind]
	}
}
