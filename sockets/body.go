package sockets

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// The defaults of actor mode.
const (
	defaultAnswerTimeout = 30 * time.Second
	defaultAnswerStall   = 10 * time.Second
	defaultIdleTimeout   = 60 * time.Second
	defaultMaxBody       = 1 << 20
	defaultBodyTimeout   = 30 * time.Second
)

// takeBody reads the body of r in net/http's goroutine, so that a listener never waits
// for a client; or, where it may not, bounds the time that reading it takes. It returns
// the request that the listener gets, net/http's own being as it came: that answers by what
// is left of its Body, at once if the client waits for a 100. Or it returns the answer if there is no more
// to do. A handshake has no body: one that announces a body is the upgrade's to refuse, and nobody waits for that body.
func (s *Server) takeBody(w http.ResponseWriter, r *http.Request) (*http.Request, *http.Response) {
	if r.Body == nil || r.Body == http.NoBody {
		return r, nil
	}
	timeout := or(s.BodyTimeout, defaultBodyTimeout)
	if s.BodyTimeout == 0 && s.ReadTimeout > 0 {
		timeout = 0
	}
	bound := &timedBody{ReadCloser: r.Body, control: http.NewResponseController(w)}
	if timeout > 0 {
		bound.set = bound.control.SetReadDeadline(time.Now().Add(timeout)) == nil
	}
	limit := s.MaxBody
	if limit == 0 {
		limit = defaultMaxBody
	}
	switch {
	case limit < 0:
		return withBody(r, bound), nil
	case r.Method == http.MethodGet && IsUpgrade(r):
		return withBody(r, handshakeBody{}), nil
	case r.ContentLength > limit:
		return r, refuse(http.StatusRequestEntityTooLarge, "body is too large").response(r)
	}
	body, err := io.ReadAll(io.LimitReader(bound, limit+1))
	switch {
	case int64(len(body)) > limit:
		return r, refuse(http.StatusRequestEntityTooLarge, "body is too large").response(r)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return r, refuse(http.StatusRequestTimeout, "body has not come in time").response(r)
	case err != nil:
		return r, refuse(http.StatusBadRequest, "body cannot be read").response(r)
	}
	return withBody(r, io.NopCloser(bytes.NewReader(body))), nil
}

func withBody(r *http.Request, body io.ReadCloser) *http.Request {
	own := *r
	own.Body = body
	return &own
}

// timedBody takes the deadline of a body away when all of it is there: net/http goes on
// reading, for the next request.
type timedBody struct {
	io.ReadCloser
	control *http.ResponseController
	set     bool
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && b.set && !errors.Is(err, os.ErrDeadlineExceeded) {
		b.set = false
		b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// handshakeBody is what a listener finds where a handshake announces a body. Any client can, so its listener must not wait for it.
type handshakeBody struct{}

var errHandshakeBody = errors.New("sockets: a handshake has no body")

func (handshakeBody) Read([]byte) (int, error) { return 0, errHandshakeBody }
func (handshakeBody) Close() error             { return nil }
