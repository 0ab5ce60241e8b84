package node

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatRestartsTheKubelet(t *testing.T) {
	for s, want := range map[Supervision][]string{
		{}:                       nil,
		{Init: systemd}:          nil,
		{Service: "x"}:           nil,
		{systemd, "k3s.service"}: {"systemctl", "restart", "k3s.service"},
		{openRC, "k3s"}:          {"rc-service", "k3s", "restart"},
	} {
		if diff := cmp.Diff(want, s.RestartCommand()); diff != "" {
			t.Errorf("%v: %s", s, diff)
		}
	}
}

// What an image has is started where it boots, not where it is made.
func TestNothingIsRunForAnImage(t *testing.T) {
	n, ctx := open(t, with(kubeadm, "/run/systemd/system/", "", "/run/openrc/", "")), context.Background()
	for _, s := range []Supervision{{systemd, "kubelet.service"}, {openRC, "kubelet"}} {
		for what, troubles := range map[string][]string{"started": n.Start(ctx, s), "stopped": n.Stop(ctx, s), "reloaded": n.Reload(ctx, s)} {
			if troubles != nil {
				t.Errorf("%v %s: %q", s, what, troubles)
			}
		}
		if err := n.Restart(ctx, s); err == nil || err.Error() != "restarting the kubelet: it is not known what runs it here" {
			t.Errorf("%v restarted: %v", s, err)
		}
	}
	if n.Live() {
		t.Error("an image lives")
	}
}

// An uninstall that waited for the kubelet's restart is run again when they are gone.
func TestOnlyUnitsThatAreThereAreStopped(t *testing.T) {
	timer, service := []string{"systemctl", "stop", warmTimer}, []string{"systemctl", "stop", warmService}
	for name, c := range map[string]struct {
		files map[string]string
		want  [][]string
	}{
		"both": {with(base, systemUnits+warmTimer, "", systemUnits+warmService, ""), [][]string{timer, service}},
		"one":  {with(base, systemUnits+warmService, ""), [][]string{service}},
		"none": {base, nil},
	} {
		if diff := cmp.Diff(c.want, stops(plant(t, c.files))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestWhatACommandSaysIsInWhatFailed(t *testing.T) {
	got := each(context.Background(), [][]string{{"true"}, {"sh", "-c", "echo why; echo more; exit 3"}, {"false"}, {"/none/such"}})
	want := []string{"sh -c echo why; echo more; exit 3: exit status 3: why", "false: exit status 1"}
	if len(got) != 3 || !cmp.Equal(want, got[:2]) || !strings.HasPrefix(got[2], "/none/such: ") {
		t.Errorf("got %q", got)
	}
}
