package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// workers is how many calls are under way at once. EC2 lets an account make some
// dozens of changing calls at once and then five a second
// (docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html): more only waits.
const workers = 4

// applyFlags are those of apply and destroy.
type applyFlags struct {
	fileFlags
	yes    bool
	events bool
}

func (f *applyFlags) add(c *cobra.Command, u *ui) {
	f.fileFlags.add(c, u)
	f.addJournal(c)
	c.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&f.events, "events", false, "print every finished change as a line of JSON")
}

func applyCommand(u *ui) *cobra.Command {
	var (
		flags applyFlags
		o     account.Options
		force bool
	)
	c := &cobra.Command{
		Use:   "apply [PLAN]",
		Short: "Make the account what the file says",
		Long: `Make the account what the file says, after showing the plan. With PLAN, a file that
plan --out has written, nothing is done if the account has moved since. What is done
is written to a journal, from which destroy takes it back; an interrupted apply is
continued by another.`,
		Args: wrongUsage(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if flags.events {
				u.format = "json" // stdout is the events'
			}
			return apply(c.Context(), u, flags, o, force, args)
		},
	}
	flags.add(c, u)
	addReplace(c, &o)
	c.Flags().BoolVar(&force, "force", false, "apply although the preflight says that AWS will deny a part of it")
	return c
}

// wrongUsage makes errors of the arguments errors of who called.
func wrongUsage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usageError(err)
		}
		return nil
	}
}

func apply(ctx context.Context, u *ui, flags applyFlags, o account.Options, force bool, args []string) error {
	file, a, err := flags.open(ctx)
	if err != nil {
		return err
	}
	j, err := plan.OpenJournal(flags.journalPath(file), account.Key(file))
	if err != nil {
		return err
	}
	defer j.Close()
	if err := plan.Settle(ctx, a, j, time.Now); err != nil {
		return err
	}
	o.Made = made(j)
	outcome, err := a.Plan(ctx, o)
	if err != nil {
		return err
	}
	if len(args) == 1 {
		if err := sameAsSaved(args[0], outcome); err != nil {
			return err
		}
	}
	if !flags.events {
		if err := showPlan(u, outcome); err != nil {
			return err
		}
	}
	considered := outcome.Plan
	if force {
		considered.Findings = slices.DeleteFunc(slices.Clone(considered.Findings), func(f plan.Finding) bool { return f.Code == account.CodeDenied })
	}
	if err := refused(considered); err != nil {
		return err
	}
	if len(outcome.Changes) > 0 {
		if !flags.yes {
			if err := u.confirm("apply this?"); err != nil {
				return err
			}
		}
		if err := carryOut(ctx, u, flags, a, outcome.Changes, j); err != nil {
			return err
		}
	}
	for _, group := range slices.Sorted(maps.Keys(outcome.Profiles)) {
		u.say("instance profile of group %s: %s", group, outcome.Profiles[group])
	}
	return nil
}

// refused is an error if findings forbid to make the plan's changes.
func refused(p plan.Plan) error {
	var errs []error
	for _, f := range p.Blocked() {
		err := fmt.Errorf("[%s] %s: %s", f.Code, f.Object, f.Detail)
		if f.Fix != "" {
			err = hint.Wrap(err, "%s", f.Fix)
		}
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		errs = append(errs, errors.New("nothing was changed"))
	}
	return errors.Join(errs...)
}

// carryOut makes the changes, with a line for each.
func carryOut(ctx context.Context, u *ui, flags applyFlags, a *account.Account, changes []plan.Change, j *plan.Journal) error {
	observe := u.finished
	if flags.events {
		observe = u.event
	}
	err := plan.Apply(ctx, a, changes, j, plan.Options{Workers: workers, Observe: observe})
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return hint.Wrap(errors.Join(errors.New("interrupted"), err), "run it again: it goes on where it stopped")
	}
	return err
}
