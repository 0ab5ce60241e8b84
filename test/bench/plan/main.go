// Command plan measures `ecr-node-bootstrap plan` as an operator meets it: whole
// processes against fakeaws, for a small account and a large one in turn, so that a
// noisy machine is noisy to both. It prints medians, their ratio, and the calls that
// AWS saw.
//
//	go run ./test/bench/plan [-n 20]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

func main() {
	n := flag.Int("n", 20, "plans of each account")
	flag.Parse()
	if err := run(context.Background(), *n); err != nil {
		fmt.Fprintln(os.Stderr, "plan: "+err.Error())
		os.Exit(1)
	}
}

// An estate is an account and how long plans of it took.
type estate struct {
	name               string
	instances, subnets int

	aws   *fakeaws.Server
	url   string
	dir   string
	took  []time.Duration
	calls int
}

func run(ctx context.Context, n int) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "ecr-node-bootstrap")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "github.com/kubelet-ecr/kubelet-ecr/cmd/ecr-node-bootstrap")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building: %w\n%s", err, out)
	}
	estates := []*estate{{name: "small", instances: 2, subnets: 2}, {name: "large", instances: 500, subnets: 60}}
	for _, e := range estates {
		e.aws = fakeaws.New()
		server := httptest.NewServer(e.aws)
		defer server.Close()
		defer e.aws.Close()
		e.url, e.dir = server.URL, filepath.Join(dir, e.name)
		if err := e.seed(ctx); err != nil {
			return fmt.Errorf("seeding the %s account: %w", e.name, err)
		}
	}
	for range n {
		for _, e := range estates {
			if err := e.plan(ctx, program); err != nil {
				return err
			}
		}
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "account\tinstances\tsubnets\tcalls\tmedian\tx small\t")
	for _, e := range estates {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d ms\t%.2f\t\n", e.name, e.instances, e.subnets, e.calls, median(e.took).Milliseconds(),
			float64(median(e.took))/float64(median(estates[0].took)))
	}
	return w.Flush()
}

func median(all []time.Duration) time.Duration {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

// seed builds the account through the API, and writes the file for it.
func (e *estate) seed(ctx context.Context) error {
	client := ec2.New(ec2.Options{
		Region: "eu-central-1", BaseEndpoint: &e.url, Credentials: credentials.NewStaticCredentialsProvider("AKIABENCH", "secret", ""),
	})
	vpc, err := client.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	if err != nil {
		return err
	}
	var subnets []string
	for i := range e.subnets {
		out, err := client.CreateSubnet(ctx, &ec2.CreateSubnetInput{
			VpcId: vpc.Vpc.VpcId, CidrBlock: aws.String(fmt.Sprintf("10.0.%d.0/24", i)), AvailabilityZone: aws.String("eu-central-1" + string(rune('a'+i%3))),
		})
		if err != nil {
			return err
		}
		subnets = append(subnets, *out.Subnet.SubnetId)
	}
	group, err := client.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{VpcId: vpc.Vpc.VpcId, GroupName: aws.String("nodes"), Description: aws.String("nodes")})
	if err != nil {
		return err
	}
	for left, i := e.instances, 0; left > 0; i++ {
		some := min(left, 100)
		left -= some
		if _, err := client.RunInstances(ctx, &ec2.RunInstancesInput{
			ImageId: aws.String("ami-0123456789abcdef0"), MinCount: aws.Int32(int32(some)), MaxCount: aws.Int32(int32(some)),
			SubnetId: &subnets[i], SecurityGroupIds: []string{*group.GroupId},
			TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeInstance, Tags: []types.Tag{{Key: aws.String("Name"), Value: aws.String("node")}}}},
		}); err != nil {
			return err
		}
	}
	file := fmt.Sprintf("version: 1\ncluster: bench\naccount: %q\nregion: eu-central-1\nnodes:\n"+
		"  - name: bench-server\n    roles: [control-plane, etcd]\n    features: [elb]\n"+
		"  - name: bench-agent\n    roles: [worker]\n    instances: {tag: {Name: node}}\n"+
		"network:\n  securityGroup: {id: %s}\n  subnets:\n    - {ids: [%s], elb: internal}\n",
		"123456789012", *group.GroupId, strings.Join(subnets, ", "))
	if err := os.Mkdir(e.dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(e.dir, "bootstrap.yaml"), []byte(file), 0o600)
}

// plan plans once, and wants something to do.
func (e *estate) plan(ctx context.Context, program string) error {
	e.aws.ForgetCalls()
	cmd := exec.CommandContext(ctx, program, "plan", "-o", "json")
	cmd.Dir = e.dir
	cmd.Env = []string{
		"AWS_ENDPOINT_URL=" + e.url, "AWS_ACCESS_KEY_ID=AKIABENCH", "AWS_SECRET_ACCESS_KEY=secret", "AWS_EC2_METADATA_DISABLED=true", "HOME=" + e.dir,
	}
	began := time.Now()
	out, err := cmd.CombinedOutput()
	e.took = append(e.took, time.Since(began))
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 3 {
		return fmt.Errorf("planning the %s account: %v\n%s", e.name, err, out)
	}
	e.calls = len(e.aws.Calls())
	return nil
}
