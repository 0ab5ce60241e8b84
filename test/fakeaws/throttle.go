package fakeaws

import (
	"math/rand/v2"
	"strings"
)

// ofAccount reports whether the call is of a service whose quota of calls the whole
// account shares. The calls of a pull are not among them.
func (q *request) ofAccount() bool {
	switch q.Service {
	case "iam", "ec2", "autoscaling", "eks":
		return true
	case "ecr":
		return q.Operation != "GetAuthorizationToken"
	}
	return false
}

// reads are how the names of operations begin that change nothing.
var reads = []string{"Get", "List", "Describe", "Simulate", "BatchGet", "Validate"}

// changes reports whether the call changes something in the account, if it succeeds.
func (q *request) changes() bool {
	if !q.ofAccount() || q.http.PostForm.Get("DryRun") == "true" {
		return false
	}
	for _, read := range reads {
		if strings.HasPrefix(q.Operation, read) {
			return false
		}
	}
	return true
}

// throttled is what throttle remembers.
type throttled struct {
	chance *rand.Rand
	inARow map[string]int // refusals, by call
}

// maxThrottled is how often the same call is refused in a row.
const maxThrottled = 6

// throttle refuses the share of calls that ThrottleShare says.
func (s *Server) throttle(q *request) *Error {
	if s.ThrottleShare == 0 || !q.ofAccount() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.throttled.chance == nil {
		s.throttled = throttled{chance: rand.New(rand.NewPCG(s.ThrottleSeed, 0)), inARow: map[string]int{}}
	}
	call := q.Service + " " + q.Operation + " " + q.http.URL.RequestURI() + " " + q.body
	if s.throttled.chance.Float64() >= s.ThrottleShare || s.throttled.inARow[call] >= maxThrottled {
		delete(s.throttled.inARow, call)
		return nil
	}
	s.throttled.inARow[call]++
	return tooMany(q.Service)
}

// tooMany is how a service says that there are too many calls.
func tooMany(service string) *Error {
	e := &Error{Status: 400, Code: "ThrottlingException", Message: "Rate exceeded"}
	switch service {
	case "ec2":
		e.Status, e.Message = 503, "Request limit exceeded."
	case "eks":
		e.Status = 429
	}
	return e
}
