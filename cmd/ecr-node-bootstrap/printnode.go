package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubelet-ecr/kubelet-ecr/deploy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/kubelet"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/providerconfig"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/wiring"
)

// printNodeCommands print what goes onto nodes, without one.
func printNodeCommands(u *ui) []*cobra.Command {
	return []*cobra.Command{
		printMatchImagesCommand(u), printConfigCommand(u), printWiringCommand(u),
		printUserDataCommand(u), printPackerCommand(u), printDaemonSetCommand(u),
	}
}

func printMatchImagesCommand(u *ui) *cobra.Command {
	var flags entryFlags
	c := &cobra.Command{
		Use:   "matchimages",
		Short: "Print the globs of the registries that pulls need, one a line",
		Args:  wrongUsage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			e, err := flags.read(c)
			if err != nil {
				return err
			}
			if u.format == "json" {
				return u.json(e.MatchImages)
			}
			u.say("%s", strings.Join(e.MatchImages, "\n"))
			return nil
		},
	}
	flags.addFile(c)
	flags.addPartition(c)
	addFormat(c, u)
	return c
}

func printConfigCommand(u *ui) *cobra.Command {
	var flags entryFlags
	c := &cobra.Command{
		Use:   "config",
		Short: "Print the kubelet's CredentialProviderConfig, as its version takes it",
		Args:  wrongUsage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			text, err := flags.document(c)
			if err != nil {
				return err
			}
			fmt.Fprint(u.out, text)
			return nil
		},
	}
	flags.add(c)
	return c
}

func printWiringCommand(u *ui) *cobra.Command {
	var (
		flags entryFlags
		v     wiring.Values
	)
	c := &cobra.Command{
		Use:   "wiring NAME",
		Short: "Print what to paste on a distribution that install does not write to",
		Long: `Print what tells the kubelet of a distribution where plugin and config are, to paste
where the text says: ` + strings.Join(wiring.Names(), ", ") + `.`,
		Args: wrongUsage(func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return hint.Wrap(errors.New("print wiring wants the name of one distribution"), "there are %s", strings.Join(wiring.Names(), ", "))
			}
			return nil
		}),
		ValidArgs: wiring.Names(),
		RunE: func(c *cobra.Command, args []string) error {
			e, err := flags.read(c)
			if err != nil {
				return err
			}
			v.MatchImages, v.Env = e.MatchImages, e.Env
			if v.Document, err = flags.document(c); err != nil {
				return err
			}
			text, err := wiring.Print(args[0], v)
			if err != nil {
				return usageError(err)
			}
			fmt.Fprint(u.out, text)
			return nil
		},
	}
	flags.add(c)
	c.Flags().StringVar(&v.BinDir, "bin-dir", "", "where the program is, if not where the text has it")
	c.Flags().StringVar(&v.Config, "config", "", "where the config is, if not where the text has it")
	return c
}

// read is the entry that the flags and the file describe.
func (f *entryFlags) read(c *cobra.Command) (providerconfig.Entry, error) {
	pull, err := f.pull(c)
	if err != nil {
		return providerconfig.Entry{}, err
	}
	return node.Entry(pull, f.partition)
}

// document is the CredentialProviderConfig that the flags and the file describe. Whoever
// asks for one of Kubernetes 1.33 with service accounts is taken to have turned on the
// feature gate, for there is no kubelet here to ask.
func (f *entryFlags) document(c *cobra.Command) (string, error) {
	k := providerconfig.Kubelet{TokenGate: true}
	if f.version != "" {
		minor, err := kubelet.ParseVersion(f.version)
		if err != nil {
			return "", usageError(fmt.Errorf("--kubelet-version: %w", err))
		}
		k.Minor = minor
	}
	e, err := f.read(c)
	if err != nil {
		return "", err
	}
	return e.Render(k)
}

// forNodes is the part of bootstrap.yaml that a node reads, as text: "" without the file,
// if nobody names one.
func (f *fileFlags) forNodes(c *cobra.Command) (string, error) {
	file, err := config.Load(f.file)
	if errors.Is(err, fs.ErrNotExist) && !c.Flags().Changed("file") {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return string(config.Write(&config.File{
		Version: file.Version, Cluster: file.Cluster, Account: file.Account, Region: file.Region, Pull: file.Pull,
	}, nil)), nil
}

// render prints a file of deploy.
func render(u *ui, name string, data any) error {
	text, err := deploy.Render(name, data)
	if err != nil {
		return err
	}
	fmt.Fprint(u.out, text)
	return nil
}

func printUserDataCommand(u *ui) *cobra.Command {
	var (
		flags fileFlags
		data  deploy.UserData
	)
	c := &cobra.Command{
		Use:   "user-data",
		Short: "Print the cloud-init user data that makes an instance a node that pulls from ECR",
		Long: `Print cloud-init user data that installs the plugin when an instance first boots, from
an archive at a URL, or as it was baked in at /usr/local/bin.`,
		Args: wrongUsage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if (data.ArchiveURL == "") != (data.ArchiveSHA256 == "") {
				return usageError(errors.New("--archive and --sha256 belong together: what is not checked is not run"))
			}
			var err error
			if data.Bootstrap, err = flags.forNodes(c); err != nil {
				return err
			}
			return render(u, deploy.UserDataFile, data)
		},
	}
	flags.addFile(c)
	addNodeSettings(c, &data.Distribution, &data.KubeletVersion)
	c.Flags().StringVar(&data.ArchiveURL, "archive", "", "where a .tar.gz of the two programs can be had: http or https")
	c.Flags().StringVar(&data.ArchiveSHA256, "sha256", "", "the archive's SHA-256, in lower-case hex")
	c.Flags().BoolVar(&data.Restart, "restart", false, "restart the kubelet if it runs already")
	return c
}

func printPackerCommand(u *ui) *cobra.Command {
	var data deploy.Bake
	c := &cobra.Command{
		Use:   "packer",
		Short: "Print a Packer template that bakes the plugin into an image",
		Args:  wrongUsage(cobra.NoArgs),
		RunE:  func(*cobra.Command, []string) error { return render(u, deploy.PackerTemplate, data) },
	}
	addNodeSettings(c, &data.Distribution, &data.KubeletVersion)
	c.Flags().StringVar(&data.Region, "region", "", "where the image is made (default: a variable without one)")
	return c
}

// nodeServices are the units of agents, by distribution.
var nodeServices = map[string]string{"kubeadm": "kubelet", "k3s": "k3s-agent", "rke2": "rke2-agent", "eks": "kubelet"}

// serverServices are those of servers that have another.
var serverServices = map[string]string{"k3s": "k3s", "rke2": "rke2-server"}

func printDaemonSetCommand(u *ui) *cobra.Command {
	var (
		flags fileFlags
		data  deploy.DaemonSet
	)
	c := &cobra.Command{
		Use:   "daemonset",
		Short: "Print a DaemonSet that installs the plugin on nodes which cannot be made anew",
		Args:  wrongUsage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			data.Service, data.ServerService = nodeServices[data.Distribution], serverServices[data.Distribution]
			if data.Service == "" {
				return usageError(fmt.Errorf("--distribution %q: want one of kubeadm, k3s, rke2, eks: all nodes of the DaemonSet are of one", data.Distribution))
			}
			if data.Image == "" {
				return usageError(hint.Wrap(errors.New("there is no --image"), "put both programs at the root of an image, `FROM scratch` and two lines of COPY, and name it"))
			}
			var err error
			if data.Bootstrap, err = flags.forNodes(c); err != nil {
				return err
			}
			return render(u, deploy.DaemonSetFile, data)
		},
	}
	flags.addFile(c)
	addNodeSettings(c, &data.Distribution, &data.KubeletVersion)
	c.Flags().StringVar(&data.Image, "image", "", "an image with the two programs at its root")
	c.Flags().StringVar(&data.PauseImage, "pause-image", "registry.k8s.io/pause:3.10", "an image that sleeps")
	return c
}

// addNodeSettings adds the flags that are handed on to install.
func addNodeSettings(c *cobra.Command, distribution, version *string) {
	c.Flags().StringVar(distribution, "distribution", "", "install's --distribution (default: install finds out)")
	c.Flags().StringVar(version, "kubelet-version", "", "install's --kubelet-version (default: install finds out)")
}
