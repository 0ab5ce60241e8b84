//go:build linux

package install

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// wiring is how a node's kubelet is told of credential providers: the last flag counts.
type wiring struct{ config, binDir string }

// wiringFlag finds the two flags, and the keys of k3s and RKE2 that are named after them.
var wiringFlag = regexp.MustCompile(`image-credential-provider-(config|bin-dir)["']?\s*[=:]\s*["']?([^\s"',\]]+)`)

// readWiring reads it as the units of the trees do.
func (n *node) readWiring() wiring {
	var w wiring
	take := func(text string) {
		for _, found := range wiringFlag.FindAllStringSubmatch(text, -1) {
			if found[1] == "config" {
				w.config = found[2]
			} else {
				w.binDir = found[2]
			}
		}
	}
	for _, file := range []struct{ path, variable string }{
		{"var/lib/kubelet/kubeadm-flags.env", "KUBELET_KUBEADM_ARGS"},
		{"etc/default/kubelet", "KUBELET_EXTRA_ARGS"},
		{"etc/sysconfig/kubelet", "KUBELET_EXTRA_ARGS"},
		{"etc/eks/kubelet/environment", "NODEADM_KUBELET_ARGS"},
	} {
		b, _ := os.ReadFile(filepath.Join(n.root, file.path))
		take(environment(string(b))[file.variable])
	}
	for _, pattern := range []string{"etc/eks/nodeadm.d/*", "etc/rancher/*/config.yaml", "etc/rancher/*/config.yaml.d/*.yaml"} {
		files, _ := filepath.Glob(filepath.Join(n.root, pattern))
		for _, file := range files {
			b, _ := os.ReadFile(file)
			take(uncommented(string(b)))
		}
	}
	var rancher []string
	for _, pattern := range []string{"usr/local/bin/k3s", "usr/local/bin/rke2", "usr/bin/rke2"} {
		found, _ := filepath.Glob(filepath.Join(n.root, pattern))
		rancher = append(rancher, found...)
	}
	if w == (wiring{}) && len(rancher) > 0 {
		// The defaults of k3s and RKE2, which count if both are there
		// (k3s-io/k3s pkg/daemons/agent/agent.go, ImageCredProvAvailable).
		standard := wiring{"/var/lib/rancher/credentialprovider/config.yaml", "/var/lib/rancher/credentialprovider/bin"}
		config, err := os.Stat(filepath.Join(n.root, standard.config))
		binDir, err2 := os.Stat(filepath.Join(n.root, standard.binDir))
		if err == nil && err2 == nil && !config.IsDir() && binDir.IsDir() {
			return standard
		}
	}
	return w
}

// environment reads an environment file as systemd does (systemd.exec(5),
// EnvironmentFile=): comments with # and ;, quotes, backslashes that continue a line, and
// of two lines for one variable the last.
func environment(text string) map[string]string {
	found := map[string]string{}
	text = strings.ReplaceAll(text, "\\\n", "")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		name, value, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		value = strings.TrimSpace(value)
		if len(value) > 1 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
			value = value[1 : len(value)-1]
		}
		found[strings.TrimSpace(name)] = value
	}
	return found
}

// uncommented is YAML without the lines that say nothing.
func uncommented(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			out.WriteString(line)
		}
	}
	return out.String()
}

// bars are the reasons why a kubelet would not start on the node as it is now, or would
// start with half of something: what the wiring names must be there, and each file that
// counts must be whole, which is as it was in one of the snapshots.
func (n *node) bars(whole ...snapshot) []string {
	// nodeadm reads what ends so, and what begins with a dot too.
	drops, _ := filepath.Glob(filepath.Join(n.root, "etc/eks/nodeadm.d/*.yaml"))
	for _, drop := range drops {
		if reason := n.unlike(strings.TrimPrefix(drop, n.root), whole); reason != "" {
			return []string{reason}
		}
	}
	w := n.readWiring()
	if w == (wiring{}) {
		return nil
	}
	if w.config == "" || w.binDir == "" {
		return []string{fmt.Sprintf("one flag without the other: %+v", w)}
	}
	var found []string
	if reason := n.unlike(w.config, whole); reason != "" {
		return []string{reason}
	}
	b, err := os.ReadFile(filepath.Join(n.root, w.config))
	var config struct {
		Kind      string
		Providers []struct{ Name string }
	}
	if err == nil {
		err = yaml.Unmarshal(b, &config)
	}
	if err != nil || len(config.Providers) == 0 || config.Kind != "CredentialProviderConfig" {
		return []string{fmt.Sprintf("the config %s has no provider: %v", w.config, err)}
	}
	for _, provider := range config.Providers {
		binary := path.Join(w.binDir, provider.Name)
		if reason := n.unlike(binary, whole); reason != "" {
			found = append(found, reason)
		} else if info, err := os.Stat(filepath.Join(n.root, binary)); err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			found = append(found, fmt.Sprintf("the binary %s cannot be run (%v)", binary, err))
		}
	}
	return found
}

// unlike says what is wrong with a file: it is missing, or not as it is in any snapshot.
func (n *node) unlike(path string, whole []snapshot) string {
	real, err := filepath.EvalSymlinks(filepath.Join(n.root, path))
	if err != nil {
		return fmt.Sprintf("%s is named, and not there", path)
	}
	inTree := strings.TrimPrefix(real, n.root+"/")
	now, err := readEntry(real)
	if err != nil {
		return err.Error()
	}
	if slices.ContainsFunc(whole, func(s snapshot) bool { return s[inTree].Hash == now.Hash }) {
		return ""
	}
	return fmt.Sprintf("%s is named, and not whole", path)
}
