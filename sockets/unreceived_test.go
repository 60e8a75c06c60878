package sockets

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// unreceiving runs a session that does not receive on its own, and returns it with its peer, which has
// sent n messages.
func (w *world) unreceiving(o *Options, n int) (*Conn, *peer) {
	served, over := make(chan *Conn, 1), make(chan struct{})
	w.Cleanup(func() { close(over) })
	o.Portable = w.portable
	p := w.upgrade(w.session(o, func(ctx context.Context, c *Conn) error {
		served <- c
		<-over
		return nil
	}))
	for range n {
		p.send(masked(frame.Text("hello")))
	}
	c := <-served
	require.True(w, until(func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.queue) == min(n, 4)
	}))
	return c, p
}

// Who waits for the end of a connection and does not receive hears of it: of a Close at once if
// nothing was received, or all that was is known to be worked through; else after CloseTimeout.
func TestDoneWithoutReceiving(t *testing.T) {
	const never = time.Hour
	for name, test := range map[string]struct {
		sent     int // messages before the Close; four are handed over
		does     func(c *Conn)
		timeout  time.Duration
		received int // messages, after the end
	}{
		"nothing came":                      {0, func(c *Conn) {}, never, 0},
		"discards what is there":            {3, (*Conn).Discard, never, 0},
		"discards what is more than may be": {50, (*Conn).Discard, never, 0},
		"received, and asked for more":      {2, func(c *Conn) { c.Receive(context.Background()); c.Receive(context.Background()); short(c) }, never, 0},
		"received all, and discards":        {2, func(c *Conn) { c.Receive(context.Background()); c.Receive(context.Background()); c.Discard() }, never, 0},
		"received all":                      {2, func(c *Conn) { c.Receive(context.Background()); c.Receive(context.Background()) }, 50 * time.Millisecond, 0},
		"receives nothing":                  {2, func(c *Conn) {}, 50 * time.Millisecond, 2},
	} {
		t.Run(name, func(t *testing.T) {
			sampled(t, func(w *world) {
				c, p := w.unreceiving(&Options{CreditFrames: 4, CloseTimeout: test.timeout, CreditTimeout: never}, test.sent)
				test.does(c)
				p.send(masked(frame.Close(frame.GoingAway, "bye")))
				p.closes(frame.GoingAway)
				p.Close()
				<-c.Done()
				assert.True(w, c.Closed().Clean)
				assert.Equal(w, Peer, c.Closed().By)
				for range test.received {
					_, err := c.Receive(w.within())
					require.NoError(w, err)
				}
				_, err := c.Receive(w.within())
				assert.Equal(w, frame.GoingAway, CloseCode(err))
			})
		})
	}
}

// short receives with a context that has ended.
func short(c *Conn) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c.Receive(ctx)
}

// A peer that ends behind more than may wait to be received is noticed: what was handed over
// can be received, who sends hears of a reset at once, and the connection ends when nothing
// was received for CreditTimeout. Until then it can all be received, but for what a reset takes.
func TestEndBehindWhatIsNotReceived(t *testing.T) {
	const messages = 50
	ends := map[string]func(p *peer){"FIN": func(p *peer) { p.Close() }, "RST": (*peer).reset}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(w *world) {
				c, p := w.unreceiving(&Options{CreditFrames: 4, CreditTimeout: 50 * time.Millisecond}, messages)
				end(p)
				if w.portable { // nobody reads, so nobody knows: until something is sent
					sendUntilBroken(w, c)
				}
				<-c.Done()
				assert.ErrorIs(w, c.Closed().Err, ErrUnreceived)
				assert.Equal(w, frame.Abnormal, c.Closed().Code)
				for range 4 {
					_, err := c.Receive(w.within())
					require.NoError(w, err)
				}
				_, err := c.Receive(w.within())
				assert.ErrorIs(w, err, ErrUnreceived)
			})
			everywhere(t, func(w *world) {
				c, p := w.unreceiving(&Options{CreditFrames: 4, CreditTimeout: time.Hour}, messages)
				end(p)
				sendUntilBroken(w, c)
				require.Nil(w, c.Closed())
				assertBroken(w, c.Flush(w.within()))
				_, err := c.Ping(w.within())
				assertBroken(w, err)
				wr, err := c.Writer(w.within(), frame.OpText)
				require.NoError(w, err)
				assertBroken(w, wr.Close())
				c.SetOptions(&SetOptions{HighWater: 1 << 20})
				assertBroken(w, c.SendText(w.within(), "still"))
				for err = nil; err == nil; { // what the reset has left
					_, err = c.Receive(w.within())
				}
				assert.Equal(w, frame.Abnormal, CloseCode(err))
				assert.NotErrorIs(w, err, ErrUnreceived)
			})
		})
	}
	everywhere(t, func(w *world) {
		c, p := w.unreceiving(&Options{CreditFrames: 4, CreditTimeout: testTimeout}, messages)
		p.Close()
		n, err := 0, error(nil)
		for ; err == nil; n++ {
			_, err = c.Receive(w.within())
		}
		assert.Equal(w, messages+1, n)
		assert.NotErrorIs(w, err, ErrUnreceived)
	})
}

// Our Close begins that time as well, where its answer is behind more than may wait to be received: who asks all to leave, or
// MaxAge, is not to wait for ever. Where it can be read it has its own time.
func TestOurCloseBehindWhatIsNotReceived(t *testing.T) {
	everywhere(t, func(w *world) {
		c, p := w.unreceiving(&Options{CreditFrames: 4, CreditTimeout: 50 * time.Millisecond}, 50)
		w.system.Root.Send(c.PID(), &Leave{})
		p.closes(frame.GoingAway)
		p.send(masked(frame.Close(frame.GoingAway, "")))
		<-c.Done()
		assert.ErrorIs(w, c.Closed().Err, ErrUnreceived)
		assert.Equal(w, frame.GoingAway, c.Closed().Code)
		assert.Equal(w, Local, c.Closed().By)
		p.Close()
	})
	everywhere(t, func(w *world) {
		c, p := w.unreceiving(&Options{CreditFrames: 4, CreditTimeout: 50 * time.Millisecond}, 3)
		w.system.Root.Send(c.PID(), &Leave{})
		p.closes(frame.GoingAway)
		late, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		select {
		case <-c.Done():
			require.FailNow(w, "it has ended", "%v", c.Closed())
		case <-late.Done():
		}
		p.send(masked(frame.Close(frame.GoingAway, "")))
		<-c.Done()
		assert.True(w, c.Closed().Clean)
		p.Close()
	})
	everywhere(t, func(w *world) {
		c, p := w.unreceiving(&Options{CreditFrames: 4, CreditTimeout: testTimeout}, 50)
		w.system.Root.Send(c.PID(), &Leave{})
		p.closes(frame.GoingAway)
		p.send(masked(frame.Close(frame.GoingAway, "")))
		n, err := 0, error(nil)
		for ; err == nil; n++ {
			_, err = c.Receive(w.within())
		}
		assert.Equal(w, 51, n, "all of it can be received")
		assert.True(w, c.Closed().Clean)
		p.Close()
	})
}

// sendUntilBroken sends until it hears that nothing can be sent any more.
func sendUntilBroken(w *world, c *Conn) {
	w.Helper()
	var err error
	require.True(w, until(func() bool { err = c.SendText(w.within(), "hello"); return err != nil }))
	assertBroken(w, err)
}

func assertBroken(w *world, err error) {
	w.Helper()
	var end *CloseError
	require.ErrorAs(w, err, &end)
	assert.Equal(w, frame.Abnormal, end.Code)
	assert.NotErrorIs(w, err, net.ErrClosed)
}

// A session that only sends ends when it cannot, whatever its peer has sent.
func TestSessionThatOnlySendsEnds(t *testing.T) {
	everywhere(t, func(w *world) {
		ended := make(chan error, 1)
		o := &Options{Portable: w.portable, CreditTimeout: time.Hour}
		p := w.upgrade(w.session(o, func(ctx context.Context, c *Conn) error {
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					if err := c.SendText(ctx, "tick"); err != nil {
						ended <- err
						return err
					}
				case <-ctx.Done():
					ended <- ctx.Err()
					return nil
				}
			}
		}))
		for range 200 {
			p.send(masked(frame.Text("hello")))
		}
		p.Close()
		select {
		case err := <-ended:
			if err != context.Canceled { // a reset has taken what was not received
				assertBroken(w, err)
			}
		case <-time.After(testTimeout):
			require.Fail(w, "session goes on for nobody")
		}
	})
}
