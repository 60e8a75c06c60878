package sockets

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// session serves f at every path.
func (w *world) session(o *Options, f func(ctx context.Context, c *Conn) error) (addr string) {
	terms := w.terms(&UpgradeServer{Options: o})
	return w.dropIn(&SessionHandler{Serve: f, Options: terms.Options})
}

// open dials addr as ordinary code does.
func (w *world) open(addr string, o *Options) *Conn {
	w.Helper()
	scheme := "ws"
	if w.tls {
		scheme = "wss"
	}
	terms := w.terms(&UpgradeServer{Options: o})
	c, err := Dial(w.within(), scheme+"://"+addr+"/chat?room=7", &DialOptions{
		System: w.system, Options: terms.Options, Dialer: Dialer{TLS: clientTLS()},
	})
	require.NoError(w, err)
	w.Cleanup(c.Cut)
	return c
}

// within is a context that bounds a wait of the test.
func (w *world) within() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	w.Cleanup(cancel)
	return ctx
}

func echoes(ctx context.Context, c *Conn) error {
	for f, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		if err := c.Send(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// Both ends of a conversation are ordinary code.
func TestConversation(t *testing.T) {
	everywhere(t, func(w *world) {
		type greeting struct{ Name string }
		addr := w.session(nil, func(ctx context.Context, c *Conn) error {
			assert.Equal(w, "/chat?room=7", c.Request().URL.String())
			var g greeting
			if err := c.ReceiveJSON(ctx, &g); err != nil {
				return err
			}
			if err := c.SendText(ctx, "hello "+g.Name); err != nil {
				return err
			}
			return echoes(ctx, c)
		})
		c := w.open(addr, nil)
		ctx := w.within()
		require.NoError(w, c.SendJSON(ctx, greeting{"Ann"}))
		text, err := c.ReceiveText(ctx)
		require.NoError(w, err)
		assert.Equal(w, "hello Ann", text)
		for i := range 200 {
			require.NoError(w, c.SendBinary(ctx, bytes.Repeat([]byte{byte(i)}, i*50)))
		}
		for i := range 200 {
			p, err := c.ReceiveBinary(ctx)
			require.NoError(w, err)
			require.Equal(w, bytes.Repeat([]byte{byte(i)}, i*50), append([]byte{}, p...))
		}
		took, err := c.Ping(ctx)
		require.NoError(w, err)
		assert.Positive(w, took)
		require.NoError(w, c.Flush(ctx))
		assert.Nil(w, c.Closed())
		require.NoError(w, c.Close(frame.Normal, "bye"))
		require.NoError(w, c.Close(frame.Normal, "again"))
		require.NoError(w, c.Flush(ctx), "after a clean end")
		assert.Equal(w, frame.Normal, c.Closed().Code)
		assert.Equal(w, Local, c.Closed().By)
		assert.ErrorIs(w, c.Context().Err(), context.Canceled)
	})
}

// A session that returns closes the connection with what its error says.
func TestSessionEnds(t *testing.T) {
	for name, test := range map[string]struct {
		end    func(c *Conn) error
		code   frame.Code
		reason string
	}{
		"nil":              {func(*Conn) error { return nil }, frame.Normal, ""},
		"a frame's error":  {func(*Conn) error { return fmt.Errorf("no: %w", frame.Failure(4401, "who are you?")) }, 4401, "who are you?"},
		"another error":    {func(*Conn) error { return errors.New("broken") }, frame.InternalError, ""},
		"a panic":          {func(*Conn) error { panic("on purpose") }, frame.InternalError, ""},
		"an unsendable":    {func(*Conn) error { return &CloseError{Closed{Code: frame.Abnormal}} }, frame.InternalError, ""},
		"no JSON":          {func(c *Conn) error { return c.ReceiveJSON(c.Context(), new(int)) }, frame.InvalidPayload, "message does not decode"},
		"another type":     {func(c *Conn) error { _, err := c.ReceiveBinary(c.Context()); return err }, frame.UnsupportedData, "binary was expected"},
		"closed by itself": {func(c *Conn) error { c.Close(4000, "mine"); return errors.New("late") }, 4000, "mine"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bare)
			addr := w.session(nil, func(ctx context.Context, c *Conn) error { return test.end(c) })
			c := w.open(addr, nil)
			c.SendText(w.within(), "{") // for those who receive
			_, err := c.Receive(w.within())
			var end *CloseError
			require.ErrorAs(w, err, &end)
			assert.Equal(w, test.code, end.Code)
			assert.Equal(w, test.reason, end.Reason)
			assert.Equal(w, test.code, CloseCode(err))
			assert.Equal(w, Peer, end.By)
			assert.True(w, end.Clean)
		})
	}
}

// A session that says nothing new is not logged: any peer could fill the log by leaving one that waits for its context.
func TestSessionsThatAreNotLogged(t *testing.T) {
	for name, test := range map[string]struct {
		serve func(ctx context.Context, c *Conn) error
		said  string
	}{
		"its context": {func(ctx context.Context, c *Conn) error { c.Discard(); <-ctx.Done(); return ctx.Err() }, ""},
		"of its context": {func(ctx context.Context, c *Conn) error {
			c.Discard()
			<-ctx.Done()
			return fmt.Errorf("so: %w", context.Cause(ctx))
		}, ""},
		"another context":   {func(context.Context, *Conn) error { return context.Canceled }, "session failed"},
		"late, and another": {func(ctx context.Context, c *Conn) error { c.Discard(); <-ctx.Done(); return errors.New("broken") }, "broken"},
		"its stream": {func(_ context.Context, c *Conn) error {
			_, err := io.ReadFull(c.NetConn(frame.OpText), make([]byte, 1))
			return err
		}, ""},
		"its stream, in the middle": {func(_ context.Context, c *Conn) error {
			_, err := io.ReadFull(c.NetConn(frame.OpText), make([]byte, 8))
			return fmt.Errorf("so: %w", err)
		}, ""},
		"another stream": {func(_ context.Context, c *Conn) error { c.NetConn(frame.OpText); return io.EOF }, "session failed"},
		"another stream, late": {func(ctx context.Context, c *Conn) error {
			c.Discard()
			<-ctx.Done()
			return io.EOF
		}, "session failed"},
		"http's panic": {func(context.Context, *Conn) error { panic(http.ErrAbortHandler) }, ""},
		"a panic":      {func(context.Context, *Conn) error { panic("on purpose") }, "session panicked"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bare)
			var said lines
			s := &Server{Server: quiet(Session(test.serve)), System: w.system}
			said.to(s)
			c := w.open(w.run(s), nil)
			if strings.HasSuffix(name, "in the middle") {
				require.NoError(w, c.SendText(w.within(), "half"))
			}
			if test.said == "" || strings.Contains(name, "late") {
				c.Close(frame.Normal, "")
			}
			_, err := c.Receive(w.within())
			require.ErrorAs(w, err, new(*CloseError))
			require.NoError(w, s.Shutdown(w.within())) // which waits for sessions
			if test.said == "" {
				assert.Empty(w, said.String())
			} else {
				said.has(w, test.said)
			}
		})
	}
}

// A reader that is slow slows its peer down: what was not received is bounded, and nothing
// of it is lost, however the peer ends.
func TestConnIsSlowedByItsReader(t *testing.T) {
	everywhere(t, func(w *world) {
		const messages, size = 300, 8 << 10
		sent := make(chan int, 1)
		addr := w.session(nil, func(ctx context.Context, c *Conn) error {
			for i := range messages {
				if err := c.SendBinary(ctx, bytes.Repeat([]byte{byte(i)}, size)); err != nil {
					return err
				}
			}
			sent <- messages
			return nil
		})
		c := w.open(addr, nil)
		time.Sleep(50 * time.Millisecond)
		c.mu.Lock()
		waiting := len(c.queue)
		c.mu.Unlock()
		assert.LessOrEqual(w, waiting, defaultCreditFrames)
		for i := range messages {
			p, err := c.ReceiveBinary(w.within())
			require.NoError(w, err)
			require.Equal(w, byte(i), p[size-1])
		}
		_, err := c.Receive(w.within())
		assert.Equal(w, frame.Normal, CloseCode(err))
		<-sent
	})
}

// A sender waits for space, and so cannot become a slow consumer's victim; a context bounds
// the wait and leaves the connection as it was.
func TestSendWaitsForSpace(t *testing.T) {
	everywhere(t, func(w *world) {
		read := make(chan struct{})
		total := make(chan int, 1)
		addr := w.session(nil, func(ctx context.Context, c *Conn) error {
			<-read
			n := 0
			for f, err := range c.Messages(ctx) {
				if err != nil {
					return err
				}
				n += len(f.Payload)
			}
			total <- n
			return nil
		})
		c := w.open(addr, &Options{MaxOut: 256 << 10, MaxBurst: 256 << 10})
		const size = 16 << 10
		sent := 0
		for {
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			err := c.SendBinary(ctx, make([]byte, size))
			cancel()
			if err != nil {
				require.ErrorIs(w, err, context.DeadlineExceeded)
				break
			}
			if sent += size; sent > 64<<20 {
				require.Fail(w, "nobody waits")
			}
		}
		close(read)
		for range 100 {
			require.NoError(w, c.SendBinary(w.within(), make([]byte, size)))
			sent += size
		}
		require.NoError(w, c.Close(frame.Normal, ""))
		assert.Equal(w, sent, <-total)
	})
}

// A message of any length goes through a Writer and a Reader, a piece in memory at a time,
// and other messages wait for its end.
func TestReaderAndWriter(t *testing.T) {
	everywhere(t, func(w *world) {
		const size = 5 << 20
		sum := make(chan [32]byte, 1)
		o := &Options{Stream: true, MaxMessage: -1}
		addr := w.session(o, func(ctx context.Context, c *Conn) error {
			op, r, err := c.Reader(ctx)
			if err != nil {
				return err
			}
			assert.Equal(w, frame.OpBinary, op)
			_, err = c.Receive(ctx)
			assert.ErrorIs(w, err, ErrReaderOpen)
			h := sha256.New()
			if _, err := io.Copy(h, r); err != nil {
				return err
			}
			sum <- [32]byte(h.Sum(nil))
			return echoes(ctx, c)
		})
		c := w.open(addr, o)
		ctx := w.within()
		out, err := c.Writer(ctx, frame.OpBinary)
		require.NoError(w, err)
		brief, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
		_, err = c.Writer(brief, frame.OpText)
		require.ErrorIs(w, err, context.DeadlineExceeded)
		cancel()
		h := sha256.New()
		line := []byte(strings.Repeat("spindrift ", 101))
		for n := 0; n < size; n += len(line) {
			h.Write(line)
			_, err := out.Write(line)
			require.NoError(w, err)
			if n == 100*len(line) { // the message has begun to go out
				require.NoError(w, c.SendText(ctx, "in between"))
			}
		}
		require.NoError(w, out.Close())
		require.NoError(w, out.Close())
		_, err = out.Write(line)
		require.Error(w, err)
		assert.Equal(w, [32]byte(h.Sum(nil)), <-sum)
		text, err := c.ReceiveText(ctx)
		require.NoError(w, err)
		assert.Equal(w, "in between", text)
		require.NoError(w, c.Close(frame.Normal, ""))
	})
}

// A context that ends in the middle of a message costs nothing of it.
func TestReceiveGoesOn(t *testing.T) {
	w := newWorld(t, bare)
	var nobody context.Context
	addr := w.session(&Options{Stream: true}, func(ctx context.Context, c *Conn) error {
		for {
			brief, cancel := context.WithTimeout(ctx, 5*time.Millisecond)
			f, err := c.Receive(brief)
			cancel()
			switch {
			case err == nil:
				return c.Send(ctx, f)
			case !errors.Is(err, context.DeadlineExceeded):
				return err
			}
			_, _, err = c.Reader(nobody)
			assert.ErrorIs(w, err, ErrNilContext)
		}
	})
	p := w.upgrade(addr)
	for i := range 10 {
		op, fin := frame.OpContinuation, i == 9
		if i == 0 {
			op = frame.OpText
		}
		p.send(masked(frame.Fragment(op, fin, []byte("piece "))))
		time.Sleep(10 * time.Millisecond)
	}
	f := p.frame()
	assert.Equal(w, frame.OpText, f.Opcode)
	assert.Equal(w, strings.Repeat("piece ", 10), f.String())
	p.closes(frame.Normal)
	p.send(masked(frame.Close(frame.Normal, "")))
	p.eof()
}

// A connection that ends in the middle of a message that is read has ended for all calls.
func TestEndUnderAReader(t *testing.T) {
	w := newWorld(t, bare)
	c := w.open(w.session(nil, func(ctx context.Context, c *Conn) error {
		return errors.Join(c.Send(ctx, frame.Fragment(frame.OpText, false, []byte("half"))), frame.Failure(4001, "no more"))
	}), &Options{Stream: true})
	_, r, err := c.Reader(w.within())
	require.NoError(w, err)
	half, err := io.ReadAll(r)
	assert.Equal(w, "half", string(half))
	assert.Equal(w, frame.Code(4001), CloseCode(err))
	_, err = c.Receive(w.within())
	assert.Equal(w, frame.Code(4001), CloseCode(err), "%v", err)
	afterwards(w, c)
}

// After the end every call says how it was, and none hangs; who waits is woken.
func TestConnAfterTheEnd(t *testing.T) {
	everywhere(t, func(w *world) {
		hold := make(chan struct{})
		addr := w.session(nil, func(ctx context.Context, c *Conn) error {
			<-hold
			return frame.Failure(4002, "enough")
		})
		c := w.open(addr, nil)
		ctx := w.within()
		var waiting sync.WaitGroup
		for range 5 {
			waiting.Go(func() {
				_, err := c.Receive(ctx)
				var end *CloseError
				if assert.ErrorAs(w, err, &end) {
					assert.EqualValues(w, 4002, end.Code)
				}
			})
		}
		in := c.Incoming(ctx)
		time.Sleep(10 * time.Millisecond)
		close(hold)
		waiting.Wait()
		_, open := <-in
		assert.False(w, open)
		<-c.Done()
		_, ping := c.Ping(ctx)
		_, _, reader := c.Reader(ctx)
		_, writer := c.Writer(ctx, frame.OpText)
		for name, err := range map[string]error{"send": c.SendText(ctx, "x"), "ping": ping, "reader": reader, "writer": writer} {
			var end *CloseError
			assert.ErrorAs(w, err, &end, name)
		}
		assert.NoError(w, c.Close(frame.Normal, ""))
	})
}

// A Pong is the answer to all Pings before it, RFC 6455 5.5.3, however many these are.
func TestOnePongForManyPings(t *testing.T) {
	w := newWorld(t, bare)
	const many = 50
	conn := make(chan *Conn, 1)
	addr := w.session(nil, func(ctx context.Context, c *Conn) error {
		conn <- c
		return echoes(ctx, c)
	})
	p := w.upgrade(addr)
	c := <-conn
	answered := make(chan error)
	for range many {
		go func() {
			took, err := c.Ping(w.Context())
			assert.Positive(w, took)
			answered <- err
		}()
	}
	var last []byte
	for range many {
		f := p.frame()
		require.Equal(w, frame.OpPing, f.Opcode)
		last = f.Payload
	}
	p.send(masked(frame.Pong(last)))
	for range many {
		require.NoError(w, <-answered)
	}
}

// A peer that vanishes is an error, and its messages come first.
func TestConnIsLost(t *testing.T) {
	everywhere(t, func(w *world) {
		ended := make(chan error, 1)
		got := make(chan int, 1)
		addr := w.session(nil, func(ctx context.Context, c *Conn) error {
			n := 0
			for _, err := range c.Messages(ctx) {
				if err != nil {
					ended <- err
					break
				}
				n++
				time.Sleep(time.Millisecond)
			}
			got <- n
			return nil
		})
		p := w.upgrade(addr)
		p.send(numbered(100))
		time.Sleep(20 * time.Millisecond)
		p.reset()
		var end *CloseError
		require.ErrorAs(w, <-ended, &end)
		assert.Equal(w, frame.Abnormal, end.Code)
		assert.False(w, end.Clean)
		if !w.tls { // whose records may be cut
			assert.Equal(w, 100, <-got)
		}
	})
}

// A refusal is written, and an error for the program.
func TestAcceptRefuses(t *testing.T) {
	w := newWorld(t, bare)
	refused := make(chan error, 1)
	addr := w.dropIn(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, err := Accept(rw, r, nil)
		refused <- err
	}))
	p := w.dial(addr)
	p.send("GET / HTTP/1.1\r\nHost: " + addr + "\r\n\r\n")
	assert.Equal(w, http.StatusUpgradeRequired, p.answer("GET").StatusCode)
	var refusal *Refusal
	assert.ErrorAs(w, <-refused, &refusal)
}

// Accept works under servers that know nothing of us, inside ServeHTTP.
func TestAcceptInServeHTTP(t *testing.T) {
	everywhere(t, func(w *world) {
		terms := w.terms(&UpgradeServer{})
		h := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("X-Request-Id", "7")
			c, err := Accept(rw, r, terms.Options)
			if err != nil {
				return
			}
			defer c.Close(frame.Normal, "")
			echoes(r.Context(), c)
		})
		s := quiet(h)
		for name, addr := range map[string]string{"ours": w.dropIn(h), "http.Server": w.run(&s)} {
			c := w.open(addr, nil)
			assert.Equal(w, "7", c.Response().Header.Get("X-Request-Id"), name)
			require.NoError(w, c.SendText(w.within(), name))
			text, err := c.ReceiveText(w.within())
			require.NoError(w, err)
			assert.Equal(w, name, text)
			require.NoError(w, c.Close(frame.Normal, ""))
		}
	})
}

// What a session answers goes out before the peer's Close is answered: a message is worked
// through when the program comes for the next one.
func TestSessionAnswersBeforeTheClose(t *testing.T) {
	everywhere(t, func(w *world) {
		const messages = 100
		addr := w.session(nil, func(ctx context.Context, c *Conn) error {
			for f, err := range c.Messages(ctx) {
				if err != nil {
					return err
				}
				time.Sleep(100 * time.Microsecond)
				if err := c.Send(ctx, f); err != nil {
					return err
				}
			}
			return nil
		})
		p := w.upgrade(addr)
		p.send(numbered(messages), masked(frame.Close(frame.Normal, "")))
		for i := range messages {
			require.Equal(w, fmt.Sprint("message ", i), p.frame().String())
		}
		p.closes(frame.Normal)
		p.eof()
	})
}

// An error that does not tell the end of a connection has no close code: a loop that looks at
// the code alone must not take it for one.
func TestCloseCode(t *testing.T) {
	assert.Equal(t, frame.GoingAway, CloseCode(fmt.Errorf("read: %w", &CloseError{Closed{Code: frame.GoingAway}})))
	assert.Equal(t, frame.PolicyViolation, CloseCode(frame.Failure(frame.PolicyViolation, "no")))
	for _, err := range []error{nil, context.DeadlineExceeded, io.EOF, ErrNilFrame} {
		assert.Zero(t, CloseCode(err), "%v", err)
	}
}
