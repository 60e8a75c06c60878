package sockets

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
)

// connHandshake is what a Conn keeps of Upgraded. Headers are mostly maps: each is a string until somebody asks for it, which
// is a sixth of an idle Dial (make idle).
type connHandshake struct {
	request     http.Request // without its Header; its TLS is the response's of a client
	header      packedHeader // of request
	response    string       // the head of a client's, as on the wire; "": there is none
	subprotocol string
	extensions  []string
	compressed  bool
}

func newHandshake(u *Upgraded) *connHandshake {
	h := &connHandshake{
		request: *u.Request, header: pack(make([]byte, 0, 512), u.Request.Header, nil),
		subprotocol: u.Subprotocol, extensions: u.Extensions, compressed: u.Compressed,
	}
	h.request.Header = nil
	if r := u.Response; r != nil {
		h.request.TLS = r.TLS
		var b strings.Builder
		code := fmt.Sprintf("%03d", r.StatusCode)
		fmt.Fprintf(&b, "HTTP/%d.%d %s%s\r\n", r.ProtoMajor, r.ProtoMinor, code, strings.TrimPrefix(r.Status, code))
		r.Header.Write(&b)
		b.WriteString("\r\n")
		h.response = strings.Clone(b.String()) // without what Builder has more
	}
	return h
}

// Request returns the handshake's request: the peer's on a server, its own on a client.
// Its context is the connection's, see Context. Each call makes another one, of what an idle
// connection keeps: ask once, not for every message. What is changed in one, by ParseForm for
// instance, is not found in the next.
func (c *Conn) Request() *http.Request {
	h := c.must().handshake
	r := h.request
	r.Header = h.header.header()
	if h.response != "" { // a client's request has none
		r.TLS = nil
	}
	return &r
}

// Response returns the answer to a client's handshake, nil on a server. Each call makes another
// one, as Request's do.
func (c *Conn) Response() *http.Response {
	h := c.must().handshake
	if h.response == "" {
		return nil
	}
	r, _ := http.ReadResponse(bufio.NewReader(strings.NewReader(h.response)), c.Request()) // what was read before can be read
	if r != nil {
		r.TLS = h.request.TLS
	}
	return r
}

// asUpgraded is what the Conn was told when it opened.
func (c *Conn) asUpgraded() *Upgraded {
	h := c.handshake
	return &Upgraded{Request: c.Request(), Response: c.Response(), Subprotocol: h.subprotocol, Compressed: h.compressed, Extensions: h.extensions}
}
