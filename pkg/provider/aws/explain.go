package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os/exec"

	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/smithy-go"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

// explain makes one readable error of what the SDK returned while doing: the
// cause without the SDK's layers, how often it was tried, and the hint for it.
// The SDK's error stays in the chain.
func (f *fetch) explain(ctx context.Context, doing string, err error) error {
	f.calls.mu.Lock()
	attempts, host, last := f.calls.attempts, f.calls.host, f.calls.last
	f.calls.mu.Unlock()

	if ctx.Err() != nil {
		// The SDK only says that it was canceled: the attempt before knows more.
		e := &interruptedError{host: host, attempts: attempts, err: err}
		e.late = errors.Is(context.Cause(ctx), context.DeadlineExceeded)
		if last != nil {
			e.last, e.err = reason(last), errors.Join(err, last)
		}
		err = e
	}
	text := reason(err)
	if attempts > 1 && ctx.Err() == nil {
		text += fmt.Sprintf(" (%d attempts)", attempts)
	}
	return hint.Wrap(&callError{text: doing + ": " + text, err: err}, "%s", f.advice(err))
}

// callError shows text for the SDK's err.
type callError struct {
	text string
	err  error
}

func (e *callError) Error() string { return e.text }
func (e *callError) Unwrap() error { return e.err }

// interruptedError is a step that the deadline, or whoever started the plugin,
// ended.
type interruptedError struct {
	late     bool
	host     string // that had not answered yet, if any was asked
	attempts int
	last     string // why the attempt before failed, if there was one
	err      error
}

func (e *interruptedError) Error() string {
	text := "interrupted"
	switch {
	case e.late && e.host != "":
		text = fmt.Sprintf("%s did not answer in time", e.host)
	case e.late:
		text = "not finished in time"
	}
	if e.attempts > 1 {
		text += fmt.Sprintf(" (%d attempts)", e.attempts)
	}
	if e.last != "" {
		text += "; before that: " + e.last
	}
	return text
}

func (e *interruptedError) Unwrap() error { return e.err }

// reason is the sentence inside the SDK's layers. What a credential_process
// printed is never in it: the SDK quotes it whole where it cannot parse it, with
// the secret key.
func reason(err error) string {
	if e, ok := errors.AsType[*interruptedError](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[*metadataError](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[*processcreds.ProviderError](err); ok {
		return processReason(e)
	}
	if e, ok := errors.AsType[*silentError](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return apiReason(e, err)
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[*smithy.DeserializationError](err); ok {
		return fmt.Sprintf("the answer is not one of AWS: %v", e.Err)
	}
	return err.Error()
}

func apiReason(api smithy.APIError, err error) string {
	text := api.ErrorCode()
	if m := api.ErrorMessage(); m != "" {
		text += ": " + m
	}
	if e, ok := errors.AsType[interface {
		error
		ServiceRequestID() string
	}](err); ok && e.ServiceRequestID() != "" {
		text += " (request " + e.ServiceRequestID() + ")"
	}
	return text
}

func processReason(e *processcreds.ProviderError) string {
	const command = "the credential_process of the AWS profile"
	if exit, ok := errors.AsType[*exec.ExitError](e); ok {
		return fmt.Sprintf("%s ended with %s", command, exit)
	}
	if start, ok := errors.AsType[*exec.Error](e); ok {
		return fmt.Sprintf("%s cannot be started: %s", command, start)
	}
	_, syntax := errors.AsType[*json.SyntaxError](e)
	_, shape := errors.AsType[*json.UnmarshalTypeError](e)
	if syntax || shape {
		return command + " printed something that is not the JSON it should print"
	}
	return command + " did not give credentials: it timed out, or its answer lacks Version 1, AccessKeyId or SecretAccessKey"
}
