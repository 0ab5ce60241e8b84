// Command standin changes a tree as an installer would, in an order that it is told, so that a
// test can see that the tests of crashes find a wrong one: `standin ROOT STEP...`. A
// step is binary, config or flags, each written to a temporary name, synced and renamed;
// with a "!" behind it, it is written in place, and with a "?" it is not synced.
//
// Without a root it is a plugin, and a small one: it refuses every image, in the words
// by which an install knows that it has understood the request.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// files are what the steps write.
var files = map[string]struct{ path, text string }{
	"binary": {"opt/ecr-credential-provider/bin/ecr-credential-provider", "\x7fELF, more or less, and a good deal longer than one byte"},
	"config": {"etc/ecr-credential-provider/config.yaml", `apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
- name: ecr-credential-provider
  matchImages: ["*.dkr.ecr.*.amazonaws.com"]
  defaultCacheDuration: "0s"
  apiVersion: credentialprovider.kubelet.k8s.io/v1
`},
	"flags": {"etc/default/kubelet", "KUBELET_EXTRA_ARGS=--image-credential-provider-config=/etc/ecr-credential-provider/config.yaml " +
		"--image-credential-provider-bin-dir=/opt/ecr-credential-provider/bin\n"},
}

// stamp makes one build another file than the next.
var stamp = "none"

func main() {
	if len(os.Args) < 2 || strings.HasPrefix(os.Args[1], "-") {
		var request struct{ Image string }
		err := json.NewDecoder(os.Stdin).Decode(&request)
		fmt.Fprintf(os.Stderr, "stand-in %s: no credentials for %s (%v)\n", stamp, request.Image, err)
		os.Exit(1)
	}
	for _, step := range os.Args[2:] {
		name := strings.TrimRight(step, "!?")
		file, ok := files[name]
		if !ok {
			fmt.Fprintf(os.Stderr, "stand-in: no step is called %s\n", name)
			os.Exit(2)
		}
		if err := write(filepath.Join(os.Args[1], file.path), file.text, strings.HasSuffix(step, "!"), strings.HasSuffix(step, "?")); err != nil {
			fmt.Fprintln(os.Stderr, "stand-in:", err)
			os.Exit(1)
		}
	}
}

func write(path, text string, inPlace, unsynced bool) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	to := path + ".new"
	if inPlace {
		to = path
	}
	file, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	defer file.Close()
	for _, part := range []string{text[:len(text)/2], text[len(text)/2:]} {
		if _, err := file.WriteString(part); err != nil {
			return err
		}
	}
	if unsynced || inPlace {
		return rename(to, path)
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := rename(to, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

func rename(from, to string) error {
	if from == to {
		return nil
	}
	return os.Rename(from, to)
}
