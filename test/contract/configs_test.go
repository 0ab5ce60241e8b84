package contract

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/test/contract/kubelet"
)

const cluster = `version: 1
cluster: prod-1
account: "123456789012"
region: us-east-1
`

// A look is an image that is looked up for a pod, and whose credentials the kubelet has.
type look struct {
	pod   kubelet.Pod
	image string
	want  [][]string
}

// generated are what a config is generated for, and what a kubelet with it looks up.
var generated = [...]struct {
	name      string
	flags     []string
	bootstrap string // "" without the file; AWS is the URL of this AWS, as a proxy
	looks     []look
}{
	{
		name: "without a file",
		looks: []look{
			{image: image("us-east-1", "app"), want: nodes("us-east-1")},
			{image: account + ".dkr.ecr.cn-north-1.amazonaws.com.cn/app", want: nodes("cn-north-1")},
			{image: "public.ecr.aws/team/app", want: nobody},
			{image: "registry.corp.example/app", want: nobody},
		},
	},
	{
		name: "of a partition", flags: []string{"--partition=aws-cn"},
		looks: []look{
			{image: image("us-east-1", "app"), want: nobody},
			{image: account + ".dkr.ecr.cn-north-1.amazonaws.com.cn/app", want: nodes("cn-north-1")},
		},
	},
	{
		name: "public", bootstrap: cluster + "pull: {public: true}\n",
		looks: []look{{image: "public.ecr.aws/team/app", want: [][]string{{"public, " + nodePrincipal}}}},
	},
	{
		name: "mirrors",
		bootstrap: cluster + `pull:
  mirrors:
    registry.corp.example: 123456789012.dkr.ecr.eu-central-1.amazonaws.com
    "cache.corp.example:5000": 123456789012.dkr.ecr.us-west-2.amazonaws.com
`,
		looks: []look{
			{image: "registry.corp.example/app", want: nodes("eu-central-1")},
			{image: "cache.corp.example:5000/app", want: nodes("us-west-2")},
			{image: "cache.corp.example/app", want: nobody},
		},
	},
	{
		name: "roles",
		bootstrap: cluster + `pull:
  crossAccount:
    - {account: "210987654321", assume: "arn:aws:iam::210987654321:role/pull"}
    - {account: "333333333333"}
`,
		looks: []look{
			{image: "210987654321.dkr.ecr.us-east-1.amazonaws.com/app", want: [][]string{{
				"us-east-1, arn:aws:sts::210987654321:assumed-role/pull/ecr-credential-provider",
			}}},
			{image: "333333333333.dkr.ecr.us-east-1.amazonaws.com/app", want: nodes("us-east-1")},
		},
	},
	{
		name: "a proxy", bootstrap: cluster + "pull: {proxy: AWS, noProxy: [.corp.example, 10.0.0.0/8]}\n",
		looks: []look{{image: image("us-east-1", "app"), want: nodes("us-east-1")}},
	},
}

// ofAccounts are the same for kubelets that know service accounts.
var ofAccounts = [...]struct {
	name      string
	bootstrap string
	looks     []look
}{
	{
		"or the node", cluster + "pull: {serviceAccounts: {audience: sts.amazonaws.com}}\n",
		[]look{
			{pod("blue", 1), image("us-east-1", "app"), accounts("blue")},
			{without(), image("us-east-1", "app"), [][]string{{"us-east-1, " + nodePrincipal + ", of team/green"}}},
			{static(), image("us-east-1", "app"), nodes("us-east-1")},
		},
	},
	{
		"alone", cluster + "pull: {serviceAccounts: {audience: sts.amazonaws.com, required: true}}\n",
		[]look{
			{pod("blue", 1), image("us-east-1", "app"), accounts("blue")},
			{without(), image("us-east-1", "app"), nobody},
			{static(), image("us-east-1", "app"), nobody},
		},
	},
}

// without is a pod of a service account that has no role.
func without() kubelet.Pod {
	p := pod("green", 1)
	p.Account.Annotations = nil
	return p
}

// installed starts a kubelet with the config that `ecr-node-bootstrap print config` has
// for it, as it was printed. The plugin in its bin dir is a script before the built one,
// which adds where its cache and log are: the config leaves that to the plugin.
func (n *node) installed(bootstrap string, flags ...string) *process {
	n.Helper()
	args := append([]string{"print", "config", "--kubelet-version=" + strings.TrimPrefix(n.minor, "v")}, flags...)
	if bootstrap != "" {
		file := filepath.Join(n.dir, "bootstrap.yaml")
		n.write(file, bootstrap)
		args = append(args, "-f", file)
	}
	cmd := exec.Command(filepath.Join(bin, bootstrapName), args...)
	cmd.Dir, cmd.Env, cmd.Stderr = n.dir, []string{}, os.Stderr
	text, err := cmd.Output()
	if err != nil {
		n.Fatalf("%s: %v", cmd, err)
	}
	path := filepath.Join(n.dir, "config.yaml")
	n.write(path, string(text))
	n.binDir = n.TempDir()
	n.write(filepath.Join(n.binDir, pluginName), "#!/bin/sh\nexec "+filepath.Join(bin, pluginName)+
		` "$@" --cache-dir=`+filepath.Join(n.dir, "cache")+" --log-file="+n.logFile()+"\n")
	return n.startFrom(path)
}

func (p *process) see(looks []look) {
	p.Helper()
	for _, l := range looks {
		if diff := cmp.Diff(l.want, p.lookup(l.pod, l.image)); diff != "" {
			p.Errorf("%s for %q (-want +got)\n%s\n%q", l.image, l.pod.Name, diff, p.errors())
		}
	}
}

// TestGenerated has kubelets start with the configs that are generated for them, and
// pull with what is in those.
func TestGenerated(t *testing.T) {
	for _, g := range generated {
		t.Run(g.name, func(t *testing.T) {
			onEach(t, func(n *node) {
				bootstrap := g.bootstrap
				if strings.Contains(bootstrap, "AWS") {
					bootstrap = strings.ReplaceAll(bootstrap, "AWS", n.behindProxy())
				}
				n.installed(bootstrap, g.flags...).see(g.looks)
			})
		})
	}
}

// TestGeneratedAccounts is the same with service accounts.
func TestGeneratedAccounts(t *testing.T) {
	for _, g := range ofAccounts {
		t.Run(g.name, func(t *testing.T) { newNode(t, newest).installed(g.bootstrap).see(g.looks) })
	}
}

// behindProxy leaves the node no way to AWS but the proxy whose URL it returns. The
// metadata service is asked without.
func (n *node) behindProxy() string {
	n.Helper()
	bundle := filepath.Join(n.dir, "ca.pem")
	n.write(bundle, string(n.aws.CA()))
	url := strings.TrimPrefix(n.env[0], "AWS_ENDPOINT_URL=")
	n.env = []string{"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + url, "AWS_CA_BUNDLE=" + bundle}
	return url
}
