package clusterid_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/clusterid"
)

// tidy is a world of any size that obeys every rule.
func tidy(r *rand.Rand) clusterid.World {
	w := clusterid.World{
		Cluster: "prod-1", Region: "us-east-1", Partition: "aws",
		Options: clusterid.Options{
			EKS: flip(r), ConfiguredID: flip(r), Routes: flip(r), LBC: flip(r), TagsOnly: flip(r), AnyCluster: flip(r),
			Schemes: []clusterid.Scheme{clusterid.InternetFacing, clusterid.Internal}[:r.IntN(3)],
		},
		VPC: clusterid.VPC{
			ID: "vpc-1", DNSHostnames: true, DNSSupport: true, DomainName: "ec2.internal", DomainNameServers: []string{"10.0.0.2"},
		},
		SecurityGroups: []clusterid.SecurityGroup{{ID: "sg-0", Name: "nodes", VPCID: "vpc-1", Tags: tags(key, "owned")}, {ID: "sg-1"}},
		RouteTables: []clusterid.RouteTable{
			{ID: "rtb-0", VPCID: "vpc-1", Main: true, DefaultRoute: true, Tags: tags(key, "owned")},
			{ID: "rtb-1", VPCID: "vpc-1", InternetGateway: true, DefaultRoute: true},
		},
	}
	for i := range 2 + r.IntN(3) {
		zone := string(rune('a' + i))
		private, public := subnet("subnet-private-"+zone, zone, clusterid.InternalRole), subnet("subnet-public-"+zone, zone, clusterid.PublicRole)
		w.Subnets = append(w.Subnets, private, public)
		w.RouteTables[1].Subnets = append(w.RouteTables[1].Subnets, public.ID)
		w.ClusterSubnets = append(w.ClusterSubnets, private.ID)
	}
	for i := range r.IntN(20) {
		in := instance(fmt.Sprint("i-", i), w.Subnets[r.IntN(len(w.Subnets))].ID, fmt.Sprintf("ip-10-0-0-%d.ec2.internal", i), flip(r))
		if flip(r) {
			in.Interfaces[0].Groups = []string{"sg-1", "sg-0"}
		}
		if flip(r) {
			in.Tags["KubernetesCluster"] = "prod-1"
		}
		w.Instances = append(w.Instances, in)
	}
	for i := range r.IntN(3) {
		w.AutoScalingGroups = append(w.AutoScalingGroups, clusterid.AutoScalingGroup{
			Name: fmt.Sprint("group-", i), ControlPlane: flip(r), Subnets: w.ClusterSubnets,
			Tags: []clusterid.GroupTag{{Key: key, Value: "owned", Propagate: true}},
		})
	}
	return w
}

func flip(r *rand.Rand) bool { return r.IntN(2) == 0 }

func TestTidyWorlds(t *testing.T) {
	for seed := range uint64(300) {
		w := tidy(rand.New(rand.NewPCG(seed, 0)))
		if diff := cmp.Diff([]clusterid.Finding(nil), clusterid.Check(w)); diff != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, diff)
		}
	}
}

// untidy is a world made of data, three bytes for a subnet.
func untidy(data []byte) clusterid.World {
	w := selfManaged()
	w.Subnets = nil
	w.RouteTables[1].Subnets = nil
	zones, types := "abc", []string{"availability-zone", "availability-zone", "local-zone", ""}
	values := []string{"", "1", "false"}
	for b := range slices.Chunk(data, 3) {
		if len(b) < 3 || len(w.Subnets) == 60 {
			break
		}
		// Ids come in another order than the subnets do.
		s := subnet(fmt.Sprintf("subnet-%02d", len(w.Subnets)*37%60), zones[b[0]%3:b[0]%3+1], "")
		s.Tags = map[string]string{}
		bit := func(n int) bool { return b[1]>>n&1 == 1 }
		for n, tag := range []string{key, foreign, "KubernetesCluster", clusterid.PublicRole, clusterid.InternalRole, "kubernetes.io/clusters"} {
			if bit(n) {
				s.Tags[tag] = values[b[2]%3]
			}
		}
		if bit(2) && b[2]&8 > 0 {
			s.Tags["KubernetesCluster"] = "prod-1"
		}
		s.ZoneType = types[b[0]>>2&3]
		s.Outpost = b[0]>>4&15 == 1
		s.FreeAddresses = int(b[2] >> 4)
		if bit(6) {
			w.RouteTables[1].Subnets = append(w.RouteTables[1].Subnets, s.ID)
		}
		if bit(7) && b[2]&4 > 0 {
			s.VPCID = "vpc-2"
		}
		w.Subnets = append(w.Subnets, s)
	}
	if len(data) > 0 {
		w.Options.TagsOnly, w.Options.AnyCluster = data[0]&32 > 0, data[0]&64 > 0
		w.RouteTables[0].Main = data[0]&128 == 0
	}
	if len(w.Subnets) > 0 {
		w.Instances[0].SubnetID = w.Subnets[0].ID
	}
	for i := range min(len(w.Instances), len(data)) {
		if b := data[len(data)-1-i]; b&1 > 0 {
			w.Instances[i].Interfaces[0].Groups = [][]string{{"sg-extra"}, {"sg-extra", "sg-node"}, {"sg-x", "sg-extra"}, nil}[b>>1&3]
			w.SecurityGroups[1].Tags = []map[string]string{nil, tags(key, ""), tags("KubernetesCluster", "prod-1")}[(b>>3)%3]
		}
	}
	return w
}

func FuzzChoices(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 200 {
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		w := untidy(data)
		for _, s := range w.Options.Schemes {
			for _, c := range []clusterid.Controller{clusterid.CloudController, clusterid.LoadBalancerController} {
				oneEach(t, w, clusterid.ChooseSubnets(w, s, c))
			}
		}
		mixed := w
		mixed.Subnets, mixed.Instances = reversed(w.Subnets), reversed(w.Instances)
		mixed.SecurityGroups, mixed.RouteTables = reversed(w.SecurityGroups), reversed(w.RouteTables)
		if diff := cmp.Diff(clusterid.Choose(w), clusterid.Choose(mixed)); diff != "" {
			t.Errorf("another order, other choices (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(clusterid.Check(w), clusterid.Check(mixed)); diff != "" {
			t.Errorf("another order, other findings (-want +got):\n%s", diff)
		}
	})
}

func reversed[S ~[]E, E any](s S) S {
	s = slices.Clone(s)
	slices.Reverse(s)
	return s
}

// oneEach holds a choice against the rules, said in another way: it is an error or at
// least one subnet; one for a zone, in the zones' order; each is a candidate, and so is
// every other of its zone; and none of the others is better.
func oneEach(t *testing.T, w clusterid.World, got clusterid.SubnetChoices) {
	t.Helper()
	if (got.Err == "") == (len(got.Subnets) == 0) {
		t.Fatalf("neither an error nor a subnet, or both: %+v", got)
	}
	candidates := candidates(w, got.Scheme, got.Controller)
	var zones []string
	for _, z := range got.Subnets {
		zones = append(zones, z.Zone)
		var here []string
		for _, c := range candidates {
			if c.Zone == z.Zone {
				here = append(here, c.ID)
				if c.ID != z.Subnet && rank(w, c, got) < rank(w, find(w, z.Subnet), got) {
					t.Errorf("%s, %s, %s: %s was taken, %s is better", got.Controller, got.Scheme, z.Zone, z.Subnet, c.ID)
				}
			}
		}
		all := slices.Sorted(slices.Values(append([]string{z.Subnet}, z.Others...)))
		slices.Sort(here)
		if diff := cmp.Diff(here, all); diff != "" {
			t.Errorf("%s, %s, %s: the candidates (-want +got):\n%s", got.Controller, got.Scheme, z.Zone, diff)
		}
	}
	if want := slices.Compact(slices.Sorted(slices.Values(zones))); !slices.Equal(want, zones) {
		t.Errorf("%s, %s: zones %v, want each once and in order", got.Controller, got.Scheme, zones)
	}
	if got.Err == "" && got.Controller == clusterid.CloudController {
		for _, c := range candidates {
			if (c.ZoneType == "availability-zone" || c.ZoneType == "") && !slices.Contains(zones, c.Zone) && regular(candidates, c.Zone) {
				t.Errorf("%s, %s: nothing in %s, though %s is a candidate", got.Controller, got.Scheme, c.Zone, c.ID)
			}
		}
	}
}

// regular reports whether every candidate of a zone says that it is a regular one: in
// these worlds the subnets of a zone do not agree on its kind, as they do in AWS.
func regular(candidates []clusterid.Subnet, zone string) bool {
	return !slices.ContainsFunc(candidates, func(c clusterid.Subnet) bool { return c.Zone == zone && c.ZoneType == "local-zone" })
}

func candidates(w clusterid.World, s clusterid.Scheme, c clusterid.Controller) []clusterid.Subnet {
	role := map[clusterid.Scheme]string{clusterid.InternetFacing: clusterid.PublicRole, clusterid.Internal: clusterid.InternalRole}[s]
	public := func(s clusterid.Subnet) bool { return slices.Contains(w.RouteTables[1].Subnets, s.ID) }
	keep := func(all []clusterid.Subnet, ok func(clusterid.Subnet) bool) []clusterid.Subnet {
		return slices.DeleteFunc(slices.Clone(all), func(s clusterid.Subnet) bool { return !ok(s) })
	}
	if c == clusterid.CloudController {
		ours := keep(w.Subnets, func(s clusterid.Subnet) bool {
			_, own := s.Tags[key]
			_, other := s.Tags[foreign]
			return s.VPCID == "vpc-1" && (own || s.Tags["KubernetesCluster"] == "prod-1" || !other)
		})
		if len(ours) == 0 {
			ours = keep(w.Subnets, func(s clusterid.Subnet) bool { return s.ID == w.Instances[0].SubnetID })
		}
		return keep(ours, func(subnet clusterid.Subnet) bool { return s == clusterid.Internal || public(subnet) })
	}
	here := keep(w.Subnets, func(s clusterid.Subnet) bool { return s.VPCID == "vpc-1" })
	marked := keep(here, func(s clusterid.Subnet) bool {
		value, ok := s.Tags[role]
		return ok && value != "false"
	})
	if len(marked) == 0 && !w.Options.TagsOnly {
		marked = keep(here, func(subnet clusterid.Subnet) bool { return public(subnet) == (s == clusterid.InternetFacing) })
	}
	return keep(marked, func(s clusterid.Subnet) bool {
		_, own := s.Tags[key]
		_, other := s.Tags[foreign]
		_, alike := s.Tags["kubernetes.io/clusters"]
		return s.FreeAddresses >= 8 && (own || w.Options.AnyCluster || !other && !alike)
	})
}

// rank orders the candidates of a zone as text.
func rank(w clusterid.World, s clusterid.Subnet, c clusterid.SubnetChoices) string {
	role := clusterid.PublicRole
	if c.Scheme == clusterid.Internal {
		role = clusterid.InternalRole
	}
	_, marked := s.Tags[role]
	_, own := s.Tags[key]
	if c.Controller == clusterid.CloudController {
		own = own || s.Tags["KubernetesCluster"] == w.Cluster
	} else {
		marked = true
	}
	return fmt.Sprint(!marked, " ", !own, " ", s.ID)
}

func find(w clusterid.World, id string) clusterid.Subnet {
	return w.Subnets[slices.IndexFunc(w.Subnets, func(s clusterid.Subnet) bool { return s.ID == id })]
}

// BenchmarkCheck is a cluster of 500 instances and 60 subnets, with all that a plan asks.
func BenchmarkCheck(b *testing.B) {
	w := selfManaged()
	w.Instances, w.Subnets = nil, nil
	for i := range 60 {
		w.Subnets = append(w.Subnets, subnet(fmt.Sprintf("subnet-%02d", i), string(rune('a'+i%3)), clusterid.InternalRole))
	}
	for i := range 500 {
		in := instance(fmt.Sprintf("i-%03d", i), w.Subnets[i%60].ID, fmt.Sprintf("ip-10-0-%d-%d.ec2.internal", i/250, i%250), i < 3)
		if i%2 == 0 {
			in.Tags = nil
		}
		w.Instances = append(w.Instances, in)
	}
	changes := make([]clusterid.Change, len(w.Instances))
	for i, in := range w.Instances {
		changes[i] = clusterid.Change{Resource: in.ID, Key: key, Value: "owned"}
	}
	for b.Loop() {
		after, err := w.With(changes)
		if err != nil {
			b.Fatal(err)
		}
		if len(clusterid.Check(w)) == 0 || len(clusterid.Check(after)) == 0 {
			b.Fatal("nothing found")
		}
		if len(clusterid.Choose(w).Groups) != 2 || len(clusterid.Choose(after).Groups) != 2 {
			b.Fatal("not one group")
		}
	}
}
