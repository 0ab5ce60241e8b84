//go:build linux

package node

import (
	"debug/elf"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatKeepsAKubeletFromStartingIsSeen(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"nothing":                    {kubeadm, nil},
		"no distribution":            {base, nil},
		"one flag of two":            {with(kubeadm, "/etc/default/kubelet", "KUBELET_EXTRA_ARGS="+configFlag+"=/c"), []string{"half-wired"}},
		"a directory for k3s":        {with(k3s, rancherConfig+"/", ""), []string{"config-directory"}},
		"no folder, and nobody asks": {with(eks, "/etc/systemd/system/nodeadm-run.service", "[Service]\nExecStart=nodeadm\n"), nil},
		"no folder for our file":     {with(eks, "/etc/systemd/system/nodeadm-run.service", "[Service]\nExecStart=nodeadm\n", nodeConfig, ""), []string{"no-drop-ins"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range open(t, c.files).Obstacles(Options{}) {
				got = append(got, f.Code)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatIsStartedAtBootIsWhatIsInstalled(t *testing.T) {
	for init, files := range map[string]map[string]string{systemd: kubeadm, openRC: openRCNode} {
		n := open(t, files)
		name, evidence, err := n.Distribution(Auto)
		if err != nil || name == "" || len(evidence) == 0 || n.Machine() != elf.EM_NONE {
			t.Errorf("%q, %q, %v, %v", name, evidence, n.Machine(), err)
		}
		if _, err := install(t, n, Options{}); err != nil {
			t.Fatal(err)
		}
		boots := Boots(init)
		for _, b := range boots {
			if !n.Tree().Exists(b.File) || b.Link != "" && !n.Tree().Exists(b.Link) {
				t.Errorf("%+v is not there", b)
			}
		}
		if len(boots) < 2 {
			t.Errorf("%s boots %v", init, boots)
		}
	}
	if got := Boots(""); got != nil {
		t.Errorf("nobody boots %v", got)
	}
}
