//go:build linux

package test

import (
	"strings"
	"testing"
	"time"
)

const image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/app"

// due makes a node with a token that is due and good for some seconds more.
func due(t *testing.T, life time.Duration, request string) *node {
	t.Helper()
	n := newNode(t)
	n.aws.TokenLife = life
	return n.untilDue(request)
}

// untilDue fetches a token and waits until it is due.
func (n *node) untilDue(request string) *node {
	t := n.t
	t.Helper()
	if token, line := n.answer(request); token == "" {
		t.Fatal(line)
	}
	n.until("the token is due", func(e entry) bool { return time.Now().After(e.Due) })
	n.logs()
	n.aws.ForgetCalls()
	return n
}

// TestRenewalHangs is a token that is due, and an AWS that says nothing: one run
// tries to renew it, and everybody else answers at once.
func TestRenewalHangs(t *testing.T) {
	t.Parallel()
	n := due(t, time.Minute, request(image))
	n.inject("ecr hang")
	passwords, _ := n.all(images(50, "us-east-1"))
	same(t, "passwords", passwords)
	if got := len(n.ecrCalls()); got != 1 {
		t.Errorf("AWS saw %d attempts, want 1", got)
	}
	// Two seconds are between those who wait, which is 3 s (to the millisecond in
	// cache.TestRenewalNeverHolds), and those who do not, on however slow a machine.
	waited, longest, others := 0, 0.0, 0.0
	for _, l := range n.logs() {
		longest = max(longest, l.MS)
		if l.MS > 2000 {
			waited++
		} else {
			others = max(others, l.MS)
		}
	}
	t.Logf("the slowest took %.0f ms, the slowest of the others %.1f ms", longest, others)
	if waited != 1 {
		t.Errorf("%d waited, want the one that tried", waited)
	}
}

// TestAllGone takes ECR, STS, the metadata service and the network away: a token is
// served to its margin, attempts are as rare as the back-off says, and then it fails
// and says so.
func TestAllGone(t *testing.T) {
	t.Parallel()
	const life, margin = 20 * time.Second, 2 * time.Second
	for name, c := range map[string]struct {
		env     func(n *node) []string // besides the endpoint
		says    string
		fetches int // that called ECR: the second attempt to renew would be 30 s after the first, and it is remembered 15 s
	}{
		"with static keys": {
			func(n *node) []string { return n.env[:2] },
			"calling ecr:GetAuthorizationToken in us-east-1: ", 1},
		"with an instance profile": {
			func(n *node) []string { return []string{"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + n.url} },
			"getting the node's AWS credentials: the instance metadata service (IMDS)", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			n.aws.TokenLife = life
			n.env = append(c.env(n), "AWS_ENDPOINT_URL="+n.url)
			n.untilDue(request(image))
			var e entry
			n.until("", func(found entry) bool { e = found; return true })
			n.inject("ecr drop", "sts drop", "imds drop")
			served := 0
			for {
				asked := time.Now()
				token, line := n.answer(request(image))
				if token == "" {
					if asked.Before(e.Expires.Add(-margin - time.Second)) {
						t.Errorf("%s before its end the token is not served: %s", e.Expires.Sub(asked), line)
					}
					if !strings.Contains(line, c.says) || !strings.Contains(line, "; hint: ") {
						t.Errorf("it says %q", line)
					}
					break
				}
				served++
				if asked.After(e.Expires.Add(-margin)) {
					t.Fatalf("%s before its end the token is still served", e.Expires.Sub(asked))
				}
			}
			if served < 3 {
				t.Errorf("it was served %d times", served)
			}
			if got := n.fetches(); got != c.fetches {
				t.Errorf("%d runs called ECR, want %d", got, c.fetches)
			}
			n.aws.Heal()
			n.poll("it is repaired", func() bool { token, _ := n.answer(request(image)); return token != "" })
		})
	}
}

// TestDenied is a token that is due, and an AWS that denies: a service account's is
// dropped at once, the node's is served on.
func TestDenied(t *testing.T) {
	t.Parallel()
	t.Run("service account", func(t *testing.T) {
		t.Parallel()
		pod := podRequest(image, "prod", "web")
		n := due(t, time.Minute, pod)
		n.inject("sts no-trust")
		for range 2 {
			if token, line := n.answer(pod); token != "" || !strings.Contains(line, "as service account prod/web as role ") || !strings.Contains(line, "AccessDenied") {
				t.Errorf("it answers %q, %s", token, line)
			}
		}
		if got := n.fetches(); got != 1 {
			t.Errorf("%d runs called AWS, want 1: the denial is remembered", got)
		}
		n.aws.Heal()
		n.poll("it is allowed again", func() bool { token, _ := n.answer(pod); return token != "" })
	})
	t.Run("node", func(t *testing.T) {
		t.Parallel()
		n := due(t, time.Minute, request(image))
		n.inject("ecr access-denied")
		for range 2 {
			if token, line := n.answer(request(image)); !strings.HasSuffix(token, "-us-east-1") {
				t.Errorf("it answers %q, %s", token, line)
			}
		}
		if got := n.fetches(); got != 1 {
			t.Errorf("%d runs called AWS, want 1", got)
		}
	})
}
