package fakeaws

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// iamState is what IAM knows of the account. Names are looked up with their case, as
// they are in ARNs, and taken without it.
type iamState struct {
	roles    map[string]*iamRole    // by name
	profiles map[string]*iamProfile // by name
	policies map[string]*iamPolicy  // those of the account, by ARN
	minted   int                    // ids given out
}

// iamCommon is what roles, instance profiles and policies have in common.
type iamCommon struct {
	id, path, name string
	created        time.Time
	tags           map[string]string
	unseen         int // by how many more reads
}

type iamRole struct {
	iamCommon
	description string
	maxSession  int    // seconds
	trust       string // the document
	boundary    string // ARN of a policy, or ""
	inline      map[string]string
	attached    []string // ARNs, in order
}

type iamProfile struct {
	iamCommon
	role string // the name of its role, or ""
}

type iamPolicy struct {
	iamCommon
	arn         string
	description string
	updated     time.Time
	versions    []iamVersion // in order
	byDefault   int          // the number of the default version
	numbered    int          // the highest number given out
	byAWS       bool
}

type iamVersion struct {
	number   int
	document string
	created  time.Time
}

func (v iamVersion) id() string { return fmt.Sprintf("v%d", v.number) }

// version is the version of that id, "" being the default one.
func (p *iamPolicy) version(id string) (iamVersion, bool) {
	i := slices.IndexFunc(p.versions, func(v iamVersion) bool {
		return v.id() == cmp.Or(id, fmt.Sprintf("v%d", p.byDefault))
	})
	if i < 0 {
		return iamVersion{}, false
	}
	return p.versions[i], true
}

// document is that of the default version.
func (p *iamPolicy) document() string {
	v, _ := p.version("")
	return v.document
}

func (s *Server) newCommon(kind, path, name string, tags map[string]string, unseen int) iamCommon {
	s.iamState.minted++
	return iamCommon{
		id:   iamID(kind, fmt.Sprint(s.iamState.minted)),
		path: cmp.Or(path, "/"), name: name, created: s.Now().UTC(), tags: tags, unseen: unseen,
	}
}

// iamID makes a unique id as long as AWS's, the same for the same seed.
func iamID(kind, seed string) string {
	sum := sha256.Sum256([]byte(seed))
	return kind + base32.StdEncoding.EncodeToString(sum[:])[:17]
}

// seen counts a read, and reports whether it finds what was created.
func (c *iamCommon) seen() bool {
	if c.unseen == 0 {
		return true
	}
	c.unseen--
	return false
}

func (s *Server) roleARN(r *iamRole) string { return s.arn("iam", "", "role"+r.path+r.name) }

func (s *Server) profileARN(p *iamProfile) string {
	return s.arn("iam", "", "instance-profile"+p.path+p.name)
}

// taken reports whether a name is in use, in any case.
func taken[T any](all map[string]T, name string) bool {
	return slices.ContainsFunc(slices.Collect(maps.Keys(all)), func(other string) bool { return strings.EqualFold(name, other) })
}

// byName are the values in the order of their keys.
func byName[T any](all map[string]T) []T {
	var sorted []T
	for _, name := range sortedKeys(all) {
		sorted = append(sorted, all[name])
	}
	return sorted
}

// role is the role of that name, as a read finds it.
func (s *Server) role(name string) (*iamRole, *Error) {
	r, ok := s.iamState.roles[name]
	if !ok || !r.seen() {
		return nil, noSuchEntity("The role with name %s cannot be found.", name)
	}
	return r, nil
}

// profile is the instance profile of that name, as a read finds it.
func (s *Server) profile(name string) (*iamProfile, *Error) {
	p, ok := s.iamState.profiles[name]
	if !ok || !p.seen() {
		return nil, noSuchEntity("Instance Profile %s cannot be found.", name)
	}
	return p, nil
}

// policy is the managed policy of that ARN: one of the account's, or of AWS's.
func (s *Server) policy(arn string) (*iamPolicy, bool) {
	if p, ok := s.iamState.policies[arn]; ok {
		return p, true
	}
	return s.managedByAWS(arn)
}

func noSuchEntity(format string, args ...any) *Error {
	return &Error{Status: 404, Code: "NoSuchEntity", Message: fmt.Sprintf(format, args...)}
}

func conflict(code, format string, args ...any) *Error {
	return &Error{Status: 409, Code: code, Message: fmt.Sprintf(format, args...)}
}

// A profileView is what other services see of an instance profile.
type profileView struct {
	ARN, ID, Name string
	Role          string // ARN of its role, or ""
}

// instanceProfile is the profile of that name or ARN as another service finds it,
// which is a read. The caller holds mu.
func (s *Server) instanceProfile(nameOrARN string) (p profileView, ok bool) {
	for _, profile := range byName(s.iamState.profiles) {
		arn := s.profileARN(profile)
		if nameOrARN != profile.name && nameOrARN != arn {
			continue
		}
		if !profile.seen() {
			return profileView{}, false
		}
		view := profileView{ARN: arn, ID: profile.id, Name: profile.name}
		if r, ok := s.iamState.roles[profile.role]; ok {
			view.Role = s.roleARN(r)
		}
		return view, true
	}
	return profileView{}, false
}

// roleID is the unique id of the role of that ARN, which is a read. A role made anew
// has another. The caller holds mu.
func (s *Server) roleID(arn string) (id string, ok bool) {
	for _, r := range s.iamState.roles {
		if s.roleARN(r) == arn {
			return r.id, r.seen()
		}
	}
	return "", false
}
