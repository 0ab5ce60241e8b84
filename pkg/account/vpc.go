package account

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/clusterid"
)

// readVPC reads a VPC into the world: what the controllers choose from.
func (a *Account) readVPC(ctx context.Context, vpc string, w *clusterid.World) error {
	inVPC := []types.Filter{{Name: aws.String("vpc-id"), Values: []string{vpc}}}
	w.VPC.ID = vpc
	for _, read := range []func(context.Context, []types.Filter, *clusterid.World) error{
		a.readSecurityGroups, a.readSubnets, a.readRouteTables, a.readEndpoints, a.readNames,
	} {
		if err := read(ctx, inVPC, w); err != nil {
			return does(err, "reading VPC %s", vpc)
		}
	}
	return nil
}

func (a *Account) readSecurityGroups(ctx context.Context, inVPC []types.Filter, w *clusterid.World) error {
	pages := ec2.NewDescribeSecurityGroupsPaginator(a.ec2, &ec2.DescribeSecurityGroupsInput{Filters: inVPC, MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, g := range page.SecurityGroups {
			w.SecurityGroups = append(w.SecurityGroups, clusterid.SecurityGroup{
				ID: aws.ToString(g.GroupId), Name: aws.ToString(g.GroupName), VPCID: aws.ToString(g.VpcId), Tags: ec2Tags(g.Tags),
			})
		}
	}
	return nil
}

// readSubnets reads subnets, and the types of their zones: a subnet does not say
// whether it is in a local zone.
func (a *Account) readSubnets(ctx context.Context, inVPC []types.Filter, w *clusterid.World) error {
	zones, err := a.ec2.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{})
	if err != nil {
		return err
	}
	zoneType := map[string]string{}
	for _, z := range zones.AvailabilityZones {
		zoneType[aws.ToString(z.ZoneName)] = aws.ToString(z.ZoneType)
	}
	pages := ec2.NewDescribeSubnetsPaginator(a.ec2, &ec2.DescribeSubnetsInput{Filters: inVPC, MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, s := range page.Subnets {
			w.Subnets = append(w.Subnets, clusterid.Subnet{
				ID: aws.ToString(s.SubnetId), VPCID: aws.ToString(s.VpcId),
				Zone: aws.ToString(s.AvailabilityZone), ZoneID: aws.ToString(s.AvailabilityZoneId),
				ZoneType: zoneType[aws.ToString(s.AvailabilityZone)], Outpost: aws.ToString(s.OutpostArn) != "",
				FreeAddresses: int(aws.ToInt32(s.AvailableIpAddressCount)), IPv6: len(s.Ipv6CidrBlockAssociationSet) > 0,
				MapPublicIP: aws.ToBool(s.MapPublicIpOnLaunch), Tags: ec2Tags(s.Tags),
			})
		}
	}
	return nil
}

// readRouteTables reads those of the region, as the cloud controller does.
func (a *Account) readRouteTables(ctx context.Context, _ []types.Filter, w *clusterid.World) error {
	pages := ec2.NewDescribeRouteTablesPaginator(a.ec2, &ec2.DescribeRouteTablesInput{MaxResults: aws.Int32(100)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, t := range page.RouteTables {
			out := clusterid.RouteTable{ID: aws.ToString(t.RouteTableId), VPCID: aws.ToString(t.VpcId), Tags: ec2Tags(t.Tags)}
			for _, as := range t.Associations {
				out.Main = out.Main || aws.ToBool(as.Main)
				if id := aws.ToString(as.SubnetId); id != "" {
					out.Subnets = append(out.Subnets, id)
				}
			}
			for _, r := range t.Routes {
				out.InternetGateway = out.InternetGateway || strings.HasPrefix(aws.ToString(r.GatewayId), "igw-")
				everywhere := aws.ToString(r.DestinationCidrBlock) == "0.0.0.0/0" || aws.ToString(r.DestinationIpv6CidrBlock) == "::/0"
				out.DefaultRoute = out.DefaultRoute || everywhere && r.State != types.RouteStateBlackhole
			}
			w.RouteTables = append(w.RouteTables, out)
		}
	}
	return nil
}

func (a *Account) readEndpoints(ctx context.Context, inVPC []types.Filter, w *clusterid.World) error {
	pages := ec2.NewDescribeVpcEndpointsPaginator(a.ec2, &ec2.DescribeVpcEndpointsInput{Filters: inVPC, MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, e := range page.VpcEndpoints {
			if strings.EqualFold(string(e.State), "available") {
				w.Endpoints = append(w.Endpoints, clusterid.Endpoint{
					ID: aws.ToString(e.VpcEndpointId), VPCID: aws.ToString(e.VpcId), Service: aws.ToString(e.ServiceName),
					Gateway: e.VpcEndpointType == types.VpcEndpointTypeGateway, PrivateDNS: aws.ToBool(e.PrivateDnsEnabled), RouteTables: e.RouteTableIds,
				})
			}
		}
	}
	return nil
}

// readNames reads what decides on names inside the VPC.
func (a *Account) readNames(ctx context.Context, _ []types.Filter, w *clusterid.World) error {
	for attribute, into := range map[types.VpcAttributeName]*bool{
		types.VpcAttributeNameEnableDnsHostnames: &w.VPC.DNSHostnames,
		types.VpcAttributeNameEnableDnsSupport:   &w.VPC.DNSSupport,
	} {
		out, err := a.ec2.DescribeVpcAttribute(ctx, &ec2.DescribeVpcAttributeInput{VpcId: &w.VPC.ID, Attribute: attribute})
		if err != nil {
			return err
		}
		for _, value := range []*types.AttributeBooleanValue{out.EnableDnsHostnames, out.EnableDnsSupport} {
			*into = *into || value != nil && aws.ToBool(value.Value)
		}
	}
	vpcs, err := a.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{w.VPC.ID}})
	if err != nil {
		return err
	}
	for _, v := range vpcs.Vpcs {
		id := aws.ToString(v.DhcpOptionsId)
		if id == "" || id == "default" {
			continue // no options at all
		}
		options, err := a.ec2.DescribeDhcpOptions(ctx, &ec2.DescribeDhcpOptionsInput{DhcpOptionsIds: []string{id}})
		if err != nil {
			return err
		}
		for _, o := range options.DhcpOptions {
			for _, c := range o.DhcpConfigurations {
				var values []string
				for _, v := range c.Values {
					values = append(values, aws.ToString(v.Value))
				}
				switch aws.ToString(c.Key) {
				case "domain-name":
					w.VPC.DomainName = strings.Join(values, " ")
				case "domain-name-servers":
					w.VPC.DomainNameServers = values
				}
			}
		}
	}
	return nil
}
