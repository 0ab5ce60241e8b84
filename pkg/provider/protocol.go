package provider

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

const (
	requestKind  = "CredentialProviderRequest"
	responseKind = "CredentialProviderResponse"
	group        = "credentialprovider.kubelet.k8s.io"

	// maxRequest bounds what is read from stdin. A request is an image, one
	// token and the annotations of a service account, which Kubernetes bounds to
	// 256 KiB.
	maxRequest = 1 << 20
)

// apiVersions are the ones that every kubelet up to 1.37 knows
// (pkg/credentialprovider/plugin/plugin.go). They share one JSON shape, but for
// the two service-account fields of the request that only v1 has.
var apiVersions = [...]string{group + "/v1", group + "/v1beta1", group + "/v1alpha1"}

// Request is the CredentialProviderRequest of all three API versions. A service
// account's token is honoured whatever the version says: ignoring one would hand
// the node's identity to a pod.
type Request struct {
	Kind       string `json:"kind"`
	APIVersion string `json:"apiVersion"`
	Image      string `json:"image"` // host[:port]/repository, without tag or digest

	ServiceAccountToken       Secret            `json:"serviceAccountToken,omitempty"`
	ServiceAccountAnnotations map[string]string `json:"serviceAccountAnnotations,omitempty"`
}

// ReadRequest reads one request from r to its end. Fields it does not know are
// ignored, because newer kubelets add some; anything else that is not a request
// is an error. What was read is not quoted in an error beyond kind, apiVersion
// and the position of a syntax error: there may be a token in it.
func ReadRequest(r io.Reader) (Request, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxRequest+1))
	switch {
	case err != nil:
		return Request{}, fmt.Errorf("reading the request from stdin: %w", err)
	case len(b) > maxRequest:
		return Request{}, fmt.Errorf("the request on stdin is larger than %d bytes", maxRequest)
	case len(bytes.TrimSpace(b)) == 0:
		return Request{}, notAsKubelet(errors.New("stdin is empty: there is no request"))
	}
	var q Request
	if err := json.Unmarshal(b, &q); err != nil {
		return Request{}, notAsKubelet(fmt.Errorf("the request on stdin is not a %s: %s", requestKind, jsonFault(err)))
	}
	switch {
	case q.Kind != requestKind:
		return Request{}, notAsKubelet(fmt.Errorf("the request has kind %.64q, not %s", q.Kind, requestKind))
	case !slices.Contains(apiVersions[:], q.APIVersion):
		return Request{}, hint.Wrap(
			fmt.Errorf("the request has apiVersion %.64q, which this version does not speak", q.APIVersion),
			"set the provider's apiVersion in the CredentialProviderConfig to %s, which needs kubelet 1.26; older ones know %s",
			apiVersions[0], apiVersions[1])
	case q.Image == "":
		return Request{}, errors.New("the request names no image")
	}
	return q, nil
}

func notAsKubelet(err error) error {
	return hint.Wrap(err, `the kubelet runs this program with a request on stdin; by hand: `+
		`echo '{"kind":%q,"apiVersion":%q,"image":"123456789012.dkr.ecr.us-east-1.amazonaws.com/app"}' | ecr-credential-provider`,
		requestKind, apiVersions[0])
}

// jsonFault says where a decoding error is without quoting the input.
func jsonFault(err error) string {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Sprintf("%s has the wrong JSON type", cmp.Or(e.Field, "it"))
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("bad JSON at byte %d", e.Offset)
	}
	return "bad JSON"
}

// Response is a CredentialProviderResponse with one set of credentials for one
// host.
type Response struct {
	APIVersion string // that of the request: the kubelet compares the strings
	Host       string // host[:port] of the requested image
	Username   string
	Password   Secret

	// CacheDuration is how long the kubelet may keep the credentials in whole
	// seconds. It is always sent: without it the kubelet would take the
	// defaultCacheDuration of its config, usually 12 h.
	CacheDuration time.Duration
}

// wireResponse is exactly what all three versions allow: since 1.32 the kubelet
// refuses an unknown field.
type wireResponse struct {
	Kind          string              `json:"kind"`
	APIVersion    string              `json:"apiVersion"`
	CacheKeyType  string              `json:"cacheKeyType"`
	CacheDuration string              `json:"cacheDuration"`
	Auth          map[string]wireAuth `json:"auth"`
}

type wireAuth struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// Write writes r as one JSON document and a newline, in one call of w.Write.
// Credentials hold for the whole registry, not for one image: cacheKeyType is
// Registry.
func (r Response) Write(w io.Writer) error {
	b, err := json.Marshal(wireResponse{
		Kind:          responseKind,
		APIVersion:    r.APIVersion,
		CacheKeyType:  "Registry",
		CacheDuration: r.CacheDuration.String(),
		Auth:          map[string]wireAuth{r.Host: {Username: r.Username, Password: string(r.Password)}},
	})
	if err != nil {
		return fmt.Errorf("encoding the response: %w", err)
	}
	if _, err := w.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("writing the response to stdout: %w", err)
	}
	return nil
}

// Redacted returns err with the request's token, and each part of it, taken out
// of its message: AWS quotes what it was sent in some of its own. err stays in the
// chain.
func (q Request) Redacted(err error) error {
	if err == nil || q.ServiceAccountToken == "" {
		return err
	}
	return &redactedError{err: err, token: q.ServiceAccountToken}
}

type redactedError struct {
	err   error
	token Secret
}

func (e *redactedError) Error() string {
	const shortest = 16 // a shorter part could be an ordinary word
	text := strings.ReplaceAll(e.err.Error(), string(e.token), e.token.String())
	for part := range strings.SplitSeq(string(e.token), ".") {
		if len(part) >= shortest {
			text = strings.ReplaceAll(text, part, e.token.String())
		}
	}
	return text
}

func (e *redactedError) Unwrap() error { return e.err }
