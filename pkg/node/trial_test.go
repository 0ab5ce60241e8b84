//go:build linux

package node

import (
	"os"
	"testing"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
)

// Whose directory an image lies in can exchange the image while it is baked, by somebody
// who is root there and on this machine.
func TestTheProgramThatWasWrittenIsTried(t *testing.T) {
	root := grow(t, base)
	must(t, os.Chmod(root, 0o755))
	for _, name := range []string{root, root + ".theirs"} {
		must(t, os.MkdirAll(name+freeBinDir, 0o755))
	}
	text, err := os.ReadFile(builtPlugin)
	must(t, err, os.WriteFile(root+freeBinDir+"/ecr-credential-provider", text, 0o755))
	must(t, os.WriteFile(root+".theirs"+freeBinDir+"/ecr-credential-provider", []byte("#!/bin/sh\necho >"+root+".stolen\n"), 0o755))
	n, err := Open(root)
	must(t, err)
	defer n.Close()
	must(t, os.Rename(root, root+".ours"), os.Rename(root+".theirs", root))
	entry, err := Entry(config.Pull{}, "")
	must(t, err)
	if err := n.trial(t.Context(), &trial{freeBinDir + "/ecr-credential-provider", entry}); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(root + ".stolen"); err == nil {
		t.Error("theirs was run")
	}
}
