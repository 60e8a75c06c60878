package sockettest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Refuse has a Peer answer with another status than 101, and close.
func Refuse(status int, body string) Option {
	return Answer(func(*http.Request) [][]byte {
		r := http.Response{StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Close: true, ContentLength: int64(len(body)),
			Header: http.Header{"Content-Type": {"text/plain"}}, Body: io.NopCloser(strings.NewReader(body))}
		var b bytes.Buffer
		r.Write(&b)
		return [][]byte{b.Bytes()}
	})
}

// Answer has a Peer answer a handshake with bytes, each slice by a write of its own, or with none at
// all. SwitchingProtocols makes those of a 101. What is no 101 is followed by the end of the
// connection, unless it is nothing.
func Answer(f func(r *http.Request) [][]byte) Option {
	return func(s *settings) { s.answer = f }
}

// SwitchingProtocols is a valid answer to a handshake, with more lines in its header if there are any.
func SwitchingProtocols(r *http.Request, lines ...string) []byte {
	b := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		acceptOf(r.Header.Get("Sec-WebSocket-Key")) + "\r\n"
	for _, l := range lines {
		b += l + "\r\n"
	}
	return []byte(b + "\r\n")
}

// reply is the answer that the settings make, and sets in them what was agreed on.
func (s *settings) reply(r *http.Request) [][]byte {
	offer := strings.Join(r.Header.Values("Sec-WebSocket-Extensions"), ",")
	s.deflate = s.deflate && strings.Contains(offer, "permessage-deflate")
	if s.answer != nil {
		return s.answer(r)
	}
	var lines []string
	for _, name := range s.offered {
		if hasToken(r.Header, "Sec-WebSocket-Protocol", name) {
			lines = append(lines, "Sec-WebSocket-Protocol: "+name)
			break
		}
	}
	if s.deflate {
		lines = append(lines, "Sec-WebSocket-Extensions: "+extension)
	}
	for name, values := range s.header {
		for _, v := range values {
			lines = append(lines, name+": "+v)
		}
	}
	return [][]byte{SwitchingProtocols(r, lines...)}
}

// judgeRequest says what is wrong with a client's handshake, RFC 6455 4.1.
func judgeRequest(r *http.Request) error {
	key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-WebSocket-Key"))
	switch h := r.Header; {
	case r.Method != http.MethodGet || !r.ProtoAtLeast(1, 1):
		return fmt.Errorf("%s %s", r.Method, r.Proto)
	case r.Host == "":
		return fmt.Errorf("without a Host")
	case !hasToken(h, "Upgrade", "websocket") || !hasToken(h, "Connection", "upgrade"):
		return fmt.Errorf("its Upgrade is %q and its Connection %q", h.Get("Upgrade"), h.Get("Connection"))
	case h.Get("Sec-WebSocket-Version") != "13":
		return fmt.Errorf("its version is %q", h.Get("Sec-WebSocket-Version"))
	case err != nil || len(key) != 16 || len(h.Values("Sec-WebSocket-Key")) != 1:
		return fmt.Errorf("its key is %q", h.Values("Sec-WebSocket-Key"))
	}
	return nil
}
