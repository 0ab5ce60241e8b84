package registry_test

import (
	"errors"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
)

// Values are printed with %#v: Registry has a String method, and two registries
// of different partitions may have the same host.

// rows holds every host that the table stands for, typed and not derived: a
// mistake in the table must not repeat itself here.
var rows = []struct {
	name string
	host string
	want registry.Registry
}{
	{
		name: "aws classic", host: "123456789012.dkr.ecr.us-east-1.amazonaws.com",
		want: registry.Registry{Account: "123456789012", Region: "us-east-1", Partition: "aws"},
	},
	{
		name: "aws classic, second region", host: "000000000001.dkr.ecr.eu-west-1.amazonaws.com",
		want: registry.Registry{Account: "000000000001", Region: "eu-west-1", Partition: "aws"},
	},
	{
		name: "aws FIPS", host: "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com",
		want: registry.Registry{Account: "123456789012", Region: "us-east-1", Partition: "aws", FIPS: true},
	},
	{
		name: "aws dual-stack", host: "123456789012.dkr-ecr.eu-west-1.on.aws",
		want: registry.Registry{Account: "123456789012", Region: "eu-west-1", Partition: "aws", DualStack: true},
	},
	{
		name: "aws dual-stack FIPS", host: "123456789012.dkr-ecr-fips.us-east-1.on.aws",
		want: registry.Registry{Account: "123456789012", Region: "us-east-1", Partition: "aws", FIPS: true, DualStack: true},
	},
	{
		name: "aws-us-gov classic", host: "123456789012.dkr.ecr.us-gov-west-1.amazonaws.com",
		want: registry.Registry{Account: "123456789012", Region: "us-gov-west-1", Partition: "aws-us-gov"},
	},
	{
		name: "aws-us-gov FIPS", host: "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
		want: registry.Registry{Account: "123456789012", Region: "us-gov-west-1", Partition: "aws-us-gov", FIPS: true},
	},
	{
		name: "aws-us-gov dual-stack", host: "123456789012.dkr-ecr.us-gov-west-1.on.aws",
		want: registry.Registry{Account: "123456789012", Region: "us-gov-west-1", Partition: "aws-us-gov", DualStack: true},
	},
	{
		name: "aws-us-gov dual-stack FIPS", host: "123456789012.dkr-ecr-fips.us-gov-west-1.on.aws",
		want: registry.Registry{
			Account: "123456789012", Region: "us-gov-west-1", Partition: "aws-us-gov", FIPS: true, DualStack: true,
		},
	},
	{
		name: "aws-cn classic", host: "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
		want: registry.Registry{Account: "123456789012", Region: "cn-north-1", Partition: "aws-cn"},
	},
	{
		name: "aws-cn FIPS", host: "123456789012.dkr.ecr-fips.cn-north-1.amazonaws.com.cn",
		want: registry.Registry{Account: "123456789012", Region: "cn-north-1", Partition: "aws-cn", FIPS: true},
	},
	{
		name: "aws-cn dual-stack", host: "123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn",
		want: registry.Registry{Account: "123456789012", Region: "cn-north-1", Partition: "aws-cn", DualStack: true},
	},
	{
		name: "aws-cn dual-stack FIPS", host: "123456789012.dkr-ecr-fips.cn-north-1.on.amazonwebservices.com.cn",
		want: registry.Registry{
			Account: "123456789012", Region: "cn-north-1", Partition: "aws-cn", FIPS: true, DualStack: true,
		},
	},
	{
		name: "aws-eusc classic", host: "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu",
		want: registry.Registry{Account: "123456789012", Region: "eusc-de-east-1", Partition: "aws-eusc"},
	},
	{
		name: "aws-eusc FIPS", host: "123456789012.dkr.ecr-fips.eusc-de-east-1.amazonaws.eu",
		want: registry.Registry{Account: "123456789012", Region: "eusc-de-east-1", Partition: "aws-eusc", FIPS: true},
	},
	{
		name: "aws-iso classic", host: "123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov",
		want: registry.Registry{Account: "123456789012", Region: "us-iso-east-1", Partition: "aws-iso"},
	},
	{
		name: "aws-iso FIPS", host: "123456789012.dkr.ecr-fips.us-iso-east-1.c2s.ic.gov",
		want: registry.Registry{Account: "123456789012", Region: "us-iso-east-1", Partition: "aws-iso", FIPS: true},
	},
	{
		name: "aws-iso-b classic", host: "123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov",
		want: registry.Registry{Account: "123456789012", Region: "us-isob-east-1", Partition: "aws-iso-b"},
	},
	{
		name: "aws-iso-b FIPS", host: "123456789012.dkr.ecr-fips.us-isob-east-1.sc2s.sgov.gov",
		want: registry.Registry{Account: "123456789012", Region: "us-isob-east-1", Partition: "aws-iso-b", FIPS: true},
	},
	{
		name: "aws-iso-e classic", host: "123456789012.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk",
		want: registry.Registry{Account: "123456789012", Region: "eu-isoe-west-1", Partition: "aws-iso-e"},
	},
	{
		name: "aws-iso-e FIPS", host: "123456789012.dkr.ecr-fips.eu-isoe-west-1.cloud.adc-e.uk",
		want: registry.Registry{Account: "123456789012", Region: "eu-isoe-west-1", Partition: "aws-iso-e", FIPS: true},
	},
	{
		name: "aws-iso-f classic", host: "123456789012.dkr.ecr.us-isof-south-1.csp.hci.ic.gov",
		want: registry.Registry{Account: "123456789012", Region: "us-isof-south-1", Partition: "aws-iso-f"},
	},
	{
		name: "aws-iso-f FIPS", host: "123456789012.dkr.ecr-fips.us-isof-south-1.csp.hci.ic.gov",
		want: registry.Registry{Account: "123456789012", Region: "us-isof-south-1", Partition: "aws-iso-f", FIPS: true},
	},
	{
		name: "public", host: "public.ecr.aws",
		want: registry.Registry{Region: "us-east-1", Partition: "aws", Public: true},
	},
	{
		name: "public dual-stack", host: "ecr-public.aws.com",
		want: registry.Registry{Region: "us-east-1", Partition: "aws", Public: true, DualStack: true},
	},
}

const digest = "@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

func TestParseRows(t *testing.T) {
	ways := []struct{ name, before, after, port string }{
		{name: "host"},
		{name: "repository", after: "/team/app"},
		{name: "tag", after: "/team/app:v1.2"},
		{name: "digest", after: "/team/app" + digest},
		{name: "tag and digest", after: "/team/app:v1.2" + digest},
		{name: "https", before: "https://", after: "/team/app"},
		{name: "http", before: "http://", after: "/team/app"},
		{name: "https and host", before: "https://"},
		{name: "trailing slash", after: "/"},
		{name: "port", after: ":443", port: "443"},
		{name: "port and repository", after: ":443/team/app:v1.2", port: "443"},
		{name: "https and port", before: "https://", after: ":8443/", port: "8443"},
		{name: "lowest port", after: ":1/team/app", port: "1"},
		{name: "highest port", after: ":65535/team/app", port: "65535"},
		{name: "another registry in the path", after: "/210987654321.dkr.ecr.sa-east-1.amazonaws.com/app"},
		{name: "at sign in the path", after: "/a@b/c"},
	}
	for _, row := range rows {
		for _, way := range ways {
			t.Run(row.name+"/"+way.name, func(t *testing.T) {
				image := way.before + row.host + way.after
				want, wantHost := row.want, row.host
				if way.port != "" {
					want.Port = way.port
					wantHost += ":" + way.port
				}
				got, err := registry.Parse(image)
				if err != nil || got != want {
					t.Fatalf("Parse(%q) = %#v, %v, want %#v", image, got, err, want)
				}
				if host := want.Host(); host != wantHost {
					t.Errorf("%#v.Host() = %q, want %q", want, host, wantHost)
				}
				if s := want.String(); s != wantHost {
					t.Errorf("%#v.String() = %q, want %q", want, s, wantHost)
				}
				if again, err := registry.Parse(want.String()); err != nil || again != want {
					t.Errorf("Parse(%q) = %#v, %v, want %#v", want.String(), again, err, want)
				}
			})
		}
	}
}

// A nearMiss looks like a host of the table and is none.
type nearMiss struct {
	name string
	host string

	// inGlob says that a glob matches it all the same: a * takes any account
	// and any region.
	inGlob bool
}

// nearMisses derives from one literal host what may not pass for it.
func nearMisses(t *testing.T, host string, r registry.Registry) []nearMiss {
	t.Helper()
	around := []nearMiss{
		{name: "domain around", host: host + ".evil.example"},
		{name: "another top level", host: host + ".evil"},
		{name: "no dot before the rest", host: host + "evil"},
		{name: "label in front", host: "x." + host},
		{name: "trailing dot", host: host + "."},
		{name: "last letter missing", host: host[:len(host)-1]},
		{name: "first label missing", host: host[strings.IndexByte(host, '.')+1:]},
	}
	if r.Public {
		return append(around,
			nearMiss{name: "prefix in front", host: "evil-" + host},
			nearMiss{name: "upper case", host: strings.ToUpper(host)},
			nearMiss{name: "account in front", host: "123456789012." + host},
			nearMiss{name: "another character for a dot", host: strings.Replace(host, ".", "x", 1)},
		)
	}
	head, suffix, ok := strings.Cut(host, "."+r.Region+".")
	if !ok {
		t.Fatalf("%q does not have the region %q", host, r.Region)
	}
	account, label, _ := strings.Cut(head, ".")
	otherLabel := strings.Replace(label, "dkr.ecr", "dkr-ecr", 1)
	if r.DualStack {
		otherLabel = strings.Replace(label, "dkr-ecr", "dkr.ecr", 1)
	}
	join := func(labels ...string) string { return strings.Join(labels, ".") }
	return append(around,
		nearMiss{name: "11 digits", host: join(account[1:], label, r.Region, suffix), inGlob: true},
		nearMiss{name: "13 digits", host: join(account+"3", label, r.Region, suffix), inGlob: true},
		nearMiss{name: "letter at the end of the account", host: join(account[:11]+"a", label, r.Region, suffix), inGlob: true},
		nearMiss{name: "letter at the start of the account", host: join("a"+account[1:], label, r.Region, suffix), inGlob: true},
		nearMiss{name: "dash in the account", host: join(account[:5]+"-"+account[6:], label, r.Region, suffix), inGlob: true},
		nearMiss{name: "prefix in front", host: "evil-" + host, inGlob: true},
		nearMiss{name: "missing region", host: join(account, label, suffix)},
		nearMiss{name: "empty region", host: join(account, label, "", suffix), inGlob: true},
		nearMiss{name: "two regions", host: join(account, label, r.Region, "us-west-2", suffix)},
		nearMiss{name: "dash before the region", host: join(account, label, "-"+r.Region, suffix), inGlob: true},
		nearMiss{name: "underscore before the region", host: join(account, label, "_"+r.Region, suffix), inGlob: true},
		nearMiss{name: "missing label", host: join(account, r.Region, suffix)},
		nearMiss{name: "label of the other forms", host: join(account, otherLabel, r.Region, suffix)},
		nearMiss{name: "another character for the separator", host: join(account, "dkrxecr"+label[len("dkr.ecr"):], r.Region, suffix)},
		nearMiss{name: "more after the label", host: join(account, label+"-x", r.Region, suffix)},
		nearMiss{name: "upper-case label", host: join(account, strings.ToUpper(label), r.Region, suffix)},
		nearMiss{name: "missing suffix", host: join(account, label, r.Region)},
		nearMiss{name: "empty suffix", host: join(account, label, r.Region, "")},
		nearMiss{name: "upper-case suffix", host: join(account, label, r.Region, strings.ToUpper(suffix))},
		nearMiss{name: "prefix before the suffix", host: join(account, label, r.Region, "evil"+suffix)},
		nearMiss{name: "another separator in the suffix", host: join(account, label, r.Region, strings.Replace(suffix, ".", "-", 1))},
	)
}

func TestParseNearMisses(t *testing.T) {
	for _, row := range rows {
		for _, miss := range nearMisses(t, row.host, row.want) {
			t.Run(row.name+"/"+miss.name, func(t *testing.T) {
				for _, image := range []string{miss.host, miss.host + "/app:v1.2", "https://" + miss.host + "/app", miss.host + ":443/app"} {
					wantNotECR(t, image)
				}
			})
		}
	}
}

func TestParseNotECR(t *testing.T) {
	tests := []struct{ name, image string }{
		{"short name", "nginx"},
		{"Docker Hub", "docker.io/library/busybox:1.37"},
		{"Kubernetes", "registry.k8s.io/pause:3.10"},
		{"local", "localhost:5000/x"},
		{"host in the path", "evil.example/123456789012.dkr.ecr.us-east-1.amazonaws.com/x"},
		{"host in the path of a URL", "https://evil.example/123456789012.dkr.ecr.us-east-1.amazonaws.com/x"},
		{"public host in the path", "evil.example/public.ecr.aws/x"},
		{"host in a digest", "evil.example/x@123456789012.dkr.ecr.us-east-1.amazonaws.com"},
		{"12 digits alone", "123456789012"},
		{"account under another domain", "123456789012.example.com/x"},
		{"API host", "api.ecr.us-east-1.amazonaws.com"},
		{"VPC endpoint", "vpce-0123456789abcdef0-abcdefgh.dkr.ecr.us-east-1.vpce.amazonaws.com/x"},
		{"S3", "123456789012.s3.us-east-1.amazonaws.com/x"},
		{"dual-stack suffix of the API", "123456789012.dkr-ecr.us-east-1.api.aws/x"},
		{"dual-stack in aws-eusc", "123456789012.dkr-ecr.eusc-de-east-1.on.amazonwebservices.eu/x"},
		{"dual-stack in aws-iso", "123456789012.dkr-ecr.us-iso-east-1.on.aws.ic.gov/x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { wantNotECR(t, tt.image) })
	}
}

// wantNotECR checks that image has a host, and that it is not one of Amazon ECR.
func wantNotECR(t *testing.T, image string) {
	t.Helper()
	got, err := registry.Parse(image)
	if !errors.Is(err, registry.ErrNotECR) || got != (registry.Registry{}) {
		t.Errorf("Parse(%q) = %#v, %v, want no registry and ErrNotECR", image, got, err)
		return
	}
	host, hostErr := registry.Host(image)
	if want := host + ": not an Amazon ECR registry"; hostErr != nil || err.Error() != want {
		t.Errorf("Parse(%q) = error %q, want %q (host error %v)", image, err, want, hostErr)
	}
}

func TestNoHost(t *testing.T) {
	const ecr = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
	long := strings.Repeat("a", 121)
	tests := []struct{ name, image, want string }{
		{"empty", "", `the image is empty`},
		{"https only", "https://", `the image is empty`},
		{"http only", "http://", `the image is empty`},
		{"NUL", ecr + "/a\x00b", `image "` + ecr + `/a\x00b" has a character that no image has`},
		{"space", ecr + "/a b", `image "` + ecr + `/a b" has a character that no image has`},
		{"space in front", " " + ecr, `image " ` + ecr + `" has a character that no image has`},
		{"newline inside", ecr + "\n/x", `image "` + ecr + `\n/x" has a character that no image has`},
		{"newline at the end", ecr + "/x\n", `image "` + ecr + `/x\n" has a character that no image has`},
		{"tab", ecr + "/\tx", `image "` + ecr + `/\tx" has a character that no image has`},
		{"DEL", ecr + "/x\x7f", `image "` + ecr + `/x\x7f" has a character that no image has`},
		{"query", ecr + "?x=/y", `image "` + ecr + `?x=/y" does not begin with a registry host`},
		{"fragment", ecr + "#/y", `image "` + ecr + `#/y" does not begin with a registry host`},
		{"percent", ecr + "%2fx", `image "` + ecr + `%2fx" does not begin with a registry host`},
		{"bracketed address", "[::1]:5000/x", `image "[::1]:5000/x" does not begin with a registry host`},
		{"path only", "/repo", `image "/repo" does not begin with a registry host`},
		{"three slashes", "https:///" + ecr, `image "https:///` + ecr + `" does not begin with a registry host`},
		{"backslash", `\` + ecr, `image "\\` + ecr + `" does not begin with a registry host`},
		{"backslash inside", `evil.example\` + ecr, `image "evil.example\\` + ecr + `" does not begin with a registry host`},
		{"dot in front", "." + ecr, `image ".` + ecr + `" does not begin with a registry host`},
		{"port only", ":443/x", `image ":443/x" does not begin with a registry host`},
		{"digit of another script", "１" + ecr[1:], `image "１` + ecr[1:] + `" does not begin with a registry host`},
		{"not UTF-8", "\xff" + ecr, `image "\xff` + ecr + `" does not begin with a registry host`},
		{"empty port", ecr + ":/x", `image "` + ecr + `:/x" has the port "", which is none`},
		{"port 0", ecr + ":0/x", `image "` + ecr + `:0/x" has the port "0", which is none`},
		{"port 65536", ecr + ":65536/x", `image "` + ecr + `:65536/x" has the port "65536", which is none`},
		{"port with a leading zero", ecr + ":0443/x", `image "` + ecr + `:0443/x" has the port "0443", which is none`},
		{"port with a sign", ecr + ":+443/x", `image "` + ecr + `:+443/x" has the port "+443", which is none`},
		{"two ports", ecr + ":443:443/x", `image "` + ecr + `:443:443/x" has the port "443:443", which is none`},
		{"tag for a port", ecr + ":latest", `image "` + ecr + `:latest" has the port "latest", which is none`},
		{"upper-case scheme", "HTTPS://" + ecr, `image "HTTPS://` + ecr + `" has the port "", which is none`},
		{"two schemes", "https://http://" + ecr, `image "https://http://` + ecr + `" has the port "", which is none`},
		{"another scheme", "oci://" + ecr, `image "oci://` + ecr + `" has the port "", which is none`},
		{"120 bytes are kept", long[:119] + "!", `image "` + long[:119] + `!" does not begin with a registry host`},
		{"121 bytes are clipped", long[:120] + "!", `image "` + long[:120] + `..." does not begin with a registry host`},
		{"longer than a DNS name", strings.Repeat("a", 254), `image "` + long[:120] + `..." does not begin with a registry host`},
		{"long port is clipped", "a:" + long, `image "a:` + long[:118] + `..." has the port "` + long[:120] + `...", which is none`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := registry.Parse(tt.image)
			if err == nil || err.Error() != tt.want || errors.Is(err, registry.ErrNotECR) || got != (registry.Registry{}) {
				t.Errorf("Parse(%q) = %#v, %v, want no registry and the error %q", tt.image, got, err, tt.want)
			}
			host, err := registry.Host(tt.image)
			if err == nil || err.Error() != tt.want || host != "" {
				t.Errorf("Host(%q) = %q, %v, want no host and the error %q", tt.image, host, err, tt.want)
			}
		})
	}
}

// What may be a password is not repeated, so the message is one for all.
func TestParseUserinfo(t *testing.T) {
	const want = "the image has a user, or a password, in front of its host"
	for _, image := range []string{
		"user:password@host/x",
		"user@123456789012.dkr.ecr.us-east-1.amazonaws.com/x",
		"user:password@123456789012.dkr.ecr.us-east-1.amazonaws.com/x",
		"https://user:password@123456789012.dkr.ecr.us-east-1.amazonaws.com/x",
		"https://123456789012.dkr.ecr.us-east-1.amazonaws.com@evil.example/x",
		"123456789012.dkr.ecr.us-east-1.amazonaws.com:443@evil.example/x",
		"123456789012.dkr.ecr.us-east-1.amazonaws.com@sha256:00",
	} {
		t.Run(image, func(t *testing.T) {
			got, err := registry.Parse(image)
			if err == nil || err.Error() != want || got != (registry.Registry{}) {
				t.Errorf("Parse(%q) = %#v, %v, want no registry and the error %q", image, got, err, want)
			}
		})
	}
}

// officialPattern is what the plugin of kubernetes/cloud-provider-aws takes for a
// private host. A node that moves from it may lose no host.
var officialPattern = regexp.MustCompile(
	`^(\d{12})\.dkr[\.\-]ecr(\-fips)?\.([a-zA-Z0-9][a-zA-Z0-9-_]*)\.` +
		`(amazonaws\.(?:com(?:\.cn)?|eu)|on\.(?:aws|amazonwebservices\.com\.cn)|` +
		`sc2s\.sgov\.gov|c2s\.ic\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)$`)

// The pattern also takes hosts that do not exist, a form with the suffix of
// another. Those are refused, all others are taken.
func TestParseOfficialPattern(t *testing.T) {
	suffixes := []struct {
		suffix    string
		partition string
		gov       string // the partition of a us-gov- region
		dualStack bool
	}{
		{"amazonaws.com", "aws", "aws-us-gov", false},
		{"amazonaws.com.cn", "aws-cn", "aws-cn", false},
		{"amazonaws.eu", "aws-eusc", "aws-eusc", false},
		{"on.aws", "aws", "aws-us-gov", true},
		{"on.amazonwebservices.com.cn", "aws-cn", "aws-cn", true},
		{"sc2s.sgov.gov", "aws-iso-b", "aws-iso-b", false},
		{"c2s.ic.gov", "aws-iso", "aws-iso", false},
		{"cloud.adc-e.uk", "aws-iso-e", "aws-iso-e", false},
		{"csp.hci.ic.gov", "aws-iso-f", "aws-iso-f", false},
	}
	regions := []string{
		"us-east-1", "X", "xx_new-9", "0", "z", "Z9", "a-", "a_", "us-gov", "us-gov-west-1", "us-gov-new-7", "us-gov-", "US-GOV-west-1",
	}
	for _, s := range suffixes {
		for _, separator := range []string{".", "-"} {
			for _, fips := range []string{"", "-fips"} {
				for _, region := range regions {
					host := "123456789012.dkr" + separator + "ecr" + fips + "." + region + "." + s.suffix
					t.Run(host, func(t *testing.T) {
						if !officialPattern.MatchString(host) {
							t.Fatalf("the official pattern does not match %q", host)
						}
						if (separator == "-") != s.dualStack {
							wantNotECR(t, host)
							return
						}
						want := registry.Registry{
							Account: "123456789012", Region: region, Partition: s.partition,
							FIPS: fips != "", DualStack: s.dualStack,
						}
						if strings.HasPrefix(region, "us-gov-") {
							want.Partition = s.gov
						}
						if got, err := registry.Parse(host); err != nil || got != want {
							t.Errorf("Parse(%q) = %#v, %v, want %#v", host, got, err, want)
						}
					})
				}
			}
		}
	}
}

func TestMatchImages(t *testing.T) {
	want := []string{
		"*.dkr.ecr.*.amazonaws.com",
		"*.dkr.ecr.*.amazonaws.com.cn",
		"*.dkr.ecr.*.amazonaws.eu",
		"*.dkr.ecr.*.c2s.ic.gov",
		"*.dkr.ecr.*.sc2s.sgov.gov",
		"*.dkr.ecr.*.cloud.adc-e.uk",
		"*.dkr.ecr.*.csp.hci.ic.gov",
		"*.dkr.ecr-fips.*.amazonaws.com",
		"*.dkr.ecr-fips.*.amazonaws.com.cn",
		"*.dkr.ecr-fips.*.amazonaws.eu",
		"*.dkr.ecr-fips.*.c2s.ic.gov",
		"*.dkr.ecr-fips.*.sc2s.sgov.gov",
		"*.dkr.ecr-fips.*.cloud.adc-e.uk",
		"*.dkr.ecr-fips.*.csp.hci.ic.gov",
		"*.dkr-ecr.*.on.aws",
		"*.dkr-ecr.*.on.amazonwebservices.com.cn",
		"*.dkr-ecr-fips.*.on.aws",
		"*.dkr-ecr-fips.*.on.amazonwebservices.com.cn",
		"public.ecr.aws",
		"ecr-public.aws.com",
	}
	if got := registry.MatchImages(); !slices.Equal(got, want) {
		t.Errorf("MatchImages() = %q, want %q", got, want)
	}
}

func TestMatchImagesIn(t *testing.T) {
	aws := []string{"*.dkr.ecr.*.amazonaws.com", "*.dkr.ecr-fips.*.amazonaws.com", "*.dkr-ecr.*.on.aws", "*.dkr-ecr-fips.*.on.aws"}
	public := []string{"public.ecr.aws", "ecr-public.aws.com"}
	all := registry.MatchImages()
	for partition, want := range map[string][]string{
		"":           all[:len(all)-len(public)],
		"aws":        aws,
		"aws-us-gov": aws,
		"aws-cn": {
			"*.dkr.ecr.*.amazonaws.com.cn", "*.dkr.ecr-fips.*.amazonaws.com.cn",
			"*.dkr-ecr.*.on.amazonwebservices.com.cn", "*.dkr-ecr-fips.*.on.amazonwebservices.com.cn",
		},
		"aws-iso-b": {"*.dkr.ecr.*.sc2s.sgov.gov", "*.dkr.ecr-fips.*.sc2s.sgov.gov"},
	} {
		if got, err := registry.MatchImagesIn(partition); err != nil || !slices.Equal(got, want) {
			t.Errorf("MatchImagesIn(%q) = %q, %v, want %q", partition, got, err, want)
		}
	}
	if got := registry.PublicMatchImages(); !slices.Equal(got, public) {
		t.Errorf("PublicMatchImages() = %q, want %q", got, public)
	}
}

// Of each row the globs of its own partition match it.
func TestMatchImagesInEachPartition(t *testing.T) {
	for _, row := range rows {
		globs, err := registry.MatchImagesIn(row.want.Partition)
		if err != nil {
			t.Fatal(err)
		}
		if _, got := matchingGlob(t, row.host, globs); got == row.want.Public {
			t.Errorf("%q match %q = %t, want %t", globs, row.host, got, !row.want.Public)
		}
	}
}

func TestMatchImagesInNoPartition(t *testing.T) {
	const want = `no partition is named "aws-mars"; there are aws, aws-cn, aws-eusc, aws-iso, aws-iso-b, aws-iso-e, aws-iso-f, aws-us-gov`
	if got, err := registry.MatchImagesIn("aws-mars"); err == nil || err.Error() != want || got != nil {
		t.Errorf("MatchImagesIn = %q, %v, want the error %q", got, err, want)
	}
}

func TestMatchImagesInKubelet(t *testing.T) {
	type test struct {
		name  string
		image string
		want  bool
	}
	var tests []test
	for _, row := range rows {
		tests = append(tests,
			test{row.name, row.host, true},
			test{row.name + "/repository", row.host + "/team/app:v1.2", true},
			test{row.name + "/port", row.host + ":443/team/app", false},
		)
		for _, miss := range nearMisses(t, row.host, row.want) {
			tests = append(tests, test{row.name + "/" + miss.name, miss.host, miss.inGlob})
		}
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if glob, got := matchingGlob(t, tt.image, registry.MatchImages()); got != tt.want {
				t.Errorf("kubelet matches %q = %t (glob %q), want %t", tt.image, got, glob, tt.want)
			}
		})
	}
}

// matchingGlob gives the first of globs that matches image by the kubelet's rules
// (URLsMatch in k8s.io/kubernetes/pkg/credentialprovider/keyring.go): the same
// port, as many labels, path.Match in each of them.
func matchingGlob(t *testing.T, image string, globs []string) (string, bool) {
	t.Helper()
	target := parseURL(t, image)
	labels := strings.Split(target.Hostname(), ".")
	for _, glob := range globs {
		pattern := parseURL(t, glob)
		patterns := strings.Split(pattern.Hostname(), ".")
		if pattern.Port() != target.Port() || len(patterns) != len(labels) || !strings.HasPrefix(target.Path, pattern.Path) {
			continue
		}
		matched := true
		for i := range patterns {
			ok, err := path.Match(patterns[i], labels[i])
			if err != nil {
				t.Fatalf("glob %q: %v", glob, err)
			}
			matched = matched && ok
		}
		if matched {
			return glob, true
		}
	}
	return "", false
}

// parseURL reads an image or a glob as the kubelet does.
func parseURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse("https://" + s)
	if err != nil {
		t.Fatalf("the kubelet cannot read %q: %v", s, err)
	}
	return u
}

func TestInRegion(t *testing.T) {
	for region, want := range map[string]string{
		"eu-west-1": "*.dkr.ecr.eu-west-1.amazonaws.com", "us-gov-west-1": "*.dkr.ecr.us-gov-west-1.amazonaws.com",
		"cn-north-1": "*.dkr.ecr.cn-north-1.amazonaws.com.cn", "us-isob-east-1": "*.dkr.ecr.us-isob-east-1.sc2s.sgov.gov",
	} {
		if got, err := registry.InRegion(region); err != nil || got.String() != want || got.Region != region {
			t.Errorf("InRegion(%q) = %s of %q, %v, want %s", region, got, got.Region, err, want)
		}
	}
	for _, region := range []string{"", "eu west", "eu.west"} {
		if got, err := registry.InRegion(region); err == nil || got != (registry.Registry{}) {
			t.Errorf("InRegion(%q) = %v, %v, want an error", region, got, err)
		}
	}
}

func TestHost(t *testing.T) {
	tests := []struct{ image, want string }{
		{"registry.corp.example:5000/a/b:tag", "registry.corp.example:5000"},
		{"registry.corp.example/a/b" + digest, "registry.corp.example"},
		{"https://registry.corp.example:5000/", "registry.corp.example:5000"},
		{"http://registry.corp.example", "registry.corp.example"},
		{"Mirror_1.corp.example/x", "Mirror_1.corp.example"},
		{"-a.example/x", "-a.example"},
		{"a.example./x", "a.example."},
		{"10.0.0.5:65535/x", "10.0.0.5:65535"},
		{"localhost:5000/x", "localhost:5000"},
		{"localhost:1", "localhost:1"},
		{"nginx", "nginx"},
		{"docker.io/library/busybox", "docker.io"},
		{"docker.io/https://x", "docker.io"},
		{"a/" + strings.Repeat("b", 500) + "/\u2028é", "a"},
	}
	for _, tt := range tests {
		t.Run(tt.image, func(t *testing.T) {
			if got, err := registry.Host(tt.image); err != nil || got != tt.want {
				t.Errorf("Host(%q) = %q, %v, want %q", tt.image, got, err, tt.want)
			}
		})
	}
}
