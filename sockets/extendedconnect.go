package sockets

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spindrift-go/spindrift/actors/tunnel"
)

// connectOffered reports whether the servers of this process offer WebSockets over HTTP/2:
// net/http has read the same when the program started.
var connectOffered = strings.Contains(os.Getenv("GODEBUG"), "http2xconnect=1")

// ExtendedConnect returns a handler that serves WebSockets over HTTP/2, RFC 8441, with the routes
// of next, as they were written for HTTP/1.1. A [Server] does this by itself; it is for a program
// that has another server, goes around all other middleware, and changes no other request. That
// they are offered at all is package sockets/http2's doing.
//
//   - next sees the handshake as a GET without a body: its routes match, its middleware does what
//     it does over HTTP/1.1, and IsUpgrade is true. Request.Proto is "HTTP/2.0".
//   - The stream lasts when next has returned, so access logs and durations are as over HTTP/1.1.
//     If next panics, it ends.
//   - What is no upgrade is answered with 501: to a client, a 200 would be one. Answers from 300 up
//     go out as they are.
//   - An extended CONNECT to another protocol is answered with 501; a plain CONNECT is next's.
//
// A Handler, a Session or Upgrade without ExtendedConnect serves an extended CONNECT as well, as
// long as its route has no method; it then returns when the stream has ended. Accept answers 501.
func ExtendedConnect(next http.Handler) http.Handler { return &extendedConnect{next: next} }

type extendedConnect struct {
	next http.Handler // nil: http.DefaultServeMux
	info *connInfo    // of the Server; nil: unknown
}

// The defaults of http.HTTP2Config where WebSockets are served. net/http's own window of a stream
// is as large as that of the connection, so a client that sends much to one handler that is slow
// would keep all others of its streams from sending. And nobody else ends a connection that takes
// nothing, with the goroutines of its streams.
const (
	streamWindow     = 64 << 10
	writeByteTimeout = 30 * time.Second
)

// offerConnect has s serve what net/http offers.
func (s *Server) offerConnect(here *connInfo) {
	s.Handler = &extendedConnect{next: s.Handler, info: here}
	var config http.HTTP2Config
	if s.HTTP2 != nil {
		config = *s.HTTP2
	}
	config.MaxReceiveBufferPerStream = cmp.Or(config.MaxReceiveBufferPerStream, streamWindow)
	config.WriteByteTimeout = cmp.Or(config.WriteByteTimeout, writeByteTimeout)
	s.HTTP2 = &config
}

func (e *extendedConnect) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if t := e.answer(w, r); t != nil {
		// In here the goroutine spends the life of the stream. It is t.Serve, but for a frame less on its stack: with 1.2 KB of
		// them in use the garbage collector leaves it a stack of 4 KB, and with more one of 8 (TestIdleMemory).
		for t.Next() {
			_, err := t.Body.Read(nil)
			t.Arrived(err)
		}
	}
}

// answer has r answered. If a WebSocket comes of it, that is returned for the caller to read.
func (e *extendedConnect) answer(w http.ResponseWriter, r *http.Request) *tunnel.Tunnel {
	next := e.next
	if next == nil {
		next = http.DefaultServeMux
	}
	if r.ProtoMajor < 2 || r.Header[":protocol"] == nil {
		next.ServeHTTP(w, r)
		return nil
	}
	if refused := checkConnect(r); refused != nil {
		e.refuse(w, r, refused)
		return nil
	}
	s := newConnectStream(w, r)
	s.info = e.info
	get := r.WithContext(&connectContext{r.Context(), s})
	get.Method = http.MethodGet
	get.Body, get.ContentLength = http.NoBody, 0
	if t := s.serve(next, get); t != nil && t.Begin() {
		return t
	}
	return nil
}

// refuse answers a request that comes to no route. The server's observers hear of it if it was for a WebSocket.
func (e *extendedConnect) refuse(w http.ResponseWriter, r *http.Request, why *Refusal) {
	if isWebSocket(r) && e.info != nil {
		if told := observe(handshakeOf(r), e.info.upgraded.observers); told != nil {
			told.request = r
			told.refused(why, logOf(r))
		}
	}
	why.write(w, r)
}

// checkConnect judges an extended CONNECT, which net/http has found to have all that any request
// over HTTP/2 must have.
func checkConnect(r *http.Request) *Refusal {
	switch {
	case r.Method != http.MethodConnect:
		return refuse(http.StatusBadRequest, ":protocol is of CONNECT only")
	case !isWebSocket(r):
		return refuse(http.StatusNotImplemented, "CONNECT is served to websocket only")
	case r.ContentLength >= 0: // the stream has ended, or will
		return refuse(http.StatusBadRequest, "handshake has a body, or has ended its stream")
	}
	return nil
}

// isWebSocket reports whether r, over HTTP/2, names the protocol that is ours.
func isWebSocket(r *http.Request) bool {
	p := r.Header[":protocol"]
	return len(p) == 1 && strings.EqualFold(p[0], "websocket")
}

// write answers r, over HTTP/2.
func (e *Refusal) write(w http.ResponseWriter, r *http.Request) {
	a := e.response(r)
	h := w.Header()
	clear(h)
	for name, values := range a.Header {
		h[name] = values
	}
	w.WriteHeader(a.StatusCode)
	w.Write([]byte(oneLine(e.Reason) + "\n"))
}

// connectContext is the context of a request that came by a stream.
type connectContext struct {
	context.Context
	stream *connectStream
}

// Value makes connectContext a context.Context.
func (c *connectContext) Value(key any) any {
	if key == (connectKey{}) {
		return c.stream
	}
	return c.Context.Value(key)
}

type connectKey struct{}

// streamOf is the stream that r came by, found by its context, or by w where middleware has
// replaced that. It is nil outside of ExtendedConnect.
func streamOf(w http.ResponseWriter, r *http.Request) *connectStream {
	if s, ok := r.Context().Value(connectKey{}).(*connectStream); ok {
		return s
	}
	for {
		switch x := w.(type) {
		case *connectWriter:
			return x.stream
		case interface{ Unwrap() http.ResponseWriter }:
			w = x.Unwrap()
		default:
			return nil
		}
	}
}

// findStream finds the stream that r came by. One that it makes, outside of ExtendedConnect, is
// returned: somebody has to stay for it.
func (u *upgrade) findStream(w http.ResponseWriter, r *http.Request) (stays *connectStream) {
	if r.ProtoMajor < 2 || !IsUpgrade(r) {
		return nil
	}
	if u.stream == nil {
		u.stream = streamOf(w, r)
	}
	if u.stream == nil && r.Method == http.MethodConnect {
		u.stream = newConnectStream(w, r)
		u.stream.outside = true
	}
	if u.stream != nil && u.stream.outside {
		return u.stream
	}
	return nil
}

// checkStream judges what the request alone does not say.
func (u *upgrade) checkStream() *Refusal {
	switch s := u.stream; {
	case s == nil:
		return refuse(http.StatusBadRequest, "handshake over HTTP/2 has no stream")
	case s.outside && u.byAccept:
		logOf(u.request).Error("Accept over HTTP/2 needs a sockets.Server, or sockets.ExtendedConnect around the handler", "path", u.request.URL.Path)
		return refuse(http.StatusNotImplemented, "CONNECT to websocket is not served here")
	case s.outside:
		return checkConnect(u.request)
	}
	return nil
}

// bottomOf is what is below all that middleware has put around a ResponseWriter.
func bottomOf(w http.ResponseWriter) http.ResponseWriter {
	for {
		over, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = over.Unwrap()
	}
}

// remoteAddr is the address of a request's peer as a net.Addr.
type remoteAddr string

func (remoteAddr) Network() string  { return "tcp" }
func (a remoteAddr) String() string { return string(a) }

func localAddr(r *http.Request) net.Addr {
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		return a
	}
	return remoteAddr("")
}
