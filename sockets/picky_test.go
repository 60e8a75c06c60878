package sockets

import (
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
