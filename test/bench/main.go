// Command bench measures the plugin as the kubelet meets it: whole processes, each
// started through env -i, one after the other and interleaved with a floor (see
// test/bench/floor), so that a noisy machine is noisy to both. It prints medians and
// their ratio, which is what to compare; the milliseconds belong to the machine.
//
//	go run ./test/bench [-n 200] [-peer name=path]
package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

const (
	module  = "github.com/kubelet-ecr/kubelet-ecr"
	request = `{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1",` +
		`"image":"123456789012.dkr.ecr.us-east-1.amazonaws.com/my/repo"}` + "\n"
)

func main() {
	n := flag.Int("n", 200, "runs of each program")
	var peers []program
	flag.Func("peer", "another plugin to measure, as NAME=PATH (repeatable)", func(s string) error {
		name, path, ok := strings.Cut(s, "=")
		if !ok {
			return errors.New("want NAME=PATH")
		}
		peers = append(peers, program{name: name, path: path})
		return nil
	})
	flag.Parse()
	if err := run(context.Background(), *n, peers); err != nil {
		fmt.Fprintln(os.Stderr, "bench: "+err.Error())
		os.Exit(1)
	}
}

// A program is one contestant, and what each of its runs took.
type program struct {
	name, path string
	args       []string
	endpoint   string // of AWS; "" is the fast one
	took       []time.Duration
}

func run(ctx context.Context, n int, peers []program) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	programs := []program{
		{name: "floor", path: filepath.Join(dir, "floor")},
		{name: "plugin, miss", path: filepath.Join(dir, "plugin"), args: []string{"--no-cache"}},
	}
	for i, pkg := range [...]string{"/test/bench/floor", "/cmd/ecr-credential-provider"} {
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", programs[i].path, module+pkg)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w\n%s", pkg, err, out)
		}
	}

	fast, stopFast := serve(0)
	defer stopFast()
	slow, stopSlow := serve(50 * time.Millisecond)
	defer stopSlow()
	plugin := programs[1].path
	programs = append(programs,
		program{name: "plugin, hit", path: plugin, args: []string{"--cache-dir", filepath.Join(dir, "cache")}},
		program{name: "plugin, miss, AWS takes 50 ms", path: plugin, args: []string{"--no-cache"}, endpoint: slow})
	programs = append(programs, peers...)
	const warmUp = 3
	for i := range n + warmUp {
		for j := range programs {
			p := &programs[j]
			took, err := once(ctx, slices.Concat([]string{
				"-i", "AWS_ACCESS_KEY_ID=AKIANODE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_EC2_METADATA_DISABLED=true",
				"AWS_ENDPOINT_URL=" + cmp.Or(p.endpoint, fast), p.path,
			}, p.args))
			if err != nil {
				return fmt.Errorf("run %d of %s: %w", i, p.name, err)
			}
			if i >= warmUp {
				p.took = append(p.took, took)
			}
		}
	}

	floor, miss := median(programs[0].took), median(programs[1].took)
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "program\tmin ms\tmedian ms\tp90 ms\tx floor\tx miss\tfile MiB\tmodules linked")
	for _, p := range programs {
		info, err := os.Stat(p.path)
		if err != nil {
			return err
		}
		modules, err := linked(ctx, p.path)
		if err != nil {
			return err
		}
		slices.Sort(p.took)
		fmt.Fprintf(t, "%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%d\n", p.name, ms(p.took[0]), ms(median(p.took)),
			ms(p.took[int(math.Ceil(0.9*float64(len(p.took))))-1]), float64(median(p.took))/float64(floor), float64(median(p.took))/float64(miss),
			float64(info.Size())/(1<<20), modules)
	}
	return t.Flush()
}

// serve starts an AWS that answers after the latency.
func serve(latency time.Duration) (url string, stop func()) {
	aws := fakeaws.New()
	aws.Latency = latency
	server := httptest.NewServer(aws)
	return server.URL, func() { aws.Close(); server.Close() }
}

// once is one whole process: from before its start until after its end.
func once(ctx context.Context, args []string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, "env", args...)
	cmd.Stdin = strings.NewReader(request)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	if err != nil {
		return 0, fmt.Errorf("%w: %s", err, errs.String())
	}
	if !strings.Contains(out.String(), `"username":"AWS"`) {
		return 0, fmt.Errorf("it answered %s", out.String())
	}
	return took, nil
}

// linked counts the modules that the binary was built from, its own aside.
func linked(ctx context.Context, path string) (int, error) {
	out, err := exec.CommandContext(ctx, "go", "version", "-m", path).Output()
	return strings.Count(string(out), "\n\tdep\t"), err
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
