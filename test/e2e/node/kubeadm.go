//go:build linux

package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/isolation"
)

// KubeletService is the unit that runs the kubelet where kubeadm made the node.
const KubeletService = "kubelet.service"

// kubeadmKubelet is where the kubelet is on a Flatcar, whose /usr is as read-only as
// the one here, and whose units are in /etc (flatcar/mantle,
// kola/tests/kubeadm/testdata/master-flannel-script.sh).
const kubeadmKubelet = "/opt/bin/kubelet"

// kubeadmFiles are what makes a node kubeadm's: the units of the Kubernetes packages
// (kubernetes/release, cmd/krel/templates/latest), but for the kubeconfigs, for there is
// no API server; what kubeadm writes when a node joins; and what a user has set.
var kubeadmFiles = map[string]string{
	unitDir + "/" + KubeletService: `[Unit]
Description=kubelet: The Kubernetes Node Agent
Documentation=https://kubernetes.io/docs/
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=/opt/bin/kubelet
Restart=always
StartLimitInterval=0
RestartSec=10

[Install]
WantedBy=multi-user.target
`,
	unitDir + "/" + KubeletService + ".d/10-kubeadm.conf": `# Note: This dropin only works with kubeadm and kubelet v1.11+
[Service]
Environment="KUBELET_CONFIG_ARGS=--config=` + kubeletConfigFile + `"
# This is a file that "kubeadm init" and "kubeadm join" generates at runtime, populating the KUBELET_KUBEADM_ARGS variable dynamically
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
# This is a file that the user can use for overrides of the kubelet args as a last resort.
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/opt/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
`,
	"/var/lib/kubelet/kubeadm-flags.env": `KUBELET_KUBEADM_ARGS="--hostname-override=` + isolation.NodeName + ` --node-ip=` + Address + `"
`,
	"/etc/default/kubelet": `KUBELET_EXTRA_ARGS="--max-pods=50"
`,
}

// Kubeadm makes the node one of kubeadm's, with an /etc and an /opt of its own that can
// be written to. Its kubelet is not started yet.
func (n *Node) Kubeadm() {
	n.t.Helper()
	n.mount("/opt")
	n.shadow("/etc")
	if err := os.Mkdir(filepath.Dir(kubeadmKubelet), 0o755); err != nil {
		n.t.Fatal(err)
	}
	if err := os.Symlink(n.set.Kubelet, kubeadmKubelet); err != nil {
		n.t.Fatal(err)
	}
	n.configureKubelet()
	for file, text := range kubeadmFiles {
		n.write(file, []byte(text))
	}
}

// shadow gives the node a copy of a directory.
func (n *Node) shadow(dir string) {
	n.t.Helper()
	if err := isolation.Shadow(dir, n.t.TempDir()); err != nil {
		n.t.Fatal(err)
	}
	n.memory = append(n.memory, dir)
}

// KubeletArgs are the kubelet's, as the kernel has them.
func (n *Node) KubeletArgs() []string {
	n.t.Helper()
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", n.KubeletPID()))
	if err != nil {
		n.t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
}
