package http2_test

import (
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/internal/http2client"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	xhttp2 "golang.org/x/net/http2"
)

// One that is sent more than its handler takes keeps no other stream from sending.
func TestFloodStarvesNobody(t *testing.T) {
	everywhere(t, func(t *testing.T, secure bool) {
		release := make(chan struct{})
		ended := make(closed, 10)
		mux := http.NewServeMux()
		mux.Handle("/slow", &sockets.Handler{Spawn: actor.PropsFromFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *frame.Frame:
				<-release
			case *sockets.Closed:
				ended <- m
			}
		})})
		mux.Handle("/echo", &sockets.Handler{Spawn: ended.echo()})
		c := serve(t, &sockets.Server{Server: http.Server{Handler: mux}}, secure)
		slow, beside := open(t, c, "/slow"), open(t, c, "/echo")
		flooded := make(chan error)
		go func() {
			payload := frame.AppendMasked(nil, frame.Binary(make([]byte, 16<<10)), [4]byte{1, 2, 3, 4})
			for {
				if _, err := slow.Write(payload); err != nil {
					flooded <- err
					return
				}
			}
		}()
		for range 100 {
			beside.echoes("hello")
		}
		close(release)
		require.NoError(t, slow.Reset(xhttp2.ErrCodeCancel))
		ended.expect(t, frame.Abnormal)
		c.Close()
		<-flooded
		ended.expect(t, frame.Abnormal)
	})
}

// What a program has set stands, and its own config is not touched.
func TestWindowsOfTheProgram(t *testing.T) {
	t.Run("its own", func(t *testing.T) {
		own := &http.HTTP2Config{MaxReceiveBufferPerStream: 1 << 17, WriteByteTimeout: time.Minute}
		server := &sockets.Server{Server: http.Server{HTTP2: own}}
		serve(t, server, false)
		assert.Equal(t, http.HTTP2Config{MaxReceiveBufferPerStream: 1 << 17, WriteByteTimeout: time.Minute}, *own)
		assert.Equal(t, *own, *server.HTTP2)
	})
	t.Run("none", func(t *testing.T) {
		server := &sockets.Server{}
		serve(t, server, false)
		assert.Equal(t, http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10, WriteByteTimeout: 30 * time.Second}, *server.HTTP2)
	})
}

// virtually runs a server that sends much, and one connection to it in virtual time.
func virtually(t *testing.T, test func(t *testing.T, c *http2client.Conn, ended closed, ours, theirs *pipe)) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(closed, 3)
		system := actor.NewActorSystem(
			actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }),
			actor.WithDeadLetterThrottleInterval(time.Millisecond))
		near, far := net.Pipe()
		ours, theirs := &pipe{Conn: near, closed: make(chan struct{})}, &pipe{Conn: far, closed: make(chan struct{})}
		l := &oneConn{conn: theirs, closed: make(chan struct{})}
		protocols := new(http.Protocols)
		protocols.SetUnencryptedHTTP2(true)
		server := &sockets.Server{System: system, Server: http.Server{Handler: &sockets.Handler{Spawn: sender(size, ended)}, Protocols: protocols}}
		done := make(chan struct{})
		go func() {
			defer close(done)
			server.Serve(l)
		}()
		c, err := http2client.New(ours, 0)
		require.NoError(t, err)
		test(t, c, ended, ours, theirs)
		c.Close()
		server.Close()
		<-done
		system.Shutdown()
		time.Sleep(time.Hour)
	})
}

// pipe is an end of net.Pipe that may stop reading, and tells when it is closed.
type pipe struct {
	net.Conn
	stopped atomic.Bool
	once    sync.Once
	closed  chan struct{}
}

func (p *pipe) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if p.stopped.Load() {
		<-p.closed
		return 0, net.ErrClosed
	}
	return n, err
}

func (p *pipe) Close() error {
	p.once.Do(func() { close(p.closed) })
	return p.Conn.Close()
}

type oneConn struct {
	conn   net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *oneConn) Accept() (net.Conn, error) {
	if nc := l.conn; nc != nil {
		l.conn = nil
		return nc, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *oneConn) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

const size = 200 << 10

// sender sends much as soon as there is a connection.
func sender(size int, ended closed) *actor.Props {
	return actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *sockets.Upgraded:
			ctx.Respond(frame.Binary(make([]byte, size)))
		case *sockets.Closed:
			ended <- m
		}
	})
}

// A peer that takes 400 bytes a second is served: all of it arrives.
func TestSlowReader(t *testing.T) {
	virtually(t, func(t *testing.T, c *http2client.Conn, ended closed, ours, theirs *pipe) {
		p := open(t, c, "/")
		left := size + 10 // with the header
		for buf := make([]byte, 400); left > 0; {
			n, err := p.Read(buf)
			if err != nil {
				t.Fatalf("%d left: %v: %+v", left, err, <-ended)
			}
			left -= n
			if left%4000 < 400 { // a Ping would wait behind what it has not read
				p.send(frame.Pong(nil))
			}
			time.Sleep(time.Second)
		}
		p.send(frame.Close(frame.Normal, ""))
		p.Reset(xhttp2.ErrCodeCancel)
		ended.expect(t, frame.Normal)
	})
}

// One that takes nothing is ended by WriteStall, with 1008, and its stream is reset.
func TestNonReader(t *testing.T) {
	virtually(t, func(t *testing.T, c *http2client.Conn, ended closed, ours, theirs *pipe) {
		p := open(t, c, "/")
		open(t, c, "/")
		began := time.Now()
		m := ended.expect(t, frame.PolicyViolation)
		assert.False(t, m.Clean)
		assert.WithinDuration(t, began.Add(15*time.Second), time.Now(), 5*time.Second, "with the time that a Close has")
		ended.expect(t, frame.PolicyViolation) // beside, which was no better
		time.Sleep(2 * time.Second)
		for {
			if _, err := p.Read(make([]byte, 64<<10)); err != nil {
				assert.IsType(t, &http2client.ResetError{}, err)
				break
			}
		}
	})
}

// A whole connection that takes nothing, no frame of any stream, ends as well.
func TestNonReadingConnection(t *testing.T) {
	virtually(t, func(t *testing.T, c *http2client.Conn, ended closed, ours, theirs *pipe) {
		_, err := c.WebSocket("/")
		require.NoError(t, err)
		ours.stopped.Store(true)
		ended.expect(t, frame.PolicyViolation)
		began := time.Now()
		<-theirs.closed
		assert.Less(t, time.Since(began), 90*time.Second, "twice WriteByteTimeout: net/http may try a GOAWAY as well")
	})
}
