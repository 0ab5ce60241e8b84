// Command v1.31 is the part of a kubelet of Kubernetes 1.31 that deals with
// credential providers; see package kubelet for how it is spoken to. It is the last
// minor that reads configs and answers leniently, and it knows no service accounts.
package main

import (
	"flag"

	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/credentialprovider"
	"k8s.io/kubernetes/pkg/credentialprovider/plugin"

	"github.com/kubelet-ecr/kubelet-ecr/test/contract/kubelet"
)

func main() {
	klog.InitFlags(flag.CommandLine)
	kubelet.Main(kubelet.Minor{Register: register, Lookup: lookup})
}

func register(config, binDir string, _ *kubelet.API) error {
	return plugin.RegisterCredentialProviderPlugins(config, binDir)
}

func lookup(image string, _ kubelet.Pod) []kubelet.Credentials {
	var all []kubelet.Credentials
	found, _ := credentialprovider.NewDockerKeyring().Lookup(image)
	for _, f := range found {
		all = append(all, kubelet.Credentials{Username: f.Username, Password: f.Password})
	}
	return all
}
