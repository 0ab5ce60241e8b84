// Command v1.37 is the part of a kubelet of Kubernetes 1.37 that deals with
// credential providers; see package kubelet for how it is spoken to.
package main

import (
	"flag"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/credentialprovider/plugin"

	"github.com/kubelet-ecr/kubelet-ecr/test/contract/kubelet"
)

func main() {
	klog.InitFlags(flag.CommandLine)
	kubelet.Main(kubelet.Minor{Register: register, Lookup: lookup})
}

// register is what NewKubeGenericRuntimeManager does with the two flags
// (pkg/kubelet/kuberuntime/kuberuntime_manager.go).
func register(config, binDir string, api *kubelet.API) error {
	getToken := func(namespace, name string, tr *authenticationv1.TokenRequest) (*authenticationv1.TokenRequest, error) {
		token, err := api.Token(namespace, name, string(tr.Spec.BoundObjectRef.UID), tr.Spec.Audiences[0])
		tr.Status.Token = token
		return tr, err
	}
	getAccount := func(namespace, name string) (*corev1.ServiceAccount, error) {
		a, err := api.Account(namespace, name)
		return &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: a.Name, UID: types.UID(a.UID), Annotations: a.Annotations,
		}}, err
	}
	return plugin.RegisterCredentialProviderPlugins(config, binDir, getToken, getAccount)
}

// lookup is what the image manager does for a pod (pkg/kubelet/images/image_manager.go,
// makeLookupPullCredentialsFunc).
func lookup(image string, pod kubelet.Pod) []kubelet.Credentials {
	account := ""
	if pod.Account != nil {
		account = pod.Account.Name
	}
	var all []kubelet.Credentials
	found, _ := plugin.NewExternalCredentialProviderDockerKeyring(pod.Namespace, pod.Name, pod.UID, account).Lookup(image)
	for _, f := range found {
		c := kubelet.Credentials{Username: f.Username, Password: f.Password}
		if f.Source != nil && f.Source.ServiceAccount != nil {
			c.Account = f.Source.ServiceAccount.Namespace + "/" + f.Source.ServiceAccount.Name
		}
		all = append(all, c)
	}
	return all
}
