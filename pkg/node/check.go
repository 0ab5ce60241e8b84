package node

import (
	"debug/elf"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/providerconfig"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/tree"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// missingPlugin explains that the program to install is not where it was looked for.
func missingPlugin(file string, err error) error {
	if file == "" {
		err = errors.New("it is not known where this program lies, as without a /proc")
	}
	return hint.Wrap(fmt.Errorf("reading the program to install: %w", err), "put %s beside this program, or name it with --plugin", providerconfig.Name)
}

func notAConfig(file string) error {
	return fmt.Errorf("%s, which the kubelet is told to read, is no text", file)
}

func cannotMerge(file string, err error) error {
	return hint.Wrap(fmt.Errorf("putting our provider into %s: %w", file, err), "mend that file: a kubelet that does not understand it does not start")
}

// check looks for what would make the plan fail half-way, or the kubelet afterwards.
func (p *planner) check() {
	if len(p.out.Changes) == 0 {
		return
	}
	if p.tree.Live() && os.Geteuid() != 0 {
		p.block("not-root", "/", "only root may change the node", "run it with sudo")
	}
	p.checkPlace()
	p.checkProgram()
	p.checkFileSystems()
	p.checkSELinux()
}

func (p *planner) block(code, object, detail, fix string) {
	p.find(plan.Finding{Code: code, Level: plan.Blocks, Object: object, Detail: detail, Fix: fix})
}

// checkPlace refuses to leave a program or a config behind at another place: a kubelet
// may still be told of it.
func (p *planner) checkPlace() {
	for _, o := range slices.SortedFunc(maps.Keys(p.past), func(a, b plan.Object) int { return strings.Compare(a.Name, b.Name) }) {
		if o.Kind == kindProgram && o.Name != p.plugin() || o.Kind == kindConfig && o.Name != p.out.Config {
			p.block("installed-elsewhere", o.Name, "it was installed here before, and would now go to another place", "run uninstall first")
		}
	}
}

// checkProgram reads the header of the program: a file that the kubelet cannot run
// keeps it from starting at all, or makes every pull fail.
func (p *planner) checkProgram() {
	const fix = "take ecr-credential-provider as `make build` makes it, or as a release has it"
	file := p.options.Plugin
	f, err := elf.Open(file)
	if err != nil {
		p.block("not-a-program", file, fmt.Sprintf("it is no program for Linux: %v", err), fix)
		return
	}
	defer f.Close()
	if want := p.machine(); want != elf.EM_NONE && f.Machine != want {
		p.block("other-architecture", file, fmt.Sprintf("it is for %s, and the node is %s", machineName(f.Machine), machineName(want)), fix)
	}
	for _, s := range f.Progs {
		if s.Type == elf.PT_INTERP {
			p.block("not-static", file, "it is linked dynamically, and does not start on a system without its libraries (Alpine, Talos, Bottlerocket)", fix)
			break
		}
	}
}

// machine is the architecture of the node: this one's, or that of a program in the
// image. EM_NONE if the image has none.
func (p *planner) machine() elf.Machine {
	if p.tree.Live() {
		return machines[runtime.GOARCH]
	}
	for _, name := range []string{"/usr/bin/kubelet", "/opt/bin/kubelet", "/usr/local/bin/k3s", "/usr/bin/env", "/bin/busybox", "/bin/sh", "/usr/lib/systemd/systemd"} {
		real, err := p.tree.Follow(name)
		if err != nil {
			continue
		}
		if f, err := elf.Open(real); err == nil {
			f.Close()
			return f.Machine
		}
	}
	return elf.EM_NONE
}

// machines are the architectures that releases are made for, by Go's names.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

func machineName(m elf.Machine) string {
	for name, machine := range machines {
		if machine == m {
			return name
		}
	}
	return m.String()
}

// checkFileSystems asks the file systems that will be written to whether they can be,
// whether there is room, and whether the program can be run.
func (p *planner) checkFileSystems() {
	need := map[string]int64{} // bytes, by the file systems' IDs
	var all []tree.FileSystem
	where := map[string]string{}
	readOnly := map[string]bool{} // by ID, too
	uses := func(name string, bytes int64) (tree.FileSystem, bool) {
		fs, err := p.tree.FileSystem(name)
		if err != nil {
			p.block("no-file-system", name, err.Error(), "")
			return fs, false
		}
		if _, known := need[fs.ID]; !known {
			all = append(all, fs)
			where[fs.ID] = name
		}
		need[fs.ID] += bytes
		return fs, true
	}
	for _, c := range p.out.Changes {
		// A block for the directory entry, the journal and the file's tail each.
		fs, ok := uses(c.Name, tree.Size(c.After)+int64(len(c.Before)+len(c.After))+3*4096)
		if !ok {
			continue
		}
		if fs.ReadOnly && !readOnly[fs.ID] {
			readOnly[fs.ID] = true
			p.block("read-only", c.Name, "its file system is mounted read-only", "on a system whose root cannot be written to, choose another place with --distribution generic, or bake it into the image")
		}
		if c.Kind == kindProgram {
			if fs.NoExec {
				p.block("noexec", c.Name, "its file system is mounted noexec: the kubelet would not find an executable program there", "mount it without noexec, or choose another bin dir")
			}
			uses(originals, tree.Size(c.Before))
		}
	}
	for _, fs := range all {
		if !fs.ReadOnly && fs.Free < need[fs.ID] {
			p.block("no-space", where[fs.ID], fmt.Sprintf("its file system has %d KiB free, and %d are needed", fs.Free>>10, need[fs.ID]>>10), "make room")
		}
	}
}

// runnable are SELinux types of programs that services may run, a kubelet among them.
// What is below /var/lib is var_lib_t, and is not (rancher/rke2 issue 1494).
var runnable = []string{":bin_t:", ":usr_t:", ":lib_t:", ":container_runtime_exec_t:", ":kubelet_exec_t:"}

const binLabel = "system_u:object_r:bin_t:s0"

// checkSELinux gives the program a label with which it can be run, where SELinux is in
// force and the directory would give it another.
func (p *planner) checkSELinux() {
	conf, err := p.tree.ReadLinked("/etc/selinux/config")
	if err != nil || !strings.Contains("\n"+conf, "\nSELINUX=enforcing") && !strings.Contains("\n"+conf, "\nSELINUX=permissive") {
		return
	}
	label := p.tree.LabelOf(p.out.BinDir)
	for _, t := range runnable {
		if strings.Contains(label+":", t) {
			return
		}
	}
	p.tree.Label(p.plugin(), binLabel)
	if strings.HasPrefix(p.out.BinDir, "/opt/") && filepath.Base(p.out.BinDir) == "bin" {
		return // the policy says so itself
	}
	p.find(plan.Finding{
		Code: "selinux-label", Level: plan.Note, Object: p.plugin(),
		Detail: "it is labelled bin_t, so that the kubelet may run it; the policy has another label for this place, which a relabelling of the file system brings back",
		Fix:    fmt.Sprintf("semanage fcontext -a -t bin_t '%s(/.*)?'", p.out.BinDir),
	})
}
