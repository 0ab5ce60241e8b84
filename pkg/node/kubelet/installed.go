package kubelet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// Sought is what the kubelet of a distribution is known by. Of each list the first that
// is there counts.
type Sought struct {
	// Packages are names in the package databases: kubelet of pkgs.k8s.io and Alpine;
	// rke2-server, rke2-agent and rke2-common of RKE2's rpms, which share a version
	// (rancher/rke2-packaging, rpm/centos8); k3s of Alpine.
	Packages []string
	// Binaries are paths of kubelet, k3s or rke2, as the booted node has them.
	Binaries []string
	// Links are paths of symbolic links whose target has the version in its name.
	// RKE2 links /var/lib/rancher/rke2/bin to data/v1.34.1-rke2r1-HASH/bin when it
	// starts (rancher/rke2, pkg/bootstrap/bootstrap.go, Stage), and system extensions
	// of Flatcar are linked by hand as the Flatcar documentation has it,
	// /etc/extensions/kubernetes.raw to kubernetes-v1.34.1-x86-64.raw. K3s links
	// data/current to a hash, which says nothing.
	Links []string
}

// useFlag is what is left to do where no version is found.
const useFlag = "give the version of the kubelet with --kubelet-version"

// Installed returns the version of the kubelet that is installed under root. Package
// databases come first, then the binaries, then the links: a link is as old as the last
// start. A binary tells its version itself if root is /; elsewhere only what it was
// built with is read.
//
// It is false without an error if nothing of what is sought is there, and with one if
// something is there that does not tell its version.
func Installed(ctx context.Context, root string, s Sought) (Version, bool, error) {
	var problems []error
	for _, look := range [...]func(context.Context, string, Sought) (Version, bool, error){
		fromDatabases, fromRPM, fromBinaries, fromLinks,
	} {
		v, ok, err := look(ctx, root, s)
		if ok {
			return v, true, nil
		}
		if err := ctx.Err(); err != nil {
			return Version{}, false, fmt.Errorf("looking for the version of the kubelet: %w", err)
		}
		if err != nil {
			problems = append(problems, err)
		}
	}
	return Version{}, false, errors.Join(problems...)
}

// named finds a version in a path. An image's tag has - for +
// (https://github.com/distribution/reference), and data directories of RKE2 are named
// after one.
var named = regexp.MustCompile(`(?:^|[/_-])(v1\.[0-9]+\.[0-9]+(?:[+-](?:k3s|rke2r)[0-9]+)?)(?:[/_.-]|$)`)

// fromLinks reads where links lead to. One that leads nowhere is none.
func fromLinks(_ context.Context, root string, s Sought) (Version, bool, error) {
	for _, link := range s.Links {
		dir, err := within(root, path.Dir(link))
		if err != nil {
			return Version{}, false, err
		}
		target, err := os.Readlink(filepath.Join(dir, path.Base(link)))
		if err != nil {
			continue
		}
		if end, err := within(root, link); err != nil || !exists(end) {
			continue
		}
		if m := named.FindStringSubmatch(target); m != nil {
			v, err := version(m[1], fmt.Sprintf("%s -> %s", link, target))
			return v, err == nil, err
		}
	}
	return Version{}, false, nil
}

// exists says that something is at p itself.
func exists(p string) bool {
	_, err := os.Lstat(p)
	return err == nil
}

// within is where a path leads to in the tree of root, for a process whose root that is:
// an absolute link begins at root, and nothing climbs out of it. Names that are not there
// are taken as they are written.
func within(root, name string) (string, error) {
	const mostLinks = 40 // as Linux follows, path_resolution(7)
	at, rest := "/", name
	for links := 0; rest != ""; {
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		at = path.Join(at, part) // which takes .. at / for /
		if part == "" || part == "." || part == ".." {
			continue
		}
		target, err := os.Readlink(filepath.Join(root, at))
		if err != nil {
			continue
		}
		if links++; links > mostLinks {
			return "", fmt.Errorf("following %s under %s: more than %d links", name, root, mostLinks)
		}
		at, rest = path.Dir(at), target+"/"+rest
		if path.IsAbs(target) {
			at = "/"
		}
	}
	return filepath.Join(root, at), nil
}
