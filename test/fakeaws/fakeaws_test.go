package fakeaws_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

// epoch is when these tests begin; expiresAt must keep the half second.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 500e6, time.UTC)

// patience is for what must come, however slow the machine; who waits for it has
// found a bug.
const patience = 10 * time.Second

// aws is a Server behind a listener, on a clock that only the test moves.
type aws struct {
	*fakeaws.Server
	server *httptest.Server
	passed atomic.Int64  // since epoch
	ended  chan struct{} // one for each request that the handler is done with
}

func start(t *testing.T, set ...func(*fakeaws.Server)) *aws {
	t.Helper()
	a := &aws{Server: fakeaws.New(), ended: make(chan struct{}, 1000)}
	a.Latency = 0
	a.Now = func() time.Time { return epoch.Add(time.Duration(a.passed.Load())) }
	for _, f := range set {
		f(a.Server)
	}
	a.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { a.ended <- struct{}{} }()
		a.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		a.Close()
		a.server.Close()
	})
	return a
}

func (a *aws) pass(d time.Duration) { a.passed.Add(int64(d)) }

func (a *aws) inject(t *testing.T, lines ...string) {
	t.Helper()
	for _, line := range lines {
		faults, err := fakeaws.ParseFault(line)
		if err != nil {
			t.Fatalf("ParseFault(%q) = %v", line, err)
		}
		for _, f := range faults {
			a.Inject(f)
		}
	}
}

// request is a POST of / to the address of the server, but for what it says.
type request struct {
	method, path, host string
	header             map[string]string
	body               string
}

// response is all of an answer that clients of AWS look at.
type response struct {
	Status int
	Type   string
	TTL    string // of a token of the metadata service
	Body   string
}

const (
	ttlHeader = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
	jsonType  = "application/x-amz-json-1.1"
	xmlType   = "text/xml"
)

func (a *aws) send(ctx context.Context, r request) (*http.Response, error) {
	req, err := r.to(ctx, a.server.URL)
	if err != nil {
		return nil, err
	}
	return a.server.Client().Do(req)
}

// to is the request to a server.
func (r request) to(ctx context.Context, server string) (*http.Request, error) {
	if r.method == "" {
		r.method = http.MethodPost
	}
	if r.path == "" {
		r.path = "/"
	}
	req, err := http.NewRequestWithContext(ctx, r.method, server+r.path, strings.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	if r.host != "" {
		req.Host = r.host
	}
	req.Header.Set("User-Agent", "test/1")
	for k, v := range r.header {
		req.Header.Set(k, v)
	}
	return req, nil
}

func (a *aws) try(r request) (response, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	resp, err := a.send(ctx, r)
	if err != nil {
		return response{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return response{resp.StatusCode, resp.Header.Get("Content-Type"), resp.Header.Get(ttlHeader), string(b)}, err
}

func (a *aws) do(t *testing.T, r request) response {
	t.Helper()
	got, err := a.try(r)
	if err != nil {
		t.Fatalf("%s %s = %v", r.method, r.path, err)
	}
	return got
}

// sign is an Authorization: of the signature, fakeaws reads no more than the scope.
func sign(key, region, service string) string {
	return "AWS4-HMAC-SHA256 Credential=" + key + "/20260101/" + region + "/" + service + "/aws4_request, SignedHeaders=host, Signature=0"
}

var targets = map[string]string{"ecr": "AmazonEC2ContainerRegistry_V20150921.", "ecr-public": "SpencerFrontendService."}

// unsigned is a call of ECR or ECR Public.
func unsigned(service, operation string) request {
	return request{header: map[string]string{"X-Amz-Target": targets[service] + operation}, body: "{}"}
}

// getToken is GetAuthorizationToken, signed with a key that lives for ever.
func getToken(service, region string) request {
	r := unsigned(service, "GetAuthorizationToken")
	r.header["Authorization"] = sign("AKIANODE", region, service)
	return r
}

// by is the request signed by another key.
func (r request) by(key, session string) request {
	r.header = maps.Clone(r.header)
	r.header["Authorization"] = strings.Replace(r.header["Authorization"], "AKIANODE", key, 1)
	r.header["X-Amz-Security-Token"] = session
	return r
}

const pullRole = "arn:aws:iam::123456789012:role/pull"

// assume is a call of STS; AssumeRoleWithWebIdentity, with a token, is not signed.
func assume(action, role, session, token string) request {
	form := url.Values{"Action": {action}, "Version": {"2011-06-15"}, "RoleArn": {role}, "RoleSessionName": {session}}
	header := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	if token != "" {
		form.Set("WebIdentityToken", token)
	} else {
		header["Authorization"] = sign("AKIANODE", "us-east-1", "sts")
	}
	return request{header: header, body: form.Encode()}
}

func imds(method, path string, header ...string) request {
	r := request{method: method, path: path, header: map[string]string{}}
	for i := 0; i < len(header); i += 2 {
		r.header[header[i]] = header[i+1]
	}
	return r
}

const (
	tokenPath = "/latest/api/token"
	rolesPath = "/latest/meta-data/iam/security-credentials/"
)

// refusal is how a JSON service says no.
func refusal(status int, code, message string) response {
	b, err := json.Marshal(map[string]string{"__type": code, "message": message})
	if err != nil {
		panic(err)
	}
	return response{Status: status, Type: jsonType, Body: string(b)}
}

func text(status int, body string) response {
	return response{Status: status, Type: "text/plain", Body: body}
}

type stsError struct {
	XMLName xml.Name
	Code    string `xml:"Error>Code"`
	Message string `xml:"Error>Message"`
}

func stsRefusal(code, message string) stsError {
	return stsError{xml.Name{Local: "ErrorResponse"}, code, message}
}

type stsKeys struct{ AccessKeyId, SecretAccessKey, SessionToken, Expiration string }

type stsResult struct {
	XMLName     xml.Name
	Credentials stsKeys
}

type stsResponse struct {
	XMLName xml.Name
	Result  stsResult `xml:",any"`
}

func readXML[T any](t *testing.T, status int, r response) (v T) {
	t.Helper()
	if r.Status != status || r.Type != xmlType {
		t.Errorf("STS answers %d %s, want %d %s", r.Status, r.Type, status, xmlType)
	}
	if err := xml.Unmarshal([]byte(r.Body), &v); err != nil {
		t.Errorf("Unmarshal(%s) = %v, want nil", r.Body, err)
	}
	return v
}

func equal(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s = (-want +got)\n%s", what, diff)
	}
}

// until polls for what another goroutine brings about.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s = false after %s, want true", what, patience)
		}
	}
}

func (a *aws) untilEnded(t *testing.T) {
	t.Helper()
	select {
	case <-a.ended:
	case <-time.After(patience):
		t.Fatalf("the handler still runs after %s", patience)
	}
}

// tokenBody is what ECR and ECR Public answer with the token of a password.
func tokenBody(service, password, region, expires string) string {
	data := `{"authorizationToken":"` + base64.StdEncoding.EncodeToString([]byte("AWS:"+password)) + `","expiresAt":` + expires
	if service == "ecr-public" {
		return `{"authorizationData":` + data + `}}`
	}
	return `{"authorizationData":[` + data + `,"proxyEndpoint":"https://123456789012.dkr.ecr.` + region + `.amazonaws.com"}]}`
}

const twelveHours = "1767268800.5" // after epoch

func TestSignature(t *testing.T) {
	t.Parallel()
	const host = "api.ecr.eu-west-1.amazonaws.com"
	missing := refusal(400, "MissingAuthenticationTokenException", "Missing Authentication Token")
	region := func(name string) response {
		return refusal(400, "InvalidSignatureException", "Credential should be scoped to a valid region, not '"+name+"'.")
	}
	token := func(region string) response {
		return response{200, jsonType, "", tokenBody("ecr", "token-1-"+region, region, twelveHours)}
	}
	for _, c := range []struct {
		name          string
		service       string
		host          string
		authorization string
		want          response
		call          fakeaws.Call // less what all calls have in common
	}{
		{name: "none", service: "ecr", host: host, want: missing,
			call: fakeaws.Call{Host: host, Result: "MissingAuthenticationTokenException"}},
		{name: "of another scheme", service: "ecr", authorization: "Basic QVdTOnNlY3JldA==", want: missing,
			call: fakeaws.Call{Result: "MissingAuthenticationTokenException"}},
		{name: "without a date", service: "ecr", want: missing,
			authorization: strings.Replace(sign("AKIANODE", "eu-west-1", "ecr"), "/20260101", "", 1),
			call:          fakeaws.Call{Result: "MissingAuthenticationTokenException"}},
		{name: "for another service", service: "ecr", host: host, authorization: sign("AKIANODE", "eu-west-1", "sts"),
			want: refusal(400, "InvalidSignatureException", "Credential should be scoped to correct service: 'ecr'."),
			call: fakeaws.Call{Host: host, Region: "eu-west-1", Result: "InvalidSignatureException"}},
		{name: "ECR Public is another service", service: "ecr-public", authorization: sign("AKIANODE", "us-east-1", "ecr"),
			want: refusal(400, "InvalidSignatureException", "Credential should be scoped to correct service: 'ecr-public'."),
			call: fakeaws.Call{Region: "us-east-1", Result: "InvalidSignatureException"}},
		{name: "for another region", service: "ecr", host: host, authorization: sign("AKIANODE", "us-east-1", "ecr"),
			want: region("us-east-1"),
			call: fakeaws.Call{Host: host, Region: "us-east-1", Result: "InvalidSignatureException"}},
		{name: "for a part of the region", service: "ecr", host: host, authorization: sign("AKIANODE", "eu-west", "ecr"),
			want: region("eu-west"),
			call: fakeaws.Call{Host: host, Region: "eu-west", Result: "InvalidSignatureException"}},
		{name: "for the end of the region", service: "ecr", host: host, authorization: sign("AKIANODE", "west-1", "ecr"),
			want: region("west-1"),
			call: fakeaws.Call{Host: host, Region: "west-1", Result: "InvalidSignatureException"}},
		{name: "right", service: "ecr", host: host, authorization: sign("AKIANODE", "eu-west-1", "ecr"),
			want: token("eu-west-1"),
			call: fakeaws.Call{Host: host, Region: "eu-west-1", Principal: "key AKIANODE", Result: "200"}},
		{name: "right, at a port", service: "ecr", host: host + ":443", authorization: sign("AKIANODE", "eu-west-1", "ecr"),
			want: token("eu-west-1"),
			call: fakeaws.Call{Host: host, Region: "eu-west-1", Principal: "key AKIANODE", Result: "200"}},
		{name: "right, at a dual-stack host", service: "ecr", host: "ecr.eu-west-1.api.aws", authorization: sign("AKIANODE", "eu-west-1", "ecr"),
			want: token("eu-west-1"),
			call: fakeaws.Call{Host: "ecr.eu-west-1.api.aws", Region: "eu-west-1", Principal: "key AKIANODE", Result: "200"}},
		{name: "an address names no region", service: "ecr", authorization: sign("AKIANODE", "eu-north-1", "ecr"),
			want: token("eu-north-1"),
			call: fakeaws.Call{Region: "eu-north-1", Principal: "key AKIANODE", Result: "200"}},
		{name: "nor does an IPv6 one", service: "ecr", host: "[::1]:80", authorization: sign("AKIANODE", "eu-north-1", "ecr"),
			want: token("eu-north-1"),
			call: fakeaws.Call{Region: "eu-north-1", Principal: "key AKIANODE", Result: "200"}},
		{name: "nor localhost", service: "ecr", host: "localhost", authorization: sign("AKIANODE", "eu-north-1", "ecr"),
			want: token("eu-north-1"),
			call: fakeaws.Call{Region: "eu-north-1", Principal: "key AKIANODE", Result: "200"}},
		{name: "by a key that nobody gave out", service: "ecr", authorization: sign("ASIA0000000000000001", "eu-west-1", "ecr"),
			want: refusal(400, "UnrecognizedClientException", "The security token included in the request is invalid."),
			call: fakeaws.Call{Region: "eu-west-1", Principal: "key ASIA0000000000000001", Result: "UnrecognizedClientException"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := start(t)
			r := unsigned(c.service, "GetAuthorizationToken")
			r.host, r.header["Authorization"] = c.host, c.authorization
			equal(t, "answer", c.want, a.do(t, r))
			c.call.Service, c.call.Operation, c.call.UserAgent = c.service, "GetAuthorizationToken", "test/1"
			equal(t, "Calls", []fakeaws.Call{c.call}, a.Calls())
		})
	}
}

func TestSignatureOfSTS(t *testing.T) {
	t.Parallel()
	signed := assume("AssumeRole", pullRole, "s1", "")
	for _, c := range []struct {
		name, authorization string
		want                stsError
	}{
		{"none", "", stsRefusal("MissingAuthenticationToken", "Missing Authentication Token")},
		{"for another service", sign("AKIANODE", "us-east-1", "ecr"),
			stsRefusal("SignatureDoesNotMatch", "Credential should be scoped to correct service: 'sts'.")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := signed
			r.header = maps.Clone(signed.header)
			r.header["Authorization"] = c.authorization
			equal(t, "answer", c.want, readXML[stsError](t, 400, start(t).do(t, r)))
		})
	}
}

// TestKeys uses keys that STS and the metadata service gave out.
func TestKeys(t *testing.T) {
	t.Parallel()
	ok := func(password string) response {
		return response{200, jsonType, "", tokenBody("ecr", password, "us-east-1", "1767272400.499")}
	}
	invalid := refusal(400, "UnrecognizedClientException", "The security token included in the request is invalid.")
	expired := refusal(400, "ExpiredTokenException", "The security token included in the request is expired")
	for _, source := range []struct {
		name      string
		key, used string // the number of the key, and of the token it gets
		give      func(t *testing.T, a *aws)
		principal string
	}{
		{"of STS", "1", "2", func(t *testing.T, a *aws) { a.do(t, assume("AssumeRole", pullRole, "s1", "")) },
			"arn:aws:sts::123456789012:assumed-role/pull/s1"},
		{"of the instance", "2", "3", func(t *testing.T, a *aws) {
			a.do(t, imds("PUT", tokenPath, ttlHeader, "60"))
			a.do(t, imds("GET", rolesPath+"node", "X-Aws-Ec2-Metadata-Token", "imds-1"))
		}, "arn:aws:sts::123456789012:assumed-role/node/i-0abc"},
	} {
		key := "ASIA000000000000000" + source.key
		for _, c := range []struct {
			name, session string
			age           time.Duration
			want          response
			principal     string
			result        string
		}{
			{"alive", "session-" + source.key, time.Hour - 1, ok("token-" + source.used + "-us-east-1"), source.principal, "200"},
			{"with another session", "session-9", 0, invalid, "key " + key, "UnrecognizedClientException"},
			{"without its session", "", 0, invalid, "key " + key, "UnrecognizedClientException"},
			{"expired", "session-" + source.key, time.Hour, expired, source.principal, "ExpiredTokenException"},
		} {
			t.Run(source.name+" "+c.name, func(t *testing.T) {
				t.Parallel()
				a := start(t)
				source.give(t, a)
				a.ForgetCalls()
				a.pass(c.age)
				equal(t, "answer", c.want, a.do(t, getToken("ecr", "us-east-1").by(key, c.session)))
				equal(t, "Calls", []fakeaws.Call{{Service: "ecr", Operation: "GetAuthorizationToken", Region: "us-east-1",
					Principal: c.principal, Result: c.result, UserAgent: "test/1"}}, a.Calls())
			})
		}
	}
	t.Run("expired at STS", func(t *testing.T) {
		t.Parallel()
		a := start(t)
		a.do(t, assume("AssumeRole", pullRole, "s1", ""))
		a.pass(time.Hour)
		got := a.do(t, assume("AssumeRole", pullRole, "s2", "").by("ASIA0000000000000001", "session-1"))
		equal(t, "answer", stsRefusal("ExpiredToken", "The security token included in the request is expired"), readXML[stsError](t, 403, got))
	})
}

func TestToken(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, region string
		request      request
		life         time.Duration
		want         response
	}{
		{"of ECR", "eu-west-1", getToken("ecr", "eu-west-1"), 12 * time.Hour,
			response{200, jsonType, "", tokenBody("ecr", "token-1-eu-west-1", "eu-west-1", twelveHours)}},
		{"that lives shorter", "eu-west-1", getToken("ecr", "eu-west-1"), 90*time.Second + 250*time.Millisecond,
			response{200, jsonType, "", tokenBody("ecr", "token-1-eu-west-1", "eu-west-1", "1767225690.75")}},
		{"of ECR Public", "us-east-1", getToken("ecr-public", "us-east-1"), 12 * time.Hour,
			response{200, jsonType, "", tokenBody("ecr-public", "token-1-us-east-1", "", twelveHours)}},
		{"of ECR Public elsewhere", "eu-west-1", getToken("ecr-public", "eu-west-1"), 12 * time.Hour,
			refusal(400, "UnsupportedCommandException", "ECR Public is in us-east-1")},
		{"of an operation that is not here", "eu-west-1", func() request {
			r := getToken("ecr", "eu-west-1")
			r.header["X-Amz-Target"] = targets["ecr"] + "BatchGetImage"
			return r
		}(), 12 * time.Hour, refusal(400, "UnknownOperationException", "")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := start(t, func(s *fakeaws.Server) { s.TokenLife = c.life })
			equal(t, "answer", c.want, a.do(t, c.request))
			_, admitted := a.Admit("AWS", "token-1-"+c.region)
			if want := c.want.Status == 200; admitted != want {
				t.Errorf("Admit = %v, want %v", admitted, want)
			}
		})
	}
}

func TestAdmit(t *testing.T) {
	t.Parallel()
	private := fakeaws.Token{Region: "eu-west-1", Principal: "key AKIANODE", Expires: epoch.Add(time.Minute)}
	public := fakeaws.Token{Region: "us-east-1", Public: true, Principal: "key AKIANODE", Expires: epoch.Add(time.Minute)}
	for _, c := range []struct {
		name           string
		age            time.Duration
		user, password string
		want           fakeaws.Token
		ok             bool
	}{
		{"fresh", 0, "AWS", "token-1-eu-west-1", private, true},
		{"of ECR Public", 0, "AWS", "token-2-us-east-1", public, true},
		{"just before it expires", time.Minute - 1, "AWS", "token-1-eu-west-1", private, true},
		{"when it expires", time.Minute, "AWS", "token-1-eu-west-1", private, false},
		{"another user", 0, "aws", "token-1-eu-west-1", private, false},
		{"a password of nobody", 0, "AWS", "token-1-us-east-1", fakeaws.Token{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := start(t, func(s *fakeaws.Server) { s.TokenLife = time.Minute })
			a.do(t, getToken("ecr", "eu-west-1"))
			a.do(t, getToken("ecr-public", "us-east-1"))
			a.pass(c.age)
			got, ok := a.Admit(c.user, c.password)
			equal(t, "token", c.want, got)
			if ok != c.ok {
				t.Errorf("Admit(%q, %q) = %v, want %v", c.user, c.password, ok, c.ok)
			}
		})
	}
}

// jwt is a token with these claims and nothing that would sign them.
func jwt(claims string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

func TestAssume(t *testing.T) {
	t.Parallel()
	const with, role = "AssumeRoleWithWebIdentity", "AssumeRole"
	account := fakeaws.ServiceAccountToken("prod", "web", epoch.Add(time.Second), "sts.amazonaws.com")
	for _, c := range []struct {
		name      string
		request   request
		operation string
		principal string // of the keys
		detail    string
	}{
		{"a role", assume(role, pullRole, "s1", ""), role,
			"arn:aws:sts::123456789012:assumed-role/pull/s1", "role " + pullRole + " session s1"},
		{"a role at a path of another partition", assume(role, "arn:aws-cn:iam::210987654321:role/a/b/pull", "s1", ""), role,
			"arn:aws-cn:sts::210987654321:assumed-role/pull/s1", "role arn:aws-cn:iam::210987654321:role/a/b/pull session s1"},
		{"a session of every kind of character", assume(role, pullRole, "aZ09_+=,.@-", ""), role,
			"arn:aws:sts::123456789012:assumed-role/pull/aZ09_+=,.@-", "role " + pullRole + " session aZ09_+=,.@-"},
		{"a session of 64 characters", assume(role, pullRole, strings.Repeat("s", 64), ""), role,
			"arn:aws:sts::123456789012:assumed-role/pull/" + strings.Repeat("s", 64), "role " + pullRole + " session " + strings.Repeat("s", 64)},
		{"a role as a service account", assume(with, pullRole, "prod.web", account), with,
			"arn:aws:sts::123456789012:assumed-role/pull/prod.web", "role " + pullRole + " session prod.web subject system:serviceaccount:prod:web"},
		{"a role as one that does not expire", assume(with, pullRole, "s1", jwt(`{"sub":"me"}`)), with,
			"arn:aws:sts::123456789012:assumed-role/pull/s1", "role " + pullRole + " session s1 subject me"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := start(t)
			got := readXML[stsResponse](t, 200, a.do(t, c.request))
			equal(t, "answer", stsResponse{xml.Name{Local: c.operation + "Response"}, stsResult{xml.Name{Local: c.operation + "Result"},
				stsKeys{"ASIA0000000000000001", "secret-1", "session-1", "2026-01-01T01:00:00Z"}}}, got)
			a.do(t, getToken("ecr", "us-east-1").by("ASIA0000000000000001", "session-1"))
			want := []fakeaws.Call{
				{Service: "sts", Operation: c.operation, Region: "us-east-1", Principal: "key AKIANODE", Detail: c.detail, Result: "200", UserAgent: "test/1"},
				{Service: "ecr", Operation: "GetAuthorizationToken", Region: "us-east-1", Principal: c.principal, Result: "200", UserAgent: "test/1"},
			}
			if c.operation == with {
				want[0].Region, want[0].Principal = "", "" // it is not signed
			}
			equal(t, "Calls", want, a.Calls())
		})
	}
}

func TestAssumeRefused(t *testing.T) {
	t.Parallel()
	const with, role = "AssumeRoleWithWebIdentity", "AssumeRole"
	validation := stsRefusal("ValidationError", "invalid RoleArn or RoleSessionName")
	noJWT := stsRefusal("InvalidIdentityToken", "The ID Token provided is not a valid JWT.")
	for _, c := range []struct {
		name    string
		request request
		want    stsError
	}{
		{"no role", assume(role, "", "s1", ""), validation},
		{"a name for a role", assume(role, "pull", "s1", ""), validation},
		{"a user for a role", assume(role, "arn:aws:iam::123456789012:user/pull", "s1", ""), validation},
		{"a role without a name", assume(role, "arn:aws:iam::123456789012:role/", "s1", ""), validation},
		{"an account that is too short", assume(role, "arn:aws:iam::12345678901:role/pull", "s1", ""), validation},
		{"a role of another service", assume(role, "arn:aws:sts::123456789012:role/pull", "s1", ""), validation},
		{"more before the role", assume(role, "x"+pullRole, "s1", ""), validation},
		{"more after the role", assume(role, pullRole+"\n", "s1", ""), validation},
		{"no session", assume(role, pullRole, "", ""), validation},
		{"a session of 1 character", assume(role, pullRole, "s", ""), validation},
		{"a session of 65 characters", assume(role, pullRole, strings.Repeat("s", 65), ""), validation},
		{"a slash in the session", assume(role, pullRole, "prod/web", ""), validation},
		{"a colon in the session", assume(role, pullRole, "prod:web", ""), validation},
		{"a web identity for no role", assume(with, "pull", "s1", jwt(`{}`)), validation},
		{"a web identity that expires now", assume(with, pullRole, "s1", fakeaws.ServiceAccountToken("prod", "web", epoch)),
			stsRefusal("ExpiredTokenException", "Token expired")},
		{"a web identity that is no JWT", assume(with, pullRole, "s1", "opaque"), noJWT},
		{"a JWT of two parts", assume(with, pullRole, "s1", "e30.e30"), noJWT},
		{"a JWT of four parts", assume(with, pullRole, "s1", "e30.e30.e30.e30"), noJWT},
		{"a JWT without base64", assume(with, pullRole, "s1", "e30.{}.e30"), noJWT},
		{"a JWT without claims", assume(with, pullRole, "s1", jwt("[]")), noJWT},
		{"another operation", assume("GetSessionToken", pullRole, "s1", ""), stsRefusal("InvalidAction", "")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := start(t)
			equal(t, "answer", c.want, readXML[stsError](t, 400, a.do(t, c.request)))
			if got := a.do(t, getToken("ecr", "us-east-1").by("ASIA0000000000000001", "session-1")); got.Status != 400 {
				t.Errorf("a refusal gave out keys: with them ECR answers %v, want status 400", got)
			}
		})
	}
}

func TestServiceAccountToken(t *testing.T) {
	t.Parallel()
	parts := strings.Split(fakeaws.ServiceAccountToken("prod", "web", epoch, "a", "b"), ".")
	if len(parts) != 3 {
		t.Fatalf("parts of the token = %d, want 3", len(parts))
	}
	for i, want := range []string{
		`{"alg":"RS256","kid":"fakeaws"}`,
		`{"aud":["a","b"],"exp":1767225600,"iss":"https://oidc.example",` +
			`"kubernetes.io":{"namespace":"prod","serviceaccount":{"name":"web","uid":"uid-of-prod-web"}},"sub":"system:serviceaccount:prod:web"}`,
		"not a signature but as secret as one",
	} {
		got, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || string(got) != want {
			t.Errorf("part %d = %s, %v, want %s", i, got, err, want)
		}
	}
}

func TestMetadataToken(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		request request
		want    response
	}{
		{"for a second", imds("PUT", tokenPath, ttlHeader, "1"), response{200, "text/plain", "1", "imds-1"}},
		{"for six hours", imds("PUT", tokenPath, ttlHeader, "21600"), response{200, "text/plain", "21600", "imds-1"}},
		{"for no time", imds("PUT", tokenPath, ttlHeader, "0"), text(400, "Bad Request")},
		{"for longer", imds("PUT", tokenPath, ttlHeader, "21601"), text(400, "Bad Request")},
		{"for a word", imds("PUT", tokenPath, ttlHeader, "1h"), text(400, "Bad Request")},
		{"without a TTL", imds("PUT", tokenPath), text(400, "Bad Request")},
		{"through a proxy", imds("PUT", tokenPath, ttlHeader, "60", "X-Forwarded-For", "10.0.0.1"), text(403, "Forbidden")},
		{"by GET", imds("GET", tokenPath, ttlHeader, "60"), text(405, "Method Not Allowed")},
		{"by POST", imds("POST", tokenPath, ttlHeader, "60"), text(405, "Method Not Allowed")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			equal(t, "answer", c.want, start(t).do(t, c.request))
		})
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	const header = "X-Aws-Ec2-Metadata-Token"
	keys := text(200, `{"AccessKeyId":"ASIA0000000000000002","Code":"Success","Expiration":"2026-01-01T01:00:59Z",`+
		`"LastUpdated":"2026-01-01T00:00:59Z","SecretAccessKey":"secret-2","Token":"session-2","Type":"AWS-HMAC"}`)
	for _, c := range []struct {
		name, role string
		age        time.Duration // of a token that lives 60 s
		request    request
		want       response
	}{
		{"without a token", "node", 0, imds("GET", rolesPath), text(401, "Unauthorized")},
		{"with a token of nobody", "node", 0, imds("GET", rolesPath, header, "imds-2"), text(401, "Unauthorized")},
		{"the role", "node", 0, imds("GET", rolesPath, header, "imds-1"), text(200, "node")},
		{"another role", "worker", 0, imds("GET", rolesPath, header, "imds-1"), text(200, "worker")},
		{"its keys", "node", 59 * time.Second, imds("GET", rolesPath+"node", header, "imds-1"), keys},
		{"the keys of another role", "worker", 0, imds("GET", rolesPath+"node", header, "imds-1"), text(404, "Not Found")},
		{"just before the token expires", "node", time.Minute - 1, imds("GET", rolesPath, header, "imds-1"), text(200, "node")},
		{"when the token expires", "node", time.Minute, imds("GET", rolesPath, header, "imds-1"), text(401, "Unauthorized")},
		{"no role", "", 0, imds("GET", rolesPath, header, "imds-1"), text(404, "Not Found")},
		{"the region", "", 0, imds("GET", "/latest/meta-data/placement/region", header, "imds-1"), text(200, "us-east-1")},
		{"another path", "node", 0, imds("GET", "/latest/user-data", header, "imds-1"), text(404, "Not Found")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := start(t, func(s *fakeaws.Server) { s.InstanceRole = c.role })
			equal(t, "token", response{200, "text/plain", "60", "imds-1"}, a.do(t, imds("PUT", tokenPath, ttlHeader, "60")))
			a.pass(c.age)
			equal(t, "answer", c.want, a.do(t, c.request))
			if c.want.Status != 200 {
				return
			}
			equal(t, "Calls", []fakeaws.Call{
				{Service: "imds", Operation: "PUT", Detail: tokenPath, Result: "200", UserAgent: "test/1"},
				{Service: "imds", Operation: "GET", Detail: c.request.path, Result: "200", UserAgent: "test/1"},
			}, a.Calls())
		})
	}
}

func TestUnknownCall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		request request
	}{
		{"GET", request{method: "GET"}},
		{"another target", request{header: map[string]string{"X-Amz-Target": "DynamoDB_20120810.ListTables"}}},
		{"no action", request{header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, body: "Version=2011-06-15"}},
		{"an action that is not POSTed", request{method: "GET", path: "/?Action=AssumeRole"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want := response{Status: 404, Type: "text/plain; charset=utf-8", Body: "fakeaws knows no such call\n"}
			equal(t, "answer", want, start(t).do(t, c.request))
		})
	}
}

func TestParseFault(t *testing.T) {
	t.Parallel()
	throttle := &fakeaws.Error{Status: 400, Code: "ThrottlingException", Message: "Rate exceeded"}
	for _, c := range []struct {
		line    string
		want    fakeaws.Fault
		mangles bool
		err     string
	}{
		{line: "ecr hang", want: fakeaws.Fault{Service: "ecr", Hang: true}},
		{line: "  ecr \t drop ", want: fakeaws.Fault{Service: "ecr", Drop: true}},
		{line: "ecr:GetAuthorizationToken hang", want: fakeaws.Fault{Service: "ecr", Operation: "GetAuthorizationToken", Hang: true}},
		{line: "imds:/latest/api/token drop", want: fakeaws.Fault{Service: "imds", Operation: "/latest/api/token", Drop: true}},
		{line: "ecr delay for=1m30s", want: fakeaws.Fault{Service: "ecr", Delay: 90 * time.Second}},
		{line: "ecr throttle", want: fakeaws.Fault{Service: "ecr", Error: throttle}},
		{line: "ecr throttle times=3 for=2s", want: fakeaws.Fault{Service: "ecr", Times: 3, Delay: 2 * time.Second, Error: throttle}},
		{line: "ecr error", want: fakeaws.Fault{Service: "ecr", Error: &fakeaws.Error{Status: 400}}},
		{line: "ecr error status=418 code=Teapot times=2 message=short and stout times=9", want: fakeaws.Fault{Service: "ecr", Times: 2,
			Error: &fakeaws.Error{Status: 418, Code: "Teapot", Message: "short and stout times=9"}}},
		{line: "sts error message=", want: fakeaws.Fault{Service: "sts", Error: &fakeaws.Error{Status: 400}}},
		{line: "sts error message=a=b", want: fakeaws.Fault{Service: "sts", Error: &fakeaws.Error{Status: 400, Message: "a=b"}}},
		{line: "ecr no-expiry times=1", want: fakeaws.Fault{Service: "ecr", Times: 1}, mangles: true},
		{line: "iam:CreateRole lost", want: fakeaws.Fault{Service: "iam", Operation: "CreateRole", Drop: true, After: true}},
		{line: "* drop changes after=3 times=1", want: fakeaws.Fault{Service: "*", Drop: true, Changes: true, Skip: 3, Times: 1}},
		{line: "imds hop-limit", want: fakeaws.Fault{Service: "imds", Operation: "/latest/api/token", Hang: true}},

		{line: "", err: `"" is not SERVICE KIND`},
		{line: "ecr", err: `"ecr" is not SERVICE KIND`},
		{line: "ecr earthquake", err: `no fault is called "earthquake": there are ` + strings.Join(fakeaws.Kinds(), ", ")},
		{line: "erc hang", err: `"erc" is no service`},
		{line: "ecr hang times=0", err: `"times=0": want a number from 1`},
		{line: "imds hop-limit times=1", err: "no fault is called \"hop-limit\": there are " + strings.Join(fakeaws.Kinds(), ", ")},
		{line: "* drop after=0", err: `"after=0": want a number from 1`},
		{line: "* drop changes=3", err: `"changes=3": not an option of drop`},
		{line: "ecr hang times=often", err: `"times=often": strconv.ParseUint: parsing "often": invalid syntax`},
		{line: "ecr delay for=ever", err: `"for=ever": time: invalid duration "ever"`},
		{line: "ecr error status=bad", err: `"status=bad": strconv.ParseUint: parsing "bad": invalid syntax`},
		{line: "ecr error colour=red", err: `"colour=red": not an option of error`},
		{line: "ecr hang status=500", err: `"status=500": not an option of hang`},
		{line: "ecr drop code=Teapot", err: `"code=Teapot": not an option of drop`},
		{line: "ecr stall message=short and stout", err: `"message=short": not an option of stall`},
	} {
		t.Run(c.line, func(t *testing.T) {
			t.Parallel()
			got, err := fakeaws.ParseFault(c.line)
			if c.err != "" {
				if err == nil || err.Error() != c.err || got != nil {
					t.Errorf("ParseFault = %v, %v, want %s", got, err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatalf("ParseFault = %v, want nil", err)
			}
			if diff := cmp.Diff([]fakeaws.Fault{c.want}, got, cmpopts.IgnoreFields(fakeaws.Fault{}, "Mangle")); diff != "" {
				t.Errorf("ParseFault = (-want +got)\n%s", diff)
			}
			if mangles := got[0].Mangle != nil; mangles != c.mangles {
				t.Errorf("Mangle = %v, want %v", mangles, c.mangles)
			}
		})
	}
}

// TestParseFaultTwice would find options of one line in the next.
func TestParseFaultTwice(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"ecr expired status=500 code=Teapot message=short", "ecr expired"} {
		if _, err := fakeaws.ParseFault(line); err != nil {
			t.Fatalf("ParseFault(%q) = %v", line, err)
		}
	}
	got, err := fakeaws.ParseFault("ecr expired")
	want := []fakeaws.Fault{{Service: "ecr", Error: &fakeaws.Error{
		Status: 400, Code: "ExpiredTokenException", Message: "The security token included in the request is expired"}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("ParseFault = %v (-want +got)\n%s", err, diff)
	}
}

// TestKinds is what each fault with a name answers.
func TestKinds(t *testing.T) {
	t.Parallel()
	const (
		user      = "User: arn:aws:sts::123456789012:assumed-role/node/i-0abc is not authorized to perform: "
		token     = `"authorizationToken":"QVdTOnRva2VuLTEtdXMtZWFzdC0x"`
		expires   = `"expiresAt":` + twelveHours
		proxy     = `"proxyEndpoint":"https://123456789012.dkr.ecr.us-east-1.amazonaws.com"`
		noBearer  = user + "sts:GetServiceBearerToken on resource: * because no identity-based policy allows the sts:GetServiceBearerToken action"
		signature = "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z (20260101T001500Z - 5 min.)"
		xmlError  = "<ErrorResponse><Error><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>"
	)
	ecr, public := getToken("ecr", "us-east-1"), getToken("ecr-public", "us-east-1")
	sts, web := assume("AssumeRole", pullRole, "s1", ""), assume("AssumeRoleWithWebIdentity", pullRole, "s1", jwt("{}"))
	put := imds("PUT", tokenPath, ttlHeader, "60")
	list := func(fields ...string) response {
		return response{Status: 200, Type: jsonType, Body: `{"authorizationData":[{` + strings.Join(fields, ",") + `}]}`}
	}
	object := func(fields ...string) response {
		return response{Status: 200, Type: jsonType, Body: `{"authorizationData":{` + strings.Join(fields, ",") + `}}`}
	}
	stsSays := func(status int, code, message string) response {
		return response{Status: status, Type: xmlType, Body: fmt.Sprintf(xmlError, code, message)}
	}
	cases := []struct {
		line    string
		request request
		want    response
	}{
		{"ecr error", ecr, refusal(400, "", "")},
		{"ecr error status=418 code=Teapot message=100% stout", ecr, refusal(418, "Teapot", "100% stout")},
		{"sts error status=403 code=TeapotException message=stout", sts, stsSays(403, "TeapotException", "stout")},
		{"imds error status=418 message=stout", put, text(418, "stout")},
		{"ecr throttle", ecr, refusal(400, "ThrottlingException", "Rate exceeded")},
		{"sts throttle", sts, stsSays(400, "Throttling", "Rate exceeded")},
		{"ecr unavailable", ecr, refusal(503, "ServiceUnavailable", "Service Unavailable")},
		{"ecr internal", ecr, refusal(500, "ServerException", "internal error")},
		{"ecr access-denied", ecr, refusal(400, "AccessDeniedException",
			user+"ecr:GetAuthorizationToken on resource: * because no identity-based policy allows the ecr:GetAuthorizationToken action")},
		{"sts access-denied", sts, stsSays(400, "AccessDenied",
			user+"sts:AssumeRole on resource: * because no identity-based policy allows the sts:AssumeRole action")},
		{"ecr scp", ecr, refusal(400, "AccessDeniedException",
			user+"ecr:GetAuthorizationToken on resource: * with an explicit deny in a service control policy")},
		{"ecr boundary", ecr, refusal(400, "AccessDeniedException",
			user+"ecr:GetAuthorizationToken on resource: * because no permissions boundary allows the ecr:GetAuthorizationToken action")},
		{"ecr expired", ecr, refusal(400, "ExpiredTokenException", "The security token included in the request is expired")},
		{"ecr unknown-key", ecr, refusal(400, "UnrecognizedClientException", "The security token included in the request is invalid.")},
		{"ecr skew", ecr, refusal(400, "InvalidSignatureException", signature)},
		{"sts no-trust", web, stsSays(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")},
		{"sts no-oidc", web, stsSays(400, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://oidc.example")},
		{"ecr-public no-bearer", public, refusal(400, "AccessDeniedException", noBearer)},

		{"ecr no-expiry", ecr, list(token, proxy)},
		{"ecr-public no-expiry", public, object(token)},
		{"ecr past-expiry", ecr, list(token, `"expiresAt":1420070400`, proxy)},
		{"ecr-public past-expiry", public, object(token, `"expiresAt":1420070400`)},
		{"ecr no-token", ecr, list(expires, proxy)},
		{"ecr-public no-token", public, object(expires)},
		{"ecr empty-token", ecr, list(`"authorizationToken":""`, expires, proxy)},
		{"ecr-public empty-token", public, object(`"authorizationToken":""`, expires)},
		{"ecr token-no-colon", ecr, list(`"authorizationToken":"`+base64.StdEncoding.EncodeToString([]byte("secret-without-colon"))+`"`, expires, proxy)},
		{"ecr token-no-user", ecr, list(`"authorizationToken":"`+base64.StdEncoding.EncodeToString([]byte(":secret-without-user"))+`"`, expires, proxy)},
		{"ecr token-no-password", ecr, list(`"authorizationToken":"`+base64.StdEncoding.EncodeToString([]byte("secret:"))+`"`, expires, proxy)},
		{"sts no-credentials", sts, response{Status: 200, Type: xmlType, Body: "<AssumeRoleResponse><AssumeRoleResult></AssumeRoleResult></AssumeRoleResponse>"}},
		{"ecr token-no-base64", ecr, list(`"authorizationToken":"%%secret-not-base64%%"`, expires, proxy)},
		{"ecr no-data", ecr, response{Status: 200, Type: jsonType, Body: "{}"}},
		{"ecr garbage", ecr, response{Status: 200, Type: jsonType, Body: "<html>sign in to the hotel network</html>"}},
		{"sts garbage", sts, response{Status: 200, Type: xmlType, Body: "<html>sign in to the hotel network</html>"}},
		{"imds no-expiry", put, response{200, "text/plain", "60", "imds-1"}}, // nothing there to mangle

		{"imds imds-off", put, text(403, "Forbidden")},
		{"imds imds-broken", put, text(500, "broken")},
		{"imds role-unassumable", put, response{200, "text/plain", "60",
			`{"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot assume the role node."}`}},
	}
	tested := []string{"hang", "drop", "lost", "delay", "stall", "short", "hop-limit"} // by other tests: they are about time and connections
	for _, c := range cases {
		tested = append(tested, strings.Fields(c.line)[1])
		t.Run(c.line, func(t *testing.T) {
			t.Parallel()
			a := start(t)
			a.inject(t, c.line)
			equal(t, "answer", c.want, a.do(t, c.request))
		})
	}
	slices.Sort(tested)
	kinds := fakeaws.Kinds()
	for _, kind := range kinds {
		if _, err := fakeaws.ParseFault("ecr " + kind); err != nil {
			t.Errorf("ParseFault(ecr %s) = %v, want nil", kind, err)
		}
	}
	equal(t, "Kinds", slices.Compact(tested), slices.Sorted(slices.Values(kinds)))
}

// TestInject is which calls meet a fault.
func TestInject(t *testing.T) {
	t.Parallel()
	requests := map[string]request{
		"ecr":    getToken("ecr", "us-east-1"),
		"public": getToken("ecr-public", "us-east-1"),
		"sts":    assume("AssumeRole", pullRole, "s1", ""),
		"web":    assume("AssumeRoleWithWebIdentity", pullRole, "s1", jwt("{}")),
		"put":    imds("PUT", tokenPath, ttlHeader, "60"),
		"roles":  imds("GET", rolesPath, "X-Aws-Ec2-Metadata-Token", "imds-1"),
		"keys":   imds("GET", rolesPath+"node", "X-Aws-Ec2-Metadata-Token", "imds-1"),
		"bare":   unsigned("ecr", "GetAuthorizationToken"),
	}
	for _, c := range []struct {
		name   string
		faults []string
		calls  string
		want   string
	}{
		{"none", nil, "put roles keys ecr public sts web", "200 200 200 200 200 200 200"},
		{"for ever", []string{"ecr unavailable"}, "ecr ecr ecr", "503 503 503"},
		{"once", []string{"ecr unavailable times=1"}, "ecr ecr ecr", "503 200 200"},
		{"three times", []string{"ecr unavailable times=3"}, "ecr ecr ecr ecr ecr", "503 503 503 200 200"},
		{"another service", []string{"ecr unavailable"}, "public sts web put", "200 200 200 200"},
		{"another service uses none of the times", []string{"sts unavailable times=1"}, "ecr sts sts", "200 503 200"},
		{"the operation", []string{"sts:AssumeRole unavailable"}, "sts web", "503 200"},
		{"another operation uses none of the times", []string{"sts:AssumeRole unavailable times=1"}, "web sts sts", "200 503 200"},
		{"a method of the metadata service", []string{"imds:GET imds-broken"}, "put roles keys", "200 500 500"},
		{"a path of the metadata service", []string{"imds:" + rolesPath + " imds-broken"}, "put roles keys", "200 500 200"},
		{"the newest wins", []string{"ecr internal", "ecr unavailable times=2"}, "ecr ecr ecr ecr", "503 503 500 500"},
		{"the newest that fits wins", []string{"ecr internal times=1", "sts unavailable"}, "ecr sts ecr", "500 503 200"},
		{"the oldest returns", []string{"ecr unavailable times=1", "ecr internal times=1"}, "ecr ecr ecr", "500 503 200"},
		{"healed", []string{"ecr unavailable", "sts internal times=9"}, "ecr sts heal ecr sts", "503 500 200 200"},
		{"nobody unsigned learns of an error", []string{"ecr unavailable"}, "bare ecr", "400 503"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := start(t)
			a.inject(t, c.faults...)
			var got []string
			for _, call := range strings.Fields(c.calls) {
				if call == "heal" {
					a.Heal()
					continue
				}
				got = append(got, fmt.Sprint(a.do(t, requests[call]).Status))
			}
			if got := strings.Join(got, " "); got != c.want {
				t.Errorf("statuses = %s, want %s", got, c.want)
			}
		})
	}
}

// TestGivenUp is a client that has waited long enough.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault   string
		request request
		call    fakeaws.Call
	}{
		{"ecr hang", getToken("ecr", "us-east-1"), fakeaws.Call{Service: "ecr", Operation: "GetAuthorizationToken"}},
		{"ecr delay for=1h", getToken("ecr", "us-east-1"), fakeaws.Call{Service: "ecr", Operation: "GetAuthorizationToken"}},
		{"ecr throttle for=1h", getToken("ecr", "us-east-1"), fakeaws.Call{Service: "ecr", Operation: "GetAuthorizationToken"}},
		{"imds hop-limit", imds("PUT", tokenPath, ttlHeader, "60"), fakeaws.Call{Service: "imds", Operation: "PUT", Detail: tokenPath}},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			a := start(t)
			a.inject(t, c.fault)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			answer := make(chan error, 1)
			go func() {
				_, err := a.send(ctx, c.request)
				answer <- err
			}()
			until(t, "called", func() bool { return len(a.Calls()) == 1 })
			cancel()
			if err := <-answer; !errors.Is(err, context.Canceled) {
				t.Errorf("err = %v, want %v", err, context.Canceled)
			}
			a.untilEnded(t)
			c.call.Result, c.call.UserAgent = "no answer", "test/1"
			equal(t, "Calls", []fakeaws.Call{c.call}, a.Calls())
		})
	}
	t.Run("without the lost token others are refused", func(t *testing.T) {
		t.Parallel()
		a := start(t)
		a.inject(t, "imds hop-limit")
		equal(t, "answer", text(401, "Unauthorized"), a.do(t, imds("GET", rolesPath)))
	})
}

func TestDrop(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.inject(t, "ecr drop times=1")
	if got, err := a.try(getToken("ecr", "us-east-1")); !errors.Is(err, io.EOF) {
		t.Errorf("answer = %v, %v, want %v", got, err, io.EOF)
	}
	equal(t, "next answer", response{200, jsonType, "", tokenBody("ecr", "token-1-us-east-1", "us-east-1", twelveHours)},
		a.do(t, getToken("ecr", "us-east-1")))
	dropped := fakeaws.Call{Service: "ecr", Operation: "GetAuthorizationToken", Result: "no answer", UserAgent: "test/1"}
	equal(t, "Calls", []fakeaws.Call{dropped, ecrCall("", "us-east-1")}, a.Calls())
}

func TestStall(t *testing.T) {
	t.Parallel()
	whole := tokenBody("ecr", "token-1-us-east-1", "us-east-1", twelveHours)
	for _, c := range []struct {
		name string
		end  func(a *aws, cancel func())
		err  error
	}{
		{"until the client gives up", func(_ *aws, cancel func()) { cancel() }, context.Canceled},
		{"until the connection ends", func(a *aws, _ func()) { a.server.CloseClientConnections() }, io.ErrUnexpectedEOF},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := start(t)
			a.inject(t, "ecr stall times=1")
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			resp, err := a.send(ctx, getToken("ecr", "us-east-1"))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			half := make([]byte, len(whole)/2)
			if _, err := io.ReadFull(resp.Body, half); err != nil {
				t.Fatal(err)
			}
			got := response{resp.StatusCode, resp.Header.Get("Content-Type"), "", string(half)}
			equal(t, "answer", response{200, jsonType, "", whole[:len(whole)/2]}, got)
			if resp.ContentLength != int64(len(whole)) {
				t.Errorf("ContentLength = %d, want %d", resp.ContentLength, len(whole))
			}
			select {
			case <-a.ended:
				t.Error("the handler ended after half of the body")
			default:
			}
			c.end(a, cancel)
			if rest, err := io.ReadAll(resp.Body); len(rest) != 0 || !errors.Is(err, c.err) {
				t.Errorf("rest = %q, %v, want none, %v", rest, err, c.err)
			}
			a.untilEnded(t)
		})
	}
}

// TestTime runs in bubbles, where time is exact. They also prove that nothing
// outlives a client that has closed its connection: Close is not called.
func TestTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		fault  string
		status int
		want   time.Duration
	}{
		{"in health", "sts hang", 200, time.Millisecond},
		{"delayed", "ecr delay for=250ms", 200, 251 * time.Millisecond},
		{"an error too", "ecr unavailable for=5s", 503, 5*time.Second + time.Millisecond},
		{"a delay of nothing", "ecr delay", 200, time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := fakeaws.New()
				faults, err := fakeaws.ParseFault(c.fault)
				if err != nil {
					t.Fatal(err)
				}
				s.Inject(faults[0])
				transport := &http.Transport{DialContext: s.Dial}
				defer transport.CloseIdleConnections()
				begin := time.Now()
				got := post(t, transport, "http://api.ecr.us-east-1.amazonaws.com")
				if took := time.Since(begin); got != c.status || took != c.want {
					t.Errorf("answer = %d after %s, want %d after %s", got, took, c.status, c.want)
				}
			})
		})
	}
}

// post asks ECR for a token by another transport and returns the status.
func post(t *testing.T, transport *http.Transport, server string) int {
	t.Helper()
	status, err := tryPost(t, transport, server)
	if err != nil {
		t.Fatalf("POST %s = %v", server, err)
	}
	return status
}

func tryPost(t *testing.T, transport *http.Transport, server string) (int, error) {
	t.Helper()
	region := "us-east-1"
	if strings.Contains(server, "eu-west-1") {
		region = "eu-west-1"
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := getToken("ecr", region).to(ctx, server)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// TestClose lets go of what hangs, and of connections that wait for a request.
func TestClose(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"ecr hang", "ecr stall", "ecr delay for=1h"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			s := fakeaws.New()
			server := httptest.NewServer(s)
			t.Cleanup(server.Close)
			a := &aws{Server: s, server: server}
			a.inject(t, fault)
			answer := make(chan error, 1)
			go func() {
				_, err := a.try(getToken("ecr", "us-east-1"))
				answer <- err
			}()
			until(t, "called", func() bool { return len(s.Calls()) == 1 })
			s.Close()
			if err := <-answer; !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("err = %v, want the end of the connection", err)
			}
		})
	}
	t.Run("an idle connection", func(t *testing.T) {
		t.Parallel()
		s := fakeaws.New()
		conn, err := s.Dial(t.Context(), "tcp", "169.254.169.254:80")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "GET /fakeaws/nothing HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 4096)); err != nil {
			t.Fatal(err)
		}
		s.Close()
		conn.SetReadDeadline(time.Now().Add(patience))
		if rest, err := io.ReadAll(conn); err != nil {
			t.Errorf("rest = %q, %v, want the end of the connection", rest, err)
		}
	})
}

func TestControl(t *testing.T) {
	t.Parallel()
	control := func(method, path, body string) request {
		return request{method: method, path: "/fakeaws/" + path, body: body}
	}
	done := response{Status: 200}
	a := start(t)
	ecr := getToken("ecr", "us-east-1")
	steps := []struct {
		name    string
		request request
		want    response
	}{
		{"faults", control("POST", "faults", "ecr unavailable\nsts internal times=1\n"), done},
		{"the first", ecr, refusal(503, "ServiceUnavailable", "Service Unavailable")},
		{"the second", assume("AssumeRole", pullRole, "s1", ""), response{500, xmlType, "",
			"<ErrorResponse><Error><Code>ServerException</Code><Message>internal error</Message></Error></ErrorResponse>"}},
		{"no more faults", control("DELETE", "faults", ""), done},
		{"healed", ecr, response{200, jsonType, "", tokenBody("ecr", "token-1-us-east-1", "us-east-1", twelveHours)}},
		{"a bad line", control("POST", "faults", "ecr"), response{400, "text/plain; charset=utf-8", "", "\"ecr\" is not SERVICE KIND\n"}},
		{"a fault of another service", control("POST", "faults", "imds hop-limit"), done},
		{"another method", control("PUT", "faults", "ecr hang"), response{404, "text/plain; charset=utf-8", "", "404 page not found\n"}},
		{"another path", control("GET", "weather", ""), response{404, "text/plain; charset=utf-8", "", "404 page not found\n"}},
		{"still healthy", ecr, response{200, jsonType, "", tokenBody("ecr", "token-2-us-east-1", "us-east-1", twelveHours)}},
	}
	for _, step := range steps {
		equal(t, step.name, step.want, a.do(t, step.request))
	}

	first, second := ecrCall("", "us-east-1"), ecrCall("", "us-east-1")
	first.Result = "ServiceUnavailable"
	second.Service, second.Operation, second.Result = "sts", "AssumeRole", "ServerException"
	want := []fakeaws.Call{first, second, ecrCall("", "us-east-1"), ecrCall("", "us-east-1")}
	equal(t, "Calls", want, a.Calls())
	got := a.do(t, control("GET", "calls", ""))
	decoder := json.NewDecoder(strings.NewReader(got.Body))
	decoder.DisallowUnknownFields()
	var calls []fakeaws.Call
	if err := decoder.Decode(&calls); err != nil || got.Status != 200 || got.Type != "application/json" {
		t.Errorf("GET calls = %v, %v, want 200 application/json", got, err)
	}
	equal(t, "GET calls", want, calls)

	// The copy is the caller's.
	a.Calls()[0].Service = "changed"
	equal(t, "Calls", want, a.Calls())

	equal(t, "DELETE calls", done, a.do(t, control("DELETE", "calls", "")))
	if calls := a.Calls(); len(calls) != 0 {
		t.Errorf("Calls = %v, want none", calls)
	}
}

// TestRequestID is what the plugin quotes of an answer.
func TestRequestID(t *testing.T) {
	t.Parallel()
	a := start(t)
	for _, want := range []string{"request-1", "request-2"} {
		resp, err := a.send(t.Context(), getToken("ecr", "us-east-1"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("X-Amzn-Requestid"); got != want {
			t.Errorf("X-Amzn-Requestid = %s, want %s", got, want)
		}
	}
}

// trusting is a transport that trusts these certificates and no others.
func trusting(t *testing.T, pem []byte, proxy string) *http.Transport {
	t.Helper()
	pool := x509.NewCertPool()
	if pem != nil && !pool.AppendCertsFromPEM(pem) {
		t.Fatal("CA is not in PEM")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	if proxy != "" {
		address, err := url.Parse(proxy)
		if err != nil {
			t.Fatal(err)
		}
		transport.Proxy = http.ProxyURL(address)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// ecrCall is a call that got a token.
func ecrCall(host, region string) fakeaws.Call {
	return fakeaws.Call{Service: "ecr", Operation: "GetAuthorizationToken", Host: host, Region: region,
		Principal: "key AKIANODE", Result: "200", UserAgent: "test/1"}
}

func TestProxy(t *testing.T) {
	t.Parallel()
	const host = "api.ecr.eu-west-1.amazonaws.com"
	t.Run("CONNECT", func(t *testing.T) {
		t.Parallel()
		a := start(t)
		transport := trusting(t, a.CA(), a.server.URL)
		for range 2 { // the second through the same tunnel
			if got := post(t, transport, "https://"+host); got != 200 {
				t.Errorf("status = %d, want 200", got)
			}
		}
		if got := post(t, transport, "https://api.ecr.us-east-1.amazonaws.com"); got != 200 {
			t.Errorf("status at another host = %d, want 200", got)
		}
		equal(t, "Calls", []fakeaws.Call{ecrCall(host, "eu-west-1"), ecrCall(host, "eu-west-1"),
			ecrCall("api.ecr.us-east-1.amazonaws.com", "us-east-1")}, a.Calls())
	})
	t.Run("CONNECT without the CA", func(t *testing.T) {
		t.Parallel()
		a := start(t)
		_, err := tryPost(t, trusting(t, fakeaws.New().CA(), a.server.URL), "https://"+host)
		if unknown := (x509.UnknownAuthorityError{}); !errors.As(err, &unknown) {
			t.Errorf("err = %v, want an unknown authority", err)
		}
		equal(t, "Calls", []fakeaws.Call(nil), a.Calls())
	})
	t.Run("plain HTTP", func(t *testing.T) {
		t.Parallel()
		a := start(t)
		if got := post(t, trusting(t, a.CA(), a.server.URL), "http://169.254.169.254"+rolesPath); got != 502 {
			t.Errorf("status = %d, want 502", got)
		}
		equal(t, "Calls", []fakeaws.Call{{Service: "proxy", Operation: "POST", Host: "169.254.169.254", Result: "502"}}, a.Calls())
	})
	t.Run("a writer that cannot be a tunnel", func(t *testing.T) {
		t.Parallel()
		w := httptest.NewRecorder()
		fakeaws.New().ServeHTTP(w, httptest.NewRequest(http.MethodConnect, host+":443", nil))
		if w.Code != 500 {
			t.Errorf("status = %d, want 500", w.Code)
		}
	})
}

func TestDial(t *testing.T) {
	t.Parallel()
	const host = "api.ecr.us-east-1.amazonaws.com"
	t.Run("https", func(t *testing.T) {
		t.Parallel()
		a := start(t)
		transport := trusting(t, a.CA(), "")
		transport.DialContext = a.Dial
		if got := post(t, transport, "https://"+host); got != 200 {
			t.Errorf("status = %d, want 200", got)
		}
		equal(t, "Calls", []fakeaws.Call{ecrCall(host, "us-east-1")}, a.Calls())
	})
	t.Run("http", func(t *testing.T) {
		t.Parallel()
		a := start(t)
		transport := trusting(t, a.CA(), "")
		transport.DialContext = a.Dial
		if got := post(t, transport, "http://"+host); got != 200 {
			t.Errorf("status = %d, want 200", got)
		}
		resp, err := (&http.Client{Transport: transport}).Get("http://169.254.169.254" + rolesPath)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if b, err := io.ReadAll(resp.Body); resp.StatusCode != 401 || string(b) != "Unauthorized" || err != nil {
			t.Errorf("answer = %d %s, %v, want 401 Unauthorized", resp.StatusCode, b, err)
		}
		calls := a.Calls()
		if len(calls) != 2 {
			t.Fatalf("Calls = %v, want 2", calls)
		}
		equal(t, "first call", ecrCall(host, "us-east-1"), calls[0])
		if got, want := [...]string{calls[1].Service, calls[1].Operation, calls[1].Host, calls[1].Detail},
			[...]string{"imds", "GET", "", rolesPath}; got != want {
			t.Errorf("second call = %v, want %v", got, want)
		}
	})
	t.Run("no port", func(t *testing.T) {
		t.Parallel()
		conn, err := fakeaws.New().Dial(t.Context(), "tcp", host)
		if want := "address " + host + ": missing port in address"; conn != nil || err == nil || err.Error() != want {
			t.Errorf("Dial = %v, %v, want %s", conn, err, want)
		}
	})
}

func TestCertificate(t *testing.T) {
	t.Parallel()
	s := fakeaws.New()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(s.CA()) {
		t.Fatal("CA is not in PEM")
	}
	serials := map[string]bool{}
	for _, name := range []string{"registry.example", "123456789012.dkr.ecr.us-east-1.amazonaws.com"} {
		c, err := s.Certificate(name)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(c.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: name}); err != nil {
			t.Errorf("Verify(%s) = %v, want nil", name, err)
		}
		if err := leaf.VerifyHostname("api.ecr.us-east-1.amazonaws.com"); err == nil {
			t.Errorf("VerifyHostname of another than %s = nil, want an error", name)
		}
		if again, err := s.Certificate(name); again != c || err != nil {
			t.Errorf("Certificate again = %p, %v, want %p", again, err, c)
		}
		serials[leaf.SerialNumber.String()] = true
	}
	if len(serials) != 2 {
		t.Errorf("serial numbers = %v, want 2", serials)
	}
}

// TestUnreadable is a client that breaks off within its request: that is no call.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	s := fakeaws.New()
	r := httptest.NewRequest(http.MethodPost, "/", iotest.ErrReader(io.ErrUnexpectedEOF))
	defer func() {
		if got := recover(); got != http.ErrAbortHandler {
			t.Errorf("ServeHTTP panics with %v, want %v", got, http.ErrAbortHandler)
		}
		equal(t, "Calls", []fakeaws.Call(nil), s.Calls())
	}()
	s.ServeHTTP(httptest.NewRecorder(), r)
}

func TestCallString(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		call fakeaws.Call
		want string
	}{
		{"all", fakeaws.Call{Service: "sts", Operation: "AssumeRole", Host: "sts.us-east-1.amazonaws.com", Region: "us-east-1",
			Principal: "key AKIANODE", Detail: "role r session s", Result: "200", UserAgent: "test/1"},
			"sts AssumeRole at sts.us-east-1.amazonaws.com in us-east-1 by key AKIANODE with role r session s -> 200"},
		{"metadata", fakeaws.Call{Service: "imds", Operation: "PUT", Detail: tokenPath, Result: "no answer"},
			"imds PUT with /latest/api/token -> no answer"},
		{"proxy", fakeaws.Call{Service: "proxy", Operation: "GET", Host: "169.254.169.254", Result: "502"},
			"proxy GET at 169.254.169.254 -> 502"},
		{"the least", fakeaws.Call{Service: "ecr", Operation: "GetAuthorizationToken"}, "ecr GetAuthorizationToken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := c.call.String(); got != c.want {
				t.Errorf("String = %s, want %s", got, c.want)
			}
		})
	}
}

// TestConcurrent finds what fakeaws would hand out twice or count wrongly. Most of
// the calls go straight to the handler: connections would keep them too far apart.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	const clients, rounds = 50, 5
	a := start(t)
	a.inject(t, "ecr throttle times=25")
	requests := []request{getToken("ecr", "us-east-1"), imds("PUT", tokenPath, ttlHeader, "60"), assume("AssumeRole", pullRole, "s1", "")}
	var mu sync.Mutex
	bodies := map[string]int{}
	count := func(body string) {
		mu.Lock()
		defer mu.Unlock()
		bodies[body]++
	}
	ready := make(chan struct{})
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			<-ready
			for range rounds {
				for _, r := range requests {
					direct, err := r.to(t.Context(), "http://localhost")
					if err != nil {
						t.Error(err)
						return
					}
					direct.URL.Scheme, direct.URL.Host = "", "" // as a server reads it
					w := httptest.NewRecorder()
					a.ServeHTTP(w, direct)
					count(w.Body.String())
				}
			}
			for _, r := range requests {
				got, err := a.try(r)
				if err != nil {
					t.Error(err)
				}
				count(got.Body)
			}
			a.Calls()
			a.Admit("AWS", "token-1-us-east-1")
			a.Inject(fakeaws.Fault{Service: "none"})
			if _, err := a.Certificate("registry.example"); err != nil {
				t.Error(err)
			}
		})
	}
	close(ready)
	wg.Wait()
	throttled := refusal(400, "ThrottlingException", "Rate exceeded").Body
	if got := bodies[throttled]; got != 25 {
		t.Errorf("throttled = %d, want 25", got)
	}
	delete(bodies, throttled)
	for body, n := range bodies {
		if n != 1 {
			t.Errorf("%s was given out %d times, want once", body, n)
		}
	}
	results := map[string]int{}
	for _, call := range a.Calls() {
		results[call.Service+" "+call.Result]++
	}
	const each = clients * (rounds + 1)
	equal(t, "results", map[string]int{"ecr 200": each - 25, "ecr ThrottlingException": 25, "imds 200": each, "sts 200": each}, results)
}
