package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	bound     = 30 * time.Second // an older list decides nothing
	hold      = 3 * time.Second  // the feed holds a request until there is news, but not for longer
	feedLimit = 10 * time.Second
)

// Feed is a copy of Latchkey's revocation list that follows the feed.
type Feed struct {
	url, token    string
	client        *http.Client
	onAnotherList func()
	epoch, cursor string

	lock  sync.RWMutex
	facts map[string]fact
	asOf  time.Time
}

type fact struct{ at, exp int64 } // the cut (milliseconds), and when the fact may go (seconds)

type page struct {
	Epoch    string `json:"epoch"`
	Cursor   string `json:"cursor"`
	Complete bool   `json:"complete"`
	Entries  []struct {
		Kind, ID string
		At       *int64
		Exp      int64
	} `json:"entries"`
}

// NewFeed calls onAnotherList when the list is that of another database, and for the first one.
func NewFeed(url, token string, onAnotherList func()) *Feed {
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client := &http.Client{Timeout: feedLimit, CheckRedirect: noRedirect}
	feed := &Feed{url: url, token: token, client: client, onAnotherList: onAnotherList, facts: map[string]fact{}}
	go func() {
		for {
			if atOnce, err := feed.next(); err != nil || !atOnce {
				// Random, so that services that lost the feed together do not come back together.
				time.Sleep(500*time.Millisecond + rand.N(time.Second))
			}
		}
	}()
	return feed
}

// next requests one page, and returns whether to go on at once.
func (f *Feed) next() (bool, error) {
	address := f.url
	if f.cursor != "" {
		address += fmt.Sprintf("?after=%s&wait=%d", url.QueryEscape(f.cursor), hold/time.Second)
	}
	request, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return false, err
	}
	request.Header.Set("Authorization", "Bearer "+f.token)
	sent := time.Now()
	answer, err := f.client.Do(request)
	if err != nil {
		return false, err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusGone && f.cursor != "" {
		f.epoch, f.cursor = "", ""
		return true, nil
	}
	if answer.StatusCode != http.StatusOK {
		return false, errors.New(answer.Status)
	}
	var page page
	if err := json.NewDecoder(answer.Body).Decode(&page); err != nil {
		return false, err
	}
	return f.take(&page, sent)
}

func (f *Feed) take(page *page, sent time.Time) (bool, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	// What is known stays known, whatever the list is.
	for _, entry := range page.Entries {
		hasCut := entry.Kind == "sub" || entry.Kind == "client"
		if !slices.Contains([]string{"jti", "sid", "sub", "client", "key"}, entry.Kind) || entry.Exp == 0 || hasCut != (entry.At != nil) {
			return false, errors.New("malformed entry")
		}
		name := entry.Kind + ":" + entry.ID
		known := f.facts[name]
		if hasCut {
			known.at = max(known.at, *entry.At)
		}
		f.facts[name] = fact{known.at, max(known.exp, entry.Exp)}
	}
	if f.epoch != "" && f.epoch != page.Epoch {
		f.epoch, f.cursor = "", ""
		return true, nil
	}
	if f.epoch == "" {
		f.onAnotherList()
	}
	held := f.cursor != "" && (len(page.Entries) > 0 || time.Since(sent) > hold*9/10)
	f.epoch, f.cursor = page.Epoch, page.Cursor
	if !page.Complete {
		return true, nil
	}
	f.asOf = sent // the list is whole as of when the request was sent
	for name, known := range f.facts {
		if known.exp+60 < time.Now().Unix() {
			delete(f.facts, name)
		}
	}
	return held, nil
}

// Check returns nil, ErrInvalid (401) or ErrUnavailable (503).
func (f *Feed) Check(_ context.Context, claims *Claims, kid string) error {
	f.lock.RLock()
	defer f.lock.RUnlock()
	issued, _ := strconv.ParseInt(claims.ID[:8]+claims.ID[9:13], 16, 64) // a UUIDv7 begins with its time, milliseconds
	for _, name := range []string{"jti:" + claims.ID, "sid:" + claims.SessionID, "key:" + kid} {
		if _, found := f.facts[name]; found {
			return fmt.Errorf("%w: revoked", ErrInvalid)
		}
	}
	for _, name := range []string{"sub:" + claims.Subject, "client:" + claims.ClientID} {
		if cut, found := f.facts[name]; found && issued <= cut.at {
			return fmt.Errorf("%w: revoked", ErrInvalid)
		}
	}
	if f.asOf.IsZero() || time.Since(f.asOf) > bound {
		return ErrUnavailable
	}
	return nil
}
