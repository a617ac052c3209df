package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Reads one token from each line of the standard input and writes one verdict for each to the standard output.
func main() {
	issuer, audience := required("ISSUER"), required("AUDIENCE")
	// Set it where the key set is not read from the issuer's public address.
	jwksURL := os.Getenv("JWKS_URL")
	if jwksURL == "" {
		jwksURL = issuer + "/.well-known/jwks.json"
	}
	keys, err := NewKeys(jwksURL)
	check(err)
	verifier := &Verifier{issuer, audience, keys, revocations(keys)}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		claims, err := verifier.Verify(context.Background(), lines.Text())
		switch {
		case err == nil:
			fmt.Println("200", claims.Subject)
		case errors.Is(err, ErrInvalid):
			fmt.Println("401")
		default:
			fmt.Println("503")
		}
	}
}

func revocations(keys *Keys) Revocations {
	if url := os.Getenv("REDIS_URL"); url != "" {
		password := ""
		if os.Getenv("REDIS_PASSWORD_FILE") != "" {
			password = secret("REDIS_PASSWORD_FILE")
		}
		list, err := NewRevocationList(url, password, keys.ReadAnew)
		check(err)
		return list
	}
	if url := os.Getenv("FEED_URL"); url != "" {
		return NewFeed(url, secret("FEED_TOKEN_FILE"), keys.ReadAnew)
	}
	check(errors.New("neither REDIS_URL nor FEED_URL is set"))
	return nil
}

func required(name string) string {
	value := os.Getenv(name)
	if value == "" {
		check(fmt.Errorf("%s is not set", name))
	}
	return value
}

func secret(name string) string {
	text, err := os.ReadFile(required(name))
	if err != nil {
		check(fmt.Errorf("%s: %w", name, err))
	}
	return strings.TrimSpace(string(text))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
