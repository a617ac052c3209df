// A web application that logs people in, by golang.org/x/oauth2 and go-oidc.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Login is a registered client; one without a secret is public.
type Login struct {
	issuer   string
	provider *oidc.Provider
	config   *oauth2.Config
}

// Kept is what the session of a person's browser keeps until the browser is back.
type Kept struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
}

// LoggedIn is the result of a login.
type LoggedIn struct {
	Token   *oauth2.Token
	IDToken *oidc.IDToken
}

// NewLogin discovers the issuer's endpoints. The library refuses a document of another issuer.
func NewLogin(ctx context.Context, issuer, id, secret, redirectURI string, scopes []string) (*Login, error) {
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, err
	}
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if secret == "" {
		endpoint.AuthStyle = oauth2.AuthStyleInParams // a public client
	}
	config := &oauth2.Config{
		ClientID: id, ClientSecret: secret, Endpoint: endpoint, RedirectURL: redirectURI, Scopes: scopes,
	}
	return &Login{issuer, provider, config}, nil
}

// Begin says where to send the browser.
func (login *Login) Begin(parameters ...oauth2.AuthCodeOption) (string, Kept) {
	kept := Kept{rand.Text(), rand.Text(), oauth2.GenerateVerifier()}
	parameters = append(parameters, oidc.Nonce(kept.Nonce), oauth2.S256ChallengeOption(kept.Verifier))
	return login.config.AuthCodeURL(kept.State, parameters...), kept
}

// Finish redeems the code. callback is the address that the browser was sent back to. The library checks the signature
// of the id_token, its issuer, audience and times, and leaves state, nonce and the answer's issuer (RFC 9207) to us.
func (login *Login) Finish(ctx context.Context, callback string, kept Kept) (*LoggedIn, error) {
	back, err := url.Parse(callback)
	if err != nil {
		return nil, err
	}
	given := back.Query()
	if given.Get("state") != kept.State || given.Get("iss") != login.issuer {
		return nil, errors.New("the answer to another request, or of another issuer")
	}
	if refusal := given.Get("error"); refusal != "" {
		return nil, fmt.Errorf("the issuer refused: %q", refusal)
	}
	token, err := login.config.Exchange(ctx, given.Get("code"), oauth2.VerifierOption(kept.Verifier))
	if err != nil {
		return nil, err
	}
	raw, _ := token.Extra("id_token").(string)
	checks := oidc.Config{ClientID: login.config.ClientID, SupportedSigningAlgs: []string{oidc.RS256}}
	idToken, err := login.provider.VerifierContext(ctx, &checks).Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	if idToken.Nonce != kept.Nonce {
		return nil, errors.New("the id_token of another login")
	}
	return &LoggedIn{token, idToken}, idToken.VerifyAccessToken(token.AccessToken)
}

// Person asks what the issuer tells of a person. subject is that of the id_token: an answer about somebody else is
// refused.
func (login *Login) Person(ctx context.Context, accessToken, subject string) (map[string]any, error) {
	bearer := &oauth2.Token{AccessToken: accessToken, TokenType: "Bearer"}
	info, err := login.provider.UserInfo(ctx, oauth2.StaticTokenSource(bearer))
	if err != nil {
		return nil, err
	}
	if info.Subject != subject {
		return nil, errors.New("the answer is about somebody else")
	}
	claims := map[string]any{}
	return claims, info.Claims(&claims)
}

// SignOut says where to send the browser to sign out at the issuer, too.
func (login *Login) SignOut(idToken, redirectURI, state string) (string, error) {
	var metadata struct {
		Endpoint string `json:"end_session_endpoint"`
	}
	if err := login.provider.Claims(&metadata); err != nil {
		return "", err
	}
	asked := url.Values{"id_token_hint": {idToken}, "post_logout_redirect_uri": {redirectURI}, "state": {state}}
	return metadata.Endpoint + "?" + asked.Encode(), nil
}
