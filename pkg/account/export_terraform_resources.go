package account

import (
	"maps"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// role is the name of a role.
func (t *terraform) role(name string) any { return t.reference("aws_iam_role", name, "name", name) }

// principal is the ARN of a role, or of whom else.
func (t *terraform) principal(principalARN string) any {
	return t.reference("aws_iam_role", t.newRoles()[principalARN], "arn", principalARN)
}

// newRoles are the names of the roles that the changes create, by ARN.
func (t *terraform) newRoles() map[string]string {
	roles := map[string]string{}
	for o, state := range t.new {
		if s, err := decode[roleState](state); o.Kind == kindRole && err == nil {
			roles[t.iamARN("role", s.Path, o.Name)] = o.Name
		}
	}
	return roles
}

// newPolicies are the names of the managed policies that the changes create, by ARN.
func (t *terraform) newPolicies() map[string]string {
	policies := map[string]string{}
	for o, state := range t.new {
		if s, err := decode[policyState](state); o.Kind == kindPolicy && err == nil {
			policies[t.iamARN("policy", s.Path, o.Name)] = o.Name
		}
	}
	return policies
}

// jsonencode is a document as an argument of that function, which lets Terraform
// compare and show it by its parts.
func jsonencode(document string) (calling, error) {
	value, err := tree(document)
	return calling{"jsonencode", value}, err
}

func setTags(h *hcl, tags map[string]string) {
	if tags = notOurs(tags); len(tags) > 0 {
		h.set(1, "tags", tagObject(tags))
	}
}

func (t *terraform) policy(c plan.Change) error {
	s, err := decode[policyState](c.After)
	if err != nil {
		return err
	}
	document, err := jsonencode(string(s.Document))
	if err != nil {
		return err
	}
	t.resource("aws_iam_policy", c.Name, c.Name, c, func(h *hcl) {
		h.set(1, "name", c.Name)
		h.set(1, "path", s.Path)
		h.set(1, "description", t.description())
		h.set(1, "policy", document)
		setTags(h, s.Tags)
	})
	return nil
}

func (t *terraform) addRole(c plan.Change) error {
	s, err := decode[roleState](c.After)
	if err != nil {
		return err
	}
	trust, err := jsonencode(string(s.Trust))
	if err != nil {
		return err
	}
	t.resource("aws_iam_role", c.Name, c.Name, c, func(h *hcl) {
		h.set(1, "name", c.Name)
		h.set(1, "path", s.Path)
		h.set(1, "description", t.description())
		h.set(1, "assume_role_policy", trust)
		if s.Boundary != "" {
			h.set(1, "permissions_boundary", s.Boundary)
		}
		setTags(h, s.Tags)
	})
	return nil
}

func (t *terraform) attached(c plan.Change) {
	t.resource("aws_iam_role_policy_attachment", c.Of+" "+c.Name, c.Of+"_"+name(c.Name), c, func(h *hcl) {
		h.set(1, "role", t.role(c.Of))
		h.set(1, "policy_arn", t.reference("aws_iam_policy", t.newPolicies()[c.Name], "arn", c.Name))
	})
}

func (t *terraform) inline(c plan.Change) error {
	document, err := jsonencode(c.After)
	if err != nil {
		return err
	}
	t.resource("aws_iam_role_policy", c.Of+" "+c.Name, c.Of+"_"+c.Name, c, func(h *hcl) {
		h.set(1, "name", c.Name)
		h.set(1, "role", t.role(c.Of))
		h.set(1, "policy", document)
	})
	return nil
}

func (t *terraform) profile(c plan.Change) error {
	s, err := decode[profileState](c.After)
	if err != nil {
		return err
	}
	role := t.new[plan.Object{Kind: kindProfileRole, Name: c.Name}]
	t.resource("aws_iam_instance_profile", c.Name, c.Name, c, func(h *hcl) {
		h.set(1, "name", c.Name)
		h.set(1, "path", s.Path)
		if role != "" {
			h.set(1, "role", t.role(role))
		}
		setTags(h, s.Tags)
	})
	return nil
}

// tag adds a resource to those that get the same tag: one block has them all.
func (t *terraform) tag(c plan.Change) {
	const kind = "aws_ec2_tag"
	value := tagValue(c.After)
	object := c.Name + " " + c.After
	t.resource(kind, object, c.Name+"_"+value, c, func(h *hcl) {
		var resources []any
		for _, c := range t.blocks[address(kind, object)].changes {
			resources = append(resources, c.Of)
		}
		h.set(1, "for_each", calling{"toset", resources})
		h.set(1, "resource_id", verbatim("each.value"))
		h.set(1, "key", c.Name)
		h.set(1, "value", value)
	})
}

func (t *terraform) groupTag(c plan.Change) error {
	s, err := decode[groupTagState](c.After)
	if err != nil {
		return err
	}
	t.resource("aws_autoscaling_group_tag", c.Of+" "+c.Name, c.Of+"_"+c.Name, c, func(h *hcl) {
		h.set(1, "autoscaling_group_name", c.Of)
		h.line(1, "tag {")
		h.set(2, "key", c.Name)
		h.set(2, "value", s.Value)
		h.set(2, "propagate_at_launch", s.Propagate)
		h.line(1, "}")
	})
	return nil
}

func (t *terraform) entry(c plan.Change) error {
	s, err := decode[entryState](c.After)
	if err != nil {
		return err
	}
	t.resource("aws_eks_access_entry", c.Name, name(c.Name), c, func(h *hcl) {
		h.set(1, "cluster_name", c.Of)
		h.set(1, "principal_arn", t.principal(c.Name))
		h.set(1, "type", s.Type)
		setTags(h, s.Tags)
	})
	return nil
}

func (t *terraform) accessPolicy(c plan.Change) error {
	s, err := decode[scopeState](c.After)
	if err != nil {
		return err
	}
	t.resource("aws_eks_access_policy_association", c.Of+" "+c.Name, name(c.Of)+"_"+name(c.Name), c, func(h *hcl) {
		h.set(1, "cluster_name", t.EKS)
		h.set(1, "principal_arn", t.reference("aws_eks_access_entry", c.Of, "principal_arn", c.Of))
		h.set(1, "policy_arn", c.Name)
		h.line(1, "access_scope {")
		h.set(2, "type", s.Type)
		if len(s.Namespaces) > 0 {
			h.set(2, "namespaces", textList(s.Namespaces))
		}
		h.line(1, "}")
	})
	return nil
}

// statement adds a repository or registry policy, which has all its statements. It
// waits for the roles that it names, for ECR refuses those that do not exist.
func (t *terraform) statement(c plan.Change) error {
	merged, err := t.policyAfter(t.ofPolicy(c))
	if err != nil {
		return err
	}
	document, err := jsonencode(merged)
	if err != nil {
		return err
	}
	kind, label := "aws_ecr_registry_policy", "registry"
	if c.Kind == kindRepository {
		kind, label = "aws_ecr_repository_policy", c.Of
	}
	t.resource(kind, c.Of, label, c, func(h *hcl) {
		if c.Kind == kindRepository {
			h.set(1, "repository", c.Of)
		}
		h.set(1, "policy", document)
		var waits []any
		roles := t.newRoles()
		for _, roleARN := range slices.Sorted(maps.Keys(roles)) {
			if strings.Contains(merged, encode(roleARN)) {
				waits = append(waits, verbatim(t.names[address("aws_iam_role", roles[roleARN])]))
			}
		}
		if len(waits) > 0 {
			h.set(1, "depends_on", waits)
		}
	})
	return nil
}
