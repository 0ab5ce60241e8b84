package node

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/kubelet"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// Where k3s and RKE2 look by themselves: both flags are given to the kubelet if the
// directory is there and the config is a file when they start
// (k3s-io/k3s, pkg/daemons/agent/agent.go, ImageCredProvAvailable). Neither is below
// --data-dir.
const (
	rancherConfig = "/var/lib/rancher/credentialprovider/config.yaml"
	rancherBinDir = "/var/lib/rancher/credentialprovider/bin"
)

// placeRancher puts program and config where k3s and RKE2 look by themselves, or where
// their configuration says.
func placeRancher(name string) func(*planner) error {
	return func(p *planner) error {
		args, err := p.rancherArguments(name)
		if err != nil {
			return err
		}
		p.rancherService(name)
		p.kubelet.TokenGate = tokenGate(p.tree, args)
		config, binDir := kubelet.Flags(args)
		if config != "" || binDir != "" {
			// Either flag has a default (k3s-io/k3s, pkg/cli/cmds/agent.go).
			config, binDir = cmp.Or(config, rancherConfig), cmp.Or(binDir, rancherBinDir)
		}
		p.place(config, binDir, rancherConfig, rancherBinDir)
		// What --kubelet-arg says is passed on whether it is there or not.
		own, _ := kubelet.Flags(slices.DeleteFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "--kubelet-arg") }))
		p.looks = p.out.Config == cmp.Or(own, rancherConfig)
		if config = cmp.Or(config, rancherConfig); p.tree.IsDirectory(config) {
			p.find(plan.Finding{
				Code: "config-directory", Level: plan.Blocks, Object: config,
				Detail: name + " passes a config on to its kubelet only if it is a file, and says so at its debug level alone",
				Fix:    "name a file with image-credential-provider-config",
			})
		}
		p.told = p.told || p.tree.Exists(rancherConfig) && p.tree.IsDirectory(rancherBinDir)
		return nil
	}
}

// services are the units of k3s or RKE2 that can be here: those that they have by default,
// and k3s-NAME, which INSTALL_K3S_NAME makes of either (k3s-io/k3s, install.sh,
// setup_env).
func (p *planner) services(name string) []string {
	all := slices.Clone(rancherServices[name])
	for _, dir := range append([]string{"/etc/init.d"}, unitDirs...) {
		for _, file := range p.tree.Glob(path.Join(dir, name+"-*")) {
			s := strings.TrimSuffix(path.Base(file), ".service")
			if isUnit := s != path.Base(file); isUnit != (dir == "/etc/init.d") && !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	return all
}

// rancherServices are the units of k3s and RKE2, by name.
var rancherServices = map[string][]string{
	"k3s":  {"k3s", "k3s-agent"},
	"rke2": {"rke2-server", "rke2-agent"},
}

// rancherService finds out which of server and agent runs here. RKE2's archive brings
// the units of both, so the one that is enabled counts before the one that is there.
func (p *planner) rancherService(name string) {
	var there, enabled []string
	for _, s := range p.services(name) {
		_, ok, err := readUnit(p.tree, s+".service")
		if err == nil && ok || p.tree.Exists("/etc/init.d/"+s) {
			there = append(there, s)
		}
		if p.tree.Exists("/etc/systemd/system/multi-user.target.wants/"+s+".service") || p.tree.Exists("/etc/runlevels/default/"+s) {
			enabled = append(enabled, s)
		}
	}
	if len(enabled) == 1 {
		there = enabled
	}
	if len(there) != 1 {
		p.warm.user = "root" // as both units have it
		return
	}
	if u, ok, err := readUnit(p.tree, there[0]+".service"); err == nil && ok && p.out.Init == systemd {
		p.service(there[0]+".service", u)
		return
	}
	p.out.Service = there[0]
	// OpenRC's supervise-daemon gives a service the HOME of its user, which is root.
	p.warm.user = "root"
	if script, err := p.tree.ReadLinked("/etc/init.d/" + there[0]); err == nil {
		p.warm.files = append(p.warm.files, sourcedBy(script)...)
	}
}

// sourced are files of environment that k3s's script of OpenRC reads
// (k3s-io/k3s, install.sh, create_openrc_service_file).
var sourced = regexp.MustCompile(`(?m)(?:^|[\s;])(?:source|\.)\s+(/[^\s;]+)`)

func sourcedBy(script string) []string {
	var files []string
	for _, m := range sourced.FindAllStringSubmatch(script, -1) {
		files = append(files, m[1])
	}
	return files
}

// rancherArguments are what k3s or RKE2 has been told: in its files of configuration, and
// on its command line, which comes behind them.
func (p *planner) rancherArguments(name string) ([]string, error) {
	var args, configs []string
	for _, s := range p.services(name) {
		more, env, ok, err := p.serviceArguments(s)
		if err != nil {
			return nil, err
		}
		if config := configFile(name, more, env); ok && !slices.Contains(configs, config) {
			configs = append(configs, config)
		}
		args = append(args, more...)
	}
	if len(configs) == 0 {
		configs = []string{configFile(name, nil, nil)}
	}
	var first []string
	for _, config := range configs {
		more, err := p.rancherConfigs(name, config)
		if err != nil {
			return nil, err
		}
		first = append(first, more...)
	}
	return append(first, args...), nil
}

// configFile is the file of configuration of a k3s or RKE2 with these arguments and this
// environment (k3s-io/k3s, pkg/configfilearg/parser.go, findConfigFileFlag).
func configFile(name string, args []string, env map[string]string) string {
	if file := env[strings.ToUpper(name)+"_CONFIG_FILE"]; file != "" {
		return file
	}
	for i, arg := range args {
		flag, value, has := strings.Cut(arg, "=")
		switch {
		case flag != "--config" && flag != "-c":
		case has:
			return value
		case i+1 < len(args):
			return args[i+1]
		}
	}
	return path.Join("/etc/rancher", name, "config.yaml")
}

// serviceArguments are those of a service of systemd or OpenRC, with its environment;
// false if there is no such service.
func (p *planner) serviceArguments(service string) (args []string, env map[string]string, ok bool, err error) {
	u, ok, err := readUnit(p.tree, service+".service")
	if err != nil {
		return nil, nil, false, err
	}
	if ok {
		if env, err = u.variables(p.tree); err != nil {
			return nil, nil, false, err
		}
		args = u.argumentsIn(env)
	}
	more, variables, err := p.scriptArguments(service)
	if !ok {
		env = variables
	}
	return append(args, more...), env, ok || p.tree.Exists("/etc/init.d/"+service), err
}

// scriptArguments are those of a service of OpenRC, with the variables of its file in
// /etc/conf.d (as Alpine's package of k3s has them, K3S_OPTS) and of the files that it
// reads. The assignments of all are written so that systemd would read them alike.
func (p *planner) scriptArguments(service string) (args []string, env map[string]string, err error) {
	script, err := p.tree.ReadLinked("/etc/init.d/" + service)
	if err != nil {
		return nil, nil, err
	}
	env = map[string]string{}
	for _, file := range append([]string{"/etc/conf.d/" + service}, sourcedBy(script)...) {
		text, err := p.tree.ReadLinked(file)
		if err != nil {
			return nil, nil, err
		}
		maps.Copy(env, readEnvironment(text))
	}
	line := os.Expand(readEnvironment(script)["command_args"], func(name string) string { return env[name] })
	return words(line), env, nil
}

// rancherConfigs are the files of configuration as arguments: the file itself and then
// those of the directory beside it, config.yaml.d, in order. The last of a key counts, unless a plus behind it adds to the
// one before (k3s-io/k3s, pkg/configfilearg/parser.go, readConfigFile).
func (p *planner) rancherConfigs(name, base string) ([]string, error) {
	if !path.IsAbs(base) {
		// Not where from: a URL may have a password in it.
		return nil, hint.Wrap(fmt.Errorf("%s reads its configuration from a URL or a relative path, which cannot be read from here", name),
			"give it an absolute path, or use --distribution generic with the paths that it names")
	}
	all := map[string][]string{}
	for _, file := range append([]string{base}, p.tree.Glob(base+".d/*")...) {
		if lower := strings.ToLower(file); !strings.HasSuffix(lower, ".yaml") && !strings.HasSuffix(lower, ".yml") || p.tree.IsDirectory(file) {
			continue
		}
		text, err := p.tree.ReadLinked(file)
		if err == nil {
			err = addConfig(all, text)
		}
		if err != nil {
			return nil, hint.Wrap(fmt.Errorf("reading %s: %w", file, err), "%s would not start with it either: mend it first", name)
		}
	}
	var args []string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		for _, value := range all[key] {
			args = append(args, "--"+key+"="+value)
		}
	}
	return args, nil
}

// addConfig puts the keys of a file of configuration over those of the files before.
func addConfig(all map[string][]string, text string) error {
	if len(text) > 1<<16 {
		return errors.New("it is longer than any such file")
	}
	var keys yaml.MapSlice
	if err := yaml.Unmarshal([]byte(text), &keys); err != nil {
		// What the parser says can have a secret in it, as the name of an alias.
		if e, ok := errors.AsType[yaml.Error](err); ok && e.GetToken() != nil {
			return fmt.Errorf("line %d is no YAML", e.GetToken().Position.Line)
		}
		return errors.New("it is no YAML")
	}
	for _, item := range keys {
		key, adds := strings.CutSuffix(fmt.Sprint(item.Key), "+")
		values, isList := item.Value.([]any)
		if !isList {
			values = []any{item.Value}
		}
		if !adds {
			all[key] = nil
		}
		for _, v := range values {
			all[key] = append(all[key], fmt.Sprint(v))
		}
	}
	return nil
}
