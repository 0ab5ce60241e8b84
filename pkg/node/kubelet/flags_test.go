package kubelet_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/kubelet"
)

func TestFlags(t *testing.T) {
	const config, binDir = "image-credential-provider-config", "image-credential-provider-bin-dir"
	for _, tt := range []struct {
		name string
		args []string
		want [2]string // config and bin dir
	}{
		{"none", nil, [2]string{}},
		{"with =", []string{"--v=2", "--" + config + "=/c", "--" + binDir + "=/b"}, [2]string{"/c", "/b"}},
		{"apart", []string{"--" + config, "/c", "--" + binDir, "/b"}, [2]string{"/c", "/b"}},
		{"one dash", []string{"-" + config + "=/c", "-" + binDir, "/b"}, [2]string{"/c", "/b"}},
		{"underscores", []string{"--image_credential_provider_config=/c_d"}, [2]string{"/c_d", ""}},
		{"the last one", []string{"--" + config + "=/c", "--" + binDir + "=/b", "--" + config, "/d"}, [2]string{"/d", "/b"}},
		{"the last one is empty", []string{"--" + config + "=/c", "--" + config + "="}, [2]string{}},
		{"= in a value", []string{"--" + config + "=/c=d"}, [2]string{"/c=d", ""}},
		{"a flag as a value", []string{"--" + config, "--" + binDir + "=/b"}, [2]string{"--" + binDir + "=/b", ""}},
		{"no value", []string{"--" + binDir + "=/b", "--" + config}, [2]string{"", "/b"}},
		{"others", []string{config + "=/c", "--x" + config + "=/c", "--" + config + "x=/c", "---" + config + "=/c"}, [2]string{}},
		{"the end of flags", []string{"--" + binDir + "=/b", "--", "--" + config + "=/c"}, [2]string{"", "/b"}},
		{"k3s", []string{"server", "--kubelet-arg=" + config + "=/c", "--kubelet-arg", binDir + "=/b", "--kubelet-arg=v=2"}, [2]string{"/c", "/b"}},
		{"k3s, with dashes", []string{"--kubelet-arg=--" + config + "=/c"}, [2]string{"/c", ""}},
		{"k3s, over its own flag", []string{"--kubelet-arg=" + config + "=/c", "--" + config + "=/d", "--" + binDir + "=/b"}, [2]string{"/c", "/b"}},
		{"k3s, the last one", []string{"--kubelet-arg=" + config + "=/c", "--kubelet-arg=" + config + "=/d"}, [2]string{"/d", ""}},
		{"k3s, no value", []string{"--kubelet-arg=x", "--kubelet-arg"}, [2]string{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, b := kubelet.Flags(tt.args)
			if diff := cmp.Diff(tt.want, [2]string{c, b}); diff != "" {
				t.Errorf("Flags(%q) (-want +got)\n%s", tt.args, diff)
			}
		})
	}
}

// FuzzFlags: what is written by --flag= last is what is read.
func FuzzFlags(f *testing.F) {
	f.Add("--image-credential-provider-config\n/c\n--kubelet-arg=v=2", "/etc/config.yaml")
	f.Fuzz(func(t *testing.T, before, value string) {
		kubelet.Flags(strings.Split(before, "\n"))
		args := append(strings.Split(before, "\n"), "-x", "--kubelet-arg=image-credential-provider-config="+value)
		for _, arg := range args[:len(args)-2] {
			// What takes the next argument, or ends the flags.
			if arg == "--" || !strings.Contains(arg, "=") && strings.HasPrefix(arg, "-") {
				return
			}
		}
		if got, _ := kubelet.Flags(args); got != value {
			t.Errorf("Flags(%q) = %q, want %q", args, got, value)
		}
	})
}
