package fakeaws

import (
	"cmp"
	"slices"
	"strconv"
)

// metadataOptions is how instances reach their metadata. "" is what was not given.
type metadataOptions struct {
	tokens, hopLimit, endpoint, ipv6, tags string
}

// builtInMetadata is what an instance gets where neither launch, image nor account
// say anything.
var builtInMetadata = metadataOptions{"optional", "1", "enabled", "disabled", "disabled"}

func (o metadataOptions) over(base metadataOptions) metadataOptions {
	return metadataOptions{
		cmp.Or(o.tokens, base.tokens), cmp.Or(o.hopLimit, base.hopLimit), cmp.Or(o.endpoint, base.endpoint),
		cmp.Or(o.ipv6, base.ipv6), cmp.Or(o.tags, base.tags),
	}
}

func readMetadataOptions(in form) (metadataOptions, *Error) {
	o := metadataOptions{
		in.get("HttpTokens"), in.get("HttpPutResponseHopLimit"), in.get("HttpEndpoint"), in.get("HttpProtocolIpv6"), in.get("InstanceMetadataTags"),
	}
	onOff := []string{"", "enabled", "disabled"}
	switch {
	case !slices.Contains([]string{"", "optional", "required"}, o.tokens):
		return o, invalidValue("Value (%s) for parameter HttpTokens is invalid.", o.tokens)
	case !slices.Contains(onOff, o.endpoint):
		return o, invalidValue("Value (%s) for parameter HttpEndpoint is invalid.", o.endpoint)
	case !slices.Contains(onOff, o.ipv6):
		return o, invalidValue("Value (%s) for parameter HttpProtocolIpv6 is invalid.", o.ipv6)
	case !slices.Contains(onOff, o.tags):
		return o, invalidValue("Value (%s) for parameter InstanceMetadataTags is invalid.", o.tags)
	case o.hopLimit != "":
		if n, err := strconv.Atoi(o.hopLimit); err != nil || n < 1 || n > 64 {
			return o, invalidValue("Value (%s) for parameter HttpPutResponseHopLimit is invalid. Must be between 1 and 64.", o.hopLimit)
		}
	}
	return o, nil
}

func (c *call) writeMetadataOptions(name, state string, o metadataOptions) {
	c.out.element(name, func() {
		c.out.given("state", state)
		c.out.given("httpTokens", o.tokens)
		c.out.given("httpPutResponseHopLimit", o.hopLimit)
		c.out.given("httpEndpoint", o.endpoint)
		c.out.given("httpProtocolIpv6", o.ipv6)
		c.out.given("instanceMetadataTags", o.tags)
	})
}

// modifyMetadataOptions answers with pending what the next read finds applied.
func (c *call) modifyMetadataOptions() (*change, *Error) {
	m, e := find(&instanceKind, c.instances, c.in.get("InstanceId"))
	if e != nil {
		return nil, e
	}
	o, e := readMetadataOptions(c.in)
	if e != nil {
		return nil, e
	}
	if o == (metadataOptions{}) {
		return nil, &Error{Status: 400, Code: "InvalidParameterCombination", Message: "No metadata options were given to modify."}
	}
	return &change{[]need{c.needOf(&m.resource, nil)}, func() *Error {
		if m.state != running && m.state != stopped {
			return &Error{Status: 400, Code: "IncorrectInstanceState", Message: "The instance '" + m.id + "' is not in a valid state for this operation."}
		}
		if o.tags == "enabled" {
			if e := m.tags.fitForMetadata(); e != nil {
				return e
			}
		}
		m.metadata = o.over(m.metadata)
		c.out.text("instanceId", m.id)
		c.writeMetadataOptions("instanceMetadataOptions", "pending", m.metadata)
		return nil
	}}, nil
}

func (c *call) getMetadataDefaults() *Error {
	c.out.element("accountLevel", func() {
		c.out.given("httpTokens", c.metadata.tokens)
		c.out.given("httpPutResponseHopLimit", c.metadata.hopLimit)
		c.out.given("httpEndpoint", c.metadata.endpoint)
		c.out.given("instanceMetadataTags", c.metadata.tags)
		c.out.given("httpTokensEnforced", c.enforced)
		c.out.text("managedBy", "account")
	})
	return nil
}

// modifyMetadataDefaults takes no-preference, and -1 for the limit, as "".
func (c *call) modifyMetadataDefaults() (*change, *Error) {
	given := metadataOptions{
		tokens: c.in.get("HttpTokens"), hopLimit: c.in.get("HttpPutResponseHopLimit"), endpoint: c.in.get("HttpEndpoint"), tags: c.in.get("InstanceMetadataTags"),
	}
	enforced := c.in.get("HttpTokensEnforced")
	return &change{[]need{{"ec2:ModifyInstanceMetadataDefaults", "*", nil}}, func() *Error {
		c.metadata = given.over(c.metadata)
		for _, field := range []*string{&c.metadata.tokens, &c.metadata.hopLimit, &c.metadata.endpoint, &c.metadata.tags} {
			if *field == "no-preference" || *field == "-1" {
				*field = ""
			}
		}
		c.enforced = cmp.Or(enforced, c.enforced)
		c.out.truth("return", true)
		return nil
	}}, nil
}
