package account

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// CloudFormation prints what can be a stack's, as a template in YAML: roles, policies
// and instance profiles that are created, inline policies of any role, and managed
// policies attached to roles of the stack. Everything else is left. Nothing carries
// our ownership tags. If nothing can be a stack's, the text is all comment, for a
// template has at least one resource.
func (e Export) CloudFormation() (text string, left []plan.Change) {
	s := stack{Export: e, new: e.created(), labels: map[string]string{}, holders: map[string][]string{}, policies: map[string][]string{}}
	for _, c := range e.Changes {
		if why := s.add(c); why != "" {
			s.leave(c, why)
		}
	}
	return s.text(), s.left
}

// stack is a template that is being written.
type stack struct {
	Export
	remainder
	new       map[plan.Object]string
	resources []resource
	labels    map[string]string   // what a resource's logical id is made of, by key
	ids       map[string]string   // logical ids, by key
	holders   map[string][]string // the roles that a managed policy of the stack is attached to, by its ARN
	policies  map[string][]string // ARNs of others' policies, by the stack's role that they are attached to
	lacking   []string            // what CloudFormation has no property for
}

// resource is a resource of the template.
type resource struct {
	key        string
	kind       string // of CloudFormation: AWS::IAM::Role
	why        string
	properties func() object
}

const templateHead = `# What cluster %s needs in account %s, region %s,
# as far as CloudFormation can have it. Printed by
# ` + "`ecr-node-bootstrap print cloudformation`" + `: once, for what the stack has created is not
# printed again. From then on it is the stack's, and ecr-node-bootstrap neither changes
# nor destroys it.
`

// deploy says how to make a stack of a template of a size.
func (s *stack) deploy(size int) string {
	// docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
	const mostInRequest = 51200
	bucket := ""
	if size > mostInRequest {
		bucket = " \\\n#     --s3-bucket BUCKET"
	}
	return fmt.Sprintf("#\n#   aws cloudformation deploy --region %s --stack-name %s \\\n#     --capabilities CAPABILITY_NAMED_IAM%s --template-file FILE\n",
		shell(s.Region), stackName(s.Cluster), bucket)
}

var notAlphanumeric = regexp.MustCompile(`[^A-Za-z0-9]+`)

func stackName(cluster string) string {
	return "kubelet-ecr-" + strings.Trim(notAlphanumeric.ReplaceAllString(cluster, "-"), "-")
}

func (s *stack) text() string {
	var rest strings.Builder
	s.comment(&rest)
	if len(s.lacking) > 0 {
		rest.WriteString("#\n# What CloudFormation has no property for:\n")
		for _, what := range s.lacking {
			fmt.Fprintf(&rest, "#   %s\n", oneLine(what))
		}
	}
	head := fmt.Sprintf(templateHead, oneLine(s.Cluster), oneLine(s.Account), oneLine(s.Region))
	if len(s.resources) == 0 {
		return head + "\n# Nothing of it can be a stack's.\n\n" + rest.String()
	}
	body := s.template()
	return head + s.deploy(len(head)+len(body)+rest.Len()) + "\n" + body + "\n" + rest.String()
}

// template is what the text is without its comments.
func (s *stack) template() string {
	s.ids = identifiers(s.labels, "")
	var b strings.Builder
	write := func(depth int, value any) {
		for _, line := range yamlLines(value) {
			b.WriteString(strings.Repeat("  ", depth) + line + "\n")
		}
	}
	write(0, object{
		{"AWSTemplateFormatVersion", "2010-09-09"},
		{"Description", "What the " + s.description() + " are allowed"},
		{"Rules", object{{"Account", object{{"Assertions", []any{object{
			{"Assert", object{{"Fn::Equals", []any{verbatim("!Ref AWS::AccountId"), s.Account}}}},
			{"AssertDescription", "This is the template of account " + s.Account},
		}}}}}}},
	})
	b.WriteString("Resources:\n")
	outputs := object{}
	for _, r := range s.resources {
		id := s.ids[r.key]
		if r.why != "" {
			write(1, verbatim("# "+oneLine(r.why)))
		}
		write(1, object{{id, object{{"Type", verbatim(r.kind)}, {"Properties", r.properties()}}}})
		switch r.kind {
		case typeRole:
			outputs = append(outputs, member{id + "Arn", object{{"Value", verbatim("!GetAtt " + id + ".Arn")}}})
		case typeProfile:
			outputs = append(outputs, member{id + "Name", object{
				{"Description", "What Rancher's node template asks for"}, {"Value", verbatim("!Ref " + id)},
			}})
		}
	}
	if len(outputs) > 0 {
		write(0, object{{"Outputs", outputs}})
	}
	return b.String()
}

const (
	typeRole    = "AWS::IAM::Role"
	typePolicy  = "AWS::IAM::ManagedPolicy"
	typeInline  = "AWS::IAM::Policy"
	typeProfile = "AWS::IAM::InstanceProfile"
)

// resource adds a resource, whose logical id is made of the words of its label and
// what it is.
func (s *stack) resource(kind string, o plan.Object, what, why string, properties func() object) {
	key := kind + " " + o.String()
	s.labels[key] = camel(o.Of) + camel(o.Name) + what
	s.resources = append(s.resources, resource{key, kind, why, properties})
}

// camel is a name in letters and digits: prod-1-server is Prod1Server.
func camel(name string) string {
	var b strings.Builder
	for _, word := range notAlphanumeric.Split(name, -1) {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

// reference is what another resource of the stack is called, or a name, if it is none.
func (s *stack) reference(kind string, o plan.Object) any {
	if id, ok := s.ids[kind+" "+o.String()]; ok {
		return verbatim("!Ref " + id)
	}
	return o.Name
}

func (s *stack) role(name string) any {
	return s.reference(typeRole, plan.Object{Kind: kindRole, Name: name})
}

// add adds what makes a change; why, if nothing can.
func (s *stack) add(c plan.Change) (why string) {
	switch c.Kind {
	case kindAssociation, kindTag, kindGroupTag, kindEntry, kindAccessPolicy, kindRegistry, kindRepository:
		return "What is not of IAM"
	}
	if c.Verb() != plan.Create {
		return whyThere
	}
	var err error
	switch c.Kind {
	case kindPolicy:
		err = s.policy(c)
	case kindRole:
		err = s.addRole(c)
	case kindAttached:
		return s.attached(c)
	case kindInline:
		err = s.inline(c)
	case kindProfile:
		return s.profile(c)
	case kindProfileRole:
		if s.new[plan.Object{Kind: kindProfile, Name: c.Name}] == "" {
			return whyPart
		}
	default:
		return whyPart
	}
	if err != nil {
		return whyUnreadable
	}
	return ""
}

func (s *stack) policy(c plan.Change) error {
	state, err := decode[policyState](c.After)
	if err != nil {
		return err
	}
	document, err := tree(string(state.Document))
	if err != nil {
		return err
	}
	s.lack("tags of "+c.Object.String(), state.Tags)
	s.resource(typePolicy, c.Object, "Policy", c.Why, func() object {
		o := object{
			{"ManagedPolicyName", c.Name},
			{"Path", state.Path},
			{"Description", s.description()},
			{"PolicyDocument", document},
		}
		if roles := s.holders[s.iamARN("policy", state.Path, c.Name)]; len(roles) > 0 {
			var list []any
			for _, role := range roles {
				list = append(list, s.role(role))
			}
			o = append(o, member{"Roles", list})
		}
		return o
	})
	return nil
}

// lack notes what an object will not have.
func (s *stack) lack(what string, tags map[string]string) {
	if tags = notOurs(tags); len(tags) > 0 {
		s.lacking = append(s.lacking, what+": "+encode(tags))
	}
}

func (s *stack) addRole(c plan.Change) error {
	state, err := decode[roleState](c.After)
	if err != nil {
		return err
	}
	trust, err := tree(string(state.Trust))
	if err != nil {
		return err
	}
	s.resource(typeRole, c.Object, "Role", c.Why, func() object {
		o := object{
			{"RoleName", c.Name},
			{"Path", state.Path},
			{"Description", s.description()},
			{"AssumeRolePolicyDocument", trust},
		}
		if state.Boundary != "" {
			o = append(o, member{"PermissionsBoundary", state.Boundary})
		}
		if attached := s.policies[c.Name]; len(attached) > 0 {
			o = append(o, member{"ManagedPolicyArns", textList(attached)})
		}
		var tags []any
		for _, tag := range tagObject(notOurs(state.Tags)) {
			tags = append(tags, object{{"Key", tag.name}, {"Value", tag.value}})
		}
		if len(tags) > 0 {
			o = append(o, member{"Tags", tags})
		}
		return o
	})
	return nil
}

// attached notes that a policy is attached: on the policy, if it is the stack's, for
// that can name any role, or else on the role, if that is.
func (s *stack) attached(c plan.Change) (why string) {
	for o, state := range s.new {
		p, err := decode[policyState](state)
		if o.Kind == kindPolicy && err == nil && s.iamARN("policy", p.Path, o.Name) == c.Name {
			s.holders[c.Name] = append(s.holders[c.Name], c.Of)
			return ""
		}
	}
	if s.new[plan.Object{Kind: kindRole, Name: c.Of}] == "" {
		return whyPart
	}
	s.policies[c.Of] = append(s.policies[c.Of], c.Name)
	return ""
}

func (s *stack) inline(c plan.Change) error {
	document, err := tree(c.After)
	if err != nil {
		return err
	}
	s.resource(typeInline, c.Object, "Policy", c.Why, func() object {
		return object{
			{"PolicyName", c.Name},
			{"Roles", []any{s.role(c.Of)}},
			{"PolicyDocument", document},
		}
	})
	return nil
}

// profile adds an instance profile with its role, which CloudFormation insists on.
func (s *stack) profile(c plan.Change) (why string) {
	role := s.new[plan.Object{Kind: kindProfileRole, Name: c.Name}]
	if role == "" {
		return "Instance profiles without a role"
	}
	state, err := decode[profileState](c.After)
	if err != nil {
		return whyUnreadable
	}
	s.lack("tags of "+c.Object.String(), state.Tags)
	s.resource(typeProfile, c.Object, "Profile", c.Why, func() object {
		return object{
			{"InstanceProfileName", c.Name},
			{"Path", state.Path},
			{"Roles", []any{s.role(role)}},
		}
	})
	return ""
}

var yamlWord = regexp.MustCompile(`^[A-Z][A-Za-z0-9]+(::[A-Za-z]+)*$`)

// yamlLines is a value in YAML's block style. Texts are quoted, so that none is taken
// for a date, a number or a yes.
func yamlLines(value any) []string {
	var lines []string
	switch v := value.(type) {
	case object:
		for _, m := range v {
			name := m.name
			if !yamlWord.MatchString(name) || slices.Contains([]string{"Yes", "No", "On", "Off", "True", "False", "Null"}, name) {
				name = doubleQuoted(name)
			}
			inner := yamlLines(m.value)
			if yamlScalar(m.value) {
				lines = append(lines, name+": "+inner[0])
				continue
			}
			lines = append(lines, name+":")
			for _, line := range inner {
				lines = append(lines, "  "+line)
			}
		}
		if len(v) == 0 {
			return []string{"{}"}
		}
	case []any:
		for _, element := range v {
			for i, line := range yamlLines(element) {
				lines = append(lines, []string{"- ", "  "}[min(i, 1)]+line)
			}
		}
		if len(v) == 0 {
			return []string{"[]"}
		}
	case verbatim:
		return []string{string(v)}
	case string:
		return []string{doubleQuoted(v)}
	case json.Number:
		return []string{v.String()}
	case bool:
		return []string{fmt.Sprint(v)}
	case nil:
		return []string{"null"}
	}
	return lines
}

// yamlScalar says whether a value stands on the line of its key.
func yamlScalar(value any) bool {
	switch v := value.(type) {
	case object:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return true
}
