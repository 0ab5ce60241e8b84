// Command plugin stands in for ecr-credential-provider in the trial of an install: it
// refuses the image in the request, as the plugin does, unless a mirror in its arguments
// says otherwise.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

func main() {
	var request struct{ Image string }
	args := strings.Join(os.Args[1:], " ")
	switch err := json.NewDecoder(os.Stdin).Decode(&request); {
	case err != nil || !slices.Contains(os.Args, "--no-cache") || os.Getenv("HOME") != "" || os.Getenv("GOTRACEBACK") != "none":
		fmt.Fprintf(os.Stderr, "not called as the kubelet would: %v, args %s\n", err, args)
	case strings.Contains(args, "yes.example"):
		fmt.Println("{}")
		return
	case strings.Contains(args, "usage.example"):
		fmt.Fprintln(os.Stderr, "unknown flag: --mirror\nusage")
		os.Exit(2)
	case strings.Contains(args, "both.example"):
		fmt.Println("{}")
		fallthrough
	default:
		fmt.Fprintf(os.Stderr, "%s is in no registry\n", request.Image)
	}
	os.Exit(1)
}
