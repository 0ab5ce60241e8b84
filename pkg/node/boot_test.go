package node

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/deploy"
)

// The unit is for everybody to read, and what it runs must be who the plugin is.
func TestTheWarmUnitHasOfTheKubeletsEnvironmentWhatThePluginHeeds(t *testing.T) {
	got := heeded(map[string]string{
		"AWS_PROFILE": "node", "AWS_CONFIG_FILE": "/etc/aws", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN": "t", "AWS_ACCESS_KEY": "AKIA", "AWS_SECRET_KEY": "s", "AWS_BEARER_TOKEN_BEDROCK": "t", "AWS_SECURITY_TOKEN": "t",
		"AWS_ENDPOINT_URL": "https://user:password@aws:1", "AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/u", "AWS_ROLE_SESSION_NAME": "a@b",
		"HOME": "/root", "LOG": "debug", "KUBELET_EXTRA_ARGS": "--v=2",
		"https_proxy": "http://proxy:1", "HTTPS_PROXY": "http://user:password@proxy:1", "NO_PROXY": "a@b", "SSL_CERT_FILE": "/c",
	})
	want := []deploy.Variable{
		{Name: "AWS_CONFIG_FILE", Value: "/etc/aws"}, {Name: "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", Value: "/u"}, {Name: "AWS_PROFILE", Value: "node"},
		{Name: "AWS_ROLE_SESSION_NAME", Value: "a@b"}, {Name: "AWS_WEB_IDENTITY_TOKEN_FILE", Value: "/t"}, {Name: "HOME", Value: "/root"}, {Name: "NO_PROXY", Value: "a@b"},
		{Name: "SSL_CERT_FILE", Value: "/c"}, {Name: "https_proxy", Value: "http://proxy:1"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestANodeWithoutCronIsToldThatNothingRenews(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"none":               {openRCNode, []string{"no-cron"}},
		"one that starts":    {with(openRCNode, "/etc/runlevels/default/crond", ""), nil},
		"another, at boot":   {with(openRCNode, "/etc/runlevels/boot/cronie", ""), nil},
		"none under systemd": {k3s, nil},
	} {
		o, err := open(t, c.files).Plan(context.Background(), nil, Options{Plugin: builtPlugin})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range o.Findings {
			got = append(got, f.Code)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
