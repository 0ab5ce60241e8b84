package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

var errNotAFormat = errors.New("there are text and json")

func planCommand(u *ui) *cobra.Command {
	var (
		flags fileFlags
		o     account.Options
		out   string
	)
	c := &cobra.Command{
		Use:   "plan",
		Short: "Show what would be changed, what is wrong, and what the controllers would choose",
		Long: `Show what apply would change, what the rules of the tags say, which security group and
subnets the controllers would choose before and after, and whether AWS would let you.
Nothing is changed. The status is 3 if there is anything to do or to know.`,
		Args: wrongUsage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			file, a, err := flags.open(c.Context())
			if err != nil {
				return err
			}
			j, err := plan.ReadJournal(flags.journalPath(file), account.Key(file))
			if err != nil {
				return err
			}
			o.Made = made(j)
			outcome, err := a.Plan(c.Context(), o)
			if err != nil {
				return err
			}
			if err := showPlan(u, outcome); err != nil {
				return err
			}
			if out != "" {
				if err := save(out, outcome); err != nil {
					return err
				}
				u.say("saved to %s: apply it with `%s apply %s`", out, name, out)
			}
			if pending(outcome) {
				return findings
			}
			return nil
		},
	}
	flags.add(c, u)
	flags.addJournal(c)
	addReplace(c, &o)
	c.Flags().StringVar(&out, "out", "", "write the plan to this file, for apply FILE")
	return c
}

func addReplace(c *cobra.Command, o *account.Options) {
	c.Flags().BoolVar(&o.ReplaceProfiles, "replace-profile", false, "give instances that have another instance profile ours")
}

// made are the objects that the journal says are there because of us.
func made(j *plan.Journal) []plan.Object {
	var all []plan.Object
	if j != nil {
		for _, c := range j.Net() {
			if c.Before == "" {
				all = append(all, c.Object)
			}
		}
	}
	return all
}

// pending says whether there is anything to do, or to worry about.
func pending(o *account.Outcome) bool {
	return len(o.Changes) > 0 || len(o.ByHand) > 0 ||
		slices.ContainsFunc(o.Findings, func(f plan.Finding) bool { return f.Level != plan.Note })
}

func showPlan(u *ui, o *account.Outcome) error {
	if u.format == "json" {
		return u.json(o)
	}
	u.say("cluster %s, as %s\n", o.Key, o.Caller)
	plan.Text(u.out, o.Changes)
	if len(o.Changes) == 0 {
		u.say("nothing to change")
	}
	showFindings(u, o.Findings)
	o.Choices.Text(u.out)
	if len(o.Preflight) > 0 {
		u.say("\nmay we?")
		account.PermissionText(u.out, o.Preflight)
	}
	showTasks(u, o)
	if len(o.Changes) > 0 {
		u.say("\n%s", count(o.Changes))
	}
	return nil
}

func showFindings(u *ui, all []plan.Finding) {
	if len(all) > 0 {
		u.say("\nfindings:")
	}
	for _, f := range all {
		u.say("  %s [%s] %s: %s", f.Level, f.Code, f.Object, f.Detail)
		if f.Fix != "" {
			u.say("      fix: %s", f.Fix)
		}
	}
}

func showTasks(u *ui, o *account.Outcome) {
	for _, t := range o.ByHand {
		u.say("\nleft for you, in %s: %s\n%s", t.Where, t.Title, t.Text)
	}
}

// count is the changes in one line.
func count(changes []plan.Change) string {
	n := map[plan.Verb]int{}
	for _, c := range changes {
		n[c.Verb()]++
	}
	return fmt.Sprintf("%d to create, %d to change, %d to delete", n[plan.Create], n[plan.Update], n[plan.Delete])
}

// save writes a plan to be applied later. It is 0600, for it says what an account has.
func save(path string, o *account.Outcome) error {
	text, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		return err
	}
	if err := replaceFile(path, append(text, '\n')); err != nil {
		return fmt.Errorf("saving the plan: %w", err)
	}
	return nil
}

// replaceFile puts a whole file of mode 0600 in the place of path, or changes
// nothing. A link there is replaced, not followed.
func replaceFile(path string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// sameAsSaved returns an error unless the plan is still the one that was saved.
func sameAsSaved(path string, now *account.Outcome) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the plan: %w", err)
	}
	var saved account.Outcome
	if err := json.Unmarshal(text, &saved); err != nil || saved.Key == "" {
		return hint.Wrap(fmt.Errorf("%s is not a saved plan", path), "save one with `%s plan --out FILE`", name)
	}
	if saved.Key != now.Key {
		return fmt.Errorf("the plan in %s is for %s, the file is for %s", path, saved.Key, now.Key)
	}
	for _, c := range now.Changes {
		if !slices.Contains(saved.Changes, c) {
			return moved(path, c)
		}
	}
	for _, c := range saved.Changes {
		if !slices.Contains(now.Changes, c) {
			return moved(path, c)
		}
	}
	return nil
}

func moved(path string, c plan.Change) error {
	return hint.Wrap(fmt.Errorf("the account has moved since %s was saved: %s is not as it was", path, c.Object),
		"look at the plan again, and save it anew")
}
