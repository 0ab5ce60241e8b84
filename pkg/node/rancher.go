package node

import (
	"fmt"
	"maps"
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
		config, binDir, err := p.rancherSettings(name)
		if err != nil {
			return err
		}
		p.rancherService(name)
		if !p.place(config, binDir, rancherConfig, rancherBinDir) && p.tree.IsDirectory(config) {
			// The same function wants a file.
			p.find(plan.Finding{
				Code: "config-directory", Level: plan.Blocks, Object: config,
				Detail: name + " passes a config on to its kubelet only if it is a file, and says so at its debug level alone",
				Fix:    "name a file with image-credential-provider-config",
			})
		}
		p.told = p.told || p.tree.Exists(rancherConfig) && p.tree.IsDirectory(rancherBinDir)
		if p.tree.IsDirectory(rancherConfig) {
			return fmt.Errorf("%s is a directory, which %s ignores", rancherConfig, name)
		}
		return nil
	}
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
	for _, s := range rancherServices[name] {
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
		for _, m := range sourced.FindAllStringSubmatch(script, -1) {
			p.warm.files = append(p.warm.files, m[1])
		}
	}
}

// sourced are files of environment that k3s's script of OpenRC reads
// (k3s-io/k3s, install.sh, create_openrc_service_file).
var sourced = regexp.MustCompile(`(?m)(?:^|[\s;])(?:source|\.)\s+(/[^\s;]+)`)

// rancherSettings are the config and the bin dir that k3s or RKE2 has been given: on its
// command line, which wins, or in its files of configuration
// (docs.k3s.io/installation/configuration: config.yaml, then config.yaml.d/*.yaml in
// order, the last of a key counts).
func (p *planner) rancherSettings(name string) (config, binDir string, err error) {
	dir := "/etc/rancher/" + name
	files := append([]string{path.Join(dir, "config.yaml")}, p.tree.Glob(path.Join(dir, "config.yaml.d", "*.yaml"))...)
	var args []string
	for _, file := range files {
		text, err := p.tree.ReadLinked(file)
		if err != nil {
			return "", "", err
		}
		more, err := rancherArguments(text)
		if err != nil {
			return "", "", hint.Wrap(fmt.Errorf("reading %s: %w", file, err), "%s would not start with it either: mend it first", name)
		}
		args = append(args, more...)
	}
	for _, s := range rancherServices[name] {
		u, ok, err := readUnit(p.tree, s+".service")
		if err != nil {
			return "", "", err
		}
		if ok {
			more, err := u.arguments(p.tree)
			if err != nil {
				return "", "", err
			}
			args = append(args, more...)
		}
		script, err := p.tree.ReadLinked("/etc/init.d/" + s)
		if err != nil {
			return "", "", err
		}
		args = append(args, words(strings.ReplaceAll(script, "\n", " "))...)
	}
	config, binDir = kubelet.Flags(args)
	return config, binDir, nil
}

// rancherArguments are the keys of a file of configuration as arguments.
func rancherArguments(text string) ([]string, error) {
	if len(text) > 1<<16 {
		return nil, fmt.Errorf("it is longer than any such file")
	}
	var keys map[string]any
	if err := yaml.Unmarshal([]byte(text), &keys); err != nil {
		return nil, fmt.Errorf("it is no YAML: %s", yaml.FormatError(err, false, false))
	}
	var args []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		key, value := strings.TrimSuffix(key, "+"), keys[key]
		all, isList := value.([]any)
		if !isList {
			all = []any{value}
		}
		for _, v := range all {
			args = append(args, fmt.Sprintf("--%s=%v", key, v))
		}
	}
	return args, nil
}
