package fakeaws

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// region is what the account has in one region. Its fields are guarded by the
// server's mutex.
type region struct {
	name string
	ec2State
	autoScalingState
	eksState
	ecrState
}

// in is the region of that name. The caller holds the mutex.
func (s *Server) in(name string) *region {
	r, ok := s.resources.regions[name]
	if !ok {
		r = &region{name: name}
		s.resources.regions[name] = r
		r.ec2State = newEC2State(s, name)
		r.eksState = eksState{clusters: map[string]*cluster{}}
		r.ecrState = ecrState{repositories: map[string]*repository{}}
	}
	return r
}

// resources is what fakeaws keeps for the services of this and the neighbouring
// files.
type resources struct {
	regions map[string]*region
	minted  int            // ids given out
	refused map[string]int // instance profiles by EC2, how often, by their ids
}

// mint makes an id as long as AWS's. The caller holds the mutex.
func (s *Server) mint(prefix string) string {
	s.resources.minted++
	return fmt.Sprintf("%s-%017x", prefix, s.resources.minted)
}

// ec2State is one region of EC2 and VPC. Lists are in order of creation.
type ec2State struct {
	all             map[string]*resource // whatever can have tags, by id
	inOrder         []*resource
	vpcs            []*vpc
	subnets         []*subnet
	gateways        []*internetGateway
	routeTables     []*routeTable
	securityGroups  []*securityGroup
	interfaces      []*networkInterface
	endpoints       []*vpcEndpoint
	dhcpOptions     []*dhcpOptions
	instances       []*instance
	associations    []*association
	launchTemplates []*launchTemplate
	metadata        metadataOptions // the account's defaults; "" where it has none
	enforced        string          // whether they are more than defaults
}

func newEC2State(s *Server, region string) ec2State {
	state := ec2State{all: map[string]*resource{}}
	state.addDHCPOptions(s.mint("dopt"), []dhcpConfiguration{
		{"domain-name", []string{internalDomain(region)}},
		{"domain-name-servers", []string{"AmazonProvidedDNS"}},
	}, nil)
	return state
}

// internalDomain is where the private names of instances live.
func internalDomain(region string) string {
	if region == "us-east-1" {
		return "ec2.internal"
	}
	return region + ".compute.internal"
}

// A call is a request to EC2 or Auto Scaling with what it needs at hand.
type call struct {
	*request
	server *Server
	in     form
	out    document
	*region
}

// A need is a permission, in the words of a policy.
type need struct {
	action   string
	resource string
	context  map[string][]string
}

// A change is a write that was understood. It is made once the caller has shown to
// be allowed all that it needs.
type change struct {
	needs []need
	apply func() *Error
}

var ec2Reads = map[string]func(*call) *Error{
	"DescribeAvailabilityZones":              (*call).describeAvailabilityZones,
	"DescribeDhcpOptions":                    (*call).describeDHCPOptions,
	"DescribeIamInstanceProfileAssociations": (*call).describeAssociations,
	"DescribeInstances":                      (*call).describeInstances,
	"DescribeInternetGateways":               (*call).describeInternetGateways,
	"DescribeLaunchTemplates":                (*call).describeLaunchTemplates,
	"DescribeLaunchTemplateVersions":         (*call).describeLaunchTemplateVersions,
	"DescribeNetworkInterfaces":              (*call).describeNetworkInterfaces,
	"DescribeRegions":                        (*call).describeRegions,
	"DescribeRouteTables":                    (*call).describeRouteTables,
	"DescribeSecurityGroups":                 (*call).describeSecurityGroups,
	"DescribeSubnets":                        (*call).describeSubnets,
	"DescribeTags":                           (*call).describeTags,
	"DescribeVpcAttribute":                   (*call).describeVPCAttribute,
	"DescribeVpcEndpoints":                   (*call).describeVPCEndpoints,
	"DescribeVpcs":                           (*call).describeVPCs,
	"GetInstanceMetadataDefaults":            (*call).getMetadataDefaults,
}

var ec2Writes = map[string]func(*call) (*change, *Error){
	"AssociateDhcpOptions":                 (*call).associateDHCPOptions,
	"AssociateIamInstanceProfile":          (*call).associateProfile,
	"AssociateRouteTable":                  (*call).associateRouteTable,
	"AttachInternetGateway":                (*call).attachInternetGateway,
	"CreateDhcpOptions":                    (*call).createDHCPOptions,
	"CreateInternetGateway":                (*call).createInternetGateway,
	"CreateLaunchTemplate":                 (*call).createLaunchTemplate,
	"CreateLaunchTemplateVersion":          (*call).createLaunchTemplateVersion,
	"CreateRoute":                          (*call).createRoute,
	"CreateRouteTable":                     (*call).createRouteTable,
	"CreateSecurityGroup":                  (*call).createSecurityGroup,
	"CreateSubnet":                         (*call).createSubnet,
	"CreateTags":                           (*call).createTags,
	"CreateVpc":                            (*call).createVPC,
	"CreateVpcEndpoint":                    (*call).createVPCEndpoint,
	"DeleteTags":                           (*call).deleteTags,
	"DisassociateIamInstanceProfile":       (*call).disassociateProfile,
	"ModifyInstanceMetadataDefaults":       (*call).modifyMetadataDefaults,
	"ModifyInstanceMetadataOptions":        (*call).modifyMetadataOptions,
	"ModifySubnetAttribute":                (*call).modifySubnetAttribute,
	"ModifyVpcAttribute":                   (*call).modifyVPCAttribute,
	"ReplaceIamInstanceProfileAssociation": (*call).replaceProfile,
	"RunInstances":                         (*call).runInstances,
	"StartInstances":                       (*call).startInstances,
	"StopInstances":                        (*call).stopInstances,
	"TerminateInstances":                   (*call).terminateInstances,
}

// noDryRun are the writes that have no DryRun in the API.
var noDryRun = []string{
	"AssociateIamInstanceProfile", "DisassociateIamInstanceProfile", "ReplaceIamInstanceProfileAssociation",
	"ModifySubnetAttribute", "ModifyVpcAttribute",
}

// ec2 answers EC2. A write is checked in the order in which AWS gives its errors:
// its parameters, whether what it names is there, the caller's permissions, DryRun,
// and last whether things are in a state for it.
func (s *Server) ec2(q *request) (answer, *Error) {
	c := &call{request: q, server: s, in: newForm(q.http.PostForm)}
	q.Detail = c.in.String()
	c.out.WriteString("<" + q.Operation + `Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">`)
	var e *Error
	if write, ok := ec2Writes[q.Operation]; ok {
		e = s.write(c, write)
	} else if read, ok := ec2Reads[q.Operation]; ok {
		e = s.read(c, read)
	} else {
		e = &Error{Status: 400, Code: "InvalidAction", Message: "The action " + q.Operation + " is not valid for this web service."}
	}
	if e != nil {
		return answer{}, e
	}
	c.out.close(q.Operation + "Response")
	return answer{status: 200, contentType: "text/xml", body: c.out.Bytes()}, nil
}

func (s *Server) read(c *call, read func(*call) *Error) *Error {
	if e := s.authorize(c.request, c.Service+":"+c.Operation, "*", nil); e != nil {
		return e
	}
	if e := c.dryRun(); e != nil {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.region = s.in(c.Region)
	return read(c)
}

func (s *Server) write(c *call, write func(*call) (*change, *Error)) *Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.region = s.in(c.Region)
	change, e := write(c)
	if e != nil {
		return e
	}
	for _, n := range change.needs {
		if e := s.authorize(c.request, n.action, n.resource, n.context); e != nil {
			return e
		}
	}
	if e := c.dryRun(); e != nil {
		return e
	}
	return change.apply()
}

func (c *call) dryRun() *Error {
	switch {
	case c.Service != "ec2" || !c.in.has("DryRun"):
		return nil
	case slices.Contains(noDryRun, c.Operation):
		return &Error{Status: 400, Code: "UnknownParameter", Message: "The parameter DryRun is not recognized"}
	case c.in.isTrue("DryRun"):
		return &Error{Status: 412, Code: "DryRunOperation", Message: "Request would have succeeded, but DryRun flag is set."}
	}
	return nil
}

// needOf is what the operation itself needs of a resource that is there.
func (c *call) needOf(r *resource, tags tagSet) need {
	return need{c.Service + ":" + c.Operation, c.server.arn("ec2", c.region.name, r.kind.name+"/"+r.id), tagContext(tags, r)}
}

// creation is the permissions for what is not there yet: to make it with its tags,
// and to tag on creation.
func (c *call) creation(k *kind, tags tagSet) []need {
	arn := c.server.arn("ec2", c.region.name, k.name+"/*")
	all := []need{{"ec2:" + c.Operation, arn, tagContext(tags, nil)}}
	if len(tags) > 0 {
		context := tagContext(tags, nil)
		context["ec2:CreateAction"] = []string{c.Operation}
		all = append(all, need{"ec2:CreateTags", arn, context})
	}
	return all
}

// tagContext is the condition keys of a request with these tags about a resource.
func tagContext(request tagSet, r *resource) map[string][]string {
	context := map[string][]string{}
	for key, value := range request {
		context["aws:RequestTag/"+key] = []string{value}
	}
	if len(request) > 0 {
		context["aws:TagKeys"] = slices.Sorted(maps.Keys(request))
	}
	if r != nil {
		for key, value := range r.tags {
			context["aws:ResourceTag/"+key] = []string{value}
			context["ec2:ResourceTag/"+key] = []string{value}
		}
	}
	return context
}

func invalidValue(format string, args ...any) *Error {
	return &Error{Status: 400, Code: "InvalidParameterValue", Message: fmt.Sprintf(format, args...)}
}

func missingParameter(name string) *Error {
	return &Error{Status: 400, Code: "MissingParameter", Message: "The request must contain the parameter " + name}
}

// required finds the first parameter that the request should have and does not.
func (c *call) required(names ...string) *Error {
	for _, name := range names {
		if c.in.get(name) == "" {
			return missingParameter(strings.ToLower(name[:1]) + name[1:])
		}
	}
	return nil
}
