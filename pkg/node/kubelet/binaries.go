package kubelet

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

// fromBinaries takes the version of the first binary that tells one: by what it was built
// with, and by running it, if it is this machine's own.
func fromBinaries(ctx context.Context, root string, s Sought) (Version, bool, error) {
	var problems []error
	for _, name := range s.Binaries {
		file, err := within(root, name)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
			continue
		}
		if text := builtAs(file); text != "" {
			if v, err := version(text, fmt.Sprintf("%s: built as %s", name, text)); err == nil {
				return v, true, nil
			}
		}
		if !own(root) {
			err := fmt.Errorf("%s under %s does not tell its version without being run", name, root)
			problems = append(problems, hint.Wrap(err, useFlag))
			continue
		}
		v, err := says(ctx, file)
		if err == nil {
			return v, true, nil
		}
		problems = append(problems, err)
	}
	return Version{}, false, errors.Join(problems...)
}

// own says that root is the root of this machine.
func own(root string) bool { return filepath.Clean(root) == string(filepath.Separator) }

// stamps are the linker flags that set a version. K3s and RKE2 set that of K3s (k3s-io/k3s,
// scripts/package-cli; rancher/rke2, scripts/build-binary).
var stamps = regexp.MustCompile(`-X '?(?:\S+/k3s/pkg/version\.Version|k8s\.io/component-base/version\.gitVersion)=(v[^\s']+)`)

// builtAs is the version that a binary was linked with, "" if it does not say. Go keeps
// the linker's flags in a binary unless it was built with -trimpath (go help build,
// debug/buildinfo), as kubelets of Kubernetes are (kubernetes, hack/lib/golang.sh).
func builtAs(file string) string {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return ""
	}
	for _, setting := range info.Settings {
		if m := stamps.FindStringSubmatch(setting.Value); setting.Key == "-ldflags" && m != nil {
			return m[1]
		}
	}
	return ""
}

// says runs a binary of this machine for its version: "Kubernetes v1.34.1", "k3s version
// v1.33.4+k3s1 (…)" and a line on Go, "rke2 version v1.33.4+rke2r1 (…)" and the same.
func says(ctx context.Context, file string) (Version, error) {
	out, err := run(ctx, file, "--version")
	if err != nil {
		return Version{}, err
	}
	for line := range strings.Lines(out.stdout) {
		for _, word := range strings.Fields(line) {
			if len(word) > 1 && word[0] == 'v' && '0' <= word[1] && word[1] <= '9' {
				return version(word, fmt.Sprintf("%s --version: %s", file, strings.TrimSpace(line)))
			}
		}
	}
	return Version{}, fmt.Errorf("running %s --version: it printed no version", file)
}

const (
	runTime    = 10 * time.Second
	outputMost = 64 << 10 // bytes of each stream
)

// output is what a program printed. It is not for errors: it may hold a secret.
type output struct{ stdout, stderr string }

// run runs a program of this machine to its end, at most for runTime, in an environment of
// its own: what is set for us shall not reach it.
func run(ctx context.Context, file string, args ...string) (output, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, runTime, fmt.Errorf("it did not end in %s", runTime))
	defer cancel()
	var stdout, stderr head
	cmd := exec.CommandContext(ctx, file, args...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/nonexistent"}
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second // for what it leaves behind with our pipes
	err := cmd.Run()
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause // and not that it was killed
	}
	if err != nil {
		err = fmt.Errorf("running %s %s: %w", file, args[0], err)
	}
	return output{string(stdout), string(stderr)}, err
}

// A head keeps the beginning of what is written to it.
type head []byte

func (h *head) Write(b []byte) (int, error) {
	*h = append(*h, b[:min(len(b), outputMost-len(*h))]...)
	return len(b), nil
}
