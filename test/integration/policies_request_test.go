package integration

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// An api is how the calls of a service travel: in the query protocol with the version
// of the service, or as JSON with the name of the service in a header
// (github.com/aws/aws-sdk-go-v2, service/SERVICE/serializers.go).
type api struct {
	service string // as in scopes of signatures and in actions
	version string
	target  string
}

var apis = map[string]api{
	"ec2":        {service: "ec2", version: "2016-11-15"},
	"elb":        {service: "elasticloadbalancing", version: "2012-06-01"},
	"elbv2":      {service: "elasticloadbalancing", version: "2015-12-01"},
	"iam":        {service: "iam", version: "2010-05-08"},
	"sts":        {service: "sts", version: "2011-06-15"},
	"ecr":        {service: "ecr", target: "AmazonEC2ContainerRegistry_V20150921"},
	"ecr-public": {service: "ecr-public", target: "SpencerFrontendService"},
}

// A request is one call: the API, the operation, and what it is about, in the API's own
// protocol. $NAME stands for something that the story has.
type request struct {
	api, operation, input string
}

// action is what a policy has to allow for the request.
func (r request) action() string { return apis[r.api].service + ":" + r.operation }

// reply is what a server makes of a request.
type reply struct {
	status int
	body   string
}

func (r reply) String() string { return fmt.Sprintf("%d %.300s", r.status, r.body) }

func (r reply) done() bool { return r.status < 300 }

// refusals are how services say that authorization failed: EC2, those of the query
// protocols, those of JSON.
var refusals = regexp.MustCompile(`\b(UnauthorizedOperation|AccessDenied|AccessDeniedException)\b`)

func (r reply) refused() bool { return r.status >= 400 && refusals.MatchString(r.body) }

// send signs the request with the credentials, and sends it to the server.
func (s *server) send(t *testing.T, as aws.Credentials, r request, names map[string]string) reply {
	t.Helper()
	a := apis[r.api]
	body := os.Expand(r.input, func(name string) string {
		value, ok := names[name]
		if !ok {
			t.Fatalf("%s is about $%s, which the story does not have", r.action(), name)
		}
		return value
	})
	contentType := "application/x-amz-json-1.1"
	if a.target == "" {
		contentType = "application/x-www-form-urlencoded; charset=utf-8"
		form, err := url.ParseQuery(body)
		must(t, err)
		form.Set("Action", r.operation)
		form.Set("Version", a.version)
		body = form.Encode()
	}
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/", strings.NewReader(body))
	must(t, err)
	q.Header.Set("Content-Type", contentType)
	if a.target != "" {
		q.Header.Set("X-Amz-Target", a.target+"."+r.operation)
	}
	sum := sha256.Sum256([]byte(body))
	must(t, v4.NewSigner().SignHTTP(t.Context(), as, q, hex.EncodeToString(sum[:]), a.service, region, time.Now()))
	response, err := http.DefaultClient.Do(q)
	must(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	must(t, err)
	return reply{response.StatusCode, string(answer)}
}

// made is what calls make that later calls of a story are about: $LoadBalancerArn and
// so on.
var made = regexp.MustCompile(`<(LoadBalancerArn|TargetGroupArn|ListenerArn|groupId|volumeId)>([^<]+)<`)
