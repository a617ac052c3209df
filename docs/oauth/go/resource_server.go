// A resource server by net/http and go-jose.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

type accessToken struct {
	jwt.Claims
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
}

var errInvalid = errors.New("no token of ours")

// Verifier checks access tokens of one issuer for one audience (RFC 9068).
type Verifier struct {
	issuer, audience string
	keys             *Keys
}

// Verify returns the claims of a good token.
func (verifier *Verifier) Verify(ctx context.Context, token string) (*accessToken, error) {
	signed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, err
	}
	header := signed.Headers[0]
	kind, _ := header.ExtraHeaders[jose.HeaderType].(string)
	kind = strings.TrimPrefix(strings.ToLower(kind), "application/")
	if kind != "at+jwt" || header.KeyID == "" {
		return nil, errInvalid
	}
	keys, err := verifier.keys.Find(ctx, header.KeyID)
	if err != nil || len(keys) != 1 || keys[0].Use == "enc" || !keys[0].IsPublic() {
		return nil, errors.Join(errInvalid, err)
	}
	claims := new(accessToken)
	if err := signed.Claims(keys[0].Key, claims); err != nil {
		return nil, err
	}
	// go-jose checks a claim that is there; these must be.
	if claims.Expiry == nil || claims.IssuedAt == nil || claims.Subject == "" || claims.ClientID == "" || claims.ID == "" {
		return nil, errInvalid
	}
	expected := jwt.Expected{Issuer: verifier.issuer, AnyAudience: jwt.Audience{verifier.audience}}
	if err := claims.ValidateWithLeeway(expected, 10*time.Second); err != nil {
		return nil, err
	}
	return claims, nil
}

// Require lets pass whoever comes with a token of that scope.
func (verifier *Verifier) Require(scope string, next func(http.ResponseWriter, *accessToken)) http.HandlerFunc {
	return func(answer http.ResponseWriter, request *http.Request) {
		scheme, token, _ := strings.Cut(request.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "bearer") {
			answer.Header().Set("WWW-Authenticate", "Bearer")
			answer.WriteHeader(http.StatusUnauthorized)
			return
		}
		claims, err := verifier.Verify(request.Context(), token)
		if err != nil {
			answer.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			answer.WriteHeader(http.StatusUnauthorized)
			return
		}
		if !slices.Contains(strings.Fields(claims.Scope), scope) {
			answer.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope"`)
			answer.WriteHeader(http.StatusForbidden)
			return
		}
		next(answer, claims)
	}
}

func show(answer http.ResponseWriter, claims *accessToken) {
	answer.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(answer).Encode(map[string]string{"sub": claims.Subject})
}
