package account

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// A Call is an operation of AWS's API as IAM authorizes it. Which resource and which
// condition keys belong to an operation is in the service authorization reference
// (docs.aws.amazon.com/service-authorization/latest/reference).
type Call struct {
	Action   string              // service:Operation
	Resource string              // an ARN, with * where AWS chooses a part of it; "*" where the operation has no resource
	Context  map[string][]string // what the request says, by condition key
}

// called are operations on one resource.
func called(resource string, context map[string][]string, actions ...string) []Call {
	var all []Call
	for _, action := range actions {
		all = append(all, Call{action, resource, context})
	}
	return all
}

// calls are the API calls that make a change, and the reads among them that no plan
// makes. What takes several permissions, as the creation of something with tags does
// or the passing of a role, is there several times. The file says where roles and
// profiles are that the change only names.
func (a *Account) calls(c plan.Change) []Call {
	switch c.Kind {
	case kindPolicy, kindVersion:
		return a.policyCalls(c)
	case kindRole, kindTrust, kindBoundary, kindRoleTag, kindAttached, kindInline:
		return a.roleCalls(c)
	case kindProfile, kindProfileRole:
		return a.profileCalls(c)
	case kindAssociation:
		return a.associationCalls(c)
	case kindTag:
		if c.After == "" {
			return called(a.ec2ARN(c.Of), map[string][]string{"aws:TagKeys": {c.Name}}, "ec2:DeleteTags")
		}
		return called(a.ec2ARN(c.Of), tagging(map[string]string{c.Name: tagValue(c.After)}), "ec2:CreateTags")
	case kindGroupTag:
		return a.groupTagCalls(c)
	case kindEntry, kindAccessPolicy:
		return a.entryCalls(c)
	case kindRegistry:
		// The policy is written whole, and goes with its last statement.
		if c.After == "" {
			return called("*", nil, "ecr:PutRegistryPolicy", "ecr:DeleteRegistryPolicy")
		}
		return called("*", nil, "ecr:PutRegistryPolicy")
	case kindRepository:
		repository := a.regional("ecr", "repository/"+c.Of)
		if c.After == "" {
			return called(repository, nil, "ecr:SetRepositoryPolicy", "ecr:DeleteRepositoryPolicy")
		}
		return called(repository, nil, "ecr:SetRepositoryPolicy")
	}
	return nil
}

// tagging is what a request with tags says of them. The value of a key that is only
// named in others is not known before the request is made.
func tagging(tags map[string]string, others ...string) map[string][]string {
	keys := slices.Clone(others)
	context := map[string][]string{}
	for key, value := range tags {
		context["aws:RequestTag/"+key] = []string{value}
		keys = append(keys, key)
	}
	slices.Sort(keys)
	context["aws:TagKeys"] = slices.Compact(keys)
	return context
}

// creation decodes the state that an object has when it is created. One that cannot
// be read is found out when it is written, so it is left empty here.
func creation[T any](c plan.Change) T {
	state, _ := decode[T](cmp.Or(c.After, c.Before))
	return state
}

func (a *Account) policyCalls(c plan.Change) []Call {
	if c.Kind == kindVersion {
		return called(c.Of, nil, "iam:ListPolicyVersions", "iam:DeletePolicyVersion", "iam:CreatePolicyVersion")
	}
	s := creation[policyState](c)
	arn := a.policyARN(s.Path, c.Name)
	if c.After == "" {
		return called(arn, nil, "iam:ListPolicyVersions", "iam:DeletePolicyVersion", "iam:DeletePolicy")
	}
	return called(arn, tagging(s.Tags, runTag), "iam:CreatePolicy", "iam:TagPolicy")
}

// ofRoles are the operations that bring, and that take away, what a role has.
var ofRoles = map[string]struct{ put, remove string }{
	kindTrust:    {"iam:UpdateAssumeRolePolicy", "iam:UpdateAssumeRolePolicy"},
	kindBoundary: {"iam:PutRolePermissionsBoundary", "iam:DeleteRolePermissionsBoundary"},
	kindAttached: {"iam:AttachRolePolicy", "iam:DetachRolePolicy"},
	kindInline:   {"iam:PutRolePolicy", "iam:DeleteRolePolicy"},
}

func (a *Account) roleCalls(c plan.Change) []Call {
	switch c.Kind {
	case kindRole:
		s := creation[roleState](c)
		role, context := a.arn("iam", "role"+s.Path+c.Name), bounded(s.Boundary)
		if c.After == "" {
			return called(role, context, "iam:DeleteRole")
		}
		tags := tagging(s.Tags, runTag)
		for key, values := range tags {
			context[key] = values
		}
		return append(called(role, context, "iam:CreateRole"), called(role, tags, "iam:TagRole")...)
	case kindRoleTag:
		if c.After == "" {
			return called(a.roleARN(c.Of), map[string][]string{"aws:TagKeys": {c.Name}}, "iam:UntagRole")
		}
		return called(a.roleARN(c.Of), tagging(map[string]string{c.Name: tagValue(c.After)}), "iam:TagRole")
	}
	role := cmp.Or(c.Of, c.Name)
	context := bounded(a.group(role).Boundary)
	if c.Kind == kindBoundary {
		context = bounded(cmp.Or(c.After, c.Before))
	}
	if c.Kind == kindAttached {
		context["iam:PolicyARN"] = []string{c.Name}
	}
	action := ofRoles[c.Kind].put
	if c.After == "" {
		action = ofRoles[c.Kind].remove
	}
	return called(a.roleARN(role), context, action)
}

// bounded is what a request about a role with a permissions boundary says.
func bounded(boundary string) map[string][]string {
	if boundary == "" {
		return map[string][]string{}
	}
	return map[string][]string{"iam:PermissionsBoundary": {boundary}}
}

// group is the file's group with that role, an empty one if there is none.
func (a *Account) group(role string) config.NodeGroup {
	return find(a.file.Nodes, func(g config.NodeGroup) bool { return g.Role == role })
}

func (a *Account) roleARN(name string) string {
	return a.arn("iam", "role"+cmp.Or(a.group(name).Path, "/")+name)
}

func (a *Account) profileCalls(c plan.Change) []Call {
	if c.Kind == kindProfile {
		s := creation[profileState](c)
		profile := a.arn("iam", "instance-profile"+s.Path+c.Name)
		if c.After == "" {
			return called(profile, nil, "iam:DeleteInstanceProfile")
		}
		return called(profile, tagging(s.Tags, runTag), "iam:CreateInstanceProfile", "iam:TagInstanceProfile")
	}
	g := find(a.file.Nodes, func(g config.NodeGroup) bool { return g.InstanceProfile == c.Name })
	profile := a.arn("iam", "instance-profile"+cmp.Or(g.Path, "/")+c.Name)
	var all []Call
	if c.Before != "" {
		all = called(profile, nil, "iam:RemoveRoleFromInstanceProfile")
	}
	if c.After != "" {
		all = append(all, called(profile, nil, "iam:AddRoleToInstanceProfile")...)
		all = append(all, a.pass(a.roleARN(c.After))...)
	}
	return all
}

// pass is the permission to hand a role to EC2
// (docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html).
func (a *Account) pass(role string) []Call {
	var context map[string][]string
	g := find(a.file.Nodes, func(g config.NodeGroup) bool { return a.roleARN(g.Role) == role })
	if trust, err := policy.Trust(a.partition, g.TrustPrincipals); err == nil {
		context = map[string][]string{"iam:PassedToService": trust.Statements[0].Principal["Service"][:1]}
	}
	return called(role, context, "iam:PassRole")
}

func (a *Account) associationCalls(c plan.Change) []Call {
	instance := a.ec2ARN(c.Name)
	if c.After == "" {
		return called(instance, nil, "ec2:DisassociateIamInstanceProfile")
	}
	profile := map[string][]string{"ec2:NewInstanceProfile": {c.After}}
	all := called(instance, profile, "ec2:AssociateIamInstanceProfile")
	if c.Before != "" {
		// An instance that is stopped loses the old one first.
		all = append(all, called(instance, profile, "ec2:ReplaceIamInstanceProfileAssociation")...)
		all = append(all, called(instance, nil, "ec2:DisassociateIamInstanceProfile")...)
	}
	return append(all, a.pass(a.roleInProfile(c.After))...)
}

// roleInProfile is the role that a profile hands to an instance. A profile that is not
// the file's is taken to have the role of its own name, as the console makes them.
func (a *Account) roleInProfile(profile string) string {
	g := find(a.file.Nodes, func(g config.NodeGroup) bool { return g.InstanceProfile == name(profile) })
	if g.Role != "" {
		return a.roleARN(g.Role)
	}
	return strings.Replace(profile, ":instance-profile/", ":role/", 1)
}

// ec2ARN is the ARN of an EC2 resource, whose type its id begins with.
func (a *Account) ec2ARN(id string) string {
	letters, _, _ := strings.Cut(id, "-")
	kind := map[string]string{"i": "instance", "sg": "security-group", "subnet": "subnet", "rtb": "route-table"}[letters]
	return a.regional("ec2", cmp.Or(kind, "*")+"/"+id)
}

func (a *Account) groupTagCalls(c plan.Change) []Call {
	group := a.regional("autoscaling", "autoScalingGroup:*:autoScalingGroupName/"+c.Of) // the * is an id
	s := creation[groupTagState](c)
	context := tagging(map[string]string{c.Name: s.Value})
	if c.After == "" {
		return called(group, context, "autoscaling:DeleteTags")
	}
	return called(group, context, "autoscaling:CreateOrUpdateTags")
}

func (a *Account) entryCalls(c plan.Change) []Call {
	if c.Kind == kindAccessPolicy {
		entry := a.entryARN(a.file.EKS.Name, c.Of)
		s := creation[scopeState](c)
		context := map[string][]string{"eks:policyArn": {c.Name}, "eks:accessScope": {s.Type}}
		if len(s.Namespaces) > 0 {
			context["eks:namespaces"] = s.Namespaces
		}
		if c.After == "" {
			return called(entry, context, "eks:DisassociateAccessPolicy")
		}
		return called(entry, context, "eks:AssociateAccessPolicy")
	}
	var all []Call
	entry := a.entryARN(c.Of, c.Name)
	if c.Before != "" {
		// The type of an entry cannot be changed, so it is deleted for that too.
		all = called(entry, nil, "eks:DeleteAccessEntry")
	}
	if c.After == "" {
		return all
	}
	s := creation[entryState](c)
	context := tagging(s.Tags, runTag)
	all = append(all, called(entry, context, "eks:TagResource")...)
	create := map[string][]string{"eks:principalArn": {c.Name}, "eks:accessEntryType": {s.Type}}
	for key, values := range context {
		create[key] = values
	}
	all = append(all, called(a.regional("eks", "cluster/"+c.Of), create, "eks:CreateAccessEntry")...)
	if s.Type != "STANDARD" {
		// docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html; which
		// service it is passed to is not said there.
		all = append(all, called(c.Name, nil, "iam:PassRole")...)
	}
	return all
}

// entryARN is the ARN of the access entry of a principal, which ends in an id. Its
// path, if it has one, may be in it or not: AWS does not say.
func (a *Account) entryARN(cluster, principal string) string {
	p, err := arn.Parse(principal)
	if err != nil {
		return a.regional("eks", "access-entry/"+cluster+"/*")
	}
	kind, who, _ := strings.Cut(p.Resource, "/")
	if last := name(who); last != who {
		who = "*" + last
	}
	return a.regional("eks", fmt.Sprintf("access-entry/%s/%s/%s/%s/*", cluster, kind, p.AccountID, who))
}

// text is the call on a line, for order and for comparison.
func (c Call) text() string {
	line := c.Action + " " + c.Resource
	for _, key := range sorted(c.Context) {
		line += " " + key + "=" + strconv.Quote(strings.Join(c.Context[key], ","))
	}
	return line
}
