// Package kubelet knows the kubelet of a node: which one is installed under a root, what
// arguments say of credential providers, which kubelets run and since when, and which
// config of credential providers one has loaded. It only looks: nothing is written under
// a root, and nothing of a root other than / is run.
package kubelet

import (
	"fmt"
	"regexp"
	"strconv"
)

// A Version is one of Kubernetes 1.
type Version struct {
	Minor    int    // of 1.Minor
	Text     string // as it was found: v1.34.2+rke2r1
	Evidence string // where it was found: dpkg: kubelet 1.34.1-1.1
}

// versions are what Kubernetes (v1.34.2), its distributions (v1.34.2+k3s1,
// v1.33.5-eks-113cf36) and their packages (1.34.1-1.1, 1.34.1~rke2r1-0.el9, 1.33.4.1-r0,
// 1:1.34.1-1.1) call a version, and the minor alone.
var versions = regexp.MustCompile(`^(?:[0-9]+:)?v?([0-9]+)\.(0|[1-9][0-9]{0,2})(?:[.+~-][0-9A-Za-z]+)*$`)

// ParseVersion returns the minor of a version of Kubernetes, in any of the forms that
// releases, distributions and packages have. It refuses a major other than 1.
func ParseVersion(s string) (int, error) {
	const most = 100
	m := versions.FindStringSubmatch(s)
	if m == nil || len(s) > most {
		return 0, fmt.Errorf("%.100q is no version of Kubernetes, as 1.34 or v1.34.2+rke2r1", s)
	}
	if m[1] != "1" {
		return 0, fmt.Errorf("%q is a version of Kubernetes %s, and this program knows Kubernetes 1", s, m[1])
	}
	return strconv.Atoi(m[2])
}

// version is the Version of a text that was found.
func version(text, evidence string) (Version, error) {
	minor, err := ParseVersion(text)
	if err != nil {
		return Version{}, fmt.Errorf("%s: %w", evidence, err)
	}
	return Version{minor, text, evidence}, nil
}
