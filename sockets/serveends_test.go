package sockets

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// untilOver yields nothing, until ctx ends.
func untilOver(ctx context.Context) iter.Seq2[*frame.Frame, error] {
	return func(func(*frame.Frame, error) bool) { <-ctx.Done() }
}

// moreThanAnybodyTakes yields more than any peer takes.
func moreThanAnybodyTakes(context.Context) iter.Seq2[*frame.Frame, error] {
	return func(yield func(*frame.Frame, error) bool) {
		for yield(frame.Binary(make([]byte, 64<<10)), nil) {
		}
	}
}

// Serve tells why it is over, whatever out does about it.
func TestServeTellsWhy(t *testing.T) {
	mine := errors.New("mine")
	for name, out := range map[string]func(context.Context) iter.Seq2[*frame.Frame, error]{
		"out waits": untilOver, "out sends": moreThanAnybodyTakes, "no out": nil,
	} {
		for why, test := range map[string]struct {
			in   error
			then func(cancel func(), c *Conn)
			want func(t assert.TestingT, err error)
		}{
			"cancelled": {nil, func(cancel func(), _ *Conn) { cancel() }, func(t assert.TestingT, err error) { assert.ErrorIs(t, err, context.Canceled) }},
			"cut":       {nil, func(_ func(), c *Conn) { c.Cut() }, func(t assert.TestingT, err error) { assert.ErrorAs(t, err, new(*CloseError)) }},
			"in fails":  {mine, func(_ func(), c *Conn) {}, func(t assert.TestingT, err error) { assert.ErrorIs(t, err, mine) }},
		} {
			t.Run(name+", "+why, func(t *testing.T) {
				w := newWorld(t, bare)
				addr := w.session(nil, func(ctx context.Context, c *Conn) error {
					c.SendText(ctx, "hello")
					<-ctx.Done()
					return nil
				})
				for range 10 {
					c := w.open(addr, nil)
					ctx, cancel := context.WithCancel(t.Context())
					got := make(chan error, 1)
					go func() {
						got <- c.Serve(ctx, func(context.Context, *frame.Frame) error {
							time.Sleep(50 * time.Millisecond)
							return test.in
						}, out)
					}()
					time.Sleep(100 * time.Millisecond)
					test.then(cancel, c)
					select {
					case err := <-got:
						test.want(w, err)
					case <-time.After(testTimeout):
						require.FailNow(w, "Serve hangs")
					}
					cancel()
					c.Cut()
				}
			})
		}
	}
}
