package doctor

import (
	"bufio"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"strings"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/providerconfig"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/tree"
)

// checkProgram is about the plugin in the bin dir, and those of other providers: a
// kubelet that does not find one does not start.
func checkProgram(ctx context.Context, w *walk) {
	if w.told.BinDir == "" {
		return
	}
	plugin := path.Join(w.told.BinDir, providerconfig.Name)
	if !w.tree.IsDirectory(w.told.BinDir) {
		w.checkNoBinDir()
		return
	}
	w.checkOthers()
	if !w.checkFile(plugin) || !w.checkFormat(plugin) || !w.checkMount(plugin) {
		return
	}
	if w.checkOwner("program-owner", plugin, "who writes it is root at the next pull") && w.node.Live() {
		w.checkRuns(ctx, plugin)
	}
}

// executable is an error unless there is a file at name that can be executed, as the
// kubelet asks when it starts (Go's os/exec, LookPath).
func (w *walk) executable(name string) error {
	real, err := w.tree.Follow(name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is not there", name)
	}
	if err != nil {
		return err
	}
	info, err := os.Lstat(real)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no file", name)
	case info.Mode().Perm()&0o111 == 0:
		return hint.Wrap(fmt.Errorf("%s has mode %04o, and cannot be executed", name, info.Mode().Perm()), "chmod 0755 %s", shell(real))
	}
	return nil
}

func (w *walk) checkNoBinDir() {
	const code = "program-file"
	real, err := w.tree.Follow(w.told.BinDir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("the bin dir %s is not there", w.told.BinDir)
	case err == nil:
		err = fmt.Errorf("the bin dir %s is no directory", w.within(real))
	}
	w.failed(code, err, w.misses(), w.install())
}

func (w *walk) checkFile(plugin string) bool {
	const code = "program-file"
	if err := w.executable(plugin); err != nil {
		w.failed(code, err, w.exits(), w.install())
		return false
	}
	w.ok(code, plugin)
	return true
}

// checkOthers is about the programs of others in the same config.
func (w *walk) checkOthers() {
	const code = "program-others"
	var names []string
	for _, c := range w.configs {
		for _, p := range c.providers {
			if p.Name == providerconfig.Name || p.Name == "" {
				continue
			}
			if err := w.executable(path.Join(w.told.BinDir, p.Name)); err != nil {
				w.failed(code, fmt.Errorf("provider %q of %s: %w", p.Name, c.name, err), w.exits(), "put the program there, or take the provider out of the config")
				return
			}
			names = append(names, p.Name)
		}
	}
	if len(names) > 0 {
		w.ok(code, strings.Join(names, ", "))
	}
}

// checkFormat reads the header of the program. A script may be a wrapper of somebody's,
// of which nothing can be said.
func (w *walk) checkFormat(plugin string) bool {
	const code = "program-format"
	real, err := w.tree.Follow(plugin)
	if err != nil {
		w.failed(code, err, "", "")
		return false
	}
	f, err := os.Open(real)
	if err != nil {
		w.failed(code, err, "", "")
		return false
	}
	defer f.Close()
	begins, _ := bufio.NewReader(f).Peek(2)
	if string(begins) == "#!" {
		w.unknown(code, plugin+" is a script, and what it runs is not looked at")
		return true
	}
	program, err := elf.NewFile(f)
	if err != nil {
		w.error(code, plugin+" is no program for Linux", "no pull gets credentials", w.install())
		return false
	}
	if want := w.node.Machine(); want != elf.EM_NONE && program.Machine != want {
		w.error(code, fmt.Sprintf("%s is for %s, and the node is %s", plugin, machine(program.Machine), machine(want)), "no pull gets credentials", w.install())
		return false
	}
	for _, s := range program.Progs {
		if s.Type == elf.PT_INTERP {
			w.warning(code, plugin+" is linked dynamically", "it does not start where its libraries are not, as in Alpine and Talos", w.install())
			return true
		}
	}
	w.ok(code, "static, for "+machine(program.Machine))
	return true
}

// machine is an architecture as uname(1) has it.
func machine(m elf.Machine) string { return strings.ToLower(strings.TrimPrefix(m.String(), "EM_")) }

// checkMount asks the file system of a running node. How an image is mounted says
// nothing of how its node will.
func (w *walk) checkMount(plugin string) bool {
	if !w.node.Live() {
		return true
	}
	system, err := w.tree.FileSystem(plugin)
	if err != nil {
		w.unknown("program-mount", err.Error())
		return true
	}
	c := mounted(plugin, system)
	if c.Finding() {
		c.Cause = w.exits()
		c.Fix = "mount -o remount,exec \"$(findmnt -n -o TARGET -T " + w.file(plugin) + ")\""
	}
	w.add(c)
	return !c.Finding()
}

// mounted judges the file system that the program is on.
func mounted(plugin string, system tree.FileSystem) Check {
	const code = "program-mount"
	if system.NoExec {
		return Check{Code: code, Status: Error, Evidence: "the file system of " + plugin + " is mounted noexec"}
	}
	return Check{Code: code, Status: OK, Evidence: "the file system is not mounted noexec"}
}

// runTime is what the program gets to say its version.
const runTime = 10 * time.Second

// checkRuns asks the program for its version, which it has without AWS. That it can be
// run by this user in this environment is much, if not all, of what the kubelet needs.
func (w *walk) checkRuns(ctx context.Context, plugin string) {
	const code = "program-runs"
	ctx, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, plugin, "--version")
	cmd.Dir, cmd.Env = "/", []string{"GOTRACEBACK=none"}
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	said, _ := bufio.NewReader(strings.NewReader(string(out))).ReadString('\n')
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("it did not end in %s", runTime)
		}
		w.failed(code, fmt.Errorf("%s --version: %w", plugin, err), "no pull gets credentials", w.install())
		return
	}
	w.ok(code, strings.TrimSpace(said))
}
