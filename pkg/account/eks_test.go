package account

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

const (
	agentARN   = "arn:aws:iam::123456789012:role/prod-1-agent"
	rancherARN = "arn:aws:iam::123456789012:role/ops/rancher"
	adminARN   = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
	viewARN    = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
)

var entryKinds = []string{kindEntry, kindAccessPolicy}

// TestEntriesCompared is what is planned and found in clusters of every kind.
func TestEntriesCompared(t *testing.T) {
	const api = ekstypes.AuthenticationModeApi
	type found struct{ code, level, object string }
	entryOf := func(principal string) string { return "access entry " + principal + " of prod-1" }
	rancher := []config.Access{{Principal: rancherARN, Policy: "AmazonEKSClusterAdminPolicy"}}
	owned := map[string]string{ownerTag: "prod-1"}
	node := plan.Change{
		Object: plan.Object{Kind: kindEntry, Name: agentARN, Of: "prod-1"}, Why: "nodes of group prod-1-agent (worker) may join",
		After: `{"type":"EC2_LINUX","tags":{"kubelet-ecr/cluster":"prod-1"}}`,
	}
	admin := plan.Change{
		Object: plan.Object{Kind: kindAccessPolicy, Name: adminARN, Of: rancherARN}, Why: "rancher may use the cluster", After: `{"type":"cluster"}`,
	}
	for name, test := range map[string]struct {
		make     func(*testing.T, *services)
		changes  []plan.Change
		findings []found
	}{
		"no cluster of the file": {
			make:     func(_ *testing.T, s *services) { s.file.EKS = nil },
			changes:  nil,
			findings: nil,
		},
		"missing cluster": {
			make: func(_ *testing.T, s *services) {
				s.file.EKS = &config.EKS{Name: "other", AccessEntries: config.Manage}
			},
			findings: []found{{"eks-cluster-missing", "error", "EKS cluster other"}},
		},
		"ignored": {
			make: func(t *testing.T, s *services) { s.cluster(t, api); s.file.EKS.AccessEntries = config.Ignore },
		},
		"verified": {
			make:     func(t *testing.T, s *services) { s.cluster(t, api); s.file.EKS.AccessEntries = config.Verify },
			findings: []found{{"lifecycle-verify", "error", entryOf(agentARN)}},
		},
		"entry of another type": {
			make: func(t *testing.T, s *services) {
				s.cluster(t, api)
				s.entry(t, eks.CreateAccessEntryInput{PrincipalArn: aws.String(s.role(t, "/", "prod-1-agent"))})
			},
			findings: []found{{"eks-entry-type", "error", entryOf(agentARN)}},
		},
		"entry of Windows nodes": {
			make: func(t *testing.T, s *services) {
				s.cluster(t, api)
				s.entry(t, eks.CreateAccessEntryInput{PrincipalArn: aws.String(s.role(t, "/", "prod-1-agent")), Type: aws.String("EC2_WINDOWS")})
			},
		},
		"entry older than its role": {
			make: func(t *testing.T, s *services) {
				s.cluster(t, api)
				s.entry(t, eks.CreateAccessEntryInput{PrincipalArn: aws.String(s.role(t, "/", "prod-1-agent")), Type: aws.String("EC2_LINUX")})
				s.recreate(t, "/", "prod-1-agent")
			},
			findings: []found{{"eks-entry-stale", "warning", entryOf(agentARN)}},
		},
		"entry whose role is gone": {
			make: func(t *testing.T, s *services) {
				s.cluster(t, api)
				s.entry(t, eks.CreateAccessEntryInput{PrincipalArn: aws.String(s.role(t, "/", "prod-1-agent")), Type: aws.String("EC2_LINUX")})
				must(s.iam.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: aws.String("prod-1-agent")}))(t)
			},
			findings: []found{{"eks-entry-stale", "warning", entryOf(agentARN)}},
		},
		"our entry older than its role": {
			make: func(t *testing.T, s *services) {
				s.cluster(t, api)
				s.entry(t, eks.CreateAccessEntryInput{PrincipalArn: aws.String(s.role(t, "/", "prod-1-agent")), Type: aws.String("EC2_LINUX"), Tags: owned})
				s.recreate(t, "/", "prod-1-agent")
			},
			changes: []plan.Change{{
				Object: node.Object, Why: "its role is another than when it was made: it is deleted and made again",
				Before: `{"type":"EC2_LINUX","tags":{"kubelet-ecr/cluster":"prod-1"},"stale":true}`, After: node.After,
			}},
		},
		"role with another path": {
			make:     func(t *testing.T, s *services) { s.cluster(t, api); s.role(t, "/nodes/", "prod-1-agent") },
			findings: []found{{"eks-role-path", "error", entryOf(agentARN)}},
		},
		"role of the cluster": {
			make: func(t *testing.T, s *services) {
				s.cluster(t, api)
				s.file.Nodes[0].Role = "eks-cluster"
			},
			findings: []found{{"eks-cluster-role", "error", entryOf("arn:aws:iam::123456789012:role/eks-cluster")}},
		},
		"principal with an entry and groups": {
			make: func(t *testing.T, s *services) {
				s.cluster(t, api)
				s.entry(t, eks.CreateAccessEntryInput{PrincipalArn: aws.String(s.role(t, "/ops/", "rancher")), KubernetesGroups: []string{"ops"}})
				s.file.EKS.Access = rancher
			},
			changes: []plan.Change{node, admin},
		},
		"principal bound to namespaces": {
			make: func(t *testing.T, s *services) {
				s.cluster(t, api)
				s.entry(t, eks.CreateAccessEntryInput{PrincipalArn: aws.String(s.role(t, "/ops/", "rancher"))})
				s.associate(t, adminARN, &ekstypes.AccessScope{Type: ekstypes.AccessScopeTypeNamespace, Namespaces: []string{"web"}})
				s.file.EKS.Access = rancher
			},
			changes: []plan.Change{node, {Object: admin.Object, Why: admin.Why, Before: `{"type":"namespace","namespaces":["web"]}`, After: admin.After}},
		},
		"our principal's entry older than its role": {
			make: func(t *testing.T, s *services) {
				s.cluster(t, api)
				s.entry(t, eks.CreateAccessEntryInput{PrincipalArn: aws.String(s.role(t, "/ops/", "rancher")), Tags: owned})
				s.associate(t, adminARN, &ekstypes.AccessScope{Type: ekstypes.AccessScopeTypeCluster})
				s.recreate(t, "/ops/", "rancher")
				s.file.EKS.Access = rancher
			},
			changes: []plan.Change{node, {
				Object: plan.Object{Kind: kindEntry, Name: rancherARN, Of: "prod-1"}, Why: "its role is another than when it was made: it is deleted and made again",
				Before: `{"type":"STANDARD","tags":{"kubelet-ecr/cluster":"prod-1"},"stale":true}`, After: `{"type":"STANDARD","tags":{"kubelet-ecr/cluster":"prod-1"}}`,
			}, admin},
		},
		"our principal's entry older than its role, with a policy of others": {
			make: func(t *testing.T, s *services) {
				s.cluster(t, api)
				s.entry(t, eks.CreateAccessEntryInput{PrincipalArn: aws.String(s.role(t, "/ops/", "rancher")), Tags: owned})
				s.associate(t, adminARN, &ekstypes.AccessScope{Type: ekstypes.AccessScopeTypeCluster})
				s.associate(t, viewARN, &ekstypes.AccessScope{Type: ekstypes.AccessScopeTypeCluster})
				s.recreate(t, "/ops/", "rancher")
				s.file.EKS.Access = rancher
			},
			changes:  []plan.Change{node},
			findings: []found{{"eks-entry-stale", "warning", entryOf(rancherARN)}},
		},
		"principals that cannot have one": {
			make: func(t *testing.T, s *services) {
				s.cluster(t, api)
				s.role(t, "/ops/", "rancher")
				for _, principal := range []string{
					"rancher", "arn:aws:sts::123456789012:assumed-role/rancher/me", "arn:aws:iam::123456789012:root", "arn:aws-cn:iam::123456789012:role/rancher",
					"arn:aws:iam::123456789012:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS",
					"arn:aws:iam::123456789012:role/rancher", "arn:aws:iam::123456789012:role/nobody", agentARN,
				} {
					s.file.EKS.Access = append(s.file.EKS.Access, config.Access{Principal: principal, Policy: "AmazonEKSViewPolicy"})
				}
			},
			changes: []plan.Change{node},
			findings: []found{
				{"eks-principal", "error", entryOf("rancher")},
				{"eks-principal", "error", entryOf("arn:aws:sts::123456789012:assumed-role/rancher/me")},
				{"eks-principal", "error", entryOf("arn:aws:iam::123456789012:root")},
				{"eks-principal", "error", entryOf("arn:aws-cn:iam::123456789012:role/rancher")},
				{"eks-principal", "error", entryOf("arn:aws:iam::123456789012:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS")},
				{"eks-principal", "error", entryOf("arn:aws:iam::123456789012:role/rancher")},
				{"eks-principal-missing", "error", entryOf("arn:aws:iam::123456789012:role/nobody")},
				{"eks-principal-node", "error", entryOf(agentARN)},
			},
		},
		"principal with an entry of nodes": {
			make: func(t *testing.T, s *services) {
				s.cluster(t, api)
				s.entry(t, eks.CreateAccessEntryInput{PrincipalArn: aws.String(s.role(t, "/ops/", "rancher")), Type: aws.String("EC2_LINUX")})
				s.file.EKS.Access = rancher
			},
			changes:  []plan.Change{node},
			findings: []found{{"eks-entry-type", "error", entryOf(rancherARN)}},
		},
		"mode without entries": {
			make: func(t *testing.T, s *services) {
				s.cluster(t, ekstypes.AuthenticationModeConfigMap)
				s.file.EKS.Access = rancher
			},
			findings: []found{{"eks-config-map", "warning", entryOf(agentARN)}, {"eks-config-map", "warning", entryOf(rancherARN)}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServices(t)
			test.make(t, s)
			out := s.plan(t, entryKinds, "eks-cluster", "eks-entry", "eks-role", "eks-principal", "eks-config", "lifecycle")
			var findings []found
			for _, f := range out.Findings {
				findings = append(findings, found{f.Code, string(f.Level), f.Object})
			}
			if diff := cmp.Diff(test.changes, out.Changes); diff != "" {
				t.Error("changes (-want +got):\n" + diff)
			}
			if diff := cmp.Diff(test.findings, findings, cmp.AllowUnexported(found{})); diff != "" {
				t.Error("findings (-want +got):\n" + diff)
			}
		})
	}
}

// recreate makes a role anew, so that its unique id is another.
func (s *services) recreate(t *testing.T, path, name string) {
	t.Helper()
	must(s.iam.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: &name}))(t)
	s.role(t, path, name)
}

func (s *services) associate(t *testing.T, policy string, scope *ekstypes.AccessScope) {
	t.Helper()
	must(s.eks.AssociateAccessPolicy(t.Context(), &eks.AssociateAccessPolicyInput{
		ClusterName: aws.String("prod-1"), PrincipalArn: aws.String(rancherARN), PolicyArn: &policy, AccessScope: scope,
	}))(t)
}

// TestRecreateCommand is the commands for an entry with all that one can have.
func TestRecreateCommand(t *testing.T) {
	s := newServices(t)
	s.cluster(t, ekstypes.AuthenticationModeApi)
	e := &entry{
		principal: rancherARN, kind: entryStandard, user: "rancher", groups: []string{"ops", "dev"}, tags: map[string]string{"team": "a b"},
		policies: map[string]scopeState{viewARN: {Type: "namespace", Namespaces: []string{"db", "web"}}},
	}
	const of = " --region eu-central-1 --cluster-name prod-1 --principal-arn " + rancherARN
	for kind, want := range map[string]string{
		entryStandard: "aws eks delete-access-entry" + of + " && aws eks create-access-entry" + of + " --type STANDARD --username 'rancher' --kubernetes-groups ops dev --tags 'team=a b'" +
			" && aws eks associate-access-policy" + of + " --policy-arn " + viewARN + " --access-scope type=namespace,namespaces=db,web",
		entryLinux: "aws eks delete-access-entry" + of + " && aws eks create-access-entry" + of + " --type EC2_LINUX --tags 'team=a b'",
	} {
		if diff := cmp.Diff(want, s.recreateCommand(e, kind)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}
}

// TestClusterChecked is what is said about endpoints and status.
func TestClusterChecked(t *testing.T) {
	s := newServices(t)
	s.file.EKS = &config.EKS{Name: "prod-1"}
	for name, test := range map[string]struct {
		is   eksWorld
		want []string
	}{
		"open":                {eksWorld{status: "ACTIVE", public: true, from: []string{"0.0.0.0/0"}}, nil},
		"updating":            {eksWorld{status: "UPDATING", public: true, private: true}, nil},
		"private":             {eksWorld{status: "ACTIVE", private: true}, []string{"eks-endpoint-private"}},
		"public for some":     {eksWorld{status: "ACTIVE", public: true, from: []string{"192.0.2.0/24"}}, []string{"eks-endpoint-public"}},
		"both, and some only": {eksWorld{status: "ACTIVE", public: true, private: true, from: []string{"192.0.2.0/24"}}, nil},
		"being made":          {eksWorld{status: "CREATING", public: true}, []string{"eks-cluster-status"}},
	} {
		d := &draft{}
		s.checkCluster(d, &test.is)
		var codes []string
		for _, f := range d.findings {
			codes = append(codes, f.Code)
		}
		if diff := cmp.Diff(test.want, codes); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestConfigMapByHand is the whole text for a cluster without access entries.
func TestConfigMapByHand(t *testing.T) {
	s := newServices(t)
	s.cluster(t, ekstypes.AuthenticationModeConfigMap)
	s.file.Nodes[0].Path = "/nodes/"
	s.file.EKS.Access = []config.Access{
		{Principal: rancherARN, Policy: "AmazonEKSClusterAdminPolicy"},
		{Principal: "arn:aws:iam::123456789012:user/ops/eve", Policy: viewARN, Namespaces: []string{"web", "dev-*"}},
		{Principal: "arn:aws:iam::123456789012:role/ci", Policy: "AmazonEKSEditPolicy"},
		{Principal: "arn:aws:iam::123456789012:role/audit", Policy: "AmazonEKSAdminViewPolicy"},
	}
	out := s.plan(t, entryKinds)
	want := []Task{{
		Title: "let nodes and people into the EKS cluster: it takes no access entries, and its ConfigMap is not ours to write",
		Where: "EKS cluster prod-1 in eu-central-1",
		Text: `# What aws-auth must have, beside what it has:
# kubectl -n kube-system edit configmap aws-auth
  mapRoles: |
    - rolearn: arn:aws:iam::123456789012:role/prod-1-agent
      username: system:node:{{EC2PrivateDNSName}}
      groups:
        - system:bootstrappers
        - system:nodes
    - rolearn: arn:aws:iam::123456789012:role/rancher
      username: rancher
      groups:
        - system:masters
    - rolearn: arn:aws:iam::123456789012:role/ci
      username: ci
      groups:
        - eks-edit
    - rolearn: arn:aws:iam::123456789012:role/audit
      username: audit
      groups:
        - AmazonEKSAdminViewPolicy
  mapUsers: |
    - userarn: arn:aws:iam::123456789012:user/eve
      username: eve
      groups:
        - eks-view-web-dev-any

# Or with eksctl, which also makes the ConfigMap if there is none:
eksctl create iamidentitymapping --cluster prod-1 --region eu-central-1 --arn arn:aws:iam::123456789012:role/prod-1-agent --username 'system:node:{{EC2PrivateDNSName}}' --group system:bootstrappers --group system:nodes
eksctl create iamidentitymapping --cluster prod-1 --region eu-central-1 --arn arn:aws:iam::123456789012:role/rancher --username 'rancher' --group system:masters
eksctl create iamidentitymapping --cluster prod-1 --region eu-central-1 --arn arn:aws:iam::123456789012:user/eve --username 'eve' --group eks-view-web-dev-any
eksctl create iamidentitymapping --cluster prod-1 --region eu-central-1 --arn arn:aws:iam::123456789012:role/ci --username 'ci' --group eks-edit
eksctl create iamidentitymapping --cluster prod-1 --region eu-central-1 --arn arn:aws:iam::123456789012:role/audit --username 'audit' --group AmazonEKSAdminViewPolicy

# What the groups may do:
kubectl -n web create rolebinding eks-view-web-dev-any --clusterrole=view --group=eks-view-web-dev-any
# Kubernetes binds in one namespace at a time, so for each that fits: kubectl -n dev-* create rolebinding eks-view-web-dev-any --clusterrole=view --group=eks-view-web-dev-any
kubectl create clusterrolebinding eks-edit --clusterrole=edit --group=eks-edit
# AmazonEKSAdminViewPolicy is like no ClusterRole of Kubernetes: bind the group AmazonEKSAdminViewPolicy to one of yours
`,
	}}
	if diff := cmp.Diff(want, out.ByHand); diff != "" {
		t.Error("by hand (-want +got):\n" + diff)
	}
}
