// Package answering is how an *http.Response of an actor's becomes the answer of net/http's goroutine, to a client that
// may take its time, or leave. It knows nothing of actors and of connections.
package answering

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Answer is whom to answer, and how.
type Answer struct {
	Request  *http.Request
	Writer   http.ResponseWriter
	Stall    time.Duration // in which nothing of the answer moves; then the connection is closed; 0: any
	Conn     net.Conn      // that the request came by, to see whether the client has reset it; nil: unknown
	Mistakes Mistakes
}

// Mistakes is where the program hears of its own.
type Mistakes interface {
	Say(what string, args ...any)
}

// Left reports whether the client is gone. Over HTTP/1 the end of the request's context
// does not say so, the socket does.
func (a *Answer) Left() bool {
	if a.Request.ProtoMajor >= 2 {
		return a.Request.Context().Err() != nil
	}
	return a.Conn != nil && isReset(a.Conn)
}

// Write answers with r, and ends the connection if r says so.
func (a *Answer) Write(r *http.Response) {
	r = a.write(r)
	if r.Close && a.Request.ProtoMajor == 1 {
		part(a.Writer, r.StatusCode)
	}
}

// write answers with r as a handler of net/http's would, and closes the body on every
// road. A body that fails cannot be told from a complete one by an orderly end, so then
// it panics with http.ErrAbortHandler, as httputil.ReverseProxy does.
func (a *Answer) write(r *http.Response) (written *http.Response) {
	status := r.StatusCode
	if status == 0 {
		status = http.StatusOK
	}
	if status < 100 || status > 999 { // net/http would panic, and close no body
		a.Mistakes.Say("answer with an invalid status code", "status", status)
		Discard(r)
		r = Plain(http.StatusInternalServerError, "invalid answer")
		status = r.StatusCode
	}
	given := false // to who copies the body, and closes it
	defer func() {
		if !given {
			Discard(r)
		}
	}()
	h := a.Writer.Header()
	for name, values := range r.Header {
		h[name] = values
	}
	if r.Close && a.Request.ProtoMajor < 2 { // over HTTP/2 it would be the end of all other streams
		if h.Set("Connection", "close"); h["Upgrade"] != nil { // RFC 9110 7.8: it names that as well
			h.Set("Connection", "close, Upgrade")
		}
	}
	if r.ContentLength > 0 {
		h.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
	copied := r.Body != nil && r.Body != http.NoBody && a.Request.Method != http.MethodHead &&
		status != http.StatusNoContent && status != http.StatusNotModified && status != http.StatusSwitchingProtocols
	announced := 0
	if copied {
		if announced = announce(h, r.Trailer); announced > 0 && a.Request.ProtoMajor == 1 {
			h.Del("Content-Length") // trailers are of chunks
		}
	}
	out := a.slowWriter()
	out.extend(time.Now())
	a.Writer.WriteHeader(status)
	if copied {
		given = true
		a.copyBody(r, out, announced)
	}
	return r
}

// copyBody writes the body of r, and the trailers that come with it.
func (a *Answer) copyBody(r *http.Response, out slowWriter, announced int) {
	var n int64
	var ok bool
	streamed := r.ContentLength < 0 || strings.HasPrefix(strings.ToLower(a.Writer.Header().Get("Content-Type")), "text/event-stream")
	if !streamed && announced == 0 && inMemory(r.Body) {
		n, ok = a.copyMemory(r.Body, out)
	} else {
		b := &body{Answer: *a, ReadCloser: r.Body, out: out}
		ok = b.copy(streamed, announced > 0)
		n = b.copied
	}
	if !ok {
		return
	}
	if r.ContentLength > n && announced == 0 { // net/http closes the connection
		a.Mistakes.Say("answer's body is shorter than its ContentLength")
	}
	for name, values := range r.Trailer {
		if len(r.Trailer) != announced { // some came with the body
			name = http.TrailerPrefix + name
		}
		a.Writer.Header()[name] = values
	}
}

// announce has the header say which trailers follow, and counts them.
func announce(h http.Header, trailer http.Header) int {
	if len(trailer) == 0 {
		return 0
	}
	said := map[string]bool{}
	for _, v := range h["Trailer"] {
		for name := range strings.SplitSeq(v, ",") {
			said[http.CanonicalHeaderKey(strings.TrimSpace(name))] = true
		}
	}
	for name := range trailer {
		if !said[http.CanonicalHeaderKey(name)] {
			h.Add("Trailer", name)
		}
	}
	return len(trailer)
}

// part has net/http close the connection now: it would wait for the rest of a
// body, for ever. Unless the connection must go it half-closes first, as it does
// when a MaxBytesReader is full, so that bytes which nobody has read do not reset
// the connection before the answer is there (RFC 9112 9.6). A connection that was
// hijacked is somebody else's.
func part(w http.ResponseWriter, status int) {
	if _, err := w.Write(nil); errors.Is(err, http.ErrHijacked) { // it does nothing else: a header was written
		return
	}
	http.NewResponseController(w).SetReadDeadline(time.Now())
	if status != http.StatusServiceUnavailable {
		http.MaxBytesReader(w, io.NopCloser(strings.NewReader(" ")), 0).Read(make([]byte, 1))
	}
}

// Discard closes the body of an answer that nobody gets.
func Discard(r *http.Response) {
	if r != nil && r.Body != nil {
		r.Body.Close()
	}
}

// Plain is an answer in a line of text, after which the connection ends.
func Plain(status int, why string) *http.Response {
	return &http.Response{
		StatusCode: status,
		Header:     http.Header{"Content-Type": {"text/plain; charset=utf-8"}},
		Body:       io.NopCloser(strings.NewReader(why + "\n")),
		Close:      true,
	}
}
