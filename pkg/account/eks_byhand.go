package account

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// A mapping is one element of mapRoles or mapUsers in the ConfigMap aws-auth
// (docs.aws.amazon.com/eks/latest/userguide/auth-configmap.html).
type mapping struct {
	principal string // ARN, without a path
	user      bool   // it goes into mapUsers
	username  string
	groups    []string
}

// mapByHand prints what a cluster in the mode CONFIG_MAP has to be told. The ConfigMap
// is in the cluster, and whoever breaks it is locked out, so it is not written; and
// the mode is not changed, for there is no way back.
func (a *Account) mapByHand(d *draft, w *world) {
	var mappings []mapping
	add := func(principal, fix, detail string, m mapping) {
		d.find("eks-config-map", plan.Warning, plan.Object{Kind: kindEntry, Name: principal, Of: a.file.EKS.Name}, fix, "%s", detail)
		mappings = append(mappings, m)
	}
	const fix = "see what is left for people, below: an entry of the ConfigMap aws-auth"
	for _, g := range w.groups {
		add(g.roleARN, fix, "pending: the cluster's mode is CONFIG_MAP, and nodes of "+groupWord(g)+" join once aws-auth has their role",
			mapping{withoutPath(g.roleARN), false, "system:node:{{EC2PrivateDNSName}}", []string{"system:bootstrappers", "system:nodes"}})
	}
	var bindings []string
	for _, access := range a.file.EKS.Access {
		group, commands := inRBAC(access)
		bindings = append(bindings, commands...)
		add(access.Principal, fix, "pending: the cluster's mode is CONFIG_MAP, which has no access policies; a group in aws-auth must stand for "+name(access.Policy),
			mapping{withoutPath(access.Principal), strings.Contains(access.Principal, ":user/"), name(access.Principal), []string{group}})
	}
	if len(mappings) == 0 {
		return
	}
	d.byHand = append(d.byHand, Task{
		Title: "let nodes and people into the EKS cluster: it takes no access entries, and its ConfigMap is not ours to write",
		Where: fmt.Sprintf("EKS cluster %s in %s", a.file.EKS.Name, a.file.Region),
		Text:  a.configMapText(mappings, bindings),
	})
}

// configMapText is the entries, the commands that add them, and what else there is to
// run.
func (a *Account) configMapText(mappings []mapping, bindings []string) string {
	var b strings.Builder
	b.WriteString("# What aws-auth must have, beside what it has:\n# kubectl -n kube-system edit configmap aws-auth\n")
	for _, list := range []struct {
		name, key string
		user      bool
	}{{"mapRoles", "rolearn", false}, {"mapUsers", "userarn", true}} {
		title := "  " + list.name + ": |\n"
		for _, m := range mappings {
			if m.user != list.user {
				continue
			}
			fmt.Fprintf(&b, "%s    - %s: %s\n      username: %s\n      groups:\n", title, list.key, m.principal, m.username)
			for _, g := range m.groups {
				fmt.Fprintf(&b, "        - %s\n", g)
			}
			title = ""
		}
	}
	b.WriteString("\n# Or with eksctl, which also makes the ConfigMap if there is none:\n")
	for _, m := range mappings {
		fmt.Fprintf(&b, "eksctl create iamidentitymapping --cluster %s --region %s --arn %s --username '%s'", a.file.EKS.Name, a.file.Region, m.principal, m.username)
		for _, g := range m.groups {
			b.WriteString(" --group " + g)
		}
		b.WriteString("\n")
	}
	if len(bindings) > 0 {
		b.WriteString("\n# What the groups may do:\n" + strings.Join(bindings, "\n") + "\n")
	}
	return b.String()
}

// userFacing are the ClusterRoles of Kubernetes that access policies are like
// (docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html).
var userFacing = map[string]string{
	"AmazonEKSClusterAdminPolicy": "cluster-admin",
	"AmazonEKSAdminPolicy":        "admin",
	"AmazonEKSEditPolicy":         "edit",
	"AmazonEKSViewPolicy":         "view",
}

// inRBAC is the group that stands for an access policy, and the commands that let it
// do the same. What has no like in Kubernetes is left to the cluster's own roles.
func inRBAC(access config.Access) (group string, commands []string) {
	clusterRole, ok := userFacing[name(access.Policy)]
	switch {
	case !ok:
		group = name(access.Policy)
		return group, []string{fmt.Sprintf("# %s is like no ClusterRole of Kubernetes: bind the group %s to one of yours", name(access.Policy), group)}
	case clusterRole == "cluster-admin" && len(access.Namespaces) == 0:
		return "system:masters", nil
	}
	group = "eks-" + clusterRole
	if len(access.Namespaces) == 0 {
		return group, []string{fmt.Sprintf("kubectl create clusterrolebinding %s --clusterrole=%s --group=%s", group, clusterRole, group)}
	}
	group += "-" + strings.ReplaceAll(strings.Join(access.Namespaces, "-"), "*", "any")
	for _, namespace := range access.Namespaces {
		command := fmt.Sprintf("kubectl -n %s create rolebinding %s --clusterrole=%s --group=%s", namespace, group, clusterRole, group)
		if strings.Contains(namespace, "*") {
			command = "# Kubernetes binds in one namespace at a time, so for each that fits: " + command
		}
		commands = append(commands, command)
	}
	return group, commands
}

// withoutPath is the ARN as aws-auth wants it: what authenticates there knows roles
// by account and name alone.
func withoutPath(principal string) string {
	p, err := arn.Parse(principal)
	if err != nil {
		return principal
	}
	kind, _, _ := strings.Cut(p.Resource, "/")
	p.Resource = kind + "/" + name(p.Resource)
	return p.String()
}
