package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
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

// run makes the trial with the program that is open.
func (t *trial) run(ctx context.Context, program *os.File) error {
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, executable(program), slices.Concat(t.entry.Args, []string{"--no-cache"})...)
	cmd.Args[0], cmd.ExtraFiles = t.plugin, []*os.File{program}
	cmd.Dir, cmd.Env, cmd.Stdin = "/", variables(t.entry.Env), strings.NewReader(trialRequest)
	cmd.WaitDelay = time.Second
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	line := strings.TrimSpace(said.String())
	refused, isExit := errors.AsType[*exec.ExitError](err)
	if where, ok := errors.AsType[*fs.PathError](err); ok {
		err = where.Err // the error has the path already, as the node knows it
	}
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

// executable is where a command finds the program that is its first extra file: as that file,
// for whoever may rename a directory on the way to an image can put another program into
// the place of its name. Without a /proc, as in some chroots, its name has to do.
func executable(program *os.File) string {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		return program.Name()
	}
	return "/proc/self/fd/3"
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
