package fakeaws

import (
	"strings"
	"time"
)

// byAWS are some of the policies that AWS manages, with the versions and documents
// that they had in March 2026 (github.com/zoph-io/MAMIP keeps them all).
var byAWS = []struct {
	name     string // with its path
	version  int
	created  string // the day of that version
	document string
}{
	{"AmazonEC2ContainerRegistryPullOnly", 1, "2024-10-04", `{"Version":"2012-10-17","Statement":[
{"Action":["ecr:GetAuthorizationToken","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchImportUpstreamImage"],"Resource":"*","Effect":"Allow"}]}`},
	{"AmazonEC2ContainerRegistryReadOnly", 3, "2019-12-10", `{"Version":"2012-10-17","Statement":[
{"Action":["ecr:GetAuthorizationToken","ecr:BatchCheckLayerAvailability","ecr:GetDownloadUrlForLayer","ecr:GetRepositoryPolicy","ecr:DescribeRepositories","ecr:ListImages","ecr:DescribeImages","ecr:BatchGetImage","ecr:GetLifecyclePolicy","ecr:GetLifecyclePolicyPreview","ecr:ListTagsForResource","ecr:DescribeImageScanFindings"],"Resource":"*","Effect":"Allow"}]}`},
	{"AmazonEKSWorkerNodePolicy", 3, "2023-11-27", `{"Version":"2012-10-17","Statement":[
{"Action":["ec2:DescribeInstances","ec2:DescribeInstanceTypes","ec2:DescribeRouteTables","ec2:DescribeSecurityGroups","ec2:DescribeSubnets","ec2:DescribeVolumes","ec2:DescribeVolumesModifications","ec2:DescribeVpcs","eks:DescribeCluster","eks-auth:AssumeRoleForPodIdentity"],"Resource":"*","Effect":"Allow","Sid":"WorkerNodePermissions"}]}`},
	{"AmazonEKSWorkerNodeMinimalPolicy", 1, "2024-10-02", `{"Version":"2012-10-17","Statement":[
{"Action":["eks-auth:AssumeRoleForPodIdentity"],"Resource":"*","Effect":"Allow","Sid":"WorkerNodePermissions"}]}`},
	{"AmazonEKS_CNI_Policy", 6, "2026-03-04", `{"Version":"2012-10-17","Statement":[
{"Action":["ec2:AssignPrivateIpAddresses","ec2:AttachNetworkInterface","ec2:CreateNetworkInterface","ec2:DeleteNetworkInterface","ec2:DescribeInstances","ec2:DescribeTags","ec2:DescribeNetworkInterfaces","ec2:DescribeInstanceTypes","ec2:DescribeSubnets","ec2:DescribeSecurityGroups","ec2:DetachNetworkInterface","ec2:ModifyNetworkInterfaceAttribute","ec2:UnassignPrivateIpAddresses"],"Resource":"*","Effect":"Allow","Sid":"AmazonEKSCNIPolicy"},
{"Action":["ec2:CreateTags"],"Resource":["arn:aws:ec2:*:*:network-interface/*"],"Effect":"Allow","Sid":"AmazonEKSCNIPolicyENITag"}]}`},
	{"AmazonElasticContainerRegistryPublicReadOnly", 1, "2020-12-01", `{"Version":"2012-10-17","Statement":[
{"Action":["ecr-public:GetAuthorizationToken","sts:GetServiceBearerToken","ecr-public:BatchCheckLayerAvailability","ecr-public:GetRepositoryPolicy","ecr-public:DescribeRepositories","ecr-public:DescribeRegistries","ecr-public:DescribeImages","ecr-public:DescribeImageTags","ecr-public:GetRepositoryCatalogData","ecr-public:GetRegistryCatalogData"],"Resource":"*","Effect":"Allow"}]}`},
	{"AmazonSSMManagedInstanceCore", 2, "2019-05-23", `{"Version":"2012-10-17","Statement":[
{"Effect":"Allow","Action":["ssm:DescribeAssociation","ssm:GetDeployablePatchSnapshotForInstance","ssm:GetDocument","ssm:DescribeDocument","ssm:GetManifest","ssm:GetParameter","ssm:GetParameters","ssm:ListAssociations","ssm:ListInstanceAssociations","ssm:PutInventory","ssm:PutComplianceItems","ssm:PutConfigurePackageResult","ssm:UpdateAssociationStatus","ssm:UpdateInstanceAssociationStatus","ssm:UpdateInstanceInformation"],"Resource":"*"},
{"Effect":"Allow","Action":["ssmmessages:CreateControlChannel","ssmmessages:CreateDataChannel","ssmmessages:OpenControlChannel","ssmmessages:OpenDataChannel"],"Resource":"*"},
{"Effect":"Allow","Action":["ec2messages:AcknowledgeMessage","ec2messages:DeleteMessage","ec2messages:FailMessage","ec2messages:GetEndpoint","ec2messages:GetMessages","ec2messages:SendReply"],"Resource":"*"}]}`},
	{"AdministratorAccess", 1, "2015-02-06", `{"Version":"2012-10-17","Statement":[
{"Effect":"Allow","Action":"*","Resource":"*"}]}`},
}

// managedByAWS is a policy of AWS's own: one of those above, or one that the test knows
// (Server.ManagedPolicies).
func (s *Server) managedByAWS(arn string) (*iamPolicy, bool) {
	name, ok := strings.CutPrefix(arn, "arn:"+s.Partition+":iam::aws:policy/")
	if !ok {
		return nil, false
	}
	if document, ok := s.ManagedPolicies[name]; ok {
		return s.newByAWS(name, document, 1, s.Now().UTC()), true
	}
	for _, p := range byAWS {
		if p.name == name {
			created, err := time.Parse(time.DateOnly, p.created)
			if err != nil {
				panic(err)
			}
			return s.newByAWS(name, p.document, p.version, created), true
		}
	}
	return nil, false
}

// newByAWS makes a policy of AWS's, which is the same whenever it is asked for.
func (s *Server) newByAWS(path, document string, version int, created time.Time) *iamPolicy {
	path, name := "/"+path[:strings.LastIndex(path, "/")+1], path[strings.LastIndex(path, "/")+1:]
	return &iamPolicy{
		iamCommon: iamCommon{id: iamID("ANPA", path+name), path: path, name: name, created: created},
		arn:       "arn:" + s.Partition + ":iam::aws:policy" + path + name,
		updated:   created, byDefault: version, byAWS: true,
		versions: []iamVersion{{version, strings.ReplaceAll(document, "arn:aws:", "arn:"+s.Partition+":"), created}},
	}
}

// allByAWS are all of them, in the order of their names.
func (s *Server) allByAWS() []*iamPolicy {
	names := map[string]bool{}
	for _, p := range byAWS {
		names[p.name] = true
	}
	for name := range s.ManagedPolicies {
		names[name] = true
	}
	var all []*iamPolicy
	for _, name := range sortedKeys(names) {
		p, _ := s.managedByAWS("arn:" + s.Partition + ":iam::aws:policy/" + name)
		all = append(all, p)
	}
	return all
}
