package sockets

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ask sends a connection a message and waits for the answer.
func (w *world) ask(conn *actor.PID, message any) any {
	result, err := w.system.Root.RequestFuture(conn, message, testTimeout).Result()
	require.NoError(w, err)
	return result
}

func (w *world) get(url string) *http.Request {
	r, err := http.NewRequest("GET", url, nil)
	require.NoError(w, err)
	return r
}

// Connect: requests, and then an upgrade, on one connection.
func TestConnect(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler(echo)
		mux := http.NewServeMux()
		mux.Handle("/", site())
		mux.Handle("/chat", w.upgrading(&UpgradeServer{FrameHandler: h.pid}))
		addr := w.dropIn(mux)
		base := strings.TrimSuffix(w.url(addr), "/chat")
		dialer := &Dialer{TLS: clientTLS()}
		conn, err := Connect(w.Context(), w.system, base+"/chat", dialer)
		require.NoError(w, err)
		defer w.ended(conn)

		futures := []*actor.Future{}
		for range 3 {
			futures = append(futures, w.system.Root.RequestFuture(conn, w.get("http://"+addr+"/hello"), testTimeout))
		}
		for _, f := range futures {
			result, err := f.Result()
			require.NoError(w, err)
			r := result.(*http.Response)
			got, _ := io.ReadAll(r.Body)
			assert.Equal(w, "hello GET HTTP/1.1\n", string(got))
		}
		post, _ := http.NewRequest("POST", "http://"+addr+"/echo", strings.NewReader("body"))
		got, _ := io.ReadAll(w.ask(conn, post).(*http.Response).Body)
		assert.Equal(w, `"body" <nil> map[]`, string(got))
		got, _ = io.ReadAll(w.ask(conn, w.get("http://"+addr+"/chunks")).(*http.Response).Body)
		assert.Equal(w, "chunk 0\nchunk 1\nchunk 2\n", string(got))

		mine := w.handler()
		w.ask(conn, w.client(mine))
		mine.upgraded()
		h.upgraded()
		w.system.Root.Send(conn, frame.Text("hello"))
		mine.text("hello")
		h.text("hello")
		w.system.Root.Send(conn, frame.Close(frame.Normal, ""))
		assert.True(w, expect[*Closed](mine).Clean)
		expect[*Closed](h)
	})
}

// Whoever waits for an answer gets an error when the connection ends.
func TestConnectEnds(t *testing.T) {
	for _, s := range []setting{settings[0], settings[1]} {
		for _, tt := range []struct {
			name string
			end  func(w *world, conn *actor.PID, p *peer)
		}{
			{"by the server", func(_ *world, _ *actor.PID, p *peer) { p.Close() }},
			{"by a reset", func(_ *world, _ *actor.PID, p *peer) { p.reset() }},
			{"by its user", func(w *world, conn *actor.PID, _ *peer) { w.system.Root.Poison(conn) }}, // Stop would overtake
			{"by garbage", func(_ *world, _ *actor.PID, p *peer) { p.send("garbage\r\n\r\n") }},
			{"by an answer that closes", func(_ *world, _ *actor.PID, p *peer) {
				p.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
			}},
		} {
			t.Run(s.name+"/"+tt.name, func(t *testing.T) {
				w := newWorld(t, s)
				h := w.handler()
				addr, accepted := w.script(func(p *peer) { http.ReadRequest(p.in) })
				conn, err := Connect(t.Context(), w.system, w.url(addr), &Dialer{TLS: clientTLS()})
				require.NoError(t, err)
				first := w.system.Root.RequestFuture(conn, w.get("http://"+addr+"/"), testTimeout)
				second := w.system.Root.RequestFuture(conn, w.client(h), testTimeout)
				p := <-accepted
				tt.end(w, conn, p)
				result, err := first.Result()
				require.NoError(t, err)
				if tt.name == "by an answer that closes" {
					assert.Equal(t, 200, result.(*http.Response).StatusCode)
				} else {
					assert.Implements(t, (*error)(nil), result)
				}
				result, err = second.Result()
				require.NoError(t, err)
				assert.Implements(t, (*error)(nil), result)
				gone(w, conn)
				assert.Empty(t, h.all)
			})
		}
	}
}

// An asker that has gone away is no reason to end the connection.
func TestUpgradeForAnAskerThatHasGone(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler()
	proceed := make(chan struct{})
	addr, accepted := w.script(func(p *peer) {
		r, err := http.ReadRequest(p.in)
		if err != nil {
			return
		}
		<-proceed
		fmt.Fprintf(p, "%s", strings.ReplaceAll(agreed+"\r\n", "ACCEPT", AcceptKey(r.Header.Get("Sec-WebSocket-Key"))))
	})
	conn, err := Connect(t.Context(), w.system, w.url(addr), nil)
	require.NoError(t, err)
	_, err = w.system.Root.RequestFuture(conn, w.client(h), time.Millisecond).Result()
	require.Error(t, err)
	close(proceed)
	h.upgraded()
	p := <-accepted
	w.system.Root.Send(conn, frame.Text("still here"))
	require.Equal(t, "still here", p.frame().String())
	p.Close()
	expect[*Closed](h)
}

// A response that is larger than what is kept of it comes cut, and is the last.
func TestConnectLargeResponse(t *testing.T) {
	w := newWorld(t, bare)
	addr := w.dropIn(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Write(bytes.Repeat([]byte("x"), 2<<20))
	}))
	conn, err := Connect(t.Context(), w.system, "http://"+addr, nil)
	require.NoError(t, err)
	r := w.ask(conn, w.get("http://"+addr+"/")).(*http.Response)
	got, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	assert.Len(t, got, 1<<20)
	gone(w, conn)
}

// connected is an HTTP connection to a server of the test's, whose end is raw.
func (w *world) connected() (conn *actor.PID, server *peer) {
	w.Helper()
	addr, accepted := w.script(func(p *peer) {
		if c, ok := p.Conn.(*tls.Conn); ok {
			c.Handshake()
		}
	})
	conn, err := Connect(w.Context(), w.system, w.url(addr), &Dialer{TLS: clientTLS()})
	require.NoError(w, err)
	w.Cleanup(func() { w.ended(conn) })
	return conn, <-accepted
}

// asked is ask without waiting for the answer.
func (w *world) asked(conn *actor.PID, message any) *actor.Future {
	return w.system.Root.RequestFuture(conn, message, testTimeout)
}

func outcome(w *world, f *actor.Future) any {
	w.Helper()
	result, err := f.Result()
	require.NoError(w, err)
	return result
}

func (p *peer) reads() *http.Request {
	p.Helper()
	r, err := http.ReadRequest(p.in)
	require.NoError(p, err)
	io.Copy(io.Discard, r.Body)
	return r
}

const okay = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"

func bodyOf(t require.TestingT, message any) string {
	r, ok := message.(*http.Response)
	require.True(t, ok, "%T %v", message, message)
	b, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return string(b)
}

// A server that refuses an upgrade may be asked again.
func TestConnectAfterRefusal(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler(echo)
		mux := http.NewServeMux()
		mux.HandleFunc("/login", func(rw http.ResponseWriter, _ *http.Request) {
			http.SetCookie(rw, &http.Cookie{Name: "who", Value: "ann"})
			io.WriteString(rw, "welcome")
		})
		upgrading := w.upgrading(&UpgradeServer{FrameHandler: h.pid})
		mux.HandleFunc("/chat", func(rw http.ResponseWriter, r *http.Request) {
			if c, err := r.Cookie("who"); err != nil || c.Value != "ann" {
				http.Error(rw, strings.Repeat("who are you? ", 1000), http.StatusUnauthorized)
				return
			}
			upgrading.ServeHTTP(rw, r)
		})
		addr := w.dropIn(mux)
		jar, err := cookiejar.New(nil)
		require.NoError(w, err)
		conn, err := Connect(w.Context(), w.system, w.url(addr), &Dialer{TLS: clientTLS(), Jar: jar})
		require.NoError(w, err)
		defer w.ended(conn)
		mine := w.handler()

		var e *HandshakeError
		require.ErrorAs(w, w.ask(conn, w.client(mine)).(error), &e)
		assert.Equal(w, 401, e.Status)
		assert.Len(w, e.Body, 1<<10)
		assert.Equal(w, "welcome", bodyOf(w, w.ask(conn, w.get("/login"))))
		cookies := jar.Cookies(&url.URL{Scheme: "https", Host: addr, Path: "/"})
		require.Len(w, cookies, 1, "the Jar of Connect's Dialer")
		w.ask(conn, w.client(mine))
		_, up := mine.upgraded()
		assert.Equal(w, "who=ann", up.Request.Header.Get("Cookie"))
		h.upgraded()
		w.system.Root.Send(conn, frame.Text("hello"))
		mine.text("hello")
		h.text("hello")
		w.system.Root.Send(conn, frame.Close(frame.Normal, ""))
		assert.True(w, expect[*Closed](mine).Clean)
		expect[*Closed](h)
	})
}

// One that does not say where its refusal ends may not.
func TestConnectRefusedForGood(t *testing.T) {
	for name, answered := range map[string]string{
		"closing":         "HTTP/1.1 401 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno",
		"HTTP/1.0":        "HTTP/1.0 401 No\r\nContent-Length: 2\r\n\r\nno",
		"more than asked": "HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno" + okay + "ok",
		"stalled":         "HTTP/1.1 401 No\r\nContent-Length: 20\r\n\r\nno",
		"huge":            "HTTP/1.1 401 No\r\nContent-Length: 9000000\r\n\r\nno" + strings.Repeat("x", 2<<20),
		"wrong hash":      "HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bare)
			conn, p := w.connected()
			h := w.handler()
			f := w.asked(conn, w.client(h))
			p.reads()
			go io.WriteString(p.Conn, answered)
			var e *HandshakeError
			require.ErrorAs(t, outcome(w, f).(error), &e)
			gone(w, conn)
			assert.Empty(t, h.all)
		})
	}
}

// What a connection of HTTP's does not know is said, and those who wait when it becomes a
// WebSocket are told.
func TestConnectAsksOfTheWrongKind(t *testing.T) {
	w := newWorld(t, bare)
	conn, p := w.connected()
	h := w.handler()
	assert.ErrorContains(t, w.ask(conn, "hello").(error), "does not know a string")
	assert.ErrorContains(t, w.ask(conn, UpgradeClient{}).(error), "does not know a sockets.UpgradeClient")
	assert.ErrorContains(t, w.ask(conn, &UpgradeClient{}).(error), "neither FrameHandler nor Spawn")
	up := w.asked(conn, w.client(h))
	late := w.asked(conn, w.get("/"))
	r := p.reads()
	fmt.Fprint(p, strings.ReplaceAll(agreed+"\r\n", "ACCEPT", AcceptKey(r.Header.Get("Sec-WebSocket-Key"))))
	assert.Equal(t, 101, outcome(w, up).(*http.Response).StatusCode)
	assert.ErrorContains(t, outcome(w, late).(error), "speaks HTTP no longer")
	p.Close()
	h.upgraded()
	expect[*Closed](h)
}
