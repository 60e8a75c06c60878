package sockets

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// uses are all ways to use a Conn that can fail, by name. Each returns when ctx has ended at the latest.
var uses = map[string]func(ctx context.Context, c *Conn) error{
	"Receive":       func(ctx context.Context, c *Conn) error { _, err := c.Receive(ctx); return err },
	"ReceiveText":   func(ctx context.Context, c *Conn) error { _, err := c.ReceiveText(ctx); return err },
	"ReceiveBinary": func(ctx context.Context, c *Conn) error { _, err := c.ReceiveBinary(ctx); return err },
	"ReceiveJSON":   func(ctx context.Context, c *Conn) error { return c.ReceiveJSON(ctx, new(any)) },
	"Reader":        func(ctx context.Context, c *Conn) error { _, _, err := c.Reader(ctx); return err },
	"Messages": func(ctx context.Context, c *Conn) error {
		for _, err := range c.Messages(ctx) {
			return err
		}
		return errOrdinary
	},
	"Incoming": func(ctx context.Context, c *Conn) error {
		if _, open := <-c.Incoming(ctx); !open {
			return errChannel
		}
		return nil
	},
	"Reply": func(ctx context.Context, c *Conn) error { return ordinarily(c.Reply(ctx, 1, answerNothing)) },
	"Reply, many": func(ctx context.Context, c *Conn) error {
		return ordinarily(c.Reply(ctx, 9, answerNothing))
	},
	"Serve": func(ctx context.Context, c *Conn) error { return ordinarily(c.Serve(ctx, nil, nil)) },
	"Pipe": func(ctx context.Context, c *Conn) error {
		return ordinarily(c.Pipe(ctx, func(in iter.Seq2[*frame.Frame, error]) iter.Seq2[*frame.Frame, error] { return in }))
	},

	"Send":       func(ctx context.Context, c *Conn) error { return c.Send(ctx, frame.Text("x")) },
	"SendText":   func(ctx context.Context, c *Conn) error { return c.SendText(ctx, "x") },
	"SendBinary": func(ctx context.Context, c *Conn) error { return c.SendBinary(ctx, []byte("x")) },
	"SendJSON":   func(ctx context.Context, c *Conn) error { return c.SendJSON(ctx, "x") },
	"Ping":       func(ctx context.Context, c *Conn) error { _, err := c.Ping(ctx); return err },
	"Flush":      func(ctx context.Context, c *Conn) error { return c.Flush(ctx) },
	"Outgoing": func(ctx context.Context, c *Conn) error {
		select {
		case c.Outgoing(ctx) <- frame.Text("x"):
			return nil
		case <-c.Done():
			return c.closeError()
		case <-ctx.Done():
			return ctx.Err()
		}
	},
	"Writer": func(ctx context.Context, c *Conn) error {
		w, err := c.Writer(ctx, frame.OpText)
		if err != nil {
			return err
		}
		_, err = w.Write([]byte("x"))
		return errors.Join(err, w.Close())
	},
	"NetConn.Read": func(ctx context.Context, c *Conn) error {
		n := c.NetConn(frame.OpText)
		until, _ := ctx.Deadline()
		n.SetDeadline(until)
		_, err := n.Read(make([]byte, 1))
		return err
	},
	"NetConn.Write": func(ctx context.Context, c *Conn) error {
		_, err := c.NetConn(frame.OpText).Write([]byte("x"))
		return err
	},
}

var (
	errOrdinary = errors.New("an end that was asked for")
	errChannel  = errors.New("the channel is closed")
)

func ordinarily(err error) error {
	if err == nil {
		return errOrdinary
	}
	return err
}

func answerNothing(context.Context, *frame.Frame) (*frame.Frame, error) { return nil, nil }

// receives tells the uses that receive, for which there is nothing unless a state says otherwise.
func receives(use string) bool {
	switch use {
	case "Receive", "ReceiveText", "ReceiveBinary", "ReceiveJSON", "Reader", "Messages", "Incoming", "Reply", "Reply, many", "Serve", "Pipe", "NetConn.Read":
		return true
	}
	return false
}

// What a Conn may be in the middle of, and what who receives and who sends is told then. late is that
// of a context that has ended, which they wait for.
var (
	late       = "deadline exceeded|i/o timeout|the channel is closed"
	connStates = map[string]struct {
		begin         func(w *world, c *Conn)
		receive, send string            // regular expressions; "": no error
		otherwise     map[string]string // what some are told
	}{
		"open":       {begin: func(*world, *Conn) {}, receive: late},
		"discarding": {begin: func(_ *world, c *Conn) { c.Discard() }, receive: late},
		"closed":     {begin: func(_ *world, c *Conn) { c.Close(frame.Normal, "") }, receive: "closed by this side with 1000|asked for|EOF|channel", send: "closed by this side with 1000", otherwise: map[string]string{"Flush": ""}},
		"cut":        {begin: func(_ *world, c *Conn) { c.Cut() }, receive: "closed by this side|lost|channel", send: "closed by this side|lost"},
		"closed by the peer": {begin: func(w *world, c *Conn) {
			require.NoError(w, c.SendText(w.within(), "end 4001"))
			c.Discard()
			<-c.Done()
		}, receive: "closed by peer with 4001|channel", send: "closed by peer with 4001", otherwise: map[string]string{"Flush": ""}}, // it was a clean end
		"a Reader is open":    {begin: readerOpen, receive: "a message is being read|channel"},
		"a Receive waits":     {begin: func(w *world, c *Conn) { go c.Receive(w.within()) }, receive: late},
		"Messages waits":      {begin: func(w *world, c *Conn) { go uses["Messages"](w.within(), c) }, receive: late},
		"Incoming waits":      {begin: func(w *world, c *Conn) { c.Incoming(w.within()) }, receive: late},
		"a Reply goes on":     {begin: func(w *world, c *Conn) { go c.Reply(w.within(), 3, answerNothing) }, receive: late},
		"a Writer is open":    {begin: writerOpen, receive: late, otherwise: map[string]string{"Writer": "another Writer is open: .*deadline exceeded"}},
		"a Writer was closed": {begin: func(w *world, c *Conn) { require.NoError(w, uses["Writer"](w.within(), c)) }, receive: late},
		"a NetConn was made": {begin: func(_ *world, c *Conn) { c.NetConn(frame.OpText) }, receive: "a NetConn was made|channel",
			otherwise: map[string]string{"NetConn.Read": late}},
		"a NetConn was closed": {begin: func(_ *world, c *Conn) { c.NetConn(frame.OpText).Close() }, receive: "closed by this side with 1000|asked for|EOF|channel", send: "closed by this side with 1000", otherwise: map[string]string{"Flush": ""}},
		"Close waits":          {begin: func(w *world, c *Conn) { go c.Close(frame.Normal, ""); <-c.Done() }, receive: "closed by this side with 1000|asked for|EOF|channel", send: "closed by this side with 1000", otherwise: map[string]string{"Flush": ""}},
	}
)

func readerOpen(w *world, c *Conn) {
	require.NoError(w, c.SendText(w.within(), "a message"))
	_, _, err := c.Reader(w.within())
	require.NoError(w, err)
}

func writerOpen(w *world, c *Conn) {
	out, err := c.Writer(w.within(), frame.OpBinary)
	require.NoError(w, err)
	_, err = out.Write(make([]byte, 2*fragmentSize))
	require.NoError(w, err)
}

// Each use of a Conn in each state returns, and says what is wrong if something is; and the Conn can be
// closed then.
func TestConnMisuseInEachState(t *testing.T) {
	w := newWorld(t, bare)
	addr := w.session(nil, func(ctx context.Context, c *Conn) error {
		for f, err := range c.Messages(ctx) {
			switch {
			case err != nil:
				return err
			case f.String() == "end 4001":
				return frame.Failure(4001, "")
			case f.String() == "a message":
				if err := c.Send(ctx, f); err != nil {
					return err
				}
			}
		}
		return nil
	})
	var all sync.WaitGroup
	places := make(chan struct{}, 20)
	for state, s := range connStates {
		for use, do := range uses {
			places <- struct{}{}
			all.Go(func() {
				defer func() { <-places }()
				name := fmt.Sprintf("%s, %s", state, use)
				c := w.open(addr, nil)
				s.begin(w, c)
				want, ok := s.otherwise[use]
				if !ok {
					if want = s.send; receives(use) {
						want = s.receive
					}
				}
				patience := testTimeout
				if strings.Contains(want, "deadline exceeded") {
					patience = 30 * time.Millisecond
				}
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				over := make(chan error, 2)
				go func() { over <- guarded(func() error { return do(ctx, c) }) }()
				select {
				case err := <-over:
					if want == "" {
						assert.NoError(w, err, name)
					} else if assert.Error(w, err, name) {
						assert.Regexp(w, want, err.Error(), name)
					}
				case <-time.After(testTimeout):
					assert.Fail(w, "it hangs", name)
				}
				c.SetOptions(&SetOptions{MaxFrame: 100})
				c.Options()
				go func() { over <- guarded(func() error { c.Discard(); c.Close(frame.Normal, ""); c.Cut(); return nil }) }()
				select {
				case err := <-over:
					assert.NoError(w, err, name)
				case <-time.After(testTimeout):
					assert.Fail(w, "Close hangs", name)
				}
			})
		}
	}
	all.Wait()
}
