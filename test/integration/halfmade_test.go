package integration

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"
)

// TestHalfMade finds accounts that somebody has begun, and makes them whole: what is
// in the way of nobody is changed, and comes back as it was.
func TestHalfMade(t *testing.T) {
	for _, test := range []struct {
		name  string
		make  func(*testing.T, *server, estate)
		args  []string
		has   []string // changes that the plan must have
		lacks []string // changes that it must not have
		notes []string // codes of its notes
	}{
		{
			name: "role with another trust",
			make: func(t *testing.T, s *server, e estate) { s.role(t, "prod-1-server", otherTrust) },
			has:  []string{"trust policy prod-1-server", "inline policy kubelet-ecr-pull prod-1-server"}, lacks: []string{"role prod-1-server"},
		},
		{
			name: "role and profile made by hand",
			make: func(t *testing.T, s *server, e estate) {
				s.role(t, "prod-1-server", ec2Trust)
				s.associate(t, e.servers[0], s.profile(t, "prod-1-server", "prod-1-server"))
			},
			has: []string{"instance profile of " + "SERVER1"},
			lacks: []string{"role prod-1-server", "trust policy prod-1-server", "instance profile prod-1-server", "role of instance profile prod-1-server",
				"instance profile of SERVER0"},
		},
		{
			name: "boundary that the file does not know",
			make: func(t *testing.T, s *server, e estate) {
				boundary := s.managedPolicy(t, "team-boundary")
				_, err := s.iam.CreateRole(t.Context(), &iam.CreateRoleInput{
					RoleName: aws.String("prod-1-agent"), AssumeRolePolicyDocument: aws.String(ec2Trust), PermissionsBoundary: &boundary,
				})
				must(t, err)
			},
			lacks: []string{"permissions boundary prod-1-agent"}, notes: []string{"role-boundary"},
		},
		{
			name: "foreign policies on the role",
			make: func(t *testing.T, s *server, e estate) {
				s.role(t, "prod-1-agent", ec2Trust)
				s.inline(t, "prod-1-agent", "theirs", "s3:GetObject")
				_, err := s.iam.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: aws.String("prod-1-agent"), PolicyArn: aws.String(s.managedPolicy(t, "team"))})
				must(t, err)
			},
			lacks: []string{"inline policy theirs prod-1-agent"},
		},
		{
			name:  "shared is there",
			make:  func(t *testing.T, s *server, e estate) { s.tag(t, e.agents[0], key, "shared") },
			lacks: []string{"tag " + key + " AGENT0"}, notes: []string{"tag-value"},
		},
		{
			name: "role tag with a value of its own",
			make: func(t *testing.T, s *server, e estate) { s.tag(t, e.public[0], "kubernetes.io/role/elb", "yes") },
			has:  []string{"tag kubernetes.io/role/elb PUBLIC0"},
		},
		{
			name: "empty value",
			make: func(t *testing.T, s *server, e estate) { s.tag(t, e.agents[0], key, "") },
			has:  []string{"tag " + key + " AGENT0"},
		},
		{
			name: "stopped instance",
			make: func(t *testing.T, s *server, e estate) {
				_, err := s.ec2.StopInstances(t.Context(), &ec2.StopInstancesInput{InstanceIds: []string{e.servers[0]}})
				must(t, err)
			},
			has: []string{"instance profile of SERVER0"},
		},
		{
			name: "another profile, to be replaced",
			make: func(t *testing.T, s *server, e estate) {
				s.role(t, "old", ec2Trust)
				s.associate(t, e.servers[0], s.profile(t, "old", "old"))
			},
			args: []string{"--replace-profile"},
			has:  []string{"instance profile of SERVER0"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t)
			e := s.seed(t)
			test.make(t, s, e)
			d := s.desk(t, e.file())
			before := s.snapshot(t)

			planned := d.plan(t, test.args...)
			have := map[string]bool{}
			for _, c := range planned.changes() {
				have[c] = true
			}
			for _, c := range test.has {
				if c = e.named(c); !have[c] {
					t.Errorf("the plan lacks %q: %q", c, planned.changes())
				}
			}
			for _, c := range test.lacks {
				if c = e.named(c); have[c] {
					t.Errorf("the plan has %q", c)
				}
			}
			if diff := cmp.Diff(test.notes, planned.codes("note")); diff != "" {
				t.Error(diff)
			}
			d.runs(t, 0, append([]string{"apply", "--yes"}, test.args...)...)
			if left := d.plan(t).changes(); left != nil {
				t.Errorf("there is more to do: %q", left)
			}
			d.runs(t, 0, "destroy", "--yes")
			if diff := cmp.Diff(before, s.snapshot(t)); diff != "" {
				t.Error("destroy does not lead back:", diff)
			}
		})
	}
}

// named puts ids in the place of their names in tests.
func (e estate) named(s string) string {
	for name, ids := range map[string][]string{"SERVER": e.servers, "AGENT": e.agents, "PUBLIC": e.public, "PRIVATE": e.private} {
		for i, id := range ids {
			s = strings.ReplaceAll(s, fmt.Sprintf("%s%d", name, i), id)
		}
	}
	return s
}

func (s *server) managedPolicy(t *testing.T, name string) string {
	t.Helper()
	out, err := s.iam.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: &name, PolicyDocument: aws.String(allowing("*"))})
	must(t, err)
	return *out.Policy.Arn
}

func (s *server) inline(t *testing.T, role, name, action string) {
	t.Helper()
	_, err := s.iam.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &role, PolicyName: &name, PolicyDocument: aws.String(allowing(action))})
	must(t, err)
}

func allowing(action string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + action + `","Resource":"*"}]}`
}

// TestBlocked finds accounts in which the file cannot be made true without harm. The
// plan says why, and apply changes nothing.
func TestBlocked(t *testing.T) {
	for _, test := range []struct {
		name  string
		make  func(*testing.T, *server, estate)
		codes []string
	}{
		{"profile with another role", func(t *testing.T, s *server, e estate) {
			s.role(t, "theirs", ec2Trust)
			s.profile(t, "prod-1-server", "theirs")
		}, []string{"profile-other-role"}},
		{"instance with another profile", func(t *testing.T, s *server, e estate) {
			s.role(t, "theirs", ec2Trust)
			s.associate(t, e.servers[0], s.profile(t, "theirs", "theirs"))
		}, []string{"instance-other-profile"}},
		{"instance of another cluster", func(t *testing.T, s *server, e estate) {
			s.tag(t, e.servers[0], "kubernetes.io/cluster/prod-2", "owned")
		}, []string{"control-plane-several-clusters"}},
		{"two tagged groups", func(t *testing.T, s *server, e estate) {
			other := s.securityGroup(t, e.vpc, "other")
			s.tag(t, other, key, "owned")
			s.instance(t, e, "prod-agent-9", func(in *ec2.RunInstancesInput) { in.SecurityGroupIds = append(in.SecurityGroupIds, other) })
		}, []string{"group-several-tagged", "interface-groups"}},
		{"fifty tags", func(t *testing.T, s *server, e estate) {
			for i := range 49 { // beside Name
				s.tag(t, e.servers[0], fmt.Sprintf("t%d", i), "x")
			}
		}, []string{"tag-limit"}},
		{"tags in the metadata service", func(t *testing.T, s *server, e estate) {
			s.instance(t, e, "prod-agent-9", func(in *ec2.RunInstancesInput) {
				in.MetadataOptions = &types.InstanceMetadataOptionsRequest{InstanceMetadataTags: types.InstanceMetadataTagsStateEnabled}
			})
		}, []string{"metadata-tags"}},
		{"role of another cluster", func(t *testing.T, s *server, e estate) {
			_, err := s.iam.CreateRole(t.Context(), &iam.CreateRoleInput{
				RoleName: aws.String("prod-1-agent"), AssumeRolePolicyDocument: aws.String(ec2Trust),
				Tags: []iamtypes.Tag{{Key: aws.String("kubelet-ecr/cluster"), Value: aws.String("prod-2")}},
			})
			must(t, err)
		}, []string{"role-other-cluster"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t)
			e := s.seed(t)
			test.make(t, s, e)
			d := s.desk(t, e.file())
			before := s.snapshot(t)
			planned := d.plan(t)
			if diff := cmp.Diff(test.codes, planned.codes("error")); diff != "" {
				t.Errorf("%s\n%+v", diff, planned.Findings)
			}
			r := d.runs(t, 1, "apply", "--yes")
			if !strings.Contains(r.stderr, "["+test.codes[0]+"]") || !strings.HasSuffix(r.stderr, "ecr-node-bootstrap: nothing was changed\n") {
				t.Error(r)
			}
			if diff := cmp.Diff(before, s.snapshot(t)); diff != "" {
				t.Error("something was changed all the same:", diff)
			}
		})
	}
}

// TestLifecycles sets what belongs to others to verify, warn or ignore: nothing of it
// is changed.
func TestLifecycles(t *testing.T) {
	for lifecycle, want := range map[string]struct {
		status int
		level  string
		code   string
	}{
		"verify": {1, "error", "lifecycle-verify"},
		"warn":   {0, "warning", "lifecycle-warn"},
		"ignore": {0, "", ""},
	} {
		t.Run(lifecycle, func(t *testing.T) {
			s := start(t)
			e := s.seed(t)
			file := strings.ReplaceAll(e.file(), "    roles: [", fmt.Sprintf("    iam: %[1]s\n    tagging: %[1]s\n    association: %[1]s\n    roles: [", lifecycle))
			file = strings.ReplaceAll(file, "tag: owned}", "tag: owned, lifecycle: "+lifecycle+"}")
			file = strings.ReplaceAll(file, "elb: public}", "elb: public, lifecycle: "+lifecycle+"}")
			file = strings.ReplaceAll(file, "elb: internal}", "elb: internal, lifecycle: "+lifecycle+"}")
			d := s.desk(t, file)
			before := s.snapshot(t)
			planned := d.plan(t)
			if changes := planned.changes(); changes != nil {
				t.Errorf("the plan has changes: %q", changes)
			}
			if codes := planned.codes(want.level); want.code != "" && !slices.Contains(codes, want.code) {
				t.Errorf("codes %q, want %s", codes, want.code)
			}
			d.runs(t, want.status, "apply", "--yes")
			if diff := cmp.Diff(before, s.snapshot(t)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestDocumentedProfile gives the servers the documents of Rancher's page, as two
// policies, and says what they lack.
func TestDocumentedProfile(t *testing.T) {
	s := start(t)
	e := s.seed(t)
	d := s.desk(t, strings.Replace(e.file(), "    features: [elb]\n", "    profile: rancher\n", 1))
	if codes := d.plan(t).codes("warning"); !slices.Contains(codes, "policy-lacking") {
		t.Errorf("the plan does not say what the documents lack: %q", codes)
	}
	d.runs(t, 0, "apply", "--yes")
	want := []string{
		"role prod-1-server inline kubelet-ecr-rancher-control-plane", "role prod-1-server inline kubelet-ecr-rancher-node",
	}
	if diff := cmp.Diff(want, keys(s.snapshot(t), "role prod-1-server inline")); diff != "" {
		t.Error(diff)
	}
	d.runs(t, 0, "destroy", "--yes")
}

// TestEditedByHand edits between apply and the next run: apply makes it as it was,
// and destroy takes it back all the same.
func TestEditedByHand(t *testing.T) {
	s := start(t)
	e := s.seed(t)
	d := s.desk(t, e.file())
	before := s.snapshot(t)
	d.runs(t, 0, "apply", "--yes")
	applied := s.snapshot(t)
	s.inline(t, "prod-1-agent", "kubelet-ecr-pull", "ecr:*")
	_, err := s.iam.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("prod-1-agent"), PolicyDocument: aws.String(otherTrust)})
	must(t, err)
	if diff := cmp.Diff([]string{"trust policy prod-1-agent", "inline policy kubelet-ecr-pull prod-1-agent"}, d.plan(t).changes()); diff != "" {
		t.Error(diff)
	}
	d.runs(t, 0, "apply", "--yes")
	if diff := cmp.Diff(applied, s.snapshot(t)); diff != "" {
		t.Error(diff)
	}
	s.inline(t, "prod-1-agent", "kubelet-ecr-pull", "ecr:*")
	d.runs(t, 0, "destroy", "--yes")
	if diff := cmp.Diff(before, s.snapshot(t)); diff != "" {
		t.Error("destroy does not lead back:", diff)
	}
}

// TestChangedBySomebodyElse changes values between apply and destroy: they are left,
// and said.
func TestChangedBySomebodyElse(t *testing.T) {
	s := start(t)
	e := s.seed(t)
	s.role(t, "prod-1-agent", otherTrust)
	d := s.desk(t, e.file())
	want := s.snapshot(t)
	d.runs(t, 0, "apply", "--yes")

	s.tag(t, e.public[0], key, "owned")
	want["tag "+e.public[0]+" "+key] = "=owned"
	const third = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	_, err := s.iam.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("prod-1-agent"), PolicyDocument: aws.String(third)})
	must(t, err)
	want["role prod-1-agent"] = "/ " + document(t, aws.String(third)) + " boundary="

	r := d.runs(t, 3, "destroy", "--yes")
	for _, left := range []string{
		"left: tag " + key + " of " + e.public[0] + ": somebody else has changed it since\n",
		"left: trust policy prod-1-agent: somebody else has changed it since\n",
	} {
		if !strings.Contains(r.stdout, left) {
			t.Errorf("destroy does not say %q:\n%s", left, r.stdout)
		}
	}
	if diff := cmp.Diff(want, s.snapshot(t)); diff != "" {
		t.Error(diff)
	}
}

// TestInUse starts an instance with our profile that is not in the file: its role is
// left, and a second destroy, when it is gone, takes the rest.
func TestInUse(t *testing.T) {
	s := start(t)
	e := s.seed(t)
	d := s.desk(t, e.file())
	before := s.snapshot(t)
	d.runs(t, 0, "apply", "--yes")
	foreign := s.instance(t, e, "foreign")
	s.associate(t, foreign, "arn:aws:iam::123456789012:instance-profile/prod-1-agent")
	r := d.runs(t, 3, "destroy", "--yes")
	if want := "in use: instance profile prod-1-agent is that of " + foreign + "\n"; !strings.Contains(r.stderr, want) {
		t.Errorf("destroy does not say %q: %s", want, r)
	}
	after := s.snapshot(t)
	if after["profile prod-1-agent"] != "/ [prod-1-agent]" || after["profile of "+foreign] == "" {
		t.Errorf("the profile in use is %q, the instance's %q", after["profile prod-1-agent"], after["profile of "+foreign])
	}
	found, err := s.ec2.DescribeIamInstanceProfileAssociations(t.Context(), &ec2.DescribeIamInstanceProfileAssociationsInput{
		Filters: []types.Filter{{Name: aws.String("instance-id"), Values: []string{foreign}}},
	})
	must(t, err)
	_, err = s.ec2.DisassociateIamInstanceProfile(t.Context(), &ec2.DisassociateIamInstanceProfileInput{AssociationId: found.IamInstanceProfileAssociations[0].AssociationId})
	must(t, err)
	d.runs(t, 0, "destroy", "--yes")
	want := maps.Clone(before)
	want["tag "+foreign+" Name"] = "=foreign"
	if diff := cmp.Diff(want, s.snapshot(t)); diff != "" {
		t.Error(diff)
	}
}

// TestWithoutJournal loses the journal: what carries our tag goes, but for what
// instances still use; tags and associations stay.
func TestWithoutJournal(t *testing.T) {
	s := start(t)
	e := s.seed(t)
	s.role(t, "prod-1-agent", ec2Trust) // somebody else's
	d := s.desk(t, e.file())
	d.runs(t, 0, "apply", "--yes", "--journal", "lost")
	before := s.snapshot(t)
	r := d.runs(t, 3, "destroy", "--yes")
	if want := "there is no journal: only what carries our tag is deleted"; !strings.Contains(r.stdout, want) {
		t.Errorf("destroy does not say %q: %s", want, r)
	}
	after := s.snapshot(t)
	for k, value := range before {
		if strings.HasPrefix(k, "tag ") || strings.HasPrefix(k, "profile of ") || strings.HasPrefix(k, "role prod-1-agent") {
			if after[k] != value {
				t.Errorf("%s was %q and is %q", k, value, after[k])
			}
		}
	}
	if policies := keys(after, "role prod-1-server inline"); policies != nil {
		t.Errorf("of our role there is left: %q", policies)
	}
	d.runs(t, 3, "destroy", "--yes")
	if diff := cmp.Diff(after, s.snapshot(t)); diff != "" {
		t.Error("a second destroy is not the first once more:", diff)
	}
}
