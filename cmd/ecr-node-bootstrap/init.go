package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

func initCommand(u *ui) *cobra.Command {
	var (
		where account.Where
		path  string
	)
	c := &cobra.Command{
		Use:   "init --region REGION",
		Short: "Look at an account and write a first bootstrap.yaml",
		Long: `Look at a region for a cluster's instances, security group and subnets, by their tags
or in a VPC, and write bootstrap.yaml with what was found, and comments on what was
guessed. Beside it the JSON schema is written, by which editors complete the file.
Nothing in the account is changed, and no file that is there is overwritten.`,
		Args: wrongUsage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if where.Region == "" {
				return usageError(hint.Wrap(errors.New("init needs --region"), "say --region with the cluster's, such as eu-central-1"))
			}
			if _, err := os.Lstat(path); err == nil {
				return hint.Wrap(fmt.Errorf("%s is there already", path), "give another name with -f, or move it away")
			}
			file, notes, err := account.Discover(c.Context(), where)
			if err != nil {
				return err
			}
			if err := writeNew(path, config.Write(file, notes)); err != nil {
				return err
			}
			schema := filepath.Join(filepath.Dir(path), config.SchemaName)
			if err := writeNew(schema, config.Schema()); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
			u.say("wrote %s: read it, then see what `%s plan` says", path, name)
			return nil
		},
	}
	c.Flags().StringVarP(&path, "file", "f", "bootstrap.yaml", "the file to write")
	c.Flags().StringVar(&where.Region, "region", os.Getenv("AWS_REGION"), "the cluster's region (default: AWS_REGION)")
	c.Flags().StringVar(&where.Cluster, "cluster", "", "the ClusterID (default: by the tags of instances)")
	c.Flags().StringVar(&where.VPC, "vpc", "", "the VPC (default: that of the cluster's instances)")
	c.Flags().StringVar(&where.EKS, "eks", "", "the name of an EKS cluster, which is the ClusterID then")
	return c
}

// writeNew writes a file that must not be there.
func writeNew(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
