package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/remote/wire"
	"google.golang.org/protobuf/proto"
)

// upgradedIn makes an Upgraded whose request's context is ctx.
func upgradedIn(body []byte, ctx context.Context) (*sockets.Upgraded, error) {
	var w wire.Upgraded
	if err := proto.Unmarshal(body, &w); err != nil {
		return nil, err
	}
	u := &sockets.Upgraded{Subprotocol: string(w.Subprotocol), Compressed: w.Compressed, Returns: int(w.Returns), Again: w.Again}
	for _, e := range w.Extensions {
		u.Extensions = append(u.Extensions, string(e))
	}
	if w.Request != nil {
		u.Request = requestIn(w.Request).WithContext(ctx)
	}
	if r := w.Response; r != nil {
		u.Response = &http.Response{StatusCode: int(r.Status), Status: fmt.Sprintf("%d %s", r.Status, http.StatusText(int(r.Status))),
			Proto: string(r.Proto), Header: headerIn(r.Header), Body: http.NoBody, Request: u.Request}
		u.Response.ProtoMajor, u.Response.ProtoMinor, _ = http.ParseHTTPVersion(u.Response.Proto)
	}
	var err error
	u.Value, err = valueIn(w.Value)
	return u, err
}

func requestIn(w *wire.Request) *http.Request {
	r := &http.Request{
		Method: string(w.Method), RequestURI: string(w.Uri), Proto: string(w.Proto), Host: string(w.Host),
		RemoteAddr: string(w.RemoteAddr), Pattern: string(w.Pattern), Header: headerIn(w.Header), Body: http.NoBody,
	}
	r.ProtoMajor, r.ProtoMinor, _ = http.ParseHTTPVersion(r.Proto)
	if len(w.Url) > 0 {
		r.URL, _ = url.Parse(string(w.Url))
	} else {
		r.URL, _ = url.ParseRequestURI(r.RequestURI)
	}
	if r.URL == nil {
		r.URL = new(url.URL)
	}
	for _, f := range w.PathValues {
		if len(f.Values) == 1 {
			r.SetPathValue(string(f.Name), string(f.Values[0]))
		}
	}
	if s := w.Tls; s != nil {
		r.TLS = &tls.ConnectionState{Version: uint16(s.Version), CipherSuite: uint16(s.CipherSuite), ServerName: string(s.ServerName),
			NegotiatedProtocol: string(s.Protocol), HandshakeComplete: true}
		for _, raw := range s.PeerCertificates {
			if c, err := x509.ParseCertificate(raw); err == nil {
				r.TLS.PeerCertificates = append(r.TLS.PeerCertificates, c)
			}
		}
	}
	return r
}

func headerIn(fields []*wire.Field) http.Header {
	h := make(http.Header, len(fields))
	for _, f := range fields {
		for _, v := range f.Values {
			h[string(f.Name)] = append(h[string(f.Name)], string(v))
		}
	}
	return h
}

func upgradedOut(u *sockets.Upgraded) (*wire.Upgraded, error) {
	w := &wire.Upgraded{Subprotocol: []byte(u.Subprotocol), Compressed: u.Compressed, Returns: uint32(u.Returns), Again: u.Again}
	for _, e := range u.Extensions {
		w.Extensions = append(w.Extensions, []byte(e))
	}
	if r := u.Request; r != nil {
		w.Request = requestOut(r)
	}
	if r := u.Response; r != nil {
		w.Response = &wire.Response{Status: uint32(r.StatusCode), Proto: []byte(r.Proto), Header: headerOut(r.Header)}
	}
	var err error
	w.Value, err = valueOut(u.Value)
	return w, err
}

func requestOut(r *http.Request) *wire.Request {
	w := &wire.Request{
		Method: []byte(r.Method), Uri: []byte(r.RequestURI), Proto: []byte(r.Proto), Host: []byte(r.Host),
		RemoteAddr: []byte(r.RemoteAddr), Pattern: []byte(r.Pattern), Header: headerOut(r.Header),
	}
	if r.URL != nil && r.URL.String() != r.RequestURI {
		w.Url = []byte(r.URL.String())
	}
	for _, m := range wildcard.FindAllStringSubmatch(r.Pattern, -1) {
		name := strings.TrimSuffix(m[1], "...")
		w.PathValues = append(w.PathValues, &wire.Field{Name: []byte(name), Values: [][]byte{[]byte(r.PathValue(name))}})
	}
	if s := r.TLS; s != nil {
		w.Tls = &wire.TLS{Version: uint32(s.Version), CipherSuite: uint32(s.CipherSuite), ServerName: []byte(s.ServerName), Protocol: []byte(s.NegotiatedProtocol)}
		for _, c := range s.PeerCertificates {
			w.Tls.PeerCertificates = append(w.Tls.PeerCertificates, c.Raw)
		}
	}
	return w
}

// wildcard finds the names in a pattern of http.ServeMux.
var wildcard = regexp.MustCompile(`\{([\pL_][\pL\pN_]*(?:\.\.\.)?)\}`)

func headerOut(h http.Header) (fields []*wire.Field) {
	for name, values := range h {
		f := &wire.Field{Name: []byte(name)}
		for _, v := range values {
			f.Values = append(f.Values, []byte(v))
		}
		fields = append(fields, f)
	}
	return fields
}
