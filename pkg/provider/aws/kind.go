package aws

import (
	"context"
	"errors"
	"net/http"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/provider"
)

// kind says what an error means to others who need the same token. What AWS, the
// metadata service or the network did is an outage, also credentials that have
// expired, because who renews them may be late; that this identity may not, or is
// gone, is a denial; and what a pod presented is its own affair.
func (f *fetch) kind(ctx context.Context, err error) provider.FailureKind {
	metadata, isMetadata := errors.AsType[*metadataError](err)
	api, isAPI := errors.AsType[smithy.APIError](err)
	switch {
	case errors.Is(context.Cause(ctx), context.Canceled):
		return provider.Private
	case f.id.ServiceAccount != nil && hasCode(err, "InvalidIdentityToken", "IDPRejectedClaim", "ExpiredTokenException", "ValidationError"):
		return provider.Private
	case throttled.IsErrorThrottle(err) == sdk.TrueTernary:
		return provider.Throttled
	case hasCode(err, "AccessDenied", "AccessDeniedException", "UnrecognizedClientException", "InvalidClientTokenId"),
		isAPI && strings.HasPrefix(api.ErrorCode(), "AssumeRoleUnauthorizedAccess"),
		isMetadata && metadata.status == http.StatusNotFound:
		return provider.Denied
	}
	return provider.Outage
}
