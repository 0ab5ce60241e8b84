package node

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/kubelet"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/tree"
)

// Where program and config go where the distribution leaves that open. /usr is read-only
// on Flatcar and /opt is not; the SELinux policy of Red Hat's labels /opt/*/bin so that
// services may run what is there.
const (
	freeBinDir = "/opt/ecr-credential-provider/bin"
	freeConfig = "/etc/ecr-credential-provider/config.yaml"
)

// extraArgs is the users' variable in kubeadm's drop-in: its arguments come last, and
// neither `kubeadm upgrade` nor a package writes it (kubeadm's reference,
// "The kubelet drop-in file for systemd").
const extraArgs = "KUBELET_EXTRA_ARGS"

// placeKubeadm wires a kubelet that packages or the operator installed, and kubeadm
// configured.
func placeKubeadm(p *planner) error {
	u, ok, err := readUnit(p.tree, "kubelet.service")
	if err != nil {
		return err
	}
	if !ok {
		return hint.Wrap(fmt.Errorf("there is no kubelet.service, which kubeadm's drop-in belongs to"),
			"install the kubelet's package, or use --distribution generic")
	}
	p.service("kubelet.service", u)
	args, err := u.arguments(p.tree)
	if err != nil {
		return err
	}
	config, binDir := kubelet.Flags(args)
	file := extraArgsFile(u)
	if file == "" && config == "" {
		return hint.Wrap(fmt.Errorf("%s does not pass $%s from /etc/default/kubelet or /etc/sysconfig/kubelet to the kubelet", u.file, extraArgs),
			"use kubeadm's own drop-in 10-kubeadm.conf, or --distribution generic")
	}
	if !p.place(config, binDir, freeConfig, freeBinDir) {
		return nil
	}
	p.wire = append(p.wire, func() error { return p.planExtraArgs(file, args) })
	return nil
}

// extraArgsFile is the file of environment in which the users' arguments are: the last
// of those that the unit reads, for it wins.
func extraArgsFile(u unit) string {
	if !strings.Contains(u.last("ExecStart"), "$"+extraArgs) && !strings.Contains(u.last("ExecStart"), "${"+extraArgs+"}") {
		return ""
	}
	for _, file := range slices.Backward(u.environmentFiles()) {
		if path.Base(file) == "kubelet" && (path.Dir(file) == "/etc/default" || path.Dir(file) == "/etc/sysconfig") {
			return file
		}
	}
	return ""
}

// planExtraArgs appends the flags to the users' arguments, unless the kubelet is given
// them in another way.
func (p *planner) planExtraArgs(file string, args []string) error {
	lacks := func(flag string) bool { return !slices.Contains(args, flag) }
	if !slices.ContainsFunc(p.flags(), lacks) {
		return nil
	}
	return p.change(kindFlags, file, "tells the kubelet where both are", func(before string) (string, error) {
		text, ok := tree.Text(before)
		if before != "" && !ok {
			return "", fmt.Errorf("%s is no text", file)
		}
		text, err := withArguments(text, extraArgs, p.flags())
		if err != nil {
			return "", hint.Wrap(fmt.Errorf("%s: %w", file, err), "mend that line: systemd reads something else than is meant")
		}
		if before == "" {
			return tree.TextFile(text, tree.New(0o644)), nil
		}
		return tree.WithText(before, text), nil
	})
}
