package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

var (
	ErrInvalid     = errors.New("invalid token") // 401, WWW-Authenticate: Bearer error="invalid_token"
	ErrUnavailable = errors.New("cannot verify") // 503, Retry-After

	compact = regexp.MustCompile(`^[\w-]+\.[\w-]+\.[\w-]+$`) // base64 in Go skips line breaks
	atJWT   = regexp.MustCompile(`^(?i:(application/)?at\+jwt)$`)
)

// Revocations is the revocation list: in Redis, or a copy that follows the feed.
type Revocations interface {
	// Check returns nil, ErrInvalid (401) or ErrUnavailable (503).
	Check(ctx context.Context, claims *Claims, kid string) error
}

// Verifier verifies access tokens and checks that they are not revoked.
type Verifier struct {
	Issuer, Audience string
	Keys             *Keys
	List             Revocations
}

// Verify returns the claims, ErrInvalid or ErrUnavailable.
func (v *Verifier) Verify(ctx context.Context, token string) (*Claims, error) {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil || !compact.MatchString(token) {
		return nil, fmt.Errorf("%w: malformed", ErrInvalid)
	}
	header := parsed.Headers[0]
	typ, _ := header.ExtraHeaders[jose.HeaderType].(string)
	_, critical := header.ExtraHeaders["crit"] // go-jose understands b64
	if critical || !atJWT.MatchString(typ) || header.KeyID == "" {
		return nil, fmt.Errorf("%w: header", ErrInvalid)
	}
	key, err := v.Keys.Get(ctx, header.KeyID)
	if err != nil {
		return nil, err
	}
	claims := new(Claims)
	if err := parsed.Claims(key, claims); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if err := claims.check(v.Issuer, v.Audience, time.Now().Unix()); err != nil {
		return nil, err
	}
	if err := v.List.Check(ctx, claims, header.KeyID); err != nil {
		return nil, err
	}
	return claims, nil
}
