package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	static "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

const accountRegion = "eu-west-1"

// account tells how an account is made fit for a cluster, and taken back.
func (d *demo) account(ctx context.Context, bootstrap, dir string) error {
	d.say("\nAn account with two nodes and nothing of ours: bootstrap.yaml says what shall be")
	file, err := d.nodes(ctx)
	if err != nil {
		return fmt.Errorf("starting nodes: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bootstrap.yaml"), []byte(file), 0o644); err != nil {
		return err
	}
	d.say("%s", file)
	before := d.aws.Dump()
	for _, step := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"plan"}, 3, "to create"},
		{[]string{"apply", "--yes"}, 0, "instance profile of group demo-server: demo-server"},
		{[]string{"plan"}, 0, "nothing to change"},
		{[]string{"destroy", "--yes"}, 0, "done"},
	} {
		d.began = time.Now()
		out, status, err := d.bootstrap(ctx, bootstrap, dir, step.args)
		if err != nil {
			return err
		}
		if status != step.status || !strings.Contains(out, step.says) {
			return fmt.Errorf("%s ended with status %d, want %d and %q: %s", strings.Join(step.args, " "), status, step.status, step.says, out)
		}
		d.step("ecr-node-bootstrap %s: status %d", strings.Join(step.args, " "), status)
		if step.args[0] == "apply" {
			// It shows the plan once more, which has been read above.
			out = out[strings.Index(out, "done  "):]
		}
		d.say("%s", indent(out))
	}
	if !reflect.DeepEqual(before, d.aws.Dump()) {
		return errors.New("the account is not what it was before")
	}
	d.say("          and the account is what it was")
	return nil
}

// nodes starts two instances in a VPC of their own, and returns the file for them.
func (d *demo) nodes(ctx context.Context) (string, error) {
	client := ec2.New(ec2.Options{
		Region: accountRegion, BaseEndpoint: &d.awsURL, Credentials: static.NewStaticCredentialsProvider("AKIADEMO", "secret", ""),
	})
	vpc, err := client.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	if err != nil {
		return "", err
	}
	if _, err := client.ModifyVpcAttribute(ctx, &ec2.ModifyVpcAttributeInput{VpcId: vpc.Vpc.VpcId, EnableDnsHostnames: &types.AttributeBooleanValue{Value: aws.Bool(true)}}); err != nil {
		return "", err
	}
	subnet, err := client.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: vpc.Vpc.VpcId, CidrBlock: aws.String("10.0.0.0/24"), AvailabilityZone: aws.String(accountRegion + "a")})
	if err != nil {
		return "", err
	}
	if err := d.gateway(ctx, client, vpc.Vpc.VpcId); err != nil {
		return "", err
	}
	group, err := client.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{VpcId: vpc.Vpc.VpcId, GroupName: aws.String("nodes"), Description: aws.String("nodes")})
	if err != nil {
		return "", err
	}
	var ids []string
	for _, name := range []string{"demo-server-1", "demo-agent-1"} {
		out, err := client.RunInstances(ctx, &ec2.RunInstancesInput{
			ImageId: aws.String("ami-0123456789abcdef0"), MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
			SubnetId: subnet.Subnet.SubnetId, SecurityGroupIds: []string{*group.GroupId},
			TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeInstance, Tags: []types.Tag{{Key: aws.String("Name"), Value: &name}}}},
		})
		if err != nil {
			return "", err
		}
		ids = append(ids, *out.Instances[0].InstanceId)
	}
	return fmt.Sprintf(`version: 1
cluster: demo
account: "123456789012"
region: %s
nodes:
  - name: demo-server
    roles: [control-plane, etcd]
    instances: {ids: [%s]}
  - name: demo-agent
    roles: [worker]
    instances: {tag: {Name: "demo-agent-*"}}
network:
  securityGroup: {id: %s}
pull:
  repositories: ["team/*"]
`, accountRegion, ids[0], *group.GroupId), nil
}

// gateway leads the VPC to the internet.
func (d *demo) gateway(ctx context.Context, client *ec2.Client, vpc *string) error {
	gateway, err := client.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{})
	if err != nil {
		return err
	}
	id := gateway.InternetGateway.InternetGatewayId
	if _, err := client.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{VpcId: vpc, InternetGatewayId: id}); err != nil {
		return err
	}
	tables, err := client.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: []types.Filter{{Name: aws.String("vpc-id"), Values: []string{*vpc}}}})
	if err != nil {
		return err
	}
	if len(tables.RouteTables) == 0 {
		return errors.New("the VPC has no main route table")
	}
	_, err = client.CreateRoute(ctx, &ec2.CreateRouteInput{RouteTableId: tables.RouteTables[0].RouteTableId, DestinationCidrBlock: aws.String("0.0.0.0/0"), GatewayId: id})
	return err
}

// bootstrap runs ecr-node-bootstrap as an operator does.
func (d *demo) bootstrap(ctx context.Context, program, dir string, args []string) (out string, status int, err error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = []string{
		"AWS_ENDPOINT_URL=" + d.awsURL, "AWS_ACCESS_KEY_ID=AKIADEMO", "AWS_SECRET_ACCESS_KEY=secret", "AWS_EC2_METADATA_DISABLED=true", "HOME=" + dir,
	}
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	err = cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); exited {
		err = nil
	}
	return b.String(), cmd.ProcessState.ExitCode(), err
}

func indent(text string) string {
	return "          " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n          ")
}
