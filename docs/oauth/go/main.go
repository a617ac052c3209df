// For `scripts/interop`: a question a line on standard input, an answer a line on standard output, both JSON; and the
// resource server beside it.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

type question struct {
	Library string `json:"library"`
	Do      string `json:"do"`
	Client  struct {
		ID     string `json:"id"`
		Secret string `json:"secret"`
	} `json:"client"`
	Parameters parameters `json:"parameters"`
}

type parameters map[string]json.RawMessage

func (given parameters) text(name string) (text string) {
	_ = json.Unmarshal(given[name], &text)
	return text
}

func main() {
	issuer := os.Getenv("ISSUER")
	ctx := withLimits(context.Background())
	metadata, err := Discover(ctx, issuer)
	if err != nil {
		log.Fatal(err)
	}
	verifier := &Verifier{issuer, os.Getenv("AUDIENCE"), &Keys{url: metadata.JWKSURI}}
	http.HandleFunc("/go-jose", verifier.Require("todos:read", show))
	go func() { log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil)) }()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			log.Fatal(err)
		}
		answer, _ := json.Marshal(ask(ctx, issuer, asked))
		fmt.Println(string(answer))
	}
}

func ask(ctx context.Context, issuer string, asked question) map[string]any {
	metadata, err := Discover(ctx, issuer)
	if err != nil {
		return map[string]any{"unexpected": err.Error()}
	}
	if asked.Do == "discover" {
		return map[string]any{"ok": metadata}
	}
	result, err := resultOf(ctx, issuer, metadata, asked)
	switch code := ErrorCode(err); {
	case code != "":
		return map[string]any{"error": code}
	case err != nil:
		return map[string]any{"unexpected": err.Error()}
	}
	return map[string]any{"ok": result}
}

func resultOf(ctx context.Context, issuer string, metadata *Metadata, asked question) (map[string]any, error) {
	if asked.Library == "go-oidc" && asked.Do != "refresh" {
		return byGoOIDC(ctx, issuer, asked)
	}
	token, err := tokenOf(ctx, metadata, asked)
	if err != nil {
		return nil, err
	}
	return members(token), nil
}

func members(token *oauth2.Token) map[string]any {
	return map[string]any{
		"access_token": token.AccessToken, "refresh_token": token.RefreshToken, "token_type": token.TokenType,
		"expires_in": int(time.Until(token.Expiry).Seconds()), "scope": token.Extra("scope"),
		"id_token": token.Extra("id_token"),
	}
}

func byGoOIDC(ctx context.Context, issuer string, asked question) (map[string]any, error) {
	given := asked.Parameters
	var kept struct {
		Kept
		RedirectURI string `json:"redirect_uri"`
	}
	if asked.Do == "log_in" {
		if err := json.Unmarshal(given["kept"], &kept); err != nil {
			return nil, err
		}
	} else {
		kept.RedirectURI = given.text("redirect_uri")
	}
	scopes := strings.Fields(given.text("scope"))
	login, err := NewLogin(ctx, issuer, asked.Client.ID, asked.Client.Secret, kept.RedirectURI, scopes)
	if err != nil {
		return nil, err
	}
	switch asked.Do {
	case "begin":
		var more []oauth2.AuthCodeOption
		if prompt := given.text("prompt"); prompt != "" {
			more = append(more, oauth2.SetAuthURLParam("prompt", prompt))
		}
		url, begun := login.Begin(more...)
		kept.Kept = begun
		return map[string]any{"url": url, "kept": kept}, nil
	case "log_in":
		person, err := login.Finish(ctx, given.text("callback"), kept.Kept)
		if err != nil {
			return nil, err
		}
		claims, result := map[string]any{}, members(person.Token)
		result["claims"] = claims
		return result, person.IDToken.Claims(&claims)
	case "userinfo":
		return login.Person(ctx, given.text("token"), given.text("sub"))
	case "end_session":
		url, err := login.SignOut(given.text("id_token_hint"), given.text("post_logout_redirect_uri"), given.text("state"))
		return map[string]any{"url": url}, err
	}
	return nil, fmt.Errorf("unknown: %s", asked.Do)
}

func tokenOf(ctx context.Context, metadata *Metadata, asked question) (*oauth2.Token, error) {
	id, secret, given := asked.Client.ID, asked.Client.Secret, asked.Parameters
	scopes := strings.Fields(given.text("scope"))
	switch asked.Do {
	case "client_credentials":
		return ClientCredentials(ctx, metadata, id, secret, scopes, given.text("resource"))
	case "password":
		return Password(ctx, metadata, id, secret, given.text("username"), given.text("password"), scopes)
	case "authorization_code":
		return AuthorizationCode(ctx, metadata, id, secret, given.text("code"), given.text("code_verifier"), given.text("redirect_uri"))
	case "refresh":
		return Refresh(ctx, metadata, id, secret, given.text("refresh_token"))
	}
	return nil, fmt.Errorf("unknown: %s", asked.Do)
}
