package main

import (
	"github.com/spf13/cobra"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account"
)

func printCommand(u *ui) *cobra.Command {
	c := &cobra.Command{
		Use:   "print",
		Short: "Print policies, or the plan for other tools",
		Long: `Print what apply would do, for accounts in which only other tools, or other people, may
do it: policies, an AWS CLI script, Terraform, CloudFormation.`,
		Args: wrongUsage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(
		printPolicyCommand(u),
		printPlanCommand(u, "operator-policy", "Print the permissions that planning, applying and destroying this plan needs", operatorPolicy),
		printPlanCommand(u, "awscli", "Print the plan as a script for the AWS CLI", (*account.Account).AWSCLI),
		printPlanCommand(u, "terraform", "Print the plan as Terraform", (*account.Account).Terraform),
		printPlanCommand(u, "cloudformation", "Print the roles, policies and profiles of the plan as a CloudFormation template", (*account.Account).CloudFormation),
	)
	return c
}

// printPlanCommand prints a plan in one way.
func printPlanCommand(u *ui, use, short string, text func(*account.Account, *account.Outcome) (string, error)) *cobra.Command {
	var (
		flags fileFlags
		all   bool
	)
	c := &cobra.Command{
		Use:   use,
		Short: short,
		Long:  short + ".\n\nWithout --all that is what is missing now; with it everything that the file describes,\nas if nothing of it were there. What cannot be put that way is listed in a comment at\nthe end.",
		Args:  wrongUsage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			_, a, err := flags.open(c.Context())
			if err != nil {
				return err
			}
			outcome, err := a.Plan(c.Context(), account.Options{SkipPreflight: true, FromNothing: all})
			if err != nil {
				return err
			}
			out, err := text(a, outcome)
			if err != nil {
				return err
			}
			u.say("%s", out)
			return nil
		},
	}
	flags.addFile(c)
	c.Flags().BoolVar(&all, "all", false, "everything, as if nothing were there")
	return c
}

func operatorPolicy(a *account.Account, o *account.Outcome) (string, error) {
	return a.OperatorPolicy(o.Changes).Indent(), nil
}
