package sockets

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// parse reads an address and makes its scheme HTTP's.
func parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.Unwrap(err) // the address is named already
	}
	switch u.Scheme {
	case "ws", "http":
		u.Scheme = "http"
	case "wss", "https":
		u.Scheme = "https"
	default:
		return nil, fmt.Errorf("scheme %q is not ws or wss", u.Scheme)
	}
	if u.Hostname() == "" {
		return nil, errors.New("no host")
	}
	if u.Fragment != "" || strings.Contains(address, "#") {
		return nil, errors.New("a WebSocket address has no fragment") // RFC 6455 3
	}
	return u, nil
}

func redacted(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Redacted()
	}
	return address
}
