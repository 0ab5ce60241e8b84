package clusterid

import (
	"fmt"
	"slices"
	"strings"
)

// checkNames looks at what gives nodes their names: the VPC's DNS attributes and its
// DHCP options (ccm docs/prerequisites.md, eks network-reqs).
func (r *report) checkNames() {
	r.checkDNS()
	names := strings.Fields(r.VPC.DomainName)
	if r.Options.EKS {
		r.checkDHCP(names)
		return
	}
	if !r.namedByAddress() {
		return
	}
	usual := usualDomain(r.Region)
	const fix = "set domain-name in the VPC's DHCP options to %s, or give kubelet and kube-proxy --hostname-override with the private DNS name of the instance"
	switch {
	case len(names) == 0:
		r.add("dhcp-domain-missing", r.VPC.ID,
			"the VPC's DHCP options have no domain-name; a kubelet calls its node ip-10-0-0-1, and the cloud controller looks for an instance of just that private DNS name: instance not found",
			fmt.Sprintf(fix, usual))
	case len(names) > 1:
		r.add("dhcp-domain-several", r.VPC.ID,
			fmt.Sprintf("the VPC's DHCP options have %d names in domain-name (%s); a host that takes them as one gives its node a name that no instance has: instance not found",
				len(names), r.VPC.DomainName),
			fmt.Sprintf(fix, usual))
	case names[0] != usual:
		r.add("dhcp-domain-custom", r.VPC.ID,
			fmt.Sprintf("the VPC's DHCP options have domain-name %s; a kubelet calls its node by it, the private DNS names of instances end in %s, and the cloud controller looks for those: instance not found",
				names[0], usual),
			fmt.Sprintf(fix, usual))
	}
}

// checkDHCP is EKS's own demand. Its nodes take their names from EC2, so that another
// domain does no harm (awslabs/amazon-eks-ami pull request 1264).
func (r *report) checkDHCP(names []string) {
	var missing []string
	if len(names) == 0 {
		missing = append(missing, "domain-name")
	}
	if len(r.VPC.DomainNameServers) == 0 {
		missing = append(missing, "domain-name-servers")
	}
	if len(missing) > 0 {
		r.add("eks-dhcp", r.VPC.ID,
			fmt.Sprintf("the VPC's DHCP options have no %s; nodes do not come up under a name that EKS knows: node \"\" not found", strings.Join(missing, " and no ")),
			fmt.Sprintf("DHCP options with domain-name=%s and domain-name-servers=AmazonProvidedDNS", usualDomain(r.Region)))
	}
}

func (r *report) checkDNS() {
	var off []string
	if !r.VPC.DNSSupport {
		off = append(off, "enable-dns-support")
	}
	if !r.VPC.DNSHostnames {
		off = append(off, "enable-dns-hostnames")
	}
	if len(off) == 0 {
		return
	}
	code, then := "vpc-dns", "instances get no names that resolve, and interface endpoints do not answer under the services' names"
	if r.Options.EKS {
		code, then = "eks-vpc-dns", "nodes cannot register with an EKS cluster"
	}
	commands := make([]string, len(off))
	for i, attribute := range off {
		commands[i] = fmt.Sprintf("aws ec2 modify-vpc-attribute --region %s --vpc-id %s --%s", r.Region, r.VPC.ID, attribute)
	}
	r.add(code, r.VPC.ID, fmt.Sprintf("the VPC has %s off; %s", strings.Join(off, " and "), then), strings.Join(commands, " && "))
}

// namedByAddress reports whether some instance has an IP-based name, ip-10-0-0-1, or
// could have: none is there yet.
func (r *report) namedByAddress() bool {
	live := slices.DeleteFunc(slices.Clone(r.Instances), Instance.gone)
	return len(live) == 0 || slices.ContainsFunc(live, func(in Instance) bool { return strings.HasPrefix(in.PrivateDNSName, "ip-") })
}

// usualDomain is what EC2's private DNS names end in
// (docs.aws.amazon.com/vpc/latest/userguide/DHCPOptionSet.html, domain-name).
func usualDomain(region string) string {
	if region == "us-east-1" {
		return "ec2.internal"
	}
	return region + ".compute.internal"
}
