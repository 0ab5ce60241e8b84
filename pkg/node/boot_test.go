package node

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/deploy"
)

// The unit is for everybody to read, and what it runs must be who the plugin is.
func TestTheWarmUnitHasOfTheKubeletsEnvironmentWhatThePluginHeeds(t *testing.T) {
	got := heeded(map[string]string{
		"AWS_PROFILE": "node", "AWS_CONFIG_FILE": "/etc/aws", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN": "t", "HOME": "/root", "LOG": "debug", "KUBELET_EXTRA_ARGS": "--v=2",
		"https_proxy": "http://proxy:1", "HTTPS_PROXY": "http://user:password@proxy:1", "NO_PROXY": "a@b", "SSL_CERT_FILE": "/c",
	})
	want := []deploy.Variable{
		{Name: "AWS_CONFIG_FILE", Value: "/etc/aws"}, {Name: "AWS_PROFILE", Value: "node"}, {Name: "HOME", Value: "/root"}, {Name: "NO_PROXY", Value: "a@b"},
		{Name: "SSL_CERT_FILE", Value: "/c"}, {Name: "https_proxy", Value: "http://proxy:1"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
