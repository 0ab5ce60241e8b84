package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/cache"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

// cacheCommand is `cache list` and `cache clear`, for people and for monitoring.
func cacheCommand(s *streams, args []string) int {
	fs := flag.NewFlagSet(name+" cache", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	c := &cache.Cache{}
	format := "text"
	fs.StringVar(&c.Dir, "cache-dir", "", "")
	fs.StringVar(&format, "o", format, "")
	verb := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		verb, args = args[0], args[1:]
	}
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return s.say(usage)
	case err != nil:
	case fs.NArg() > 0:
		err = fmt.Errorf("%q is one too many", fs.Arg(0))
	case !slices.Contains([]string{"text", "json", "prom"}, format):
		err = fmt.Errorf("-o %s is none of text, json and prom", format)
	case verb == "list":
		return listCache(s, c, format)
	case verb == "clear":
		return clearCache(s, c)
	default:
		err = errors.New("cache takes list or clear")
	}
	return s.fail(exitUsage, hint.Line(badArguments(err)))
}

// listCache prints the entries, and probes the directory as a writer would: one
// that cannot be used is a finding.
func listCache(s *streams, c *cache.Cache, format string) int {
	list, err := c.List()
	if err == nil {
		err = c.Probe()
	}
	var b bytes.Buffer
	switch format {
	case "json":
		encoder := json.NewEncoder(&b)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(list); err != nil {
			return s.fail(exitFailed, err.Error())
		}
	case "prom":
		writeMetrics(&b, list, err == nil)
	default:
		writeTable(&b, list, time.Now())
	}
	if code := s.say(b.String()); code != exitDone {
		return code
	}
	if err != nil {
		return s.fail(exitFindings, hint.Line(err))
	}
	return exitDone
}

func clearCache(s *streams, c *cache.Cache) int {
	n, err := c.Clear()
	if err != nil {
		return s.fail(exitFailed, hint.Line(err))
	}
	return s.say(fmt.Sprintf("%d entries removed\n", n))
}

func writeTable(w io.Writer, list []cache.Status, now time.Time) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "KEY\tREGION\tAPI\tIDENTITY\tISSUED\tDUE\tEXPIRES\tUSABLE\tLAST FAILURE")
	at := func(then time.Time) string {
		if then.IsZero() {
			return "-"
		}
		return then.UTC().Format(time.RFC3339)
	}
	for _, e := range list {
		identity := e.Labels["identity"]
		if account := e.Labels["serviceAccount"]; account != "" {
			identity += " " + account
		}
		if role := e.Labels["role"]; role != "" {
			identity += " " + role
		}
		failure := "-"
		if f := e.Failure; f != nil {
			failure = fmt.Sprintf("%s ago, %d in a row: %s", now.Sub(f.At).Round(time.Second), f.Count, f.Message)
		}
		fmt.Fprintf(t, "%.8s\t%s\t%s\t%s\t%s\t%s\t%s\t%t\t%s\n", e.File, e.Labels["region"], e.Labels["api"], identity, at(e.Issued), at(e.Due), at(e.Expires), e.Usable, failure)
	}
	t.Flush()
}

// writeMetrics writes what node-exporter's textfile collector reads. An alert on
// time() - due says that nothing was renewed, long before a pod does.
func writeMetrics(w io.Writer, list []cache.Status, usable bool) {
	const prefix = "ecr_credential_provider_"
	gauge := func(metric, help string, value func(cache.Status) (float64, bool)) {
		fmt.Fprintf(w, "# HELP %s%s %s\n# TYPE %s%s gauge\n", prefix, metric, help, prefix, metric)
		for _, e := range list {
			if v, ok := value(e); ok {
				fmt.Fprintf(w, "%s%s{region=%q,api=%q,identity=%q,service_account=%q,role=%q} %.0f\n", prefix, metric,
					e.Labels["region"], e.Labels["api"], e.Labels["identity"], e.Labels["serviceAccount"], e.Labels["role"], v)
			}
		}
	}
	timestamp := func(of func(cache.Status) time.Time) func(cache.Status) (float64, bool) {
		return func(e cache.Status) (float64, bool) { t := of(e); return float64(t.Unix()), !t.IsZero() }
	}
	gauge("token_issued_timestamp_seconds", "When the token was issued.", timestamp(func(e cache.Status) time.Time { return e.Issued }))
	gauge("token_due_timestamp_seconds", "When the token is to be renewed.", timestamp(func(e cache.Status) time.Time { return e.Due }))
	gauge("token_expires_timestamp_seconds", "When the token expires.", timestamp(func(e cache.Status) time.Time { return e.Expires }))
	gauge("token_usable", "Whether there is a token to serve.", func(e cache.Status) (float64, bool) {
		if e.Usable {
			return 1, true
		}
		return 0, true
	})
	gauge("failures", "Failed attempts in a row.", func(e cache.Status) (float64, bool) {
		if e.Failure == nil {
			return 0, true
		}
		return float64(e.Failure.Count), true
	})
	value := 0
	if usable {
		value = 1
	}
	fmt.Fprintf(w, "# HELP %[1]scache_usable Whether the cache directory can be used.\n# TYPE %[1]scache_usable gauge\n%[1]scache_usable %[2]d\n", prefix, value)
}
