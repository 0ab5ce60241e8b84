package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/doctor"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node"
)

func doctorCommand(u *ui) *cobra.Command {
	var (
		flags nodeFlags
		d     doctor.Doctor
	)
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Say whether this node's kubelet asks the plugin, and if not, where the way breaks",
		Long: `Look at the way from the kubelet to the plugin, in its order: what the kubelet is told,
its config, the program, the units, and what the running kubelet has loaded. Each finding
comes with what mends it; the first is the place to begin. Nothing is changed, and AWS is
not asked.

Any user may run this. What only root sees is said to be unknown, and is no finding. The
status is 3 if there are findings.`,
		Args: wrongUsage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			d.Root = flags.root
			return examine(c.Context(), u, d)
		},
	}
	flags.add(c, u)
	c.Flags().StringVar(&d.Distribution, "distribution", node.Auto, node.Auto+", "+strings.Join(node.Distributions(), ", "))
	c.Flags().StringVar(&d.KubeletVersion, "kubelet-version", "", "the kubelet's version, for example 1.34 (default: found out, where it can be)")
	c.Flags().StringVar(&d.BinDir, "bin-dir", "", "with --distribution generic: the kubelet's bin dir (default: that of the running one)")
	c.Flags().StringVar(&d.Config, "config", "", "with --distribution generic: the kubelet's config (default: that of the running one)")
	c.Flags().StringVar(&d.Metrics, "metrics", "", "the URL of the kubelet's metrics (default: where it has them on this machine)")
	return c
}

func examine(ctx context.Context, u *ui, d doctor.Doctor) error {
	report, err := d.Examine(ctx)
	if err != nil {
		return err
	}
	found := report.Findings()
	if u.format == "json" {
		if err := u.json(report); err != nil {
			return err
		}
	} else {
		for _, c := range report.Checks {
			u.check(c)
		}
		if len(found) > 1 {
			u.say("\n%d findings: begin with %s", len(found), found[0].Code)
		}
	}
	if len(found) > 0 {
		return findings
	}
	return nil
}
