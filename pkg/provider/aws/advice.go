package aws

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/smithy-go"
)

// advice returns the hint for err, or "" if nothing can be said that the message
// does not say. The first cause that matches wins, so they are ordered from the
// particular to the general.
func (f *fetch) advice(err error) string {
	for _, cause := range [...]func(*fetch, error) string{
		processCause,
		metadataCause,
		profileCause,
		clockCause,
		expiredCause,
		webIdentityCause,
		deniedCause,
		partitionCause,
		throttledCause,
		impostorCause,
		networkCause,
		outageCause,
	} {
		if text := cause(f, err); text != "" {
			return text
		}
	}
	return ""
}

func processCause(_ *fetch, err error) string {
	e, ok := errors.AsType[*processcreds.ProviderError](err)
	if !ok {
		return ""
	}
	if exit, ok := errors.AsType[*exec.ExitError](e); ok && exit.ExitCode() < 0 {
		return "run the credential_process by hand as the kubelet's user: here it did not end by itself"
	}
	return "run the credential_process by hand as the kubelet's user, with env -i: the kubelet may give it neither HOME nor PATH"
}

func metadataCause(_ *fetch, err error) string {
	e, ok := errors.AsType[*metadataError](err)
	api, isAPI := errors.AsType[smithy.APIError](err)
	switch {
	case isAPI && strings.HasPrefix(api.ErrorCode(), "AssumeRoleUnauthorizedAccess"):
		return "the role of the instance profile must trust the service ec2.amazonaws.com (in aws-cn ec2.amazonaws.com.cn)"
	case !ok:
		return ""
	case e.host == "":
		return "no other source gave AWS credentials: unset AWS_EC2_METADATA_DISABLED on an EC2 instance; elsewhere set AWS_PROFILE or AWS_CONFIG_FILE " +
			"in the provider's env in the CredentialProviderConfig"
	case e.lost && e.status == http.StatusUnauthorized:
		return "answers of IMDSv2 do not reach this process, because it runs in a container behind a hop limit of 1: " +
			"aws ec2 modify-instance-metadata-options --instance-id ID --http-put-response-hop-limit 2"
	case e.status == http.StatusNotFound:
		return "the instance has no instance profile, or a profile without a role: aws ec2 associate-iam-instance-profile --instance-id ID --iam-instance-profile Name=NAME"
	case e.status == http.StatusForbidden:
		return "the metadata service is turned off or filtered: aws ec2 modify-instance-metadata-options --instance-id ID --http-endpoint enabled"
	case e.status != 0:
		return "something other than the EC2 metadata service seems to answer: check AWS_EC2_METADATA_SERVICE_ENDPOINT, proxies and metadata filters on the node"
	default:
		return "on an EC2 instance turn it on (aws ec2 modify-instance-metadata-options --instance-id ID --http-endpoint enabled; in a container " +
			"--http-put-response-hop-limit 2) and let the node's firewall pass it; elsewhere set AWS_PROFILE or AWS_CONFIG_FILE in the " +
			"provider's env in the CredentialProviderConfig"
	}
}

func profileCause(_ *fetch, err error) string {
	if _, ok := errors.AsType[config.SharedConfigProfileNotExistError](err); ok {
		return "AWS_PROFILE names a profile that the config files do not have: set AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE to absolute paths " +
			"in the provider's env, because the kubelet may run without HOME"
	}
	return ""
}

func clockCause(_ *fetch, err error) string {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return ""
	}
	text := api.ErrorMessage()
	if slices.Contains([]string{"RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture"}, api.ErrorCode()) ||
		strings.Contains(text, "Signature expired") || strings.Contains(text, "Signature not yet current") {
		return "the node's clock is wrong by minutes: compare date -u with the real time, and repair chrony or ntpd (169.254.169.123 on EC2)"
	}
	return ""
}

func expiredCause(f *fetch, err error) string {
	if !hasCode(err, "ExpiredToken", "ExpiredTokenException") {
		return ""
	}
	if account := f.id.ServiceAccount; account != nil {
		return fmt.Sprintf("the kubelet's token of %s has expired: check the clocks of node and API server", account)
	}
	return "the AWS credentials of the node have expired: renew what the provider's env or the profile points to; " +
		"prefer an instance profile, which renews itself"
}

func webIdentityCause(f *fetch, err error) string {
	account := f.id.ServiceAccount
	if account == nil || !hasCode(err, "AccessDenied", "InvalidIdentityToken", "IDPRejectedClaim", "IDPCommunicationError") || strings.Contains(err.Error(), "GetAuthorizationToken") {
		return ""
	}
	return fmt.Sprintf("the trust policy of %s must allow sts:AssumeRoleWithWebIdentity to the OIDC provider %s of the role's account for subject %s, "+
		"and the provider must list the audience %s", f.id.Role, strings.TrimPrefix(account.Issuer, "https://"),
		account.Subject(), strings.Join(account.Audiences, " or "))
}

// deniedCause names the action, and who denies it when AWS says so
// (docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html).
func deniedCause(f *fetch, err error) string {
	if !hasCode(err, "AccessDenied", "AccessDeniedException") {
		return ""
	}
	api, _ := errors.AsType[smithy.APIError](err)
	text := api.ErrorMessage()
	_, rest, _ := strings.Cut(text, "not authorized to perform: ")
	action, _, _ := strings.Cut(rest, " ")
	if action == "" {
		action = f.action(err)
	}
	for _, by := range [...]struct{ says, is string }{
		{"service control policy", "a service control policy (SCP) of the organization"},
		{"resource control policy", "a resource control policy (RCP) of the organization"},
		{"permissions boundary", "the permissions boundary of the principal"},
		{"session policy", "the session policy"},
		{"VPC endpoint policy", "the policy of the VPC endpoint"},
	} {
		if strings.Contains(text, by.says) {
			return fmt.Sprintf("%s denies %s: allow it there; a policy on the role cannot help", by.is, action)
		}
	}
	switch action {
	case "sts:GetServiceBearerToken":
		return fmt.Sprintf("ECR Public also needs %s: attach the AWS-managed policy AmazonElasticContainerRegistryPublicReadOnly to %s", action, f.principal())
	case "ecr-public:GetAuthorizationToken":
		return fmt.Sprintf("allow %s and sts:GetServiceBearerToken on resource *: attach the AWS-managed policy "+
			"AmazonElasticContainerRegistryPublicReadOnly to %s", action, f.principal())
	case "sts:AssumeRole":
		return fmt.Sprintf("two sides must agree: the node's role needs sts:AssumeRole on %s, and the trust policy of that role must name the node's role", f.id.Role)
	}
	return fmt.Sprintf("allow %s on resource *: attach the AWS-managed policy AmazonEC2ContainerRegistryPullOnly to %s", action, f.principal())
}

func partitionCause(f *fetch, err error) string {
	if !hasCode(err, "UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure") {
		return ""
	}
	return fmt.Sprintf("AWS does not know these credentials in partition %s: they are deleted or mistyped, or belong to another partition "+
		"(aws, aws-cn and aws-us-gov share no accounts), or %s is not enabled in the account", f.reg.Partition, f.reg.Region)
}

func throttledCause(_ *fetch, err error) string {
	if throttled.IsErrorThrottle(err) != sdk.TrueTernary {
		return ""
	}
	return "the account's rate of these calls in this region is used up: the kubelet asks again by itself; " +
		"if it stays so, find who calls in CloudTrail, or raise the quota in Service Quotas"
}

// impostorCause is an answer that did not come from AWS.
func impostorCause(f *fetch, err error) string {
	_, unreadable := errors.AsType[*smithy.DeserializationError](err)
	_, isAPI := errors.AsType[smithy.APIError](err)
	_, interrupted := errors.AsType[*interruptedError](err)
	if interrupted || !fromImpostor(err) && (!unreadable || isAPI) {
		return ""
	}
	return fmt.Sprintf("something between the node and AWS answers in its place: set AWS_CA_BUNDLE in the provider's env to the CA of your proxy, "+
		"or check HTTPS_PROXY, the node's clock, and %s", f.closedNetwork())
}

func networkCause(f *fetch, err error) string {
	_, dns := errors.AsType[*net.DNSError](err)
	_, dial := errors.AsType[*net.OpError](err)
	_, silent := errors.AsType[*silentError](err)
	late, isLate := errors.AsType[*interruptedError](err)
	cut := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	switch {
	case dns:
		return fmt.Sprintf("the name of the AWS endpoint does not resolve on this node: check its DNS, and %s", f.closedNetwork())
	case dial, cut, silent, isLate && late.late && late.host != "":
		return fmt.Sprintf("the AWS endpoint cannot be reached from this node: check routes and security groups to it, HTTPS_PROXY in the provider's env, and %s", f.closedNetwork())
	case isLate && late.late:
		return "a source of AWS credentials hangs: look for a credential_process in the AWS profile, and run it by hand"
	}
	return ""
}

func outageCause(_ *fetch, err error) string {
	answer, ok := errors.AsType[interface {
		error
		HTTPStatusCode() int
	}](err)
	if !ok || answer.HTTPStatusCode() < 500 {
		return ""
	}
	return "AWS itself fails here: the kubelet asks again by itself; health.aws.amazon.com tells of outages"
}

// closedNetwork is what a VPC without a way to the internet must have.
func (f *fetch) closedNetwork() string {
	if f.reg.DualStack {
		return "in a network without internet pull from the IPv4 host name or set AWS_USE_DUALSTACK_ENDPOINT=false in the provider's env: " +
			"PrivateLink has no dual-stack ECR endpoint"
	}
	if f.reg.Public {
		return "in a network without internet a pull-through cache: ECR Public has no VPC endpoint"
	}
	return "in a network without internet the VPC endpoints ecr.api, ecr.dkr and sts with private DNS on"
}

// principal is whose policies must change.
func (f *fetch) principal() string {
	if f.id.Role != "" {
		return f.id.Role
	}
	return "the node's role"
}

// action is the one that was tried when AWS does not say.
func (f *fetch) action(err error) string {
	op, ok := errors.AsType[*smithy.OperationError](err)
	if !ok {
		return "the call"
	}
	service := "ecr"
	switch op.ServiceID {
	case "ECR PUBLIC":
		service = "ecr-public"
	case "STS":
		service = "sts"
	}
	return service + ":" + op.OperationName
}

func hasCode(err error, codes ...string) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && slices.Contains(codes, api.ErrorCode())
}
