package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/deploy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/providerconfig"
)

// A trial runs the plugin once where it will lie, as the kubelet would: with the args
// and the environment of our entry, a request on stdin, and little else. AWS is not
// asked: the image is in no registry that a node could have, which the plugin says only
// once it has understood everything else.
type trial struct {
	plugin string // as the node knows it
	entry  providerconfig.Entry
}

const (
	trialImage   = "image.ecr-node-bootstrap.invalid/trial"
	trialRequest = `{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":"` + trialImage + `"}` + "\n"
	trialTime    = 30 * time.Second
)

// run makes the trial with the program at that path of this machine.
func (t *trial) run(ctx context.Context, program string) error {
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, slices.Concat(t.entry.Args, []string{"--no-cache"})...)
	cmd.Dir, cmd.Env, cmd.Stdin = "/", variables(t.entry.Env), strings.NewReader(trialRequest)
	cmd.WaitDelay = time.Second
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	line := strings.TrimSpace(said.String())
	refused, isExit := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return fmt.Errorf("trying the plugin at %s: it gave credentials for %s", t.plugin, trialImage)
	case !isExit:
		return hint.Wrap(fmt.Errorf("trying the plugin at %s: %w", t.plugin, err), "the kubelet could not run it either: see what its file system and its security module allow")
	case refused.ExitCode() == 1 && out.Len() == 0 && strings.Contains(line, trialImage[:strings.Index(trialImage, "/")]):
		return nil
	}
	return fmt.Errorf("trying the plugin at %s: %w: %s", t.plugin, err, firstLine(line))
}

func variables(env []deploy.Variable) []string {
	all := []string{}
	for _, v := range env {
		all = append(all, v.Name+"="+v.Value)
	}
	return all
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
