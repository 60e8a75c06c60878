package sockettest_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/sockettest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What people test first with what they had before. Pekko's WSProbe and Ktor's testApplication are
// among the examples: Example, ExampleConnect.

// The greeter of Pekko's documentation as an actor: the route rejects what is no WebSocket.
func TestGreeterActor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &sockets.Handler{Spawn: actor.PropsFromFunc(func(ctx actor.Context) {
			if m, ok := ctx.Message().(*frame.Frame); ok && m.Opcode == frame.OpText {
				ctx.Respond(frame.Text("Hello " + m.String() + "!"))
			}
		})}
		s := sockettest.NewServer(t, h)
		plain := s.Refused("/greeter", sockettest.EditRequest(func(r *http.Request) { r.Header.Del("Upgrade") }))
		assert.Equal(t, http.StatusUpgradeRequired, plain.StatusCode)

		p := s.Connect("/greeter")
		p.SendText("Peter")
		p.ExpectText("Hello Peter!")
		p.SendBinary([]byte("abcdef"))
		p.ExpectNothing(100 * time.Millisecond)
		p.SendText("John")
		p.ExpectText("Hello John!")
		p.SendClose(frame.Normal, "")
		p.ExpectCompletion()
	})
}

// In actor mode the listener is the program, as in SprayWebSockets.
func TestListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		system := sockets.NewSystem()
		pid := system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *http.Request:
				ctx.Respond(&sockets.UpgradeServer{FrameHandler: ctx.Self()})
			case *frame.Frame:
				ctx.Respond(frame.Text(strings.ToUpper(m.String())))
			}
		}))
		p := sockettest.Serve(t, &sockets.Server{System: system, Listener: pid}).Connect("/")
		p.SendText("quiet")
		p.ExpectText("QUIET")
		p.Close(frame.Normal, "")
	})
}

// sttp's WebSocketStub: what the server says at first, and what it says to each message.
func TestStub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := sockettest.NewPeer(t)
		c, err := sockets.Dial(t.Context(), "ws://stub/", &sockets.DialOptions{Dialer: peer.Dialer(), System: sockets.NewSystem()})
		require.NoError(t, err)
		p := peer.Accept()
		p.SendText("Hello from the server!")
		text, err := c.ReceiveText(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "Hello from the server!", text)

		require.NoError(t, c.SendText(t.Context(), "how are you"))
		p.SendText("echo: " + p.ReceiveText())
		text, err = c.ReceiveText(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "echo: how are you", text)

		p.SendClose(frame.Normal, "that is all")
		_, err = c.Receive(t.Context())
		var end *sockets.CloseError
		require.ErrorAs(t, err, &end)
		assert.Equal(t, "that is all", end.Reason)
	})
}

// The echo that gorilla's users test by httptest: there it takes a port, a dialer, and a URL whose
// scheme is put right. It still can be had, for those who want a socket.
func TestEcho(t *testing.T) {
	echo := sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			if err := c.Send(ctx, m); err != nil {
				return err
			}
		}
		return nil
	})
	t.Run("in memory", func(t *testing.T) {
		p := sockettest.Connect(t, echo, "/")
		for range 10 {
			p.SendText("hello")
			p.ExpectText("hello")
		}
	})
	t.Run("httptest", func(t *testing.T) {
		s := httptest.NewServer(echo)
		defer s.Close()
		c, err := sockets.Dial(t.Context(), "ws"+strings.TrimPrefix(s.URL, "http"), nil)
		require.NoError(t, err)
		defer c.Close(frame.Normal, "")
		for range 10 {
			require.NoError(t, c.SendText(t.Context(), "hello"))
			text, err := c.ReceiveText(t.Context())
			require.NoError(t, err)
			require.Equal(t, "hello", text)
		}
	})
}

// Time limits of a program's own, and what a session returns.
func TestSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sockettest.NewServer(t, sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
			for {
				soon, cancel := context.WithTimeout(ctx, time.Minute)
				text, err := c.ReceiveText(soon)
				cancel()
				switch {
				case errors.Is(err, context.DeadlineExceeded):
					if err := c.SendText(ctx, "are you asleep?"); err != nil {
						return err
					}
				case err != nil:
					return err
				case text == "panic":
					panic(text)
				case text == "fail":
					return errors.New("a failure of the program")
				case text == "refuse":
					return &frame.Error{Code: frame.PolicyViolation, Reason: "not like that"}
				case text == "ping":
					took, err := c.Ping(ctx)
					if err != nil || took != time.Second {
						return err
					}
					c.SendText(ctx, "it took a second")
				default:
					return nil
				}
			}
		}))
		for text, code := range map[string]frame.Code{
			"bye": frame.Normal, "fail": frame.InternalError, "panic": frame.InternalError, "refuse": frame.PolicyViolation,
		} {
			p := s.Connect("/")
			begin := time.Now()
			for range 3 {
				p.ExpectText("are you asleep?")
			}
			assert.Equal(t, 3*time.Minute, time.Since(begin))
			p.SendText(text)
			p.ExpectClose(code)
			require.NoError(t, p.ExpectEnd())
		}
		p := s.Connect("/", sockettest.Manual())
		p.SendText("ping")
		payload := p.ExpectPing()
		time.Sleep(time.Second)
		p.SendPong(payload)
		p.ExpectText("it took a second")

		// One whose peer is lost ends by itself, and so does one at the end of the test.
		p = s.Connect("/")
		p.Reset()
		s.Connect("/")
	})
}

// A slow reader slows its peer, and loses nothing.
func TestSessionBackpressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const messages, size = 100, 10_000
		p := sockettest.Connect(t, sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
			for range messages {
				if err := c.SendBinary(ctx, make([]byte, size)); err != nil {
					return err
				}
			}
			return c.SendText(ctx, "all sent")
		}), "/")
		for range messages {
			time.Sleep(time.Second)
			assert.Len(t, p.ReceiveBinary(), size)
		}
		p.ExpectText("all sent")
		p.ExpectClose(frame.Normal)
	})
}
