package account

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
)

// The kinds of objects that are changed. Comments say what Name and Of are, and what
// the state is.
const (
	kindPolicy       = "managed policy"              // Name; a policyState
	kindVersion      = "policy document"             // Name: of the managed policy; its default version's document
	kindRole         = "role"                        // Name; a roleState
	kindTrust        = "trust policy"                // Name: of the role; a document
	kindBoundary     = "permissions boundary"        // Name: of the role; an ARN
	kindRoleTag      = "role tag"                    // Name: key, Of: role; a tag
	kindAttached     = "attached policy"             // Name: ARN, Of: role; "attached"
	kindInline       = "inline policy"               // Name, Of: role; a document
	kindProfile      = "instance profile"            // Name; a profileState
	kindProfileRole  = "role of instance profile"    // Name: of the profile; the role's name
	kindAssociation  = "instance profile of"         // Name: the instance; the profile's ARN
	kindTag          = "tag"                         // Name: key, Of: the EC2 resource; a tag
	kindGroupTag     = "auto scaling tag"            // Name: key, Of: the group; a groupTagState
	kindEntry        = "access entry"                // Name: the principal's ARN, Of: cluster; an entryState
	kindAccessPolicy = "access policy"               // Name: ARN, Of: the principal's ARN; a scopeState
	kindRegistry     = "registry policy statement"   // Name: Sid; a document of the statement alone
	kindRepository   = "repository policy statement" // Name: Sid, Of: repository; a document of the statement alone
)

// kinds is the order in which objects are made: what is needed before what needs it.
// They are taken back in the opposite order, which is the one that AWS asks for
// (docs of DeleteRole, DeleteInstanceProfile and DeletePolicy).
var kinds = []string{
	kindPolicy, kindVersion, kindRole, kindTrust, kindBoundary, kindRoleTag, kindAttached, kindInline,
	kindProfile, kindProfileRole, kindAssociation, kindTag, kindGroupTag,
	kindEntry, kindAccessPolicy, kindRegistry, kindRepository,
}

// Our tags on what we create in IAM and EKS.
const (
	// ownerTag says which cluster's file an object was created for.
	ownerTag = "kubelet-ecr/cluster"
	// runTag says which run created it, by which a creation whose answer was lost
	// is known again.
	runTag = "kubelet-ecr/run"
)

// policyState is a managed policy at its creation.
type policyState struct {
	Path     string            `json:"path"`
	Document json.RawMessage   `json:"document"`
	Tags     map[string]string `json:"tags,omitempty"`
}

// roleState is a role at its creation. What is changed later is an object of its own,
// so that no part of a role is written that need not be.
type roleState struct {
	Path     string            `json:"path"`
	Trust    json.RawMessage   `json:"trust"`
	Boundary string            `json:"boundary,omitempty"`
	Tags     map[string]string `json:"tags,omitempty"`
}

// profileState is an instance profile at its creation, without its role.
type profileState struct {
	Path string            `json:"path"`
	Tags map[string]string `json:"tags,omitempty"`
}

// groupTagState is a tag of an Auto Scaling group.
type groupTagState struct {
	Value     string `json:"value"`
	Propagate bool   `json:"propagate"`
}

// entryState is an EKS access entry at its creation, without its access policies.
type entryState struct {
	Type string            `json:"type"`
	Tags map[string]string `json:"tags,omitempty"`
	// Stale says that the entry is older than its role, and so not that role's.
	Stale bool `json:"stale,omitempty"`
}

// scopeState is what an access policy is bound to.
type scopeState struct {
	Type       string   `json:"type"`
	Namespaces []string `json:"namespaces,omitempty"`
}

const attached = "attached"

// encode is the canonical text of a state. Maps are sorted by encoding/json.
func encode(state any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(state); err != nil {
		panic(err) // all states are plain structs
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// decode is the state that encode wrote.
func decode[T any](text string) (state T, err error) {
	err = json.Unmarshal([]byte(text), &state)
	return state, err
}

// tagText is the state of a tag. An empty value is two quotes, for the empty text is
// no tag at all; a value that begins with a quote is quoted to tell it apart.
func tagText(value string) string {
	if value == "" || strings.HasPrefix(value, `"`) {
		return strconv.Quote(value)
	}
	return value
}

// tagValue is the value that tagText wrote.
func tagValue(text string) string {
	if value, err := strconv.Unquote(text); err == nil && strings.HasPrefix(text, `"`) {
		return value
	}
	return text
}

// canonical is a policy document as a state: what IAM returns, URL-encoded and
// reformatted, is the same text as what we wrote.
func canonical(document string) (string, error) {
	d, err := policy.Parse(document)
	if err != nil {
		return "", err
	}
	return d.String(), nil
}

// withoutRun takes the run out of tags, and returns it.
func withoutRun(tags map[string]string) (rest map[string]string, run string) {
	rest = maps.Clone(tags)
	delete(rest, runTag)
	return rest, tags[runTag]
}
