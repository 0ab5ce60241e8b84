package doctor

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/kubelet"
)

// checkRunning is about the kubelets that run: whether they were started with what the
// files say now.
func checkRunning(_ context.Context, w *walk) {
	const code = "kubelet-running"
	switch {
	case !w.here:
		w.unknown(code, "what runs on this machine says nothing of "+w.Root)
	case w.runningErr != nil:
		w.unknown(code, w.runningErr.Error())
	case len(w.running) == 0 && !w.seesAll():
		w.unknown(code, "this user does not see the processes of others")
	case len(w.running) == 0:
		w.warning(code, "no kubelet runs", "nothing is pulled", w.restart())
	}
	for _, p := range w.running {
		evidence := about(p)
		if strings.HasSuffix(p.Exe, " (deleted)") {
			evidence += "; its program has been replaced since"
		}
		w.ok(code, evidence)
		if w.told.Config != "" && !w.byProcess {
			w.checkArguments(p)
		}
	}
}

// seesAll says whether processes of others are to be seen: /proc may be mounted with
// hidepid (proc(5)).
func (w *walk) seesAll() bool {
	_, err := os.Stat(filepath.Join(cmp.Or(w.Proc.Path, "/proc"), "1", "status"))
	return err == nil
}

// about names a process.
func about(p kubelet.Process) string {
	name := "kubelet"
	if len(p.Args) > 0 {
		name = path.Base(p.Args[0])
	}
	return fmt.Sprintf("process %d (%s), since %s", p.PID, name, stamp(p.Started))
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }

// checkArguments compares a kubelet's arguments with what the files tell one that starts.
func (w *walk) checkArguments(p kubelet.Process) {
	const code = "running-flags"
	const cause = "it goes on as it was started: files are read at the next start"
	config, binDir := flags(p)
	switch {
	case config == "" && binDir == "" && strings.HasPrefix(path.Base(p.Args[0]), "k3s"):
		w.unknown(code, fmt.Sprintf("process %d is k3s, which does not show its arguments", p.PID))
	case config == "" && binDir == "":
		w.astray = true
		w.error(code, fmt.Sprintf("process %d was started without a config of credential providers", p.PID), cause, w.rewire())
	case !w.sameConfig(config):
		w.astray = true
		w.error(code, fmt.Sprintf("process %d was started with the config %s, and is to have %s", p.PID, config, w.told.Config), cause, w.rewire())
	case !w.same(binDir, w.told.BinDir):
		w.astray = true
		w.error(code, fmt.Sprintf("process %d was started with the bin dir %s, and is to have %s", p.PID, binDir, w.told.BinDir), cause, w.rewire())
	default:
		w.ok(code, fmt.Sprintf("process %d was started with this config and bin dir", p.PID))
	}
}

// rewire is the command after which the kubelet has other arguments. nodeadm writes them
// when the node boots, and only then.
func (w *walk) rewire() string {
	if w.distribution == "eks" {
		return "systemctl reboot"
	}
	return w.restart()
}

// sameConfig says whether the config of a running kubelet is, or has in it, the one that
// the files tell.
func (w *walk) sameConfig(config string) bool {
	return w.same(config, w.told.Config) || w.tree.IsDirectory(config) && w.same(config, path.Dir(w.told.Config))
}

// same says whether two names are of one file.
func (w *walk) same(a, b string) bool {
	if path.Clean(a) == path.Clean(b) {
		return true
	}
	one, err := w.tree.Follow(a)
	if err != nil {
		return false
	}
	other, err := w.tree.Follow(b)
	return err == nil && one == other
}
