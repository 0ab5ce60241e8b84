package fakeaws_test

import (
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

const metadataTagsRefusal = `InvalidParameterValue: 'kubernetes.io/cluster/a' is not a valid tag key. Tag keys must match pattern ` +
	`([0-9a-zA-Z\\-_+=,.@:]{1,255}), and must not be a reserved name ('.', '..', '_index')`

// tagsOf are the tags of what has that id, as key=value.
func (c *cloud) tagsOf(t *testing.T, id string) []string {
	t.Helper()
	var all []string
	for _, tag := range must(c.ec2.DescribeTags(t.Context(), &ec2.DescribeTagsInput{Filters: filters("resource-id", id)}))(t).Tags {
		all = append(all, *tag.Key+"="+*tag.Value)
	}
	return all
}

func TestEC2CreateTags(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s := c.site(t)
	plain, served, full := c.run(t, s, 1)[0], c.run(t, s, 1, func(in *ec2.RunInstancesInput) {
		in.MetadataOptions = &types.InstanceMetadataOptionsRequest{InstanceMetadataTags: "enabled"}
	})[0], c.run(t, s, 1)[0]
	create := func(given []types.Tag, ids ...string) string {
		return refused(errOf(c.ec2.CreateTags(t.Context(), &ec2.CreateTagsInput{Resources: ids, Tags: given})))
	}
	same(t, "50 tags", "", create(numbered(50), full))
	const ok = ""
	for _, f := range []struct {
		name string
		ids  []string
		tags []types.Tag
		want string
	}{
		{"several kinds", []string{plain, s.group, s.private, s.table, s.vpc, s.gateway}, tags("a", "1&2", "empty", ""), ok},
		{"the last of 50 again", []string{full}, tags("k49", "new"), ok},
		{"one more than 50", []string{plain, full}, tags("b", "1"), "TagLimitExceeded: The maximum number of Tags for a resource has been reached."},
		{"a key of 127", []string{s.group}, tags(strings.Repeat("é", 127), "1"), ok},
		{"a key of 128", []string{plain}, tags(strings.Repeat("k", 128), "1"), "InvalidParameterValue: Tag key exceeds the maximum length of 127 characters"},
		{"a value of 257", []string{plain}, tags("b", strings.Repeat("v", 257)), "InvalidParameterValue: Tag value exceeds the maximum length of 256 characters"},
		{"a reserved key", []string{plain}, tags("AWS:b", "1"), "InvalidParameterValue: Tag keys starting with 'aws:' are reserved for internal use"},
		{"a key twice", []string{plain}, tags("b", "1", "b", "2"), "InvalidParameterValue: Duplicate tag key 'b' specified."},
		{"an unknown instance", []string{plain, "i-0123456789abcdef0"}, tags("b", "1"), "InvalidInstanceID.NotFound: The instance ID 'i-0123456789abcdef0' does not exist"},
		{"an unknown subnet", []string{"subnet-0123456789abcdef0"}, tags("b", "1"), "InvalidSubnetID.NotFound: The subnet ID 'subnet-0123456789abcdef0' does not exist"},
		{"an unknown group", []string{"sg-0123456789abcdef0"}, tags("b", "1"), "InvalidGroup.NotFound: The security group 'sg-0123456789abcdef0' does not exist"},
		{"an unknown route table", []string{"rtb-0123456789abcdef0"}, tags("b", "1"), "InvalidRouteTableID.NotFound: The routeTable ID 'rtb-0123456789abcdef0' does not exist"},
		{"an unknown VPC", []string{"vpc-0123456789abcdef0"}, tags("b", "1"), "InvalidVpcID.NotFound: The vpc ID 'vpc-0123456789abcdef0' does not exist"},
		{"a bad instance", []string{"i-xyz"}, tags("b", "1"), `InvalidInstanceID.Malformed: Invalid id: "i-xyz"`},
		{"a bad group", []string{"sg-1"}, tags("b", "1"), `InvalidGroupId.Malformed: Invalid id: "sg-1"`},
		{"a bad subnet", []string{"subnet-"}, tags("b", "1"), `InvalidSubnetID.Malformed: Invalid id: "subnet-"`},
		{"a bad route table", []string{"rtb-1"}, tags("b", "1"), `InvalidRouteTableId.Malformed: Invalid id: "rtb-1"`},
		{"no id at all", []string{"web-1"}, tags("b", "1"), "InvalidID: The ID 'web-1' is not valid"},
		{"served by the metadata service", []string{plain, served}, tags("kubernetes.io/cluster/a", "owned"), metadataTagsRefusal},
		{"served, and fit for it", []string{served}, tags("KubernetesCluster", "a"), ok},
	} {
		before := c.tagsOf(t, plain)
		same(t, f.name, f.want, create(f.tags, f.ids...))
		if f.want != ok {
			same(t, "tags after "+f.name, before, c.tagsOf(t, plain))
		}
	}
	same(t, "tags of the instance", []string{"a=1&2", "empty="}, c.tagsOf(t, plain))
	same(t, "tags of the VPC", []string{"Name=prod", "a=1&2", "empty="}, c.tagsOf(t, s.vpc))
}

func TestEC2DeleteTags(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s := c.site(t)
	give := func() {
		must(c.ec2.CreateTags(t.Context(), &ec2.CreateTagsInput{Resources: []string{s.group}, Tags: tags("a", "1", "b", "", "c", "3")}))(t)
	}
	for _, f := range []struct {
		name string
		tags []types.Tag
		want []string
	}{
		{"by key", []types.Tag{{Key: str("a")}}, []string{"b=", "c=3"}},
		{"with the value", tags("a", "1"), []string{"b=", "c=3"}},
		{"with another value", tags("a", "2"), []string{"a=1", "b=", "c=3"}},
		{"with the empty value", tags("b", ""), []string{"a=1", "c=3"}},
		{"with an empty value that it has not", tags("a", ""), []string{"a=1", "b=", "c=3"}},
		{"that is not there", []types.Tag{{Key: str("z")}}, []string{"a=1", "b=", "c=3"}},
		{"all", nil, nil},
	} {
		give()
		_, err := c.ec2.DeleteTags(t.Context(), &ec2.DeleteTagsInput{Resources: []string{s.group}, Tags: f.tags})
		same(t, f.name, "", refused(err))
		same(t, "tags after "+f.name, f.want, c.tagsOf(t, s.group))
	}
}

func TestEC2MetadataTags(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s := c.site(t)
	id := c.run(t, s, 1, func(in *ec2.RunInstancesInput) {
		in.TagSpecifications = specs("instance", "kubernetes.io/cluster/a", "owned")
	})[0]
	modify := func(in ec2.ModifyInstanceMetadataOptionsInput) (*ec2.ModifyInstanceMetadataOptionsOutput, error) {
		in.InstanceId = &id
		return c.ec2.ModifyInstanceMetadataOptions(t.Context(), &in)
	}
	_, err := modify(ec2.ModifyInstanceMetadataOptionsInput{InstanceMetadataTags: "enabled"})
	same(t, "enabling the tags", metadataTagsRefusal, refused(err))
	_, err = modify(ec2.ModifyInstanceMetadataOptionsInput{HttpPutResponseHopLimit: awssdk.Int32(65)})
	same(t, "a hop limit of 65", "InvalidParameterValue: Value (65) for parameter HttpPutResponseHopLimit is invalid. Must be between 1 and 64.", refused(err))
	got := must(modify(ec2.ModifyInstanceMetadataOptionsInput{HttpPutResponseHopLimit: awssdk.Int32(2), HttpTokens: "required"}))(t)
	want := &types.InstanceMetadataOptionsResponse{State: "pending", HttpTokens: "required", HttpPutResponseHopLimit: awssdk.Int32(2),
		HttpEndpoint: "enabled", HttpProtocolIpv6: "disabled", InstanceMetadataTags: "disabled"}
	same(t, "ModifyInstanceMetadataOptions", want, got.InstanceMetadataOptions)
	want.State = "applied"
	same(t, "MetadataOptions", want, c.instances(t, &ec2.DescribeInstancesInput{})[0].MetadataOptions)

	// The account's defaults are for launches that say nothing else.
	must(c.ec2.ModifyInstanceMetadataDefaults(t.Context(), &ec2.ModifyInstanceMetadataDefaultsInput{InstanceMetadataTags: "enabled", HttpTokens: "required"}))(t)
	same(t, "GetInstanceMetadataDefaults", &types.InstanceMetadataDefaultsResponse{InstanceMetadataTags: "enabled", HttpTokens: "required", ManagedBy: "account"},
		must(c.ec2.GetInstanceMetadataDefaults(t.Context(), &ec2.GetInstanceMetadataDefaultsInput{}))(t).AccountLevel)
	_, err = c.ec2.RunInstances(t.Context(), &ec2.RunInstancesInput{ImageId: str("ami-1"), MinCount: awssdk.Int32(1), MaxCount: awssdk.Int32(1), SubnetId: &s.private,
		TagSpecifications: specs("instance", "kubernetes.io/cluster/a", "owned")})
	same(t, "RunInstances with such a tag", metadataTagsRefusal, refused(err))
}

// teamPolicy lets its holder do to instances of a cluster what a tool needs, and no more.
const teamPolicy = `{"Version":"2012-10-17","Statement":[
	{"Effect":"Allow","Action":["ec2:Describe*","ec2:RunInstances","ec2:Create*","ec2:AttachInternetGateway","ec2:AssociateRouteTable","iam:*"],"Resource":"*"},
	{"Effect":"Deny","Action":"ec2:CreateTags","Resource":"*","Condition":{"Null":{"ec2:CreateAction":"true"}}},
	{"Effect":"Allow","Action":"ec2:DeleteTags","Resource":"arn:aws:ec2:*:*:instance/*","Condition":{
		"StringEquals":{"aws:ResourceTag/team":"a"},"ForAllValues:StringEquals":{"aws:TagKeys":["x"]}}},
	{"Effect":"Allow","Action":"ec2:AssociateIamInstanceProfile","Resource":"*","Condition":{"StringEquals":{"ec2:ResourceTag/team":"a"}}},
	{"Effect":"Deny","Action":"iam:PassRole","Resource":"arn:aws:iam::123456789012:role/admin","Condition":{
		"ArnLike":{"iam:AssociatedResourceArn":"arn:aws:ec2:*:*:instance/*"}}},
	{"Effect":"Deny","Action":"iam:PassRole","Resource":"*","Condition":{"StringNotEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}}]}`

func TestEC2Permissions(t *testing.T) {
	t.Parallel()
	c := newCloud(t, func(s *fakeaws.Server) { s.CallerPolicies = []string{teamPolicy} })
	s := c.site(t) // tags on creation are allowed
	c.profile(t, "node")
	c.profile(t, "admin")
	of := func(team string) string {
		return c.run(t, s, 1, func(in *ec2.RunInstancesInput) { in.TagSpecifications = specs("instance", "team", team, "x", "1") })[0]
	}
	ours, theirs := of("a"), of("b")
	ctx := t.Context()
	yes := awssdk.Bool(true)
	code := func(err error) string { c, _, _ := strings.Cut(refused(err), ":"); return c }
	remove := func(id, key string, dry *bool) string {
		return code(errOf(c.ec2.DeleteTags(ctx, &ec2.DeleteTagsInput{Resources: []string{id}, Tags: []types.Tag{{Key: &key}}, DryRun: dry})))
	}
	associate := func(id, profile string) string {
		return code(errOf(c.ec2.AssociateIamInstanceProfile(ctx, &ec2.AssociateIamInstanceProfileInput{InstanceId: &id, IamInstanceProfile: &types.IamInstanceProfileSpecification{Name: &profile}})))
	}
	create := func(dry *bool) string {
		return refused(errOf(c.ec2.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{ours}, Tags: tags("x", "2"), DryRun: dry})))
	}
	const denied = "UnauthorizedOperation"
	for _, f := range []struct{ name, want, got string }{
		{"dry run of what is allowed", "DryRunOperation", remove(ours, "x", yes)},
		{"dry run of what another team has", denied, remove(theirs, "x", yes)},
		{"dry run of another key", denied, remove(ours, "team", yes)},
		{"dry run for what is not there", "InvalidInstanceID.NotFound", remove("i-00000000", "x", yes)},
		{"removal from another team's", denied, remove(theirs, "x", nil)},
		{"removal", "", remove(ours, "x", nil)},
		{"an admin's role", denied, associate(ours, "admin")},
		{"a profile for another team's", denied, associate(theirs, "node")},
		{"a profile", "", associate(ours, "node")},
		{"tags by themselves", "UnauthorizedOperation: You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/operator is not authorized to perform: ec2:CreateTags " +
			"on resource: arn:aws:ec2:us-east-1:123456789012:instance/" + ours + " with an explicit deny in an identity-based policy. Encoded authorization failure message: c2VjcmV0LW9mLXRoZS1mYWtl", create(nil)},
	} {
		same(t, f.name, f.want, f.got)
	}
	same(t, "tags of ours", []string{"team=a"}, c.tagsOf(t, ours))
}

func TestEC2DryRun(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s := c.site(t)
	id := c.run(t, s, 1)[0]
	ctx, yes := t.Context(), awssdk.Bool(true)
	before := c.Dump()
	for name, call := range map[string]func() error{
		"CreateTags": func() error {
			return errOf(c.ec2.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{id}, Tags: tags("a", "b"), DryRun: yes}))
		},
		"DeleteTags": func() error {
			return errOf(c.ec2.DeleteTags(ctx, &ec2.DeleteTagsInput{Resources: []string{id}, DryRun: yes}))
		},
		"ModifyInstanceMetadataOptions": func() error {
			return errOf(c.ec2.ModifyInstanceMetadataOptions(ctx, &ec2.ModifyInstanceMetadataOptionsInput{InstanceId: &id, HttpTokens: "required", DryRun: yes}))
		},
		"TerminateInstances": func() error {
			return errOf(c.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}, DryRun: yes}))
		},
		"CreateVpc": func() error {
			return errOf(c.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: str("10.1.0.0/16"), DryRun: yes}))
		},
		"DescribeInstances": func() error { return errOf(c.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{DryRun: yes})) },
	} {
		same(t, name, "412 DryRunOperation: Request would have succeeded, but DryRun flag is set.", said(call()))
	}
	same(t, "Dump", before, c.Dump())
}
