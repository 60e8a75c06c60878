package sockets

import (
	"net"
	"net/http"
)

// LocalAddr is the server's own address, and unknown on a client.
func (n *netConn) LocalAddr() net.Addr {
	if a, ok := n.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && n.handshake.response == "" {
		return a
	}
	return connAddr("unknown:0")
}

// RemoteAddr is what the handshake's request says: on a client it is the server that it asks.
func (n *netConn) RemoteAddr() net.Addr {
	r := &n.handshake.request
	if n.handshake.response != "" {
		return connAddr(withPort(r.URL.Host, r.URL.Scheme))
	}
	return connAddr(r.RemoteAddr)
}

// connAddr is a net.Addr of which only the text is known.
type connAddr string

func (a connAddr) Network() string { return "websocket" }
func (a connAddr) String() string  { return string(a) }
