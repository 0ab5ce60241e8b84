package fakeaws

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// An iamCall is a request to IAM under way. Server.mu is held.
type iamCall struct {
	*Server
	*request
	form form
}

func (c *iamCall) get(name string) string { return c.form.get(name) }

// An iamOperation says on what its permission is checked, and what it does. What it
// serves is the content of its result, nil if it has none.
type iamOperation struct {
	on    func(*iamCall) iamSubject
	serve func(*iamCall) (any, *Error)
}

// iamOperations are all that IAM does here.
var iamOperations = map[string]iamOperation{
	"CreateRole":                    {onNewRole, (*iamCall).createRole},
	"GetRole":                       {onRole, (*iamCall).getRole},
	"UpdateRole":                    {onRole, (*iamCall).updateRole},
	"UpdateAssumeRolePolicy":        {onRole, (*iamCall).updateAssumeRolePolicy},
	"DeleteRole":                    {onRole, (*iamCall).deleteRole},
	"ListRoles":                     {onAll("role"), (*iamCall).listRoles},
	"TagRole":                       {onRole, (*iamCall).tagRole},
	"UntagRole":                     {onRole, (*iamCall).untagRole},
	"ListRoleTags":                  {onRole, (*iamCall).listRoleTags},
	"PutRolePermissionsBoundary":    {onRoleWithBoundary, (*iamCall).putRolePermissionsBoundary},
	"DeleteRolePermissionsBoundary": {onRole, (*iamCall).deleteRolePermissionsBoundary},

	"ListRolePolicies":         {onRole, (*iamCall).listRolePolicies},
	"GetRolePolicy":            {onRole, (*iamCall).getRolePolicy},
	"PutRolePolicy":            {onRole, (*iamCall).putRolePolicy},
	"DeleteRolePolicy":         {onRole, (*iamCall).deleteRolePolicy},
	"ListAttachedRolePolicies": {onRole, (*iamCall).listAttachedRolePolicies},
	"AttachRolePolicy":         {onRole, (*iamCall).attachRolePolicy},
	"DetachRolePolicy":         {onRole, (*iamCall).detachRolePolicy},

	"CreateInstanceProfile":         {onNewProfile, (*iamCall).createInstanceProfile},
	"GetInstanceProfile":            {onProfile, (*iamCall).getInstanceProfile},
	"DeleteInstanceProfile":         {onProfile, (*iamCall).deleteInstanceProfile},
	"AddRoleToInstanceProfile":      {onProfile, (*iamCall).addRoleToInstanceProfile},
	"RemoveRoleFromInstanceProfile": {onProfile, (*iamCall).removeRoleFromInstanceProfile},
	"ListInstanceProfiles":          {onAll("instance-profile"), (*iamCall).listInstanceProfiles},
	"ListInstanceProfilesForRole":   {onRole, (*iamCall).listInstanceProfilesForRole},
	"TagInstanceProfile":            {onProfile, (*iamCall).tagInstanceProfile},
	"UntagInstanceProfile":          {onProfile, (*iamCall).untagInstanceProfile},
	"ListInstanceProfileTags":       {onProfile, (*iamCall).listInstanceProfileTags},

	"CreatePolicy":            {onNewPolicy, (*iamCall).createPolicy},
	"GetPolicy":               {onPolicy, (*iamCall).getPolicy},
	"DeletePolicy":            {onPolicy, (*iamCall).deletePolicy},
	"ListPolicies":            {onAll("policy"), (*iamCall).listPolicies},
	"CreatePolicyVersion":     {onPolicy, (*iamCall).createPolicyVersion},
	"GetPolicyVersion":        {onPolicy, (*iamCall).getPolicyVersion},
	"SetDefaultPolicyVersion": {onPolicy, (*iamCall).setDefaultPolicyVersion},
	"DeletePolicyVersion":     {onPolicy, (*iamCall).deletePolicyVersion},
	"ListPolicyVersions":      {onPolicy, (*iamCall).listPolicyVersions},
	"TagPolicy":               {onPolicy, (*iamCall).tagPolicy},
	"UntagPolicy":             {onPolicy, (*iamCall).untagPolicy},
	"ListPolicyTags":          {onPolicy, (*iamCall).listPolicyTags},

	"SimulatePrincipalPolicy":        {onSimulated, (*iamCall).simulatePrincipalPolicy},
	"SimulateCustomPolicy":           {onEverything, (*iamCall).simulateCustomPolicy},
	"GetAccountAuthorizationDetails": {onEverything, (*iamCall).getAccountAuthorizationDetails},
}

// iam answers the calls of IAM that make and look at roles, instance profiles and
// managed policies (docs.aws.amazon.com/IAM/latest/APIReference).
func (s *Server) iam(q *request) (answer, *Error) {
	operation, ok := iamOperations[q.Operation]
	if !ok {
		return answer{}, &Error{Status: 400, Code: "InvalidAction", Message: "Could not find operation " + q.Operation + " for version 2010-05-08"}
	}
	c := &iamCall{Server: s, request: q, form: newForm(q.http.PostForm)}
	q.Detail = c.detail()
	s.mu.Lock()
	defer s.mu.Unlock()
	subject := operation.on(c)
	if e := s.authorize(q, "iam:"+q.Operation, subject.arn, subject.context); e != nil {
		return answer{}, e
	}
	result, e := operation.serve(c)
	if e != nil {
		return answer{}, e
	}
	return queryAnswer("https://iam.amazonaws.com/doc/2010-05-08/", q.Operation, result), nil
}

// detail tells calls of one operation apart by the names in them.
func (c *iamCall) detail() string {
	var all []string
	for _, name := range []string{"RoleName", "InstanceProfileName", "PolicyName", "PolicyArn", "VersionId", "PolicySourceArn", "PermissionsBoundary"} {
		if value := c.get(name); value != "" {
			all = append(all, value)
		}
	}
	for _, t := range c.form.structures("Tags.member") {
		all = append(all, t.get("Key")+"="+t.get("Value"))
	}
	return strings.Join(append(all, c.form.list("TagKeys.member")...), " ")
}

// queryAnswer is a result in the envelope of the query protocol; nil has none.
func queryAnswer(namespace, operation string, result any) answer {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<%sResponse xmlns="%s">`, operation, namespace)
	if result != nil {
		err := xml.NewEncoder(&b).EncodeElement(result, xml.StartElement{Name: xml.Name{Local: operation + "Result"}})
		if err != nil {
			panic(err) // results are plain structs
		}
	}
	fmt.Fprintf(&b, `</%sResponse>`, operation)
	return answer{status: 200, contentType: "text/xml", body: b.Bytes()}
}

// escaped is a document as IAM returns it, URL-encoded as RFC 3986 has it.
func escaped(document string) string {
	return strings.ReplaceAll(url.QueryEscape(document), "+", "%20")
}

func iamTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// An iamPage says how a list goes on.
type iamPage struct {
	IsTruncated bool
	Marker      string `xml:",omitempty"`
}

// paged returns the part of a list that the call asks for: MaxItems, or 100, from
// Marker.
func paged[T any](c *iamCall, all []T) ([]T, iamPage, *Error) {
	size, from := 100, 0
	if text := c.get("MaxItems"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1000 {
			return nil, iamPage{}, invalid("maxItems", text, "Member must have value between 1 and 1000")
		}
		size = n
	}
	if marker := c.get("Marker"); marker != "" {
		text, err := base64.URLEncoding.DecodeString(marker)
		n, isNumber := strings.CutPrefix(string(text), "from ")
		if from, _ = strconv.Atoi(n); err != nil || !isNumber || from < 1 {
			return nil, iamPage{}, invalid("marker", marker, "Member must be a marker that this operation returned")
		}
	}
	from = min(from, len(all))
	to := min(from+size, len(all))
	var page iamPage
	if to < len(all) {
		page = iamPage{IsTruncated: true, Marker: base64.URLEncoding.EncodeToString(fmt.Appendf(nil, "from %d", to))}
	}
	return all[from:to], page, nil
}
