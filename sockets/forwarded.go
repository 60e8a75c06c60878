package sockets

import (
	"net/http"
	"net/url"
	"strings"
)

// hopByHop are the names of header that concern one connection, RFC 9110 7.6.1, besides those
// that Connection lists.
var hopByHop = []string{"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

func removeHop(h http.Header) {
	for _, name := range append(tokens(h["Connection"]), hopByHop...) {
		h.Del(name)
	}
}

// forwarded is a client's header as the backend gets it, before Rewrite.
func forwarded(header http.Header) http.Header {
	h := header.Clone()
	removeHop(h)
	for name := range h {
		if strings.HasPrefix(name, "Sec-Websocket-") && name != "Sec-Websocket-Protocol" || strings.HasPrefix(name, ":") {
			h.Del(name)
		}
	}
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		h.Del(name) // whoever the client is, it does not say so
	}
	if _, ok := h["User-Agent"]; !ok {
		h["User-Agent"] = []string{""} // and not Go's
	}
	return h
}

// parsable is a query without the parameters that net/url does not parse: whoever has looked at them on this side has not seen
// these, and the backend may read them.
func parsable(query string) string {
	parsed, err := url.ParseQuery(query)
	if err == nil {
		return query
	}
	return parsed.Encode()
}
