package httpclient

import (
	"errors"
	"io"
	"net"
	"net/http"
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
