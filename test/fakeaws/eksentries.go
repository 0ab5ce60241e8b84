package fakeaws

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

type accessEntry struct {
	principal, arn string
	kind           string // its type
	user           string
	groups         []string
	tags           tagSet
	token          string // of the request that made it
	created        time.Time
	modified       time.Time
	policies       []*accessPolicy
}

type accessPolicy struct {
	arn            string
	scope          accessScope
	since, changed time.Time
}

type accessScope struct {
	Type       string   `json:"type"`
	Namespaces []string `json:"namespaces,omitempty"`
}

type entryInput struct {
	PrincipalARN       string `json:"principalArn"`
	Type               string
	Username           string
	KubernetesGroups   []string
	Tags               tagSet
	ClientRequestToken string
}

var (
	iamPrincipal = regexp.MustCompile(`^arn:[\w-]+:iam::(\d{12}):(role|user)/((?:.*/)?([\w+=,.@-]+))$`)
	entryTypes   = []string{"STANDARD", "FARGATE_LINUX", "EC2_LINUX", "EC2_WINDOWS", "EC2", "HYBRID_LINUX", "HYPERPOD_LINUX"}
)

// withEntries is the cluster of the path, if its mode has access entries.
func (c *eksCall) withEntries() (*cluster, *Error) {
	k, e := c.named()
	if e != nil {
		return nil, e
	}
	if k.mode == "CONFIG_MAP" {
		return nil, &Error{Status: 400, Code: "InvalidRequestException",
			Message: "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation."}
	}
	return k, nil
}

// entry is the cluster and the access entry of the path, which the caller may do the
// operation to.
func (c *eksCall) entry(context map[string][]string) (*cluster, *accessEntry, *Error) {
	var found *accessEntry
	arn := c.server.arn("eks", c.region.name, "access-entry/"+c.path[1]+"/*")
	if k, ok := c.clusters[c.path[1]]; ok {
		for _, a := range k.entries {
			if a.principal == c.path[3] {
				found, arn = a, a.arn
			}
		}
	}
	tags := tagSet(nil)
	if found != nil {
		tags = found.tags
	}
	about := map[string][]string{"eks:principalArn": {c.path[3]}}
	if e := c.allow(arn, about, resourceTags(tags), context); e != nil {
		return nil, nil, e
	}
	k, e := c.withEntries()
	if e != nil {
		return nil, nil, e
	}
	if !iamPrincipal.MatchString(c.path[3]) {
		return nil, nil, eksInvalid("The principalArn parameter format is not valid")
	}
	if found == nil {
		return nil, nil, &Error{Status: 404, Code: "ResourceNotFoundException",
			Message: "The specified principalArn could not be found. You can view your available access entries with 'list-access-entries'."}
	}
	return k, found, nil
}

func (c *eksCall) createEntry() (any, *Error) {
	var in entryInput
	if e := c.read(&in); e != nil {
		return nil, e
	}
	in.Type = cmp.Or(in.Type, "STANDARD")
	c.Detail += " " + in.PrincipalARN + " " + in.Type
	about := map[string][]string{"eks:principalArn": {in.PrincipalARN}, "eks:accessEntryType": {in.Type}}
	if in.Username != "" {
		about["eks:username"] = []string{in.Username}
	}
	if len(in.KubernetesGroups) > 0 {
		about["eks:kubernetesGroups"] = in.KubernetesGroups
	}
	if e := c.allow(c.clusterARN(c.path[1]), about, tagContext(in.Tags, nil)); e != nil {
		return nil, e
	}
	k, e := c.withEntries()
	if e != nil {
		return nil, e
	}
	for _, a := range k.entries {
		if a.principal == in.PrincipalARN && a.token == in.ClientRequestToken && a.token != "" {
			return object{"accessEntry": a.show(k)}, nil // the same request again
		}
		if a.principal == in.PrincipalARN {
			return nil, &Error{Status: 409, Code: "ResourceInUseException", Message: "The specified access entry resource is already in use on this cluster."}
		}
	}
	if e := c.check(in); e != nil {
		return nil, e
	}
	return object{"accessEntry": c.addEntry(k, in).show(k)}, nil
}

// check holds a new entry against the rules of
// docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html.
func (c *eksCall) check(in entryInput) *Error {
	m := iamPrincipal.FindStringSubmatch(in.PrincipalARN)
	switch {
	case m == nil:
		return eksInvalid("The principalArn parameter format is not valid")
	case strings.HasPrefix(m[3], "aws-service-role/"):
		return eksInvalid("The caller is not allowed to modify access entries with a principalArn value of a Service Linked Role")
	case !slices.Contains(entryTypes, in.Type):
		return eksInvalid("The type %s is not valid, it must be one of [%s]", in.Type, strings.Join(entryTypes, ", "))
	case !c.exists(m):
		return eksInvalid("The specified principalArn is invalid: invalid principal.")
	}
	if e := eksTags(in.Tags); e != nil {
		return e
	}
	if in.Type == "STANDARD" {
		return checkIdentity(in.Username, in.KubernetesGroups)
	}
	switch {
	case m[1] != c.server.Account || m[2] != "role":
		return eksInvalid("An access entry of type %s must be for a role of the cluster's account", in.Type)
	case len(in.KubernetesGroups) > 0 || in.Username != "":
		return eksInvalid("The kubernetesGroups and username parameters can only be set for Access Entries with a type of \"STANDARD\".")
	}
	return c.server.authorize(c.request, "iam:PassRole", in.PrincipalARN, map[string][]string{"iam:PassedToService": {"eks.amazonaws.com"}})
}

// exists is whether IAM knows of a role of this account. Of others, and of users,
// there is no telling.
func (c *eksCall) exists(principal []string) bool {
	if principal[1] != c.server.Account || principal[2] != "role" {
		return true
	}
	_, ok := c.server.roleID(principal[0])
	return ok
}

// checkIdentity keeps Kubernetes' own names and AWS's from those that people give.
func checkIdentity(user string, groups []string) *Error {
	for _, group := range groups {
		if strings.HasPrefix(group, "system:") {
			return eksInvalid("The kubernetes group name %s is invalid, it cannot start with system:", group)
		}
	}
	for _, prefix := range []string{"system:", "eks:", "aws:", "amazon:", "iam:"} {
		if strings.HasPrefix(user, prefix) {
			return eksInvalid("The username %s is invalid, it cannot start with %s", user, prefix)
		}
	}
	return nil
}

func (c *eksCall) addEntry(k *cluster, in entryInput) *accessEntry {
	now := c.server.Now()
	a := &accessEntry{
		principal: in.PrincipalARN, kind: in.Type, user: in.Username, groups: in.KubernetesGroups, tags: in.Tags,
		token: in.ClientRequestToken, created: now, modified: now,
	}
	if a.tags == nil {
		a.tags = tagSet{}
	}
	m := iamPrincipal.FindStringSubmatch(in.PrincipalARN)
	if m == nil { // a creator who is neither, the account itself
		m = []string{"", c.server.Account, "root", "root", "root"}
	}
	a.arn = c.server.arn("eks", c.region.name, fmt.Sprintf("access-entry/%s/%s/%s/%s/%s", k.name, m[2], m[1], m[4], uuid(c.server.mint("entry"))))
	switch {
	case a.kind == "FARGATE_LINUX" || a.kind == "HYBRID_LINUX" || a.kind == "HYPERPOD_LINUX":
		a.user, a.groups = "system:node:{{SessionName}}", []string{"system:nodes"}
	case a.kind != "STANDARD":
		a.user, a.groups = "system:node:{{EC2PrivateDNSName}}", []string{"system:nodes"}
	case a.user == "" && m[2] == "role":
		a.user = fmt.Sprintf("arn:%s:sts::%s:assumed-role/%s/{{SessionName}}", c.server.Partition, m[1], m[4])
	case a.user == "":
		a.user = a.principal
	}
	k.entries = append(k.entries, a)
	return a
}

func (a *accessEntry) show(k *cluster) object {
	return object{
		"clusterName": k.name, "principalArn": a.principal, "accessEntryArn": a.arn, "type": a.kind, "username": a.user,
		"kubernetesGroups": append([]string{}, a.groups...), "createdAt": epoch(a.created), "modifiedAt": epoch(a.modified), "tags": maps.Clone(a.tags),
	}
}

func (c *eksCall) listEntries() (any, *Error) {
	if e := c.allow(c.clusterARN(c.path[1])); e != nil {
		return nil, e
	}
	k, e := c.withEntries()
	if e != nil {
		return nil, e
	}
	names := []string{}
	with := c.query.Get("associatedPolicyArn")
	for _, a := range k.entries {
		if with == "" || a.policy(with) != nil {
			names = append(names, a.principal)
		}
	}
	part, token, e := eksPage(c, names)
	return object{"accessEntries": part, "nextToken": token}, e
}

func (c *eksCall) describeEntry() (any, *Error) {
	k, a, e := c.entry(nil)
	if e != nil {
		return nil, e
	}
	return object{"accessEntry": a.show(k)}, nil
}

var onlyStandard = eksInvalid(`This operation can only be performed on Access Entries with a type of "STANDARD".`)

func (c *eksCall) updateEntry() (any, *Error) {
	k, a, e := c.entry(nil)
	if e != nil {
		return nil, e
	}
	var in struct {
		Username         string
		KubernetesGroups *[]string
	}
	if e := c.read(&in); e != nil {
		return nil, e
	}
	if a.kind != "STANDARD" {
		return nil, onlyStandard
	}
	groups := a.groups
	if in.KubernetesGroups != nil {
		groups = *in.KubernetesGroups
	}
	if e := checkIdentity(in.Username, groups); e != nil {
		return nil, e
	}
	a.user, a.groups, a.modified = cmp.Or(in.Username, a.user), groups, c.server.Now()
	return object{"accessEntry": a.show(k)}, nil
}

func (c *eksCall) deleteEntry() (any, *Error) {
	k, a, e := c.entry(nil)
	if e != nil {
		return nil, e
	}
	k.entries = slices.DeleteFunc(k.entries, func(other *accessEntry) bool { return other == a })
	return object{}, nil
}
