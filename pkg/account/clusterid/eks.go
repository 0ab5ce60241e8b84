package clusterid

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// What EKS asks of the subnets a cluster is given (eks network-reqs, "Subnet
// requirements for clusters").
const (
	eksZones           = 2
	eksAddresses       = 6
	eksAddressesBetter = 16
)

// eksForbidden are the zones, by id, in which EKS puts no control plane.
var eksForbidden = [...]string{"use1-az3", "usw1-az2", "cac1-az3"}

func (r *report) checkEKS() {
	if !r.Options.EKS {
		return
	}
	zones := map[string]bool{}
	known := 0
	for _, id := range r.ClusterSubnets {
		s := r.subnets[id]
		if s == nil {
			continue
		}
		known++
		zones[s.Zone] = true
		r.checkEKSSubnet(*s)
	}
	if known > 0 && len(zones) < eksZones {
		r.add("eks-subnets", r.Cluster,
			fmt.Sprintf("the subnets of the EKS cluster are all in %s; EKS wants two at least, in different zones", strings.Join(slices.Sorted(maps.Keys(zones)), ", ")),
			"give the cluster a subnet of another zone")
	}
	for _, id := range r.nodeSubnets() {
		s, t := r.subnets[id], r.table(id)
		if s != nil && t != nil && t.InternetGateway && !s.MapPublicIP && !s.IPv6 {
			r.add("eks-node-public-address", id,
				fmt.Sprintf("nodes run in it, its route table %s leads to an internet gateway, and it gives no public addresses; a node without one reaches neither the EKS endpoint nor ECR", t.ID),
				fmt.Sprintf("aws ec2 modify-subnet-attribute --region %s --subnet-id %s --map-public-ip-on-launch", r.Region, id))
		}
	}
}

func (r *report) checkEKSSubnet(s Subnet) {
	switch {
	case s.FreeAddresses < eksAddresses:
		r.add("eks-subnet-addresses", s.ID,
			fmt.Sprintf("is a subnet of the EKS cluster and has %d free addresses; EKS wants %d at least", s.FreeAddresses, eksAddresses),
			"free addresses, or give the cluster another subnet of the zone "+s.Zone)
	case s.FreeAddresses < eksAddressesBetter:
		r.add("eks-subnet-addresses-low", s.ID,
			fmt.Sprintf("is a subnet of the EKS cluster and has %d free addresses; EKS recommends %d", s.FreeAddresses, eksAddressesBetter), "")
	}
	if slices.Contains(eksForbidden[:], s.ZoneID) {
		r.add("eks-zone", s.ID,
			fmt.Sprintf("is a subnet of the EKS cluster in %s (%s), where EKS puts no control plane: UnsupportedAvailabilityZoneException", s.ZoneID, s.Zone),
			"give the cluster a subnet of another zone")
	}
	if s.Outpost || s.ZoneType != "" && s.ZoneType != zoneTypeRegular {
		kind := s.ZoneType
		if s.Outpost {
			kind = "outpost"
		}
		r.add("eks-zone-type", s.ID,
			fmt.Sprintf("is a subnet of the EKS cluster in %s, of the kind %s; EKS takes only subnets of regular zones, though nodes can run elsewhere", s.Zone, kind),
			"give the cluster a subnet of a regular zone")
	}
}

// nodeSubnets are the ids of the subnets in which nodes run or will run, sorted.
func (r *report) nodeSubnets() []string {
	var ids []string
	for _, in := range r.Instances {
		if !in.gone() {
			ids = append(ids, in.SubnetID)
		}
	}
	for _, g := range r.AutoScalingGroups {
		ids = append(ids, g.Subnets...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
