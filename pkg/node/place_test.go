package node

import (
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// Roots as the installers leave them, of what decides where things go.
const (
	kubeadmDropIn = "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf"
	kubeadmUnit   = "/usr/lib/systemd/system/kubelet.service"
	// kubernetes/release, cmd/krel/templates/latest/kubeadm/10-kubeadm.conf; the rpm's reads /etc/sysconfig/kubelet.
	kubeadmDeb = `# Note: This dropin only works with kubeadm and kubelet v1.11+
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
`
	// k3s-io/k3s, install.sh.
	k3sUnit = `[Service]
Type=notify
EnvironmentFile=-/etc/default/%N
EnvironmentFile=-/etc/sysconfig/%N
EnvironmentFile=-/etc/systemd/system/k3s.service.env
User=root
ExecStart=/usr/local/bin/k3s \
    server \

`
	k3sScript = `#!/sbin/openrc-run

supervisor=supervise-daemon
name=k3s
command="/usr/local/bin/k3s"
command_args="agent \
	'--flag=\"x\"' \
	'--image-credential-provider-config' \
	'/opt/c.yaml' \
	'--image-credential-provider-bin-dir=/opt/b' \
    >>/var/log/k3s.log 2>&1"

set -o allexport
if [ -f /etc/environment ]; then . /etc/environment; fi
if [ -f /etc/rancher/k3s/k3s.env ]; then . /etc/rancher/k3s/k3s.env; fi
set +o allexport
`
	nodeadmUnit = "[Service]\nExecStart=/usr/bin/nodeadm init --skip config --config-source imds://user-data --config-source file:///etc/eks/nodeadm.d/\n"
	eksKubelet  = "[Service]\nEnvironmentFile=/etc/eks/kubelet/environment\nExecStart=/usr/bin/kubelet $NODEADM_KUBELET_ARGS\n"
)

func with(base map[string]string, more ...string) map[string]string {
	all := maps.Clone(base)
	for i := 0; i < len(more); i += 2 {
		all[more[i]] = more[i+1]
	}
	return all
}

var (
	base    = map[string]string{"/etc/": "", "/var/lib/": "", "/usr/lib/systemd/systemd": ""}
	kubeadm = with(base, kubeadmUnit, "[Service]\nExecStart=/usr/bin/kubelet\n", kubeadmDropIn, kubeadmDeb)
	k3s     = with(base, "/etc/systemd/system/k3s.service", k3sUnit)
	rke2    = with(base,
		"/usr/local/lib/systemd/system/rke2-server.service", "[Service]\nEnvironmentFile=-/etc/default/%N\nExecStart=/usr/local/bin/rke2 server\n",
		"/usr/local/lib/systemd/system/rke2-agent.service", "[Service]\nEnvironmentFile=-/etc/default/%N\nExecStart=/usr/local/bin/rke2 agent\n",
		"/etc/systemd/system/multi-user.target.wants/rke2-agent.service", "-> /usr/local/lib/systemd/system/rke2-agent.service")
	eks = with(base, "/etc/systemd/system/nodeadm-run.service", nodeadmUnit, "/usr/bin/nodeadm", "", "/etc/systemd/system/kubelet.service", eksKubelet)
)

var openRCNode = map[string]string{"/etc/": "", "/var/lib/": "", "/sbin/openrc-run": "", "/etc/runlevels/default/": "", "/etc/init.d/k3s": "#!/sbin/openrc-run\n"}

const bothFlags = "--image-credential-provider-config=/c/config.yaml --image-credential-provider-bin-dir=/c/bin"

// open opens the node of a tree of these files.
func open(t *testing.T, files map[string]string) *Node {
	t.Helper()
	n, err := Open(grow(t, files))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

func TestProgramAndConfigGoWhereTheKubeletLooks(t *testing.T) {
	type placed struct {
		Distribution, Config, BinDir, Init, Service string
		Findings                                    []string
		User                                        string
		Files                                       []string // of environment
		Told                                        bool
	}
	const deb, env = "/etc/default/kubelet", "/var/lib/kubelet/kubeadm-flags.env"
	fresh := placed{"kubeadm", freeConfig, freeBinDir, systemd, "kubelet.service", nil, "", []string{env, deb}, false}
	told := placed{"kubeadm", "/c/config.yaml", "/c/bin", systemd, "kubelet.service", []string{"already-wired"}, "", []string{env, deb}, true}
	half := placed{"kubeadm", freeConfig, freeBinDir, systemd, "kubelet.service", []string{"half-wired"}, "", []string{env, deb}, false}
	k3sFiles := []string{"/etc/default/k3s", "/etc/sysconfig/k3s", "/etc/systemd/system/k3s.service.env"}
	freshK3s := placed{"k3s", rancherConfig, rancherBinDir, systemd, "k3s.service", nil, "root", k3sFiles, false}
	toldK3s := placed{"k3s", "/c/config.yaml", "/c/bin", systemd, "k3s.service", []string{"already-wired"}, "root", k3sFiles, true}
	changed := func(p placed, change func(*placed)) placed { change(&p); return p }
	for name, c := range map[string]struct {
		files map[string]string
		want  placed
	}{
		"kubeadm":                          {kubeadm, fresh},
		"kubeadm, told in the users' file": {with(kubeadm, deb, "KUBELET_EXTRA_ARGS="+bothFlags), told},
		"kubeadm, told by kubeadm":         {with(kubeadm, env, `KUBELET_KUBEADM_ARGS="`+bothFlags+`"`), told},
		"kubeadm, told by a drop-in":       {with(kubeadm, "/etc/systemd/system/kubelet.service.d/20.conf", "[Service]\nExecStart=\nExecStart=kubelet "+bothFlags), told},
		"kubeadm, told half":               {with(kubeadm, env, `KUBELET_KUBEADM_ARGS="--image-credential-provider-config=/c"`), half},
		"kubeadm, told the other half":     {with(kubeadm, env, `KUBELET_KUBEADM_ARGS="--image-credential-provider-bin-dir=/c"`), half},
		"kubeadm, as we tell it":           {with(kubeadm, deb, "KUBELET_EXTRA_ARGS=--image-credential-provider-config="+freeConfig+" --image-credential-provider-bin-dir="+freeBinDir), changed(fresh, func(p *placed) { p.Told = true })},
		"kubeadm, a directory of configs":  {with(kubeadm, deb, "KUBELET_EXTRA_ARGS="+bothFlags, "/c/config.yaml/b.yaml", "kind: x"), changed(told, func(p *placed) { p.Config = "/c/config.yaml/ecr-credential-provider.yaml" })},
		"kubeadm, an entry in one of them": {with(kubeadm, deb, "KUBELET_EXTRA_ARGS="+bothFlags, "/c/config.yaml/a.json", "{", "/c/config.yaml/b.yml", "providers: [{name: ecr-credential-provider}]", "/c/config.yaml/c.conf", "providers: [{name: ecr-credential-provider}]"), changed(told, func(p *placed) { p.Config = "/c/config.yaml/b.yml" })},
		"k3s":                              {k3s, freshK3s},
		"k3s, named when it was installed": {with(base, "/etc/systemd/system/k3s-gpu.service", k3sUnit, "/etc/systemd/system/k3s-gpu.service.env", "", "/usr/local/bin/k3s", ""), changed(freshK3s, func(p *placed) {
			p.Service = "k3s-gpu.service"
			p.Files = []string{"/etc/default/k3s-gpu", "/etc/sysconfig/k3s-gpu", "/etc/systemd/system/k3s.service.env"}
		})},
		"k3s, with both in their places":   {with(k3s, rancherConfig, "x", rancherBinDir+"/", ""), changed(freshK3s, func(p *placed) { p.Told = true })},
		"k3s, told by its unit":            {with(k3s, "/etc/systemd/system/k3s.service", strings.Replace(k3sUnit, "    server \\\n", "    server \\\n    '--image-credential-provider-bin-dir' \\\n    '/c/bin' \\\n#   '--image-credential-provider-bin-dir=/d' \\\n    '--image-credential-provider-config=/c/config.yaml'\n", 1)), toldK3s},
		"k3s, told in its file":            {with(k3s, "/etc/rancher/k3s/config.yaml", "image-credential-provider-bin-dir: /c/bin\nimage-credential-provider-config: /c/config.yaml\n"), toldK3s},
		"k3s, told half, with a default":   {with(k3s, "/etc/rancher/k3s/config.yaml", "image-credential-provider-bin-dir: /c/bin\n"), changed(toldK3s, func(p *placed) { p.Config = rancherConfig })},
		"k3s, the other half":              {with(k3s, "/etc/rancher/k3s/config.yaml.d/a.yml", "image-credential-provider-config: /c/config.yaml\n"), changed(toldK3s, func(p *placed) { p.BinDir = rancherBinDir })},
		"k3s, the last file counts":        {with(k3s, "/etc/rancher/k3s/config.yaml", "image-credential-provider-bin-dir: /a\n", "/etc/rancher/k3s/config.yaml.d/1.yaml", "image-credential-provider-bin-dir: /c/bin\nimage-credential-provider-config: /b\n", "/etc/rancher/k3s/config.yaml.d/2.YML", "image-credential-provider-config: /c/config.yaml\n", "/etc/rancher/k3s/config.yaml.d/3.txt", "{", "/etc/rancher/k3s/config.yaml.d/4.yaml/", ""), toldK3s},
		"k3s, told through the kubelet's":  {with(k3s, "/etc/rancher/k3s/config.yaml", "kubelet-arg: [image-credential-provider-bin-dir=/c/bin, v=2]\n", "/etc/rancher/k3s/config.yaml.d/1.yaml", "kubelet-arg+: image-credential-provider-config=/c/config.yaml\n"), toldK3s},
		"k3s, replaced again":              {with(k3s, "/etc/rancher/k3s/config.yaml", "kubelet-arg: [image-credential-provider-bin-dir=/c/bin, image-credential-provider-config=/c]\n", "/etc/rancher/k3s/config.yaml.d/1.yaml", "kubelet-arg: v=2\n"), freshK3s},
		"k3s, its unit wins":               {with(k3s, "/etc/systemd/system/k3s.service", k3sUnit[:len(k3sUnit)-1]+"    "+strings.ReplaceAll(bothFlags, " ", " \\\n "), "/etc/rancher/k3s/config.yaml", "image-credential-provider-bin-dir: /a\nimage-credential-provider-config: /b\n"), toldK3s},
		"k3s, its unit names another file": {with(k3s, "/etc/systemd/system/k3s.service", k3sUnit[:len(k3sUnit)-1]+"    --config /k.yaml\n", "/etc/rancher/k3s/config.yaml", "image-credential-provider-bin-dir: /a\n", "/k.yaml", "image-credential-provider-bin-dir: /c/bin\n", "/k.yaml.d/1.yaml", "image-credential-provider-config: /c/config.yaml\n"), toldK3s},
		"k3s, its environment does":        {with(k3s, "/etc/systemd/system/k3s.service.env", "K3S_CONFIG_FILE='/k.yaml'\n", "/k.yaml", "image-credential-provider-bin-dir: /c/bin\nimage-credential-provider-config: /c/config.yaml\n"), toldK3s},
		"k3s, a directory of configs": {with(k3s, "/etc/rancher/k3s/config.yaml", "image-credential-provider-config: /d\n", "/d/", ""), changed(toldK3s, func(p *placed) {
			p.Config, p.BinDir, p.Findings = "/d/ecr-credential-provider.yaml", rancherBinDir, []string{"already-wired", "config-directory"}
		})},
		"k3s, a directory where it looks": {with(k3s, rancherConfig+"/", ""), changed(freshK3s, func(p *placed) { p.Findings = []string{"config-directory"} })},
		"k3s on OpenRC":                   {map[string]string{"/etc/": "", "/var/lib/": "", "/sbin/openrc-run": "", "/etc/init.d/k3s": k3sScript}, placed{"k3s", "/opt/c.yaml", "/opt/b", openRC, "k3s", []string{"already-wired"}, "root", []string{"/etc/environment", "/etc/rancher/k3s/k3s.env"}, true}},
		"k3s on OpenRC, told in its environment": {map[string]string{"/etc/": "", "/var/lib/": "", "/sbin/openrc-run": "", "/etc/init.d/k3s": "command_args=server\n. /etc/k.env\n", "/etc/k.env": "K3S_CONFIG_FILE='/k.yaml'\n",
			"/k.yaml": "image-credential-provider-bin-dir: /c/bin\nimage-credential-provider-config: /c/config.yaml\n"}, placed{"k3s", "/c/config.yaml", "/c/bin", openRC, "k3s", []string{"already-wired"}, "root", []string{"/etc/k.env"}, true}},
		"k3s of Alpine": {map[string]string{"/etc/": "", "/var/lib/": "", "/sbin/openrc-run": "", "/etc/conf.d/k3s": "K3S_EXEC=\"server\"\nK3S_OPTS=\"" + bothFlags + "\"\n",
			"/etc/init.d/k3s": "command_args=\"${K3S_EXEC} $K3S_OPTS >>${K3S_LOGFILE:-/var/log/${RC_SVCNAME}.log} 2>&1\"\n"}, placed{"k3s", "/c/config.yaml", "/c/bin", openRC, "k3s", []string{"already-wired"}, "root", nil, true}},
		"rke2, the enabled of both":          {rke2, placed{"rke2", rancherConfig, rancherBinDir, systemd, "rke2-agent.service", nil, "", []string{"/etc/default/rke2-agent"}, false}},
		"rke2, neither enabled":              {with(base, "/usr/local/bin/rke2", ""), placed{"rke2", rancherConfig, rancherBinDir, systemd, "", nil, "root", nil, false}},
		"eks":                                {with(eks, nodeConfig, ""), placed{"eks", freeConfig, freeBinDir, systemd, "kubelet.service", nil, "", []string{"/etc/eks/kubelet/environment"}, true}},
		"eks, as its image is":               {eks, placed{"eks", freeConfig, freeBinDir, systemd, "kubelet.service", nil, "", []string{"/etc/eks/kubelet/environment"}, false}},
		"eks, whose nodeadm reads no folder": {with(eks, "/etc/systemd/system/nodeadm-run.service", "[Service]\nExecStart=/usr/bin/nodeadm init\n"), placed{"eks", freeConfig, freeBinDir, systemd, "kubelet.service", []string{"no-drop-ins"}, "", []string{"/etc/eks/kubelet/environment"}, false}},
	} {
		t.Run(name, func(t *testing.T) {
			n := open(t, c.files)
			d, _, err := detect(n.tree, Auto)
			if err != nil {
				t.Fatal(err)
			}
			p := newPlanner(n, Options{})
			if err := d.place(p); err != nil {
				t.Fatal(err)
			}
			got := placed{d.name, p.out.Config, p.out.BinDir, p.out.Init, p.out.Service, nil, p.warm.user, p.warm.files, p.told}
			for _, f := range p.out.Findings {
				got.Findings = append(got.Findings, f.Code)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			// The doctor is told the same.
			told, err := n.Told(context.Background(), Options{})
			want := Told{Distribution: got.Distribution, Evidence: told.Evidence, Supervision: Supervision{got.Init, got.Service}}
			switch {
			case got.Told:
				want.Config, want.BinDir = got.Config, got.BinDir
			case d.name == "eks": // nodeadm's own
				want.Config, want.BinDir = nodeadmConfig, nodeadmBinDir
			}
			if diff := cmp.Diff(&want, told); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestWhatCannotBeWiredIsRefusedWithWhatToDo(t *testing.T) {
	const noExtra = "[Service]\nExecStart=\nExecStart=/usr/bin/kubelet "
	const dropIn = "/etc/systemd/system/kubelet.service.d/30.conf"
	for name, c := range map[string]struct {
		files      map[string]string
		want, hint string
	}{
		"kubeadm's drop-in alone": {with(base, kubeadmDropIn, kubeadmDeb),
			"there is no kubelet.service, which kubeadm's drop-in belongs to", "install the kubelet's package, or use --distribution generic"},
		"the variable is not passed": {with(kubeadm, dropIn, noExtra+"$KUBELET_KUBEADM_ARGS"),
			"/usr/lib/systemd/system/kubelet.service does not start the kubelet with $KUBELET_EXTRA_ARGS as a word of its own", "use kubeadm's own drop-in 10-kubeadm.conf, or --distribution generic"},
		"it is passed as one word": {with(kubeadm, dropIn, noExtra+"${KUBELET_EXTRA_ARGS}"),
			"/usr/lib/systemd/system/kubelet.service does not start the kubelet with $KUBELET_EXTRA_ARGS as a word of its own", "use kubeadm's own drop-in 10-kubeadm.conf, or --distribution generic"},
		"no users' file": {with(kubeadm, dropIn, "[Service]\nEnvironmentFile=\n"),
			"/usr/lib/systemd/system/kubelet.service does not read KUBELET_EXTRA_ARGS from /etc/default/kubelet or /etc/sysconfig/kubelet", "use kubeadm's own drop-in 10-kubeadm.conf, or --distribution generic"},
		// A variable in the users' file would replace these.
		"set by a drop-in": {with(kubeadm, dropIn, "[Service]\nEnvironment=KUBELET_EXTRA_ARGS=--node-ip=10.0.0.1\n"),
			"KUBELET_EXTRA_ARGS is set by Environment= of kubelet.service, which the same variable in /etc/default/kubelet would replace", "move what is there to /etc/default/kubelet, where nobody writes over it"},
		"set in kubeadm's file": {with(kubeadm, "/var/lib/kubelet/kubeadm-flags.env", "KUBELET_EXTRA_ARGS=--node-ip=10.0.0.1\n"),
			"KUBELET_EXTRA_ARGS is set in /var/lib/kubelet/kubeadm-flags.env, which is not the users'", "move what is there to /etc/default/kubelet, where nobody writes over it"},
		"an unreadable file of environment": {with(kubeadm, "/etc/default/kubelet/", ""), "reading /etc/default/kubelet: read ", ""},
		"k3s' file is no YAML":              {with(k3s, "/etc/rancher/k3s/config.yaml", "a: ["), "reading /etc/rancher/k3s/config.yaml: line 1 is no YAML", "k3s would not start with it either: mend it first"},
		"k3s' file is no YAML, but secret":  {with(k3s, "/etc/rancher/k3s/config.yaml", "a: b\ntoken: *password"), "reading /etc/rancher/k3s/config.yaml: line 2 is no YAML", "k3s would not start with it either: mend it first"},
		"k3s' file is long":                 {with(k3s, "/etc/rancher/k3s/config.yaml", strings.Repeat("#\n", 1<<16)), "reading /etc/rancher/k3s/config.yaml: it is longer than any such file", "k3s would not start with it either: mend it first"},
		"k3s' file is not on the disk":      {with(k3s, "/etc/systemd/system/k3s.service", k3sUnit[:len(k3sUnit)-1]+"    -c=https://user:password@example.com/k3s.yaml\n"), "k3s reads its configuration from a URL or a relative path, which cannot be read from here", "give it an absolute path, or use --distribution generic with the paths that it names"},
		"an Amazon Linux 2": {with(base, "/etc/eks/bootstrap.sh", ""),
			"there is no nodeadm-run.service: this is no AMI of Amazon Linux 2023 for EKS", "on Amazon Linux 2 and others use --distribution generic, and put the two flags into --kubelet-extra-args of bootstrap.sh"},
		"a link that leads nowhere": {with(kubeadm, "/opt", "-> var/opt"), "/opt is a link that leads nowhere", "make the directory that it leads to, or choose another place"},
		"a NodeConfig behind ours":  {with(eks, nodeConfigDir+"/zzz.yaml", "image-credential-provider-config"), "/etc/eks/nodeadm.d/zzz.yaml comes behind ours and sets the same flags", ""},
	} {
		t.Run(name, func(t *testing.T) {
			n := open(t, c.files)
			_, err := n.Plan(context.Background(), nil, Options{Plugin: builtPlugin})
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Fatalf("got %v", err)
			}
			if got := hint.Of(err); got != c.hint {
				t.Errorf("hint %q", got)
			}
		})
	}
}

func TestTheUsersFileIsTheOneThatCounts(t *testing.T) {
	const deb, rpm = "/etc/default/kubelet", "/etc/sysconfig/kubelet"
	both := strings.Replace(kubeadmDeb, "EnvironmentFile=-/etc/default/kubelet", "EnvironmentFile=-/etc/default/kubelet\nEnvironmentFile=-/etc/sysconfig/kubelet", 1)
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"the only one":                  {kubeadm, deb},
		"the last":                      {with(kubeadm, kubeadmDropIn, both), rpm},
		"the last, empty":               {with(kubeadm, kubeadmDropIn, both, rpm, "KUBELET_EXTRA_ARGS=\n", deb, "KUBELET_EXTRA_ARGS=--a\n"), rpm},
		"the first, if it alone has it": {with(kubeadm, kubeadmDropIn, both, rpm, "OTHER=1\n", deb, "KUBELET_EXTRA_ARGS=--a\n"), deb},
		"an empty Environment=":         {with(kubeadm, "/etc/systemd/system/kubelet.service.d/30.conf", "[Service]\nEnvironment=\"KUBELET_EXTRA_ARGS= \"\n"), deb},
		"an Environment= that it hides": {with(kubeadm, "/etc/systemd/system/kubelet.service.d/30.conf", "[Service]\nEnvironment=KUBELET_EXTRA_ARGS=--a\n", deb, "KUBELET_EXTRA_ARGS=\n"), deb},
	} {
		t.Run(name, func(t *testing.T) {
			tr := plant(t, c.files)
			u, _, err := readUnit(tr, "kubelet.service")
			if err != nil {
				t.Fatal(err)
			}
			if got, err := extraArgsFile(tr, u); got != c.want || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestGenericWantsBothPaths(t *testing.T) {
	for _, c := range []struct{ binDir, config, want string }{
		{"/b", "", "--distribution generic needs --config, a clean absolute path as the node knows it"},
		{"", "/c", "--distribution generic needs --bin-dir, a clean absolute path as the node knows it"},
		{"b", "/c", "--distribution generic needs --bin-dir, a clean absolute path as the node knows it"},
		{"/b/", "/c", "--distribution generic needs --bin-dir, a clean absolute path as the node knows it"},
		{"/b", "/../c", "--distribution generic needs --config, a clean absolute path as the node knows it"},
	} {
		_, err := open(t, base).Plan(context.Background(), nil, Options{Distribution: generic, Plugin: builtPlugin, BinDir: c.binDir, Config: c.config})
		if err == nil || err.Error() != c.want {
			t.Errorf("%+v: %v", c, err)
		}
	}
	o, err := open(t, base).Plan(context.Background(), nil, Options{Distribution: generic, Plugin: builtPlugin, BinDir: "/b", Config: "/c/d"})
	if err != nil {
		t.Fatal(err)
	}
	if want := "once the kubelet is started with --image-credential-provider-config=/c/d --image-credential-provider-bin-dir=/b"; o.Effective != want {
		t.Errorf("got %q", o.Effective)
	}
}

// codes are those of findings that block.
func codes(p plan.Plan) []string {
	var all []string
	for _, f := range p.Blocked() {
		all = append(all, f.Code)
	}
	return all
}
