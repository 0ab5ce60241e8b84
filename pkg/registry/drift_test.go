package registry

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const howToAdd = "add it to partitions in table.go (CONTRIBUTING.md, 'Adding a partition')"

// TestPartitionsMatchSDK compares the table with the partitions that the SDK in
// go.mod knows, so that an update of the SDK says when AWS has opened one.
func TestPartitionsMatchSDK(t *testing.T) {
	// go test remembers a result until a file of this module that the test looked
	// at changes. The SDK lies outside, so go.mod has to stand for its version.
	if _, err := os.Stat(filepath.Join("..", "..", "go.mod")); err != nil {
		t.Fatal(err)
	}
	ours := map[string]partition{}
	for _, p := range partitions {
		ours[p.id] = p
	}
	for _, sdk := range sdkPartitions(t) {
		t.Run(sdk.ID, func(t *testing.T) {
			p, ok := ours[sdk.ID]
			if !ok {
				t.Fatalf("the SDK has the partition %q with the DNS suffix %q, the table does not: %s",
					sdk.ID, sdk.Outputs.DNSSuffix, howToAdd)
			}
			if p.suffix != sdk.Outputs.DNSSuffix {
				t.Errorf("partition %q has the suffix %q, in the SDK %q: if AWS changed it, %s",
					sdk.ID, p.suffix, sdk.Outputs.DNSSuffix, howToAdd)
			}
			checked := 0
			for region := range sdk.Regions {
				// These stand for services without regions and are in no host.
				if strings.HasSuffix(region, "-global") {
					continue
				}
				checked++
				host := "123456789012.dkr.ecr." + region + "." + sdk.Outputs.DNSSuffix
				want := Registry{Account: "123456789012", Region: region, Partition: sdk.ID}
				if got, err := InRegion(region); err != nil || got.Partition != sdk.ID {
					t.Errorf("InRegion(%q) = %#v, %v, want partition %s: if the SDK moved the region, %s", region, got, err, sdk.ID, howToAdd)
				}
				if got, err := Parse(host); err != nil || got != want {
					t.Errorf("Parse(%q) = %#v, %v, want %#v: if the SDK moved the region, %s", host, got, err, want, howToAdd)
				}
			}
			if checked == 0 {
				t.Errorf("the SDK lists no region in the partition %q: has partitions.json changed its form?", sdk.ID)
			}
		})
	}
}

type sdkPartition struct {
	ID      string `json:"id"`
	Outputs struct {
		DNSSuffix string `json:"dnsSuffix"`
	} `json:"outputs"`
	Regions map[string]json.RawMessage `json:"regions"`
}

// sdkPartitions reads the file from the module cache: the SDK has the same data
// in Go, but in an internal package.
func sdkPartitions(t *testing.T) []sdkPartition {
	t.Helper()
	const module = "github.com/aws/aws-sdk-go-v2"
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("go list -m %s: %v: %s", module, err, exit.Stderr)
		}
		t.Fatalf("go list -m %s: %v", module, err)
	}
	dir := strings.TrimSpace(string(out))
	if dir == "" {
		t.Fatalf("%s is not in the module cache: run go mod download", module)
	}
	data, err := os.ReadFile(filepath.Join(dir, "internal", "endpoints", "awsrulesfn", "partitions.json"))
	if err != nil {
		t.Fatalf("the SDK no longer keeps its partitions there, find where: %v", err)
	}
	var file struct {
		Partitions []sdkPartition `json:"partitions"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Partitions) == 0 {
		t.Fatal("the SDK lists no partition: has partitions.json changed its form?")
	}
	return file.Partitions
}
