package actors

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// write answers ex with r as a handler of net/http's would, and closes the body on every
// road. A body that fails cannot be told from a complete one by an orderly end, so then
// it panics with http.ErrAbortHandler, as httputil.ReverseProxy does.
func (ex *Exchange) write(r *http.Response) {
	status := r.StatusCode
	if status == 0 {
		status = http.StatusOK
	}
	if status < 100 || status > 999 { // net/http would panic, and close no body
		ex.origin().say("answer with an invalid status code", "status", status)
		discard(r)
		r = plain(http.StatusInternalServerError, "invalid answer")
		ex.response, status = r, r.StatusCode
	}
	body := &body{ex: ex, ReadCloser: r.Body}
	defer body.close()
	h := ex.Writer.Header()
	for name, values := range r.Header {
		h[name] = values
	}
	if r.Close && ex.Request.ProtoMajor < 2 { // over HTTP/2 it would be the end of all other streams
		h.Set("Connection", "close")
	}
	if r.ContentLength > 0 {
		h.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
	copied := r.Body != nil && r.Body != http.NoBody && ex.Request.Method != http.MethodHead &&
		status != http.StatusNoContent && status != http.StatusNotModified && status != http.StatusSwitchingProtocols
	announced := 0
	if copied {
		if announced = announce(h, r.Trailer); announced > 0 && ex.Request.ProtoMajor == 1 {
			h.Del("Content-Length") // trailers are of chunks
		}
	}
	out := &slowWriter{ResponseController: *http.NewResponseController(ex.Writer), to: ex.Writer, stall: ex.Stall, http2: ex.Request.ProtoMajor >= 2, piece: bufferSize}
	out.extend(time.Now())
	ex.Writer.WriteHeader(status)
	if !copied {
		return
	}
	streamed := r.ContentLength < 0 || strings.HasPrefix(strings.ToLower(h.Get("Content-Type")), "text/event-stream")
	if !body.copyTo(out, streamed, announced > 0) {
		return
	}
	if r.ContentLength > body.copied && announced == 0 { // net/http closes the connection
		ex.origin().say("answer's body is shorter than its ContentLength")
	}
	for name, values := range r.Trailer {
		if len(r.Trailer) != announced { // some came with the body
			name = http.TrailerPrefix + name
		}
		h[name] = values
	}
}

// announce has the header say which trailers follow, and counts them.
func announce(h http.Header, trailer http.Header) int {
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
// the connection before the answer is there (RFC 9112 9.6).
func part(w http.ResponseWriter, status int) {
	http.NewResponseController(w).SetReadDeadline(time.Now())
	if status != http.StatusServiceUnavailable {
		http.MaxBytesReader(w, io.NopCloser(strings.NewReader(" ")), 0).Read(make([]byte, 1))
	}
}

func discard(r *http.Response) {
	if r != nil && r.Body != nil {
		r.Body.Close()
	}
}

func plain(status int, why string) *http.Response {
	return &http.Response{
		StatusCode: status,
		Header:     http.Header{"Content-Type": {"text/plain; charset=utf-8"}},
		Body:       io.NopCloser(strings.NewReader(why + "\n")),
		Close:      true,
	}
}
