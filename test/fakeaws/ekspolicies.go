package fakeaws

import (
	"maps"
	"slices"
	"strings"
)

// accessPolicies are those that EKS has for people, and reservedPolicies the ones
// that only its own service-linked roles can have
// (docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html).
var (
	accessPolicies = []string{
		"AmazonEKSAdminPolicy", "AmazonEKSAdminViewPolicy", "AmazonEKSAutoNodePolicy", "AmazonEKSClusterAdminPolicy",
		"AmazonEKSEditPolicy", "AmazonEKSSecretReaderPolicy", "AmazonEKSViewPolicy",
	}
	reservedPolicies = []string{
		"AmazonEKSBlockStorageClusterPolicy", "AmazonEKSComputeClusterPolicy", "AmazonEKSHybridPolicy", "AmazonEKSNetworkingClusterPolicy",
	}
)

func (c *eksCall) policyARN(name string) string {
	return "arn:" + c.server.Partition + ":eks::aws:cluster-access-policy/" + name
}

func (c *eksCall) listPolicies() (any, *Error) {
	if e := c.allow("*"); e != nil {
		return nil, e
	}
	all := []object{}
	for _, name := range slices.Sorted(slices.Values(slices.Concat(accessPolicies, reservedPolicies))) {
		all = append(all, object{"name": name, "arn": c.policyARN(name)})
	}
	part, token, e := eksPage(c, all)
	return object{"accessPolicies": part, "nextToken": token}, e
}

func (a *accessEntry) policy(arn string) *accessPolicy {
	for _, p := range a.policies {
		if p.arn == arn {
			return p
		}
	}
	return nil
}

func (p *accessPolicy) show() object {
	scope := p.scope
	scope.Namespaces = slices.Clone(scope.Namespaces)
	return object{"policyArn": p.arn, "accessScope": scope, "associatedAt": epoch(p.since), "modifiedAt": epoch(p.changed)}
}

// associatePolicy gives an entry a policy, or one that it has another scope.
func (c *eksCall) associatePolicy() (any, *Error) {
	var in struct {
		PolicyARN   string `json:"policyArn"`
		AccessScope accessScope
	}
	if e := c.read(&in); e != nil {
		return nil, e
	}
	c.Detail += " " + in.PolicyARN
	about := map[string][]string{"eks:policyArn": {in.PolicyARN}, "eks:accessScope": {in.AccessScope.Type}}
	if len(in.AccessScope.Namespaces) > 0 {
		about["eks:namespaces"] = in.AccessScope.Namespaces
	}
	k, a, e := c.entry(about)
	if e != nil {
		return nil, e
	}
	name, ok := strings.CutPrefix(in.PolicyARN, c.policyARN(""))
	switch {
	case a.kind != "STANDARD" && a.kind != "EC2":
		return nil, onlyStandard
	case ok && slices.Contains(reservedPolicies, name):
		return nil, eksInvalid("The specified policyArn can only be associated with service-linked roles")
	case !ok || !slices.Contains(accessPolicies, name):
		return nil, &Error{Status: 404, Code: "ResourceNotFoundException", Message: "The specified policyArn could not be found."}
	case in.AccessScope.Type == "namespace" && len(in.AccessScope.Namespaces) == 0:
		return nil, eksInvalid("The namespaces must be set when the access scope type is namespace")
	case in.AccessScope.Type == "cluster" && len(in.AccessScope.Namespaces) > 0:
		return nil, eksInvalid("The namespaces cannot be set when the access scope type is cluster")
	case in.AccessScope.Type != "cluster" && in.AccessScope.Type != "namespace":
		return nil, eksInvalid("The access scope type %s is not valid", in.AccessScope.Type)
	}
	p := a.policy(in.PolicyARN)
	if p == nil {
		p = &accessPolicy{arn: in.PolicyARN, since: c.server.Now()}
		a.policies = append(a.policies, p)
	}
	p.scope, p.changed = in.AccessScope, c.server.Now()
	return object{"clusterName": k.name, "principalArn": a.principal, "associatedAccessPolicy": p.show()}, nil
}

func (c *eksCall) disassociatePolicy() (any, *Error) {
	_, a, e := c.entry(map[string][]string{"eks:policyArn": {c.path[5]}})
	if e != nil {
		return nil, e
	}
	if a.policy(c.path[5]) == nil {
		return nil, &Error{Status: 404, Code: "ResourceNotFoundException", Message: "The specified policyArn is not associated with the access entry."}
	}
	a.policies = slices.DeleteFunc(a.policies, func(p *accessPolicy) bool { return p.arn == c.path[5] })
	return object{}, nil
}

func (c *eksCall) listAssociatedPolicies() (any, *Error) {
	k, a, e := c.entry(nil)
	if e != nil {
		return nil, e
	}
	all := []object{}
	for _, p := range a.policies {
		all = append(all, p.show())
	}
	part, token, e := eksPage(c, all)
	return object{"clusterName": k.name, "principalArn": a.principal, "associatedAccessPolicies": part, "nextToken": token}, e
}

// labelled finds the tags of what the path names, and lets the caller change them to
// what after makes of them.
func (c *eksCall) labelled(context map[string][]string, after func(tagSet)) (tagSet, *Error) {
	arn := c.path[1]
	var tags *tagSet
	for _, k := range c.clusters {
		if k.arn == arn {
			tags = &k.tags
		}
		for _, a := range k.entries {
			if a.arn == arn {
				tags = &a.tags
			}
		}
	}
	if tags == nil {
		if e := c.allow(arn, context); e != nil {
			return nil, e
		}
		return nil, &Error{Status: 404, Code: "NotFoundException", Message: "Resource " + arn + " was not found"}
	}
	if e := c.allow(arn, context, resourceTags(*tags)); e != nil {
		return nil, e
	}
	changed := tagSet{}
	maps.Copy(changed, *tags)
	after(changed)
	if e := eksTags(changed); e != nil {
		return nil, &Error{Status: 400, Code: "BadRequestException", Message: e.Message}
	}
	*tags = changed
	return changed, nil
}

func (c *eksCall) tagResource() (any, *Error) {
	var in struct{ Tags tagSet }
	if e := c.read(&in); e != nil {
		return nil, e
	}
	_, e := c.labelled(tagContext(in.Tags, nil), func(tags tagSet) { maps.Copy(tags, in.Tags) })
	return object{}, e
}

func (c *eksCall) untagResource() (any, *Error) {
	keys := c.query["tagKeys"]
	_, e := c.labelled(map[string][]string{"aws:TagKeys": keys}, func(tags tagSet) {
		for _, key := range keys {
			delete(tags, key)
		}
	})
	return object{}, e
}

func (c *eksCall) listTags() (any, *Error) {
	tags, e := c.labelled(nil, func(tagSet) {})
	return object{"tags": maps.Clone(tags)}, e
}
