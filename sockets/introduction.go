package sockets

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"strings"
)

// introduction is what is kept of an Upgraded as long as its connection lives, for a handler
// that is restarted and has to be told again. It is a fraction of the request, which is a
// kilobyte with its maps.
type introduction struct {
	connContext
	uri, host, remote string
	more              *introductionMore // nil: there is no header but the handshake's, nothing was agreed on, and there is no TLS
}

type introductionMore struct {
	header packedHeader         // without the handshake's
	tls    *tls.ConnectionState // of the Request, or a client's Response
	agreed *Upgraded            // without the Request and the Response; nil: nothing was agreed on, and there is no Value
	client *asked               // nil: this is a server's
}

// asked is where a client has asked, and what is kept of the answer.
type asked struct {
	url    *url.URL
	header packedHeader // without the handshake's
}

func introduce(u *Upgraded, ctx connContext) *introduction {
	r := u.Request
	i := &introduction{connContext: ctx, uri: r.RequestURI, host: r.Host, remote: r.RemoteAddr}
	more := introductionMore{tls: r.TLS, header: pack(nil, r.Header, ofHandshake)}
	if u.Subprotocol != "" || len(u.Extensions) > 0 || u.Compressed || u.Value != nil {
		more.agreed = &Upgraded{Subprotocol: u.Subprotocol, Compressed: u.Compressed, Extensions: u.Extensions, Value: u.Value}
	}
	if u.Response != nil {
		more.tls = u.Response.TLS
		more.client = &asked{r.URL, pack(nil, u.Response.Header, ofHandshake)}
	}
	if more.tls != nil || more.header != "" || more.agreed != nil || more.client != nil {
		kept := more
		i.more = &kept
	}
	return i
}

// returned says how often the connection had returned before: it is a client's.
func (i *introduction) returned(times int) {
	if i.more.agreed == nil {
		i.more.agreed = new(Upgraded)
	}
	i.more.agreed.Returns = times
}

// ofHandshake reports whether name is one of a handshake's header.
func ofHandshake(name string) bool {
	return name == "Upgrade" || name == "Connection" || strings.HasPrefix(name, "Sec-Websocket-")
}

// HelloAgain makes introduction an actors.HelloAgain.
func (i *introduction) HelloAgain(known bool) any {
	var more introductionMore
	if i.more != nil {
		more = *i.more
	}
	r := &http.Request{
		Method: http.MethodGet, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: more.header.header(),
		RequestURI: i.uri, Host: i.host, RemoteAddr: i.remote, TLS: more.tls, Body: http.NoBody,
	}
	if more.client != nil {
		r.URL, r.TLS = more.client.url, nil
	} else {
		r.URL, _ = url.ParseRequestURI(i.uri)
	}
	if r.URL == nil {
		r.URL = new(url.URL)
	}
	u := new(Upgraded)
	if more.agreed != nil {
		*u = *more.agreed
	}
	u.Request, u.Again = r.WithContext(&i.connContext), known
	if more.client != nil {
		u.Response = &http.Response{
			StatusCode: http.StatusSwitchingProtocols, Status: "101 Switching Protocols", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: more.client.header.header(), Body: http.NoBody, Request: u.Request, TLS: more.tls,
		}
	}
	return u
}
