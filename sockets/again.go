package sockets

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"strings"
)

// introduction is what is kept of an Upgraded as long as its connection lives, for a handler
// that is restarted and has to be told again. It is a fraction of the request: 150 bytes where
// there is no header but the handshake's, where the request with its maps is a kilobyte.
type introduction struct {
	ctx                            *connContext
	uri, host, remote, subprotocol string
	header                         []string // names and values in turn, without the handshake's
	tls                            *tls.ConnectionState
	value                          any
	compressed                     bool
	extensions                     []string
}

func introduce(u *Upgraded, ctx connContext) *introduction {
	r := u.Request
	i := &introduction{
		ctx: &ctx, uri: r.RequestURI, host: r.Host, remote: r.RemoteAddr, tls: r.TLS,
		subprotocol: u.Subprotocol, value: u.Value, compressed: u.Compressed, extensions: u.Extensions,
	}
	for name, values := range r.Header {
		if name == "Upgrade" || name == "Connection" || strings.HasPrefix(name, "Sec-Websocket-") {
			continue
		}
		for _, v := range values {
			i.header = append(i.header, name, v)
		}
	}
	return i
}

// Again makes introduction an actors.Again.
func (i *introduction) Again(known bool) any {
	r := &http.Request{
		Method: http.MethodGet, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: make(http.Header),
		RequestURI: i.uri, Host: i.host, RemoteAddr: i.remote, TLS: i.tls, Body: http.NoBody,
	}
	if r.URL, _ = url.ParseRequestURI(i.uri); r.URL == nil {
		r.URL = new(url.URL)
	}
	for n := 0; n < len(i.header); n += 2 {
		r.Header[i.header[n]] = append(r.Header[i.header[n]], i.header[n+1])
	}
	return &Upgraded{Request: r.WithContext(i.ctx), Subprotocol: i.subprotocol, Compressed: i.compressed, Extensions: i.extensions, Value: i.value, Again: known}
}
