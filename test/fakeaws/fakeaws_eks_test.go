package fakeaws_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	kube "github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

func (c *cloud) cluster(t *testing.T, s site, name string, mode kube.AuthenticationMode) *kube.Cluster {
	t.Helper()
	return must(c.eks.CreateCluster(t.Context(), &eks.CreateClusterInput{
		Name: &name, RoleArn: str("arn:aws:iam::123456789012:role/eks"), ResourcesVpcConfig: &kube.VpcConfigRequest{SubnetIds: []string{s.public, s.private}},
		AccessConfig: &kube.CreateAccessConfigRequest{AuthenticationMode: mode}, Tags: map[string]string{"team": "a"}}))(t).Cluster
}

const (
	creator  = "arn:aws:iam::123456789012:user/operator"
	nodeRole = "arn:aws:iam::123456789012:role/node"
	rancher  = "arn:aws:iam::123456789012:role/rancher"
	admin    = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
)

func TestEKSCluster(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s := c.site(t)
	made := c.cluster(t, s, "prod-1", "")
	got := must(c.eks.DescribeCluster(t.Context(), &eks.DescribeClusterInput{Name: str("prod-1")}))(t).Cluster
	same(t, "DescribeCluster", made, got)
	at := epoch
	same(t, "Cluster", &kube.Cluster{
		Name: str("prod-1"), Arn: str("arn:aws:eks:us-east-1:123456789012:cluster/prod-1"), CreatedAt: &at, Version: str("1.34"), Status: "ACTIVE",
		RoleArn: str("arn:aws:iam::123456789012:role/eks"), Endpoint: got.Endpoint, CertificateAuthority: got.CertificateAuthority, PlatformVersion: str("eks.1"),
		ResourcesVpcConfig: &kube.VpcConfigResponse{SubnetIds: []string{s.public, s.private}, ClusterSecurityGroupId: got.ResourcesVpcConfig.ClusterSecurityGroupId,
			VpcId: &s.vpc, EndpointPublicAccess: true},
		KubernetesNetworkConfig: &kube.KubernetesNetworkConfigResponse{ServiceIpv4Cidr: str("172.20.0.0/16"), IpFamily: "ipv4"},
		AccessConfig:            &kube.AccessConfigResponse{AuthenticationMode: "CONFIG_MAP"},
		Tags:                    map[string]string{"team": "a"},
	}, got)
	groups := must(c.ec2.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{GroupIds: []string{*got.ResourcesVpcConfig.ClusterSecurityGroupId}}))(t)
	same(t, "tags of EKS's own group", tags("Name", "eks-cluster-sg-prod-1", "aws:eks:cluster-name", "prod-1", "kubernetes.io/cluster/prod-1", "owned"), groups.SecurityGroups[0].Tags)
	same(t, "ListClusters", []string{"prod-1"}, must(c.eks.ListClusters(t.Context(), &eks.ListClustersInput{}))(t).Clusters)
	_, err := c.eks.DescribeCluster(t.Context(), &eks.DescribeClusterInput{Name: str("x")})
	same(t, "no such cluster", "404 ResourceNotFoundException: No cluster found for name: x.", said(err))
	if _, ok := errors.AsType[*kube.ResourceNotFoundException](err); !ok {
		t.Errorf("the SDK takes it for %T, want a ResourceNotFoundException", err)
	}
}

func TestEKSConfigMapMode(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.profile(t, "node")
	c.cluster(t, c.site(t), "prod-1", "CONFIG_MAP")
	const want = "400 InvalidRequestException: The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation."
	_, err := c.eks.CreateAccessEntry(t.Context(), &eks.CreateAccessEntryInput{ClusterName: str("prod-1"), PrincipalArn: str(nodeRole), Type: str("EC2_LINUX")})
	same(t, "CreateAccessEntry", want, said(err))
	_, err = c.eks.ListAccessEntries(t.Context(), &eks.ListAccessEntriesInput{ClusterName: str("prod-1")})
	same(t, "ListAccessEntries", want, said(err))
	_, err = c.eks.DescribeAccessEntry(t.Context(), &eks.DescribeAccessEntryInput{ClusterName: str("prod-1"), PrincipalArn: str(nodeRole)})
	same(t, "DescribeAccessEntry", want, said(err))
}

func TestEKSAccessEntries(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.profile(t, "node")
	c.profile(t, "rancher")
	c.cluster(t, c.site(t), "prod-1", "API_AND_CONFIG_MAP")
	ctx, name := t.Context(), str("prod-1")
	create := func(in eks.CreateAccessEntryInput) (*eks.CreateAccessEntryOutput, error) {
		in.ClusterName = name
		return c.eks.CreateAccessEntry(ctx, &in)
	}
	at := epoch
	made := must(create(eks.CreateAccessEntryInput{PrincipalArn: str(nodeRole), Type: str("EC2_LINUX"), Tags: map[string]string{"k": "v"}}))(t).AccessEntry
	same(t, "an entry of nodes", &kube.AccessEntry{ClusterName: name, PrincipalArn: str(nodeRole), AccessEntryArn: made.AccessEntryArn, Type: str("EC2_LINUX"),
		Username: str("system:node:{{EC2PrivateDNSName}}"), KubernetesGroups: []string{"system:nodes"}, CreatedAt: &at, ModifiedAt: &at, Tags: map[string]string{"k": "v"}}, made)
	token := str("token-1")
	standard := must(create(eks.CreateAccessEntryInput{PrincipalArn: str(rancher), KubernetesGroups: []string{"viewers"}, ClientRequestToken: token}))(t).AccessEntry
	same(t, "an entry of people", &kube.AccessEntry{ClusterName: name, PrincipalArn: str(rancher), AccessEntryArn: standard.AccessEntryArn, Type: str("STANDARD"),
		Username: str("arn:aws:sts::123456789012:assumed-role/rancher/{{SessionName}}"), KubernetesGroups: []string{"viewers"}, CreatedAt: &at, ModifiedAt: &at, Tags: map[string]string{}}, standard)
	_, err := create(eks.CreateAccessEntryInput{PrincipalArn: str(rancher), ClientRequestToken: token})
	same(t, "the same request again", "", said(err))
	same(t, "DescribeAccessEntry", made, must(c.eks.DescribeAccessEntry(ctx, &eks.DescribeAccessEntryInput{ClusterName: name, PrincipalArn: str(nodeRole)}))(t).AccessEntry)

	var listed []string
	p := eks.NewListAccessEntriesPaginator(c.eks, &eks.ListAccessEntriesInput{ClusterName: name, MaxResults: awssdk.Int32(2)})
	for p.HasMorePages() {
		listed = append(listed, must(p.NextPage(ctx))(t).AccessEntries...)
	}
	same(t, "ListAccessEntries", []string{creator, nodeRole, rancher}, listed)

	updated := must(c.eks.UpdateAccessEntry(ctx, &eks.UpdateAccessEntryInput{ClusterName: name, PrincipalArn: str(rancher), KubernetesGroups: []string{"admins"}, Username: str("rancher")}))(t).AccessEntry
	same(t, "UpdateAccessEntry", []string{"rancher", "admins"}, []string{*updated.Username, updated.KubernetesGroups[0]})
	must(c.eks.TagResource(ctx, &eks.TagResourceInput{ResourceArn: made.AccessEntryArn, Tags: map[string]string{"l": "w"}}))(t)
	must(c.eks.UntagResource(ctx, &eks.UntagResourceInput{ResourceArn: made.AccessEntryArn, TagKeys: []string{"k"}}))(t)
	same(t, "tags", map[string]string{"l": "w"}, must(c.eks.ListTagsForResource(ctx, &eks.ListTagsForResourceInput{ResourceArn: made.AccessEntryArn}))(t).Tags)

	must(c.eks.DeleteAccessEntry(ctx, &eks.DeleteAccessEntryInput{ClusterName: name, PrincipalArn: str(rancher)}))(t)
	same(t, "DeleteAccessEntry again", noEntry, said(errOf(c.eks.DeleteAccessEntry(ctx, &eks.DeleteAccessEntryInput{ClusterName: name, PrincipalArn: str(rancher)}))))
}

const noEntry = "404 ResourceNotFoundException: The specified principalArn could not be found. You can view your available access entries with 'list-access-entries'."

func TestEKSAccessPolicies(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.profile(t, "node")
	c.profile(t, "rancher")
	c.cluster(t, c.site(t), "prod-1", "API")
	ctx, name, at := t.Context(), str("prod-1"), epoch
	create := func(in eks.CreateAccessEntryInput) error {
		in.ClusterName = name
		return errOf(c.eks.CreateAccessEntry(ctx, &in))
	}
	same(t, "an entry of nodes", "", said(create(eks.CreateAccessEntryInput{PrincipalArn: str(nodeRole), Type: str("EC2_LINUX")})))
	same(t, "an entry of people", "", said(create(eks.CreateAccessEntryInput{PrincipalArn: str(rancher)})))
	scope := &kube.AccessScope{Type: "cluster"}
	associate := func(principal, policy string, scope *kube.AccessScope) string {
		return said(errOf(c.eks.AssociateAccessPolicy(ctx, &eks.AssociateAccessPolicyInput{ClusterName: name, PrincipalArn: &principal, PolicyArn: &policy, AccessScope: scope})))
	}
	same(t, "AssociateAccessPolicy", "", associate(rancher, admin, scope))
	same(t, "AssociateAccessPolicy with another scope", "", associate(rancher, admin, &kube.AccessScope{Type: "namespace", Namespaces: []string{"a", "b"}}))
	same(t, "ListAssociatedAccessPolicies", []kube.AssociatedAccessPolicy{{PolicyArn: str(admin), AssociatedAt: &at, ModifiedAt: &at, AccessScope: &kube.AccessScope{Type: "namespace", Namespaces: []string{"a", "b"}}}},
		must(c.eks.ListAssociatedAccessPolicies(ctx, &eks.ListAssociatedAccessPoliciesInput{ClusterName: name, PrincipalArn: str(rancher)}))(t).AssociatedAccessPolicies)
	same(t, "entries with the policy", []string{creator, rancher}, must(c.eks.ListAccessEntries(ctx, &eks.ListAccessEntriesInput{ClusterName: name, AssociatedPolicyArn: str(admin)}))(t).AccessEntries)
	must(c.eks.DisassociateAccessPolicy(ctx, &eks.DisassociateAccessPolicyInput{ClusterName: name, PrincipalArn: str(rancher), PolicyArn: str(admin)}))(t)
	same(t, "entries without it", []string{creator}, must(c.eks.ListAccessEntries(ctx, &eks.ListAccessEntriesInput{ClusterName: name, AssociatedPolicyArn: str(admin)}))(t).AccessEntries)

	inUse := create(eks.CreateAccessEntryInput{PrincipalArn: str(nodeRole), Type: str("STANDARD")})
	_, absent := c.eks.DescribeAccessEntry(ctx, &eks.DescribeAccessEntryInput{ClusterName: name, PrincipalArn: str("arn:aws:iam::123456789012:role/x")})
	_, nodes := c.eks.UpdateAccessEntry(ctx, &eks.UpdateAccessEntryInput{ClusterName: name, PrincipalArn: str(nodeRole), KubernetesGroups: []string{"x"}})
	entry := func(principal, kind string, groups ...string) string {
		return said(create(eks.CreateAccessEntryInput{PrincipalArn: &principal, Type: &kind, KubernetesGroups: groups}))
	}
	for _, f := range []struct{ name, want, got string }{
		{"an entry twice", "409 ResourceInUseException: The specified access entry resource is already in use on this cluster.", said(inUse)},
		{"no entry", noEntry, said(absent)},
		{"groups for nodes", `400 InvalidParameterException: This operation can only be performed on Access Entries with a type of "STANDARD".`, said(nodes)},
		{"a policy for nodes", `400 InvalidParameterException: This operation can only be performed on Access Entries with a type of "STANDARD".`, associate(nodeRole, admin, scope)},
		{"a policy for nobody", noEntry, associate("arn:aws:iam::123456789012:role/x", admin, scope)},
		{"no such policy", "404 ResourceNotFoundException: The specified policyArn could not be found.", associate(rancher, "arn:aws:iam::aws:policy/AdministratorAccess", scope)},
		{"EKS's own policy", "400 InvalidParameterException: The specified policyArn can only be associated with service-linked roles", associate(rancher, "arn:aws:eks::aws:cluster-access-policy/AmazonEKSComputeClusterPolicy", scope)},
		{"no role of that name", "400 InvalidParameterException: The specified principalArn is invalid: invalid principal.", entry("arn:aws:iam::123456789012:role/path/node", "EC2_LINUX")},
		{"an instance profile", "400 InvalidParameterException: The principalArn parameter format is not valid", entry("arn:aws:iam::123456789012:instance-profile/node", "EC2_LINUX")},
		{"another account's nodes", "400 InvalidParameterException: An access entry of type EC2_LINUX must be for a role of the cluster's account", entry("arn:aws:iam::210987654321:role/node", "EC2_LINUX")},
		{"Kubernetes' own group", "400 InvalidParameterException: The kubernetes group name system:masters is invalid, it cannot start with system:", entry("arn:aws:iam::123456789012:user/x", "STANDARD", "system:masters")},
	} {
		same(t, f.name, f.want, f.got)
	}
}

func TestEKSNodeEntryRules(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.profile(t, "node")
	c.cluster(t, c.site(t), "prod-1", "API")
	_, err := c.eks.CreateAccessEntry(t.Context(), &eks.CreateAccessEntryInput{ClusterName: str("prod-1"), PrincipalArn: str(nodeRole), Type: str("EC2_LINUX"), KubernetesGroups: []string{"a"}})
	same(t, "groups", `400 InvalidParameterException: The kubernetesGroups and username parameters can only be set for Access Entries with a type of "STANDARD".`, said(err))
	_, err = c.eks.CreateAccessEntry(t.Context(), &eks.CreateAccessEntryInput{ClusterName: str("prod-1"), PrincipalArn: str(nodeRole), Type: str("EC2")})
	same(t, "an entry of Auto Mode", "", said(err))
	_, err = c.eks.AssociateAccessPolicy(t.Context(), &eks.AssociateAccessPolicyInput{ClusterName: str("prod-1"), PrincipalArn: str(nodeRole),
		PolicyArn: str("arn:aws:eks::aws:cluster-access-policy/AmazonEKSAutoNodePolicy"), AccessScope: &kube.AccessScope{Type: "cluster"}})
	same(t, "a policy for Auto Mode", "", said(err))
}

func TestEKSPermissions(t *testing.T) {
	t.Parallel()
	c := newCloud(t, func(s *fakeaws.Server) {
		s.CallerPolicies = []string{`{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Action":["ec2:*","iam:*","eks:CreateCluster"],"Resource":"*"},
			{"Effect":"Deny","Action":"iam:PassRole","Resource":"arn:aws:iam::123456789012:role/admin","Condition":{"StringNotLike":{"iam:PassedToService":"ec2.*"}}},
			{"Effect":"Allow","Action":"eks:CreateAccessEntry","Resource":"arn:aws:eks:*:*:cluster/prod-1","Condition":{"StringEquals":{"eks:accessEntryType":"EC2_LINUX"}}},
			{"Effect":"Allow","Action":["eks:DescribeAccessEntry","eks:DeleteAccessEntry"],"Resource":"arn:aws:eks:*:*:access-entry/prod-1/*",
				"Condition":{"StringEquals":{"aws:ResourceTag/owner":"us"}}}]}`}
	})
	c.profile(t, "node")
	c.profile(t, "admin")
	c.cluster(t, c.site(t), "prod-1", "API")
	create := func(role, kind string) string {
		_, err := c.eks.CreateAccessEntry(t.Context(), &eks.CreateAccessEntryInput{ClusterName: str("prod-1"), PrincipalArn: awssdk.String("arn:aws:iam::123456789012:role/" + role),
			Type: &kind, Tags: map[string]string{"owner": "us"}})
		return said(err)
	}
	remove := func(principal string) string {
		_, err := c.eks.DeleteAccessEntry(t.Context(), &eks.DeleteAccessEntryInput{ClusterName: str("prod-1"), PrincipalArn: &principal})
		return said(err)[:3]
	}
	const denied = "403 AccessDeniedException: User: arn:aws:iam::123456789012:user/operator is not authorized to perform: "
	for _, f := range []struct{ name, want, got string }{
		{"an entry for people", denied + "eks:CreateAccessEntry on resource: arn:aws:eks:us-east-1:123456789012:cluster/prod-1 because no identity-based policy allows the eks:CreateAccessEntry action", create("node", "STANDARD")},
		{"a role that may not be passed", denied + "iam:PassRole on resource: arn:aws:iam::123456789012:role/admin with an explicit deny in an identity-based policy", create("admin", "EC2_LINUX")},
		{"an entry for nodes", "", create("node", "EC2_LINUX")},
		{"somebody else's entry", fmt.Sprint(http.StatusForbidden), remove("arn:aws:iam::123456789012:user/operator")},
	} {
		same(t, f.name, f.want, f.got)
	}
	_, err := c.eks.DeleteAccessEntry(t.Context(), &eks.DeleteAccessEntryInput{ClusterName: str("prod-1"), PrincipalArn: str(nodeRole)})
	same(t, "our own", "", said(err))
}
