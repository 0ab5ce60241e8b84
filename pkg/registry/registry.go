// Package registry says which Amazon ECR registry an image belongs to.
//
// All it knows comes from one table (table.go): the AWS partitions, the forms
// that an ECR host takes in each, and the two hosts of ECR Public. [Parse] reads
// hosts with it, [Registry.Host] writes them, and [MatchImages] gives the kubelet
// the globs of exactly these hosts, so the three cannot drift apart. The package
// is pure: no network, no environment, no state.
package registry

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Registry is one Amazon ECR registry as the host of an image names it. It is
// comparable, and Parse(r.String()) == r for every Registry that Parse returns.
type Registry struct {
	Account   string // 12 digits; "" for ECR Public; "*" for any (InRegion)
	Region    string // where its API is asked for tokens; us-east-1 for ECR Public
	Partition string // as in ARNs: aws, aws-cn, aws-us-gov, ...
	Port      string // as the image gave it, "" if it gave none

	Public    bool // ECR Public, not a private registry
	FIPS      bool // the host asks for FIPS 140 endpoints
	DualStack bool // the host asks for IPv4 and IPv6 endpoints
}

// ErrNotECR is what Parse returns, wrapped with the host, for an image whose
// host is a host but not one of Amazon ECR.
var ErrNotECR = errors.New("not an Amazon ECR registry")

// Parse returns the registry that image is in. It takes what the kubelet sends
// (host[:port]/repository) and what people write: a bare host, a tag, a digest,
// a trailing slash, an http:// or https:// in front.
//
// A host that only looks like ECR (another domain around it, 13 digits, the
// suffix of another form) is ErrNotECR. An image that no registry could serve
// is another error.
func Parse(image string) (Registry, error) {
	host, err := Host(image)
	if err != nil {
		return Registry{}, err
	}
	name, port, _ := strings.Cut(host, ":")
	for _, p := range publicHosts {
		if name == p.host {
			return Registry{Region: publicRegion, Partition: "aws", Port: port, Public: true, DualStack: p.dualStack}, nil
		}
	}
	account, rest, _ := strings.Cut(name, ".")
	if !isAccount(account) {
		return Registry{}, fmt.Errorf("%s: %w", host, ErrNotECR)
	}
	for _, p := range partitions {
		for _, f := range forms {
			region, ok := f.region(rest, p)
			if !ok {
				continue
			}
			return Registry{
				Account: account, Region: region, Partition: p.id, Port: port,
				FIPS: f.fips, DualStack: f.dualStack,
			}, nil
		}
	}
	return Registry{}, fmt.Errorf("%s: %w", host, ErrNotECR)
}

// InRegion returns what the private registries of a region have in common: no
// port, neither FIPS nor dual-stack, and "*" for the account. Its String is not for
// Parse.
func InRegion(region string) (Registry, error) {
	if !isRegion(region) {
		return Registry{}, fmt.Errorf("%q is not a region", clip(region))
	}
	i := slices.IndexFunc(partitions[:], func(p partition) bool { return strings.HasPrefix(region, p.regions) }) // the last has them all
	return Registry{Account: anyAccount, Region: region, Partition: partitions[i].id}, nil
}

// anyAccount stands for each.
const anyAccount = "*"

// region reads "<label>.REGION.<suffix>" as a host of this form in p. Regions
// are not listed: AWS opens new ones, and a node must pull from them the same day.
func (f form) region(rest string, p partition) (string, bool) {
	suffix := f.suffixIn(p)
	if suffix == "" {
		return "", false
	}
	region, ok := strings.CutPrefix(rest, f.label+".")
	if !ok {
		return "", false
	}
	region, ok = strings.CutSuffix(region, "."+suffix)
	if !ok || !isRegion(region) || p.shared && !strings.HasPrefix(region, p.regions) {
		return "", false
	}
	return region, true
}

// Host returns the host that image names, with its port if it has one, without
// judging whether it is ECR: what a mirror is configured by and what the
// kubelet's answer is keyed by. An image that names none is an error.
func Host(image string) (string, error) {
	rest := image
	for _, scheme := range [...]string{"https://", "http://"} {
		if after, ok := strings.CutPrefix(image, scheme); ok {
			rest = after
			break
		}
	}
	if rest == "" {
		return "", errors.New("the image is empty")
	}
	for _, r := range rest {
		if r <= ' ' || r == 0x7f {
			return "", fmt.Errorf("image %q has a character that no image has", clip(image))
		}
	}
	host, _, _ := strings.Cut(rest, "/")
	if strings.Contains(host, "@") {
		return "", errors.New("the image has a user, or a password, in front of its host") // which is not quoted
	}
	name, port, hasPort := strings.Cut(host, ":")
	if !isHostName(name) {
		return "", fmt.Errorf("image %q does not begin with a registry host", clip(image))
	}
	if hasPort {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
			return "", fmt.Errorf("image %q has the port %q, which is none", clip(image), clip(port))
		}
	}
	return host, nil
}

// Host returns the registry's host name, with the port if there is one: the key
// by which the kubelet looks credentials up.
func (r Registry) Host() string {
	name := ""
	switch {
	case r.Public:
		for _, p := range publicHosts {
			if p.dualStack == r.DualStack {
				name = p.host
			}
		}
	default:
		for _, p := range partitions {
			for _, f := range forms {
				if p.id == r.Partition && f.fips == r.FIPS && f.dualStack == r.DualStack {
					name = r.Account + "." + f.label + "." + r.Region + "." + f.suffixIn(p)
				}
			}
		}
	}
	if r.Port != "" {
		name += ":" + r.Port
	}
	return name
}

// String is the same as Host.
func (r Registry) String() string { return r.Host() }

// MatchImages returns the globs for matchImages in a CredentialProviderConfig: those of
// MatchImagesIn for all partitions, and PublicMatchImages.
// By the kubelet's rules (label by label, path.Match inside each) they match every
// host that Parse accepts without a port, and no host outside the table's names.
// The kubelet never matches an image with a port against a glob without one, so a
// registry behind a port needs a line of its own.
func MatchImages() []string {
	return append(privateGlobs(""), PublicMatchImages()...)
}

// MatchImagesIn returns the globs of the private registries of one partition, in the
// order of MatchImages, or of all if partition is "". Partitions that share their
// suffixes have the same globs: those of aws match hosts of aws-us-gov too.
func MatchImagesIn(partition string) ([]string, error) {
	globs := privateGlobs(partition)
	if len(globs) == 0 {
		var ids []string
		for _, p := range partitions {
			ids = append(ids, p.id)
		}
		slices.Sort(ids)
		return nil, fmt.Errorf("no partition is named %q; there are %s", clip(partition), strings.Join(ids, ", "))
	}
	return globs, nil
}

// privateGlobs are those of a partition, all if it is "", none if there is no such one.
func privateGlobs(partition string) []string {
	var globs []string
	for _, f := range forms {
		for _, p := range partitions {
			suffix := f.suffixIn(p)
			glob := "*." + f.label + ".*." + suffix
			if suffix == "" || partition != "" && p.id != partition || slices.Contains(globs, glob) {
				continue
			}
			globs = append(globs, glob)
		}
	}
	return globs
}

// PublicMatchImages returns what matches ECR Public in matchImages: its two hosts. A
// node that pulls from it as somebody needs a permission of its own, and credentials
// of the partition aws.
func PublicMatchImages() []string {
	var globs []string
	for _, p := range publicHosts {
		globs = append(globs, p.host)
	}
	return globs
}

func isAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for _, c := range []byte(s) {
		if !isDigit(c) {
			return false
		}
	}
	return true
}

// isRegion accepts what the official plugin's pattern accepts as one.
func isRegion(s string) bool {
	for i, c := range []byte(s) {
		if !isAlphanumeric(c) && (i == 0 || c != '-' && c != '_') {
			return false
		}
	}
	return s != ""
}

// isHostName accepts the letters of a DNS name, up to its length, and the
// underscore that some private registries have. It is what keeps brackets and
// backslashes out of a host that later stands in a URL, and a megabyte out of an
// error.
func isHostName(s string) bool {
	const longest = 253 // RFC 1035, 2.3.4
	if len(s) > longest {
		return false
	}
	for _, c := range []byte(s) {
		if !isAlphanumeric(c) && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return s != "" && s[0] != '.'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isAlphanumeric(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// clip keeps an error to one readable line, whatever was sent as an image.
func clip(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}
