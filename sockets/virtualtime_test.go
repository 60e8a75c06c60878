package sockets_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A program's own tests in virtual time: what anybody can write with the exported names.
// A bubble ends only when all goroutines in it have, and nobody sleeps at its end.

// pipeListener is a listener in memory.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case nc := <-l.conns:
		return nc, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

func (l *pipeListener) dial(context.Context, string, string) (net.Conn, error) {
	theirs, ours := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.done:
		return nil, errors.New("connection refused")
	}
}

// shout answers in capitals, and tells what it was told at the end.
func shout(closed chan<- *sockets.Closed) *actor.Props {
	return actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *frame.Frame:
			ctx.Respond(frame.Text(m.String() + "!"))
		case *sockets.Closed:
			closed <- m
		}
	})
}

// server is what http.Server and sockets.Server have in common.
type server interface {
	Serve(net.Listener) error
	Shutdown(context.Context) error
}

// servers are the ways to serve h, or a listener that answers as h would.
var servers = map[string]func(system *actor.ActorSystem, h *sockets.Handler) server{
	"Server": func(system *actor.ActorSystem, h *sockets.Handler) server {
		return &sockets.Server{System: system, Server: http.Server{Handler: h}}
	},
	"http.Server": func(_ *actor.ActorSystem, h *sockets.Handler) server {
		return &http.Server{Handler: h}
	},
	"actor mode": func(system *actor.ActorSystem, h *sockets.Handler) server {
		pid := system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*http.Request); ok {
				ctx.Respond(&sockets.UpgradeServer{Spawn: h.Spawn})
			}
		}))
		return &sockets.Server{System: system, Listener: pid}
	},
}

// Thirty seconds of silence bring a Ping, twenty more the end; all of it takes no time.
func TestVirtualTimeSilence(t *testing.T) {
	for name, make := range servers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { silence(t, make) })
		})
	}
}

func silence(t *testing.T, newServer func(*actor.ActorSystem, *sockets.Handler) server) {
	closed := make(chan *sockets.Closed, 1)
	system := sockets.NewSystem()
	s := newServer(system, &sockets.Handler{System: system, Spawn: shout(closed)})
	l := newPipeListener()
	go s.Serve(l)

	nc, _ := l.dial(t.Context(), "", "")
	defer nc.Close()
	_, err := io.WriteString(nc, "GET /chat HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
	require.NoError(t, err)
	in := bufio.NewReader(nc)
	answer, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	require.Equal(t, 101, answer.StatusCode)

	_, err = nc.Write(frame.AppendMasked(nil, frame.Text("hi"), [4]byte{1, 2, 3, 4}))
	require.NoError(t, err)
	begin := time.Now()
	opcode, payload := readFrame(t, in)
	assert.Equal(t, frame.OpText, opcode)
	assert.Equal(t, "hi!", payload)
	assert.Zero(t, time.Since(begin))

	opcode, _ = readFrame(t, in)
	assert.Equal(t, frame.OpPing, opcode)
	assert.InDelta(t, 30, time.Since(begin).Seconds(), 0.1)
	opcode, _ = readFrame(t, in)
	assert.Equal(t, frame.OpClose, opcode)
	assert.InDelta(t, 50, time.Since(begin).Seconds(), 0.1)
	nc.Close()
	assert.False(t, (<-closed).Clean)
	require.NoError(t, s.Shutdown(t.Context()))
}

func readFrame(t *testing.T, in io.Reader) (frame.Opcode, string) {
	t.Helper()
	var head [2]byte
	_, err := io.ReadFull(in, head[:])
	require.NoError(t, err)
	size := int(head[1])
	if size == 126 {
		var more [2]byte
		_, err := io.ReadFull(in, more[:])
		require.NoError(t, err)
		size = int(binary.BigEndian.Uint16(more[:]))
	}
	payload := make([]byte, size)
	_, err = io.ReadFull(in, payload)
	require.NoError(t, err)
	return frame.Opcode(head[0] & 0xf), string(payload)
}

// A client against a server, each with a system of its own.
func TestVirtualTimeDial(t *testing.T) {
	for name, newServer := range servers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				system, ours := sockets.NewSystem(), sockets.NewSystem()
				closed := make(chan *sockets.Closed, 1)
				s := newServer(system, &sockets.Handler{System: system, Spawn: shout(closed)})
				l := newPipeListener()
				go s.Serve(l)

				told := make(chan any, 10)
				pid, err := sockets.DialActor(t.Context(), ours, "ws://a.example/", &sockets.UpgradeClient{
					Spawn: actor.PropsFromFunc(func(ctx actor.Context) {
						switch m := ctx.Message().(type) {
						case *sockets.Upgraded, *frame.Frame, *sockets.Closed:
							told <- m
						}
					}),
					Dialer: sockets.Dialer{NetDial: l.dial, Proxy: sockets.NoProxy},
				})
				require.NoError(t, err)
				assert.IsType(t, &sockets.Upgraded{}, <-told)
				ours.Root.Send(pid, frame.Text("hi"))
				assert.Equal(t, "hi!", (<-told).(*frame.Frame).String())

				begin := time.Now()
				time.Sleep(time.Hour) // of Pings and Pongs
				assert.Empty(t, told)
				ours.Root.Send(pid, frame.Close(frame.Normal, "done"))
				assert.Equal(t, frame.Normal, (<-told).(*sockets.Closed).Code)
				assert.Equal(t, "done", (<-closed).Reason)
				require.NoError(t, s.Shutdown(t.Context()))
				assert.InDelta(t, time.Hour.Seconds(), time.Since(begin).Seconds(), 1)
			})
		})
	}
}

// What is asked for a header has all the time that it takes, whatever form a client that comes back has.
func TestVirtualTimeReconnectHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		system, ours := sockets.NewSystem(), sockets.NewSystem()
		closed := make(chan *sockets.Closed, 2)
		s := &sockets.Server{System: system, Server: http.Server{Handler: &sockets.Handler{System: system, Spawn: shout(closed)}}}
		l := newPipeListener()
		go s.Serve(l)
		dialer := sockets.Dialer{NetDial: l.dial, Proxy: sockets.NoProxy}
		r := &sockets.Reconnect{Header: func(ctx context.Context) (http.Header, error) {
			select {
			case <-time.After(time.Minute):
			case <-ctx.Done():
			}
			return nil, ctx.Err()
		}}

		begin := time.Now()
		told := make(chan any, 10)
		pid, err := sockets.ReconnectActor(ours, "ws://a.example/", &sockets.UpgradeClient{
			Spawn: actor.PropsFromFunc(func(ctx actor.Context) {
				switch m := ctx.Message().(type) {
				case *sockets.Upgraded, *sockets.Disconnected:
					told <- m
				}
			}),
			Dialer: dialer,
		}, r)
		require.NoError(t, err)
		require.IsType(t, &sockets.Upgraded{}, <-told)
		assert.InDelta(t, 60, time.Since(begin).Seconds(), 1)
		ours.Root.Send(pid, frame.Close(frame.Normal, ""))
		<-closed
		require.IsType(t, &sockets.Disconnected{}, <-told)

		begin = time.Now()
		c, err := sockets.DialReconnecting("ws://a.example/", &sockets.DialOptions{System: ours, Dialer: dialer}, r)
		require.NoError(t, err)
		_, err = c.Conn(t.Context())
		require.NoError(t, err)
		assert.InDelta(t, 60, time.Since(begin).Seconds(), 1)
		c.Close(frame.Normal, "")
		<-closed
		require.NoError(t, s.Shutdown(t.Context()))
	})
}

// A server that is closed with connections that live, in the middle of what they do.
func TestVirtualTimeClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		system := sockets.NewSystem()
		closed := make(chan *sockets.Closed, 3)
		s := &sockets.Server{System: system, Server: http.Server{Handler: &sockets.Handler{System: system, Spawn: shout(closed)}}}
		l := newPipeListener()
		go s.Serve(l)
		client := sockets.NewSystem()
		for range 3 {
			dialIdle(t, l, client)
		}
		s.Close()
		for range 3 {
			<-closed
		}
	})
}

// Who names no system under a Server takes the Server's: the default one, which lives as
// long as the process, has no place in a bubble.
func TestSystemOfTheServer(t *testing.T) {
	for name, h := range map[string]func(system *actor.ActorSystem) http.Handler{
		"Handler": func(*actor.ActorSystem) http.Handler {
			return &sockets.Handler{Spawn: shout(make(chan *sockets.Closed, 1))}
		},
		"a shared handler": func(system *actor.ActorSystem) http.Handler {
			return &sockets.Handler{FrameHandler: system.Root.Spawn(shout(make(chan *sockets.Closed, 1)))}
		},
		"Upgrade": func(*actor.ActorSystem) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sockets.Upgrade(nil, w, r, &sockets.UpgradeServer{Spawn: shout(make(chan *sockets.Closed, 1))})
			})
		},
		"Session": func(*actor.ActorSystem) http.Handler {
			return sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
				text, err := c.ReceiveText(ctx)
				if err == nil {
					err = c.SendText(ctx, text+"!")
				}
				return err
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				system := sockets.NewSystem()
				s := &sockets.Server{System: system, Server: http.Server{Handler: h(system)}}
				l := newPipeListener()
				go s.Serve(l)
				c, err := sockets.Dial(t.Context(), "ws://a.example/", &sockets.DialOptions{
					System: sockets.NewSystem(),
					Dialer: sockets.Dialer{NetDial: l.dial, Proxy: sockets.NoProxy},
				})
				require.NoError(t, err)
				require.NoError(t, c.SendText(t.Context(), "hi"))
				text, err := c.ReceiveText(t.Context())
				require.NoError(t, err)
				assert.Equal(t, "hi!", text)
				c.Close(frame.Normal, "")
				require.NoError(t, s.Shutdown(t.Context()))
			})
		})
	}
}

// What ends late or goes wrong leaves no goroutine either: dead letters, a shared handler
// that panics, a request that is refused, a connection that is cut.
func TestVirtualTimeLeavesNothing(t *testing.T) {
	for name, test := range map[string]func(t *testing.T, l *pipeListener, client *actor.ActorSystem, h *sockets.Handler, closed chan *sockets.Closed){
		"dead letter": func(t *testing.T, l *pipeListener, client *actor.ActorSystem, h *sockets.Handler, closed chan *sockets.Closed) {
			h.Spawn = shout(closed)
			pid := dialIdle(t, l, client)
			client.Root.Send(pid, frame.Close(frame.Normal, ""))
			<-closed
			synctest.Wait()
			client.Root.Send(pid, frame.Text("too late"))
			client.Root.Send(pid, "no message at all")
		},
		"a handler that panics": func(t *testing.T, l *pipeListener, client *actor.ActorSystem, h *sockets.Handler, closed chan *sockets.Closed) {
			h.FrameHandler = h.System.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
				switch m := ctx.Message().(type) {
				case *frame.Frame:
					panic(m.String())
				case *sockets.Closed:
					closed <- m
				}
			}))
			pid := dialIdle(t, l, client)
			client.Root.Send(pid, frame.Text("panic"))
			client.Root.Send(pid, frame.Text("panic"))
			client.Root.Send(pid, frame.Close(frame.Normal, ""))
			<-closed
		},
		"a refusal": func(t *testing.T, l *pipeListener, client *actor.ActorSystem, h *sockets.Handler, _ chan *sockets.Closed) {
			h.New = func(*http.Request) (*sockets.UpgradeServer, error) { return nil, &sockets.Refusal{Status: 403} }
			_, err := sockets.DialActor(t.Context(), client, "ws://a.example/", &sockets.UpgradeClient{
				Spawn:  actor.PropsFromFunc(func(actor.Context) {}),
				Dialer: sockets.Dialer{NetDial: l.dial, Proxy: sockets.NoProxy},
			})
			var refused *sockets.HandshakeError
			require.ErrorAs(t, err, &refused)
		},
		"a client that speaks HTTP": func(t *testing.T, l *pipeListener, client *actor.ActorSystem, h *sockets.Handler, _ chan *sockets.Closed) {
			pid, err := sockets.Connect(t.Context(), client, "http://a.example/", &sockets.Dialer{NetDial: l.dial, Proxy: sockets.NoProxy})
			require.NoError(t, err)
			r, err := http.NewRequest("GET", "/", nil)
			require.NoError(t, err)
			answer, err := client.Root.RequestFuture(pid, r, time.Second).Result()
			require.NoError(t, err)
			require.Equal(t, 426, answer.(*http.Response).StatusCode)
			client.Root.Stop(pid)
		},
		"one that is cut": func(t *testing.T, l *pipeListener, client *actor.ActorSystem, h *sockets.Handler, closed chan *sockets.Closed) {
			h.Spawn = shout(closed)
			pid := dialIdle(t, l, client)
			client.Root.Stop(pid)
			<-closed
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &sockets.Handler{System: sockets.NewSystem()}
				s := &sockets.Server{System: h.System, Server: http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}}
				l := newPipeListener()
				go s.Serve(l)
				test(t, l, sockets.NewSystem(), h, make(chan *sockets.Closed, 1))
				require.NoError(t, s.Shutdown(t.Context()))
			})
		})
	}
}

// dialIdle opens a connection whose handler says nothing.
func dialIdle(t *testing.T, l *pipeListener, client *actor.ActorSystem) *actor.PID {
	t.Helper()
	pid, err := sockets.DialActor(t.Context(), client, "ws://a.example/", &sockets.UpgradeClient{
		Spawn:  actor.PropsFromFunc(func(actor.Context) {}),
		Dialer: sockets.Dialer{NetDial: l.dial, Proxy: sockets.NoProxy},
	})
	require.NoError(t, err)
	return pid
}
