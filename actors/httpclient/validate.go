package httpclient

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// validate says why r must not be written. net/http's Transport looks at most of this
// before it writes a request, Request.Write at little of it.
func validate(r *http.Request) error {
	if r.URL == nil {
		return errors.New("request has no URL")
	}
	host, err := httpguts.PunycodeHostPort(cmp.Or(r.Host, r.URL.Host)) // as Request.Write does, which then sends an invalid one as none
	if err != nil || !httpguts.ValidHostHeader(host) {
		return fmt.Errorf("invalid host %q", cmp.Or(r.Host, r.URL.Host))
	}
	if uri := r.URL.RequestURI(); strings.ContainsFunc(uri, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return fmt.Errorf("invalid request target %q", uri)
	}
	if r.Method != "" && !httpguts.ValidHeaderFieldName(r.Method) { // a token likewise
		return fmt.Errorf("invalid method %q", r.Method)
	}
	for _, header := range []http.Header{r.Header, r.Trailer} {
		for name, values := range header {
			if !httpguts.ValidHeaderFieldName(name) {
				return fmt.Errorf("invalid header name %q", name)
			}
			for _, v := range values {
				if !httpguts.ValidHeaderFieldValue(v) {
					return fmt.Errorf("invalid value of header %s", name) // which may be secret
				}
			}
		}
	}
	return nil
}

// withRFCSpelling is r with the header names of a handshake as RFC 6455 spells them. Their case means nothing, but there
// are servers to which it does.
func withRFCSpelling(r *http.Request) *http.Request {
	const ours, theirs = "Sec-Websocket-", "Sec-WebSocket-"
	if r.Header["Sec-Websocket-Key"] == nil {
		return r
	}
	header := make(http.Header, len(r.Header))
	for name, values := range r.Header {
		if rest, ok := strings.CutPrefix(name, ours); ok {
			name = theirs + rest
		}
		header[name] = values
	}
	as := *r
	as.Header = header
	return &as
}
