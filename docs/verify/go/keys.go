package main

import (
	"context"
	"crypto/rsa"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"
	"golang.org/x/time/rate"
)

// Keys is the issuer's key set. It is read again every four minutes, when the revocation list is another one, and for an
// unknown kid, but then at most every ten seconds.
type Keys struct {
	set jwkset.Storage
	due atomic.Int32
}

func NewKeys(url string) (*Keys, error) {
	// The default client has no time limit of its own and follows redirects.
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	options := jwkset.HTTPClientStorageOptions{
		Client:      &http.Client{Timeout: 5 * time.Second, CheckRedirect: noRedirect},
		HTTPTimeout: 5 * time.Second,
		Storage:     jwkset.NewMemoryStorage(),
	}
	once := options
	options.NoErrorReturnFirstHTTPReq, options.RefreshInterval = true, 4*time.Minute
	source, err := jwkset.NewStorageFromHTTP(url, options)
	if err != nil {
		return nil, err
	}
	set, err := jwkset.NewHTTPClient(jwkset.HTTPClientOptions{
		HTTPURLs:          map[string]jwkset.Storage{url: source},
		RateLimitWaitMax:  time.Second,
		RefreshUnknownKID: rate.NewLimiter(rate.Every(10*time.Second), 1),
	})
	keys := &Keys{set: set}
	go func() {
		for ; ; time.Sleep(time.Second) {
			if keys.due.Load() > 0 {
				// Reads the set once, into the same storage.
				if _, err := jwkset.NewStorageFromHTTP(url, once); err == nil {
					keys.due.Add(-1)
				}
			}
		}
	}()
	return keys, err
}

// ReadAnew is called for another list: the issuer's database may have been restored, and then a key that it does not know any
// more has to go. The set is read three times, because a replica of the issuer may be a second behind.
func (k *Keys) ReadAnew() { k.due.Store(3) }

// Get returns the key, ErrInvalid or ErrUnavailable.
func (k *Keys) Get(ctx context.Context, kid string) (*rsa.PublicKey, error) {
	_, _ = k.set.KeyRead(ctx, kid) // looks for an unknown one at the issuer
	all, err := k.set.KeyReadAll(ctx)
	if err != nil || len(all) == 0 {
		return nil, fmt.Errorf("%w: no key set", ErrUnavailable)
	}
	var named []jwkset.JWK
	for _, key := range all {
		if key.Marshal().KID == kid {
			named = append(named, key)
		}
	}
	if len(named) == 1 { // jwkset itself takes the first of two, and whatever its use, alg and size are
		jwk := named[0].Marshal()
		key, public := named[0].Key().(*rsa.PublicKey)
		if public && key.N.BitLen() >= 2048 && (jwk.USE == "" || jwk.USE == "sig") && (jwk.ALG == "" || jwk.ALG == "RS256") {
			return key, nil
		}
	}
	return nil, fmt.Errorf("%w: kid", ErrInvalid)
}
