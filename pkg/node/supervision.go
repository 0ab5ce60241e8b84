package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/tree"
)

// A Supervision is what starts programs on a node, the kubelet among them.
type Supervision struct {
	Init    string `json:"init,omitempty"`    // systemd or openrc; "" if neither
	Service string `json:"service,omitempty"` // what runs the kubelet; "" if that is not known
}

// RestartCommand is what restarts the kubelet, nil if that is not known.
func (s Supervision) RestartCommand() []string {
	switch {
	case s.Service == "":
		return nil
	case s.Init == openRC:
		return []string{"rc-service", s.Service, "restart"}
	case s.Init == systemd:
		return []string{"systemctl", "restart", s.Service}
	}
	return nil
}

// restartTime is for k3s and RKE2 servers, whose units say that they have started only
// once the API server answers.
const restartTime = 5 * time.Minute

// Restart restarts what runs the kubelet, and returns when its unit says that it has
// started.
func (n *Node) Restart(ctx context.Context, s Supervision) error {
	command := s.RestartCommand()
	if command == nil || !n.Live() {
		return hint.Wrap(errors.New("restarting the kubelet: it is not known what runs it here"), "restart it in your own way")
	}
	ctx, cancel := context.WithTimeout(ctx, restartTime)
	defer cancel()
	if err := run(ctx, command); err != nil {
		return fmt.Errorf("restarting the kubelet: %w", err)
	}
	return nil
}

// Start has a running system heed an install, as far as that disturbs nobody: it reads
// the units, makes the cache directory, fetches tokens and starts the timer. What it
// cannot do is in the result, in words; the next boot does it.
func (n *Node) Start(ctx context.Context, s Supervision) []string {
	if !n.running(s) {
		return nil
	}
	if s.Init == openRC {
		return each(ctx, [][]string{{"rc-service", "ecr-credential-provider-warm", "start"}})
	}
	return each(ctx, [][]string{
		{"systemctl", "daemon-reload"}, {"systemd-tmpfiles", "--create", tmpfilesFile},
		{"systemctl", "start", warmTimer}, {"systemctl", "--no-block", "start", warmService},
	})
}

// Stop stops what runs of ours, before its units go. What it cannot do is in the
// result, in words.
func (n *Node) Stop(ctx context.Context, s Supervision) []string {
	if !n.running(s) || s.Init != systemd {
		return nil
	}
	return each(ctx, stops(n.tree))
}

// stops are the commands that stop our units: of those that are there, for systemd fails
// to stop what it does not know, and a second uninstall finds none.
func stops(t *tree.Tree) [][]string {
	var all [][]string
	for _, unit := range []string{warmTimer, warmService} {
		if t.Exists(systemUnits + unit) {
			all = append(all, []string{"systemctl", "stop", unit})
		}
	}
	return all
}

// Reload has systemd forget units that are gone.
func (n *Node) Reload(ctx context.Context, s Supervision) []string {
	if !n.running(s) || s.Init != systemd {
		return nil
	}
	return each(ctx, [][]string{{"systemctl", "daemon-reload"}})
}

// running says whether the init system is up: it is not in a chroot, nor in a container.
func (n *Node) running(s Supervision) bool {
	return n.Live() && (s.Init == systemd && n.tree.IsDirectory("/run/systemd/system") || s.Init == openRC && n.tree.IsDirectory("/run/openrc"))
}
