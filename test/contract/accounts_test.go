package contract

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/test/contract/kubelet"
	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

const (
	roleAnnotation = "eks.amazonaws.com/ecr-role-arn"
	audience       = "sts.amazonaws.com"
)

// pod is the n-th of a service account in the namespace team, which has the role of
// its own name. Each pod has a token of its own.
func pod(account string, n int) kubelet.Pod {
	name := fmt.Sprintf("%s-%d", account, n)
	expires := time.Now().Add(time.Hour + time.Duration(n)*time.Minute)
	return kubelet.Pod{
		Namespace: "team", Name: name, UID: "uid-of-" + name,
		Account: &kubelet.Account{
			Name: account, UID: "uid-of-" + account,
			Annotations: map[string]string{roleAnnotation: "arn:aws:iam::210987654321:role/" + account},
		},
		Tokens: map[string]string{audience: fakeaws.ServiceAccountToken("team", account, expires, audience)},
	}
}

// static is a pod that has no service account.
func static() kubelet.Pod {
	return kubelet.Pod{Namespace: "kube-system", Name: "static", UID: "uid-of-static"}
}

// accounts is what lookup says of one image if it has a token of the service account.
func accounts(account string) [][]string {
	return [][]string{{"us-east-1, arn:aws:sts::210987654321:assumed-role/" + account + "/team." + account + ", of team/" + account}}
}

// withAccounts is the provider of the README with its addition.
func (n *node) withAccounts() provider {
	p := n.provider()
	p.TokenAttributes = &tokenAttributes{Audience: audience, CacheType: "ServiceAccount", Optional: []string{roleAnnotation, "eks.amazonaws.com/role-arn"}}
	return p
}

// lookups are look-ups of one image, one after the other, and what they have.
type lookups []struct {
	pod  kubelet.Pod
	want [][]string
}

func (l lookups) on(k *process) {
	k.Helper()
	for _, l := range l {
		if diff := cmp.Diff(l.want, k.lookup(l.pod, image("us-east-1", "app"))); diff != "" {
			k.Errorf("%s (-want +got)\n%s\n%q", l.pod.Name, diff, k.errors())
		}
	}
}

// identities are those whom the plugin was run for, and where it had the token from.
func (n *node) identities() []string {
	n.Helper()
	var all []string
	for _, r := range n.runs() {
		all = append(all, r.Identity+" "+r.Source)
	}
	return all
}

// TestAccounts pulls one image for two service accounts, two pods each, and a static
// pod. What the kubelet keeps for all pods of an account or for one, it runs the
// plugin for once; AWS is asked once for an account and once for the node either way.
func TestAccounts(t *testing.T) {
	for cacheType, runs := range map[string][]string{
		"ServiceAccount": {"service account miss", "service account miss", "node miss"},
		"Token":          {"service account miss", "service account hit", "service account miss", "service account hit", "node miss"},
	} {
		t.Run(cacheType, func(t *testing.T) {
			n := newNode(t, newest)
			p := n.withAccounts()
			p.TokenAttributes.CacheType = cacheType
			k := n.start(p)
			five := lookups{
				{pod("blue", 1), accounts("blue")},
				{pod("blue", 2), accounts("blue")},
				{pod("red", 1), accounts("red")},
				{pod("red", 2), accounts("red")},
				{static(), nodes("us-east-1")},
			}
			five.on(k)
			five.on(k) // from what the kubelet keeps
			if diff := cmp.Diff(runs, n.identities()); diff != "" {
				n.Errorf("the plugin was run for (-want +got)\n%s", diff)
			}
		})
	}
}

// TestAccountsCrossing has two kubelets of one node pull for two accounts and the node
// in turns, from one cache directory: AWS is asked once for each of the three, and
// nobody has what is another's.
func TestAccountsCrossing(t *testing.T) {
	n := newNode(t, newest)
	p := n.withAccounts()
	p.TokenAttributes.CacheType = "Token"
	first, second := n.start(p), n.start(p)
	for i := range 8 {
		turn := lookups{{pod("blue", i), accounts("blue")}, {static(), nodes("us-east-1")}, {pod("red", i), accounts("red")}}
		turn.on(first)
		slices.Reverse(turn)
		turn.on(second)
	}
	want := []string{
		"ecr GetAuthorizationToken in us-east-1 by arn:aws:sts::210987654321:assumed-role/blue/team.blue -> 200",
		"ecr GetAuthorizationToken in us-east-1 by " + nodePrincipal + " -> 200",
		"ecr GetAuthorizationToken in us-east-1 by arn:aws:sts::210987654321:assumed-role/red/team.red -> 200",
	}
	if diff := cmp.Diff(want, n.calls("ecr")); diff != "" {
		n.Errorf("AWS saw (-want +got)\n%s", diff)
	}
}

// TestAnnotationRequired has a provider for accounts that have the annotation, and for
// nobody else: the kubelet does not run it, nor does it complain.
func TestAnnotationRequired(t *testing.T) {
	n := newNode(t, newest)
	p := n.withAccounts()
	p.TokenAttributes.Require = true
	p.TokenAttributes.Required, p.TokenAttributes.Optional = []string{roleAnnotation}, nil
	k := n.start(p)
	without := pod("green", 1)
	without.Account.Annotations = nil
	lookups{{pod("blue", 1), accounts("blue")}, {without, nobody}, {static(), nobody}}.on(k)
	if diff := cmp.Diff([]string{"service account miss"}, n.identities()); diff != "" {
		n.Errorf("the plugin was run for (-want +got)\n%s", diff)
	}
	if errors := k.errors(); errors != nil {
		n.Errorf("the kubelet logged %q", errors)
	}
}

// TestAccountRefused has an account without a role, and one whose role does not trust
// it: neither becomes the node, which has a token already.
func TestAccountRefused(t *testing.T) {
	n := newNode(t, newest)
	n.inject("sts no-trust")
	k := n.start(n.withAccounts())
	without, distrusted := pod("green", 1), pod("blue", 1)
	without.Account.Annotations = nil
	lookups{{static(), nodes("us-east-1")}, {without, nobody}, {distrusted, nobody}}.on(k)
	app := image("us-east-1", "app")
	const plugin = "exit status 1: ecr-credential-provider: token for " + account + ".dkr.ecr.us-east-1.amazonaws.com"
	want := []string{
		execing(app) + plugin + ": service account team/green has no role to pull with: annotation eks.amazonaws.com/ecr-role-arn is missing; " +
			"hint: kubectl annotate serviceaccount -n team green eks.amazonaws.com/ecr-role-arn=ROLE_ARN, and list the annotation in tokenAttributes; " +
			"or set AWS_ECR_ROLE_ARN for all accounts; or --service-account-fallback=node to pull as the node",
		execing(app) + plugin + " as service account team/blue as role arn:aws:iam::210987654321:role/blue: " +
			"calling sts:AssumeRoleWithWebIdentity in us-east-1: AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity (request N); " +
			"hint: the trust policy of arn:aws:iam::210987654321:role/blue must allow sts:AssumeRoleWithWebIdentity to the OIDC provider oidc.example " +
			"of the role's account for subject system:serviceaccount:team:blue, and the provider must list the audience sts.amazonaws.com",
	}
	if diff := cmp.Diff(want, k.errors()); diff != "" {
		n.Errorf("the kubelet logged (-want +got)\n%s", diff)
	}
	for _, p := range [...]kubelet.Pod{without, distrusted} {
		if strings.Contains(k.log(), p.Tokens[audience]) {
			n.Errorf("the kubelet logged the token of %s", p.Name)
		}
	}
}

// TestAccountsIgnored is a kubelet that has never heard of tokenAttributes and takes
// them all the same: every pod is the node.
func TestAccountsIgnored(t *testing.T) {
	n := newNode(t, oldest)
	lookups{{pod("blue", 1), nodes("us-east-1")}, {static(), nodes("us-east-1")}}.on(n.start(n.withAccounts()))
	if diff := cmp.Diff([]string{"node miss"}, n.identities()); diff != "" {
		n.Errorf("the plugin was run for (-want +got)\n%s", diff)
	}
}
