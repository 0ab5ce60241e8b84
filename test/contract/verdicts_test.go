package contract

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the verdicts anew")

const verdictsFile = "testdata/verdicts.txtar"

// verdictLines are those before a config.
var verdictLines = regexp.MustCompile(`^(# v1\.\d+ (takes|refuses: .*)\n)*`)

// fatalLine is what klog writes before it exits.
var fatalLine = regexp.MustCompile(`(?m)^F\d{4} [^\]]*\] (.*)$`)

// A judged config is one of verdictsFile.
type judged struct {
	name     string
	verdicts string // lines of them
	config   string
}

// marker is the line that begins a file of a txtar archive. The parsers that there are
// would bring modules along that the kubelets' own then change for.
var marker = regexp.MustCompile(`(?m)^-- (.+) --\n`)

// readVerdicts returns the configs, and what is written before the first.
func readVerdicts(t *testing.T) (all []judged, preface string) {
	t.Helper()
	b, err := os.ReadFile(verdictsFile)
	if err != nil {
		t.Fatal(err)
	}
	names, texts := marker.FindAllStringSubmatch(string(b), -1), marker.Split(string(b), -1)
	for i, text := range texts[1:] {
		verdicts := verdictLines.FindString(text)
		all = append(all, judged{names[i][1], verdicts, text[len(verdicts):]})
	}
	return all, texts[0]
}

// TestVerdicts asks kubelets for their verdicts on configs.
func TestVerdicts(t *testing.T) {
	all, now := readVerdicts(t)
	refused := map[string]int{}
	for _, j := range all {
		t.Run(j.name, func(t *testing.T) {
			got := ""
			onEach(t, func(n *node) {
				n.links(pluginName, "other", "7")
				verdict := n.verdict(j.config)
				if verdict != "takes" {
					refused[n.minor]++
				}
				got += "# " + n.minor + " " + verdict + "\n"
			})
			if diff := cmp.Diff(j.verdicts, got); diff != "" && !*update {
				t.Errorf("(-want +got)\n%s\n%s", diff, j.config)
			}
			now += "-- " + j.name + " --\n" + got + j.config
		})
	}
	if *update {
		if err := os.WriteFile(verdictsFile, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, minor := range [...]string{oldest, newest} {
		if n := refused[minor]; n == 0 || n == len(all) {
			t.Errorf("%s refuses %d of %d configs", minor, n, len(all))
		}
	}
}

// verdict is what the kubelet makes of a config at its start, in one line.
func (n *node) verdict(config string) string {
	n.Helper()
	path := filepath.Join(n.dir, "config.yaml")
	n.write(path, config)
	start := exec.Command(filepath.Join(bin, n.minor), "--image-credential-provider-config="+path, "--image-credential-provider-bin-dir="+n.binDir)
	start.Dir, start.Env = "/", n.env
	out, err := start.CombinedOutput()
	if err == nil {
		return "takes"
	}
	if _, ended := errors.AsType[*exec.ExitError](err); !ended {
		n.Fatal(err)
	}
	reason := strings.TrimSpace(string(out))
	if fatal := fatalLine.FindStringSubmatch(reason); fatal != nil {
		reason = fatal[1] // and then come all goroutines
	}
	reason = strings.NewReplacer(path, "CONFIG", n.binDir, "BIN_DIR", "\n", " ").Replace(reason)
	reason, _, _ = strings.Cut(reason, ": supported values:") // which have no order in 1.31
	reason, _, _ = strings.Cut(reason, " in '")               // the whole config
	return "refuses: " + reason
}

// TestBinDir has kubelets start with a config that they take and a bin dir that they do
// not.
func TestBinDir(t *testing.T) {
	all, _ := readVerdicts(t)
	program := filepath.Join(bin, pluginName)
	for _, tt := range [...]struct {
		name string
		make func(binDir string) error
		want string
	}{
		{"without the program", func(string) error { return nil }, "refuses: plugin binary executable  did not exist"},
		{"without the directory", os.Remove, "refuses: plugin binary directory BIN_DIR did not exist"},
		{"with a link that leads nowhere", func(binDir string) error {
			return os.Symlink(filepath.Join(binDir, "nothing"), filepath.Join(binDir, pluginName))
		}, "refuses: plugin binary executable  did not exist"},
		{"with a program that may not be run", func(binDir string) error {
			return os.WriteFile(filepath.Join(binDir, pluginName), nil, 0o600)
		}, `refuses: error inspecting binary executable : exec: "BIN_DIR/ecr-credential-provider": permission denied`},
		{"with a directory", func(binDir string) error {
			return os.Mkdir(filepath.Join(binDir, pluginName), 0o700)
		}, `refuses: error inspecting binary executable : exec: "BIN_DIR/ecr-credential-provider": is a directory`},
		{"with a link to the program", func(binDir string) error {
			return os.Symlink(program, filepath.Join(binDir, pluginName))
		}, "takes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onEach(t, func(n *node) {
				n.links()
				if err := tt.make(n.binDir); err != nil {
					n.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, n.verdict(all[0].config)); diff != "" {
					n.Errorf("(-want +got)\n%s", diff)
				}
			})
		})
	}
}
