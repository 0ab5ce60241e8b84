package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/node"
)

// checkUnits is about what fetches tokens before the first pull, and where they are
// kept. Without it pulls work, and wait for AWS.
func checkUnits(_ context.Context, w *walk) {
	if w.toldErr != nil || w.told.Config == "" {
		return
	}
	w.checkBoots()
	if dir := w.cacheDir(); dir != "" && w.here {
		w.checkCacheDir(dir)
	}
}

func (w *walk) checkBoots() {
	const (
		code  = "warm-units"
		cause = "tokens are not fetched before they are needed: the first pulls after a boot, and one in every few hours, wait for AWS"
	)
	boots := node.Boots(w.told.Init)
	if len(boots) == 0 {
		w.unknown(code, "neither systemd nor OpenRC is to be seen")
		return
	}
	var names []string
	for _, b := range boots {
		name := path.Base(b.Name)
		names = append(names, name)
		_, err := w.tree.Follow(b.File)
		target, _ := os.Readlink(w.tree.Path(b.File))
		masked := target == "/dev/null" // systemctl(1), mask
		if err == nil && b.Link != "" && !masked {
			_, err = w.tree.Follow(b.Link)
			if errors.Is(err, fs.ErrNotExist) {
				w.warning(code, b.Link+" is not there: "+name+" is not enabled", cause, w.enable(name))
				return
			}
		}
		switch {
		case masked:
			w.warning(code, name+" is masked", cause, "systemctl unmask "+name)
			return
		case errors.Is(err, fs.ErrNotExist):
			w.warning(code, b.File+" is not there", cause, w.install())
			return
		case err != nil:
			w.failed(code, err, cause, w.install())
			return
		}
	}
	w.ok(code, strings.Join(names, ", ")+" are installed and enabled")
}

// enable is the command that has an init system start name at boot.
func (w *walk) enable(name string) string {
	switch {
	case !w.node.Live():
		return w.install()
	case strings.Contains(name, "."):
		return "systemctl enable " + name
	}
	return "rc-update add " + name + " default"
}

// cacheDir is where the plugin keeps tokens, by the args of our entry; "" if nowhere, or
// if there is no entry.
func (w *walk) cacheDir() string {
	if w.entry == nil || slices.Contains(w.entry.Args, "--no-cache") {
		return ""
	}
	dir := node.CacheDir
	for i, arg := range w.entry.Args {
		name, value, joined := strings.Cut(arg, "=")
		if strings.TrimLeft(name, "-") != "cache-dir" || !strings.HasPrefix(name, "-") {
			continue
		}
		if !joined && i+1 < len(w.entry.Args) {
			value = w.entry.Args[i+1]
		}
		dir = value
	}
	return dir
}

// checkCacheDir has the rules by which the plugin trusts a directory, and goes on
// without a cache where one is broken.
func (w *walk) checkCacheDir(dir string) {
	const (
		code  = "cache-dir"
		cause = "the plugin does not trust it, and asks AWS for a token at every pull"
	)
	renew := fmt.Sprintf("rm -rf %[1]s && install -d -m 0700 -o root -g root %[1]s", shell(w.tree.Path(dir)))
	parent, err := w.tree.Follow(path.Dir(dir))
	if errors.Is(err, fs.ErrNotExist) {
		w.warning(code, path.Dir(dir)+" is not there", "the plugin cannot make its cache directory in it, and asks AWS for a token at every pull", "mkdir -p "+shell(w.tree.Path(path.Dir(dir))))
		return
	}
	var info fs.FileInfo
	real := filepath.Join(parent, path.Base(dir))
	if err == nil {
		info, err = os.Lstat(real)
	}
	if errors.Is(err, fs.ErrNotExist) {
		w.ok(code, dir+" is not there yet: the plugin makes it")
		return
	}
	if err != nil {
		w.failed(code, err, cause, renew)
		return
	}
	uid, _ := owner(info)
	switch perm := info.Mode().Perm(); {
	case !info.IsDir():
		w.warning(code, dir+" is no directory", cause, renew)
	case uid != 0 && (w.node.Live() || uid != os.Geteuid()):
		w.warning(code, fmt.Sprintf("%s belongs to user %d", dir, uid), cause, renew)
	case perm != 0o700:
		w.warning(code, fmt.Sprintf("%s has mode %04o", dir, perm), cause, "chmod 0700 "+shell(real))
	default:
		w.ok(code, dir+", mode 0700")
	}
}
