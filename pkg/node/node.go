// Package node says what a node must look like whose kubelet pulls from Amazon ECR
// through our plugin, and makes it so: the program, the kubelet's
// CredentialProviderConfig, the flags that name it, and the units that keep tokens
// warm. It is all files below a root, which is that of a running system or an image in
// the making; nothing here asks AWS.
//
// [Node.Plan] compares what is with what shall be. [Node.Install] makes the changes in
// an order in which the node starts after each of them: a kubelet that finds a config
// without its program, or one that it does not understand, does not start at all, and
// takes the API server along on k3s. [Node.Removal] takes back what the journal says
// was done, in the opposite order, and leaves what somebody else has changed since.
package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"syscall"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/kubelet"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/tree"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// Where we keep what is needed to take everything back, as the node knows it.
const (
	stateDir    = "/var/lib/ecr-node-bootstrap"
	journalFile = stateDir + "/journal"
	originals   = stateDir + "/originals"
)

// The kinds of objects beside the tree's: files, by what they are for.
const (
	kindProgram = "program"
	kindConfig  = "config"
	kindFlags   = "kubelet flags"
	kindUnit    = "unit"
)

// journalKey is the same for a baked image and the node that it becomes, for paths in
// the journal are the node's.
const journalKey = "node"

// A Node is a machine, or the root tree that will be one.
type Node struct {
	tree *tree.Tree
}

// Open opens the node whose root is at the path: "/" for this machine.
func Open(root string) (*Node, error) {
	t, err := tree.Open(root, originals)
	if err != nil {
		return nil, err
	}
	if !t.IsDirectory("/etc") || !t.IsDirectory("/var/lib") {
		return nil, hint.Wrap(fmt.Errorf("%s is not the root of a system: it has no /etc and /var/lib", root), "give --root the directory that the image is mounted at")
	}
	return &Node{tree: t}, nil
}

// Close ends the use of the node.
func (n *Node) Close() error { return n.tree.Close() }

// Live says whether the node is this machine, and not a tree.
func (n *Node) Live() bool { return n.tree.Live() }

// Options are what is asked for beside the file.
type Options struct {
	// Distribution of Kubernetes: Auto, or one of Distributions.
	Distribution string
	// KubeletVersion is the kubelet's, if it is not to be found out.
	KubeletVersion string
	// Partition narrows matchImages; all partitions if empty.
	Partition string
	// Plugin is where the program to install lies on this machine.
	Plugin string
	// BinDir and Config are where the distribution generic has the program's directory
	// and the config.
	BinDir, Config string
	// Pull is which images may be pulled, as the file says.
	Pull config.Pull
}

// An Outcome is what has to be done to a node.
type Outcome struct {
	plan.Plan
	Distribution string          `json:"distribution"`
	Evidence     []string        `json:"evidence"`         // why it is this distribution
	Kubelet      kubelet.Version `json:"kubelet,omitzero"` // zero if it is not known
	BinDir       string          `json:"binDir"`           // of the kubelet's flag
	Config       string          `json:"config"`           // of the kubelet's flag
	Effective    string          `json:"effective"`        // when the kubelet will heed it
	AtBoot       bool            `json:"atBoot,omitempty"` // it is the next boot, and no restart, that has it heed it
	Supervision

	program []plan.Change // those that come before the plugin is tried
	try     *trial
}

// Journal opens the node's journal for changes, and begins one where there is none. It
// settles what an interrupted run has left open.
func (n *Node) Journal(ctx context.Context) (*plan.Journal, error) {
	made, err := n.tree.MakePrivate(stateDir)
	if err != nil {
		return nil, forbidden(fmt.Errorf("preparing the journal: %w", err))
	}
	j, err := n.openJournal(ctx)
	if err != nil && made {
		err = errors.Join(err, n.Tidy())
	}
	return j, err
}

func (n *Node) openJournal(ctx context.Context) (*plan.Journal, error) {
	file, err := n.tree.Resolve(journalFile)
	if err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	j, err := plan.OpenJournal(file, journalKey)
	if err != nil {
		return nil, forbidden(err)
	}
	err = n.tree.Sweep(j.Objects())
	if err == nil {
		err = plan.Settle(ctx, n.tree, j, time.Now)
	}
	if err != nil {
		j.Close()
		return nil, err
	}
	return j, nil
}

// Past is the node's journal for reading, nil if there is none.
func (n *Node) Past() (*plan.Journal, error) {
	file, err := n.tree.Resolve(journalFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	j, err := plan.ReadJournal(file, journalKey)
	return j, forbidden(err)
}

// forbidden says what to do about an error of who is not root.
func forbidden(err error) error {
	if errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 {
		return hint.Wrap(err, "run it with sudo")
	}
	return err
}

// forget removes the journal and what was kept, once there is nothing to take back. Only
// who has the journal open may do that: another run may be writing to it.
func (n *Node) forget() error {
	if err := n.tree.Prune(nil); err != nil {
		return err
	}
	if err := n.remove(journalFile); err != nil {
		return err
	}
	return n.Tidy()
}

// Tidy removes the directory of a journal that a run has not come to begin.
func (n *Node) Tidy() error { return n.remove(stateDir) }

// remove removes a file, or a directory that is empty, if it is there.
func (n *Node) remove(name string) error {
	file, err := n.tree.Resolve(name)
	if err == nil {
		err = os.Remove(file)
	}
	// What somebody else has put there keeps its directory.
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTEMPTY) {
		return fmt.Errorf("removing %s: %w", path.Base(name), err)
	}
	return nil
}
