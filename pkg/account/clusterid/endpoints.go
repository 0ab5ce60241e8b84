package clusterid

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A service is what nodes without a way to the internet need an endpoint for
// (eks private-clusters, docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html).
type service struct {
	name    string
	code    string // of the rule that is broken without it
	gateway bool   // can be a gateway endpoint
	fails   string // what does not work without it
	needed  func(*report) bool
}

var services = [...]service{
	{name: "ecr.api", code: "endpoint-missing", needed: always,
		fails: "the credential provider gets no token: no basic auth credentials"},
	{name: "ecr.dkr", code: "endpoint-missing", needed: always,
		fails: "no image is pulled from ECR"},
	{name: "s3", code: "endpoint-missing", gateway: true, needed: always,
		fails: "no layer of an image is pulled, which ECR keeps in S3"},
	{name: "ec2", code: "endpoint-missing", needed: (*report).callsEC2,
		fails: "the cloud controller does not start, and on EKS neither nodeadm nor the VPC CNI"},
	{name: "sts", code: "endpoint-advised", needed: always,
		fails: "no role is assumed, by a service account or in another account"},
	{name: "elasticloadbalancing", code: "endpoint-advised", needed: (*report).balances,
		fails: "no load balancer is made"},
}

func always(*report) bool { return true }

func (r *report) callsEC2() bool {
	return r.Options.EKS ||
		slices.ContainsFunc(r.Instances, func(in Instance) bool { return in.ControlPlane && !in.gone() }) ||
		slices.ContainsFunc(r.AutoScalingGroups, func(g AutoScalingGroup) bool { return g.ControlPlane })
}

func (r *report) balances() bool { return r.Options.LBC || len(r.Options.Schemes) > 0 }

// ownPrefixes are the partitions in which some service names do not begin with
// com.amazonaws (aws-cdk-lib aws-ec2 vpc-endpoint.ts getDefaultEndpointPrefix; eksctl
// pkg/cfn/builder/testdata/service_details_*.json). It differs by region too: what is
// looked for is either name, what is proposed is this one.
var ownPrefixes = [...]struct {
	partition, prefix string
	services          []string
}{
	{"aws-cn", "cn.com.amazonaws", []string{"ec2", "ecr.api", "ecr.dkr", "sts"}},
	{"aws-eusc", "eu.amazonaws", []string{"ecr.api", "ecr.dkr"}},
	{"aws-iso", "gov.ic.c2s", []string{"ec2", "ecr.api", "ecr.dkr"}},
	{"aws-iso-b", "gov.sgov.sc2s", []string{"ec2", "ecr.api", "ecr.dkr"}},
	{"aws-iso-e", "uk.adc-e.cloud", []string{"ecr.api", "ecr.dkr"}},
	{"aws-iso-f", "gov.ic.hci.csp", []string{"ecr.api", "ecr.dkr"}},
}

// serviceNames are the names that an endpoint's service can have, the likely one first.
func (w *World) serviceNames(service string) []string {
	tail := "." + w.Region + "." + service
	names := []string{"com.amazonaws" + tail}
	for _, p := range ownPrefixes {
		if p.partition != w.Partition {
			continue
		}
		names = append(names, p.prefix+tail)
		if slices.Contains(p.services, service) {
			slices.Reverse(names)
		}
	}
	return names
}

// checkEndpoints asks for VPC endpoints if nodes have no other way to AWS.
func (r *report) checkEndpoints() {
	isolated := slices.DeleteFunc(r.nodeSubnets(), func(id string) bool {
		t := r.table(id)
		return t == nil || t.DefaultRoute || t.InternetGateway
	})
	if len(isolated) == 0 {
		return
	}
	for _, s := range services {
		if s.needed(r) {
			r.checkEndpoint(s, isolated)
		}
	}
}

func (r *report) checkEndpoint(s service, isolated []string) {
	names := r.serviceNames(s.name)
	var gateways, mute []Endpoint
	for _, e := range r.Endpoints {
		switch {
		case e.VPCID != r.VPC.ID || !slices.Contains(names, e.Service):
		case !e.Gateway && e.PrivateDNS:
			return // answers the whole VPC, under the name that clients use
		case !e.Gateway:
			mute = append(mute, e)
		case s.gateway:
			gateways = append(gateways, e)
		}
	}
	dark := slices.DeleteFunc(slices.Clone(isolated), func(id string) bool {
		table := r.table(id).ID
		return slices.ContainsFunc(gateways, func(e Endpoint) bool { return slices.Contains(e.RouteTables, table) })
	})
	if len(dark) == 0 {
		return
	}
	where := fmt.Sprintf("nodes in %s have no way to the internet", some(dark))
	switch {
	case len(gateways) > 0:
		e := lowest(gateways)
		r.add("endpoint-not-routed", e,
			fmt.Sprintf("%s, and their route tables do not lead to the VPC's endpoint for %s; %s", where, s.name, s.fails),
			fmt.Sprintf("aws ec2 modify-vpc-endpoint --region %s --vpc-endpoint-id %s --add-route-table-ids %s", r.Region, e, r.tablesOf(dark)))
	case len(mute) > 0:
		e := lowest(mute)
		r.add("endpoint-private-dns", e,
			fmt.Sprintf("%s, and the VPC's endpoint for %s has private DNS off, so that nobody finds it under the service's name; %s", where, s.name, s.fails),
			fmt.Sprintf("aws ec2 modify-vpc-endpoint --region %s --vpc-endpoint-id %s --private-dns-enabled", r.Region, e))
	default:
		how := "--vpc-endpoint-type Interface --private-dns-enabled --subnet-ids SUBNETS --security-group-ids GROUP, where GROUP lets the nodes in on 443"
		if s.gateway {
			how = "--vpc-endpoint-type Gateway --route-table-ids " + r.tablesOf(dark)
		}
		r.add(s.code, names[0],
			fmt.Sprintf("%s, and the VPC has no endpoint for %s; %s", where, s.name, s.fails),
			fmt.Sprintf("aws ec2 create-vpc-endpoint --region %s --vpc-id %s --service-name %s %s", r.Region, r.VPC.ID, names[0], how))
	}
}

// lowest is the first id.
func lowest(endpoints []Endpoint) string {
	return slices.MinFunc(endpoints, func(a, b Endpoint) int { return cmp.Compare(a.ID, b.ID) }).ID
}

// tablesOf are the route tables of subnets, sorted, for a command.
func (r *report) tablesOf(subnets []string) string {
	var ids []string
	for _, id := range subnets {
		ids = append(ids, r.table(id).ID)
	}
	slices.Sort(ids)
	return strings.Join(slices.Compact(ids), " ")
}
