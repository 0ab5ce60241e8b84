//go:build linux

package node

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

func TestWhatNotEverybodyMayReadIsNotPrinted(t *testing.T) {
	const file, secret = "/etc/default/kubelet", "http://user:password@proxy:1"
	for mode, reads := range map[os.FileMode]bool{0o600: false, 0o640: false, 0o644: true} {
		n := open(t, with(kubeadm, file, "HTTPS_PROXY="+secret+"\nKUBELET_EXTRA_ARGS=--v=2\n"))
		must(t, os.Chmod(n.tree.Path(file), mode))
		printed := func(what string, document any, changes []plan.Change) {
			t.Helper()
			var text strings.Builder
			plan.Text(&text, changes)
			encoded, err := json.Marshal(document)
			must(t, err)
			if !strings.Contains(text.String(), "KUBELET_EXTRA_ARGS=--v=2 "+configFlag) {
				t.Errorf("%v: %s does not show what changes:\n%s", mode, what, text.String())
			}
			for _, s := range []string{text.String(), string(encoded)} {
				if strings.Contains(s, secret) != reads {
					t.Errorf("%v: %s:\n%s", mode, what, s)
				}
			}
		}
		o, err := install(t, n, Options{})
		must(t, err)
		printed("install", o.Shown(), o.Shown().Changes)
		j, err := n.Journal(t.Context())
		must(t, err)
		r, err := n.Removal(t.Context(), j)
		must(t, err, n.Finish(t.Context(), j))
		printed("uninstall", r.Shown(), r.Shown().Unwire)

		r.Left = []plan.Rest{{Change: r.Unwire[len(r.Unwire)-1].Inverse(), Now: r.Unwire[len(r.Unwire)-1].Before + "B=1\n"}}
		printed("uninstall, what is left", r.Shown().Left, []plan.Change{r.Shown().Left[0].Change})
	}
}
