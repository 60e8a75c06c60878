package sockets

import (
	"bytes"
	"net/http"
)

// greeting is the 101, RFC 6455 4.2.2.
func greeting(accept [acceptLen]byte, protocol, extension string, header http.Header) []byte {
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
	if len(header) > 0 {
		extra := make(http.Header, len(header))
		for name, values := range header {
			if !ours[http.CanonicalHeaderKey(name)] {
				extra[name] = values
			}
		}
		w := bytes.NewBuffer(b)
		extra.Write(w) // makes line breaks in values harmless and leaves out bad names
		b = w.Bytes()
	}
	return append(b, "\r\n"...)
}

// ours are the headers of a 101 that nobody else may set.
var ours = map[string]bool{
	"Upgrade": true, "Connection": true, "Sec-Websocket-Accept": true, "Sec-Websocket-Protocol": true,
	"Sec-Websocket-Extensions": true, "Content-Length": true, "Transfer-Encoding": true,
}
