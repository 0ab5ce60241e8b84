// Command ecr-node-bootstrap makes nodes, and the AWS account of a Kubernetes cluster,
// fit to pull from Amazon ECR, and takes it all back. On a node: the plugin, the
// kubelet's config and flags, units. In the account: IAM roles and instance profiles,
// ClusterID tags, access to an EKS cluster, registry policies. One file,
// bootstrap.yaml, says what shall be; `init` writes a first one, and a node does
// without.
//
// It exits 0 when done, 1 when something failed, 2 when it was called wrongly, and 3
// when a plan has changes or findings, or when something was left.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

const name = "ecr-node-bootstrap"

const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitFindings = 3
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the program.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	u := newUI(stdin, stdout, stderr)
	root := rootCommand(u)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if u.broken != nil && err == nil {
		err = u.broken
	}
	if err == nil {
		return exitDone
	}
	status := exitFailed
	if s, ok := errors.AsType[*statusError](err); ok {
		status, err = s.status, s.err
	}
	if err != nil {
		u.fail(err)
	}
	return status
}

// statusError ends the program with a status, and with an error if there is one to
// print.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string {
	if e.err == nil {
		return "findings"
	}
	return e.err.Error()
}

func (e *statusError) Unwrap() error { return e.err }

// usageError is an error of who called, not of what was done.
func usageError(err error) error { return &statusError{exitUsage, err} }

// findings ends with the status that says so, without an error.
var findings = &statusError{status: exitFindings}

func rootCommand(u *ui) *cobra.Command {
	c := &cobra.Command{
		Use:   name,
		Short: "Make nodes and the AWS account fit to pull from Amazon ECR, and take it back",
		Long: `Make Kubernetes nodes, and the AWS account of their cluster, fit to pull from Amazon ECR.

On a node, install puts the plugin, the kubelet's config and flags, and units that keep
tokens warm where they belong, and doctor says whether the kubelet heeds them. In the
account, apply makes IAM roles and instance profiles, ClusterID tags, access to an EKS
cluster, and policies of registries. bootstrap.yaml says what shall be; init writes a
first one, and a node does without.

Exit status: 0 done, 1 failed, 2 called wrongly, 3 changes, findings, or something left.`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          wrongUsage(cobra.NoArgs),
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.SetIn(u.in)
	c.SetOut(u.out)
	c.SetErr(u.err)
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError(err) })
	c.AddCommand(initCommand(u), planCommand(u), applyCommand(u), destroyCommand(u), printCommand(u), installCommand(u), uninstallCommand(u), doctorCommand(u))
	return c
}

// stamp is the version of a release, set by the linker.
var stamp string

func version() string {
	if stamp != "" {
		return stamp
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
