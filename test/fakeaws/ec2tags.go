package fakeaws

import (
	"maps"
	"strings"
)

// createTags gives all the tags to all the resources or, if one of them cannot have
// them, nothing to any.
func (c *call) createTags() (*change, *Error) {
	all, e := c.tagged()
	if e != nil {
		return nil, e
	}
	tags, e := tagsIn(c.in, "Tag")
	if e != nil {
		return nil, e
	}
	if len(tags) == 0 {
		return nil, missingParameter("tagSet")
	}
	var needs []need
	for _, r := range all {
		needs = append(needs, c.needOf(r, tags))
	}
	return &change{needs, func() *Error {
		for _, r := range all {
			after := maps.Clone(r.tags)
			maps.Copy(after, tags)
			if e := after.withinLimit(); e != nil {
				return e
			}
			if m := c.instance(r); m != nil && m.metadata.tags == "enabled" {
				if e := tags.fitForMetadata(); e != nil {
					return e
				}
			}
		}
		for _, r := range all {
			maps.Copy(r.tags, tags)
		}
		c.out.truth("return", true)
		return nil
	}}, nil
}

// instance is the instance that a resource is, nil if it is something else.
func (c *call) instance(r *resource) *instance {
	if r.kind != &instanceKind {
		return nil
	}
	for _, m := range c.instances {
		if &m.resource == r {
			return m
		}
	}
	return nil
}

// deleteTags takes tags away: any of the key, or with a value, the empty one
// included, only that. Without a list of tags it takes all but AWS's own.
func (c *call) deleteTags() (*change, *Error) {
	all, e := c.tagged()
	if e != nil {
		return nil, e
	}
	given := c.in.structures("Tag")
	asked := tagSet{}
	for _, t := range given {
		if strings.HasPrefix(strings.ToLower(t.get("Key")), "aws:") {
			return nil, invalidValue("Tag keys starting with 'aws:' are reserved for internal use")
		}
		asked[t.get("Key")] = t.get("Value")
	}
	var needs []need
	for _, r := range all {
		needs = append(needs, c.needOf(r, asked))
	}
	return &change{needs, func() *Error {
		for _, r := range all {
			maps.DeleteFunc(r.tags, func(key, _ string) bool { return len(given) == 0 && !strings.HasPrefix(key, "aws:") })
			for _, t := range given {
				if key := t.get("Key"); !t.has("Value") || r.tags[key] == t.get("Value") {
					delete(r.tags, key)
				}
			}
		}
		c.out.truth("return", true)
		return nil
	}}, nil
}

// A tagRow is a tag as DescribeTags lists it.
type tagRow struct {
	of         *resource
	key, value string
}

func (t tagRow) itself() *resource { return &resource{id: t.of.id, tags: tagSet{t.key: t.value}} }

func (t tagRow) attribute(filter string) ([]string, bool) {
	switch filter {
	case "key":
		return one(t.key)
	case "value":
		return one(t.value)
	case "resource-id":
		return one(t.of.id)
	case "resource-type":
		return one(t.of.kind.name)
	}
	return nil, false
}

func (c *call) describeTags() *Error {
	var all []tagRow
	for _, r := range c.inOrder {
		for _, key := range r.tags.keys() {
			all = append(all, tagRow{r, key, r.tags[key]})
		}
	}
	p := thousand
	p.without = 1000
	return describe(c, all, nil, "", "tagSet", p, func(t tagRow) {
		c.out.text("resourceId", t.of.id)
		c.out.text("resourceType", t.of.kind.name)
		c.out.text("key", t.key)
		c.out.text("value", t.value)
	})
}
