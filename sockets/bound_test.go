package sockets

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A Conn that nobody receives from ends when as much waits as may, if it was told so, and not
// before; what it had space for is received first. One that was not told waits.
func TestWhenUnread(t *testing.T) {
	for name, o := range map[string]*Options{
		"by count": {WhenUnread: Fail, CreditFrames: 10},
		"by bytes": {WhenUnread: Fail, CreditBytes: 10_000},
	} {
		everywhere(t, func(w *world) {
			w.in(name, func(w *world) {
				served, received := make(chan *Conn, 1), make(chan struct{})
				defer close(received)
				addr := w.session(o, func(ctx context.Context, c *Conn) error {
					for range 7 { // some way into what the connection gives credit for
						if _, err := c.Receive(ctx); err != nil {
							return err
						}
					}
					served <- c
					<-received
					return nil
				})
				c := w.open(addr, nil)
				send := func(n int) {
					for range n {
						require.NoError(w, c.SendBinary(w.within(), make([]byte, 1000)))
					}
				}
				send(7)
				server := <-served
				send(9)
				require.True(w, until(func() bool {
					server.mu.Lock()
					defer server.mu.Unlock()
					return len(server.queue) == 9
				}))
				_, err := c.Ping(w.within())
				require.NoError(w, err, "there is space")
				send(1)
				_, err = c.Receive(w.within())
				assert.Equal(w, frame.PolicyViolation, CloseCode(err))
				<-server.Done()
				for range 10 {
					_, err := server.Receive(w.within())
					require.NoError(w, err)
				}
				_, err = server.Receive(w.within())
				assert.ErrorIs(w, err, ErrUnread)
				assert.Equal(w, frame.PolicyViolation, CloseCode(err))
			})
		})
	}
}

// A bound follows SetOptions, up, down and away; what waits already counts at once.
func TestWhenUnreadFollowsSetOptions(t *testing.T) {
	for name, test := range map[string]struct {
		begin  *Options
		change *SetOptions // when three messages of 1000 bytes wait
		more   int         // messages that may wait besides; the next one is too many. Negative: the three are
	}{
		"more messages":     {&Options{CreditFrames: 4}, &SetOptions{CreditFrames: 10}, 6},
		"fewer messages":    {&Options{CreditFrames: 40}, &SetOptions{CreditFrames: 7}, 3},
		"too few messages":  {&Options{CreditFrames: 40}, &SetOptions{CreditFrames: 3}, -1},
		"any messages":      {&Options{CreditFrames: 4, CreditBytes: 9000}, &SetOptions{CreditFrames: -1}, 5},
		"more bytes":        {&Options{CreditBytes: 4000}, &SetOptions{CreditBytes: 10000}, 6},
		"fewer bytes":       {&Options{CreditBytes: 40000}, &SetOptions{CreditBytes: 7000}, 3},
		"twice":             {&Options{CreditFrames: 4}, &SetOptions{CreditFrames: 8, MaxMessage: 1 << 20}, 4},
		"nothing of it all": {&Options{CreditFrames: 8}, &SetOptions{MaxMessage: 1 << 20}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bare)
			served, received := make(chan *Conn, 1), make(chan struct{})
			defer close(received)
			test.begin.WhenUnread = Fail
			c := w.open(w.session(test.begin, func(ctx context.Context, c *Conn) error {
				served <- c
				<-received
				return nil
			}), nil)
			server := <-served
			send := func(n int) {
				for range n {
					require.NoError(t, c.SendBinary(w.within(), make([]byte, 1000)))
				}
				_, err := c.Ping(w.within())
				require.NoError(t, err, "there is space")
			}
			send(3)
			if name == "twice" {
				server.SetOptions(&SetOptions{CreditFrames: 100})
			}
			server.SetOptions(test.change)
			server.Options() // when that is in force
			if test.more >= 0 {
				send(test.more)
				require.Nil(t, server.Closed())
				require.NoError(t, c.SendBinary(w.within(), make([]byte, 1000)))
			}
			<-server.Done()
			assert.ErrorIs(t, server.Closed().Err, ErrUnread)
			_, err := c.Receive(w.within())
			assert.Equal(t, frame.PolicyViolation, CloseCode(err))
		})
	}
}

// So does the bound at which Send waits, or fails.
func TestWhenUnsentFollowsSetOptions(t *testing.T) {
	w := newWorld(t, bare)
	addr := w.session(nil, func(ctx context.Context, c *Conn) error { <-c.Done(); return nil })
	flood := func(c *Conn, enough int) (sent int) {
		for sent < enough {
			short, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			err := c.SendBinary(short, make([]byte, 16<<10))
			cancel()
			if err != nil {
				break
			}
			sent += 16 << 10
		}
		return sent
	}
	const kernel = 8 << 20
	c := w.open(addr, &Options{HighWater: 32 << 20, MaxOut: -1, MaxBurst: -1, CloseTimeout: 100 * time.Millisecond})
	require.GreaterOrEqual(t, flood(c, kernel+16<<20), kernel+16<<20, "the peer takes none of it, and there is space")
	c.SetOptions(&SetOptions{HighWater: 32 << 10})
	c.Options() // when that is in force
	assert.Zero(t, flood(c, 1<<20))
	c.SetOptions(&SetOptions{HighWater: 64 << 20})
	assert.NotZero(t, flood(c, 1<<20))
	c.Cut()
}

// A Conn whose peer takes nothing ends at once, if it was told so.
func TestWhenUnsent(t *testing.T) {
	everywhere(t, func(w *world) {
		addr := w.session(nil, func(ctx context.Context, c *Conn) error { <-c.Done(); return nil })
		c := w.open(addr, &Options{WhenUnsent: Fail, HighWater: 32 << 10, CloseTimeout: 100 * time.Millisecond})
		var err error
		sent := 0
		for err == nil && sent < 64<<20 {
			err = c.SendBinary(context.Background(), make([]byte, 16<<10))
			sent += 16 << 10
		}
		assert.ErrorIs(w, err, ErrUnsent)
		assert.Greater(w, sent, 32<<10)
		<-c.Done()
		assert.ErrorIs(w, c.Close(frame.Normal, ""), ErrUnsent)
	})
}

// A message of the other type is an error that has it, and the next one is received; or it is
// passed over.
func TestSkipOthers(t *testing.T) {
	everywhere(t, func(w *world) {
		for name, o := range map[string]*Options{"told": {}, "skipped": {SkipOthers: true}} {
			w.in(name, func(w *world) {
				addr := w.session(nil, echoes)
				c := w.open(addr, o)
				require.NoError(w, c.SendBinary(w.within(), []byte("binary")))
				require.NoError(w, c.SendText(w.within(), "text"))
				text, err := c.ReceiveText(w.within())
				if !o.SkipOthers {
					var other *MessageTypeError
					require.ErrorAs(w, err, &other)
					assert.Equal(w, "binary", other.Message.String())
					assert.EqualError(w, err, "sockets: received a binary message where text was expected")
					text, err = c.ReceiveText(w.within())
				}
				require.NoError(w, err)
				assert.Equal(w, "text", text)
			})
		}
	})
}

// The subprotocol is chosen by the request, among those that it offers.
func TestChooseSubprotocol(t *testing.T) {
	w := newWorld(t, bare)
	choose := func(r *http.Request) (string, error) {
		switch r.URL.RawQuery {
		case "last":
			all := Subprotocols(r)
			return all[len(all)-1], nil
		case "refuse":
			return "", &Refusal{Status: http.StatusForbidden, Reason: "not for you"}
		case "invent":
			return "c", nil
		case "panic":
			panic("on purpose")
		}
		return "", nil
	}
	addr := w.session(&Options{ChooseSubprotocol: choose, Subprotocols: []string{"a"}}, echoes)
	strict := w.session(&Options{ChooseSubprotocol: choose, RequireSubprotocol: true}, echoes)
	for _, test := range []struct {
		addr, query, protocol string
		status                int
	}{
		{addr, "last", "b", 101},
		{addr, "none", "", 101},
		{addr, "refuse", "", 403},
		{addr, "invent", "", 500},
		{addr, "panic", "", 500},
		{strict, "none", "", 400},
	} {
		p := w.dial(test.addr)
		p.send(strings.Replace(handshake(test.addr, "Sec-WebSocket-Protocol: a, b"), "/chat", "/chat?"+test.query, 1))
		r := p.answer(http.MethodGet)
		assert.Equal(t, test.status, r.StatusCode, "%+v", test)
		assert.Equal(t, test.protocol, r.Header.Get("Sec-WebSocket-Protocol"), "%+v", test)
		p.Close()
	}
}
