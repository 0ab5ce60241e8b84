package doctor

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
)

// checkGlobs compares matchImages with the hosts that registries have. A config may be
// for one partition; for that it has to have every form of a host.
func (w *walk) checkGlobs() {
	const code = "config-globs"
	has := w.entry.MatchImages
	served, lacking := compare(has)
	switch {
	case len(served) == 0:
		w.warning(code, fmt.Sprintf("matchImages (%s) does not have every private registry of any partition", some(has)),
			"images of other registries are pulled without credentials", w.install())
	case len(lacking) > 0:
		w.warning(code, "matchImages lacks "+strings.Join(lacking, ", "), "images of such hosts are pulled without credentials", w.install())
	default:
		w.ok(code, fmt.Sprintf("%d globs, complete for %s", len(has), strings.Join(served, ", ")))
	}
}

// compare says for which partitions globs match hosts, and which of the globs that these
// need are lacking, with the form of their hosts. One host of ECR Public needs the other.
func compare(globs []string) (served, lacking []string) {
	type want struct{ glob, form string }
	var order []string
	parts, serves := map[string][]want{}, map[string]bool{}
	for glob, host := range hosts {
		r, err := registry.Parse(host)
		if err != nil {
			continue // of a region that this glob's partition does not have
		}
		part := r.Partition
		if r.Public {
			part = "ECR Public"
		}
		if parts[part] == nil {
			order = append(order, part)
		}
		if matches(globs, host) {
			serves[part] = true
			parts[part] = append(parts[part], want{})
			continue
		}
		parts[part] = append(parts[part], want{glob, form(r)})
	}
	for _, part := range order {
		if !serves[part] {
			continue
		}
		served = append(served, part)
		for _, w := range parts[part] {
			if lack := w.glob + w.form; w.glob != "" && !slices.Contains(lacking, lack) {
				lacking = append(lacking, lack)
			}
		}
	}
	return served, lacking
}

// hosts are examples of what the globs of private registries match, and those of ECR
// Public themselves. The hosts of aws-us-gov are told from those of aws by the region.
func hosts(yield func(glob, host string) bool) {
	for _, glob := range registry.MatchImages() {
		account := strings.Replace(glob, "*", "123456789012", 1)
		for _, region := range []string{"region-1", "us-gov-west-1"} {
			if !yield(glob, strings.Replace(account, "*", region, 1)) {
				return
			}
			if account == glob {
				break
			}
		}
	}
}

// form is in words how a registry's host differs from the first that AWS had.
func form(r registry.Registry) string {
	switch {
	case r.FIPS && r.DualStack:
		return " (FIPS, dual-stack)"
	case r.FIPS:
		return " (FIPS)"
	case r.DualStack:
		return " (dual-stack)"
	}
	return ""
}

// matches says whether the kubelet would ask for a host without a port, by its rules:
// label by label, and never for a glob with a scheme, a port or a path
// (kubernetes, pkg/credentialprovider/keyring.go, URLsMatch).
func matches(globs []string, host string) bool {
	labels := strings.Split(host, ".")
	for _, glob := range globs {
		parts := strings.Split(glob, ".")
		if len(parts) != len(labels) {
			continue
		}
		all := true
		for i := range parts {
			ok, err := path.Match(parts[i], labels[i])
			all = all && ok && err == nil
		}
		if all {
			return true
		}
	}
	return false
}

// some are the first of a list, for a line.
func some(all []string) string {
	const most = 3
	if len(all) <= most {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:most], ", "), len(all)-most)
}
