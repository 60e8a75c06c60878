package sockets

import (
	"context"
	"net/http"
	"runtime"
	"testing"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// reconnectingWaits are the methods of a Reconnecting that wait, by name.
var reconnectingWaits = map[string]func(ctx context.Context, c *Reconnecting) error{
	"Conn":          func(ctx context.Context, c *Reconnecting) error { _, err := c.Conn(ctx); return err },
	"Receive":       func(ctx context.Context, c *Reconnecting) error { _, err := c.Receive(ctx); return err },
	"ReceiveText":   func(ctx context.Context, c *Reconnecting) error { _, err := c.ReceiveText(ctx); return err },
	"ReceiveBinary": func(ctx context.Context, c *Reconnecting) error { _, err := c.ReceiveBinary(ctx); return err },
	"ReceiveJSON":   func(ctx context.Context, c *Reconnecting) error { return c.ReceiveJSON(ctx, new(int)) },
	"Messages": func(ctx context.Context, c *Reconnecting) (err error) {
		for _, err = range c.Messages(ctx) {
		}
		return err
	},
	"Send":       func(ctx context.Context, c *Reconnecting) error { return c.Send(ctx, frame.Text("x")) },
	"SendText":   func(ctx context.Context, c *Reconnecting) error { return c.SendText(ctx, "x") },
	"SendBinary": func(ctx context.Context, c *Reconnecting) error { return c.SendBinary(ctx, nil) },
	"SendJSON":   func(ctx context.Context, c *Reconnecting) error { return c.SendJSON(ctx, 1) },
	"Ping":       func(ctx context.Context, c *Reconnecting) error { _, err := c.Ping(ctx); return err },
}

// Each method in each state returns, with an error that says what is wrong.
func TestReconnectingMisuse(t *testing.T) {
	var nobody context.Context
	over, cancel := context.WithCancel(context.Background())
	cancel()
	for state, begin := range map[string]func(w *world) *Reconnecting{
		"away": func(w *world) *Reconnecting {
			lost := make(chan struct{}, 1)
			c := w.dialReconnecting("127.0.0.1:1", &Reconnect{Backoff: Backoff{Floor: 1 << 40}, Lost: func(*Disconnected) { lost <- struct{}{} }})
			<-lost
			return c
		},
		"closed": func(w *world) *Reconnecting {
			c := w.dialReconnecting("127.0.0.1:1", nil)
			c.Close(frame.Normal, "")
			return c
		},
		"cut": func(w *world) *Reconnecting {
			c := w.dialReconnecting(w.session(nil, echoes), nil)
			_, err := c.Conn(w.within())
			require.NoError(w, err)
			c.Cut()
			return c
		},
		"ended by the peer": func(w *world) *Reconnecting {
			c := w.dialReconnecting(w.session(nil, func(context.Context, *Conn) error { return frame.Failure(4001, "no") }), &Reconnect{Final: func(*Disconnected) bool { return true }})
			<-c.Done()
			return c
		},
		"a Final that panics": func(w *world) *Reconnecting {
			c := w.dialReconnecting("127.0.0.1:1", &Reconnect{Final: func(*Disconnected) bool { panic("on purpose") }})
			<-c.Done()
			return c
		},
	} {
		t.Run(state, func(t *testing.T) {
			w := newWorld(t, bare)
			c := begin(w)
			for name, do := range reconnectingWaits {
				assert.ErrorIs(w, do(nobody, c), ErrNilContext, name)
				err := do(over, c)
				if state == "away" {
					assert.ErrorIs(w, err, context.Canceled, name)
					continue
				}
				var d *Disconnected
				if asked := name == "Messages" && (state == "closed" || state == "cut"); asked {
					assert.NoError(w, err, name)
				} else if assert.ErrorAs(w, err, &d, name) {
					assert.True(w, d.Final, name)
				}
			}
			assert.ErrorIs(w, c.Send(over, nil), ErrNilFrame)
			assert.ErrorIs(w, c.Send(over, frame.Fragment(frame.OpText, false, nil)), errPiece)
			assert.ErrorIs(w, c.Send(over, frame.Fragment(frame.OpContinuation, true, nil)), errPiece)
			c.Discard()
			for range 3 {
				go c.Close(frame.Normal, "again")
				go c.Cut()
			}
			<-c.Done()
			c.Close(frame.Normal, "again")
			c.Cut()
			c.Discard()
			assert.NotNil(w, c.Closed())
			if state == "a Final that panics" {
				assert.ErrorContains(w, c.Closed(), "panic: on purpose")
			}
		})
	}
}

// Who is called by the client cannot wait for it, and may end it.
func TestReconnectingCallbacks(t *testing.T) {
	w := newWorld(t, bare)
	addr := w.session(nil, echoes)
	ways := map[string]func(c *Reconnecting){
		"Close":  func(c *Reconnecting) { c.Close(frame.Normal, "enough") },
		"Cut":    func(c *Reconnecting) { c.Cut() },
		"panic":  func(c *Reconnecting) { panic("on purpose") },
		"Goexit": func(c *Reconnecting) { runtime.Goexit() },
	}
	for name, wait := range reconnectingWaits {
		ways[name] = func(c *Reconnecting) {
			assert.ErrorIs(w, wait(context.Background(), c), errInCallback, name)
			c.Close(frame.Normal, "enough")
		}
	}
	for name, way := range ways {
		for _, in := range []string{"Lost", "First", "Address", "Header", "Final"} {
			w.in(in+" "+name, func(w *world) {
				made := make(chan *Reconnecting, 1)
				r := &Reconnect{Backoff: fast}
				to := addr
				once := func() {
					select {
					case c := <-made:
						way(c)
					default: // told of the end as well
					}
				}
				begun := make(chan struct{}) // the callback may be called before DialReconnecting has returned
				switch in {
				case "Lost":
					to = "127.0.0.1:1"
					r.Lost = func(*Disconnected) { <-begun; once() }
				case "First":
					r.First = func(*Upgraded) []any { <-begun; once(); return nil }
				case "Address":
					r.Address = func(context.Context) (string, error) { <-begun; once(); return w.url(addr), nil }
				case "Header":
					r.Header = func(context.Context) (http.Header, error) { <-begun; once(); return nil, nil }
				case "Final":
					to = "127.0.0.1:1"
					r.Final = func(*Disconnected) bool { <-begun; once(); return false }
				}
				c := w.dialReconnecting(to, r)
				made <- c
				close(begun)
				if (in == "Header" || in == "Address") && (name == "panic" || name == "Goexit") { // that costs the attempt
					_, err := c.Conn(w.within())
					require.NoError(w, err)
					c.Close(frame.Normal, "")
					return
				}
				select {
				case <-c.Done():
				case <-w.within().Done():
					require.FailNow(w, "it does not end")
				}
				_, err := c.Receive(w.within())
				var d *Disconnected
				require.ErrorAs(w, err, &d)
				switch name {
				case "panic":
					assert.ErrorContains(w, d, "panic: on purpose")
				case "Goexit":
					assert.ErrorIs(w, d, errGoexit)
				}
			})
		}
	}
}
