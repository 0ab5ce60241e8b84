package fakeaws

import (
	"cmp"
	"slices"
	"strconv"
)

// launchData is what an instance is launched with: by RunInstances or out of a
// launch template. What was not given is empty.
type launchData struct {
	image, instanceType, key, userData string
	profileName, profileARN            string
	subnet                             string
	groups                             []string
	interfaces                         []launchInterface
	metadata                           metadataOptions
	tags                               []launchTags
}

type launchInterface struct {
	index  string
	subnet string
	groups []string
}

type launchTags struct {
	resource string
	tags     tagSet
}

func readLaunchData(in form) (launchData, *Error) {
	d := launchData{
		image: in.get("ImageId"), instanceType: in.get("InstanceType"), key: in.get("KeyName"), userData: in.get("UserData"),
		profileName: in.get("IamInstanceProfile.Name"), profileARN: in.get("IamInstanceProfile.Arn"),
		subnet: in.get("SubnetId"), groups: in.list("SecurityGroupId"),
	}
	for _, given := range in.structures("NetworkInterface") {
		d.interfaces = append(d.interfaces, launchInterface{given.get("DeviceIndex"), given.get("SubnetId"), given.list("SecurityGroupId")})
	}
	for _, given := range in.structures("TagSpecification") {
		tags, e := tagsIn(given, "Tag")
		if e == nil {
			e = tags.withinLimit()
		}
		if e != nil {
			return d, e
		}
		d.tags = append(d.tags, launchTags{given.get("ResourceType"), tags})
	}
	var e *Error
	d.metadata, e = readMetadataOptions(in.at("MetadataOptions"))
	return d, e
}

// over is d with what only base has.
func (d launchData) over(base launchData) launchData {
	d.image = cmp.Or(d.image, base.image)
	d.instanceType = cmp.Or(d.instanceType, base.instanceType)
	d.key = cmp.Or(d.key, base.key)
	d.userData = cmp.Or(d.userData, base.userData)
	if d.profileName == "" && d.profileARN == "" {
		d.profileName, d.profileARN = base.profileName, base.profileARN
	}
	d.subnet = cmp.Or(d.subnet, base.subnet)
	if d.interfaces == nil {
		d.interfaces = base.interfaces
	}
	if d.groups == nil {
		d.groups = base.groups
	}
	d.metadata = d.metadata.over(base.metadata)
	if d.tags == nil {
		d.tags = base.tags
	}
	return d
}

// tagsOf is the tags for a type of resource.
func (d launchData) tagsOf(k *kind) tagSet {
	all := tagSet{}
	for _, spec := range d.tags {
		if spec.resource == k.name {
			for key, value := range spec.tags {
				all[key] = value
			}
		}
	}
	return all
}

// A launch is launchData of which everything has been found to exist.
type launch struct {
	launchData
	interfaces []resolvedInterface
	profile    *profileRef // nil without one
}

type resolvedInterface struct {
	index  int
	subnet *subnet
	groups []*securityGroup
}

// resolve looks up what the data names. The rules are those of RunInstances.
func (c *call) resolve(d launchData) (*launch, *Error) {
	l := &launch{launchData: d}
	if d.image == "" {
		return nil, missingParameter("imageId")
	}
	if len(d.interfaces) > 0 && d.subnet != "" {
		return nil, &Error{Status: 400, Code: "InvalidParameterCombination",
			Message: "Network interfaces and an instance-level subnet ID may not be specified on the same request"}
	}
	if len(d.interfaces) > 0 && len(d.groups) > 0 {
		return nil, &Error{Status: 400, Code: "InvalidParameterCombination",
			Message: "Network interfaces and an instance-level security groups may not be specified on the same request"}
	}
	given := d.interfaces
	if len(given) == 0 {
		given = []launchInterface{{"0", d.subnet, d.groups}}
	}
	for _, i := range given {
		found, e := c.resolveInterface(i)
		if e != nil {
			return nil, e
		}
		l.interfaces = append(l.interfaces, found)
	}
	slices.SortStableFunc(l.interfaces, func(a, b resolvedInterface) int { return cmp.Compare(a.index, b.index) })
	l.metadata = d.metadata.over(c.metadata).over(builtInMetadata)
	if l.metadata.tags == "enabled" {
		if e := d.tagsOf(&instanceKind).fitForMetadata(); e != nil {
			return nil, e
		}
	}
	if d.profileName != "" || d.profileARN != "" {
		p, e := c.profile(d.profileName, d.profileARN)
		if e != nil {
			return nil, e
		}
		l.profile = p
	}
	return l, nil
}

func (c *call) resolveInterface(i launchInterface) (found resolvedInterface, e *Error) {
	if i.subnet == "" {
		return found, noDefaultVPC
	}
	if found.subnet, e = find(&subnetKind, c.subnets, i.subnet); e != nil {
		return found, e
	}
	index, err := strconv.Atoi(cmp.Or(i.index, "0"))
	if err != nil {
		return found, invalidValue("Value (%s) for parameter deviceIndex is invalid.", i.index)
	}
	found.index = index
	if found.groups, e = findAll(&securityGroupKind, c.securityGroups, i.groups); e != nil {
		return found, e
	}
	for _, g := range found.groups {
		if g.vpc != found.subnet.vpc {
			return found, &Error{Status: 400, Code: "InvalidParameter",
				Message: "Security group " + g.id + " and subnet " + found.subnet.id + " belong to different networks."}
		}
	}
	if len(found.groups) == 0 {
		for _, g := range c.securityGroups {
			if g.vpc == found.subnet.vpc && g.name == "default" {
				found.groups = []*securityGroup{g}
			}
		}
	}
	return found, nil
}

func (c *call) runInstances() (*change, *Error) {
	if e := c.required("MinCount", "MaxCount"); e != nil {
		return nil, e
	}
	least, err := strconv.Atoi(c.in.get("MinCount"))
	count, err2 := strconv.Atoi(c.in.get("MaxCount"))
	if err != nil || err2 != nil || least < 1 || count < least {
		return nil, invalidValue("Value (%s) for parameter maxCount is invalid.", c.in.get("MaxCount"))
	}
	d, e := readLaunchData(c.in)
	if e != nil {
		return nil, e
	}
	if t := c.in.at("LaunchTemplate"); t.get("LaunchTemplateId") != "" || t.get("LaunchTemplateName") != "" {
		version, e := c.templateVersion(t)
		if e != nil {
			return nil, e
		}
		d = d.over(version.launchData)
	}
	l, e := c.resolve(d)
	if e != nil {
		return nil, e
	}
	return &change{c.needsOf(l), func() *Error {
		r, e := c.launch(l, count, nil)
		if e != nil {
			return e
		}
		c.writeReservation(r, r.instances, true)
		return nil
	}}, nil
}

// needsOf is what a launch needs: leave for the instance, its interfaces, and all
// that it uses, and to pass the role of its profile.
func (c *call) needsOf(l *launch) []need {
	needs := c.creation(&instanceKind, l.tagsOf(&instanceKind))
	needs = append(needs, c.creation(&interfaceKind, l.tagsOf(&interfaceKind))...)
	for _, i := range l.interfaces {
		needs = append(needs, c.needOf(&i.subnet.resource, nil))
		for _, g := range i.groups {
			needs = append(needs, c.needOf(&g.resource, nil))
		}
	}
	if l.profile != nil {
		needs = append(needs, c.passing(l.profile, "*"))
	}
	return needs
}

// launch starts instances. extra are tags that they get beside those of the data.
func (c *call) launch(l *launch, count int, extra tagSet) (*reservation, *Error) {
	if l.profile != nil {
		if e := c.heardOf(l.profile); e != nil {
			return nil, e
		}
	}
	for _, i := range l.interfaces {
		if i.subnet.free() < count {
			return nil, &Error{Status: 400, Code: "InsufficientFreeAddressesInSubnet",
				Message: "Not enough free addresses in subnet '" + i.subnet.id + "' to satisfy the requested number of instances."}
		}
	}
	r := &reservation{id: c.server.mint("r")}
	for index := range count {
		tags := l.tagsOf(&instanceKind)
		for key, value := range extra {
			tags[key] = value
		}
		m := &instance{
			resource: resource{c.server.mint("i"), &instanceKind, tags}, reservation: r, index: index,
			image: l.image, instanceType: cmp.Or(l.instanceType, "m1.small"), key: l.key,
			state: running, launched: c.server.Now(), metadata: l.metadata,
		}
		c.add(&m.resource)
		c.instances = append(c.instances, m)
		r.instances = append(r.instances, m)
		for _, i := range l.interfaces {
			c.addInterface(m, i, l.tagsOf(&interfaceKind))
		}
		if l.profile != nil {
			c.associate(m, l.profile)
		}
	}
	return r, nil
}
