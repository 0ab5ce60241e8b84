package registry_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
)

// FuzzParse holds Parse to what its callers rely on: that a registry goes back
// and forth, that its host can stand in a URL and as a key, and that nothing
// passes for private ECR that the official plugin would not take for it.
func FuzzParse(f *testing.F) {
	for _, row := range rows {
		f.Add(row.host)
		f.Add("https://" + row.host + ":443/team/app:v1.2" + digest)
	}
	for _, seed := range []string{
		"", "https://", "/repo", "nginx", "localhost:5000/x", "[::1]:5000/x", `\host`,
		"user:password@host/x",
		"https://123456789012.dkr.ecr.us-east-1.amazonaws.com@evil.example/x",
		"evil.example/123456789012.dkr.ecr.us-east-1.amazonaws.com/x",
		"123456789012.dkr.ecr..amazonaws.com",
		"123456789012.dkr.ecr.us-gov-.amazonaws.com:65535",
		"123456789012.dkr.ecr.us-east-1.amazonaws.com\n:0443",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, image string) {
		r, err := registry.Parse(image)
		if err != nil {
			if r != (registry.Registry{}) {
				t.Errorf("Parse(%q) = %#v beside the error %v", image, r, err)
			}
			return
		}
		if again, err := registry.Parse(r.String()); err != nil || again != r {
			t.Errorf("Parse(%q) = %#v, %v, want %#v", r.String(), again, err, r)
		}
		host := r.Host()
		if strings.ContainsFunc(host, func(c rune) bool { return c == '/' || c == '@' || unicode.IsSpace(c) || unicode.IsControl(c) }) {
			t.Errorf("Parse(%q) = %#v, whose host %q is not fit for a URL", image, r, host)
		}
		if got, err := registry.Host(image); err != nil || got != host {
			t.Errorf("Host(%q) = %q, %v, want %q", image, got, err, host)
		}
		if name := strings.TrimSuffix(host, ":"+r.Port); !r.Public && !officialPattern.MatchString(name) {
			t.Errorf("Parse(%q) = %#v, a host that the official pattern refuses", image, r)
		}
	})
}
