package node

import (
	"maps"
	"path"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/tree"
)

// The feature gate of tokenAttributes, alpha in 1.33 alone (KEP-4412), and the one that
// turns on all that are alpha and not named themselves.
const (
	serviceAccountGate = "KubeletServiceAccountTokenForCredentialProviders"
	allAlpha           = "AllAlpha"
)

// tokenGate says whether a kubelet with these arguments, or that of k3s or RKE2, starts
// with the gate on: by its config (--config), the drop-ins of that (--config-dir, files
// named *.conf in order) and --feature-gates, of which each wins over those before. What
// cannot be read has no gates: whether the kubelet starts with it is not asked here.
func tokenGate(t *tree.Tree, args []string) bool {
	var config, dir, flags []string
	for name, value := range kubeletFlags(args) {
		switch name {
		case "config":
			config = []string{value}
		case "config-dir":
			dir = t.Glob(path.Join(value, "*.conf"))
		case "feature-gates":
			flags = append(flags, value)
		}
	}
	gates := map[string]bool{}
	for _, file := range append(config, dir...) {
		var said struct {
			FeatureGates map[string]bool `yaml:"featureGates"`
		}
		text, err := t.ReadLinked(file)
		if err == nil && yaml.Unmarshal([]byte(text), &said) == nil {
			maps.Copy(gates, said.FeatureGates)
		}
	}
	for _, value := range flags {
		for gate := range strings.SplitSeq(value, ",") {
			name, on, _ := strings.Cut(gate, "=")
			gates[strings.TrimSpace(name)], _ = strconv.ParseBool(strings.TrimSpace(on))
		}
	}
	if on, named := gates[serviceAccountGate]; named {
		return on
	}
	return gates[allAlpha]
}

// kubeletFlags are the flags of a kubelet with their values, in order; of k3s and RKE2
// those that they pass on with --kubelet-arg, with or without a plus that adds to what
// they say themselves (k3s-io/k3s, pkg/util/args.go, GetArgs).
func kubeletFlags(args []string) func(func(name, value string) bool) {
	return func(yield func(name, value string) bool) {
		for i := 0; i < len(args); i++ {
			name, value, has := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
			if !strings.HasPrefix(args[i], "-") {
				continue
			}
			if !has && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
				i++
				value = args[i]
			}
			if name == "kubelet-arg" {
				name, value, _ = strings.Cut(strings.TrimLeft(value, "-"), "=")
			}
			if !yield(strings.ReplaceAll(strings.TrimRight(name, "+-"), "_", "-"), value) {
				return
			}
		}
	}
}
