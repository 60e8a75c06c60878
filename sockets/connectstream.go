package sockets

import (
	"errors"
	"net"
	"net/http"
	"sync"

	"github.com/spindrift-go/spindrift/actors/tunnel"
)

// connectStream is the stream of an extended CONNECT, and who has it: nobody yet, the answer to
// the request, or a WebSocket.
type connectStream struct {
	w       http.ResponseWriter // for an answer; what is below it is net/http's own
	r       *http.Request       // as it came; nil when it is over
	info    *connInfo           // of the Server; nil: unknown
	local   net.Addr
	remote  net.Addr
	outside bool // of ExtendedConnect: whoever upgrades stays

	mu       sync.Mutex
	answered bool           // a header has been written, and not for a WebSocket
	replaced bool           // it was another one than the handler wanted
	tunnel   *tunnel.Tunnel // nil: no WebSocket has it
}

func newConnectStream(w http.ResponseWriter, r *http.Request) *connectStream {
	return &connectStream{w: w, r: r, local: localAddr(r), remote: remoteAddr(r.RemoteAddr)}
}

var errAnswered = errors.New("request was answered already")

// take makes a WebSocket of the stream, which begins with header.
func (s *connectStream) take(header http.Header) (*tunnel.Tunnel, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answered || s.tunnel != nil {
		return nil, errAnswered
	}
	w := bottomOf(s.w)
	switch w.(type) {
	case http.Flusher, interface{ FlushError() error }:
	default:
		return nil, http.ErrNotSupported
	}
	s.tunnel = tunnel.New(w, s.r.Body, header, s.local, s.remote)
	s.r = nil
	return s.tunnel, nil
}

// serve has next answer r, or sees to it that there is an answer. It returns the WebSocket that has come of it.
func (s *connectStream) serve(next http.Handler, r *http.Request) *tunnel.Tunnel {
	returned := false
	defer func() {
		if t := s.taken(); t != nil && !returned { // a panic
			go t.Reset()
			t.Serve()
		}
	}()
	next.ServeHTTP(&connectWriter{s.w, s}, r)
	returned = true
	if t := s.taken(); t != nil {
		return t
	}
	s.writeHeader(http.StatusOK) // as net/http would
	return nil
}

// stay stays as long as the WebSocket; of a nil stream it is nothing.
func (s *connectStream) stay() {
	if s != nil {
		if t := s.taken(); t != nil {
			t.Serve()
		}
	}
}

func (s *connectStream) taken() *tunnel.Tunnel {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tunnel
}

// state is what a handler may still do.
func (s *connectStream) state() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.tunnel != nil:
		return http.ErrHijacked
	case s.replaced:
		return errNoUpgrade
	}
	return nil
}

var errNoUpgrade = errors.New("an extended CONNECT that is no upgrade was answered with 501")

func (s *connectStream) writeHeader(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.answered || s.tunnel != nil:
	case status < 200:
		s.w.WriteHeader(status)
	case status < 300:
		s.answered, s.replaced = true, true
		refuse(http.StatusNotImplemented, "CONNECT to websocket is not served here").write(s.w, s.r)
	default:
		s.answered = true
		s.w.WriteHeader(status)
	}
}

// connectWriter is what a handler answers an extended CONNECT by.
type connectWriter struct {
	http.ResponseWriter
	stream *connectStream
}

// WriteHeader makes connectWriter an http.ResponseWriter.
func (w *connectWriter) WriteHeader(status int) { w.stream.writeHeader(status) }

// Write makes connectWriter an http.ResponseWriter.
func (w *connectWriter) Write(p []byte) (int, error) {
	w.stream.writeHeader(http.StatusOK)
	if err := w.stream.state(); err != nil {
		return 0, err
	}
	return w.ResponseWriter.Write(p)
}

// FlushError is what http.ResponseController calls.
func (w *connectWriter) FlushError() error {
	w.stream.writeHeader(http.StatusOK)
	if err := w.stream.state(); err != nil {
		return err
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Flush makes connectWriter an http.Flusher.
func (w *connectWriter) Flush() { w.FlushError() }

// Unwrap lets http.ResponseController reach the rest.
func (w *connectWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
