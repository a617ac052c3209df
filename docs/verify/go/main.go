// Reads one token from each line of the standard input and writes one verdict for each to the standard output.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
)

func main() {
	issuer := os.Getenv("ISSUER")
	// Set it where the key set is not read from the issuer's public address.
	jwksURL := os.Getenv("JWKS_URL")
	if jwksURL == "" {
		jwksURL = issuer + "/.well-known/jwks.json"
	}
	keys, err := NewKeys(jwksURL)
	if err != nil {
		log.Fatal(err)
	}
	list, err := NewRevocationList(os.Getenv("REDIS_URL"))
	if err != nil {
		log.Fatal(err)
	}
	verifier := &Verifier{issuer, os.Getenv("AUDIENCE"), keys, list}
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
