package contract

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/test/contract/kubelet"
)

// failed is how the plugin begins what it says of the node.
const failed = "exit status 1: ecr-credential-provider: token for " + account + ".dkr.ecr.us-east-1.amazonaws.com as the node: "

// execing is how the kubelet begins what it logs of a plugin that failed.
func execing(image string) string {
	return "error execing credential provider plugin " + pluginName + " for image " + image + ": "
}

// notAnswered is what hangs in the words of the plugin, but for how often it asked.
const notAnswered = "; hint: the AWS endpoint cannot be reached from this node: check routes and security groups to it, HTTPS_PROXY in the provider's env, " +
	"and in a network without internet the VPC endpoints ecr.api, ecr.dkr and sts with private DNS on"

// TestFailing has AWS refuse, fail and throttle. The kubelet logs our line and keeps
// nothing: each look-up runs the plugin. Once AWS is well, a pull succeeds within the
// time for which a failure is remembered (docs/failure-modes.md).
func TestFailing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault   string
		fetches int // after which the failure is remembered for long
		reason  string
		within  time.Duration
	}{
		{"access-denied", 1, "AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/node/i-0abc is not authorized to perform: " +
			"ecr:GetAuthorizationToken on resource: * because no identity-based policy allows the ecr:GetAuthorizationToken action (request N); " +
			"hint: allow ecr:GetAuthorizationToken on resource *: attach the AWS-managed policy AmazonEC2ContainerRegistryPullOnly to the node's role", 20 * time.Second},
		{"unavailable", 3, "ServiceUnavailable: Service Unavailable (request N) (N attempts); " +
			"hint: AWS itself fails here: the kubelet asks again by itself; health.aws.amazon.com tells of outages", 20 * time.Second},
		{"throttle", 2, "ThrottlingException: Rate exceeded (request N) (N attempts); " +
			"hint: the account's rate of these calls in this region is used up: the kubelet asks again by itself; if it stays so, " +
			"find who calls in CloudTrail, or raise the quota in Service Quotas", 65 * time.Second},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(n *node) {
				n.Parallel()
				n.inject("ecr " + c.fault)
				app := image("us-east-1", "app")
				k := n.start(n.provider())
				lookups := 0
				n.until(2*time.Minute, "the failure is remembered for long", func() bool {
					lookups++
					if diff := cmp.Diff(nobody, k.lookup(kubelet.Pod{}, app)); diff != "" {
						n.Fatalf("(-want +got)\n%s", diff)
					}
					return n.fetches() == c.fetches
				})
				if runs := n.runs(); len(runs) != lookups {
					n.Errorf("for %d look-ups the plugin was run %d times", lookups, len(runs))
				}
				line := execing(app) + failed + "calling ecr:GetAuthorizationToken in us-east-1: " + c.reason
				if diff := cmp.Diff([]string{line}, slices.Compact(k.errors())); diff != "" {
					n.Errorf("the kubelet logged (-want +got)\n%s", diff)
				}
				n.aws.Heal()
				n.until(c.within, "the image can be pulled", func() bool {
					return cmp.Equal(nodes("us-east-1"), k.lookup(kubelet.Pod{}, app))
				})
			})
		})
	}
}

// fetches is how many runs called AWS, and did not fail by what they were told of a
// call of another.
func (n *node) fetches() int {
	n.Helper()
	fetches := 0
	for _, r := range n.runs() {
		if r.Calls > 0 {
			fetches++
		}
	}
	return fetches
}

// TestHanging has AWS, or the metadata service, take a request and say nothing. The
// kubelet kills a plugin after a minute, and then has no reason to log.
func TestHanging(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ service, reason string }{
		{"ecr", "calling ecr:GetAuthorizationToken in us-east-1: AWS did not answer in time (N attempts); before that: AWS did not answer within 10s" + notAnswered},
		{"imds", "getting the node's AWS credentials: the instance metadata service (IMDS) does not answer at AWS; " +
			"hint: on an EC2 instance turn it on (aws ec2 modify-instance-metadata-options --instance-id ID --http-endpoint enabled; " +
			"in a container --http-put-response-hop-limit 2) and let the node's firewall pass it; elsewhere set AWS_PROFILE or AWS_CONFIG_FILE " +
			"in the provider's env in the CredentialProviderConfig"},
	} {
		t.Run(c.service, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(n *node) {
				n.Parallel()
				n.inject(c.service + " hang")
				k := n.start(n.provider())
				app := image("us-east-1", "app")
				if diff := cmp.Diff(nobody, k.lookup(kubelet.Pod{}, app)); diff != "" {
					n.Errorf("(-want +got)\n%s", diff)
				}
				if diff := cmp.Diff([]string{execing(app) + failed + c.reason}, k.errors()); diff != "" {
					n.Errorf("the kubelet logged (-want +got)\n%s", diff)
				}
			})
		})
	}
}

// TestExpiring has tokens that live for seconds. What the kubelet has is good at any
// time: its copy ends before AWS's token does, although the config lets it keep what
// comes without a duration for half a day.
func TestExpiring(t *testing.T) {
	t.Parallel()
	onEach(t, func(n *node) {
		n.Parallel()
		n.aws.TokenLife = 20 * time.Second
		k := n.start(n.provider())
		n.until(time.Minute, "AWS has given out three tokens", func() bool {
			if diff := cmp.Diff(nodes("us-east-1"), k.lookup(kubelet.Pod{}, image("us-east-1", "app"))); diff != "" {
				n.Fatalf("(-want +got)\n%s\n%q", diff, k.errors())
			}
			return len(n.calls("ecr")) == 3
		})
	})
}

// TestLongestWait is the latest that a reason may come: AWS hangs, the process that
// fetches for all is stopped, so is the deputy who then fetches, and the --timeout is
// the longest. Of those two the kubelet logs all that it knows of a plugin that it
// killed.
func TestLongestWait(t *testing.T) {
	t.Parallel()
	onEach(t, func(n *node) {
		n.Parallel()
		n.inject("ecr hang")
		p := n.provider()
		p.Args = append(p.Args, "--timeout=55s")
		app := image("us-east-1", "app")
		answers := make(chan [][]string, 3)
		lookup := func() *process {
			k := n.start(p)
			go func() {
				var answer [][]string
				defer func() { answers <- answer }() // also if it fails
				answer = k.lookup(kubelet.Pod{}, app)
			}()
			return k
		}
		leader := lookup()
		n.until(30*time.Second, "one calls AWS", func() bool { return len(n.calls("ecr")) == 1 })
		leader.stop()
		deputy, last := lookup(), lookup()
		n.until(50*time.Second, "another calls AWS", func() bool { return len(n.calls("ecr")) == 2 })
		if last.connected() {
			deputy, last = last, deputy
		}
		deputy.stop()

		for range 3 {
			if diff := cmp.Diff(nobody, <-answers); diff != "" {
				n.Errorf("(-want +got)\n%s", diff)
			}
		}
		got := [][]string{leader.errors(), deputy.errors(), last.errors()}
		want := [][]string{
			{execing(app) + "context deadline exceeded: "},
			{execing(app) + "context deadline exceeded: "},
			{execing(app) + failed + "calling ecr:GetAuthorizationToken in us-east-1: AWS did not answer in time (N attempts); " +
				"before that: AWS did not answer within 10s" + notAnswered},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			n.Errorf("of leader, deputy and the last the kubelet logged (-want +got)\n%s", diff)
		}
	})
}

// stop stops the plugin that the kubelet runs.
func (p *process) stop() {
	p.Helper()
	if err := syscall.Kill(p.child(), syscall.SIGSTOP); err != nil {
		p.Fatal(err)
	}
}

// connected reports whether the plugin that the kubelet runs has a connection.
func (p *process) connected() bool {
	p.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.child()))
	if err != nil {
		p.Fatal(err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		to, err := os.Readlink(file)
		return err == nil && strings.HasPrefix(to, "socket:")
	})
}

// child is the process that the kubelet runs.
func (p *process) child() int {
	p.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		p.Fatal(err)
	}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it ended meanwhile
		}
		var pid, parent int
		var state string
		before, after, _ := strings.Cut(string(b), " (")
		_, after, _ = strings.Cut(after, ") ")
		fmt.Sscan(before, &pid)
		fmt.Sscan(after, &state, &parent)
		if parent == p.pid {
			return pid
		}
	}
	p.Fatal("the kubelet runs no process")
	return 0
}
