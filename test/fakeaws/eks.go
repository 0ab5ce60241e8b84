package fakeaws

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// eksState is one region of EKS.
type eksState struct {
	clusters map[string]*cluster
}

type cluster struct {
	name, arn, role, version string
	mode                     string // of authentication
	vpc                      string
	subnets, groups          []string
	ownGroup                 string // the security group that EKS made
	publicAccess             bool
	privateAccess            bool
	tags                     tagSet
	created                  time.Time
	entries                  []*accessEntry // in order of creation
}

// An eksCall is a request to EKS: the parts of its path, and its query.
type eksCall struct {
	*request
	server *Server
	path   []string
	query  url.Values
	*region
}

// eksRoutes are the operations by method and path, where * stands for a name.
var eksRoutes = []struct {
	method, path, operation string
	serve                   func(*eksCall) (any, *Error)
}{
	{"POST", "clusters", "CreateCluster", (*eksCall).createCluster},
	{"GET", "clusters", "ListClusters", (*eksCall).listClusters},
	{"GET", "clusters/*", "DescribeCluster", (*eksCall).describeCluster},
	{"POST", "clusters/*/access-entries", "CreateAccessEntry", (*eksCall).createEntry},
	{"GET", "clusters/*/access-entries", "ListAccessEntries", (*eksCall).listEntries},
	{"GET", "clusters/*/access-entries/*", "DescribeAccessEntry", (*eksCall).describeEntry},
	{"POST", "clusters/*/access-entries/*", "UpdateAccessEntry", (*eksCall).updateEntry},
	{"DELETE", "clusters/*/access-entries/*", "DeleteAccessEntry", (*eksCall).deleteEntry},
	{"POST", "clusters/*/access-entries/*/access-policies", "AssociateAccessPolicy", (*eksCall).associatePolicy},
	{"GET", "clusters/*/access-entries/*/access-policies", "ListAssociatedAccessPolicies", (*eksCall).listAssociatedPolicies},
	{"DELETE", "clusters/*/access-entries/*/access-policies/*", "DisassociateAccessPolicy", (*eksCall).disassociatePolicy},
	{"GET", "access-policies", "ListAccessPolicies", (*eksCall).listPolicies},
	{"POST", "tags/*", "TagResource", (*eksCall).tagResource},
	{"DELETE", "tags/*", "UntagResource", (*eksCall).untagResource},
	{"GET", "tags/*", "ListTagsForResource", (*eksCall).listTags},
}

// eksPath is the parts of a path, in which an ARN is one.
func eksPath(r *http.Request) []string {
	parts := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	for i, part := range parts {
		if plain, err := url.PathUnescape(part); err == nil {
			parts[i] = plain
		}
	}
	return parts
}

// eksOperation names the operation of a request, and in detail what it is about.
// The method and the path are given back where AWS has no such operation.
func eksOperation(r *http.Request) (operation, detail string) {
	path := eksPath(r)
	for _, route := range eksRoutes {
		if names, ok := eksMatch(route.method, route.path, r.Method, path); ok {
			return route.operation, strings.Join(names, " ")
		}
	}
	return r.Method, r.URL.Path
}

func eksMatch(method, pattern, given string, path []string) (names []string, ok bool) {
	parts := strings.Split(pattern, "/")
	if method != given || len(parts) != len(path) {
		return nil, false
	}
	for i, part := range parts {
		if part == "*" {
			names = append(names, path[i])
		} else if part != path[i] {
			return nil, false
		}
	}
	return names, true
}

// eks answers EKS.
func (s *Server) eks(q *request) (answer, *Error) {
	c := &eksCall{request: q, server: s, path: eksPath(q.http), query: q.http.URL.Query()}
	for _, route := range eksRoutes {
		if route.operation != q.Operation {
			continue
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		c.region = s.in(q.Region)
		result, e := route.serve(c)
		if e != nil {
			return answer{}, e
		}
		b, err := json.Marshal(result)
		if err != nil {
			panic(err)
		}
		return answer{status: 200, contentType: "application/json", body: b}, nil
	}
	return answer{}, &Error{Status: 404, Code: "UnknownOperationException"}
}

// object is JSON as it is sent.
type object map[string]any

func epoch(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func eksInvalid(format string, args ...any) *Error {
	return &Error{Status: 400, Code: "InvalidParameterException", Message: fmt.Sprintf(format, args...)}
}

func (c *eksCall) read(to any) *Error {
	if err := json.Unmarshal([]byte(c.request.body), to); err != nil {
		return eksInvalid("The request body is not valid: %v", err)
	}
	return nil
}

// allow asks whether the caller may do the operation to what the ARN names.
func (c *eksCall) allow(arn string, contexts ...map[string][]string) *Error {
	all := map[string][]string{}
	for _, context := range contexts {
		for key, values := range context {
			all[key] = values
		}
	}
	return c.server.authorize(c.request, "eks:"+c.Operation, arn, all)
}

func (c *eksCall) clusterARN(name string) string {
	return c.server.arn("eks", c.region.name, "cluster/"+name)
}

// resourceTags is the condition keys of something that has the tags.
func resourceTags(tags tagSet) map[string][]string {
	context := map[string][]string{}
	for key, value := range tags {
		context["aws:ResourceTag/"+key] = []string{value}
	}
	return context
}

// eksTags holds tags of a request against the rules.
func eksTags(tags tagSet) *Error {
	for _, key := range tags.keys() {
		switch {
		case key == "" || utf8.RuneCountInString(key) > maxTagKey || strings.HasPrefix(strings.ToLower(key), "aws:"):
			return eksInvalid("The tag key '%s' is not valid.", key)
		case utf8.RuneCountInString(tags[key]) > maxTagValue:
			return eksInvalid("The value of the tag '%s' is too long.", key)
		}
	}
	if len(tags) > maxTags {
		return eksInvalid("A resource can have %d tags at most.", maxTags)
	}
	return nil
}

// named is the cluster of the path.
func (c *eksCall) named() (*cluster, *Error) {
	k, ok := c.clusters[c.path[1]]
	if !ok {
		return nil, &Error{Status: 404, Code: "ResourceNotFoundException", Message: "No cluster found for name: " + c.path[1] + "."}
	}
	return k, nil
}

// eksPage cuts a page: of 100 if nothing is said, which is also the most.
func eksPage[T any](c *eksCall, all []T) (part []T, token any, e *Error) {
	size, from := 100, 0
	if given := c.query.Get("maxResults"); given != "" {
		n, err := strconv.Atoi(given)
		if err != nil || n < 1 || n > 100 {
			return nil, nil, eksInvalid("maxResults needs to be 1 to 100")
		}
		size = n
	}
	if given := c.query.Get("nextToken"); given != "" {
		offset, ok := strings.CutPrefix(decoded(given), c.Operation+" ")
		n, err := strconv.Atoi(offset)
		if err != nil || !ok {
			return nil, nil, eksInvalid("The nextToken is not valid")
		}
		from = n
	}
	part = all[min(from, len(all)):]
	if len(part) <= size {
		return part, nil, nil
	}
	return part[:size], base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s %d", c.Operation, from+size)), nil
}

func decoded(token string) string {
	plain, _ := base64.RawURLEncoding.DecodeString(token)
	return string(plain)
}

func (c *eksCall) listClusters() (any, *Error) {
	if e := c.allow("*"); e != nil {
		return nil, e
	}
	names := []string{}
	for name := range c.clusters {
		names = append(names, name)
	}
	slices.Sort(names)
	part, token, e := eksPage(c, names)
	return object{"clusters": part, "nextToken": token}, e
}

func (c *eksCall) describeCluster() (any, *Error) {
	name := c.path[1]
	var tags tagSet
	if k, ok := c.clusters[name]; ok {
		tags = k.tags
	}
	if e := c.allow(c.clusterARN(name), resourceTags(tags)); e != nil {
		return nil, e
	}
	k, e := c.named()
	if e != nil {
		return nil, e
	}
	return object{"cluster": c.show(k)}, nil
}

func (c *eksCall) show(k *cluster) object {
	return object{
		"name": k.name, "arn": k.arn, "createdAt": epoch(k.created), "version": k.version, "roleArn": k.role, "status": "ACTIVE",
		"endpoint":             "https://" + strings.ToUpper(k.ownGroup[len(k.ownGroup)-16:]) + ".gr7." + c.region.name + ".eks.amazonaws.com",
		"certificateAuthority": object{"data": base64.StdEncoding.EncodeToString([]byte("the certificate of " + k.name))},
		"resourcesVpcConfig": object{
			"subnetIds": k.subnets, "securityGroupIds": k.groups, "clusterSecurityGroupId": k.ownGroup, "vpcId": k.vpc,
			"endpointPublicAccess": k.publicAccess, "endpointPrivateAccess": k.privateAccess,
		},
		"kubernetesNetworkConfig": object{"serviceIpv4Cidr": "172.20.0.0/16", "ipFamily": "ipv4"},
		"accessConfig":            object{"authenticationMode": k.mode},
		"platformVersion":         "eks.1",
		"tags":                    k.tags,
	}
}

type clusterInput struct {
	Name               string
	RoleARN            string `json:"roleArn"`
	Version            string
	Tags               tagSet
	ResourcesVPCConfig struct {
		SubnetIDs             []string `json:"subnetIds"`
		SecurityGroupIDs      []string `json:"securityGroupIds"`
		EndpointPublicAccess  *bool
		EndpointPrivateAccess bool
	} `json:"resourcesVpcConfig"`
	AccessConfig struct {
		AuthenticationMode string
		Bootstrap          *bool `json:"bootstrapClusterCreatorAdminPermissions"`
	}
}

// createCluster makes a cluster that is active at once. As EKS does, it makes it a
// security group of its own, which has the cluster's tag, and lets the creator in
// where the mode has access entries.
func (c *eksCall) createCluster() (any, *Error) {
	var in clusterInput
	if e := c.read(&in); e != nil {
		return nil, e
	}
	arn := c.clusterARN(in.Name)
	if e := c.allow(arn, tagContext(in.Tags, nil)); e != nil {
		return nil, e
	}
	mode := cmp.Or(in.AccessConfig.AuthenticationMode, "CONFIG_MAP")
	bootstrap := in.AccessConfig.Bootstrap == nil || *in.AccessConfig.Bootstrap
	switch {
	case c.clusters[in.Name] != nil:
		return nil, &Error{Status: 409, Code: "ResourceInUseException", Message: "Cluster already exists with name: " + in.Name}
	case !slices.Contains([]string{"CONFIG_MAP", "API_AND_CONFIG_MAP", "API"}, mode):
		return nil, eksInvalid("Unsupported authentication mode %s", mode)
	case mode == "CONFIG_MAP" && !bootstrap:
		return nil, eksInvalid("bootstrapClusterCreatorAdminPermissions must be true if cluster authentication mode is set to CONFIG_MAP")
	}
	if e := eksTags(in.Tags); e != nil {
		return nil, e
	}
	network := in.ResourcesVPCConfig
	subnets, e := findAll(&subnetKind, c.subnets, network.SubnetIDs)
	if e != nil {
		return nil, eksInvalid("%s", e.Message)
	}
	if !slices.ContainsFunc(subnets, func(n *subnet) bool { return n.zone != subnets[0].zone }) {
		return nil, eksInvalid("Subnets specified must be in at least two different AZs")
	}
	k := &cluster{
		name: in.Name, arn: arn, role: in.RoleARN, version: cmp.Or(in.Version, "1.34"), mode: mode, vpc: subnets[0].vpc.id,
		subnets: network.SubnetIDs, groups: network.SecurityGroupIDs, publicAccess: network.EndpointPublicAccess == nil || *network.EndpointPublicAccess,
		privateAccess: network.EndpointPrivateAccess, tags: in.Tags, created: c.server.Now(),
	}
	ec2 := &call{request: c.request, server: c.server, region: c.region}
	k.ownGroup = ec2.addSecurityGroup(subnets[0].vpc, "eks-cluster-sg-"+k.name,
		"EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, as well as any managed workloads.",
		tagSet{"Name": "eks-cluster-sg-" + k.name, "aws:eks:cluster-name": k.name, "kubernetes.io/cluster/" + k.name: "owned"}).id
	c.clusters[k.name] = k
	if who, _ := c.server.caller(c.request); mode != "CONFIG_MAP" && bootstrap {
		creator := c.addEntry(k, entryInput{PrincipalARN: principalOf(who), Type: "STANDARD"})
		creator.policies = []*accessPolicy{{arn: c.policyARN("AmazonEKSClusterAdminPolicy"), scope: accessScope{Type: "cluster"}, since: k.created, changed: k.created}}
	}
	return object{"cluster": c.show(k)}, nil
}
