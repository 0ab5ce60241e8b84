module github.com/kubelet-ecr/kubelet-ecr/test/contract

go 1.26.0

replace github.com/kubelet-ecr/kubelet-ecr => ../..

require (
	github.com/google/go-cmp v0.7.0
	github.com/kubelet-ecr/kubelet-ecr v0.0.0
)
