//go:build linux

package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/tree"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// A kubelet that has started in one of the spans runs our program, also if it was unwired
// and wired again since.
func TestKubeletsAreWiredFromEachInstallToItsUndoing(t *testing.T) {
	config := plan.Object{Kind: kindConfig, Name: freeConfig}
	flags := plan.Object{Kind: kindFlags, Name: "/etc/default/kubelet"}
	state := func(text string) string { return tree.TextFile(text, tree.New(0o644)) }
	const wires = "A=1\nKUBELET_EXTRA_ARGS=\"" + configFlag + "=/c " + binDirFlag + "=/b"
	origin, ours, more := state("A=1\n"), state(wires+"\"\n"), state(wires+" --y\"\n")
	at := func(minute int) time.Time { return time.Date(2030, 1, 1, 0, minute, 0, 0, time.UTC) }
	change := func(o plan.Object, before, after string) plan.Change {
		return plan.Change{Object: o, Before: before, After: after}
	}
	for name, c := range map[string]struct {
		changes []plan.Change // one a minute
		want    []span
	}{
		"never":                       {nil, nil},
		"the config alone, by hand":   {[]plan.Change{change(config, "", ours)}, nil},
		"still":                       {[]plan.Change{change(config, "", ours), change(flags, origin, ours)}, []span{{from: at(1)}}},
		"changed meanwhile":           {[]plan.Change{change(flags, origin, ours), change(flags, ours, more)}, []span{{from: at(0)}}},
		"taken back":                  {[]plan.Change{change(flags, origin, ours), change(flags, ours, origin)}, []span{{at(0), at(1)}}},
		"taken out":                   {[]plan.Change{change(flags, origin, ours), {Object: flags, Before: more, After: state("B=1\n"), Why: takesOut}}, []span{{at(0), at(1)}}},
		"taken back, and wired again": {[]plan.Change{change(flags, origin, ours), change(flags, ours, origin), change(config, "", ours), change(flags, origin, ours)}, []span{{at(0), at(1)}, {from: at(3)}}},
		"and taken back again":        {[]plan.Change{change(flags, origin, ours), change(flags, ours, origin), change(flags, origin, ours), change(flags, ours, origin)}, []span{{at(0), at(1)}, {at(2), at(3)}}},
		"the config, where one is looked for": {[]plan.Change{change(plan.Object{Kind: kindConfig, Name: rancherConfig}, "", ours), change(plan.Object{Kind: kindConfig, Name: rancherConfig}, ours, "")},
			[]span{{at(0), at(1)}}},
	} {
		t.Run(name, func(t *testing.T) {
			n := open(t, with(base, "/etc/ecr-credential-provider/", "", "/etc/default/kubelet", "A=1\n", "/var/lib/rancher/credentialprovider/", ""))
			must(t, os.Chmod(n.tree.Path("/etc/default/kubelet"), 0o644))
			j, err := n.Journal(t.Context())
			must(t, err)
			defer j.Close()
			for i, c := range c.changes {
				if c.Why == takesOut {
					must(t, os.WriteFile(n.tree.Path(c.Name), []byte(strings.SplitN(c.Before, "\n\n", 2)[1]), 0o644))
				}
				must(t, plan.Apply(t.Context(), n.tree, []plan.Change{c}, j, plan.Options{Now: func() time.Time { return at(i) }}))
			}
			got, err := n.wired(t.Context(), j)
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(span{})); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

// The next run finds out later that an interrupted one has wired the kubelet.
func TestAnInterruptedInstallWiresFromTheMomentItWasMeant(t *testing.T) {
	n := open(t, k3s)
	j, err := n.Journal(t.Context())
	must(t, err, os.MkdirAll(n.tree.Path("/var/lib/rancher/credentialprovider"), 0o755))
	meant, found := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2030, 1, 2, 0, 0, 0, 0, time.UTC)
	c := plan.Change{Object: plan.Object{Kind: kindConfig, Name: rancherConfig}, After: tree.TextFile("ours", tree.New(0o644))}
	ctx, cancel := context.WithCancel(t.Context())
	err = plan.Apply(ctx, cut{n.tree, cancel}, []plan.Change{c}, j, plan.Options{Now: func() time.Time { return meant }})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	must(t, plan.Settle(t.Context(), n.tree, j, func() time.Time { return found }))
	defer j.Close()
	got, err := n.wired(t.Context(), j)
	if diff := cmp.Diff([]span{{from: meant}}, got, cmp.AllowUnexported(span{})); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

// cut is a tree whose user is cut off once something is written.
type cut struct {
	*tree.Tree
	cancel func()
}

func (c cut) Write(ctx context.Context, runs plan.Runs, changes []plan.Change) error {
	defer c.cancel()
	return errors.Join(c.Tree.Write(ctx, runs, changes), context.Canceled)
}

func TestASpanHasItsEnds(t *testing.T) {
	from, to := time.Unix(10, 0), time.Unix(20, 0)
	for _, s := range []span{{from, to}, {from: from}} {
		for second, want := range map[int64]bool{9: false, 10: true, 20: true, 21: s.to.IsZero()} {
			if got := s.has(time.Unix(second, 0)); got != want {
				t.Errorf("%v has %d: %v", s, second, got)
			}
		}
	}
}

// startKubelet puts a kubelet into the /proc of a root, that started so long ago.
func startKubelet(t *testing.T, n *Node, pid int, ago time.Duration, args ...string) {
	t.Helper()
	var boot unix.Timespec
	must(t, unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot))
	ticks := (time.Duration(boot.Nano()) - ago) / (10 * time.Millisecond)
	dir := n.tree.Path(fmt.Sprintf("/proc/%d", pid))
	must(t, os.MkdirAll(dir, 0o755),
		os.WriteFile(n.tree.Path("/proc/uptime"), nil, 0o644),
		os.WriteFile(dir+"/status", []byte("Name:\t"+args[0]+"\nState:\tS\n"), 0o644),
		os.WriteFile(dir+"/cmdline", []byte(strings.Join(args, "\x00")+"\x00"), 0o644),
		os.WriteFile(dir+"/stat", []byte(fmt.Sprintf("%d (x) S%s %d 0", pid, strings.Repeat(" 0", 18), ticks)), 0o644))
}

func TestOnlyAKubeletThatHasReadOurConfigNeedsIt(t *testing.T) {
	needing := func(t *testing.T, n *Node) []int {
		t.Helper()
		j, err := n.Journal(t.Context())
		must(t, err)
		defer j.Close()
		all, err := n.Needs(t.Context(), j)
		must(t, err)
		var pids []int
		for _, p := range all {
			pids = append(pids, p.PID)
		}
		return pids
	}
	wants := func(t *testing.T, n *Node, want ...int) {
		t.Helper()
		if diff := cmp.Diff(want, needing(t, n)); diff != "" {
			t.Error(diff)
		}
	}
	t.Run("arguments say which", func(t *testing.T) {
		n := open(t, kubeadm)
		wants(t, n) // no /proc
		startKubelet(t, n, 7, 10*time.Second, "kubelet", "--image-credential-provider-config="+freeConfig, "--image-credential-provider-bin-dir="+freeBinDir)
		startKubelet(t, n, 8, 0, "kubelet", "--image-credential-provider-config=/other", "--image-credential-provider-bin-dir=/x")
		startKubelet(t, n, 9, 0, "kubelet")
		wants(t, n)
		_, err := install(t, n, Options{})
		must(t, err)
		wants(t, n, 7)
	})
	t.Run("where they are hidden, its time does", func(t *testing.T) {
		n := open(t, k3s)
		_, err := install(t, n, Options{})
		must(t, err)
		startKubelet(t, n, 7, 10*time.Second, "k3s-server")
		startKubelet(t, n, 8, -time.Second, "k3s-server")
		wants(t, n, 8)
		// Somebody else takes it away, and the kubelet is restarted.
		must(t, os.Remove(n.tree.Path(rancherConfig)))
		startKubelet(t, n, 8, -2*time.Second, "k3s-server")
		wants(t, n)
	})
	t.Run("so it does where k3s is told of another place", func(t *testing.T) {
		n := open(t, with(k3s, "/etc/rancher/k3s/config.yaml", "image-credential-provider-config: /c/config.yaml\nimage-credential-provider-bin-dir: /c/bin\n"))
		_, err := install(t, n, Options{})
		must(t, err)
		startKubelet(t, n, 7, 10*time.Second, "k3s-server")
		startKubelet(t, n, 8, -time.Second, "k3s-server")
		wants(t, n, 8)
	})
	t.Run("a directory of configs, however it is written", func(t *testing.T) {
		for _, dir := range []string{"/c", "/c/", "/d"} {
			n := open(t, with(kubeadm, "/c/", "", "/d", "-> /c", "/etc/default/kubelet", "KUBELET_EXTRA_ARGS=\""+configFlag+"="+dir+" "+binDirFlag+"=/b\"\n"))
			_, err := install(t, n, Options{})
			must(t, err)
			startKubelet(t, n, 7, 0, "kubelet", configFlag+"="+dir, binDirFlag+"=/b")
			wants(t, n, 7)
		}
	})
	t.Run("a clock that was set back tells nothing", func(t *testing.T) {
		n := open(t, k3s)
		_, err := install(t, n, Options{})
		must(t, err)
		edit(t, n, journalFile, func(s string) string {
			return strings.ReplaceAll(s, fmt.Sprintf(`"at":"%d-`, time.Now().UTC().Year()), fmt.Sprintf(`"at":"%d-`, time.Now().UTC().Year()+1))
		})
		startKubelet(t, n, 7, time.Second, "k3s-server")
		wants(t, n, 7)
	})
	t.Run("a process that cannot be understood is an error", func(t *testing.T) {
		n := open(t, k3s)
		startKubelet(t, n, 7, 0, "k3s-server")
		must(t, os.WriteFile(n.tree.Path("/proc/7/stat"), nil, 0o644))
		j, err := n.Journal(t.Context())
		must(t, err)
		defer j.Close()
		if _, err := n.Needs(t.Context(), j); err == nil {
			t.Error("it needs nothing")
		}
	})
}

// K3s passes the flags on only if the config is there, wherever it was told to look; what
// its --kubelet-arg says, it passes on in any case.
func TestWhatUnwiresK3sIsThatTheConfigGoes(t *testing.T) {
	const where = "image-credential-provider-config: /c/config.yaml\nimage-credential-provider-bin-dir: /c/bin\n"
	const handed = "kubelet-arg: [image-credential-provider-config=/c/config.yaml, image-credential-provider-bin-dir=/c/bin]\n"
	for said, byHand := range map[string]bool{"": false, where: false, handed: true} {
		n := open(t, with(k3s, "/etc/rancher/k3s/config.yaml", said))
		_, err := install(t, n, Options{})
		must(t, err)
		r := uninstall(t, n)
		unwires := slices.ContainsFunc(r.Unwire, func(c plan.Change) bool { return c.Kind == kindConfig })
		if unwires == byHand || (r.ByHand != "") != byHand {
			t.Errorf("%q: unwired by the config: %v; by hand: %q", said, unwires, r.ByHand)
		}
	}
}
