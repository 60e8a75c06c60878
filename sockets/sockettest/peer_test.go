package sockettest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dial opens a connection to a peer as a program's client code does.
func dial(t *testing.T, p *Peer, change ...func(o *sockets.DialOptions)) (*sockets.Conn, error) {
	o := &sockets.DialOptions{Dialer: p.Dialer(), System: sockets.NewSystem()}
	for _, f := range change {
		f(o)
	}
	c, err := sockets.Dial(t.Context(), "ws://example.com/feed", o)
	if err == nil {
		t.Cleanup(c.Cut)
	}
	return c, err
}

func TestPeerConversation(t *testing.T) {
	everywhen(t, func(t *testing.T) {
		peer := NewPeer(t, Subprotocols("v2"), Header("X-Server", "peer"))
		c, err := dial(t, peer, func(o *sockets.DialOptions) { o.Options = &sockets.Options{Subprotocols: []string{"v1", "v2"}} })
		require.NoError(t, err)
		assert.Equal(t, "v2", c.Subprotocol())
		assert.Equal(t, "peer", c.Response().Header.Get("X-Server"))
		p := peer.Accept()
		assert.Equal(t, "/feed", p.Request().URL.Path)
		assert.Equal(t, "v2", p.Subprotocol())

		require.NoError(t, c.SendText(t.Context(), "hi"))
		p.ExpectText("hi")
		b := p.Encode(frame.Text("hello"))
		p.SendBytes(b[:1], b[1:3], b[3:])
		text, err := c.ReceiveText(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "hello", text)
		p.SendPing("x")
		p.ExpectPong("x")
		require.NoError(t, c.Close(frame.Normal, "done"))
		assert.Equal(t, "done", p.ExpectClose(frame.Normal))
		require.NoError(t, p.ExpectEnd())
	})
}

func TestPeerCloses(t *testing.T) {
	everywhen(t, func(t *testing.T) {
		peer := NewPeer(t, Compression())
		c, err := dial(t, peer, func(o *sockets.DialOptions) {
			o.Options = &sockets.Options{Compression: &pipeline.Compression{}}
		})
		require.NoError(t, err)
		p := peer.Accept()
		assert.True(t, p.Compressed())
		p.SendText("compressed as it may be")
		text, err := c.ReceiveText(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "compressed as it may be", text)
		p.Close(4321, "enough")
		_, err = c.Receive(t.Context())
		var end *sockets.CloseError
		require.ErrorAs(t, err, &end)
		assert.Equal(t, frame.Code(4321), end.Code)
		assert.Equal(t, "enough", end.Reason)
	})
}

func TestPeerResets(t *testing.T) {
	everywhen(t, func(t *testing.T) {
		peer := NewPeer(t)
		c, err := dial(t, peer)
		require.NoError(t, err)
		peer.Accept().Reset()
		_, err = c.Receive(t.Context())
		assert.ErrorIs(t, err, syscall.ECONNRESET)
	})
}

func TestPeerAnswers(t *testing.T) {
	everywhen(t, func(t *testing.T) {
		_, err := dial(t, NewPeer(t, Refuse(503, "come back later")))
		var refused *sockets.HandshakeError
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, 503, refused.Status)

		// In pieces, and with the first message behind it.
		peer := NewPeer(t, Answer(func(r *http.Request) [][]byte {
			b := append(SwitchingProtocols(r, "X-Color: red"), "\x81\x02hi"...)
			return [][]byte{b[:10], b[10:40], b[40:]}
		}))
		c, err := dial(t, peer)
		require.NoError(t, err)
		assert.Equal(t, "red", c.Response().Header.Get("X-Color"))
		text, err := c.ReceiveText(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "hi", text)
		assert.Equal(t, "red", peer.Accept().Response().Header.Get("X-Color"))

		peer.Stop()
		_, err = dial(t, peer)
		assert.ErrorIs(t, err, syscall.ECONNREFUSED)
	})
}

func TestPeerNeverAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		_, err := dial(t, NewPeer(t, Answer(func(*http.Request) [][]byte { return nil })))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 10*time.Second, time.Since(begin))
	})
}

// A script fails its test, and a test waits for its scripts.
func TestPeerScript(t *testing.T) {
	everywhen(t, func(t *testing.T) {
		said := make(chan string, 1)
		peer := NewPeer(t)
		peer.Go(func(p *Probe) { said <- p.ReceiveText() })
		c, err := dial(t, peer)
		require.NoError(t, err)
		require.NoError(t, c.SendText(t.Context(), "hi"))
		assert.Equal(t, "hi", <-said)
	})
	synctest.Test(t, func(t *testing.T) {
		var after error
		fails(t, func(tb testing.TB) {
			peer := NewPeer(tb)
			peer.Go(func(p *Probe) { p.ExpectText("ho") })
			c, err := dial(t, peer)
			require.NoError(t, err)
			require.NoError(t, c.SendText(t.Context(), "hi"))
			_, after = c.Receive(t.Context())
		}, `expected text "ho", got text "hi"`)
		assert.ErrorIs(t, after, syscall.ECONNRESET)
		fails(t, func(t testing.TB) {
			NewPeer(t).Go(func(p *Probe) {})
		}, "nobody has connected")
		waited := false
		assert.Empty(t, failures(t, func(tb testing.TB) {
			peer := NewPeer(tb)
			peer.Go(func(p *Probe) { time.Sleep(time.Minute); waited = true })
			_, err := dial(t, peer)
			require.NoError(t, err)
		}))
		assert.True(t, waited)
	})
}

// A client that breaks the rules is told of, and so is one that does not come.
func TestPeerJudges(t *testing.T) {
	ask := func(peer *Peer, request string) net.Conn {
		nc, err := peer.DialContext(context.Background(), "", "")
		if err == nil {
			_, err = nc.Write([]byte(request))
		}
		if err != nil {
			panic(err)
		}
		return nc
	}
	const valid = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	synctest.Test(t, func(t *testing.T) {
		fails(t, func(t testing.TB) { NewPeer(t).Accept() }, "expected a client, nobody has connected in 1h0m0s")
		fails(t, func(t testing.TB) {
			peer := NewPeer(t)
			ask(peer, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
			peer.Accept()
		}, "handshake that is none", "version")
		fails(t, func(t testing.TB) {
			peer := NewPeer(t)
			ask(peer, valid+"\x81\x02hi")
			peer.Accept().ReceiveText()
		}, "expected a text message", "a client's frame without a mask")
		fails(t, func(t testing.TB) {
			peer := NewPeer(t)
			ask(peer, valid+"\x81\x82\x00\x00\x00\x00hi")
			peer.Accept().ExpectText("ho")
		}, `expected text "ho", got text "hi"`)
	})
}

// A connection in memory is as good as one of TCP.
func TestConn(t *testing.T) {
	everywhen(t, func(t *testing.T) {
		a, b := newConns()
		assert.Equal(t, a.LocalAddr(), b.RemoteAddr())
		a.Write([]byte("one"))
		a.Write([]byte("two"))
		buf := make([]byte, 10)
		for _, want := range []string{"one", "two"} {
			n, err := b.Read(buf)
			require.NoError(t, err)
			assert.Equal(t, want, string(buf[:n]), "a read does not reach beyond a write")
		}
		require.NoError(t, b.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
		_, err := b.Read(buf)
		var late net.Error
		require.ErrorAs(t, err, &late)
		assert.True(t, late.Timeout())
		require.NoError(t, b.SetReadDeadline(time.Time{}))
		require.NoError(t, b.SetWriteDeadline(time.Now().Add(10*time.Millisecond)))
		n, err := b.Write(make([]byte, 2*capacity))
		assert.Equal(t, capacity, n)
		require.ErrorAs(t, err, &late)
		require.NoError(t, b.SetDeadline(time.Time{}))
		require.NoError(t, a.CloseWrite())
		n, err = b.Read(buf)
		assert.Zero(t, n)
		assert.EqualError(t, err, "EOF")
		n, err = a.Read(buf)
		assert.Equal(t, len(buf), n)
		assert.NoError(t, err)
		require.NoError(t, a.Close())
		_, err = b.Write(buf)
		assert.ErrorIs(t, err, syscall.EPIPE)
		_, err = a.Read(buf)
		assert.ErrorIs(t, err, net.ErrClosed)
		_, err = a.Write(buf)
		assert.ErrorIs(t, err, net.ErrClosed)
		assert.False(t, errors.Is(err, syscall.EPIPE))
	})
}
