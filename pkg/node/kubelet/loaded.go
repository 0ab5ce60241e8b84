package kubelet

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

// ConfigHash returns the hash by which a kubelet names the config at path, a file or, for
// a kubelet since 1.34, a folder: sha256: and the SHA-256, in hex, of the length, eight
// bytes with the highest first, and the bytes of each file. Files of a folder are those
// that end in .json, .yaml or .yml, sorted, not of folders within (kubernetes,
// pkg/credentialprovider/plugin/config.go, readCredentialProviderConfig).
func ConfigHash(path string) (string, error) {
	files, err := configFiles(path)
	if err != nil {
		return "", fmt.Errorf("hashing the config: %w", err)
	}
	sum := sha256.New()
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("hashing the config: %w", err)
		}
		sum.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b))))
		sum.Write(b)
	}
	return fmt.Sprintf("sha256:%x", sum.Sum(nil)), nil
}

// configFiles are the files that a kubelet reads at path.
func configFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path) // which sorts
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); !e.IsDir() && slices.Contains([]string{".json", ".yaml", ".yml"}, ext) {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no file in %s ends in .json, .yaml or .yml", path)
	}
	return files, nil
}

// loadedMetric is the kubelet's, since 1.34; alpha (kubernetes,
// pkg/credentialprovider/plugin/metrics.go).
const loadedMetric = "kubelet_credential_provider_config_info"

// LoadedHash returns the hash of the config that a running kubelet has loaded, as
// ConfigHash has it, from its metrics at url, as https://127.0.0.1:10250/metrics. The
// client brings what the kubelet asks for: a certificate or a token of a user who may get
// nodes/metrics. It is false for a kubelet that says no hash: one before 1.34, or one that
// has no credential providers.
func LoadedHash(ctx context.Context, client *http.Client, url string) (string, bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", false, fmt.Errorf("asking the kubelet for its metrics: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", false, fmt.Errorf("asking the kubelet for its metrics: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		err := fmt.Errorf("asking the kubelet for its metrics: %s answers %s", url, resp.Status)
		if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
			return "", false, hint.Wrap(err, "ask as a user who may get nodes/metrics in the cluster")
		}
		return "", false, err
	}
	hash, ok, err := findHash(resp.Body)
	if err != nil {
		return "", false, fmt.Errorf("reading the metrics of the kubelet at %s: %w", url, err)
	}
	return hash, ok, nil
}

var (
	hashLabel = regexp.MustCompile(`[{,]hash="([^"]*)"`)
	hashes    = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// findHash reads metrics in Prometheus's text format up to the one.
func findHash(r io.Reader) (string, bool, error) {
	const most = 64 << 20 // a kubelet with hundreds of pods has some MiB
	limited := &io.LimitedReader{R: r, N: most}
	lines := bufio.NewReader(limited)
	for goesOn := false; ; {
		line, more, err := lines.ReadLine()
		switch {
		case errors.Is(err, io.EOF) && limited.N == 0:
			return "", false, fmt.Errorf("more than %d MiB", most>>20)
		case errors.Is(err, io.EOF):
			return "", false, nil
		case err != nil:
			return "", false, err
		}
		labels, ok := strings.CutPrefix(string(line), loadedMetric)
		ok = ok && !goesOn && strings.HasPrefix(labels, "{")
		goesOn = more
		if !ok {
			continue
		}
		m := hashLabel.FindStringSubmatch(labels)
		if m == nil || !hashes.MatchString(m[1]) {
			return "", false, fmt.Errorf("%s has no hash that this program knows: %.200q", loadedMetric, line)
		}
		return m[1], true, nil
	}
}
