package main

import (
	"encoding/json"
	"os"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/provider"
)

// logLine is one run in the --log-file.
type logLine struct {
	Time time.Time `json:"time"`
	provider.Report
	Milliseconds float64 `json:"ms"`
	Error        string  `json:"error,omitempty"`
}

// appendLog appends the run to the file, in one write, which the kernel does not mix
// with another's. A log that cannot be written is no error: the pull is what counts.
func appendLog(path string, began time.Time, report provider.Report, failure error) {
	if path == "" {
		return
	}
	line := logLine{Time: began.UTC(), Report: report, Milliseconds: float64(time.Since(began).Microseconds()) / 1000}
	if failure != nil {
		line.Error = hint.Line(failure)
	}
	b, err := json.Marshal(line)
	if err != nil {
		return
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY|noFollow, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	f.Write(append(b, '\n'))
}
