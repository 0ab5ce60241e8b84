package fakeaws

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// A key is an access key that was handed out.
type key struct {
	principal string
	session   string // its session token
	expires   time.Time
}

var credential = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request, `)

// byAction is the service of a request in one of the query protocols, which look
// alike: what it is signed for tells them apart. STS also takes unsigned ones.
func (s *Server) byAction(r *http.Request) (string, func(*request) (answer, *Error)) {
	switch service := signedFor(r); service {
	case "iam":
		return service, s.iam
	case "ec2":
		return service, s.ec2
	case "autoscaling":
		return service, s.autoscaling
	}
	return "sts", s.sts
}

// signedFor is the service in the scope of the request's signature, "" without one.
func signedFor(r *http.Request) string {
	if m := credential.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
		return m[3]
	}
	return ""
}

// checkSignature reads the scope of the signature. The signature itself is not
// recomputed: a wrong secret is a fault to inject, not a mistake the SDK makes.
func (s *Server) checkSignature(q *request) *Error {
	if q.Service == "imds" || q.Operation == "AssumeRoleWithWebIdentity" {
		return nil // neither is signed
	}
	m := credential.FindStringSubmatch(q.http.Header.Get("Authorization"))
	if m == nil {
		return &Error{Status: 400, Code: "MissingAuthenticationTokenException", Message: "Missing Authentication Token"}
	}
	q.Region = m[2]
	if m[3] != q.Service {
		return &Error{Status: 400, Code: "InvalidSignatureException", Message: fmt.Sprintf("Credential should be scoped to correct service: '%s'.", q.Service)}
	}
	if q.Host != "" && q.Service != "iam" && !strings.Contains("."+q.Host+".", "."+q.Region+".") {
		return &Error{Status: 400, Code: "InvalidSignatureException", Message: fmt.Sprintf("Credential should be scoped to a valid region, not '%s'.", q.Region)}
	}
	q.Principal = "key " + m[1]
	if !strings.HasPrefix(m[1], "ASIA") {
		return nil // long-lived keys are not handed out here: any will do
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.keys[m[1]]
	if !ok || k.session != q.http.Header.Get("X-Amz-Security-Token") {
		return &Error{Status: 400, Code: "UnrecognizedClientException", Message: "The security token included in the request is invalid."}
	}
	q.Principal = k.principal
	if !s.Now().Before(k.expires) {
		if q.Service == "sts" {
			return &Error{Status: 403, Code: "ExpiredToken", Message: expired.Message}
		}
		return expired
	}
	return nil
}

// handOut makes a temporary key for the principal.
func (s *Server) handOut(principal string) (id, secret, session string, expires time.Time) {
	n := s.next()
	id = fmt.Sprintf("ASIA%016d", n)
	session = fmt.Sprintf("session-%d", n)
	expires = s.Now().Add(time.Hour)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[id] = key{principal: principal, session: session, expires: expires}
	return id, fmt.Sprintf("secret-%d", n), session, expires
}
