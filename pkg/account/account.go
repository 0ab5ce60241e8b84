// Package account makes an AWS account fit for a cluster: IAM roles with the
// permissions that components on the nodes call, instance profiles on the instances,
// ClusterID tags as the controllers read them, access to an EKS cluster, and the
// policies of the registries that are pulled from.
//
// The way is one: a file says what shall be ([config.File]); Read looks at what is;
// Compare makes a plan of the difference, which is data; and the Account is the
// [plan.Target] that the plan is applied to, and that a journal of it is taken back
// from. Nothing is stolen on the way: a profile keeps the role that it has, an
// instance its profile, a tag the owner that it names, unless the file's author asks.
package account

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
)

// An Account is one AWS account and region, as one cluster's file sees them, and the
// target of plans for it.
type Account struct {
	file      *config.File
	caller    string // ARN of who asks
	partition string

	sts         identityAPI
	iam         iamAPI
	ec2         ec2API
	autoscaling autoscalingAPI
	eks         eksAPI
	ecr         ecrAPI

	patience patience
}

// Key is what a journal of this account belongs to: account, region and cluster.
func Key(f *config.File) string { return f.Account + "/" + f.Region + "/" + f.Cluster }

// maxAttempts of one call. IAM and EC2 throttle by account, so somebody else's
// automation can keep us waiting; ten attempts, up to five seconds apart, outlast
// that, and end.
const maxAttempts = 10

// Open finds out who asks, as the AWS SDK finds credentials, and refuses to go on if
// that is not the file's account, or if the region is in another partition.
func Open(ctx context.Context, file *config.File) (*Account, error) {
	a, number, err := connect(ctx, file.Region)
	if err != nil {
		return nil, err
	}
	a.file = file
	if number != file.Account {
		return nil, hint.Wrap(fmt.Errorf("the file is for account %s, and the credentials are %s of account %s", file.Account, a.caller, number),
			"take credentials of account %s, or correct account: in the file", file.Account)
	}
	return a, nil
}

// connect makes the clients of a region, and returns whose account it is.
func connect(ctx context.Context, region string) (a *Account, number string, err error) {
	cfg, err := awsconfig.LoadDefaultConfig(ctx,
		awsconfig.WithRegion(region),
		awsconfig.WithLogger(logging.Nop{}), // what the SDK logs is of use to nobody here, and goes to stderr
		awsconfig.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts = maxAttempts
				o.MaxBackoff = 5 * time.Second
				o.RateLimiter = ratelimit.None // attempts are bounded by call; a bucket would fail calls that were never tried
			})
		}))
	if err != nil {
		return nil, "", fmt.Errorf("loading the AWS configuration: %w", err)
	}
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = awshttp.NewBuildableClient()
	}
	cfg.HTTPClient = client{cfg.HTTPClient} // not before: AWS_CA_BUNDLE wants the SDK's own
	a = &Account{
		sts:         sts.NewFromConfig(cfg),
		iam:         iam.NewFromConfig(cfg),
		ec2:         ec2.NewFromConfig(cfg),
		autoscaling: autoscaling.NewFromConfig(cfg),
		eks:         eks.NewFromConfig(cfg),
		ecr:         ecr.NewFromConfig(cfg),
		patience:    patience{wait: sleep},
	}
	out, err := a.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, "", hint.Wrap(does(err, "asking AWS in %s who we are", region),
			"give credentials as for the AWS CLI (environment, profile, SSO or instance role); `aws sts get-caller-identity --region %s` must work", region)
	}
	a.caller = aws.ToString(out.Arn)
	parsed, err := arn.Parse(a.caller)
	if err != nil {
		return nil, "", fmt.Errorf("AWS says that we are %q: %w", a.caller, err)
	}
	a.partition = parsed.Partition
	r, err := registry.InRegion(region)
	if err != nil {
		return nil, "", err
	}
	if r.Partition != a.partition {
		return nil, "", hint.Wrap(fmt.Errorf("region %s is in partition %s, and the credentials are of partition %s", region, r.Partition, a.partition),
			"correct the region, or take credentials of that partition")
	}
	return a, aws.ToString(out.Account), nil
}

// arn returns the ARN of a resource of this account that has no region.
func (a *Account) arn(service, resource string) string {
	return arn.ARN{Partition: a.partition, Service: service, AccountID: a.file.Account, Resource: resource}.String()
}

// regional returns the ARN of a resource of this account and region.
func (a *Account) regional(service, resource string) string {
	return arn.ARN{Partition: a.partition, Service: service, Region: a.file.Region, AccountID: a.file.Account, Resource: resource}.String()
}

// patience is how long AWS is given to show what it was told. What is created in IAM
// is visible a few seconds later, and to EC2 and EKS later still.
type patience struct {
	wait func(context.Context, time.Duration) error
}

// until calls f until it returns an error that not yet does not mean, or none. After
// two minutes the last error is the result.
func (p patience) until(ctx context.Context, notYet func(error) bool, f func() error) error {
	const patient = 2 * time.Minute
	pause := time.Second
	for waited := time.Duration(0); ; waited += pause {
		err := f()
		if err == nil || !notYet(err) || waited >= patient {
			return err
		}
		if p.wait(ctx, pause) != nil {
			return err
		}
		pause = min(pause*3/2, 10*time.Second)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// code is AWS's code of an error, "" if it is not an answer of AWS.
func code(err error) string {
	if e, ok := errors.AsType[interface {
		error
		ErrorCode() string
	}](err); ok {
		return e.ErrorCode()
	}
	return ""
}

// message is AWS's sentence of an error.
func message(err error) string {
	if e, ok := errors.AsType[interface {
		error
		ErrorMessage() string
	}](err); ok {
		return e.ErrorMessage()
	}
	return ""
}

// An answered is an error of AWS in a sentence: what was done, AWS's code and its
// own sentence, without the layers of the SDK in between.
type answered struct {
	doing string
	err   error
}

func (e *answered) Error() string {
	if c := code(e.err); c != "" {
		return fmt.Sprintf("%s: %s: %s", e.doing, c, strings.TrimSuffix(message(e.err), "."))
	}
	return e.doing + ": " + e.err.Error()
}

func (e *answered) Unwrap() error { return e.err }

// does is err with what was being done, and a hint for what AWS's code says.
func does(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return failed(&answered{fmt.Sprintf(format, args...), err})
}

// failed gives an error of AWS the hint that its code deserves.
func failed(err error) error {
	switch c := code(err); {
	case c == "AccessDenied" || c == "AccessDeniedException" || c == "UnauthorizedOperation":
		return hint.Wrap(err, "`ecr-node-bootstrap print operator-policy` prints the permissions that this plan needs")
	case c == "ExpiredToken" || c == "ExpiredTokenException" || c == "RequestExpired":
		return hint.Wrap(err, "the credentials have expired: get new ones")
	case c == "InvalidClientTokenId" || c == "UnrecognizedClientException" || c == "AuthFailure":
		return hint.Wrap(err, "AWS does not know these credentials: they may be of another partition, or deleted")
	case strings.Contains(c, "Throttl") || c == "RequestLimitExceeded":
		return hint.Wrap(err, "AWS is throttling this account's calls: run it again, it goes on where it stopped")
	case c == "LimitExceeded" || c == "LimitExceededException":
		return hint.Wrap(err, "a quota of the account is used up: see Service Quotas")
	}
	return err
}
