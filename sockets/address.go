package sockets

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spindrift-go/spindrift/internal/errorlog"
	"golang.org/x/net/idna"
)

// parse reads an address, makes its scheme HTTP's and its host one that DNS knows. No error
// of it repeats what may be a password.
func parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		if strings.Contains(address, "@") {
			return nil, errors.New("not a URL")
		}
		return nil, errors.Unwrap(err) // the address is named already
	}
	switch u.Scheme {
	case "ws", "http":
		u.Scheme = "http"
	case "wss", "https":
		u.Scheme = "https"
	default:
		return nil, fmt.Errorf("scheme %q is not ws or wss: write ws://host:port/path", u.Scheme)
	}
	if u.Hostname() == "" {
		return nil, errors.New("no host")
	}
	if u.Fragment != "" || strings.Contains(address, "#") {
		return nil, errors.New("a WebSocket address has no fragment") // RFC 6455 3
	}
	if u.Host, err = asciiHost(u); err != nil {
		return nil, err
	}
	return u, nil
}

// asciiHost is the host and port of u, with a name in other letters than ASCII's as IDNA
// (RFC 5891) has it: bücher.example is xn--bcher-kva.example.
func asciiHost(u *url.URL) (string, error) {
	if !strings.ContainsFunc(u.Host, func(c rune) bool { return c >= 0x80 }) {
		return u.Host, nil
	}
	name, err := idna.Lookup.ToASCII(u.Hostname())
	if err != nil {
		return "", fmt.Errorf("host %q is no domain name", u.Hostname())
	}
	if port := u.Port(); port != "" {
		name += ":" + port
	}
	return name, nil
}

// redacted is address in one line and without a password, whatever it is.
func redacted(address string) string {
	u, err := url.Parse(address)
	if err == nil && u.User != nil {
		return errorlog.OneLine(u.Redacted())
	}
	if at := strings.LastIndex(address, "@"); at >= 0 { // what stands before may be one
		start := 0
		if i := strings.Index(address[:at], "://"); i >= 0 {
			start = i + len("://")
		}
		if err != nil || strings.Contains(address[start:at], ":") {
			address = address[:start] + "xxxxx" + address[at:]
		}
	}
	return errorlog.OneLine(address)
}
