package fakeaws

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ecrState is the private registry of one region.
type ecrState struct {
	repositories map[string]*repository
	policy       string // of the registry; "" without one
	rules        []*cacheRule
}

type repository struct {
	name, policy string
	tags         tagSet
	created      time.Time
}

// An ecrCall is a request to ECR, but for GetAuthorizationToken.
type ecrCall struct {
	*request
	server *Server
	in     ecrInput
	*region
}

type ecrInput struct {
	RegistryID          string   `json:"registryId"`
	RepositoryName      string   `json:"repositoryName"`
	RepositoryNames     []string `json:"repositoryNames"`
	PolicyText          *string  `json:"policyText"`
	MaxResults          *int     `json:"maxResults"`
	NextToken           string   `json:"nextToken"`
	Prefix              string   `json:"ecrRepositoryPrefix"`
	Prefixes            []string `json:"ecrRepositoryPrefixes"`
	UpstreamRegistryURL string   `json:"upstreamRegistryUrl"`
	UpstreamRegistry    string   `json:"upstreamRegistry"`
	CredentialARN       string   `json:"credentialArn"`
	CustomRoleARN       string   `json:"customRoleArn"`
	UpstreamPrefix      string   `json:"upstreamRepositoryPrefix"`
	Tags                []ecrTag `json:"tags"`
}

type ecrTag struct{ Key, Value string }

var ecrOperations = map[string]func(*ecrCall) (any, *Error){
	"CreatePullThroughCacheRule":    (*ecrCall).createRule,
	"CreateRepository":              (*ecrCall).createRepository,
	"DeleteRegistryPolicy":          (*ecrCall).deleteRegistryPolicy,
	"DeleteRepositoryPolicy":        (*ecrCall).deleteRepositoryPolicy,
	"DescribePullThroughCacheRules": (*ecrCall).describeRules,
	"DescribeRepositories":          (*ecrCall).describeRepositories,
	"GetRegistryPolicy":             (*ecrCall).getRegistryPolicy,
	"GetRepositoryPolicy":           (*ecrCall).getRepositoryPolicy,
	"PutRegistryPolicy":             (*ecrCall).putRegistryPolicy,
	"SetRepositoryPolicy":           (*ecrCall).setRepositoryPolicy,
}

// ecrRegistry answers what ECR knows of repositories, policies and cache rules.
func (s *Server) ecrRegistry(q *request) (answer, *Error) {
	serve, ok := ecrOperations[q.Operation]
	if !ok {
		return answer{}, &Error{Status: 400, Code: "UnknownOperationException"}
	}
	c := &ecrCall{request: q, server: s}
	if err := json.Unmarshal([]byte(q.body), &c.in); err != nil {
		return answer{}, &Error{Status: 400, Code: "SerializationException", Message: err.Error()}
	}
	q.Detail = strings.TrimSpace(c.in.RepositoryName + " " + c.in.Prefix)
	s.mu.Lock()
	defer s.mu.Unlock()
	c.region = s.in(q.Region)
	result, e := serve(c)
	if e != nil {
		return answer{}, e
	}
	b, err := json.Marshal(result)
	if err != nil {
		panic(err)
	}
	return answer{status: 200, contentType: "application/x-amz-json-1.1", body: b}, nil
}

func (c *ecrCall) registryID() string {
	if c.in.RegistryID != "" {
		return c.in.RegistryID
	}
	return c.server.Account
}

func (c *ecrCall) repositoryARN(name string) string {
	return fmt.Sprintf("arn:%s:ecr:%s:%s:repository/%s", c.server.Partition, c.region.name, c.registryID(), name)
}

func (c *ecrCall) allow(arn string, context map[string][]string) *Error {
	return c.server.authorize(c.request, "ecr:"+c.Operation, arn, context)
}

func ecrInvalid(parameter, constraint string) *Error {
	return &Error{Status: 400, Code: "InvalidParameterException",
		Message: fmt.Sprintf("Invalid parameter at '%s' failed to satisfy constraint: '%s'", parameter, constraint)}
}

func (c *ecrCall) noRepository(name string) *Error {
	return &Error{Status: 400, Code: "RepositoryNotFoundException",
		Message: fmt.Sprintf("The repository with name '%s' does not exist in the registry with id '%s'", name, c.registryID())}
}

var repositoryName = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$`)

func (c *ecrCall) createRepository() (any, *Error) {
	name := c.in.RepositoryName
	tags := tagSet{}
	for _, t := range c.in.Tags {
		tags[t.Key] = t.Value
	}
	if e := c.allow(c.repositoryARN(name), tagContext(tags, nil)); e != nil {
		return nil, e
	}
	switch {
	case len(name) < 2 || len(name) > 256 || !repositoryName.MatchString(name):
		return nil, ecrInvalid("repositoryName", "must satisfy regular expression "+repositoryName.String())
	case len(tags) > maxTags:
		return nil, &Error{Status: 400, Code: "TooManyTagsException", Message: "A repository can have 50 tags at most"}
	case c.repositories[name] != nil:
		return nil, &Error{Status: 400, Code: "RepositoryAlreadyExistsException",
			Message: fmt.Sprintf("The repository with name '%s' already exists in the registry with id '%s'", name, c.registryID())}
	}
	r := &repository{name: name, tags: tags, created: c.server.Now()}
	c.repositories[name] = r
	return object{"repository": c.show(r)}, nil
}

func (c *ecrCall) show(r *repository) object {
	suffix := regions[c.server.Partition].suffix
	return object{
		"repositoryArn": c.repositoryARN(r.name), "registryId": c.registryID(), "repositoryName": r.name, "createdAt": epoch(r.created),
		"repositoryUri":      fmt.Sprintf("%s.dkr.ecr.%s.%s/%s", c.registryID(), c.region.name, suffix, r.name),
		"imageTagMutability": "MUTABLE",
	}
}

// repository is the one that the request names, which the caller may do the
// operation to.
func (c *ecrCall) repository() (*repository, *Error) {
	var r *repository
	if c.registryID() == c.server.Account {
		r = c.repositories[c.in.RepositoryName]
	}
	var tags tagSet
	if r != nil {
		tags = r.tags
	}
	if e := c.allow(c.repositoryARN(c.in.RepositoryName), resourceTags(tags)); e != nil {
		return nil, e
	}
	if r == nil {
		return nil, c.noRepository(c.in.RepositoryName)
	}
	return r, nil
}

func (c *ecrCall) describeRepositories() (any, *Error) {
	names := slices.Clone(c.in.RepositoryNames)
	for _, name := range names {
		if e := c.allow(c.repositoryARN(name), nil); e != nil {
			return nil, e
		}
		if c.repositories[name] == nil || c.registryID() != c.server.Account {
			return nil, c.noRepository(name)
		}
	}
	if len(names) > 0 && (c.in.MaxResults != nil || c.in.NextToken != "") {
		return nil, ecrInvalid("maxResults", "cannot be used with repositoryNames")
	}
	if len(names) == 0 {
		if e := c.allow(c.repositoryARN("*"), nil); e != nil {
			return nil, e
		}
		for name := range c.repositories {
			names = append(names, name)
		}
		slices.Sort(names)
	}
	part, token, e := ecrPage(c, names)
	if e != nil {
		return nil, e
	}
	all := []object{}
	for _, name := range part {
		all = append(all, c.show(c.repositories[name]))
	}
	return object{"repositories": all, "nextToken": token}, nil
}

// ecrPage cuts a page: of 100 if nothing is said, of 1000 at most.
func ecrPage[T any](c *ecrCall, all []T) (part []T, token any, e *Error) {
	size, from := 100, 0
	if c.in.MaxResults != nil {
		if size = *c.in.MaxResults; size < 1 || size > 1000 {
			return nil, nil, ecrInvalid("maxResults", "Member must have value between 1 and 1000")
		}
	}
	if c.in.NextToken != "" {
		offset, ok := strings.CutPrefix(decoded(c.in.NextToken), c.Operation+" ")
		n, err := strconv.Atoi(offset)
		if err != nil || !ok {
			return nil, nil, ecrInvalid("nextToken", "Invalid next token")
		}
		from = n
	}
	part = all[min(from, len(all)):]
	if len(part) <= size {
		return part, nil, nil
	}
	return part[:size], base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s %d", c.Operation, from+size)), nil
}
