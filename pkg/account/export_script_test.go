package account

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// desk is a place where printed scripts run with another aws: it writes down what it
// is told, and answers as the test says.
type desk struct{ dir string }

// atDesk has answers by operation: shell commands, that find in $n how often the
// operation was called, this time included.
func atDesk(t *testing.T, answers map[string]string) desk {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash to run the scripts")
	}
	d := desk{t.TempDir()}
	aws := `#!/usr/bin/env bash
printf '%s\0' "$@" >>"$DESK/told"
printf '\n\0' >>"$DESK/told"
echo >>"$DESK/$2.count"
n=$(wc -l <"$DESK/$2.count")
case $2 in
`
	for operation, answer := range answers {
		aws += operation + ")\n" + answer + "\n;;\n"
	}
	if answers["get-caller-identity"] == "" {
		aws += "get-caller-identity) echo 123456789012 ;;\n"
	}
	for name, text := range map[string]string{
		"aws":   aws + "esac\n",
		"sleep": "#!/usr/bin/env bash\necho >>\"$DESK/slept\"\n",
	} {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// run runs a script, and returns what it said, and how it failed, if it did.
func (d desk) run(script string) (out, failed string) {
	c := exec.Command("bash", "-c", script)
	c.Env = []string{"PATH=" + d.dir + ":" + os.Getenv("PATH"), "DESK=" + d.dir}
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		return stdout.String(), fmt.Sprintf("%s%v", stderr.String(), err)
	}
	return stdout.String(), ""
}

// told is what aws was told, call by call.
func (d desk) told(t *testing.T) (calls [][]string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(d.dir, "told"))
	if err != nil {
		t.Fatal(err)
	}
	for call := range strings.SplitSeq(strings.TrimSuffix(string(text), "\x00\n\x00"), "\x00\n\x00") {
		calls = append(calls, strings.Split(call, "\x00"))
	}
	return calls
}

// operations are the names of what aws was told to do, after who asks.
func (d desk) operations(t *testing.T) (names []string) {
	t.Helper()
	for _, call := range d.told(t)[1:] {
		names = append(names, call[1])
	}
	return names
}

// TestScriptQuotes has the AWS CLI get every text as it is in the plan.
func TestScriptQuotes(t *testing.T) {
	e := nothing()
	var want []string
	for i, text := range awkward() {
		document := encode(map[string]any{"Statement": []any{map[string]string{"Sid": text}}})
		e.Changes = append(e.Changes,
			plan.Change{Object: objectOf(kindTag, text+"key", fmt.Sprintf("i-%d", i)), Why: text, After: tagText(text)},
			plan.Change{Object: objectOf(kindInline, text+"name", "-"+text), Why: text, After: document})
		want = append(want, encode([]keyValue{{text + "key", text}}), "-"+text, text+"name", document)
	}
	script, left := e.AWSCLI()
	if left != nil {
		t.Fatalf("left %v", left)
	}
	d := atDesk(t, nil)
	if _, failed := d.run(script); failed != "" {
		t.Fatal(failed)
	}
	var got []string
	value := func(call []string, option string) string {
		for i, word := range call {
			if v, ok := strings.CutPrefix(word, option+"="); ok {
				return v
			}
			// The AWS CLI takes a word that begins with a dash for another option.
			if word == option && !strings.HasPrefix(call[i+1], "-") {
				return call[i+1]
			}
		}
		return "(no " + option + ")"
	}
	for _, call := range d.told(t)[1:] {
		if call[1] == "create-tags" {
			got = append(got, value(call, "--tags"))
			continue
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, []byte(value(call, "--policy-document"))); err != nil {
			t.Error(err)
		}
		got = append(got, value(call, "--role-name"), value(call, "--policy-name"), compact.String())
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestScriptRefusesAnotherAccount(t *testing.T) {
	d := atDesk(t, map[string]string{"get-caller-identity": "echo 999999999999"})
	script, _ := missing("aws", "eu-central-1").AWSCLI()
	out, failed := d.run(script)
	want := "these are credentials of account 999999999999, and the script is for 123456789012\nexit status 1"
	if diff := cmp.Diff(want, failed); diff != "" || out != "" {
		t.Errorf("it said %q, and failed (-want +got):\n%s", out, diff)
	}
	if got := d.operations(t); got != nil {
		t.Errorf("it did %v", got)
	}
}

// The answers of AWS, as the AWS CLI prints them. terraform-provider-aws waits for the
// same ones after an IAM role or profile was created (internal/service/eks/access_entry.go,
// internal/service/ecr/repository_policy.go and others).
const (
	noSuchRole     = "An error occurred (NoSuchEntity) when calling the PutRolePolicy operation: The role with name prod-1 cannot be found."
	noSuchProfile  = "An error occurred (InvalidParameterValue) when calling the AssociateIamInstanceProfile operation: Value (prod-1) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"
	noSuchCaller   = "An error occurred (InvalidParameterException) when calling the CreateAccessEntry operation: The specified principalArn is invalid: invalid principal."
	noSuchEntry    = "An error occurred (ResourceNotFoundException) when calling the AssociateAccessPolicy operation: The specified principalArn could not be found."
	noSuchPuller   = "An error occurred (InvalidParameterException) when calling the SetRepositoryPolicy operation: Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'"
	noPolicyThere  = "An error occurred (RepositoryPolicyNotFoundException) when calling the GetRepositoryPolicy operation: Repository policy does not exist for the repository with name 'team/api'"
	notAuthorized  = "An error occurred (AccessDenied) when calling the PutRolePolicy operation: User: arn:aws:iam::123456789012:user/me is not authorized"
	alreadyLeaving = "An error occurred (IncorrectState) when calling the AssociateIamInstanceProfile operation: There is an existing association for instance i-1"
)

// answer fails with a text until the nth call.
func answer(text string, n int) string {
	return fmt.Sprintf("if ((n < %d)); then echo %s >&2; exit 254; fi", n, shell(text))
}

func TestScriptWaits(t *testing.T) {
	why := "group"
	profile := "arn:aws:iam::123456789012:instance-profile/prod-1"
	change := func(kind, name, of, before, after string) plan.Change {
		return plan.Change{Object: objectOf(kind, name, of), Why: why, Before: before, After: after}
	}
	inline := change(kindInline, "kubelet-ecr-pull", "prod-1", "", pulls("aws"))
	statement := change(kindRepository, "KubeletEcrPull", "team/api", "", letsIn("KubeletEcrPull", "*"))
	for name, test := range map[string]struct {
		change  plan.Change
		answers map[string]string
		want    []string
		failed  string
	}{
		"role": {
			inline, map[string]string{"put-role-policy": answer(noSuchRole, 3)},
			[]string{"put-role-policy", "put-role-policy", "put-role-policy"}, "",
		},
		"role that never comes": {
			inline, map[string]string{"put-role-policy": answer(noSuchRole, 100)},
			slices.Repeat([]string{"put-role-policy"}, 24), noSuchRole + "\nexit status 1",
		},
		"denied": {
			inline, map[string]string{"put-role-policy": answer(notAuthorized, 100)},
			[]string{"put-role-policy"}, notAuthorized + "\nexit status 1",
		},
		"profile": {
			change(kindAssociation, "i-1", "", "", profile), map[string]string{"associate-iam-instance-profile": answer(noSuchProfile, 2)},
			[]string{"associate-iam-instance-profile", "associate-iam-instance-profile"}, "",
		},
		"profile of a stopped instance": {
			change(kindAssociation, "i-1", "", profile+"-old", profile),
			map[string]string{
				"describe-iam-instance-profile-associations": "printf 'iip-assoc-1\\t" + profile + "-old\\n'",
				"describe-instances":                         "echo stopped",
				"associate-iam-instance-profile":             answer(alreadyLeaving, 2),
			},
			[]string{
				"describe-iam-instance-profile-associations", "describe-instances", "disassociate-iam-instance-profile",
				"associate-iam-instance-profile", "associate-iam-instance-profile",
			}, "",
		},
		"profile of a running instance": {
			change(kindAssociation, "i-1", "", profile+"-old", profile),
			map[string]string{
				"describe-iam-instance-profile-associations": "printf 'iip-assoc-1\\t" + profile + "-old\\n'",
				"describe-instances":                         "echo running",
			},
			[]string{"describe-iam-instance-profile-associations", "describe-instances", "replace-iam-instance-profile-association"}, "",
		},
		"profile that somebody else has replaced": {
			change(kindAssociation, "i-1", "", profile+"-old", ""),
			map[string]string{"describe-iam-instance-profile-associations": "printf 'iip-assoc-2\\t" + profile + "-other\\n'"},
			[]string{"describe-iam-instance-profile-associations"},
			"the instance profile of i-1 is no longer " + profile + "-old: print the script anew\nexit status 1",
		},
		"instance that has no profile any more": {
			change(kindAssociation, "i-1", "", profile+"-old", ""),
			map[string]string{"describe-iam-instance-profile-associations": "echo None"},
			[]string{"describe-iam-instance-profile-associations"},
			"the instance profile of i-1 is no longer " + profile + "-old: print the script anew\nexit status 1",
		},
		"profile in use": {
			change(kindProfileRole, "prod-1", "", "prod-1", ""),
			map[string]string{"describe-iam-instance-profile-associations": "if ((n < 3)); then echo i-1; fi"},
			append(slices.Repeat([]string{"describe-iam-instance-profile-associations"}, 3), "remove-role-from-instance-profile"), "",
		},
		"profile that stays in use": {
			change(kindProfileRole, "prod-1", "", "prod-1", ""),
			map[string]string{"describe-iam-instance-profile-associations": "echo i-1"},
			slices.Repeat([]string{"describe-iam-instance-profile-associations"}, 24),
			"instance profile prod-1 is that of i-1\nexit status 1",
		},
		"access entry": {
			change(kindEntry, "arn:aws:iam::123456789012:role/prod-1", "prod-1", "", `{"type":"EC2_LINUX"}`),
			map[string]string{"create-access-entry": answer(noSuchCaller, 2)}, []string{"create-access-entry", "create-access-entry"}, "",
		},
		"access policy": {
			change(kindAccessPolicy, "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy", "arn:aws:iam::123456789012:role/ops", "", `{"type":"cluster"}`),
			map[string]string{"associate-access-policy": answer(noSuchEntry, 2)}, []string{"associate-access-policy", "associate-access-policy"}, "",
		},
		"no repository policy": {
			statement, map[string]string{"get-repository-policy": answer(noPolicyThere, 100), "set-repository-policy": answer(noSuchPuller, 2)},
			[]string{"get-repository-policy", "get-repository-policy", "set-repository-policy", "set-repository-policy"}, "",
		},
		"repository policy that somebody else has written": {
			statement, map[string]string{"get-repository-policy": "echo '{}'"}, []string{"get-repository-policy"},
			"the policy that 'aws ecr get-repository-policy --repository-name team/api' gets has changed: print the script anew\nexit status 1",
		},
		"repository policy that cannot be read": {
			statement, map[string]string{"get-repository-policy": answer(notAuthorized, 100)}, []string{"get-repository-policy", "get-repository-policy"},
			notAuthorized + "\nexit status 1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := nothing()
			e.EKS = "prod-1"
			e.Changes = []plan.Change{test.change}
			script, _ := e.AWSCLI()
			d := atDesk(t, test.answers)
			out, failed := d.run(script)
			if want := inWords(test.change) + "\n"; out != want {
				t.Errorf("it said %q, want %q", out, want)
			}
			if diff := cmp.Diff(test.failed, failed); diff != "" {
				t.Errorf("failure (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.want, d.operations(t)); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

// TestScriptBatches has more instances than CreateTags takes at once.
func TestScriptBatches(t *testing.T) {
	e := nothing()
	for i := range 1001 {
		e.Changes = append(e.Changes, plan.Change{Object: objectOf(kindTag, "kubernetes.io/cluster/prod-1", fmt.Sprintf("i-%d", i)), After: "owned"})
	}
	script, _ := e.AWSCLI()
	d := atDesk(t, nil)
	if _, failed := d.run(script); failed != "" {
		t.Fatal(failed)
	}
	var got []int
	for _, call := range d.told(t)[1:] {
		got = append(got, len(call)-len([]string{"ec2", "create-tags", "--resources", "--tags", "[]"}))
	}
	if diff := cmp.Diff([]int{1000, 1}, got); diff != "" {
		t.Errorf("resources by call (-want +got):\n%s", diff)
	}
}
