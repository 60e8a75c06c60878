package httpclient

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// farewell is a conn whose other end takes one piece, says why it ends if it does, and ends.
type farewell struct {
	net.Conn
	why   error
	wrote bool
	ended chan struct{}
}

func (c *farewell) Write(p []byte) (int, error) {
	if c.wrote {
		close(c.ended)
		return 0, io.ErrClosedPipe
	}
	c.wrote = true
	return len(p), nil
}

func (c *farewell) Read([]byte) (int, error)        { <-c.ended; return 0, c.why }
func (c *farewell) SetReadDeadline(time.Time) error { return nil }
func (c *farewell) Close() error                    { return nil }

// Where a request cannot be written, because its other end has ended, what that has said by TLS is why.
func TestWhatTLSHasSaid(t *testing.T) {
	alert := &net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}
	for why, want := range map[error]error{
		alert:  alert,
		io.EOF: io.ErrClosedPipe,
		&net.OpError{Op: "read", Err: errors.New("connection reset by peer")}: io.ErrClosedPipe,
	} {
		request := func() *http.Request {
			r, err := http.NewRequest("GET", "http://a.example/", nil)
			require.NoError(t, err)
			r.Header.Set("X", strings.Repeat("x", 20_000))
			return r
		}
		_, err := New(&farewell{why: why, ended: make(chan struct{})}).Ask(t.Context(), request())
		assert.ErrorIs(t, err, want)

		told := make(chan any, 2)
		r := &Requester{Client: New(&farewell{why: why, ended: make(chan struct{})}), Report: func(news any) { told <- news }}
		go r.Listen()
		r.Ask(&Call{Request: request()})
		answered, ok := (<-told).(*Answered)
		require.True(t, ok)
		assert.ErrorIs(t, answered.Err, want)
	}
}

// halfAsked is a conn that takes half of a request, and answers with 101.
type halfAsked struct {
	farewell
	answer io.Reader
}

func (c *halfAsked) Read(p []byte) (int, error) { <-c.ended; return c.answer.Read(p) }

// whatever agrees on everything.
type whatever struct{ request *http.Request }

func (w whatever) Handshake(*url.URL) (*http.Request, error) { return w.request, nil }
func (whatever) Agree(*http.Response) error                  { return nil }

// Nobody has agreed on an upgrade that was asked for by half a request.
func TestUpgradeOfHalfARequest(t *testing.T) {
	conn := &halfAsked{farewell{ended: make(chan struct{})}, strings.NewReader("HTTP/1.1 101 Switching Protocols\r\n\r\n")}
	request, err := http.NewRequest("GET", "http://a.example/", nil)
	require.NoError(t, err)
	request.Header.Set("X", strings.Repeat("x", 20_000))
	told := make(chan any, 2)
	r := &Requester{Client: New(conn), Report: func(news any) { told <- news }}
	go r.Listen()
	r.Ask(&Call{Upgrade: whatever{request}})
	answered, ok := (<-told).(*Answered)
	require.True(t, ok)
	assert.ErrorIs(t, answered.Err, io.ErrClosedPipe)
}
