package node

import (
	"debug/elf"
	"slices"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/tree"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// Tree is the node's files, for looking.
func (n *Node) Tree() *tree.Tree { return n.tree }

// Distribution finds the distribution of that name, or by what is on the disk if it is
// Auto or "", with what shows that it is this one.
func (n *Node) Distribution(name string) (string, []string, error) {
	d, evidence, err := detect(n.tree, name)
	return d.name, evidence, err
}

// Obstacles are what keeps the kubelet from being wired, or from starting, by the files
// that are there already. What Told returns as an error is not among them.
func (n *Node) Obstacles(o Options) []plan.Finding {
	p := newPlanner(n, o)
	if d, _, err := detect(n.tree, o.Distribution); err != nil || d.place(p) != nil {
		return nil
	}
	return slices.DeleteFunc(p.out.Blocked(), func(f plan.Finding) bool {
		return f.Code == "no-drop-ins" && !n.tree.Exists(nodeConfig) // nothing is amiss as long as nobody wants one
	})
}

// Machine is the architecture of the node, EM_NONE if it is not to be seen.
func (n *Node) Machine() elf.Machine { return (&planner{tree: n.tree}).machine() }

// A Boot is something of ours that an init system starts.
type Boot struct {
	Name string // as the init system knows it
	File string
	Link string // by which it is started, "" if the file's place is enough
}

// Boots are what Install has an init system start, and the file by which the cache
// directory is made at boot, nothing for an init system that it does not know.
func Boots(init string) []Boot {
	switch init {
	case systemd:
		return []Boot{
			{tmpfilesFile, tmpfilesFile, ""},
			{warmService, systemUnits + warmService, systemUnits + "multi-user.target.wants/" + warmService},
			{warmTimer, systemUnits + warmTimer, systemUnits + "timers.target.wants/" + warmTimer},
		}
	case openRC:
		return []Boot{
			{"ecr-credential-provider-warm", openRCScript, openRCLevel},
			{cronScript, cronScript, ""},
		}
	}
	return nil
}
