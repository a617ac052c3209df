package main

import (
	"context"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxAge   = 5 * time.Minute
	cooldown = 10 * time.Second
)

// Keys holds the issuer's key set, and looks for an unknown key once in a cooldown: go-jose leaves this to us.
type Keys struct {
	url string

	mutex   sync.Mutex
	set     jose.JSONWebKeySet
	fetched time.Time
}

// Find returns the keys of that id: all that the set has.
func (keys *Keys) Find(ctx context.Context, kid string) ([]jose.JSONWebKey, error) {
	keys.mutex.Lock()
	defer keys.mutex.Unlock()
	age, found := time.Since(keys.fetched), keys.set.Key(kid)
	if keys.fetched.IsZero() || age > maxAge || (len(found) == 0 && age > cooldown) {
		var set jose.JSONWebKeySet
		if err := getJSON(ctx, keys.url, &set); err != nil {
			return nil, err
		}
		keys.set, keys.fetched = set, time.Now()
	}
	return keys.set.Key(kid), nil
}
