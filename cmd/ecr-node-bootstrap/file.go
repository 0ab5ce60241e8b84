package main

import (
	"context"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
)

// fileFlags are the flags of every command that reads bootstrap.yaml.
type fileFlags struct {
	file    string
	journal string
}

func (f *fileFlags) add(c *cobra.Command, u *ui) {
	f.addFile(c)
	addFormat(c, u)
}

func (f *fileFlags) addFile(c *cobra.Command) {
	c.Flags().StringVarP(&f.file, "file", "f", "bootstrap.yaml", "the file that describes the cluster")
}

func (f *fileFlags) addJournal(c *cobra.Command) {
	c.Flags().StringVar(&f.journal, "journal", "", "the journal of what was changed (default: beside the file)")
}

func addFormat(c *cobra.Command, u *ui) {
	c.Flags().VarP((*formatFlag)(&u.format), "output", "o", "text or json")
	c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
}

// formatFlag is text or json, and nothing else.
type formatFlag string

func (f *formatFlag) String() string { return string(*f) }
func (f *formatFlag) Type() string   { return "format" }
func (f *formatFlag) Set(s string) error {
	if s != "text" && s != "json" {
		return errNotAFormat
	}
	*f = formatFlag(s)
	return nil
}

// open reads the file and finds its account.
func (f *fileFlags) open(ctx context.Context) (*config.File, *account.Account, error) {
	file, err := config.Load(f.file)
	if err != nil {
		return nil, nil, err
	}
	a, err := account.Open(ctx, file)
	return file, a, err
}

// journalPath is where the journal of the file's account, region and cluster is.
func (f *fileFlags) journalPath(file *config.File) string {
	if f.journal != "" {
		return f.journal
	}
	base := strings.TrimSuffix(strings.TrimSuffix(f.file, ".yml"), ".yaml")
	return filepath.Clean(base + "." + strings.Join([]string{file.Account, file.Region, url.PathEscape(file.Cluster)}, ".") + ".journal")
}
