package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
)

// A form is what one text of the file must look like, whatever else is in the file.
// The JSON schema is made of the same forms.
type form struct {
	slot    string         // whose values it is for, as nodes[].name; see spot
	want    string         // what is wanted, in words
	pattern *regexp.Regexp // also ECMA 262 with the flag u, which editors use
	most    int            // characters
	oneOf   []string       // instead of a pattern

	// closer says of a text what the words of want do not, "" if nothing. What it
	// refuses beyond the pattern is not in the schema.
	closer func(string) string
}

// Texts of several slots.
var (
	anyText     = regexp.MustCompile(`^\P{Cc}*$`)
	someText    = regexp.MustCompile(`^\P{Cc}+$`)
	accounts    = regexp.MustCompile(`^[0-9]{12}$`)
	regions     = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+){1,2}-[0-9]{1,2}$`)
	iamNames    = regexp.MustCompile(`^[0-9A-Za-z_+=,.@-]+$`) // iam API, CreateRole: RoleName
	tagTexts    = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+@-]*$`)
	tagKeys     = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+@-]+$`) // iam API, type Tag
	repoGlobs   = regexp.MustCompile(`^[0-9a-z*?][0-9a-z._/*?-]*$`)  // ecr API, repositoryName, and wildcards of IAM
	policyARNs  = regexp.MustCompile(`^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/([!-~]+/)?[0-9A-Za-z_+=,.@-]+$`)
	roleARNs    = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/([!-~]+/)?[0-9A-Za-z_+=,.@-]+$`)
	hostAndPort = regexp.MustCompile(`^[0-9A-Za-z_-][0-9A-Za-z._-]*(:[0-9]{1,5})?$`)
)

const (
	wantAccount   = "an account number, 12 digits"
	wantIAMName   = "a name as IAM takes it: letters, digits and _ + = , . @ -"
	wantRepo      = "a repository's name, with * and ? for what varies"
	wantRoleARN   = "the ARN of a role, as arn:aws:iam::123456789012:role/NAME"
	wantProxy     = "the URL of a proxy, as http://proxy.corp.example:3128"
	wantNoProxy   = "a host, an address, a domain as .corp.example or a network as 10.0.0.0/8"
	wantPolicyARN = "the ARN of a policy, as arn:aws:iam::123456789012:policy/NAME"
)

// forms is the table. A text without a row is of a type of its own, which constantsOf
// knows.
var forms = [...]form{
	// The key of the ClusterID tag may have 127 characters (ec2 API, type Tag), and
	// kubernetes.io/cluster/ takes 22. The signs are those of tags, without the slash
	// and the space, which no name of an EKS cluster and of a file has, and without
	// what is a wildcard in EC2's filters.
	{slot: "cluster", want: "a ClusterID: letters, digits and . _ - : + = @, a letter or digit first", most: 105,
		pattern: regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._:+=@-]*$`), closer: clusterTooLong},
	{slot: "account", want: wantAccount, pattern: accounts, closer: accountDigits},
	{slot: "region", want: "a region, as eu-central-1", pattern: regions, closer: regionOfPartition},

	{slot: "nodes[].name", want: wantIAMName, pattern: iamNames, most: 64},
	{slot: "nodes[].instances.ids[]", want: "an instance's id, as i-0123456789abcdef0", pattern: ids("i")},
	{slot: "nodes[].instances.tag{key}", want: "a tag's key", pattern: someText, most: 128},
	{slot: "nodes[].instances.tag{}", want: "a tag's value, with * and ? for what varies", pattern: anyText, most: 256},
	{slot: "nodes[].instances.autoScalingGroup", want: "the name of an Auto Scaling group", most: 255,
		pattern: regexp.MustCompile(`^[ -9;-~]+$`)}, // autoscaling API, CreateAutoScalingGroup: no colon
	{slot: "nodes[].role", want: wantIAMName, pattern: iamNames, most: 64},
	{slot: "nodes[].instanceProfile", want: wantIAMName, pattern: iamNames, most: 128},
	{slot: "nodes[].path", want: "a path that begins and ends in a slash", most: 512,
		pattern: regexp.MustCompile(`^/([!-~]+/)?$`)}, // iam API, type pathType
	{slot: "nodes[].boundary", want: wantPolicyARN, pattern: policyARNs},
	{slot: "nodes[].trustPrincipals[]", want: "a service as trust policies name it, as ec2.amazonaws.com",
		pattern: regexp.MustCompile(`^[0-9a-z-]+(\.[0-9a-z-]+)+$`)},
	{slot: "nodes[].managedPolicies[]", want: "the name of an AWS-managed policy or the ARN of a policy",
		pattern: regexp.MustCompile(policyARNs.String() + `|^([0-9A-Za-z_-]+/)*[0-9A-Za-z_+=,.@-]+$`)},
	{slot: "nodes[].policyKind", oneOf: []string{"auto", "inline", "managed"}},
	{slot: "nodes[].tags{key}", want: "a tag's key: letters, digits, spaces and _ . : / = + @ -", pattern: tagKeys, most: 128, closer: tagKeyOfOthers},
	{slot: "nodes[].tags{}", want: "a tag's value: letters, digits, spaces and _ . : / = + @ -", pattern: tagTexts, most: 256},

	{slot: "network.securityGroup.id", want: "a security group's id, as sg-0123456789abcdef0", pattern: ids("sg")},
	{slot: "network.securityGroup.tag", oneOf: []string{string(Owned), string(Shared)}}, // by the tag the group is found
	{slot: "network.subnets[].ids[]", want: "a subnet's id, as subnet-0123456789abcdef0", pattern: ids("subnet")},
	{slot: "network.subnets[].elb", oneOf: []string{"public", "internal"}},
	{slot: "network.routeTables[].id", want: "a route table's id, as rtb-0123456789abcdef0", pattern: ids("rtb")},
	{slot: "network.routeTables[].tag", oneOf: []string{string(Owned), string(Shared)}}, // and the table too

	{slot: "pull.repositories[]", want: wantRepo, pattern: repoGlobs, most: 256},
	{slot: "pull.crossAccount[].account", want: wantAccount, pattern: accounts, closer: accountDigits},
	{slot: "pull.crossAccount[].region", want: "a region, as eu-central-1", pattern: regions, closer: regionOfPartition},
	{slot: "pull.crossAccount[].repositories[]", want: wantRepo, pattern: repoGlobs, most: 256},
	{slot: "pull.crossAccount[].assume", want: wantRoleARN, pattern: roleARNs},
	{slot: "pull.pullThroughCache[]", want: wantRepo, pattern: repoGlobs, most: 256},
	{slot: "pull.allow[].account", want: wantAccount, pattern: accounts, closer: accountDigits},
	{slot: "pull.allow[].principals[]", want: wantRoleARN, pattern: roleARNs},
	{slot: "pull.allow[].repositories[]", want: wantRepo, pattern: repoGlobs, most: 256},
	{slot: "pull.allow[].pullThroughCache[]", want: wantRepo, pattern: repoGlobs, most: 256},
	{slot: "pull.mirrors{key}", want: "a host as images begin with it, HOST or HOST:PORT", pattern: hostAndPort, closer: mirrorsECR},
	{slot: "pull.mirrors{}", want: "the host of an ECR registry, as 123456789012.dkr.ecr.eu-central-1.amazonaws.com", pattern: hostAndPort, closer: notECR},
	{slot: "pull.proxy", want: wantProxy, pattern: regexp.MustCompile(`^https?://([0-9A-Za-z._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?$`), closer: noProxyURL},
	{slot: "pull.noProxy[]", want: wantNoProxy, pattern: regexp.MustCompile(`^[0-9A-Za-z._:*/\[\]-]+$`), closer: neverMatched},
	{slot: "pull.serviceAccounts.audience", want: "an audience, as sts.amazonaws.com", pattern: someText},

	{slot: "eks.name", want: "an EKS cluster's name: letters, digits, - and _, a letter or digit first", most: 100,
		pattern: regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_-]*$`)}, // eks API, CreateCluster
	{slot: "eks.access[].principal", want: "the ARN of a role or user, as arn:aws:iam::123456789012:role/NAME",
		pattern: regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/([!-~]+/)?[0-9A-Za-z_+=,.@-]+$`), closer: noPrincipal},
	{slot: "eks.access[].policy", want: "an EKS access policy, as AmazonEKSClusterAdminPolicy or its ARN",
		pattern: regexp.MustCompile(`^(arn:aws[a-z-]*:eks::aws:cluster-access-policy/)?Amazon[0-9A-Za-z]+$`), closer: iamPolicy},
	{slot: "eks.access[].namespaces[]", want: "a namespace's name, with * for what varies", most: 63,
		pattern: regexp.MustCompile(`^[0-9a-z*]([0-9a-z*-]*[0-9a-z*])?$`)},
}

// formOf is the form of a slot, or of a type that has constants.
func formOf(slot string, t reflect.Type) form {
	for _, f := range forms {
		if f.slot == slot {
			return f
		}
	}
	return form{slot: slot, oneOf: constantsOf(t)}
}

// constantsOf are the values that a type of text has.
func constantsOf(t reflect.Type) []string {
	switch t {
	case reflect.TypeFor[Lifecycle]():
		return texts(Manage, Verify, Warn, Ignore)
	case reflect.TypeFor[Role]():
		return texts(ControlPlane, Etcd, Worker)
	case reflect.TypeFor[Feature]():
		return texts(ELB, NLBSecurityGroups, Routes, Topology, TaggingController, InTreeEBS, Nodeadm)
	case reflect.TypeFor[Scope]():
		return texts(ScopeActions, ScopeCluster)
	case reflect.TypeFor[Profile]():
		return texts(ProfileCalled, ProfileRancher, ProfileUpstream)
	case reflect.TypeFor[Ownership]():
		return texts(Owned, Shared, None)
	}
	return nil
}

func texts[T ~string](constants ...T) []string {
	all := make([]string, len(constants))
	for i, c := range constants {
		all[i] = string(c)
	}
	return all
}

// ids is the pattern of EC2 ids: 8 or 17 digits, and no fewer or more tomorrow is
// promised (ec2 user guide, Resource IDs).
func ids(kind string) *regexp.Regexp { return regexp.MustCompile(`^` + kind + `-[0-9a-f]{1,32}$`) }

// problem is what is wrong with a text, "" if nothing.
func (f form) problem(s string) string {
	want := f.want
	if f.oneOf != nil {
		for _, one := range f.oneOf {
			if s == one {
				return ""
			}
		}
		want = choice(f.oneOf)
		if near, ok := nearest(s, f.oneOf); ok {
			return fmt.Sprintf("want %s, got %q; did you mean %q?", want, clip(s), near)
		}
		return fmt.Sprintf("want %s, got %q", want, clip(s))
	}
	if f.closer != nil {
		if problem := f.closer(s); problem != "" {
			return problem
		}
	}
	if n := utf8.RuneCountInString(s); f.most > 0 && n > f.most {
		return fmt.Sprintf("%d characters, and at most %d are allowed: %q", n, f.most, clip(s))
	}
	if !f.pattern.MatchString(s) {
		return fmt.Sprintf("want %s, got %q", want, clip(s))
	}
	return ""
}

func clusterTooLong(s string) string {
	const most, longestKey = 105, 127
	if n := utf8.RuneCountInString(s); n > most {
		return fmt.Sprintf("%d characters, and at most %d are allowed: the key of the tag kubernetes.io/cluster/... would have %d, EC2 allows %d",
			n, most, n+longestKey-most, longestKey)
	}
	return ""
}

func accountDigits(s string) string {
	if digits := strings.ReplaceAll(s, "-", ""); digits != s && accounts.MatchString(digits) {
		return fmt.Sprintf("want %s without hyphens, got %q", wantAccount, s)
	}
	if likeDigits.MatchString(s) && !accounts.MatchString(s) {
		return fmt.Sprintf("want %s, got %d: %q", wantAccount, len(s), clip(s))
	}
	return ""
}

// partitionOf is the partition of a region, "" for a region of none. Names in the
// partition aws have three parts; one that has more belongs to a partition that the
// table of pkg/registry does not have yet.
func partitionOf(region string) string {
	r, err := registry.InRegion(region)
	if err != nil || r.Partition == "aws" && strings.Count(region, "-") != 2 {
		return ""
	}
	return r.Partition
}

func regionOfPartition(s string) string {
	if zone := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyz"); zone != s && regions.MatchString(zone) {
		return fmt.Sprintf("%q is an availability zone: want its region, %s", clip(s), zone)
	}
	if regions.MatchString(s) && partitionOf(s) == "" {
		return fmt.Sprintf("%q is a region of no partition that this program knows", clip(s))
	}
	return ""
}

// tagKeyOfOthers refuses the keys that AWS keeps for itself, and the ClusterID's.
func tagKeyOfOthers(s string) string {
	if strings.HasPrefix(strings.ToLower(s), "aws:") {
		return "keys that begin with aws: are AWS's own"
	}
	if strings.HasPrefix(s, clusterTag) {
		return "the ClusterID tag is written by this program"
	}
	return ""
}

const clusterTag = "kubernetes.io/cluster/"

// mirrorsECR refuses a host that needs no mirror, and what is no host.
func mirrorsECR(s string) string {
	if _, err := registry.Parse(s); err == nil {
		return fmt.Sprintf("%q is an ECR registry itself, whose tokens are never another's", clip(s))
	}
	if _, err := registry.Host(s); err != nil { // the port
		return fmt.Sprintf("want a host as images begin with it, HOST or HOST:PORT, got %q", clip(s))
	}
	return ""
}

func notECR(s string) string {
	if _, err := registry.Parse(s); err != nil {
		return fmt.Sprintf("want the host of an ECR registry, as 123456789012.dkr.ecr.eu-central-1.amazonaws.com, got %q", clip(s))
	}
	return ""
}

func noPrincipal(s string) string {
	a, ok := parseARN(s)
	kind, name, _ := strings.Cut(a.resource, "/")
	switch {
	case !ok:
	case a.service == "sts" && kind == "assumed-role":
		name, _, _ = strings.Cut(name, "/")
		return fmt.Sprintf("this is a session: want its role, arn:%s:iam::%s:role/%s, with the role's path if it has one",
			a.partition, a.account, clip(name))
	case kind == "instance-profile":
		return "this is an instance profile: want the ARN of its role"
	}
	return ""
}

func iamPolicy(s string) string {
	if a, ok := parseARN(s); ok && a.service == "iam" {
		return "this is an IAM policy: want an EKS access policy, as AmazonEKSClusterAdminPolicy"
	}
	return ""
}
