// Command floor is what any Go program costs that takes the plugin's place: it reads
// stdin and prints JSON. The benchmark measures the plugin against it.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

func main() {
	b, err := io.ReadAll(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var request struct {
		APIVersion string `json:"apiVersion"`
		Image      string `json:"image"`
	}
	if err := json.Unmarshal(b, &request); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	err = json.NewEncoder(os.Stdout).Encode(map[string]any{
		"kind": "CredentialProviderResponse", "apiVersion": request.APIVersion,
		"cacheKeyType": "Registry", "cacheDuration": "6h0m0s",
		"auth": map[string]any{request.Image: map[string]string{"username": "AWS", "password": "token"}},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
