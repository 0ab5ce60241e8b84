package provider_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/kubelet/pkg/apis/credentialprovider"
	"k8s.io/kubelet/pkg/apis/credentialprovider/install"
	v1 "k8s.io/kubelet/pkg/apis/credentialprovider/v1"
	"k8s.io/kubelet/pkg/apis/credentialprovider/v1alpha1"
	"k8s.io/kubelet/pkg/apis/credentialprovider/v1beta1"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/provider"
)

// codecs are the kubelet's: strict, with all three versions.
func codecs(t *testing.T) serializer.CodecFactory {
	t.Helper()
	scheme := runtime.NewScheme()
	install.Install(scheme)
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict)
}

var versions = []schema.GroupVersion{v1.SchemeGroupVersion, v1beta1.SchemeGroupVersion, v1alpha1.SchemeGroupVersion}

// TestRequestOfKubelet encodes requests as the kubelet does (plugin.go,
// encodeRequest) and reads them.
func TestRequestOfKubelet(t *testing.T) {
	codecs := codecs(t)
	for _, version := range versions {
		t.Run(version.Version, func(t *testing.T) {
			in := &credentialprovider.CredentialProviderRequest{Image: "public.ecr.aws/a/b"}
			want := provider.Request{Kind: "CredentialProviderRequest", APIVersion: version.String(), Image: in.Image}
			if version == v1.SchemeGroupVersion { // the others have no such fields
				in.ServiceAccountToken = "header.claims.signature"
				in.ServiceAccountAnnotations = map[string]string{"a": "b"}
				want.ServiceAccountToken = provider.Secret(in.ServiceAccountToken)
				want.ServiceAccountAnnotations = in.ServiceAccountAnnotations
			}
			info, ok := runtime.SerializerInfoForMediaType(codecs.SupportedMediaTypes(), runtime.ContentTypeJSON)
			if !ok {
				t.Fatal("no JSON serializer")
			}
			encoded, err := runtime.Encode(codecs.EncoderForVersion(info.Serializer, version), in)
			if err != nil {
				t.Fatal(err)
			}
			got, err := provider.ReadRequest(bytes.NewReader(encoded))
			if err != nil {
				t.Fatal(err)
			}
			// Secrets print as REDACTED: compare the bytes too.
			if diff := cmp.Diff(want, got); diff != "" || string(got.ServiceAccountToken) != in.ServiceAccountToken {
				t.Errorf("ReadRequest(%s): (-want +got)\n%s", encoded, diff)
			}
		})
	}
}

// TestResponseToKubelet decodes what Write writes with the strict codec of the
// kubelet, which refuses every field it does not know.
func TestResponseToKubelet(t *testing.T) {
	codecs := codecs(t)
	for _, version := range versions {
		t.Run(version.Version, func(t *testing.T) {
			response := provider.Response{
				APIVersion: version.String(), Host: "public.ecr.aws:443", Username: "AWS", Password: `quo"ted<&>`, CacheDuration: 90 * time.Second,
			}
			var b writes
			if err := response.Write(&b); err != nil {
				t.Fatal(err)
			}
			if len(b) != 1 || !strings.HasSuffix(b[0], "}\n") {
				t.Fatalf("Write wrote %q, want one document in one call, and a newline", []string(b))
			}
			got, gvk, err := codecs.UniversalDecoder(credentialprovider.SchemeGroupVersion).Decode([]byte(b[0]), nil, nil)
			if err != nil {
				t.Fatalf("the kubelet's codec refuses %s: %v", b[0], err)
			}
			if want := version.WithKind("CredentialProviderResponse"); *gvk != want {
				t.Errorf("it is a %v, want %v", gvk, want)
			}
			want := &credentialprovider.CredentialProviderResponse{
				CacheKeyType:  credentialprovider.RegistryPluginCacheKeyType,
				CacheDuration: &metav1.Duration{Duration: 90 * time.Second},
				Auth:          map[string]credentialprovider.AuthConfig{"public.ecr.aws:443": {Username: "AWS", Password: `quo"ted<&>`}},
			}
			if diff := cmp.Diff(runtime.Object(want), got); diff != "" {
				t.Errorf("the kubelet reads (-want +got)\n%s", diff)
			}
		})
	}
}

type writes []string

func (w *writes) Write(p []byte) (int, error) { *w = append(*w, string(p)); return len(p), nil }

func TestResponseWriteFails(t *testing.T) {
	r, w := io.Pipe()
	gone := errors.New("gone")
	r.CloseWithError(gone)
	err := provider.Response{}.Write(w)
	if want := "writing the response to stdout: gone"; !errors.Is(err, gone) || err.Error() != want {
		t.Errorf("Write to a closed pipe: %v, want %s", err, want)
	}
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

func TestReadRequestFails(t *testing.T) {
	if _, err := provider.ReadRequest(failingReader{io.ErrUnexpectedEOF}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("ReadRequest of a broken stdin: %v, want it to wrap %v", err, io.ErrUnexpectedEOF)
	}

	// The bound is on bytes, not on the request: one that fits to the byte is read.
	const head, tail = `{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":"a","x":"`, `"}`
	fill := func(size int) io.Reader {
		return strings.NewReader(head + strings.Repeat("x", size-len(head)-len(tail)) + tail)
	}
	if _, err := provider.ReadRequest(fill(1 << 20)); err != nil {
		t.Errorf("ReadRequest of 1 MiB: %v", err)
	}
	if _, err := provider.ReadRequest(io.MultiReader(fill(1<<20+1), failingReader{io.ErrUnexpectedEOF})); err == nil || err.Error() != "the request on stdin is larger than 1048576 bytes" {
		t.Errorf("ReadRequest of 1 MiB and a byte: %v, want it refused for its size", err)
	}
}

// TestReadRequestQuotes bounds what is quoted of a request.
func TestReadRequestQuotes(t *testing.T) {
	long := strings.Repeat("k", 65)
	for _, in := range []string{`{"kind":"` + long + `"}`, `{"kind":"CredentialProviderRequest","apiVersion":"` + long + `"}`} {
		if _, err := provider.ReadRequest(strings.NewReader(in)); err == nil || !strings.Contains(err.Error(), long[1:]) || strings.Contains(err.Error(), long) {
			t.Errorf("ReadRequest(%s): %v, want 64 characters quoted", in, err)
		}
	}
	for in, want := range map[string]string{
		" \n": "stdin is empty: there is no request",
		"[]":  "the request on stdin is not a CredentialProviderRequest: it has the wrong JSON type",
	} {
		if _, err := provider.ReadRequest(strings.NewReader(in)); err == nil || err.Error() != want {
			t.Errorf("ReadRequest(%q): %v, want %s", in, err, want)
		}
	}
}

// FuzzReadRequest: whatever is read is a request or one printable line, and what
// was sent as a token is never part of that line.
func FuzzReadRequest(f *testing.F) {
	const secret = "s3cr3t-t0k3n"
	for _, seed := range []string{
		``, `{}`, `{"apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":"a"}`, `[]`, `null`, `"s3cr3t-t0k3n"`, `{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":"a"}`,
		`{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1beta1","image":"a/b","serviceAccountToken":"s3cr3t-t0k3n"}`,
		`{"serviceAccountToken":"s3cr3t-t0k3n"`, `{"serviceAccountToken":["s3cr3t-t0k3n"]}`, `{"image":{"s3cr3t-t0k3n":1}}`, "\xff\xfe{}", "{}\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := provider.ReadRequest(bytes.NewReader(b))
		if err == nil {
			if q.Kind != "CredentialProviderRequest" || q.Image == "" || !strings.HasPrefix(q.APIVersion, "credentialprovider.kubelet.k8s.io/v1") {
				t.Errorf("ReadRequest(%q) = %+v, which is none", b, q)
			}
			return
		}
		line := hint.Line(err)
		if strings.ContainsAny(line, "\n\r\x00") {
			t.Errorf("ReadRequest(%q): %q is not one line", b, line)
		}
		if token := bytes.Contains(b, []byte(`"serviceAccountToken":"`+secret)); token && strings.Contains(line, secret) {
			t.Errorf("ReadRequest(%q): %q shows the token", b, line)
		}
	})
}

func TestSecret(t *testing.T) {
	s := provider.Secret("hush")
	for _, format := range []string{"%s", "%v", "%+v", "%#v", "%q", "%x", "%d", "%10s"} {
		if got := fmt.Sprintf(format, s); got != "REDACTED" {
			t.Errorf("Sprintf(%q, secret) = %q", format, got)
		}
		if got := fmt.Sprintf(format, struct{ S provider.Secret }{s}); strings.Contains(got, "hush") || strings.Contains(got, "68757368") {
			t.Errorf("Sprintf(%q, struct with secret) = %q", format, got)
		}
	}
	if b, err := s.MarshalText(); string(b) != "REDACTED" || err != nil {
		t.Errorf("MarshalText() = %q, %v", b, err)
	}
	if got := provider.Secret("").String(); got != "" {
		t.Errorf("an empty secret prints %q, want nothing", got)
	}
}

func TestRedacted(t *testing.T) {
	cause := errors.New("STS says: header-of-some-length.claims-of-some-length.short and claims-of-some-length alone, and short")
	q := provider.Request{ServiceAccountToken: "header-of-some-length.claims-of-some-length.short"}
	err := q.Redacted(fmt.Errorf("asking: %w", cause))
	if want := "asking: STS says: REDACTED and REDACTED alone, and short"; err.Error() != want {
		t.Errorf("Redacted = %q, want %q", err, want)
	}
	if !errors.Is(err, cause) {
		t.Error("Redacted lost its cause")
	}
	if got := (provider.Request{}).Redacted(cause); got != cause {
		t.Errorf("without a token Redacted = %v, want the error itself", got)
	}
	if got := q.Redacted(nil); got != nil {
		t.Errorf("Redacted(nil) = %v", got)
	}
}
