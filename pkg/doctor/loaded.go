package doctor

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/kubelet"
)

// hashSince is the first minor whose metrics tell the hash of the config that it has
// loaded (kubernetes PR 131658).
const hashSince = 34

// checkLoaded is about whether the running kubelet has the config as it is now: kubelets
// read it when they start, and never again.
func checkLoaded(ctx context.Context, w *walk) {
	if len(w.configs) == 0 || w.astray {
		return
	}
	unseen := w.here && len(w.running) == 0 && (w.runningErr != nil || !w.seesAll())
	if w.Metrics == "" && len(w.running) == 0 && !unseen {
		return
	}
	why := ""
	if minor := w.told.Kubelet.Minor; w.Metrics != "" || minor == 0 || minor >= hashSince {
		a := w.ask(ctx)
		if w.checkHash(a) {
			return
		}
		why = strings.Join(a.problems, "; ")
	} else {
		why = fmt.Sprintf("kubelets before 1.%d tell no hash of it", hashSince)
	}
	w.checkTime(why)
}

// checkHash judges by what the metrics said. It is false if that was nothing.
func (w *walk) checkHash(a answer) bool {
	const (
		code  = "config-loaded"
		cause = "the kubelet goes by what it read when it started"
	)
	if a.url == "" {
		return false
	}
	if !a.found {
		if w.told.Kubelet.Minor < hashSince {
			return false
		}
		w.error(code, a.url+" tells no hash of a config: the kubelet has loaded none", "the plugin is never run: images are pulled without credentials", w.restart())
		return true
	}
	name := w.loadedFrom()
	file, err := w.tree.Follow(name)
	if err != nil {
		w.failed(code, err, cause, "")
		return true
	}
	want, err := kubelet.ConfigHash(file)
	switch {
	case err != nil:
		w.failed(code, err, cause, "")
	case a.hash != want:
		w.error(code, fmt.Sprintf("the kubelet has loaded %s by %s, and %s is %s", short(a.hash), a.url, name, short(want)), cause, w.restart())
	default:
		w.ok(code, fmt.Sprintf("%s, by %s", short(want), a.url))
	}
	return true
}

// loadedFrom is the config that the kubelet was started with: it may be a directory, in
// which the files tell of one file.
func (w *walk) loadedFrom() string {
	for _, p := range w.running {
		if config, _ := flags(p); config != "" {
			return config
		}
	}
	return w.told.Config
}

// short is enough of a hash to compare it by eye.
func short(hash string) string {
	const most = len("sha256:") + 12
	return hash[:min(len(hash), most)]
}

// checkTime compares when the kubelet started with when the config was last changed, for
// want of a hash.
func (w *walk) checkTime(why string) {
	const code = "config-loaded"
	if why != "" {
		why = " (by time; " + why + ")"
	}
	if len(w.running) == 0 {
		w.unknown(code, "no kubelet is to be seen"+why)
		return
	}
	name, at, err := w.lastChange()
	if err != nil {
		w.failed(code, err, "", "")
		return
	}
	for _, p := range w.running {
		if p.Started.Before(at) {
			w.error(code, fmt.Sprintf("not loaded yet: %s; %s was changed %s%s", about(p), name, stamp(at), why),
				"the kubelet goes by what it read when it started", w.restart())
			return
		}
	}
	w.ok(code, fmt.Sprintf("%s was last changed %s, and the kubelet started after that%s", name, stamp(at), why))
}

// lastChange is the last of what the kubelet reads at its start: the config, and where
// its arguments are not to be seen, what gives it those.
func (w *walk) lastChange() (name string, at time.Time, err error) {
	var names []string
	for _, c := range w.configs {
		names = append(names, c.name)
	}
	shown, _, _ := w.ofProcess()
	if dir := "/etc/rancher/" + w.distribution; shown == "" {
		for _, file := range append([]string{path.Join(dir, "config.yaml")}, w.tree.Glob(path.Join(dir, "config.yaml.d", "*.yaml"))...) {
			if text, err := w.read(file); err == nil && strings.Contains(text, "image-credential-provider") {
				names = append(names, file)
			}
		}
	}
	for _, n := range names {
		real, err := w.tree.Follow(n)
		if err != nil {
			return "", at, err
		}
		info, err := os.Lstat(filepath.Clean(real))
		if err != nil {
			return "", at, err
		}
		if c := changed(info); c.After(at) {
			name, at = n, c
		}
	}
	return name, at, nil
}
