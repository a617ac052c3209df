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
	Do     string `json:"do"`
	Client struct {
		ID     string `json:"id"`
		Secret string `json:"secret"`
	} `json:"client"`
	Parameters map[string]string `json:"parameters"`
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
	token, err := tokenOf(ctx, metadata, asked)
	switch code := ErrorCode(err); {
	case code != "":
		return map[string]any{"error": code}
	case err != nil:
		return map[string]any{"unexpected": err.Error()}
	}
	return map[string]any{"ok": map[string]any{
		"access_token": token.AccessToken, "refresh_token": token.RefreshToken, "token_type": token.TokenType,
		"expires_in": int(time.Until(token.Expiry).Seconds()), "scope": token.Extra("scope"),
	}}
}

func tokenOf(ctx context.Context, metadata *Metadata, asked question) (*oauth2.Token, error) {
	id, secret, given := asked.Client.ID, asked.Client.Secret, asked.Parameters
	scopes := strings.Fields(given["scope"])
	switch asked.Do {
	case "client_credentials":
		return ClientCredentials(ctx, metadata, id, secret, scopes, given["resource"])
	case "password":
		return Password(ctx, metadata, id, secret, given["username"], given["password"], scopes)
	case "authorization_code":
		return AuthorizationCode(ctx, metadata, id, secret, given["code"], given["code_verifier"], given["redirect_uri"])
	case "refresh":
		return Refresh(ctx, metadata, id, secret, given["refresh_token"])
	}
	return nil, fmt.Errorf("unknown: %s", asked.Do)
}
