package sockets

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Messages are answered in their order, however long each takes, and no more are in work at
// a time than were asked for. A Close behind them is answered when they have been.
func TestReply(t *testing.T) {
	for name, parallel := range map[string]int{"one": 1, "many": 4} {
		everywhere(t, func(w *world) {
			w.in(name, func(w *world) {
				const messages = 40
				var working atomic.Int32
				var tooMany atomic.Bool
				release := make(chan struct{})
				ended := make(chan error, 1)
				addr := w.session(nil, func(ctx context.Context, c *Conn) error {
					err := c.Reply(ctx, parallel, func(_ context.Context, m *frame.Frame) (*frame.Frame, error) {
						if int(working.Add(1)) > parallel {
							tooMany.Store(true)
						}
						defer working.Add(-1)
						<-release
						if strings.HasSuffix(m.String(), "7") {
							return nil, nil
						}
						return frame.Text("re " + m.String()), nil
					})
					ended <- err
					return err
				})
				c := w.open(addr, nil)
				for i := range messages {
					require.NoError(w, c.SendText(w.within(), string(rune('a'+i/10))+string(rune('0'+i%10))))
				}
				c.handle.Post(frame.Close(frame.Normal, "done")) // behind all of them, while none is answered
				require.True(w, until(func() bool { return int(working.Load()) == parallel }), "%d are in work", working.Load())
				close(release)
				for i := range messages {
					if i%10 == 7 {
						continue
					}
					got, err := c.ReceiveText(w.within())
					require.NoError(w, err)
					require.Equal(w, "re "+string(rune('a'+i/10))+string(rune('0'+i%10)), got)
				}
				_, err := c.Receive(w.within())
				assert.Equal(w, frame.Normal, CloseCode(err))
				assert.NoError(w, <-ended)
				assert.False(w, tooMany.Load(), "more than %d were in work", parallel)
			})
		})
	}
}

// A conversation that fails says why, and the connection ends with it.
func TestConversationFails(t *testing.T) {
	var nobody context.Context
	broken := errors.New("broken")
	yields := func(f *frame.Frame, err error) iter.Seq2[*frame.Frame, error] {
		return func(yield func(*frame.Frame, error) bool) { yield(f, err) }
	}
	waits := func(ctx context.Context) iter.Seq2[*frame.Frame, error] {
		return func(func(*frame.Frame, error) bool) { <-ctx.Done() }
	}
	reply := func(parallel int, err func() error) func(context.Context, *Conn) error {
		return func(ctx context.Context, c *Conn) error {
			return c.Reply(ctx, parallel, func(context.Context, *frame.Frame) (*frame.Frame, error) { return nil, err() })
		}
	}
	fails := func() error { return broken }
	refuses := func() error { return frame.Failure(4001, "no") }
	panics := func() error { panic("on purpose") }
	for name, test := range map[string]struct {
		serve func(ctx context.Context, c *Conn) error
		code  frame.Code
		err   error // nil: only the code
	}{
		"reply":              {reply(1, fails), frame.InternalError, broken},
		"reply, many":        {reply(3, fails), frame.InternalError, broken},
		"reply, with a code": {reply(3, refuses), 4001, nil},
		"reply, panics":      {reply(1, panics), frame.InternalError, nil},
		"reply, many panic":  {reply(3, panics), frame.InternalError, nil},
		"in": {func(ctx context.Context, c *Conn) error {
			return c.Serve(ctx, func(context.Context, *frame.Frame) error { return broken }, waits)
		}, frame.InternalError, broken},
		"in panics": {func(ctx context.Context, c *Conn) error {
			return c.Serve(ctx, func(context.Context, *frame.Frame) error { panic("on purpose") }, waits)
		}, frame.InternalError, nil},
		"in alone": {func(ctx context.Context, c *Conn) error {
			return c.Serve(ctx, func(context.Context, *frame.Frame) error { return broken }, nil)
		}, frame.InternalError, broken},
		"out": {func(ctx context.Context, c *Conn) error {
			return c.Serve(ctx, nil, func(context.Context) iter.Seq2[*frame.Frame, error] { return yields(nil, broken) })
		}, frame.InternalError, broken},
		"out panics": {func(ctx context.Context, c *Conn) error {
			return c.Serve(ctx, nil, func(context.Context) iter.Seq2[*frame.Frame, error] { panic("on purpose") })
		}, frame.InternalError, nil},
		"out ends": {func(ctx context.Context, c *Conn) error {
			return c.Serve(ctx, nil, func(context.Context) iter.Seq2[*frame.Frame, error] { return yields(frame.Text("last"), nil) })
		}, frame.Normal, nil},
		"out yields no frame": {func(ctx context.Context, c *Conn) error {
			return c.Serve(ctx, nil, func(context.Context) iter.Seq2[*frame.Frame, error] { return yields(nil, nil) })
		}, frame.InternalError, ErrNilFrame},
		"pipe": {func(ctx context.Context, c *Conn) error {
			return c.Pipe(ctx, func(iter.Seq2[*frame.Frame, error]) iter.Seq2[*frame.Frame, error] { return yields(nil, broken) })
		}, frame.InternalError, broken},
		"no context, reply":  {func(_ context.Context, c *Conn) error { return c.Reply(nobody, 1, nil) }, frame.InternalError, ErrNilContext},
		"no context, serve":  {func(_ context.Context, c *Conn) error { return c.Serve(nobody, nil, nil) }, frame.InternalError, ErrNilContext},
		"no context, pipe":   {func(_ context.Context, c *Conn) error { return c.Pipe(nobody, nil) }, frame.InternalError, ErrNilContext},
		"no function, reply": {func(ctx context.Context, c *Conn) error { return c.Reply(ctx, 1, nil) }, frame.InternalError, errNilFunc},
		"no function, pipe":  {func(ctx context.Context, c *Conn) error { return c.Pipe(ctx, nil) }, frame.InternalError, errNilFunc},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bare)
			ended := make(chan error, 1)
			addr := w.session(nil, func(ctx context.Context, c *Conn) error {
				err := guarded(func() error { return test.serve(ctx, c) })
				ended <- err
				return err
			})
			c := w.open(addr, nil)
			c.SendText(w.within(), "hello") // it may be over
			var err error
			for err == nil {
				_, err = c.Receive(w.within())
			}
			assert.Equal(w, test.code, CloseCode(err))
			if err := <-ended; test.err != nil {
				assert.ErrorIs(w, err, test.err)
			}
		})
	}
}

// Both sides of a conversation go at their own speed: what comes is taken while nothing can
// be sent, and what is sent waits for the peer and for nobody else.
func TestServe(t *testing.T) {
	everywhere(t, func(w *world) {
		got := make(chan string, 3)
		more := make(chan string)
		ended := make(chan error, 1)
		addr := w.session(nil, func(ctx context.Context, c *Conn) error {
			err := c.Serve(ctx, func(_ context.Context, m *frame.Frame) error {
				got <- m.String()
				return nil
			}, func(ctx context.Context) iter.Seq2[*frame.Frame, error] {
				return func(yield func(*frame.Frame, error) bool) {
					for {
						select {
						case text := <-more:
							if !yield(frame.Text(text), nil) {
								return
							}
						case <-ctx.Done():
							return
						}
					}
				}
			})
			ended <- err
			return err
		})
		c := w.open(addr, nil)
		for _, text := range []string{"a", "b", "c"} {
			require.NoError(w, c.SendText(w.within(), text))
			assert.Equal(w, text, <-got)
		}
		for _, text := range []string{"x", "y"} {
			more <- text
			received, err := c.ReceiveText(w.within())
			require.NoError(w, err)
			assert.Equal(w, text, received)
		}
		require.NoError(w, c.Close(frame.Normal, ""))
		assert.NoError(w, <-ended, "an end that the peer asked for")
	})
}

// A stream over the whole connection: what comes out of it is not one answer a message.
func TestPipe(t *testing.T) {
	everywhere(t, func(w *world) {
		addr := w.session(nil, func(ctx context.Context, c *Conn) error {
			return c.Pipe(ctx, func(in iter.Seq2[*frame.Frame, error]) iter.Seq2[*frame.Frame, error] {
				return func(yield func(*frame.Frame, error) bool) {
					for m, err := range in {
						if err != nil {
							yield(nil, err)
							return
						}
						for _, word := range strings.Fields(m.String()) {
							if word == "stop" || !yield(frame.Text(word), nil) {
								return
							}
						}
					}
				}
			})
		})
		c := w.open(addr, nil)
		require.NoError(w, c.SendText(w.within(), "one two"))
		require.NoError(w, c.SendText(w.within(), " "))
		require.NoError(w, c.SendText(w.within(), "three stop four"))
		var words []string
		for f, err := range c.Messages(w.within()) {
			require.NoError(w, err)
			words = append(words, f.String())
		}
		assert.Equal(w, []string{"one", "two", "three"}, words)
		assert.Equal(w, frame.Normal, c.Closed().Code)
	})
}

// Who waits with a context that ends with the connection is told how that ended.
func TestWaitsThatEndWithTheConnection(t *testing.T) {
	everywhere(t, func(w *world) {
		addr := w.session(nil, func(ctx context.Context, c *Conn) error { return c.Close(4000, "enough") })
		c := w.open(addr, nil)
		ctx, cancel := context.WithCancel(c.Context())
		defer cancel()
		_, err := c.Receive(ctx)
		assert.EqualValues(w, 4000, CloseCode(err), "%v", err)
		<-c.Done()
		assert.EqualValues(w, 4000, CloseCode(c.SendText(ctx, "")))
		_, err = c.Ping(ctx)
		assert.EqualValues(w, 4000, CloseCode(err), "%v", err)
		_, err = c.Writer(ctx, frame.OpText)
		assert.EqualValues(w, 4000, CloseCode(err), "%v", err)
		for range 200 { // their own contexts end with the connection too, a moment later
			for _, parallel := range []int{1, 3} {
				err = c.Reply(ctx, parallel, answerNothing)
				require.EqualValues(w, 4000, CloseCode(err), "%v", err)
			}
			err = c.Serve(ctx, nil, nil)
			require.EqualValues(w, 4000, CloseCode(err), "%v", err)
		}
	})
}

// Nor is one who waits for another Writer told of a context, when both have ended.
func TestWriterThatEndsWithTheConnection(t *testing.T) {
	everywhere(t, func(w *world) {
		c := w.open(w.session(nil, echoes), nil)
		writerOpen(w, c)
		ctx, cancel := context.WithCancel(c.Context())
		defer cancel()
		var waiting []chan error
		for range 50 {
			told := make(chan error, 1)
			go func() {
				_, err := c.Writer(ctx, frame.OpText)
				told <- err
			}()
			waiting = append(waiting, told)
			runtime.Gosched() // it waits
		}
		c.Cut()
		for _, told := range waiting {
			var end *CloseError
			require.ErrorAs(w, <-told, &end)
		}
	})
}
