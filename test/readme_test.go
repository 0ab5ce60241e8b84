package test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
)

// TestREADMEPull reads what people copy from the README into their bootstrap.yaml.
func TestREADMEPull(t *testing.T) {
	b, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(b), "```yaml\n")
	if len(blocks) != 2 {
		t.Fatalf("README.md has %d blocks of yaml, want that of service accounts", len(blocks)-1)
	}
	block, _, _ := strings.Cut(blocks[1], "```")
	const cluster = "version: 1\ncluster: prod-1\naccount: \"123456789012\"\nregion: eu-central-1\n"
	file, err := config.Parse("README.md", []byte(cluster+block))
	if err != nil {
		t.Fatal(err)
	}
	want := config.Pull{ServiceAccounts: &config.ServiceAccounts{Audience: "sts.amazonaws.com"}, Lifecycle: config.Manage}
	if diff := cmp.Diff(want, file.Pull); diff != "" {
		t.Errorf("pull of README.md (-want +got)\n%s", diff)
	}
}
