package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

// policyFlags are those of print policy.
type policyFlags struct {
	fileFlags
	group   string
	profile string
	diff    string
	why     string
	fixed   bool
}

func printPolicyCommand(u *ui) *cobra.Command {
	var f policyFlags
	c := &cobra.Command{
		Use:   "policy [DOCUMENT]",
		Short: "Print the policies of the file's groups, or a published document",
		Long: `Print the IAM policies of the file's groups of nodes, without asking AWS, or a document
that somebody has published: ` + strings.Join(policy.PublishedNames(), ", ") + `.
--diff compares with another profile, --why says who needs an action.`,
		Args:      wrongUsage(cobra.MatchAll(cobra.MaximumNArgs(1), knownDocument)),
		ValidArgs: policy.PublishedNames(),
		RunE: func(_ *cobra.Command, args []string) error {
			switch {
			case f.why != "":
				return why(u, f.why)
			case len(args) == 1:
				return published(u, args[0], f.fixed)
			}
			return groupPolicies(u, f)
		},
	}
	f.add(c, u)
	c.Flags().StringVar(&f.group, "group", "", "of this group only")
	c.Flags().StringVar(&f.profile, "profile", "", "as if this were the groups' profile: called, rancher or upstream")
	c.Flags().StringVar(&f.diff, "diff", "", "the actions that this profile has and the policies have not, and the other way round")
	c.Flags().StringVar(&f.why, "why", "", "who calls this action, since when, and where that is written")
	c.Flags().BoolVar(&f.fixed, "fixed", false, "with the actions that the published document lacks")
	profiles := cobra.FixedCompletions([]string{string(config.ProfileCalled), string(config.ProfileRancher), string(config.ProfileUpstream)}, cobra.ShellCompDirectiveNoFileComp)
	c.RegisterFlagCompletionFunc("profile", profiles)
	c.RegisterFlagCompletionFunc("diff", profiles)
	return c
}

func knownDocument(_ *cobra.Command, args []string) error {
	if len(args) == 1 && !slices.Contains(policy.PublishedNames(), args[0]) {
		return fmt.Errorf("no published document is called %q: there are %s", args[0], strings.Join(policy.PublishedNames(), ", "))
	}
	return nil
}

// why prints the rows of the table about an action.
func why(u *ui, action string) error {
	rows := policy.Why(action)
	if len(rows) == 0 {
		return hint.Wrap(fmt.Errorf("nothing is known of the action %q", action), "an action is SERVICE:Operation, such as ecr:BatchGetImage")
	}
	if u.format == "json" {
		return u.json(rows)
	}
	for _, r := range rows {
		u.say("%s", r.Action)
		for _, part := range []struct{ word, text string }{
			{"called by", r.Component}, {"when", r.When}, {"feature", r.Feature}, {"roles", joined(r.Roles)},
			{"versions", r.Versions}, {"source", r.Source}, {"documents", strings.Join(r.Documents, ", ")},
		} {
			if part.text != "" {
				u.say("  %-10s %s", part.word, part.text)
			}
		}
	}
	return nil
}

func joined(roles []policy.Role) string {
	var all []string
	for _, r := range roles {
		all = append(all, string(r))
	}
	return strings.Join(all, ", ")
}

func published(u *ui, name string, fixed bool) error {
	d, err := policy.Published(name, fixed)
	if err != nil {
		return err
	}
	fmt.Fprint(u.out, d.Indent()) // JSON in either format
	if fixed {
		for _, r := range policy.Added(name) {
			fmt.Fprintf(u.err, "added %s: %s (%s)\n", r.Action, r.When, r.Source)
		}
	}
	return nil
}

// groupPolicies prints what the groups' roles get.
func groupPolicies(u *ui, f policyFlags) error {
	file, err := config.Load(f.file)
	if err != nil {
		return err
	}
	policies, err := groupsWith(file, f.group, f.profile)
	if err != nil {
		return err
	}
	if f.diff != "" {
		others, err := groupsWith(file, f.group, f.diff)
		if err != nil {
			return err
		}
		return differences(u, f, policies, others)
	}
	if u.format == "json" {
		return u.json(policies)
	}
	for _, g := range policies {
		for _, p := range g.Policies {
			u.say("# group %s, policy %s\n%s", g.Group, p.Name, p.Document.Indent())
		}
	}
	return nil
}

// groupsWith are the policies of the groups, or of one, under a profile.
func groupsWith(file *config.File, group, profile string) ([]account.GroupPolicies, error) {
	changed := *file
	changed.Nodes = nil
	for _, g := range file.Nodes {
		if group != "" && g.Name != group {
			continue
		}
		if profile != "" {
			g.Profile = config.Profile(profile)
		}
		changed.Nodes = append(changed.Nodes, g)
	}
	if len(changed.Nodes) == 0 && group != "" {
		return nil, usageError(fmt.Errorf("the file has no group %q", group))
	}
	if len(changed.Nodes) == 0 {
		return nil, errors.New("the file has no groups of nodes")
	}
	return account.Policies(&changed)
}

// differences prints the actions that only one of two profiles allows.
func differences(u *ui, f policyFlags, ours, theirs []account.GroupPolicies) error {
	type difference struct {
		Group string              `json:"group"`
		Diff  []policy.Difference `json:"diff"`
	}
	var all []difference
	for i := range ours {
		all = append(all, difference{ours[i].Group, policy.Diff(ours[i].Union(), theirs[i].Union())})
	}
	if u.format == "json" {
		return u.json(all)
	}
	for _, d := range all {
		u.say("group %s: - is only in profile %s, + only here", d.Group, f.diff)
		for _, a := range d.Diff {
			sign, reason := "-", ""
			if a.InA {
				sign = "+"
			}
			if len(a.Why) > 0 {
				reason = a.Why[0].When
				if a.Why[0].Component != "" {
					reason = a.Why[0].Component + ": " + reason
				}
			}
			u.say("%s %-60s %s", sign, a.Action, reason)
		}
	}
	return nil
}
