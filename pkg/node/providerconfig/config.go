// Package providerconfig knows the file by which a kubelet is told of its image
// credential providers, the CredentialProviderConfig: it renders ours, says whether a
// kubelet takes a file, puts our entry into a file of others, and takes it out again.
//
// A kubelet that does not like its file exits when it starts, and on k3s the API server
// with it, so nothing leaves this package that has not been judged by [Check]. Files of
// others are changed as text: comments, order and layout of all that is not our entry
// stay as they are, byte for byte, and what the kubelet reads of the result is compared
// with what it should read before the text is given out. The package is pure: it reads
// and writes no file.
package providerconfig

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	kubeletv1 "k8s.io/kubelet/config/v1"

	"github.com/kubelet-ecr/kubelet-ecr/deploy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

// Name of our entry: the kubelet runs the file of this name in its bin dir. The official
// plugin has the same one, so an entry of it is replaced and not joined.
const Name = "ecr-credential-provider"

// The templates in deploy. The second is the file around the first.
const (
	entryTemplate = "node/credential-provider-entry.yaml"
	fileTemplate  = "node/credential-provider-config.yaml"
)

// An Entry is our provider in a CredentialProviderConfig: what differs from node to
// node.
type Entry struct {
	// MatchImages are the globs of images that the plugin is asked about, by the
	// kubelet's rules; see registry.MatchImages. At least one.
	MatchImages []string
	// Args are the flags of the plugin.
	Args []string
	// Env is added to the kubelet's own environment, and wins over it. GOTRACEBACK=none
	// is put in front if the name is not there: should the Go runtime ever panic, the
	// kubelet's log gets one line of it.
	Env []deploy.Variable
	// ServiceAccounts makes pods pull as themselves; nil for the node alone.
	ServiceAccounts *ServiceAccounts
}

// ServiceAccounts is tokenAttributes: the kubelet hands the plugin a token of the pod's
// service account (KEP-4412).
//
// Annotations that name a role are always optional keys. Of a required key that is
// missing nothing is heard: the kubelet leaves the plugin out, says so at -v=5 only
// (pkg/credentialprovider/plugin/plugin.go), and pulls as nobody. As it is, the plugin is
// asked, refuses an account without a role with a line in the kubelet's log, and may have
// a role for it from AWS_ECR_ROLE_ARN.
type ServiceAccounts struct {
	// Audience of the tokens, as the role's identity provider expects it.
	Audience string
	// Required says that the plugin is not run for a pod without a service account, as
	// static pods are. Otherwise such a pod pulls as the node. An account without a
	// role is the plugin's business, which refuses it unless the entry's Args have
	// --service-account-fallback=node.
	Required bool
}

// A Kubelet is what decides whether a kubelet takes a file. The zero value is a kubelet
// of which nothing is known; it is held to the rules of the newest.
type Kubelet struct {
	// Minor is 34 of 1.34, 0 if it is not known.
	Minor int
	// TokenGate says that the kubelet runs with the feature gate
	// KubeletServiceAccountTokenForCredentialProviders. Only of 1.33 it is asked, where
	// the gate is alpha and off by default (KEP-4412): with tokenAttributes in its
	// config and without the gate that kubelet does not start.
	TokenGate bool
}

// Render returns a whole file with the entry alone, in YAML, which Check has taken.
func (e Entry) Render(k Kubelet) (string, error) {
	text, err := e.render(k)
	if err != nil {
		return "", err
	}
	file, err := wholeFile(text)
	if err != nil {
		return "", err
	}
	if err := Check(file, k); err != nil {
		return "", fmt.Errorf("the config made for %s: %w", k, err)
	}
	if got, _, err := Find(file); err != nil || !reflect.DeepEqual(got, e.complete()) {
		return "", fmt.Errorf("an argument, variable or glob of %s has characters that YAML does not carry", Name)
	}
	return file, nil
}

// render makes the entry of the template, for a kubelet: lines without indentation, the
// first our mark, no newline at the end.
func (e Entry) render(k Kubelet) (string, error) {
	if err := k.served(); err != nil {
		return "", err
	}
	if e.ServiceAccounts != nil {
		if k.Minor == 0 {
			err := fmt.Errorf("pulling as service accounts: the kubelet's version is not known, and each minor wants other tokenAttributes")
			return "", hint.Wrap(err, "say which it is with --kubelet-version, as 1.34")
		}
		if err := k.tokens(); err != nil {
			err = fmt.Errorf("pulling as service accounts: %w", err)
			return "", hint.Wrap(err, "upgrade the kubelet to 1.34, or leave serviceAccounts out: the node then pulls for its pods")
		}
	}
	data := struct {
		Entry
		CacheType bool
	}{e.complete(), k.Minor >= since("tokenAttributes.cacheType")}
	text, err := deploy.Render(entryTemplate, data)
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(text, "\n"), nil
}

// complete is the entry with what every one of ours has, and nil for lists of nothing.
func (e Entry) complete() Entry {
	const name = "GOTRACEBACK"
	if !slices.ContainsFunc(e.Env, func(v deploy.Variable) bool { return v.Name == name }) {
		e.Env = append([]deploy.Variable{{Name: name, Value: "none"}}, e.Env...)
	}
	if len(e.Args) == 0 {
		e.Args = nil
	}
	return e
}

// wholeFile is the config around an entry.
func wholeFile(entry string) (string, error) {
	return deploy.Render(fileTemplate, struct{ Entry string }{indented(entry, "  ")})
}

// indented puts indent in front of every line.
func indented(text, indent string) string {
	return indent + strings.ReplaceAll(text, "\n", "\n"+indent)
}

// Find returns the entry named Name of a config, ours or the official plugin's, and
// whether there is one. The text need not pass Check.
func Find(text string) (Entry, bool, error) {
	c, err := read(text)
	if err != nil {
		return Entry{}, false, err
	}
	i, err := c.index()
	if err != nil || i < 0 {
		return Entry{}, false, err
	}
	var p kubeletv1.CredentialProvider
	if err := convert(c.providers[i], &p); err != nil {
		return Entry{}, false, fmt.Errorf("provider %q: %w", Name, oneLine(err))
	}
	e := Entry{MatchImages: p.MatchImages, Args: p.Args}
	for _, v := range p.Env {
		e.Env = append(e.Env, deploy.Variable{Name: v.Name, Value: v.Value})
	}
	if t := p.TokenAttributes; t != nil {
		e.ServiceAccounts = &ServiceAccounts{
			Audience: t.ServiceAccountTokenAudience,
			Required: t.RequireServiceAccount != nil && *t.RequireServiceAccount,
		}
	}
	return e, true, nil
}
