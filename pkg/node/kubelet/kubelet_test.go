package kubelet_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/kubelet"
)

func TestParseVersion(t *testing.T) {
	for s, want := range map[string]int{
		"1.34":                           34,
		"v1.34":                          34,
		"1.34.2":                         34,
		"v1.34.2":                        34,
		"v1.34.2+k3s1":                   34,
		"v1.34.1+rke2r1":                 34,
		"v1.34.1-rke2r1":                 34, // as a tag
		"v1.33.5-eks-113cf36":            33,
		"1.34.1-1.1":                     34, // deb of pkgs.k8s.io
		"1.34.1-150500.1.1":              34, // its rpm
		"1.30.0-00":                      30, // deb of apt.kubernetes.io
		"1:1.34.1-1.1":                   34,
		"1.34.1~rke2r1":                  34,
		"1.34.1~rke2r1-0.el9":            34,
		"1.33.4.1-r0":                    33, // apk
		"v1.35.0-alpha.1.227+7d13dfe3c3": 35,
		"v1.9.11":                        9,
		"1.0":                            0,
		"1.100":                          100,
	} {
		if got, err := kubelet.ParseVersion(s); err != nil || got != want {
			t.Errorf("ParseVersion(%q) = %d, %v, want %d", s, got, err, want)
		}
	}
}

func TestParseVersionRefuses(t *testing.T) {
	const nonsense = " is no version of Kubernetes, as 1.34 or v1.34.2+rke2r1"
	for s, want := range map[string]string{
		"":                                `""` + nonsense,
		"34":                              `"34"` + nonsense,
		"1":                               `"1"` + nonsense,
		"1.":                              `"1."` + nonsense,
		"1.x":                             `"1.x"` + nonsense,
		"1.034":                           `"1.034"` + nonsense,
		"1.1000":                          `"1.1000"` + nonsense,
		"1.34 ":                           `"1.34 "` + nonsense,
		"1.34beta":                        `"1.34beta"` + nonsense,
		"1.34.":                           `"1.34."` + nonsense,
		"1.34.2\n":                        `"1.34.2\n"` + nonsense,
		"vv1.34":                          `"vv1.34"` + nonsense,
		"-1.34":                           `"-1.34"` + nonsense,
		"Kubernetes v1.34.1":              `"Kubernetes v1.34.1"` + nonsense,
		"1.34." + strings.Repeat("1", 96): `"1.34.` + strings.Repeat("1", 95) + `"` + nonsense,
		"v2.0.0":                          `"v2.0.0" is a version of Kubernetes 2, and this program knows Kubernetes 1`,
		"0.34.1":                          `"0.34.1" is a version of Kubernetes 0, and this program knows Kubernetes 1`,
		"11.34":                           `"11.34" is a version of Kubernetes 11, and this program knows Kubernetes 1`,
	} {
		if got, err := kubelet.ParseVersion(s); err == nil || err.Error() != want {
			t.Errorf("ParseVersion(%q) = %d, %v, want the error %s", s, got, err, want)
		}
	}
}

// FuzzParseVersion: what is a version has a minor that it is written with.
func FuzzParseVersion(f *testing.F) {
	f.Add("1:v1.34.1~rke2r1-0.el9")
	f.Add("v1.33.5-eks-113cf36")
	f.Fuzz(func(t *testing.T, s string) {
		minor, err := kubelet.ParseVersion(s)
		if err != nil {
			if len(err.Error()) > 600 {
				t.Errorf("ParseVersion(%q): %v, which is long", s, err)
			}
			return
		}
		if minor < 0 || minor > 999 || strings.ContainsAny(s, " \t\n/") {
			t.Errorf("ParseVersion(%q) = %d", s, minor)
		}
	})
}

// tree is a root with these files. What begins with -> is a symbolic link, and what begins
// with #! can be run.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			err = os.Symlink(target, file)
		} else if mode := os.FileMode(0o644); strings.HasPrefix(content, "#!") {
			err = os.WriteFile(file, []byte(content), mode|0o111)
		} else {
			err = os.WriteFile(file, []byte(content), mode)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}
