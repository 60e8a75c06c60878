package sockets

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// shake opens a connection to address and upgrades it, following redirects as far as the
// Dialer allows. ctx bounds that. Observers are told if it comes to nothing.
func (u *UpgradeClient) shake(ctx context.Context, address string) (s *dialled, err error) {
	base, err := parse(address)
	if err != nil {
		return nil, err
	}
	return u.observed(base, func() (*dialled, error) { return u.shakeFrom(ctx, base) })
}

// observed has u's observers told if shake, with the server of base, comes to nothing.
func (u *UpgradeClient) observed(base *url.URL, shake func() (*dialled, error)) (s *dialled, err error) {
	w := observe(u.handshakeAt(base), u.observers())
	failed := errPanicked // the jar, or what dials
	defer func() {
		if failed != nil {
			w.refused(failed, nil)
		}
	}()
	s, failed = shake()
	if failed == nil {
		s.observations = w
	}
	return s, failed
}

var errPanicked = errors.New("the program's part in the handshake panicked")

func (u *UpgradeClient) shakeFrom(ctx context.Context, base *url.URL) (*dialled, error) {
	trip := *u
	for left := u.Dialer.Redirects; ; left-- {
		a, err := trip.shakeAt(ctx, base)
		var refused *HandshakeError
		if !errors.As(err, &refused) || !redirects(refused.Status) {
			return a, err
		}
		from, _ := trip.target(base)
		if u.Dialer.Redirects <= 0 {
			refused.sayWhereTo(from)
			return nil, err
		}
		if left <= 0 {
			refused.Why = fmt.Sprintf("no more than %d redirects are followed", u.Dialer.Redirects)
			return nil, refused
		}
		next, err := refused.location(from)
		if err != nil {
			refused.Why = "redirect is not followed: " + err.Error()
			return nil, refused
		}
		trip.follow(base, next)
		base = next
	}
}

// sayWhereTo says where an answer to a request of the URL from redirects to, and what would follow it there.
func (e *HandshakeError) sayWhereTo(from *url.URL) {
	to := e.Header.Get("Location")
	if to == "" {
		return
	}
	e.Why += ": it redirects to " + redacted(to)
	if _, err := e.location(from); err == nil {
		e.Why += ", which Dialer.Redirects would follow"
	}
}

func redirects(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// location is where e redirects a request for from to.
func (e *HandshakeError) location(from *url.URL) (*url.URL, error) {
	to, _, _ := strings.Cut(e.Header.Get("Location"), "#") // RFC 6455 3: a WebSocket's has no fragment
	if to == "" {
		return nil, errors.New("no Location")
	}
	ref, err := from.Parse(to)
	if err != nil {
		return nil, errors.New("the Location is not a URL")
	}
	next, err := parse(ref.String())
	switch {
	case err != nil:
		return nil, err
	case from.Scheme == "https" && next.Scheme != "https":
		return nil, errors.New("it leads from wss to ws")
	}
	return next, nil
}

// carried are the headers that go with a redirect to another origin.
var carried = []string{"Origin", "User-Agent", "Accept-Language", "Sec-Websocket-Protocol"}

// follow makes u a client of next, without what only base may know.
func (u *UpgradeClient) follow(base, next *url.URL) {
	u.Path, u.Header, u.Request = "", u.header(), nil // the request's path was for base
	if base.Scheme == next.Scheme && strings.EqualFold(withPort(base.Host, base.Scheme), withPort(next.Host, next.Scheme)) {
		if next.User == nil {
			next.User = base.User
		}
		return
	}
	for name := range u.Header {
		if !slices.Contains(carried, http.CanonicalHeaderKey(name)) {
			delete(u.Header, name)
		}
	}
}
