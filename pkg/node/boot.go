package node

import (
	"github.com/kubelet-ecr/kubelet-ecr/deploy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/tree"
)

// cacheDir is where the plugin keeps tokens if nothing else is said.
const cacheDir = "/run/ecr-credential-provider"

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
// in our entry: HOME, if the unit names a user, and the files of environment. Who has
// which credentials is found by them, and with it the entry of the cache.
func (p *planner) service(name string, u unit) {
	p.out.Service = name
	p.warm.user, p.warm.files = u.last("User"), u.environmentFiles(p.tree)
}

// planBoot plans what fetches tokens before the first pull, and renews them.
func (p *planner) planBoot() error {
	w := deploy.Warm{
		Plugin: p.plugin(), Args: p.entry.Args, Env: p.entry.Env, User: p.warm.user, EnvironmentFiles: p.warm.files, CacheDir: cacheDir,
	}
	switch p.out.Init {
	case systemd:
		return p.planAll([]file{
			{kindUnit, tmpfilesFile, "makes the plugin's cache directory at boot", deploy.Tmpfiles, 0o644},
			{kindUnit, systemUnits + warmService, "fetches tokens at boot, so that the first pulls need not", deploy.WarmService, 0o644},
			{kindUnit, systemUnits + warmTimer, "renews tokens before they fall due", deploy.WarmTimer, 0o644},
		}, w, map[string]string{
			systemUnits + "multi-user.target.wants/" + warmService: "../" + warmService,
			systemUnits + "timers.target.wants/" + warmTimer:       "../" + warmTimer,
		})
	case openRC:
		return p.planAll([]file{
			{kindUnit, openRCScript, "fetches tokens at boot, so that the first pulls need not", deploy.OpenRCWarm, 0o755},
			{kindUnit, cronScript, "renews tokens before they fall due", deploy.CronWarm, 0o755},
		}, w, map[string]string{openRCLevel: openRCScript})
	}
	return nil
}

// file is one that is made from a template of deploy.
type file struct {
	kind, name, why, template string
	mode                      uint32
}

func (p *planner) planAll(files []file, data any, links map[string]string) error {
	for _, f := range files {
		text, err := deploy.Render(f.template, data)
		if err != nil {
			return err
		}
		if err := p.textMode(f.kind, f.name, f.why, text, f.mode); err != nil {
			return err
		}
	}
	for _, name := range sortedKeys(links) {
		err := p.change(tree.Link, name, "has it started at boot", func(string) (string, error) { return tree.LinkState(links[name]), nil })
		if err != nil {
			return err
		}
	}
	return nil
}
