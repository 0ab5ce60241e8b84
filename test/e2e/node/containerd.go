//go:build linux

package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/await"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/cloud"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/process"
)

// pauseImage is imported, because a runtime pulls it by itself, without a plugin.
const pauseImage = "localhost/pause:e2e"

// containerdConfig has defaults in it for all but the pause image and what a machine
// may lack: AppArmor, and the right to lower the score of the OOM killer. Version 2 is
// read by containerd 1 and 2.
const containerdConfig = `version = 2
oom_score = 0
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "` + pauseImage + `"
  disable_apparmor = true
  restrict_oom_score_adj = true
`

func (n *Node) startContainerd() {
	n.t.Helper()
	const config = "/var/lib/containerd/config.toml"
	n.write(config, []byte(containerdConfig))
	n.containerd = n.start("containerd", "containerd", "--config", config)
	await.Nil(n.t, "containerd answers", func() error {
		if _, err := n.ctr("version"); err != nil {
			return fmt.Errorf("%w; %v", err, n.containerd.Err())
		}
		return nil
	})
	n.importPause()
}

func (n *Node) importPause() {
	n.t.Helper()
	image, err := cloud.IdleImage(n.set.Idle, "pause")
	if err != nil {
		n.t.Fatal(err)
	}
	tag, err := name.NewTag(pauseImage)
	if err != nil {
		n.t.Fatal(err)
	}
	file := filepath.Join(n.t.TempDir(), "pause.tar")
	if err := tarball.WriteToFile(file, tag, image); err != nil {
		n.t.Fatal(err)
	}
	if _, err := n.ctr("images", "import", file); err != nil {
		n.t.Fatal(err)
	}
}

// ctr asks containerd.
func (n *Node) ctr(args ...string) (string, error) {
	out, err := process.Command("ctr", append([]string{"--namespace", "k8s.io"}, args...)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("ctr %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// task is nil if containerd runs the container.
func (n *Node) task(container string) error {
	tasks, err := n.ctr("tasks", "list")
	if err != nil {
		return err
	}
	for line := range strings.Lines(tasks) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == container && f[2] == "RUNNING" {
			return nil
		}
	}
	return fmt.Errorf("containerd does not run %s: %s", container, tasks)
}

// HasImage is whether containerd has the image.
func (n *Node) HasImage(image string) bool {
	n.t.Helper()
	names, err := n.ctr("images", "list", "--quiet")
	if err != nil {
		n.t.Fatal(err)
	}
	for line := range strings.Lines(names) {
		if strings.TrimSpace(line) == image {
			return true
		}
	}
	return false
}

// PluginProcesses is how many processes run the plugin right now.
func (n *Node) PluginProcesses() int {
	n.t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		n.t.Fatal(err)
	}
	running := 0
	for _, link := range links {
		if program, err := os.Readlink(link); err == nil && program == pluginPath {
			running++
		}
	}
	return running
}
