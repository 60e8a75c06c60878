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

	// Of a client: where it has asked, and the rest of the answer's header.
	url     *url.URL
	answer  []string
	returns int
}

func introduce(u *Upgraded, ctx connContext) *introduction {
	r := u.Request
	i := &introduction{
		ctx: &ctx, uri: r.RequestURI, host: r.Host, remote: r.RemoteAddr, tls: r.TLS,
		subprotocol: u.Subprotocol, value: u.Value, compressed: u.Compressed, extensions: u.Extensions,
		header: withoutHandshake(r.Header),
	}
	if u.Response != nil {
		i.url, i.answer = r.URL, withoutHandshake(u.Response.Header)
	}
	return i
}

// withoutHandshake is the names and values of h in turn, but for those of the handshake.
func withoutHandshake(h http.Header) (list []string) {
	for name, values := range h {
		if name == "Upgrade" || name == "Connection" || strings.HasPrefix(name, "Sec-Websocket-") {
			continue
		}
		for _, v := range values {
			list = append(list, name, v)
		}
	}
	return list
}

func headerOf(list []string) http.Header {
	h := make(http.Header)
	for n := 0; n < len(list); n += 2 {
		h[list[n]] = append(h[list[n]], list[n+1])
	}
	return h
}

// Again makes introduction an actors.Again.
func (i *introduction) Again(known bool) any {
	r := &http.Request{
		Method: http.MethodGet, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: headerOf(i.header),
		URL: i.url, RequestURI: i.uri, Host: i.host, RemoteAddr: i.remote, TLS: i.tls, Body: http.NoBody,
	}
	if r.URL == nil {
		r.URL, _ = url.ParseRequestURI(i.uri)
	}
	if r.URL == nil {
		r.URL = new(url.URL)
	}
	u := &Upgraded{Request: r.WithContext(i.ctx), Subprotocol: i.subprotocol, Compressed: i.compressed, Extensions: i.extensions,
		Value: i.value, Returns: i.returns, Again: known}
	if i.url != nil {
		u.Response = &http.Response{
			StatusCode: http.StatusSwitchingProtocols, Status: "101 Switching Protocols", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: headerOf(i.answer), Body: http.NoBody, Request: u.Request,
		}
	}
	return u
}
