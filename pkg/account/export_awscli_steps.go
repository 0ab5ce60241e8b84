package account

import (
	"fmt"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// What AWS answers as long as it does not know yet what IAM has created: IAM itself,
// EC2, EKS and ECR. TestScriptWaits has the whole answers.
const (
	iamNotYet = "NoSuchEntity"
	ec2NotYet = "Invalid IAM Instance Profile"
	eksNotYet = "principalArn|ResourcePropagationDelay"
	ecrNotYet = "Invalid (repository|registry) policy provided"
)

func (s *script) policy(c plan.Change) ([]string, error) {
	if c.After == "" {
		old, err := decode[policyState](c.Before)
		if err != nil {
			return nil, err
		}
		policyARN := s.iamARN("policy", old.Path, c.Name)
		return []string{
			s.function("drop_versions") + " " + shell(policyARN) + " 0",
			call("iam delete-policy", option("policy-arn", policyARN)),
		}, nil
	}
	p, err := decode[policyState](c.After)
	if err != nil {
		return nil, err
	}
	text, err := document("policy-document", string(p.Document))
	return []string{
		call("iam create-policy", option("policy-name", c.Name), option("path", p.Path),
			option("description", s.description()), text, tagOption(p.Tags)),
		call("iam wait policy-exists", option("policy-arn", s.iamARN("policy", p.Path, c.Name))),
	}, err
}

// version makes room first: AWS keeps five versions of a policy.
func (s *script) version(c plan.Change) ([]string, error) {
	if c.After == "" {
		return nil, nil
	}
	text, err := document("policy-document", c.After)
	return []string{
		s.function("drop_versions") + " " + shell(c.Of) + " 3",
		call("iam create-policy-version", option("policy-arn", c.Of), "--set-as-default", text),
	}, err
}

func (s *script) role(c plan.Change) ([]string, error) {
	name := option("role-name", c.Name)
	if c.After == "" {
		return []string{call("iam delete-role", name)}, nil
	}
	r, err := decode[roleState](c.After)
	if err != nil {
		return nil, err
	}
	trust, err := document("assume-role-policy-document", string(r.Trust))
	options := []string{name, option("path", r.Path), option("description", s.description()), trust}
	if r.Boundary != "" {
		options = append(options, option("permissions-boundary", r.Boundary))
	}
	return []string{
		call("iam create-role", append(options, tagOption(r.Tags))...),
		call("iam wait role-exists", name),
	}, err
}

func (s *script) trust(c plan.Change) ([]string, error) {
	if c.After == "" {
		return nil, nil
	}
	text, err := document("policy-document", c.After)
	return []string{call("iam update-assume-role-policy", option("role-name", c.Name), text)}, err
}

func (s *script) boundary(c plan.Change) []string {
	if c.After == "" {
		return []string{call("iam delete-role-permissions-boundary", option("role-name", c.Name))}
	}
	return []string{call("iam put-role-permissions-boundary", option("role-name", c.Name), option("permissions-boundary", c.After))}
}

func (s *script) roleTag(c plan.Change) []string {
	if c.After == "" {
		return []string{call("iam untag-role", option("role-name", c.Of), option("tag-keys", c.Name))}
	}
	return []string{call("iam tag-role", option("role-name", c.Of), tagOption(map[string]string{c.Name: tagValue(c.After)}))}
}

func (s *script) attached(c plan.Change) []string {
	role, arn := option("role-name", c.Of), option("policy-arn", c.Name)
	if c.After == "" {
		return []string{call("iam detach-role-policy", role, arn)}
	}
	return []string{s.eventually(iamNotYet, "iam attach-role-policy", role, arn)}
}

func (s *script) inline(c plan.Change) ([]string, error) {
	role, name := option("role-name", c.Of), option("policy-name", c.Name)
	if c.After == "" {
		return []string{call("iam delete-role-policy", role, name)}, nil
	}
	text, err := document("policy-document", c.After)
	return []string{s.eventually(iamNotYet, "iam put-role-policy", role, name, text)}, err
}

func (s *script) profile(c plan.Change) ([]string, error) {
	name := option("instance-profile-name", c.Name)
	if c.After == "" {
		return []string{call("iam delete-instance-profile", name)}, nil
	}
	p, err := decode[profileState](c.After)
	return []string{
		call("iam create-instance-profile", name, option("path", p.Path), tagOption(p.Tags)),
		call("iam wait instance-profile-exists", name),
	}, err
}

// profileRole takes a role out only if no instance would lose it.
func (s *script) profileRole(c plan.Change) []string {
	name := option("instance-profile-name", c.Name)
	var commands []string
	if c.Before != "" {
		commands = []string{
			s.function("idle") + " " + shell(c.Name),
			call("iam remove-role-from-instance-profile", name, option("role-name", c.Before)),
		}
	}
	if c.After != "" {
		commands = append(commands, s.eventually(iamNotYet, "iam add-role-to-instance-profile", name, option("role-name", c.After)))
	}
	return commands
}

func (s *script) association(c plan.Change) []string {
	instance, profile := shell(c.Name), shell(encode(map[string]string{"Arn": c.After}))
	switch c.Verb() {
	case plan.Create:
		return []string{s.eventually(ec2NotYet, "ec2 associate-iam-instance-profile", option("instance-id", c.Name), "--iam-instance-profile "+profile)}
	case plan.Delete:
		return []string{
			fmt.Sprintf("id=$(%s %s %s)", s.function("association"), instance, shell(c.Before)),
			`aws ec2 disassociate-iam-instance-profile --association-id "$id"`,
		}
	}
	s.function("association")
	s.function("eventually")
	return []string{fmt.Sprintf("%s %s %s %s", s.function("replace_profile"), instance, shell(c.Before), profile)}
}

// tags removes a tag by key and value, so that AWS leaves it where somebody has
// changed it.
func (s *script) tags(batch []plan.Change) []string {
	var resources []string
	for _, c := range batch {
		resources = append(resources, c.Of)
	}
	c := batch[0]
	if c.After == "" {
		return []string{call("ec2 delete-tags", option("resources", resources...), tagOption(map[string]string{c.Name: tagValue(c.Before)}))}
	}
	return []string{call("ec2 create-tags", option("resources", resources...), tagOption(map[string]string{c.Name: tagValue(c.After)}))}
}

// scaleTag is a tag of an Auto Scaling group as its API takes it.
type scaleTag struct {
	ResourceID        string `json:"ResourceId"`
	ResourceType      string
	Key               string
	Value             *string `json:",omitempty"`
	PropagateAtLaunch *bool   `json:",omitempty"`
}

func (s *script) groupTag(c plan.Change) ([]string, error) {
	tag := scaleTag{ResourceID: c.Of, ResourceType: "auto-scaling-group", Key: c.Name}
	if c.After == "" {
		return []string{call("autoscaling delete-tags", structured("tags", []scaleTag{tag}))}, nil
	}
	state, err := decode[groupTagState](c.After)
	tag.Value, tag.PropagateAtLaunch = &state.Value, &state.Propagate
	return []string{call("autoscaling create-or-update-tags", structured("tags", []scaleTag{tag}))}, err
}

// entry makes an entry anew whose role is another by now: what it is bound to cannot be
// changed. (Those to delete are left: others may have given them more since.)
func (s *script) entry(c plan.Change) ([]string, error) {
	options := []string{option("cluster-name", c.Of), option("principal-arn", c.Name)}
	var commands []string
	if c.Before != "" {
		commands = []string{call("eks delete-access-entry", options...)}
	}
	state, err := decode[entryState](c.After)
	if state.Stale {
		return nil, nil // of a role that is gone: none can be made for it
	}
	options = append(options, option("type", state.Type))
	if len(state.Tags) > 0 {
		options = append(options, structured("tags", state.Tags))
	}
	return append(commands, s.eventually(eksNotYet, "eks create-access-entry", options...)), err
}

func (s *script) accessPolicy(c plan.Change) ([]string, error) {
	options := []string{option("cluster-name", s.EKS), option("principal-arn", c.Of), option("policy-arn", c.Name)}
	if c.After == "" {
		return []string{call("eks disassociate-access-policy", options...)}, nil
	}
	scope, err := decode[scopeState](c.After)
	// The members of the state have the names that they have in the API.
	return []string{s.eventually(eksNotYet, "eks associate-access-policy", append(options, structured("access-scope", scope))...)}, err
}

// statements writes a repository's or the registry's policy whole, for there is no
// other way, and so looks first whether it is still the one that was merged with.
func (s *script) statements(batch []plan.Change) ([]string, error) {
	merged, err := s.policyAfter(batch)
	if err != nil {
		return nil, err
	}
	get, put, remove := "ecr get-registry-policy", "ecr put-registry-policy", "ecr delete-registry-policy"
	var options []string
	if repository := batch[0].Of; batch[0].Kind == kindRepository {
		get, put, remove = "ecr get-repository-policy", "ecr set-repository-policy", "ecr delete-repository-policy"
		options = []string{option("repository-name", repository)}
	}
	check := command(s.function("unchanged")+" "+shell(strings.TrimRight(s.Policies[batch[0].Of], "\n"))+" aws "+get, options)
	if merged == "" {
		return []string{check, call(remove, options...)}, nil
	}
	return []string{check, s.eventually(ecrNotYet, put, append(options, option("policy-text", merged))...)}, nil
}
