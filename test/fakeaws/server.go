// Package fakeaws is the AWS that this project's tests talk to: an http.Handler
// that speaks the few calls of ECR, ECR Public, STS and the instance metadata
// service which a pull needs, and those of IAM, EC2, Auto Scaling, EKS and ECR that
// look at an account and make it fit for a cluster, as the SDK expects them on the
// wire.
//
// The account has AWS's own limits, sentences and delays, and what a caller may do in
// it is decided by policies ([Server.CallerPolicies], package evaluate). [Server.Dump]
// is all that is in it.
//
// It checks what a mock of SDK methods cannot see. A request must be signed for
// the service it asks, by a key that was handed out, for the region that its host
// names; a session token must be the key's own. What was called, where, by whom, is
// kept in [Server.Calls], and [Server.Inject] makes any of it fail as AWS does.
//
// One Server stands for all of AWS: as an endpoint override, behind real host names
// through [Server.Dial], or as an HTTPS proxy (CONNECT) that answers for every host
// with certificates of its own CA.
package fakeaws

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Server is safe for concurrent use. Its fields may be set until it serves.
type Server struct {
	// TokenLife is how long ECR tokens live.
	TokenLife time.Duration

	// InstanceRole is the role of the instance profile that the metadata service
	// tells of; "" if the instance has none.
	InstanceRole string

	// Latency is how long every answer takes. The SDK closes the body of its
	// request once an answer is there, and takes the end of a write that is still
	// in hand for a broken connection: an answer faster than any network provokes
	// that.
	Latency time.Duration

	// Now is the clock of AWS.
	Now func() time.Time

	// Account is the account's number, and Partition where it is.
	Account, Partition string

	// Caller is the ARN that long-lived keys act as: a user of the account called
	// operator if it is "". Principals has others by the id of the key.
	Caller     string
	Principals map[string]string

	// CallerPolicies are the identity policies of long-lived keys, as JSON. Nil
	// allows everything; empty, nothing. CallerBoundary is their permissions
	// boundary, and SCPs are the service control policies of the account, which
	// limit the roles in it as well, where their permissions are simulated.
	CallerPolicies []string
	CallerBoundary string
	SCPs           []string

	// ManagedPolicies are documents of AWS-managed policies beside those that are
	// known anyway, by their name and, if they have one, path: service-role/Name.
	ManagedPolicies map[string]string

	// ThrottleShare is the share of calls of the account's services that are refused
	// for there being too many, before anything is done: 0.5 is every other one, by
	// chance from ThrottleSeed. The same call is refused at most six times in a row,
	// for AWS's buckets fill up while a client backs off.
	ThrottleShare float64
	ThrottleSeed  uint64

	// RoleDelay is how many reads do not find a new role or instance profile, which
	// IAM shows everywhere only after seconds.
	RoleDelay int

	// ProfileDelay is how many times EC2 refuses an instance profile that IAM shows,
	// because it has not heard of it.
	ProfileDelay int

	authority *authority

	mu        sync.Mutex
	calls     []*Call
	faults    []*Fault
	keys      map[string]key
	tokens    map[string]Token
	sessions  map[string]time.Time // of the metadata service
	iamState  iamState
	resources resources
	throttled throttled
	serial    int
	requests  atomic.Int64
	servers   []*http.Server // of what Dial and CONNECT opened
	closed    chan struct{}
}

// New returns an AWS in good health whose tokens live 12 h.
func New() *Server {
	return &Server{
		TokenLife:    12 * time.Hour,
		InstanceRole: "node",
		Latency:      time.Millisecond,
		Now:          time.Now,
		Account:      "123456789012",
		Partition:    "aws",
		authority:    newAuthority(),
		keys:         map[string]key{},
		tokens:       map[string]Token{},
		sessions:     map[string]time.Time{},
		iamState: iamState{
			roles:    map[string]*iamRole{},
			profiles: map[string]*iamProfile{},
			policies: map[string]*iamPolicy{},
		},
		resources: resources{regions: map[string]*region{}, refused: map[string]int{}},
		closed:    make(chan struct{}),
	}
}

// Close lets go of every request that hangs, and of every connection that Dial or
// CONNECT opened.
func (s *Server) Close() {
	close(s.closed)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, server := range s.servers {
		server.Close()
	}
}

// ExchangeProfile gives the instance another profile, with this role in it; "" takes
// it away.
func (s *Server) ExchangeProfile(role string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.InstanceRole = role
}

// A Call is one request as AWS saw it.
type Call struct {
	Service   string // ecr, ecr-public, sts, imds, iam, ec2, autoscaling, eks or proxy
	Operation string
	Host      string // as the client wrote it; "" for a loopback address
	Region    string // of the signature; "" if there was none
	Principal string // who signed
	Detail    string // what else tells calls of the operation apart
	Result    string // 200, the code of the error, or "no answer"
	UserAgent string
}

const noAnswer = "no answer"

// String is the call on one line, without the user agent and what is empty.
func (c Call) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", c.Service, c.Operation)
	for _, part := range [...]struct{ word, value string }{
		{"at", c.Host}, {"in", c.Region}, {"by", c.Principal}, {"with", c.Detail}, {"->", c.Result},
	} {
		if part.value != "" {
			fmt.Fprintf(&b, " %s %s", part.word, part.value)
		}
	}
	return b.String()
}

// Calls returns what was called so far, in order of arrival.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	var calls []Call
	for _, c := range s.calls {
		calls = append(calls, *c)
	}
	return calls
}

// ForgetCalls empties the record.
func (s *Server) ForgetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

// A Token is one that ECR gave out.
type Token struct {
	Region    string
	Public    bool
	Principal string
	Expires   time.Time
}

// Admit returns the token that a registry is shown as user and password, if AWS
// gave it out and it has not expired.
func (s *Server) Admit(user, password string) (Token, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tokens[password]
	return t, ok && user == "AWS" && s.Now().Before(t.Expires)
}

// answer is what one operation returns.
type answer struct {
	status      int
	header      http.Header
	contentType string
	body        []byte
	stall       bool // after the first half of the body
}

// request is a call under way.
type request struct {
	Call
	http *http.Request
	body string
}

// ServeHTTP tells the services apart by what they look like on the wire.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodConnect:
		s.connect(w, r)
		return
	case r.URL.IsAbs():
		// A proxy's request. AWS is only reached by CONNECT, so whatever comes
		// this way was not meant to.
		s.record(Call{Service: "proxy", Operation: r.Method, Host: r.Host, Result: "502"})
		http.Error(w, "this proxy only connects", http.StatusBadGateway)
		return
	case strings.HasPrefix(r.URL.Path, controlPath):
		s.control(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the connection ends without an answer
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if !(&Fault{Delay: s.Latency}).wait(r.Context(), s.closed) {
		panic(http.ErrAbortHandler)
	}

	q := &request{http: r, body: string(body), Call: Call{Host: awsHost(r.Host), UserAgent: r.UserAgent(), Result: noAnswer}}
	serve := s.operation(q)
	if serve == nil {
		http.Error(w, "fakeaws knows no such call", http.StatusNotFound)
		return
	}
	call := s.record(q.Call)
	a, ok := s.respond(q, serve)
	s.mu.Lock()
	*call = q.Call
	s.mu.Unlock()
	if !ok {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), a.header)
	w.Header().Set("Content-Type", a.contentType)
	w.Header().Set("X-Amzn-Requestid", fmt.Sprintf("request-%d", s.requests.Add(1)))
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	if a.stall {
		w.Write(a.body[:len(a.body)/2])
		http.NewResponseController(w).Flush()
		(&Fault{Hang: true}).wait(r.Context(), s.closed)
		panic(http.ErrAbortHandler)
	}
	w.Write(a.body)
}

// operation tells by the looks of a request which operation of which service it is,
// and returns who serves it; nil if nobody does.
func (s *Server) operation(q *request) (serve func(*request) (answer, *Error)) {
	r := q.http
	switch target := r.Header.Get("X-Amz-Target"); {
	case strings.HasPrefix(target, "AmazonEC2ContainerRegistry_V20150921."):
		q.Service, serve = "ecr", s.ecr
		q.Operation = strings.TrimPrefix(target, "AmazonEC2ContainerRegistry_V20150921.")
	case strings.HasPrefix(target, "SpencerFrontendService."):
		q.Service, serve = "ecr-public", s.ecr
		q.Operation = strings.TrimPrefix(target, "SpencerFrontendService.")
	case strings.HasPrefix(r.URL.Path, "/latest/"):
		q.Service, serve = "imds", s.metadata
		q.Operation, q.Detail = r.Method, r.URL.Path
	case r.Method == http.MethodPost && r.ParseForm() == nil && r.PostForm.Get("Action") != "":
		q.Operation = r.PostForm.Get("Action")
		q.Service, serve = s.byAction(r)
	case signedFor(r) == "eks":
		q.Service, serve = "eks", s.eks
		q.Operation, q.Detail = eksOperation(r)
	}
	return serve
}

// respond runs the operation under the faults that are set for it.
func (s *Server) respond(q *request, serve func(*request) (answer, *Error)) (a answer, ok bool) {
	fault := s.faultFor(q)
	before := fault != nil && !fault.After
	if before && !fault.wait(q.http.Context(), s.closed) {
		return answer{}, false
	}
	e := s.checkSignature(q)
	if e == nil && before && fault.Error != nil {
		e = fault.Error
	}
	if e == nil {
		e = s.throttle(q)
	}
	if e == nil {
		a, e = serve(q)
	}
	if e == nil && fault != nil && fault.After {
		if !fault.wait(q.http.Context(), s.closed) {
			return answer{}, false
		}
		e = fault.Error
	}
	if e != nil {
		q.Result = cmp.Or(e.Code, strconv.Itoa(e.Status))
		return e.encode(q), true
	}
	q.Result = fmt.Sprint(a.status)
	if fault != nil && fault.Mangle != nil {
		fault.Mangle(&a)
	}
	return a, true
}

func (s *Server) record(c Call) *Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, &c)
	return &c
}

func (s *Server) next() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	return s.serial
}

// awsHost is the host of a request for the record: "" where a test reaches the
// server at an address of its own.
func awsHost(host string) string {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	if net.ParseIP(name) != nil || name == "localhost" {
		return ""
	}
	return name
}
