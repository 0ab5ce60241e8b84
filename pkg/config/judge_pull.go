package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
)

func (j judge) network() {
	subnets := firsts{}
	for i, s := range j.file.Network.Subnets {
		for k, id := range s.IDs {
			path := fmt.Sprintf("network.subnets[%d].ids[%d]", i, k)
			if earlier := subnets.again(id, path); earlier != "" {
				j.refuse(path, "%s is in line %d too: want each subnet once, with one tag and one elb", id, j.at(earlier).line)
			}
		}
	}
	// cloud-provider-aws, pkg/providers/v1/aws_routes.go, findRouteTable
	if n := len(j.file.Network.RouteTables); n > 1 {
		j.refuse("network.routeTables[1]", "%d route tables: the cloud controller refuses to choose between tagged ones, want one", n)
	}
}

func (j judge) pull() {
	p := j.file.Pull
	// A token of ECR Public is had with credentials of the partition aws alone.
	if p.Public && j.other("aws") {
		j.refuse("pull.public", "ECR Public knows credentials of the partition aws alone, and the region %s is in %s", j.file.Region, j.partition)
	}
	seen := firsts{}
	for i, c := range p.CrossAccount {
		path := fmt.Sprintf("pull.crossAccount[%d]", i)
		if !j.sound(path, "account", "region") {
			continue
		}
		if partition := partitionOf(c.Region); j.other(partition) {
			j.refuse(path+".region", "%s is in the partition %s, where credentials of %s are not known", c.Region, partition, j.partition)
		}
		switch earlier := seen.again(c.Account+" "+c.Region, path); {
		case c.Account == j.file.Account && c.Region == j.file.Region:
			j.refuse(path+".account", "the registry of this account and region: what may be pulled from it goes into pull.repositories")
		case earlier != "":
			j.refuse(path+".account", "the registry of %s in %s is in line %d too", c.Account, c.Region, j.at(earlier).line)
		}
		if c.Assume == "" {
			continue
		}
		if role, ok := j.local(c.Assume, path+".assume"); ok && role.account != c.Account {
			j.refuse(path+".assume", "a role of the account %s: want one of the registry's, %s", role.account, c.Account)
		}
	}
	j.allow(p.Allow)
	if p.Proxy == "" && len(p.NoProxy) > 0 && j.sound("pull.proxy") {
		j.refuse("pull.noProxy", "this is what does without pull.proxy, which the file has not")
	}
	for _, host := range slices.Sorted(maps.Keys(p.Mirrors)) {
		if reg, err := registry.Parse(p.Mirrors[host]); err == nil && j.other(reg.Partition) {
			j.refuse("pull.mirrors"+step(".", host), "%s is in the partition %s, where credentials of %s are not known", reg, reg.Partition, j.partition)
		}
	}
}

// allow judges whom this account lets pull. An account may be there more than once: for
// each of its roles another repository.
func (j judge) allow(all []AllowPull) {
	for i, a := range all {
		path := fmt.Sprintf("pull.allow[%d]", i)
		if !j.sound(path, "account") {
			continue
		}
		if a.Account == j.file.Account {
			j.refuse(path+".account", "this account itself, whose nodes need no leave")
		}
		if len(a.Repositories)+len(a.PullThroughCache) == 0 {
			j.refuse(path, "lets out nothing: want repositories, pullThroughCache or both")
		}
		for k, principal := range a.Principals {
			at := fmt.Sprintf("%s.principals[%d]", path, k)
			if role, ok := j.local(principal, at); ok && role.account != a.Account {
				j.refuse(at, "a role of the account %s: want one of %s", role.account, a.Account)
			}
		}
	}
}

// other says that a partition is not the region's.
func (j judge) other(partition string) bool { return j.partition != "" && partition != j.partition }

func (j judge) eks() {
	e := j.file.EKS
	if e == nil {
		return
	}
	// eks user guide, Troubleshooting, Nodes fail to join cluster
	if e.Name != j.file.Cluster && j.sound("cluster", "eks.name") {
		j.refuse("eks.name", "%q is not the ClusterID %q: nodes of an EKS cluster carry the tag with its name", e.Name, j.file.Cluster)
	}
	seen := firsts{}
	for i, a := range e.Access {
		path := fmt.Sprintf("eks.access[%d]", i)
		if !j.sound(path) {
			continue
		}
		j.local(a.Principal, path+".principal")
		if strings.HasPrefix(a.Policy, "arn:") {
			j.local(a.Policy, path+".policy")
		}
		if earlier := seen.again(a.Principal+" "+a.Policy, path); earlier != "" {
			j.refuse(path, "this principal has this policy in line %d too", j.at(earlier).line)
		}
	}
}
