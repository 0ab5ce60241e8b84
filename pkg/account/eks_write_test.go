package account

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

// TestEntriesComeAndGo has roles that EKS does not know at once.
func TestEntriesComeAndGo(t *testing.T) {
	s := newServices(t)
	s.cluster(t, ekstypes.AuthenticationModeApiAndConfigMap)
	s.role(t, "/ops/", "rancher")
	s.file.EKS.Access = []config.Access{
		{Principal: rancherARN, Policy: "AmazonEKSClusterAdminPolicy"},
		{Principal: rancherARN, Policy: viewARN, Namespaces: []string{"web", "db"}},
	}
	before := s.dump(t, "eks")
	s.fake.RoleDelay = 3
	s.apply(t)
	j := s.runs(t)
	entry := must(s.getEntry(t.Context(), "prod-1", rancherARN))(t)
	want := &description{
		kind: entryStandard, tags: map[string]string{ownerTag: "prod-1"},
		policies: map[string]scopeState{adminARN: {Type: "cluster"}, viewARN: {Type: "namespace", Namespaces: []string{"db", "web"}}},
	}
	if diff := cmp.Diff(want, told(entry), cmp.AllowUnexported(description{})); diff != "" {
		t.Error("rancher's entry (-want +got):\n" + diff)
	}
	node := must(s.getEntry(t.Context(), "prod-1", agentARN))(t)
	want = &description{kind: entryLinux, groups: []string{"system:nodes"}, tags: map[string]string{ownerTag: "prod-1"}}
	if diff := cmp.Diff(want, told(node), cmp.AllowUnexported(description{})); diff != "" {
		t.Error("the nodes' entry (-want +got):\n" + diff)
	}
	if !j.Include(node.run) {
		t.Errorf("the nodes' entry is of run %q, which is none of the journal's", node.run)
	}
	if rest := s.destroy(t); len(rest) > 0 {
		t.Errorf("left: %+v", rest)
	}
	if diff := cmp.Diff(before, s.dump(t, "eks")); diff != "" {
		t.Error("EKS before and after (-before +after):\n" + diff)
	}
}

// description is of an entry what does not differ from run to run.
type description struct {
	kind, user string
	groups     []string
	tags       map[string]string
	policies   map[string]scopeState
}

func told(e *entry) *description {
	if e == nil {
		return nil
	}
	out := &description{e.kind, e.user, e.groups, e.tags, e.policies}
	if len(out.groups) == 0 {
		out.groups = nil
	}
	return out
}

// TestStaleEntryIsMadeAnew follows one that is ours through apply and destroy: what was
// there before is an entry that lets nobody in, and so is what is there after.
func TestStaleEntryIsMadeAnew(t *testing.T) {
	s := newServices(t)
	s.cluster(t, ekstypes.AuthenticationModeApi)
	s.entry(t, eks.CreateAccessEntryInput{
		PrincipalArn: aws.String(s.role(t, "/", "prod-1-agent")), Type: aws.String("EC2_LINUX"), Tags: map[string]string{ownerTag: "prod-1"},
	})
	must(s.iam.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: aws.String("prod-1-agent")}))(t)
	was := must(s.getEntry(t.Context(), "prod-1", agentARN))(t)
	s.apply(t)
	is := must(s.getEntry(t.Context(), "prod-1", agentARN))(t)
	if !is.created.After(was.created) {
		t.Errorf("the entry is of %v, and was of %v before", is.created, was.created)
	}
	s.fake.ForgetCalls()
	s.destroy(t)
	for _, c := range s.fake.Calls() {
		if strings.HasSuffix(c.Operation, "AccessEntry") && !strings.HasPrefix(c.Operation, "Describe") {
			t.Errorf("destroy called %s", c)
		}
	}
	left := must(s.getEntry(t.Context(), "prod-1", agentARN))(t)
	if left == nil || left.kind != entryLinux || !left.stale(must(s.getRole(t.Context(), "prod-1-agent"))(t)) {
		t.Errorf("the entry is %+v in the end, and was there, and stale", left)
	}
}

// TestEntryOfALostAnswer creates an entry that is there already, because the answer to
// an earlier run was lost, or because it is somebody else's.
func TestEntryOfALostAnswer(t *testing.T) {
	s := newServices(t)
	s.cluster(t, ekstypes.AuthenticationModeApi)
	s.role(t, "/", "prod-1-agent")
	runs := s.runs(t)
	c := plan.Change{Object: plan.Object{Kind: kindEntry, Name: agentARN, Of: "prod-1"}, After: encode(entryState{Type: entryLinux})}
	s.entry(t, eks.CreateAccessEntryInput{PrincipalArn: aws.String(agentARN), Type: aws.String("EC2_LINUX"), Tags: map[string]string{runTag: runs.Current}})
	if err := s.Write(t.Context(), runs, []plan.Change{c}); err != nil {
		t.Errorf("an entry of our own run: %v", err)
	}
	other := s.runs(t)
	err := s.Write(t.Context(), other, []plan.Change{c})
	if code(err) != "ResourceInUseException" {
		t.Errorf("an entry of another run: %v, want ResourceInUseException", err)
	}
}

// TestUnknownPrincipalEnds has EKS never know the role: patience ends, with a hint.
func TestUnknownPrincipalEnds(t *testing.T) {
	s := newServices(t)
	s.cluster(t, ekstypes.AuthenticationModeApi)
	var waited time.Duration
	s.patience.wait = func(_ context.Context, d time.Duration) error { waited += d; return nil }
	err := s.Write(t.Context(), s.runs(t), []plan.Change{{
		Object: plan.Object{Kind: kindEntry, Name: agentARN, Of: "prod-1"}, After: encode(entryState{Type: entryLinux}),
	}})
	const want = "creating an access entry for " + agentARN + " in EKS cluster prod-1: InvalidParameterException: The specified principalArn is invalid: invalid principal"
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
	if waited < 2*time.Minute || waited > 3*time.Minute {
		t.Errorf("waited %v, want two minutes", waited)
	}
}

// TestEntryInUseStays gives an entry of ours another policy before destroy.
func TestEntryInUseStays(t *testing.T) {
	s := newServices(t)
	s.cluster(t, ekstypes.AuthenticationModeApi)
	s.role(t, "/ops/", "rancher")
	s.file.EKS.Access = []config.Access{{Principal: rancherARN, Policy: "AmazonEKSClusterAdminPolicy"}}
	s.apply(t)
	s.associate(t, viewARN, &ekstypes.AccessScope{Type: ekstypes.AccessScopeTypeCluster})
	owned := must(s.Owned(t.Context()))(t)
	j := must(plan.OpenJournal(s.journal, Key(s.file)))(t)
	defer j.Close()
	err := plan.Apply(t.Context(), s, owned, j, plan.Options{})
	if !errors.Is(err, plan.ErrInUse) || !strings.Contains(err.Error(), viewARN) {
		t.Errorf("error %v, want in use by %s", err, viewARN)
	}
	got := told(must(s.getEntry(t.Context(), "prod-1", rancherARN))(t))
	want := &description{kind: entryStandard, tags: map[string]string{ownerTag: "prod-1"}, policies: map[string]scopeState{viewARN: {Type: "cluster"}}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(description{})); diff != "" {
		t.Error("the entry (-want +got):\n" + diff)
	}
	if node := must(s.getEntry(t.Context(), "prod-1", agentARN))(t); node != nil {
		t.Errorf("the nodes' entry is still there: %+v", node)
	}
}

// TestAccessPolicyOfOthersStays changes the scope between plan and apply.
func TestAccessPolicyOfOthersStays(t *testing.T) {
	s := newServices(t)
	s.cluster(t, ekstypes.AuthenticationModeApi)
	s.entry(t, eks.CreateAccessEntryInput{PrincipalArn: aws.String(s.role(t, "/ops/", "rancher"))})
	s.associate(t, adminARN, &ekstypes.AccessScope{Type: ekstypes.AccessScopeTypeNamespace, Namespaces: []string{"web"}})
	err := s.Write(t.Context(), s.runs(t), []plan.Change{{
		Object: plan.Object{Kind: kindAccessPolicy, Name: adminARN, Of: rancherARN}, After: `{"type":"cluster"}`,
	}})
	if err == nil || !strings.Contains(err.Error(), "in the meantime") {
		t.Errorf("error %v, want that it has changed in the meantime", err)
	}
}

// TestNewEntryIsWaitedFor has EKS show the new entry to AssociateAccessPolicy late.
func TestNewEntryIsWaitedFor(t *testing.T) {
	s := newServices(t)
	s.cluster(t, ekstypes.AuthenticationModeApi)
	s.role(t, "/ops/", "rancher")
	s.file.EKS.Access = []config.Access{{Principal: rancherARN, Policy: "AmazonEKSClusterAdminPolicy"}}
	s.fake.Inject(fakeaws.Fault{Service: "eks", Operation: "AssociateAccessPolicy", Times: 3, Error: &fakeaws.Error{
		Status: 404, Code: "ResourceNotFoundException", Message: "The specified principalArn could not be found. You can view your available access entries with 'list-access-entries'.",
	}})
	s.apply(t)
}
