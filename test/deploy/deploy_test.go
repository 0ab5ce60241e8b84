//go:build linux

// Package deploy has the files of deploy/, rendered, judged by the programs that will
// read them: systemd, a shell, cloud-init, Packer. Each judge that a machine lacks skips
// its tests; REQUIRE_TOOLS=1 makes them fail.
package deploy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubelet-ecr/kubelet-ecr/deploy"
)

// nasty is a value with what the syntaxes give a meaning to.
const nasty = `a b "c" 'd' $HOME ${HOME} $$ %n %% \x41 \ ; # & * é✓ {{x}} %{y}`

// warms are what units are rendered of.
var warms = map[string]deploy.Warm{
	"plain": {
		Plugin:   "/opt/ecr-credential-provider/bin/ecr-credential-provider",
		Args:     []string{"--mirror=registry.corp.example=123456789012.dkr.ecr.eu-central-1.amazonaws.com"},
		Env:      []deploy.Variable{{Name: "GOTRACEBACK", Value: "none"}},
		CacheDir: "/run/ecr-credential-provider",
	},
	"nasty": {
		Plugin:           `/opt/a b/$c/%d/"e"/'f'/é/ecr-credential-provider`,
		Args:             []string{"", ";", "-", "$A", "--mirror=" + nasty},
		Env:              []deploy.Variable{{Name: "HTTPS_PROXY", Value: "http://u:p%40$x@proxy:1/ " + nasty}, {Name: "EMPTY", Value: ""}},
		User:             "root",
		Environment:      []deploy.Variable{{Name: "NO_PROXY", Value: nasty}},
		EnvironmentFiles: []string{"/etc/default/k3s", "/etc/a b/%c"},
		CacheDir:         `/run/a b/$c/%d/"e"/'f'/é`,
	},
}

// bootstraps are texts of a bootstrap.yaml.
var bootstraps = map[string]string{
	"plain":      "version: 1\ncluster: prod-1\nregion: eu-central-1\n",
	"empty":      "",
	"unfinished": "version: 1",
	"spaced":     "\n\nversion: 1\n\n\n",
	"indented":   "  version: 1\n",
	"commented":  "# a comment: {{x}} ${y}\n---\nversion: 1 # \"'\n\ttab\n  \n",
	"windows":    "version: 1\r\ncluster: a\r\n",
	"unicode":    "cluster: é✓\u0085\u2028\ufeff\x7f\U0001f600 " + nasty + "\n",
}

// render makes a file, and returns its text.
func render(t *testing.T, name string, data any) string {
	t.Helper()
	text, err := deploy.Render(name, data)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// keep writes a file and returns its path.
func keep(t *testing.T, dir, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// judge is a command of a tool of a Debian package, or skips the test.
func judge(t *testing.T, debianPackage, tool string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(tool)
	switch {
	case err != nil && os.Getenv("REQUIRE_TOOLS") == "1":
		t.Fatalf("there is no %s: apt-get install %s", tool, debianPackage)
	case err != nil:
		t.Skipf("there is no %s: apt-get install %s", tool, debianPackage)
	}
	return exec.CommandContext(t.Context(), path, args...)
}

// outcome runs a judge, which must succeed.
func outcome(t *testing.T, cmd *exec.Cmd) (stdout, stderr string) {
	t.Helper()
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(cmd.Args, " "), err, out.String(), said.String())
	}
	return out.String(), said.String()
}

// shellchecked fails the test for what shellcheck has to say of a script.
func shellchecked(t *testing.T, script string) {
	t.Helper()
	cmd := judge(t, "shellcheck", "shellcheck", "-")
	cmd.Stdin = strings.NewReader(script)
	outcome(t, cmd)
}
