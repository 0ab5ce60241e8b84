package node

import (
	"maps"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/deploy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/tree"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// CacheDir is where the plugin keeps tokens if its args do not say otherwise.
const CacheDir = "/run/ecr-credential-provider"

const (
	warmService = "ecr-credential-provider-warm.service"
	warmTimer   = "ecr-credential-provider-warm.timer"
)

// Where what boots is installed.
const (
	systemUnits  = "/etc/systemd/system/"
	tmpfilesFile = "/etc/tmpfiles.d/ecr-credential-provider.conf"
	openRCScript = "/etc/init.d/ecr-credential-provider-warm"
	openRCLevel  = "/etc/runlevels/default/ecr-credential-provider-warm"
	cronScript   = "/etc/periodic/15min/ecr-credential-provider-warm"
)

// The init systems that we have units for.
const (
	systemd = "systemd"
	openRC  = "openrc"
)

// initSystem is what will run units on the node: "" if neither is to be seen.
func initSystem(t *tree.Tree) string {
	for _, sign := range []string{"/run/systemd/system", "/usr/lib/systemd/systemd", "/lib/systemd/systemd"} {
		if t.Exists(sign) {
			return systemd
		}
	}
	for _, sign := range []string{"/sbin/openrc-run", "/usr/sbin/openrc-run", "/sbin/openrc"} {
		if t.Exists(sign) {
			return openRC
		}
	}
	return ""
}

// service notes which unit runs the kubelet, and what the plugin has in it that is not
// in our entry: HOME, if the unit names a user, its environment, and the files of that.
// Who has which credentials is found by them, and with it the entry of the cache; and
// where a proxy is the way to AWS, a drop-in of the kubelet's unit is where it is named.
func (p *planner) service(name string, u unit) {
	p.out.Service = name
	p.warm = warmth{user: u.last("User"), environment: heeded(u.environment()), files: u.environmentFiles(p.tree)}
}

// heeded are the variables that the plugin heeds, but for secrets: what they would be
// written into, everybody may read.
func heeded(env map[string]string) []deploy.Variable {
	var all []deploy.Variable
	for _, name := range slices.Sorted(maps.Keys(env)) {
		upper := strings.ToUpper(name)
		proxy := upper == "HTTPS_PROXY" || upper == "HTTP_PROXY"
		switch {
		case isSecret(name) || (proxy || strings.Contains(env[name], "://")) && strings.Contains(env[name], "@"):
		case proxy || upper == "NO_PROXY" || name == "HOME" || strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "SSL_CERT_"):
			all = append(all, deploy.Variable{Name: name, Value: env[name]})
		}
	}
	return all
}

// isSecret says whether a variable is a credential, or says whose the others are: those of
// the SDK, AWS_ACCESS_KEY and AWS_SECRET_KEY among them (aws-sdk-go-v2, config/env_config.go),
// and what its next release may call so. A file that has one is none.
func isSecret(name string) bool {
	return strings.HasPrefix(name, "AWS_ACCESS_KEY") || strings.Contains(name, "SECRET") ||
		strings.Contains(name, "TOKEN") && !strings.HasSuffix(name, "_FILE")
}

// planBoot plans what fetches tokens before the first pull, and renews them.
func (p *planner) planBoot() error {
	w := deploy.Warm{
		Plugin: p.plugin(), Args: p.entry.Args, Env: p.entry.Env,
		User: p.warm.user, Environment: p.warm.environment, EnvironmentFiles: p.warm.files, CacheDir: CacheDir,
	}
	switch p.out.Init {
	case systemd:
		return p.planAll([]file{
			{kindUnit, tmpfilesFile, "makes the plugin's cache directory at boot", deploy.Tmpfiles, 0o644},
			{kindUnit, systemUnits + warmService, "fetches tokens at boot, so that the first pulls need not", deploy.WarmService, 0o644},
			{kindUnit, systemUnits + warmTimer, "renews tokens before they fall due", deploy.WarmTimer, 0o644},
		}, w)
	case openRC:
		p.checkCron()
		return p.planAll([]file{
			{kindUnit, openRCScript, "fetches tokens at boot, so that the first pulls need not", deploy.OpenRCWarm, 0o755},
			{kindUnit, cronScript, "renews tokens before they fall due", deploy.CronWarm, 0o755},
		}, w)
	}
	return nil
}

// checkCron says if nothing will run the script for cron: Alpine has crond, but starts it
// only where somebody, or setup-alpine, has added it to a runlevel.
func (p *planner) checkCron() {
	for _, level := range []string{"default", "boot"} {
		if len(p.tree.Glob("/etc/runlevels/"+level+"/*cron*")) > 0 { // crond, cronie, dcron, fcron
			return
		}
	}
	p.find(plan.Finding{
		Code: "no-cron", Level: plan.Note, Object: cronScript,
		Detail: "no runlevel starts a cron that would run it: tokens are fetched at boot, and renewed by pulls alone",
		Fix:    "rc-update add crond default && rc-service crond start",
	})
}

// file is one that is made from a template of deploy.
type file struct {
	kind, name, why, template string
	mode                      uint32
}

// planAll plans the files, and the links by which they are started.
func (p *planner) planAll(files []file, data any) error {
	for _, f := range files {
		text, err := deploy.Render(f.template, data)
		if err != nil {
			return err
		}
		if err := p.textMode(f.kind, f.name, f.why, text, f.mode); err != nil {
			return err
		}
	}
	for _, b := range Boots(p.out.Init) {
		if b.Link == "" {
			continue
		}
		target := b.File
		if p.out.Init == systemd { // as `systemctl enable` has it for a root that is mounted elsewhere
			target = "../" + b.Name
		}
		err := p.change(tree.Link, b.Link, "has it started at boot", func(string) (string, error) { return tree.LinkState(target), nil })
		if err != nil {
			return err
		}
	}
	return nil
}
