package node

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/kubelet"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/tree"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/wiring"
)

// Where program and config go where the distribution leaves that open: where those that
// we do not write are told to have them, too.
const (
	freeBinDir = wiring.DefaultBinDir
	freeConfig = wiring.DefaultConfig
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
	p.kubelet.TokenGate = tokenGate(p.tree, args)
	config, binDir := kubelet.Flags(args)
	if !p.place(config, binDir, freeConfig, freeBinDir) || p.told {
		return nil
	}
	file, err := extraArgsFile(p.tree, u)
	if err != nil {
		return err
	}
	p.wire = append(p.wire, func() error { return p.planExtraArgs(file) })
	return nil
}

// extraArgsFile is the file of environment in which the users' arguments are, or can be.
// Where they are in another place, a variable in this one would win over them.
func extraArgsFile(t *tree.Tree, u unit) (string, error) {
	if !slices.Contains(words(u.last("ExecStart")), "$"+extraArgs) {
		return "", hint.Wrap(fmt.Errorf("%s does not start the kubelet with $%s as a word of its own", u.file, extraArgs),
			"use kubeadm's own drop-in 10-kubeadm.conf, or --distribution generic")
	}
	const elsewhere = "move what is there to %s, where nobody writes over it"
	users := ""
	for _, file := range slices.Backward(u.environmentFiles(t)) {
		text, err := t.ReadLinked(file)
		if err != nil {
			return "", err
		}
		a, has := lastOf(text, extraArgs)
		theirs := file == "/etc/default/kubelet" || file == "/etc/sysconfig/kubelet"
		switch {
		case theirs && has:
			return file, nil
		case theirs && users == "":
			users = file
		case has && strings.TrimSpace(a.value) != "":
			return "", hint.Wrap(fmt.Errorf("%s is set in %s, which is not the users'", extraArgs, file), elsewhere, cmp.Or(users, "/etc/default/kubelet"))
		}
	}
	if users == "" {
		return "", hint.Wrap(fmt.Errorf("%s does not read %s from /etc/default/kubelet or /etc/sysconfig/kubelet", u.file, extraArgs),
			"use kubeadm's own drop-in 10-kubeadm.conf, or --distribution generic")
	}
	if strings.TrimSpace(u.environment()[extraArgs]) != "" {
		return "", hint.Wrap(fmt.Errorf("%s is set by Environment= of %s, which the same variable in %s would replace", extraArgs, u.name, users), elsewhere, users)
	}
	return users, nil
}

// planExtraArgs appends the flags to the users' arguments.
func (p *planner) planExtraArgs(file string) error {
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
