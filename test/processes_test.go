//go:build linux

package test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// same fails unless all are one and the same, which it returns.
func same(t *testing.T, what string, all []string) string {
	t.Helper()
	if different := slices.Compact(slices.Sorted(slices.Values(all))); len(different) != 1 {
		t.Fatalf("there are %d %s, want one: %q", len(different), what, different)
	}
	return all[0]
}

// TestColdStart is a kubelet that starts fifty images at once, of ten accounts.
func TestColdStart(t *testing.T) {
	n := newNode(t)
	passwords, _ := n.all(images(50, "us-east-1"))
	if got := same(t, "passwords", passwords); got != "token-1-us-east-1" || n.calls() != 1 {
		t.Errorf("password %q after %d calls, want token-1-us-east-1 after 1", got, n.calls())
	}
}

// TestManyRegions is twenty entries at once, none of which is lost.
func TestManyRegions(t *testing.T) {
	n := newNode(t)
	var all []string
	for i := range 20 {
		all = append(all, fmt.Sprintf("123456789012.dkr.ecr.xx-test-%d.amazonaws.com/app", i))
	}
	first, _ := n.all(all)
	again, _ := n.all(all)
	for i := range all {
		if !strings.HasSuffix(first[i], fmt.Sprintf("-xx-test-%d", i)) || again[i] != first[i] {
			t.Errorf("%s: %q, and then %q", all[i], first[i], again[i])
		}
	}
	if n.calls() != 20 {
		t.Errorf("AWS saw %d calls, want 20", n.calls())
	}
}

// TestFailingAtOnce is fifty at once and an AWS that fails: one fetch in all, and
// everybody has its reason.
func TestFailingAtOnce(t *testing.T) {
	t.Parallel()
	for fault, says := range map[string]string{
		"ecr access-denied": "AccessDeniedException",
		"ecr unavailable":   "ServiceUnavailable",
		"ecr hang":          "did not answer in time (3 attempts)",
		"ecr throttle":      "ThrottlingException",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			n.inject(fault)
			_, lines := n.all(images(50, "us-east-1"))
			n.reasons(lines, says)
			if got := n.fetches(); got != 1 {
				t.Errorf("%d of 50 called AWS, want 1", got)
			}
		})
	}
}

// reasons holds every line against what it must say, and that they all say the same.
func (n *node) reasons(lines []string, says string) {
	n.t.Helper()
	var reasons []string
	for _, line := range lines {
		_, reason, _ := strings.Cut(line, " as the node: ")
		reasons = append(reasons, reason)
	}
	if got := same(n.t, "reasons", reasons); !strings.Contains(got, says) || !strings.Contains(got, "; hint: ") {
		n.t.Errorf("the reason is %q, want %q and a hint", got, says)
	}
}

// TestFrozenLeader stops the run that fetches for all. After 32 s one of the others
// does, whatever AWS then says: two fetches, with that of the stopped one.
func TestFrozenLeader(t *testing.T) {
	t.Parallel()
	for fault, says := range map[string]string{
		"":                  "",
		"ecr access-denied": "AccessDeniedException",
		"ecr hang":          "did not answer in time",
		"ecr throttle":      "ThrottlingException",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			n.inject("ecr hang")
			leader := n.start(images(1, "us-east-1")[0])
			defer leader.Wait()
			defer leader.Process.Kill()
			n.poll("the leader calls AWS", func() bool { return n.calls() > 0 })
			if err := leader.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			n.aws.Heal()
			if fault != "" {
				n.inject(fault)
			}
			passwords, lines := n.all(images(50, "us-east-1"))
			if fault == "" {
				same(t, "passwords", passwords)
			} else {
				n.reasons(lines, says)
			}
			if got := n.fetches(); got != 1 {
				t.Errorf("besides the leader %d of 50 called AWS, want 1", got)
			}
		})
	}
}

// TestKilled kills a random process at a random point, over and over: what the
// others answer is right, and who comes after is not held.
func TestKilled(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.aws.Latency = 3 * time.Millisecond
	for round := range 200 {
		region := fmt.Sprintf("xx-kill-%d", round)
		runs := make([]*run, 4)
		for i, image := range images(4, region) {
			runs[i] = n.start(image)
		}
		victim := runs[rand.N(len(runs))]
		time.Sleep(rand.N(25 * time.Millisecond)) // where it strikes is the point of the test
		victim.Process.Kill()
		for _, r := range runs {
			err := r.Wait()
			if r == victim && r.stdout.Len() == 0 {
				continue
			}
			if r == victim {
				err = nil // it had answered
			}
			if got, line := n.outcome(r, err); !strings.HasSuffix(got, "-"+region) {
				t.Fatalf("round %d: %q %s", round, got, line)
			}
		}
		if got, line := n.answer(request(images(1, region)[0])); !strings.HasSuffix(got, "-"+region) {
			t.Fatalf("round %d, who came after: %q %s", round, got, line)
		}
	}
}

// TestUnlinkedLock removes the lock under its holder: who comes makes another, and
// both answer.
func TestUnlinkedLock(t *testing.T) {
	n := newNode(t)
	n.inject("ecr delay for=2s times=1")
	leader := n.start(images(1, "us-east-1")[0])
	n.poll("the leader calls AWS", func() bool { return n.calls() > 0 })
	n.remove("*.lock")
	got, line := n.answer(request(images(1, "us-east-1")[0]))
	if got != "token-1-us-east-1" && got != "token-2-us-east-1" {
		t.Errorf("who came after: %q %s", got, line)
	}
	if got, line := n.outcome(leader, leader.Wait()); got == "" {
		t.Errorf("who had the lock: %s", line)
	}
	if n.calls() != 2 {
		t.Errorf("AWS saw %d calls, want 2: a lock that has no name holds nobody", n.calls())
	}
}
