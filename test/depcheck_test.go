// Package test holds what is true of the project as a whole: who may import whom,
// and what the plugin weighs.
package test

import (
	"debug/elf"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/kubelet-ecr/kubelet-ecr/"

// pkg is what `go list` says of a package.
type pkg struct {
	ImportPath string
	Imports    []string
	Standard   bool
	Module     *struct{ Path string }
}

func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,Standard,Module"}, args...)...)
	cmd.Dir = ".."
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var pkgs []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// mayImport is the house (ARCHITECTURE.md): each package of the product, and what
// it may import besides the standard library. All may add
// golang.org/x/sys. Whatever needs no AWS must not pay for the SDK.
var mayImport = map[string][]string{
	"pkg/registry":          {},
	"pkg/hint":              {},
	"pkg/cache":             {module + "pkg/hint"},
	"pkg/plan":              {module + "pkg/hint"},
	"pkg/config":            {module + "pkg/registry", module + "pkg/hint", "github.com/goccy/go-yaml"},
	"pkg/account/policy":    {module + "deploy", module + "pkg/hint"},
	"pkg/account/clusterid": {},
	"pkg/account": {
		module + "pkg/account/policy", module + "pkg/account/clusterid", module + "pkg/plan", module + "pkg/config", module + "pkg/registry",
		module + "pkg/hint", "github.com/aws/aws-sdk-go-v2/", "github.com/aws/smithy-go",
	},
	"pkg/provider":     {module + "pkg/cache", module + "pkg/registry", module + "pkg/hint"},
	"pkg/provider/aws": {module + "pkg/provider", module + "pkg/registry", module + "pkg/hint", "github.com/aws/aws-sdk-go-v2/", "github.com/aws/smithy-go"},
	"pkg/node/tree":    {module + "pkg/plan", module + "pkg/hint"},
	"pkg/node/kubelet": {module + "pkg/hint"},
	"pkg/node/wiring":  {module + "deploy", module + "pkg/hint", module + "pkg/node/kubelet"},
	"pkg/node/providerconfig": {
		module + "deploy", module + "pkg/hint", "k8s.io/kubelet/config/v1", "k8s.io/apimachinery/",
	},
	"pkg/node": {
		module + "pkg/node/tree", module + "pkg/node/kubelet", module + "pkg/node/providerconfig", module + "pkg/node/wiring", module + "pkg/plan", module + "pkg/config",
		module + "pkg/registry", module + "pkg/hint", module + "deploy", "github.com/goccy/go-yaml",
	},
	"pkg/doctor": {
		module + "pkg/node", module + "pkg/node/tree", module + "pkg/node/kubelet", module + "pkg/node/providerconfig", module + "pkg/registry", module + "pkg/hint",
	},
	"cmd/ecr-node-bootstrap": {
		module + "pkg/doctor", module + "pkg/account", module + "pkg/account/policy", module + "pkg/node", module + "pkg/node/kubelet", module + "pkg/node/providerconfig",
		module + "pkg/node/wiring", module + "pkg/plan", module + "pkg/config", module + "pkg/registry", module + "pkg/hint", module + "deploy",
		"github.com/spf13/cobra",
	},
	"cmd/ecr-credential-provider": {module + "pkg/provider", module + "pkg/provider/aws", module + "pkg/cache", module + "pkg/hint"},
}

func TestImports(t *testing.T) {
	standard := map[string]bool{}
	for _, p := range list(t, "-deps", "./...") {
		standard[p.ImportPath] = p.Standard
	}
	for _, p := range list(t, "./cmd/...", "./pkg/...") {
		name := strings.TrimPrefix(p.ImportPath, module)
		allowed, ok := mayImport[name]
		if !ok {
			t.Errorf("%s is not in mayImport: say there what it may import", name)
			continue
		}
		for _, i := range p.Imports {
			if standard[i] || i == "golang.org/x/sys/unix" || i == "golang.org/x/sys/windows" {
				continue
			}
			if !slices.ContainsFunc(allowed, func(a string) bool {
				return i == a || !strings.HasPrefix(a, module) && strings.HasPrefix(i, a)
			}) {
				t.Errorf("%s imports %s, which ARCHITECTURE.md does not allow", name, i)
			}
		}
	}
}

// TestPluginBudget bounds what the plugin links. It runs once per pull, so a
// package that does work when it is initialised is paid for by every pod.
func TestPluginBudget(t *testing.T) {
	const mostModules = 20
	modules := map[string]bool{}
	for _, p := range list(t, "-deps", "./cmd/ecr-credential-provider") {
		if p.Module == nil {
			continue
		}
		modules[p.Module.Path] = true
		for _, never := range [...]string{
			"github.com/spf13/cobra", "k8s.io/", "sigs.k8s.io/", "github.com/prometheus/", "github.com/aws/aws-sdk-go-v2/service/iam",
			"github.com/aws/aws-sdk-go-v2/service/ec2", "github.com/aws/aws-sdk-go-v2/service/eks",
			module + "pkg/plan", module + "pkg/account", module + "pkg/node", module + "pkg/doctor", module + "test",
		} {
			if strings.HasPrefix(p.ImportPath, never) {
				t.Errorf("the plugin links %s", p.ImportPath)
			}
		}
	}
	delete(modules, strings.TrimSuffix(module, "/"))
	if len(modules) > mostModules {
		t.Errorf("the plugin links %d modules, at most %d are allowed: %v", len(modules), mostModules, modules)
	}
}

// TestPluginSize builds the release for Linux: one static file of bounded size. A
// dynamic one fails to start on Talos, Bottlerocket and Alpine
// (siderolabs/talos issue 11086).
func TestPluginSize(t *testing.T) {
	const most = 10.5 * (1 << 20)
	for _, arch := range [...]string{"amd64", "arm64"} {
		binary := filepath.Join(t.TempDir(), "ecr-credential-provider-"+arch)
		build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "./cmd/ecr-credential-provider")
		build.Dir = ".."
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		info, err := os.Stat(binary)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > most {
			t.Errorf("linux/%s: %d bytes, at most %d are allowed", arch, info.Size(), int(most))
		}
		f, err := elf.Open(binary)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, p := range f.Progs {
			if p.Type == elf.PT_INTERP {
				t.Errorf("linux/%s: it has an interpreter: it is not static", arch)
			}
		}
	}
}
