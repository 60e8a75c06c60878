package load

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
)

// The key and the accept value of the example in RFC 6455 1.3: one request serves for every connection.
const (
	handshakeKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	handshakeAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

func upgradeRequest(host, path string, deflate bool) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", path, host)
	fmt.Fprintf(&b, "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n", handshakeKey)
	if deflate {
		b.WriteString("Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover\r\n")
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

func plainRequest(host, path string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host)
}

// checkUpgrade reads the head of a response, up to and with its empty line.
func checkUpgrade(head []byte, deflate bool) error {
	lines := strings.Split(string(head), "\r\n")
	if !strings.HasPrefix(lines[0], "HTTP/1.1 101") {
		return fmt.Errorf("load: upgrade refused: %s", lines[0])
	}
	header := http.Header{}
	for _, line := range lines[1:] {
		if name, value, ok := strings.Cut(line, ":"); ok {
			header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
		}
	}
	if got := header.Get("Sec-WebSocket-Accept"); got != handshakeAccept {
		return fmt.Errorf("load: Sec-WebSocket-Accept %q", got)
	}
	if agreed := strings.Contains(header.Get("Sec-WebSocket-Extensions"), "permessage-deflate"); agreed != deflate {
		return fmt.Errorf("load: permessage-deflate offered: %t, agreed: %t", deflate, agreed)
	}
	return nil
}

// headScanner is the Scanner for the answer to an upgrade: its status line and its end are all that counts.
type headScanner struct{ head []byte }

// Scan implements Scanner.
func (s *headScanner) Scan(b []byte) (int, error) {
	s.head = append(s.head, b...)
	switch n := headLength(s.head); {
	case n == 0:
		return 0, nil
	case !bytes.HasPrefix(s.head, []byte("HTTP/1.1 101")):
		return 0, fmt.Errorf("load: upgrade refused: %q", s.head[:n])
	}
	s.head = s.head[:0]
	return 1, nil
}

// headLength returns the length of an HTTP head with its empty line, or 0 while b has no empty line.
func headLength(b []byte) int {
	const end = "\r\n\r\n"
	i := bytes.Index(b, []byte(end))
	if i < 0 {
		return 0
	}
	return i + len(end)
}
