package sockets

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// RFC 6455 4.1: the client judges the answer. What is wrong is a
// *HandshakeError; the connection has ended and the handler heard nothing.
func TestBadAnswers(t *testing.T) {
	long := strings.Repeat("x", 3<<10)
	for _, tt := range []struct {
		name, answer string
		status       int
		why, body    string
	}{
		{"ordinary response", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-A: b\r\n\r\nhello\n", 200, "server did not upgrade", "hello\n"},
		{"refusal", "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n3\r\nno!\r\n0\r\n\r\n", 403, "server did not upgrade", "no!"},
		{"redirect", "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\nX-A: b\r\n\r\n", 302, "server did not upgrade: it redirects to /elsewhere, which Dialer.Redirects would follow", ""},
		{"no content", "HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n", 204, "server did not upgrade", ""},
		{"long body", "HTTP/1.1 500 Oops\r\nX-A: b\r\nContent-Length: 3072\r\n\r\n" + long, 500, "server did not upgrade", long[:1<<10]},
		{"body that is cut off", "HTTP/1.1 500 Oops\r\nX-A: b\r\nContent-Length: 3072\r\n\r\nsome", 500, "server did not upgrade", "some"},
		{"bad body", "HTTP/1.1 500 Oops\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\nzz", 500, "server did not upgrade", "some"},
		{"no Upgrade", strings.Replace(agreed, "Upgrade: websocket\r\n", "", 1) + "X-A: b\r\n\r\n", 101, "response has no Upgrade: websocket", ""},
		{"list of Upgrade", strings.Replace(agreed, "Upgrade: websocket\r\n", "Upgrade: websocket, h2c\r\n", 1) + "X-A: b\r\n\r\n", 101, "response has no Upgrade: websocket", ""},
		{"Upgrade twice", strings.Replace(agreed, "Upgrade: websocket\r\n", "Upgrade: websocket\r\nUpgrade: websocket\r\n", 1) + "X-A: b\r\n\r\n", 101, "response has no Upgrade: websocket", ""},
		{"other Upgrade", strings.Replace(agreed, "Upgrade: websocket\r\n", "Upgrade: h2c\r\n", 1) + "X-A: b\r\n\r\n", 101, "response has no Upgrade: websocket", ""},
		{"no Connection", strings.Replace(agreed, "Connection: Upgrade\r\n", "", 1) + "X-A: b\r\n\r\n", 101, "response has no Connection: upgrade", ""},
		{"no accept hash", strings.Replace(agreed, "Sec-WebSocket-Accept: ACCEPT\r\n", "", 1) + "X-A: b\r\n\r\n", 101, "response has a wrong Sec-WebSocket-Accept", ""},
		{"wrong accept hash", strings.Replace(agreed, "ACCEPT", sampleAccept, 1) + "X-A: b\r\n\r\n", 101, "response has a wrong Sec-WebSocket-Accept", ""},
		{"two accept hashes", agreed + "Sec-WebSocket-Accept: ACCEPT\r\nX-A: b\r\n\r\n", 101, "response has a wrong Sec-WebSocket-Accept", ""},
		{"subprotocol in other case", agreed + "Sec-WebSocket-Protocol: CHAT\r\nX-A: b\r\n\r\n", 101, "server chose a subprotocol that was not offered", ""},
		{"two subprotocols", agreed + "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat\r\nX-A: b\r\n\r\n", 101, "server chose a subprotocol that was not offered", ""},
		{"subprotocols in a line", agreed + "Sec-WebSocket-Protocol: chat, chat\r\nX-A: b\r\n\r\n", 101, "server chose a subprotocol that was not offered", ""},
		{"extension", agreed + "Sec-WebSocket-Extensions: permessage-deflate\r\nX-A: b\r\n\r\n", 101, `server chose an extension that was not offered: "permessage-deflate"`, ""},
	} {
		for _, s := range []setting{settings[0], settings[1]} {
			t.Run(s.name+"/"+tt.name, func(t *testing.T) {
				w := newWorld(t, s)
				h := w.handler()
				addr, _, accepted := w.replying(tt.answer)
				go func() { // a server that has said all
					if p, ok := <-accepted; ok {
						p.Conn.Close()
					}
				}()
				u := w.client(h)
				u.Options.Subprotocols = []string{"chat"}
				_, err := DialActor(t.Context(), w.system, w.url(addr), u)
				var e *HandshakeError
				require.ErrorAs(t, err, &e)
				assert.Equal(t, tt.status, e.Status)
				assert.Equal(t, tt.why, e.Why)
				assert.Equal(t, "b", e.Header.Get("X-A"))
				assert.Equal(t, tt.body, string(e.Body))
				assert.Empty(t, h.all)
			})
		}
	}
}

// Answers that are not HTTP, or do not end.
func TestAnswersThatAreNone(t *testing.T) {
	for _, tt := range []struct{ name, answer string }{
		{"nothing", ""},
		{"garbage", "SSH-2.0-OpenSSH_9.6\r\n\r\n"},
		{"half an answer", agreed},
		{"bad header", "HTTP/1.1 101 Switching Protocols\r\nBad header\r\n\r\n"},
		{"huge header", "HTTP/1.1 101 Switching Protocols\r\n" + strings.Repeat("X: "+strings.Repeat("x", 1000)+"\r\n", 100)},
		{"huge line", "HTTP/1.1 101 " + strings.Repeat("x", 100_000)},
		{"100 again and again", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 10_000)},
	} {
		for _, s := range []setting{settings[0], settings[1]} {
			t.Run(s.name+"/"+tt.name, func(t *testing.T) {
				w := newWorld(t, s)
				h := w.handler()
				addr, _, accepted := w.replying(tt.answer)
				done := make(chan struct{})
				go func() {
					defer close(done)
					p := <-accepted
					p.tcp.CloseWrite()
					io.Copy(io.Discard, p.in)
					p.Close()
				}()
				_, err := DialActor(t.Context(), w.system, w.url(addr), w.client(h))
				require.Error(t, err)
				var e *HandshakeError
				assert.False(t, errors.As(err, &e), "there was no answer: %v", err)
				assert.Empty(t, h.all)
				<-done
			})
		}
	}
}

// A server that never answers is waited for no longer than the context or the
// time limit say, wherever it stops.
func TestServerThatNeverAnswers(t *testing.T) {
	stops := map[string]func(w *world) (addr string){
		"before TLS": func(w *world) string {
			l := w.listen() // nobody accepts
			w.Cleanup(func() { l.Close() })
			return l.Addr().String()
		},
		"before the answer": func(w *world) string {
			addr, _ := w.script(func(p *peer) { http.ReadRequest(p.in) })
			return addr
		},
		"in the answer": func(w *world) string {
			addr, _, _ := w.replying(agreed)
			return addr
		},
		"a byte of the header at a time": func(w *world) string {
			addr, _ := w.script(func(p *peer) { dripping(p, "HTTP/1.1 101 Yes\r\n", "X") })
			return addr
		},
		"interim answers without end": func(w *world) string {
			addr, _ := w.script(func(p *peer) { dripping(p, "", "HTTP/1.1 103 Early\r\n\r\n") })
			return addr
		},
		"a byte of a refusal at a time": func(w *world) string {
			addr, _ := w.script(func(p *peer) { dripping(p, "HTTP/1.1 401 No\r\nContent-Length: 99", "9") })
			return addr
		},
	}
	for name, start := range stops {
		for _, s := range []setting{settings[0], settings[1]} {
			t.Run(s.name+"/"+name, func(t *testing.T) {
				w := newWorld(t, s)
				h := w.handler()

				ctx, cancel := context.WithTimeout(t.Context(), soon)
				defer cancel()
				_, err := DialActor(ctx, w.system, w.url(start(w)), w.client(h))
				require.ErrorIs(t, err, context.DeadlineExceeded)

				ctx, cancel = context.WithCancel(t.Context())
				time.AfterFunc(soon, cancel)
				_, err = DialActor(ctx, w.system, w.url(start(w)), w.client(h))
				require.ErrorIs(t, err, context.Canceled)

				u := w.client(h)
				u.Dialer.Timeout = soon
				_, err = DialActor(t.Context(), w.system, w.url(start(w)), u)
				var timeout net.Error
				require.ErrorAs(t, err, &timeout)
				assert.True(t, timeout.Timeout())
				assert.Empty(t, h.all)
			})
		}
	}
}

// dripping is a server that goes on for ever, slowly.
func dripping(p *peer, first, more string) {
	http.ReadRequest(p.in)
	for _, err := io.WriteString(p.Conn, first); err == nil; _, err = io.WriteString(p.Conn, more) {
		time.Sleep(time.Millisecond)
	}
}

// undated is a conn whose deadlines do nothing, as those of a channel of SSH.
type undated struct{ net.Conn }

func (undated) SetDeadline(time.Time) error      { return errors.ErrUnsupported }
func (undated) SetReadDeadline(time.Time) error  { return errors.ErrUnsupported }
func (undated) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }

// A body that stalls does not hide the answer, of a server or of a proxy, whatever the conn can do.
func TestRefusalWhoseBodyStalls(t *testing.T) {
	for name, over := range map[string]func(net.Conn) net.Conn{
		"deadlines":    func(nc net.Conn) net.Conn { return nc },
		"no deadlines": func(nc net.Conn) net.Conn { return undated{nc} },
	} {
		for _, by := range []string{"server", "proxy"} {
			t.Run(name+"/"+by, func(t *testing.T) {
				w := newWorld(t, bare)
				addr, _, _ := w.replying("HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nbecause")
				u := w.client(w.handler())
				u.Dialer.Proxy = NoProxy
				if by == "proxy" {
					u.Dialer.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy.example"})
				}
				u.Dialer.NetDial = func(context.Context, string, string) (net.Conn, error) {
					nc, err := net.Dial("tcp", addr)
					return over(nc), err
				}
				_, err := DialActor(t.Context(), w.system, "ws://a.example/", u)
				assert.Equal(t, by+" 403 because", refusedBy(err))
			})
		}
	}
}

// Interim answers come first; frames come in the same segment as the 101, or
// byte by byte.
func TestFramesBehindTheAnswer(t *testing.T) {
	sampled(t, func(w *world) {
		long := strings.Repeat("x", 10_000)
		words := "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" +
			"HTTP/1.1 101 Fine\r\nconnection: keep-alive, UPGRADE\r\nupgrade: WebSocket\r\nsec-websocket-accept: ACCEPT\r\n\r\n" +
			plain(frame.Text("one")) + plain(frame.Text(long)) + plain(frame.Close(frame.Normal, "bye"))
		for _, bytewise := range []bool{false, true} {
			addr, accepted := w.script(func(p *peer) {
				r, err := http.ReadRequest(p.in)
				if err != nil {
					return
				}
				answer := strings.ReplaceAll(words, "ACCEPT", AcceptKey(r.Header.Get("Sec-WebSocket-Key")))
				if bytewise {
					p.trickle(answer)
				} else {
					io.WriteString(p, answer)
				}
			})
			h := w.handler()
			_, err := DialActor(w.Context(), w.system, w.url(addr), w.client(h))
			require.NoError(w, err)
			h.upgraded()
			h.text("one")
			h.text(long)
			p := <-accepted
			p.closes(frame.Normal)
			p.Close()
			assert.Equal(w, &Closed{Code: frame.Normal, Reason: "bye", Clean: true, By: Peer}, expect[*Closed](h))
		}
	})
}
