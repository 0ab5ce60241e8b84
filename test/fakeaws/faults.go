package fakeaws

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Fault is something that goes wrong with the calls of a service.
type Fault struct {
	Service   string // as in Call; "*" for iam, ec2, autoscaling, eks and ecr
	Operation string // of the service, or the metadata path; "" for all
	Changes   bool   // it is for calls that change something only
	Skip      int    // how many calls that it is for it lets pass first
	Times     int    // how many calls it hits; 0 for all

	// After has AWS do what it was asked for before the fault strikes: with Drop, the
	// change is made and its answer is lost.
	After bool

	Delay  time.Duration // before the answer
	Hang   bool          // no answer until the client gives up
	Drop   bool          // the connection is closed instead
	Error  *Error        // the answer
	Mangle func(*answer) // what happens to a good answer
}

// An Error is an answer as AWS gives it, in the protocol of the call.
type Error struct {
	Status  int
	Code    string
	Message string
}

var expired = &Error{Status: 400, Code: "ExpiredTokenException", Message: "The security token included in the request is expired"}

// denied is AWS's sentence; %[1]s is the action, because is why.
func denied(because string) *Error {
	return &Error{Status: 400, Code: "AccessDeniedException", Message: "User: arn:aws:sts::123456789012:assumed-role/node/i-0abc is not authorized to perform: " +
		"%[1]s on resource: * " + because}
}

// kinds are the faults that have a name. Those of tokens mangle the answer of
// GetAuthorizationToken.
var kinds = map[string]Fault{
	"hang":          {Hang: true},
	"drop":          {Drop: true},
	"lost":          {Drop: true, After: true},
	"delay":         {}, // with for=DURATION
	"error":         {Error: &Error{Status: 400}},
	"throttle":      {Error: &Error{Status: 400, Code: "ThrottlingException", Message: "Rate exceeded"}},
	"unavailable":   {Error: &Error{Status: 503, Code: "ServiceUnavailable", Message: "Service Unavailable"}},
	"internal":      {Error: &Error{Status: 500, Code: "ServerException", Message: "internal error"}},
	"access-denied": {Error: denied("because no identity-based policy allows the %[1]s action")},
	"scp":           {Error: denied("with an explicit deny in a service control policy")},
	"boundary":      {Error: denied("because no permissions boundary allows the %[1]s action")},
	"expired":       {Error: expired},
	"unknown-key":   {Error: &Error{Status: 400, Code: "UnrecognizedClientException", Message: "The security token included in the request is invalid."}},
	"skew": {Error: &Error{Status: 400, Code: "InvalidSignatureException",
		Message: "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z (20260101T001500Z - 5 min.)"}},
	"no-trust":          {Error: &Error{Status: 403, Code: "AccessDenied", Message: "Not authorized to perform sts:AssumeRoleWithWebIdentity"}},
	"no-oidc":           {Error: &Error{Status: 400, Code: "InvalidIdentityToken", Message: "No OpenIDConnect provider found in your account for https://oidc.example"}},
	"no-bearer":         {Error: &Error{Status: 400, Code: "AccessDeniedException", Message: "User: arn:aws:sts::123456789012:assumed-role/node/i-0abc is not authorized to perform: sts:GetServiceBearerToken on resource: * because no identity-based policy allows the sts:GetServiceBearerToken action"}},
	"no-expiry":         {Mangle: tokenField("expiresAt", nil)},
	"past-expiry":       {Mangle: tokenField("expiresAt", 1420070400)},
	"no-token":          {Mangle: tokenField("authorizationToken", nil)},
	"empty-token":       {Mangle: tokenField("authorizationToken", "")},
	"token-no-colon":    {Mangle: tokenField("authorizationToken", "c2VjcmV0LXdpdGhvdXQtY29sb24=")},
	"token-no-user":     {Mangle: tokenField("authorizationToken", "OnNlY3JldC13aXRob3V0LXVzZXI=")},
	"token-no-password": {Mangle: tokenField("authorizationToken", "c2VjcmV0Og==")},
	"no-credentials": {Mangle: func(a *answer) {
		a.body = regexp.MustCompile(`<Credentials>.*</Credentials>`).ReplaceAll(a.body, nil)
	}},
	"token-no-base64": {Mangle: tokenField("authorizationToken", "%%secret-not-base64%%")},
	"no-data":         {Mangle: func(a *answer) { a.body = []byte("{}") }},
	"stall":           {Mangle: func(a *answer) { a.stall = true }},
	"short": {Mangle: func(a *answer) {
		a.header = http.Header{"Content-Length": {strconv.Itoa(len(a.body))}}
		a.body = a.body[:len(a.body)/2]
	}},
	"garbage":     {Mangle: func(a *answer) { a.body = []byte("<html>sign in to the hotel network</html>") }},
	"imds-off":    {Error: &Error{Status: 403, Message: "Forbidden"}},
	"imds-broken": {Error: &Error{Status: 500, Message: "broken"}},
	"role-unassumable": {Mangle: func(a *answer) {
		a.body = []byte(`{"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot assume the role node."}`)
	}},
}

// Kinds lists the names that ParseFault knows.
func Kinds() []string { return append(slices.Sorted(maps.Keys(kinds)), "hop-limit") }

var services = []string{"ecr", "ecr-public", "sts", "imds", "iam", "ec2", "autoscaling", "eks"}

// ParseFault reads "SERVICE[:OPERATION] KIND [changes] [after=N] [times=N]
// [for=DURATION] [code=CODE] [status=N] [message=TEXT...]": message takes the rest of
// the line. SERVICE is * for all services of the account; changes, after and times are
// Changes, Skip and Times of a Fault. So "* drop changes after=3" is an AWS that is out
// of reach from the fourth change on, and "iam:CreateRole lost" one whose answers to
// CreateRole never arrive. The kind hop-limit, of imds, is two faults: the answer to the
// token request never arrives, and others are refused for lack of a token.
func ParseFault(line string) ([]Fault, error) {
	words := strings.Fields(line)
	if len(words) < 2 {
		return nil, fmt.Errorf("%q is not SERVICE KIND", line)
	}
	service, operation, _ := strings.Cut(words[0], ":")
	if service != "*" && !slices.Contains(services, service) {
		return nil, fmt.Errorf("%q is no service", service)
	}
	if words[1] == "hop-limit" && len(words) == 2 {
		return []Fault{{Service: service, Operation: tokenPath, Hang: true}}, nil
	}
	f, ok := kinds[words[1]]
	if !ok {
		return nil, fmt.Errorf("no fault is called %q: there are %s", words[1], strings.Join(Kinds(), ", "))
	}
	f.Service, f.Operation = service, operation
	if f.Error != nil {
		e := *f.Error
		f.Error = &e
	}
	for i, word := range words[2:] {
		name, value, _ := strings.Cut(word, "=")
		var err error
		switch {
		case word == "changes":
			f.Changes = true
		case name == "after":
			f.Skip, err = positive(value)
		case name == "times":
			f.Times, err = positive(value)
		case name == "for":
			f.Delay, err = time.ParseDuration(value)
		case name == "status" && f.Error != nil:
			f.Error.Status, err = positive(value)
		case name == "code" && f.Error != nil:
			f.Error.Code = value
		case name == "message" && f.Error != nil:
			f.Error.Message = strings.Join(append([]string{value}, words[3+i:]...), " ")
			return []Fault{f}, nil
		default:
			err = fmt.Errorf("not an option of %s", words[1])
		}
		if err != nil {
			return nil, fmt.Errorf("%q: %w", word, err)
		}
	}
	return []Fault{f}, nil
}

func positive(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err == nil && n == 0 {
		err = errors.New("want a number from 1")
	}
	return int(n), err
}

// Inject adds a fault. The newest that fits a call, and lets none pass any more, is the
// one it meets.
func (s *Server) Inject(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Heal removes every fault.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// injectAll injects a fault for each line, or none if one is wrong.
func (s *Server) injectAll(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	var all []Fault
	for line := range strings.Lines(string(text)) {
		faults, err := ParseFault(line)
		if err != nil {
			return err
		}
		all = append(all, faults...)
	}
	for _, f := range all {
		s.Inject(f)
	}
	return nil
}

func (s *Server) faultFor(q *request) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range slices.Backward(s.faults) {
		if !f.fits(q) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		hit := *f
		if f.Times == 1 {
			s.faults = slices.Delete(s.faults, i, i+1)
		} else if f.Times > 1 {
			f.Times--
		}
		return &hit
	}
	return nil
}

// fits reports whether the fault is for calls like this one.
func (f *Fault) fits(q *request) bool {
	switch {
	case f.Service != q.Service && (f.Service != "*" || !q.ofAccount()):
		return false
	case f.Operation != "" && f.Operation != q.Operation && f.Operation != q.http.URL.Path:
		return false
	}
	return !f.Changes || q.changes()
}

// wait returns whether there will be an answer.
func (f *Fault) wait(ctx context.Context, closed <-chan struct{}) bool {
	if f.Drop {
		return false
	}
	var late <-chan time.Time
	if !f.Hang {
		late = time.After(f.Delay)
	}
	select {
	case <-late:
		return true
	case <-ctx.Done():
	case <-closed:
	}
	return false
}

// older are the codes that the older APIs have for what others name so.
var older = map[string]string{
	"AccessDeniedException":               "AccessDenied",
	"InvalidSignatureException":           "SignatureDoesNotMatch",
	"MissingAuthenticationTokenException": "MissingAuthenticationToken",
	"ThrottlingException":                 "Throttling",
	"UnrecognizedClientException":         "InvalidClientTokenId",
}

// queryCodes are the codes of the services that speak a query protocol, by the code
// that a fault has.
var queryCodes = map[string]map[string]string{
	"sts":         older,
	"iam":         older,
	"autoscaling": older,
	"ec2": {
		"AccessDeniedException":               "UnauthorizedOperation",
		"InvalidSignatureException":           "SignatureDoesNotMatch",
		"MissingAuthenticationTokenException": "MissingAuthenticationToken",
		"ThrottlingException":                 "RequestLimitExceeded",
		"UnrecognizedClientException":         "AuthFailure",
	},
}

func (e *Error) encode(q *request) answer {
	message := e.Message
	if strings.Contains(message, "%[1]s") {
		message = fmt.Sprintf(message, q.Service+":"+q.Operation)
	}
	switch q.Service {
	case "imds":
		return answer{status: e.Status, contentType: "text/plain", body: []byte(message)}
	case "ec2":
		type fault struct {
			XMLName xml.Name `xml:"Response"`
			Code    string   `xml:"Errors>Error>Code"`
			Message string   `xml:"Errors>Error>Message"`
		}
		b, _ := xml.Marshal(fault{Code: cmp.Or(queryCodes["ec2"][e.Code], e.Code), Message: message})
		return answer{status: e.Status, contentType: "text/xml", body: b}
	case "sts", "iam", "autoscaling":
		type fault struct {
			XMLName xml.Name `xml:"ErrorResponse"`
			Code    string   `xml:"Error>Code"`
			Message string   `xml:"Error>Message"`
		}
		b, _ := xml.Marshal(fault{Code: cmp.Or(queryCodes[q.Service][e.Code], e.Code), Message: message})
		return answer{status: e.Status, contentType: "text/xml", body: b}
	default:
		b, _ := json.Marshal(map[string]string{"__type": e.Code, "message": message})
		return answer{status: e.Status, contentType: "application/x-amz-json-1.1", body: b}
	}
}

// tokenField changes a field of every authorizationData in an answer.
func tokenField(name string, value any) func(*answer) {
	return func(a *answer) {
		var out map[string]any
		decoder := json.NewDecoder(bytes.NewReader(a.body))
		decoder.UseNumber()
		if decoder.Decode(&out) != nil {
			return
		}
		data, ok := out["authorizationData"].(map[string]any)
		if list, isList := out["authorizationData"].([]any); isList {
			data, ok = list[0].(map[string]any)
		}
		if !ok {
			return
		}
		data[name] = value
		if value == nil {
			delete(data, name)
		}
		a.body, _ = json.Marshal(out)
	}
}
