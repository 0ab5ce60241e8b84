package fakeaws

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

type launchTemplate struct {
	resource
	name     string
	created  time.Time
	versions []*templateVersion // the newest last; the first is the default one
}

type templateVersion struct {
	launchData
	number      int
	description string
	created     time.Time
	template    *launchTemplate
}

func (c *call) createLaunchTemplate() (*change, *Error) {
	if e := c.required("LaunchTemplateName"); e != nil {
		return nil, e
	}
	name := c.in.get("LaunchTemplateName")
	d, e := readLaunchData(c.in.at("LaunchTemplateData"))
	if e != nil {
		return nil, e
	}
	tags, e := tagsFor(c.in, &templateKind)
	if e != nil {
		return nil, e
	}
	return &change{c.creation(&templateKind, tags), func() *Error {
		if slices.ContainsFunc(c.launchTemplates, func(t *launchTemplate) bool { return t.name == name }) {
			return &Error{Status: 400, Code: "InvalidLaunchTemplateName.AlreadyExistsException", Message: "Launch template name already in use."}
		}
		t := &launchTemplate{resource: resource{c.server.mint("lt"), &templateKind, tags}, name: name, created: c.server.Now()}
		t.addVersion(d, c.in.get("VersionDescription"), t.created)
		c.add(&t.resource)
		c.launchTemplates = append(c.launchTemplates, t)
		c.out.element("launchTemplate", func() { c.writeLaunchTemplate(t) })
		return nil
	}}, nil
}

func (t *launchTemplate) addVersion(d launchData, description string, created time.Time) *templateVersion {
	v := &templateVersion{d, len(t.versions) + 1, description, created, t}
	t.versions = append(t.versions, v)
	return v
}

func (c *call) createLaunchTemplateVersion() (*change, *Error) {
	t, e := c.template(c.in)
	if e != nil {
		return nil, e
	}
	d, e := readLaunchData(c.in.at("LaunchTemplateData"))
	if e != nil {
		return nil, e
	}
	if source := c.in.get("SourceVersion"); source != "" {
		base, e := t.version(source)
		if e != nil {
			return nil, e
		}
		d = d.over(base.launchData)
	}
	return &change{[]need{c.needOf(&t.resource, nil)}, func() *Error {
		v := t.addVersion(d, c.in.get("VersionDescription"), c.server.Now())
		c.out.element("launchTemplateVersion", func() { c.writeTemplateVersion(v) })
		return nil
	}}, nil
}

// template finds a launch template by the id or the name that a structure has.
func (c *call) template(in form) (*launchTemplate, *Error) {
	id, name := in.get("LaunchTemplateId"), in.get("LaunchTemplateName")
	if id != "" && name != "" {
		return nil, &Error{Status: 400, Code: "InvalidParameterCombination",
			Message: "The parameter 'launchTemplateId' may not be used in combination with 'launchTemplateName'"}
	}
	if id != "" {
		if e := templateKind.check(id); e != nil {
			return nil, e
		}
	}
	for _, t := range c.launchTemplates {
		if t.id == id || t.name == name {
			return t, nil
		}
	}
	return nil, noTemplate(id, name)
}

func noTemplate(id, name string) *Error {
	if id != "" {
		return &Error{Status: 400, Code: templateKind.notFound, Message: fmt.Sprintf("The specified launch template, with template ID %s, does not exist.", id)}
	}
	return &Error{Status: 400, Code: "InvalidLaunchTemplateName.NotFoundException",
		Message: fmt.Sprintf("The specified launch template, with template name %s, does not exist.", name)}
}

// version is the one with that number, $Latest or $Default, which is also "".
func (t *launchTemplate) version(name string) (*templateVersion, *Error) {
	switch name {
	case "", "$Default":
		return t.versions[0], nil
	case "$Latest":
		return t.versions[len(t.versions)-1], nil
	}
	if n, err := strconv.Atoi(name); err == nil && n >= 1 && n <= len(t.versions) {
		return t.versions[n-1], nil
	}
	return nil, &Error{Status: 400, Code: "InvalidLaunchTemplateId.VersionNotFound",
		Message: fmt.Sprintf("Could not find the specified version %s for the launch template with ID %s.", name, t.id)}
}

func (c *call) templateVersion(in form) (*templateVersion, *Error) {
	t, e := c.template(in)
	if e != nil {
		return nil, e
	}
	return t.version(in.get("Version"))
}

func (t *launchTemplate) attribute(filter string) ([]string, bool) {
	if filter == "launch-template-name" {
		return one(t.name)
	}
	return nil, false
}

func (c *call) describeLaunchTemplates() *Error {
	all := c.launchTemplates
	names := c.in.list("LaunchTemplateName")
	for _, name := range names {
		if !slices.ContainsFunc(all, func(t *launchTemplate) bool { return t.name == name }) {
			return noTemplate("", name)
		}
	}
	if len(names) > 0 {
		all = slices.DeleteFunc(slices.Clone(all), func(t *launchTemplate) bool { return !slices.Contains(names, t.name) })
	}
	return describe(c, all, &templateKind, "LaunchTemplateId", "launchTemplates", page{least: 1, most: 200, without: 200}, c.writeLaunchTemplate)
}

func (c *call) writeLaunchTemplate(t *launchTemplate) {
	c.out.text("launchTemplateId", t.id)
	c.out.text("launchTemplateName", t.name)
	c.out.time("createTime", t.created)
	c.out.number("defaultVersionNumber", 1)
	c.out.number("latestVersionNumber", len(t.versions))
	c.tagSet(t.tags)
}

// describeLaunchTemplateVersions lists those of one template, the newest first, or
// without one the latest or default one of each.
func (c *call) describeLaunchTemplateVersions() *Error {
	wanted := c.in.list("LaunchTemplateVersion")
	var all []*templateVersion
	if c.in.get("LaunchTemplateId") == "" && c.in.get("LaunchTemplateName") == "" {
		for _, name := range wanted {
			if name != "$Latest" && name != "$Default" {
				return &Error{Status: 400, Code: "MissingParameter", Message: "You must specify either a launch template ID or a launch template name in the request."}
			}
			for _, t := range c.launchTemplates {
				v, _ := t.version(name)
				all = append(all, v)
			}
		}
		return c.writeVersions(all)
	}
	t, e := c.template(c.in)
	if e != nil {
		return e
	}
	for _, name := range wanted {
		v, e := t.version(name)
		if e != nil {
			return e
		}
		all = append(all, v)
	}
	if len(wanted) == 0 {
		all = slices.Clone(t.versions)
		slices.Reverse(all)
	}
	return c.writeVersions(all)
}

func (c *call) writeVersions(all []*templateVersion) *Error {
	size, e := c.size(page{least: 1, most: 200, without: 200})
	if e != nil {
		return e
	}
	part, token, e := cut(c, all, size)
	if e != nil {
		return e
	}
	each(&c.out, "launchTemplateVersionSet", "item", part, c.writeTemplateVersion)
	c.out.given("nextToken", token)
	return nil
}

func (c *call) writeTemplateVersion(v *templateVersion) {
	c.out.text("launchTemplateId", v.template.id)
	c.out.text("launchTemplateName", v.template.name)
	c.out.number("versionNumber", v.number)
	c.out.given("versionDescription", v.description)
	c.out.time("createTime", v.created)
	c.out.truth("defaultVersion", v.number == 1)
	c.out.element("launchTemplateData", func() {
		c.out.given("imageId", v.image)
		c.out.given("instanceType", v.instanceType)
		c.out.given("keyName", v.key)
		c.out.given("userData", v.userData)
		if v.profileName != "" || v.profileARN != "" {
			c.out.element("iamInstanceProfile", func() {
				c.out.given("arn", v.profileARN)
				c.out.given("name", v.profileName)
			})
		}
		if v.metadata != (metadataOptions{}) {
			c.writeMetadataOptions("metadataOptions", "", v.metadata)
		}
		c.out.texts("securityGroupIdSet", "item", v.groups)
		each(&c.out, "networkInterfaceSet", "item", v.interfaces, func(i launchInterface) {
			c.out.given("deviceIndex", i.index)
			c.out.given("subnetId", i.subnet)
			c.out.texts("groupSet", "groupId", i.groups)
		})
		each(&c.out, "tagSpecificationSet", "item", v.tags, func(t launchTags) {
			c.out.text("resourceType", t.resource)
			c.tagSet(t.tags)
		})
	})
}
