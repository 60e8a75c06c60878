package sockets

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Misuse of a Conn is an error that names itself, never a hang or a panic, and leaves the
// connection as it was, or ends it with 1011 where its output would be at fault.
func TestConnMisuse(t *testing.T) {
	var nobody context.Context
	short := func() context.Context {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	second := func(_ any, err error) error { return err }
	long := func() *frame.Frame { return frame.Binary(make([]byte, 8<<10)) }
	for name, test := range map[string]struct {
		misuse func(ctx context.Context, c *Conn) error
		want   string // of the error, a regular expression; "": there is none
		ends   bool   // the connection
	}{
		"nil context, Receive":       {misuse: func(_ context.Context, c *Conn) error { return second(c.Receive(nobody)) }, want: "nil context"},
		"nil context, ReceiveText":   {misuse: func(_ context.Context, c *Conn) error { return second(c.ReceiveText(nobody)) }, want: "nil context"},
		"nil context, ReceiveBinary": {misuse: func(_ context.Context, c *Conn) error { return second(c.ReceiveBinary(nobody)) }, want: "nil context"},
		"nil context, ReceiveJSON":   {misuse: func(_ context.Context, c *Conn) error { return c.ReceiveJSON(nobody, new(int)) }, want: "nil context"},
		"nil context, Reader":        {misuse: func(_ context.Context, c *Conn) error { _, _, err := c.Reader(nobody); return err }, want: "nil context"},
		"nil context, Messages": {misuse: func(_ context.Context, c *Conn) (err error) {
			for _, err = range c.Messages(nobody) {
			}
			return err
		}, want: "nil context"},
		"nil context, Send":       {misuse: func(_ context.Context, c *Conn) error { return c.Send(nobody, frame.Text("")) }, want: "nil context"},
		"nil context, SendText":   {misuse: func(_ context.Context, c *Conn) error { return c.SendText(nobody, "") }, want: "nil context"},
		"nil context, SendBinary": {misuse: func(_ context.Context, c *Conn) error { return c.SendBinary(nobody, nil) }, want: "nil context"},
		"nil context, SendJSON":   {misuse: func(_ context.Context, c *Conn) error { return c.SendJSON(nobody, 1) }, want: "nil context"},
		"nil context, Writer":     {misuse: func(_ context.Context, c *Conn) error { return second(c.Writer(nobody, frame.OpText)) }, want: "nil context"},
		"nil context, Ping":       {misuse: func(_ context.Context, c *Conn) error { return second(c.Ping(nobody)) }, want: "nil context"},
		"nil context, Flush":      {misuse: func(_ context.Context, c *Conn) error { return c.Flush(nobody) }, want: "nil context"},
		"nil context, channels": {misuse: func(ctx context.Context, c *Conn) error {
			out := c.Outgoing(nobody)
			out <- frame.Text("echoed")
			close(out)
			in, cancel := context.WithCancel(ctx)
			got := <-c.Incoming(in)
			cancel()
			return errors.New(got.String())
		}, want: "echoed"}, // it is the connection's
		"nil frame":             {misuse: func(ctx context.Context, c *Conn) error { return c.Send(ctx, nil) }, want: "nil frame"},
		"nil frame in Outgoing": {misuse: func(ctx context.Context, c *Conn) error { c.Outgoing(ctx) <- nil; return second(c.Receive(ctx)) }, want: "nil frame in Outgoing", ends: true},
		"nil options":           {misuse: func(_ context.Context, c *Conn) error { c.SetOptions(nil); return nil }},
		"JSON of a channel":     {misuse: func(ctx context.Context, c *Conn) error { return c.SendJSON(ctx, make(chan int)) }, want: "unsupported type"},
		"JSON into nothing": {misuse: func(ctx context.Context, c *Conn) error {
			return errors.Join(c.SendText(ctx, "1"), c.ReceiveJSON(ctx, nil))
		}, want: "json"},
		"not JSON": {misuse: func(ctx context.Context, c *Conn) error {
			return errors.Join(c.SendText(ctx, "{"), c.ReceiveJSON(ctx, new(int)))
		}, want: "sockets: receive: unexpected end of JSON input"},
		"Writer of a Close": {misuse: func(ctx context.Context, c *Conn) error { return second(c.Writer(ctx, frame.OpClose)) }, want: "a message is text or binary, not close"},
		"two Readers": {misuse: func(ctx context.Context, c *Conn) error {
			require.NoError(t, c.SendText(ctx, "long"))
			_, r, err := c.Reader(ctx)
			require.NoError(t, err)
			_, _, twice := c.Reader(ctx)
			_, receive := c.Receive(ctx)
			assert.ErrorIs(t, receive, ErrReaderOpen)
			for p := make([]byte, 9); err == nil; {
				_, err = r.Read(p)
			}
			return twice
		}, want: "a message is being read"},
		"two Writers": {misuse: func(ctx context.Context, c *Conn) error {
			w, err := c.Writer(ctx, frame.OpText)
			require.NoError(t, err)
			_, err = c.Writer(short(), frame.OpText)
			require.NoError(t, w.Close())
			return errors.Join(err, second(c.Receive(ctx)))
		}, want: "another Writer is open: context deadline exceeded"},
		"a Writer left open": {misuse: func(ctx context.Context, c *Conn) (err error) {
			w, err := c.Writer(ctx, frame.OpText)
			require.NoError(t, err)
			_, err = w.Write(make([]byte, 2*fragmentSize))
			require.NoError(t, err)
			sent := 0
			for ; err == nil && sent < 1000; sent++ {
				err = c.Send(short(), long())
			}
			require.NoError(t, w.Close())
			for range sent { // the Writer's, and the others' that went
				second(c.Receive(ctx))
			}
			return err
		}, want: "a Writer is open: context deadline exceeded"},
		"a Writer closed twice": {misuse: func(ctx context.Context, c *Conn) error {
			w, err := c.Writer(ctx, frame.OpText)
			require.NoError(t, errors.Join(err, w.Close(), w.Close()))
			second(c.Receive(ctx))
			return second(w.Write([]byte("late")))
		}, want: "Writer is closed"},
		"a released frame": {misuse: func(ctx context.Context, c *Conn) error {
			f := frame.New(frame.OpBinary, 8<<10)
			f.Release()
			return errors.Join(c.Send(ctx, f), second(c.Receive(ctx)))
		}, want: "sent a frame that it had given back|is sent after Release", ends: true}, // the debug build says where it was released
		"a fragment without a message": {misuse: func(ctx context.Context, c *Conn) error {
			return errors.Join(c.Send(ctx, frame.Fragment(frame.OpContinuation, true, nil)), second(c.Receive(ctx)))
		}, want: "1011", ends: true},
		"a long Ping": {misuse: func(ctx context.Context, c *Conn) error {
			return errors.Join(c.Send(ctx, frame.Ping(make([]byte, 126))), second(c.Receive(ctx)))
		}, want: "1011", ends: true},
		"a reserved opcode": {misuse: func(ctx context.Context, c *Conn) error {
			return errors.Join(c.Send(ctx, frame.New(7, 0)), second(c.Receive(ctx)))
		}, want: "1011", ends: true},
		"text that is not UTF-8": {misuse: func(ctx context.Context, c *Conn) error {
			return errors.Join(c.SendText(ctx, "\xff"), second(c.Receive(ctx)))
		}, want: "1007", ends: true},
		"Receive in two goroutines": {misuse: func(ctx context.Context, c *Conn) error {
			got := make(chan error, 2)
			for range 2 {
				go func() { got <- second(c.Receive(ctx)) }()
			}
			return errors.Join(c.SendText(ctx, "a"), c.SendText(ctx, "b"), <-got, <-got)
		}}, // each gets one
		"Close with a code that is nobody's to send": {misuse: func(_ context.Context, c *Conn) error {
			c.Close(frame.Abnormal, "")
			return c.closeError()
		}, want: "closed by this side with 1011", ends: true},
		"Close with no code": {misuse: func(_ context.Context, c *Conn) error {
			c.Close(frame.NoStatus, "not sent")
			return c.closeError()
		}, want: "closed by this side with 1005", ends: true},
		"Close with a code out of range": {misuse: func(_ context.Context, c *Conn) error {
			c.Close(70, "")
			return c.closeError()
		}, want: "closed by this side with 1011", ends: true},
		"Close with a long reason": {misuse: func(_ context.Context, c *Conn) error {
			c.Close(frame.Normal, strings.Repeat("long ", 100))
			return c.closeError()
		}, want: "closed by this side with 1000 \"long .{100,130}$", ends: true},
		"NetConn of a Ping": {misuse: func(_ context.Context, c *Conn) error {
			n := c.NetConn(frame.OpPing)
			_, err := n.Read(make([]byte, 1))
			assert.Error(t, err)
			return second(n.Write([]byte("x")))
		}, want: "a message is text or binary, not ping"},
		"concurrent Close": {misuse: func(_ context.Context, c *Conn) error {
			var all sync.WaitGroup
			for range 10 {
				all.Go(func() { c.Close(frame.Normal, "") })
				all.Go(c.Cut)
			}
			all.Wait()
			return nil
		}, ends: true},
		"Close while others wait": {misuse: func(ctx context.Context, c *Conn) error {
			waiting := make(chan error)
			go func() { waiting <- second(c.Receive(ctx)) }()
			c.Close(frame.Normal, "")
			return <-waiting
		}, want: "closed by this side with 1000", ends: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bare)
			c := w.open(w.session(nil, echoes), nil)
			err := test.misuse(w.within(), c)
			if test.want == "" {
				assert.NoError(w, err)
			} else {
				require.Error(w, err)
				assert.Regexp(w, test.want, err.Error())
			}
			if !test.ends {
				require.NoError(w, c.SendText(w.within(), "as before"))
				got, err := c.ReceiveText(w.within())
				require.NoError(w, err)
				assert.Equal(w, "as before", got)
				require.NoError(w, c.Close(frame.Normal, ""))
			}
			afterwards(w, c)
		})
	}
}

// afterwards uses c, which has ended, in every way.
func afterwards(w *world, c *Conn) {
	ctx := w.within()
	<-c.Done()
	_, receive := c.Receive(ctx)
	_, text := c.ReceiveText(ctx)
	_, _, reader := c.Reader(ctx)
	_, writer := c.Writer(ctx, frame.OpText)
	_, ping := c.Ping(ctx)
	_, read := c.NetConn(frame.OpText).Read(make([]byte, 1))
	_, write := c.NetConn(frame.OpText).Write(make([]byte, 1))
	for name, err := range map[string]error{
		"Receive": receive, "ReceiveText": text, "Reader": reader, "Writer": writer, "Ping": ping,
		"Send": c.SendText(ctx, ""), "NetConn.Write": write,
		"Reply": c.Reply(ctx, 1, func(context.Context, *frame.Frame) (*frame.Frame, error) { return nil, nil }),
	} {
		var end *CloseError
		if name != "Reply" || err != nil { // it is an end that was asked for
			assert.ErrorAs(w, err, &end, name)
		}
	}
	assert.Error(w, read)
	assert.NotNil(w, c.Closed())
	_, open := <-c.Incoming(ctx)
	assert.False(w, open)
	select {
	case c.Outgoing(ctx) <- frame.Text("late"):
	case <-c.Done():
	}
	c.SetOptions(&SetOptions{MaxFrame: 1})
	c.Options()
	c.Flush(ctx)
	c.Cut()
	c.Close(frame.Normal, "again")
}

// Callbacks may receive by themselves, and close: nobody waits for himself.
func TestCallbacksReceiveAndClose(t *testing.T) {
	w := newWorld(t, bare)
	got := make(chan string, 2)
	ended := make(chan error, 1)
	addr := w.dropIn(&Callbacks{
		OnMessage: func(c *Conn, m *frame.Frame) {
			next, err := c.ReceiveText(context.Background())
			got <- m.String() + next
			assert.NoError(w, errors.Join(err, c.Close(frame.Normal, "")))
		},
		OnClose: func(c *Conn, _ Closed) { _, err := c.Receive(context.Background()); ended <- err },
	})
	c := w.open(addr, nil)
	require.NoError(w, c.SendText(w.within(), "a"))
	require.NoError(w, c.SendText(w.within(), "b"))
	_, err := c.Receive(w.within())
	assert.Equal(w, frame.Normal, CloseCode(err))
	assert.Equal(w, "ab", <-got)
	assert.Equal(w, frame.Normal, CloseCode(<-ended))
}

// What opens connections refuses what it cannot use.
func TestOpeningMisuse(t *testing.T) {
	var nobody context.Context
	_, dial := Dial(nobody, "ws://127.0.0.1:1", nil)
	_, dialActor := DialActor(nobody, nil, "ws://127.0.0.1:1", nil)
	_, connect := Connect(nobody, nil, "ws://127.0.0.1:1", nil)
	_, callbacks := (&Callbacks{}).Dial(nobody, "ws://127.0.0.1:1", nil)
	for name, err := range map[string]error{"Dial": dial, "DialActor": dialActor, "Connect": connect, "Callbacks": callbacks} {
		assert.Error(t, err, name)
		if name != "DialActor" { // which has no handler either
			assert.ErrorIs(t, err, ErrNilContext, name)
		}
	}
	r, _ := http.NewRequest("GET", "ws://127.0.0.1:1", nil)
	_, err := DialRequest(r, &http.Client{Transport: http.NewFileTransport(nil)}, nil)
	assert.ErrorContains(t, err, "needs an *http.Transport")
}
