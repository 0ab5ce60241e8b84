package node

import (
	"context"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/kubelet"
)

// Told is what the kubelet is told about credential providers when it next starts, as
// the files of the node have it.
type Told struct {
	Distribution string          `json:"distribution"`
	Evidence     []string        `json:"evidence"`         // why it is this distribution
	Kubelet      kubelet.Version `json:"kubelet,omitzero"` // zero if it is not known
	Config       string          `json:"config,omitempty"` // "" if it is told nothing
	BinDir       string          `json:"binDir,omitempty"` // "" if it is told nothing
	Supervision
}

// Told finds out what the kubelet is told. Distribution and version are as in Options.
func (n *Node) Told(ctx context.Context, o Options) (*Told, error) {
	d, evidence, err := detect(n.tree, o.Distribution)
	if err != nil {
		return nil, err
	}
	p := newPlanner(n, o)
	told := &Told{Distribution: d.name, Evidence: evidence}
	if told.Kubelet, err = p.version(ctx, d); err != nil {
		return nil, err
	}
	if err := d.place(p); err != nil {
		return nil, err
	}
	told.Supervision = p.out.Supervision
	switch {
	case p.told:
		told.Config, told.BinDir = p.out.Config, p.out.BinDir
	case p.out.AtBoot:
		told.Config, told.BinDir = nodeadmConfig, nodeadmBinDir
	}
	return told, nil
}
