// Package clusterid knows how Kubernetes' controllers read ClusterID tags in AWS: the
// cloud controller (kubernetes/cloud-provider-aws, pkg/providers/v1) and the load
// balancer controller (kubernetes-sigs/aws-load-balancer-controller, pkg/networking).
//
// A [World] is what the account looks like around one cluster. [Check] says what the
// controllers would stumble over in it, in their own words, and [Choose] which
// security group, subnets and route table they would take. [World.With] is the world
// after tag changes, so that both can be asked before anything is changed. The package
// is pure: it calls nothing, and equal worlds give equal answers.
//
// Where a rule was read is said beside it: "ccm" is cloud-provider-aws v1.37, "lbc" is
// the load balancer controller v2.13 and later, "eks" the EKS user guide.
package clusterid

import (
	"slices"
	"strings"
)

// Prefix is what every cluster tag's key begins with (ccm tags.go,
// TagNameKubernetesClusterPrefix).
const Prefix = "kubernetes.io/cluster/"

// LegacyKey is the key of the older tag, whose value is the ClusterID. Of the two
// controllers only the cloud controller still reads it (ccm tags.go).
const LegacyKey = "KubernetesCluster"

// The keys that mark a subnet for load balancers (ccm aws.go TagNameSubnetPublicELB,
// lbc subnet_resolver.go). The cloud controller asks whether the key is there, the load
// balancer controller also wants the value 1 or none.
const (
	PublicRole   = "kubernetes.io/role/elb"
	InternalRole = "kubernetes.io/role/internal-elb"
)

// The values of a cluster tag (ccm tags.go, ResourceLifecycle).
const (
	Owned  = "owned"  // lives and dies with the cluster
	Shared = "shared" // outlives it
)

// Key is the tag key of a cluster.
func Key(cluster string) string { return Prefix + cluster }

// clusters are the ClusterIDs in the keys of tags, sorted.
func clusters(tags map[string]string) []string {
	var ids []string
	for key := range tags {
		if id, ok := strings.CutPrefix(key, Prefix); ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// keyed reports whether tags have the cluster's own key, which is all that the load
// balancer controller looks at.
func (w *World) keyed(tags map[string]string) bool {
	_, ok := tags[Key(w.Cluster)]
	return ok
}

// tagged is the cloud controller's hasClusterTag: the key with any value, or the legacy
// tag with this cluster as its value.
func (w *World) tagged(tags map[string]string) bool {
	return w.keyed(tags) || tags[LegacyKey] == w.Cluster
}
