package sockets

import (
	"context"
	"errors"
	"net/http"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/internal/errorlog"
	"github.com/spindrift-go/spindrift/pipeline"
)

// Accept turns the connection of r into a WebSocket and returns it. If it returns an error,
// why it did not, r has been answered already. o may be nil: the defaults. Headers that were
// set in w go out with the answer.
//
// The connection is a Server's, and part of its Shutdown and its caps, if it came in by one.
// It lives on when the handler returns: close it, usually by defer. A handler that waits in
// ServeHTTP costs 18 KB, of which net/http's own goroutine and buffers are 15; [Session] costs 6.
//
// Over HTTP/2 the handler needs a Server, or [ExtendedConnect] around it: the stream must not end
// before the connection does.
func Accept(w http.ResponseWriter, r *http.Request, o *Options) (*Conn, error) {
	c := newConn()
	s := &serving{upgrade: upgrade{terms: &UpgradeServer{Options: o, Value: c}, receiver: c.top(), leaves: true}}
	if _, err := serve(nil, w, r, s); err != nil {
		return nil, err
	}
	if r.ProtoMajor >= 2 {
		go streamOf(w, r).stay() // the handler's goroutine is the program's until it returns
	}
	return c.whenOpen()
}

// SessionHandler is an http.Handler that runs a function for each WebSocket, see [Session].
// Use it by pointer, and do not change it after its first request.
type SessionHandler struct {
	Serve   func(ctx context.Context, c *Conn) error
	Options *Options         // nil: the defaults
	Stages  []pipeline.Stage // yours, the one next to the Conn first; a RateLimit for instance. Up they send frames
}

// Session returns an http.Handler that accepts every WebSocket and runs serve with it, on a
// goroutine of its own: an idle one costs less than a handler that waits in ServeHTTP. ctx
// is the connection's: it ends with it, and has the values of the request's.
//
// It counts for a Server's Shutdown and caps until serve has returned.
//
// When serve returns, the connection is closed: with 1000 if the error is nil; with the code
// and reason of a *frame.Error, or the code of a *[CloseError]; with 1007 for ReceiveJSON's
// error about a message that does not unmarshal, with 1003 for a *[MessageTypeError]; else with
// 1011, and the error is logged, by the server's ErrorLog or slog.Default. So is a panic, with
// its stack, but for http.ErrAbortHandler. That ctx ended with the connection is no error.
func Session(serve func(ctx context.Context, c *Conn) error) *SessionHandler {
	return &SessionHandler{Serve: serve}
}

// ServeHTTP upgrades r or refuses it, and returns. Over HTTP/2 without [ExtendedConnect], which
// a Server has, it returns when the connection has ended.
func (h *SessionHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := newConn()
	c.session = true
	terms := &UpgradeServer{Options: h.Options, Stages: h.Stages, Value: c}
	stream, err := serve(nil, w, r, &serving{upgrade: upgrade{terms: terms, receiver: c.top()}})
	defer stream.stay()
	if err != nil {
		return
	}
	if _, err = c.whenOpen(); err != nil {
		c.leave()
		return
	}
	go func() {
		defer c.leave() // also if Serve calls runtime.Goexit
		c.run(h.Serve, logOf(r), r.RemoteAddr)
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
		over := errors.Is(ended, context.Canceled) && c.Context().Err() != nil // why that ended is in Closed
		if !known && !over {
			code = frame.InternalError
			if p := (*panicked)(nil); errors.As(ended, &p) {
				c.handle.Panicked(p.reason)
			}
			sayFailed(log, ended, "peer", peer, "path", c.Request().URL.Path)
		}
		c.Close(code, reason)
	}()
	ended = guarded(func() error { return serve(c.Context(), c) })
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

// DialOptions are how [Dial] opens a connection. The zero value is ready.
type DialOptions struct {
	Header  http.Header        // added to the request: Origin, Cookie, Authorization
	Options *Options           // nil: the defaults
	Dialer  Dialer             // how to connect: TLS, proxy, timeout
	System  *actor.ActorSystem // nil: DefaultSystem
}

// Dial opens a WebSocket to a ws or wss URL. ctx bounds the wait and not the connection. o
// may be nil. The error is one line, without the URL's password, and wraps a
// *[HandshakeError] if the server has answered otherwise, a *[ProxyError] if its proxy has
// not connected.
func Dial(ctx context.Context, address string, o *DialOptions) (*Conn, error) {
	if o == nil {
		o = new(DialOptions)
	}
	c := newConn()
	if _, err := DialActor(ctx, o.System, address, o.upgrade(c)); err != nil {
		return nil, err
	}
	return c.whenOpen()
}

// upgrade is how c becomes a connection.
func (o *DialOptions) upgrade(c *Conn) *UpgradeClient {
	return &UpgradeClient{Header: o.Header, Options: o.Options, Dialer: o.Dialer, receiver: c.top()}
}

// whenOpen waits for the turn in which the connection begins, which may be its last.
func (c *Conn) whenOpen() (*Conn, error) {
	<-c.opened
	c.opened = nil // 96 bytes
	if c.upgraded == nil {
		return nil, c.closeError()
	}
	return c, nil
}
