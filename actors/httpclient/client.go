// Package httpclient asks a server by HTTP/1.1 over a socket that may become something else: net/http's Transport keeps a connection
// to itself until it has been upgraded. It knows nothing of actors and of WebSocket. It is not covered by promises of compatibility.
package httpclient

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	maxHead     = 64 << 10 // of the headers of an answer, with those of the interim ones before it
	maxRefusal  = 1 << 10  // what is kept of the body of an answer that refuses an upgrade, unless the client says otherwise
	refusalTime = time.Second
)

var errTooLong = errors.New("header of the response is too long")

// Client asks over one connected socket, one request at a time.
type Client struct {
	Refusal int64 // bytes that are kept of the body of an answer that refuses an upgrade; 0: 1 KiB

	conn   net.Conn
	source limited // conn
	reader *bufio.Reader
}

// New returns a Client over nc, over which TLS has been set up if it is to be used.
func New(nc net.Conn) *Client {
	c := &Client{conn: nc, source: limited{nc, maxHead}}
	c.reader = bufio.NewReader(&c.source)
	return c
}

// Ask sends r and returns the answer. Of the body of one that refuses an upgrade it keeps the
// beginning, in memory. When ctx ends first the connection is closed, and the error is ctx's.
func (c *Client) Ask(ctx context.Context, r *http.Request) (*http.Response, error) {
	if err := validate(r); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { Cut(c.conn) })
	unsent := withRFCSpelling(r).Write(c.conn)
	if unsent != nil { // the server may have said why
		defer CutSoon(c.conn).Stop()
	}
	response, err := c.answer(r)
	if unsent != nil && (err != nil || response.StatusCode == http.StatusSwitchingProtocols) {
		response, err = nil, Why(unsent, err)
	}
	if err == nil && response.StatusCode != http.StatusSwitchingProtocols {
		c.keepRefusal(response, 0)
	}
	if err == nil {
		response.TLS = c.tlsTo(r.URL)
	}
	if !stop() {
		return nil, ctx.Err()
	}
	return response, err
}

// tlsTo is the state of TLS with the server at u, nil if there is none: TLS that is there may be with its proxy.
func (c *Client) tlsTo(u *url.URL) *tls.ConnectionState {
	if tc, ok := c.conn.(*tls.Conn); ok && u.Scheme == "https" {
		state := tc.ConnectionState()
		return &state
	}
	return nil
}

// Why is what failed, where a request could not be written because of unsent, nil if it was, and reading its answer failed because
// of err: who ends TLS says why before.
func Why(unsent, err error) error {
	var said *net.OpError
	if unsent == nil || errors.As(err, &said) && said.Op == "remote error" {
		return err
	}
	return unsent
}

// Rest is what has been read behind the answer. It lies in the Client's buffer, and is valid until the next call.
func (c *Client) Rest() []byte {
	rest, _ := c.reader.Peek(c.reader.Buffered())
	return rest
}

// answer reads the header of the answer to r, past interim ones.
func (c *Client) answer(r *http.Request) (*http.Response, error) {
	c.source.left = maxHead
	for {
		response, err := http.ReadResponse(c.reader, r)
		if err != nil {
			return nil, err
		}
		if code := response.StatusCode; code >= 200 || code == http.StatusSwitchingProtocols {
			return response, nil
		}
	}
}

// keepBody reads the body into memory, so that its receiver never waits for it.
func (c *Client) keepBody(r *http.Response, limit int64) error {
	c.source.left = 2*limit + maxHead // net/http bounds what chunks cost besides
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if int64(len(body)) > limit {
		body, r.Close = body[:limit], true // the rest is still in the socket
	} else {
		r.Body.Close()
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return err
}

// keepRefusal keeps the beginning of the body of r and passes over so many bytes more, so that the
// connection may be used again. Both have refusalTime. r.Close says that it may not be used again.
func (c *Client) keepRefusal(r *http.Response, more int64) {
	late := CutSoon(c.conn)
	kept := cmp.Or(c.Refusal, maxRefusal)
	c.source.left = 2*(kept+more) + maxHead
	body, err := io.ReadAll(io.LimitReader(r.Body, kept))
	if err == nil && more > 0 {
		var n int64
		n, err = io.Copy(io.Discard, io.LimitReader(r.Body, more+1))
		r.Close = r.Close || n > more
	}
	r.Close = !late.Stop() || r.Close || err != nil
	r.Body = io.NopCloser(bytes.NewReader(body))
}

// CutSoon cuts nc in a second, unless it is stopped: there are conns whose deadlines do nothing.
func CutSoon(nc net.Conn) *time.Timer {
	return time.AfterFunc(refusalTime, func() { Cut(nc) })
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
