package sockettest

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// everywhen runs test in virtual time, and in real time.
func everywhen(t *testing.T, test func(t *testing.T)) {
	t.Run("virtual", func(t *testing.T) { synctest.Test(t, test) })
	t.Run("real", test)
}

func TestProbeConversation(t *testing.T) {
	everywhen(t, func(t *testing.T) {
		p := Connect(t, echo(), "/chat?nick=ann", Header("X-Color", "red"))
		assert.Equal(t, "/chat?nick=ann", p.Request().URL.RequestURI())
		assert.Equal(t, 101, p.Response().StatusCode)
		p.SendText("hi")
		p.ExpectText("hi")
		p.SendBinary([]byte{1, 2, 3})
		p.ExpectBinary([]byte{1, 2, 3})
		p.SendJSON(map[string]any{"a": 1, "b": []int{2}})
		p.ExpectJSON(struct {
			B []int `json:"b"`
			A int   `json:"a"`
		}{[]int{2}, 1})
		p.SendText(`{"x": 1}`)
		var got struct{ X int }
		p.ReceiveJSON(&got)
		assert.Equal(t, 1, got.X)
		p.SendText("one")
		p.SendBinary([]byte("two"))
		p.SendText("three")
		assert.Equal(t, "one", p.ReceiveText())
		assert.Equal(t, "two", string(p.ReceiveBinary()))
		assert.Equal(t, "three", p.Receive().String())
		p.SendPing("are you there")
		p.ExpectPong("are you there")
		p.SendFrame(frame.Fragment(frame.OpText, false, []byte("in ")))
		p.SendFrame(frame.Fragment(frame.OpContinuation, true, []byte("parts")))
		p.ExpectText("in parts")
		b := p.Encode(frame.Text("byte by byte"))
		for i := range b {
			p.SendBytes(b[i : i+1])
		}
		p.ExpectText("byte by byte")
		long := strings.Repeat("x", 200_000) // more than both directions hold
		p.SendText(long)
		p.ExpectText(long)
		p.ExpectNothing(time.Millisecond)
		p.Close(frame.Normal, "done")
		assert.NoError(t, p.ExpectEnd(), "again")
	})
}

// A probe answers what every endpoint answers, unless it is Manual.
func TestProbeSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		p := Connect(t, echo(), "/")
		p.ExpectPing()
		assert.InDelta(t, 30, time.Since(begin).Seconds(), 0.1)
		silence := 24 * time.Hour
		if testing.Short() {
			silence = 2 * time.Hour // of 240 Pings
		}
		p.ExpectNothing(silence)
		p.SendText("still here")
		p.ExpectText("still here")

		begin = time.Now()
		p = Connect(t, echo(), "/", Manual())
		payload := p.ExpectPing()
		p.SendPong(payload)
		p.ExpectPing()
		assert.Equal(t, "no answer to ping", p.ExpectClose(frame.InternalError))
		assert.InDelta(t, 80, time.Since(begin).Seconds(), 1)
	})
}

// Who is manual answers no Close either: the server gives up waiting.
func TestProbeManualClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := make(chan *sockets.Closed, 1)
		h := handle(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *frame.Frame:
				ctx.Respond(frame.Close(4001, m.String()))
			case *sockets.Closed:
				closed <- m
			}
		})
		p := Connect(t, h, "/", Manual())
		begin := time.Now()
		p.SendText("bye")
		assert.Equal(t, "bye", p.ExpectClose(4001))
		require.NoError(t, p.ExpectEnd())
		assert.Greater(t, time.Since(begin), 4*time.Second)
		assert.ErrorIs(t, (<-closed).Err, sockets.ErrCloseTimeout)

		p = Connect(t, h, "/")
		begin = time.Now()
		p.SendText("bye")
		p.ExpectClose(4001)
		require.NoError(t, p.ExpectEnd())
		assert.Zero(t, time.Since(begin))
		assert.True(t, (<-closed).Clean)
	})
}

func TestProbeHandshake(t *testing.T) {
	h := &sockets.Handler{
		Spawn: actor.PropsFromFunc(func(actor.Context) {}),
		New: func(r *http.Request) (*sockets.UpgradeServer, error) {
			if r.Header.Get("Authorization") == "" {
				return nil, &sockets.Refusal{Status: 401, Reason: "who are you"}
			}
			return nil, nil
		},
		Header:  http.Header{"X-Served-By": {"here"}},
		Options: &sockets.Options{Subprotocols: []string{"v2", "v1"}, Compression: &pipeline.Compression{}},
	}
	everywhen(t, func(t *testing.T) {
		s := NewServer(t, h)
		in := Header("Authorization", "Bearer x")
		p := s.Connect("http://chat.example/", in, Subprotocols("v1", "v0"), Origin("http://chat.example"))
		assert.Equal(t, "v1", p.Subprotocol())
		assert.Equal(t, "here", p.Response().Header.Get("X-Served-By"))
		assert.False(t, p.Compressed())
		assert.True(t, s.Connect("/", in, Compression()).Compressed())

		answer := s.Refused("/")
		assert.Equal(t, 401, answer.StatusCode)
		body := make([]byte, 100)
		n, _ := answer.Body.Read(body)
		assert.Contains(t, string(body[:n]), "who are you")
		assert.Equal(t, 403, s.Refused("/", in, Origin("http://evil.example")).StatusCode)
		assert.Equal(t, 426, s.Refused("/", in, EditRequest(func(r *http.Request) { r.Header.Set("Sec-WebSocket-Version", "8") })).StatusCode)
	})
}

func TestProbeCompression(t *testing.T) {
	h := handle(func(ctx actor.Context) {
		if f, ok := ctx.Message().(*frame.Frame); ok {
			ctx.Respond(f)
		}
	})
	h.Options = &sockets.Options{Compression: &pipeline.Compression{}}
	everywhen(t, func(t *testing.T) {
		p := Connect(t, h, "/", Compression())
		for range 3 {
			long := strings.Repeat("over and over ", 1000)
			p.SendText(long)
			p.ExpectText(long)
			p.SendText("short")
			p.ExpectText("short")
		}
		p.Close(frame.Normal, "")
	})
}

func TestProbeReset(t *testing.T) {
	everywhen(t, func(t *testing.T) {
		closed := make(chan *sockets.Closed, 1)
		h := handle(func(ctx actor.Context) {
			if m, ok := ctx.Message().(*sockets.Closed); ok {
				closed <- m
			}
		})
		p := Connect(t, h, "/")
		p.Reset()
		c := <-closed
		assert.ErrorIs(t, c.Err, syscall.ECONNRESET)
		assert.ErrorIs(t, p.ExpectEnd(), syscall.ECONNRESET)
		p = Connect(t, h, "/")
		p.CloseWrite()
		assert.Equal(t, frame.Abnormal, (<-closed).Code)
		require.NoError(t, p.ExpectEnd())
	})
}

// A peer that reads nothing for longer than the server waits.
func TestProbeStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := make(chan *sockets.Closed, 1)
		p := Connect(t, handle(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *frame.Frame:
				ctx.Respond(frame.Binary(make([]byte, 300_000)))
			case *sockets.Closed:
				closed <- m
			}
		}), "/")
		p.SendText("go")
		p.ReceiveBinary()
		p.Stall()
		p.SendText("go")
		assert.ErrorIs(t, (<-closed).Err, sockets.ErrSlowConsumer)
	})
}

// What fails says what was expected and what came, once, at the line of the test.
func TestProbeFailures(t *testing.T) {
	say := func(what ...*frame.Frame) http.Handler {
		return handle(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*sockets.Upgraded); ok {
				for _, f := range what {
					ctx.Respond(f)
				}
			}
		})
	}
	hello := say(frame.Text("hello"))
	for name, test := range map[string]struct {
		h    http.Handler
		do   func(p *Probe)
		want []string
	}{
		"another text":     {hello, func(p *Probe) { p.ExpectText("bye") }, []string{`expected text "bye", got text "hello"`, "< text \"hello\""}},
		"another type":     {hello, func(p *Probe) { p.ExpectBinary([]byte("hello")) }, []string{`expected binary [68 65 6c 6c 6f], got text "hello"`}},
		"other JSON":       {say(frame.Text(`{"a":1}`)), func(p *Probe) { p.ExpectJSON(map[string]int{"a": 2}) }, []string{`expected JSON "{\"a\":2}", got text "{\"a\":1}"`}},
		"no JSON":          {hello, func(p *Probe) { p.ReceiveJSON(new(int)) }, []string{"expected JSON for a *int", `got text "hello"`}},
		"nothing":          {say(), func(p *Probe) { p.ExpectText("hello") }, []string{`expected text "hello", nothing came in 1h0m0s`}},
		"something":        {hello, func(p *Probe) { p.ExpectNothing(time.Second) }, []string{`expected nothing for 1s, got text "hello"`}},
		"no close":         {hello, func(p *Probe) { p.ExpectClose(1000) }, []string{`expected close 1000, got text "hello"`}},
		"another close":    {say(frame.Close(1001, "away")), func(p *Probe) { p.ExpectCompletion() }, []string{`expected close 1000, got close 1001 "away"`}},
		"no end":           {hello, func(p *Probe) { p.ExpectEnd() }, []string{`expected the end of the connection, got text "hello"`}},
		"the end":          {hello, func(p *Probe) { p.Reset(); p.ReceiveText(); p.ReceiveText() }, []string{"expected a text message, got the end of the connection"}},
		"a text, not ping": {hello, func(p *Probe) { p.ExpectPing() }, []string{`expected a ping, got text "hello"`}},
		"a text, not pong": {hello, func(p *Probe) { synctest.Wait(); p.SendPing("x"); p.ExpectPong("x") }, []string{`expected pong [78], got text "hello"`, "> ping [78]"}},
		"sent too late":    {say(frame.Close(1000, "")), func(p *Probe) { p.ExpectCompletion(); synctest.Wait(); p.SendText("late") }, []string{`cannot send text "late"`}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fails(t, func(t testing.TB) { test.do(Connect(t, test.h, "/")) }, test.want...)
			})
		})
	}
	t.Run("refused", func(t *testing.T) {
		fails(t, func(t testing.TB) { Connect(t, http.NotFoundHandler(), "/nowhere") }, "expected /nowhere to be upgraded, got 404 Not Found", "page not found")
	})
	t.Run("not refused", func(t *testing.T) {
		fails(t, func(t testing.TB) { Refused(t, hello, "/") }, "expected / to be refused")
	})
	t.Run("a server that does not serve", func(t *testing.T) {
		system := sockets.NewSystem()
		nobody := system.NewLocalPID("nobody")
		fails(t, func(t testing.TB) {
			Serve(t, &sockets.Server{System: system, Listener: nobody, Server: http.Server{Handler: hello}}).Connect("/")
		}, "the server does not serve: sockets: Server has a Listener and a Handler")
	})
	t.Run("a peer that does not take", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			over := make(chan struct{})
			defer close(over)
			fails(t, func(t testing.TB) {
				p := Connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if nc, _, err := http.NewResponseController(w).Hijack(); err == nil {
						nc.Write(SwitchingProtocols(r))
						<-over
						nc.Close()
					}
				}), "/")
				p.SendText(strings.Repeat("x", 2*capacity))
			}, "cannot send text", "the server does not take it", "timeout")
		})
	})
	t.Run("real time", func(t *testing.T) {
		fails(t, func(t testing.TB) {
			p := Connect(t, say(), "/")
			p.Patience = time.Millisecond
			p.Receive()
		}, "expected a message, nothing came in 1ms")
	})
}

// TestProbeJudges has a server break the rules, and the probe say so.
func TestProbeJudges(t *testing.T) {
	for name, test := range map[string]struct {
		wire string
		want string
	}{
		"a mask":                      {"\x81\x82\x01\x01\x01\x01hi", "with a mask"},
		"a reserved bit":              {"\xc1\x02hi", "reserved bits"},
		"a reserved opcode":           {"\x83\x02hi", "reserved opcode 3"},
		"a long control frame":        {"\x89\x7e\x00\x7e" + strings.Repeat("x", 126), "more than 125 bytes"},
		"a fragmented control frame":  {"\x09\x00", "control frame in fragments"},
		"a ping with a reserved bit":  {"\xc9\x00", "reserved bits"},
		"a long form":                 {"\x81\x7e\x00\x02hi", "shortest form"},
		"the longest form":            {"\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x02hi", "shortest form"},
		"a continuation of nothing":   {"\x80\x02hi", "continuation of nothing"},
		"a message within another":    {"\x01\x02hi\x81\x02hi", "within one in fragments"},
		"text that is not UTF-8":      {"\x81\x01\xff", "not UTF-8"},
		"a close of one byte":         {"\x88\x01\x03", "one byte"},
		"a close with a code of ours": {"\x88\x02\x03\xee", "code 1006"},
		"a reason that is not UTF-8":  {"\x88\x03\x03\xe8\xff", "reason is not UTF-8"},
		"a frame behind a close":      {"\x88\x02\x03\xe8\x81\x02hi", "behind a close"},
	} {
		t.Run(name, func(t *testing.T) {
			server := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				nc, _, err := http.NewResponseController(w).Hijack()
				if err == nil {
					defer nc.Close()
					nc.Write(append(SwitchingProtocols(r), test.wire...))
				}
			})
			synctest.Test(t, func(t *testing.T) {
				fails(t, func(t testing.TB) { // met by an expectation
					p := Connect(t, server, "/", Manual())
					for {
						if a := p.next("all", true); a.end != nil {
							p.unexpected("all", a)
						}
					}
				}, "what is not allowed", test.want)
				fails(t, func(t testing.TB) { // or in the end
					<-Connect(t, server, "/").done
				}, "the server has sent what is not allowed", test.want)
			})
		})
	}
	for name, answer := range map[string]string{
		"Accept":      "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n",
		"Upgrade":     "Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + acceptOf(sampleKey) + "\r\n",
		"Connection":  "Upgrade: websocket\r\nConnection: close\r\nSec-WebSocket-Accept: " + acceptOf(sampleKey) + "\r\n",
		"subprotocol": "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: x\r\nSec-WebSocket-Accept: " + acceptOf(sampleKey) + "\r\n",
		"extension":   "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Accept: " + acceptOf(sampleKey) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			server := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				nc, _, err := http.NewResponseController(w).Hijack()
				if err == nil {
					defer nc.Close()
					nc.Write([]byte("HTTP/1.1 101 Switching Protocols\r\n" + answer + "\r\n"))
				}
			})
			fails(t, func(t testing.TB) { Connect(t, server, "/") }, "a 101 that is none", name)
		})
	}
}
