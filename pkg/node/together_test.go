//go:build linux

package node

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// A plan is made before the journal is there to be locked: another run may have done the
// same meanwhile, in part, and what that has done is not this one's to take back.
func TestAnInstallLeavesWhatAnotherOneHasDoneSinceItWasPlanned(t *testing.T) {
	for name, c := range map[string]struct{ theirs, ours Options }{
		"the same":   {},
		"in part":    {Options{}, Options{Pull: config.Pull{Public: true}}},
		"nearly all": {Options{Pull: config.Pull{Public: true}}, Options{}},
	} {
		t.Run(name, func(t *testing.T) {
			n := open(t, k3s)
			c.ours.Plugin = builtPlugin
			ours, err := n.Plan(t.Context(), nil, c.ours)
			must(t, err)
			_, err = install(t, n, c.theirs)
			must(t, err)
			theirs := look(t, n.tree.Path("/"))
			j, err := n.Journal(t.Context())
			must(t, err)
			err = n.Install(t.Context(), j, ours, ignore)
			if want := "directory /var/lib/rancher: somebody has changed it since this was planned"; err == nil || err.Error() != want {
				t.Errorf("got %v", err)
			}
			must(t, n.Finish(t.Context(), j))
			if diff := cmp.Diff(theirs, look(t, n.tree.Path("/"))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Whoever has made the journal's directory is not yet who has the journal.
func TestAJournalThatAnotherRunHasOpenStays(t *testing.T) {
	n := open(t, kubeadm)
	j, err := n.Journal(t.Context())
	must(t, err)
	defer j.Close()
	must(t, n.Tidy())
	if _, err := os.Stat(n.tree.Path(journalFile)); err != nil {
		t.Error(err)
	}
}

// A journal that was removed by hand does not take along what nobody has any more.
func TestOriginalsOutliveAJournalThatIsNotThere(t *testing.T) {
	const theirs = "/c/bin/ecr-credential-provider"
	n := open(t, with(kubeadm, "/etc/default/kubelet", "KUBELET_EXTRA_ARGS="+bothFlags, "/c/config.yaml", official, theirs, "one\x00"))
	_, err := install(t, n, Options{})
	must(t, err, os.Remove(n.tree.Path(journalFile)), n.Tidy())
	if kept, err := filepath.Glob(n.tree.Path(originals) + "/*"); len(kept) != 1 || err != nil {
		t.Errorf("kept: %v, %v", kept, err)
	}
}

func TestNothingIsLeftOfAJournalThatCannotBeBegun(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	n := open(t, base)
	if err := unix.Mount("none", n.tree.Path("/var/lib"), "tmpfs", 0, "size=4k,mode=755"); err != nil {
		t.Skip("nothing can be mounted here: ", err)
	}
	defer unix.Unmount(n.tree.Path("/var/lib"), 0)
	must(t, os.WriteFile(n.tree.Path("/var/lib/full"), []byte(strings.Repeat("x", 4096)), 0o644))
	if _, err := n.Journal(t.Context()); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("got %v", err)
	}
	if left, err := os.ReadDir(n.tree.Path("/var/lib")); len(left) != 1 || err != nil {
		t.Errorf("left: %v, %v", left, err)
	}
}

// Somebody else enables a unit in a directory that we have made, and then ours cannot be.
func TestWhatOthersPutIntoADirectoryOfOursKeepsNothingElseOfAFailedInstall(t *testing.T) {
	n := open(t, kubeadm)
	start := look(t, n.tree.Path("/"))
	j, err := n.Journal(t.Context())
	must(t, err)
	o, err := n.Plan(t.Context(), j, Options{Plugin: builtPlugin})
	must(t, err)
	const wants = systemUnits + "multi-user.target.wants"
	err = n.Install(t.Context(), j, o, func(e plan.Event) {
		if e.Object.Name == wants {
			must(t, os.WriteFile(n.tree.Path(wants+"/"+warmService), nil, 0o644), os.WriteFile(n.tree.Path(wants+"/theirs"), nil, 0o644))
		}
	})
	if want := "create link " + wants + "/" + warmService + ": somebody has changed it meanwhile"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	must(t, n.Finish(t.Context(), j), os.RemoveAll(n.tree.Path("/etc/systemd")))
	if diff := cmp.Diff(start, look(t, n.tree.Path("/"))); diff != "" {
		t.Error(diff)
	}
	if n.tree.Exists(stateDir) {
		t.Error("the journal is still there")
	}
}
