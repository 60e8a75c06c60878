package sockets

import (
	"bytes"
	"net/http"
)

// greeting is the 101, RFC 6455 4.2.2. Each of extra adds to its header.
func greeting(accept [acceptLen]byte, protocol, extension string, extra ...http.Header) []byte {
	b := make([]byte, 0, 256)
	b = append(b, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	b = append(b, accept[:]...)
	if protocol != "" {
		b = append(append(b, "\r\nSec-WebSocket-Protocol: "...), protocol...)
	}
	if extension != "" {
		b = append(append(b, "\r\nSec-WebSocket-Extensions: "...), extension...)
	}
	b = append(b, "\r\n"...)
	for _, header := range extra {
		if len(header) > 0 {
			w := bytes.NewBuffer(b)
			header.WriteSubset(w, ours(header)) // makes line breaks in values harmless and leaves out bad names
			b = w.Bytes()
		}
	}
	return append(b, "\r\n"...)
}

// connectHeader is what goes with the 200 over HTTP/2, RFC 8441 5. A key is answered if there is one.
func connectHeader(key, protocol, extension string, extra ...http.Header) http.Header {
	h := http.Header{}
	for _, header := range extra {
		left := ours(header)
		for name, values := range header {
			if !left[name] {
				h[name] = append(h[name], values...)
			}
		}
	}
	if key != "" {
		h.Set("Sec-Websocket-Accept", AcceptKey(key))
	}
	if protocol != "" {
		h.Set("Sec-Websocket-Protocol", protocol)
	}
	if extension != "" {
		h.Set("Sec-Websocket-Extensions", extension)
	}
	return h
}

// ours are the names in header, as it spells them, that nobody else may set in a 101: of
// the handshake, of a body that there is not, and of HTTP/1 only.
func ours(header http.Header) (names map[string]bool) {
	for name := range header {
		switch http.CanonicalHeaderKey(name) {
		case "Upgrade", "Connection", "Sec-Websocket-Accept", "Sec-Websocket-Protocol", "Sec-Websocket-Extensions",
			"Content-Length", "Content-Encoding", "Content-Type", "Transfer-Encoding", "Trailer", "Keep-Alive", "Proxy-Connection":
			if names == nil {
				names = map[string]bool{}
			}
			names[name] = true
		}
	}
	return names
}
