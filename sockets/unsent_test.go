package sockets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// cutOff is a conn whose peer ends when it has had one piece.
type cutOff struct {
	net.Conn
	wrote bool
}

func (c *cutOff) Write(p []byte) (int, error) {
	if c.wrote {
		return 0, io.ErrClosedPipe
	}
	c.wrote = true
	return c.Conn.Write(p)
}

// Who answers before it has read a whole request, and ends, has answered: a server for which a header is too
// long, a proxy that does not want to know whose credentials these are.
func TestAnswerToHalfARequest(t *testing.T) {
	long := strings.Repeat("x", 20_000)
	for name, tt := range map[string]struct {
		proxy  bool
		answer string
		want   string // is told; "": the request could not be written
	}{
		"server refuses":  {answer: "HTTP/1.1 431 Too much\r\nContent-Length: 3\r\n\r\nno!", want: "server 431 no!"},
		"server ends":     {},
		"server switches": {answer: "HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"},
		"proxy refuses":   {proxy: true, answer: "HTTP/1.1 407 Who\r\nContent-Length: 3\r\n\r\nno!", want: "proxy 407 no!"},
		"proxy ends":      {proxy: true},
		"proxy connects":  {proxy: true, answer: "HTTP/1.1 200 Yes\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bare)
			addr, _ := w.script(func(p *peer) {
				p.in.ReadByte()
				io.WriteString(p.Conn, tt.answer)
				p.tcp.CloseWrite()
				io.Copy(io.Discard, p.in)
			})
			o := &DialOptions{System: w.system, Dialer: Dialer{Proxy: NoProxy}}
			o.Dialer.NetDial = func(context.Context, string, string) (net.Conn, error) {
				nc, err := net.Dial("tcp", addr)
				return &cutOff{Conn: nc}, err
			}
			if tt.proxy {
				o.Dialer.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy.example", User: url.UserPassword("ann", long)})
			} else {
				o.Header = http.Header{"Cookie": {long}}
			}
			_, err := Dial(w.within(), "ws://a.example/", o)
			if tt.want == "" {
				require.ErrorIs(t, err, io.ErrClosedPipe)
			}
			assert.Equal(t, tt.want, refusedBy(err))
		})
	}
}

// refusedBy is who has refused, and its words; "": nobody did.
func refusedBy(err error) string {
	var server *HandshakeError
	var proxy *ProxyError
	switch {
	case errors.As(err, &server):
		return fmt.Sprintf("server %d %s", server.Status, server.Body)
	case errors.As(err, &proxy) && proxy.Status != 0:
		return fmt.Sprintf("proxy %d %s", proxy.Status, proxy.Body)
	}
	return ""
}
