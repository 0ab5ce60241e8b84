//go:build linux

package node

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// An ACL or a umask may have left a config that everybody writes to, which with args and
// env is a way to be root.
func TestAConfigThatEverybodyWritesToIsClosedAndOpenedAgain(t *testing.T) {
	n := open(t, with(kubeadm, "/etc/default/kubelet", "KUBELET_EXTRA_ARGS="+bothFlags, "/c/config.yaml", official))
	must(t, os.Chmod(n.tree.Path("/c/config.yaml"), 0o666))
	start := look(t, n.tree.Path("/"))
	o, err := install(t, n, Options{})
	must(t, err)
	if !slices.ContainsFunc(o.Findings, func(f plan.Finding) bool { return f.Code == "config-writable" && f.Level == plan.Warning }) {
		t.Errorf("findings: %v", o.Findings)
	}
	if info, err := os.Stat(n.tree.Path("/c/config.yaml")); err != nil || info.Mode() != 0o664 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	uninstall(t, n)
	if diff := cmp.Diff(start, look(t, n.tree.Path("/"))); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsNoConfigIsNotWrittenOver(t *testing.T) {
	for text, want := range map[string]string{
		"\x00": "/c/config.yaml, which the kubelet is told to read, is no text",
		"a: [": "putting our provider into /c/config.yaml: the config that is there: ",
	} {
		n := open(t, with(kubeadm, "/etc/default/kubelet", "KUBELET_EXTRA_ARGS="+bothFlags, "/c/config.yaml", text))
		if _, err := n.Plan(context.Background(), nil, Options{Plugin: builtPlugin}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestARootWithoutASystemIsRefused(t *testing.T) {
	root := t.TempDir()
	if _, err := Open(root); err == nil || err.Error() != root+" is not the root of a system: it has no /etc and /var/lib" {
		t.Errorf("got %v", err)
	}
	if _, err := Open(root + "/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// An install that was killed before it had a journal is no past, but may have left what
// was to be its directory.
func TestNothingIsLeftOfAnInstallThatHadJustBegun(t *testing.T) {
	n := open(t, base)
	start := look(t, n.tree.Path("/"))
	must(t, os.Mkdir(n.tree.Path(stateDir), 0o700), n.Tidy())
	if diff := cmp.Diff(start, look(t, n.tree.Path("/"))); diff != "" {
		t.Error(diff)
	}
}

func TestWhoIsNotRootIsToldSo(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may do all this")
	}
	n := open(t, base)
	must(t, os.Chmod(n.tree.Path("/var/lib"), 0o555))
	_, making := n.Journal(t.Context())
	must(t, os.Chmod(n.tree.Path("/var/lib"), 0o755), os.Mkdir(n.tree.Path(stateDir), 0o700), os.WriteFile(n.tree.Path(journalFile), nil, 0))
	_, opening := n.Journal(t.Context())
	_, reading := n.Past()
	for _, err := range []error{making, opening, reading} {
		if !errors.Is(err, fs.ErrPermission) || hint.Of(err) != "run it with sudo" {
			t.Errorf("got %v, hint %q", err, hint.Of(err))
		}
	}
}

func TestTheJournalIsOursAlone(t *testing.T) {
	n := open(t, base)
	must(t, os.Chmod(n.tree.Path("/var/lib"), 0o777))
	if _, err := n.Journal(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "preparing the journal: everybody may write to the directory /var/lib") {
		t.Errorf("got %v", err)
	}
	if _, err := n.Past(); err == nil {
		t.Error("the past was read from there")
	}
	must(t, os.Chmod(n.tree.Path("/var/lib"), 0o755))
	j, err := n.Journal(t.Context())
	must(t, err)
	if _, err := n.Journal(t.Context()); err == nil || !strings.HasSuffix(err.Error(), "another run has it open") {
		t.Errorf("a second one: %v", err)
	}
	must(t, os.WriteFile(n.tree.Path(stateDir)+"/theirs", nil, 0o644), n.Finish(t.Context(), j))
	if left, err := os.ReadDir(n.tree.Path(stateDir)); len(left) != 1 || err != nil {
		t.Errorf("left: %v, %v", left, err)
	}
}

// The directory that root happens to be in may be anybody's.
func TestAProgramOfNoPlaceIsNotLookedFor(t *testing.T) {
	t.Chdir(t.TempDir())
	must(t, os.WriteFile("ecr-credential-provider", nil, 0o755))
	n := open(t, k3s)
	_, err := n.Plan(t.Context(), nil, Options{})
	if want := "reading the program to install: it is not known where this program lies, as without a /proc"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

// Root runs what a unit says.
func TestAUnitThatEverybodyWritesToIsClosed(t *testing.T) {
	n := open(t, with(kubeadm, systemUnits+warmService, "[Service]\n"))
	must(t, os.Chmod(n.tree.Path(systemUnits+warmService), 0o666))
	start := look(t, n.tree.Path("/"))
	_, err := install(t, n, Options{})
	must(t, err)
	if info, err := os.Stat(n.tree.Path(systemUnits + warmService)); err != nil || info.Mode() != 0o664 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	uninstall(t, n)
	if diff := cmp.Diff(start, look(t, n.tree.Path("/"))); diff != "" {
		t.Error(diff)
	}
}
