package fakeaws

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// described is something that a Describe call can select. Its attribute tells the
// values that a filter of that name looks at; known is false where AWS has no such
// filter.
type described interface {
	itself() *resource
	attribute(filter string) (values []string, known bool)
}

// A filter is met by what has one of the values.
type filter struct {
	name     string
	exact    map[string]bool
	patterns []*regexp.Regexp
}

// maxFilterValues is what AWS takes in one call.
const maxFilterValues = 200

func (c *call) filters() ([]filter, *Error) {
	var all []filter
	count := 0
	for _, given := range c.in.structures("Filter") {
		f := filter{name: given.get("Name"), exact: map[string]bool{}}
		values := given.list("Value")
		if f.name == "" || len(values) == 0 {
			return nil, missingParameter("values")
		}
		if count += len(values); count > maxFilterValues {
			return nil, &Error{Status: 400, Code: "FilterLimitExceeded",
				Message: fmt.Sprintf("The maximum number of filter values specified on a single call is %d", maxFilterValues)}
		}
		for _, v := range values {
			if strings.ContainsAny(v, `*?\`) {
				f.patterns = append(f.patterns, wildcard(v))
			} else {
				f.exact[v] = true
			}
		}
		all = append(all, f)
	}
	return all, nil
}

// wildcard compiles a filter's value: * stands for any characters, ? for one, and a
// backslash takes their meaning from them.
func wildcard(value string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`(?s)^`)
	escaped := false
	for _, r := range value {
		switch {
		case escaped:
			b.WriteString(regexp.QuoteMeta(string(r)))
			escaped = false
		case r == '\\':
			escaped = true
		case r == '*':
			b.WriteString(".*")
		case r == '?':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	return regexp.MustCompile(b.String() + `$`)
}

func (f filter) admits(v described) (bool, *Error) {
	values, known := f.valuesOf(v)
	if !known {
		return false, invalidValue("The filter '%s' is invalid", f.name)
	}
	return slices.ContainsFunc(values, func(value string) bool {
		return f.exact[value] || slices.ContainsFunc(f.patterns, func(p *regexp.Regexp) bool { return p.MatchString(value) })
	}), nil
}

func (f filter) valuesOf(v described) (values []string, known bool) {
	if values, known = v.attribute(f.name); known {
		return values, true
	}
	tags := v.itself().tags
	if tags == nil {
		return nil, false // not a thing that has tags
	}
	if key, ok := strings.CutPrefix(f.name, "tag:"); ok {
		if value, ok := tags[key]; ok {
			return []string{value}, true
		}
		return nil, true
	}
	if f.name == "tag-key" {
		return tags.keys(), true
	}
	return nil, false
}

// A page is how a call is paginated: what MaxResults may be, how many come without
// it (0 for all), and whether it excludes a list of ids, as it does for instances.
type page struct {
	least, most, without int
	notWithIDs           bool
}

// selected is the part of all that the call asks for: by ids, by filters, and of
// those one page. A token leads to the next.
func selected[T described](c *call, all []T, k *kind, ids []string, p page) (part []T, token string, e *Error) {
	if len(ids) > 0 && p.notWithIDs && c.in.has("MaxResults") {
		return nil, "", &Error{Status: 400, Code: "InvalidParameterCombination",
			Message: "The parameter instancesSet cannot be used with the parameter maxResults"}
	}
	if all, e = withIDs(all, k, ids); e != nil {
		return nil, "", e
	}
	filters, e := c.filters()
	if e != nil {
		return nil, "", e
	}
	for _, v := range all {
		fits := true
		for _, f := range filters {
			admitted, e := f.admits(v)
			if e != nil {
				return nil, "", e
			}
			fits = fits && admitted
		}
		if fits {
			part = append(part, v)
		}
	}
	size, e := c.size(p)
	if e != nil {
		return nil, "", e
	}
	return cut(c, part, size)
}

func withIDs[T described](all []T, k *kind, ids []string) ([]T, *Error) {
	if len(ids) == 0 {
		return all, nil
	}
	wanted := map[string]bool{}
	for _, id := range ids {
		if e := k.check(id); e != nil {
			return nil, e
		}
		wanted[id] = true
	}
	var found []T
	for _, v := range all {
		if id := v.itself().id; wanted[id] {
			found = append(found, v)
			delete(wanted, id)
		}
	}
	var missing []string
	for _, id := range ids {
		if wanted[id] {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		return nil, k.missing(missing...)
	}
	return found, nil
}

// size is how many the request takes at once, 0 for all.
func (c *call) size(p page) (int, *Error) {
	given := c.in.get("MaxResults")
	if given == "" {
		return p.without, nil
	}
	n, err := strconv.Atoi(given)
	if err != nil || n < p.least || n > p.most {
		return 0, invalidValue("Value ( %s ) for parameter maxResults is invalid. Expecting a value between %d and %d.", given, p.least, p.most)
	}
	return n, nil
}

// cut takes a page of that size off all, from where the request's token says.
func cut[T any](c *call, all []T, size int) (part []T, token string, e *Error) {
	from := 0
	if given := c.in.get("NextToken"); given != "" {
		if from, e = c.offset(given); e != nil {
			return nil, "", e
		}
	}
	part = all[min(from, len(all)):]
	if size == 0 || len(part) <= size {
		return part, "", nil
	}
	return part[:size], base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s %d", c.Operation, from+size)), nil
}

// offset reads a token, which only the operation that gave it out takes back.
func (c *call) offset(token string) (int, *Error) {
	plain, err := base64.RawURLEncoding.DecodeString(token)
	operation, offset, _ := strings.Cut(string(plain), " ")
	n, notNumber := strconv.Atoi(offset)
	if err != nil || notNumber != nil || operation != c.Operation {
		return 0, &Error{Status: 400, Code: "InvalidPaginationToken", Message: "The specified pagination token is not valid or is expired."}
	}
	return n, nil
}

// describe answers a Describe call: a set of what it asks for.
func describe[T described](c *call, all []T, k *kind, idList, set string, p page, write func(T)) *Error {
	part, token, e := selected(c, all, k, c.in.list(idList), p)
	if e != nil {
		return e
	}
	each(&c.out, set, "item", part, write)
	c.out.given("nextToken", token)
	return nil
}

// thousand is the pagination of most calls.
var thousand = page{least: 5, most: 1000}

func (c *call) tagSet(tags tagSet) {
	c.out.element("tagSet", func() {
		for _, key := range tags.keys() {
			c.out.element("item", func() {
				c.out.text("key", key)
				c.out.text("value", tags[key])
			})
		}
	})
}

func one(value string) ([]string, bool) { return []string{value}, true }

func boolean(value bool) ([]string, bool) { return []string{strconv.FormatBool(value)}, true }

// every is the values of a filter that looks at each of a list.
func every[T any](all []T, value func(T) string) ([]string, bool) {
	var values []string
	for _, v := range all {
		values = append(values, value(v))
	}
	return values, true
}
