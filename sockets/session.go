package sockets

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/internal/errorlog"
	"github.com/spindrift-go/spindrift/pipeline"
)

// SessionHandler is an http.Handler that runs a function for each WebSocket, see [Session].
// Use it by pointer, and do not change it after its first request.
type SessionHandler struct {
	Serve   func(ctx context.Context, c *Conn) error
	Options *Options         // nil: the defaults
	Stages  []pipeline.Stage // yours, the one next to the Conn first; a RateLimit for instance. Up they send frames
	Drain   DrainOptions     // how Shutdown treats the connections

	upgraded connSet // of connections that came in by other servers than ours
}

// Session returns an http.Handler that accepts every WebSocket and runs serve with it, on a
// goroutine of its own: an idle one costs less than a handler that waits in ServeHTTP. ctx
// is the connection's: it ends with it, and has the values of the request's.
//
// ServeHTTP returns meanwhile. What a router or middleware takes back then, as chi does its routing
// context with URLParam, is another request's when serve looks at it. Request().PathValue is safe, and
// so is what a handler around the Session has looked at before:
//
//	r.Get("/rooms/{room}", func(w http.ResponseWriter, r *http.Request) {
//		room := chi.URLParam(r, "room")
//		sockets.Session(func(ctx context.Context, c *sockets.Conn) error { return talk(ctx, c, room) }).ServeHTTP(w, r)
//	})
//
// It counts for a Server's Shutdown and caps until serve has returned.
//
// When serve returns, the connection is closed: with 1000 if the error is nil; with the code
// and reason of a *frame.Error, or the code of a *[CloseError]; with 1007 for ReceiveJSON's
// error about a message that does not unmarshal, with 1003 for a *[MessageTypeError]; else with
// 1011, and the error is logged, by the server's ErrorLog or slog.Default. So is a panic, with
// its stack, but for http.ErrAbortHandler. That ctx ended with the connection is no error, nor is
// the io.EOF that its NetConn has then, or an io.ErrUnexpectedEOF.
//
// It panics if serve is nil.
func Session(serve func(ctx context.Context, c *Conn) error) *SessionHandler {
	if serve == nil {
		panic("sockets: Session of a nil function")
	}
	return &SessionHandler{Serve: serve}
}

var errNoServe = errors.New("the SessionHandler has no Serve: it is the function that gets the connection")

// ServeHTTP upgrades r or refuses it, and returns. Over HTTP/2 without [ExtendedConnect], which
// a Server has, it returns when the connection has ended.
func (h *SessionHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.Serve == nil {
		nobody := Handler{New: func(*http.Request) (*UpgradeServer, error) { return nil, errNoServe }}
		nobody.ServeHTTP(w, r)
		return
	}
	serveSession(w, r, h.Serve, &UpgradeServer{Options: h.Options, Stages: h.Stages}, &h.upgraded)
}

// serveSession upgrades r or refuses it, and has run called with the connection.
func serveSession(w http.ResponseWriter, r *http.Request, run func(context.Context, *Conn) error, terms *UpgradeServer, home *connSet) {
	c := newConn()
	c.session, terms.Value = true, c
	stream, err := serve(nil, w, r, &serving{upgrade: upgrade{terms: terms, receiver: c.top(), home: home}})
	defer stream.stay()
	if err != nil {
		return
	}
	if _, err = c.whenOpen(); err != nil {
		c.leave()
		return
	}
	go func() {
		defer c.leave() // also if run calls runtime.Goexit
		c.run(run, logOf(r), r.RemoteAddr)
	}()
}

// leave is the end of a session: a Shutdown waits for it.
func (c *Conn) leave() {
	c.abandon() // if Serve was never called
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session = false
	c.handle.WorkedThrough(c.held)
	c.held = 0
}

// run is a goroutine in which serve has c, and closes it.
func (c *Conn) run(serve func(ctx context.Context, c *Conn) error, log *errorlog.Log, peer string) {
	ended := errGoexit
	defer func() { // also if serve calls runtime.Goexit
		code, reason, known := closeOf(ended)
		if !known && !c.isItsEnd(ended) {
			code = frame.InternalError
			if p := (*panicked)(nil); errors.As(ended, &p) {
				c.handle.Panicked(p.reason)
			}
			sayFailed(log, ended, "peer", peer, "path", c.handshake.request.URL.Path)
		}
		c.Close(code, reason)
	}()
	ended = guarded(func() error { return serve(c.Context(), c) })
}

// isItsEnd reports whether err is how a session says that its connection has ended. Why that has is in Closed.
func (c *Conn) isItsEnd(err error) bool {
	switch {
	case errors.Is(err, context.Canceled):
		return c.Context().Err() != nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF): // of its NetConn
		return c.done.closed() && c.isStream()
	}
	return false
}

// sayFailed logs why a session has failed, unless it is to say nothing, as in net/http.
func sayFailed(log *errorlog.Log, why error, about ...any) {
	if p := (*panicked)(nil); errors.As(why, &p) {
		if p.reason == http.ErrAbortHandler {
			return
		}
		log.Error("session panicked", append(about, "reason", p.reason, "stack", string(p.stack))...)
	} else {
		log.Error("session failed", append(about, "error", why)...)
	}
}

// closeOf is the Close that err asks for. A CloseError's reason may be that of another
// connection, so it is not handed on.
func closeOf(err error) (code frame.Code, reason string, known bool) {
	var failure *frame.Error
	var end *CloseError
	var other *MessageTypeError
	switch {
	case err == nil:
		return frame.Normal, "", true
	case errors.As(err, &end):
		return end.Code.Sendable(), "", true
	case errors.As(err, &failure):
		return failure.Code.Sendable(), failure.Reason, true
	case errors.As(err, new(*notJSON)):
		return frame.InvalidPayload, "message does not decode", true
	case errors.As(err, &other):
		return frame.UnsupportedData, other.Want.String() + " was expected", true
	}
	return 0, "", false
}

// CloseCode is the close code that err carries: of a *[CloseError], a *frame.Error or a
// *[Disconnected] that tells of a connection. For nil
// and for any other error, such as that of a context, it is 0, which is no close code: the
// connection may go on.
func CloseCode(err error) frame.Code {
	var failure *frame.Error
	var end *CloseError
	var away *Disconnected
	switch {
	case errors.As(err, &end):
		return end.Code
	case errors.As(err, &away) && away.Closed != nil:
		return away.Closed.Code
	case errors.As(err, &failure):
		return failure.Code
	}
	return 0
}
