package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/kubelet"
)

const generic = "generic"

// look finds out which distribution this is, what runs, and what the kubelet is told. Of
// a distribution that we do not write, and of files that this user may not read, a
// running kubelet's own arguments tell it.
func (w *walk) look(ctx context.Context) error {
	if w.KubeletVersion != "" {
		if _, err := kubelet.ParseVersion(w.KubeletVersion); err != nil {
			return fmt.Errorf("--kubelet-version: %w", err)
		}
	}
	if w.here {
		w.running, w.runningErr = w.Proc.Running()
	}
	config, binDir, process := w.ofProcess()
	name, evidence, err := w.node.Distribution(w.Distribution)
	w.distribution, w.evidence = name, evidence
	switch auto := w.Distribution == "" || w.Distribution == node.Auto; {
	case err != nil && (process == nil || !auto):
		return err
	case err != nil: // what nobody recognises, or more than one does, still runs
		w.distribution, w.evidence = generic, []string{err.Error()}
	}
	if w.distribution == generic && w.Config == "" && w.BinDir == "" && process != nil {
		w.Config, w.BinDir, w.byProcess = config, binDir, true
	}
	o := node.Options{Distribution: w.distribution, KubeletVersion: w.KubeletVersion, Config: w.Config, BinDir: w.BinDir}
	told, err := w.node.Told(ctx, o)
	switch {
	case err != nil && w.distribution == generic:
		return hint.Wrap(err, "name both as the kubelet is given them, with --bin-dir and --config")
	case err != nil:
		w.toldErr = err
		w.told.Config, w.told.BinDir, w.byProcess = config, binDir, process != nil
	case w.distribution == generic:
		told.Config, told.BinDir = w.Config, w.BinDir
		w.told = told
	default:
		w.told = told
	}
	return nil
}

// ofProcess is what the arguments of the first kubelet that shows some say.
func (w *walk) ofProcess() (config, binDir string, process *kubelet.Process) {
	for i, p := range w.running {
		if config, binDir := flags(p); config != "" && binDir != "" {
			return config, binDir, &w.running[i]
		}
	}
	return "", "", nil
}

// flags are config and bin dir in the arguments of a process.
func flags(p kubelet.Process) (config, binDir string) {
	if len(p.Args) == 0 {
		return "", ""
	}
	return kubelet.Flags(p.Args[1:])
}

// checkTold is about who the kubelet is and what it is told.
func checkTold(_ context.Context, w *walk) {
	w.ok("distribution", w.distribution+" ("+strings.Join(w.evidence, ", ")+")")
	if w.toldErr == nil {
		w.checkVersion()
	}
	w.checkFlags()
}

func (w *walk) checkVersion() {
	const code = "kubelet-version"
	v := w.told.Kubelet
	switch {
	case v.Minor == 0:
		w.unknown(code, "no package and no program tells it: --kubelet-version does; the config is judged as by the newest")
	case w.tooOld():
		w.error(code, fmt.Sprintf("1.%d (%s)", v.Minor, v.Evidence), fmt.Sprintf("kubelets before 1.%d do not know the config's API, nor the plugin's", oldest), "upgrade the kubelet")
	default:
		w.ok(code, fmt.Sprintf("1.%d (%s)", v.Minor, v.Evidence))
	}
}

// oldest is the first minor with v1 of the config and of the plugin's API.
const oldest = 26

// tooOld says that the kubelet takes no config of ours, whatever is in it.
func (w *walk) tooOld() bool { return w.told.Kubelet.Minor != 0 && w.told.Kubelet.Minor < oldest }

func (w *walk) checkFlags() {
	const code = "kubelet-flags"
	o := node.Options{Distribution: w.distribution, Config: w.Config, BinDir: w.BinDir}
	says := fmt.Sprintf("config %s, bin dir %s", w.told.Config, w.told.BinDir)
	switch obstacles := w.node.Obstacles(o); {
	case len(obstacles) > 0:
		for _, f := range obstacles {
			w.error(code, f.Object+": "+f.Detail, "the kubelet does not ask the plugin, or does not start", f.Fix)
		}
	case w.toldErr != nil && !(w.byProcess && errors.Is(w.toldErr, fs.ErrPermission)):
		w.failed(code, w.toldErr, "the kubelet is not told of the plugin, or does not start", w.install())
	case w.told.Config == "":
		w.error(code, "no flag, and no file in a place of its own, tells the kubelet of a config and a bin dir",
			"the plugin is never run: images are pulled without credentials", w.install())
	case w.byProcess:
		w.ok(code, says+", by the arguments of the running kubelet")
	case w.distribution == generic:
		w.unknown(code, says+", as given; whether the kubelet is told so is not to be seen in files")
	default:
		w.ok(code, says)
	}
}
