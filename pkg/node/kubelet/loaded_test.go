package kubelet_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/kubelet"
)

func TestConfigHash(t *testing.T) {
	sum := func(s string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(s))) }
	root := tree(t, map[string]string{
		"config.yaml":     "kind: CredentialProviderConfig\n",
		"empty.json":      "",
		"d/b.yaml":        "bb",
		"d/a.yml":         "a",
		"d/.c.json":       "ccc",
		"d/d.conf":        "d",
		"d/YAML":          "d",
		"d/e.yaml/f.yaml": "f",
		"d/g.YAML":        "g",
		"d/h.yaml":        "-> ../config.yaml",
		"none/a.conf":     "",
		"link":            "-> d",
		"bad/a.yaml":      "-> .",
	})
	for _, tt := range []struct{ path, want, err string }{
		{"config.yaml", sum("\x00\x00\x00\x00\x00\x00\x00\x1fkind: CredentialProviderConfig\n"), ""},
		{"empty.json", sum("\x00\x00\x00\x00\x00\x00\x00\x00"), ""},
		{"d", sum("\x00\x00\x00\x00\x00\x00\x00\x03ccc" + "\x00\x00\x00\x00\x00\x00\x00\x01a" + "\x00\x00\x00\x00\x00\x00\x00\x02bb" +
			"\x00\x00\x00\x00\x00\x00\x00\x1fkind: CredentialProviderConfig\n"), ""},
		{"link", sum("\x00\x00\x00\x00\x00\x00\x00\x03ccc" + "\x00\x00\x00\x00\x00\x00\x00\x01a" + "\x00\x00\x00\x00\x00\x00\x00\x02bb" +
			"\x00\x00\x00\x00\x00\x00\x00\x1fkind: CredentialProviderConfig\n"), ""},
		{"none", "", "hashing the config: no file in ROOT/none ends in .json, .yaml or .yml"},
		{"bad", "", "hashing the config: read ROOT/bad/a.yaml: is a directory"},
		{"missing", "", "hashing the config: stat ROOT/missing: no such file or directory"},
	} {
		got, err := kubelet.ConfigHash(filepath.Join(root, tt.path))
		if got != tt.want || strings.ReplaceAll(message(err), root, "ROOT") != tt.err {
			t.Errorf("ConfigHash(%s) = %q, %v, want %q, %s", tt.path, got, err, tt.want, tt.err)
		}
	}
}

func TestLoadedHash(t *testing.T) {
	const (
		hash = "sha256:5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592"
		help = "# HELP kubelet_credential_provider_config_info [ALPHA] Information about the last applied credential provider configuration with hash as label\n" +
			"# TYPE kubelet_credential_provider_config_info gauge\n"
		before = "go_goroutines 100\nkubelet_container_log_filesystem_used_bytes{pod=\"" + hash + "\"} 1\n"
	)
	long := strings.Repeat("x", 5000)
	for _, tt := range []struct {
		name   string
		status int
		body   string
		want   string // "" for none
		err    string // with URL
		hint   string
	}{
		{name: "loaded", body: before + help + `kubelet_credential_provider_config_info{hash="` + hash + "\"} 1\nkubelet_z 1\n", want: hash},
		{name: "with other labels", body: `kubelet_credential_provider_config_info{a="b",hash="` + hash + `",z="x"} 1`, want: hash},
		{name: "an older kubelet", body: before},
		{name: "an older kubelet that has nothing", body: ""},
		{name: "no providers", body: before + help},
		{name: "others of nearly its name", body: `kubelet_credential_provider_config_info_total{hash="` + hash + "\"} 1\n" +
			`x_kubelet_credential_provider_config_info{hash="` + hash + "\"} 1\n"},
		{name: "inside of a line that is longer than any buffer",
			body: strings.Repeat("x", 4096) + `kubelet_credential_provider_config_info{hash="` + hash + "\"} 1\n" + long + "\n"},
		{name: "a hash of another kind", body: "kubelet_credential_provider_config_info{hash=\"sha512:00\"} 1\n",
			err: `reading the metrics of the kubelet at URL: kubelet_credential_provider_config_info has no hash that this program knows: ` +
				`"kubelet_credential_provider_config_info{hash=\"sha512:00\"} 1"`},
		{name: "without a hash", body: "kubelet_credential_provider_config_info{nohash=\"" + hash + "\"} 1\n",
			err: `reading the metrics of the kubelet at URL: kubelet_credential_provider_config_info has no hash that this program knows: ` +
				`"kubelet_credential_provider_config_info{nohash=\"` + hash + `\"} 1"`},
		{name: "who is not known", status: 401, err: "asking the kubelet for its metrics: URL answers 401 Unauthorized",
			hint: "ask as a user who may get nodes/metrics in the cluster"},
		{name: "who may not", status: 403, err: "asking the kubelet for its metrics: URL answers 403 Forbidden",
			hint: "ask as a user who may get nodes/metrics in the cluster"},
		{name: "broken", status: 500, body: `kubelet_credential_provider_config_info{hash="` + hash + "\"} 1\n",
			err: "asking the kubelet for its metrics: URL answers 500 Internal Server Error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if tt.status != 0 {
					w.WriteHeader(tt.status)
				}
				io.WriteString(w, tt.body)
			}))
			defer server.Close()
			url := server.URL + "/metrics"
			got, ok, err := kubelet.LoadedHash(t.Context(), server.Client(), url)
			if got != tt.want || ok != (tt.want != "") || strings.ReplaceAll(message(err), url, "URL") != tt.err || hint.Of(err) != tt.hint {
				t.Errorf("LoadedHash() = %q, %t, %v; hint: %s\nwant %q, %s; hint: %s", got, ok, err, hint.Of(err), tt.want, tt.err, tt.hint)
			}
		})
	}
}

// TestLoadedHashIsBounded: what answers without an end is not a kubelet.
func TestLoadedHashIsBounded(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		block := []byte(strings.Repeat(strings.Repeat("x", 99)+"\n", 1000))
		for r.Context().Err() == nil {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	_, ok, err := kubelet.LoadedHash(t.Context(), server.Client(), server.URL)
	if want := "reading the metrics of the kubelet at " + server.URL + ": more than 64 MiB"; ok || message(err) != want {
		t.Errorf("LoadedHash() = _, %t, %v, want the error %s", ok, err, want)
	}
}
