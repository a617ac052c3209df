// A client of the issuer by golang.org/x/oauth2, which knows the token endpoint alone.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// The library takes the HTTP client from the context.
func withLimits(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Timeout: 5 * time.Second})
}

// Metadata is what the library asks to be told (RFC 8414).
type Metadata struct {
	Issuer        string `json:"issuer"`
	TokenEndpoint string `json:"token_endpoint"`
	AuthEndpoint  string `json:"authorization_endpoint"`
	JWKSURI       string `json:"jwks_uri"`
}

// Discover asks the issuer where its endpoints are.
func Discover(ctx context.Context, issuer string) (*Metadata, error) {
	metadata := new(Metadata)
	if err := getJSON(ctx, issuer+"/.well-known/oauth-authorization-server", metadata); err != nil {
		return nil, err
	}
	if metadata.Issuer != issuer {
		return nil, fmt.Errorf("the document is another issuer's: %s", metadata.Issuer)
	}
	return metadata, nil
}

// ClientCredentials gets a token of the client's own. Scopes narrow it, a resource picks whom it is for (RFC 8707).
func ClientCredentials(
	ctx context.Context, metadata *Metadata, id, secret string, scopes []string, resource string,
) (*oauth2.Token, error) {
	config := clientcredentials.Config{ClientID: id, ClientSecret: secret, Scopes: scopes}
	config.TokenURL, config.AuthStyle = metadata.TokenEndpoint, oauth2.AuthStyleInHeader
	if resource != "" {
		config.EndpointParams = url.Values{"resource": {resource}}
	}
	return config.Token(ctx)
}

func userConfig(metadata *Metadata, id, secret string, scopes []string) *oauth2.Config {
	endpoint := oauth2.Endpoint{AuthURL: metadata.AuthEndpoint, TokenURL: metadata.TokenEndpoint}
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if secret == "" {
		endpoint.AuthStyle = oauth2.AuthStyleInParams // a public client
	}
	return &oauth2.Config{ClientID: id, ClientSecret: secret, Endpoint: endpoint, Scopes: scopes}
}

// Password gets a user's token for a client that has this grant.
func Password(
	ctx context.Context, metadata *Metadata, id, secret, username, password string, scopes []string,
) (*oauth2.Token, error) {
	return userConfig(metadata, id, secret, scopes).PasswordCredentialsToken(ctx, username, password)
}

// AuthorizationCode redeems a code.
func AuthorizationCode(
	ctx context.Context, metadata *Metadata, id, secret, code, verifier, redirectURI string,
) (*oauth2.Token, error) {
	config := userConfig(metadata, id, secret, nil)
	config.RedirectURL = redirectURI
	return config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
}

// Refresh goes on. Each refresh token serves once: keep the one in the answer.
func Refresh(ctx context.Context, metadata *Metadata, id, secret, refreshToken string) (*oauth2.Token, error) {
	ended := &oauth2.Token{RefreshToken: refreshToken}
	return userConfig(metadata, id, secret, nil).TokenSource(ctx, ended).Token()
}

// ErrorCode is the error's code (RFC 6749 §5.2), "" for another kind of error.
func ErrorCode(err error) string {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		return refused.ErrorCode
	}
	return ""
}

func getJSON(ctx context.Context, url string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := noRedirects.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	kind := answer.Header.Get("Content-Type")
	if answer.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "application/") {
		return fmt.Errorf("%s answered %s, %s", url, answer.Status, kind)
	}
	return json.NewDecoder(http.MaxBytesReader(nil, answer.Body, 256<<10)).Decode(into)
}

var noRedirects = &http.Client{
	Timeout:       5 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}
