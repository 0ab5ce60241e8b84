package provider

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/cache"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
)

// cacheKey says who shares the token of reg: whoever asks the same API variant in
// the same region as the same identity. One ECR token serves every registry that its
// principal may read in a region, so neither the account nor the endpoint's URL is
// part of it.
func (p *Provider) cacheKey(reg registry.Registry, id Identity) cache.Key {
	api := "private"
	if reg.Public {
		api = "public"
	}
	key := cache.Key{Labels: map[string]string{"api": api, "region": reg.Region, "identity": id.kind()}}
	parts := []string{"api", api, "fips", fmt.Sprint(reg.FIPS), "dualstack", fmt.Sprint(reg.DualStack),
		"partition", reg.Partition, "region", reg.Region, "identity", id.kind(), "role", id.Role}
	if account := id.ServiceAccount; account != nil {
		key.DropWhenDenied = true
		key.Labels["serviceAccount"] = account.Namespace + "/" + account.Name
		audiences := slices.Clone(account.Audiences)
		slices.Sort(audiences)
		parts = append(parts, "issuer", account.Issuer, "subject", account.Subject(), "uid", account.UID, "audiences", strings.Join(audiences, "\x00"))
	} else {
		getenv := p.Getenv
		if getenv == nil {
			getenv = func(string) string { return "" }
		}
		node, fingerprint := nodeSource(getenv)
		parts = append(parts, node...)
		key.Fingerprint, key.Origin = fingerprint, p.InstanceRole
	}
	if id.Role != "" {
		key.Labels["role"] = id.Role
	}
	// Quoted, so that no part can pass for two.
	key.ID = fmt.Sprintf("%q", parts)
	return key
}

func (i Identity) kind() string {
	switch {
	case i.ServiceAccount != nil:
		return "service account"
	case i.Role != "":
		return "role"
	default:
		return "node"
	}
}

// nodeSource is where the SDK's default chain will take the node's credentials
// from, as far as that can be said without it, and a fingerprint of what is there
// now. What an agent rewrites every hour (a file, a temporary key) is in the
// fingerprint alone: it makes a token due, and does not lose it.
func nodeSource(getenv func(string) string) (parts []string, fingerprint string) {
	env := func(names ...string) string {
		for _, name := range names {
			if v := getenv(name); v != "" {
				return v
			}
		}
		return ""
	}
	home := env("HOME")
	if home == "" { // as the SDK finds it: a kubelet under systemd has none
		if u, err := user.Current(); err == nil {
			home = u.HomeDir
		}
	}
	file := func(name, otherwise string) string {
		if path := env(name); path != "" {
			return path
		}
		return filepath.Join(home, ".aws", otherwise)
	}
	config, credentials := file("AWS_CONFIG_FILE", "config"), file("AWS_SHARED_CREDENTIALS_FILE", "credentials")
	parts = []string{
		"profile", env("AWS_PROFILE", "AWS_DEFAULT_PROFILE"), "config", config, "credentials", credentials,
		"web identity role", env("AWS_ROLE_ARN"), "web identity file", env("AWS_WEB_IDENTITY_TOKEN_FILE"),
		"container", env("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
		"fips", env("AWS_USE_FIPS_ENDPOINT"), "dualstack", env("AWS_USE_DUALSTACK_ENDPOINT"),
	}
	access := env("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY")
	var b strings.Builder
	if strings.HasPrefix(access, "ASIA") { // temporary
		parts = append(parts, "key", "temporary")
		fmt.Fprintf(&b, "key %s ", access)
	} else {
		parts = append(parts, "key", access)
	}
	for _, path := range [...]string{config, credentials} {
		if info, err := os.Stat(path); err == nil {
			fmt.Fprintf(&b, "%q %d %d ", path, info.Size(), info.ModTime().UnixNano())
		}
	}
	return parts, b.String()
}
