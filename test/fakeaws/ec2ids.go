package fakeaws

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// A kind is what AWS says about resources whose ids begin alike. The codes are as
// irregular as in docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html.
type kind struct {
	prefix    string
	name      string // in ARNs, TagSpecifications and DescribeTags
	noun      string // in messages
	notFound  string
	malformed string
}

var (
	instanceKind      = kind{"i", "instance", "instance ID", "InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed"}
	vpcKind           = kind{"vpc", "vpc", "vpc ID", "InvalidVpcID.NotFound", "InvalidVpcID.Malformed"}
	subnetKind        = kind{"subnet", "subnet", "subnet ID", "InvalidSubnetID.NotFound", "InvalidSubnetID.Malformed"}
	securityGroupKind = kind{"sg", "security-group", "security group", "InvalidGroup.NotFound", "InvalidGroupId.Malformed"}
	routeTableKind    = kind{"rtb", "route-table", "routeTable ID", "InvalidRouteTableID.NotFound", "InvalidRouteTableId.Malformed"}
	gatewayKind       = kind{"igw", "internet-gateway", "internetGateway ID", "InvalidInternetGatewayID.NotFound", "InvalidInternetGatewayId.Malformed"}
	interfaceKind     = kind{"eni", "network-interface", "networkInterface ID", "InvalidNetworkInterfaceID.NotFound", "InvalidNetworkInterfaceId.Malformed"}
	endpointKind      = kind{"vpce", "vpc-endpoint", "Vpc Endpoint Id", "InvalidVpcEndpointId.NotFound", "InvalidVpcEndpointId.Malformed"}
	dhcpOptionsKind   = kind{"dopt", "dhcp-options", "dhcpOptions ID", "InvalidDhcpOptionID.NotFound", "InvalidDhcpOptionsId.Malformed"}
	templateKind      = kind{"lt", "launch-template", "launch template ID", "InvalidLaunchTemplateId.NotFound", "InvalidLaunchTemplateId.Malformed"}
)

var kindOfPrefix = map[string]*kind{
	"i": &instanceKind, "vpc": &vpcKind, "subnet": &subnetKind, "sg": &securityGroupKind, "rtb": &routeTableKind,
	"igw": &gatewayKind, "eni": &interfaceKind, "vpce": &endpointKind, "dopt": &dhcpOptionsKind, "lt": &templateKind,
}

// A resource is what all that has an id and tags has in common.
type resource struct {
	id   string
	kind *kind
	tags tagSet
}

// add makes a resource known to tagging.
func (state *ec2State) add(r *resource) {
	if r.tags == nil {
		r.tags = tagSet{}
	}
	state.all[r.id] = r
	state.inOrder = append(state.inOrder, r)
}

var hexID = regexp.MustCompile(`^(?:[0-9a-f]{8}|[0-9a-f]{17})$`)

// check is the error of an id that cannot be one of the kind.
func (k *kind) check(id string) *Error {
	rest, ok := strings.CutPrefix(id, k.prefix+"-")
	switch {
	case ok && hexID.MatchString(rest):
		return nil
	case ok:
		return &Error{Status: 400, Code: k.malformed, Message: fmt.Sprintf("Invalid id: %q", id)}
	}
	return &Error{Status: 400, Code: k.malformed, Message: fmt.Sprintf("Invalid id: %q (expecting %q)", id, k.prefix+"-...")}
}

// missing is the error of ids that name nothing.
func (k *kind) missing(ids ...string) *Error {
	if k == &templateKind {
		return noTemplate(ids[0], "")
	}
	message := fmt.Sprintf("The %s '%s' does not exist", k.noun, ids[0])
	if len(ids) > 1 {
		message = fmt.Sprintf("The %ss '%s' do not exist", k.noun, strings.Join(ids, ", "))
	}
	return &Error{Status: 400, Code: k.notFound, Message: message}
}

// find looks an id up among those of its kind.
func find[T interface{ itself() *resource }](k *kind, all []T, id string) (found T, e *Error) {
	if e := k.check(id); e != nil {
		return found, e
	}
	for _, v := range all {
		if v.itself().id == id {
			return v, nil
		}
	}
	return found, k.missing(id)
}

func (r *resource) itself() *resource { return r }

// tagged finds what CreateTags and DeleteTags name: ids of any kind, each of which
// must exist.
func (c *call) tagged() ([]*resource, *Error) {
	ids := c.in.list("ResourceId")
	if len(ids) == 0 {
		return nil, missingParameter("resourceIdSet")
	}
	if len(ids) > 1000 {
		return nil, invalidValue("The number of resources exceeds the maximum of 1000")
	}
	var all []*resource
	var absent *kind // the first kind of which one is missing
	var missing []string
	for _, id := range ids {
		prefix, _, _ := strings.Cut(id, "-")
		k, ok := kindOfPrefix[prefix]
		if !ok {
			return nil, &Error{Status: 400, Code: "InvalidID", Message: fmt.Sprintf("The ID '%s' is not valid", id)}
		}
		if e := k.check(id); e != nil {
			return nil, e
		}
		if r, ok := c.all[id]; ok {
			all = append(all, r)
		} else if absent == nil || absent == k {
			absent, missing = k, append(missing, id)
		}
	}
	if absent != nil {
		return nil, absent.missing(missing...)
	}
	return all, nil
}

// A tagSet is the tags of a resource by their keys.
type tagSet map[string]string

// tagsIn reads the tags of a request, NAME.1.Key and NAME.1.Value, and holds them
// against the rules of EC2.
func tagsIn(in form, name string) (tagSet, *Error) {
	tags := tagSet{}
	for _, t := range in.structures(name) {
		key, value := t.get("Key"), t.get("Value")
		switch {
		case key == "":
			return nil, invalidValue("Tag key cannot be empty")
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return nil, invalidValue("Tag keys starting with 'aws:' are reserved for internal use")
		case utf8.RuneCountInString(key) > maxEC2TagKey:
			return nil, invalidValue("Tag key exceeds the maximum length of %d characters", maxEC2TagKey)
		case utf8.RuneCountInString(value) > maxTagValue:
			return nil, invalidValue("Tag value exceeds the maximum length of %d characters", maxTagValue)
		}
		if _, twice := tags[key]; twice {
			return nil, invalidValue("Duplicate tag key '%s' specified.", key)
		}
		tags[key] = value
	}
	return tags, nil
}

// maxEC2TagKey is what the API's Tag type says. The user guide allows 128 as other
// services do: nobody who needs the last one is safe, so it is refused here.
const maxEC2TagKey = 127

// tagsFor is the tags that a call which creates a resource gives it.
func tagsFor(in form, k *kind) (tagSet, *Error) {
	tags := tagSet{}
	for _, spec := range in.structures("TagSpecification") {
		if spec.get("ResourceType") != k.name {
			return nil, invalidValue("'%s' is not a valid taggable resource type for this operation.", spec.get("ResourceType"))
		}
		var e *Error
		if tags, e = tagsIn(spec, "Tag"); e != nil {
			return nil, e
		}
	}
	return tags, tags.withinLimit()
}

// keys is in order.
func (t tagSet) keys() []string { return slices.Sorted(maps.Keys(t)) }

func (t tagSet) withinLimit() *Error {
	count := 0
	for key := range t {
		if !strings.HasPrefix(key, "aws:") { // AWS's own do not count
			count++
		}
	}
	if count > maxTags {
		return &Error{Status: 400, Code: "TagLimitExceeded", Message: "The maximum number of Tags for a resource has been reached."}
	}
	return nil
}

var metadataTagKey = regexp.MustCompile(`^[0-9a-zA-Z\-_+=,.@:]{1,255}$`)

// fitForMetadata is whether the tags of an instance can be served by its metadata
// service, where a key is the last part of a path.
func (t tagSet) fitForMetadata() *Error {
	for _, key := range t.keys() {
		if key == "." || key == ".." || key == "_index" || !metadataTagKey.MatchString(key) {
			return invalidValue(`'%s' is not a valid tag key. Tag keys must match pattern ([0-9a-zA-Z\\-_+=,.@:]{1,255}), and must not be a reserved name ('.', '..', '_index')`, key)
		}
	}
	return nil
}
