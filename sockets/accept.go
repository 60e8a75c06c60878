package sockets

import "net/http"

// Accept turns the connection of r into a WebSocket and returns it. If it returns an error,
// why it did not, r has been answered already. o may be nil: the defaults. Headers that were
// set in w go out with the answer.
//
// Nothing may have been written to w, by the handler or middleware. Over HTTP/2 that is an error. Over
// HTTP/1 net/http does not tell: the connection ends at once, for its client has got that answer
// and not the handshake's, "server did not upgrade (status 200)".
//
// The connection is a Server's, and part of its Shutdown and its caps, if it came in by one.
// It lives on when the handler returns: close it, usually by defer. A handler that waits in
// ServeHTTP costs 18 KB, of which net/http's own goroutine and buffers are 15; [Session] costs 5.
//
// Over HTTP/2 the handler needs a Server, or [ExtendedConnect] around it: the stream must not end
// before the connection does.
func Accept(w http.ResponseWriter, r *http.Request, o *Options) (*Conn, error) {
	c := newConn()
	s := &serving{upgrade: upgrade{terms: &UpgradeServer{Options: o, Value: c}, receiver: c.top(), byAccept: true}}
	if _, err := serve(nil, w, r, s); err != nil {
		return nil, err
	}
	if r.ProtoMajor >= 2 {
		go streamOf(w, r).stay() // the handler's goroutine is the program's until it returns
	}
	return c.whenOpen()
}
