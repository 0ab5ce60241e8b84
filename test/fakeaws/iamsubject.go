package fakeaws

import (
	"cmp"
	"strings"
)

// An iamSubject is what a permission of IAM is checked on: an ARN, and the condition
// keys that go with it
// (docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html).
type iamSubject struct {
	arn     string
	context map[string][]string
}

func onEverything(*iamCall) iamSubject { return iamSubject{arn: "*"} }

// onAll is for lists of a kind, whose permission is checked on the beginning that all
// its ARNs have.
func onAll(kind string) func(*iamCall) iamSubject {
	return func(c *iamCall) iamSubject {
		return iamSubject{arn: c.arn("iam", "", kind+cmp.Or(c.get("PathPrefix"), "/"))}
	}
}

func onSimulated(c *iamCall) iamSubject { return iamSubject{arn: c.get("PolicySourceArn")} }

// onRole is the role that the call names. One that does not exist has no path.
func onRole(c *iamCall) iamSubject {
	r, ok := c.iamState.roles[c.get("RoleName")]
	if !ok {
		return iamSubject{c.arn("iam", "", "role/"+c.get("RoleName")), c.requestContext()}
	}
	s := iamSubject{c.roleARN(r), c.resourceContext(r.tags)}
	if r.boundary != "" {
		s.context["iam:PermissionsBoundary"] = []string{r.boundary}
	}
	if policy := c.get("PolicyArn"); policy != "" {
		s.context["iam:PolicyARN"] = []string{policy}
	}
	return s
}

// onRoleWithBoundary is the role with the boundary that it shall get.
func onRoleWithBoundary(c *iamCall) iamSubject {
	s := onRole(c)
	s.context["iam:PermissionsBoundary"] = []string{c.get("PermissionsBoundary")}
	return s
}

func onNewRole(c *iamCall) iamSubject {
	s := iamSubject{c.arn("iam", "", "role"+cmp.Or(c.get("Path"), "/")+c.get("RoleName")), c.requestContext()}
	if boundary := c.get("PermissionsBoundary"); boundary != "" {
		s.context["iam:PermissionsBoundary"] = []string{boundary}
	}
	return s
}

func onProfile(c *iamCall) iamSubject {
	p, ok := c.iamState.profiles[c.get("InstanceProfileName")]
	if !ok {
		return iamSubject{c.arn("iam", "", "instance-profile/"+c.get("InstanceProfileName")), c.requestContext()}
	}
	return iamSubject{c.profileARN(p), c.resourceContext(p.tags)}
}

func onNewProfile(c *iamCall) iamSubject {
	return iamSubject{c.arn("iam", "", "instance-profile"+cmp.Or(c.get("Path"), "/")+c.get("InstanceProfileName")), c.requestContext()}
}

func onPolicy(c *iamCall) iamSubject {
	p, ok := c.policy(c.get("PolicyArn"))
	if !ok {
		return iamSubject{c.get("PolicyArn"), c.requestContext()}
	}
	return iamSubject{p.arn, c.resourceContext(p.tags)}
}

func onNewPolicy(c *iamCall) iamSubject {
	return iamSubject{c.arn("iam", "", "policy"+cmp.Or(c.get("Path"), "/")+c.get("PolicyName")), c.requestContext()}
}

// requestContext are the condition keys for the tags in the call.
func (c *iamCall) requestContext() map[string][]string {
	context := map[string][]string{}
	for _, t := range c.form.structures("Tags.member") {
		context["aws:RequestTag/"+t.get("Key")] = []string{t.get("Value")}
		context["aws:TagKeys"] = append(context["aws:TagKeys"], t.get("Key"))
	}
	if keys := c.form.list("TagKeys.member"); keys != nil {
		context["aws:TagKeys"] = keys
	}
	return context
}

// resourceContext adds those for the tags that the resource has.
func (c *iamCall) resourceContext(tags map[string]string) map[string][]string {
	context := c.requestContext()
	for key, value := range tags {
		context["aws:ResourceTag/"+key] = []string{value}
		context["iam:ResourceTag/"+key] = []string{value}
	}
	return context
}

// mayTag is asked of who creates something with tags: that takes the permission to tag
// it as well (docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html).
func (c *iamCall) mayTag(action string, on iamSubject) *Error {
	if len(c.form.structures("Tags.member")) == 0 {
		return nil
	}
	return c.authorize(c.request, action, on.arn, on.context)
}

// mayPass is asked of who puts a role into an instance profile. The service that it is
// passed to is EC2, whatever instance the profile will be on.
func (c *iamCall) mayPass(r *iamRole, profile string) *Error {
	context := c.resourceContext(r.tags)
	context["iam:PassedToService"] = []string{"ec2.amazonaws.com"}
	if strings.HasPrefix(c.Partition, "aws-cn") {
		context["iam:PassedToService"] = []string{"ec2.amazonaws.com.cn"}
	}
	context["iam:AssociatedResourceArn"] = []string{profile}
	return c.authorize(c.request, "iam:PassRole", c.roleARN(r), context)
}
