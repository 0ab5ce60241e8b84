package aws

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"syscall"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
)

const (
	// metadataPatience is all the time that the instance metadata service has. It
	// is on the host: it answers in milliseconds or it is not there. The SDK takes up
	// to 10 s to see that (3 nested attempts of 3).
	metadataPatience = 3 * time.Second

	// metadataAttempt cuts one request, so that a lost packet costs no more.
	metadataAttempt = time.Second
)

// metadata is the instance metadata service as the credential chain asks it. It
// gives up after metadataPatience, never asks through a proxy, and fails with a
// metadataError.
type metadata struct {
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
	client *imds.Client

	mu       sync.Mutex
	deadline time.Time     // when the patience ends
	heard    metadataError // what the newest request came to
	role     bytes.Buffer  // of the instance, as it was told
}

// rolePath is where the metadata service tells the role of the instance profile.
// The SDK asks there first. A profile that was exchanged for another shows by it: what
// counts for a token is the role, and iam/info would be one request more.
const rolePath = "/iam/security-credentials/"

// from makes the client, which takes endpoint, IPv4 or IPv6, and the fall-back to
// version 1 from what cfg was loaded from.
func (m *metadata) from(cfg sdk.Config) {
	client := &http.Client{
		// No proxy: it would answer with the role of its own instance.
		Transport: &http.Transport{DialContext: m.dial},
		Timeout:   metadataAttempt,
	}
	m.client = imds.NewFromConfig(cfg, func(o *imds.Options) {
		o.APIOptions = nil // those are for AWS: attempts here have other limits
		o.HTTPClient = listener{client, m}
		o.DisableDefaultMaxBackoff = true // ours is shorter
		o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) {
			s.MaxBackoff = 200 * time.Millisecond
			s.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(m.futile)}, s.Retryables...)
		})
	})
}

// GetMetadata is what the SDK's EC2 role provider calls, more than once.
func (m *metadata) GetMetadata(ctx context.Context, in *imds.GetMetadataInput, optFns ...func(*imds.Options)) (*imds.GetMetadataOutput, error) {
	m.mu.Lock()
	if m.deadline.IsZero() {
		m.deadline = time.Now().Add(metadataPatience)
	}
	ctx, cancel := context.WithDeadline(ctx, m.deadline)
	m.mu.Unlock()
	defer cancel()

	out, err := m.client.GetMetadata(ctx, in, optFns...)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		failure := m.heard
		failure.path, failure.err = in.Path, err
		return nil, &failure
	}
	if in.Path == rolePath {
		m.role.Reset()
		out.Content = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(out.Content, &m.role), out.Content}
	}
	return out, nil
}

// line returns the first line of what the metadata service says at the path.
func (m *metadata) line(ctx context.Context, path string) (string, error) {
	out, err := m.GetMetadata(ctx, &imds.GetMetadataInput{Path: path})
	if err != nil {
		return "", err
	}
	defer out.Content.Close()
	text, err := io.ReadAll(io.LimitReader(out.Content, 1<<10))
	return firstLine(text), err
}

func firstLine(text []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(text), []byte("\n"))
	return string(line)
}

// listener is the metadata client's HTTP client, with an ear on its answers.
type listener struct {
	client *http.Client
	m      *metadata
}

func (l listener) Do(req *http.Request) (*http.Response, error) {
	resp, err := l.client.Do(req)
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	heard := &l.m.heard
	if err != nil && req.Context().Err() != nil && heard.host != "" {
		return nil, err // the patience is over: what was heard before is the reason
	}
	*heard = metadataError{host: req.URL.Host, lost: heard.lost}
	if err != nil {
		heard.refused = errors.Is(err, syscall.ECONNREFUSED)
		heard.lost = heard.lost || req.Method == http.MethodPut && timedOut(err)
		return nil, err
	}
	heard.status = resp.StatusCode
	return resp, nil
}

// futile keeps a session-token request that got no answer from being tried again.
// With a hop limit of 1 the answer never reaches a container; the time is better
// spent on the request after it, without a token, whose 401 tells this from an
// absent service and is the end of it too.
func (m *metadata) futile(err error) sdk.Ternary {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := errors.AsType[*url.Error](err); ok && e.Op == "Put" && e.Timeout() {
		return sdk.FalseTernary
	}
	if m.heard.lost && m.heard.status == http.StatusUnauthorized {
		return sdk.FalseTernary
	}
	return sdk.UnknownTernary
}

func timedOut(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// metadataError is a failure of the instance metadata service.
type metadataError struct {
	host    string // "" if it was not asked
	path    string
	status  int  // of the last answer; 0 if the last request got none
	refused bool // the last connection was
	lost    bool // a request for a session token got no answer
	err     error
}

func (e *metadataError) Error() string {
	const imds = "the instance metadata service (IMDS)"
	switch {
	case e.host == "":
		return fmt.Sprintf("%s was not asked: %v", imds, e.err)
	case e.status != 0:
		return fmt.Sprintf("%s at %s answers %s with status %d", imds, e.host, e.path, e.status)
	case e.refused:
		return fmt.Sprintf("%s refuses connections at %s", imds, e.host)
	default:
		return fmt.Sprintf("%s does not answer at %s", imds, e.host)
	}
}

func (e *metadataError) Unwrap() error { return e.err }
