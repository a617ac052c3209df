package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

const limit, prefix = time.Second, "{revoked}:"

// RevocationList looks tokens up in Latchkey's revocation list in Redis, with one MGET.
type RevocationList struct{ redis *redis.Client }

// NewRevocationList calls onAnotherList within a second of a change of the list's epoch, and for the first one.
func NewRevocationList(url, password string, onAnotherList func()) (*RevocationList, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	if password != "" {
		options.Password = password
	}
	// By default go-redis tries a command four times, for five seconds each, and ignores the context's deadline.
	options.MaxRetries, options.DialerRetries, options.ContextTimeoutEnabled = -1, 1, true
	options.DialTimeout, options.ReadTimeout, options.PoolTimeout = limit, limit, limit
	list := &RevocationList{redis.NewClient(options)}
	go list.follow(onAnotherList)
	return list, nil
}

func (list *RevocationList) follow(onAnotherList func()) {
	for last := ""; ; time.Sleep(time.Second) {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		epoch, err := list.redis.Get(ctx, prefix+"epoch").Result()
		cancel()
		if err == nil && epoch != last {
			last = epoch
			onAnotherList()
		}
	}
}

// Check returns nil, ErrInvalid (401) or ErrUnavailable (503).
func (list *RevocationList) Check(ctx context.Context, claims *Claims, kid string) error {
	names := []string{"epoch", "as_of", "jti:" + claims.ID, "sid:" + claims.SessionID, "sub:" + claims.Subject,
		"client:" + claims.ClientID, "key:" + kid}
	for i := range names {
		names[i] = prefix + names[i]
	}
	asked := time.Now()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	found, err := list.redis.MGet(ctx, names...).Result()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	issued, _ := strconv.ParseInt(claims.ID[:8]+claims.ID[9:13], 16, 64) // a UUIDv7 begins with its time, milliseconds
	cut := func(fact any) bool {
		text, found := fact.(string)
		until, err := strconv.ParseInt(text, 10, 64)
		return found && (err != nil || issued <= until)
	}
	// A fact that was found always counts. If none was found, the token is live only if the list is known to be whole and
	// the reply came in time: this process may have been paused between the request and the reply.
	if found[2] != nil || found[3] != nil || cut(found[4]) || cut(found[5]) || found[6] != nil {
		return fmt.Errorf("%w: revoked", ErrInvalid)
	}
	if found[0] == nil || time.Since(asked) > limit {
		return ErrUnavailable
	}
	return nil
}
