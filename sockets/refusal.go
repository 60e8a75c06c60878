package sockets

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Refusal is an error that answers a request which asked for an upgrade. Handler.New
// returns one to refuse; Check and Upgrade return one that says what was refused.
type Refusal struct {
	Status int         // of the response, 300 to 599; 0: 403
	Reason string      // its body, one line of text
	Header http.Header // added to it; over HTTP/2 what is of HTTP/1 only is left out
}

func (e *Refusal) Error() string { return fmt.Sprintf("%s (status %d)", e.Reason, e.status()) }

func (e *Refusal) status() int {
	if e.Status == 0 {
		return http.StatusForbidden
	}
	return e.Status
}

func refuse(status int, reason string, header ...string) *Refusal {
	e := &Refusal{Status: status, Reason: reason}
	for i := 0; i+1 < len(header); i += 2 {
		if e.Header == nil {
			e.Header = http.Header{}
		}
		e.Header.Set(header[i], header[i+1])
	}
	return e
}

// response is what r is answered with. Over HTTP/1 it closes the connection, so that
// nothing which was pipelined behind the request is parsed. Over HTTP/2 that would be
// the end of all other streams.
func (e *Refusal) response(r *http.Request) *http.Response {
	h := http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"}}
	for name, values := range e.Header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	if r.ProtoMajor >= 2 { // RFC 9113 8.2.2
		for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade"} {
			h.Del(name)
		}
	}
	return &http.Response{
		StatusCode: e.status(),
		Header:     h,
		Body:       io.NopCloser(strings.NewReader(oneLine(e.Reason) + "\n")),
		ProtoMajor: 1, // for Write
		ProtoMinor: 1,
		Close:      r.ProtoMajor < 2,
	}
}

func oneLine(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, s)
}
