package contract

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
	"github.com/kubelet-ecr/kubelet-ecr/test/contract/kubelet"
)

// regions has one of each partition.
var regions = map[string]string{
	"aws": "eu-west-1", "aws-us-gov": "us-gov-west-1", "aws-cn": "cn-north-1", "aws-eusc": "eusc-de-east-1",
	"aws-iso": "us-iso-east-1", "aws-iso-b": "us-isob-east-1", "aws-iso-e": "eu-isoe-west-1", "aws-iso-f": "us-isof-south-1",
}

// hosts are all forms of ECR hosts in all partitions, as the table writes them. They
// stand for every glob of MatchImages, so that a partition which is missing in
// regions is noticed.
func hosts(t *testing.T) []registry.Registry {
	t.Helper()
	all := []registry.Registry{
		{Public: true, Region: "us-east-1", Partition: "aws"},
		{Public: true, Region: "us-east-1", Partition: "aws", DualStack: true},
	}
	globs := map[string]bool{all[0].Host(): true, all[1].Host(): true}
	for partition, region := range regions {
		for _, variant := range [...]struct{ fips, dualStack bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
			r := registry.Registry{Account: account, Partition: partition, Region: region, FIPS: variant.fips, DualStack: variant.dualStack}
			if got, err := registry.Parse(r.Host()); err != nil || got != r {
				if !r.DualStack { // which not every partition has
					t.Errorf("Parse(%q) = %#v, %v, want %#v", r.Host(), got, err, r)
				}
				continue
			}
			all = append(all, r)
			globs[glob(r)] = true
		}
	}
	for _, glob := range registry.MatchImages() {
		if !globs[glob] {
			t.Errorf("no host here is matched by %s: which partition is missing in regions?", glob)
		}
	}
	return all
}

// want is what lookup says of a registry if it has a token of the node.
func want(r registry.Registry) []string {
	if r.Public {
		return []string{"public, " + nodePrincipal}
	}
	return []string{r.Region + ", " + nodePrincipal}
}

// TestHosts pulls from every ECR that there is.
func TestHosts(t *testing.T) {
	onEach(t, func(n *node) {
		k := n.start(n.provider())
		for _, r := range hosts(n.T) {
			if diff := cmp.Diff([][]string{want(r)}, k.lookup(kubelet.Pod{}, r.Host()+"/team/app")); diff != "" {
				n.Errorf("%s (-want +got)\n%s", r, diff)
			}
		}
		if runs := n.runs(); len(runs) != len(hosts(t)) {
			n.Errorf("%d runs of the plugin for %d registries", len(runs), len(hosts(t)))
		}
	})
}

// TestPort pulls from a registry behind a port. The kubelet compares ports as it
// compares hosts: a glob needs the very one, and so does the answer's key.
func TestPort(t *testing.T) {
	onEach(t, func(n *node) {
		p := n.provider()
		p.MatchImages = []string{"*.dkr.ecr.*.amazonaws.com:8443"}
		k := n.start(p)
		host := account + ".dkr.ecr.us-east-1.amazonaws.com"
		got := k.lookup(kubelet.Pod{}, host+":8443/app", host+":443/app", host+"/app")
		if diff := cmp.Diff(append(nodes("us-east-1"), nil, nil), got); diff != "" {
			n.Errorf("(-want +got)\n%s", diff)
		}
	})
}

// TestMatchImages holds the globs, as the kubelet reads them, against every host of
// the table with one character changed, and more around it. Where a glob leaves the
// label open, the kubelet runs the plugin, which knows accounts from other words; for
// the rest it does not even run it.
func TestMatchImages(t *testing.T) {
	globs := map[string]bool{} // not taken from MatchImages
	var all []string
	for _, r := range hosts(t) {
		globs[glob(r)] = true
		all = append(all, nearMisses(r)...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	onEach(t, func(n *node) {
		k := n.start(n.provider())
		var ran []string
		for some := range slices.Chunk(all, 8) {
			var images []string
			var wanted [][]string
			for _, host := range some {
				open, matched := openLabels(host, globs)
				if matched {
					ran = append(ran, host)
				}
				var whose []string
				if matched && open[0] == account && !strings.HasPrefix(open[1], "-") {
					whose = nodes(open[1])[0]
				}
				images, wanted = append(images, host+"/app"), append(wanted, whose)
			}
			if diff := cmp.Diff(wanted, k.lookup(kubelet.Pod{}, images...)); diff != "" {
				n.Errorf("%q (-want +got)\n%s", some, diff)
			}
		}
		var got []string
		for _, r := range n.runs() {
			got = append(got, r.Host)
		}
		slices.Sort(got)
		if diff := cmp.Diff(ran, got); diff != "" || len(ran) < 100 {
			n.Errorf("the plugin was run for (-want +got)\n%s", diff)
		}
	})
}

// glob is the one that the registry's host must be matched by.
func glob(r registry.Registry) string {
	if r.Public {
		return r.Host()
	}
	return strings.NewReplacer(r.Account, "*", r.Region, "*").Replace(r.Host())
}

// nearMisses are hosts that differ from the registry's by a character or by what stands
// around it, and some that are far. Of the account and the region only the first
// character is changed.
func nearMisses(r registry.Registry) []string {
	host := r.Host()
	all := []string{
		"x." + host, host + ".evil.example", host + ".", host + ":443", host[strings.Index(host, ".")+1:],
		"docker.io", "registry.example:5000", "localhost",
	}
	labels := strings.Split(glob(r), ".")
	label, start := 0, 0
	for i := range host {
		if host[i] == '.' {
			label, start = label+1, i+1
		} else if labels[label] == "*" && i > start {
			continue
		}
		for _, instead := range [...]string{"", "x", "-", ".", strings.ToUpper(host[i : i+1])} {
			all = append(all, host[:i]+instead+host[i+1:])
		}
	}
	return slices.DeleteFunc(all, func(h string) bool { return h == host })
}

// openLabels returns what the * of a glob stand for in host, if one matches it: as many
// labels, and all others equal.
func openLabels(host string, globs map[string]bool) (open []string, ok bool) {
	for glob := range globs {
		labels, want := strings.Split(host, "."), strings.Split(glob, ".")
		if len(labels) != len(want) {
			continue
		}
		open = nil
		for i := range labels {
			if want[i] == "*" {
				open = append(open, labels[i])
				labels[i] = "*"
			}
		}
		if slices.Equal(labels, want) {
			return open, true
		}
	}
	return nil, false
}
