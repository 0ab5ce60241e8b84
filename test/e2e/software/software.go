//go:build linux

// Package software gets what a node is made of: Debian's containerd, runc, registry
// and etcd; the kubelet and the API server, built from the modules that are pinned in
// ../k8s; the EC2 metadata mock, pinned in ../go.mod; and the programs of this checkout.
//
// What takes long to build is kept beside Go's build cache, by version, and belongs
// to no checkout.
package software

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/test/e2e/isolation"
)

// packages are Debian's, by a program in each that is needed.
var packages = map[string]string{
	"containerd":      "containerd",
	"docker-registry": "docker-registry",
	"etcd":            "etcd-server",
	"runc":            "runc",
}

// Base is the directory that is kept between runs.
func Base() (string, error) {
	out, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOCACHE: %w", err)
	}
	return filepath.Join(filepath.Dir(strings.TrimSpace(string(out))), "kubelet-ecr-e2e"), nil
}

// A Set is where the built programs are.
type Set struct {
	Kubelet, APIServer string // kept
	IMDS               string // the EC2 metadata mock
	Idle               string // what containers run
	Plugin             string // of this checkout
	Bootstrap          string // of this checkout, beside its plugin
	OldPlugin          string // the same with another version
}

// kept is a link to what is kept of the version of Kubernetes.
const kept = "kubernetes"

// Versions of the two plugins, as AWS sees them in the user agent.
const (
	Version    = "e2e-new"
	OldVersion = "e2e-old"
)

// Of names the programs of the run, which Prepare has built.
func Of(r isolation.Run) Set {
	return Set{
		Kubelet:   filepath.Join(r.Dir(), kept, "kubelet"),
		APIServer: filepath.Join(r.Dir(), kept, "kube-apiserver"),
		IMDS:      filepath.Join(r.Dir(), "ec2-metadata-mock"),
		Idle:      filepath.Join(r.Dir(), "idle"),
		Plugin:    filepath.Join(r.Dir(), "new", "ecr-credential-provider"),
		Bootstrap: filepath.Join(r.Dir(), "new", "ecr-node-bootstrap"),
		OldPlugin: filepath.Join(r.Dir(), "old", "ecr-credential-provider"),
	}
}

// Prepare installs and builds what is not there. The directory of the module
// test/e2e is the current one.
func Prepare(r isolation.Run) error {
	if err := install(); err != nil {
		return err
	}
	kubernetes, err := kubernetesVersion()
	if err != nil {
		return err
	}
	dir := "kubernetes-" + kubernetes
	if err := os.MkdirAll(filepath.Join(r.Base, dir), 0o755); err != nil {
		return err
	}
	if err := os.Symlink(filepath.Join("..", dir), filepath.Join(r.Dir(), kept)); err != nil {
		return err
	}
	version := strings.SplitN(strings.TrimPrefix(kubernetes, "v"), ".", 3)
	const stamp = "-X k8s.io/component-base/version."
	ldflags := stamp + "gitVersion=" + kubernetes + " " + stamp + "gitMajor=" + version[0] + " " + stamp + "gitMinor=" + version[1]
	set := Of(r)
	for _, b := range [...]build{
		{set.Kubelet, "k8s", "k8s.io/kubernetes/cmd/kubelet", ldflags},
		{set.APIServer, "k8s", "k8s.io/kubernetes/cmd/kube-apiserver", ldflags},
		{set.IMDS, ".", "github.com/aws/amazon-ec2-metadata-mock/cmd", ""},
		{set.Idle, ".", "./idle", ""},
		{set.Plugin, "../..", "./cmd/ecr-credential-provider", "-X main.stamp=" + Version},
		{set.Bootstrap, "../..", "./cmd/ecr-node-bootstrap", "-X main.stamp=" + Version},
		{set.OldPlugin, "../..", "./cmd/ecr-credential-provider", "-X main.stamp=" + OldVersion},
	} {
		if err := b.run(r); err != nil {
			return err
		}
	}
	return nil
}

// kubernetesVersion is the one that is pinned.
func kubernetesVersion() (string, error) {
	cmd := exec.Command("go", "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes")
	cmd.Dir = "k8s"
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("reading the version of Kubernetes from k8s/go.mod: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// A build is of one package, in the directory of its module.
type build struct {
	out, module, pkg, ldflags string
}

// run builds, or finds that what is there is what would be built.
func (b build) run(r isolation.Run) error {
	began := time.Now()
	if _, err := os.Stat(b.out); err != nil && b.module == "k8s" {
		fmt.Printf("building %s, which takes minutes\n", filepath.Base(b.out))
	}
	cmd, err := r.Command("go", "build", "-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags=-s -w "+b.ldflags, "-o", b.out, b.pkg)
	if err != nil {
		return err
	}
	cmd.Dir = b.module
	// Temporary files go away with the run, also if it is killed.
	cmd.Env = append(cmd.Env, "CGO_ENABLED=0", "GOWORK=off", "GOTMPDIR="+r.Dir())
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", b.pkg, err, out)
	}
	if took := time.Since(began); took > 5*time.Second {
		fmt.Printf("building %s took %s\n", filepath.Base(b.out), took.Round(time.Second))
	}
	return nil
}

// install installs the packages whose programs are not there.
func install() error {
	var missing []string
	for program, name := range packages {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("missing are programs of Debian's packages %s, and apt-get to install them", strings.Join(missing, ", "))
	}
	fmt.Println("installing", strings.Join(missing, " "))
	install := append([]string{"install", "--yes", "--no-install-recommends"}, missing...)
	if aptGet(install) == nil {
		return nil
	}
	if err := aptGet([]string{"update"}); err != nil {
		return err
	}
	if err := aptGet(install); err != nil {
		return fmt.Errorf("missing are the packages %s: %w", strings.Join(missing, " "), err)
	}
	return nil
}

// aptGet is not killed with the run: half an installation is worse than a whole one.
func aptGet(args []string) error {
	cmd := exec.Command("apt-get", args...)
	// Nothing is to be started that is installed: systemctl ignores a start when
	// offline (systemctl(1), SYSTEMD_OFFLINE).
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "SYSTEMD_OFFLINE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get %s: %w\n%s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}
