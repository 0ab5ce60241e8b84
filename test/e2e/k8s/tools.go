//go:build tools

// Package k8s pins the Kubernetes whose kubelet and API server the end-to-end tests
// build and run.
package k8s

import (
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kubelet"
)
