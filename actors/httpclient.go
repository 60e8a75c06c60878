package actors

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

const (
	maxHead     = 64 << 10 // of the headers of an answer, with those of the interim ones before it
	maxRefusal  = 1 << 10  // what is kept of the body of an answer that refuses an upgrade, unless the client says otherwise
	refusalTime = time.Second
)

var (
	errTooLong = errors.New("header of the response is too long")
	errUnasked = errors.New("server sent what nobody had asked for")
)

// HTTPClient speaks HTTP/1.1 over a connected socket as a client, one exchange at a time.
type HTTPClient struct {
	Refusal int64 // bytes that are kept of the body of an answer that refuses an upgrade; 0: 1 KiB

	conn   net.Conn
	source limited // conn
	reader *bufio.Reader
}

// NewHTTPClient returns one for nc, over which TLS has been set up if it is to be used.
func NewHTTPClient(nc net.Conn) *HTTPClient {
	h := &HTTPClient{conn: nc, source: limited{nc, maxHead}}
	h.reader = bufio.NewReader(&h.source)
	return h
}

// Ask sends r and returns the answer, whose body is in memory as far as that is kept of a
// refusal. When ctx ends first the connection is closed, and the error is ctx's.
func (h *HTTPClient) Ask(ctx context.Context, r *http.Request) (*http.Response, error) {
	if err := checkRequest(r); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { Cut(h.conn) })
	err := spelled(r).Write(h.conn)
	var response *http.Response
	if err == nil {
		response, err = h.answer(r)
	}
	if err == nil && response.StatusCode != http.StatusSwitchingProtocols {
		h.keepRefusal(response, 0)
	}
	if !stop() {
		return nil, ctx.Err()
	}
	return response, err
}

// Rest is what has been read behind the answer. It lies in the client's buffer.
func (h *HTTPClient) Rest() []byte {
	rest, _ := h.reader.Peek(h.reader.Buffered())
	return rest
}

// answer reads the header of the answer to r, past interim ones.
func (h *HTTPClient) answer(r *http.Request) (*http.Response, error) {
	h.source.left = maxHead
	for {
		response, err := http.ReadResponse(h.reader, r)
		if err != nil {
			return nil, err
		}
		if code := response.StatusCode; code >= 200 || code == http.StatusSwitchingProtocols {
			return response, nil
		}
	}
}

// keepBody reads the body into memory, so that its receiver never waits for it.
func (h *HTTPClient) keepBody(r *http.Response, limit int64) error {
	h.source.left = 2*limit + maxHead // net/http bounds what chunks cost besides
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if int64(len(body)) > limit {
		body, r.Close = body[:limit], true // the rest is still in the socket
	} else {
		r.Body.Close()
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return err
}

// keepRefusal keeps the beginning of the body of r and passes over some more, so that the
// connection may be used again: it has that much time. r.Close says that it may not.
func (h *HTTPClient) keepRefusal(r *http.Response, more int64) {
	h.conn.SetReadDeadline(time.Now().Add(refusalTime))
	kept := cmp.Or(h.Refusal, maxRefusal)
	h.source.left = 2*(kept+more) + maxHead
	body, err := io.ReadAll(io.LimitReader(r.Body, kept))
	if err == nil && more > 0 {
		var n int64
		n, err = io.Copy(io.Discard, io.LimitReader(r.Body, more+1))
		r.Close = r.Close || n > more
	}
	r.Close = r.Close || err != nil
	r.Body = io.NopCloser(bytes.NewReader(body))
	h.conn.SetReadDeadline(time.Time{})
}

// limited is a reader that has an error of its own at its limit.
type limited struct {
	io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooLong
	}
	n, err := l.Reader.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

// checkRequest says why r must not be written: net/http's Transport looks at most of this
// before it writes a request, Request.Write at little of it.
func checkRequest(r *http.Request) error {
	if r.URL == nil {
		return errors.New("request has no URL")
	}
	host, err := httpguts.PunycodeHostPort(cmp.Or(r.Host, r.URL.Host)) // as Request.Write does, which then sends an invalid one as none
	if err != nil || !httpguts.ValidHostHeader(host) {
		return fmt.Errorf("invalid host %q", cmp.Or(r.Host, r.URL.Host))
	}
	if uri := r.URL.RequestURI(); strings.ContainsFunc(uri, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return fmt.Errorf("invalid request target %q", uri)
	}
	if r.Method != "" && !httpguts.ValidHeaderFieldName(r.Method) { // a token likewise
		return fmt.Errorf("invalid method %q", r.Method)
	}
	for _, header := range []http.Header{r.Header, r.Trailer} {
		for name, values := range header {
			if !httpguts.ValidHeaderFieldName(name) {
				return fmt.Errorf("invalid header name %q", name)
			}
			for _, v := range values {
				if !httpguts.ValidHeaderFieldValue(v) {
					return fmt.Errorf("invalid value of header %s", name) // which may be secret
				}
			}
		}
	}
	return nil
}

// spelled is r with the names of a handshake as RFC 6455 spells them. They have no case, but there
// are servers that see one.
func spelled(r *http.Request) *http.Request {
	const ours, theirs = "Sec-Websocket-", "Sec-WebSocket-"
	if r.Header["Sec-Websocket-Key"] == nil {
		return r
	}
	header := make(http.Header, len(r.Header))
	for name, values := range r.Header {
		if rest, ok := strings.CutPrefix(name, ours); ok {
			name = theirs + rest
		}
		header[name] = values
	}
	as := *r
	as.Header = header
	return &as
}

// Cut closes a connection without the farewell of TLS, for which Close would wait.
func Cut(nc net.Conn) {
	for {
		c, ok := nc.(*tls.Conn)
		if !ok {
			nc.Close()
			return
		}
		nc = c.NetConn()
	}
}
