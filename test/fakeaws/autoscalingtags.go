package fakeaws

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A tagging is the tags of a request that are for one group.
type tagging struct {
	group *scalingGroup
	tags  []form
}

// taggings sorts the tags of a request by the groups that they name, all of which
// exist.
func (c *call) taggings() ([]tagging, *Error) {
	var all []tagging
	for _, t := range c.in.structures("Tags.member") {
		if kind := t.get("ResourceType"); kind != "" && kind != "auto-scaling-group" {
			return nil, validationError("Invalid resource type: %s", kind)
		}
		g, ok := c.group(t.get("ResourceId"))
		if !ok {
			return nil, validationError("AutoScalingGroup not found - AutoScaling Group %s not found", t.get("ResourceId"))
		}
		i := slices.IndexFunc(all, func(have tagging) bool { return have.group == g })
		if i < 0 {
			i = len(all)
			all = append(all, tagging{group: g})
		}
		all[i].tags = append(all[i].tags, t)
	}
	if len(all) == 0 {
		return nil, missingField("tags")
	}
	return all, nil
}

// createGroupTags does not touch the instances that the groups have.
func (c *call) createGroupTags() (*change, *Error) {
	given, e := c.taggings()
	if e != nil {
		return nil, e
	}
	after := make([]map[string]groupTag, len(given))
	var needs []need
	for i, t := range given {
		tags, e := groupTags(t.tags, t.group.name)
		if e != nil {
			return nil, e
		}
		needs = append(needs, c.needOfGroup(t.group.arn, valuesOf(tags), t.group))
		after[i] = maps.Clone(t.group.tags)
		maps.Copy(after[i], tags)
	}
	return &change{needs, func() *Error {
		for _, tags := range after {
			if len(tags) > maxTags {
				return tooManyGroupTags
			}
		}
		for i, t := range given {
			t.group.tags = after[i]
		}
		return nil
	}}, nil
}

func (c *call) deleteGroupTags() (*change, *Error) {
	given, e := c.taggings()
	if e != nil {
		return nil, e
	}
	var needs []need
	for _, t := range given {
		asked := tagSet{}
		for _, tag := range t.tags {
			asked[tag.get("Key")] = tag.get("Value")
		}
		needs = append(needs, c.needOfGroup(t.group.arn, asked, t.group))
	}
	return &change{needs, func() *Error {
		for _, t := range given {
			for _, tag := range t.tags {
				delete(t.group.tags, tag.get("Key"))
			}
		}
		return nil
	}}, nil
}

// fits holds a value of each attribute against the filters of a request: one of
// those of each filter, without wildcards.
func (c *call) fits(values func(filter string) ([]string, bool)) (bool, *Error) {
	for _, f := range c.in.structures("Filters.member") {
		have, known := values(f.get("Name"))
		if !known {
			return false, validationError("Filter type %s is not correct. Allowed Filter types are: auto-scaling-group key value propagate-at-launch", f.get("Name"))
		}
		if !slices.ContainsFunc(f.list("Values.member"), func(v string) bool { return slices.Contains(have, v) }) {
			return false, nil
		}
	}
	return true, nil
}

// records is the pagination of Auto Scaling: 50 if nothing is said, 100 at most.
func (c *call) records() (int, *Error) {
	given := cmp.Or(c.in.get("MaxRecords"), "50")
	n, err := strconv.Atoi(given)
	if err != nil || n < 1 || n > 100 {
		return 0, validationError("1 validation error detected: Value '%s' at 'maxRecords' failed to satisfy constraint: Member must have value less than or equal to 100", given)
	}
	return n, nil
}

// pageOf cuts a page as EC2 does, with Auto Scaling's error for a bad token.
func pageOf[T any](c *call, all []T) ([]T, string, *Error) {
	size, e := c.records()
	if e != nil {
		return nil, "", e
	}
	part, token, e := cut(c, all, size)
	if e != nil {
		return nil, "", &Error{Status: 400, Code: "InvalidNextToken", Message: "The token '" + c.in.get("NextToken") + "' is invalid."}
	}
	return part, token, nil
}

type groupTagRow struct {
	group *scalingGroup
	key   string
	groupTag
}

func (c *call) describeGroupTags() *Error {
	var all []groupTagRow
	for _, g := range c.groups {
		for _, key := range g.tagKeys() {
			t := groupTagRow{g, key, g.tags[key]}
			fits, e := c.fits(t.attribute)
			if e != nil {
				return e
			}
			if fits {
				all = append(all, t)
			}
		}
	}
	part, token, e := pageOf(c, all)
	if e != nil {
		return e
	}
	each(&c.out, "Tags", "member", part, c.writeGroupTag)
	c.out.given("NextToken", token)
	return nil
}

func (t groupTagRow) attribute(filter string) ([]string, bool) {
	switch filter {
	case "auto-scaling-group":
		return one(t.group.name)
	case "key":
		return one(t.key)
	case "value":
		return one(t.value)
	case "propagate-at-launch":
		return boolean(t.propagate)
	}
	return nil, false
}

func (c *call) writeGroupTag(t groupTagRow) {
	c.out.text("ResourceId", t.group.name)
	c.out.text("ResourceType", "auto-scaling-group")
	c.out.text("Key", t.key)
	c.out.text("Value", t.value)
	c.out.truth("PropagateAtLaunch", t.propagate)
}

func (g *scalingGroup) attribute(filter string) ([]string, bool) {
	if key, ok := strings.CutPrefix(filter, "tag:"); ok {
		if t, ok := g.tags[key]; ok {
			return one(t.value)
		}
		return nil, true
	}
	switch filter {
	case "tag-key":
		return g.tagKeys(), true
	case "tag-value":
		return every(g.tagKeys(), func(key string) string { return g.tags[key].value })
	}
	return nil, false
}

// describeGroups leaves out names that nobody has.
func (c *call) describeGroups() *Error {
	names := c.in.list("AutoScalingGroupNames.member")
	most, e := c.records()
	if e != nil {
		return e
	}
	if len(names) > most {
		return validationError("The number of group names that may be passed in is limited to %d.", most)
	}
	var all []*scalingGroup
	for _, g := range c.groups {
		fits, e := c.fits(g.attribute)
		if e != nil {
			return e
		}
		if fits && (len(names) == 0 || slices.Contains(names, g.name)) {
			all = append(all, g)
		}
	}
	part, token, e := pageOf(c, all)
	if e != nil {
		return e
	}
	each(&c.out, "AutoScalingGroups", "member", part, c.writeScalingGroup)
	c.out.given("NextToken", token)
	return nil
}

func (c *call) writeScalingGroup(g *scalingGroup) {
	c.out.text("AutoScalingGroupName", g.name)
	c.out.text("AutoScalingGroupARN", g.arn)
	c.out.given("LaunchConfigurationName", g.configuration)
	if g.template != nil && g.mixed == nil {
		c.writeGroupTemplate("LaunchTemplate", g.template, g.template.version)
	}
	if g.mixed != nil {
		c.writeMixedInstances(g)
	}
	c.out.number("MinSize", g.least)
	c.out.number("MaxSize", g.most)
	c.out.number("DesiredCapacity", g.want)
	c.out.number("DefaultCooldown", 300)
	c.out.text("HealthCheckType", "EC2")
	c.out.time("CreatedTime", g.created)
	c.out.given("VPCZoneIdentifier", g.zoneIdentifier)
	var zones []string
	for _, n := range g.subnets {
		zones = append(zones, n.zone.name)
	}
	slices.Sort(zones)
	c.out.texts("AvailabilityZones", "member", slices.Compact(zones))
	members := g.instances
	if c.in.get("IncludeInstances") == "false" {
		members = nil
	}
	each(&c.out, "Instances", "member", members, func(m *groupMember) {
		c.out.text("InstanceId", m.instance.id)
		c.out.text("InstanceType", m.instance.instanceType)
		c.out.text("AvailabilityZone", m.instance.primary().subnet.zone.name)
		c.out.text("LifecycleState", "InService")
		c.out.text("HealthStatus", "Healthy")
		c.out.truth("ProtectedFromScaleIn", false)
		c.out.given("LaunchConfigurationName", g.configuration)
		if g.template != nil {
			c.writeGroupTemplate("LaunchTemplate", g.template, m.version)
		}
	})
	each(&c.out, "Tags", "member", g.tagKeys(), func(key string) { c.writeGroupTag(groupTagRow{g, key, g.tags[key]}) })
}

func (c *call) writeGroupTemplate(name string, t *groupTemplate, version string) {
	c.out.element(name, func() {
		c.out.text("LaunchTemplateId", t.template.id)
		c.out.text("LaunchTemplateName", t.template.name)
		c.out.given("Version", version)
	})
}

func (c *call) writeMixedInstances(g *scalingGroup) {
	c.out.element("MixedInstancesPolicy", func() {
		c.out.element("LaunchTemplate", func() {
			c.writeGroupTemplate("LaunchTemplateSpecification", g.template, g.template.version)
			each(&c.out, "Overrides", "member", g.mixed.types, func(instanceType string) { c.out.text("InstanceType", instanceType) })
		})
		c.out.element("InstancesDistribution", func() {
			c.out.given("OnDemandAllocationStrategy", g.mixed.onDemandPrioritisedBy)
			c.out.given("OnDemandBaseCapacity", g.mixed.onDemandBase)
			c.out.given("OnDemandPercentageAboveBaseCapacity", g.mixed.onDemandPercentage)
			c.out.given("SpotAllocationStrategy", g.mixed.spotStrategy)
		})
	})
}

func (c *call) describeConfigurations() *Error {
	names := c.in.list("LaunchConfigurationNames.member")
	var all []*launchConfiguration
	for _, l := range c.configurations {
		if len(names) == 0 || slices.Contains(names, l.name) {
			all = append(all, l)
		}
	}
	part, token, e := pageOf(c, all)
	if e != nil {
		return e
	}
	each(&c.out, "LaunchConfigurations", "member", part, func(l *launchConfiguration) {
		c.out.text("LaunchConfigurationName", l.name)
		c.out.text("LaunchConfigurationARN", l.arn)
		c.out.text("ImageId", l.image)
		c.out.text("InstanceType", l.instanceType)
		c.out.text("KeyName", l.key)
		c.out.text("UserData", l.userData)
		c.out.given("IamInstanceProfile", l.profile)
		c.out.texts("SecurityGroups", "member", l.groups)
		c.out.time("CreatedTime", l.created)
		if l.metadata != (metadataOptions{}) {
			c.out.element("MetadataOptions", func() {
				c.out.given("HttpTokens", l.metadata.tokens)
				c.out.given("HttpPutResponseHopLimit", l.metadata.hopLimit)
				c.out.given("HttpEndpoint", l.metadata.endpoint)
			})
		}
	})
	c.out.given("NextToken", token)
	return nil
}
