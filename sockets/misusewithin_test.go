package sockets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Who uses a connection from within what it is doing with it, or from several goroutines at once, is
// told what is wrong, or is served.
func TestConnMisuseFromWithin(t *testing.T) {
	each := func(do func(ctx context.Context, c *Conn) error) func(context.Context, *Conn) error {
		return func(ctx context.Context, c *Conn) error {
			for _, err := range c.Messages(ctx) {
				if err != nil {
					return err
				}
				if err := do(ctx, c); err != nil {
					return err
				}
			}
			return nil
		}
	}
	answering := func(parallel int, do func(ctx context.Context, c *Conn) error) func(context.Context, *Conn) error {
		return func(ctx context.Context, c *Conn) error {
			return c.Reply(ctx, parallel, func(ctx context.Context, m *frame.Frame) (*frame.Frame, error) { return m, do(ctx, c) })
		}
	}
	serving := func(do func(ctx context.Context, c *Conn) error) func(context.Context, *Conn) error {
		return func(ctx context.Context, c *Conn) error {
			return c.Serve(ctx, func(ctx context.Context, _ *frame.Frame) error { return do(ctx, c) }, nil)
		}
	}
	close := func(_ context.Context, c *Conn) error { return c.Close(frame.Normal, "enough") }
	cut := func(_ context.Context, c *Conn) error { c.Cut(); return nil }
	next := func(ctx context.Context, c *Conn) error { _, err := c.Receive(ctx); return err }
	for name, test := range map[string]struct {
		use  func(ctx context.Context, c *Conn) error
		want string // "": no error
	}{
		"Close in Messages":            {each(close), ""},
		"Cut in Messages":              {each(cut), "closed by this side|lost"},
		"Messages in Messages":         {each(each(close)), ""},
		"NetConn in Messages":          {each(func(_ context.Context, c *Conn) error { c.NetConn(frame.OpText); return nil }), "a NetConn was made"},
		"Reader in Messages":           {each(func(ctx context.Context, c *Conn) error { _, _, err := c.Reader(ctx); return err }), "a message is being read"},
		"Close in Reply":               {answering(1, close), ""},
		"Close in a parallel Reply":    {answering(3, close), ""},
		"Cut in a parallel Reply":      {answering(3, cut), "closed by this side|lost|canceled"},
		"Receive in Reply":             {answering(1, next), ""},
		"Receive in a parallel Reply":  {answering(3, next), ""},
		"a panic in a parallel Reply":  {answering(3, func(context.Context, *Conn) error { panic("on purpose") }), "panic: on purpose"},
		"Goexit in a parallel Reply":   {answering(3, func(context.Context, *Conn) error { runtime.Goexit(); return nil }), "Goexit"},
		"a panic in Serve":             {serving(func(context.Context, *Conn) error { panic("on purpose") }), "panic: on purpose"},
		"Goexit in Serve":              {serving(func(context.Context, *Conn) error { runtime.Goexit(); return nil }), "Goexit"},
		"Close in Serve":               {serving(close), ""},
		"Receive in Serve":             {serving(next), ""},
		"Reply in Serve":               {serving(answering(2, close)), ""},
		"Reply without a function":     {func(ctx context.Context, c *Conn) error { return c.Reply(ctx, 2, nil) }, "nil function"},
		"Pipe without a function":      {func(ctx context.Context, c *Conn) error { return c.Pipe(ctx, nil) }, "nil function"},
		"a Reader behind a Close":      {func(ctx context.Context, c *Conn) error { return readBehind(ctx, c, close) }, "closed by this side with 1000|EOF"},
		"a Writer behind a Close":      {func(ctx context.Context, c *Conn) error { return writeBehind(ctx, c, close) }, "closed by this side with 1000"},
		"a Writer whose context ended": {writerOfEndedContext, "1011 \"message was not finished\""},
		"a Reader of many goroutines":  {readerOfMany, ""},
		"a Writer of many goroutines":  {writerOfMany, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bare)
			addr := w.session(nil, func(ctx context.Context, c *Conn) error {
				for range 5 {
					if err := c.SendText(ctx, strings.Repeat("long ", 1000)); err != nil {
						return err
					}
				}
				return echoes(ctx, c)
			})
			c := w.open(addr, nil)
			over := make(chan error, 1)
			go func() { over <- guarded(func() error { return test.use(w.within(), c) }) }()
			if strings.HasPrefix(name, "Receive in") { // which would wait for more
				time.AfterFunc(5*soon, func() { c.Close(frame.Normal, "") })
			}
			select {
			case err := <-over:
				if test.want == "" {
					assert.True(w, err == nil || ordinary(err), "%v", err)
				} else if assert.Error(w, err) {
					assert.Regexp(w, test.want, err.Error())
				}
			case <-time.After(testTimeout):
				require.Fail(w, "it hangs")
			}
			c.Close(frame.Normal, "")
			afterwards(w, c)
		})
	}
}

func readBehind(ctx context.Context, c *Conn, end func(context.Context, *Conn) error) error {
	_, r, err := c.Reader(ctx)
	if err != nil {
		return err
	}
	end(ctx, c)
	for err == nil {
		_, err = r.Read(make([]byte, 100))
	}
	return err
}

func writeBehind(ctx context.Context, c *Conn, end func(context.Context, *Conn) error) error {
	out, err := c.Writer(ctx, frame.OpBinary)
	if err != nil {
		return err
	}
	if _, err = out.Write(make([]byte, 2*fragmentSize)); err != nil {
		return err
	}
	end(ctx, c)
	for range 100 {
		if _, err = out.Write(make([]byte, fragmentSize)); err != nil {
			break
		}
	}
	return errors.Join(err, out.Close())
}

func writerOfEndedContext(ctx context.Context, c *Conn) error {
	brief, cancel := context.WithCancel(ctx)
	defer cancel()
	out, err := c.Writer(brief, frame.OpBinary)
	if err != nil {
		return err
	}
	if _, err = out.Write(make([]byte, 2*fragmentSize)); err != nil {
		return err
	}
	cancel()
	for err == nil {
		_, err = out.Write(make([]byte, fragmentSize))
	}
	if err := out.Close(); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("Close: %w", err)
	}
	<-c.Done()
	return c.closeError()
}

func readerOfMany(ctx context.Context, c *Conn) error {
	_, r, err := c.Reader(ctx)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() { io.Copy(io.Discard, r) })
	}
	all.Wait()
	return nil
}

func writerOfMany(ctx context.Context, c *Conn) error {
	out, err := c.Writer(ctx, frame.OpBinary)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			for range 100 {
				out.Write(make([]byte, 1000))
			}
			out.Close()
		})
	}
	c.Discard()
	all.Wait()
	return nil
}

// Incoming has no error to tell a misuse by: the log has it.
func TestIncomingLogsAMisuse(t *testing.T) {
	w := newWorld(t, bare)
	var logged bytes.Buffer
	h := Session(func(ctx context.Context, c *Conn) error {
		c.NetConn(frame.OpText)
		<-c.Incoming(ctx)
		return nil
	})
	s := &Server{Server: quiet(h), System: w.system}
	s.ErrorLog = log.New(&logged, "", 0)
	c := w.open(w.run(s), nil)
	_, err := c.Receive(w.within())
	assert.Equal(w, frame.Normal, CloseCode(err))
	assert.Contains(w, logged.String(), "Incoming was closed")
	assert.Contains(w, logged.String(), "a NetConn was made")
}
