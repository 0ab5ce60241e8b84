// Command bench measures the plugin as the kubelet meets it: whole processes, started
// with a sparse environment, one after the other and interleaved with a floor (see
// test/bench/floor), so that a noisy machine is noisy to all. It prints medians and
// their ratios, which are what to compare; the milliseconds belong to the machine.
//
//	go run ./test/bench [-n 200] [-through-env] [-peer name=path]
package main

import (
	"bytes"
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
	var b bench
	flag.IntVar(&b.runs, "n", 200, "runs of each program")
	flag.BoolVar(&b.throughEnv, "through-env", false, "start each through `env -i`, whose own millisecond is then in all numbers")
	flag.Func("peer", "another plugin to measure, as NAME=PATH (repeatable)", func(s string) error {
		name, path, ok := strings.Cut(s, "=")
		if !ok {
			return errors.New("want NAME=PATH")
		}
		b.peers = append(b.peers, program{name: name, path: path})
		return nil
	})
	flag.Parse()
	if err := b.run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench: "+err.Error())
		os.Exit(1)
	}
}

type bench struct {
	runs       int
	throughEnv bool
	peers      []program
}

// A program is one contestant, and what each of its runs took.
type program struct {
	name, path string
	args       []string
	endpoint   string // of AWS
	cold       string // the cache directory to remove before each run; "" for none
	took       []time.Duration
	peak       int // KiB of memory
}

func (b *bench) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// The cache of a node is on tmpfs.
	memory, err := os.MkdirTemp("/dev/shm", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(memory)
	floor, plugin := filepath.Join(dir, "floor"), filepath.Join(dir, "plugin")
	for path, pkg := range map[string]string{floor: "/test/bench/floor", plugin: "/cmd/ecr-credential-provider"} {
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, module+pkg)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w\n%s", pkg, err, out)
		}
	}

	fast, stopFast := serve(0)
	defer stopFast()
	slow, stopSlow := serve(50 * time.Millisecond)
	defer stopSlow()
	warm, cold, coldSlow := filepath.Join(memory, "warm"), filepath.Join(memory, "cold"), filepath.Join(memory, "slow")
	programs := append([]program{
		{name: "floor", path: floor, endpoint: fast},
		{name: "plugin, no cache", path: plugin, args: []string{"--no-cache"}, endpoint: fast},
		{name: "plugin, miss", path: plugin, args: []string{"--cache-dir", cold}, endpoint: fast, cold: cold},
		{name: "plugin, miss, AWS takes 50 ms", path: plugin, args: []string{"--cache-dir", coldSlow}, endpoint: slow, cold: coldSlow},
		{name: "plugin, hit", path: plugin, args: []string{"--cache-dir", warm}, endpoint: fast},
	}, b.peers...)
	const warmUp, weighed = 3, 20
	for i := range b.runs + warmUp + weighed {
		for j := range programs {
			p := &programs[j]
			if p.endpoint == "" {
				p.endpoint = fast
			}
			if err := os.RemoveAll(p.cold); err != nil {
				return err
			}
			cmd := b.command(ctx, p)
			switch {
			case i < warmUp:
				_, err = once(cmd, cmd.Wait)
			case i < warmUp+b.runs:
				var took time.Duration
				took, err = once(cmd, cmd.Wait)
				p.took = append(p.took, took)
			default:
				_, err = once(cmd, func() error {
					p.peak = max(p.peak, peak(cmd.Process.Pid))
					return cmd.Wait()
				})
			}
			if err != nil {
				return fmt.Errorf("run %d of %s: %w", i, p.name, err)
			}
		}
	}
	return report(ctx, programs)
}

func (b *bench) command(ctx context.Context, p *program) *exec.Cmd {
	env := []string{"AWS_ACCESS_KEY_ID=AKIANODE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_EC2_METADATA_DISABLED=true", "AWS_ENDPOINT_URL=" + p.endpoint}
	cmd := exec.CommandContext(ctx, p.path, p.args...)
	cmd.Env = env
	if b.throughEnv {
		cmd = exec.CommandContext(ctx, "env", slices.Concat([]string{"-i"}, env, []string{p.path}, p.args)...)
	}
	return cmd
}

// once is one whole process, from before its start until wait returns, after its end.
func once(cmd *exec.Cmd, wait func() error) (time.Duration, error) {
	cmd.Stdin = strings.NewReader(request)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	start := time.Now()
	err := cmd.Start()
	if err == nil {
		err = wait()
	}
	took := time.Since(start)
	if err != nil {
		return 0, fmt.Errorf("%w: %s", err, errs.String())
	}
	if !strings.Contains(out.String(), `"username":"AWS"`) {
		return 0, fmt.Errorf("it answered %s", out.String())
	}
	return took, nil
}

// peak reads a process's greatest resident memory, in KiB, until there is no more to
// read. What wait4 would say of it includes ours, from which it was forked.
func peak(pid int) int {
	most := 0
	for {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		_, line, found := strings.Cut(string(status), "VmHWM:")
		if err != nil || !found {
			return most
		}
		var now int
		if _, err := fmt.Sscan(line, &now); err == nil {
			most = max(most, now)
		}
	}
}

func report(ctx context.Context, programs []program) error {
	floor, miss, slowMiss := median(programs[0].took), median(programs[2].took), median(programs[3].took)
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "program\tmin ms\tmedian ms\tp90 ms\tx floor\tx miss\tx miss at 50 ms\tpeak MiB\tfile MiB\tmodules linked")
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
		half := median(p.took)
		fmt.Fprintf(t, "%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.3f\t%.1f\t%.2f\t%d\n", p.name, ms(p.took[0]), ms(half),
			ms(p.took[int(math.Ceil(0.9*float64(len(p.took))))-1]), ratio(half, floor), ratio(half, miss), ratio(half, slowMiss),
			float64(p.peak)/1024, float64(info.Size())/(1<<20), modules)
	}
	return t.Flush()
}

// linked counts the modules that the binary was built from, its own aside.
func linked(ctx context.Context, path string) (int, error) {
	out, err := exec.CommandContext(ctx, "go", "version", "-m", path).Output()
	return strings.Count(string(out), "\n\tdep\t"), err
}

// serve starts an AWS that answers after the latency.
func serve(latency time.Duration) (url string, stop func()) {
	aws := fakeaws.New()
	aws.Latency = latency
	server := httptest.NewServer(aws)
	return server.URL, func() { aws.Close(); server.Close() }
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
