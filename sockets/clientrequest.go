package sockets

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spindrift-go/spindrift/actors/httpclient"
	"golang.org/x/net/http/httpguts"
)

// request is the client's part of the handshake, RFC 6455 4.1.
func (u *UpgradeClient) request(base *url.URL, jar http.CookieJar) (*http.Request, error) {
	target, err := u.target(base)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequest(http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, err
	}
	r.Host = strings.TrimSuffix(r.Host, defaultPorts[target.Scheme]) // RFC 6455 4.1
	r.Header = u.header()
	if host := r.Header["Host"]; len(host) > 0 {
		r.Host = host[0]
		delete(r.Header, "Host")
	}
	if target.User != nil && r.Header.Get("Authorization") == "" {
		password, _ := target.User.Password()
		r.SetBasicAuth(target.User.Username(), password)
	}
	if jar != nil {
		httpclient.AddCookies(r, jar, target)
	}
	return r, u.Options.recipe().offer(r)
}

// looked are the headers that are looked for by name, here or by net/http when it writes a request.
var looked = []string{"Authorization", "Content-Length", "Cookie", "Trailer", "Transfer-Encoding", "User-Agent"}

// header is that of the handshake as the program has it. Its Host is where a Host goes.
func (u *UpgradeClient) header() http.Header {
	h := http.Header{}
	for name, values := range u.Header {
		name = http.CanonicalHeaderKey(name)
		h[name] = append(h[name], values...)
	}
	q := u.Request
	if q == nil {
		return h
	}
	for name := range q.Header {
		if name = http.CanonicalHeaderKey(name); name != "Host" {
			delete(h, name)
		}
	}
	for name, values := range q.Header {
		switch known := http.CanonicalHeaderKey(name); {
		case known == "Host": // net/http sends that of the field
		case ofHandshake(known), slices.Contains(looked, known):
			h[known] = append(h[known], values...)
		default:
			h[name] = slices.Clone(values) // spelled as net/http would send it
		}
	}
	if q.Host != "" && (q.URL == nil || q.Host != q.URL.Host) {
		h["Host"] = []string{q.Host}
	}
	return h
}

// usable says what keeps r from being a handshake.
func usable(r *http.Request) error {
	switch {
	case r.Method != "" && r.Method != http.MethodGet:
		return fmt.Errorf("method of a handshake is GET, not %q", r.Method)
	case r.Body != nil && r.Body != http.NoBody:
		return errors.New("a handshake has no body")
	}
	return nil
}

// target is the URL of the request.
func (u *UpgradeClient) target(base *url.URL) (*url.URL, error) {
	target := *base
	if q := u.Request; q != nil {
		if err := usable(q); err != nil {
			return nil, err
		}
		if q.URL != nil {
			target.Path, target.RawPath, target.RawQuery = q.URL.Path, q.URL.RawPath, q.URL.RawQuery
		}
	}
	if u.Path != "" {
		path, err := parsePath(u.Path)
		if err != nil {
			return nil, fmt.Errorf("path: %w", err)
		}
		target.Path, target.RawPath, target.RawQuery = path.Path, path.RawPath, path.RawQuery
	}
	target.RawQuery = asciiQuery(target.RawQuery)
	return &target, nil
}

// parsePath reads a path with its query. One that begins with // is one, in which net/url sees a host.
func parsePath(path string) (*url.URL, error) {
	if strings.HasPrefix(path, "//") {
		path = "http://host" + path
	}
	return url.Parse(path)
}

// asciiQuery is a query as it goes into a request line: net/url encodes what is not ASCII in a path only.
func asciiQuery(q string) string {
	if !strings.ContainsFunc(q, func(c rune) bool { return c >= 0x80 }) {
		return q
	}
	var b strings.Builder
	for i := range len(q) {
		if q[i] < 0x80 {
			b.WriteByte(q[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", q[i])
		}
	}
	return b.String()
}

// offer makes r a handshake.
func (o *Options) offer(r *http.Request) error {
	var key [16]byte
	rand.Read(key[:])
	h := r.Header
	h.Set("Upgrade", "websocket")
	h.Set("Connection", "Upgrade")
	h.Set("Sec-WebSocket-Version", "13")
	h.Set("Sec-WebSocket-Key", base64.StdEncoding.EncodeToString(key[:]))
	protocols, err := o.offered(h["Sec-Websocket-Protocol"])
	if err != nil {
		return err
	}
	if len(protocols) > 0 {
		h.Set("Sec-WebSocket-Protocol", strings.Join(protocols, ", "))
	}
	extensions, err := o.extensions().Offer()
	switch {
	case extensions != "":
		h.Set("Sec-WebSocket-Extensions", extensions)
	case err == nil && h.Get("Sec-WebSocket-Extensions") != "":
		return errors.New("header Sec-WebSocket-Extensions: offer permessage-deflate by Options.Compression, others by Options.Extensions")
	}
	return err
}

// offered are the subprotocols of the options and of a header, each once, RFC 6455 4.1.
func (o *Options) offered(header []string) (all []string, err error) {
	for _, p := range slices.Concat(o.Subprotocols, tokens(header)) {
		if !httpguts.ValidHeaderFieldName(p) { // a token as well
			return nil, fmt.Errorf("subprotocol %q is not a token", p)
		}
		if !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all, nil
}
