package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/provider"
)

// warmed is what warm did for one host.
type warmed struct {
	provider.Report
	Expires *time.Time `json:"expires,omitempty"` // nil without a usable token
	Error   string     `json:"error,omitempty"`

	began time.Time
	err   error
}

// warm fills the entries from which pulls will be answered.
func warm(ctx context.Context, s *streams, o options, tokens source) int {
	p := o.provider
	p.Tokens, p.InstanceRole = tokens, tokens.InstanceRole(ctx)
	fill := p.Warm
	if len(o.hosts) == 0 {
		region, err := tokens.Region(ctx)
		if err != nil {
			return s.fail(exitFailed, hint.Line(err))
		}
		o.hosts, fill = []string{region}, p.WarmRegion
	}
	all := make([]warmed, len(o.hosts))
	var done sync.WaitGroup
	for i, host := range o.hosts {
		done.Go(func() {
			w := &all[i]
			w.began = time.Now()
			got, err := fill(ctx, host)
			if w.Report, w.err = got.Report, err; err == nil {
				w.Expires = &got.Expires
			} else {
				w.Error = hint.Line(err)
			}
		})
	}
	done.Wait()

	code := exitDone
	for _, w := range all {
		appendLog(o.logFile, w.began, w.Report, w.err)
		if w.err != nil {
			code = s.fail(exitFailed, w.Error)
		}
	}
	text, err := formatWarmed(all, o.format)
	if err != nil {
		return s.fail(exitFailed, err.Error())
	}
	return max(code, s.say(text))
}

func formatWarmed(all []warmed, format string) (string, error) {
	if format == "json" {
		text, err := json.MarshalIndent(all, "", "  ")
		return string(text) + "\n", err
	}
	var out strings.Builder
	t := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for _, w := range all {
		if w.Expires == nil {
			fmt.Fprintf(t, "%s\t%s\tno token\n", w.Host, w.Region)
			continue
		}
		line := []string{w.Host, w.Region, w.Identity, "until " + w.Expires.UTC().Format(time.RFC3339), string(w.Source)}
		if w.Trouble != "" {
			line = append(line, "not renewed: "+w.Trouble)
		}
		fmt.Fprintln(t, strings.Join(line, "\t"))
	}
	err := t.Flush()
	return out.String(), err
}
