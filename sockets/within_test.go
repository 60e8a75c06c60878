package sockets

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stubborn is a conn whose deadlines do nothing, and whose Close does not end a Read.
type stubborn struct {
	net.Conn
	over <-chan struct{}
}

func (s stubborn) Read([]byte) (int, error) { <-s.over; return 0, io.EOF }

func (stubborn) SetDeadline(time.Time) error { return nil }

func (stubborn) SetReadDeadline(time.Time) error { return nil }

func (stubborn) SetWriteDeadline(time.Time) error { return nil }

func (stubborn) Write(p []byte) (int, error) { return len(p), nil }

func (s stubborn) Close() error { return errors.New("no") }

func (stubborn) RemoteAddr() net.Addr { return &net.TCPAddr{} }

func (stubborn) LocalAddr() net.Addr { return &net.TCPAddr{} }

// No wait depends on what a conn can do.
func TestStubbornConn(t *testing.T) {
	w := newWorld(t, bare)
	over := make(chan struct{})
	d := Dialer{Timeout: soon, NetDial: func(context.Context, string, string) (net.Conn, error) { return stubborn{over: over}, nil }}
	u := w.client(w.handler())
	u.Dialer = d
	_, err := DialActor(t.Context(), w.system, "ws://localhost", u)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = DialActor(t.Context(), w.system, "wss://localhost", u)
	assert.ErrorIs(t, err, context.DeadlineExceeded)

	conn, err := Connect(t.Context(), w.system, "ws://localhost", &d)
	require.NoError(t, err)
	assert.ErrorIs(t, w.ask(conn, w.get("/")).(error), context.DeadlineExceeded)
	gone(w, conn)

	u.Dialer.NetDial = func(context.Context, string, string) (net.Conn, error) { <-over; return nil, io.EOF }
	_, err = DialActor(t.Context(), w.system, "ws://localhost", u)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	close(over)
}

// A dial that is given up lets go of its socket at once.
func TestDialGivenUpCloses(t *testing.T) {
	w := newWorld(t, bare)
	ended := make(chan struct{})
	addr, _ := w.script(func(p *peer) {
		defer close(ended)
		http.ReadRequest(p.in)
		p.in.ReadByte()
	})
	u := w.client(w.handler())
	u.Dialer.Timeout = soon
	_, err := DialActor(t.Context(), w.system, w.url(addr), u)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	select {
	case <-ended:
	case <-time.After(testTimeout / 2): // the peer's own time is longer
		t.Fatal("the socket is still open")
	}
}
