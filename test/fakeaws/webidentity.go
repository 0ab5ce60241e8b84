package fakeaws

import (
	"encoding/base64"
	"encoding/json"
	"time"
)

// ServiceAccountToken makes a token as the API server of a cluster whose issuer is
// https://oidc.example would for the account: with these audiences, unsigned,
// because nothing here verifies a signature.
func ServiceAccountToken(namespace, name string, expires time.Time, audiences ...string) string {
	encode := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	return encode(map[string]string{"alg": "RS256", "kid": "fakeaws"}) + "." +
		encode(map[string]any{
			"iss": "https://oidc.example",
			"sub": "system:serviceaccount:" + namespace + ":" + name,
			"aud": audiences,
			"exp": expires.Unix(),
			"kubernetes.io": map[string]any{
				"namespace":      namespace,
				"serviceaccount": map[string]string{"name": name, "uid": "uid-of-" + namespace + "-" + name},
			},
		}) + "." + base64.RawURLEncoding.EncodeToString([]byte("not a signature but as secret as one"))
}
