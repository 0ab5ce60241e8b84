package node

import (
	"maps"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/deploy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/providerconfig"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
)

// Entry is our provider for what shall be pulled: matchImages of every partition, or of
// one, and of the mirrors; the plugin's args and environment.
//
// ECR Public is in it only if it is asked for: its tokens need a permission of their
// own, and a node without it would log an error at each pull.
func Entry(pull config.Pull, partition string) (providerconfig.Entry, error) {
	globs, err := registry.MatchImagesIn(partition)
	if err != nil {
		return providerconfig.Entry{}, err
	}
	if pull.Public {
		globs = append(globs, registry.PublicMatchImages()...)
	}
	var args []string
	for _, host := range slices.Sorted(maps.Keys(pull.Mirrors)) {
		globs = append(globs, host)
		args = append(args, "--mirror="+host+"="+pull.Mirrors[host])
	}
	for _, c := range pull.CrossAccount {
		if c.Assume != "" {
			args = append(args, "--role="+c.Account+"="+c.Assume)
		}
	}
	e := providerconfig.Entry{MatchImages: globs, Args: args, Env: environment(pull)}
	if s := pull.ServiceAccounts; s != nil {
		e.ServiceAccounts = &providerconfig.ServiceAccounts{Audience: s.Audience, Required: s.Required}
		if !s.Required {
			e.Args = append(e.Args, "--service-account-fallback=node")
		}
	}
	return e, nil
}

// environment is what the plugin gets beside the kubelet's own: should the Go runtime
// ever panic, one line of it, and the way to AWS.
func environment(pull config.Pull) []deploy.Variable {
	env := []deploy.Variable{{Name: "GOTRACEBACK", Value: "none"}}
	if pull.Proxy != "" {
		env = append(env, deploy.Variable{Name: "HTTPS_PROXY", Value: pull.Proxy})
	}
	if len(pull.NoProxy) > 0 {
		env = append(env, deploy.Variable{Name: "NO_PROXY", Value: strings.Join(pull.NoProxy, ",")})
	}
	return env
}
