package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

func printCommand(u *ui) *cobra.Command {
	c := &cobra.Command{
		Use:   "print",
		Short: "Print policies, the plan for other tools, or what goes onto nodes",
		Long: `Print what apply would do, for accounts in which only other tools, or other people, may
do it: policies, an AWS CLI script, Terraform, CloudFormation. Or print what install
would write, for nodes that are made in another way.`,
		Args: wrongUsage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(printNodeCommands(u)...)
	c.AddCommand(
		printRBACCommand(u), printRoleTrustCommand(u),
		printPolicyCommand(u),
		printPlanCommand(u, "operator-policy", "Print the permissions that planning, applying and destroying this plan needs", operatorPolicy),
		printPlanCommand(u, "awscli", "Print the plan as a script for the AWS CLI", forTool(account.Export.AWSCLI)),
		printPlanCommand(u, "terraform", "Print the plan as Terraform", forTool(account.Export.Terraform)),
		printPlanCommand(u, "cloudformation", "Print the roles, policies and profiles of the plan as a CloudFormation template", forTool(account.Export.CloudFormation)),
	)
	return c
}

// printPlanCommand prints a plan in one way.
func printPlanCommand(u *ui, use, short string, text func(*account.Account, account.Export) string) *cobra.Command {
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
			export, err := a.Export(c.Context(), account.Options{FromNothing: all})
			if err != nil {
				return err
			}
			u.say("%s", strings.TrimSuffix(text(a, export), "\n"))
			return nil
		},
	}
	flags.addFile(c)
	c.Flags().BoolVar(&all, "all", false, "everything, as if nothing were there")
	return c
}

func operatorPolicy(a *account.Account, e account.Export) string {
	return a.OperatorPolicy(e.Changes).Indent()
}

// forTool is a printer, whose text says itself what it leaves.
func forTool(print func(account.Export) (string, []plan.Change)) func(*account.Account, account.Export) string {
	return func(_ *account.Account, e account.Export) string {
		text, _ := print(e)
		return text
	}
}
