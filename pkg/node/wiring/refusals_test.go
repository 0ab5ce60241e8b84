package wiring_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/wiring"
)

func TestPrintRefuses(t *testing.T) {
	tests := []struct {
		name string
		form string
		with func(*wiring.Values)
		want string
	}{
		{
			name: "a name that nobody knows", form: "k8s",
			want: `print wiring: no form is named "k8s"; there are k0s, microk8s, kubespray, kops, eks-hybrid, talos, bottlerocket; ` +
				"hint: kubeadm, k3s, rke2, eks and generic are written by ecr-node-bootstrap install",
		},
		{
			name: "a space in a path", form: "k0s",
			with: func(v *wiring.Values) { v.BinDir = "/opt/my plugins" },
			want: `print wiring of k0s: the bin dir "/opt/my plugins" has a ' ', which does not survive on the way to the kubelet`,
		},
		{
			name: "a variable in a path", form: "microk8s",
			with: func(v *wiring.Values) { v.Config = "/etc/$x" },
			want: `print wiring of microk8s: the config "/etc/$x" has a '$', which does not survive on the way to the kubelet`,
		},
		{
			name: "a quote in a path", form: "kubespray",
			with: func(v *wiring.Values) { v.Config = `/etc/"x"` },
			want: `print wiring of kubespray: the config "/etc/\"x\"" has a '"', which does not survive on the way to the kubelet`,
		},
		{
			name: "a relative path", form: "eks-hybrid",
			with: func(v *wiring.Values) { v.BinDir = "bin" },
			want: `print wiring of eks-hybrid: the bin dir "bin" is not a clean absolute path`,
		},
		{
			name: "a path that is not clean", form: "kops",
			with: func(v *wiring.Values) { v.BinDir = "/opt/../bin" },
			want: `print wiring of kops: the bin dir "/opt/../bin" is not a clean absolute path`,
		},
		{
			name: "no document", form: "talos",
			with: func(v *wiring.Values) { v.Document = "\n" },
			want: "print wiring of talos: it contains the CredentialProviderConfig, and none is given",
		},
		{
			name: "a document that begins with a space", form: "kops",
			with: func(v *wiring.Values) { v.Document = "\n  kind: x\n" },
			want: "print wiring of kops: the CredentialProviderConfig begins with a space, which a literal block of YAML takes for its indentation",
		},
		{
			name: "two documents", form: "talos",
			with: func(v *wiring.Values) { v.Document += "---\nkind: x\n" },
			want: "print wiring of talos: the CredentialProviderConfig has a document marker of YAML, and can be no part of another one",
		},
		{
			name: "no hosts", form: "bottlerocket",
			with: func(v *wiring.Values) { v.MatchImages = nil },
			want: "print wiring of bottlerocket: it lists the hosts, and none is given",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := values()
			if tt.with != nil {
				tt.with(&v)
			}
			text, err := wiring.Print(tt.form, v)
			if err == nil {
				t.Fatalf("it printed\n%s", text)
			}
			if got := hint.Line(err); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestRBACRefuses(t *testing.T) {
	for _, tt := range []struct {
		audience string
		names    []string
		want     string
	}{
		{"", nil, "print rbac: no audience is given"},
		{"*", nil, `print rbac: "*" would be every audience; name the one of tokenAttributes`},
		{"sts.amazonaws.com", []string{"a", ""}, "print rbac: the name of a service account is empty"},
	} {
		if _, err := wiring.RBAC(tt.audience, tt.names); err == nil || err.Error() != tt.want {
			t.Errorf("RBAC(%q, %q): %v, want %s", tt.audience, tt.names, err, tt.want)
		}
	}
}

// TestFormsAgree says that the zero value's paths are the same in all forms, and that
// the forms that have their own do not name them.
func TestFormsAgree(t *testing.T) {
	v := values()
	v.BinDir, v.Config = "", ""
	got := map[string]bool{}
	for _, name := range wiring.Names() {
		text := printed(t, name, v)
		got[name] = strings.Contains(text, "--image-credential-provider-bin-dir=/opt/ecr-credential-provider/bin") &&
			strings.Contains(text, "--image-credential-provider-config=/etc/ecr-credential-provider/config.yaml")
		if named := strings.Contains(text, "image-credential-provider-"); named != got[name] {
			t.Errorf("%s names other paths than the others:\n%s", name, text)
		}
	}
	want := map[string]bool{
		"k0s": true, "microk8s": true, "kubespray": true, "kops": true, "eks-hybrid": true, "talos": false, "bottlerocket": false,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the forms that name bin dir and config (-want +got):\n%s", diff)
	}
}
