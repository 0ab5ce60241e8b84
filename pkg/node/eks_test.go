//go:build linux

package node

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// nodeadm writes the kubelet's flags when the node boots. Until then they name the config,
// whoever has taken the NodeConfig away.
func TestWhatNodeadmHasToldTheKubeletStaysUntilItBoots(t *testing.T) {
	n := open(t, eks)
	must(t, os.MkdirAll(n.tree.Path("/etc/eks/kubelet"), 0o755))
	boot := func(flags string) {
		must(t, os.WriteFile(n.tree.Path(nodeadmFlags), []byte("NODEADM_KUBELET_ARGS=\"--v=2 "+flags+"\"\n"), 0o600))
	}
	boot(configFlag + "=" + nodeadmConfig + " " + binDirFlag + "=" + nodeadmBinDir)
	o, err := install(t, n, Options{KubeletVersion: "1.34"})
	must(t, err)
	if !o.AtBoot {
		t.Error("a restart is said to be enough")
	}
	waits := func() bool {
		j, err := n.Journal(t.Context())
		must(t, err)
		defer j.Close()
		r, err := n.Removal(t.Context(), j)
		must(t, err)
		return r.AtBoot
	}
	got := []bool{waits()}
	boot(configFlag + "=" + freeConfig + " " + binDirFlag + "=" + freeBinDir)
	got = append(got, waits())
	boot(configFlag + "=" + nodeadmConfig)
	got = append(got, waits())
	if diff := cmp.Diff([]bool{false, true, false}, got); diff != "" {
		t.Errorf("it has to wait: before a boot with it, after that, and after one without it\n%s", diff)
	}
}
