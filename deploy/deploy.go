// Package deploy holds the very files that get handed out: what is printed or applied
// is these bytes, not a copy that somebody has to keep in step.
package deploy

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

//go:embed policies/*.json
var files embed.FS

// PolicyNames are the names of the IAM policies that others have published, sorted.
func PolicyNames() []string {
	names, _ := fs.Glob(files, "policies/*.json") // whose only error is a bad pattern
	for i, name := range names {
		names[i] = strings.TrimSuffix(path.Base(name), ".json")
	}
	slices.Sort(names)
	return names
}

// Policy returns the text of a published IAM policy as its page has it, with its
// order, its spelling and its repetitions.
func Policy(name string) (string, error) {
	text, err := files.ReadFile(path.Join("policies", name+".json"))
	if err != nil {
		return "", fmt.Errorf("no published policy is named %q; there are %s", name, strings.Join(PolicyNames(), ", "))
	}
	return string(text), nil
}
