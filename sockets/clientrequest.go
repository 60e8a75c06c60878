package sockets

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
)

// Handshake makes UpgradeClient an actors.ClientUpgrader: RFC 6455 4.1.
func (u *UpgradeClient) Handshake(base *url.URL) (*http.Request, error) {
	target := *base
	if u.Path != "" {
		path, err := url.Parse(u.Path)
		if err != nil {
			return nil, err
		}
		target.Path, target.RawPath, target.RawQuery = path.Path, path.RawPath, path.RawQuery
	}
	r, err := http.NewRequest(http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, err
	}
	o := u.Options.orDefault()
	for name, values := range u.Header {
		if http.CanonicalHeaderKey(name) == "Host" && len(values) > 0 {
			r.Host = values[0]
			continue
		}
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	if target.User != nil && r.Header.Get("Authorization") == "" {
		password, _ := target.User.Password()
		r.SetBasicAuth(target.User.Username(), password)
	}
	if u.Dialer.Jar != nil {
		for _, c := range u.Dialer.Jar.Cookies(&target) {
			r.AddCookie(c)
		}
	}
	var key [16]byte
	rand.Read(key[:])
	r.Header.Set("Upgrade", "websocket")
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Sec-WebSocket-Version", "13")
	r.Header.Set("Sec-WebSocket-Key", base64.StdEncoding.EncodeToString(key[:]))
	if len(o.Subprotocols) > 0 {
		r.Header.Set("Sec-WebSocket-Protocol", strings.Join(o.Subprotocols, ", "))
	}
	if o.Compression != nil {
		r.Header.Set("Sec-WebSocket-Extensions", o.Compression.Offer())
	}
	return r, nil
}
