package fakeaws

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Limits of tags (docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
)

var (
	tagKey   = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]+$`)
	tagValue = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
)

// An iamTag is a tag on the wire.
type iamTag struct{ Key, Value string }

// An iamList is a list on the wire that is not there at all if it is empty, which
// encoding/xml does for no other form.
type iamList[T any] struct {
	Member []T `xml:"member"`
}

func listOf[T any](all []T) *iamList[T] {
	if len(all) == 0 {
		return nil
	}
	return &iamList[T]{all}
}

// tagList is tags on the wire, in the order of their keys.
func tagList(tags map[string]string) []iamTag {
	var all []iamTag
	for _, key := range sortedKeys(tags) {
		all = append(all, iamTag{key, tags[key]})
	}
	return all
}

// newTags are the tags of the call. One that is wrong refuses all of them. Whether two
// keys that differ in case are one depends on what is tagged: they are for roles
// (docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html).
func (c *iamCall) newTags(foldCase bool) (map[string]string, *Error) {
	given := c.form.structures("Tags.member")
	if len(given) > maxTags {
		return nil, invalid("tags", fmt.Sprintf("[%d tags]", len(given)), "Member must have length less than or equal to 50")
	}
	tags := map[string]string{}
	for i, t := range given {
		key, value := t.get("Key"), t.get("Value")
		if e := checkTagKey(fmt.Sprintf("tags.%d.member.key", i+1), key); e != nil {
			return nil, e
		}
		field := fmt.Sprintf("tags.%d.member.value", i+1)
		switch {
		case utf8.RuneCountInString(value) > maxTagValue:
			return nil, invalid(field, value, fmt.Sprintf("Member must have length less than or equal to %d", maxTagValue))
		case !tagValue.MatchString(value):
			return nil, invalid(field, value, `Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]*`)
		}
		if _, twice := findTag(tags, key, foldCase); twice {
			return nil, &Error{Status: 400, Code: "InvalidInput", Message: "Duplicate tag keys found. Please note that Tag keys are case insensitive."}
		}
		tags[key] = value
	}
	return tags, nil
}

func checkTagKey(field, key string) *Error {
	switch {
	case key == "":
		return invalid(field, key, "Member must have length greater than or equal to 1")
	case utf8.RuneCountInString(key) > maxTagKey:
		return invalid(field, key, fmt.Sprintf("Member must have length less than or equal to %d", maxTagKey))
	case !tagKey.MatchString(key):
		return invalid(field, key, `Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+`)
	case len(key) >= 4 && strings.EqualFold(key[:4], "aws:"):
		return &Error{Status: 400, Code: "InvalidInput", Message: "Tag keys beginning with aws: are reserved for system use: " + key}
	}
	return nil
}

// findTag returns the key as the tags have it.
func findTag(tags map[string]string, key string, foldCase bool) (string, bool) {
	for other := range tags {
		if other == key || foldCase && strings.EqualFold(other, key) {
			return other, true
		}
	}
	return "", false
}

// tag adds the tags of the call to those that something has, or overwrites them; none
// if there would be too many.
func (c *iamCall) tag(tags *map[string]string, foldCase bool) (any, *Error) {
	given, e := c.newTags(foldCase)
	if e != nil {
		return nil, e
	}
	if len(given) == 0 {
		return nil, invalid("tags", "", "Member must not be null")
	}
	all := maps.Clone(*tags)
	for key, value := range given {
		if old, ok := findTag(all, key, foldCase); ok {
			delete(all, old)
		}
		all[key] = value
	}
	if len(all) > maxTags {
		return nil, conflict("LimitExceeded", "The number of tags has reached the maximum limit.")
	}
	*tags = all
	return nil, nil
}

// untag removes the keys of the call; what is not there is no error.
func (c *iamCall) untag(tags map[string]string, foldCase bool) (any, *Error) {
	keys := c.form.list("TagKeys.member")
	if len(keys) == 0 || len(keys) > maxTags {
		return nil, invalid("tagKeys", fmt.Sprint(keys), "Member must have length between 1 and 50")
	}
	for i, key := range keys {
		if e := checkTagKey(fmt.Sprintf("tagKeys.%d.member", i+1), key); e != nil {
			return nil, e
		}
	}
	for _, key := range keys {
		if old, ok := findTag(tags, key, foldCase); ok {
			delete(tags, old)
		}
	}
	return nil, nil
}

// listTags is a page of tags.
func (c *iamCall) listTags(tags map[string]string) (any, *Error) {
	all, page, e := paged(c, tagList(tags))
	if e != nil {
		return nil, e
	}
	return struct {
		iamPage
		Tags []iamTag `xml:"Tags>member"`
	}{page, all}, nil
}
