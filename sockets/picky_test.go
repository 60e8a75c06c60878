package sockets

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// handshakeTo is the header of the handshake that a client sends to path, byte by byte.
func (w *world) handshakeTo(path string, o *Options) string {
	return w.headTo(func(addr string) {
		_, err := Dial(w.within(), "ws://"+addr+path, &DialOptions{System: w.system, Options: o})
		require.Error(w, err)
	})
}

// headTo is the header that ask sends to a server which answers nothing.
func (w *world) headTo(ask func(addr string)) string {
	sent := make(chan string, 1)
	addr, _ := w.script(func(p *peer) {
		head, _ := readHead(p.in, 1<<20)
		sent <- string(head)
		p.Conn.Close()
	})
	ask(addr)
	return <-sent
}

// There are servers for which a name has case.
func TestHandshakeIsSpelledAsInTheRFC(t *testing.T) {
	w := newWorld(t, bare)
	o := &Options{Subprotocols: []string{"chat"}}
	for _, head := range []string{
		w.handshakeTo("/", o),
		w.headTo(func(addr string) { // where HTTP was spoken before
			conn, err := Connect(w.within(), w.system, "ws://"+addr, nil)
			require.NoError(w, err)
			u := w.client(w.handler())
			u.Options = o
			require.Implements(w, new(error), w.ask(conn, u))
		}),
	} {
		for _, name := range []string{"Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol"} {
			assert.Equal(w, 1, strings.Count(head, "\r\n"+name+": "), "%s in %q", name, head)
		}
		assert.NotContains(w, head, "Sec-Websocket-")
	}
}

// A request line is ASCII.
func TestTargetIsASCII(t *testing.T) {
	w := newWorld(t, bare)
	head := w.handshakeTo("/bücher?q=für&r=%20", nil)
	assert.True(w, strings.HasPrefix(head, "GET /b%C3%BCcher?q=f%C3%BCr&r=%20 HTTP/1.1\r\n"), "%q", head)
}

// An empty Sec-WebSocket-Protocol indicates none.
func TestEmptySubprotocol(t *testing.T) {
	w := newWorld(t, bare)
	addr, _, _ := w.replying(agreed + "Sec-WebSocket-Protocol:\r\n\r\n")
	c := w.open(addr, &Options{Subprotocols: []string{"chat"}})
	assert.Empty(w, c.Subprotocol())
}

// A port that is the scheme's is not named, RFC 6455 4.1: there are servers that compare or sign the whole field. What the
// program says is sent as it is.
func TestHostWithoutTheDefaultPort(t *testing.T) {
	for _, s := range settings[:2] {
		w := newWorld(t, s)
		scheme, port, other := "ws", ":80", ":443"
		if w.tls {
			scheme, port, other = "wss", ":443", ":80"
		}
		for host, want := range map[string]string{
			"a.example":              "a.example",
			"a.example:":             "a.example",
			"a.example" + port:       "a.example",
			"A.example" + port:       "A.example",
			"a.example" + other:      "a.example" + other,
			"a.example" + port + "0": "a.example" + port + "0",
			"[::1]" + port:           "[::1]",
			"[::1]":                  "[::1]",
			"ü.example" + port:       "xn--tda.example",
		} {
			for own, want := range map[string]string{"": want, "b.example" + port: "b.example" + port} {
				head := w.headTo(func(addr string) {
					o := &DialOptions{System: w.system, Header: http.Header{}, Dialer: Dialer{Proxy: NoProxy, TLS: clientTLS()}}
					o.Dialer.TLS.ServerName = "localhost"
					o.Dialer.NetDial = func(context.Context, string, string) (net.Conn, error) { return net.Dial("tcp", addr) }
					if own != "" {
						o.Header.Set("Host", own)
					}
					_, err := Dial(w.within(), scheme+"://"+host+"/", o)
					require.Error(w, err)
				})
				assert.Contains(w, head, "\r\nHost: "+want+"\r\n", host)
			}
		}
	}
}
