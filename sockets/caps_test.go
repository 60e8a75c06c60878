package sockets

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// capped is a server that upgrades everything, up to its caps.
func (w *world) capped(s *Server, u *UpgradeServer) (addr string) {
	s.Server, s.System = quiet(w.upgrading(u)), w.system
	return w.run(s)
}

// knock asks for a WebSocket and returns the status.
func (w *world) knock(addr string, lines ...string) (*peer, int) {
	w.Helper()
	p := w.dial(addr)
	p.send(handshake(addr, lines...))
	r := p.answer("GET")
	if r.StatusCode == http.StatusServiceUnavailable {
		assert.Equal(w, "too many connections\n", r.body)
		assert.Equal(w, "10", r.Header.Get("Retry-After"))
		assert.True(w, r.Close)
		p.eof()
	}
	return p, r.StatusCode
}

// admitted knocks until it is let in, as it must be when somebody has left.
func (w *world) admitted(addr string) *peer {
	w.Helper()
	for late := time.Now().Add(testTimeout); time.Now().Before(late); time.Sleep(time.Millisecond) {
		if p, status := w.knock(addr); status == http.StatusSwitchingProtocols {
			return p
		}
	}
	require.FailNow(w, "nobody is let in any more")
	return nil
}

// Whatever ends a connection, another one may come for it.
func TestMaxConns(t *testing.T) {
	endings := map[string]func(w *world, p *peer, conn *actor.PID){
		"close": func(_ *world, p *peer, _ *actor.PID) {
			p.send(masked(frame.Close(frame.Normal, "")))
			p.closes(frame.Normal)
			p.eof()
			p.Close()
		},
		"end":   func(_ *world, p *peer, _ *actor.PID) { p.Close() },
		"reset": func(_ *world, p *peer, _ *actor.PID) { p.reset() },
		"violation": func(_ *world, p *peer, _ *actor.PID) {
			p.send("\xff\xff")
			p.closes(frame.ProtocolError)
			p.eof()
			p.Close()
		},
		"leave": func(w *world, p *peer, conn *actor.PID) {
			w.system.Root.Send(conn, &Leave{})
			p.closes(frame.GoingAway)
			p.Close()
		},
		"stopped": func(w *world, p *peer, conn *actor.PID) { w.system.Root.Stop(conn); p.closes(frame.GoingAway); p.eof() },
	}
	everywhere(t, func(w *world) {
		h := w.handler()
		addr := w.capped(&Server{MaxConns: 2}, &UpgradeServer{FrameHandler: h.pid})
		stays, status := w.knock(addr)
		require.Equal(w, http.StatusSwitchingProtocols, status)
		h.upgraded()
		for name, ending := range endings {
			p := w.admitted(addr)
			conn, _ := h.upgraded()
			for range 3 {
				_, status = w.knock(addr)
				require.Equal(w, http.StatusServiceUnavailable, status, name)
			}
			ending(w, p, conn)
			expect[*Closed](h)
		}
		stays.Close()
		expect[*Closed](h)
	})
}

func TestMaxConnsPerIP(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler()
	addr := w.capped(&Server{MaxConnsPerIP: 1, MaxConns: 2}, &UpgradeServer{FrameHandler: h.pid})
	from := func(ip string) int {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
		nc, err := d.Dial("tcp", addr)
		if err != nil {
			t.Skip("this system has one loopback address: ", err)
		}
		p := w.peerOf(nc)
		p.send(handshake(addr))
		return p.answer("GET").StatusCode
	}
	assert.Equal(t, http.StatusSwitchingProtocols, from("127.0.0.1"))
	assert.Equal(t, http.StatusServiceUnavailable, from("127.0.0.1"))
	assert.Equal(t, http.StatusSwitchingProtocols, from("127.0.0.2"))
	assert.Equal(t, http.StatusServiceUnavailable, from("127.0.0.3"), "two are all")
}

// What middleware says of an address counts, with a port or without; what is none counts
// as the socket's own, so that nobody gets around the cap with it.
func TestMaxConnsPerIPOfMiddleware(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			w := newWorld(t, bare)
			h := w.handler()
			upgrading := w.upgrading(&UpgradeServer{FrameHandler: h.pid})
			s := &Server{System: w.system, MaxConnsPerIP: 1, Server: quiet(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if ip := r.Header.Get("X-Real-Ip"); ip != "" {
					r.RemoteAddr = ip
				}
				upgrading.ServeHTTP(rw, r)
			}))}
			address := "127.0.0.1:0"
			if network == "unix" {
				address = t.TempDir() + "/socket"
			}
			l, err := net.Listen(network, address)
			require.NoError(t, err)
			done := make(chan struct{})
			go func() { defer close(done); s.Serve(l) }()
			defer func() { s.Close(); <-done }()
			knock := func(ip string) int {
				nc, err := net.Dial(network, l.Addr().String())
				require.NoError(t, err)
				p := w.peerOf(nc)
				if ip == "" {
					p.send(handshake("a.example"))
				} else {
					p.send(handshake("a.example", "X-Real-IP: "+ip))
				}
				a := p.answer("GET")
				if a.StatusCode == http.StatusServiceUnavailable {
					assert.Equal(t, "too many connections\n", a.body)
					assert.Equal(t, "10", a.Header.Get("Retry-After"))
					assert.True(t, a.Close)
					p.eof()
				}
				return a.StatusCode
			}
			const in, out = http.StatusSwitchingProtocols, http.StatusServiceUnavailable
			assert.Equal(t, in, knock("192.0.2.1"))
			assert.Equal(t, out, knock("192.0.2.1"))
			assert.Equal(t, out, knock("192.0.2.1:99"), "the same, with a port")
			assert.Equal(t, in, knock("192.0.2.2"), "a stranger")
			assert.Equal(t, in, knock("2001:db8::1"))
			assert.Equal(t, out, knock("[2001:db8::2]"), "of the same /64")
			assert.Equal(t, in, knock("garbage"))
			assert.Equal(t, out, knock("other garbage"), "counts as the same socket's")
			if network == "tcp" {
				assert.Equal(t, out, knock(""), "which is the socket's own")
			} else {
				assert.Equal(t, in, knock(""), "a socket without an address")
				assert.Equal(t, in, knock(""), "is no address's")
			}
			assert.Equal(t, s.Connections(), s.upgraded.group.Len())
		})
	}
}

// The options of a server that such a request does not bring are not left out without a word: it is refused.
func TestOptionsWithoutTheContext(t *testing.T) {
	everywhere(t, func(w *world) {
		terms := w.terms(&UpgradeServer{Spawn: w.handler().props})
		s := &Server{System: w.system, Options: &Options{AllowedHosts: []string{"a.example"}}, Server: quiet(http.HandlerFunc(
			func(rw http.ResponseWriter, r *http.Request) {
				assert.ErrorContains(w, Upgrade(w.system, rw, r.WithContext(context.Background()), terms), "Server.Options")
			}))}
		_, status := w.knock(w.run(s))
		assert.Equal(w, http.StatusInternalServerError, status)
		assert.True(w, until(func() bool { return s.upgraded.group.Len() == 0 }))
	})
}

// A connection is its server's though middleware has put another context into its
// request: it counts, it is in the drain, and it is not taken for another server's.
func TestRequestWithoutItsContext(t *testing.T) {
	sampled(t, func(w *world) {
		h := w.handler()
		terms := w.terms(&UpgradeServer{})
		handler := &Handler{System: w.system, FrameHandler: h.pid, Options: terms.Options}
		forgetful := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			handler.ServeHTTP(rw, r.WithContext(context.Background()))
		})
		s := &Server{System: w.system, MaxConns: 1, Server: quiet(forgetful)}
		addr := w.run(s)
		other := &Server{System: w.system, Server: quiet(forgetful)}
		otherAddr := w.run(other)
		for range 3 {
			p, status := w.knock(addr)
			require.Equal(w, http.StatusSwitchingProtocols, status)
			conn, _ := h.upgraded()
			assert.Equal(w, 1, s.Connections())
			_, status = w.knock(addr)
			assert.Equal(w, http.StatusServiceUnavailable, status)
			q, status := w.knock(otherAddr)
			assert.Equal(w, http.StatusSwitchingProtocols, status)
			h.upgraded()
			assert.Equal(w, 1, other.Connections())
			assert.Zero(w, handler.upgraded.group.Len())
			q.Close()
			expect[*Closed](h)
			p.Close()
			expect[*Closed](h)
			gone(w, conn)
			require.True(w, until(func() bool { return s.Connections()+other.Connections() == 0 }))
		}
		p := w.admitted(addr)
		h.upgraded()
		done := make(chan error, 1)
		go func() { done <- s.Shutdown(context.Background()) }()
		p.closes(frame.GoingAway)
		p.send(masked(frame.Close(frame.GoingAway, "")))
		p.eof()
		p.Close()
		require.NoError(w, <-done)
		expect[*Closed](h)
		assert.Zero(w, strays.wanted.Load())
		assert.Empty(w, strays.sets)
	})
}

// Who is not upgraded takes no place, whatever the reason.
func TestRefusalsTakeNoPlace(t *testing.T) {
	sampled(t, func(w *world) {
		h := w.handler()
		terms := &UpgradeServer{FrameHandler: h.pid, Options: &Options{RequireSubprotocol: true, Subprotocols: []string{"chat"}}}
		upgrading := w.upgrading(terms)
		s := &Server{Server: quiet(nil), System: w.system, MaxConns: 1}
		s.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Sealed") != "" {
				rw = sealed{rw} // cannot be hijacked
			}
			upgrading.ServeHTTP(rw, r)
		})
		addr := w.run(s)
		const chat = "Sec-WebSocket-Protocol: chat"
		for _, tt := range []struct {
			lines  []string
			status int
		}{
			{[]string{"Origin: http://elsewhere.example", chat}, http.StatusForbidden},
			{[]string{"Sec-WebSocket-Protocol: other"}, http.StatusBadRequest},
			{[]string{"Sec-WebSocket-Version: 8", chat}, http.StatusUpgradeRequired},
			{[]string{"X-Sealed: yes", chat}, http.StatusInternalServerError},
		} {
			for range 2 {
				_, status := w.knock(addr, tt.lines...)
				require.Equal(w, tt.status, status, "%s", tt.lines)
			}
		}
		p, status := w.knock(addr, chat)
		require.Equal(w, http.StatusSwitchingProtocols, status)
		h.upgraded()
		_, status = w.knock(addr, chat)
		require.Equal(w, http.StatusServiceUnavailable, status)
		p.Close()
		expect[*Closed](h)
	})
}

// Who leaves before the answer has come takes no place for long.
func TestAbandonedUpgradeTakesNoPlace(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler()
	type question struct {
		conn *actor.PID
		done <-chan struct{}
	}
	asked := make(chan question, 1)
	s := &Server{MaxConns: 1}
	addr := w.listening(s, func(ctx actor.Context) {
		if r, ok := ctx.Message().(*http.Request); ok {
			asked <- question{ctx.Sender(), r.Context().Done()}
		}
	})
	upgrade := w.terms(&UpgradeServer{FrameHandler: h.pid})
	for range 5 {
		p := w.dial(addr)
		p.send(handshake(addr))
		q := <-asked
		p.reset()
		select { // the answer comes at the moment when it is no longer wanted, or later
		case <-q.done:
		case <-time.After(testTimeout):
			require.Fail(t, "request is not given up")
		}
		w.system.Root.Send(q.conn, upgrade)
		gone(w, q.conn)
	}
	p := w.dial(addr)
	p.send(handshake(addr))
	w.system.Root.Send((<-asked).conn, upgrade)
	p.bytes(switched())
	p.Close()
	require.True(t, until(func() bool { return s.Connections() == 0 }))
}

// All at once they are as many as may be, and plain requests are none of them.
func TestCapsConcurrently(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler()
	const many, most = 40, 10
	s := &Server{MaxConns: most}
	addr := w.capped(s, &UpgradeServer{FrameHandler: h.pid})
	var in, out atomic.Int32
	var all sync.WaitGroup
	for range many {
		p := w.dial(addr)
		all.Go(func() {
			p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			if assert.Equal(t, http.StatusUpgradeRequired, p.answer("GET").StatusCode) {
				p.Close()
			}
		})
		q := w.dial(addr)
		all.Go(func() {
			q.send(handshake(addr))
			switch q.answer("GET").StatusCode {
			case http.StatusSwitchingProtocols:
				in.Add(1)
			case http.StatusServiceUnavailable:
				out.Add(1)
			}
		})
	}
	all.Wait()
	assert.Equal(t, int32(most), in.Load())
	assert.Equal(t, int32(many-most), out.Load())
	assert.Equal(t, most, s.Connections())
}
