package main

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/go-jose/go-jose/v4/jwt"
)

const leeway = 10 // seconds

var (
	uuid   = regexp.MustCompile(`^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$`)
	uuidV7 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
)

// Claims of an access token. jwt.Claims is not used, because it cuts off fractions of times and accepts a token without exp.
type Claims struct {
	Issuer    string       `json:"iss"`
	Audience  jwt.Audience `json:"aud"`
	Subject   string       `json:"sub"`
	ClientID  string       `json:"client_id"`
	ID        string       `json:"jti"`
	SessionID string       `json:"sid"`
	Expiry    int64        `json:"exp"`
	IssuedAt  *int64       `json:"iat"`
	NotBefore int64        `json:"nbf"`
	Scope     string       `json:"scope"`
}

func (c *Claims) check(issuer, audience string, now int64) error {
	switch {
	case c.Issuer != issuer || !slices.Contains(c.Audience, audience):
		return fmt.Errorf("%w: for someone else", ErrInvalid)
	case c.IssuedAt == nil || *c.IssuedAt < 0 || c.NotBefore < 0 || max(*c.IssuedAt, c.NotBefore) > now+leeway:
		return fmt.Errorf("%w: not yet valid", ErrInvalid)
	case c.Expiry < now-leeway+1:
		return fmt.Errorf("%w: expired", ErrInvalid)
	case c.Subject == "" || c.ClientID == "" || !uuidV7.MatchString(c.ID):
		return fmt.Errorf("%w: identifiers", ErrInvalid)
	case c.SessionID != "" && !uuid.MatchString(c.SessionID):
		return fmt.Errorf("%w: session", ErrInvalid)
	}
	return nil
}
