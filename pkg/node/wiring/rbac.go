package wiring

import (
	"errors"
	"slices"

	"github.com/kubelet-ecr/kubelet-ecr/deploy"
)

// RBAC returns the ClusterRole and the ClusterRoleBinding, as two documents of YAML, that
// let the kubelets of a cluster request service account tokens of an audience: for the
// service accounts of these names in any namespace, or for all if there is none
// (KEP-4412, "API server"; kubernetes.io/docs/tasks/administer-cluster/
// kubelet-credential-provider).
func RBAC(audience string, names []string) (string, error) {
	switch {
	case audience == "":
		return "", errors.New("print rbac: no audience is given")
	case audience == "*":
		return "", errors.New(`print rbac: "*" would be every audience; name the one of tokenAttributes`)
	case slices.Contains(names, ""):
		return "", errors.New("print rbac: the name of a service account is empty")
	}
	return deploy.Render("rbac.yaml", struct {
		Audience string
		Names    []string
	}{audience, names})
}
