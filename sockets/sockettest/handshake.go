package sockettest

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// Option changes what a probe's handshake asks for, or what a Peer answers.
type Option func(*settings)

type settings struct {
	header  http.Header
	edit    []func(*http.Request)
	offered []string
	deflate bool
	manual  bool
	answer  func(r *http.Request) [][]byte
}

func collect(options []Option) settings {
	s := settings{header: http.Header{}}
	for _, o := range options {
		o(&s)
	}
	return s
}

// Header adds a line to the header of the request, or of a Peer's answer.
func Header(name, value string) Option {
	return func(s *settings) { s.header.Add(name, value) }
}

// Origin says which page the request comes from. There is none by default, as with programs that are
// no browser.
func Origin(origin string) Option { return Header("Origin", origin) }

// Subprotocols are offered by the request, in order of preference. A Peer chooses the first of them
// that it is offered.
func Subprotocols(names ...string) Option {
	return func(s *settings) { s.offered = append(s.offered, names...) }
}

// Compression offers permessage-deflate, or has a Peer agree to it, without context takeover in
// either direction. Messages are sent compressed if it is agreed on.
func Compression() Option { return func(s *settings) { s.deflate = true } }

// Manual makes a probe that answers nothing by itself: neither a Ping nor a Close nor the end.
// Pings and Pongs must then be expected as everything else.
func Manual() Option { return func(s *settings) { s.manual = true } }

// EditRequest changes the request when all else has been set: another method or Host, no key, any
// mistake.
func EditRequest(edit func(r *http.Request)) Option {
	return func(s *settings) { s.edit = append(s.edit, edit) }
}

const extension = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

// The key of RFC 6455 1.3 does for all.
const sampleKey = "dGhlIHNhbXBsZSBub25jZQ=="

// acceptOf answers a key, RFC 6455 4.2.2.
func acceptOf(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// request is a handshake for target, a path with its query or a whole URL.
func (s *settings) request(target string) (*http.Request, error) {
	if strings.HasPrefix(target, "/") || target == "" {
		target = "http://example.com" + target
	}
	r, err := http.NewRequest(http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	r.Header = s.header.Clone()
	r.Header.Set("Upgrade", "websocket")
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Sec-WebSocket-Version", "13")
	r.Header.Set("Sec-WebSocket-Key", sampleKey)
	if len(s.offered) > 0 {
		r.Header.Set("Sec-WebSocket-Protocol", strings.Join(s.offered, ", "))
	}
	if s.deflate {
		r.Header.Set("Sec-WebSocket-Extensions", extension)
	}
	for _, edit := range s.edit {
		edit(r)
	}
	return r, nil
}

// shake asks over c, and reads the answer.
func shake(c *conn, r *http.Request) (*http.Response, *bufio.Reader, error) {
	c.SetDeadline(time.Now().Add(patience()))
	defer c.SetDeadline(time.Time{})
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		return nil, nil, err
	}
	if _, err := c.Write(b.Bytes()); err != nil {
		return nil, nil, err
	}
	in := bufio.NewReader(c)
	answer, err := http.ReadResponse(in, r)
	if err != nil || answer.StatusCode == http.StatusSwitchingProtocols {
		return answer, in, err
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, in, err
}

// judge says what is wrong with a 101, RFC 6455 4.1.
func (s *settings) judge(r *http.Request, a *http.Response) error {
	h := a.Header
	switch protocol := h.Get("Sec-WebSocket-Protocol"); {
	case !strings.EqualFold(h.Get("Upgrade"), "websocket"):
		return fmt.Errorf("its Upgrade is %q", h.Get("Upgrade"))
	case !hasToken(h, "Connection", "upgrade"):
		return fmt.Errorf("its Connection is %q", h.Get("Connection"))
	case h.Get("Sec-WebSocket-Accept") != acceptOf(r.Header.Get("Sec-WebSocket-Key")):
		return fmt.Errorf("its Sec-WebSocket-Accept %q does not answer the key", h.Get("Sec-WebSocket-Accept"))
	case protocol != "" && !hasToken(r.Header, "Sec-WebSocket-Protocol", protocol):
		return fmt.Errorf("its subprotocol %q was not offered", protocol)
	}
	return s.judgeExtension(h.Values("Sec-WebSocket-Extensions"))
}

// judgeExtension: what was offered can be agreed on in one way.
func (s *settings) judgeExtension(agreed []string) error {
	if len(agreed) == 0 {
		s.deflate = false
		return nil
	}
	parts := strings.Split(strings.Join(agreed, ","), ";")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	if !s.deflate || parts[0] != "permessage-deflate" || !slices.Contains(parts, "server_no_context_takeover") {
		return fmt.Errorf("its extension %q was not offered so", agreed)
	}
	return nil
}

// hasToken looks in the lists of a header, in any case.
func hasToken(h http.Header, name, token string) bool {
	for _, list := range h.Values(name) {
		for t := range strings.SplitSeq(list, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}

// connect upgrades a connection as a client.
func connect(t testing.TB, l *listener, target string, options []Option) *Probe {
	t.Helper()
	s := collect(options)
	c, r, answer, in := open(t, l, target, &s)
	if answer.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(answer.Body)
		t.Fatalf("sockettest: expected %s to be upgraded, got %s: %s", r.URL.RequestURI(), answer.Status, quote(strings.TrimSpace(string(body))))
	}
	if err := s.judge(r, answer); err != nil {
		t.Fatalf("sockettest: the server has answered with a 101 that is none: %v", err)
	}
	p := newProbe(t, c, in, true, s)
	p.request, p.response = r, answer
	t.Cleanup(p.over)
	return p
}

// refused has a connection's upgrade refused.
func refused(t testing.TB, l *listener, target string, options []Option) *http.Response {
	t.Helper()
	s := collect(options)
	_, r, answer, _ := open(t, l, target, &s)
	if answer.StatusCode == http.StatusSwitchingProtocols {
		t.Fatalf("sockettest: expected %s to be refused, and it was upgraded", r.URL.RequestURI())
	}
	return answer
}

func open(t testing.TB, l *listener, target string, s *settings) (*conn, *http.Request, *http.Response, *bufio.Reader) {
	t.Helper()
	r, err := s.request(target)
	if err != nil {
		t.Fatalf("sockettest: the request: %v", err)
	}
	c, err := l.dial(t.Context())
	if err != nil {
		t.Fatalf("sockettest: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	answer, in, err := shake(c, r)
	if err != nil {
		t.Fatalf("sockettest: expected an answer to the handshake for %s, got %v", r.URL.RequestURI(), err)
	}
	return c, r, answer, in
}
