package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/kubelet"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// uninstallFlags are those of uninstall.
type uninstallFlags struct {
	nodeFlags
	dryRun, restart, yes bool
}

func uninstallCommand(u *ui) *cobra.Command {
	var flags uninstallFlags
	c := &cobra.Command{
		Use:   "uninstall",
		Short: "Take back what install has changed, and nothing else",
		Long: `Take back what install has changed, by its journal, the last first: what it made is
removed, what it changed becomes what it was. In a file that somebody else has changed
since only our part is taken out; what cannot be taken out is named.

A kubelet that has read our config goes on running the program until it is restarted.
As long as one does, program and config stay, and the status is 3: restart it, here with
--restart, and run this again.`,
		Args: wrongUsage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := flags.mayRestart(flags.restart); err != nil {
				return err
			}
			return withNode(flags.root, func(n *node.Node) error { return uninstall(c.Context(), u, flags, n) })
		},
	}
	flags.add(c, u)
	c.Flags().BoolVar(&flags.dryRun, "dry-run", false, "only show what would be done")
	c.Flags().BoolVar(&flags.restart, "restart", false, "restart what runs the kubelet, as soon as it is unwired")
	c.Flags().BoolVar(&flags.yes, "yes", false, "do not ask")
	return c
}

func uninstall(ctx context.Context, u *ui, flags uninstallFlags, n *node.Node) error {
	past, err := n.Past()
	if err != nil {
		return err
	}
	if past == nil {
		u.say("nothing to take back")
		if flags.dryRun {
			return nil
		}
		return n.Tidy()
	}
	j, err := n.Journal(ctx)
	if err != nil {
		return err
	}
	defer j.Close()
	r, err := n.Removal(ctx, j)
	if err != nil {
		return err
	}
	if err := showRemoval(u, r, flags.yes && !flags.dryRun); err != nil {
		return err
	}
	pending := len(r.Unwire)+len(r.Rest) > 0
	switch {
	case flags.dryRun && (pending || len(r.Left) > 0):
		return findings
	case flags.dryRun:
		return nil
	case pending && !flags.yes:
		if err := u.confirm("take this back?"); err != nil {
			return err
		}
	}
	if err := takeBack(ctx, u, flags, n, j, r); err != nil {
		return err
	}
	if err := n.Finish(ctx, j); err != nil {
		return err
	}
	if len(r.Left) > 0 {
		return findings
	}
	return nil
}

// takeBack unwires the kubelet, and removes what it needed once it no longer does.
func takeBack(ctx context.Context, u *ui, flags uninstallFlags, n *node.Node, j *plan.Journal, r *node.Removal) error {
	for _, trouble := range n.Stop(ctx, r.Supervision) {
		u.say("not stopped: %s", trouble)
	}
	if err := n.Apply(ctx, j, r.Unwire, u.finished); err != nil {
		return interrupted(ctx, err)
	}
	for _, trouble := range n.Reload(ctx, r.Supervision) {
		u.say("not reloaded: %s", trouble)
	}
	if r.AtBoot && len(r.Rest) > 0 {
		return &statusError{exitFindings, hint.Wrap(
			errors.New("the kubelet is unwired, but nodeadm has given it flags that name the config until the node boots: config and program stay until then"),
			"reboot, and run this again")}
	}
	needing, err := n.Needs(ctx, j)
	if err != nil {
		return err
	}
	if len(needing) > 0 && flags.restart {
		if err := n.Restart(ctx, r.Supervision); err != nil {
			return err
		}
		u.say("restarted %s", r.Service)
		if needing, err = n.Needs(ctx, j); err != nil {
			return err
		}
	}
	if len(needing) > 0 && len(r.Rest) > 0 {
		return &statusError{exitFindings, stillNeeded(needing, r)}
	}
	err = n.Apply(ctx, j, r.Rest, u.finished)
	if errors.Is(err, plan.ErrInUse) {
		return &statusError{exitFindings, err}
	}
	return interrupted(ctx, err)
}

// stillNeeded says which kubelet has to be restarted.
func stillNeeded(all []kubelet.Process, r *node.Removal) error {
	var names []string
	for _, p := range all {
		names = append(names, fmt.Sprintf("process %d, since %s", p.PID, p.Started.Format(time.DateTime)))
	}
	err := fmt.Errorf("the kubelet (%s) is unwired, but has started with our config and still runs the program for pulls: both stay until it is restarted",
		strings.Join(names, "; "))
	if command := r.RestartCommand(); command != nil {
		return hint.Wrap(err, "`%s`, and run this again, or let this do it with --restart", strings.Join(command, " "))
	}
	return hint.Wrap(err, "restart it, and run this again")
}

// withoutContents are the changes without what is in files that go, for people.
func withoutContents(changes []plan.Change) []plan.Change {
	changes = slices.Clone(changes)
	for i, c := range changes {
		if c.After == "" {
			changes[i].Before, _, _ = strings.Cut(c.Before, "\n")
		}
	}
	return changes
}

func showRemoval(u *ui, r *node.Removal, brief bool) error {
	if u.format == "json" {
		return u.json(r.Shown())
	}
	if !brief {
		plan.Text(u.out, withoutContents(r.Shown().Unwire))
		plan.Text(u.out, withoutContents(r.Shown().Rest))
	}
	if len(r.Unwire)+len(r.Rest) == 0 {
		u.say("nothing to take back")
	}
	for _, dir := range r.Shared {
		u.say("stays: directory %s, for others have files in it", dir)
	}
	if r.ByHand != "" {
		u.say("for you: %s", r.ByHand)
	}
	for _, l := range r.Left {
		u.say("left: %s: %s", l.Change.Object, l.Why)
	}
	return nil
}
