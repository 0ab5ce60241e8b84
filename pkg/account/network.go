package account

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/clusterid"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
)

// network is what EC2 has around the cluster.
type network struct {
	// tags is the world as the controllers see it. Its VPC has no id if the file
	// names nothing in EC2.
	tags clusterid.World
	// members are the ids of each group's instances, by the group's name, sorted.
	members map[string][]string
	// profiles are the ARNs of the instance profiles that instances have.
	profiles map[string]string
	// missing are the instances of the file that are not there, by group.
	missing map[string][]string
}

// readNetwork reads the instances of the groups, whatever else carries the cluster's
// tag, and the VPC that they are in.
func (a *Account) readNetwork(ctx context.Context, w *world) (network, error) {
	n := network{members: map[string][]string{}, profiles: map[string]string{}, missing: map[string][]string{}}
	n.tags = clusterid.World{Cluster: a.file.Cluster, Region: a.file.Region, Partition: a.partition, Options: a.controllers()}
	seen := map[string]bool{}
	vpc := ""
	for _, g := range w.groups {
		found, err := a.instances(ctx, g.NodeGroup, w.scale)
		if err != nil {
			return n, err
		}
		for _, in := range found {
			id := aws.ToString(in.InstanceId)
			n.members[g.Name] = append(n.members[g.Name], id)
			if vpc == "" {
				vpc = aws.ToString(in.VpcId)
			}
			if in.IamInstanceProfile != nil {
				n.profiles[id] = aws.ToString(in.IamInstanceProfile.Arn)
			}
			if !seen[id] {
				seen[id] = true
				n.tags.Instances = append(n.tags.Instances, instance(in, slices.Contains(g.Roles, config.ControlPlane)))
			}
		}
		slices.Sort(n.members[g.Name])
		for _, id := range g.Instances.IDs {
			if !slices.Contains(n.members[g.Name], id) {
				n.missing[g.Name] = append(n.missing[g.Name], id)
			}
		}
	}
	if w.eks != nil {
		vpc, n.tags.ClusterSubnets = w.eks.vpc, w.eks.subnets
	}
	for _, g := range w.groups {
		if s := w.scale[g.Instances.AutoScalingGroup]; s != nil {
			n.tags.AutoScalingGroups = append(n.tags.AutoScalingGroups, s.forTags(slices.Contains(g.Roles, config.ControlPlane)))
		}
	}
	if vpc == "" {
		var err error
		if vpc, err = a.vpcOfFile(ctx); vpc == "" || err != nil {
			return n, err
		}
	}
	return n, a.readVPC(ctx, vpc, &n.tags)
}

// controllers is how the cluster's controllers are run, as far as the file tells.
func (a *Account) controllers() clusterid.Options {
	o := clusterid.Options{EKS: a.file.EKS != nil}
	for _, g := range a.file.Nodes {
		o.Routes = o.Routes || slices.Contains(g.Features, config.Routes)
	}
	for _, s := range a.file.Network.Subnets {
		scheme := map[string]clusterid.Scheme{"public": clusterid.InternetFacing, "internal": clusterid.Internal}[s.ELB]
		if scheme != "" && !slices.Contains(o.Schemes, scheme) {
			o.Schemes = append(o.Schemes, scheme)
		}
	}
	slices.Sort(o.Schemes)
	o.LBC = len(o.Schemes) > 0
	return o
}

// alive are the states of an instance that is or will be a node.
var alive = []string{"pending", "running", "stopping", "stopped"}

// instances returns the group's instances that are not terminated.
func (a *Account) instances(ctx context.Context, g config.NodeGroup, scale map[string]*autoScalingGroup) ([]types.Instance, error) {
	ids := map[string]bool{}
	for _, id := range g.Instances.IDs {
		ids[id] = true
	}
	if s := scale[g.Instances.AutoScalingGroup]; s != nil {
		for _, id := range s.instances {
			ids[id] = true
		}
	}
	var all []types.Instance
	known := map[string]bool{}
	collect := func(filters ...types.Filter) error {
		filters = append(filters, types.Filter{Name: aws.String("instance-state-name"), Values: alive})
		pages := ec2.NewDescribeInstancesPaginator(a.ec2, &ec2.DescribeInstancesInput{Filters: filters, MaxResults: aws.Int32(1000)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return does(err, "looking for the instances of group %s", g.Name)
			}
			for _, r := range page.Reservations {
				for _, in := range r.Instances {
					if id := aws.ToString(in.InstanceId); !known[id] {
						known[id] = true
						all = append(all, in)
					}
				}
			}
		}
		return nil
	}
	for some := range slices.Chunk(sorted(ids), mostValues) {
		if err := collect(types.Filter{Name: aws.String("instance-id"), Values: some}); err != nil {
			return nil, err
		}
	}
	if len(g.Instances.Tag) > 0 {
		var filters []types.Filter
		for _, key := range sorted(g.Instances.Tag) {
			filters = append(filters, types.Filter{Name: aws.String("tag:" + key), Values: []string{g.Instances.Tag[key]}})
		}
		if err := collect(filters...); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// instance is an instance as the controllers see it.
func instance(in types.Instance, controlPlane bool) clusterid.Instance {
	out := clusterid.Instance{
		ID: aws.ToString(in.InstanceId), SubnetID: aws.ToString(in.SubnetId), PrivateDNSName: aws.ToString(in.PrivateDnsName),
		ControlPlane: controlPlane, Tags: ec2Tags(in.Tags),
		MetadataTags: in.MetadataOptions != nil && in.MetadataOptions.InstanceMetadataTags == types.InstanceMetadataTagsStateEnabled,
	}
	if in.State != nil {
		out.State = string(in.State.Name)
	}
	index := func(i types.InstanceNetworkInterface) int32 {
		if i.Attachment == nil {
			return 0
		}
		return aws.ToInt32(i.Attachment.DeviceIndex)
	}
	slices.SortStableFunc(in.NetworkInterfaces, func(a, b types.InstanceNetworkInterface) int { return int(index(a) - index(b)) })
	for _, i := range in.NetworkInterfaces {
		eni := clusterid.Interface{ID: aws.ToString(i.NetworkInterfaceId)}
		for _, g := range i.Groups {
			eni.Groups = append(eni.Groups, aws.ToString(g.GroupId))
		}
		out.Interfaces = append(out.Interfaces, eni)
	}
	return out
}

func ec2Tags(tags []types.Tag) map[string]string {
	all := map[string]string{}
	for _, t := range tags {
		all[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return all
}

// vpcOfFile is the VPC of the security group or of a subnet that the file names.
func (a *Account) vpcOfFile(ctx context.Context) (string, error) {
	if g := a.file.Network.SecurityGroup; g != nil {
		out, err := a.ec2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: []types.Filter{{Name: aws.String("group-id"), Values: []string{g.ID}}}})
		if err != nil {
			return "", does(err, "looking for security group %s", g.ID)
		}
		for _, found := range out.SecurityGroups {
			return aws.ToString(found.VpcId), nil
		}
	}
	var ids []string
	for _, s := range a.file.Network.Subnets {
		ids = append(ids, s.IDs...)
	}
	if len(ids) == 0 {
		return "", nil
	}
	out, err := a.ec2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: []types.Filter{{Name: aws.String("subnet-id"), Values: ids[:min(len(ids), mostValues)]}}})
	if err != nil {
		return "", does(err, "looking for the subnets of the file")
	}
	for _, found := range out.Subnets {
		return aws.ToString(found.VpcId), nil
	}
	return "", nil
}

// tagsOf are the tags of an EC2 resource of the world, nil if it is not there.
func (n *network) tagsOf(id string) map[string]string {
	switch {
	case strings.HasPrefix(id, "i-"):
		return find(n.tags.Instances, func(in clusterid.Instance) bool { return in.ID == id }).Tags
	case strings.HasPrefix(id, "sg-"):
		return find(n.tags.SecurityGroups, func(g clusterid.SecurityGroup) bool { return g.ID == id }).Tags
	case strings.HasPrefix(id, "subnet-"):
		return find(n.tags.Subnets, func(s clusterid.Subnet) bool { return s.ID == id }).Tags
	}
	return find(n.tags.RouteTables, func(t clusterid.RouteTable) bool { return t.ID == id }).Tags
}

// find is the first that fits, the zero value if none does.
func find[T any](all []T, fits func(T) bool) (none T) {
	if i := slices.IndexFunc(all, fits); i >= 0 {
		return all[i]
	}
	return none
}
