package fakeaws

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// autoScalingState is one region of EC2 Auto Scaling, in order of creation.
type autoScalingState struct {
	groups         []*scalingGroup
	configurations []*launchConfiguration
}

type scalingGroup struct {
	name, arn         string
	least, most, want int
	zoneIdentifier    string // the ids of its subnets, with commas between them
	subnets           []*subnet
	configuration     string
	template          *groupTemplate // of the group, or of its mixed instances policy
	mixed             *mixedInstances
	instances         []*groupMember
	tags              map[string]groupTag
	created           time.Time
}

// A groupTemplate is a launch template in the version that the group asks for.
type groupTemplate struct {
	template *launchTemplate
	version  string // as it was given
}

type mixedInstances struct {
	types                 []string // of the overrides
	onDemandBase          string
	onDemandPercentage    string
	spotStrategy          string
	onDemandPrioritisedBy string
}

type groupMember struct {
	instance *instance
	version  string // of the launch template; "" without one
}

type groupTag struct {
	value     string
	propagate bool
}

type launchConfiguration struct {
	launchData
	name, arn string
	profile   string // name or ARN
	created   time.Time
}

var autoScalingReads = map[string]func(*call) *Error{
	"DescribeAutoScalingGroups":    (*call).describeGroups,
	"DescribeLaunchConfigurations": (*call).describeConfigurations,
	"DescribeTags":                 (*call).describeGroupTags,
}

var autoScalingWrites = map[string]func(*call) (*change, *Error){
	"AttachInstances":           (*call).attachInstances,
	"CreateAutoScalingGroup":    (*call).createGroup,
	"CreateLaunchConfiguration": (*call).createConfiguration,
	"CreateOrUpdateTags":        (*call).createGroupTags,
	"DeleteTags":                (*call).deleteGroupTags,
}

// autoscaling answers EC2 Auto Scaling.
func (s *Server) autoscaling(q *request) (answer, *Error) {
	c := &call{request: q, server: s, in: newForm(q.http.PostForm)}
	q.Detail = c.in.String()
	c.out.WriteString("<" + q.Operation + `Response xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><` + q.Operation + "Result>")
	var e *Error
	if write, ok := autoScalingWrites[q.Operation]; ok {
		e = s.write(c, write)
	} else if read, ok := autoScalingReads[q.Operation]; ok {
		e = s.read(c, read)
	} else {
		e = &Error{Status: 400, Code: "InvalidAction", Message: "Could not find operation " + q.Operation + " for version 2011-01-01"}
	}
	if e != nil {
		return answer{}, e
	}
	c.out.close(q.Operation + "Result")
	c.out.close(q.Operation + "Response")
	return answer{status: 200, contentType: "text/xml", body: c.out.Bytes()}, nil
}

func validationError(format string, args ...any) *Error {
	return &Error{Status: 400, Code: "ValidationError", Message: fmt.Sprintf(format, args...)}
}

// asValidation is an error of EC2 as Auto Scaling passes it on.
func asValidation(e *Error) *Error { return validationError("%s", e.Message) }

func unusableTemplate(e *Error) *Error {
	return validationError("You must use a valid fully-formed launch template. %s", e.Message)
}

func (c *call) group(name string) (*scalingGroup, bool) {
	i := slices.IndexFunc(c.groups, func(g *scalingGroup) bool { return g.name == name })
	if i < 0 {
		return nil, false
	}
	return c.groups[i], true
}

// needOfGroup is what the operation needs of a group that gets tags.
func (c *call) needOfGroup(arn string, tags tagSet, g *scalingGroup) need {
	context := tagContext(tags, nil)
	if g != nil {
		for key, t := range g.tags {
			context["aws:ResourceTag/"+key] = []string{t.value}
			context["autoscaling:ResourceTag/"+key] = []string{t.value}
		}
	}
	return need{"autoscaling:" + c.Operation, arn, context}
}

func (c *call) createGroup() (*change, *Error) {
	name := c.in.get("AutoScalingGroupName")
	if name == "" {
		return nil, missingField("autoScalingGroupName")
	}
	g := &scalingGroup{name: name, zoneIdentifier: c.in.get("VPCZoneIdentifier"), configuration: c.in.get("LaunchConfigurationName")}
	if e := c.readSizes(g); e != nil {
		return nil, e
	}
	var e *Error
	if g.tags, e = groupTags(c.in.structures("Tags.member"), name); e != nil {
		return nil, e
	}
	if g.subnets, e = findAll(&subnetKind, c.subnets, strings.FieldsFunc(g.zoneIdentifier, func(r rune) bool { return r == ',' || r == ' ' })); e != nil {
		return nil, asValidation(e)
	}
	launch, e := c.launchOf(g)
	if e != nil {
		return nil, e
	}
	g.arn = c.server.arn("autoscaling", c.region.name, "autoScalingGroup:"+uuid(c.server.mint("asg"))+":autoScalingGroupName/"+name)
	return &change{[]need{c.needOfGroup(g.arn, valuesOf(g.tags), nil)}, func() *Error {
		if _, exists := c.group(name); exists {
			return &Error{Status: 400, Code: "AlreadyExists", Message: "AutoScalingGroup by this name already exists - A group with the name " + name + " already exists"}
		}
		g.created = c.server.Now()
		if e := c.fill(g, launch); e != nil && g.template != nil {
			return unusableTemplate(e)
		} else if e != nil {
			return asValidation(e)
		}
		c.groups = append(c.groups, g)
		return nil
	}}, nil
}

// uuid is an id in the form of one.
func uuid(minted string) string {
	digits := minted[strings.LastIndex(minted, "-")+1:]
	return fmt.Sprintf("00000000-0000-4000-8000-%012s", digits[len(digits)-12:])
}

func missingField(name string) *Error {
	return validationError("1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", name)
}

func (c *call) readSizes(g *scalingGroup) *Error {
	for _, size := range []struct {
		name string
		to   *int
		or   string
	}{{"MinSize", &g.least, ""}, {"MaxSize", &g.most, ""}, {"DesiredCapacity", &g.want, c.in.get("MinSize")}} {
		n, err := strconv.Atoi(cmp.Or(c.in.get(size.name), size.or))
		if err != nil {
			return missingField(strings.ToLower(size.name[:1]) + size.name[1:])
		}
		*size.to = n
	}
	if g.least > g.want || g.want > g.most {
		return validationError("Desired capacity:%d must be between the specified min size:%d and max size:%d", g.want, g.least, g.most)
	}
	return nil
}

// launchOf finds out what the group launches.
func (c *call) launchOf(g *scalingGroup) (d launchData, e *Error) {
	const own, mixed = "LaunchTemplate.", "MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification."
	given := func(prefix string) bool {
		return c.in.get(prefix+"LaunchTemplateId") != "" || c.in.get(prefix+"LaunchTemplateName") != ""
	}
	spec := own
	switch {
	case given(mixed) && !given(own) && g.configuration == "":
		spec = mixed
		distribution := c.in.at("MixedInstancesPolicy.InstancesDistribution")
		g.mixed = &mixedInstances{
			onDemandBase: distribution.get("OnDemandBaseCapacity"), onDemandPercentage: distribution.get("OnDemandPercentageAboveBaseCapacity"),
			spotStrategy: distribution.get("SpotAllocationStrategy"), onDemandPrioritisedBy: distribution.get("OnDemandAllocationStrategy"),
		}
		for _, o := range c.in.structures("MixedInstancesPolicy.LaunchTemplate.Overrides.member") {
			g.mixed.types = append(g.mixed.types, o.get("InstanceType"))
		}
	case given(own) && !given(mixed) && g.configuration == "":
	case g.configuration != "" && !given(own) && !given(mixed):
		i := slices.IndexFunc(c.configurations, func(l *launchConfiguration) bool { return l.name == g.configuration })
		if i < 0 {
			return d, validationError("Launch configuration name not found - A launch configuration with the name: %s does not exist", g.configuration)
		}
		return c.configurations[i].launchData, nil
	default:
		return d, validationError("Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or MixedInstancesPolicy parameter.")
	}
	in := c.in.at(strings.TrimSuffix(spec, "."))
	version, e := c.templateVersion(in)
	if e != nil {
		return d, unusableTemplate(e)
	}
	g.template = &groupTemplate{version.template, in.get("Version")}
	return version.launchData, nil
}

// fill launches what the group wants, one subnet after the other.
func (c *call) fill(g *scalingGroup, d launchData) *Error {
	propagated := tagSet{"aws:autoscaling:groupName": g.name}
	for key, t := range g.tags {
		if t.propagate {
			propagated[key] = t.value
		}
	}
	if len(d.interfaces) > 0 && len(g.subnets) > 0 { // the group's win
		d.groups, d.interfaces = d.interfaces[0].groups, nil
	}
	for i := range g.want {
		if len(g.subnets) > 0 {
			d.subnet = g.subnets[i%len(g.subnets)].id
		}
		l, e := c.resolve(d)
		if e != nil {
			return e
		}
		if l.metadata.tags == "enabled" {
			if e := propagated.fitForMetadata(); e != nil {
				return e
			}
		}
		r, e := c.launch(l, 1, propagated)
		if e != nil {
			return e
		}
		g.instances = append(g.instances, &groupMember{r.instances[0], g.versionNow()})
	}
	return nil
}

// versionNow is the number that the version of the group's template has at present.
func (g *scalingGroup) versionNow() string {
	if g.template == nil {
		return ""
	}
	v, e := g.template.template.version(g.template.version)
	if e != nil {
		return ""
	}
	return strconv.Itoa(v.number)
}

// attachInstances makes running instances members. They get the group's own tag, and
// none of those that it propagates.
func (c *call) attachInstances() (*change, *Error) {
	g, ok := c.group(c.in.get("AutoScalingGroupName"))
	if !ok {
		return nil, validationError("AutoScalingGroup name not found - AutoScalingGroup '%s' not found", c.in.get("AutoScalingGroupName"))
	}
	members, e := withIDs(c.instances, &instanceKind, c.in.list("InstanceIds.member"))
	if e != nil || !c.in.has("InstanceIds.member.1") {
		return nil, validationError("Invalid Instance ID(s): %v specified", c.in.list("InstanceIds.member"))
	}
	return &change{[]need{c.needOfGroup(g.arn, nil, g)}, func() *Error {
		for _, m := range members {
			if m.state != running {
				return validationError("Instance %s is not in correct state. Instance(s) must be in 'running' state.", m.id)
			}
			if group, ok := m.tags["aws:autoscaling:groupName"]; ok {
				return validationError("Instance %s is already part of AutoScalingGroup:%s", m.id, group)
			}
		}
		if g.want+len(members) > g.most {
			return validationError("AutoScalingGroup %s has min-size=%d, max-size=%d, and desired-size=%d. "+
				"To attach %d more instances, please update the AutoScalingGroup sizes appropriately.",
				g.name, g.least, g.most, g.want, len(members))
		}
		g.want += len(members)
		for _, m := range members {
			m.tags["aws:autoscaling:groupName"] = g.name
			g.instances = append(g.instances, &groupMember{m, g.versionNow()})
		}
		return nil
	}}, nil
}

func (c *call) createConfiguration() (*change, *Error) {
	name := c.in.get("LaunchConfigurationName")
	if name == "" {
		return nil, missingField("launchConfigurationName")
	}
	metadata, e := readMetadataOptions(c.in.at("MetadataOptions"))
	if e != nil {
		return nil, asValidation(e)
	}
	l := &launchConfiguration{name: name, profile: c.in.get("IamInstanceProfile"), launchData: launchData{
		image: c.in.get("ImageId"), instanceType: c.in.get("InstanceType"), key: c.in.get("KeyName"), userData: c.in.get("UserData"),
		groups: c.in.list("SecurityGroups.member"), metadata: metadata,
	}}
	if strings.HasPrefix(l.profile, "arn:") {
		l.profileARN = l.profile
	} else {
		l.profileName = l.profile
	}
	l.arn = c.server.arn("autoscaling", c.region.name, "launchConfiguration:"+uuid(c.server.mint("lc"))+":launchConfigurationName/"+name)
	needs := []need{{"autoscaling:CreateLaunchConfiguration", l.arn, nil}}
	if l.profile != "" {
		p, e := c.profile(l.profileName, l.profileARN)
		if e != nil {
			return nil, validationError("Invalid IamInstanceProfile: %s", l.profile)
		}
		needs = append(needs, c.passing(p, "*"))
	}
	return &change{needs, func() *Error {
		if slices.ContainsFunc(c.configurations, func(old *launchConfiguration) bool { return old.name == name }) {
			return &Error{Status: 400, Code: "AlreadyExists",
				Message: "Launch Configuration by this name already exists - A launch configuration already exists with the name " + name}
		}
		l.created = c.server.Now()
		c.configurations = append(c.configurations, l)
		return nil
	}}, nil
}

// groupTags reads tags of the group that is named, or of the one that each names.
func groupTags(given []form, group string) (map[string]groupTag, *Error) {
	tags := map[string]groupTag{}
	for i, t := range given {
		key, value := t.get("Key"), t.get("Value")
		switch of := t.get("ResourceId"); {
		case of != "" && of != group:
			return nil, validationError("Resource-id and AutoScalingGroupName should be the same")
		case key == "":
			return nil, missingField(fmt.Sprintf("tags.%d.member.key", i+1))
		case utf8.RuneCountInString(key) > maxTagKey:
			return nil, tooLong(i, "key", key, maxTagKey)
		case utf8.RuneCountInString(value) > maxTagValue:
			return nil, tooLong(i, "value", value, maxTagValue)
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return nil, validationError("Tag keys beginning with 'aws:' are reserved")
		}
		tags[key] = groupTag{value, t.isTrue("PropagateAtLaunch")}
	}
	if len(tags) > maxTags {
		return nil, tooManyGroupTags
	}
	return tags, nil
}

var tooManyGroupTags = &Error{Status: 400, Code: "LimitExceeded", Message: "Exceeded the number of tags allowed per group: 50"}

func tooLong(i int, field, value string, most int) *Error {
	return validationError("1 validation error detected: Value '%s' at 'tags.%d.member.%s' failed to satisfy constraint: Member must have length less than or equal to %d",
		value, i+1, field, most)
}

// valuesOf is the tags without what becomes of them.
func valuesOf(tags map[string]groupTag) tagSet {
	all := tagSet{}
	for key, t := range tags {
		all[key] = t.value
	}
	return all
}

func (g *scalingGroup) tagKeys() []string { return slices.Sorted(maps.Keys(g.tags)) }
