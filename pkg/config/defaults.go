package config

import (
	"cmp"
	"slices"
)

// fillDefaults gives every optional key that has a default its value. It is the only
// place that knows defaults; eachDefault is the list.
func (f *File) fillDefaults() {
	eachDefault(f, func(is, normally string) string { return cmp.Or(is, normally) })
}

// withoutDefaults is a copy of f in which what has its default is empty, as a person
// would write it.
func (f *File) withoutDefaults() *File {
	short := *f
	short.Nodes = slices.Clone(f.Nodes)
	short.Network.Subnets = slices.Clone(f.Network.Subnets)
	short.Network.RouteTables = slices.Clone(f.Network.RouteTables)
	short.Pull.CrossAccount = slices.Clone(f.Pull.CrossAccount)
	if f.Network.SecurityGroup != nil {
		group := *f.Network.SecurityGroup
		short.Network.SecurityGroup = &group
	}
	if f.EKS != nil {
		eks := *f.EKS
		short.EKS = &eks
	}
	eachDefault(&short, func(is, normally string) string {
		if is == normally {
			return ""
		}
		return is
	})
	return &short
}

// eachDefault replaces every value that has a default with what put makes of it and of
// the default.
//
// The security group is owned: the cloud controller writes the cluster's own rules
// into it. Subnets and route tables are shared: they belong to the VPC, outlive the
// cluster, and mostly serve several; whoever cleans up by the value owned must not find
// them. The cloud controller itself reads the key alone
// (cloud-provider-aws, pkg/providers/v1/tags.go, hasClusterTag).
func eachDefault(f *File, put func(is, normally string) string) {
	for i := range f.Nodes {
		g := &f.Nodes[i]
		role := cmp.Or(g.Role, g.Name)
		set(&g.Role, g.Name, put)
		set(&g.InstanceProfile, role, put)
		set(&g.Path, "/", put)
		set(&g.Scope, ScopeActions, put)
		set(&g.Profile, ProfileCalled, put)
		set(&g.PolicyKind, "auto", put)
		set(&g.IAM, Manage, put)
		set(&g.Tagging, Manage, put)
		set(&g.Association, Manage, put)
	}
	if g := f.Network.SecurityGroup; g != nil {
		set(&g.Tag, Owned, put)
		set(&g.Lifecycle, Manage, put)
	}
	for i := range f.Network.Subnets {
		set(&f.Network.Subnets[i].Tag, Shared, put)
		set(&f.Network.Subnets[i].Lifecycle, Manage, put)
	}
	for i := range f.Network.RouteTables {
		set(&f.Network.RouteTables[i].Tag, Shared, put)
		set(&f.Network.RouteTables[i].Lifecycle, Manage, put)
	}
	for i := range f.Pull.CrossAccount {
		set(&f.Pull.CrossAccount[i].Region, f.Region, put)
	}
	set(&f.Pull.Lifecycle, Manage, put)
	if f.EKS != nil {
		set(&f.EKS.AccessEntries, Manage, put)
	}
}

func set[T ~string](value *T, normally T, put func(is, normally string) string) {
	*value = T(put(string(*value), string(normally)))
}
