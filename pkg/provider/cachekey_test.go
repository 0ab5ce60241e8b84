package provider

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
)

// TestCacheKey is the table of who shares a token and who does not: each row says
// how one asker differs from the first.
func TestCacheKey(t *testing.T) {
	type asker struct {
		host string
		id   Identity
		env  map[string]string
	}
	account := func(change func(*ServiceAccount)) Identity {
		a := &ServiceAccount{Namespace: "prod", Name: "web", UID: "1", Issuer: "i", Audiences: []string{"a", "b"}, Token: "t"}
		if change != nil {
			change(a)
		}
		return Identity{Role: "r", ServiceAccount: a}
	}
	const plain = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
	node := asker{host: plain, env: map[string]string{"HOME": "/h"}}
	pod := asker{host: plain, id: account(nil)}
	with := func(a asker, name, value string) asker {
		env := map[string]string{name: value}
		for k, v := range a.env {
			if k != name {
				env[k] = v
			}
		}
		a.env = env
		return a
	}
	key := with(node, "AWS_ACCESS_KEY_ID", "AKIA1")
	for _, c := range []struct {
		name   string
		a, b   asker
		shared bool
	}{
		{"another account", node, asker{host: "210987654321.dkr.ecr.us-east-1.amazonaws.com", env: node.env}, true},
		{"a port", node, asker{host: plain + ":443", env: node.env}, true},
		{"another endpoint URL", node, with(node, "AWS_ENDPOINT_URL", "http://x"), true},
		{"another region", node, asker{host: "123456789012.dkr.ecr.us-east-2.amazonaws.com", env: node.env}, false},
		{"FIPS", node, asker{host: "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", env: node.env}, false},
		{"dual-stack", node, asker{host: "123456789012.dkr-ecr.us-east-1.on.aws", env: node.env}, false},
		{"public", node, asker{host: "public.ecr.aws", env: node.env}, false},
		{"another profile", node, with(node, "AWS_PROFILE", "p"), false},
		{"the older name of the same profile", with(node, "AWS_PROFILE", "p"), with(node, "AWS_DEFAULT_PROFILE", "p"), true},
		{"another config file", node, with(node, "AWS_CONFIG_FILE", "/c"), false},
		{"the same file by its name", node, with(node, "AWS_CONFIG_FILE", filepath.Join("/h", ".aws", "config")), true},
		{"another credentials file", node, with(node, "AWS_SHARED_CREDENTIALS_FILE", "/c"), false},
		{"another home", node, with(node, "HOME", "/g"), false},
		{"a static key", node, key, false},
		{"another static key", key, with(node, "AWS_ACCESS_KEY_ID", "AKIA2"), false},
		{"another temporary key", with(node, "AWS_ACCESS_KEY_ID", "ASIA1"), with(node, "AWS_ACCESS_KEY_ID", "ASIA2"), true},
		{"a web identity", node, with(node, "AWS_ROLE_ARN", "r"), false},
		{"a container", node, with(node, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "u"), false},
		{"a chained role", node, asker{host: plain, id: Identity{Role: "r"}, env: node.env}, false},
		{"a service account", node, pod, false},
		{"a service account and the node in its role", asker{host: plain, id: Identity{Role: "r"}}, pod, false},
		{"another token of the account", pod, asker{host: plain, id: account(func(a *ServiceAccount) { a.Token = "u" })}, true},
		{"its audiences in another order", pod, asker{host: plain, id: account(func(a *ServiceAccount) { a.Audiences = []string{"b", "a"} })}, true},
		{"another audience", pod, asker{host: plain, id: account(func(a *ServiceAccount) { a.Audiences = []string{"a"} })}, false},
		{"another account with the role", pod, asker{host: plain, id: account(func(a *ServiceAccount) { a.Name = "db" })}, false},
		{"another namespace", pod, asker{host: plain, id: account(func(a *ServiceAccount) { a.Namespace = "test" })}, false},
		{"the same name with another UID", pod, asker{host: plain, id: account(func(a *ServiceAccount) { a.UID = "2" })}, false},
		{"another issuer", pod, asker{host: plain, id: account(func(a *ServiceAccount) { a.Issuer = "j" })}, false},
		{"another role", pod, asker{host: plain, id: Identity{Role: "s", ServiceAccount: account(nil).ServiceAccount}}, false},
		{"the node's environment is not the pod's", pod, with(pod, "AWS_PROFILE", "p"), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			id := func(a asker) string {
				reg, err := registry.Parse(a.host)
				if err != nil {
					t.Fatal(err)
				}
				p := Provider{Getenv: func(name string) string { return a.env[name] }}
				return p.cacheKey(reg, a.id).ID
			}
			if a, b := id(c.a), id(c.b); (a == b) != c.shared {
				t.Errorf("keys %s\nand  %s\nshared: %v, want %v", a, b, a == b, c.shared)
			}
		})
	}
}

// TestFingerprint is what makes a token due: files that were rewritten, and
// temporary keys.
func TestFingerprint(t *testing.T) {
	file := filepath.Join(t.TempDir(), "credentials")
	env := map[string]string{"AWS_SHARED_CREDENTIALS_FILE": file}
	fingerprint := func() string {
		_, f := nodeSource(func(name string) string { return env[name] })
		return f
	}
	seen := map[string]string{"": "no file"}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"written", func() error { return os.WriteFile(file, []byte("a"), 0o600) }},
		{"longer", func() error { return os.WriteFile(file, []byte("ab"), 0o600) }},
		{"rewritten", func() error { return os.Chtimes(file, time.Time{}, time.Unix(1, 0)) }},
		{"a temporary key", func() error { env["AWS_ACCESS_KEY_ID"] = "ASIA1"; return nil }},
		{"another", func() error { env["AWS_ACCESS_KEY_ID"] = "ASIA2"; return nil }},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		f := fingerprint()
		if before, ok := seen[f]; ok {
			t.Errorf("%s: the fingerprint is that of %s", step.name, before)
		}
		if f != fingerprint() {
			t.Errorf("%s: the fingerprint changes by itself", step.name)
		}
		seen[f] = step.name
	}
}
