package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/wiring"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
)

var errNoAudience = hint.Wrap(errors.New("there is no audience: neither --audience nor pull.serviceAccounts of the file"),
	"for roles that trust the cluster's OIDC provider it is sts.amazonaws.com")

// printRBACCommand prints what lets kubelets have tokens of service accounts.
func printRBACCommand(u *ui) *cobra.Command {
	var (
		flags    fileFlags
		audience string
	)
	c := &cobra.Command{
		Use:   "rbac [SERVICE_ACCOUNT...]",
		Short: "Print the RBAC that lets kubelets request tokens of service accounts for pulls",
		Long: `Print the ClusterRole and its binding that let kubelets request tokens of the audience:
for service accounts of these names, in every namespace, or for all.`,
		RunE: func(c *cobra.Command, names []string) error {
			if audience == "" {
				pull, err := flags.pull(c)
				if err != nil {
					return err
				}
				if pull.ServiceAccounts == nil {
					return usageError(errNoAudience)
				}
				audience = pull.ServiceAccounts.Audience
			}
			text, err := wiring.RBAC(audience, names)
			if err != nil {
				return usageError(err)
			}
			fmt.Fprint(u.out, text)
			return nil
		},
	}
	flags.addFile(c)
	c.Flags().StringVar(&audience, "audience", "", "of the tokens (default: the file's)")
	return c
}

// printRoleTrustCommand prints the trust policy of a role that pods pull with.
func printRoleTrustCommand(u *ui) *cobra.Command {
	var (
		flags    fileFlags
		audience string
		issuer   string
	)
	c := &cobra.Command{
		Use:   "role-trust NAMESPACE/SERVICE_ACCOUNT",
		Short: "Print the trust policy of a role with which a service account's pods pull",
		Args:  wrongUsage(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			namespace, name, ok := strings.Cut(args[0], "/")
			if !ok {
				return usageError(fmt.Errorf("%q is not NAMESPACE/SERVICE_ACCOUNT", args[0]))
			}
			file, err := config.Load(flags.file)
			if err != nil {
				return err
			}
			if s := file.Pull.ServiceAccounts; audience == "" && s != nil {
				audience = s.Audience
			}
			if audience == "" {
				return usageError(errNoAudience)
			}
			home, err := registry.InRegion(file.Region)
			if err != nil {
				return err
			}
			provider, err := policy.ProviderARN(home.Partition, file.Account, issuer)
			if err != nil {
				return usageError(fmt.Errorf("--issuer: %w", err))
			}
			document, err := policy.ServiceAccountTrust(policy.ServiceAccount{Provider: provider, Audience: audience, Namespace: namespace, Name: name})
			if err != nil {
				return usageError(err)
			}
			fmt.Fprint(u.out, document.Indent())
			return nil
		},
	}
	flags.addFile(c)
	c.Flags().StringVar(&audience, "audience", "", "of the tokens (default: the file's)")
	c.Flags().StringVar(&issuer, "issuer", "", "the cluster's OIDC issuer, an https URL")
	c.MarkFlagRequired("issuer")
	return c
}
