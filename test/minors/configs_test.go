package minors

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/providerconfig"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
)

// tokens is the first minor that has tokenAttributes, behind a feature gate; cacheTypes
// is the next, which has the gate open and wants cacheType in them.
const tokens, cacheTypes = 33, 34

// generated are what a config is generated for, and the entry that must come of it.
var generated = [...]struct {
	name      string
	flags     []string
	bootstrap string // "" without the file
	since     int    // the minors before refuse it; 0 if none does
	want      provider
}{
	{name: "without a file", want: entryOf("")},
	{name: "of a partition", flags: []string{"--partition=aws-cn"}, want: entryOf("aws-cn")},
	{name: "nothing about pulls", bootstrap: cluster, want: entryOf("")},
	{name: "public", bootstrap: cluster + "pull: {public: true}\n", want: entryOf("", public)},
	{
		name: "mirrors",
		bootstrap: cluster + `pull:
  mirrors:
    registry.corp.example: 123456789012.dkr.ecr.eu-central-1.amazonaws.com
    "cache.corp.example:5000": 210987654321.dkr.ecr-fips.us-east-1.amazonaws.com
`,
		want: entryOf("", mirrors),
	},
	{
		name: "roles",
		bootstrap: cluster + `pull:
  crossAccount:
    - {account: "210987654321", assume: "arn:aws:iam::210987654321:role/pull"}
    - {account: "333333333333", repositories: [base/*]}
    - {account: "444444444444", region: us-east-1, assume: "arn:aws:iam::444444444444:role/path/pull"}
`,
		want: entryOf("", roles),
	},
	{
		name: "a proxy",
		bootstrap: cluster + `pull:
  proxy: http://proxy.corp.example:3128
  noProxy: [.corp.example, 10.0.0.0/8, 169.254.169.254]
`,
		want: entryOf("", proxy),
	},
	{
		name: "service accounts", since: tokens,
		bootstrap: cluster + "pull: {serviceAccounts: {audience: sts.amazonaws.com}}\n",
		want:      entryOf("", accounts),
	},
	{
		name: "service accounts alone", since: tokens,
		bootstrap: cluster + "pull: {serviceAccounts: {audience: 'https://sts.example/\"a\" #b', required: true}}\n",
		want:      entryOf("", accountsAlone),
	},
	{
		name: "all of it", since: tokens, flags: []string{"--partition=aws"},
		bootstrap: cluster + `pull:
  public: true
  mirrors:
    registry.corp.example: 123456789012.dkr.ecr.eu-central-1.amazonaws.com
    "cache.corp.example:5000": 210987654321.dkr.ecr-fips.us-east-1.amazonaws.com
  crossAccount:
    - {account: "210987654321", assume: "arn:aws:iam::210987654321:role/pull"}
    - {account: "444444444444", region: us-east-1, assume: "arn:aws:iam::444444444444:role/path/pull"}
  proxy: http://proxy.corp.example:3128
  noProxy: [.corp.example, 10.0.0.0/8, 169.254.169.254]
  serviceAccounts: {audience: sts.amazonaws.com}
`,
		want: entryOf("aws", public, mirrors, roles, proxy, accounts),
	},
}

const cluster = `version: 1
cluster: prod-1
account: "123456789012"
region: eu-central-1
`

// entryOf is the entry without anything from a file, and with what is added to it.
func entryOf(partition string, add ...func(*provider)) provider {
	globs, err := registry.MatchImagesIn(partition)
	if err != nil {
		panic(err)
	}
	p := provider{
		Name:                 "ecr-credential-provider",
		APIVersion:           "credentialprovider.kubelet.k8s.io/v1",
		MatchImages:          globs,
		DefaultCacheDuration: "0s",
		Env:                  []variable{{"GOTRACEBACK", "none"}},
	}
	for _, to := range add {
		to(&p)
	}
	return p
}

func public(p *provider) {
	p.MatchImages = append(p.MatchImages, "public.ecr.aws", "ecr-public.aws.com")
}

func mirrors(p *provider) {
	p.MatchImages = append(p.MatchImages, "cache.corp.example:5000", "registry.corp.example")
	p.Args = append(p.Args,
		"--mirror=cache.corp.example:5000=210987654321.dkr.ecr-fips.us-east-1.amazonaws.com",
		"--mirror=registry.corp.example=123456789012.dkr.ecr.eu-central-1.amazonaws.com")
}

func roles(p *provider) {
	p.Args = append(p.Args,
		"--role=210987654321=arn:aws:iam::210987654321:role/pull",
		"--role=444444444444=arn:aws:iam::444444444444:role/path/pull")
}

func proxy(p *provider) {
	p.Env = append(p.Env, variable{"HTTPS_PROXY", "http://proxy.corp.example:3128"},
		variable{"NO_PROXY", ".corp.example,10.0.0.0/8,169.254.169.254"})
}

func accounts(p *provider) {
	p.Args = append(p.Args, "--service-account-fallback=node")
	p.TokenAttributes = attributes("sts.amazonaws.com", false)
}

func accountsAlone(p *provider) {
	p.TokenAttributes = attributes(`https://sts.example/"a" #b`, true)
}

// attributes are those of cacheTypes and newer.
func attributes(audience string, require bool) *tokenAttributes {
	return &tokenAttributes{
		Audience: audience, CacheType: "ServiceAccount", Require: &require,
		Optional: []string{"eks.amazonaws.com/ecr-role-arn", "eks.amazonaws.com/role-arn"},
	}
}

// in is the entry for a minor.
func (p provider) in(m minor) provider {
	if p.TokenAttributes != nil && m.Number < cacheTypes {
		without := *p.TokenAttributes
		without.CacheType = ""
		p.TokenAttributes = &without
	}
	return p
}

// of is the config with one entry.
func of(p provider) config {
	return config{APIVersion: "kubelet.config.k8s.io/v1", Kind: "CredentialProviderConfig", Providers: []provider{p}}
}

// printConfig runs the program as people do, and returns its stdout.
func printConfig(t *testing.T, m minor, bootstrap string, flags ...string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	args := append([]string{"print", "config", fmt.Sprintf("--kubelet-version=1.%d", m.Number)}, flags...)
	if bootstrap != "" {
		file := filepath.Join(dir, "nodes.yaml")
		if err := os.WriteFile(file, []byte(bootstrap), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-f", file)
	}
	c := exec.Command(filepath.Join(bin, bootstrapName), args...)
	c.Dir, c.Env = dir, []string{}
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		return string(out), fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}

// TestGenerated prints configs for each minor, and compares all that the types of that
// minor make of them. Where a minor would not start with one, or would overlook what it
// is for, none is printed.
func TestGenerated(t *testing.T) {
	onEach(t, func(t *testing.T, m minor) {
		for _, g := range generated {
			t.Run(g.name, func(t *testing.T) {
				text, err := printConfig(t, m, g.bootstrap, g.flags...)
				if m.Number < g.since {
					if err == nil || text != "" || !strings.Contains(err.Error(), "tokenAttributes") {
						t.Fatalf("want nothing, and an error about tokenAttributes; got %v and\n%s", err, text)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				got, err := m.decode(text)
				if err != nil {
					t.Fatalf("Kubernetes 1.%d refuses it: %v\n%s", m.Number, err, text)
				}
				if diff := cmp.Diff(of(g.want.in(m)), got); diff != "" {
					t.Errorf("(-want +got)\n%s\n%s", diff, text)
				}
			})
		}
	})
}

// TestRange is that the minors begin where the product does, and leave none out.
func TestRange(t *testing.T) {
	text := handmade[0].config
	first, last := minors[0].Number, minors[len(minors)-1].Number
	var all []int
	for n := first; n <= last; n++ {
		all = append(all, n)
	}
	var have []int
	for _, m := range minors {
		have = append(have, m.Number)
	}
	if !slices.Equal(all, have) {
		t.Errorf("the list is %v, want %v", have, all)
	}
	if err := providerconfig.Check(text, providerconfig.Kubelet{Minor: first}); err != nil {
		t.Errorf("1.%d: %v", first, err)
	}
	if err := providerconfig.Check(text, providerconfig.Kubelet{Minor: first - 1}); err == nil {
		t.Errorf("the product serves 1.%d, which is not in the list", first-1)
	}
}
