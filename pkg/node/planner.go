package node

import (
	"context"
	"fmt"
	"path"
	"slices"

	"github.com/kubelet-ecr/kubelet-ecr/deploy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/kubelet"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/providerconfig"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/tree"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// A planner puts a plan together, change by change in their order.
type planner struct {
	tree    *tree.Tree
	options Options
	past    map[plan.Object]plan.Change // what the journal says we have changed, net
	entry   providerconfig.Entry
	kubelet providerconfig.Kubelet

	out     *Outcome
	told    bool            // the kubelet is told of config and bin dir already
	looks   bool            // it is told only if the config is there
	planned map[string]bool // directories
	warm    warmth
	wire    []func() error // what tells the kubelet, to be planned behind the config
}

// warmth is what the unit that keeps tokens warm must have as the kubelet has it.
type warmth struct {
	user  string   // of the kubelet's unit
	files []string // of environment, of the kubelet's unit

	environment []deploy.Variable // that the kubelet's unit sets
}

func newPlanner(n *Node, o Options) *planner {
	return &planner{
		tree: n.tree, options: o, past: map[plan.Object]plan.Change{}, planned: map[string]bool{},
		out: &Outcome{
			Plan:        plan.Plan{Changes: []plan.Change{}},
			Evidence:    []string{},
			Effective:   "when the kubelet next starts",
			Supervision: Supervision{Init: initSystem(n.tree)},
		},
	}
}

// Plan compares the node with what it shall be. It changes nothing. The journal, which
// may be nil, says what is ours already.
func (n *Node) Plan(ctx context.Context, past *plan.Journal, o Options) (*Outcome, error) {
	p := newPlanner(n, o)
	if past != nil {
		for _, c := range past.Net() {
			p.past[c.Object] = c
		}
	}
	d, evidence, err := detect(n.tree, o.Distribution)
	if err != nil {
		return nil, err
	}
	if d.name != generic && o.BinDir+o.Config != "" {
		return nil, hint.Wrap(fmt.Errorf("--bin-dir and --config are for --distribution generic, and this is %s, which has its places", d.name), "leave them out")
	}
	p.out.Distribution, p.out.Evidence = d.name, evidence
	if p.out.Kubelet, err = p.version(ctx, d); err != nil {
		return nil, err
	}
	p.kubelet.Minor = p.out.Kubelet.Minor
	if p.entry, err = Entry(o.Pull, o.Partition); err != nil {
		return nil, err
	}
	if err := d.place(p); err != nil {
		return nil, err
	}
	return p.out, p.plan()
}

// plan plans what is the same everywhere, around what the distribution has decided.
func (p *planner) plan() error {
	for _, step := range []func() error{p.planProgram, p.planConfig} {
		if err := step(); err != nil {
			return err
		}
	}
	for _, wire := range p.wire {
		if err := wire(); err != nil {
			return err
		}
	}
	if err := p.planBoot(); err != nil {
		return err
	}
	p.check()
	return nil
}

// change plans the change of an object to what after makes of its state now, and the
// directories that it needs.
func (p *planner) change(kind, name, why string, after func(before string) (string, error)) error {
	o := plan.Object{Kind: kind, Name: name}
	before, err := p.tree.State(o)
	if err != nil {
		return err
	}
	state, err := after(before)
	if err != nil || state == before {
		return err
	}
	if err := p.directories(name); err != nil {
		return err
	}
	p.add(plan.Change{Object: o, Why: why, Before: before, After: state})
	return nil
}

// directories plans those above name that are not there.
func (p *planner) directories(name string) error {
	for _, dir := range p.tree.Missing(name) {
		if p.planned[dir] {
			continue
		}
		o := plan.Object{Kind: tree.Directory, Name: dir}
		switch there, err := p.tree.State(o); {
		case err != nil:
			return err
		case there != "": // as /opt of an ostree image, to a /var that is made at the first boot
			return hint.Wrap(fmt.Errorf("%s is a link that leads nowhere", dir), "make the directory that it leads to, or choose another place")
		}
		p.planned[dir] = true
		p.add(plan.Change{Object: o, Why: "for " + path.Base(name), After: tree.DirectoryState(tree.New(0o755))})
	}
	return nil
}

func (p *planner) add(c plan.Change) { p.out.Changes = append(p.out.Changes, c) }

func (p *planner) find(f plan.Finding) { p.out.Findings = append(p.out.Findings, f) }

// text plans a file with this text.
func (p *planner) text(kind, name, why, text string) error {
	return p.textMode(kind, name, why, text, 0o644)
}

func (p *planner) textMode(kind, name, why, text string, mode uint32) error {
	return p.change(kind, name, why, func(before string) (string, error) {
		if before == "" {
			return tree.TextFile(text, tree.New(tree.FileMode(mode))), nil
		}
		return tree.WithoutOthers(tree.WithText(before, text))
	})
}

// planProgram puts the plugin into the bin dir. One of the same name that is there, the
// official one mostly, is kept for uninstall.
func (p *planner) planProgram() error {
	hash, size, err := p.tree.Known(p.options.Plugin)
	if err != nil {
		return missingPlugin(p.options.Plugin, err)
	}
	p.out.try = &trial{plugin: p.plugin(), entry: p.entry}
	err = p.change(kindProgram, p.plugin(), "the kubelet runs it for every pull", func(string) (string, error) {
		return tree.Program(hash, size, tree.New(0o755)), nil
	})
	p.out.program = slices.Clone(p.out.Changes)
	return err
}

// plugin is where the program will be.
func (p *planner) plugin() string { return path.Join(p.out.BinDir, providerconfig.Name) }

// planConfig writes our entry into the kubelet's config, beside what others have there.
func (p *planner) planConfig() error {
	text, err := p.desiredConfig()
	if err != nil {
		return err
	}
	return p.change(kindConfig, p.out.Config, "the kubelet reads it when it starts", func(before string) (string, error) {
		if before == "" {
			return tree.TextFile(text, tree.New(0o644)), nil
		}
		after := tree.WithText(before, text)
		closed, err := tree.WithoutOthers(after)
		if err == nil && closed != after {
			p.find(plan.Finding{
				Code: "config-writable", Level: plan.Warning, Object: p.out.Config,
				Detail: "everybody may write to it, and so have the kubelet run a program as root with any environment: its mode loses that right",
			})
		}
		return closed, err
	})
}

func (p *planner) desiredConfig() (string, error) {
	rendered, err := p.entry.Render(p.kubelet)
	if err != nil {
		return "", err
	}
	o := plan.Object{Kind: kindConfig, Name: p.out.Config}
	state, err := p.tree.State(o)
	if err != nil || state == "" {
		return rendered, err
	}
	if ours, ok := p.past[o]; ok && ours.Before == "" && ours.After == state {
		return rendered, nil
	}
	existing, ok := tree.Text(state)
	if !ok {
		return "", notAConfig(p.out.Config)
	}
	merged, err := providerconfig.Merge(existing, p.entry, p.kubelet)
	if err != nil {
		return "", cannotMerge(p.out.Config, err)
	}
	return merged, nil
}

// place takes the place that the kubelet has been told already, or ours if none.
func (p *planner) place(config, binDir, ourConfig, ourBinDir string) (ours bool) {
	switch {
	case config == "" && binDir == "":
		p.out.Config, p.out.BinDir = ourConfig, ourBinDir
		return true
	case config == "" || binDir == "":
		p.find(plan.Finding{
			Code: "half-wired", Level: plan.Blocks, Object: "kubelet flags",
			Detail: "the kubelet is given one of --image-credential-provider-config and --image-credential-provider-bin-dir, and does not start without the other",
			Fix:    "give it both, or neither, and run this again",
		})
		p.out.Config, p.out.BinDir = ourConfig, ourBinDir
		return false
	}
	p.out.Config, p.out.BinDir, p.told = config, binDir, true
	if config == ourConfig && binDir == ourBinDir {
		return true
	}
	if p.tree.IsDirectory(config) {
		p.inDirectory(config)
	}
	p.find(plan.Finding{
		Code: "already-wired", Level: plan.Note, Object: p.out.Config,
		Detail: "the kubelet is told to read this config and to run programs in " + binDir + ": the entry and the program go there, beside what others have, and the flags stay",
	})
	return false
}

// inDirectory chooses the file of a directory of configs (Kubernetes 1.34): the one
// that has an entry of our name, for names must be unique across files, or our own.
func (p *planner) inDirectory(dir string) {
	p.out.Config = path.Join(dir, providerconfig.Name+".yaml")
	for _, pattern := range []string{"*.json", "*.yaml", "*.yml"} {
		for _, file := range p.tree.Glob(path.Join(dir, pattern)) {
			text, err := p.tree.ReadLinked(file)
			if err != nil {
				continue
			}
			if _, has, err := providerconfig.Find(text); err == nil && has {
				p.out.Config = file
				return
			}
		}
	}
}

// The kubelet's flags.
const (
	configFlag = "--" + kubelet.ConfigFlag
	binDirFlag = "--" + kubelet.BinDirFlag
)

// flags are those that wire a kubelet.
func (p *planner) flags() []string {
	return []string{configFlag + "=" + p.out.Config, binDirFlag + "=" + p.out.BinDir}
}
