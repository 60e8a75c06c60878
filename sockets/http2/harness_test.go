package http2_test

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/internal/harness"
	"github.com/spindrift-go/spindrift/internal/http2client"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/sockettest"
	"github.com/stretchr/testify/require"
)

// testTimeout bounds every wait. No test waits that long unless it fails.
const testTimeout = 15 * time.Second

// TestMain keeps the panics that tests bring about out of their output.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

var warmed sync.Once

// warm has a handler spawned: the first one brings a guardian, which stays.
func warm(t *testing.T) {
	warmed.Do(func() {
		p := sockettest.Connect(t, &sockets.Handler{System: harness.System(), Spawn: actor.PropsFromFunc(func(actor.Context) {})}, "/")
		p.Close(frame.Normal, "")
	})
}

var serverTLS = sync.OnceValue(func() *tls.Config {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return &tls.Config{Certificates: s.TLS.Certificates}
})

var clientTLS = &tls.Config{InsecureSkipVerify: true}

// server is what http.Server and sockets.Server have in common.
type server interface {
	Serve(net.Listener) error
	ServeTLS(net.Listener, string, string) error
	Close() error
}

// serve runs s until the test ends, in clear or over TLS, and returns a connection to it. At the
// end nothing may be left.
func serve(t *testing.T, s server, secure bool) *http2client.Conn {
	connect := listen(t, s, secure)
	return connect()
}

func listen(t *testing.T, s server, secure bool) (connect func() *http2client.Conn) {
	serverTLS()
	warm(t)
	sockettest.NoLeaks(t, harness.System())
	base := &http.Server{}
	switch s := s.(type) {
	case *http.Server:
		base = s
	case *sockets.Server:
		base = &s.Server
		s.System = harness.System()
	}
	base.Protocols = new(http.Protocols)
	base.Protocols.SetHTTP1(true)
	base.Protocols.SetHTTP2(true)
	base.Protocols.SetUnencryptedHTTP2(true)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if secure {
			base.TLSConfig = serverTLS()
			s.ServeTLS(l, "", "")
		} else {
			s.Serve(l)
		}
	}()
	t.Cleanup(func() {
		s.Close()
		<-done
	})
	return func() *http2client.Conn {
		t.Helper()
		config := clientTLS
		if !secure {
			config = nil
		}
		c, err := http2client.Dial(l.Addr().String(), config, testTimeout)
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		return c
	}
}

// everywhere runs test in clear and over TLS.
func everywhere(t *testing.T, test func(t *testing.T, secure bool)) {
	t.Run("clear", func(t *testing.T) { test(t, false) })
	t.Run("TLS", func(t *testing.T) { test(t, true) })
}

// peer is a WebSocket client on a stream.
type peer struct {
	testing.TB
	*http2client.Stream
	decoder frame.Decoder
	rest    []byte
}

func open(t testing.TB, c *http2client.Conn, path string, fields ...string) *peer {
	t.Helper()
	s, err := c.WebSocket(path, fields...)
	require.NoError(t, err)
	return &peer{TB: t, Stream: s, decoder: frame.Decoder{FromServer: true}}
}

func (p *peer) send(frames ...*frame.Frame) {
	p.Helper()
	var b []byte
	for _, f := range frames {
		b = frame.AppendMasked(b, f, [4]byte{1, 2, 3, 4})
	}
	_, err := p.Write(b)
	require.NoError(p, err)
}

// next reads a frame.
func (p *peer) next() *frame.Frame {
	p.Helper()
	f := new(frame.Frame)
	buf := make([]byte, 4<<10)
	for {
		n, ok, err := p.decoder.Next(p.rest, f)
		require.True(p, err == nil, "%v", err)
		p.rest = p.rest[n:]
		if ok {
			f.Payload = append([]byte(nil), f.Payload...)
			return f
		}
		k, readErr := p.Read(buf)
		require.NoError(p, readErr)
		p.rest = append(p.rest, buf[:k]...)
	}
}

func (p *peer) text(want string) {
	p.Helper()
	f := p.next()
	require.Equal(p, want, string(f.Payload))
}

// closes reads a Close and the end behind it.
func (p *peer) closes(code frame.Code) {
	p.Helper()
	f := p.next()
	require.Equal(p, frame.OpClose, f.Opcode)
	got, _ := f.CloseStatus()
	require.Equal(p, code, got)
	p.ends()
}

func (p *peer) ends() {
	p.Helper()
	n, err := p.Read(make([]byte, 1))
	require.Zero(p, n)
	require.Equal(p, io.EOF, err)
}

func (p *peer) echoes(s string) {
	p.Helper()
	p.send(frame.Text(s))
	p.text(s)
}

// closed collects how connections have ended, in any order.
type closed chan *sockets.Closed

// echo is a handler of one connection.
func (c closed) echo() *actor.Props {
	return actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *frame.Frame:
			ctx.Respond(m)
		case *sockets.Closed:
			c <- m
		}
	})
}

func (c closed) expect(t testing.TB, code frame.Code) *sockets.Closed {
	t.Helper()
	select {
	case m := <-c:
		require.Equal(t, code, m.Code, "%+v", m)
		return m
	case <-time.After(time.Minute): // which may be virtual
		require.FailNow(t, "nobody is told Closed")
		return nil
	}
}
