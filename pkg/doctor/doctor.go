// Package doctor walks the way of a pull and says where it breaks: checks in the order
// of the way, each with what was seen, what comes of it, and the command that mends it.
// Nothing is changed. What cannot be seen, by an ordinary user or in an image, is said to
// be unknown, and is no finding.
//
// The way is in families of checks, a file each, in the order of families. A check that
// can say nothing because one before it has failed is left out, so that the first
// finding is the place to begin.
package doctor

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/kubelet"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/tree"
)

// A Doctor looks at a node. The zero value looks at this machine.
type Doctor struct {
	// Root of the node; / if empty.
	Root string
	// Distribution, KubeletVersion, BinDir and Config are as in node.Options.
	Distribution, KubeletVersion, BinDir, Config string
	// Proc is where the processes of the node are seen. Those of this machine say nothing
	// of another root, so there the zero value is not looked at.
	Proc kubelet.Proc
	// Metrics is the URL of the kubelet's metrics; if empty, those of this machine's kubelet are
	// looked for.
	Metrics string
	// Client asks for the metrics. If nil, it is one of our own, which trusts whatever
	// answers on a loopback address, and brings the certificates that lie on the node.
	Client *http.Client
}

// A Status is what came of a check.
type Status string

const (
	OK      Status = "ok"
	Error   Status = "error"   // pulls fail, or the kubelet does not start
	Warning Status = "warning" // something does not work as people expect
	Unknown Status = "unknown" // it could not be seen
)

// A Check is what was looked at.
type Check struct {
	Code     string `json:"code"` // stable, for scripts and for searching
	Status   Status `json:"status"`
	Evidence string `json:"evidence"`        // what was seen, and where
	Cause    string `json:"cause,omitempty"` // of a finding: what comes of it
	Fix      string `json:"fix,omitempty"`   // of a finding: the command that mends it, or what to do
}

// Finding says whether the check has found something to be mended.
func (c Check) Finding() bool { return c.Status == Error || c.Status == Warning }

// A Report is what was seen, in the order of the way.
type Report struct {
	Checks []Check `json:"checks"`
}

// Findings are the checks that found something, the first broken place first.
func (r *Report) Findings() []Check {
	var found []Check
	for _, c := range r.Checks {
		if c.Finding() {
			found = append(found, c)
		}
	}
	return found
}

// families are the stretches of the way. Each adds its checks, and notes in the walk
// what the later ones need.
var families = [...]func(context.Context, *walk){
	checkTold,
	checkConfig,
	checkProgram,
	checkUnits,
	checkRunning,
	checkLoaded,
}

// Examine walks the way. The error is that there is nothing to look at: no node, or one
// of which it is not to be seen how its kubelet is told anything.
func (d Doctor) Examine(ctx context.Context) (*Report, error) {
	d.Root = cmp.Or(d.Root, "/")
	n, err := node.Open(d.Root)
	if err != nil {
		return nil, err
	}
	defer n.Close()
	w := &walk{Doctor: d, node: n, tree: n.Tree(), here: n.Live() || d.Proc.Path != "", told: &node.Told{}, report: &Report{Checks: []Check{}}}
	if err := w.look(ctx); err != nil {
		return nil, err
	}
	for _, check := range families {
		check(ctx, w)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return w.report, nil
}

// A walk is one examination: what has been seen so far.
type walk struct {
	Doctor
	node   *node.Node
	tree   *tree.Tree
	here   bool // the processes are the node's
	report *Report

	distribution string
	evidence     []string
	running      []kubelet.Process
	runningErr   error
	told         *node.Told // its Config and BinDir are "" if nobody tells
	toldErr      error
	byProcess    bool      // told by a running kubelet's arguments, not by files
	configs      []config  // those that could be read
	entry        *provider // ours in them
	astray       bool      // a running kubelet has been told something else
}

func (w *walk) add(c Check) { w.report.Checks = append(w.report.Checks, c) }

func (w *walk) ok(code, evidence string) { w.add(Check{Code: code, Status: OK, Evidence: evidence}) }

func (w *walk) unknown(code, evidence string) {
	w.add(Check{Code: code, Status: Unknown, Evidence: evidence})
}

func (w *walk) error(code, evidence, cause, fix string) {
	w.add(Check{code, Error, evidence, cause, fix})
}

func (w *walk) warning(code, evidence, cause, fix string) {
	w.add(Check{code, Warning, evidence, cause, fix})
}

// failed adds a check that ended with an error: one of not being allowed to look is
// unknown.
func (w *walk) failed(code string, err error, cause, fix string) {
	if errors.Is(err, fs.ErrPermission) {
		w.unknown(code, "not to be seen by this user: "+err.Error())
		return
	}
	w.error(code, err.Error(), cause, cmp.Or(hint.Of(err), fix))
}

// install is the command that installs on this node.
func (w *walk) install() string {
	command := "ecr-node-bootstrap install"
	if !w.node.Live() {
		command += " --root " + shell(w.Root)
	}
	switch {
	case w.distribution == generic:
		command += " --distribution generic --bin-dir " + shell(w.told.BinDir) + " --config " + shell(w.told.Config)
	case w.Distribution != "" && w.Distribution != node.Auto:
		command += " --distribution " + w.distribution
	}
	return command
}

// restart is the command that restarts the kubelet.
func (w *walk) restart() string {
	if command := w.told.RestartCommand(); command != nil {
		return strings.Join(command, " ")
	}
	return "restart what runs the kubelet"
}

// exits is what a kubelet does that cannot use what it is told
// (kubernetes, pkg/kubelet/kuberuntime/kuberuntime_manager.go).
func (w *walk) exits() string {
	if w.distribution == "k3s" {
		return "k3s does not start so, for its kubelet ends the whole process, on a server that of the API too"
	}
	return "a kubelet does not start so: the node is lost at its next restart"
}

// misses is what comes of a config or a bin dir that is not there: k3s and RKE2 look for
// both, and wire their kubelet only if they find them
// (k3s-io/k3s, pkg/daemons/agent/agent.go, ImageCredProvAvailable).
func (w *walk) misses() string {
	if w.distribution == "k3s" || w.distribution == "rke2" {
		return w.distribution + " leaves its kubelet without the plugin, and says so at its debug level alone"
	}
	return w.exits()
}

// file is where name is on this machine, for a command that mends it.
func (w *walk) file(name string) string {
	if real, err := w.tree.Follow(name); err == nil {
		return shell(real)
	}
	return shell(w.tree.Path(name))
}

// within is the name by which the node knows a path of this machine.
func (w *walk) within(real string) string {
	rel, err := filepath.Rel(w.tree.Path("/"), real)
	if err != nil {
		return real
	}
	return "/" + filepath.ToSlash(rel)
}

// shell quotes a word for a shell, if it needs that.
func shell(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+=:,@%", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
