//go:build linux

package test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/wiring"
)

// written are the distributions that install writes to, with the trees of test/install
// that show what it writes.
var written = map[string][]string{
	"kubeadm": {"kubeadm-deb-init", "kubeadm-rpm-init"},
	"k3s":     {"k3s-server"},
	"rke2":    {"rke2-server-tar"},
	"eks":     {"eks-al2023"},
	"generic": {"options generic"},
}

// installed is what install writes into the trees.
func installed(t *testing.T, trees []string) string {
	t.Helper()
	var all strings.Builder
	for _, name := range trees {
		text, err := os.ReadFile(filepath.Join("install", "testdata", "golden", name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			// A line of a tree: what is done, what it is, its mode, and its path without the root.
			if fields := strings.Fields(line); len(fields) > 3 && strings.Contains("+~>", fields[0]) {
				fmt.Fprintf(&all, "/%s\n", fields[3])
			}
			all.WriteString(line)
		}
	}
	return all.String()
}

// pathsOf returns the text in which every path that a page of docs/install names must
// occur: what the program would write or print.
func pathsOf(t *testing.T, page string) string {
	t.Helper()
	if trees, ok := written[page]; ok {
		return installed(t, trees)
	}
	text, err := wiring.Print(page, wiring.Values{Document: "kind: CredentialProviderConfig\n", MatchImages: []string{"public.ecr.aws"}})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// besides are paths that a page names and the program does not: of the reader, or of
// what somebody else writes.
var besides = map[string][]string{
	"k0s":     {"/etc/k0s/token"},
	"eks":     {"/etc/eks/image-credential-provider/config.json"},
	"rke2":    {"/etc/rancher/rke2/registries.yaml", "/var/lib/rancher/rke2/agent/images"},
	"generic": {"/opt/ecr-credential-provider/bin", "/etc/ecr-credential-provider/config.yaml"},
}

// installPages are the pages of docs/install by the names of their distributions.
func installPages(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../docs/install/*.md")
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pages[strings.TrimSuffix(filepath.Base(file), ".md")] = string(text)
	}
	return pages
}

func TestInstallPages(t *testing.T) {
	pages := installPages(t)
	want := slices.Sorted(slices.Values(append(wiring.Names(), slices.Collect(maps.Keys(written))...)))
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(pages))); diff != "" {
		t.Errorf("docs/install against the distributions (-want +got):\n%s", diff)
	}
	for name, text := range pages {
		verb := "ecr-node-bootstrap install"
		if slices.Contains(wiring.Names(), name) {
			verb = "ecr-node-bootstrap print wiring " + name
		}
		if !strings.Contains(text, verb) {
			t.Errorf("%s.md has no %q", name, verb)
		}
		if lines := strings.Count(text, "\n"); lines > 15 {
			t.Errorf("%s.md has %d lines; ten or so are read", name, lines)
		}
	}
}

var (
	codeOfPages = regexp.MustCompile("(?s)```.*?```|`[^`]+`")
	// ourCommands are ones with their words, up to what a shell or a sentence ends them with.
	ourCommands = regexp.MustCompile("ecr-node-bootstrap((?: [^\\s|>&;\"'`)]+)+)")
	nodePaths   = regexp.MustCompile(`/(?:etc|opt|usr|var|run|home|srv)/[\w./-]*\w`)
)

// commandsIn are the words after the program's name, for each time that it is run.
func commandsIn(text string) [][]string {
	var commands [][]string
	for _, match := range ourCommands.FindAllStringSubmatch(text, -1) {
		commands = append(commands, strings.Fields(match[1]))
	}
	return commands
}

// TestInstallCommands has the program read every command of the pages, and of the texts
// that print wiring gives, up to --help, which does nothing but needs the flags right.
func TestInstallCommands(t *testing.T) {
	program := filepath.Join(t.TempDir(), "ecr-node-bootstrap")
	if err := build(program, "./cmd/ecr-node-bootstrap"); err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for name, page := range installPages(t) {
		texts[name+".md"] = strings.Join(codeOfPages.FindAllString(page, -1), "\n")
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	texts["README.md"] = strings.Join(codeOfPages.FindAllString(string(readme), -1), "\n")
	for _, name := range wiring.Names() {
		texts["print wiring "+name] = pathsOf(t, name)
	}
	seen := map[string]bool{}
	for where, text := range texts {
		for _, command := range commandsIn(text) {
			line := strings.Join(command, " ")
			if seen[line] {
				continue
			}
			seen[line] = true
			out, err := exec.Command(program, append(command, "--help")...).CombinedOutput()
			if err != nil {
				t.Errorf("%s: %s: %v\n%s", where, line, err, out)
				continue
			}
			if why := misses(command, string(out)); why != "" {
				t.Errorf("%s: %s: %s", where, line, why)
			}
		}
	}
	if len(seen) == 0 {
		t.Error("no command was found")
	}
}

// misses says what the help of a command has not that the command has: cobra answers
// with the help of the command above for words that it does not know.
func misses(command []string, help string) string {
	_, usage, _ := strings.Cut(help, "Usage:\n")
	usage, _, _ = strings.Cut(usage, "\n")
	words := strings.Fields(strings.TrimSpace(usage))
	if len(words) == 0 || words[0] != "ecr-node-bootstrap" {
		return "its help says nothing of its usage:\n" + help
	}
	for i, word := range command {
		if strings.HasPrefix(word, "-") {
			break
		}
		if i+1 >= len(words) || strings.ToLower(words[i+1]) == words[i+1] && words[i+1] != word {
			return "there is no " + word + " in the usage: " + usage
		}
	}
	return ""
}

// TestInstallPaths holds the paths of the pages against what the program names, so that
// a path that changes there changes here too.
func TestInstallPaths(t *testing.T) {
	for name, page := range installPages(t) {
		t.Run(name, func(t *testing.T) {
			known := append(nodePaths.FindAllString(pathsOf(t, name), -1), besides[name]...)
			named := nodePaths.FindAllString(page, -1)
			for _, path := range named {
				if !slices.Contains(known, path) {
					t.Errorf("the page names %s, and the program does not", path)
				}
			}
			if len(named) == 0 && name != "bottlerocket" {
				t.Error("the page names no path")
			}
		})
	}
}
