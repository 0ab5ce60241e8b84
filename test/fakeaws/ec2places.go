package fakeaws

import (
	"slices"
	"strings"
)

// A zone is an Availability Zone or a Local Zone.
type zone struct {
	name, id string
	group    string
	parent   string // of a Local Zone
}

// localZones are those of the regions that tests use most, as if opted in to.
var localZones = map[string]zone{
	"us-east-1":    {"us-east-1-bos-1a", "use1-bos1-az1", "us-east-1-bos-1", "us-east-1a"},
	"eu-central-1": {"eu-central-1-ham-1a", "euc1-ham1-az1", "eu-central-1-ham-1", "eu-central-1a"},
}

// zonesOf is three Availability Zones, six in us-east-1, whose names and ids go
// together: AWS mixes them for every account.
func zonesOf(region string) []zone {
	count := 3
	if region == "us-east-1" {
		count = 6
	}
	var all []zone
	for i := range count {
		all = append(all, zone{region + string(rune('a'+i)), shortRegion(region) + "-az" + string(rune('1'+i)), region + "-zg-1", ""})
	}
	if local, ok := localZones[region]; ok {
		all = append(all, local)
	}
	return all
}

func zoneNames(zones []zone) string {
	var names []string
	for _, z := range zones {
		names = append(names, z.name)
	}
	return strings.Join(names, ", ")
}

// shortRegion is a region in the ids of its zones: use1, apse2, usgw1.
func shortRegion(region string) string {
	short := strings.NewReplacer("north", "n", "south", "s", "east", "e", "west", "w", "central", "c", "gov", "g").Replace(region)
	return strings.ReplaceAll(short, "-", "")
}

func (z zone) itself() *resource { return &resource{id: z.name} }

func (z zone) kind() string {
	if z.parent != "" {
		return "local-zone"
	}
	return "availability-zone"
}

func (z zone) attribute(filter string) ([]string, bool) {
	switch filter {
	case "zone-name":
		return one(z.name)
	case "zone-id":
		return one(z.id)
	case "zone-type":
		return one(z.kind())
	case "group-name":
		return one(z.group)
	case "parent-zone-name":
		return one(z.parent)
	case "state":
		return one("available")
	case "opt-in-status":
		return one(z.optIn())
	}
	return nil, false
}

func (z zone) optIn() string {
	if z.parent != "" {
		return "opted-in"
	}
	return "opt-in-not-required"
}

func (c *call) describeAvailabilityZones() *Error {
	zones := zonesOf(c.region.name)
	names, ids := c.in.list("ZoneName"), c.in.list("ZoneId")
	for _, name := range names {
		if !slices.ContainsFunc(zones, func(z zone) bool { return z.name == name }) {
			return invalidValue("Invalid availability zone: [%s]", name)
		}
	}
	zones = slices.DeleteFunc(zones, func(z zone) bool {
		return len(names)+len(ids) > 0 && !slices.Contains(names, z.name) && !slices.Contains(ids, z.id)
	})
	return describe(c, zones, nil, "", "availabilityZoneInfo", page{}, func(z zone) {
		c.out.text("zoneName", z.name)
		c.out.text("zoneId", z.id)
		c.out.text("zoneState", "available")
		c.out.text("regionName", c.region.name)
		c.out.text("groupName", z.group)
		c.out.text("zoneType", z.kind())
		c.out.text("optInStatus", z.optIn())
		if z.parent != "" {
			c.out.text("networkBorderGroup", z.group)
			c.out.text("parentZoneName", z.parent)
		} else {
			c.out.text("networkBorderGroup", c.region.name)
		}
	})
}

// regions are the enabled ones of a new account.
var regions = map[string]struct {
	suffix string
	names  []string
}{
	"aws": {"amazonaws.com", []string{
		"ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1",
		"eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2"}},
	"aws-cn":     {"amazonaws.com.cn", []string{"cn-north-1", "cn-northwest-1"}},
	"aws-us-gov": {"amazonaws.com", []string{"us-gov-east-1", "us-gov-west-1"}},
	"aws-eusc":   {"amazonaws.eu", []string{"eusc-de-east-1"}},
	"aws-iso":    {"c2s.ic.gov", []string{"us-iso-east-1", "us-iso-west-1"}},
	"aws-iso-b":  {"sc2s.sgov.gov", []string{"us-isob-east-1"}},
	"aws-iso-e":  {"cloud.adc-e.uk", []string{"eu-isoe-west-1"}},
	"aws-iso-f":  {"csp.hci.ic.gov", []string{"us-isof-east-1", "us-isof-south-1"}},
}

type regionName string

func (r regionName) itself() *resource { return &resource{id: string(r)} }

func (r regionName) attribute(filter string) ([]string, bool) {
	switch filter {
	case "region-name":
		return one(string(r))
	case "opt-in-status":
		return one("opt-in-not-required")
	}
	return nil, false
}

func (c *call) describeRegions() *Error {
	known := regions[c.server.Partition]
	wanted := c.in.list("RegionName")
	for _, name := range wanted {
		if !slices.Contains(known.names, name) {
			return invalidValue("Invalid region names: [%s]", name)
		}
	}
	var all []regionName
	for _, name := range known.names {
		if len(wanted) == 0 || slices.Contains(wanted, name) {
			all = append(all, regionName(name))
		}
	}
	return describe(c, all, nil, "", "regionInfo", page{}, func(r regionName) {
		c.out.text("regionName", string(r))
		c.out.text("regionEndpoint", "ec2."+string(r)+"."+known.suffix)
		c.out.text("optInStatus", "opt-in-not-required")
	})
}
