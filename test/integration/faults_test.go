package integration

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

// reads are how the names of operations begin that change nothing.
var reads = []string{"Get", "List", "Describe", "Simulate"}

func changing(c fakeaws.Call) bool {
	for _, read := range reads {
		if strings.HasPrefix(c.Operation, read) {
			return false
		}
	}
	return c.Service != "sts" && c.Result != "DryRunOperation"
}

// TestKilledAtEveryCall kills apply while each of its changing calls is under way,
// before AWS has done it and after, and runs it again: the end is the same, nothing
// is made twice, and destroy leads back to the start.
func TestKilledAtEveryCall(t *testing.T) {
	s := start(t)
	fake := s.fakeOnly(t)
	e := s.seed(t)
	file := e.file()
	before := s.snapshot(t)

	fake.ForgetCalls()
	whole := s.desk(t, file)
	whole.runs(t, 0, "apply", "--yes")
	calls := 0
	for _, c := range fake.Calls() {
		if changing(c) {
			calls++
		}
	}
	applied := s.snapshot(t)
	whole.runs(t, 0, "destroy", "--yes")
	if calls < 15 {
		t.Fatalf("apply makes %d changing calls only: what is killed here?", calls)
	}
	for n := range calls {
		for _, done := range []bool{false, true} {
			t.Run(fmt.Sprintf("call %d, done %t", n, done), func(t *testing.T) {
				d := s.desk(t, file)
				d.killedAt(t, fake, n, done)
				fake.ForgetCalls()
				d.runs(t, 0, "apply", "--yes")
				for _, c := range fake.Calls() {
					if changing(c) && c.Result != "200" {
						t.Errorf("the second run makes a call that AWS refuses: %s", c)
					}
				}
				if diff := cmp.Diff(applied, s.snapshot(t)); diff != "" {
					t.Fatal("the end is another:", diff)
				}
				d.runs(t, 0, "destroy", "--yes")
				if diff := cmp.Diff(before, s.snapshot(t)); diff != "" {
					t.Fatal("destroy does not lead back:", diff)
				}
			})
			if t.Failed() {
				t.FailNow() // what one call leaves is in the way of the next
			}
		}
	}
}

// killedAt runs apply, and kills it when its changing call number n, from 0, is at
// AWS, which has done it or not.
func (d *desk) killedAt(t *testing.T, fake *fakeaws.Server, n int, done bool) {
	t.Helper()
	d.killed(t, fake, fakeaws.Fault{Service: "*", Changes: true, Skip: n, Hang: true, After: done})
}

// killed runs apply, and kills it when it meets the fault, which hangs.
func (d *desk) killed(t *testing.T, fake *fakeaws.Server, fault fakeaws.Fault) {
	t.Helper()
	defer fake.Heal()
	fake.ForgetCalls()
	fake.Inject(fault)
	cmd := exec.Command(program, "apply", "--yes")
	cmd.Dir, cmd.Env = d.dir, d.environ()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	deadline := time.After(time.Minute)
	for !hangs(fake) {
		select {
		case err := <-ended:
			t.Fatalf("apply ended by itself: %v", err)
		case <-deadline:
			t.Fatal("apply never came to that call")
		case <-time.After(2 * time.Millisecond):
		}
	}
	if err := cmd.Process.Signal(os.Kill); err != nil {
		t.Fatal(err)
	}
	<-ended
}

// hangs says that a changing call has no answer.
func hangs(fake *fakeaws.Server) bool {
	for _, c := range fake.Calls() {
		if changing(c) && c.Result == "no answer" {
			return true
		}
	}
	return false
}

// TestKilledThenChanged kills apply when a change has been made and not yet noted, and
// has the file want another value before it is run again: destroy leads back to what
// was there before the first.
func TestKilledThenChanged(t *testing.T) {
	s := start(t)
	fake := s.fakeOnly(t)
	e := s.seed(t)
	s.role(t, "prod-1-agent", ec2Trust)
	before := s.snapshot(t)
	file := func(team string) string {
		return strings.Replace(e.file(), "  - name: prod-1-agent\n", "  - name: prod-1-agent\n    tags: {team: "+team+"}\n", 1)
	}
	d := s.desk(t, file("a"))
	d.killed(t, fake, fakeaws.Fault{Service: "iam", Operation: "TagRole", Hang: true, After: true})
	if tag := s.snapshot(t)["role prod-1-agent tag team"]; tag != "a" {
		t.Fatalf("the tag is %q when apply is killed", tag)
	}
	d.write(t, file("b"))
	d.runs(t, 0, "apply", "--yes")
	if tag := s.snapshot(t)["role prod-1-agent tag team"]; tag != "b" {
		t.Errorf("the tag is %q in the end", tag)
	}
	d.runs(t, 0, "destroy", "--yes")
	if diff := cmp.Diff(before, s.snapshot(t)); diff != "" {
		t.Error("destroy does not lead back:", diff)
	}
}

// TestLostAnswers loses the answer to every kind of changing call once: the SDK tries
// again, and what AWS then says is understood as what we did ourselves.
func TestLostAnswers(t *testing.T) {
	s := start(t)
	fake := s.fakeOnly(t)
	e := s.seed(t)
	d := s.desk(t, e.file())
	before := s.snapshot(t)
	for _, call := range []string{
		"iam:CreateRole", "iam:PutRolePolicy", "iam:CreateInstanceProfile", "iam:AddRoleToInstanceProfile",
		"ec2:AssociateIamInstanceProfile", "ec2:CreateTags",
		"iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DeleteInstanceProfile", "iam:RemoveRoleFromInstanceProfile",
		"ec2:DisassociateIamInstanceProfile", "ec2:DeleteTags",
	} {
		faults, err := fakeaws.ParseFault(call + " lost times=1")
		must(t, err)
		fake.Inject(faults[0])
	}
	d.runs(t, 0, "apply", "--yes")
	d.runs(t, 0, "plan")
	d.runs(t, 0, "destroy", "--yes")
	if diff := cmp.Diff(before, s.snapshot(t)); diff != "" {
		t.Error(diff)
	}
}

// TestConsistency makes new roles invisible for a while, and new profiles unknown to
// EC2: apply waits, and a plan right after it has nothing to do.
func TestConsistency(t *testing.T) {
	s := start(t)
	fake := s.fakeOnly(t)
	fake.RoleDelay, fake.ProfileDelay = 2, 2
	e := s.seed(t)
	d := s.desk(t, e.file())
	d.runs(t, 0, "apply", "--yes")
	d.runs(t, 0, "plan")
	d.runs(t, 0, "destroy", "--yes")
}

// TestThrottled refuses every other call, as AWS does when somebody else uses up the
// account's calls: apply takes longer, and does the same.
func TestThrottled(t *testing.T) {
	s := start(t)
	fake := s.fakeOnly(t)
	e := s.seed(t)
	d := s.desk(t, e.file())
	before := s.snapshot(t)
	fake.ThrottleShare = 0.5
	began := time.Now()
	d.runs(t, 0, "apply", "--yes")
	t.Logf("apply took %s", time.Since(began).Round(time.Second))
	fake.ThrottleShare = 0
	d.runs(t, 0, "plan")
	d.runs(t, 0, "destroy", "--yes")
	if diff := cmp.Diff(before, s.snapshot(t)); diff != "" {
		t.Error(diff)
	}
}

// TestSomebodyElseIsFaster has somebody create our role between plan and apply: it is
// not taken for ours.
func TestSomebodyElseIsFaster(t *testing.T) {
	s := start(t)
	fake := s.fakeOnly(t)
	e := s.seed(t)
	d := s.desk(t, e.file())
	fake.RoleDelay = 3                   // reads
	s.role(t, "prod-1-server", ec2Trust) // which apply does not see when it plans
	r := d.runs(t, 1, "apply", "--yes")
	if !strings.Contains(r.stderr, "creating role prod-1-server: EntityAlreadyExists") {
		t.Error(r)
	}
	d.runs(t, 0, "destroy", "--yes")
	if roles := keys(s.snapshot(t), "role "); !slices.Contains(roles, "role prod-1-server") {
		t.Errorf("destroy has taken what was not ours: %q is left", roles)
	}
}

// TestLargePlan plans for 500 instances and 60 subnets in at most 36 calls, and
// applies with batched tags and one association an instance.
func TestLargePlan(t *testing.T) {
	s := start(t)
	fake := s.fakeOnly(t)
	e := s.seed(t)
	for i := range 56 {
		subnet, err := s.ec2.CreateSubnet(t.Context(), &ec2.CreateSubnetInput{
			VpcId: &e.vpc, CidrBlock: aws.String(fmt.Sprintf("10.0.%d.0/24", 100+i)), AvailabilityZone: aws.String(region + "a"),
		})
		must(t, err)
		e.private = append(e.private, *subnet.Subnet.SubnetId)
	}
	for _, subnet := range e.private[1:4] {
		s.instance(t, e, "prod-agent-many", func(in *ec2.RunInstancesInput) {
			in.MinCount, in.MaxCount, in.SubnetId = aws.Int32(165), aws.Int32(165), &subnet
		})
	}
	d := s.desk(t, e.file())
	fake.ForgetCalls()
	began := time.Now()
	planned := d.plan(t)
	t.Logf("a plan of %d changes took %s and %d calls", len(planned.Changes), time.Since(began).Round(time.Millisecond), len(fake.Calls()))
	if n := len(fake.Calls()); n > 36 {
		t.Errorf("the plan took %d calls", n)
	}
	fake.ForgetCalls()
	d.runs(t, 0, "apply", "--yes")
	count := map[string]int{}
	for _, c := range fake.Calls() {
		if changing(c) {
			count[c.Operation]++
		}
	}
	want := map[string]int{
		"CreateRole": 2, "PutRolePolicy": 3, "CreateInstanceProfile": 2, "AddRoleToInstanceProfile": 2,
		"AssociateIamInstanceProfile": 500, "CreateTags": 4,
	}
	if diff := cmp.Diff(want, count); diff != "" {
		t.Error(diff)
	}
}
