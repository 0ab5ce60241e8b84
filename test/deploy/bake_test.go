//go:build linux

package deploy

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/deploy"
)

// userDatas are what user-data is rendered of, without bootstrap.yaml.
var userDatas = map[string]deploy.UserData{
	"baked": {},
	"plain": {
		Distribution: "k3s", KubeletVersion: "v1.34.2", Restart: true,
		ArchiveURL: "https://example.com/ecr_v1.0.0_linux_amd64.tar.gz", ArchiveSHA256: strings.Repeat("0f", 32),
	},
	"nasty": {Distribution: nasty, KubeletVersion: nasty, ArchiveURL: "https://example.com/?a=" + nasty, ArchiveSHA256: nasty},
}

// eachUserData runs a test with each of them, and one of them with each bootstrap.yaml.
func eachUserData(t *testing.T, test func(t *testing.T, u deploy.UserData)) {
	for name, u := range userDatas {
		u.Bootstrap = bootstraps["plain"]
		t.Run(name, func(t *testing.T) { test(t, u) })
	}
	t.Run("bootstrap/none", func(t *testing.T) { test(t, userDatas["plain"]) })
	for name, text := range bootstraps {
		u := userDatas["plain"]
		u.Bootstrap = text
		t.Run("bootstrap/"+name, func(t *testing.T) { test(t, u) })
	}
}

func TestBootstrapScriptIsShellchecked(t *testing.T) {
	for name, u := range userDatas {
		t.Run(name, func(t *testing.T) { shellchecked(t, render(t, deploy.BootstrapScript, u)) })
	}
}

func TestUserDataIsValid(t *testing.T) {
	eachUserData(t, func(t *testing.T, u deploy.UserData) {
		file := keep(t, t.TempDir(), "user-data", render(t, deploy.UserDataFile, u), 0o644)
		stdout, stderr := outcome(t, judge(t, "cloud-init", "cloud-init", "schema", "--config-file", file))
		if diff := cmp.Diff("Valid cloud-config: "+file+"\n", stdout+stderr); diff != "" {
			t.Error("cloud-init says:", diff)
		}
	})
}

// TestUserDataGivesBack reads user-data by the library that cloud-init reads it with:
// each byte of both files is there.
func TestUserDataGivesBack(t *testing.T) {
	type file struct{ Path, Permissions, Content string }
	type config struct {
		WriteFiles []file     `json:"write_files"`
		RunCmd     [][]string `json:"runcmd"`
	}
	eachUserData(t, func(t *testing.T, u deploy.UserData) {
		cmd := judge(t, "python3", "python3", "-c", "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin.buffer), sys.stdout)")
		outcome(t, judge(t, "python3-yaml", "python3", "-c", "import yaml"))
		cmd.Stdin = strings.NewReader(render(t, deploy.UserDataFile, u))
		stdout, _ := outcome(t, cmd)
		var got config
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			t.Fatal(err)
		}
		const script = "/etc/ecr-node-bootstrap/bootstrap-node.sh"
		want := config{
			WriteFiles: []file{{Path: script, Permissions: "0755", Content: render(t, deploy.BootstrapScript, u)}},
			RunCmd:     [][]string{{"sh", script}},
		}
		if u.Bootstrap != "" {
			want.WriteFiles = append([]file{{Path: "/etc/ecr-node-bootstrap/bootstrap.yaml", Permissions: "0644", Content: u.Bootstrap}}, want.WriteFiles...)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// TestUserDataIsReadable holds that people can read what it makes of their file.
func TestUserDataIsReadable(t *testing.T) {
	u := deploy.UserData{Bootstrap: bootstraps["plain"]}
	if text := render(t, deploy.UserDataFile, u); !strings.Contains(text, "\n      cluster: prod-1\n") {
		t.Errorf("the file is not in it as it is:\n%s", text)
	}
}

// TestUserDataIsSmall: EC2 takes 16 KiB ("Run commands on your Linux instance at
// launch", in its user guide). Half of that is for the reader's file.
func TestUserDataIsSmall(t *testing.T) {
	if n := len(render(t, deploy.UserDataFile, userDatas["plain"])); n > 8<<10 {
		t.Errorf("it has %d bytes without bootstrap.yaml", n)
	}
}

// TestPackerTemplate: what is in double braces Packer expands itself, whoever wrote it.
func TestPackerTemplate(t *testing.T) {
	nasty := strings.ReplaceAll(nasty, "{{", "{ {")
	for name, b := range map[string]deploy.Bake{
		"empty": {},
		"plain": {Region: "eu-central-1", Distribution: "kubeadm", KubeletVersion: "1.34.2"},
		"nasty": {Region: nasty, Distribution: nasty, KubeletVersion: nasty},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			keep(t, dir, "node.pkr.hcl", render(t, deploy.PackerTemplate, b), 0o644)
			for _, program := range []string{"ecr-credential-provider", "ecr-node-bootstrap", "bootstrap.yaml"} {
				keep(t, dir, program, "", 0o755)
			}
			for _, args := range [][]string{{"fmt", "-check", "-diff", "."}, {"validate", "-syntax-only", "."}, {"validate", "-var=region=eu-central-1", "."}} {
				cmd := judge(t, "packer", "packer", args...)
				cmd.Dir = dir
				cmd.Env = append(cmd.Environ(), "CHECKPOINT_DISABLE=1", "PACKER_CONFIG_DIR="+dir)
				outcome(t, cmd)
			}
		})
	}
}
