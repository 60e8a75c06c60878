package sockets

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/internal/testcert"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What users of other libraries complain of: each is said of a Conn or a net.Conn of one, whose peer echoes.
func TestComplaints(t *testing.T) {
	for name, complaint := range map[string]func(w *world, c *Conn){
		"a Receive whose context had ended costs nothing": func(w *world, c *Conn) {
			_, err := c.Receive(ended())
			require.ErrorIs(w, err, context.Canceled)
			stillAnswers(w, c)
		},
		"a message that is there is received whatever the context says, or the next time": func(w *world, c *Conn) {
			require.NoError(w, c.SendText(w.within(), "x"))
			require.True(w, until(c.hasUnread))
			if _, err := c.Receive(ended()); err != nil {
				_, err = c.Receive(w.within())
				require.NoError(w, err)
			}
			stillAnswers(w, c)
		},
		"JSON from many goroutines": func(w *world, c *Conn) {
			var all sync.WaitGroup
			for i := range 10 {
				all.Go(func() {
					for range 50 {
						assert.NoError(w, c.SendJSON(w.within(), []int{i}))
					}
				})
			}
			for range 500 {
				var got []int
				require.NoError(w, c.ReceiveJSON(w.within(), &got))
			}
			all.Wait()
		},
		"an empty message is no end of a stream of JSON": func(w *world, c *Conn) {
			require.NoError(w, c.SendText(w.within(), ""))
			err := c.ReceiveJSON(w.within(), new(int))
			assert.Error(w, err)
			assert.NotErrorIs(w, err, io.EOF)
			stillAnswers(w, c)
		},
		"JSON behind JSON in one message is not passed over": func(w *world, c *Conn) {
			require.NoError(w, c.SendText(w.within(), "{} {}"))
			assert.ErrorContains(w, c.ReceiveJSON(w.within(), &struct{}{}), "after top-level value")
			stillAnswers(w, c)
		},
		"a decoder that has its value, and does not look for the end of the message": func(w *world, c *Conn) {
			for _, value := range []string{`{"a":1}`, `[1]` + "\n", `"` + strings.Repeat("x", 100_000) + `"`} {
				require.NoError(w, c.SendText(w.within(), value))
				_, r, err := c.Reader(w.within())
				require.NoError(w, err)
				require.NoError(w, json.NewDecoder(r).Decode(new(any)))
				stillAnswers(w, c)
				n, err := r.Read(make([]byte, 9))
				require.Equal(w, "0 EOF", fmt.Sprint(n, " ", err))
			}
		},
		"a decoder whose buffer ends with its value, in front of an encoder's new line": func(w *world, c *Conn) {
			left := 0
			for size := 505; size < 520; size++ { // a decoder begins with 512
				require.NoError(w, c.SendText(w.within(), `"`+strings.Repeat("x", size-2)+"\"\r\n"))
				_, r, err := c.Reader(w.within())
				require.NoError(w, err)
				d := json.NewDecoder(r)
				require.NoError(w, d.Decode(new(any)))
				stillAnswers(w, c)
				rest, err := io.ReadAll(r)
				require.NoError(w, err)
				left += len(rest)
				buffered, _ := io.ReadAll(d.Buffered())
				assert.Equal(w, "\r\n", string(buffered)+string(rest))
				stillAnswers(w, c)
			}
			assert.Positive(w, left, "no buffer has ended there")
		},
		"Receive after the end again and again": func(w *world, c *Conn) {
			c.Close(frame.Normal, "")
			for range 2000 {
				_, err := c.Receive(w.within())
				require.Equal(w, frame.Normal, CloseCode(err))
			}
		},
		"a message to who does not receive any more holds nothing up": func(w *world, c *Conn) {
			c.Discard()
			for range 3 * defaultCreditFrames {
				require.NoError(w, c.SendText(w.within(), strings.Repeat("x", 1000)))
			}
			require.NoError(w, c.Close(frame.Normal, ""))
		},
		"Messages whose context ends says so": func(w *world, c *Conn) {
			for _, err := range c.Messages(ended()) {
				require.ErrorIs(w, err, context.Canceled)
			}
			stillAnswers(w, c)
		},
		"a deadline that passes while nobody reads or writes": func(w *world, c *Conn) {
			n := c.NetConn(frame.OpBinary)
			n.SetDeadline(time.Now().Add(time.Millisecond))
			require.True(w, until(func() bool { return n.(*netConn).reads.Err() != nil && n.(*netConn).writes.Err() != nil }))
			_, err := n.Write([]byte("x"))
			require.ErrorIs(w, err, os.ErrDeadlineExceeded)
			n.SetDeadline(time.Time{})
			_, err = n.Write([]byte("y"))
			require.NoError(w, err)
			b := make([]byte, 9)
			k, err := n.Read(b)
			require.NoError(w, err)
			assert.Equal(w, "y", string(b[:k]))
		},
		"lines by a bufio.Scanner, longer than a message": func(w *world, c *Conn) {
			n := c.NetConn(frame.OpText)
			go func() {
				for i := range 100 {
					fmt.Fprintln(n, i, strings.Repeat("ä", 20_000))
				}
			}()
			lines := bufio.NewScanner(n)
			lines.Buffer(nil, 1<<20)
			for i := range 100 {
				require.True(w, lines.Scan(), "%v", lines.Err())
				require.Equal(w, fmt.Sprint(i, " ", strings.Repeat("ä", 20_000)), lines.Text())
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bare)
			complaint(w, w.open(w.session(nil, echoes), nil))
		})
	}
}

// stillAnswers requires that c is as usable as before.
func stillAnswers(w *world, c *Conn) {
	w.Helper()
	require.NoError(w, c.SendText(w.within(), "still there?"))
	got, err := c.ReceiveText(w.within())
	require.NoError(w, err)
	require.Equal(w, "still there?", got)
}

// A message in pieces is over with the last byte of its last piece.
func TestReaderAtTheLastByte(t *testing.T) {
	w := newWorld(t, bare)
	got := make(chan string)
	p := w.upgrade(w.session(&Options{Stream: true}, func(ctx context.Context, c *Conn) error {
		_, r, err := c.Reader(ctx)
		if err != nil {
			return err
		}
		whole := make([]byte, 8)
		for n := 0; n < len(whole); {
			k, err := r.Read(whole[n : n+2])
			if err != nil {
				return err
			}
			n += k
			if _, err := c.Receive(ended()); n < len(whole) {
				assert.ErrorIs(w, err, ErrReaderOpen)
			} else {
				assert.ErrorIs(w, err, context.Canceled)
			}
		}
		got <- string(whole)
		text, err := c.ReceiveText(ctx)
		got <- text
		return err
	}))
	p.send(masked(frame.Fragment(frame.OpText, false, []byte("half"))), masked(frame.Fragment(frame.OpContinuation, true, []byte("half"))))
	assert.Equal(w, "halfhalf", <-got)
	p.send(masked(frame.Text("the next")))
	assert.Equal(w, "the next", <-got)
}

// Who gives up a message in its middle, because the context has ended, receives the next one.
func TestReaderIsGivenUp(t *testing.T) {
	w := newWorld(t, bare)
	half, got := make(chan error), make(chan string)
	p := w.upgrade(w.session(&Options{Stream: true}, func(ctx context.Context, c *Conn) error {
		brief, cancel := context.WithCancel(ctx)
		defer cancel()
		_, r, err := c.Reader(brief)
		if err != nil {
			return err
		}
		_, err = io.ReadFull(r, make([]byte, 4))
		half <- err
		cancel()
		for range 2 {
			_, err = r.Read(make([]byte, 4))
			half <- err
		}
		_, err = c.Receive(ended())
		half <- err
		text, _ := c.ReceiveText(ctx) // "" is not what is expected
		got <- text
		_, err = r.Read(make([]byte, 4))
		half <- err
		return err
	}))
	p.send(masked(frame.Fragment(frame.OpText, false, []byte("half"))))
	require.NoError(w, <-half)
	for range 3 {
		require.ErrorIs(w, <-half, context.Canceled)
	}
	p.send(masked(frame.Fragment(frame.OpContinuation, false, []byte(" and half"))), masked(frame.Fragment(frame.OpContinuation, true, nil)))
	p.send(masked(frame.Text("the next")))
	assert.Equal(w, "the next", <-got)
	assert.ErrorIs(w, <-half, context.Canceled)
}

// ended is a context that has.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// The context of a Dial is not the connection's.
func TestDialContextEndsLater(t *testing.T) {
	w := newWorld(t, bare)
	ctx, cancel := context.WithCancel(context.Background())
	c, err := Dial(ctx, w.url(w.session(nil, echoes)), &DialOptions{System: w.system})
	require.NoError(w, err)
	defer c.Close(frame.Normal, "")
	cancel()
	stillAnswers(w, c)
}

// Protocols that want every word of what package net says of a net.Conn: TLS and HTTP, one in the other.
func TestNetConnCarriesTLSAndHTTP(t *testing.T) {
	w := newWorld(t, bare)
	conns := make(chan net.Conn)
	addr := w.session(nil, func(_ context.Context, c *Conn) error {
		conns <- c.NetConn(frame.OpBinary)
		<-c.Done()
		return nil
	})
	s := &http.Server{TLSConfig: testcert.Server(), ErrorLog: silent, Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		io.Copy(rw, r.Body)
	})}
	l := &oneByOne{conns: conns, closed: make(chan struct{})}
	done := make(chan struct{})
	go func() { defer close(done); s.ServeTLS(l, "", "") }()
	transport := &http.Transport{DialTLSContext: func(context.Context, string, string) (net.Conn, error) {
		nc := tls.Client(w.open(addr, nil).NetConn(frame.OpBinary), testcert.Client())
		return nc, nc.Handshake()
	}}
	client := &http.Client{Transport: transport}
	for range 3 {
		sent := strings.Repeat("body ", 100_000)
		answer, err := client.Post("https://a.example/", "text/plain", strings.NewReader(sent))
		require.NoError(w, err)
		got, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		require.NoError(w, err)
		require.Equal(w, sent, string(got))
	}
	transport.CloseIdleConnections()
	s.Close()
	<-done
}

// oneByOne is a listener of net.Conns that come by a channel.
type oneByOne struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *oneByOne) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l *oneByOne) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *oneByOne) Addr() net.Addr { return connAddr("a WebSocket") }

// A program that wants another connection cuts the one that it has.
func TestReconnectingCutsToReconnect(t *testing.T) {
	w := newWorld(t, bare)
	c := w.dialReconnecting(w.session(nil, echoes), &Reconnect{Backoff: fast, Final: func(d *Disconnected) bool { return d.Attempts > 3 }})
	for range 3 {
		conn, err := c.Conn(w.within())
		require.NoError(w, err)
		require.NoError(w, c.SendText(w.within(), "x"))
		_, err = c.ReceiveText(w.within())
		require.NoError(w, err)
		conn.Cut()
		assert.True(w, errors.Is(conn.Closed().Err, ErrCut))
	}
	took, err := c.Ping(w.within())
	require.NoError(w, err)
	assert.Positive(w, took)
}
