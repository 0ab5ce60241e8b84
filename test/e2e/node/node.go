//go:build linux

// Package node is one Kubernetes node as AWS has them by the thousand: containerd with
// runc, a kubelet with the plugin, and, where a story needs one, an API server. What
// happened is read from the kubelet, from containerd and from their logs.
package node

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/cloud"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/isolation"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/process"
	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/software"
)

// A Node has an AWS around it. Its pods are static ones, or come from its API server.
type Node struct {
	Cloud *cloud.Cloud

	t          testing.TB
	set        software.Set
	containerd *process.Process
	kubelet    *process.Process
	config     Kubelet
	api        *apiServer
	all        []*process.Process
	systemd    *systemd
	memory     []string // mounts that go away with the node
}

// Address is that of the node; kubelets do not want 127.0.0.1.
const Address = "10.123.0.1"

// Start starts a node without a kubelet, in an AWS whose ECR tokens live that long. At
// the end of the test the power is cut, and nothing of it is left.
func Start(t testing.TB, set software.Set, tokenLife time.Duration) *Node {
	t.Helper()
	n := &Node{t: t, set: set}
	t.ArtifactDir() // before the clean-up: where logs are is removed after it
	t.TempDir()
	t.Cleanup(n.cutPower)
	n.mount("/run", "/var/lib", "/var/log") // what every node writes to
	n.Cloud = cloud.Start(t, set, tokenLife)
	n.all = append(n.all, n.Cloud.Processes()...)
	n.startContainerd()
	return n
}

// mount puts memory, which is the node's own, on directories.
func (n *Node) mount(dirs ...string) {
	n.t.Helper()
	for _, dir := range dirs {
		if err := isolation.Memory(dir); err != nil {
			n.t.Fatal(err)
		}
		n.memory = append(n.memory, dir)
	}
}

func (n *Node) cutPower() {
	if err := process.KillAll(n.all...); err != nil {
		n.t.Errorf("ending the node's processes: %v", err)
	}
	if n.t.Failed() && n.Cloud != nil {
		n.explain()
	}
	for _, dir := range slices.Backward(n.memory) {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			n.t.Errorf("unmounting %s: %v", dir, err)
		}
	}
}

// explain tells what helps to see why a test failed.
func (n *Node) explain() {
	for _, call := range n.Cloud.Calls() {
		n.t.Log("AWS saw: ", call)
	}
	for _, request := range n.Cloud.Requests() {
		n.t.Log("a registry saw: ", request)
	}
	for _, p := range []*process.Process{n.containerd, n.kubelet} {
		if p != nil {
			n.t.Log(p.Complaints())
		}
	}
	n.t.Log("whole logs are kept by `go test -artifacts -outputdir DIRECTORY`")
}

func (n *Node) start(name string, program string, args ...string) *process.Process {
	n.t.Helper()
	return n.startWith(nil, name, program, args...)
}

// startWith starts a program with these variables besides.
func (n *Node) startWith(env []string, name string, program string, args ...string) *process.Process {
	n.t.Helper()
	p := process.Start(n.t, name, env, program, args...)
	n.all = append(n.all, p)
	return p
}

// write writes a file of the node, with its directory.
func (n *Node) write(file string, content []byte) {
	n.t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		n.t.Fatal(err)
	}
	if err := replace(file, content, 0o600); err != nil {
		n.t.Fatal(err)
	}
}

// replace puts a file in the place of another, by renaming: nobody ever sees half of
// it, and who runs the old one goes on to. The kubelet reads no manifest whose name
// begins with a dot (pkg/kubelet/config/file.go).
func replace(file string, content []byte, mode os.FileMode) error {
	next := filepath.Join(filepath.Dir(file), ".next-"+filepath.Base(file))
	if err := os.WriteFile(next, content, mode); err != nil {
		return err
	}
	return os.Rename(next, file)
}
