package account

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// client is an HTTP client of the SDK that sends bodies out of a memory of its own. The
// SDK closes the body of a request as soon as an answer begins; net/http takes that for
// a write that failed, if it has not looked yet whether the body has an end, and cuts
// the connection. The SDK then makes the call once more, although AWS has done it.
type client struct{ aws.HTTPClient }

// Do implements [aws.HTTPClient].
func (c client) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return c.HTTPClient.Do(r)
	}
	body, err := io.ReadAll(r.Body)
	if err = errors.Join(err, r.Body.Close()); err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	return c.HTTPClient.Do(r)
}
