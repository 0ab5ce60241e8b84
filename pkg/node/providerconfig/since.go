package providerconfig

import (
	"fmt"
	"maps"
	"slices"
)

// oldest is the minor of the oldest kubelet that is served: the first with v1 of the
// config and of the plugin's API.
const oldest = 26

// tokensOn is the minor from which on tokenAttributes need no feature gate to be set:
// KubeletServiceAccountTokenForCredentialProviders is beta, and on (KEP-4412).
const tokensOn = 34

// fields are those of a provider, with the minor in which each appeared: of v1 of the
// API, the only one that still gets new ones. Read in config/v1/types.go of
// k8s.io/kubelet v0.26 to v0.37. A kubelet before 1.32 ignores what it does not know, and
// then pulls as the node where a service account was meant; one from 1.32 on exits.
var fields = map[string]int{
	"name":                 20,
	"matchImages":          20,
	"defaultCacheDuration": 20,
	"apiVersion":           20,
	"args":                 20,
	"env":                  20,
	"tokenAttributes":      33,
	"tokenAttributes.serviceAccountTokenAudience":          33,
	"tokenAttributes.requireServiceAccount":                33,
	"tokenAttributes.requiredServiceAccountAnnotationKeys": 33,
	"tokenAttributes.optionalServiceAccountAnnotationKeys": 33,
	"tokenAttributes.cacheType":                            34,
}

// newest version of the config's API.
const newest = "kubelet.config.k8s.io/v1"

// apiVersions of the config, with the minor in which each appeared. None has gone.
var apiVersions = map[string]int{
	"kubelet.config.k8s.io/v1alpha1": 20,
	"kubelet.config.k8s.io/v1beta1":  24,
	newest:                           26,
}

// since is the minor in which a field appeared.
func since(field string) int { return fields[field] }

// String names the kubelet for people.
func (k Kubelet) String() string {
	if k.Minor == 0 {
		return "a kubelet of unknown version"
	}
	return fmt.Sprintf("kubelet 1.%d", k.Minor)
}

// has says that the kubelet is of this minor or newer, as one of unknown version may be.
func (k Kubelet) has(minor int) bool { return k.Minor == 0 || k.Minor >= minor }

// served is an error for a kubelet that is too old for us.
func (k Kubelet) served() error {
	if k.has(oldest) {
		return nil
	}
	return fmt.Errorf("%s is too old: 1.%d is the first that knows kubelet.config.k8s.io/v1 and credentialprovider.kubelet.k8s.io/v1", k, oldest)
}

// tokens is an error for a kubelet that does not take tokenAttributes.
func (k Kubelet) tokens() error {
	switch minor := since("tokenAttributes"); {
	case !k.has(minor):
		return fmt.Errorf("tokenAttributes came with kubelet 1.%d and are on from 1.%d, this is %s", minor, tokensOn, k)
	case !k.has(tokensOn) && !k.TokenGate:
		return fmt.Errorf("tokenAttributes: %s does not start with them unless its feature gate KubeletServiceAccountTokenForCredentialProviders is on", k)
	}
	return nil
}

// tooNew says which fields of a provider the kubelet does not know, or not in a config of
// this version. Inside of such a one nothing is looked at.
func (c *config) tooNew(provider map[string]any, prefix string, k Kubelet) []error {
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(provider)) {
		field := prefix + key
		var err error
		switch minor := since(field); {
		case field == "tokenAttributes" && c.said["apiVersion"] != newest:
			err = fmt.Errorf("%s: only %s has them, this is %s", field, newest, c.said["apiVersion"])
		case field == "tokenAttributes":
			err = k.tokens()
		case !k.has(minor):
			err = fmt.Errorf("%s came with kubelet 1.%d, this is %s", field, minor, k)
		}
		inside, nested := provider[key].(map[string]any)
		switch {
		case err != nil:
			faults = append(faults, err)
		case nested:
			faults = append(faults, c.tooNew(inside, field+".", k)...)
		}
	}
	return faults
}
