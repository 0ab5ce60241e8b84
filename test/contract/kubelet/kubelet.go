// Package kubelet is the seam between the stories of package contract and the
// kubelets that they are told to: a program for each minor version of Kubernetes, in
// a module of its own, which holds the kubelet's code and this package's [Main].
//
// Such a program takes the kubelet's two flags, registers its credential providers
// as the kubelet does at its start, and exits 1 with the reason if that fails. Then
// it reads a [Batch] per line of stdin, looks all of its images up at once, and
// writes a line with a list of credentials for each to stdout. What the kubelet
// logs goes to stderr. The kubelet keeps its providers in the process, for good: a
// kubelet that is started anew is another process.
package kubelet

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"sync"
)

// A Batch is what is looked up at once.
type Batch struct {
	Images []string `json:"images"` // host[:port]/repository: the kubelet takes tag and digest off
	Pod    Pod      `json:"pod"`    // whose images they are
}

// A Pod is one as its kubelet and the API server know it.
type Pod struct {
	Namespace string            `json:"namespace,omitempty"`
	Name      string            `json:"name,omitempty"`
	UID       string            `json:"uid,omitempty"`
	Account   *Account          `json:"account,omitempty"` // nil for a static pod
	Tokens    map[string]string `json:"tokens,omitempty"`  // what the API server gives for each audience
}

// An Account is the service account of a pod.
type Account struct {
	Name        string            `json:"name"`
	UID         string            `json:"uid"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Credentials are some that the kubelet would show the registry.
type Credentials struct {
	Username string `json:"username"`
	Password string `json:"password"`

	// Account is NAMESPACE/NAME of the service account whose the kubelet holds them
	// to be; "" if they are the node's, good for every pod.
	Account string `json:"account,omitempty"`
}

// A Minor is how a minor version of the kubelet does it.
type Minor struct {
	// Register is the start of the kubelet.
	Register func(config, binDir string, api *API) error

	// Lookup is the begin of a pull.
	Lookup func(image string, pod Pod) []Credentials
}

// Main is the program.
func Main(m Minor) {
	config := flag.String("image-credential-provider-config", "", "as of the kubelet")
	binDir := flag.String("image-credential-provider-bin-dir", "", "as of the kubelet")
	flag.Parse()
	api := &API{pods: map[string]Pod{}}
	if err := m.Register(*config, *binDir, api); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := m.serve(api, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (m Minor) serve(api *API, in io.Reader, out io.Writer) error {
	decoder, encoder := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var b Batch
		switch err := decoder.Decode(&b); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		api.admit(b.Pod)
		found := make([][]Credentials, len(b.Images))
		var all sync.WaitGroup
		for i, image := range b.Images {
			all.Go(func() { found[i] = m.Lookup(image, b.Pod) })
		}
		all.Wait()
		if err := encoder.Encode(found); err != nil {
			return err
		}
	}
}

// API is the API server: it knows the pods whose images were looked up.
type API struct {
	mu   sync.Mutex
	pods map[string]Pod // by UID
}

func (a *API) admit(p Pod) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pods[p.UID] = p
}

// Account returns a service account.
func (a *API) Account(namespace, name string) (Account, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.pods {
		if p.Account != nil && p.Namespace == namespace && p.Account.Name == name {
			return *p.Account, nil
		}
	}
	return Account{}, fmt.Errorf("serviceaccounts %q not found in %s", name, namespace)
}

// Token returns a service account's token, bound to the pod, for the audience.
func (a *API) Token(namespace, account, podUID, audience string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.pods[podUID]
	token, ok := p.Tokens[audience]
	if !ok || p.Namespace != namespace || p.Account.Name != account {
		return "", fmt.Errorf("no token of %s/%s for the audience %q and the pod %s", namespace, account, audience, podUID)
	}
	return token, nil
}
