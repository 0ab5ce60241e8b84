package evaluate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws/evaluate"
)

func parse(t testing.TB, text string) *evaluate.Document {
	t.Helper()
	d, err := evaluate.Parse(text)
	if err != nil {
		t.Fatalf("Parse(%s) = %v", text, err)
	}
	return d
}

// policy is a document of these statements.
func policy(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

// allow is a statement with Sid A; conditions may be empty.
func allow(action, resource, conditions string) string {
	return statement("A", "Allow", action, resource, conditions)
}

func deny(action, resource, conditions string) string {
	return statement("D", "Deny", action, resource, conditions)
}

func statement(sid, effect, action, resource, conditions string) string {
	if conditions != "" {
		conditions = `,"Condition":` + conditions
	}
	return fmt.Sprintf(`{"Sid":%q,"Effect":%q,"Action":%q,"Resource":%q%s}`, sid, effect, action, resource, conditions)
}

type outcome struct {
	Effect evaluate.Effect
	Layer  evaluate.Layer
	Sid    string
}

var (
	allowed  = outcome{Effect: evaluate.Allowed, Sid: "A"}
	denied   = outcome{evaluate.ExplicitDeny, evaluate.Identity, "D"}
	implicit = outcome{Effect: evaluate.ImplicitDeny, Layer: evaluate.Identity}
)

func decide(p evaluate.Policies, r evaluate.Request) outcome {
	d := p.Decide(r)
	return outcome{d.Effect, d.Layer, d.Statement.Sid}
}

type context = map[string][]string

const (
	instance = "arn:aws:ec2:eu-central-1:123456789012:instance/i-0abc"
	group    = "arn:aws:ec2:eu-central-1:123456789012:security-group/sg-1"
	role     = "arn:aws:iam::123456789012:role/prod-1-server"
	user     = "arn:aws:iam::123456789012:user/operator"
	cluster  = "kubernetes.io/cluster/prod-1"
)

// TestActionsAndResources is which statements are for a request.
func TestActionsAndResources(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, action, resource string
		statement              string
		want                   outcome
	}{
		{"the action", "ec2:RunInstances", instance, allow("ec2:RunInstances", "*", ""), allowed},
		{"another action", "ec2:RunInstances", instance, allow("ec2:StopInstances", "*", ""), implicit},
		{"another service", "ec2:CreateTags", instance, allow("autoscaling:CreateTags", "*", ""), implicit},
		{"case of an action", "ec2:RunInstances", instance, allow("EC2:runinstances", "*", ""), allowed},
		{"beginning of an action", "ec2:DescribeInstances", "*", allow("ec2:Describe*", "*", ""), allowed},
		{"end of an action", "ec2:DescribeInstances", "*", allow("ec2:*Instances", "*", ""), allowed},
		{"middle of an action", "ec2:DescribeInstances", "*", allow("ec2:*Inst*", "*", ""), allowed},
		{"one character", "iam:GetRole", role, allow("iam:?etRole", "*", ""), allowed},
		{"one character too few", "iam:GetRole", role, allow("iam:?GetRole", "*", ""), implicit},
		{"all actions", "iam:GetRole", role, allow("*", "*", ""), allowed},
		{"a list of actions", "iam:GetRole", role, `{"Sid":"A","Effect":"Allow","Action":["iam:TagRole","iam:GetRole"],"Resource":"*"}`, allowed},
		{"all but actions", "iam:GetRole", role, `{"Sid":"A","Effect":"Allow","NotAction":["iam:TagRole"],"Resource":"*"}`, allowed},
		{"all but this action", "iam:GetRole", role, `{"Sid":"A","Effect":"Allow","NotAction":"iam:Get*","Resource":"*"}`, implicit},

		{"the resource", "iam:GetRole", role, allow("iam:GetRole", role, ""), allowed},
		{"case of a resource", "iam:GetRole", role, allow("iam:GetRole", "arn:aws:iam::123456789012:role/PROD-1-server", ""), implicit},
		{"beginning of a resource", "iam:GetRole", role, allow("iam:GetRole", "arn:aws:iam::123456789012:role/prod-1-*", ""), allowed},
		{"beginning of another", "iam:GetRole", role, allow("iam:GetRole", "arn:aws:iam::123456789012:role/prod-2-*", ""), implicit},
		{"any account", "iam:GetRole", role, allow("iam:GetRole", "arn:aws:iam::*:role/prod-1-server", ""), allowed},
		{"another account", "iam:GetRole", role, allow("iam:GetRole", "arn:aws:iam::210987654321:role/*", ""), implicit},
		{"another partition", "iam:GetRole", role, allow("iam:GetRole", "arn:aws-cn:iam::123456789012:role/*", ""), implicit},
		{"a path is in the star", "iam:GetRole", "arn:aws:iam::123456789012:role/a/b/c", allow("iam:GetRole", "arn:aws:iam::123456789012:role/*c", ""), allowed},
		{"a star does not cross colons", "ec2:CreateTags", instance, allow("ec2:CreateTags", "arn:aws:ec2:*:instance/*", ""), implicit},
		{"an ARN with parts left out", "ec2:CreateTags", instance, allow("ec2:CreateTags", "arn:aws:ec2", ""), allowed},
		{"any region and account", "ec2:CreateTags", instance, allow("ec2:CreateTags", "arn:aws:ec2:*:*:instance/*", ""), allowed},
		{"a list of resources", "ec2:CreateTags", group, `{"Sid":"A","Effect":"Allow","Action":"ec2:CreateTags","Resource":["arn:aws:ec2:*:*:instance/*","arn:aws:ec2:*:*:security-group/*"]}`, allowed},
		{"all but resources", "ec2:CreateTags", group, `{"Sid":"A","Effect":"Allow","Action":"ec2:CreateTags","NotResource":"arn:aws:ec2:*:*:instance/*"}`, allowed},
		{"all but this resource", "ec2:CreateTags", instance, `{"Sid":"A","Effect":"Allow","Action":"ec2:CreateTags","NotResource":"arn:aws:ec2:*:*:instance/*"}`, implicit},
		{"an action without resource", "ec2:DescribeInstances", "*", allow("ec2:*", "arn:aws:ec2:*:*:instance/*", ""), implicit},

		{"deny", "iam:GetRole", role, allow("*", "*", "") + "," + deny("iam:GetRole", role, ""), denied},
		{"deny before allow", "iam:GetRole", role, deny("iam:*", "*", "") + "," + allow("iam:GetRole", role, ""), denied},
		{"deny of another resource", "iam:GetRole", role, allow("*", "*", "") + "," + deny("iam:GetRole", "arn:aws:iam::123456789012:role/other", ""), allowed},
		{"deny of all but", "iam:GetRole", role, allow("*", "*", "") + `,{"Sid":"D","Effect":"Deny","NotAction":"ec2:*","Resource":"*"}`, denied},
		{"nothing", "iam:GetRole", role, deny("ec2:*", "*", ""), implicit},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := decide(evaluate.Policies{Identity: []*evaluate.Document{parse(t, policy(c.statement))}},
				evaluate.Request{Action: c.action, Resource: c.resource})
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("Decide(%s on %s) by %s (-want +got)\n%s", c.action, c.resource, c.statement, diff)
			}
		})
	}
}

// TestConditions is what conditions of a statement that allows come to.
func TestConditions(t *testing.T) {
	t.Parallel()
	tag, resourceTag := "aws:RequestTag/"+cluster, "aws:ResourceTag/"+cluster
	cases := []struct {
		name      string
		condition string
		context   context
		want      outcome
	}{
		{"equal", `{"StringEquals":{"aws:RequestTag/team":"a"}}`, context{"aws:RequestTag/team": {"a"}}, allowed},
		{"not equal", `{"StringEquals":{"aws:RequestTag/team":"a"}}`, context{"aws:RequestTag/team": {"b"}}, implicit},
		{"equal in another case", `{"StringEquals":{"aws:RequestTag/team":"a"}}`, context{"aws:RequestTag/team": {"A"}}, implicit},
		{"equal to one of a list", `{"StringEquals":{"aws:RequestTag/team":["b","a"]}}`, context{"aws:RequestTag/team": {"a"}}, allowed},
		{"a star is a star", `{"StringEquals":{"aws:RequestTag/team":"*"}}`, context{"aws:RequestTag/team": {"a"}}, implicit},
		{"no key", `{"StringEquals":{"aws:RequestTag/team":"a"}}`, nil, implicit},
		{"another key", `{"StringEquals":{"aws:RequestTag/team":"a"}}`, context{"aws:ResourceTag/team": {"a"}}, implicit},
		{"the case of a key", `{"StringEquals":{"AWS:requesttag/Team":"a"}}`, context{"aws:RequestTag/team": {"a"}}, allowed},
		{"a tag key with slashes", `{"StringEquals":{"` + tag + `":"owned"}}`, context{tag: {"owned"}}, allowed},
		{"all of two keys", `{"StringEquals":{"aws:RequestTag/team":"a","aws:RequestTag/env":"b"}}`, context{"aws:RequestTag/team": {"a"}, "aws:RequestTag/env": {"b"}}, allowed},
		{"one of two keys", `{"StringEquals":{"aws:RequestTag/team":"a","aws:RequestTag/env":"b"}}`, context{"aws:RequestTag/team": {"a"}}, implicit},
		{"one of two operators", `{"StringEquals":{"aws:RequestTag/team":"a"},"Null":{"aws:RequestTag/env":"false"}}`, context{"aws:RequestTag/team": {"a"}}, implicit},

		{"equal but for case", `{"StringEqualsIgnoreCase":{"aws:RequestTag/team":"a"}}`, context{"aws:RequestTag/team": {"A"}}, allowed},
		{"other in any case", `{"StringNotEqualsIgnoreCase":{"aws:RequestTag/team":"a"}}`, context{"aws:RequestTag/team": {"A"}}, implicit},
		{"other", `{"StringNotEquals":{"aws:RequestTag/team":"a"}}`, context{"aws:RequestTag/team": {"b"}}, allowed},
		{"not other", `{"StringNotEquals":{"aws:RequestTag/team":"a"}}`, context{"aws:RequestTag/team": {"a"}}, implicit},
		{"other than all of a list", `{"StringNotEquals":{"aws:RequestTag/team":["a","b"]}}`, context{"aws:RequestTag/team": {"b"}}, implicit},
		{"other without key", `{"StringNotEquals":{"aws:RequestTag/team":"a"}}`, nil, allowed},
		{"like", `{"StringLike":{"` + tag + `":"?hare*"}}`, context{tag: {"shared"}}, allowed},
		{"like any", `{"StringLike":{"` + tag + `":"*"}}`, context{tag: {""}}, allowed},
		{"like any without key", `{"StringLike":{"` + tag + `":"*"}}`, nil, implicit},
		{"unlike", `{"StringNotLike":{"` + tag + `":"own*"}}`, context{tag: {"owned"}}, implicit},
		{"unlike without key", `{"StringNotLike":{"` + tag + `":"own*"}}`, nil, allowed},

		{"key is there", `{"Null":{"` + tag + `":"false"}}`, context{tag: {"owned"}}, allowed},
		{"key is not there", `{"Null":{"` + tag + `":"false"}}`, nil, implicit},
		{"key must not be there", `{"Null":{"` + tag + `":"true"}}`, context{tag: {"owned"}}, implicit},
		{"key must not be there and is not", `{"Null":{"` + tag + `":"true"}}`, nil, allowed},
		{"truth as truth", `{"Null":{"` + tag + `":true}}`, nil, allowed},

		{"if it exists, equal", `{"StringEqualsIfExists":{"` + resourceTag + `":"owned"}}`, context{resourceTag: {"owned"}}, allowed},
		{"if it exists, not equal", `{"StringEqualsIfExists":{"` + resourceTag + `":"owned"}}`, context{resourceTag: {"shared"}}, implicit},
		{"if it exists", `{"StringEqualsIfExists":{"` + resourceTag + `":"owned"}}`, nil, allowed},

		{"true", `{"Bool":{"aws:SecureTransport":"true"}}`, context{"aws:SecureTransport": {"true"}}, allowed},
		{"false", `{"Bool":{"aws:SecureTransport":"true"}}`, context{"aws:SecureTransport": {"false"}}, implicit},
		{"no truth", `{"Bool":{"aws:SecureTransport":"false"}}`, nil, implicit},
		{"no truth, if it exists", `{"BoolIfExists":{"aws:SecureTransport":"true"}}`, nil, allowed},

		{"an ARN", `{"ArnEquals":{"iam:PolicyARN":"arn:aws:iam::aws:policy/AmazonEKS*"}}`, context{"iam:PolicyARN": {"arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"}}, allowed},
		{"like an ARN", `{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/team/*"}}`, context{"aws:PrincipalArn": {"arn:aws:iam::123456789012:role/team/a"}}, allowed},
		{"a star in one part", `{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam:*:role/team"}}`, context{"aws:PrincipalArn": {"arn:aws:iam::123456789012:role/team"}}, implicit},
		{"unlike an ARN", `{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/team/*"}}`, context{"aws:PrincipalArn": {"arn:aws:iam::123456789012:role/team/a"}}, implicit},
		{"another ARN", `{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::*:role/team/*"}}`, context{"aws:PrincipalArn": {"arn:aws:iam::123456789012:role/a"}}, allowed},

		{"all keys of a list", `{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}`, context{"aws:TagKeys": {"a", "b"}}, allowed},
		{"one key too many", `{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}`, context{"aws:TagKeys": {"a", "c"}}, implicit},
		{"all of none", `{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}`, nil, allowed},
		{"all like", `{"ForAllValues:StringLike":{"aws:TagKeys":"kubernetes.io/*"}}`, context{"aws:TagKeys": {cluster, "kubernetes.io/role/elb"}}, allowed},
		{"all other", `{"ForAllValues:StringNotEquals":{"aws:TagKeys":["a","b"]}}`, context{"aws:TagKeys": {"c", "b"}}, implicit},
		{"any of a list", `{"ForAnyValue:StringEquals":{"aws:TagKeys":["a","b"]}}`, context{"aws:TagKeys": {"c", "b"}}, allowed},
		{"any of others", `{"ForAnyValue:StringEquals":{"aws:TagKeys":["a","b"]}}`, context{"aws:TagKeys": {"c", "d"}}, implicit},
		{"any of none", `{"ForAnyValue:StringEquals":{"aws:TagKeys":["a","b"]}}`, nil, implicit},
		{"any other", `{"ForAnyValue:StringNotEquals":{"aws:TagKeys":["a"]}}`, context{"aws:TagKeys": {"a", "b"}}, allowed},
		{"any other of none", `{"ForAnyValue:StringNotEquals":{"aws:TagKeys":["a"]}}`, nil, implicit},
		{"any without saying so", `{"StringEquals":{"aws:TagKeys":"a"}}`, context{"aws:TagKeys": {"c", "a"}}, allowed},
		{"all other without saying so", `{"StringNotEquals":{"aws:TagKeys":"a"}}`, context{"aws:TagKeys": {"c", "a"}}, implicit},
		{"any, if it exists", `{"ForAnyValue:StringEqualsIfExists":{"aws:TagKeys":["a"]}}`, nil, allowed},

		{"number", `{"NumericLessThan":{"s3:max-keys":"10"}}`, context{"s3:max-keys": {"9.5"}}, allowed},
		{"number as number", `{"NumericLessThanEquals":{"s3:max-keys":10}}`, context{"s3:max-keys": {"10"}}, allowed},
		{"number above", `{"NumericGreaterThan":{"s3:max-keys":"10"}}`, context{"s3:max-keys": {"10"}}, implicit},
		{"number from", `{"NumericGreaterThanEquals":{"s3:max-keys":"10"}}`, context{"s3:max-keys": {"10"}}, allowed},
		{"number equal", `{"NumericEquals":{"s3:max-keys":"10"}}`, context{"s3:max-keys": {"10.0"}}, allowed},
		{"number other", `{"NumericNotEquals":{"s3:max-keys":"10"}}`, context{"s3:max-keys": {"10.0"}}, implicit},
		{"no number", `{"NumericLessThan":{"s3:max-keys":"10"}}`, context{"s3:max-keys": {"few"}}, implicit},
		{"before", `{"DateLessThan":{"aws:CurrentTime":"2026-07-01T00:00:00Z"}}`, context{"aws:CurrentTime": {"2026-06-30T23:59:59Z"}}, allowed},
		{"not before", `{"DateLessThan":{"aws:CurrentTime":"2026-07-01"}}`, context{"aws:CurrentTime": {"2026-07-01T00:00:00Z"}}, implicit},
		{"until", `{"DateLessThanEquals":{"aws:CurrentTime":"2026-07-01"}}`, context{"aws:CurrentTime": {"2026-07-01T00:00:00Z"}}, allowed},
		{"after", `{"DateGreaterThan":{"aws:EpochTime":"1767225600"}}`, context{"aws:EpochTime": {"1767225601"}}, allowed},
		{"from", `{"DateGreaterThanEquals":{"aws:EpochTime":"1767225600"}}`, context{"aws:EpochTime": {"1767225599"}}, implicit},
		{"at", `{"DateEquals":{"aws:CurrentTime":"2026-07-01T02:00:00+02:00"}}`, context{"aws:CurrentTime": {"2026-07-01T00:00:00Z"}}, allowed},
		{"not at", `{"DateNotEquals":{"aws:CurrentTime":"2026-07-01"}}`, context{"aws:CurrentTime": {"2026-07-01T00:00:00Z"}}, implicit},
		{"address in a network", `{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`, context{"aws:SourceIp": {"10.1.2.3"}}, allowed},
		{"address outside", `{"IpAddress":{"aws:SourceIp":["10.0.0.0/8","192.0.2.1"]}}`, context{"aws:SourceIp": {"192.0.2.2"}}, implicit},
		{"address not in", `{"NotIpAddress":{"aws:SourceIp":"192.0.2.1"}}`, context{"aws:SourceIp": {"192.0.2.1"}}, implicit},
		{"bytes", `{"BinaryEquals":{"x:blob":"QmluYXJ5"}}`, context{"x:blob": {"QmluYXJ5"}}, allowed},
		{"case of an operator", `{"stringequals":{"aws:RequestTag/team":"a"}}`, context{"aws:RequestTag/team": {"a"}}, allowed},

		{"a variable", `{"StringEquals":{"aws:ResourceTag/owner":"${aws:username}"}}`, context{"aws:ResourceTag/owner": {"bob"}, "aws:username": {"bob"}}, allowed},
		{"a variable without value", `{"StringEquals":{"aws:ResourceTag/owner":"${aws:username}"}}`, context{"aws:ResourceTag/owner": {""}}, implicit},
		{"a variable with a default", `{"StringEquals":{"aws:ResourceTag/owner":"${aws:username, 'bob'}"}}`, context{"aws:ResourceTag/owner": {"bob"}}, allowed},
		{"a variable is no pattern", `{"StringLike":{"aws:ResourceTag/owner":"${aws:username}"}}`, context{"aws:ResourceTag/owner": {"bob"}, "aws:username": {"*"}}, implicit},
		{"a star by name", `{"StringLike":{"aws:ResourceTag/owner":"a${*}"}}`, context{"aws:ResourceTag/owner": {"ab"}}, implicit},
		{"a dollar", `{"StringEquals":{"aws:ResourceTag/owner":"${$}{x}"}}`, context{"aws:ResourceTag/owner": {"${x}"}}, allowed},
		{"an open variable", `{"StringEquals":{"aws:ResourceTag/owner":"${aws:username"}}`, context{"aws:ResourceTag/owner": {"${aws:username"}}, implicit},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := parse(t, policy(allow("ec2:CreateTags", "*", c.condition)))
			got := decide(evaluate.Policies{Identity: []*evaluate.Document{d}},
				evaluate.Request{Action: "ec2:CreateTags", Resource: instance, Context: c.context})
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("Decide with %s in %v (-want +got)\n%s", c.condition, c.context, diff)
			}
		})
	}
}
