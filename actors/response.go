package actors

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

func discard(r *http.Response) {
	if r.Body != nil {
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

func writeResponse(w http.ResponseWriter, r *http.Response) {
	h := w.Header()
	for name, values := range r.Header {
		h[name] = values
	}
	if r.Close {
		h.Set("Connection", "close")
	}
	if r.ContentLength > 0 && h.Get("Content-Length") == "" {
		h.Set("Content-Length", fmt.Sprint(r.ContentLength))
	}
	status := r.StatusCode
	if status == 0 {
		status = http.StatusOK
	}
	w.WriteHeader(status)
	if r.Body != nil {
		io.Copy(w, r.Body)
		r.Body.Close()
	}
}

// part has net/http close the connection now: it would wait for the rest of a
// body, for ever. Unless we are short of room it half-closes first, as it does
// when a MaxBytesReader is full, so that bytes which nobody has read do not reset
// the connection before the answer is there (RFC 9112 9.6).
func part(w http.ResponseWriter, status int) {
	http.NewResponseController(w).SetReadDeadline(time.Now())
	if status != http.StatusServiceUnavailable {
		http.MaxBytesReader(w, io.NopCloser(strings.NewReader(" ")), 0).Read(make([]byte, 1))
	}
}
