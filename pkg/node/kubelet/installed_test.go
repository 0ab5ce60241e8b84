package kubelet_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/kubelet"
)

const dpkgStatus = `Package: kubeadm
Status: install ok installed
Version: 1.33.9-1.1

Package: kubelet
Status: hold ok installed
Priority: optional
Section: admin
Architecture: amd64
Version: 1.34.1-1.1
Description: Node agent
 Version: 1.1.1
 .
 Package: other

Package: kubernetes-cni
Status: install ok installed
Version: 1.7.1-1.1`

const apkInstalled = `C:Q1xyz=
P:k3s-openrc
V:1.32.1.1-r0
A:x86_64
o:k3s

C:Q1abc=
P:k3s
V:1.33.4.1-r0
F:usr/bin
R:k3s

`

// sought is what every distribution has.
var sought = kubelet.Sought{
	Packages: []string{"kubelet", "rke2-server", "k3s"},
	Binaries: []string{"/usr/bin/kubelet", "/usr/local/bin/k3s"},
	Links:    []string{"/var/lib/rancher/rke2/bin", "/etc/extensions/kubernetes.raw"},
}

// script is a binary that says when it was run, and a version.
func script(touches, prints string) string {
	return "#!/bin/sh\n: > '" + touches + "'\ncat <<'EOF'\n" + prints + "\nEOF\n"
}

func TestInstalled(t *testing.T) {
	ran := filepath.Join(t.TempDir(), "ran")
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  kubelet.Version // none if zero
		err   string          // with ROOT for the root
	}{
		{name: "nothing", files: nil},
		{
			name:  "dpkg, held",
			files: map[string]string{"var/lib/dpkg/status": dpkgStatus},
			want:  kubelet.Version{Minor: 34, Text: "1.34.1-1.1", Evidence: "dpkg: kubelet 1.34.1-1.1"},
		},
		{
			name:  "dpkg, on Windows's lines",
			files: map[string]string{"var/lib/dpkg/status": strings.ReplaceAll(dpkgStatus, "\n", "\r\n")},
			want:  kubelet.Version{Minor: 34, Text: "1.34.1-1.1", Evidence: "dpkg: kubelet 1.34.1-1.1"},
		},
		{
			name:  "dpkg, removed",
			files: map[string]string{"var/lib/dpkg/status": "Package: kubelet\nStatus: deinstall ok config-files\nVersion: 1.30.0-1.1\n"},
		},
		{
			name:  "dpkg, unpacked alone",
			files: map[string]string{"var/lib/dpkg/status": "Package: kubelet\nStatus: install ok half-configured\nVersion: 1.30.0-1.1\n"},
		},
		{
			name: "dpkg, removed for one architecture",
			files: map[string]string{"var/lib/dpkg/status": "Package: kubelet\nStatus: deinstall ok config-files\nArchitecture: arm64\nVersion: 1.30.0-1.1\n\n" +
				"Package: kubelet\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.31.0-1.1\n\n" +
				"Package: kubelet\nStatus: install ok installed\nArchitecture: i386\nVersion: 1.32.0-1.1\n"},
			want: kubelet.Version{Minor: 31, Text: "1.31.0-1.1", Evidence: "dpkg: kubelet 1.31.0-1.1"},
		},
		{
			name:  "dpkg, a line longer than any buffer, whose end looks like a key",
			files: map[string]string{"var/lib/dpkg/status": "Package: kubelet\nStatus: install ok installed\nConffiles: " + strings.Repeat("x", 4085) + "Version: 1.1\nVersion: 1.34.1-1.1\nDescription: " + strings.Repeat("x", 4083) + "Version: 1.1\n"},
			want:  kubelet.Version{Minor: 34, Text: "1.34.1-1.1", Evidence: "dpkg: kubelet 1.34.1-1.1"},
		},
		{
			name:  "dpkg, no version of Kubernetes",
			files: map[string]string{"var/lib/dpkg/status": "Package: kubelet\nStatus: install ok installed\nVersion: 20240101\n"},
			err:   `dpkg: kubelet 20240101: "20240101" is no version of Kubernetes, as 1.34 or v1.34.2+rke2r1`,
		},
		{
			name: "dpkg, no version of Kubernetes, and another source",
			files: map[string]string{
				"var/lib/dpkg/status":      "Package: kubelet\nStatus: install ok installed\nVersion: 20240101\n",
				"usr/lib/apk/db/installed": apkInstalled,
			},
			want: kubelet.Version{Minor: 33, Text: "1.33.4.1-r0", Evidence: "apk: k3s 1.33.4.1-r0"},
		},
		{
			name:  "dpkg, a folder",
			files: map[string]string{"var/lib/dpkg/status/x": ""},
			err:   "reading the packages of dpkg: read ROOT/var/lib/dpkg/status: is a directory",
		},
		{
			name:  "apk",
			files: map[string]string{"lib/apk/db/installed": apkInstalled},
			want:  kubelet.Version{Minor: 33, Text: "1.33.4.1-r0", Evidence: "apk: k3s 1.33.4.1-r0"},
		},
		{
			name:  "packages in their order",
			files: map[string]string{"lib/apk/db/installed": apkInstalled + "P:kubelet\nV:1.34.1-r0\n"},
			want:  kubelet.Version{Minor: 34, Text: "1.34.1-r0", Evidence: "apk: kubelet 1.34.1-r0"},
		},
		{
			name: "links of the root, which are its own",
			files: map[string]string{
				"var/lib/dpkg":                "-> /usr/lib/sysimage/dpkg",
				"usr/lib/sysimage":            "-> ../../../../../../../real",
				"real/dpkg/status":            "-> ./../dpkg/.//packages",
				"real/dpkg/packages":          dpkgStatus,
				"usr/lib/not/this/one/status": "",
			},
			want: kubelet.Version{Minor: 34, Text: "1.34.1-1.1", Evidence: "dpkg: kubelet 1.34.1-1.1"},
		},
		{
			name:  "links in a circle",
			files: map[string]string{"var/lib/dpkg": "-> /var/lib/dpkg"},
			err:   "following /var/lib/dpkg/status under ROOT: more than 40 links",
		},
		{
			name:  "a binary of another root, which is not run",
			files: map[string]string{"usr/bin/kubelet": script(ran, "Kubernetes v1.34.1")},
			err:   "/usr/bin/kubelet under ROOT does not tell its version without being run",
		},
		{
			name: "RKE2's link",
			files: map[string]string{
				"var/lib/rancher/rke2/bin": "-> /var/lib/rancher/rke2/data/v1.34.1-rke2r1-4bdd1f0a1c9e/bin",
				"var/lib/rancher/rke2/data/v1.34.1-rke2r1-4bdd1f0a1c9e/bin/kubelet": "",
			},
			want: kubelet.Version{Minor: 34, Text: "v1.34.1-rke2r1", Evidence: "/var/lib/rancher/rke2/bin -> /var/lib/rancher/rke2/data/v1.34.1-rke2r1-4bdd1f0a1c9e/bin"},
		},
		{
			name: "RKE2's link by digest",
			files: map[string]string{
				"var/lib/rancher/rke2/bin":                       "-> /var/lib/rancher/rke2/data/4bdd1f0a1c9e/bin",
				"var/lib/rancher/rke2/data/4bdd1f0a1c9e/bin/ctr": "",
			},
		},
		{
			name: "a system extension of Flatcar, and a link that leads nowhere",
			files: map[string]string{
				"var/lib/rancher/rke2/bin":                                "-> /var/lib/rancher/rke2/data/v1.33.1-rke2r1-4bdd1f0a1c9e/bin",
				"etc/extensions/kubernetes.raw":                           "-> /opt/extensions/kubernetes/kubernetes-v1.32.4-x86-64.raw",
				"opt/extensions/kubernetes/kubernetes-v1.32.4-x86-64.raw": "",
			},
			want: kubelet.Version{Minor: 32, Text: "v1.32.4", Evidence: "/etc/extensions/kubernetes.raw -> /opt/extensions/kubernetes/kubernetes-v1.32.4-x86-64.raw"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("PATH", t.TempDir()) // no rpm
			root := tree(t, tt.files)
			got, ok, err := kubelet.Installed(t.Context(), root, sought)
			if diff := cmp.Diff(tt.want, got); diff != "" || ok != (tt.want != kubelet.Version{}) {
				t.Errorf("Installed() = _, %t (-want +got)\n%s", ok, diff)
			}
			if text := message(err); strings.ReplaceAll(text, root, "ROOT") != tt.err {
				t.Errorf("Installed(): %s, want the error %s", text, tt.err)
			}
		})
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("a binary of another root was run")
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestInstalledRuns runs binaries of this machine. Nothing else of it is looked at.
func TestInstalledRuns(t *testing.T) {
	for _, tt := range []struct {
		name string
		text string // of the binary
		want kubelet.Version
		err  string
	}{
		{
			name: "kubelet", text: "#!/bin/sh\necho W1127 a warning of v9.9.9 >&2\necho Kubernetes v1.34.1\n",
			want: kubelet.Version{Minor: 34, Text: "v1.34.1", Evidence: "BINARY --version: Kubernetes v1.34.1"},
		},
		{
			name: "k3s", text: "#!/bin/sh\n[ \"$*\" = --version ] && echo 'k3s version v1.33.4+k3s1 (148243c4)' && echo 'go version go1.24.5'\n",
			want: kubelet.Version{Minor: 33, Text: "v1.33.4+k3s1", Evidence: "BINARY --version: k3s version v1.33.4+k3s1 (148243c4)"},
		},
		{
			name: "rke2", text: "#!/bin/sh\necho 'rke2 version v1.33.4+rke2r1 (0239a8a02)'\n",
			want: kubelet.Version{Minor: 33, Text: "v1.33.4+rke2r1", Evidence: "BINARY --version: rke2 version v1.33.4+rke2r1 (0239a8a02)"},
		},
		{name: "an environment of its own", text: "#!/bin/sh\n[ -z \"$SECRET\" ] && echo v1.31.0\n",
			want: kubelet.Version{Minor: 31, Text: "v1.31.0", Evidence: "BINARY --version: v1.31.0"}},
		{name: "endless output", text: "#!/bin/sh\necho v1.31.0; exec dd if=/dev/zero bs=1000000 count=300 2>/dev/null\n",
			want: kubelet.Version{Minor: 31, Text: "v1.31.0", Evidence: "BINARY --version: v1.31.0"}},
		{name: "a version after more than anybody reads", text: "#!/bin/sh\nhead -c 66000 /dev/zero\necho; echo v1.31.0\n", err: "running BINARY --version: it printed no version"},
		{name: "no version", text: "#!/bin/sh\necho very good\n", err: "running BINARY --version: it printed no version"},
		{name: "another major", text: "#!/bin/sh\necho Kubernetes v2.0.0\n",
			err: `BINARY --version: Kubernetes v2.0.0: "v2.0.0" is a version of Kubernetes 2, and this program knows Kubernetes 1`},
		{name: "it fails, and what it says is not told", text: "#!/bin/sh\necho v1.31.0 s3cret\necho s3cret >&2\nexit 3\n", err: "running BINARY --version: exit status 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("SECRET", "x")
			binary := filepath.Join(tree(t, map[string]string{"kubelet": tt.text}), "kubelet")
			got, ok, err := kubelet.Installed(t.Context(), "/", kubelet.Sought{Binaries: []string{binary + "-not-there", filepath.Dir(binary), binary}})
			got.Evidence = strings.ReplaceAll(got.Evidence, binary, "BINARY")
			if diff := cmp.Diff(tt.want, got); diff != "" || ok != (tt.want != kubelet.Version{}) {
				t.Errorf("Installed() = _, %t (-want +got)\n%s", ok, diff)
			}
			if text := message(err); strings.ReplaceAll(text, binary, "BINARY") != tt.err {
				t.Errorf("Installed(): %s, want the error %s", text, tt.err)
			}
		})
	}
}

// TestInstalledEnds: a binary that never ends is left when its time is over.
func TestInstalledEnds(t *testing.T) {
	binary := filepath.Join(tree(t, map[string]string{"kubelet": "#!/bin/sh\nexec tail -f /dev/null\n"}), "kubelet")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, ok, err := kubelet.Installed(ctx, "/", kubelet.Sought{Binaries: []string{binary}})
	if ok || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Installed() = _, %t, %v, want that its time was over", ok, err)
	}
}

// TestInstalledBuiltAs reads what binaries of another root were built with.
func TestInstalledBuiltAs(t *testing.T) {
	for _, tt := range []struct {
		name, flags, trim string
		want              kubelet.Version
		err               string
	}{
		{
			name: "k3s", flags: "\n    -X github.com/k3s-io/k3s/pkg/version.Version=v1.33.4+k3s1\n    -w -s\n",
			want: kubelet.Version{Minor: 33, Text: "v1.33.4+k3s1", Evidence: "/usr/local/bin/k3s: built as v1.33.4+k3s1"},
		},
		{
			name: "kubelet", flags: "-X 'k8s.io/client-go/pkg/version.gitVersion=v1.2.3' -X 'k8s.io/component-base/version.gitVersion=v1.29.1' -s",
			want: kubelet.Version{Minor: 29, Text: "v1.29.1", Evidence: "/usr/local/bin/k3s: built as v1.29.1"},
		},
		{
			name: "without what it was built with", trim: "-trimpath", flags: "-X github.com/k3s-io/k3s/pkg/version.Version=v1.33.4+k3s1",
			err: "/usr/local/bin/k3s under ROOT does not tell its version without being run",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := tree(t, map[string]string{"usr/local/bin/x": "", "src/go.mod": "module x\n", "src/main.go": "package main\n\nfunc main() {}\n"})
			build := exec.Command("go", "build", "-ldflags", tt.flags, "-o", filepath.Join(root, "usr/local/bin/k3s"))
			if tt.trim != "" {
				build.Args = append(build.Args, tt.trim)
			}
			build.Dir = filepath.Join(root, "src")
			build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			got, ok, err := kubelet.Installed(t.Context(), root, kubelet.Sought{Binaries: []string{"/usr/local/bin/k3s"}})
			if diff := cmp.Diff(tt.want, got); diff != "" || ok != (tt.want != kubelet.Version{}) {
				t.Errorf("Installed() = _, %t (-want +got)\n%s", ok, diff)
			}
			if text := message(err); strings.ReplaceAll(text, root, "ROOT") != tt.err {
				t.Errorf("Installed(): %s, want the error %s", text, tt.err)
			}
			if err != nil && hint.Of(err) != "give the version of the kubelet with --kubelet-version" {
				t.Errorf("Installed(): hint: %s", hint.Of(err))
			}
		})
	}
}
