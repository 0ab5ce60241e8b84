package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

func destroyCommand(u *ui) *cobra.Command {
	var flags applyFlags
	c := &cobra.Command{
		Use:   "destroy",
		Short: "Take back what apply has changed, and nothing else",
		Long: `Take back what apply has changed, by its journal, the last first: what it created is
deleted, what it changed gets its old value where the present one is still ours. What
somebody else has changed since, and what is in use, is reported and left. Without a
journal only what carries our ownership tag is deleted, and tags and instance profiles
of instances stay.`,
		Args: wrongUsage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if flags.events {
				u.format = "json"
			}
			return destroy(c.Context(), u, flags)
		},
	}
	flags.add(c, u)
	return c
}

// undoing is what destroy means to do, for programs.
type undoing struct {
	Key     string        `json:"key"`
	Changes []plan.Change `json:"changes"`
	Rest    []plan.Rest   `json:"rest,omitempty"`
}

func destroy(ctx context.Context, u *ui, flags applyFlags) error {
	file, a, err := flags.open(ctx)
	if err != nil {
		return err
	}
	path := flags.journalPath(file)
	_, err = os.Lstat(path)
	without := errors.Is(err, os.ErrNotExist)
	if without {
		// What was not journalled when it was made cannot be taken back twice. This
		// one would be taken for a record of what we made.
		dir, err := os.MkdirTemp("", name)
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		path = filepath.Join(dir, "journal")
	}
	j, err := plan.OpenJournal(path, account.Key(file))
	if err != nil {
		return err
	}
	defer j.Close()
	changes, rest, err := toUndo(ctx, u, a, j, without)
	if err != nil {
		return err
	}
	if !flags.events {
		if err := showUndo(u, undoing{account.Key(file), changes, rest}); err != nil {
			return err
		}
	}
	if len(changes) > 0 {
		if !flags.yes {
			if err := u.confirm("take this back?"); err != nil {
				return err
			}
		}
		if err := carryOut(ctx, u, flags, a, changes, j); err != nil {
			if errors.Is(err, plan.ErrInUse) {
				return &statusError{exitFindings, err}
			}
			return err
		}
	}
	if len(rest) > 0 {
		return findings
	}
	return nil
}

// toUndo is what the journal says, or without one what our tags say.
func toUndo(ctx context.Context, u *ui, a *account.Account, j *plan.Journal, without bool) ([]plan.Change, []plan.Rest, error) {
	if without {
		u.say("there is no journal: only what carries our tag is deleted; tags of EC2 resources and instance profiles of instances stay\n")
		changes, err := a.Owned(ctx)
		return changes, nil, err
	}
	if err := plan.Settle(ctx, a, j, time.Now); err != nil {
		return nil, nil, err
	}
	var objects []plan.Object
	for _, c := range j.Net() {
		objects = append(objects, c.Object)
	}
	present, err := a.Read(ctx, objects)
	if err != nil {
		return nil, nil, err
	}
	changes, rest := plan.Undo(j, present, account.Kinds())
	return changes, rest, nil
}

func showUndo(u *ui, d undoing) error {
	if u.format == "json" {
		return u.json(d)
	}
	plan.Text(u.out, d.Changes)
	if len(d.Changes) == 0 {
		u.say("nothing to take back")
	}
	for _, r := range d.Rest {
		u.say("left: %s: %s", r.Change.Object, r.Why)
	}
	return nil
}
