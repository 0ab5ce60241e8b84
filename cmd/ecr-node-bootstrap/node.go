package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/providerconfig"
)

// nodeFlags are those of the verbs that look at a node or change it.
type nodeFlags struct {
	root string
}

func (f *nodeFlags) add(c *cobra.Command, u *ui) {
	c.Flags().StringVar(&f.root, "root", "/", "the root of the node: this machine's, or that of an image")
	addFormat(c, u)
}

// mayRestart is an error if a kubelet shall be restarted that is not this machine's.
func (f *nodeFlags) mayRestart(restart bool) error {
	if restart && filepath.Clean(f.root) != "/" {
		return usageError(hint.Wrap(errors.New("--restart is for this machine, and --root names another one"), "leave one of them out"))
	}
	return nil
}

// pull is what bootstrap.yaml says of pulls. A node does without the file as long as
// nobody names one: then it pulls from private registries, as itself.
func (f *fileFlags) pull(c *cobra.Command) (config.Pull, error) {
	file, err := config.Load(f.file)
	if errors.Is(err, fs.ErrNotExist) && !c.Flags().Changed("file") {
		return config.Pull{}, nil
	}
	if err != nil {
		return config.Pull{}, err
	}
	return file.Pull, nil
}

// entryFlags are those that say what the kubelet's config will be.
type entryFlags struct {
	fileFlags
	version   string
	partition string
}

func (f *entryFlags) add(c *cobra.Command) {
	f.addFile(c)
	c.Flags().StringVar(&f.version, "kubelet-version", "", "the kubelet's version, for example 1.34 (default: found out, where it can be)")
	f.addPartition(c)
}

func (f *entryFlags) addPartition(c *cobra.Command) {
	c.Flags().StringVar(&f.partition, "partition", "", "match the registries of this partition alone: aws, aws-cn, aws-us-gov, ...")
}

// besidesUs is where the plugin lies when both programs were unpacked, or built,
// together. Where there is no /proc, as in some chroots, it is not known, and is not
// looked for in the directory that root happens to be in.
func besidesUs() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	return filepath.Join(filepath.Dir(self), providerconfig.Name)
}

// withNode runs what a verb does with the node.
func withNode(root string, do func(*node.Node) error) error {
	n, err := node.Open(root)
	if err != nil {
		return err
	}
	return errors.Join(do(n), n.Close())
}

// interrupted says what to do after an interruption.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.Join(errors.New("interrupted: run it again, and it goes on where it stopped"), err)
	}
	return err
}
