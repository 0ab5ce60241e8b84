package evaluate

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An Operator is a condition operator taken apart.
type Operator struct {
	Set      string // ForAllValues, ForAnyValue or ""
	Base     string // without Not: StringEquals for StringNotEquals
	Negated  bool
	IfExists bool
}

// A test compares one value of the request with one of the policy.
type test func(got, want string) bool

// tests are the operators that are not negations of others, and not Null.
var tests = map[string]test{
	"StringEquals":             func(got, want string) bool { return got == want },
	"StringEqualsIgnoreCase":   strings.EqualFold,
	"StringLike":               func(got, want string) bool { return glob(want, got) },
	"ArnEquals":                func(got, want string) bool { return arnLike(want, got) },
	"ArnLike":                  func(got, want string) bool { return arnLike(want, got) },
	"Bool":                     strings.EqualFold,
	"BinaryEquals":             func(got, want string) bool { return got == want },
	"IpAddress":                inNetwork,
	"NumericEquals":            numeric(func(got, want float64) bool { return got == want }),
	"NumericLessThan":          numeric(func(got, want float64) bool { return got < want }),
	"NumericLessThanEquals":    numeric(func(got, want float64) bool { return got <= want }),
	"NumericGreaterThan":       numeric(func(got, want float64) bool { return got > want }),
	"NumericGreaterThanEquals": numeric(func(got, want float64) bool { return got >= want }),
	"DateEquals":               date(func(got, want time.Time) bool { return got.Equal(want) }),
	"DateLessThan":             date(time.Time.Before),
	"DateLessThanEquals":       date(func(got, want time.Time) bool { return !got.After(want) }),
	"DateGreaterThan":          date(time.Time.After),
	"DateGreaterThanEquals":    date(func(got, want time.Time) bool { return !got.Before(want) }),
}

// negations are the operators that are true where another is false.
var negations = map[string]string{
	"StringNotEquals":           "StringEquals",
	"StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
	"StringNotLike":             "StringLike",
	"ArnNotEquals":              "ArnEquals",
	"ArnNotLike":                "ArnLike",
	"NotIpAddress":              "IpAddress",
	"NumericNotEquals":          "NumericEquals",
	"DateNotEquals":             "DateEquals",
}

// parseOperator reads the name of an operator. AWS does not look at case.
func parseOperator(name string) (Operator, error) {
	var o Operator
	rest := name
	if set, base, ok := strings.Cut(name, ":"); ok {
		for _, known := range []string{"ForAllValues", "ForAnyValue"} {
			if strings.EqualFold(set, known) {
				o.Set, rest = known, base
			}
		}
	}
	if len(rest) > 8 && strings.EqualFold(rest[len(rest)-8:], "IfExists") {
		o.IfExists, rest = true, rest[:len(rest)-8]
	}
	if strings.EqualFold(rest, "Null") && !o.IfExists {
		o.Base = "Null"
		return o, nil
	}
	for negation, base := range negations {
		if strings.EqualFold(rest, negation) {
			o.Base, o.Negated = base, true
			return o, nil
		}
	}
	for base := range tests {
		if strings.EqualFold(rest, base) {
			o.Base = base
			return o, nil
		}
	}
	return o, Malformed("Invalid Condition type : " + name + ".")
}

// holds reports whether the condition is met. Values of the policy are alternatives.
// A key that the request lacks meets a negated operator and no other, but for
// IfExists and ForAllValues, which it meets always. Of a key with several values one
// has to pass, or if negated all of them, unless the operator says which.
func (c Condition) holds(r *resolver) bool {
	got := r.values(c.Key)
	if c.Operator.Base == "Null" {
		return slices.ContainsFunc(c.Values, func(want string) bool {
			return strings.EqualFold(want, strconv.FormatBool(len(got) == 0))
		})
	}
	if len(got) == 0 {
		return c.Operator.IfExists || c.Operator.Set == "ForAllValues" || c.Operator.Set == "" && c.Operator.Negated
	}
	passes := func(value string) bool {
		found := slices.ContainsFunc(c.Values, func(want string) bool {
			want, ok := r.expand(want, c.Operator.Base == "StringLike" || c.Operator.Base == "ArnLike" || c.Operator.Base == "ArnEquals")
			return ok && tests[c.Operator.Base](value, want)
		})
		return found != c.Operator.Negated
	}
	if c.Operator.Set == "ForAllValues" || c.Operator.Set == "" && c.Operator.Negated {
		return !slices.ContainsFunc(got, func(value string) bool { return !passes(value) })
	}
	return slices.ContainsFunc(got, passes)
}

func numeric(compare func(got, want float64) bool) test {
	return func(got, want string) bool {
		g, errGot := strconv.ParseFloat(got, 64)
		w, errWant := strconv.ParseFloat(want, 64)
		return errGot == nil && errWant == nil && compare(g, w)
	}
}

func date(compare func(got, want time.Time) bool) test {
	return func(got, want string) bool {
		g, okGot := instant(got)
		w, okWant := instant(want)
		return okGot && okWant && compare(g, w)
	}
}

// instant reads a time as policies write it: ISO 8601, or seconds since 1970.
func instant(s string) (time.Time, bool) {
	if seconds, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.Unix(seconds, 0), true
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func inNetwork(got, want string) bool {
	address, err := netip.ParseAddr(got)
	if err != nil {
		return false
	}
	if network, err := netip.ParsePrefix(want); err == nil {
		return network.Contains(address)
	}
	single, err := netip.ParseAddr(want)
	return err == nil && single == address
}
