package fakeaws

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// invalid is how AWS refuses a parameter before it looks at anything else.
func invalid(field, value, constraint string) *Error {
	return &Error{Status: 400, Code: "ValidationError", Message: fmt.Sprintf(
		"1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: %s", value, field, constraint)}
}

// An iamParameter is what IAM demands of one
// (docs.aws.amazon.com/IAM/latest/APIReference).
type iamParameter struct {
	max     int
	pattern *regexp.Regexp
	rule    string // the pattern as AWS prints it
}

var (
	namePattern     = regexp.MustCompile(`^[\w+=,.@-]+$`)
	pathPattern     = regexp.MustCompile(`^(/|/[!-\x7F]+/)$`)
	documentPattern = regexp.MustCompile(`^[\t\n\r\x{20}-\x{FF}]+$`)
	arnPattern      = regexp.MustCompile(`^arn:[^:\s]+:iam::[^:\s]*:[^\s]+$`)
	describePattern = regexp.MustCompile(`^[\t\n\r\x{20}-\x{7E}\x{A1}-\x{FF}]*$`)

	iamParameters = map[string]iamParameter{
		"RoleName":                 {64, namePattern, `[\w+=,.@-]+`},
		"InstanceProfileName":      {128, namePattern, `[\w+=,.@-]+`},
		"PolicyName":               {128, namePattern, `[\w+=,.@-]+`},
		"Path":                     {512, pathPattern, `(/)|(/[!-\u007F]+/)`},
		"PathPrefix":               {512, regexp.MustCompile(`^/[!-\x7F]*$`), `/[!-\u007F]*`},
		"PolicyArn":                {2048, arnPattern, "an ARN"},
		"PermissionsBoundary":      {2048, arnPattern, "an ARN"},
		"PolicySourceArn":          {2048, arnPattern, "an ARN"},
		"VersionId":                {20, regexp.MustCompile(`^v[1-9][0-9]*$`), `v[1-9][0-9]*(\.[A-Za-z0-9-]*)?`},
		"AssumeRolePolicyDocument": {131072, documentPattern, `[\u0009\u000A\u000D\u0020-\u00FF]+`},
		"PolicyDocument":           {131072, documentPattern, `[\u0009\u000A\u000D\u0020-\u00FF]+`},
		"Description":              {1000, describePattern, `[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*`},
	}
)

// check refuses parameters that are missing, or not as IAM demands. Names that end in
// ? may be missing.
func (c *iamCall) check(names ...string) *Error {
	for _, name := range names {
		name, optional := strings.CutSuffix(name, "?")
		value, field := c.get(name), strings.ToLower(name[:1])+name[1:]
		if value == "" {
			if optional {
				continue
			}
			return invalid(field, "", "Member must have length greater than or equal to 1")
		}
		p := iamParameters[name]
		switch {
		case utf8.RuneCountInString(value) > p.max:
			return invalid(field, value, fmt.Sprintf("Member must have length less than or equal to %d", p.max))
		case !p.pattern.MatchString(value):
			return invalid(field, value, "Member must satisfy regular expression pattern: "+p.rule)
		}
	}
	return nil
}

// maxSessionDuration is the call's, or an hour.
func (c *iamCall) maxSessionDuration() (int, *Error) {
	text := c.get("MaxSessionDuration")
	if text == "" {
		return 3600, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 3600 || n > 43200 {
		return 0, invalid("maxSessionDuration", text, "Member must have value between 3600 and 43200")
	}
	return n, nil
}
