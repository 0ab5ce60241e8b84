package fakeaws

import (
	"maps"
	"slices"
)

// The dumps below are what a test compares before and after: by region, as maps,
// strings and lists that cmp can tell apart, without dates and without the ids of
// what has no life of its own, such as associations. Regions where nothing was made
// are left out. The caller holds the mutex.

type dump = map[string]any

// dumpEC2 is all that has an id, by id.
func (s *Server) dumpEC2() dump {
	all := dump{}
	for name, r := range s.resources.regions {
		of := dump{}
		for _, row := range r.inOrder {
			of[row.id] = dump{"kind": row.kind.name, "tags": maps.Clone(row.tags)}
		}
		r.dumpNetwork(of)
		r.dumpInstances(of)
		if len(of) > 1 || len(r.inOrder[0].tags) > 0 || r.metadata != (metadataOptions{}) { // more than the default DHCP options
			of["metadata defaults"] = []string{r.metadata.tokens, r.metadata.hopLimit, r.metadata.endpoint, r.metadata.tags, r.enforced}
			all[name] = of
		}
	}
	return all
}

func (r *region) dumpNetwork(of dump) {
	for _, v := range r.vpcs {
		maps.Copy(of[v.id].(dump), dump{"cidr": v.cidr.String(), "dhcp options": v.options.id, "dns": []bool{v.dnsSupport, v.dnsHostnames, v.usageMetrics}})
	}
	for _, n := range r.subnets {
		maps.Copy(of[n.id].(dump), dump{"vpc": n.vpc.id, "cidr": n.cidr.String(), "zone": n.zone.name, "public addresses": n.mapPublicIP, "free": n.free()})
	}
	for _, g := range r.gateways {
		if g.vpc != nil {
			of[g.id].(dump)["vpc"] = g.vpc.id
		}
	}
	for _, t := range r.routeTables {
		var subnets, routes []string
		for _, a := range t.associations {
			subnets = append(subnets, a.subnetID())
		}
		for _, way := range t.routes {
			routes = append(routes, way.destination+" "+way.target)
		}
		slices.Sort(subnets)
		slices.Sort(routes)
		maps.Copy(of[t.id].(dump), dump{"vpc": t.vpc.id, "subnets": subnets, "routes": routes})
	}
	for _, g := range r.securityGroups {
		maps.Copy(of[g.id].(dump), dump{"vpc": g.vpc.id, "name": g.name, "description": g.description})
	}
	for _, o := range r.dhcpOptions {
		for _, d := range o.configuration {
			of[o.id].(dump)[d.key] = d.values
		}
	}
	for _, p := range r.endpoints {
		maps.Copy(of[p.id].(dump), dump{
			"vpc": p.vpc.id, "service": p.service, "type": p.kind, "private dns": p.privateDNS, "policy": p.policy,
			"subnets": ids(p.subnets), "groups": ids(p.groups), "route tables": ids(p.routeTables),
		})
	}
}

func (r *region) dumpInstances(of dump) {
	for _, m := range r.instances {
		profile := ""
		if m.association != nil {
			profile = m.association.profile.ARN
		}
		maps.Copy(of[m.id].(dump), dump{
			"image": m.image, "type": m.instanceType, "state": m.state.String(), "profile": profile, "interfaces": ids(m.interfaces),
			"metadata": []string{m.metadata.tokens, m.metadata.hopLimit, m.metadata.endpoint, m.metadata.ipv6, m.metadata.tags},
		})
	}
	for _, n := range r.interfaces {
		maps.Copy(of[n.id].(dump), dump{"instance": n.instance.id, "index": n.index, "subnet": n.subnet.id, "groups": ids(n.groups), "address": n.address.String()})
	}
	for _, t := range r.launchTemplates {
		var versions []dump
		for _, v := range t.versions {
			versions = append(versions, v.dump())
		}
		maps.Copy(of[t.id].(dump), dump{"name": t.name, "versions": versions})
	}
}

func (d launchData) dump() dump {
	tags := dump{}
	for _, t := range d.tags {
		tags[t.resource] = maps.Clone(t.tags)
	}
	var interfaces []dump
	for _, i := range d.interfaces {
		interfaces = append(interfaces, dump{"index": i.index, "subnet": i.subnet, "groups": i.groups})
	}
	return dump{
		"image": d.image, "type": d.instanceType, "key": d.key, "user data": d.userData, "profile": d.profileName + d.profileARN, "subnet": d.subnet,
		"groups": d.groups, "interfaces": interfaces, "tags": tags,
		"metadata": []string{d.metadata.tokens, d.metadata.hopLimit, d.metadata.endpoint, d.metadata.ipv6, d.metadata.tags},
	}
}

// dumpAutoScaling is groups and launch configurations, by name.
func (s *Server) dumpAutoScaling() dump {
	all := dump{}
	for name, r := range s.resources.regions {
		of := dump{}
		for _, g := range r.groups {
			of["group "+g.name] = g.dump()
		}
		for _, l := range r.configurations {
			of["configuration "+l.name] = l.launchData.dump()
		}
		if len(of) > 0 {
			all[name] = of
		}
	}
	return all
}

func (g *scalingGroup) dump() dump {
	template := ""
	if g.template != nil {
		template = g.template.template.id + " " + g.template.version
	}
	tags := dump{}
	for key, t := range g.tags {
		tags[key] = dump{"value": t.value, "propagate": t.propagate}
	}
	var members []string
	for _, m := range g.instances {
		members = append(members, m.instance.id+" "+m.version)
	}
	return dump{
		"sizes": []int{g.least, g.want, g.most}, "subnets": g.zoneIdentifier, "configuration": g.configuration,
		"template": template, "mixed": g.mixed != nil, "tags": tags, "instances": members,
	}
}

// dumpEKS is clusters with their access entries, by name and by principal.
func (s *Server) dumpEKS() dump {
	all := dump{}
	for name, r := range s.resources.regions {
		of := dump{}
		for _, k := range r.clusters {
			entries := dump{}
			for _, a := range k.entries {
				policies := dump{}
				for _, p := range a.policies {
					policies[p.arn] = dump{"scope": p.scope.Type, "namespaces": p.scope.Namespaces}
				}
				entries[a.principal] = dump{"type": a.kind, "user": a.user, "groups": a.groups, "tags": maps.Clone(a.tags), "policies": policies}
			}
			of[k.name] = dump{
				"role": k.role, "version": k.version, "mode": k.mode, "vpc": k.vpc, "subnets": k.subnets, "groups": k.groups,
				"own group": k.ownGroup, "endpoint": []bool{k.publicAccess, k.privateAccess}, "tags": maps.Clone(k.tags), "entries": entries,
			}
		}
		if len(of) > 0 {
			all[name] = of
		}
	}
	return all
}

// dumpECR is the registry's policy and rules, and the repositories by name.
func (s *Server) dumpECR() dump {
	all := dump{}
	for name, r := range s.resources.regions {
		of := dump{}
		for _, repository := range r.repositories {
			of["repository "+repository.name] = dump{"policy": repository.policy, "tags": maps.Clone(repository.tags)}
		}
		for _, rule := range r.rules {
			of["rule "+rule.prefix] = []string{rule.upstream, rule.registry, rule.credential, rule.role, rule.upstreamPrefix}
		}
		if r.policy != "" {
			of["policy"] = r.policy
		}
		if len(of) > 0 {
			all[name] = of
		}
	}
	return all
}
