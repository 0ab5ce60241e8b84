package fakeaws

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ecr answers ECR and ECR Public; here, GetAuthorizationToken of both. Passwords are
// token-N-REGION, so that a test can name the one it expects.
func (s *Server) ecr(q *request) (answer, *Error) {
	public := q.Service == "ecr-public"
	if q.Operation != "GetAuthorizationToken" && public {
		return answer{}, &Error{Status: 400, Code: "UnknownOperationException"}
	}
	if q.Operation != "GetAuthorizationToken" {
		return s.ecrRegistry(q)
	}
	if public && q.Region != "us-east-1" {
		return answer{}, &Error{Status: 400, Code: "UnsupportedCommandException", Message: "ECR Public is in us-east-1"}
	}
	password := fmt.Sprintf("token-%d-%s", s.next(), q.Region)
	expires := s.Now().Add(s.TokenLife)
	s.mu.Lock()
	s.tokens[password] = Token{Region: q.Region, Public: public, Principal: q.Principal, Expires: expires}
	s.mu.Unlock()

	data := map[string]any{
		"authorizationToken": base64.StdEncoding.EncodeToString([]byte("AWS:" + password)),
		"expiresAt":          float64(expires.UnixMilli()) / 1000,
	}
	out := map[string]any{"authorizationData": data}
	if !public {
		data["proxyEndpoint"] = "https://123456789012.dkr.ecr." + q.Region + ".amazonaws.com"
		out["authorizationData"] = []any{data}
	}
	b, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	return answer{status: 200, contentType: "application/x-amz-json-1.1", body: b}, nil
}

var (
	roleARN     = regexp.MustCompile(`^arn:([\w-]+):iam::(\d{12}):role/(?:.*/)?([\w+=,.@-]+)$`)
	sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
)

// callerIdentity answers GetCallerIdentity, which takes no permission.
func (s *Server) callerIdentity(q *request) answer {
	who, _ := s.caller(q)
	kind, name := "AIDA", ""
	if _, session, ok := strings.Cut(who, ":assumed-role/"); ok {
		kind, name = "AROA", ":"+session[strings.LastIndex(session, "/")+1:]
	}
	id, account := iamID(kind, principalOf(who)), cmp.Or(accountOf(who), s.Account)
	s.mu.Lock()
	if role, ok := s.roleID(principalOf(who)); ok {
		id = role
	}
	s.mu.Unlock()
	if strings.HasSuffix(who, ":root") {
		id = account
	}
	return queryAnswer("https://sts.amazonaws.com/doc/2011-06-15/", q.Operation,
		struct{ Arn, UserId, Account string }{who, id + name, account})
}

// sts answers GetCallerIdentity, AssumeRole and AssumeRoleWithWebIdentity. Every role
// trusts everybody; expiry of a web identity is checked, its signature is not.
func (s *Server) sts(q *request) (answer, *Error) {
	if q.Operation == "GetCallerIdentity" {
		return s.callerIdentity(q), nil
	}
	role, session := q.http.PostForm.Get("RoleArn"), q.http.PostForm.Get("RoleSessionName")
	m := roleARN.FindStringSubmatch(role)
	if m == nil || !sessionName.MatchString(session) {
		return answer{}, &Error{Status: 400, Code: "ValidationError", Message: "invalid RoleArn or RoleSessionName"}
	}
	q.Detail = "role " + role + " session " + session
	switch q.Operation {
	case "AssumeRole":
	case "AssumeRoleWithWebIdentity":
		var claims struct {
			Subject string `json:"sub"`
			Expires int64  `json:"exp"`
		}
		parts := strings.Split(q.http.PostForm.Get("WebIdentityToken"), ".")
		if len(parts) != 3 {
			return answer{}, &Error{Status: 400, Code: "InvalidIdentityToken", Message: "The ID Token provided is not a valid JWT."}
		}
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil || json.Unmarshal(payload, &claims) != nil {
			return answer{}, &Error{Status: 400, Code: "InvalidIdentityToken", Message: "The ID Token provided is not a valid JWT."}
		}
		q.Detail += " subject " + claims.Subject
		if claims.Expires != 0 && s.Now().Unix() >= claims.Expires {
			return answer{}, &Error{Status: 400, Code: "ExpiredTokenException", Message: "Token expired"}
		}
	default:
		return answer{}, &Error{Status: 400, Code: "InvalidAction"}
	}
	type credentials struct {
		AccessKeyId, SecretAccessKey, SessionToken, Expiration string
	}
	var c credentials
	var expires time.Time
	c.AccessKeyId, c.SecretAccessKey, c.SessionToken, expires = s.handOut(
		fmt.Sprintf("arn:%s:sts::%s:assumed-role/%s/%s", m[1], m[2], m[3], session))
	c.Expiration = expires.UTC().Format(time.RFC3339)
	type result struct {
		Credentials credentials
	}
	b, err := xml.Marshal(struct {
		XMLName xml.Name
		Result  any
	}{
		XMLName: xml.Name{Local: q.Operation + "Response"},
		Result: struct {
			XMLName xml.Name
			result
		}{xml.Name{Local: q.Operation + "Result"}, result{c}},
	})
	if err != nil {
		panic(err)
	}
	return answer{status: 200, contentType: "text/xml", body: b}, nil
}

const (
	tokenPath       = "/latest/api/token"
	credentialsPath = "/latest/meta-data/iam/security-credentials/"
	ttlHeader       = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
	tokenHeader     = "X-Aws-Ec2-Metadata-Token"
)

// metadata is IMDSv2 only, as AWS describes it
// (docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-v2-how-it-works.html):
// a session token by PUT with a TTL, refused to what came through a proxy, then GET
// with that token while it lives.
func (s *Server) metadata(q *request) (answer, *Error) {
	text := func(body string) (answer, *Error) {
		return answer{status: 200, contentType: "text/plain", body: []byte(body)}, nil
	}
	if q.http.URL.Path == tokenPath {
		seconds, err := strconv.Atoi(q.http.Header.Get(ttlHeader))
		switch {
		case q.http.Method != http.MethodPut:
			return answer{}, &Error{Status: 405, Message: "Method Not Allowed"}
		case q.http.Header.Get("X-Forwarded-For") != "":
			return answer{}, &Error{Status: 403, Message: "Forbidden"}
		case err != nil || seconds < 1 || seconds > 21600:
			return answer{}, &Error{Status: 400, Message: "Bad Request"}
		}
		token := fmt.Sprintf("imds-%d", s.next())
		s.mu.Lock()
		s.sessions[token] = s.Now().Add(time.Duration(seconds) * time.Second)
		s.mu.Unlock()
		a, e := text(token)
		a.header = http.Header{ttlHeader: {strconv.Itoa(seconds)}} // the SDK insists on it
		return a, e
	}
	s.mu.Lock()
	alive := s.Now().Before(s.sessions[q.http.Header.Get(tokenHeader)])
	role := s.InstanceRole
	s.mu.Unlock()
	if !alive {
		return answer{}, &Error{Status: 401, Message: "Unauthorized"}
	}
	switch {
	case q.http.URL.Path == "/latest/meta-data/placement/region":
		return text("us-east-1")
	case role == "":
	case q.http.URL.Path == credentialsPath:
		return text(role)
	case q.http.URL.Path == credentialsPath+role:
		id, secret, session, expires := s.handOut(s.arn("sts", "", "assumed-role/"+role+"/i-0abc"))
		b, err := json.Marshal(map[string]string{
			"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": s.Now().UTC().Format(time.RFC3339),
			"AccessKeyId": id, "SecretAccessKey": secret, "Token": session, "Expiration": expires.UTC().Format(time.RFC3339),
		})
		if err != nil {
			panic(err)
		}
		return text(string(b))
	}
	return answer{}, &Error{Status: 404, Message: "Not Found"}
}
