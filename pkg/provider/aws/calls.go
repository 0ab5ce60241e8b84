package aws

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// calls watches the HTTP attempts of one fetch: it cuts the silent ones, decides
// which failures are worth another, and remembers enough to explain the last.
type calls struct {
	deadline    time.Time
	maxAttempts int // of one operation; 0 for as many as the deadline allows
	attempted   func()

	mu       sync.Mutex
	attempts int    // of the current step
	host     string // of the newest attempt
	last     error  // of the newest attempt that failed
}

// step forgets the attempts of the step before, whose story is over.
func (c *calls) step() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.attempts, c.host, c.last = 0, "", nil
}

// observe adds the watcher to an operation as its outermost deserializer, where
// it sees each attempt once, the body's last byte included.
func (c *calls) observe(stack *middleware.Stack) error {
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("ECRAttempt", c.attempt), middleware.Before)
}

func (c *calls) attempt(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
	middleware.DeserializeOutput, middleware.Metadata, error,
) {
	host := ""
	if req, ok := in.Request.(*smithyhttp.Request); ok {
		host = req.URL.Host
	}
	c.mu.Lock()
	c.attempts++
	c.host = host
	if c.attempted != nil {
		c.attempted()
	}
	c.mu.Unlock()

	attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	out, metadata, err := next.HandleDeserialize(attempt, in)
	if err != nil && attempt.Err() != nil && ctx.Err() == nil {
		err = &silentError{host: host}
	}
	if err != nil && ctx.Err() == nil {
		c.mu.Lock()
		c.last = err
		c.mu.Unlock()
	}
	return out, metadata, err
}

// silentError is an attempt that got no answer in time. It replaces the SDK's
// "canceled", which would neither be retried nor tell anybody anything.
type silentError struct{ host string }

func (e *silentError) Error() string {
	return fmt.Sprintf("%s did not answer within %s", e.host, attemptTimeout)
}

// RetryableError makes the SDK's classification retry it.
func (e *silentError) RetryableError() bool { return true }

// retryer is the SDK's retry policy for every client of a fetch. What is worth a
// retry is the SDK's judgement but for broken TLS, which does not mend itself
// within seconds; how long, is ours: throttling until the deadline, anything else a
// few times. AWS_MAX_ATTEMPTS bounds it from outside.
type retryer struct{ *calls }

const (
	// An outage that outlasts these attempts, about two seconds, is left to the
	// kubelet, which asks again: a pod is told its reason while it is fresh.
	mostAttempts = 5

	// Delays double from the first to the longest, with full jitter over each:
	// a fleet that was throttled together must not come back together
	// (aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter).
	firstDelay         = 200 * time.Millisecond
	firstThrottleDelay = 500 * time.Millisecond
	longestDelay       = 8 * time.Second
)

var (
	retryable = retry.IsErrorRetryables(retry.DefaultRetryables)
	throttled = retry.IsErrorThrottles(retry.DefaultThrottles)
)

func (r retryer) IsErrorRetryable(err error) bool {
	if fromImpostor(err) {
		return false
	}
	// A body that ends early is a connection that broke; the SDK only knows those
	// that break before it.
	return errors.Is(err, io.ErrUnexpectedEOF) || retryable.IsErrorRetryable(err) == sdk.TrueTernary
}

// fromImpostor reports that whoever answered cannot be AWS: its certificate is
// nobody's, or it does not speak TLS.
func fromImpostor(err error) bool {
	_, unverified := errors.AsType[*tls.CertificateVerificationError](err)
	_, notTLS := errors.AsType[tls.RecordHeaderError](err)
	return unverified || notTLS || errors.Is(err, http.ErrSchemeMismatch)
}

// MaxAttempts is that of AWS_MAX_ATTEMPTS or the profile; 0 is no bound.
func (r retryer) MaxAttempts() int { return r.maxAttempts }

// RetryDelay returns err itself where there is no further attempt to make.
func (r retryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	first := firstDelay
	switch {
	case throttled.IsErrorThrottle(err) == sdk.TrueTernary:
		first = firstThrottleDelay
	case attempt >= mostAttempts:
		return 0, err
	}
	const mostDoublings = 8 // far beyond longestDelay, and far from an overflow
	delay := rand.N(min(first<<min(max(attempt-1, 0), mostDoublings), longestDelay)) + time.Millisecond
	if time.Until(r.deadline) <= delay {
		return 0, err
	}
	return delay, nil
}

// GetInitialToken, GetRetryToken and GetAttemptToken would ration attempts among
// the operations of a long-lived client; a fetch has one.
func (r retryer) GetInitialToken() func(error) error { return noRelease }

func (r retryer) GetRetryToken(context.Context, error) (func(error) error, error) {
	return noRelease, nil
}

func (r retryer) GetAttemptToken(context.Context) (func(error) error, error) { return noRelease, nil }

func noRelease(error) error { return nil }
