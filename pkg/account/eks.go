package account

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// The types of access entries that are written, and the one that is as good for a
// node: a group does not say which system its nodes run
// (docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html).
const (
	entryStandard = "STANDARD"
	entryLinux    = "EC2_LINUX"
	entryWindows  = "EC2_WINDOWS"
)

// eksWorld is the EKS cluster of the file as it is.
type eksWorld struct {
	found   bool // else all else is empty
	status  string
	mode    types.AuthenticationMode
	role    string // ARN of the cluster's own role
	vpc     string
	subnets []string // that the cluster was given
	public  bool     // its endpoint answers outside of the VPC
	private bool     // and inside of it by private addresses
	from    []string // blocks of addresses that reach the public endpoint

	// entries are those of principals that the file names, by ARN; nil where there
	// is none. It is empty if the mode takes no entries or the file ignores them.
	entries map[string]*entry
	// principals are the roles of this account that the file gives access to, by the
	// ARN in the file; nil where there is none.
	principals map[string]*role
}

// entry is an access entry as it is.
type entry struct {
	principal string
	kind      string // its type
	user      string // its name in Kubernetes, "" if EKS has made it
	groups    []string
	tags      map[string]string
	run       string
	created   time.Time
	policies  map[string]scopeState // that are associated, by ARN; of STANDARD only
}

// stale says that the entry is older than its role. It is bound to the unique id of a
// role, so one whose role was deleted and created again is there and lets nobody in
// (docs of AccessEntry.PrincipalArn).
func (e *entry) stale(r *role) bool { return r == nil || r.created.After(e.created) }

// state is the entry as an object's.
func (e *entry) state(stale bool) string {
	return encode(entryState{Type: e.kind, Tags: e.tags, Stale: stale})
}

// takesEntries says whether the cluster's mode knows access entries at all.
func (w *eksWorld) takesEntries() bool {
	return w.mode == types.AuthenticationModeApi || w.mode == types.AuthenticationModeApiAndConfigMap
}

// readEKS reads the cluster and the access entries that the file speaks of; nil if it
// speaks of no cluster.
func (a *Account) readEKS(ctx context.Context, groups []wantedGroup) (*eksWorld, error) {
	if a.file.EKS == nil {
		return nil, nil
	}
	w, err := a.readCluster(ctx, a.file.EKS.Name)
	if err != nil || !w.takesEntries() || a.file.EKS.AccessEntries == config.Ignore {
		return w, err
	}
	w.entries, w.principals = map[string]*entry{}, map[string]*role{}
	for _, g := range groups {
		if w.entries[g.roleARN], err = a.getEntry(ctx, a.file.EKS.Name, g.roleARN); err != nil {
			return nil, err
		}
	}
	for _, access := range a.file.EKS.Access {
		if _, ok := w.entries[access.Principal]; ok || a.unfitPrincipal(access.Principal) != "" {
			continue
		}
		if w.entries[access.Principal], err = a.getEntry(ctx, a.file.EKS.Name, access.Principal); err != nil {
			return nil, err
		}
		if roleName, ok := a.ownRole(access.Principal); ok {
			if w.principals[access.Principal], err = a.getRole(ctx, roleName); err != nil {
				return nil, err
			}
		}
	}
	return w, nil
}

func (a *Account) readCluster(ctx context.Context, cluster string) (*eksWorld, error) {
	out, err := a.eks.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: &cluster})
	if code(err) == "ResourceNotFoundException" {
		return &eksWorld{}, nil
	}
	if err != nil {
		return nil, does(err, "reading EKS cluster %s", cluster)
	}
	w := &eksWorld{
		found: true, status: string(out.Cluster.Status), role: aws.ToString(out.Cluster.RoleArn),
		mode: types.AuthenticationModeConfigMap, // all that clusters had before the mode was there
	}
	if c := out.Cluster.AccessConfig; c != nil && c.AuthenticationMode != "" {
		w.mode = c.AuthenticationMode
	}
	if n := out.Cluster.ResourcesVpcConfig; n != nil {
		w.vpc, w.subnets = aws.ToString(n.VpcId), n.SubnetIds
		w.public, w.private, w.from = n.EndpointPublicAccess, n.EndpointPrivateAccess, n.PublicAccessCidrs
	}
	return w, nil
}

// getEntry returns the access entry of a principal with its access policies, nil if
// there is none.
func (a *Account) getEntry(ctx context.Context, cluster, principal string) (*entry, error) {
	out, err := a.eks.DescribeAccessEntry(ctx, &eks.DescribeAccessEntryInput{ClusterName: &cluster, PrincipalArn: &principal})
	if code(err) == "ResourceNotFoundException" {
		return nil, nil
	}
	if err != nil {
		return nil, does(err, "reading the access entry of %s in EKS cluster %s", principal, cluster)
	}
	e := &entry{
		principal: principal, kind: aws.ToString(out.AccessEntry.Type),
		groups: out.AccessEntry.KubernetesGroups, created: aws.ToTime(out.AccessEntry.CreatedAt),
	}
	if user := aws.ToString(out.AccessEntry.Username); !strings.HasPrefix(user, "arn:") && !strings.HasPrefix(user, "system:") {
		e.user = user // those that EKS makes are ARNs or system:node:...
	}
	e.tags, e.run = withoutRun(out.AccessEntry.Tags)
	if e.kind == entryStandard {
		e.policies, err = a.accessPolicies(ctx, cluster, principal)
	}
	return e, err
}

// accessPolicies are the access policies of an entry and what they are bound to, by
// ARN; none if there is no entry.
func (a *Account) accessPolicies(ctx context.Context, cluster, principal string) (map[string]scopeState, error) {
	all := map[string]scopeState{}
	pages := eks.NewListAssociatedAccessPoliciesPaginator(a.eks, &eks.ListAssociatedAccessPoliciesInput{ClusterName: &cluster, PrincipalArn: &principal})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if code(err) == "ResourceNotFoundException" {
			return nil, nil
		}
		if err != nil {
			return nil, does(err, "reading the access policies of %s in EKS cluster %s", principal, cluster)
		}
		for _, p := range page.AssociatedAccessPolicies {
			s := scopeState{Type: string(types.AccessScopeTypeCluster)}
			if p.AccessScope != nil {
				s = scopeOf(p.AccessScope.Namespaces)
			}
			all[aws.ToString(p.PolicyArn)] = s
		}
	}
	return all, nil
}

// scopeOf is the scope of namespaces, the whole cluster without any.
func scopeOf(namespaces []string) scopeState {
	if len(namespaces) == 0 {
		return scopeState{Type: string(types.AccessScopeTypeCluster)}
	}
	return scopeState{Type: string(types.AccessScopeTypeNamespace), Namespaces: slices.Compact(slices.Sorted(slices.Values(namespaces)))}
}

// ownRole is the name of the role that an ARN means, if it is one of this account.
func (a *Account) ownRole(principal string) (roleName string, ok bool) {
	p, err := arn.Parse(principal)
	if err != nil || p.AccountID != a.file.Account || p.Service != "iam" || !strings.HasPrefix(p.Resource, "role/") {
		return "", false
	}
	return name(p.Resource), true
}

// accessPolicyARN is the ARN of an access policy, by its name or as it is.
func (a *Account) accessPolicyARN(policy string) string {
	if strings.HasPrefix(policy, "arn:") {
		return policy
	}
	return "arn:" + a.partition + ":eks::aws:cluster-access-policy/" + policy
}

// planEKS compares who the cluster lets in with the file. Of the cluster itself
// nothing is changed: its owner, which may be Rancher's sync, would change it back.
func (a *Account) planEKS(d *draft, w *world) {
	if w.eks == nil {
		return
	}
	if !w.eks.found {
		d.find("eks-cluster-missing", plan.Blocks, clusterObject(a.file.EKS.Name), "correct eks.name, account or region in the file: `aws eks list-clusters --region "+a.file.Region+"`",
			"there is no such cluster in account %s, region %s", a.file.Account, a.file.Region)
		return
	}
	a.checkCluster(d, w.eks)
	switch {
	case a.file.EKS.AccessEntries == config.Ignore:
	case !w.eks.takesEntries():
		a.mapByHand(d, w)
	default:
		for _, g := range w.groups {
			a.planNodeEntry(d, w, g)
		}
		a.planAccess(d, w)
	}
}

func clusterObject(cluster string) plan.Object {
	return plan.Object{Kind: "EKS cluster", Name: cluster}
}

// checkCluster says what of the cluster keeps nodes from joining.
func (a *Account) checkCluster(d *draft, w *eksWorld) {
	object := clusterObject(a.file.EKS.Name)
	if w.status != string(types.ClusterStatusActive) && w.status != string(types.ClusterStatusUpdating) {
		d.find("eks-cluster-status", plan.Warning, object, "wait for it: `aws eks wait cluster-active --region "+a.file.Region+" --name "+a.file.EKS.Name+"`",
			"its status is %s, and access entries are for clusters that are ACTIVE", w.status)
	}
	everywhere := len(w.from) == 0 || slices.Contains(w.from, "0.0.0.0/0")
	switch {
	case !w.public:
		d.find("eks-endpoint-private", plan.Note, object, "",
			"its endpoint answers inside VPC %s only: kubectl and whoever else manages it need a way into the VPC", w.vpc)
	case !w.private && !everywhere:
		d.find("eks-endpoint-public", plan.Warning, object, "let nodes reach it inside the VPC: `aws eks update-cluster-config --region "+a.file.Region+" --name "+a.file.EKS.Name+" --resources-vpc-config endpointPrivateAccess=true`",
			"its endpoint is public, for %s alone: nodes join only if the addresses by which they leave the VPC are among them", strings.Join(w.from, ", "))
	}
}

// planNodeEntry compares the entry of a group's role.
func (a *Account) planNodeEntry(d *draft, w *world, g wantedGroup) {
	object := plan.Object{Kind: kindEntry, Name: g.roleARN, Of: a.file.EKS.Name}
	l, e := a.file.EKS.AccessEntries, w.eks.entries[g.roleARN]
	r, known := w.iam.roles[g.Role]
	switch {
	case d.has(object):
		// Another group has the same role.
	case w.eks.role == g.roleARN:
		d.find("eks-cluster-role", plan.Blocks, object, "give the group a role of its own: role: in the file",
			"it is the role that the cluster itself runs with, which cannot be that of nodes")
	case r != nil && r.arn != g.roleARN:
		d.find("eks-role-path", plan.Blocks, object, "set path: "+r.path+" for group "+g.Name,
			"the role's ARN is %s, and EKS knows no other", r.arn)
	case e == nil:
		d.differ(l, plan.Change{Object: object, Why: "nodes of " + groupWord(g) + " may join", After: encode(entryState{
			Type: entryLinux, Tags: a.ownTags(g.NodeGroup),
		})})
	case e.kind != entryLinux && e.kind != entryWindows:
		d.find("eks-entry-type", levelOf(l), object, a.recreateCommand(e, entryLinux),
			"it is of the type %s, nodes need %s, and the type of an entry cannot be changed", e.kind, entryLinux)
	case known && e.stale(r):
		a.planStale(d, e, true)
	}
}

// levelOf is how much it matters that something must be changed which cannot be.
func levelOf(l config.Lifecycle) plan.Level {
	if l == config.Warn {
		return plan.Warning
	}
	return plan.Blocks
}

// planStale makes an entry new that is bound to a role which is gone, if it is ours
// and nothing is lost by that. Whose else's it is, they are told the commands.
//
// Whole says that nothing is lost; the result, that the new entry has no policies.
func (a *Account) planStale(d *draft, e *entry, whole bool) (bare bool) {
	object := plan.Object{Kind: kindEntry, Name: e.principal, Of: a.file.EKS.Name}
	if whole && e.tags[ownerTag] == a.file.Cluster {
		d.differ(a.file.EKS.AccessEntries, plan.Change{
			Object: object, Why: "its role is another than when it was made: it is deleted and made again",
			Before: e.state(true), After: e.state(false),
		})
		return a.file.EKS.AccessEntries == config.Manage
	}
	d.find("eks-entry-stale", plan.Warning, object, a.recreateCommand(e, e.kind),
		"it was made before its role, so it is bound to a role of that name which is gone, and lets nobody in")
	return false
}

// recreateCommand deletes an entry and makes one of another type in its place, with
// all that the old one had and the new one may have.
func (a *Account) recreateCommand(e *entry, kind string) string {
	of := " --region " + a.file.Region + " --cluster-name " + a.file.EKS.Name + " --principal-arn " + e.principal
	commands := []string{"aws eks delete-access-entry" + of}
	create := "aws eks create-access-entry" + of + " --type " + kind
	if kind == entryStandard && e.user != "" {
		create += " --username '" + e.user + "'"
	}
	if kind == entryStandard && len(e.groups) > 0 {
		create += " --kubernetes-groups " + strings.Join(e.groups, " ")
	}
	if len(e.tags) > 0 {
		var tags []string
		for _, key := range slices.Sorted(maps.Keys(e.tags)) {
			tags = append(tags, "'"+key+"="+e.tags[key]+"'")
		}
		create += " --tags " + strings.Join(tags, ",")
	}
	commands = append(commands, create)
	if kind == entryStandard {
		for _, policy := range sorted(e.policies) {
			commands = append(commands, "aws eks associate-access-policy"+of+" --policy-arn "+policy+" --access-scope "+e.policies[policy].argument())
		}
	}
	return strings.Join(commands, " && ")
}

// argument is the scope as the AWS CLI takes it.
func (s scopeState) argument() string {
	if len(s.Namespaces) == 0 {
		return "type=" + s.Type
	}
	return "type=" + s.Type + ",namespaces=" + strings.Join(s.Namespaces, ",")
}
