package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// installFlags are those of install.
type installFlags struct {
	nodeFlags
	entry        entryFlags
	distribution string
	plugin       string
	binDir       string
	config       string
	dryRun       bool
	restart      bool
	yes          bool
}

func installCommand(u *ui) *cobra.Command {
	var flags installFlags
	c := &cobra.Command{
		Use:   "install",
		Short: "Install the plugin on this node, or into an image, and wire the kubelet to it",
		Long: `Install the plugin on this node, or into the image below --root: the program, the
kubelet's CredentialProviderConfig, the flags that name them, and units that keep tokens
warm. What is there already stays, other providers of the config too, and uninstall
gives back what was replaced. AWS is not asked.

The kubelet reads its config when it starts. It is not restarted unless --restart says
so. A second run changes nothing. With --dry-run the status is 3 if there is anything to
do.`,
		Args: wrongUsage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := flags.mayRestart(flags.restart); err != nil {
				return err
			}
			pull, err := flags.entry.pull(c)
			if err != nil {
				return err
			}
			o := node.Options{
				Distribution: flags.distribution, KubeletVersion: flags.entry.version, Partition: flags.entry.partition,
				Plugin: flags.plugin, BinDir: flags.binDir, Config: flags.config, Pull: pull,
			}
			return withNode(flags.root, func(n *node.Node) error { return install(c.Context(), u, flags, n, o) })
		},
	}
	flags.add(c, u)
	flags.entry.add(c)
	c.Flags().StringVar(&flags.distribution, "distribution", node.Auto, node.Auto+", "+strings.Join(node.Distributions(), ", "))
	c.Flags().StringVar(&flags.plugin, "plugin", besidesUs(), "the plugin to install")
	c.Flags().StringVar(&flags.binDir, "bin-dir", "", "with --distribution generic: the directory for the program")
	c.Flags().StringVar(&flags.config, "config", "", "with --distribution generic: the file for the CredentialProviderConfig")
	c.Flags().BoolVar(&flags.dryRun, "dry-run", false, "only show what would be done")
	c.Flags().BoolVar(&flags.restart, "restart", false, "restart what runs the kubelet, unless it has read all this already")
	c.Flags().BoolVar(&flags.yes, "yes", false, "do not ask")
	return c
}

func install(ctx context.Context, u *ui, flags installFlags, n *node.Node, o node.Options) error {
	past, err := n.Past()
	if err != nil {
		return err
	}
	if past != nil && !flags.dryRun {
		// Settled and locked, for what an interrupted run has left must be known.
		if past, err = n.Journal(ctx); err != nil {
			return err
		}
		defer past.Close()
	}
	outcome, err := n.Plan(ctx, past, o)
	if err != nil {
		return err
	}
	if flags.restart && !outcome.AtBoot && outcome.RestartCommand() == nil {
		return hint.Wrap(errors.New("--restart: it is not known what runs the kubelet here; nothing was changed"),
			"leave it out, and restart the kubelet in your own way")
	}
	if err := showInstall(u, outcome, flags.yes && !flags.dryRun); err != nil {
		return err
	}
	if err := refused(outcome.Plan); err != nil {
		return err
	}
	switch {
	case flags.dryRun && len(outcome.Changes) > 0:
		return findings
	case flags.dryRun:
		return nil
	case len(outcome.Changes) == 0 && past == nil:
		return nil
	case len(outcome.Changes) == 0:
		return errors.Join(restartStale(ctx, u, flags, n, past, outcome), n.Finish(ctx, past))
	case !flags.yes:
		if err := u.confirm(question(flags, outcome)); err != nil {
			return err
		}
	}
	return installNow(ctx, u, flags, n, past, outcome)
}

// question is what whoever sits there is asked.
func question(flags installFlags, o *node.Outcome) string {
	if flags.restart && !o.AtBoot {
		return fmt.Sprintf("%s; then %s is restarted. Install this?", count(o.Changes), o.Service)
	}
	return fmt.Sprintf("%s; no kubelet is restarted. Install this?", count(o.Changes))
}

// installNow makes the changes, and has the system heed them.
func installNow(ctx context.Context, u *ui, flags installFlags, n *node.Node, j *plan.Journal, o *node.Outcome) (err error) {
	if j == nil {
		if j, err = n.Journal(ctx); err != nil {
			return err
		}
	}
	if err := n.Install(ctx, j, o, u.finished); err != nil {
		n.Finish(ctx, j) // what this cannot tidy up, on a full disk, the next run does
		return interrupted(ctx, err)
	}
	for _, trouble := range n.Start(ctx, o.Supervision) {
		u.say("not done now, but at the next boot: %s", trouble)
	}
	if flags.restart && !o.AtBoot {
		if err := n.Restart(ctx, o.Supervision); err != nil {
			return err
		}
		u.say("restarted %s", o.Service)
	} else {
		sayEffective(u, o, n.Live())
	}
	return j.Close()
}

// restartStale restarts a kubelet that has not read what an earlier run has installed, if
// that is asked for.
func restartStale(ctx context.Context, u *ui, flags installFlags, n *node.Node, j *plan.Journal, o *node.Outcome) error {
	if !flags.restart || o.AtBoot {
		return nil
	}
	current, err := n.Needs(ctx, j)
	if err != nil || len(current) > 0 {
		return err
	}
	if err := n.Restart(ctx, o.Supervision); err != nil {
		return err
	}
	u.say("restarted %s", o.Service)
	return nil
}

// showInstall shows what would be done: all of it to whoever is asked, and only what it
// is about before it is done anyway. What forbids it is not shown, but the error then.
func showInstall(u *ui, o *node.Outcome, brief bool) error {
	if u.format == "json" {
		return u.json(o.Shown())
	}
	u.say("distribution %s (%s)", o.Distribution, strings.Join(o.Evidence, ", "))
	if o.Kubelet.Minor > 0 {
		u.say("kubelet 1.%d (%s)", o.Kubelet.Minor, o.Kubelet.Evidence)
	} else {
		u.say("kubelet of unknown version")
	}
	u.say("")
	if !brief {
		plan.Text(u.out, o.Shown().Changes)
	}
	if len(o.Changes) == 0 {
		u.say("nothing to change")
	}
	showFindings(u, slices.DeleteFunc(slices.Clone(o.Findings), func(f plan.Finding) bool { return f.Level == plan.Blocks }))
	return nil
}

// sayEffective says what is left to do for the kubelet to heed it all. Of another root
// than this machine's, no command of this machine does it.
func sayEffective(u *ui, o *node.Outcome, live bool) {
	command := o.RestartCommand()
	if command == nil || o.AtBoot || !live {
		u.say("\nin effect %s", o.Effective)
		return
	}
	u.say("\nin effect %s: %s", o.Effective, strings.Join(command, " "))
}
